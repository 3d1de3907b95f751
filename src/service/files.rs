//! The logs of one server as a source of the service.

use std::sync::atomic::AtomicU64;

use slowlake_ingest::{Follower, IngestError, Waker};
use slowlake_store::Lake;
use tracing::warn;

use crate::configuration::Files;
use crate::ingestion::{Following, Ingestion, IngestionError, RowMaker, ServerName};
use crate::service::work::{Done, Site, Work};
use crate::settings::Settings;

/// Files that are followed.
pub(crate) struct FilesWork {
    name: String,
    files: Files,
    server: ServerName,
    follower: Follower,
    /// Files cut off without a copy that were said already.
    n_lost: u64,
}

impl FilesWork {
    pub(crate) fn new(files: Files, settings: &Settings) -> Result<FilesWork, IngestError> {
        Ok(FilesWork {
            name: files.follow.arguments.join(", "),
            server: ServerName::new(files.server.clone(), settings),
            follower: Follower::new(files.follow.clone())?,
            files,
            n_lost: 0,
        })
    }

    /// Ends its waits.
    pub(crate) fn waker(&self) -> Waker {
        self.follower.waker()
    }

    fn say_lost(&mut self) {
        let n_lost = self.follower.counts().truncations_without_copy;
        if n_lost > self.n_lost {
            let files = n_lost - self.n_lost;
            warn!(
                source = self.name,
                files, "cut off without a copy: what was not read by then is lost"
            );
        }
        self.n_lost = n_lost;
    }
}

impl Work for FilesWork {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn run(&mut self, site: &Site, done: &mut Done) -> Result<(), IngestionError> {
        let lake = site.runtime.block_on(Lake::open(&site.location))?;
        let files = &self.files;
        let maker = RowMaker::new(
            self.server.clone(),
            files.cluster.clone(),
            files.texts,
            files.read.statement,
        );
        let nobody_watches = AtomicU64::new(0);
        let mut ingestion = Ingestion::new(&site.runtime, lake, files.read.clone(), maker, &nobody_watches);
        let following = Following {
            limits: site.limits,
            stop: &site.stop,
            behind: site.meter.behind(),
        };
        // What was read before a failure and is not committed is read again.
        self.follower.restart();
        let mut n_failures = 0;
        let result = ingestion.follow(&mut self.follower, following, &mut done.committed, &mut |event| {
            site.watch(&self.name, &event);
            n_failures += usize::from(event.is_failure());
        });
        done.failures += n_failures;
        self.say_lost();
        result
    }
}
