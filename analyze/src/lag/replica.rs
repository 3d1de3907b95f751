//! One replica over time: its samples against the curve of its source. Pure arithmetic; the engines were told apart before.

use super::cause::Evidence;
use super::episodes::Episode;
use super::objective::{Freshness, MINUTE_US};
use super::staleness::{Curve, Staleness};

/// What happened so long before an episode's first sample belongs to its cause. µs
pub(super) const ONSET_US: i64 = MINUTE_US / 2;
/// What a vendor's figure below this says is that there is no lag. µs
const ZERO_US: i64 = 1_000_000;

/// What a replica said of itself, or its source of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct ReplicaSample {
    /// µs since 1970 UTC.
    pub(super) ts_us: i64,
    /// Where on its source's curve is all that it applied.
    pub(super) applied: Option<i64>,
    /// Where on that curve is all that it received.
    pub(super) received: Option<i64>,
    /// It says that its receiver does not run.
    pub(super) receiver_down: bool,
    /// It says that its applier does not run, or that it waits for a query to end.
    pub(super) applier_down: bool,
    /// How far it is told to stay behind, µs.
    pub(super) delay_us: i64,
    /// What the vendor's figure says, µs.
    pub(super) vendor_us: Option<i64>,
}

/// A sample with what it means on the source's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measured {
    /// As it was told.
    pub(super) sample: ReplicaSample,
    /// How old what it applied is.
    pub(super) staleness: Option<Staleness>,
    /// How old what it received is: what is lost if the source is.
    pub(super) exposure: Option<Staleness>,
    /// What its source had and it had not received, bytes.
    pub(super) receive_gap_bytes: Option<i64>,
    /// What it had received and not applied, bytes.
    pub(super) apply_gap_bytes: Option<i64>,
}

/// In how many minutes the vendor's figure misleads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct VendorMinutes {
    /// It said none while the replica was too stale.
    pub false_zero: i64,
    /// It said too stale while the replica was not.
    pub false_alarm: i64,
    /// It said nothing.
    pub silent: i64,
}

/// Measures samples, which may be in any order; what is told twice of a moment counts once.
pub(super) fn measured(curve: &Curve, mut samples: Vec<ReplicaSample>) -> Vec<Measured> {
    samples.sort_unstable();
    samples.dedup_by_key(|sample| sample.ts_us);
    let measure = |sample: ReplicaSample| {
        let staleness = |position: Option<i64>| curve.staleness(sample.ts_us, position?);
        let gap = |ahead: Option<i64>, behind: Option<i64>| Some((ahead? - behind?).max(0));
        Measured {
            sample,
            staleness: staleness(sample.applied),
            exposure: staleness(sample.received),
            receive_gap_bytes: gap(curve.position_at(sample.ts_us), sample.received),
            apply_gap_bytes: gap(sample.received, sample.applied),
        }
    };
    samples.into_iter().map(measure).collect()
}

/// `(µs since 1970 UTC, staleness in µs)` where it is known.
pub(super) fn known(measured: &[Measured]) -> Vec<(i64, i64)> {
    let known = |it: &Measured| Some((it.sample.ts_us, it.staleness?.us));
    measured.iter().filter_map(known).collect()
}

/// The same beyond the delay that is configured.
pub(super) fn beyond_delay(measured: &[Measured]) -> Vec<(i64, i64)> {
    let beyond = |it: &Measured| Some((it.sample.ts_us, (it.staleness?.us - it.sample.delay_us).max(0)));
    measured.iter().filter_map(beyond).collect()
}

/// How fresh the replica was, beyond the delay that is configured, for its objective.
pub(super) fn freshness(measured: &[Measured]) -> Vec<Freshness> {
    let fresh = |it: &Measured| Freshness {
        ts_us: it.sample.ts_us,
        staleness_us: it
            .staleness
            .filter(|staleness| staleness.is_exact)
            .map(|staleness| (staleness.us - it.sample.delay_us).max(0)),
    };
    measured.iter().map(fresh).collect()
}

