//! Check digits. All take ASCII and answer `false` (or `None`) to anything else.

/// Value of an ASCII digit.
fn digit(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}

/// Last byte and what stands before it.
fn split(text: &[u8]) -> Option<(&[u8], u8)> {
    text.split_last().map(|(last, rest)| (rest, *last))
}

/// Σ dᵢ·w over digits with weights repeating from the left; `None` at a non-digit.
fn weighted(digits: &[u8], weights: &[u32]) -> Option<u32> {
    let pairs = digits.iter().zip(weights.iter().cycle());
    pairs
        .map(|(byte, weight)| digit(*byte).map(|value| value * weight))
        .sum()
}

/// What completes `sum` to a multiple of ten.
fn to_ten(sum: u32) -> u32 {
    (10 - sum % 10) % 10
}

/// Modulo 10 with weights 3 and 1 from the right: GTIN, SSCC, GLN, USPS.
/// GS1 General Specifications, section 7.9.
pub fn gs1(number: &[u8]) -> bool {
    split(number)
        .is_some_and(|(body, check)| digit(check).is_some() && gs1_digit(body) == digit(check))
}

/// The digit that [`gs1`] wants after `body`; `None` when it is not all digits.
pub fn gs1_digit(body: &[u8]) -> Option<u32> {
    let weights: [u32; 2] = if body.len() % 2 == 1 { [3, 1] } else { [1, 3] };
    weighted(body, &weights).map(to_ten)
}

/// Modulo 10 with two weights that alternate from the left; letters count as (code − 3) mod 10.
/// With weights 1 and 2 the check of UPS 1Z numbers.
pub fn alternating(number: &[u8], weights: [u32; 2]) -> bool {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some((u32::from(byte) - 3) % 10),
        _ => digit(byte),
    };
    split(number).is_some_and(|(body, check)| {
        let pairs = body.iter().zip(weights.iter().cycle());
        let sum: Option<u32> = pairs
            .map(|(byte, weight)| value(*byte).map(|v| v * weight))
            .sum();
        sum.is_some() && sum.map(to_ten) == digit(check)
    })
}

/// Luhn, ISO/IEC 7812-1 annex B: every second digit from the right doubled, cross sum.
pub fn luhn(number: &[u8]) -> bool {
    let doubled = |value: u32| if value > 4 { value * 2 - 9 } else { value * 2 };
    let sum: Option<u32> = number
        .iter()
        .rev()
        .enumerate()
        .map(|(i, byte)| digit(*byte).map(|v| if i % 2 == 1 { doubled(v) } else { v }))
        .sum();
    sum.is_some_and(|sum| sum % 10 == 0) && number.len() > 1
}

/// UPU S10: weights 8 6 4 2 3 5 9 7, 11 − sum mod 11, 10 becomes 0 and 11 becomes 5.
/// `number` is the eight digits and the check digit.
pub fn s10(number: &[u8]) -> bool {
    split(number).is_some_and(|(body, check)| {
        let sum = weighted(body, &[8, 6, 4, 2, 3, 5, 9, 7]);
        let wanted = sum.map(|sum| match 11 - sum % 11 {
            10 => 0,
            11 => 5,
            other => other,
        });
        body.len() == 8 && wanted.is_some() && wanted == digit(check)
    })
}

/// Remainder modulo 11, then modulo 10, of a weighted sum: `fedex` Express.
pub fn eleven_ten(number: &[u8], weights: &[u32]) -> bool {
    split(number).is_some_and(|(body, check)| {
        let sum = weighted(body, weights).map(|sum| sum % 11 % 10);
        sum.is_some() && sum == digit(check)
    })
}

/// The number before the last digit, modulo 7, is the last digit: DHL Express.
pub fn seven(number: &[u8]) -> bool {
    split(number).is_some_and(|(body, check)| {
        let rest = body.iter().try_fold(0, |rest, byte| {
            digit(*byte).map(|value| (rest * 10 + value) % 7)
        });
        rest.is_some() && rest == digit(check)
    })
}

/// ISO/IEC 7064 MOD 37,36 over digits and letters, the check character included: DPD.
pub fn mod_37_36(number: &[u8]) -> bool {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A') + 10),
        _ => digit(byte),
    };
    let Some((body, check)) = split(number) else {
        return false;
    };
    let product = body.iter().try_fold(36, |product, byte| {
        let sum = (product + value(*byte)?) % 36;
        Some(if sum == 0 { 36 } else { sum } * 2 % 37)
    });
    let wanted = product.map(|product| (37 - product) % 36);
    wanted.is_some() && wanted == value(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers() {
        assert!(gs1(b"395011010000000019"));
        assert!(!gs1(b"395011010000000018"));
        assert!(gs1(b"4006381333931"));
        assert!(s10(b"473124829"));
        assert!(!s10(b"473124828"));
        assert!(alternating(b"5R89390357567127", [1, 2]));
        assert!(luhn(b"79927398713"));
        assert!(!luhn(b"79927398710"));
        assert!(seven(b"3318810025"));
        assert!(mod_37_36(b"008182709980000020033350276C"));
        assert!(eleven_ten(b"986578788855", &[3, 1, 7]));
    }

    #[test]
    fn what_is_no_number_never_fits() {
        for text in [&b""[..], b"A", b" ", b"12B45", b"\xFF\xFF\xFF", b"-1"] {
            assert!(
                !gs1(text) && !s10(text) && !luhn(text) && !seven(text),
                "{text:?}"
            );
            assert!(!eleven_ten(text, &[1]), "{text:?}");
        }
    }
}
