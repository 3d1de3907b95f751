//! What a report of queries says, as plain data: made by `digest` from logs and by `report top` from a lake, drawn by `render`. No
//! formatting, no computing beyond sums.

pub(crate) mod sections;

use slowlake_parse::Ledger;
use slowlake_parse::statement::Dialect;

use crate::summary::sections::Sections;

/// A report of queries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Summary {
    /// What it was made from, for its head line: `digest` or `report top`, and of what.
    pub(crate) title: String,
    /// Inputs in words, one a line.
    pub(crate) inputs: Vec<String>,
    /// What of a lake it was computed from: the name of it in JSON, and in words.
    pub(crate) read_from: Option<(&'static str, &'static str)>,
    /// Server names, when one or few.
    pub(crate) servers: Vec<String>,
    /// First and last time of an execution, µs since 1970 UTC; of an event where there is no execution.
    pub(crate) window: Option<(i64, i64)>,
    /// Executions in the log, and the sum of their times.
    pub(crate) calls: i64,
    pub(crate) total_us: i64,
    /// Both as they were, where the server logged one execution in so many; time without what is nested.
    pub(crate) estimated_calls: i64,
    pub(crate) estimated_total_us: i64,
    /// Different queries.
    pub(crate) shapes: usize,
    /// Percentiles and maximum over all executions.
    pub(crate) latency: Percentiles,
    /// Database time over time.
    pub(crate) timeline: Vec<Slot>,
    /// What the queries are ordered by, in words.
    pub(crate) order: String,
    pub(crate) queries: Vec<Query>,
    /// Queries that the limit left out: how many, and their database time in µs.
    pub(crate) left_out: (usize, i64),
    pub(crate) by: Vec<Breakdown>,
    /// What the servers say of themselves.
    pub(crate) sections: Sections,
    /// The server logged one execution in so many: order and shares are by the estimates of the queries.
    pub(crate) is_sampled: bool,
    /// Executions inside stored routines whose call is logged as well: how many, and their time in µs, which is in that of the call as well.
    pub(crate) nested: (i64, i64),
    pub(crate) coverage: Coverage,
    /// How to go on: a command and what it does.
    pub(crate) next: Vec<(String, String)>,
}

impl Summary {
    /// Time that the servers worked, µs, as far as it was logged: no time is counted twice.
    pub(crate) fn database_time_us(&self) -> i64 {
        self.total_us - self.nested.1
    }
}

/// Percentiles of query time, µs, within 1 %.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Percentiles {
    pub(crate) p50_us: i64,
    pub(crate) p95_us: i64,
    pub(crate) p99_us: i64,
    pub(crate) max_us: i64,
}

/// A piece of the timeline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    /// Its beginning, µs since 1970 UTC.
    pub(crate) start_us: i64,
    /// Its length, µs.
    pub(crate) length_us: i64,
    pub(crate) calls: i64,
    pub(crate) total_us: i64,
}

/// One query: all executions of one fingerprint.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) rank: usize,
    pub(crate) fingerprint: String,
    pub(crate) dialect: String,
    pub(crate) normalized: String,
    pub(crate) verb: String,
    pub(crate) tables: Vec<String>,
    /// Executions in the log, and their time.
    pub(crate) calls: i64,
    pub(crate) total_us: i64,
    /// Executions and time as they were, where the server logged one in so many; otherwise the same as logged.
    pub(crate) estimated_calls: i64,
    pub(crate) estimated_total_us: i64,
    /// How many of the executions were inside a stored routine whose call is logged as well.
    pub(crate) nested_calls: i64,
    /// Share (0 to 1) of the database time of the report.
    pub(crate) share: f64,
    pub(crate) min_us: i64,
    pub(crate) latency: Percentiles,
    pub(crate) rows_sent: Option<i64>,
    pub(crate) rows_examined: Option<i64>,
    pub(crate) lock_time_us: Option<i64>,
    pub(crate) first_us: Option<i64>,
    pub(crate) last_us: Option<i64>,
    /// Executions per decade of query time, from [`DECADES_FROM_US`] on; the last is open.
    pub(crate) decades: [i64; DECADES],
    pub(crate) by: Vec<Breakdown>,
    /// The statement of the slowest execution, and where it stands.
    pub(crate) example: String,
    pub(crate) example_at: String,
    /// Its parameters as the server printed them; empty when there were none.
    pub(crate) parameters: String,
}

