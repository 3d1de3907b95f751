//! The report `lag`: how old what replicas have is, when that was too much, and why.

use std::fmt::Write as _;

use clap::Args;
use slowlake_analyze::{
    BurnAlert, EpisodeFinding, LagReport, LagRequest, ReplicaLag, SlotRisk, SourceLag, SuspectFinding, lag,
    parse_length, parse_time,
};
use slowlake_sql::Session;

use crate::command::window::WindowArguments;
use crate::render::OutputFormat;
use crate::render::document::{Document, Section};
use crate::render::quantity::{bytes, count, duration, percent, plural, time};
use crate::render::section::Cell;
use crate::report::{Drawing, Job, Made, Remark, ReportError, draw};

#[derive(Debug, Args)]
pub(crate) struct LagOptions {
    #[command(flatten)]
    window: WindowArguments,
    /// Say what could be known then, for example 2026-11-16 or 2026-11-16T08:00:00Z [default: the lake's last sample]
    #[arg(long, value_name = "T")]
    as_of: Option<String>,
    /// More staleness than this is too much
    #[arg(long, value_name = "LENGTH", default_value = "10s")]
    threshold: String,
    /// The part of all minutes that should be without too much of it, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 99.9, value_parser = objective)]
    objective: f64,
    /// Only replicas of this server's name; may be given several times
    #[arg(long, value_name = "NAME")]
    server: Vec<String>,
}

fn objective(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number
        .filter(|number| (0.0..100.0).contains(number))
        .ok_or_else(|| "it is a part of a hundred, such as 99.9".to_owned())
}

impl Job for LagOptions {
    const FORMS: &'static [OutputFormat] = &[
        OutputFormat::Text,
        OutputFormat::Json,
        OutputFormat::Markdown,
        OutputFormat::Html,
    ];

    async fn make(&self, session: &Session, drawing: &Drawing<'_>) -> Result<Made, ReportError> {
        let request = LagRequest {
            window: self.window.resolve().map_err(ReportError::Option)?,
            as_of_us: self.as_of.as_deref().map(parse_time).transpose()?,
            threshold_us: parse_length(&self.threshold)?,
            target: self.objective / 100.0,
            servers: self.server.clone(),
        };
        let report = lag(session, &request).await?;
        let remark = report.replicas.is_empty().then_some(Remark {
            kind: "error",
            text: "no sample of a replica in this window of the lake",
            hint: Some("have [[source.postgres]] and [[source.mysql]] of slowlake run ask the source and its replicas"),
        });
        let made = match drawing.form {
            OutputFormat::Text => Made::new(text(&report)),
            _ => draw("lag", &report, &page(&report, drawing.lake), drawing)?,
        };
        Ok(made.with_remark(remark))
    }
}

