//! Rules of rows: a query that reads many more rows than it returns lacks an index; one that returns very many lacks a limit.

use super::columns::filter_columns;
use super::plans::Shown;
use super::{AdviceCard, Claim, Subject};

/// Rows read for each row returned…
const READ_PER_SENT_MIN: f64 = 100.0;
/// …and by each execution, from which on an index is missing.
const READ_PER_CALL_MIN: f64 = 1_000.0;
/// Rows that each execution returns, from which on a limit is.
const SENT_PER_CALL_MIN: f64 = 10_000.0;
/// Rows that an index still has to read for one that is returned.
const READ_BY_INDEX: f64 = 10.0;
/// The part of a query's time that goes with the rows it reads: likely, at least, at most.
const TIME_OF_READING: [f64; 3] = [0.8, 0.4, 0.95];

/// Reads many rows and returns few.
pub(super) fn missing_index(subject: &Subject<'_>, shown: Option<&Shown>) -> Option<AdviceCard> {
    let week = &subject.query.trend.week;
    let (read, sent) = (week.rows_examined? as f64, week.rows_sent.unwrap_or(0) as f64);
    let calls = week.calls.max(1) as f64;
    // An execution that returns nothing, or changes rows, counts as one that returns one.
    let wanted = sent.max(calls);
    if read / wanted < READ_PER_SENT_MIN || read / calls < READ_PER_CALL_MIN {
        return None;
    }
    let saved = 1.0 - (READ_BY_INDEX * wanted / read).min(1.0);
    let scans = shown.map_or(0, |shown| shown.full_scans);
    let text = subject.query.text.normalized.as_deref().unwrap_or_default();
    let columns = filter_columns(text);
    let statements = match (&subject.query.text.tables[..], columns.is_empty()) {
        // With several tables the text does not say whose columns they are.
        ([table], false) => {
            let name = format!("{}_{}_idx", table.replace('.', "_"), columns.join("_"));
            let concurrently = match subject.query.text.dialect.as_deref() {
                Some("postgres") => "CONCURRENTLY ",
                _ => "",
            };
            let drop = match subject.query.text.dialect.as_deref() {
                Some("postgres") => format!("DROP INDEX CONCURRENTLY {name}"),
                _ => format!("DROP INDEX {name} ON {table}"),
            };
            Some((
                format!(
                    "CREATE INDEX {concurrently}{name} ON {table} ({})",
                    columns.join(", ")
                ),
                drop,
            ))
        }
        _ => None,
    };
    Some(subject.card(Claim {
        rule: "missing_index",
        claim: format!("reads {:.0} rows for each it returns: an index is missing", read / wanted),
        confidence: if scans > 0 { 'B' } else { 'C' },
        evidence: vec![
            ("rows read by an execution", format!("{:.0}", read / calls)),
            ("rows returned by an execution", format!("{:.1}", sent / calls)),
            ("executions or plans with a full scan", scans.to_string()),
            ("executions", week.calls.to_string()),
        ],
        gain: TIME_OF_READING.map(|share| share * saved),
        statements,
        risk: "every write to the table pays for the index; building it reads the whole table",
        verify: "sum(rows_examined) / sum(calls) AS read_per_call, sum(rows_sent) / sum(calls) AS sent_per_call, sum(total_us) / sum(calls) AS mean_us",
    }))
}

/// Returns very many rows.
pub(super) fn wide_fetch(subject: &Subject<'_>) -> Option<AdviceCard> {
    let week = &subject.query.trend.week;
    let sent = week.rows_sent? as f64 / week.calls.max(1) as f64;
    let text = subject
        .query
        .text
        .normalized
        .as_deref()
        .unwrap_or_default()
        .to_uppercase();
    if sent < SENT_PER_CALL_MIN || !text.starts_with("SELECT") || text.contains("LIMIT") {
        return None;
    }
    Some(subject.card(Claim {
        rule: "wide_fetch",
        claim: format!("returns {sent:.0} rows an execution and has no LIMIT"),
        confidence: 'C',
        evidence: vec![
            ("rows returned by an execution", format!("{sent:.0}")),
            ("executions", week.calls.to_string()),
        ],
        gain: [0.5, 0.0, 0.9],
        statements: None,
        risk: "the application has to page, or to ask for what it needs",
        verify: "sum(rows_sent) / sum(calls) AS sent_per_call, sum(total_us) / sum(calls) AS mean_us",
    }))
}
