//! Words of wider values, and the mailbox checksum.

/// High and low word.
pub(crate) const fn split(value: u32) -> [u16; 2] {
    let [a, b, c, d] = value.to_be_bytes();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}

/// 32-bit value of a high and a low word.
pub(crate) const fn join(high: u16, low: u16) -> u32 {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// Four words, highest bits first.
pub(crate) fn split_wide(value: u64) -> [u16; 4] {
    let mut bytes = value.to_be_bytes().into_iter();
    core::array::from_fn(|_| pair(bytes.next().unwrap_or(0), bytes.next().unwrap_or(0)))
}

/// 64-bit value of four words, highest bits first.
pub(crate) fn join_wide(words: [u16; 4]) -> u64 {
    words
        .into_iter()
        .fold(0, |value, word| value << 16 | u64::from(word))
}

/// Two bytes in one word.
pub(crate) const fn pair(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}

/// The next `N` words; the lengths of the callers' arrays add up, so none is ever missing.
pub(crate) fn collect<const N: usize>(mut words: impl Iterator<Item = u16>) -> [u16; N] {
    core::array::from_fn(|_| words.next().unwrap_or(0))
}

/// CRC-16/MODBUS (polynomial 0xA001 reflected, start 0xFFFF) over the words' bytes, high byte
/// first. Its start value makes a block of zeros fail, so an erased mailbox is never a command.
pub(crate) fn checksum(words: &[u16]) -> u16 {
    let mut crc = 0xFFFF_u16;
    for word in words {
        for byte in word.to_be_bytes() {
            crc ^= u16::from(byte);
            for _ in 0..8 {
                let carry = crc & 1 == 1;
                crc >>= 1;
                if carry {
                    crc ^= 0xA001;
                }
            }
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_is_crc16_modbus() {
        // "12345678", computed by an independent implementation that gives the catalogue's check
        // value 0x4B37 for "123456789".
        assert_eq!(checksum(&[0x3132, 0x3334, 0x3536, 0x3738]), 0x37DD);
        assert_ne!(checksum(&[0; 10]), 0);
    }

    #[test]
    fn wide_values_are_high_word_first() {
        assert_eq!(split(0x0001_0002), [1, 2]);
        assert_eq!(join(1, 2), 0x0001_0002);
        assert_eq!(split_wide(0x0001_0002_0003_0004), [1, 2, 3, 4]);
        assert_eq!(join_wide([1, 2, 3, 4]), 0x0001_0002_0003_0004);
    }
}
