//! The queries of a summary as CSV: one row each, numbers raw, with a header.

use crate::summary::Summary;

/// Columns are named as in the JSON.
pub(crate) fn render(summary: &Summary) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "rank",
        "fingerprint",
        "dialect",
        "verb",
        "tables",
        "calls",
        "total_us",
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
