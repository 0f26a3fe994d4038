//! The journal keeps what it was given, refuses changes, and replays.

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use jiff::Timestamp;
    use sortline_core::topology::LineConfig;
    use sortline_core::{
        Action, ChuteId, Event, LineTime, Outcome, ParcelId, SortPlan, Step, Ticks,
    };
    use sortline_service::journal::{
        Cause, FILE, Journal, JournalError, Origin, QUIET_MAX, Reader, Record, replay,
    };

    /// A directory of its own that goes away with it.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
                .join(format!("{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join(FILE)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn line() -> LineConfig {
        let text = include_str!("../../../config/demo/line.toml");
        toml::from_str(text).unwrap()
    }

    fn record(at: u64, cause: Cause, actions: Vec<Action>) -> Record {
        let wall = Timestamp::from_microsecond(1_000_000 + at.cast_signed()).unwrap();
        Record {
            at: LineTime(at),
            wall,
            cursor: None,
            cause,
            actions,
            origin: None,
        }
    }

    fn belt(at: u64) -> Record {
        let event = Event::Belt {
            at: Ticks(u32::try_from(at).unwrap()),
        };
        record(at, Cause::Event { event }, Vec::new())
    }

    fn ended(at: u64, parcel: u64) -> Record {
        let outcome = Outcome::Sorted { chute: ChuteId(3) };
        let action = Action::Parcel {
            parcel: ParcelId(parcel),
            step: Step::Ended { outcome },
        };
        record(at, Cause::Timeout, vec![action])
    }

    fn begun(scratch: &Scratch) -> Journal {
        let mut journal = Journal::open(&scratch.0).unwrap();
        journal
            .begin_run(Timestamp::UNIX_EPOCH, &line(), &SortPlan::default())
            .unwrap();
        journal
    }

    #[test]
    fn what_was_committed_is_read_back_in_order() {
        let scratch = Scratch::new("order");
        let mut journal = begun(&scratch);
        let committed = journal
            .commit(vec![belt(1), belt(2), ended(3, 7), belt(4)])
            .unwrap();
        assert_eq!(committed.len(), 1, "quiet steps are told to nobody");
        journal.flush().unwrap();
        let reader = Reader::open(&scratch.file()).unwrap();
        let mut seen = Vec::new();
        reader
            .walk(|entry| {
                seen.push((entry.seq, entry.at.0, entry.actions.len()));
                true
            })
            .unwrap();
        assert_eq!(seen, [(1, 1, 0), (1, 2, 0), (2, 3, 1), (3, 4, 0)]);
        assert_eq!(reader.outcomes(10).unwrap().len(), 1);
        assert_eq!(reader.steps(ParcelId(7)).unwrap().len(), 1);
        assert_eq!(reader.find("sorted", 5).unwrap(), [ParcelId(7)]);
    }

    #[test]
    fn a_stretch_of_time_is_read_in_parts() {
        let scratch = Scratch::new("window");
        let mut journal = begun(&scratch);
        let ends = (1..=5).flat_map(|n| [belt(10 * n - 1), ended(10 * n, n)]);
        journal.commit(ends.collect()).unwrap();
        let reader = Reader::open(&scratch.file()).unwrap();
        let wall = |at: i64| Timestamp::from_microsecond(1_000_000 + at).unwrap();
        let check = |(from, to), next, limit, expected: &[u64]| {
            let window = reader.window((wall(from), wall(to)), next, limit).unwrap();
            let found: Vec<_> = window.steps.iter().map(|(parcel, _)| parcel.0).collect();
            assert_eq!(found, expected, "{from} to {to}");
            window.next
        };
        assert_eq!(check((0, 100), None, 10, &[1, 2, 3, 4, 5]), None);
        assert_eq!(check((20, 40), None, 10, &[2, 3]), None);
        assert_eq!(check((20, 40), None, 3, &[2, 3]), None, "the end was seen");
        let next = check((11, 51), None, 2, &[2, 3]);
        assert!(next.is_some(), "there is more");
        let next = check((11, 51), next, 2, &[4, 5]);
        assert_eq!(check((11, 51), next, 2, &[]), None);
        assert_eq!(check((51, 60), None, 2, &[]), None);
    }

    #[test]
    fn quiet_steps_wait_at_most_their_bound() {
        let scratch = Scratch::new("quiet");
        let mut journal = begun(&scratch);
        journal
            .commit((1..=QUIET_MAX as u64 + 5).map(belt).collect())
            .unwrap();
        let reader = Reader::open(&scratch.file()).unwrap();
        let mut count = 0;
        reader
            .walk(|_| {
                count += 1;
                true
            })
            .unwrap();
        assert_eq!(count, QUIET_MAX);
    }

    #[test]
    fn nothing_written_can_be_changed() {
        let scratch = Scratch::new("frozen");
        let mut journal = begun(&scratch);
        let mut commanded = ended(1, 1);
        commanded.origin = Some(Origin {
            id: "c1".to_owned(),
            via: "http",
        });
        journal.commit(vec![commanded]).unwrap();
        assert_eq!(journal.command_ids(10).unwrap(), ["c1"]);
        let connection = rusqlite::Connection::open(scratch.file()).unwrap();
        for change in [
            "UPDATE event SET at_us = 0",
            "DELETE FROM event",
            "UPDATE action SET body = ''",
            "DELETE FROM action",
            "UPDATE outcome SET parcel = 2",
            "DELETE FROM outcome",
            "DELETE FROM run",
            "DELETE FROM command",
        ] {
            let error = connection.execute(change, []).unwrap_err().to_string();
            assert!(error.contains("append-only"), "{change}: {error}");
        }
    }

    #[test]
    fn a_parcel_has_one_outcome_only() {
        let scratch = Scratch::new("outcome");
        let mut journal = begun(&scratch);
        journal
            .commit(vec![ended(1, 7), ended(2, 7), ended(3, 8)])
            .unwrap();
        let reader = Reader::open(&scratch.file()).unwrap();
        let parcels: Vec<_> = reader
            .outcomes(10)
            .unwrap()
            .iter()
            .map(|row| row.parcel.0)
            .collect();
        assert_eq!(parcels, [8, 7]);
    }

    #[test]
    fn a_changed_row_is_found_by_its_hash() {
        let scratch = Scratch::new("tampered");
        let mut journal = begun(&scratch);
        journal.commit(vec![ended(1, 1), ended(2, 2)]).unwrap();
        let connection = rusqlite::Connection::open(scratch.file()).unwrap();
        connection.execute_batch("DROP TRIGGER action_no_UPDATE; UPDATE action SET body = replace(body, '3', '4') WHERE seq = 2").unwrap();
        let error = replay(&Reader::open(&scratch.file()).unwrap(), |_| ()).unwrap_err();
        assert!(
            matches!(
                error,
                JournalError::Damaged {
                    table: "action",
                    seq: 2,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn the_chains_go_on_after_a_restart() {
        let scratch = Scratch::new("restart");
        let mut journal = begun(&scratch);
        journal.commit(vec![ended(1, 1)]).unwrap();
        drop(journal);
        let mut journal = Journal::open(&scratch.0).unwrap();
        assert!(!journal.is_fresh());
        journal
            .begin_run(Timestamp::UNIX_EPOCH, &line(), &SortPlan::default())
            .unwrap();
        journal.commit(vec![ended(2, 2)]).unwrap();
        let reader = Reader::open(&scratch.file()).unwrap();
        let mut count = 0;
        reader
            .walk(|_| {
                count += 1;
                true
            })
            .unwrap();
        assert_eq!((count, reader.runs().unwrap().len()), (2, 2));
    }

    #[test]
    fn a_replay_that_differs_names_the_step() {
        let scratch = Scratch::new("differs");
        let mut journal = begun(&scratch);
        // No line ends a parcel it never saw.
        journal.commit(vec![belt(1), ended(2, 9)]).unwrap();
        let replayed = replay(&Reader::open(&scratch.file()).unwrap(), |_| ()).unwrap();
        let difference = replayed.difference.unwrap();
        assert_eq!(
            (
                difference.seq,
                difference.replayed.len(),
                difference.recorded.len()
            ),
            (2, 0, 1)
        );
    }

    #[test]
    fn files_that_cannot_be_used_are_told_apart() {
        let scratch = Scratch::new("refused");
        std::fs::write(
            scratch.file(),
            "this is no database at all, but it is long enough to be read",
        )
        .unwrap();
        assert!(matches!(
            Journal::open(&scratch.0),
            Err(JournalError::Foreign { .. })
        ));
        std::fs::remove_file(scratch.file()).unwrap();
        assert!(matches!(
            Reader::open(&scratch.file()),
            Err(JournalError::Io { .. })
        ));
        let journal = begun(&scratch);
        assert!(matches!(
            Journal::open(&scratch.0),
            Err(JournalError::InUse { .. })
        ));
        drop(journal);
        let connection = rusqlite::Connection::open(scratch.file()).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        assert!(matches!(
            Journal::open(&scratch.0),
            Err(JournalError::Newer { found: 99, .. })
        ));
    }
}
