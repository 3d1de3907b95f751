//! The report `regressions`: what became slower, faster, new or gone, as of a point in time.

use std::fmt::Write;

use clap::Args;
use slowlake_analyze::{
    Cause, CauseKind, QueryAppearance, QueryChange, RegressionsReport, RegressionsRequest, RewrittenQuery,
    ShareChange, WholeServer, parse_time, regressions,
};
use slowlake_sql::Session;

use crate::render::OutputFormat;
use crate::render::quantity::{percent, plural, time};
use crate::report::{Drawing, Job, Made, Remark, ReportError, draw};
use crate::report_document::regressions::document as of_regressions;

#[derive(Debug, Args)]
pub(crate) struct RegressionsOptions {
    /// Say what could be known then, for example 2026-11-16 or 2026-11-16T08:00:00Z [default: the lake's last hour]
    #[arg(long, value_name = "T")]
    as_of: Option<String>,
    /// Only findings of this server; may be given several times
    #[arg(long, value_name = "NAME")]
    server: Vec<String>,
    /// Write what is found down in the lake, where `slowlake findings` and SQL have it; saying the same again changes nothing
    #[arg(long)]
    pub(super) record: bool,
}

/// Findings of one kind in a text report; all are in JSON.
const LIMIT_TEXT: usize = 20;

/// Causes of a change in a text report.
const CAUSES_TEXT: usize = 3;
/// Characters of a cause in a text report.
const CAUSE_CHARACTERS: usize = 160;

impl Job for RegressionsOptions {
    const FORMS: &'static [OutputFormat] = &[
        OutputFormat::Text,
        OutputFormat::Json,
        OutputFormat::Markdown,
        OutputFormat::Html,
    ];

    async fn make(&self, session: &Session, drawing: &Drawing<'_>) -> Result<Made, ReportError> {
        let request = RegressionsRequest {
            as_of_us: self.as_of.as_deref().map(parse_time).transpose()?,
            servers: self.server.clone(),
        };
        let report = regressions(session, &request).await?;
        let remark = (!report.has_history).then_some(Remark {
            kind: "warning",
            text: "there are less than two weeks of executions before that time: too few to tell what is usual",
            hint: None,
        });
        let made = match drawing.form {
            OutputFormat::Text => Made::new(text(&report, drawing.columns)),
            _ => draw(
                "regressions",
                &report,
                &of_regressions(&report, drawing.lake),
                drawing,
            )?,
        };
        Ok(Made {
            findings: report.findings(),
            ..made.with_remark(remark)
        })
    }
}

fn text(report: &RegressionsReport, columns: usize) -> String {
    let mut text = String::new();
    let as_of = report.as_of_us.map_or_else(|| "never".to_owned(), time);
    let since = report.first_hour_us.map_or_else(|| "never".to_owned(), time);
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "Regressions as of {as_of} UTC, of {} on a server, known since {since} UTC",
        plural_of_series(report.series)
    );
    section(&mut text, "slower", &report.regressions, |change| {
        change_line(change, columns)
    });
    section(&mut text, "faster", &report.improvements, |change| {
        change_line(change, columns)
    });
    section(
        &mut text,
        "servers that changed as a whole",
        &report.servers,
        server_line,
    );
    section(&mut text, "new queries", &report.new_queries, |query| {
        appearance_line(query, "since", columns)
    });
    section(&mut text, "vanished queries", &report.vanished_queries, |query| {
        appearance_line(query, "until", columns)
    });
    section(
        &mut text,
        "rewritten queries",
        &report.rewritten_queries,
        |query| rewritten_line(query, columns),
    );
    let what = "take longer than 99 % used to";
    section(&mut text, "slower tails", &report.slower_tails, |change| {
        share_line(change, what, columns)
    });
    section(&mut text, "more errors", &report.more_errors, |change| {
        share_line(change, "fail", columns)
    });
    text
}

fn plural_of_series(series: usize) -> String {
    match series {
        1 => "1 query".to_owned(),
        _ => format!("{series} queries"),
    }
}

fn section<T>(text: &mut String, title: &str, findings: &[T], line: impl Fn(&T) -> String) {
    let _ = writeln!(
        text,
        "\n{title}: {}",
        if findings.is_empty() {
            "none".to_owned()
        } else {
            findings.len().to_string()
        }
    );
    for finding in findings.iter().take(LIMIT_TEXT) {
        text.push_str(&line(finding));
    }
    if findings.len() > LIMIT_TEXT {
        let _ = writeln!(
            text,
            "  {} more: --output json has all",
            findings.len() - LIMIT_TEXT
        );
    }
}