/// Upper end of the first decade of a query's histogram, µs.
pub(crate) const DECADES_FROM_US: i64 = 10;
/// 10 µs, 100 µs, 1 ms … 100 s and more.
pub(crate) const DECADES: usize = 9;

/// The decade of a query time.
pub(crate) fn decade_of(us: i64) -> usize {
    let mut upper = DECADES_FROM_US;
    (0..DECADES - 1)
        .find(|_| {
            let fits = us < upper;
            upper *= 10;
            fits
        })
        .unwrap_or(DECADES - 1)
}

/// Calls and time by the values of one attribute.
#[derive(Debug, Clone, Default)]
pub(crate) struct Breakdown {
    /// `database`, `user`, `application`, `server`.
    pub(crate) name: &'static str,
    pub(crate) parts: Vec<Part>,
}

/// One value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) calls: i64,
    pub(crate) total_us: i64,
}

impl Breakdown {
    /// Time of all parts, µs.
    pub(crate) fn total_us(&self) -> i64 {
        self.parts.iter().map(|part| part.total_us).sum()
    }

    /// The parts in the order of their time, the largest first; ties by name.
    pub(crate) fn sorted(name: &'static str, mut parts: Vec<Part>) -> Breakdown {
        parts.sort_by(|a, b| b.total_us.cmp(&a.total_us).then_with(|| a.name.cmp(&b.name)));
        Breakdown { name, parts }
    }
}

/// A family of servers, as reports and the archive name it.
pub(crate) fn dialect_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "postgres",
        Dialect::Mysql => "mysql",
    }
}

/// What became of the bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    pub(crate) bytes: u64,
    pub(crate) bytes_parsed: u64,
    pub(crate) bytes_rejected: u64,
    pub(crate) bytes_skipped: u64,
    pub(crate) executions: u64,
    /// Events of the servers.
    pub(crate) logs: u64,
    pub(crate) rejects: u64,
    /// Executions and events that filters left out of the report.
    pub(crate) filtered: (u64, u64),
    /// Kind, records, bytes of what became entries: `query`, `step` (of an execution whose entry is elsewhere) and the kinds of events.
    pub(crate) parsed: Vec<(String, u64, u64)>,
    /// Kind, records, bytes.
    pub(crate) skipped: Vec<(String, u64, u64)>,
    /// Reason, rejects, bytes.
    pub(crate) rejected: Vec<(String, u64, u64)>,
    /// The most frequent shapes of rejected lines, letters as `a` and digits as `9`, rejects, bytes.
    pub(crate) rejected_shapes: Vec<(String, u64, u64)>,
}

impl From<&Ledger> for Coverage {
    fn from(ledger: &Ledger) -> Coverage {
        let (rejected, skipped) = (ledger.rejected_total(), ledger.skipped_total());
        Coverage {
            bytes: ledger.bytes(),
            bytes_parsed: ledger.bytes_parsed(),
            bytes_rejected: rejected.bytes,
            bytes_skipped: skipped.bytes,
            executions: ledger.executions().records,
            logs: ledger.logs_total().records,
            rejects: rejected.records,
            parsed: parsed(ledger),
            skipped: ledger
                .skipped()
                .map(|(kind, t)| (kind.name().to_owned(), t.records, t.bytes))
                .collect(),
            rejected: ledger
                .rejected()
                .map(|(reason, t)| (reason.name().to_owned(), t.records, t.bytes))
                .collect(),
            ..Coverage::default()
        }
    }
}

fn parsed(ledger: &Ledger) -> Vec<(String, u64, u64)> {
    let (executions, steps) = (ledger.executions(), ledger.steps());
    let mut list = vec![
        ("query".to_owned(), executions.records, executions.bytes),
        ("step".to_owned(), steps.records, steps.bytes),
    ];
    list.extend(
        ledger
            .logs()
            .map(|(kind, t)| (kind.name().to_owned(), t.records, t.bytes)),
    );
    list.retain(|(_, _, bytes)| *bytes > 0);
    list
}
