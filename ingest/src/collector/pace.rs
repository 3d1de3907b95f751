//! When a server is asked next: at a steady rhythm that differs a little from collector to collector, and less often while it cannot
//! be reached. Never sleeps and reads no clock.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

/// How far from its rhythm a question may be, as a part of the interval, so that a fleet is not asked in one instant.
const JITTER_DIVISOR: u32 = 10;
/// How many times the interval passes at most between two attempts to reach a server.
const BACKOFF_MAX: u32 = 16;

/// The rhythm of one collector.
#[derive(Debug, Clone)]
pub struct Pace {
    interval: Duration,
    state: u64,
    backoff: u32,
}

impl Pace {
    /// A rhythm of one sample per `interval`; collectors of different `server`s do not beat together.
    pub fn new(interval: Duration, server: &str) -> Pace {
        let mut hasher = DefaultHasher::new();
        server.hash(&mut hasher);
        Pace {
            interval,
            state: hasher.finish(),
            backoff: 1,
        }
    }

    /// How long to wait after a sample that succeeded: the interval, give or take a tenth.
    pub fn after_success(&mut self) -> Duration {
        self.backoff = 1;
        self.jittered(self.interval)
    }

    /// How long to wait after one that failed: twice as long each time, up to 16 intervals.
    pub fn after_failure(&mut self) -> Duration {
        let wait = self.jittered(self.interval * self.backoff);
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
        wait
    }

    fn jittered(&mut self, wait: Duration) -> Duration {
        // SplitMix64: well spread from any seed, and no clock or entropy is needed.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let part = f64::from((mixed >> 32) as u32) / f64::from(u32::MAX);
        let jitter = wait / JITTER_DIVISOR;
        wait - jitter + (jitter * 2).mul_f64(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rhythm_stays_near_its_interval_and_differs_between_servers() {
        let interval = Duration::from_secs(10);
        let (mut one, mut other) = (Pace::new(interval, "db1"), Pace::new(interval, "db2"));
        let mut sum = Duration::ZERO;
        for _ in 0..1_000 {
            let wait = one.after_success();
            assert!(
                (Duration::from_secs(9)..=Duration::from_secs(11)).contains(&wait),
                "{wait:?}"
            );
            assert_ne!(wait, other.after_success());
            sum += wait;
        }
        let mean = sum / 1_000;
        assert!(
            (Duration::from_millis(9_900)..Duration::from_millis(10_100)).contains(&mean),
            "{mean:?}"
        );
    }

    #[test]
    fn failures_are_asked_less_and_less_often_until_one_succeeds() {
        let mut pace = Pace::new(Duration::from_secs(10), "db1");
        for times in [1, 2, 4, 8, 16, 16] {
            let wait = pace.after_failure().as_secs_f64() / 10.0;
            assert!(
                (wait / f64::from(times) - 1.0).abs() <= 0.1,
                "{wait} instead of {times}"
            );
        }
        assert!(pace.after_success() <= Duration::from_secs(11));
        assert!(pace.after_failure() <= Duration::from_secs(11));
    }
}
