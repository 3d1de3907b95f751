//! The commit: files that come and files that go, and the progress they stand for, change a table together, once, or not at all.
//!
//! Delta's application transactions detect a writer that commits at the same time, not one that came before; and nothing in Delta
//! keeps two rewrites of the same files from both getting through. So every attempt reads the newest state, asserts that each unit of
//! progress is where the caller thinks it is and that each file to be removed is still there, and then puts exactly the next
//! version, which fails if anyone else put it first: between the assertion and the put nothing can come. An error may be returned
//! after the put has landed; it is settled by looking for this commit's own mark in the version it tried to put, never by blind
//! repetition. Checkpoints and clean-up have no place here, nor has the choice of what to change.

use std::collections::HashSet;
use std::time::Duration;

use deltalake::DeltaTableError;
use deltalake::kernel::transaction::{CommitBuilder, TransactionError};
use deltalake::kernel::{Action, Add, Remove, Transaction};
use deltalake::protocol::{DeltaOperation, OutputMode};
use tracing::{debug, trace, warn};
use uuid::Uuid;

use crate::error::{StoreError, is_disk_full};
use crate::lake_table::{LakeTable, plain_commit};
use crate::log_gate::gated;
use crate::newest_commit::ACTIONS_KEY;
use crate::table::Lake;
use crate::upload::Uploaded;

/// Files and progress that belong together.
#[derive(Debug, Default)]
pub struct Commit {
    /// The files, in any number, also none.
    pub files: Vec<Uploaded>,
    /// Where each source was and is, each source once.
    pub progress: Vec<Progress>,
}

/// The step that one unit of progress (a partition of a topic, one generation of a file) takes in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Names the unit: `k/<cluster id>/<topic>/<partition>` or `f/<agent>/<path hash>/<generation>`.
    pub app_id: String,
    /// Where the lake must be for the commit to be right; `None` where it must know nothing of the unit.
    pub prev: Option<i64>,
    /// Where it is afterwards: the next offset to read.
    pub next: i64,
}

impl Progress {
    /// Where a unit is that ended because its source began anew: another unit goes on.
    pub const SUPERSEDED: i64 = i64::MAX;
}

/// What became of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All of it is in the lake.
    Committed {
        /// In this version.
        version: i64,
    },
    /// Nothing of it is in the lake: someone else moved these units. Drop what was read of them, ask for their watermarks, and
    /// go on from there.
    Fenced {
        /// The units.
        app_ids: Vec<String>,
    },
}

/// Any change of one table.
#[derive(Debug)]
pub(crate) struct Change {
    /// What the table's history says it was.
    pub(crate) operation: DeltaOperation,
    pub(crate) adds: Vec<Add>,
    /// Each must be of a file that is part of the table when the change lands.
    pub(crate) removes: Vec<Remove>,
    /// Each unit once.
    pub(crate) progress: Vec<Progress>,
}

