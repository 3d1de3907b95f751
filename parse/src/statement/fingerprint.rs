//! The 64-bit identity of a statement's canonical form, and its spelling.
//!
//! Knows how bytes become a number and back; never what the bytes mean.

use std::fmt;
use std::str::FromStr;

use xxhash_rust::xxh3::xxh3_64;

/// Version of the rules behind a [`Fingerprint`]; part of every hash, so that two versions never share a value by accident.
///
/// Raise it with any change that gives an existing statement another canonical form.
pub const FINGERPRINT_VERSION: u32 = 1;

/// Identifies every statement with the same canonical form: a 64-bit hash, printed as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(i64);

impl Fingerprint {
    /// The hash as it is stored: all 64 bits, the sign has no meaning.
    pub fn get(self) -> i64 {
        self.0
    }

    /// Hashes a canonical form, which begins with the version (see [`Fingerprint::preamble`]).
    pub(super) fn of(canonical: &[u8]) -> Fingerprint {
        Fingerprint(xxh3_64(canonical) as i64)
    }

    /// The bytes every canonical form begins with.
    pub(super) fn preamble() -> [u8; 4] {
        FINGERPRINT_VERSION.to_le_bytes()
    }
}

impl From<i64> for Fingerprint {
    fn from(bits: i64) -> Fingerprint {
        Fingerprint(bits)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0 as u64)
    }
}

/// A text that is not the 16 hexadecimal digits of a [`Fingerprint`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a fingerprint: expected {FINGERPRINT_DIGITS} hexadecimal digits")]
pub struct ParseFingerprintError {
    text: String,
}

const FINGERPRINT_DIGITS: usize = 16;

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    fn from_str(text: &str) -> Result<Fingerprint, ParseFingerprintError> {
        let error = || ParseFingerprintError {
            text: text.chars().take(2 * FINGERPRINT_DIGITS).collect(),
        };
        if text.len() != FINGERPRINT_DIGITS || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(error());
        }
        u64::from_str_radix(text, 16)
            .map(|bits| Fingerprint(bits as i64))
            .map_err(|_| error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_the_bits() {
        for bits in [0, 1, -1, i64::MIN, i64::MAX, 0x0123_4567_89ab_cdef] {
            let fingerprint = Fingerprint::from(bits);
            let text = fingerprint.to_string();
            assert_eq!(text.len(), FINGERPRINT_DIGITS);
            assert_eq!(text.parse(), Ok(fingerprint));
        }
        assert_eq!(Fingerprint::from(-1).to_string(), "ffffffffffffffff");
        assert_eq!("FFFFFFFFFFFFFFFF".parse(), Ok(Fingerprint::from(-1)));
    }

    #[test]
    fn refuses_other_spellings() {
        for text in [
            "",
            "0",
            "+123456789abcdef",
            "0123456789abcdeg",
            "00123456789abcdef",
            "0x23456789abcdef",
        ] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text:?}");
        }
    }
}
