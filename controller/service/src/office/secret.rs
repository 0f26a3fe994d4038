//! Passwords, tokens and codes.

use argon2::Argon2;
use rustix::rand::{GetRandomFlags, getrandom};
use sha2::Digest as _;

/// Bytes of a token: beyond guessing.
const TOKEN: usize = 32;
/// Bytes of a password's salt and of what argon2id makes of it.
const SALT: usize = 16;
const HASH: usize = 32;

/// Letters and digits that are not mistaken for each other on a terminal.
const LEGIBLE: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Shortest password, in characters (NIST SP 800-63B: 8; ASVS 5.0: 8, better 15).
pub(super) const PASSWORD_MIN: usize = 10;
/// Longest, so that hashing is bounded.
pub(super) const PASSWORD_MAX: usize = 128;

/// A secret that its bearer shows; only its hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A new one from the system's random numbers; `None` when the system gives none.
    pub fn new() -> Option<Self> {
        let bytes = random::<TOKEN>()?;
        Some(Self(crate::journal::hex(&bytes)))
    }

    /// As shown by its bearer.
    pub fn shown(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text, to be given to its bearer once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether it is this text, told in the same time wherever they differ.
    pub fn is(&self, text: &str) -> bool {
        equal(&self.hash(), &Self::shown(text).hash())
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        sha2::Sha256::digest(self.0.as_bytes()).into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("‹redacted›")
    }
}

/// A code that a person types once: twelve letters and digits, 60 bits.
pub fn random_code() -> Option<String> {
    let bytes = random::<12>()?;
    let legible = |byte: u8| LEGIBLE.get(usize::from(byte % 32)).copied().map(char::from);
    let letters: String = bytes.into_iter().filter_map(legible).collect();
    let (first, rest) = letters.split_at_checked(4)?;
    let (second, third) = rest.split_at_checked(4)?;
    Some(format!("{first}-{second}-{third}"))
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let got = getrandom(&mut bytes[..], GetRandomFlags::empty()).ok()?;
    (got == N).then_some(bytes)
}

/// A password as kept: salt, and argon2id with the parameters that OWASP names first for it
/// (19 MiB, 2 passes, 1 lane).
pub(super) fn keep(password: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let salt = random::<SALT>()?.to_vec();
    let hash = derive(password, &salt)?;
    Some((salt, hash))
}

/// Whether a password is the one kept. Takes as long for a person that does not exist, for whom
/// the caller hands over nothing.
pub(super) fn fits(password: &str, kept: Option<(&[u8], &[u8])>) -> bool {
    let (salt, hash) = kept.unwrap_or((&[0; SALT], &[]));
    let derived = derive(password, salt);
    derived.is_some_and(|derived| equal(&derived, hash))
}

fn derive(password: &str, salt: &[u8]) -> Option<Vec<u8>> {
    let mut hash = vec![0; HASH];
    // A person may type the same letters on another keyboard or with blanks around them: no
    // normalization is tried, what was set is what fits.
    Argon2::default()
        .hash_password_into(password.as_bytes(), salt, &mut hash)
        .ok()?;
    Some(hash)
}

/// Compares without telling by its time where two hashes differ.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_fits() {
        let (salt, hash) = keep("correct horse").unwrap();
        assert!(fits("correct horse", Some((&salt, &hash))));
        assert!(!fits("correct horsf", Some((&salt, &hash))));
        assert!(!fits("correct horse", None));
        let again = keep("correct horse").unwrap();
        assert_ne!((salt, hash), again, "the same password is kept differently");
    }

    #[test]
    fn tokens_and_codes_differ_and_say_nothing_in_logs() {
        let (a, b) = (Token::new().unwrap(), Token::new().unwrap());
        assert_ne!(a, b);
        assert_eq!(a.reveal().len(), 64);
        assert_eq!(format!("{a:?}"), "‹redacted›");
        let code = random_code().unwrap();
        assert_eq!(code.len(), 14, "{code}");
        assert_ne!(code, random_code().unwrap());
    }
}
