//! Follows logs of several servers into one lake, each server's on threads of its own so that none waits for another, until somebody says
//! stop or one of them cannot go on. Finds no logs and reads no configuration.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::Context;
use slowlake_ingest::Follower;
use slowlake_store::{Lake, LakeLocation};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::command::lake::store_error;
use crate::command::reading::say_source_failure;
use crate::ingestion::{Committed, FollowLimits, Ingestion, IngestionError, RowMaker, Stop};
use crate::output;
use crate::pipeline::ReadOptions;
use crate::render::quantity::plural;

/// Bytes of log that are committed before their time has come, of all servers together: they are in memory until then.
const COMMIT_BYTES: u64 = 32 * 1024 * 1024;
/// The same of one server, however many there are.
const COMMIT_BYTES_MIN: u64 = 2 * 1024 * 1024;
/// A last record of whole lines is complete when nothing was written for so long.
const FLUSH_PARTIAL_AFTER: Duration = Duration::from_secs(5);

/// Logs of one server that are to be followed.
pub(crate) struct Followed {
    pub(crate) follower: Follower,
    pub(crate) options: ReadOptions,
    pub(crate) maker: RowMaker,
}

/// What became of all of them.
#[derive(Default)]
pub(crate) struct Followings {
    pub(crate) committed: Committed,
    /// Files that failed, while others went on.
    pub(crate) failures: usize,
}

/// Follows until SIGTERM or SIGINT; then everything that is whole is committed.
pub(crate) fn follow(
    runtime: &Runtime,
    location: &LakeLocation,
    all: Vec<Followed>,
    every: Duration,
) -> anyhow::Result<Followings> {
    let stop = Stop::new(all.iter().map(|one| one.follower.waker()).collect());
    stop_on_signal(runtime, stop.clone())?;
    let limits = FollowLimits {
        every,
        bytes: (COMMIT_BYTES / all.len().max(1) as u64).max(COMMIT_BYTES_MIN),
        flush_partial_after: FLUSH_PARTIAL_AFTER,
    };
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for one in all {
            // One after the other: the first makes the lake if there is none.
            let lake = runtime
                .block_on(Lake::open_or_create(location))
                .map_err(store_error);
            let stop = &stop;
            let follows = move || {
                let result = lake.and_then(|lake| follow_one(runtime, lake, one, limits, stop));
                if result.is_err() {
                    // Whoever started this starts it again; it goes on where the lake is.
                    stop.set();
                }
                result
            };
            threads.push(scope.spawn(follows));
        }
        let mut sum = Followings::default();
        let mut failed = Ok(());
        for thread in threads {
            match thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            {
                Ok(one) => sum.add(&one),
                Err(error) => failed = failed.and(Err(error)),
            }
        }
        failed.map(|()| sum)
    })
}

impl Followings {
    fn add(&mut self, other: &Followings) {
        self.committed.sources += other.committed.sources;
        self.committed.commits += other.committed.commits;
        self.committed.ledger.merge(&other.committed.ledger);
        self.failures += other.failures;
    }
}

fn follow_one(
    runtime: &Runtime,
    lake: Lake,
    one: Followed,
    limits: FollowLimits,
    stop: &Stop,
) -> anyhow::Result<Followings> {
    let Followed {
        mut follower,
        options,
        maker,
    } = one;
    let nobody_watches = AtomicU64::new(0);
    let mut ingestion = Ingestion::new(runtime, lake, options, maker, &nobody_watches);
    let mut failures = 0;
    let committed = ingestion.follow(&mut follower, limits, stop, &mut |failure| {
        say_source_failure(failure);
        failures += 1;
    });
    let committed = committed.map_err(|error| match error {
        IngestionError::Lake(error) => store_error(error),
        error => error.into(),
    })?;
    let lost = follower.counts().truncations_without_copy;
    if lost > 0 {
        let files = plural(i64::try_from(lost).unwrap_or(i64::MAX), "file");
        let text = format!("{files} cut off without a copy: what was not read by then is lost");
        output::say("warning", &text);
    }
    Ok(Followings { committed, failures })
}

/// Has the first SIGTERM or SIGINT say stop. The second one ends the process at once: nothing that is committed is lost by it.
fn stop_on_signal(runtime: &Runtime, stop: Stop) -> anyhow::Result<()> {
    let _inside = runtime.enter();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen to SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen to SIGINT")?;
    runtime.spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if stop.is_set() {
                std::process::exit(2);
            }
            stop.set();
        }
    });
    Ok(())
}
