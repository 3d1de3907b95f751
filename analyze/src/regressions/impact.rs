//! Step 10: whether a change is large enough to read about, and how loudly to say so. Judges size and load, never chance.

/// The least change that is reported.
pub(super) const EFFECT_MIN: f64 = 0.05;
/// The same where the history is too short to know weekends.
const EFFECT_MIN_SHORT_HISTORY: f64 = 0.20;
/// The lower bound of the change must reach this share of the least change: 2 % of 5 %.
const LOWER_BOUND_SHARE: f64 = 0.4;
/// The standard normal's 90 % quantile: of a one-sided lower bound, or an interval of 80 %.
const BOUND_Z: f64 = 1.28;
/// Extra load (average active sessions) below which a change matters only by its share of the server.
const NOTABLE_SESSIONS: f64 = 0.01;
/// Share of the server's time below which it matters only by its sessions.
const NOTABLE_SHARE: f64 = 0.005;
/// From here on severity is medium, by share of the server's time.
const MEDIUM_SHARE: f64 = 0.01;
/// From here on severity is high, by share of the server's time…
const HIGH_SHARE: f64 = 0.05;
/// …or by extra sessions.
const HIGH_SESSIONS: f64 = 0.5;
/// An hour of one session, µs.
const HOUR_US: f64 = 3.6e9;

/// How much a change of a query's time matters to its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Real, but below what a report shows by default: under 0.01 average active sessions and under 0.5 % of the server's time.
    Negligible,
    /// Worth a line.
    Low,
    /// 1 % of the server's time or more.
    Medium,
    /// 5 % of the server's time, or half a session, or more.
    High,
}

/// The extra load of a change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impact {
    /// Average active sessions more than before: extra time of the calls over the time that passed.
    pub extra_sessions: f64,
    /// The same as a share of all query time of the server.
    pub server_share: f64,
    /// What that amounts to.
    pub severity: Severity,
}

impl Impact {
    /// Weighs `extra_us` more an hour on a server that spends `server_us` an hour.
    pub(super) fn of(extra_us: f64, server_us: f64) -> Impact {
        let extra_sessions = extra_us / HOUR_US;
        let server_share = if server_us > 0.0 {
            extra_us / server_us
        } else {
            0.0
        };
        let severity = if server_share >= HIGH_SHARE || extra_sessions >= HIGH_SESSIONS {
            Severity::High
        } else if server_share >= MEDIUM_SHARE {
            Severity::Medium
        } else if server_share >= NOTABLE_SHARE || extra_sessions >= NOTABLE_SESSIONS {
            Severity::Low
        } else {
            Severity::Negligible
        };
        Impact {
            extra_sessions,
            server_share,
            severity,
        }
    }
}

/// Whether a change is at least as large, and as surely above zero, as what is reported.
pub(super) fn is_large(size: f64, error: f64, knows_weekends: bool) -> bool {
    let least = if knows_weekends {
        EFFECT_MIN
    } else {
        EFFECT_MIN_SHORT_HISTORY
    };
    size.exp_m1() >= least && lower_bound(size, error).exp_m1() >= LOWER_BOUND_SHARE * least
}

/// The lower bound (ln) of a change with a standard error.
pub(super) fn lower_bound(size: f64, error: f64) -> f64 {
    size - BOUND_Z * error
}

/// The upper bound (ln) of a change with a standard error.
pub(super) fn upper_bound(size: f64, error: f64) -> f64 {
    size + BOUND_Z * error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_from_five_percent_that_are_surely_two() {
        let check = |effect: f64, error, knows_weekends, expect| {
            assert_eq!(
                is_large(effect.ln_1p(), error, knows_weekends),
                expect,
                "{effect} ± {error}"
            );
        };
        check(0.049, 0.001, true, false);
        check(0.051, 0.001, true, true);
        check(0.06, 0.03, true, true);
        check(0.06, 0.04, true, false);
        check(0.19, 0.001, false, false);
        check(0.21, 0.001, false, true);
        check(-0.5, 0.001, true, false);
    }

    #[test]
    fn severity_is_by_share_and_by_sessions() {
        let check = |extra_us, server_us, severity| {
            assert_eq!(
                Impact::of(extra_us, server_us).severity,
                severity,
                "{extra_us} of {server_us}"
            );
        };
        let hour = HOUR_US;
        check(0.6 * hour, 100.0 * hour, Severity::High);
        check(0.06 * hour, hour, Severity::High);
        check(0.02 * hour, hour, Severity::Medium);
        check(0.006 * hour, hour, Severity::Low);
        check(0.02 * hour, 100.0 * hour, Severity::Low);
        check(0.001 * hour, hour, Severity::Negligible);
        check(0.0, 0.0, Severity::Negligible);
    }
}