/// A table with its title, the same for every form.
struct Table {
    title: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

fn tables(report: &LagReport) -> Vec<Table> {
    vec![
        Table {
            title: "replicas",
            head: vec![
                "replica",
                "source",
                "now",
                "p50",
                "p95",
                "p99",
                "max",
                "fresh",
                "budget",
                "unknown",
                "vendor's zeros",
            ],
            rows: report.replicas.iter().map(replica_row).collect(),
        },
        Table {
            title: "episodes",
            head: vec![
                "begin",
                "length",
                "replica",
                "peak",
                "cause",
                "hit",
                "not received",
                "not applied",
                "writes",
                "first suspect",
            ],
            rows: report.episodes.iter().map(episode_row).collect(),
        },
        Table {
            title: "sources",
            head: vec!["source", "replicas", "writes", "lost if it dies", "at worst"],
            rows: report.sources.iter().map(source_row).collect(),
        },
        Table {
            title: "slots",
            head: vec!["server", "slot", "keeps", "read", "state", "lost in"],
            rows: report.slots.iter().map(slot_row).collect(),
        },
    ]
}

fn replica_row(replica: &ReplicaLag) -> Vec<String> {
    let objective = &replica.objective;
    let alert = match objective.alert {
        Some(BurnAlert::Page) => ", burns fast",
        Some(BurnAlert::Ticket) => ", burns",
        None => "",
    };
    let name = match replica.delay_us {
        0 => replica.replica.clone(),
        delay_us => format!("{} (told to stay {} behind)", replica.replica, duration(delay_us)),
    };
    vec![
        name,
        named(&replica.source),
        known(replica.last_us),
        known(replica.p50_us),
        known(replica.p95_us),
        known(replica.p99_us),
        known(replica.max_us),
        percent(objective.good_share),
        format!("{}{alert}", budget(objective.budget_used)),
        plural(objective.unknown_minutes, "minute"),
        plural(replica.vendor.false_zero, "minute"),
    ]
}

/// What is used of what is allowed; far beyond it, a percentage says nothing to anybody.
fn budget(used: f64) -> String {
    if used < BUDGET_PERCENT_MAX {
        percent(used)
    } else {
        format!("{used:.0} ×")
    }
}

const BUDGET_PERCENT_MAX: f64 = 10.0;

fn episode_row(finding: &EpisodeFinding) -> Vec<String> {
    let episode = &finding.episode;
    let open = if episode.is_open { ", goes on" } else { "" };
    let rhythm = finding
        .rhythm_us
        .map_or_else(String::new, |us| format!(" every {}", duration(us)));
    vec![
        time(episode.start_us),
        format!("{}{open}", duration(episode.end_us - episode.start_us)),
        finding.replica.clone(),
        duration(episode.peak_us),
        format!("{}{rhythm}", finding.cause.words()),
        format!("{} of {}", finding.replicas_hit, finding.replicas),
        size(finding.receive_gap_bytes),
        size(finding.apply_gap_bytes),
        finding
            .write_ratio
            .map_or_else(String::new, |ratio| format!("{ratio:.1} × usual")),
        finding.suspects.first().map_or_else(String::new, suspect),
    ]
}

fn suspect(suspect: &SuspectFinding) -> String {
    let name = suspect.fingerprint.as_ref().or(suspect.statement_id.as_ref());
    let name = name.map_or("all others", String::as_str);
    let text: String = suspect
        .normalized
        .iter()
        .flat_map(|text| text.chars())
        .take(SUSPECT_CHARACTERS)
        .collect();
    format!("{} {name} {text}", percent(suspect.share))
        .trim_end()
        .to_owned()
}

/// What is shown of the text of a suspect.
const SUSPECT_CHARACTERS: usize = 60;

fn source_row(source: &SourceLag) -> Vec<String> {
    let rate = source
        .bytes_per_s
        .map_or_else(unknown, |rate| format!("{}/s", size(Some(rate))));
    vec![
        named(&source.source),
        count(source.replicas as i64),
        rate,
        known(source.rpo_us),
        known(source.rpo_max_us),
    ]
}

fn slot_row(slot: &SlotRisk) -> Vec<String> {
    let active = match slot.is_active {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    };
    vec![
        named(&slot.server),
        slot.slot.clone(),
        size(slot.retained_bytes),
        active.to_owned(),
        slot.wal_status.clone().unwrap_or_else(unknown),
        slot.lost_in_us.map_or_else(|| "never".to_owned(), duration),
    ]
}

fn known(us: Option<i64>) -> String {
    us.map_or_else(unknown, duration)
}

fn size(n: Option<i64>) -> String {
    n.map_or_else(unknown, |n| bytes(u64::try_from(n).unwrap_or(0)))
}

fn named(name: &Option<String>) -> String {
    name.clone().unwrap_or_else(|| "(not sampled)".to_owned())
}

fn unknown() -> String {
    "?".to_owned()
}

/// What the figures are about.
fn headline(report: &LagReport) -> String {
    let moment = |us: Option<i64>| us.map_or_else(|| "never".to_owned(), time);
    format!(
        "Replication from {} to {} UTC: staleness on the source's clock, too much from {} on, objective {} of all minutes",
        moment(report.from_us),
        moment(report.to_us),
        duration(report.threshold_us),
        percent(report.target),
    )
}

/// For a terminal: all rows and all columns in full, which those who scroll and `grep` want of it.
fn text(report: &LagReport) -> String {
    let mut text = headline(report) + "\n";
    for table in tables(report) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{}: ", table.title);
        if table.rows.is_empty() {
            text += "none\n";
            continue;
        }
        let _ = writeln!(text, "{}", table.rows.len());
        let head: Vec<String> = table.head.iter().map(|name| (*name).to_owned()).collect();
        let width = |column: usize| {
            let cells = table
                .rows
                .iter()
                .chain([&head])
                .map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        for row in [&head].into_iter().chain(&table.rows) {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            let _ = writeln!(text, "  {}", cells.join("  ").trim_end());
        }
    }
    text
}

fn page(report: &LagReport, lake: &str) -> Document {
    let section = |table: Table| {
        let rows = table.rows.into_iter();
        let rows = rows.map(|row| row.into_iter().map(Cell::Text).collect());
        let mut section = Section::new(table.title, table.title);
        section.table("", &table.head, rows.collect(), "None.");
        section
    };
    Document {
        title: "slowlake lag".to_owned(),
        about: vec![format!("lake {lake}"), headline(report)],
        sections: tables(report).into_iter().map(section).collect(),
        ..Document::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::document;

    #[test]
    fn an_empty_report_says_so() {
        let report = LagReport {
            threshold_us: 10_000_000,
            target: 0.999,
            ..LagReport::default()
        };
        let expect = "Replication from never to never UTC: staleness on the source's clock, too much from 10.0 s on, \
                      objective 99.9 % of all minutes\n\nreplicas: none\n\nepisodes: none\n\nsources: none\n\nslots: none\n";
        assert_eq!(text(&report), expect);
        let markdown = document::markdown(&page(&report, "lake"));
        assert!(markdown.contains("## episodes\n\nNone.\n"), "{markdown}");
    }

    #[test]
    fn an_objective_is_a_part_of_a_hundred() {
        assert_eq!(objective("99.95"), Ok(99.95));
        assert!(objective("100").is_err() && objective("-1").is_err() && objective("x").is_err());
    }
}
