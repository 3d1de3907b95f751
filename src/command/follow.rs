//! How files that are being written are to be followed, as the command line says it.

use std::time::Duration;

use clap::Args;
use slowlake_ingest::{FollowOptions, Start};

/// The usual time, and the longest, between what is read and its commit, seconds.
pub(crate) const COMMIT_SECONDS_DEFAULT: u64 = 10;
pub(crate) const COMMIT_SECONDS_MAX: u64 = 3_600;

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
    #[arg(long, value_name = "SECONDS", default_value_t = COMMIT_SECONDS_DEFAULT, requires = "follow",
          value_parser = clap::value_parser!(u64).range(1..=COMMIT_SECONDS_MAX))]
    commit_seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum StartName {
    /// At their beginning; of rotated files those since the last one that the lake knows
    Lake,
    /// At their beginning, with all rotated files that are still there
    Beginning,
    /// At the end of those that are there now
    End,
}

impl StartName {
    pub(crate) fn resolve(self) -> Start {
        match self {
            StartName::Lake => Start::Known,
            StartName::Beginning => Start::Beginning,
            StartName::End => Start::End,
        }
    }
}

impl FollowArguments {
    pub(crate) fn is_wanted(&self) -> bool {
        self.follow
    }

    /// How these paths are followed.
    pub(crate) fn options(&self, paths: &[String]) -> FollowOptions {
        FollowOptions {
            start: self.start.resolve(),
            polls: self.poll,
            ..FollowOptions::new(paths.to_vec())
        }
    }

    /// The longest time between what is read and its commit.
    pub(crate) fn commit_every(&self) -> Duration {
        Duration::from_secs(self.commit_seconds)
    }
}