fn change_line(change: &QueryChange, columns: usize) -> String {
    let others = match change.servers {
        0 | 1 => String::new(),
        servers => format!(" and on {} at once", plural(servers as i64 - 1, "other")),
    };
    let recovered = if change.has_recovered { ", gone again" } else { "" };
    let state = change
        .state
        .as_deref()
        .map_or_else(String::new, |state| format!(", {state}"));
    let causes: String = change.causes.iter().take(CAUSES_TEXT).map(cause_line).collect();
    format!(
        "  {} ({} to {}) since {} on {}{others}{recovered}{state}\n      {}; {:+.3} sessions, {} of the server; {}\n{causes}",
        signed(change.effect),
        signed(change.effect_low),
        signed(change.effect_high),
        time(change.onset_us),
        server_name(&change.server),
        change.severity,
        change.extra_sessions,
        percent(change.server_share.abs()),
        query_name(&change.fingerprint, &change.normalized, columns),
    )
}

fn cause_line(cause: &Cause) -> String {
    let before = match cause.hours_before {
        0 => "in the same hour".to_owned(),
        hours => format!("{} before", plural(hours, "hour")),
    };
    let servers = match cause.of_servers {
        1 => String::new(),
        of_servers => format!(", on {} of {of_servers} servers", cause.servers),
    };
    let what: String = cause.what.chars().take(CAUSE_CHARACTERS).collect();
    format!(
        "      perhaps: {} ({}), {before}{servers}\n",
        kind_of(cause),
        what
    )
}

fn kind_of(cause: &Cause) -> &'static str {
    match cause.kind {
        CauseKind::Ddl => "tables or indexes changed",
        CauseKind::Locks => "locks",
        CauseKind::Statistics => "old statistics",
        CauseKind::Growth => "more data",
        CauseKind::Configuration => "settings changed",
        CauseKind::Plan => "another plan",
        CauseKind::Spill => "too little memory",
        CauseKind::Version => "another version",
        CauseKind::Mark => "a mark",
        CauseKind::Restart => "the server was started",
    }
}

fn server_line(change: &WholeServer) -> String {
    let causes: String = change.causes.iter().take(CAUSES_TEXT).map(cause_line).collect();
    format!(
        "  {} since {} on {}\n{causes}",
        signed(change.effect),
        time(change.onset_us),
        server_name(&change.server)
    )
}

fn appearance_line(query: &QueryAppearance, word: &str, columns: usize) -> String {
    format!(
        "  {word} {} on {}, {:.3} sessions\n      {}\n",
        time(query.at_us),
        server_name(&query.server),
        query.sessions,
        query_name(&query.fingerprint, &query.normalized, columns),
    )
}

fn rewritten_line(query: &RewrittenQuery, columns: usize) -> String {
    let (old, new) = (&query.old, &query.new);
    format!(
        "  since {} on {}, {:+.3} sessions\n      {}\n      before {}\n",
        time(new.at_us),
        server_name(&new.server),
        query.extra_sessions,
        query_name(&new.fingerprint, &new.normalized, columns),
        query_name(&old.fingerprint, &old.normalized, columns),
    )
}

fn share_line(change: &ShareChange, what: &str, columns: usize) -> String {
    format!(
        "  {} of the executions {what}, {} before, since {} on {}\n      {}\n",
        percent(change.after),
        percent(change.before),
        time(change.from_us),
        server_name(&change.server),
        query_name(&change.fingerprint, &change.normalized, columns),
    )
}

fn signed(effect: f64) -> String {
    format!("{:+.0} %", effect * 100.0)
}

fn server_name(server: &Option<String>) -> &str {
    server.as_deref().unwrap_or("(unknown)")
}

/// The fingerprint, and as much of the text as fits into half a line.
fn query_name(fingerprint: &str, normalized: &Option<String>, columns: usize) -> String {
    let text = normalized.as_deref().unwrap_or_default();
    let shown: String = text.chars().take(columns / 2).collect();
    let rest = if shown.len() < text.len() { "…" } else { "" };
    format!("{fingerprint} {shown}{rest}").trim_end().to_owned()
}
