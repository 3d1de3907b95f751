//! The service: keeps a set of sources running, each on threads of its own so that none waits for another, changes that set while it runs,
//! and ends it. Finds no logs, reads no configuration, and never decides what is committed.

pub(crate) mod collectors;
pub(crate) mod files;
pub(crate) mod http;
#[cfg(feature = "kafka")]
pub(crate) mod kafka;
pub(crate) mod maintenance;
pub(crate) mod meter;
mod signals;
pub(crate) mod work;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use slowlake_store::{Lake, LakeLocation};
use tokio::runtime::Runtime;
use tracing::info;

use crate::command::lake::store_error;
use crate::command::reading::ingest_error;
#[cfg(feature = "kafka")]
use crate::configuration::Topics;
use crate::configuration::{Collected, Files};
use crate::ingestion::{FollowLimits, Stop};
use crate::service::collectors::CollectorsWork;
use crate::service::files::FilesWork;
#[cfg(feature = "kafka")]
use crate::service::kafka::KafkaWork;
use crate::service::meter::Meters;
pub(crate) use crate::service::signals::{Signal, signals};
use crate::service::work::{Done, Site, Work, keep_running};
use crate::settings::Settings;

/// Bytes of log that are committed before their time has come, of all sources together: they are in memory until then.
const COMMIT_BYTES: u64 = 32 * 1024 * 1024;
/// The same of one source, however many there are.
const COMMIT_BYTES_MIN: u64 = 2 * 1024 * 1024;
/// A last record of whole lines is complete when nothing was written for so long.
const FLUSH_PARTIAL_AFTER: Duration = Duration::from_secs(5);

/// A source that is to run, as somebody wants it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    Files(Files),
    #[cfg(feature = "kafka")]
    Topics(Topics),
    /// Servers that are asked, all in one commit.
    Collectors(Vec<Collected>),
}

impl Wanted {
    /// What makes it, and what ends its waits.
    fn work(&self, settings: &Settings) -> anyhow::Result<(Box<dyn Work>, Stop)> {
        match self {
            Wanted::Files(files) => {
                let work = FilesWork::new(files.clone(), settings).map_err(ingest_error)?;
                let stop = Stop::new(vec![work.waker()]);
                Ok((Box::new(work), stop))
            }
            #[cfg(feature = "kafka")]
            Wanted::Topics(topics) => {
                let work = KafkaWork::new(topics.clone()).map_err(ingest_error)?;
                Ok((Box::new(work), Stop::new(Vec::new())))
            }
            Wanted::Collectors(all) => {
                let work = CollectorsWork::new(all, settings);
                Ok((Box::new(work), Stop::new(Vec::new())))
            }
        }
    }
}

/// Sources that run.
pub(crate) struct Service {
    runtime: Arc<Runtime>,
    location: LakeLocation,
    meters: Arc<Meters>,
    running: Vec<Running>,
    done: Done,
}

struct Running {
    wanted: Wanted,
    commit_every: Duration,
    stop: Stop,
    thread: JoinHandle<Done>,
}

impl Service {
    /// A service without sources. The lake is made if there is none: who cannot reach it shall know at once.
    pub(crate) fn start(
        runtime: Arc<Runtime>,
        location: LakeLocation,
        meters: Arc<Meters>,
    ) -> anyhow::Result<Service> {
        runtime
            .block_on(Lake::open_or_create(&location))
            .map_err(store_error)?;
        Ok(Service {
            runtime,
            location,
            meters,
            running: Vec::new(),
            done: Done::default(),
        })
    }

    /// Has exactly these sources run: ends those that are not wanted any more, once what they have read is committed, and begins those
    /// that are new. The others go on.
    pub(crate) fn run(
        &mut self,
        wanted: Vec<Wanted>,
        commit_every: Duration,
        settings: &Settings,
    ) -> anyhow::Result<()> {
        let is_wanted = |it: &Running| it.commit_every == commit_every && wanted.contains(&it.wanted);
        let (stay, leave) = std::mem::take(&mut self.running).into_iter().partition(is_wanted);
        self.running = stay;
        self.end(leave);
        let limits = FollowLimits {
            every: commit_every,
            bytes: (COMMIT_BYTES / wanted.len().max(1) as u64).max(COMMIT_BYTES_MIN),
            flush_partial_after: FLUSH_PARTIAL_AFTER,
        };
        for one in wanted {
            if !self.running.iter().any(|it| it.wanted == one) {
                self.begin(one, limits, settings)?;
            }
        }
        Ok(())
    }

    /// Ends all sources; returns what all that ever ran have done.
    pub(crate) fn finish(mut self) -> Done {
        let all = std::mem::take(&mut self.running);
        self.end(all);
        self.done
    }

    fn begin(&mut self, wanted: Wanted, limits: FollowLimits, settings: &Settings) -> anyhow::Result<()> {
        let (work, stop) = wanted.work(settings)?;
        let site = Site {
            runtime: self.runtime.clone(),
            location: self.location.clone(),
            limits,
            stop: stop.clone(),
            meter: self.meters.source(work.kind(), work.name()),
        };
        info!(source = work.name(), "begins");
        self.running.push(Running {
            wanted,
            commit_every: limits.every,
            stop,
            thread: std::thread::spawn(move || keep_running(work, &site)),
        });
        Ok(())
    }

    /// Ends some, all at the same time.
    fn end(&mut self, leave: Vec<Running>) {
        leave.iter().for_each(|it| it.stop.set());
        for one in leave {
            let done = one
                .thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            self.done.add(&done);
        }
    }
}
