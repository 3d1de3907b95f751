//! Step 9: one query on several servers as one row of hours. What moves everywhere shows long before it does on any one server; what
//! moves on one must not be blamed on all.

use super::noise::{Measured, Residuals};

/// A claim about all servers needs this share of them to move…
const MOVING_SHARE: f64 = 0.6;
/// …by at least this share of the common change.
const MOVING_SIZE: f64 = 0.4;
/// A server takes part in the claim if it moves by this share of the common change.
const TAKES_PART: f64 = 0.5;
/// A server that is measured so badly that it could have moved as all did within this many standard errors takes part as well.
const CONSISTENT_Z: f64 = 1.28;
/// Without the server that says most, the others must still say so: the standard normal's 99 % quantile.
const OTHERS_Z: f64 = 2.33;

/// The inverse-variance mean of the members' hours, each clipped at three deviations, so that an incident of one server is not one of
/// all.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    moments: Vec<f64>,
    weights: Vec<f64>,
}

impl Pool {
    pub(super) fn new(n_hours: usize) -> Pool {
        Pool {
            moments: vec![0.0; n_hours],
            weights: vec![0.0; n_hours],
        }
    }

    pub(super) fn add(&mut self, rows: &Measured) {
        let sums = self.moments.iter_mut().zip(&mut self.weights);
        for ((moment, weight), (z, precision)) in sums.zip(rows.z.iter().zip(&rows.precision)) {
            *moment += z * precision;
            *weight += precision * precision;
        }
    }

    pub(super) fn mean(&self) -> Residuals {
        let hours = self.moments.iter().zip(&self.weights);
        Residuals {
            y: hours.map(|(moment, weight)| moment / weight).collect(),
            variance: self.weights.iter().map(|weight| 1.0 / weight).collect(),
        }
    }
}

/// How far one server moved at the time of a common change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Move {
    /// ln of after over before.
    pub(super) size: f64,
    /// Its standard error.
    pub(super) error: f64,
}

/// Which members a common change of `size` is a change of; `None` if it is none of most of them, or only of one.
pub(super) fn taking_part(size: f64, moves: &[Move]) -> Option<Vec<bool>> {
    let moving = moves
        .iter()
        .filter(|member| member.size > MOVING_SIZE * size)
        .count();
    if (moving as f64) < MOVING_SHARE * moves.len() as f64 || !others_agree(moves) {
        return None;
    }
    let takes_part = |member: &Move| {
        member.size > TAKES_PART * size
            || (member.size > 0.0 && member.size + CONSISTENT_Z * member.error >= size)
    };
    Some(moves.iter().map(takes_part).collect())
}

/// What the members that take part moved together: the pool itself, of clipped hours, tells large changes from none but not how large.
pub(super) fn common_move(moves: &[Move], takes_part: &[bool]) -> Move {
    let taking_part = || {
        moves
            .iter()
            .zip(takes_part)
            .filter(|(_, takes_part)| **takes_part)
            .map(|(member, _)| member)
    };
    let weight: f64 = taking_part().map(|member| member.error.powi(-2)).sum();
    let moment: f64 = taking_part()
        .map(|member| member.size * member.error.powi(-2))
        .sum();
    Move {
        size: moment / weight,
        error: weight.powf(-0.5),
    }
}

/// Whether the change is still there without the member that says most about it.
fn others_agree(moves: &[Move]) -> bool {
    let evidence = |member: &Move| member.size / (member.error * member.error);
    let strongest = (0..moves.len()).max_by(|&a, &b| {
        let z = |i: usize| moves[i].size / moves[i].error;
        z(a).total_cmp(&z(b)).then(b.cmp(&a))
    });
    let others = || {
        moves
            .iter()
            .enumerate()
            .filter(|(i, _)| Some(*i) != strongest)
            .map(|(_, member)| member)
    };
    let weight: f64 = others().map(|member| 1.0 / (member.error * member.error)).sum();
    let sum: f64 = others().map(evidence).sum();
    sum > OTHERS_Z * weight.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled(members: [&Measured; 2]) -> Residuals {
        let mut pool = Pool::new(members[0].y.len());
        members.into_iter().for_each(|rows| pool.add(rows));
        pool.mean()
    }

    #[test]
    fn hours_are_weighted_by_what_they_know() {
        let member = |y: [f64; 3], precision: f64| Measured {
            y: y.to_vec(),
            z: y.map(|y| if y.is_nan() { 0.0 } else { y * precision }).to_vec(),
            precision: y.map(|y| if y.is_nan() { 0.0 } else { precision }).to_vec(),
        };
        let (known, vague) = (
            member([0.3, 0.0, f64::NAN], 2.0),
            member([0.0, 0.3, f64::NAN], 1.0),
        );
        let pool = pooled([&known, &vague]);
        assert!((pool.y[0] - 0.24).abs() < 1e-12 && (pool.y[1] - 0.06).abs() < 1e-12);
        assert!((pool.variance[0] - 0.2).abs() < 1e-12);
        assert!(pool.y[2].is_nan() && pool.variance[2].is_infinite());
    }

    #[test]
    fn one_wild_server_moves_the_pool_by_three_deviations() {
        let member = |y, z| Measured {
            y: vec![y],
            z: vec![z],
            precision: vec![10.0],
        };
        let (wild, calm) = (member(5.0, 3.0), member(0.0, 0.0));
        assert!((pooled([&wild, &calm]).y[0] - 0.15).abs() < 1e-12);
    }

    fn check(sizes: &[f64], error: f64, expect: Option<&[bool]>) {
        let moves: Vec<Move> = sizes.iter().map(|&size| Move { size, error }).collect();
        let size = sizes.iter().sum::<f64>() / sizes.len() as f64;
        assert_eq!(taking_part(size, &moves).as_deref(), expect, "{sizes:?}");
    }

    #[test]
    fn a_change_everywhere_is_told_from_a_change_on_one() {
        check(&[0.2, 0.18, 0.22, 0.2, 0.2], 0.03, Some(&[true; 5]));
        check(
            &[0.2, 0.2, 0.2, 0.2, 0.0],
            0.03,
            Some(&[true, true, true, true, false]),
        );
        // One moved; the rest scatter around nothing.
        check(&[1.0, 0.03, -0.03, 0.02, 0.0], 0.03, None);
        // One moved so far that the mean would do, and the others are measured badly: three of five move by chance.
        check(&[0.7, 0.09, 0.09, 0.0, 0.0], 0.2, None);
        // All are measured badly, but they agree.
        check(
            &[0.2, 0.15, 0.25, 0.05, 0.2],
            0.08,
            Some(&[true, true, true, false, true]),
        );
        check(&[], 0.1, None);
    }

    #[test]
    fn the_common_move_is_that_of_those_that_take_part() {
        let moves = [(1.2, 0.1), (0.9, 0.2), (0.0, 0.1)].map(|(size, error)| Move { size, error });
        let common = common_move(&moves, &[true, true, false]);
        assert!(
            (common.size - 1.14).abs() < 1e-12 && (common.error - 125f64.powf(-0.5)).abs() < 1e-12,
            "{common:?}"
        );
    }
}
