//! Code 128 (ISO/IEC 15417): patterns, and code words to text.

/// Modules of a character.
pub(super) const CHARACTER: usize = 11;

/// Values 0 to 105 of the symbology: characters, functions and the three starts.
pub(super) const VALUES: usize = 106;

/// Lowest start value (code set A).
pub(super) const START: u8 = 103;

/// The stop pattern with its termination bar, 13 modules.
pub(super) const STOP: u16 = 0b1_1000_1110_1011;

/// Modules of the stop pattern.
pub(super) const STOP_MODULES: usize = 13;

/// Modules of each value, the leftmost in the highest of 11 bits; 1 is a bar (table 1).
pub(super) const PATTERNS: [u16; VALUES] = [
    0b110_1100_1100,
    0b110_0110_1100,
    0b110_0110_0110,
    0b100_1001_1000,
    0b100_1000_1100,
    0b100_0100_1100,
    0b100_1100_1000,
    0b100_1100_0100,
    0b100_0110_0100,
    0b110_0100_1000,
    0b110_0100_0100,
    0b110_0010_0100,
    0b101_1001_1100,
    0b100_1101_1100,
    0b100_1100_1110,
    0b101_1100_1100,
    0b100_1110_1100,
    0b100_1110_0110,
    0b110_0111_0010,
    0b110_0101_1100,
    0b110_0100_1110,
    0b110_1110_0100,
    0b110_0111_0100,
    0b111_0110_1110,
    0b111_0100_1100,
    0b111_0010_1100,
    0b111_0010_0110,
    0b111_0110_0100,
    0b111_0011_0100,
    0b111_0011_0010,
    0b110_1101_1000,
    0b110_1100_0110,
    0b110_0011_0110,
    0b101_0001_1000,
    0b100_0101_1000,
    0b100_0100_0110,
    0b101_1000_1000,
    0b100_0110_1000,
    0b100_0110_0010,
    0b110_1000_1000,
    0b110_0010_1000,
    0b110_0010_0010,
    0b101_1011_1000,
    0b101_1000_1110,
    0b100_0110_1110,
    0b101_1101_1000,
    0b101_1100_0110,
    0b100_0111_0110,
    0b111_0111_0110,
    0b110_1000_1110,
    0b110_0010_1110,
    0b110_1110_1000,
    0b110_1110_0010,
    0b110_1110_1110,
    0b111_0101_1000,
    0b111_0100_0110,
    0b111_0001_0110,
    0b111_0110_1000,
    0b111_0110_0010,
    0b111_0001_1010,
    0b111_0111_1010,
    0b110_0100_0010,
    0b111_1000_1010,
    0b101_0011_0000,
    0b101_0000_1100,
    0b100_1011_0000,
    0b100_1000_0110,
    0b100_0010_1100,
    0b100_0010_0110,
    0b101_1001_0000,
    0b101_1000_0100,
    0b100_1101_0000,
    0b100_1100_0010,
    0b100_0011_0100,
    0b100_0011_0010,
    0b110_0001_0010,
    0b110_0101_0000,
    0b111_1011_1010,
    0b110_0001_0100,
    0b100_0111_1010,
    0b101_0011_1100,
    0b100_1011_1100,
    0b100_1001_1110,
    0b101_1110_0100,
    0b100_1111_0100,
    0b100_1111_0010,
    0b111_1010_0100,
    0b111_1001_0100,
    0b111_1001_0010,
    0b110_1101_1110,
    0b110_1111_0110,
    0b111_1011_0110,
    0b101_0111_1000,
    0b101_0001_1110,
    0b100_0101_1110,
    0b101_1110_1000,
    0b101_1110_0010,
    0b111_1010_1000,
    0b111_1010_0010,
    0b101_1101_1110,
    0b101_1110_1110,
    0b111_0101_1110,
    0b111_1010_1110,
    0b110_1000_0100,
    0b110_1001_0000,
    0b110_1001_1100,
];

const SHIFT: u8 = 98;
const SET_C: u8 = 99;
const SET_B: u8 = 100;
const SET_A: u8 = 101;
const FNC1: u8 = 102;

/// What the code words say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) text: String,
    /// FNC1 stands first: GS1 element strings follow.
    pub(super) gs1: bool,
}

