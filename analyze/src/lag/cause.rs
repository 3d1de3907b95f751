//! What held a replica up in an episode, from what moved in it and what did not: rules in a fixed order, of which the first that fits says it.

use serde::Serialize;

/// A source that writes so much more than usual makes replicas fall behind by itself.
const BURST_RATIO: f64 = 1.5;
/// What moved less than this part of what its source did stands still.
const STANDS_STILL: f64 = 0.02;
/// So many episodes, each as long after the one before, are a rhythm,
const RHYTHM_EPISODES_MIN: usize = 3;
/// if their distances are within this part of their mean.
const RHYTHM_TOLERANCE: f64 = 0.1;

/// What held a replica up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LagCause {
    /// It is told to stay behind, and is not further behind than that.
    ConfiguredDelay,
    /// It receives, and does not apply: paused, stopped by an error, in conflict with a query, or at one long transaction.
    ApplyStalled,
    /// It does not receive, or not fast enough: network, log-in, disk, a stopped receiver.
    Transport,
    /// The source wrote much more than usual.
    WriteBurst,
    /// It alone applies more slowly than the source writes: its disk, its processor, its queries.
    ReplicaLocal,
    /// The source writes much more than usual at a fixed rhythm.
    BatchJob,
    /// Nothing that is known fits.
    Unexplained,
}

impl LagCause {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            LagCause::ConfiguredDelay => "configured delay",
            LagCause::ApplyStalled => "apply stalled",
            LagCause::Transport => "transport",
            LagCause::WriteBurst => "write burst",
            LagCause::ReplicaLocal => "replica too slow",
            LagCause::BatchJob => "batch job",
            LagCause::Unexplained => "unexplained",
        }
    }
}

/// What is known of the rise of an episode: from shortly before its begin to its worst moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Evidence {
    /// How far the source moved, bytes.
    pub(super) source_bytes: i64,
    /// How far what the replica received did; `None` is unknown.
    pub(super) received_bytes: Option<i64>,
    /// How far what it applied did.
    pub(super) applied_bytes: i64,
    /// At the worst moment, what the source had and the replica had not received, bytes.
    pub(super) receive_gap_bytes: Option<i64>,
    /// At the worst moment, what it had received and not applied, bytes.
    pub(super) apply_gap_bytes: Option<i64>,
    /// The part of the samples in which the receiver said that it does not run, 0 to 1.
    pub(super) receiver_down: f64,
    /// The part of the samples in which the applier said that it does not run, or waits for a query.
    pub(super) applier_down: f64,
    /// What the source wrote per second over what it usually does; `None` where what is usual is not known.
    pub(super) write_ratio: Option<f64>,
    /// Replicas of the source that had an episode at the same time, this one too.
    pub(super) replicas_hit: usize,
    /// Replicas of the source.
    pub(super) replicas: usize,
}

/// What held a replica up that was staler than it is told to be.
pub(super) fn cause(evidence: &Evidence) -> LagCause {
    let part = |bytes: i64| bytes as f64 / (evidence.source_bytes.max(1)) as f64;
    let receive_gap = evidence.receive_gap_bytes.unwrap_or(0);
    let apply_gap = evidence.apply_gap_bytes.unwrap_or(0);
    let receives_nothing = evidence
        .received_bytes
        .is_some_and(|bytes| part(bytes) < STANDS_STILL);
    let lacks_transport = evidence.receiver_down > 0.5 || (receives_nothing && receive_gap > apply_gap);
    if evidence.applier_down > 0.5 && !(lacks_transport && apply_gap < receive_gap) {
        return LagCause::ApplyStalled;
    }
    if lacks_transport {
        return LagCause::Transport;
    }
    if part(evidence.applied_bytes) < STANDS_STILL {
        return LagCause::ApplyStalled;
    }
    let most_are_hit = 2 * evidence.replicas_hit > evidence.replicas;
    if most_are_hit && evidence.write_ratio.is_some_and(|ratio| ratio > BURST_RATIO) {
        return LagCause::WriteBurst;
    }
    if receive_gap > apply_gap {
        return LagCause::Transport;
    }
    if evidence.replicas_hit < evidence.replicas || evidence.replicas == 1 {
        return LagCause::ReplicaLocal;
    }
    LagCause::Unexplained
}

