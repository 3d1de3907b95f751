//! Maintenance on a schedule, beside the sources. Each job is fenced in the lake, so that several services, and people at a terminal, may do
//! the same at the same time. What fails is tried again in the next round.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use slowlake_store::maintain::Resources;
use slowlake_store::{Lake, LakeLocation, StoreError};
use tokio::runtime::Runtime;
use tracing::{debug, info, warn};

use crate::configuration::Maintenance;
use crate::ingestion::Stop;
use crate::maintenance::{Job, Plan};
use crate::service::meter::Meters;
use crate::service::work::wait;

/// A service that has just begun has other things to do first.
const FIRST_AFTER: Duration = Duration::from_secs(60);

/// Maintenance that runs.
pub(crate) struct Maintaining {
    pub(crate) wanted: Maintenance,
    stop: Stop,
    thread: JoinHandle<()>,
}

impl Maintaining {
    /// Begins with it.
    pub(crate) fn start(
        wanted: Maintenance,
        runtime: Arc<Runtime>,
        location: LakeLocation,
        meters: Arc<Meters>,
    ) -> Maintaining {
        let stop = Stop::new(Vec::new());
        let (plan, told) = (wanted.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut pause = FIRST_AFTER.min(plan.every);
            while !wait(pause, &told) {
                if let Err(failure) = round(&plan, &runtime, &location, &meters, &told) {
                    warn!("maintenance failed, the next round tries again: {failure}");
                }
                pause = plan.every;
            }
        });
        Maintaining { wanted, stop, thread }
    }

    /// Ends it after the job at hand.
    pub(crate) fn end(self) {
        self.stop.set();
        self.thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
}

/// All jobs, one after the other; what fails does not keep the next from being done.
fn round(
    wanted: &Maintenance,
    runtime: &Runtime,
    location: &LakeLocation,
    meters: &Meters,
    stop: &Stop,
) -> Result<(), StoreError> {
    let resources = Resources {
        memory_bytes: wanted.memory_bytes,
        // Beside what reads: it shall not notice.
        threads: 1,
    };
    let plan = Plan::new(&wanted.keep, resources)?;
    let mut lake = runtime.block_on(Lake::open(location))?;
    runtime.block_on(lake.check_newest_commit())?;
    let mut result = Ok(());
    for job in Job::ALL {
        if stop.is_set() {
            break;
        }
        let began = Instant::now();
        let done = runtime.block_on(plan.run(job, &mut lake));
        meters.maintained(job.name(), began.elapsed(), done.is_ok());
        match done {
            Ok(done) if done.is_idle => debug!(job = job.name(), "{}", done.text),
            Ok(done) => info!(job = job.name(), "{}", done.text),
            Err(failure) => result = result.and(Err(failure)),
        }
    }
    result
}
