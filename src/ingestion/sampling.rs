//! Which executions keep the text of their statement. Decides by what came before in the same source, never by chance, so that the same log
//! always keeps the same texts.

use hashbrown::HashMap;

/// Executions at least this slow always keep their text, µs.
const SLOW_US: i64 = 1_000_000;
/// Executions per query, server and hour that keep it whatever they are.
const FIRST: u32 = 3;
/// One in this many keeps it by its place: 0.5 %.
const ONE_IN: u64 = 200;
/// Queries and hours that are remembered; beyond it the memory begins anew, and a few more texts are kept.
const REMEMBERED_MAX: usize = 200_000;
const HOUR_US: i64 = 3_600_000_000;

/// Which texts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TextPolicy {
    /// Every statement's
    All,
    /// Of slow ones, the first and the slowest of each query and hour, and 0.5 % of the rest
    Sampled,
    /// None
    None,
}

/// Decides for the executions of one server, in the order of its log.
#[derive(Debug)]
pub(crate) struct Sampler {
    policy: TextPolicy,
    /// Executions seen and the slowest of them (µs) by fingerprint and hour.
    seen: HashMap<(i64, i64), (u32, i64)>,
}

impl Sampler {
    pub(crate) fn new(policy: TextPolicy) -> Sampler {
        Sampler {
            policy,
            seen: HashMap::new(),
        }
    }

    /// Whether the execution at `offset` keeps its text.
    pub(crate) fn keeps(
        &mut self,
        fingerprint: i64,
        start_us: Option<i64>,
        query_time_us: i64,
        offset: u64,
    ) -> bool {
        match self.policy {
            TextPolicy::All => return true,
            TextPolicy::None => return false,
            TextPolicy::Sampled => {}
        }
        if self.seen.len() >= REMEMBERED_MAX {
            self.seen.clear();
        }
        let hour = start_us.unwrap_or(0).div_euclid(HOUR_US);
        let (count, slowest_us) = self.seen.entry((fingerprint, hour)).or_insert((0, -1));
        let is_first = *count < FIRST;
        *count += 1;
        let is_slowest = query_time_us > *slowest_us;
        *slowest_us = (*slowest_us).max(query_time_us);
        is_first || is_slowest || query_time_us >= SLOW_US || scatter(offset).is_multiple_of(ONE_IN)
    }

    pub(crate) fn forget(&mut self) {
        self.seen.clear();
    }
}

/// Spreads neighbouring offsets over all numbers (the finalizer of SplitMix64).
fn scatter(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_slowest_slow_and_a_few_more() {
        let mut sampler = Sampler::new(TextPolicy::Sampled);
        let mut kept = |us| {
            (0..4)
                .map(|at| sampler.keeps(1, Some(0), us, at * 1_000 + 1))
                .collect::<Vec<_>>()
        };
        assert_eq!(kept(10), [true, true, true, false]);
        assert_eq!(kept(11), [true, false, false, false]);
        assert_eq!(kept(SLOW_US), [true; 4]);
        let mut sampler = Sampler::new(TextPolicy::Sampled);
        let share = (0..100_000u64)
            .filter(|at| sampler.keeps(1, Some(0), 1, at * 173))
            .count();
        assert!((400..600).contains(&share), "{share} of 100 000");
    }

    #[test]
    fn all_and_none() {
        assert!(Sampler::new(TextPolicy::All).keeps(1, None, 0, 7));
        assert!(!Sampler::new(TextPolicy::None).keeps(1, None, SLOW_US, 7));
    }
}