/// The time between episodes that begin at these moments, µs, if they keep a rhythm.
pub(super) fn rhythm_us(starts_us: &[i64]) -> Option<i64> {
    if starts_us.len() < RHYTHM_EPISODES_MIN {
        return None;
    }
    let span_us = starts_us[starts_us.len() - 1] - starts_us[0];
    let mean_us = span_us / (starts_us.len() as i64 - 1);
    let is_near =
        |pair: &[i64]| ((pair[1] - pair[0] - mean_us).abs() as f64) <= RHYTHM_TOLERANCE * mean_us as f64;
    starts_us.windows(2).all(is_near).then_some(mean_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of two replicas that fell a minute behind while the source wrote 1000 bytes as usual, and got and applied half of it.
    const USUAL: Evidence = Evidence {
        source_bytes: 1_000,
        received_bytes: Some(1_000),
        applied_bytes: 500,
        receive_gap_bytes: Some(0),
        apply_gap_bytes: Some(500),
        receiver_down: 0.0,
        applier_down: 0.0,
        write_ratio: Some(1.0),
        replicas_hit: 1,
        replicas: 2,
    };

    #[track_caller]
    fn check(expect: LagCause, change: impl FnOnce(&mut Evidence)) {
        let mut evidence = USUAL;
        change(&mut evidence);
        assert_eq!(cause(&evidence), expect);
    }

    #[test]
    fn what_does_not_apply() {
        check(LagCause::ApplyStalled, |it| {
            (it.applied_bytes, it.apply_gap_bytes) = (0, Some(1_000));
        });
        check(LagCause::ApplyStalled, |it| it.applier_down = 1.0);
        // Both threads stopped: it has what it does not apply.
        check(LagCause::ApplyStalled, |it| {
            (it.applier_down, it.receiver_down) = (1.0, 1.0);
            (it.receive_gap_bytes, it.apply_gap_bytes) = (Some(100), Some(900));
        });
    }

    #[test]
    fn what_does_not_receive() {
        check(LagCause::Transport, |it| {
            (it.received_bytes, it.applied_bytes) = (Some(0), 0);
            (it.receive_gap_bytes, it.apply_gap_bytes) = (Some(1_000), Some(0));
        });
        check(LagCause::Transport, |it| {
            (it.receiver_down, it.received_bytes) = (1.0, None)
        });
        // Too thin a line.
        check(LagCause::Transport, |it| {
            (it.receive_gap_bytes, it.apply_gap_bytes) = (Some(500), Some(0));
        });
    }

    #[test]
    fn what_is_too_much_for_all_or_for_one() {
        check(LagCause::WriteBurst, |it| {
            (it.replicas_hit, it.write_ratio) = (2, Some(3.0));
        });
        check(LagCause::WriteBurst, |it| {
            (it.replicas_hit, it.replicas, it.write_ratio) = (2, 3, Some(3.0));
        });
        check(LagCause::ReplicaLocal, |it| it.write_ratio = Some(3.0));
        check(LagCause::ReplicaLocal, |_| {});
        check(LagCause::ReplicaLocal, |it| {
            (it.replicas, it.write_ratio) = (1, None)
        });
        check(LagCause::Unexplained, |it| it.replicas_hit = 2);
    }

    #[test]
    fn a_rhythm_is_three_alike() {
        assert_eq!(rhythm_us(&[0, 100, 200, 305]), Some(101));
        assert_eq!(rhythm_us(&[0, 100]), None);
        assert_eq!(rhythm_us(&[0, 100, 250, 300]), None);
    }
}
