//! Hour buckets as dense rows of hours, one per (server, fingerprint), server by server. Sorts and adds up what it is given, so that order
//! and duplicates do not matter; never interpolates an hour that is not there.

use std::ops::Range;

/// What one query did on one server in one hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HourBucket {
    /// The server, by a number of the caller's choice.
    pub server: u32,
    /// The query.
    pub fingerprint: i64,
    /// Hours since an epoch of the caller's choice that is a Monday at midnight in the servers' time.
    pub hour: i64,
    /// Executions that ended in the hour.
    pub calls: i64,
    /// Their summed `query_time`, µs.
    pub total_us: i64,
    /// The sum of the squares of their `query_time`, µs².
    pub sumsq_us2: f64,
}

/// One query on one server, hour by hour.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) server: u32,
    pub(super) fingerprint: i64,
    /// Calls of each hour of the fleet; 0 where there is no bucket.
    pub(super) calls: Vec<f64>,
    /// ln of the mean µs; NaN where there is no bucket or no time in it.
    pub(super) log_mean: Vec<f64>,
    /// Sum over calls of the squared relative distance from the hour's mean: what φ is pooled from.
    spread: Vec<f64>,
}

impl Series {
    /// φ, the squared coefficient of variation of single calls, pooled over the hours of `range`.
    ///
    /// Within-bucket squares over their degrees of freedom: a bucket of one call says nothing, and hours that differ in their mean do
    /// not add to it. Without any pair of calls, φ of an exponential.
    pub(super) fn relative_variance(&self, range: Range<usize>) -> f64 {
        let (mut squares, mut degrees) = (0.0, 0.0);
        for hour in range {
            if self.calls[hour] >= 2.0 && !self.log_mean[hour].is_nan() {
                squares += self.spread[hour];
                degrees += self.calls[hour] - 1.0;
            }
        }
        if degrees > 0.0 { squares / degrees } else { 1.0 }
    }

    /// Calls in the hours of `range`.
    pub(super) fn calls_in(&self, range: Range<usize>) -> f64 {
        self.calls[range].iter().sum()
    }

    /// Summed time in the hours of `range`, µs.
    pub(super) fn time_in(&self, range: Range<usize>) -> f64 {
        let timed = range.filter(|&hour| !self.log_mean[hour].is_nan());
        timed
            .map(|hour| self.calls[hour] * self.log_mean[hour].exp())
            .sum()
    }
}

/// The hours that every row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Frame {
    pub(super) first_hour: i64,
    pub(super) n_hours: usize,
}

impl Frame {
    /// The hour after the last.
    pub(super) fn end_hour(&self) -> i64 {
        self.first_hour + self.n_hours as i64
    }
}

/// Every series of one server.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) number: u32,
    /// By fingerprint.
    pub(super) series: Vec<Series>,
}

impl Server {
    /// Lays out a server's [sorted](sort) buckets; several for one hour are added up.
    pub(super) fn of(buckets: &[HourBucket], frame: Frame) -> Server {
        Server {
            number: buckets.first().map_or(0, |bucket| bucket.server),
            series: buckets
                .chunk_by(|a, b| a.fingerprint == b.fingerprint)
                .map(|rows| lay_out(rows, frame))
                .collect(),
        }
    }
}

/// Drops buckets without calls or with a time below zero and sorts the others by server, query and hour: by everything they have, so that
/// the sums of floats do not depend on the order of input.
pub(super) fn sort(buckets: &mut Vec<HourBucket>) {
    buckets.retain(|bucket| bucket.calls > 0 && bucket.total_us >= 0);
    buckets.sort_unstable_by(|a, b| {
        let key = |bucket: &HourBucket| {
            (
                bucket.server,
                bucket.fingerprint,
                bucket.hour,
                bucket.calls,
                bucket.total_us,
            )
        };
        key(a).cmp(&key(b)).then(a.sumsq_us2.total_cmp(&b.sumsq_us2))
    });
}

/// A fleet that is small enough to be held in memory: every series over the same hours.
#[derive(Debug, Clone)]
pub struct Fleet {
    pub(super) frame: Frame,
    /// By number.
    pub(super) servers: Vec<Server>,
}

impl Fleet {
    /// Lays out the buckets. Buckets without calls or with a time below zero are dropped; several for one hour are added up.
    pub fn new(mut buckets: Vec<HourBucket>) -> Fleet {
        sort(&mut buckets);
        let hours = buckets.iter().map(|bucket| bucket.hour);
        let first_hour = hours.clone().min().unwrap_or_default();
        let frame = Frame {
            first_hour,
            n_hours: hours.max().map_or(0, |last| (last - first_hour) as usize + 1),
        };
        let servers = buckets
            .chunk_by(|a, b| a.server == b.server)
            .map(|rows| Server::of(rows, frame))
            .collect();
        Fleet { frame, servers }
    }

