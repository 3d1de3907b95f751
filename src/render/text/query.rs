//! One query for a terminal: its numbers, where it comes from, and what it looks like.

use std::fmt::Write;

use super::{Page, bars, parts, printable, right};
use crate::render::markdown::shorten;
use crate::render::quantity::{count, duration, percent, plural, time};
use crate::summary::Query;

/// Width of the numbers before a query's text.
const NUMBERS_WIDTH: usize = 71;
/// Lines of an example that are shown, unless in full.
const EXAMPLE_LINES: usize = 6;

/// Users, applications and so on of a query.
const PARTS: usize = 2;
/// The same of one that is shown in full.
const PARTS_IN_FULL: usize = 20;

impl Page<'_> {
    pub(super) fn query(&mut self, query: &Query) -> std::fmt::Result {
        let room = self.style.columns.saturating_sub(NUMBERS_WIDTH + 3).max(20);
        let headline = shorten(&headline(query), room);
        let latency = &query.latency;
        let headline = self.strong(&headline);
        writeln!(
            self.out,
            "{:>3} {} {} {} {} {} {} {}  {headline}",
            query.rank,
            right(&percent(query.share), 8),
            right(&duration(query.total_us), 10),
            right(&count(query.calls), 10),
            right(&duration(latency.p50_us), 8),
            right(&duration(latency.p95_us), 8),
            right(&duration(latency.p99_us), 8),
            right(&duration(latency.max_us), 10),
        )?;
        let facts = self.facts(query).join("   ");
        if self.style.in_full {
            self.wrapped("    ", &facts)?;
        } else {
            let facts = self.faint(&shorten(&printable(&facts), self.style.columns.saturating_sub(4)));
            writeln!(self.out, "    {facts}")?;
        }
        self.statement(query)
    }

    /// What else is known of a query: a little, or all of it.
    fn facts(&self, query: &Query) -> Vec<String> {
        let mut facts = vec![
            query.fingerprint.clone(),
            format!("{} 10 µs … 100 s", bars(&query.decades)),
        ];
        if query.estimated_calls != query.calls {
            facts.push(format!(
                "in fact about {}, {}",
                plural(query.estimated_calls, "call"),
                duration(query.estimated_total_us)
            ));
        }
        if query.nested_calls > 0 {
            facts.push(format!("{} of them inside routines", count(query.nested_calls)));
        }
        facts.extend(rows(query));
        if self.style.in_full {
            facts.push(format!("min {}", duration(query.min_us)));
            facts.extend(query.lock_time_us.map(|us| format!("lock time {}", duration(us))));
            facts.extend(query.first_us.map(|us| format!("first {} UTC", time(us))));
            facts.extend(query.last_us.map(|us| format!("last {} UTC", time(us))));
        }
        let most = if self.style.in_full { PARTS_IN_FULL } else { PARTS };
        for breakdown in &query.by {
            let few = parts(breakdown, most);
            if !few.is_empty() {
                facts.push(format!("{} {few}", breakdown.name));
            }
        }
        facts
    }

    fn statement(&mut self, query: &Query) -> std::fmt::Result {
        let width = self.style.columns.saturating_sub(4);
        if self.style.in_full {
            self.wrapped("    ", &query.normalized)?;
            writeln!(
                self.out,
                "    slowest, {}, at {}:",
                duration(query.latency.max_us),
                query.example_at
            )?;
        }
        let lines: Vec<&str> = query
            .example
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.trim().is_empty())
            .collect();
        let shown = if self.style.in_full {
            lines.len()
        } else {
            lines.len().min(EXAMPLE_LINES)
        };
        for (at, line) in lines[..shown].iter().enumerate() {
            let line = printable(line);
            let more = if at + 1 == shown && shown < lines.len() {
                " …"
            } else {
                ""
            };
            let line = if self.style.in_full {
                line
            } else {
                shorten(&line, width - more.len())
            };
            writeln!(self.out, "    {line}{more}")?;
        }
        if self.style.in_full && !query.parameters.is_empty() {
            self.wrapped("    ", &format!("parameters: {}", query.parameters))?;
        }
        Ok(())
    }
}

/// Verb and tables when they say it, else the normalized text.
fn headline(query: &Query) -> String {
    if query.tables.is_empty() || query.verb.is_empty() {
        return printable(&query.normalized);
    }
    let preposition = match query.verb.as_str() {
        "SELECT" | "DELETE" => "FROM ",
        "INSERT" | "REPLACE" | "MERGE" => "INTO ",
        _ => "",
    };
    let details = query
        .normalized
        .split_once(" WHERE ")
        .map(|(_, rest)| format!(" WHERE {rest}"))
        .unwrap_or_default();
    printable(&format!(
        "{} {preposition}{}{details}",
        query.verb,
        query.tables.join(", ")
    ))
}

fn rows(query: &Query) -> Option<String> {
    let (sent, examined) = (query.rows_sent?, query.rows_examined?);
    let per_call = |rows: i64| count((rows as f64 / query.calls.max(1) as f64).round() as i64);
    let mut text = format!(
        "rows {} sent, {} examined a call",
        per_call(sent),
        per_call(examined)
    );
    if sent > 0 && examined / sent >= 10 {
        let _ = write!(text, " ({} : 1)", count(examined / sent));
    }
    Some(text)
}
