//! An immutable view of the line for screens, and what changed since an earlier one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::counts::Counts;

/// Readings kept for screens.
pub(super) const READINGS: usize = 20;

/// A picture kept in memory.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Id of its reading.
    pub id: u64,
    /// When it was read.
    pub at: Timestamp,
    /// JPEG.
    pub jpeg: Arc<[u8]>,
}

/// One top-level member of the snapshot.
#[derive(Clone, Debug)]
struct Member {
    name: &'static str,
    /// The view in which it changed last.
    changed: u64,
    json: Arc<RawValue>,
}

/// The line at one moment.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Number; grows with every view that differs from the one before.
    pub seq: u64,
    /// Wall time.
    pub at: Timestamp,
    /// Counts since the journal began.
    pub counts: Counts,
    /// Whether the field node is usable.
    pub node_up: bool,
    members: Vec<Member>,
    /// Readings with the view they came in, newest first.
    readings: VecDeque<(u64, [Arc<RawValue>; 2])>,
    /// Pictures, newest first.
    pub frames: Vec<Frame>,
    /// Median time of reading a frame by camera, milliseconds.
    pub read_ms_p50: BTreeMap<u8, f64>,
    /// Frames with a fault by camera and name of the fault.
    pub camera_faults: BTreeMap<u8, Vec<(&'static str, u64)>>,
}

impl View {
    /// The view after this one, with these members and new readings (newest last).
    pub(super) fn next(
        &self,
        members: Vec<(&'static str, Box<RawValue>)>,
        readings: Vec<(Box<RawValue>, Box<RawValue>)>,
    ) -> Self {
        let seq = self.seq.saturating_add(1);
        let mut next = Self {
            seq,
            ..Self::default()
        };
        for (name, json) in members {
            let before = self.members.iter().find(|member| member.name == name);
            let member = match before {
                Some(before) if before.json.get() == json.get() => before.clone(),
                _ => Member {
                    name,
                    changed: seq,
                    json: json.into(),
                },
            };
            next.members.push(member);
        }
        next.readings.clone_from(&self.readings);
        for (whole, masked) in readings {
            next.readings
                .push_front((seq, [whole.into(), masked.into()]));
        }
        next.readings.truncate(READINGS);
        let changed = next.members.iter().any(|member| member.changed == seq);
        if !changed && next.readings.front().is_none_or(|(since, _)| *since != seq) {
            next.seq = self.seq;
        }
        next
    }

    /// Everything, as JSON; what labels say only with `labels`.
    pub fn snapshot(&self, labels: bool) -> String {
        self.since(0, labels)
    }

    /// The members that changed after view `seq`, as JSON; `None` when nothing did.
    pub fn delta(&self, seq: u64, labels: bool) -> Option<String> {
        (self.seq > seq).then(|| self.since(seq, labels))
    }

    /// One member as JSON, such as `alarms`.
    pub fn member(&self, name: &str) -> Option<&str> {
        let member = self.members.iter().find(|member| member.name == name);
        member.map(|member| member.json.get())
    }

    fn since(&self, seq: u64, labels: bool) -> String {
        let mut text = format!("{{\"seq\":{},\"at\":\"{:.3}\"", self.seq, self.at);
        for member in self.members.iter().filter(|member| member.changed > seq) {
            text.extend([",\"", member.name, "\":", member.json.get()]);
        }
        let fresh = || self.readings.iter().filter(|(since, _)| *since > seq);
        if seq == 0 || fresh().next().is_some() {
            text.push_str(",\"readings\":[");
            for (index, (_, [whole, masked])) in fresh().enumerate() {
                let reading = if labels { whole } else { masked };
                text.extend([if index > 0 { "," } else { "" }, reading.get()]);
            }
            text.push(']');
        }
        text.push('}');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn members(rates: &str, chutes: &str) -> Vec<(&'static str, Box<RawValue>)> {
        vec![("rates", raw(rates)), ("chutes", raw(chutes))]
    }

    #[test]
    fn a_delta_has_only_what_changed() {
        let reading = |text: &str| (raw(text), raw("\"-\""));
        let first = View::default().next(members("1", "2"), vec![reading("\"a\"")]);
        let fresh = vec![reading("\"b\""), reading("\"c\"")];
        let second = first.next(members("1", "3"), fresh);
        let head = |seq| format!("{{\"seq\":{seq},\"at\":\"1970-01-01T00:00:00.000Z\"");
        assert_eq!(
            first.snapshot(true),
            head(1) + ",\"rates\":1,\"chutes\":2,\"readings\":[\"a\"]}"
        );
        let delta = head(2) + ",\"chutes\":3,\"readings\":[\"c\",\"b\"]}";
        assert_eq!(second.delta(1, true), Some(delta));
        assert_eq!(second.delta(2, true), None);
        let masked = head(2) + ",\"chutes\":3,\"readings\":[\"-\",\"-\"]}";
        assert_eq!(second.delta(1, false), Some(masked));
        assert_eq!(second.member("chutes"), Some("3"));
    }

    #[test]
    fn a_view_without_change_keeps_its_number() {
        let first = View::default().next(members("1", "2"), Vec::new());
        assert_eq!(first.next(members("1", "2"), Vec::new()).seq, first.seq);
    }
}
