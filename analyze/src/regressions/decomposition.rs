//! Step 11: how much of a change in total time is due to more calls and how much to slower ones. Exact, and the same whichever is
//! taken first (logarithmic mean Divisia index). Decides nothing.

/// Calls and their summed time over some hours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Calls an hour.
    pub calls: f64,
    /// Time an hour, µs.
    pub time_us: f64,
}

/// What a change of load consists of; the parts of [`LoadChange::Both`] add up to the whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LoadChange {
    /// Nothing ran before; all of it is new. µs an hour.
    New(f64),
    /// Nothing runs any more; all of it is gone. µs an hour.
    Gone(f64),
    /// It ran before and after.
    Both {
        /// What the number of calls adds, µs an hour.
        calls_us: f64,
        /// What the time of a call adds, µs an hour.
        latency_us: f64,
    },
}

impl LoadChange {
    /// Splits the difference of two loads. `None` if nothing ran in either.
    pub fn between(before: Load, after: Load) -> Option<LoadChange> {
        match (before.time_us > 0.0, after.time_us > 0.0) {
            (false, false) => None,
            (false, true) => Some(LoadChange::New(after.time_us)),
            (true, false) => Some(LoadChange::Gone(before.time_us)),
            (true, true) => {
                let weight = logarithmic_mean(before.time_us, after.time_us);
                let mean = |load: Load| load.time_us / load.calls;
                Some(LoadChange::Both {
                    calls_us: weight * (after.calls / before.calls).ln(),
                    latency_us: weight * (mean(after) / mean(before)).ln(),
                })
            }
        }
    }
}

/// (b − a)/(ln b − ln a), and a where both are the same.
fn logarithmic_mean(a: f64, b: f64) -> f64 {
    let ratio = (b / a).ln();
    // Near equality the quotient is 0/0; its series is a (1 + r/2 + r²/6).
    if ratio.abs() < 1e-6 {
        a * (1.0 + ratio / 2.0)
    } else {
        (b - a) / ratio
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: (f64, f64), after: (f64, f64), expect: Option<LoadChange>) {
        let load = |(calls, time_us)| Load { calls, time_us };
        let found = LoadChange::between(load(before), load(after));
        match (found, expect) {
            (
                Some(LoadChange::Both { calls_us, latency_us }),
                Some(LoadChange::Both {
                    calls_us: calls,
                    latency_us: latency,
                }),
            ) => {
                assert!(
                    (calls_us - calls).abs() < 1e-6 * calls.abs().max(1.0),
                    "{found:?}"
                );
                assert!(
                    (latency_us - latency).abs() < 1e-6 * latency.abs().max(1.0),
                    "{found:?}"
                );
            }
            _ => assert_eq!(found, expect),
        }
    }

    #[test]
    fn a_change_of_load_is_split_without_rest() {
        let both = |calls_us, latency_us| Some(LoadChange::Both { calls_us, latency_us });
        check((10.0, 100.0), (20.0, 200.0), both(100.0, 0.0));
        check((10.0, 100.0), (10.0, 200.0), both(0.0, 100.0));
        // Twice the calls, twice the time each: half of the 300 is due to either.
        check((10.0, 100.0), (20.0, 400.0), both(150.0, 150.0));
        check((10.0, 100.0), (10.0, 100.0), both(0.0, 0.0));
        check((0.0, 0.0), (5.0, 50.0), Some(LoadChange::New(50.0)));
        check((5.0, 50.0), (0.0, 0.0), Some(LoadChange::Gone(50.0)));
        check((0.0, 0.0), (0.0, 0.0), None);
    }
}