impl Change {
    fn is_empty(&self) -> bool {
        self.adds.is_empty() && self.removes.is_empty() && self.progress.is_empty()
    }
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Settled {
    /// All of it is in the table, or none of it; see there.
    Outcome(Outcome),
    /// Nothing of it is in the table: these files, which it was to remove, are no longer part of it.
    Gone {
        /// Their paths.
        paths: Vec<String>,
    },
}

/// The key under which the log entry of a commit has its mark.
const MARK: &str = "slowlakeCommit";

/// Attempts that others may win before a commit gives up.
const MAX_LOST_RACES: u32 = 50;

/// Attempts that the storage may refuse before a commit gives up.
const MAX_FAULTS: u32 = 6;

const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

impl Lake {
    /// Commits uploaded files and progress. Others may commit at the same time.
    ///
    /// # Errors
    /// [`StoreError::Progress`] for progress that goes backwards or names a unit twice. [`StoreError::DiskFull`],
    /// [`StoreError::Contention`] and [`StoreError::Storage`]: nothing of it is in the lake, and the same files can be committed
    /// again. [`StoreError::Unsettled`]: nobody knows yet; see there.
    pub async fn commit(&mut self, commit: Commit) -> Result<Outcome, StoreError> {
        let change = Change {
            operation: DeltaOperation::StreamingUpdate {
                output_mode: OutputMode::Append,
                query_id: "ingest".to_owned(),
                epoch_id: self.version() + 1,
            },
            adds: commit
                .files
                .into_iter()
                .flat_map(|uploaded| uploaded.adds)
                .collect(),
            removes: Vec::new(),
            progress: commit.progress,
        };
        match self.events.commit(change).await? {
            Settled::Outcome(outcome) => Ok(outcome),
            // Only a change that removes files can miss one.
            Settled::Gone { .. } => Ok(Outcome::Fenced { app_ids: Vec::new() }),
        }
    }
}

impl LakeTable {
    /// Makes a change. Others may commit at the same time.
    ///
    /// # Errors
    /// Those of [`Lake::commit`].
    pub(crate) async fn commit(&mut self, change: Change) -> Result<Settled, StoreError> {
        check_progress(&change.progress)?;
        if change.is_empty() {
            let version = self.version();
            return Ok(Settled::Outcome(Outcome::Committed { version }));
        }
        let attempts = Attempts {
            table: self,
            change,
            mark: Uuid::new_v4().to_string(),
            tried: Vec::new(),
            lost_races: 0,
            faults: 0,
        };
        attempts.settle().await
    }
}

/// The states of a commit. `Read → Judge → Put` is the way of an attempt; a failed one goes by `Wait` back to `Read`.
enum Step {
    /// Catch up with the newest version.
    Read,
    /// Did an earlier put land after all? If not, is every unit where it was, and every file to be removed still there?
    Judge,
    /// Put the next version.
    Put,
    /// Something went wrong: try again a little later, or give up.
    Wait(Trouble),
    /// Settled.
    Done(Settled),
}

/// Why an attempt did not get through.
enum Trouble {
    /// Another writer put the version first.
    LostRace,
    /// The put failed and may have landed.
    Put(DeltaTableError),
    /// The newest state could not be read.
    Read(StoreError),
}

impl Step {
    /// For the log.
    fn name(&self) -> &'static str {
        match self {
            Step::Read => "read",
            Step::Judge => "judge",
            Step::Put => "put",
            Step::Wait(Trouble::LostRace) => "lost race",
            Step::Wait(Trouble::Put(_)) => "failed put",
            Step::Wait(Trouble::Read(_)) => "failed read",
            Step::Done(Settled::Outcome(Outcome::Committed { .. })) => "committed",
            Step::Done(Settled::Outcome(Outcome::Fenced { .. })) => "fenced",
            Step::Done(Settled::Gone { .. }) => "gone",
        }
    }
}

/// The name, for the log, of the end that is an error.
fn name_of_end(error: &StoreError) -> &'static str {
    match error {
        StoreError::Contention { .. } => "contention",
        StoreError::DiskFull { .. } => "disk full",
        StoreError::Storage { .. } => "storage",
        StoreError::Unsettled { .. } => "unsettled",
        _ => "refused",
    }
}

struct Attempts<'a> {
    table: &'a mut LakeTable,
    change: Change,
    /// In the log entry of this commit and of no other.
    mark: String,
    /// The versions that were put and are not known to be another writer's.
    tried: Vec<i64>,
    lost_races: u32,
    faults: u32,
}