/// What is known of the rise of an episode of this replica. `usual_bytes_per_s` is what the source writes otherwise.
pub(super) fn evidence(
    measured: &[Measured],
    curve: &Curve,
    episode: &Episode,
    usual_bytes_per_s: Option<f64>,
) -> Evidence {
    let (from_us, to_us) = (episode.start_us - ONSET_US, episode.peak_at_us);
    let inside = |it: &&Measured| (from_us..=to_us).contains(&it.sample.ts_us);
    let rise: Vec<&Measured> = measured.iter().filter(inside).collect();
    let stale: Vec<&&Measured> = rise
        .iter()
        .filter(|it| it.sample.ts_us >= episode.start_us)
        .collect();
    let moved = |position: fn(&ReplicaSample) -> Option<i64>| {
        let mut known = rise.iter().filter_map(|it| position(&it.sample));
        let first = known.next()?;
        Some(known.next_back().unwrap_or(first) - first)
    };
    let share = |is_so: fn(&ReplicaSample) -> bool| {
        let count = stale.iter().filter(|it| is_so(&it.sample)).count();
        count as f64 / stale.len().max(1) as f64
    };
    let worst = rise.last();
    let source_bytes = curve.progress(from_us, to_us);
    let bytes_per_s = source_bytes as f64 / ((to_us - from_us) as f64 / 1e6);
    Evidence {
        source_bytes,
        received_bytes: moved(|sample| sample.received),
        applied_bytes: moved(|sample| sample.applied).unwrap_or(0),
        receive_gap_bytes: worst.and_then(|it| it.receive_gap_bytes),
        apply_gap_bytes: worst.and_then(|it| it.apply_gap_bytes),
        receiver_down: share(|sample| sample.receiver_down),
        applier_down: share(|sample| sample.applier_down),
        write_ratio: usual_bytes_per_s
            .filter(|usual| *usual > 0.0)
            .map(|usual| bytes_per_s / usual),
        replicas_hit: 1,
        replicas: 1,
    }
}

/// In how many minutes the vendor's figure said something else than the source's clock.
pub(super) fn vendor_minutes(measured: &[Measured], threshold_us: i64) -> VendorMinutes {
    let mut minutes = VendorMinutes::default();
    let mut rest = measured;
    while let Some(first) = rest.first() {
        let minute = first.sample.ts_us.div_euclid(MINUTE_US);
        let end = rest.partition_point(|it| it.sample.ts_us.div_euclid(MINUTE_US) == minute);
        let (these, others) = rest.split_at(end);
        rest = others;
        let is_stale = |it: &Measured| it.staleness.is_some_and(|known| known.us > threshold_us);
        let is_fresh = |it: &Measured| {
            it.staleness
                .is_some_and(|known| known.is_exact && known.us <= threshold_us)
        };
        let said = |it: &Measured, so: fn(i64, i64) -> bool| {
            it.sample.vendor_us.is_some_and(|us| so(us, threshold_us))
        };
        let any = |is_so: &dyn Fn(&Measured) -> bool| i64::from(these.iter().any(is_so));
        minutes.false_zero += any(&|it| is_stale(it) && said(it, |us, _| us < ZERO_US));
        minutes.false_alarm += any(&|it| is_fresh(it) && said(it, |us, threshold| us > threshold));
        minutes.silent += any(&|it| it.sample.vendor_us.is_none());
    }
    minutes
}

/// The stretches of time without any of these episodes and what came shortly before them, between two moments, µs since 1970 UTC.
pub(super) fn quiet(window: (i64, i64), episodes: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut busy: Vec<(i64, i64)> = episodes
        .iter()
        .map(|(start, end)| (start - 2 * ONSET_US, *end))
        .collect();
    busy.sort_unstable();
    let (mut from, to) = window;
    let mut quiet = Vec::new();
    for (start, end) in busy {
        if start > from {
            quiet.push((from, start.min(to)));
        }
        from = from.max(end);
    }
    if from < to {
        quiet.push((from, to));
    }
    quiet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lag::staleness::SourcePoint;

    #[test]
    fn quiet_is_what_is_left() {
        const S: i64 = 1_000_000;
        assert_eq!(quiet((0, 1_000 * S), &[]), [(0, 1_000 * S)]);
        assert_eq!(
            quiet(
                (0, 1_000 * S),
                &[(500 * S, 600 * S), (100 * S, 200 * S), (150 * S, 160 * S)]
            ),
            [(0, 40 * S), (200 * S, 440 * S), (600 * S, 1_000 * S)]
        );
        assert_eq!(quiet((0, 100 * S), &[(50 * S, 200 * S)]), []);
    }

    /// The vendor's figure in seconds each minute of a replica that stopped at the begin, and the minutes in which it misleads.
    #[test]
    fn a_vendors_figure_misleads() {
        let point = |minute: i64| SourcePoint {
            ts_us: minute * MINUTE_US,
            position: minute,
        };
        let curve = Curve::new((0..10).map(point).collect());
        let check = |stops: bool, vendor: &[Option<i64>], expect: (i64, i64, i64)| {
            let samples = (0..).zip(vendor).map(|(minute, seconds)| ReplicaSample {
                ts_us: minute * MINUTE_US,
                applied: Some(if stops { 0 } else { minute }),
                vendor_us: seconds.map(|seconds| seconds * 1_000_000),
                ..ReplicaSample::default()
            });
            let found = vendor_minutes(&measured(&curve, samples.collect()), 10_000_000);
            assert_eq!((found.false_zero, found.false_alarm, found.silent), expect);
        };
        check(true, &[Some(0), Some(0), Some(120), None], (1, 0, 1));
        check(false, &[Some(0), Some(0), Some(120), None], (0, 1, 1));
    }
}
