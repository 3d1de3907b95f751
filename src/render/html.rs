//! The summary as one HTML page: no network, light and dark, printable, readable on a phone, usable without scripts.

mod sections;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::render::quantity::{bytes, count, duration, percent, plural, time};
use crate::summary::{Breakdown, Coverage, DECADES, Query, Slot, Summary};

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/sort.js");
/// Labels under the histogram of a query, one a decade.
const DECADE_LABELS: [&str; DECADES] = [
    "< 10 µs",
    "< 100 µs",
    "< 1 ms",
    "< 10 ms",
    "< 100 ms",
    "< 1 s",
    "< 10 s",
    "< 100 s",
    "≥ 100 s",
];

/// The whole page.
pub(crate) fn render(summary: &Summary) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (summary.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (summary.title) }
                    @for input in &summary.inputs { p.quiet { (input) } }
                    @if let Some((first, last)) = summary.window {
                        p.quiet { (time(first)) " → " (time(last)) " UTC, " (duration(last - first))
                            @if let Some(servers) = summary.servers_in_words() { ", " (servers) } }
                    }
                }
                main {
                    (totals(summary))
                    (timeline(&summary.timeline))
                    section.breakdowns { @for breakdown in &summary.by { (breakdown_table(breakdown)) } }
                    (overview(summary))
                    @for query in &summary.queries { (query_card(query)) }
                    (sections::sections(&summary.sections))
                    (coverage(&summary.coverage))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

fn totals(summary: &Summary) -> Markup {
    let latency = &summary.latency;
    html! {
        @if summary.is_sampled {
            p { "The server logs one execution in so many: in fact about " (plural(summary.estimated_calls, "execution")) ", "
                (duration(summary.estimated_total_us)) " database time; order and shares are by that." }
        }
        @if summary.nested.0 > 0 {
            p { (plural(summary.nested.0, "execution")) " inside stored routines whose call is logged as well: their "
                (duration(summary.nested.1)) " are not added to the database time." }
        }
        section.tiles {
            (tile("executions", &count(summary.calls)))
            (tile("query shapes", &count(summary.shapes as i64)))
            (tile("database time", &duration(summary.database_time_us())))
            (tile("p50", &duration(latency.p50_us)))
            (tile("p95", &duration(latency.p95_us)))
            (tile("p99", &duration(latency.p99_us)))
            (tile("max", &duration(latency.max_us)))
        }
    }
}

fn tile(name: &str, value: &str) -> Markup {
    html! { div.tile { span.quiet { (name) } strong { (value) } } }
}

fn timeline(slots: &[Slot]) -> Markup {
    let most = slots.iter().map(|slot| slot.total_us).max().unwrap_or(0);
    if slots.len() < 2 || most == 0 {
        return html! {};
    }
    html! {
        section {
            h2 { "Database time over time" }
            (column_chart(slots.iter().map(|slot| {
                let sessions = slot.total_us as f64 / slot.length_us as f64;
                (slot.total_us as f64 / most as f64,
                 format!("{} UTC: {}, {}, {sessions:.2} average active sessions", &time(slot.start_us)[..16], plural(slot.calls, "call"), duration(slot.total_us)))
            }), slots.len()))
            p.axis { span { (&time(slots[0].start_us)[..16]) } span { (&time(slots[slots.len() - 1].start_us)[..16]) " UTC, each bar " (duration(slots[0].length_us)) } }
        }
    }
}

/// Columns of heights 0 to 1 with their explanations.
fn column_chart(columns: impl Iterator<Item = (f64, String)>, n: usize) -> Markup {
    let width = 100.0 / n as f64;
    html! {
        svg viewBox="0 0 100 20" preserveAspectRatio="none" role="img" aria-label="bar chart" {
            @for (at, (height, explanation)) in columns.enumerate() {
                rect x=(format!("{:.3}", at as f64 * width)) y=(format!("{:.3}", 20.0 - height * 20.0))
                    width=(format!("{:.3}", width * 0.9)) height=(format!("{:.3}", height * 20.0)) { title { (explanation) } }
            }
        }
    }
}

fn breakdown_table(breakdown: &Breakdown) -> Markup {
    let total_us = breakdown.total_us();
    html! {
        div {
            h3 { "By " (breakdown.name) }
            table {
                tbody {
                    @for part in breakdown.parts.iter().take(10) {
                        tr {
                            td { @if part.name.is_empty() { "(none)" } @else { (part.name) } }
                            td.number { (percent(part.total_us as f64 / total_us.max(1) as f64)) }
                            td.number { (count(part.calls)) }
                        }
                    }
                }
            }
        }
    }
}

fn overview(summary: &Summary) -> Markup {
    html! {
        section {
            h2 { "Queries by " (summary.order) }
            div.scroll {
                table.sortable {
                    thead { tr {
                        @for name in ["#", "share", "time", "calls", "p50", "p95", "p99", "max"] { th.number scope="col" { (name) } }
                        th scope="col" { "query" }
                    } }
                    tbody {
                        @for query in &summary.queries {
                            tr {
                                td.number data-value=(query.rank) { (query.rank) }
                                td.number data-value=(query.share) { (percent(query.share)) }
                                td.number data-value=(query.total_us) { (duration(query.total_us)) }
                                td.number data-value=(query.calls) { (count(query.calls)) }
                                td.number data-value=(query.latency.p50_us) { (duration(query.latency.p50_us)) }
                                td.number data-value=(query.latency.p95_us) { (duration(query.latency.p95_us)) }
                                td.number data-value=(query.latency.p99_us) { (duration(query.latency.p99_us)) }
                                td.number data-value=(query.latency.max_us) { (duration(query.latency.max_us)) }
                                td.query { a href=(format!("#q{}", query.fingerprint)) { code { (query.normalized) } } }
                            }
                        }
                    }
                }
            }
            @if summary.left_out.0 > 0 {
                p.quiet { (plural(summary.left_out.0 as i64, "more query shape")) ", " (duration(summary.left_out.1)) " database time" }
            }
        }
    }
}

fn query_card(query: &Query) -> Markup {
    let most = query.decades.iter().copied().max().unwrap_or(0).max(1);
    html! {
        section.card id=(format!("q{}", query.fingerprint)) {
            h3 { (query.rank) ". " code { (query.fingerprint) } " " span.quiet { (query.verb) " " (query.tables.join(", ")) } }
            p { (percent(query.share)) " of the time: " (duration(query.total_us)) " in " (plural(query.calls, "call"))
                ", min " (duration(query.min_us)) ", p50 " (duration(query.latency.p50_us)) ", p95 " (duration(query.latency.p95_us))
                ", p99 " (duration(query.latency.p99_us)) ", max " (duration(query.latency.max_us)) }
            @if let (Some(sent), Some(examined)) = (query.rows_sent, query.rows_examined) {
                p { (count(sent)) " rows sent, " (count(examined)) " examined" }
            }
            @for breakdown in &query.by {
                p.quiet { (breakdown.name) ": "
                    @for (at, part) in breakdown.parts.iter().take(5).enumerate() {
                        @if at > 0 { ", " }
                        @if part.name.is_empty() { "(none)" } @else { (part.name) }
                        " " (percent(part.total_us as f64 / breakdown.total_us().max(1) as f64))
                    }
                }
            }
            figure {
                (column_chart(query.decades.iter().zip(DECADE_LABELS).map(|(calls, label)| {
                    (*calls as f64 / most as f64, format!("{label}: {}", plural(*calls, "call")))
                }), DECADES))
                figcaption.axis { @for label in DECADE_LABELS { span { (label) } } }
            }
            pre { code { (query.normalized) } }
            details {
                summary { "Slowest execution: " (duration(query.latency.max_us)) ", " (query.example_at) }
                pre { code { (query.example) } }
                @if !query.parameters.is_empty() { p { "Parameters: " code { (query.parameters) } } }
            }
        }
    }
}

fn coverage(coverage: &Coverage) -> Markup {
    html! {
        section {
            h2 { "Coverage" }
            p { (bytes(coverage.bytes)) " read: " (bytes(coverage.bytes_parsed)) " in " (plural(coverage.executions as i64, "execution"))
                " and " (plural(coverage.logs as i64, "event")) ", " (bytes(coverage.bytes_skipped)) " skipped, " (bytes(coverage.bytes_rejected)) " rejected in " (plural(coverage.rejects as i64, "piece")) "." }
            @if coverage.filtered != (0, 0) {
                p { "The filters leave out " (plural(coverage.filtered.0 as i64, "execution")) " and " (plural(coverage.filtered.1 as i64, "event")) "." }
            }
            table {
                tbody {
                    @for (name, records, n) in &coverage.parsed { tr { td { "parsed" } td { (name) } td.number { (count(*records as i64)) } td.number { (bytes(*n)) } } }
                    @for (name, records, n) in &coverage.rejected { tr { td { "rejected" } td { (name) } td.number { (count(*records as i64)) } td.number { (bytes(*n)) } } }
                    @for (name, records, n) in &coverage.skipped { tr { td { "skipped" } td { (name) } td.number { (count(*records as i64)) } td.number { (bytes(*n)) } } }
                }
            }
        }
    }
}
