//! Calls and database time over time, in a bounded number of slots.

use hashbrown::HashMap;

use crate::summary::Slot;

const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;
const HOUR_US: i64 = 60 * MINUTE_US;
const DAY_US: i64 = 24 * HOUR_US;
/// Lengths of slots, and how many of each are kept apart; a log that covers more is counted in the next length.
const LEVELS: [(i64, usize); 3] = [(SECOND_US, 20_000), (MINUTE_US, 200_000), (HOUR_US, usize::MAX)];
/// Slots that a picture of the timeline has at the most.
const SLOTS_MAX: i64 = 200;

/// Sums per second, or per minute or hour when there are too many seconds.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// Calls and database time (µs) by the start of the slot, µs.
    slots: HashMap<i64, (i64, i64)>,
    /// Which of [`LEVELS`] the slots have.
    level: usize,
}

impl Timeline {
    /// One execution that ended (or, where only that is known, began) at `at_us`.
    pub(crate) fn record(&mut self, at_us: i64, query_time_us: i64) {
        self.add(at_us, 1, query_time_us);
    }

    pub(crate) fn merge(&mut self, other: Timeline) {
        while self.level < other.level {
            self.coarsen();
        }
        for (start, (calls, total_us)) in other.slots {
            self.add(start, calls, total_us);
        }
    }

    /// Slots of one length without gaps, few enough to draw: minutes, or as many hours or days as it takes.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        let (Some(first), Some(last)) = (self.slots.keys().min(), self.slots.keys().max()) else {
            return Vec::new();
        };
        let candidates = [
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
        let fits = |length: &i64| (last - first) / length < SLOTS_MAX && *length >= LEVELS[self.level].0;
        let length_us = candidates.into_iter().find(fits).unwrap_or(364 * DAY_US);
        let start = first.div_euclid(length_us) * length_us;
        let count = usize::try_from((last - start) / length_us + 1)
            .unwrap_or(0)
            .min(SLOTS_MAX as usize + 1);
        let mut slots: Vec<Slot> = (0..count as i64)
            .map(|at| Slot {
                start_us: start + at * length_us,
                length_us,
                calls: 0,
                total_us: 0,
            })
            .collect();
        for (at, (calls, total_us)) in &self.slots {
            if let Some(slot) = usize::try_from((at - start) / length_us)
                .ok()
                .and_then(|at| slots.get_mut(at))
            {
                slot.calls += calls;
                slot.total_us = slot.total_us.saturating_add(*total_us);
            }
        }
        slots
    }

    fn add(&mut self, at_us: i64, calls: i64, total_us: i64) {
        let (length, most) = LEVELS[self.level];
        let slot = self.slots.entry(at_us.div_euclid(length) * length).or_default();
        slot.0 += calls;
        slot.1 = slot.1.saturating_add(total_us);
        if self.slots.len() > most {
            self.coarsen();
        }
    }

    fn coarsen(&mut self) {
        self.level += 1;
        for (start, (calls, total_us)) in std::mem::take(&mut self.slots) {
            self.add(start, calls, total_us);
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
            (if at % 2 == 0 { &mut one } else { &mut other }).record(at * 97 * MINUTE_US, at);
        }
        one.merge(other);
        let slots = one.slots();
        assert!(slots.len() as i64 <= SLOTS_MAX + 1);
        assert_eq!(slots.iter().map(|slot| slot.calls).sum::<i64>(), 1_000);
        assert_eq!(
            slots.iter().map(|slot| slot.total_us).sum::<i64>(),
            (0..1_000).sum::<i64>()
        );
        assert!(
            slots
                .windows(2)
                .all(|pair| pair[0].start_us + pair[0].length_us == pair[1].start_us)
        );
    }
}