    /// How many (server, fingerprint) there are.
    pub fn n_series(&self) -> usize {
        self.servers.iter().map(|server| server.series.len()).sum()
    }

    /// The hour after the last one that has a bucket.
    pub fn end_hour(&self) -> i64 {
        self.frame.end_hour()
    }

    /// The fingerprints that run on two servers or more, in their order.
    pub(super) fn shared(&self) -> Vec<i64> {
        let all = self.servers.iter().flat_map(|server| &server.series);
        let mut fingerprints: Vec<i64> = all.map(|series| series.fingerprint).collect();
        fingerprints.sort_unstable();
        let groups = fingerprints.chunk_by(|a, b| a == b);
        groups
            .filter(|group| group.len() >= 2)
            .map(|group| group[0])
            .collect()
    }
}

fn lay_out(rows: &[HourBucket], frame: Frame) -> Series {
    let mut series = Series {
        server: rows[0].server,
        fingerprint: rows[0].fingerprint,
        calls: vec![0.0; frame.n_hours],
        log_mean: vec![f64::NAN; frame.n_hours],
        spread: vec![0.0; frame.n_hours],
    };
    for hour in rows.chunk_by(|a, b| a.hour == b.hour) {
        let calls = hour.iter().map(|bucket| bucket.calls as f64).sum::<f64>();
        let total_us = hour.iter().map(|bucket| bucket.total_us as f64).sum::<f64>();
        let sumsq_us2 = hour.iter().map(|bucket| bucket.sumsq_us2).sum::<f64>();
        let at = (hour[0].hour - frame.first_hour) as usize;
        series.calls[at] = calls;
        if total_us > 0.0 {
            let mean_us = total_us / calls;
            series.log_mean[at] = mean_us.ln();
            series.spread[at] = (sumsq_us2 / (mean_us * mean_us) - calls).max(0.0);
        }
    }
    series
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(
        server: u32,
        fingerprint: i64,
        hour: i64,
        calls: i64,
        total_us: i64,
        sumsq_us2: f64,
    ) -> HourBucket {
        HourBucket {
            server,
            fingerprint,
            hour,
            calls,
            total_us,
            sumsq_us2,
        }
    }

    #[test]
    fn buckets_are_laid_out_by_server_and_query_and_added_up() {
        let fleet = Fleet::new(vec![
            bucket(2, 7, 12, 1, 50, 2500.0),
            bucket(1, 9, 11, 2, 100, 6000.0),
            bucket(1, 7, 10, 3, 300, 40_000.0),
            bucket(1, 9, 11, 2, 300, 46_000.0),
            bucket(1, 8, 10, 0, 0, 0.0),
            bucket(1, 8, 10, 1, -1, 0.0),
        ]);
        assert_eq!(
            (fleet.frame.first_hour, fleet.end_hour(), fleet.n_series()),
            (10, 13, 3)
        );
        let numbers: Vec<u32> = fleet.servers.iter().map(|server| server.number).collect();
        assert_eq!((numbers, fleet.shared()), (vec![1, 2], vec![7]));
        let nine = &fleet.servers[0].series[1];
        assert_eq!(
            (nine.calls.as_slice(), nine.log_mean[1]),
            (&[0.0, 4.0, 0.0][..], 100f64.ln())
        );
        assert!(nine.log_mean[0].is_nan());
        assert!((nine.time_in(0..3) - 400.0).abs() < 1e-9);
    }

    #[test]
    fn the_relative_variance_is_pooled_within_buckets() {
        // Calls of 1 and 3 in one hour, of 10 and 30 in another: variance 2 around 2, and 200 around 20; one call alone says nothing.
        let fleet = Fleet::new(vec![
            bucket(1, 1, 0, 2, 4, 10.0),
            bucket(1, 1, 1, 2, 40, 1000.0),
            bucket(1, 1, 2, 1, 500, 250_000.0),
        ]);
        assert!((fleet.servers[0].series[0].relative_variance(0..3) - 0.5).abs() < 1e-12);
        assert_eq!(fleet.servers[0].series[0].relative_variance(2..3), 1.0);
    }

    #[test]
    fn nothing_is_a_fleet_of_nothing() {
        let fleet = Fleet::new(Vec::new());
        assert_eq!((fleet.n_series(), fleet.end_hour()), (0, 0));
    }
}
