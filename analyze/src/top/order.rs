//! What queries can be ordered by, and the first of them in that order. Ties go to the lower fingerprint, so that a ranking never
//! depends on the order in which queries arrive.

use std::cmp::Ordering;
use std::str::FromStr;

use serde::Serialize;

use super::Ranked;
use crate::error::AnalyzeError;

/// What queries are ordered by, largest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TopOrder {
    /// Durations of all executions together, also of those that were not logged because the server logs one in so many.
    #[default]
    TotalTime,
    /// Executions, also those that were not logged.
    Calls,
    /// Mean duration.
    Mean,
    /// 95th percentile of durations.
    P95,
    /// 99th percentile of durations.
    P99,
    /// Longest duration.
    Max,
    /// Time waited for locks.
    LockTime,
    /// Rows returned.
    RowsSent,
    /// Rows read.
    RowsExamined,
    /// Rows read for each row returned.
    RowsExaminedPerRowSent,
}

impl TopOrder {
    /// Every order.
    pub const ALL: [TopOrder; 10] = [
        TopOrder::TotalTime,
        TopOrder::Calls,
        TopOrder::Mean,
        TopOrder::P95,
        TopOrder::P99,
        TopOrder::Max,
        TopOrder::LockTime,
        TopOrder::RowsSent,
        TopOrder::RowsExamined,
        TopOrder::RowsExaminedPerRowSent,
    ];

    /// The name that commands and reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            TopOrder::TotalTime => "total_time",
            TopOrder::Calls => "calls",
            TopOrder::Mean => "mean",
            TopOrder::P95 => "p95",
            TopOrder::P99 => "p99",
            TopOrder::Max => "max",
            TopOrder::LockTime => "lock_time",
            TopOrder::RowsSent => "rows_sent",
            TopOrder::RowsExamined => "rows_examined",
            TopOrder::RowsExaminedPerRowSent => "rows_examined_per_row_sent",
        }
    }

    /// How two queries follow each other. What is unknown comes last.
    fn compare(self, a: &Ranked, b: &Ranked) -> Ordering {
        let by = |measure: fn(&Ranked) -> Option<i64>| measure(b).cmp(&measure(a));
        let order = match self {
            TopOrder::TotalTime => by(|query| Some(query.estimated_total_us)),
            TopOrder::Calls => by(|query| Some(query.estimated_calls)),
            TopOrder::Mean => by(Ranked::mean_us),
            TopOrder::P95 => by(|query| query.percentile(0.95)),
            TopOrder::P99 => by(|query| query.percentile(0.99)),
            TopOrder::Max => by(|query| query.max_us),
            TopOrder::LockTime => by(|query| query.lock_time_us),
            TopOrder::RowsSent => by(|query| query.rows_sent),
            TopOrder::RowsExamined => by(|query| query.rows_examined),
            TopOrder::RowsExaminedPerRowSent => {
                let ratio = |query: &Ranked| query.rows_examined_per_row_sent().unwrap_or(f64::NEG_INFINITY);
                ratio(b).total_cmp(&ratio(a))
            }
        };
        // As unsigned, which is the order of the printed digits.
        order.then((a.fingerprint as u64).cmp(&(b.fingerprint as u64)))
    }
}

impl FromStr for TopOrder {
    type Err = AnalyzeError;

    fn from_str(text: &str) -> Result<TopOrder, AnalyzeError> {
        let found = TopOrder::ALL.into_iter().find(|order| order.as_str() == text);
        found.ok_or_else(|| AnalyzeError::Order {
            text: text.to_owned(),
            known: TopOrder::ALL.map(TopOrder::as_str).join(", "),
        })
    }
}

/// The first queries in an order, out of any number.
#[derive(Debug)]
pub(super) struct Ranking {
    order: TopOrder,
    limit: usize,
    kept: Vec<Ranked>,
}

/// A ranking is cut back when it has grown to so many times its limit.
const SLACK: usize = 4;
const KEPT_MIN: usize = 256;

impl Ranking {
    pub(super) fn new(order: TopOrder, limit: usize) -> Ranking {
        Ranking {
            order,
            limit,
            kept: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, query: Ranked) {
        self.kept.push(query);
        if self.kept.len() >= self.limit.saturating_mul(SLACK).max(KEPT_MIN) {
            self.cut();
        }
    }

    pub(super) fn finish(mut self) -> Vec<Ranked> {
        self.cut();
        self.kept
    }

    fn cut(&mut self) {
        self.kept.sort_unstable_by(|a, b| self.order.compare(a, b));
        self.kept.truncate(self.limit);
    }
}
