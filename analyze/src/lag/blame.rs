//! Who wrote more than usual before a replica was at its worst. Sums and rates only; knows no server and no text.

/// What is not above what is usual by this part of it is usual.
const USUAL_TOLERANCE: f64 = 0.2;

/// What one writer wrote between two moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Write {
    /// The writer, by any number.
    pub(super) writer: usize,
    /// µs since 1970 UTC.
    pub(super) from_us: i64,
    /// µs since 1970 UTC, above `from_us`.
    pub(super) to_us: i64,
    /// Bytes, or rows where a server does not count bytes.
    pub(super) amount: i64,
}

/// A writer that wrote more than usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Suspect {
    /// By its number.
    pub(super) writer: usize,
    /// More than usual, in the unit of the writes.
    pub(super) excess: f64,
    /// The same as a part of what all wrote more than usual, 0 to 1.
    pub(super) share: f64,
}

/// The writers that wrote more than usual from one moment to another, most first. What is usual is what they wrote in `quiet`, which are
/// stretches of time without overlap.
pub(super) fn blame(writes: &[Write], (from_us, to_us): (i64, i64), quiet: &[(i64, i64)]) -> Vec<Suspect> {
    let n_writers = writes.iter().map(|write| write.writer + 1).max().unwrap_or(0);
    let (mut during, mut usual) = (vec![0.0; n_writers], vec![0.0; n_writers]);
    for write in writes {
        during[write.writer] += part_of(write, from_us, to_us);
        for (begin_us, end_us) in quiet {
            usual[write.writer] += part_of(write, *begin_us, *end_us);
        }
    }
    let quiet_us: i64 = quiet.iter().map(|(begin_us, end_us)| end_us - begin_us).sum();
    let times = if quiet_us > 0 {
        (to_us - from_us) as f64 / quiet_us as f64
    } else {
        0.0
    };
    let excess = |writer: usize| {
        let excess = during[writer] - usual[writer] * times;
        if excess > USUAL_TOLERANCE * usual[writer] * times {
            excess
        } else {
            0.0
        }
    };
    let total: f64 = (0..n_writers).map(excess).filter(|excess| *excess > 0.0).sum();
    let mut suspects: Vec<Suspect> = (0..n_writers)
        .map(|writer| Suspect {
            writer,
            excess: excess(writer),
            share: excess(writer) / total,
        })
        .filter(|suspect| suspect.excess > 0.0)
        .collect();
    suspects.sort_by(|a, b| b.excess.total_cmp(&a.excess).then(a.writer.cmp(&b.writer)));
    suspects
}

/// How much of a write fell between two moments, if it went on steadily.
fn part_of(write: &Write, from_us: i64, to_us: i64) -> f64 {
    let overlap_us = write.to_us.min(to_us) - write.from_us.max(from_us);
    if overlap_us <= 0 {
        return 0.0;
    }
    write.amount as f64 * overlap_us as f64 / (write.to_us - write.from_us) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write(writer: usize, from_us: i64, to_us: i64, amount: i64) -> Write {
        Write {
            writer,
            from_us,
            to_us,
            amount,
        }
    }

    #[test]
    fn the_one_that_wrote_more_than_usual_is_first() {
        let writes = [
            // Always much.
            write(0, 0, 100, 1_000),
            write(0, 100, 120, 260),
            // Seldom, and now.
            write(1, 0, 100, 0),
            write(1, 100, 120, 240),
            // Hardly more than usual, and less.
            write(2, 0, 100, 500),
            write(2, 100, 120, 110),
            write(3, 0, 100, 500),
        ];
        let found = blame(&writes, (100, 120), &[(0, 100)]);
        assert_eq!(
            found,
            [
                Suspect {
                    writer: 1,
                    excess: 240.0,
                    share: 0.8
                },
                Suspect {
                    writer: 0,
                    excess: 60.0,
                    share: 0.2
                },
            ]
        );
    }

    #[test]
    fn nobody_is_blamed_for_nothing() {
        assert_eq!(blame(&[], (0, 10), &[]), []);
        assert_eq!(blame(&[write(0, 0, 100, 50)], (50, 60), &[(0, 50)]), []);
    }

    proptest! {
        /// A write that is told in two parts is the same write.
        #[test]
        fn writes_may_be_split(amount in 1..1_000_i64, at in 1..99_i64) {
            let other = write(1, 0, 100, 10);
            let whole = [write(0, 0, 100, amount * 100), other];
            let parts = [write(0, at, 100, amount * (100 - at)), other, write(0, 0, at, amount * at)];
            let window = (40, 90);
            let (one, two) = (blame(&whole, window, &[]), blame(&parts, window, &[]));
            prop_assert_eq!(one.len(), two.len());
            for (one, two) in one.iter().zip(&two) {
                prop_assert!(one.writer == two.writer && (one.share - two.share).abs() < 1e-9);
            }
        }

        #[test]
        fn shares_sum_up_to_all(amounts in prop::collection::vec(0..1_000_i64, 1..20)) {
            let writes: Vec<Write> = amounts.iter().enumerate().map(|(writer, amount)| write(writer, 0, 10, *amount)).collect();
            let sum: f64 = blame(&writes, (0, 10), &[]).iter().map(|suspect| suspect.share).sum();
            prop_assert!(sum == 0.0 || (sum - 1.0).abs() < 1e-9);
        }
    }
}
