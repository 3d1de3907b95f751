//! One source at work: run until it is told to stop, and run again after what passes, such as a lake that cannot be reached. What it has read
//! and not committed by then is read again from where the lake has it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use slowlake_store::LakeLocation;
use tokio::runtime::Runtime;
use tracing::{error, info, warn};

use crate::command::lake::store_error;
use crate::ingestion::{Committed, Event, FollowLimits, IngestionError, Stop};
use crate::service::meter::{SourceMeter, SourceState};

/// The waits after failures, the first and the longest; each is twice the one before.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_LONGEST: Duration = Duration::from_secs(60);
/// From this wait on somebody should look after it.
const PAUSE_ALARMING: Duration = Duration::from_secs(16);
/// Who waits looks so often whether it is told to stop.
const TICK: Duration = Duration::from_millis(100);

/// What reads one source.
pub(crate) trait Work: Send {
    /// `file`, `kafka`, …
    fn kind(&self) -> &'static str;

    /// What tells it from other sources of the service, for people.
    fn name(&self) -> &str;

    /// Reads and commits until it is told to stop. After an error it is called again, unless it was told to stop.
    fn run(&mut self, site: &Site, done: &mut Done) -> Result<(), IngestionError>;
}

/// Where a source is at work.
pub(crate) struct Site {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) location: LakeLocation,
    pub(crate) limits: FollowLimits,
    pub(crate) stop: Stop,
    pub(crate) meter: SourceMeter,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) committed: Committed,
    /// Parts of sources that failed, while others went on.
    pub(crate) failures: usize,
    /// Samples of collectors.
    pub(crate) samples: u64,
}

impl Done {
    pub(crate) fn add(&mut self, other: &Done) {
        self.committed.sources += other.committed.sources;
        self.committed.commits += other.committed.commits;
        self.committed.ledger.merge(&other.committed.ledger);
        self.failures += other.failures;
        self.samples += other.samples;
    }
}

impl Site {
    /// Counts what happens, and says it.
    pub(crate) fn watch(&self, source: &str, event: &Event<'_>) {
        match event {
            Event::Failed(failure) => {
                self.meter.failed();
                let hint = failure.hint();
                match failure.is_not_there() {
                    true => warn!(source, hint, "{failure}, yet"),
                    false => error!(source, hint, "{failure}"),
                }
            }
            Event::Committed { ledger, took } => {
                self.meter.committed(ledger, *took);
                info!(
                    source,
                    executions = ledger.executions().records,
                    events = ledger.logs_total().records,
                    rejects = ledger.rejected_total().records,
                    bytes = ledger.bytes(),
                    milliseconds = took.as_millis(),
                    "committed"
                );
            }
        }
    }
}

/// Runs one source until it is told to stop.
pub(super) fn keep_running(mut work: Box<dyn Work>, site: &Site) -> Done {
    let mut done = Done::default();
    let mut pause = PAUSE_FIRST;
    loop {
        site.meter.state(SourceState::Running);
        let commits_before = done.committed.commits;
        let Err(text) = attempt(work.as_mut(), site, &mut done) else {
            break;
        };
        if done.committed.commits > commits_before {
            pause = PAUSE_FIRST;
        }
        let source = work.name();
        let again_in_s = pause.as_secs();
        match pause < PAUSE_ALARMING {
            true => warn!(source, again_in_s, "{text}"),
            false => error!(source, again_in_s, "{text}"),
        }
        site.meter.state(SourceState::Failing(text));
        if wait(pause, &site.stop) {
            break;
        }
        pause = (pause * 2).min(PAUSE_LONGEST);
    }
    site.meter.state(SourceState::Ended);
    info!(source = work.name(), "ended");
    done
}

/// Runs a source once; says what went wrong. A panic is a fault of ours: a source that died of it without a word would count as one that runs, so
/// that it is taken like any other failure. What it left half done is of no account, because each run begins with what the lake has.
fn attempt(work: &mut dyn Work, site: &Site, done: &mut Done) -> Result<(), String> {
    match catch_unwind(AssertUnwindSafe(|| work.run(site, done))) {
        Ok(result) => result.map_err(described),
        Err(panic) => {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
            let words = words.unwrap_or("no words");
            Err(format!(
                "a fault of slowlake, which its makers want to know of: {words}"
            ))
        }
    }
}

/// Waits so long, or until it is told to stop: `true`.
pub(super) fn wait(longest: Duration, stop: &Stop) -> bool {
    let began = Instant::now();
    while began.elapsed() < longest && !stop.is_set() {
        std::thread::sleep(TICK.min(longest));
    }
    stop.is_set()
}

fn described(failure: IngestionError) -> String {
    match failure {
        IngestionError::Lake(error) => format!("{:#}", store_error(error)).replace('\n', "; "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::meter::Meters;

    /// Panics, and the next time has nothing to do any more.
    struct Faulty {
        runs: usize,
    }

    impl Work for Faulty {
        fn kind(&self) -> &'static str {
            "test"
        }

        fn name(&self) -> &str {
            "faulty"
        }

        fn run(&mut self, _: &Site, done: &mut Done) -> Result<(), IngestionError> {
            self.runs += 1;
            done.failures = self.runs;
            if self.runs == 1 {
                panic!("at its first run");
            }
            Ok(())
        }
    }

    #[test]
    fn a_source_that_panics_is_run_again() {
        let site = Site {
            runtime: Arc::new(Runtime::new().expect("threads")),
            location: "lake".parse().expect("a location"),
            limits: FollowLimits {
                every: Duration::from_secs(1),
                bytes: 1,
                flush_partial_after: Duration::from_secs(1),
            },
            stop: Stop::new(Vec::new()),
            meter: Meters::new().source("test", "faulty"),
        };
        let done = keep_running(Box::new(Faulty { runs: 0 }), &site);
        assert_eq!(done.failures, 2, "runs");
    }
}
