//! The summary as JSON. The keys are a contract: names and meanings stay, new ones may come.

use serde_json::{Map, Value, json};

use crate::summary::{Breakdown, Coverage, Query, Summary};

/// One JSON document, indented, with a line end.
pub(crate) fn render(summary: &Summary) -> anyhow::Result<String> {
    let document = json!({
        "report": summary.title,
        "inputs": summary.inputs,
        "read_from": summary.read_from.map(|(name, _)| name),
        "servers": summary.servers,
        "first_us": summary.window.map(|window| window.0),
        "last_us": summary.window.map(|window| window.1),
        "calls": summary.calls,
        "total_us": summary.total_us,
        "estimated_calls": summary.estimated_calls,
        "estimated_total_us": summary.estimated_total_us,
        "nested_calls": summary.nested.0,
        "nested_us": summary.nested.1,
        "p50_us": summary.latency.p50_us,
        "p95_us": summary.latency.p95_us,
        "p99_us": summary.latency.p99_us,
        "max_us": summary.latency.max_us,
        "timeline": summary.timeline.iter().map(|slot| json!({
            "start_us": slot.start_us, "length_us": slot.length_us, "calls": slot.calls, "total_us": slot.total_us,
        })).collect::<Vec<_>>(),
        "by": breakdowns(&summary.by),
        "order": summary.order,
        "queries": summary.queries.iter().map(query).collect::<Vec<_>>(),
        "queries_left_out": summary.left_out.0,
        "sections": serde_json::to_value(&summary.sections)?,
        "ledger": ledger(&summary.coverage),
    });
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

/// The books, as `digest` and `ingest` print them.
pub(crate) fn ledger(coverage: &Coverage) -> Value {
    let tallies = |list: &[(String, u64, u64)]| {
        let each = |(name, records, bytes): &(String, u64, u64)| {
            (name.clone(), json!({ "records": records, "bytes": bytes }))
        };
        Value::Object(list.iter().map(each).collect::<Map<_, _>>())
    };
    json!({
        "bytes": coverage.bytes,
        "bytes_parsed": coverage.bytes_parsed,
        "bytes_rejected": coverage.bytes_rejected,
        "bytes_skipped": coverage.bytes_skipped,
        "entries": { "query": coverage.executions, "log": coverage.logs },
        "rejects": coverage.rejects,
        "filtered": { "query": coverage.filtered.0, "log": coverage.filtered.1 },
        "parsed": tallies(&coverage.parsed),
        "rejected": tallies(&coverage.rejected),
        "rejected_shapes": tallies(&coverage.rejected_shapes),
        "skipped": tallies(&coverage.skipped),
    })
}

fn query(query: &Query) -> Value {
    json!({
        "rank": query.rank,
        "fingerprint": query.fingerprint,
        "dialect": query.dialect,
        "normalized": query.normalized,
        "verb": query.verb,
        "tables": query.tables,
        "calls": query.calls,
        "total_us": query.total_us,
        "estimated_calls": query.estimated_calls,
        "estimated_total_us": query.estimated_total_us,
        "nested_calls": query.nested_calls,
        "share": query.share,
        "min_us": query.min_us,
        "max_us": query.latency.max_us,
        "p50_us": query.latency.p50_us,
        "p95_us": query.latency.p95_us,
        "p99_us": query.latency.p99_us,
        "lock_time_us": query.lock_time_us,
        "rows_sent": query.rows_sent,
        "rows_examined": query.rows_examined,
        "first_us": query.first_us,
        "last_us": query.last_us,
        "by": breakdowns(&query.by),
        "example": query.example,
        "example_at": query.example_at,
        "parameters": query.parameters,
    })
}

fn breakdowns(by: &[Breakdown]) -> Value {
    let parts = |breakdown: &Breakdown| {
        let part = |part: &crate::summary::Part| json!({ "name": part.name, "calls": part.calls, "total_us": part.total_us });
        breakdown.parts.iter().map(part).collect::<Vec<_>>()
    };
    Value::Object(
        by.iter()
            .map(|breakdown| (breakdown.name.to_owned(), Value::Array(parts(breakdown))))
            .collect(),
    )
}