impl Attempts<'_> {
    /// Goes from state to state until the change is settled.
    async fn settle(mut self) -> Result<Settled, StoreError> {
        let mut step = Step::Read;
        loop {
            let from = step.name();
            let next = match step {
                Step::Read => self.read().await,
                Step::Judge => self.judge().await,
                Step::Put => self.put().await,
                Step::Wait(why) => self.wait(why).await,
                Step::Done(settled) => return Ok(settled),
            };
            trace!(from, to = next.as_ref().map_or_else(name_of_end, Step::name));
            step = next?;
        }
    }

    async fn read(&mut self) -> Result<Step, StoreError> {
        match self.table.refresh().await {
            Ok(()) => Ok(Step::Judge),
            Err(error @ StoreError::Storage { .. }) => Ok(Step::Wait(Trouble::Read(error))),
            Err(error) => Err(error),
        }
    }

    async fn judge(&mut self) -> Result<Step, StoreError> {
        match self.landed().await {
            Ok(Some(version)) => return Ok(committed(version)),
            Ok(None) => {}
            Err(error) => return Ok(Step::Wait(Trouble::Read(error))),
        }
        let watermarks = match self.table.watermarks(&self.change.progress).await {
            Ok(watermarks) => watermarks,
            Err(error) => return Ok(Step::Wait(Trouble::Read(error))),
        };
        let moved = |unit: &&Progress| watermarks.get(&unit.app_id).copied().flatten() != unit.prev;
        let app_ids: Vec<String> = self
            .change
            .progress
            .iter()
            .filter(moved)
            .map(|unit| unit.app_id.clone())
            .collect();
        if !app_ids.is_empty() {
            return Ok(Step::Done(Settled::Outcome(Outcome::Fenced { app_ids })));
        }
        let paths = self.gone()?;
        if !paths.is_empty() {
            return Ok(Step::Done(Settled::Gone { paths }));
        }
        Ok(Step::Put)
    }

    /// The files to be removed that are no longer part of the table.
    fn gone(&self) -> Result<Vec<String>, StoreError> {
        if self.change.removes.is_empty() {
            return Ok(Vec::new());
        }
        let files = self.table.files()?;
        let active: HashSet<_> = files.iter().map(|file| file.path().into_owned()).collect();
        let paths = self.change.removes.iter().map(|remove| &remove.path);
        Ok(paths.filter(|path| !active.contains(*path)).cloned().collect())
    }

    async fn put(&mut self) -> Result<Step, StoreError> {
        let version = self.table.version() + 1;
        if !self.tried.contains(&version) {
            self.tried.push(version);
        }
        let (adds, removes) = (self.change.adds.iter(), self.change.removes.iter());
        let actions: Vec<Action> = removes
            .cloned()
            .map(Action::Remove)
            .chain(adds.cloned().map(Action::Add))
            .collect();
        let transactions: Vec<Transaction> = self
            .change
            .progress
            .iter()
            .map(|unit| Transaction::new(&unit.app_id, unit.next))
            .collect();
        // One more is the commit's own information.
        let count = (actions.len() + transactions.len() + 1) as u64;
        let properties = plain_commit()
            .with_application_transactions(transactions)
            .with_metadata([
                (MARK.to_owned(), self.mark.clone().into()),
                (ACTIONS_KEY.to_owned(), count.into()),
            ]);
        let commit = CommitBuilder::from(properties).with_actions(actions).build(
            Some(self.table.snapshot()?),
            self.table.log_store(),
            self.change.operation.clone(),
        );
        let result = gated(commit.into_future()).await;
        match result {
            Ok(finalized) => {
                let version = finalized.version() as i64;
                self.table.delta.state = Some(finalized.snapshot());
                Ok(committed(version))
            }
            // The version exists. Mostly it is another writer's, but it can be this commit's own: a put that was thought to have
            // failed, or one that the storage's client repeated.
            Err(DeltaTableError::Transaction {
                source: TransactionError::MaxCommitAttempts(_),
            }) => Ok(Step::Wait(Trouble::LostRace)),
            Err(error) => Ok(Step::Wait(Trouble::Put(error))),
        }
    }

    /// Waits before the next look, or gives up. Giving up after a put needs to know that it did not land.
    async fn wait(&mut self, why: Trouble) -> Result<Step, StoreError> {
        let location = self.table.location.clone();
        let tries = match &why {
            Trouble::LostRace => {
                self.lost_races += 1;
                debug!(%location, lost_races = self.lost_races, "another writer committed first");
                self.lost_races
            }
            Trouble::Put(error) => {
                self.faults += 1;
                warn!(%location, %error, "a commit failed; looking whether it landed");
                self.faults
            }
            Trouble::Read(error) => {
                self.faults += 1;
                warn!(%location, %error, "cannot read the lake while committing");
                self.faults
            }
        };
        match why {
            Trouble::LostRace if self.lost_races >= MAX_LOST_RACES => {
                return Err(StoreError::Contention {
                    location,
                    attempts: self.lost_races,
                });
            }
            Trouble::Read(error) if self.faults >= MAX_FAULTS => {
                let unknown = !self.tried.is_empty();
                return Err(if unknown {
                    StoreError::Unsettled {
                        location,
                        cause: error.into(),
                    }
                } else {
                    error
                });
            }
            Trouble::Put(error) if self.faults >= MAX_FAULTS || !is_worth_repeating(&error) => {
                return self.give_up(error).await;
            }
            _ => {}
        }
        tokio::time::sleep(pause(tries)).await;
        Ok(Step::Read)
    }

    /// The last look after a put that will not be repeated.
    async fn give_up(&mut self, error: DeltaTableError) -> Result<Step, StoreError> {
        let location = self.table.location.clone();
        let unsettled = |cause: StoreError| StoreError::Unsettled {
            location: location.clone(),
            cause: cause.into(),
        };
        self.table.refresh().await.map_err(unsettled)?;
        match self.landed().await.map_err(unsettled)? {
            Some(version) => Ok(committed(version)),
            None => Err(StoreError::storage("commit to", &location, error)),
        }
    }

    /// The version as which this commit is in the log, if it is. Versions found to be another writer's are settled for good; one
    /// that does not exist may still be on its way.
    async fn landed(&mut self) -> Result<Option<i64>, StoreError> {
        for version in std::mem::take(&mut self.tried) {
            let entry = self
                .table
                .log_store()
                .read_commit_entry(version as u64)
                .await
                .map_err(|error| StoreError::storage("read", &self.table.location, error));
            match entry {
                Ok(Some(bytes)) if contains(&bytes, &self.mark) => return Ok(Some(version)),
                Ok(Some(_)) => {}
                Ok(None) => self.tried.push(version),
                Err(error) => {
                    self.tried.push(version);
                    return Err(error);
                }
            }
        }
        Ok(None)
    }
}

