//! The report `regressions` as plain data, and what it claims as findings to be recorded. Computes nothing.

use serde::Serialize;
use slowlake_store::FindingRow;

use super::causes::{Cause, Changed};
use super::evidence::Subject;
use super::tails::ShareChange;
use crate::findings::{Finding, kept, state_at};

/// The name under which findings are recorded.
const JOB: &str = "regressions";
/// An hour, µs.
pub(super) const HOUR_US: i64 = 3_600_000_000;

/// What changed in the last week.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RegressionsReport {
    /// The hours before this were known, µs since 1970 UTC; `None` if the lake has no execution.
    pub as_of_us: Option<i64>,
    /// The first hour that was looked at, µs since 1970 UTC.
    pub first_hour_us: Option<i64>,
    /// Whether there were two weeks of hours, without which there is no verdict.
    pub has_history: bool,
    /// How many queries on how many servers were looked at: each of them as often as it ran on one.
    pub series: usize,
    /// Queries that take longer, the most extra load first.
    pub regressions: Vec<QueryChange>,
    /// Queries that take less long, the most saved load first.
    pub improvements: Vec<QueryChange>,
    /// Servers all of whose queries changed, the largest change first.
    pub servers: Vec<WholeServer>,
    /// Queries that were not there before, heaviest first.
    pub new_queries: Vec<QueryAppearance>,
    /// Queries that have stopped, heaviest first.
    pub vanished_queries: Vec<QueryAppearance>,
    /// Queries that are written differently, those that gained most load first; they are neither new nor gone.
    pub rewritten_queries: Vec<RewrittenQuery>,
    /// Queries whose slowest executions became slower although the others did not.
    pub slower_tails: Vec<ShareChange>,
    /// Queries that fail more often.
    pub more_errors: Vec<ShareChange>,
}

/// A query that takes longer, or less long, than before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryChange {
    /// The server; `None` is unknown.
    pub server: Option<String>,
    /// The query, 16 hex digits.
    pub fingerprint: String,
    /// Its text, if the lake has it.
    pub normalized: Option<String>,
    /// Begin of the first hour of the change, µs since 1970 UTC.
    pub onset_us: i64,
    /// When a daily look first could tell, µs since 1970 UTC.
    pub found_us: i64,
    /// How much longer an execution takes: 0.2 is 20 %.
    pub effect: f64,
    /// The least that it is, 90 % sure.
    pub effect_low: f64,
    /// The most that it is, 90 % sure.
    pub effect_high: f64,
    /// The chance of so clear a change where there is none.
    pub p_value: f64,
    /// On how many servers the query changed at once; 1 for this one alone.
    pub servers: usize,
    /// Average active sessions more than before.
    pub extra_sessions: f64,
    /// The same as a share of all query time of the server.
    pub server_share: f64,
    /// What that amounts to: `high`, `medium`, `low` or `negligible`.
    pub severity: &'static str,
    /// What the number of executions adds to the query's time, µs an hour, against the same hours a week before.
    pub calls_us_per_hour: Option<f64>,
    /// What their durations add, µs an hour.
    pub latency_us_per_hour: Option<f64>,
    /// Whether it was gone again in the day before the report.
    pub has_recovered: bool,
    /// What may have caused it, the likeliest first; of those changes alone that weigh most.
    pub causes: Vec<Cause>,
    /// What is recorded of it: `open`, `acknowledged`, `muted` or `resolved`; `None` if it is not recorded.
    pub state: Option<String>,
}

impl QueryChange {
    pub(super) fn subject(&self) -> Subject {
        Subject {
            server: self.server.clone(),
            fingerprint: self.fingerprint_number(),
            onset_us: self.onset_us,
            effect: self.effect,
            extra_us: self.extra_sessions * HOUR_US as f64,
        }
    }

    fn fingerprint_number(&self) -> i64 {
        number_of(&self.fingerprint)
    }

    fn finding(&self, kind: &'static str, as_of_us: i64) -> Finding {
        Finding {
            job: JOB,
            kind,
            server: self.server.clone(),
            fingerprint: Some(self.fingerprint_number()),
            subject: self
                .normalized
                .clone()
                .unwrap_or_else(|| self.fingerprint.clone()),
            from_us: self.onset_us,
            as_of_us,
            claim: format!("an execution takes {:+.0} %", 100.0 * self.effect),
            effect: Some(self.effect),
            confidence: Some(1.0 - self.p_value),
            evidence: evidence(self),
            is_resolved: self.has_recovered,
        }
    }
}

impl WholeServer {
    pub(super) fn changed(&self) -> Changed {
        Changed {
            server: self.server.clone(),
            onset_us: self.onset_us,
        }
    }

    fn finding(&self, as_of_us: i64) -> Finding {
        Finding {
            job: JOB,
            kind: "server_changed",
            server: self.server.clone(),
            fingerprint: None,
            subject: "all queries of the server".to_owned(),
            from_us: self.onset_us,
            as_of_us,
            claim: format!("executions take {:+.0} %", 100.0 * self.effect),
            effect: Some(self.effect),
            confidence: Some(1.0 - self.p_value),
            evidence: evidence(self),
            is_resolved: false,
        }
    }
}

impl QueryAppearance {
    fn finding(&self, kind: &'static str, as_of_us: i64) -> Finding {
        let word = if kind == "new_query" { "new" } else { "gone" };
        Finding {
            job: JOB,
            kind,
            server: self.server.clone(),
            fingerprint: Some(number_of(&self.fingerprint)),
            subject: self
                .normalized
                .clone()
                .unwrap_or_else(|| self.fingerprint.clone()),
            from_us: self.at_us,
            as_of_us,
            claim: format!("the query is {word}"),
            effect: None,
            confidence: None,
            evidence: evidence(self),
            is_resolved: false,
        }
    }
}

