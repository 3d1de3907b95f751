//! The queries of a summary as CSV, one row each, or the table of one section: numbers raw, with a header.

use crate::render::section::{ALL, Cell, panels};
use crate::summary::Summary;

/// The table of the section that is asked for (its first, where it has several), or the queries.
pub(crate) fn render(summary: &Summary, sections: &[String]) -> anyhow::Result<String> {
    match sections.first() {
        Some(name) if name != ALL => section(summary, name),
        _ => queries(summary),
    }
}

/// A section that has nothing to say is empty, header and all.
fn section(summary: &Summary, name: &str) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let panel = panels(&summary.sections)
        .into_iter()
        .find(|panel| panel.name == name);
    if let Some(table) = panel.and_then(|panel| panel.tables.into_iter().next()) {
        writer.write_record(table.columns.iter().map(|(name, _)| name))?;
        for row in &table.rows {
            writer.write_record(row.iter().map(Cell::raw))?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// Columns are named as in the JSON.
fn queries(summary: &Summary) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "rank",
        "fingerprint",
        "dialect",
        "verb",
        "tables",
        "calls",
        "total_us",
        "estimated_calls",
        "estimated_total_us",
        "share",
        "min_us",
        "max_us",
        "p50_us",
        "p95_us",
        "p99_us",
        "lock_time_us",
        "rows_sent",
        "rows_examined",
        "normalized",
        "example",
    ])?;
    let optional = |value: Option<i64>| value.map(|n| n.to_string()).unwrap_or_default();
    for query in &summary.queries {
        writer.write_record([
            query.rank.to_string(),
            query.fingerprint.clone(),
            query.dialect.clone(),
            query.verb.clone(),
            query.tables.join(" "),
            query.calls.to_string(),
            query.total_us.to_string(),
            query.estimated_calls.to_string(),
            query.estimated_total_us.to_string(),
            query.share.to_string(),
            query.min_us.to_string(),
            query.latency.max_us.to_string(),
            query.latency.p50_us.to_string(),
            query.latency.p95_us.to_string(),
            query.latency.p99_us.to_string(),
            optional(query.lock_time_us),
            optional(query.rows_sent),
            optional(query.rows_examined),
            query.normalized.clone(),
            query.example.clone(),
        ])?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
