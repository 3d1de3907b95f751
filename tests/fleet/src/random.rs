//! Numbers that look random and are the same for the same seed, on every machine. Nothing here is secret or slow.

/// A sequence of well-mixed numbers (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// A whole number below `end`.
    #[inline]
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// About normal, with mean 0 and deviation 1: the sum of four uniform numbers.
    #[inline]
    pub(crate) fn normal(&mut self) -> f64 {
        let bits = self.next();
        let sum: u64 = (0..4).map(|part| (bits >> (16 * part)) & 0xffff).sum();
        (sum as f64 / 65_536.0 - 2.0) * 3.0_f64.sqrt()
    }
}

/// A well-mixed number for a number.
#[inline]
pub(crate) fn mixed(number: u64) -> u64 {
    let mut x = number;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Picks one of a few things by weight, in one step.
pub(crate) struct Lottery(Vec<u16>);

const TICKETS: usize = 1 << 16;

impl Lottery {
    /// Everything gets at least one ticket of 65 536.
    pub(crate) fn new(weights: &[f64]) -> Lottery {
        let total: f64 = weights.iter().sum();
        let mut tickets = Vec::with_capacity(TICKETS);
        let mut sum = 0.0;
        for (index, weight) in weights.iter().enumerate() {
            sum += weight;
            let end = (sum / total * TICKETS as f64) as usize;
            let left = weights.len() - index - 1;
            let end = end.clamp(tickets.len() + 1, TICKETS - left);
            tickets.resize(end, index as u16);
        }
        Lottery(tickets)
    }

    #[inline]
    pub(crate) fn draw(&self, random: &mut Random) -> usize {
        usize::from(self.0[(random.next() >> 48) as usize])
    }
}