impl RewrittenQuery {
    fn finding(&self, as_of_us: i64) -> Finding {
        Finding {
            claim: format!("written differently; it was {} before", self.old.fingerprint),
            evidence: evidence(self),
            kind: "rewritten_query",
            ..self.new.finding("new_query", as_of_us)
        }
    }
}

impl ShareChange {
    fn finding(&self, kind: &'static str, as_of_us: i64) -> Finding {
        let what = if kind == "more_errors" {
            "fail"
        } else {
            "take longer than 99 % used to"
        };
        Finding {
            job: JOB,
            kind,
            server: self.server.clone(),
            fingerprint: Some(number_of(&self.fingerprint)),
            subject: self
                .normalized
                .clone()
                .unwrap_or_else(|| self.fingerprint.clone()),
            from_us: self.from_us,
            as_of_us,
            claim: format!("{:.1} % of the executions {what}", 100.0 * self.after),
            effect: Some(self.after / self.before - 1.0),
            confidence: Some(1.0 - self.p_value),
            evidence: evidence(self),
            is_resolved: false,
        }
    }
}

/// What a finding says of itself in the report, as JSON; but not its state, which it is no evidence of.
fn evidence(finding: &impl Serialize) -> String {
    let mut value = serde_json::to_value(finding).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("state");
    }
    value.to_string()
}

/// A fingerprint as reports print it.
fn number_of(hex: &str) -> i64 {
    u64::from_str_radix(hex, 16).unwrap_or_default() as i64
}

/// A server all of whose queries changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WholeServer {
    /// The server; `None` is unknown.
    pub server: Option<String>,
    /// Begin of the first hour of the change, µs since 1970 UTC.
    pub onset_us: i64,
    /// When a daily look first could tell, µs since 1970 UTC.
    pub found_us: i64,
    /// How much longer executions take; below zero is less long.
    pub effect: f64,
    /// The chance of so clear a change where there is none.
    pub p_value: f64,
    /// What may have caused it, the likeliest first.
    pub causes: Vec<Cause>,
}

/// A query that is new, or gone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryAppearance {
    /// The server; `None` is unknown.
    pub server: Option<String>,
    /// The query, 16 hex digits.
    pub fingerprint: String,
    /// Its text, if the lake has it.
    pub normalized: Option<String>,
    /// Begin of its first hour, or end of its last, µs since 1970 UTC.
    pub at_us: i64,
    /// Executions an hour since, or until then.
    pub calls_per_hour: f64,
    /// Average active sessions since, or until then.
    pub sessions: f64,
}

/// A query that another has taken the place of: on the same server and tables, doing the same, as often.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RewrittenQuery {
    /// As it was.
    pub old: QueryAppearance,
    /// As it is.
    pub new: QueryAppearance,
    /// Average active sessions more than before.
    pub extra_sessions: f64,
}

impl RegressionsReport {
    /// What the report claims, to be recorded.
    pub fn findings(&self) -> Vec<Finding> {
        let Some(as_of_us) = self.as_of_us else {
            return Vec::new();
        };
        let changes = [("slower", &self.regressions), ("faster", &self.improvements)];
        let changes = changes
            .into_iter()
            .flat_map(|(kind, changes)| changes.iter().map(move |change| change.finding(kind, as_of_us)));
        let servers = self.servers.iter().map(|server| server.finding(as_of_us));
        let appearances = [
            ("new_query", &self.new_queries),
            ("vanished_query", &self.vanished_queries),
        ];
        let appearances = appearances
            .into_iter()
            .flat_map(|(kind, queries)| queries.iter().map(move |query| query.finding(kind, as_of_us)));
        let rewritten = self.rewritten_queries.iter().map(|query| query.finding(as_of_us));
        let shares = [
            ("slower_tail", &self.slower_tails),
            ("more_errors", &self.more_errors),
        ];
        let shares = shares
            .into_iter()
            .flat_map(|(kind, changes)| changes.iter().map(move |change| change.finding(kind, as_of_us)));
        let queries = changes.chain(appearances).chain(rewritten).chain(shares);
        queries.chain(servers).collect()
    }

    pub(super) fn look_up_states(&mut self, known: &[FindingRow]) {
        let Some(as_of_us) = self.as_of_us else { return };
        let changes = [
            ("slower", &mut self.regressions),
            ("faster", &mut self.improvements),
        ];
        for (kind, changes) in changes {
            for change in changes {
                let row = kept(known, &change.finding(kind, as_of_us));
                change.state = row.map(|row| state_at(row, as_of_us).to_owned());
            }
        }
    }

    pub(super) fn keep_servers(&mut self, names: &[String]) {
        let is_wanted = |server: &Option<String>| {
            names.is_empty() || server.as_ref().is_some_and(|server| names.contains(server))
        };
        self.regressions.retain(|change| is_wanted(&change.server));
        self.improvements.retain(|change| is_wanted(&change.server));
        self.servers.retain(|change| is_wanted(&change.server));
        self.new_queries.retain(|query| is_wanted(&query.server));
        self.vanished_queries.retain(|query| is_wanted(&query.server));
        self.rewritten_queries
            .retain(|query| is_wanted(&query.new.server));
    }
}
