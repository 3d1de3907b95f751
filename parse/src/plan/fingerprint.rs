//! The 64-bit identity of a plan's shape, and its spelling. What belongs to a shape is decided in [`shape`](super::shape).

use std::fmt;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Version of the rules behind a [`PlanFingerprint`]; part of every hash. Raise it with any change that gives an existing plan another shape.
pub const PLAN_FINGERPRINT_VERSION: u32 = 1;

/// Identifies every plan of the same shape: a 64-bit hash, printed as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanFingerprint(i64);

impl PlanFingerprint {
    /// The hash as it is stored: all 64 bits, the sign has no meaning.
    pub fn get(self) -> i64 {
        self.0
    }

    /// Hashes the one-line form of a shape.
    pub(super) fn of(shape: &str) -> PlanFingerprint {
        PlanFingerprint(xxh3_64_with_seed(shape.as_bytes(), u64::from(PLAN_FINGERPRINT_VERSION)) as i64)
    }
}

impl From<i64> for PlanFingerprint {
    fn from(bits: i64) -> PlanFingerprint {
        PlanFingerprint(bits)
    }
}

impl fmt::Display for PlanFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0 as u64)
    }
}
