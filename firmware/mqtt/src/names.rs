//! Codes of the register contract as words, for JSON.

use sortline_regmap::{AckCode, ControlRequest, ControlResult, EventKind, Flags, Refusal};

pub(crate) const FLAGS: [(&str, Flags); 6] = [
    ("armed", Flags::ARMED),
    ("stop_open", Flags::STOP_OPEN),
    ("stop_latched", Flags::STOP_LATCHED),
    ("tripped", Flags::TRIPPED),
    ("jammed", Flags::JAMMED),
    ("mismatch", Flags::MISMATCH),
];

pub(crate) const REFUSALS: [(&str, Refusal); 10] = [
    ("late", Refusal::Late),
    ("too_far", Refusal::TooFar),
    ("unknown", Refusal::Unknown),
    ("overlap", Refusal::Overlap),
    ("opposite", Refusal::Opposite),
    ("too_long", Refusal::TooLong),
    ("queue_full", Refusal::QueueFull),
    ("stopped", Refusal::Stopped),
    ("stale_epoch", Refusal::StaleEpoch),
    ("checksum", Refusal::Checksum),
];

pub(crate) const ANSWERS: [(&str, AckCode); 4] = [
    ("accepted", AckCode::Accepted),
    ("fired", AckCode::Fired),
    ("done", AckCode::Done),
    ("withdrawn", AckCode::Withdrawn),
];

pub(crate) const CONTROLS: [(&str, ControlResult); 5] = [
    ("none", ControlResult::None),
    ("done", ControlResult::Done),
    ("stop_open", ControlResult::StopOpen),
    ("latched", ControlResult::Latched),
    ("owned", ControlResult::Owned),
];

pub(crate) const REQUESTS: [(&str, ControlRequest); 3] = [
    ("arm", ControlRequest::Arm),
    ("disarm", ControlRequest::Disarm),
    ("reset", ControlRequest::Reset),
];

pub(crate) const KINDS: [(&str, EventKind); 12] = [
    ("eye_blocked", EventKind::EyeBlocked),
    ("eye_clear", EventKind::EyeClear),
    ("triggered", EventKind::Triggered),
    ("stop_open", EventKind::StopOpen),
    ("stop_closed", EventKind::StopClosed),
    ("fired", EventKind::StrokeFired),
    ("done", EventKind::StrokeDone),
    ("dropped", EventKind::Dropped),
    ("withdrawn", EventKind::Withdrawn),
    ("jam_latched", EventKind::JamLatched),
    ("jam_reset", EventKind::JamReset),
    ("new_epoch", EventKind::NewEpoch),
];

/// What ended an epoch, by the codes of `HEALTH.last_fault`.
pub(crate) const FAULTS: [(&str, u16); 3] = [("none", 0), ("watchdog", 1), ("stop", 2)];

/// The word of a value; empty for one that has none.
pub(crate) fn word<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    let found = table.iter().find(|(_, other)| other == value);
    found.map_or("", |(word, _)| *word)
}

/// The value of a word.
pub(crate) fn value<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    let found = table.iter().find(|(other, _)| *other == word);
    found.map(|(_, value)| *value)
}

/// The words of all flags that are set.
pub(crate) fn flag_words(flags: Flags) -> Vec<String> {
    let set = FLAGS.into_iter().filter(|(_, flag)| flags.has(*flag));
    set.map(|(word, _)| word.to_owned()).collect()
}

/// The flags of words; those that this version does not know are left out.
pub(crate) fn flags(words: &[String]) -> Flags {
    let known = words.iter().filter_map(|word| value(&FLAGS, word));
    known.fold(Flags::default(), |flags, flag| flags.with(flag, true))
}

/// The numbers of the bits that are set.
pub(crate) fn numbers(bits: u64) -> Vec<u8> {
    (0..64).filter(|n| bits >> n & 1 == 1).collect()
}

/// The bits of numbers; `None` when one is beyond 63.
pub(crate) fn bits(numbers: &[u8]) -> Option<u64> {
    numbers
        .iter()
        .try_fold(0, |bits, n| Some(bits | 1_u64.checked_shl(u32::from(*n))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_word_of_its_own() {
        for refusal in Refusal::ALL {
            assert_eq!(value(&REFUSALS, word(&REFUSALS, &refusal)), Some(refusal));
        }
        for code in 1..=12 {
            let kind = EventKind::from_code(code).unwrap();
            assert_eq!(value(&KINDS, word(&KINDS, &kind)), Some(kind));
        }
        for code in 0..=4 {
            let result = ControlResult::from_code(code).unwrap();
            assert_eq!(value(&CONTROLS, word(&CONTROLS, &result)), Some(result));
        }
        assert_eq!(word(&FAULTS, &7), "");
        assert_eq!(value(&KINDS, "opened"), None);
    }

    #[test]
    fn sets_are_lists_of_numbers() {
        assert_eq!(numbers(0), [0_u8; 0]);
        assert_eq!(numbers(1 << 63 | 5), [0, 2, 63]);
        assert_eq!(bits(&[0, 2, 63]), Some(1 << 63 | 5));
        assert_eq!(bits(&[64]), None);
        let set = Flags(0b10_0001);
        assert_eq!(flag_words(set), ["armed", "mismatch"]);
        assert_eq!(
            flags(&["armed".into(), "new".into(), "mismatch".into()]),
            set
        );
    }
}
