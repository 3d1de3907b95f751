//! `slowlake mark`: writes into the lake that something was done at a moment (a deploy, a migration), so that reports can say what changed
//! after it. One event `mark` a call; a mark is never changed.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use slowlake_analyze::parse_time;
use slowlake_store::{Commit, Lake, LedgerRow, LogRow, Outcome, Place, Progress, RowBuilder};

use crate::command::lake::{location, runtime, store_error};
use crate::command::report::analyze_error;
use crate::exit_code::ExitCode;
use crate::output;
use crate::render::quantity::time;
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(crate) struct MarkArguments {
    /// What was done, for example "deploy shop 2.14"
    text: String,
    /// The lake [default: the environment's SLOWLAKE_LAKE]
    #[arg(long, value_name = "URI")]
    lake: Option<String>,
    /// When, for example 2026-11-16T08:00:00Z [default: now]
    #[arg(long, value_name = "T")]
    at: Option<String>,
    /// Only this server is concerned [default: all]
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Only this cluster is concerned [default: all]
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Only this application is concerned [default: all]
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
}

/// The source of all marks of a lake, and their unit of progress: the bytes of their texts, one after the other.
const SOURCE: &str = "marks";
const APP_ID: &str = "m/marks";
/// Others who write marks at the same moment may be faster so often.
const MAX_TRIES: u32 = 20;

/// Writes the mark.
pub(crate) fn run(arguments: &MarkArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let text = arguments.text.trim();
    if text.is_empty() {
        anyhow::bail!("the mark has no text\nhint: say what was done: slowlake mark \"deploy shop 2.14\"");
    }
    let now_us = now_us();
    let at_us = match &arguments.at {
        Some(at) => parse_time(at).map_err(analyze_error)?,
        None => now_us,
    };
    let location = location(arguments.lake.as_ref(), settings)?;
    runtime(settings)?.block_on(async {
        let mut lake = Lake::open(&location).await.map_err(store_error)?;
        lake.check_newest_commit().await.map_err(store_error)?;
        for _ in 0..MAX_TRIES {
            let prev = lake.watermark(APP_ID).await.map_err(store_error)?;
            let begin = prev.unwrap_or(0);
            let end = begin + text.len() as i64;
            let files = vec![
                lake.upload(rows(arguments, text, (at_us, now_us), (begin, end)))
                    .await
                    .map_err(store_error)?,
            ];
            let progress = vec![Progress {
                app_id: APP_ID.to_owned(),
                prev,
                next: end,
            }];
            match lake
                .commit(Commit { files, progress })
                .await
                .map_err(store_error)?
            {
                Outcome::Committed { .. } => return Ok(()),
                Outcome::Fenced { .. } => lake.refresh().await.map_err(store_error)?,
            }
        }
        anyhow::bail!("others wrote marks at the same moment, {MAX_TRIES} times over\nhint: write it again")
    })?;
    output::say("mark", &format!("{} UTC: {text}", time(at_us)));
    Ok(ExitCode::Ok)
}

/// The event, and the account of its bytes.
fn rows(
    arguments: &MarkArguments,
    text: &str,
    (at_us, now_us): (i64, i64),
    (begin, end): (i64, i64),
) -> slowlake_store::Rows {
    let place = Place {
        source: SOURCE,
        source_offset: begin,
        ts_us: Some(at_us),
        server: arguments.server.as_deref(),
        cluster: arguments.cluster.as_deref(),
        ..Place::default()
    };
    let mut builder = RowBuilder::new();
    builder.push_log(&LogRow {
        place,
        event: "mark",
        severity: "log",
        application: arguments.application.as_deref(),
        message: Some(text),
        ..LogRow::default()
    });
    builder.push_ledger(&LedgerRow {
        place: Place {
            source: SOURCE,
            source_offset: begin,
            ts_us: Some(now_us),
            ..Place::default()
        },
        app_id: APP_ID,
        source_identity: SOURCE,
        range_end: end,
        bytes_in: end - begin,
        bytes_parsed: end - begin,
        entries_log: 1,
        ..LedgerRow::default()
    });
    builder.finish()
}

fn now_us() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64)
}