fn committed(version: i64) -> Step {
    Step::Done(Settled::Outcome(Outcome::Committed { version }))
}

fn contains(bytes: &[u8], mark: &str) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark.as_bytes())
}

fn check_progress(progress: &[Progress]) -> Result<(), StoreError> {
    for (index, unit) in progress.iter().enumerate() {
        let is_backwards = unit.next < unit.prev.unwrap_or(0);
        if is_backwards || progress[..index].iter().any(|other| other.app_id == unit.app_id) {
            return Err(StoreError::Progress {
                app_id: unit.app_id.clone(),
                prev: unit.prev,
                next: unit.next,
            });
        }
    }
    Ok(())
}

/// A full disk or a refused action will be just as full or refused in a second.
fn is_worth_repeating(error: &DeltaTableError) -> bool {
    let storage = match error {
        DeltaTableError::Transaction {
            source: TransactionError::ObjectStore { source },
        }
        | DeltaTableError::ObjectStore { source } => source,
        _ => return false,
    };
    let is_refused = matches!(
        storage,
        object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. }
            | object_store::Error::NotImplemented { .. }
    );
    !is_refused && !is_disk_full(storage)
}

/// Doubles with each try up to a limit; the jitter, from half to all of it, keeps rivals from meeting again.
fn pause(tries: u32) -> Duration {
    let longest = FIRST_WAIT.saturating_mul(1 << tries.min(16)).min(LONGEST_WAIT);
    let jitter = f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
    longest.mul_f64(0.5 + 0.5 * jitter)
}

#[cfg(test)]
mod tests;
