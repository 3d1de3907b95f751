//! What the detector has found, in the form that the report tells: recorded in the lake by its daily runs, or, where nothing is recorded and
//! the fleet is small, looked for now. Both are read from the same evidence. Decides nothing.

use serde::Serialize;
use serde_json::Value;
use slowlake_sql::Session;
use slowlake_store::FindingRow;

use crate::error::AnalyzeError;
use crate::findings::{Finding, known_findings, state_at};
use crate::regressions::{RegressionsRequest, regressions};
use crate::window::TimeWindow;

/// Queries on servers up to which the report looks for changes itself; beyond, that takes longer than a report may.
const SERIES_MAX: usize = 2_000;
/// The detector needs two weeks of hours.
const HISTORY_US: i64 = 14 * 86_400_000_000;
/// The name under which the detector records.
const JOB: &str = "regressions";

/// Changes that the detector found in the week.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FoundChanges {
    /// Whether they were recorded by earlier runs; else they were looked for now.
    pub is_recorded: bool,
    /// The detector knew the hours before this, µs since 1970 UTC.
    pub as_of_us: i64,
    /// Queries that take longer, the most extra load first.
    pub regressions: Vec<FoundChange>,
    /// Queries that take less long, the most saved load first.
    pub improvements: Vec<FoundChange>,
    /// Servers all of whose queries changed, the largest change first.
    pub servers: Vec<FoundServer>,
}

/// A query that takes longer, or less long, than before.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FoundChange {
    /// The server; `None` is unknown.
    pub server: Option<String>,
    /// The query, 16 hexadecimal digits.
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
    /// On how many servers the query changed at once.
    pub servers: i64,
    /// Average active sessions more than before.
    pub extra_sessions: f64,
    /// The same as a share of all query time of the server.
    pub server_share: f64,
    /// `high`, `medium`, `low` or `negligible`.
    pub severity: String,
    /// What the number of executions adds to the query's time, µs an hour.
    pub calls_us_per_hour: Option<f64>,
    /// What their durations add, µs an hour.
    pub latency_us_per_hour: Option<f64>,
    /// What may have caused it, the likeliest first, in words.
    pub causes: Vec<String>,
    /// Whether it was gone again at the end of the week.
    pub has_recovered: bool,
    /// What is recorded of it: `open`, `acknowledged`, `muted` or `resolved`; `None` if it is not recorded.
    pub state: Option<String>,
    /// Who said so last, and what.
    pub note: Option<String>,
}

/// A server all of whose queries changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FoundServer {
    /// The server; `None` is unknown.
    pub server: Option<String>,
    /// Begin of the first hour of the change, µs since 1970 UTC.
    pub onset_us: i64,
    /// When a daily look first could tell, µs since 1970 UTC.
    pub found_us: i64,
    /// How much longer executions take; below zero is less long.
    pub effect: f64,
    /// What may have caused it, the likeliest first, in words.
    pub causes: Vec<String>,
}

/// What was found in the week, of a lake with so many queries on servers and executions since `first_us`; `None` where nobody looked.
pub(super) async fn found(
    session: &Session,
    week: TimeWindow,
    series: usize,
    first_us: Option<i64>,
) -> Result<Option<FoundChanges>, AnalyzeError> {
    let known = known_findings(session).await?;
    if let Some(recorded) = recorded(&known, week) {
        return Ok(Some(recorded));
    }
    let has_history = first_us.is_some_and(|first_us| week.end_us() - first_us >= HISTORY_US);
    if series > SERIES_MAX || !has_history {
        return Ok(None);
    }
    let request = RegressionsRequest {
        as_of_us: Some(week.end_us()),
        servers: Vec::new(),
    };
    let report = regressions(session, &request).await?;
    let mut changes = FoundChanges {
        as_of_us: week.end_us(),
        ..FoundChanges::default()
    };
    for finding in report.findings() {
        let Finding {
            kind,
            evidence,
            is_resolved,
            ..
        } = &finding;
        changes.add(kind, &read(evidence), |change| {
            change.has_recovered = *is_resolved
        });
    }
    Ok(Some(changes.sorted()))
}

/// What runs of the detector in and just behind the week have recorded that began in it; `None` if there was no such run.
fn recorded(known: &[FindingRow], week: TimeWindow) -> Option<FoundChanges> {
    let in_week = |us: i64| (week.begin_us()..=week.end_us()).contains(&us);
    let rows = known.iter().filter(|row| row.job == JOB && in_week(row.as_of_us));
    let mut changes = FoundChanges {
        is_recorded: true,
        as_of_us: rows.clone().map(|row| row.as_of_us).max()?,
        ..FoundChanges::default()
    };
    for row in rows {
        changes.add(&row.kind, &read(&row.evidence), |change| {
            let state = state_at(row, week.end_us());
            change.has_recovered |= state == "resolved";
            change.state = Some(state.to_owned());
            change.note = match (&row.changed_by, &row.note) {
                (Some(by), Some(note)) => Some(format!("{by}: {note}")),
                (by, note) => by.clone().or(note.clone()),
            };
        });
    }
    Some(changes.sorted())
}

