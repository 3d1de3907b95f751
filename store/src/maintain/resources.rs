//! What a job that sorts may take of the machine.

use std::sync::Arc;

use datafusion::common::config::SpillCompression;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use object_store::ObjectStore;

/// The memory of sorts when nobody says otherwise, bytes.
const MEMORY_BYTES: usize = 512 << 20;

/// The share of the memory that sorts set aside for their merges. Each row that is merged has its key there once more: in rows that are
/// little more than their keys, that is a third of what is sorted.
const MERGE_SHARE: usize = 4;

/// Who plans what a job asks of the rows of a lake, where it is not the query engine itself: somebody who has large questions answered elsewhere.
pub type Planner = Arc<dyn QueryPlanner + Send + Sync>;

/// Limits of one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// Memory for rows that are being sorted, bytes; beyond it they go to temporary files. What is being encoded and uploaded comes
    /// on top, some tens of MiB a thread.
    pub memory_bytes: usize,
    /// How many sorts may run at a time, at least one.
    pub threads: usize,
}

impl Default for Resources {
    fn default() -> Resources {
        Resources {
            memory_bytes: MEMORY_BYTES,
            threads: 1,
        }
    }
}

impl Resources {
    /// The part of one of the threads.
    pub(super) fn of_one_thread(self) -> Resources {
        Resources {
            memory_bytes: self.memory_bytes / self.threads.max(1),
            threads: 1,
        }
    }

    /// A session within these limits.
    pub(super) fn session(&self) -> Result<SessionContext, DataFusionError> {
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(self.memory_bytes)))
            .build_arc()?;
        let threads = self.threads.max(1);
        let reservation = self.memory_bytes / (MERGE_SHARE * threads);
        let mut config = SessionConfig::new()
            .with_target_partitions(threads)
            .with_sort_spill_reservation_bytes(reservation);
        config.options_mut().execution.spill_compression = SpillCompression::Lz4Frame;
        Ok(SessionContext::new_with_config_rt(config, runtime))
    }

    /// The same, whose questions somebody else plans.
    pub(super) fn session_of(&self, planner: Option<&Planner>) -> Result<SessionContext, DataFusionError> {
        let session = self.session()?;
        let Some(planner) = planner else {
            return Ok(session);
        };
        let state = SessionStateBuilder::new_from_existing(session.state())
            .with_query_planner(Arc::clone(planner) as _)
            .build();
        Ok(SessionContext::new_with_state(state))
    }
}

/// Makes a table's store known to a session, and says as what.
pub(super) fn register(
    session: &SessionContext,
    store: Arc<dyn ObjectStore>,
) -> Result<ObjectStoreUrl, DataFusionError> {
    let url = ObjectStoreUrl::parse("lake://table")?;
    session.register_object_store(url.as_ref(), store);
    Ok(url)
}
