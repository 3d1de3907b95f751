//! Makes the lake of a fleet that does not exist: 200 servers, 2 000 queries, thirty days, any number of executions, always the same
//! for the same seed. Prints the true answers to the questions of `tests/questions` as JSON, and on stderr what it took.
//!
//! `cargo run --release --workspace --bin fleet -- LAKE EVENTS SEED [sorted|arrival]`
//!
//! `sorted` (the default) writes what compaction would leave, files of a day in the order of (fingerprint, ts); `arrival` what
//! ingestion leaves, small files in the order of time.
//!
//! `… --bin fleet -- month LAKE SERVERS SEED` makes six weeks of so many servers for the reports of a week, see `month`, and prints what was
//! planted into them as JSON.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "prints its answer and its figures"
)]

mod model;
mod month;
mod random;
mod rows;
mod truth;

use std::error::Error;
use std::time::Instant;

use slowlake_store::{Commit, Lake, LakeLocation, Outcome, Progress, RowBuilder, Uploaded};
use tokio::task::JoinHandle;

use crate::model::{DAYS, Execution, Fleet, SERVERS};
use crate::rows::Writer;
use crate::truth::Truth;

/// Rows of a file of the order `sorted`, for two of them are in memory at a time.
const SORTED_FILE_ROWS: usize = 1 << 19;
/// Rows of a file of the order `arrival`: some seconds of a busy fleet.
const ARRIVAL_FILE_ROWS: usize = 1 << 16;
const USAGE: &str = "usage: fleet LAKE EVENTS SEED [sorted|arrival], or fleet month LAKE SERVERS SEED";

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Sorted,
    Arrival,
}

impl Order {
    fn file_rows(self) -> usize {
        match self {
            Order::Sorted => SORTED_FILE_ROWS,
            Order::Arrival => ARRIVAL_FILE_ROWS,
        }
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    if let [mode, location, servers, seed] = &arguments[..]
        && mode == "month"
    {
        return runtime.block_on(run_month(&location.parse()?, servers.parse()?, seed.parse()?));
    }
    let (location, events, seed, order) = match &arguments[..] {
        [location, events, seed] => (location, events, seed, "sorted"),
        [location, events, seed, order] => (location, events, seed, order.as_str()),
        _ => return Err(USAGE.into()),
    };
    let order = match order {
        "sorted" => Order::Sorted,
        "arrival" => Order::Arrival,
        _ => return Err(USAGE.into()),
    };
    let location: LakeLocation = location.parse()?;
    let (events, seed) = (events.parse()?, seed.parse()?);
    runtime.block_on(run(&location, events, seed, order))
}

async fn run(location: &LakeLocation, events: u64, seed: u64, order: Order) -> Result<()> {
    let begun = Instant::now();
    let mut thinking_s = 0.0;
    let mut lake = Lake::open_or_create(location).await?;
    let mut fleet = Fleet::new(seed);
    let mut truth = Truth::new();
    let mut writer = Writer::new(&fleet);
    for day in 0..DAYS {
        let thinking = Instant::now();
        let before = fleet.offsets().to_vec();
        let mut executions = Vec::with_capacity(fleet.executions_of_day(day, events));
        for hour in day * 24..(day + 1) * 24 {
            let begin = executions.len();
            fleet.hour(hour, events, &mut executions);
            truth.hour(&fleet, &executions[begin..]);
        }
        if order == Order::Sorted {
            executions.sort_unstable_by_key(|execution| (execution.fingerprint, execution.ts_us));
        }
        let lags = fleet.lags(day);
        lags.iter().for_each(|lag| truth.lag(*lag));
        thinking_s += thinking.elapsed().as_secs_f64();

        let mut uploads = Uploads::of(&lake);
        writer.begin_day();
        for part in executions.chunks(order.file_rows()) {
            writer.executions(&fleet, &mut truth, part);
            uploads.add(writer.builder()).await?;
        }
        writer.lags(&lags);
        writer.ledger(day, &before, fleet.offsets(), &by_server(&executions));
        uploads.add(writer.builder()).await?;
        let files = uploads.finish().await?;
        commit(&mut lake, files, &before, fleet.offsets()).await?;
    }
    report(&lake, events, begun.elapsed().as_secs_f64(), thinking_s)?;
    println!("{:#}", truth.json());
    Ok(())
}

async fn run_month(location: &LakeLocation, servers: usize, seed: u64) -> Result<()> {
    let begun = Instant::now();
    let mut lake = Lake::open_or_create(location).await?;
    let truth = month::write(&mut lake, servers, seed).await?;
    let size = lake.statistics()?;
    eprintln!(
        "{servers} servers in {:.1} s; {} files, {:.1} MB; peak memory {}",
        begun.elapsed().as_secs_f64(),
        size.files,
        size.bytes as f64 / 1e6,
        peak_memory()
    );
    println!("{truth:#}");
    Ok(())
}

fn by_server(executions: &[Execution]) -> Vec<i64> {
    let mut counts = vec![0; SERVERS];
    for execution in executions {
        counts[usize::from(execution.server)] += 1;
    }
    counts
}

/// One upload at a time, while the next file's rows are gathered.
struct Uploads<'a> {
    lake: &'a Lake,
    running: Option<JoinHandle<std::result::Result<Uploaded, slowlake_store::StoreError>>>,
    files: Vec<Uploaded>,
}

impl Uploads<'_> {
    fn of(lake: &Lake) -> Uploads<'_> {
        Uploads {
            lake,
            running: None,
            files: Vec::new(),
        }
    }

    async fn add(&mut self, builder: &mut RowBuilder) -> Result<()> {
        self.wait().await?;
        let (uploader, rows) = (self.lake.uploader(), builder.finish());
        self.running = Some(tokio::spawn(async move { uploader.upload(rows).await }));
        Ok(())
    }

    async fn wait(&mut self) -> Result<()> {
        if let Some(running) = self.running.take() {
            self.files.push(running.await??);
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<Vec<Uploaded>> {
        self.wait().await?;
        Ok(self.files)
    }
}

async fn commit(lake: &mut Lake, files: Vec<Uploaded>, before: &[i64], after: &[i64]) -> Result<()> {
    let progress = (0..SERVERS)
        .filter(|server| after[*server] > before[*server])
        .map(|server| Progress {
            app_id: rows::app_id(server),
            prev: Some(before[server]).filter(|before| *before > 0),
            next: after[server],
        });
    let progress = progress.collect();
    match lake.commit(Commit { files, progress }).await? {
        Outcome::Committed { .. } => Ok(()),
        Outcome::Fenced { app_ids } => {
            Err(format!("others write to this lake: {}", app_ids.join(", ")).into())
        }
    }
}

fn report(lake: &Lake, events: u64, total_s: f64, thinking_s: f64) -> Result<()> {
    let size = lake.statistics()?;
    eprintln!(
        "{events} executions in {total_s:.1} s, {thinking_s:.1} s of them to think of; written {:.2} M rows/s",
        events as f64 / (total_s - thinking_s) / 1e6
    );
    eprintln!(
        "{} files, {:.1} MB, {:.2} bytes an execution, texts, samples and books included; peak memory {}",
        size.files,
        size.bytes as f64 / 1e6,
        size.bytes as f64 / events as f64,
        peak_memory()
    );
    Ok(())
}

/// The most memory this process ever had, where the system tells.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or("unknown".to_owned(), |peak| peak.trim().to_owned())
}