/// Whether the check character fits: `words` from the start to the check character.
pub(super) fn checks(words: &[u8]) -> bool {
    let Some((check, rest)) = words.split_last() else {
        return false;
    };
    residue(rest) == u32::from(*check)
}

/// Check value of a start and its characters (annex A).
pub(super) fn residue(words: &[u8]) -> u32 {
    let weighted = words
        .iter()
        .enumerate()
        .map(|(at, word)| u32::from(*word) * (at.max(1) as u32));
    weighted.fold(0, |sum, value| (sum + value) % 103)
}

/// Text of the words from the start to the check character; `None` when no encoder would write
/// them so: no start, a start inside, a shift at the end or twice, a change of the code set where
/// none was used since the last, no content.
pub(super) fn content(words: &[u8]) -> Option<Content> {
    let (first, rest) = words.split_first()?;
    let (_, data) = rest.split_last()?;
    let mut set = match first {
        103 => SET_A,
        104 => SET_B,
        105 => SET_C,
        _ => return None,
    };
    let mut out = Content {
        text: String::new(),
        gs1: false,
    };
    let (mut shifted, mut used) = (false, false);
    for (at, &word) in data.iter().enumerate() {
        let now = match (shifted, set) {
            (true, SET_A) => SET_B,
            (true, _) => SET_A,
            (false, set) => set,
        };
        if word >= START || (shifted && word >= 96) {
            return None;
        }
        shifted = false;
        let changes = (SET_C..=SET_A).contains(&word) && word != now;
        if changes && !used {
            return None;
        }
        used = !changes;
        match (word, now) {
            (FNC1, _) if at == 0 => out.gs1 = true,
            (FNC1, _) => out.text.push('\u{1d}'),
            (word, SET_C) if word < 100 => {
                out.text.push(char::from(b'0' + word / 10));
                out.text.push(char::from(b'0' + word % 10));
            }
            (SET_A | SET_B, now) if word != now => set = word,
            (SET_C, _) => set = SET_C,
            (SHIFT, _) => shifted = true,
            // FNC2, FNC3 and FNC4 change how text is passed on; parcel labels do not use them, and a
            // damaged symbol that seems to is refused.
            (96.., _) => return None,
            (word, SET_A) if word >= 64 => out.text.push(char::from(word - 64)),
            (word, _) => out.text.push(char::from(word + 32)),
        }
    }
    (!shifted && !out.text.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_the_standard_says() {
        // "Hello" in set B, digits in set C, a shift and a function character.
        let words = [104, 40, 69, 76, 76, 79];
        let check = residue(&words) as u8;
        let mut all = words.to_vec();
        all.push(check);
        assert!(checks(&all));
        assert_eq!(content(&all).unwrap().text, "Hello");
        let gs1 = content(&[105, 102, 0, 39, 50, 0]).unwrap();
        assert_eq!((gs1.text.as_str(), gs1.gs1), ("003950", true));
        let mixed = content(&[105, 12, 100, 33, 98, 65, 33, 0]).unwrap();
        assert_eq!(mixed.text, "12A\u{1}A");
        assert_eq!(content(&[104, 98, 0]), None);
        assert_eq!(content(&[104, 0]), None);
        assert_eq!(content(&[5, 5, 5]), None);
        assert_eq!(content(&[]), None);
    }

    #[test]
    fn sets_are_changed_only_where_they_are_used() {
        // Found in a blurred symbol whose start and first two letters were hidden.
        assert_eq!(
            content(&[103, 99, 45, 6, 71, 56, 100, 23, 35, 46, 63]),
            None
        );
        assert_eq!(content(&[105, 45, 100, 101, 35, 46, 63]), None);
        assert!(content(&[105, 102, 100, 35, 46, 63]).is_some());
    }

    #[test]
    fn patterns_keep_the_rules_of_the_symbology() {
        for pattern in PATTERNS {
            assert_eq!(pattern >> 10, 1, "begins with a bar");
            assert_eq!(pattern & 1, 0, "ends with a space");
            assert_eq!(pattern.count_ones() % 2, 0, "bar parity");
        }
        let mut sorted = PATTERNS;
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
