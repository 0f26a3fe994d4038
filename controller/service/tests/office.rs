//! What people did outlives a restart.

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use jiff::{SignedDuration, Timestamp};
    use serde_json::json;
    use sortline_core::topology::LineConfig;
    use sortline_core::{Action, AlarmChange, AlarmKind, ChuteId, LineTime, SortPlan};
    use sortline_service::engine::Picture;
    use sortline_service::journal::{Cause, Record};
    use sortline_service::live::Model;
    use sortline_service::office::{
        Activation, AlarmChange as Change, AlarmRow, Entry, FindAlarms, Office, OfficeError,
    };
    use sortline_service::uplink::Outbox;

    const LINE: &str = include_str!("../../../config/demo/line.toml");
    const PLAN: &str = include_str!("../../../config/demo/plan.toml");

    fn folder(name: &str) -> PathBuf {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn plan() -> SortPlan {
        toml::from_str(PLAN).unwrap()
    }

    /// A model that was told of one full chute by row 5 of the journal.
    fn told() -> Model {
        let line: LineConfig = toml::from_str(LINE).unwrap();
        let mut model = Model::new(line, plan(), 0);
        let kind = AlarmKind::ChuteFull { chute: ChuteId(3) };
        let change = AlarmChange::Raised;
        let record = Record {
            at: LineTime(0),
            wall: at(0),
            cursor: None,
            cause: Cause::Timeout,
            actions: vec![Action::Alarm { kind, change }],
            origin: None,
        };
        model.record(&record, 5, &mut Outbox::closed());
        model
    }

    fn entry(action: &'static str) -> Entry {
        Entry {
            at: at(1),
            who: "ada".to_owned(),
            action,
            target: "chute_full-3".to_owned(),
            before: json!(null),
            after: json!(null),
        }
    }

    #[test]
    fn an_acknowledged_alarm_is_acknowledged_after_a_restart() {
        let office = Office::open(&folder("office-alarms")).unwrap();
        office.log_alarms(&told().alarm_log()).unwrap();
        let act = AlarmRow {
            journal: None,
            at: at(1),
            alarm: "chute_full-3".to_owned(),
            change: Change::Acknowledged,
            who: "ada".to_owned(),
            reason: String::new(),
            until: None,
        };
        office.log_act(&act, entry("alarm.acknowledge")).unwrap();

        let mut again = told();
        office.log_alarms(&again.alarm_log()).unwrap();
        let oldest = again.oldest_alarm().unwrap();
        again.resume_alarms(&office.acts_since(oldest).unwrap());
        let view = again.view_now(&Picture::default(), at(2));
        let alarms = view.member("alarms").unwrap();
        assert!(alarms.contains("\"acknowledged\":true"), "{alarms}");

        let find = FindAlarms {
            text: String::new(),
            from: at(-10),
            to: at(10),
            limit: 10,
        };
        let changes: Vec<Change> = office
            .alarms(&find)
            .unwrap()
            .iter()
            .map(|row| row.change)
            .collect();
        assert_eq!(changes, [Change::Acknowledged, Change::Raised], "each once");
        let age = SignedDuration::from_secs(60);
        office.forget_alarms(at(120), age).unwrap();
        assert!(office.alarms(&find).unwrap().is_empty());
    }

    #[test]
    fn the_plan_activated_last_is_used_until_the_file_changes() {
        let office = Office::open(&folder("office-plans")).unwrap();
        let file = plan();
        assert_eq!(office.adopt_plan(&file, at(0)).unwrap(), file);
        let mut night = file.clone();
        "night".clone_into(&mut night.version);
        night.hold = None;
        let id = office.add_plan(&night, "ada", "", at(1)).unwrap();
        assert!(matches!(
            office.add_plan(&night, "ada", "", at(1)),
            Err(OfficeError::Refused(_))
        ));
        let activation = Activation {
            id,
            who: "ada".to_owned(),
            at: at(2),
            ticks: None,
            four_eyes: false,
        };
        office.activate_plan(&activation).unwrap();
        assert_eq!(office.adopt_plan(&file, at(3)).unwrap(), night);
        let mut changed = file.clone();
        changed.hold = None;
        let adopted = office.adopt_plan(&changed, at(4)).unwrap();
        assert_eq!((adopted.hold, &adopted.rules), (None, &changed.rules));
        let versions = office.plans(10).unwrap();
        assert_eq!(versions.len(), 3);
        assert_eq!(versions[0].version, format!("{} (2)", file.version));
        assert_eq!(adopted.version, versions[0].version);
        assert_eq!(office.adopt_plan(&changed, at(5)).unwrap(), adopted);

        let back = office.adopt_plan(&file, at(6)).unwrap();
        assert_eq!(
            back.hold, file.hold,
            "the file as it was before is a change too"
        );
        assert_eq!(back.version, format!("{} (3)", file.version));
        assert_eq!(office.adopt_plan(&file, at(7)).unwrap(), back);
    }

    #[test]
    fn the_audit_trail_shows_who_tampered_with_it() {
        let folder = folder("office-audit");
        let office = Office::open(&folder).unwrap();
        for action in ["a", "b", "c"] {
            office.record(entry(action)).unwrap();
        }
        assert_eq!(office.audit_damaged_at().unwrap(), None);
        let file = rusqlite::Connection::open(folder.join("office.db")).unwrap();
        let change = "UPDATE audit SET who = 'eve' WHERE seq = 2";
        assert!(file.execute(change, []).is_err(), "a trigger refuses it");
        file.execute("DROP TRIGGER audit_no_update", []).unwrap();
        file.execute(change, []).unwrap();
        assert_eq!(office.audit_damaged_at().unwrap(), Some(2));
    }
}
