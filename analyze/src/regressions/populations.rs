//! Step 12, the part that calls alone can tell: queries that are new and queries that are gone. No test of time is run on either.

use super::buckets::{Frame, Series, Server};
use super::window::{DAY, WEEK, Window};

/// Calls that should have come in the time a query is silent before it counts as gone: none of 20 has a chance of e⁻²⁰.
const EXPECTED_CALLS_MIN: f64 = 20.0;

/// A query that was not there before, or is there no more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Appearance {
    /// The server.
    pub server: u32,
    /// The query.
    pub fingerprint: i64,
    /// The hour of its first bucket, or the hour after its last.
    pub hour: i64,
    /// Calls an hour since, or until then.
    pub calls_per_hour: f64,
    /// Average active sessions since, or until then.
    pub sessions: f64,
}

/// Queries of a server seen in the last week for the first time, though the server was there before.
pub(super) fn new_queries(server: &Server, frame: Frame, window: &Window) -> Vec<Appearance> {
    let week = window.to - WEEK;
    let first_of_server = server.series.iter().filter_map(first_hour).min();
    if first_of_server.is_none_or(|first| first >= week) {
        return Vec::new();
    }
    let appearance = |series: &Series| {
        let first = first_hour(series).filter(|first| (week..window.to).contains(first))?;
        Some(appearance(frame, series, first, first..window.to))
    };
    server.series.iter().filter_map(appearance).collect()
}

/// Queries of a server that have been silent while it was not, for as long as at least 20 calls were due.
pub(super) fn vanished_queries(server: &Server, frame: Frame, window: &Window) -> Vec<Appearance> {
    let week = window.to - WEEK;
    let mut is_present = vec![false; window.len()];
    for series in &server.series {
        for (is_present, calls) in is_present.iter_mut().zip(&series.calls[window.hours()]) {
            *is_present |= *calls > 0.0;
        }
    }
    let appearance = |series: &Series| {
        let last = window
            .hours()
            .rev()
            .find(|&hour| series.calls[hour] > 0.0)
            .filter(|&last| last + 1 > week)?;
        let due = expected_calls(series, window, &is_present, last + 1);
        (due >= EXPECTED_CALLS_MIN).then(|| appearance(frame, series, last + 1, window.from..last + 1))
    };
    server.series.iter().filter_map(appearance).collect()
}

/// The calls that the baseline's hours of the day and week let expect from hour `from` on, in the hours the server was there.
fn expected_calls(series: &Series, window: &Window, is_present: &[bool], from: usize) -> f64 {
    let (mut calls, mut hours) = ([0.0; 2 * DAY], [0.0; 2 * DAY]);
    for at in (0..window.baseline()).filter(|&at| is_present[at]) {
        calls[window.cell(at)] += series.calls[window.from + at];
        hours[window.cell(at)] += 1.0;
    }
    let silent = (from - window.from..window.len()).filter(|&at| is_present[at]);
    silent
        .map(|at| window.cell(at))
        .filter(|&cell| hours[cell] > 0.0)
        .map(|cell| calls[cell] / hours[cell])
        .sum()
}

fn first_hour(series: &Series) -> Option<usize> {
    series.calls.iter().position(|&calls| calls > 0.0)
}

fn appearance(frame: Frame, series: &Series, at: usize, hours: std::ops::Range<usize>) -> Appearance {
    let n_hours = hours.len() as f64;
    Appearance {
        server: series.server,
        fingerprint: series.fingerprint,
        hour: frame.first_hour + at as i64,
        calls_per_hour: series.calls_in(hours.clone()) / n_hours,
        sessions: series.time_in(hours) / n_hours / 3.6e9,
    }
}

/// In the order of a report.
pub(super) fn heaviest_first(mut found: Vec<Appearance>) -> Vec<Appearance> {
    found.sort_by(|a, b| {
        b.sessions
            .total_cmp(&a.sessions)
            .then((a.server, a.fingerprint).cmp(&(b.server, b.fingerprint)))
    });
    found
}

#[cfg(test)]
mod tests {
    use super::super::buckets::{Fleet, HourBucket};
    use super::*;

    /// A query that runs all the time, and one that runs in some hours.
    fn fleet(calls: i64, runs: impl Fn(i64) -> bool) -> (Fleet, Window) {
        let bucket = |fingerprint, hour| HourBucket {
            server: 3,
            fingerprint,
            hour,
            calls,
            total_us: calls * 1000,
            sumsq_us2: calls as f64 * 1e6,
        };
        let end = 4 * WEEK as i64;
        let steady = (0..end).map(|hour| bucket(1, hour));
        let other = (0..end).filter(|&hour| runs(hour)).map(|hour| bucket(2, hour));
        let fleet = Fleet::new(steady.chain(other).collect());
        let window = Window::at(end, 0).unwrap();
        (fleet, window)
    }

    #[test]
    fn a_query_is_new_in_its_first_week() {
        let (week_four, end) = (3 * WEEK as i64, 4 * WEEK as i64);
        for (first, expect) in [
            (week_four - 1, None),
            (week_four + 50, Some(week_four + 50)),
            (end - 1, Some(end - 1)),
        ] {
            let (fleet, window) = fleet(36, |hour| hour >= first);
            let found = new_queries(&fleet.servers[0], fleet.frame, &window);
            assert_eq!(found.first().map(|query| query.hour), expect);
            assert!(
                found
                    .iter()
                    .all(|query| query.fingerprint == 2 && (query.sessions - 1e-5).abs() < 1e-12)
            );
        }
        // Of a server that is new itself, nothing is.
        let (fleet, window) = fleet(36, |_| false);
        assert!(new_queries(&fleet.servers[0], fleet.frame, &window).is_empty());
    }

    #[test]
    fn a_query_has_vanished_once_twenty_calls_are_missing() {
        let end = 4 * WEEK as i64;
        for (calls, last, expect) in [
            (1, end - 25, true),
            (1, end - 15, false),
            (30, end - 3, true),
            (30, end - WEEK as i64 - 9, false),
        ] {
            let (fleet, window) = fleet(calls, |hour| hour <= last);
            let found = vanished_queries(&fleet.servers[0], fleet.frame, &window);
            assert_eq!(
                found.first().map(|query| query.hour),
                expect.then_some(last + 1),
                "{calls} an hour until {last}"
            );
        }
        // It runs at night only, and it is day.
        let (fleet, window) = fleet(30, |hour| hour % 24 < 6);
        assert!(vanished_queries(&fleet.servers[0], fleet.frame, &window).is_empty());
    }
}
