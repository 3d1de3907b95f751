//! How much a server's counters grew between two answers, and whether they began anew in between. Never knows what is counted.

use std::collections::HashMap;

/// The counters of one question as they were last time, by what they count.
#[derive(Debug, Default)]
pub(super) struct Growth {
    read_at_us: Option<i64>,
    previous: HashMap<String, Reading>,
}

/// The counters of one thing at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Reading {
    /// Changes when the counters begin anew, where the server tells.
    pub(super) epoch: Option<String>,
    /// In the question's order; `None` where the server does not count.
    pub(super) values: Vec<Option<i64>>,
}

/// What was counted since the answer before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Grown {
    /// In the question's order; `None` is unknown.
    pub(super) values: Vec<Option<i64>>,
    /// The counters began anew: what was counted between the answer before and that moment is not in `values`.
    pub(super) reset: bool,
}

impl Growth {
    /// Takes the readings of an answer and tells how much each grew and over how many µs; `None` for what was not there before and
    /// may have been counting unseen. `is_complete` says that answers name everything that counts, so that what is new began at zero.
    pub(super) fn advance(
        &mut self,
        at_us: i64,
        is_complete: bool,
        readings: &[(String, Reading)],
    ) -> (Option<i64>, Vec<Option<Grown>>) {
        let interval_us = self.read_at_us.map(|before| at_us - before);
        let grown = readings
            .iter()
            .map(|(key, now)| match self.previous.get(key) {
                Some(before) => Some(grow(before, now)),
                None if is_complete && interval_us.is_some() => Some(Grown {
                    values: now.values.clone(),
                    reset: false,
                }),
                None => None,
            })
            .collect();
        self.read_at_us = Some(at_us);
        self.previous = readings.iter().cloned().collect();
        (interval_us, grown)
    }

    /// The server was started anew, and its counters with it: what it counts next time began at zero.
    pub(super) fn restart(&mut self) {
        for reading in self.previous.values_mut() {
            // No server tells this epoch: every reading differs from it.
            reading.epoch = Some("before the restart".to_owned());
        }
    }
}

fn grow(before: &Reading, now: &Reading) -> Grown {
    let pairs = || before.values.iter().zip(&now.values);
    let reset = before.epoch != now.epoch || pairs().any(|(before, now)| now < before && now.is_some());
    let values = if reset {
        now.values.clone()
    } else {
        pairs().map(|(before, now)| Some((*now)? - (*before)?)).collect()
    };
    Grown { values, reset }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(epoch: &str, values: &[Option<i64>]) -> Reading {
        Reading {
            epoch: Some(epoch.to_owned()),
            values: values.to_vec(),
        }
    }

    fn check(before: Reading, now: Reading, expect: (&[Option<i64>], bool)) {
        let mut growth = Growth::default();
        let first = growth.advance(1_000, true, &[("a".to_owned(), before)]);
        assert_eq!(first, (None, vec![None]), "nothing is known of the time before");
        let (interval_us, grown) = growth.advance(4_000, true, &[("a".to_owned(), now)]);
        assert_eq!(interval_us, Some(3_000));
        let (values, reset) = expect;
        let values = values.to_vec();
        assert_eq!(grown, [Some(Grown { values, reset })]);
    }

    #[test]
    fn counters_grow_stand_still_and_begin_anew() {
        check(
            reading("e", &[Some(5), Some(7)]),
            reading("e", &[Some(9), Some(7)]),
            (&[Some(4), Some(0)], false),
        );
        check(
            reading("e", &[Some(5), Some(7)]),
            reading("e", &[Some(2), Some(8)]),
            (&[Some(2), Some(8)], true),
        );
        // More than before, and yet begun anew: only the epoch tells.
        check(
            reading("e", &[Some(5)]),
            reading("f", &[Some(9)]),
            (&[Some(9)], true),
        );
    }

    #[test]
    fn what_is_not_counted_is_unknown() {
        check(reading("e", &[None]), reading("e", &[Some(3)]), (&[None], false));
        check(reading("e", &[Some(3)]), reading("e", &[None]), (&[None], false));
    }

    #[test]
    fn what_is_new_began_at_zero_only_where_answers_are_complete() {
        for (is_complete, expect) in [(true, Some(vec![Some(8)])), (false, None)] {
            let mut growth = Growth::default();
            growth.advance(0, is_complete, &[]);
            let (_, grown) = growth.advance(1, is_complete, &[("b".to_owned(), reading("e", &[Some(8)]))]);
            assert_eq!(grown[0].as_ref().map(|grown| grown.values.clone()), expect);
        }
    }

    #[test]
    fn a_restart_begins_every_counter_anew() {
        let mut growth = Growth::default();
        growth.advance(
            0,
            true,
            &[(
                "a".to_owned(),
                Reading {
                    epoch: None,
                    values: vec![Some(3)],
                },
            )],
        );
        growth.restart();
        let now = Reading {
            epoch: None,
            values: vec![Some(4)],
        };
        let (_, grown) = growth.advance(1, true, &[("a".to_owned(), now)]);
        assert_eq!(
            grown,
            [Some(Grown {
                values: vec![Some(4)],
                reset: true
            })]
        );
    }
}
