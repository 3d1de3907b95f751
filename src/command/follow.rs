//! `--follow`: what `slowlake ingest` does with files that are being written, until it is told to stop.

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use slowlake_ingest::{FollowOptions, Follower, Start, Waker};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::ingestion::{FollowLimits, Stop};

/// Bytes that are committed before their time has come.
const COMMIT_BYTES: u64 = 64 * 1024 * 1024;
/// A last record of whole lines is complete when nothing was written for so long.
const FLUSH_PARTIAL_AFTER: Duration = Duration::from_secs(5);

/// How files are followed.
#[derive(Debug, Args)]
pub(crate) struct FollowArguments {
    /// Go on with what is written to the files, through their rotation, until told to stop (SIGTERM, SIGINT)
    #[arg(long)]
    follow: bool,
    /// Where to begin with files that the lake does not know
    #[arg(long, value_enum, default_value = "lake", requires = "follow")]
    start: StartName,
    /// Look for changes instead of being told of them: for network file systems
    #[arg(long, requires = "follow")]
    poll: bool,
    /// The longest time between what is read and its commit
    #[arg(long, value_name = "SECONDS", default_value_t = 10, requires = "follow",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    commit_seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum StartName {
    /// At their beginning; of rotated files those since the last one that the lake knows
    Lake,
    /// At their beginning, with all rotated files that are still there
    Beginning,
    /// At the end of those that are there now
    End,
}

impl FollowArguments {
    pub(crate) fn is_wanted(&self) -> bool {
        self.follow
    }

    /// Who follows these paths.
    pub(crate) fn follower(&self, paths: &[String]) -> Result<Follower, slowlake_ingest::IngestError> {
        Follower::new(FollowOptions {
            start: match self.start {
                StartName::Lake => Start::Known,
                StartName::Beginning => Start::Beginning,
                StartName::End => Start::End,
            },
            polls: self.poll,
            ..FollowOptions::new(paths.to_vec())
        })
    }

    pub(crate) fn limits(&self) -> FollowLimits {
        FollowLimits {
            every: Duration::from_secs(self.commit_seconds),
            bytes: COMMIT_BYTES,
            flush_partial_after: FLUSH_PARTIAL_AFTER,
        }
    }
}

/// What is set by the first SIGTERM or SIGINT. The second one ends the process at once: nothing that is committed is lost by it.
pub(crate) fn stop_on_signal(runtime: &Runtime, waker: Waker) -> anyhow::Result<Stop> {
    let _inside = runtime.enter();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen to SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen to SIGINT")?;
    let stop = Stop::default();
    let set = stop.clone();
    runtime.spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if set.is_set() {
                std::process::exit(2);
            }
            set.set();
            waker.wake();
        }
    });
    Ok(stop)
}