/// Evidence that cannot be read says nothing.
fn read(evidence: &str) -> Value {
    serde_json::from_str(evidence).unwrap_or_default()
}

impl FoundChanges {
    fn add(&mut self, kind: &str, evidence: &Value, more: impl FnOnce(&mut FoundChange)) {
        let list = match kind {
            "slower" => &mut self.regressions,
            "faster" => &mut self.improvements,
            "server_changed" => {
                self.servers.push(FoundServer {
                    server: text(evidence, "server"),
                    onset_us: whole(evidence, "onset_us"),
                    found_us: whole(evidence, "found_us"),
                    effect: number(evidence, "effect"),
                    causes: causes(evidence),
                });
                return;
            }
            _ => return,
        };
        let mut change = FoundChange::read(evidence);
        more(&mut change);
        list.push(change);
    }

    fn sorted(mut self) -> FoundChanges {
        for list in [&mut self.regressions, &mut self.improvements] {
            list.sort_by(|a, b| {
                let key = |change: &FoundChange| {
                    (change.fingerprint.clone(), change.server.clone(), change.onset_us)
                };
                let load = |change: &FoundChange| change.extra_sessions.abs();
                load(b).total_cmp(&load(a)).then_with(|| key(a).cmp(&key(b)))
            });
        }
        self.servers.sort_by(|a, b| {
            let size = |server: &FoundServer| server.effect.abs();
            size(b).total_cmp(&size(a)).then_with(|| a.server.cmp(&b.server))
        });
        self
    }
}

impl FoundChange {
    /// From the evidence of a finding.
    fn read(evidence: &Value) -> FoundChange {
        FoundChange {
            server: text(evidence, "server"),
            fingerprint: text(evidence, "fingerprint").unwrap_or_default(),
            normalized: text(evidence, "normalized"),
            onset_us: whole(evidence, "onset_us"),
            found_us: whole(evidence, "found_us"),
            effect: number(evidence, "effect"),
            effect_low: number(evidence, "effect_low"),
            effect_high: number(evidence, "effect_high"),
            servers: whole(evidence, "servers"),
            extra_sessions: number(evidence, "extra_sessions"),
            server_share: number(evidence, "server_share"),
            severity: text(evidence, "severity").unwrap_or_default(),
            calls_us_per_hour: evidence["calls_us_per_hour"].as_f64(),
            latency_us_per_hour: evidence["latency_us_per_hour"].as_f64(),
            causes: causes(evidence),
            has_recovered: evidence["has_recovered"].as_bool().unwrap_or_default(),
            state: None,
            note: None,
        }
    }
}

/// Causes in words.
fn causes(evidence: &Value) -> Vec<String> {
    let cause = |cause: &Value| {
        let hours = whole(cause, "hours_before");
        Some(format!("{}, {hours} h before", text(cause, "what")?))
    };
    evidence["causes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(cause)
        .collect()
}

fn text(evidence: &Value, key: &str) -> Option<String> {
    evidence[key].as_str().map(str::to_owned)
}

fn whole(evidence: &Value, key: &str) -> i64 {
    evidence[key].as_i64().unwrap_or_default()
}

fn number(evidence: &Value, key: &str) -> f64 {
    evidence[key].as_f64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_US: i64 = 86_400_000_000;

    fn row(kind: &str, as_of_us: i64, effect: f64, state: &str) -> FindingRow {
        FindingRow {
            job: JOB.to_owned(),
            kind: kind.to_owned(),
            as_of_us,
            evidence: format!(
                r#"{{"server":"db-1","fingerprint":"00000000000000aa","onset_us":5,"effect":{effect},"extra_sessions":{effect},"severity":"low","servers":2,
                    "causes":[{{"kind":"deploy","what":"deploy of 4.2","hours_before":1}}]}}"#
            ),
            state: state.to_owned(),
            ..FindingRow::default()
        }
    }

    #[test]
    fn what_is_recorded_of_the_week_is_told() {
        let week = TimeWindow::new(7 * DAY_US, 14 * DAY_US).expect("a week");
        let known = [
            row("slower", 14 * DAY_US, 0.2, "open"),
            row("slower", 9 * DAY_US, 0.5, "resolved"),
            row("slower", 6 * DAY_US, 0.9, "open"),
            row("faster", 8 * DAY_US, -0.4, "acknowledged"),
            row("server_changed", 8 * DAY_US, 1.0, "open"),
            row("new_query", 8 * DAY_US, 0.0, "open"),
        ];
        let found = recorded(&known, week).expect("there were runs");
        let effects =
            |changes: &[FoundChange]| changes.iter().map(|change| change.effect).collect::<Vec<_>>();
        assert_eq!(
            (effects(&found.regressions), effects(&found.improvements)),
            (vec![0.5, 0.2], vec![-0.4])
        );
        assert_eq!((found.as_of_us, found.servers.len()), (14 * DAY_US, 1));
        let first = &found.regressions[0];
        assert_eq!(
            (first.has_recovered, first.state.as_deref(), first.servers),
            (true, Some("resolved"), 2)
        );
        assert_eq!(first.causes, ["deploy of 4.2, 1 h before"]);
        assert_eq!(recorded(&known[2..3], week), None);
    }
}
