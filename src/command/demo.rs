//! `slowlake demo`: real sample logs to a lake to a report, in one go, with nothing to set up.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use anyhow::Context;
use clap::Args;
use slowlake_analyze::{EventsRequest, Filters, TopOrder, TopRequest, top};
use slowlake_ingest::discover;
use slowlake_store::{Lake, LakeLocation};

use crate::command::lake::{open, runtime, store_error};
use crate::command::reading::{ReadArguments, ingest_error};
use crate::command::report::analyze_error;
use crate::exit_code::ExitCode;
use crate::ingestion::{Ingestion, RowMaker, ServerName, TextPolicy, Texts};
use crate::output;
use crate::render::quantity::{bytes, count};
use crate::render::text;
use crate::report_sections::sections;
use crate::report_summary;
use crate::settings::Settings;

/// Queries that the demo's report shows.
const LIMIT: usize = 5;

/// The logs: recorded by `tests/corpus/record` from real servers.
const LOGS: &[(&str, &str, &[u8])] = &[
    (
        "shop-pg",
        "postgresql.log.zst",
        include_bytes!("../../tests/corpus/postgres/15/mixed.stderr.log.zst"),
    ),
    (
        "shop-maria",
        "mariadb-slow.log.zst",
        include_bytes!("../../tests/corpus/mariadb/10.11/mixed.slow.log.zst"),
    ),
];

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Folder for the sample logs and the lake
    #[arg(long, default_value = "slowlake-demo", value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    reading: ReadArguments,
}

/// Writes the logs, ingests them, reports.
pub(crate) fn run(arguments: &DemoArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let folder = &arguments.folder;
    let lake_folder = folder.join("lake");
    let location: LakeLocation = lake_folder.to_string_lossy().parse().map_err(store_error)?;
    let runtime = runtime(settings)?;
    let mut told = String::new();
    for (server, name, log) in LOGS {
        let path = write_log(folder, name, log)?;
        let found = discover(&[path.to_string_lossy().into_owned()]).map_err(ingest_error)?;
        let lake = runtime
            .block_on(Lake::open_or_create(&location))
            .map_err(store_error)?;
        let options = arguments.reading.resolve()?;
        let maker = RowMaker::new(
            ServerName::Given((*server).to_owned()),
            Some("demo".to_owned()),
            Texts::Kept(TextPolicy::Sampled),
            options.statement,
        );
        let progress = AtomicU64::new(0);
        let mut ingestion = Ingestion::new(&runtime, lake, options, maker, &progress);
        for source in &found.sources {
            let ingested = ingestion.source(source)?;
            let ledger = &ingested.outcome.ledger;
            told += &match ledger.bytes() {
                0 => format!("{}: every byte is in the lake already\n", path.display()),
                read => format!(
                    "{}: {} executions of {server} in {}, {} rejected\n",
                    path.display(),
                    count(i64::try_from(ledger.executions().records).unwrap_or(i64::MAX)),
                    bytes(read),
                    ledger.rejected_total().records,
                ),
            };
        }
    }
    let request = TopRequest {
        window: None,
        order: TopOrder::TotalTime,
        limit: LIMIT,
        filters: Filters::default(),
    };
    let about = EventsRequest {
        window: None,
        filters: Filters::default(),
    };
    let (report, (sections, _)) = runtime.block_on(async {
        let (_, session) = open(&location, settings).await?;
        let report = top(&session, &request).await.map_err(analyze_error)?;
        let sections = sections(&session, &about).await.map_err(analyze_error)?;
        anyhow::Ok((report, sections))
    })?;
    let mut summary = report_summary::of_top(&report, "total time");
    summary.sections = sections;
    summary.title = "slowlake demo".to_owned();
    summary.inputs = told.lines().map(str::to_owned).collect();
    summary.inputs.push(format!("lake {}", lake_folder.display()));
    summary.next = next_steps(folder);
    let style = text::Style {
        columns: settings.columns,
        color: settings.color,
        coverage: false,
        in_full: false,
        sections: &[],
    };
    output::write(&text::render(&summary, &style), None)?;
    Ok(ExitCode::Ok)
}

fn write_log(folder: &Path, name: &str, log: &[u8]) -> anyhow::Result<PathBuf> {
    let logs = folder.join("logs");
    std::fs::create_dir_all(&logs).with_context(|| format!("cannot make the folder {}", logs.display()))?;
    let path = logs.join(name);
    if std::fs::read(&path).is_ok_and(|there| there == log) {
        return Ok(path);
    }
    std::fs::write(&path, log).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn next_steps(folder: &Path) -> Vec<(String, String)> {
    let folder = folder.display();
    let slowlake = "cargo run --";
    vec![
        (
            format!("{slowlake} digest {folder}/logs"),
            "the same logs without a lake".to_owned(),
        ),
        (
            format!("{slowlake} sql --lake {folder}/lake"),
            "ask in SQL; \\d shows what there is".to_owned(),
        ),
        (
            format!("{slowlake} digest {folder}/logs --output html -o report.html"),
            "for someone else".to_owned(),
        ),
    ]
}
