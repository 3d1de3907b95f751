//! What is planted into the six weeks, and where: the truth that reports are held against.

use serde_json::{Value, json};

use super::model::{Month, Query};
use super::{DAYS, HOUR_US, LAST_WEEK_HOUR, START_US};

/// Something that happens to one query on the servers of its service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    pub(crate) what: What,
    /// Number of the query.
    pub(crate) query: usize,
    /// The first hour of it.
    pub(crate) from_hour: usize,
    /// The hour behind its last.
    pub(crate) to_hour: usize,
    /// How many of the clusters that run the query have it; the first ones.
    pub(crate) clusters: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum What {
    /// Executions take so many times as long.
    Latency(f64),
    /// There are so many times as many.
    Calls(f64),
    /// There are so many times as many more each week.
    Growth(f64),
    /// There are none.
    Absent,
}

/// An hour within the last week.
const fn hour(day: usize, hour: usize) -> usize {
    LAST_WEEK_HOUR + day * 24 + hour
}

const END: usize = DAYS * 24;
const EVERYWHERE: usize = usize::MAX;

const fn change(what: What, query: usize, hours: (usize, usize), clusters: usize) -> Change {
    Change {
        what,
        query,
        from_hour: hours.0,
        to_hour: hours.1,
        clusters,
    }
}

/// Everything that is planted but the incident. Queries are numbered service by service, twenty of each, by frequency.
pub(crate) const CHANGES: [Change; 16] = [
    // Regressions of the last week.
    change(What::Latency(2.4), 1, (hour(1, 14), END), EVERYWHERE),
    change(What::Latency(1.6), 22, (hour(2, 9), END), EVERYWHERE),
    change(What::Latency(3.0), 43, (hour(1, 3), END), 2),
    change(What::Latency(1.35), 60, (hour(2, 16), END), EVERYWHERE),
    change(What::Latency(1.8), 84, (hour(0, 21), END), 3),
    change(What::Latency(2.2), 105, (hour(3, 11), END), 1),
    // One that was there last week and is mended.
    change(
        What::Latency(2.0),
        121,
        (hour(1, 10) - 168, hour(1, 6)),
        EVERYWHERE,
    ),
    // Improvements.
    change(What::Latency(0.5), 23, (hour(1, 8), END), EVERYWHERE),
    change(What::Latency(0.6), 144, (hour(2, 12), END), 4),
    // More calls, at the same speed.
    change(What::Calls(1.7), 61, (hour(1, 7), END), EVERYWHERE),
    // A deploy: two queries come, two go.
    change(What::Absent, 5, (0, hour(1, 9)), EVERYWHERE),
    change(What::Absent, 47, (0, hour(1, 9)), EVERYWHERE),
    change(What::Absent, 8, (hour(1, 9), END), EVERYWHERE),
    change(What::Absent, 129, (hour(3, 9), END), EVERYWHERE),
    // Growth that no day stands out of.
    change(What::Growth(1.06), 81, (0, END), EVERYWHERE),
    change(What::Growth(1.04), 141, (0, END), EVERYWHERE),
];

/// One server on which everything takes so many times as long, from an hour on for some hours.
pub(crate) const INCIDENT: (usize, usize, usize, f64) = (17, hour(4, 10), 5, 3.0);

/// The truth as JSON.
pub(crate) fn truth(month: &Month) -> Value {
    let changes = CHANGES.iter().filter(|change| change.query < month.queries.len());
    let changes: Vec<Value> = changes.map(|change| told(month, change)).collect();
    let (server, from_hour, hours, factor) = INCIDENT;
    json!({
        "servers": month.servers,
        "first_us": START_US,
        "end_us": START_US + END as i64 * HOUR_US,
        "changes": changes,
        "incident": {
            "server": super::rows::server_name(server),
            "from_us": us(from_hour),
            "to_us": us(from_hour + hours),
            "factor": factor,
        },
        "weeks": month.weeks().iter().map(|(calls, total_us)| json!({ "calls": calls, "total_us": total_us })).collect::<Vec<_>>(),
    })
}

fn told(month: &Month, change: &Change) -> Value {
    let query: &Query = &month.queries[change.query];
    let (kind, factor) = match change.what {
        What::Latency(factor) if factor > 1.0 && change.to_hour < END => ("mended", factor),
        What::Latency(factor) if factor > 1.0 => ("regression", factor),
        What::Latency(factor) => ("improvement", factor),
        What::Calls(factor) => ("calls", factor),
        What::Growth(factor) => ("growth", factor),
        What::Absent if change.from_hour == 0 => ("new", 1.0),
        What::Absent => ("gone", 1.0),
    };
    let servers: Vec<String> = (0..month.servers)
        .filter(|server| month.runs(*server, change.query) && month.has(*server, change))
        .map(super::rows::server_name)
        .collect();
    json!({
        "kind": kind,
        "fingerprint": format!("{:016x}", query.fingerprint),
        "normalized": query.normalized,
        "factor": factor,
        "from_us": us(change.from_hour),
        "to_us": us(change.to_hour),
        "servers": servers,
    })
}

fn us(hour: usize) -> i64 {
    START_US + hour as i64 * HOUR_US
}
