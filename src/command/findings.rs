//! `slowlake findings`: what reports have recorded, and what people say of it. Every answer is kept, with who gave it.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use slowlake_analyze::{Reply, TimeWindow, known_findings, parse_time, replied, state_at};
use slowlake_sql::Session;
use slowlake_store::{FindingRow, FindingsTable, Lake, LakeLocation, Outcome};

use crate::command::lake::{location, open, runtime, store_error};
use crate::command::report::analyze_error;
use crate::exit_code::ExitCode;
use crate::output;
use crate::render::quantity::time;
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(crate) struct FindingsArguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The lake [default: the environment's SLOWLAKE_LAKE]
    #[arg(long, value_name = "URI", global = true)]
    lake: Option<String>,
    /// List those that are muted or resolved, too
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List findings [default]
    List,
    /// Say that somebody takes care of a finding
    Acknowledge(ReplyArguments),
    /// Do not speak of a finding for a time
    Mute {
        #[command(flatten)]
        reply: ReplyArguments,
        /// Until when, for example 2026-12-01, or for how long, for example 7d
        #[arg(long, value_name = "T")]
        until: String,
    },
    /// Say that a finding is over
    Resolve(ReplyArguments),
}

#[derive(Debug, Args)]
struct ReplyArguments {
    /// Its id, or as much of it as no other has
    id: String,
    /// Who says so
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// What there is to say
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Others who record findings at the same moment may be faster so often.
const MAX_TRIES: u32 = 20;
/// Characters of a query's text in the list.
const SUBJECT_CHARACTERS: usize = 60;

/// Lists findings, or writes down a reply.
pub(crate) fn run(arguments: &FindingsArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let location = location(arguments.lake.as_ref(), settings)?;
    let (reply, about) = match &arguments.command {
        None | Some(Command::List) => {
            let known = runtime(settings)?.block_on(async {
                let (_, session) = open(&location, settings).await?;
                known_findings(&session).await.map_err(analyze_error)
            })?;
            output::write(&list(&known, arguments.all), None)?;
            return Ok(ExitCode::Ok);
        }
        Some(Command::Acknowledge(about)) => (Reply::Acknowledge, about),
        Some(Command::Mute { reply, until }) => (Reply::MuteUntil(moment(until)?), reply),
        Some(Command::Resolve(about)) => (Reply::Resolve, about),
    };
    let of_reply = |known: &[FindingRow]| {
        let finding = the_one(known, &about.id)?;
        Ok(vec![replied(
            finding,
            reply,
            about.by.as_deref(),
            about.note.as_deref(),
        )])
    };
    runtime(settings)?.block_on(record(&location, settings, of_reply))?;
    Ok(ExitCode::Ok)
}

/// Writes down the revisions that are made of what is known, again where others were faster; gives their number.
pub(crate) async fn record(
    location: &LakeLocation,
    settings: &Settings,
    revisions: impl Fn(&[FindingRow]) -> anyhow::Result<Vec<FindingRow>>,
) -> anyhow::Result<usize> {
    for _ in 0..MAX_TRIES {
        let (lake, session, seen) = open_findings(location, settings).await?;
        let rows = revisions(&known_findings(&session).await.map_err(analyze_error)?)?;
        if rows.is_empty() {
            return Ok(0);
        }
        match lake.add_findings(&seen, &rows).await.map_err(store_error)? {
            Outcome::Committed { .. } => return Ok(rows.len()),
            Outcome::Fenced { .. } => {}
        }
    }
    anyhow::bail!("others recorded findings at the same moment, {MAX_TRIES} times over\nhint: try again")
}

/// A session that knows at least the findings that were seen: if it knows later ones, writing fails and is tried again.
async fn open_findings(
    location: &LakeLocation,
    settings: &Settings,
) -> anyhow::Result<(Lake, Session, FindingsTable)> {
    let lake = Lake::open(location).await.map_err(store_error)?;
    let seen = lake.findings().await.map_err(store_error)?;
    let (lake, session) = open(lake.location(), settings).await?;
    Ok((lake, session, seen))
}

fn the_one<'k>(known: &'k [FindingRow], id: &str) -> anyhow::Result<&'k FindingRow> {
    let mut found = known.iter().filter(|row| row.id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => anyhow::bail!("there is no finding {id}\nhint: slowlake findings --all lists them"),
        (Some(_), Some(_)) => anyhow::bail!("several findings begin with {id}\nhint: give more of the id"),
    }
}

/// A point in time, or a length of time from now.
fn moment(text: &str) -> anyhow::Result<i64> {
    if let Ok(us) = parse_time(text) {
        return Ok(us);
    }
    let now_us = now_us();
    let window = TimeWindow::last(text, now_us).map_err(analyze_error)?;
    Ok(now_us + (now_us - window.begin_us()))
}

fn list(known: &[FindingRow], all: bool) -> String {
    let now_us = now_us();
    let mut shown: Vec<&FindingRow> = known
        .iter()
        .filter(|row| all || matches!(state_at(row, now_us), "open" | "acknowledged"))
        .collect();
    shown.sort_by_key(|row| (std::cmp::Reverse(row.from_us), &row.id));
    let mut text = String::new();
    for row in &shown {
        let server = row.server.as_deref().unwrap_or("(unknown)");
        let since = row.from_us.map_or_else(|| "?".to_owned(), time);
        let subject: String = row.subject.chars().take(SUBJECT_CHARACTERS).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}  {:<12}  {since}  {server}  {}: {}",
            row.id,
            state_at(row, now_us),
            row.kind.replace('_', " "),
            row.claim
        );
        let _ = writeln!(text, "    {subject}");
        if let Some(by) = &row.changed_by {
            let note = row.note.as_deref().unwrap_or_default();
            let _ = writeln!(text, "    {by}: {note}");
        }
    }
    let _ = writeln!(text, "{} of {} findings", shown.len(), known.len());
    text
}

fn now_us() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64)
}
