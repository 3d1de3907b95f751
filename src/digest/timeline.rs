//! Sums over time, in a bounded number of slots.

use hashbrown::HashMap;

const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;
const HOUR_US: i64 = 60 * MINUTE_US;
const DAY_US: i64 = 24 * HOUR_US;
/// Lengths of slots, and how many of each are kept apart; a log that covers more is counted in the next length.
const LEVELS: [(i64, usize); 3] = [(SECOND_US, 20_000), (MINUTE_US, 200_000), (HOUR_US, usize::MAX)];
/// Slots that a picture of the timeline has at the most.
const SLOTS_MAX: i64 = 200;
/// Lengths of the slots of a picture.
const PICTURE_LENGTHS: [i64; 12] = [
    SECOND_US,
    5 * SECOND_US,
    15 * SECOND_US,
    MINUTE_US,
    5 * MINUTE_US,
    15 * MINUTE_US,
    HOUR_US,
    6 * HOUR_US,
    DAY_US,
    7 * DAY_US,
    28 * DAY_US,
    364 * DAY_US,
];

/// What a slot holds.
pub(crate) trait Sum: Default + Copy {
    /// Adds what happened in the same slot.
    fn add(&mut self, other: Self);
}

/// Calls and database time (µs).
impl Sum for (i64, i64) {
    fn add(&mut self, (calls, total_us): (i64, i64)) {
        self.0 += calls;
        self.1 = self.1.saturating_add(total_us);
    }
}

/// Sums per second, or per minute or hour when there are too many seconds.
#[derive(Debug, Default)]
pub(crate) struct Timeline<S> {
    /// By the start of the slot, µs.
    slots: HashMap<i64, S>,
    /// Which of [`LEVELS`] the slots have.
    level: usize,
}

impl<S: Sum> Timeline<S> {
    /// Something that happened at `at_us`.
    pub(crate) fn add(&mut self, at_us: i64, sum: S) {
        let (length, most) = LEVELS[self.level];
        self.slots
            .entry(at_us.div_euclid(length) * length)
            .or_default()
            .add(sum);
        if self.slots.len() > most {
            self.coarsen();
        }
    }

    pub(crate) fn merge(&mut self, other: Timeline<S>) {
        while self.level < other.level {
            self.coarsen();
        }
        for (start, sum) in other.slots {
            self.add(start, sum);
        }
    }

    /// Every slot in which something happened, as fine as they are kept, in order: its start, µs, and sum.
    pub(crate) fn sorted(&self) -> Vec<(i64, S)> {
        let mut list: Vec<(i64, S)> = self.slots.iter().map(|(start, sum)| (*start, *sum)).collect();
        list.sort_by_key(|(start, _)| *start);
        list
    }

    /// Slots of one length without gaps, few enough to draw: seconds, or as many minutes, hours or days as it takes. Start and length,
    /// µs, and sum of each.
    pub(crate) fn slots(&self) -> Vec<(i64, i64, S)> {
        let (Some(first), Some(last)) = (self.slots.keys().min(), self.slots.keys().max()) else {
            return Vec::new();
        };
        let fits = |length: &i64| (last - first) / length < SLOTS_MAX && *length >= LEVELS[self.level].0;
        let length_us = PICTURE_LENGTHS
            .into_iter()
            .find(fits)
            .unwrap_or(PICTURE_LENGTHS[11]);
        let start = first.div_euclid(length_us) * length_us;
        let count = usize::try_from((last - start) / length_us + 1)
            .unwrap_or(0)
            .min(SLOTS_MAX as usize + 1);
        let mut slots: Vec<(i64, i64, S)> = (0..count as i64)
            .map(|at| (start + at * length_us, length_us, S::default()))
            .collect();
        for (at, sum) in &self.slots {
            if let Some((.., slot)) = usize::try_from((at - start) / length_us)
                .ok()
                .and_then(|at| slots.get_mut(at))
            {
                slot.add(*sum);
            }
        }
        slots
    }

    fn coarsen(&mut self) {
        self.level += 1;
        for (start, sum) in std::mem::take(&mut self.slots) {
            self.add(start, sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_have_no_gaps_and_lose_nothing() {
        let mut one = Timeline::default();
        let mut other = Timeline::default();
        for at in 0..1_000 {
            (if at % 2 == 0 { &mut one } else { &mut other }).add(at * 97 * MINUTE_US, (1, at));
        }
        one.merge(other);
        let slots = one.slots();
        assert!(slots.len() as i64 <= SLOTS_MAX + 1);
        assert_eq!(slots.iter().map(|(.., sum)| sum.0).sum::<i64>(), 1_000);
        assert_eq!(
            slots.iter().map(|(.., sum)| sum.1).sum::<i64>(),
            (0..1_000).sum::<i64>()
        );
        assert!(slots.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0));
    }
}
