//! Checkpoints and the clean-up of the log, so that opening a lake does not read its whole history. Changes nothing that a reader of
//! the newest version sees. Never deletes a data file.

use std::collections::BTreeMap;

use deltalake::protocol::checkpoints::create_checkpoint;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectMeta;
use object_store::path::Path as StorePath;

use crate::error::StoreError;
use crate::lake_table::LakeTable;
use crate::log_gate::gated;
use crate::table::Lake;

/// So many commits after the last checkpoint another one is worth it.
const COMMITS_WORTH_A_CHECKPOINT: i64 = 10;

/// How long versions of the past can be read when nobody says otherwise, days.
const LOG_DAYS: u32 = 30;

/// No writer waits longer for the storage, days: until then, a version that was tried must be seen to be taken.
const LONGEST_COMMIT_DAYS: u32 = 1;

const DAY_MS: i64 = 86_400_000;

/// How to keep the log short.
#[derive(Debug, Clone, Copy)]
pub struct CheckpointOptions {
    now_us: i64,
    log_days: u32,
}

impl CheckpointOptions {
    /// As long as is usual; the present is in µs since 1970 UTC.
    pub fn new(now_us: i64) -> CheckpointOptions {
        CheckpointOptions {
            now_us,
            log_days: LOG_DAYS,
        }
    }

    /// Keeps every version readable for so many days after it was the newest one.
    ///
    /// # Errors
    /// [`StoreError::Retention`] for times in which a commit may still be under way.
    pub fn keep_log(mut self, days: u32) -> Result<CheckpointOptions, StoreError> {
        if days < LONGEST_COMMIT_DAYS {
            return Err(StoreError::Retention {
                what: "the log of versions",
                given_days: days,
                reason: format!(
                    "a commit may be under way for {LONGEST_COMMIT_DAYS} day, and must not find its version free again"
                ),
            });
        }
        self.log_days = days;
        Ok(self)
    }
}

/// What was done to the log; of a dry run, what would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CheckpointReport {
    /// The version of the events that was checkpointed, where it was worth it.
    pub checkpoint: Option<i64>,
    /// Log files deleted.
    pub log_files: u64,
    /// Their bytes.
    pub log_bytes: u64,
}

/// Makes a checkpoint of each table where enough has happened since the last one, and deletes what of the logs nobody needs any more.
/// Doing it twice at a time does the same thing twice.
///
/// # Errors
/// [`StoreError::Storage`] where the log cannot be listed or written.
pub async fn checkpoint(
    lake: &mut Lake,
    options: &CheckpointOptions,
    dry_run: bool,
) -> Result<CheckpointReport, StoreError> {
    lake.refresh().await?;
    let mut report = checkpoint_table(&lake.events, options, dry_run).await?;
    for table in lake.other_tables().await? {
        let derived = checkpoint_table(&table, options, dry_run).await?;
        report.log_files += derived.log_files;
        report.log_bytes += derived.log_bytes;
    }
    Ok(report)
}

async fn checkpoint_table(
    table: &LakeTable,
    options: &CheckpointOptions,
    dry_run: bool,
) -> Result<CheckpointReport, StoreError> {
    let mut log = LogFiles::of(table).await?;
    let version = table.version();
    let mut report = CheckpointReport::default();
    if version - log.last_checkpoint().unwrap_or(0) >= COMMITS_WORTH_A_CHECKPOINT {
        report.checkpoint = Some(version);
    }
    if report.checkpoint.is_some() && !dry_run {
        let made = gated(create_checkpoint(&table.delta, None)).await;
        log = LogFiles::of(table).await?;
        // Somebody else may have made the same one.
        if let Err(error) = made
            && log.last_checkpoint() < Some(version)
        {
            return Err(StoreError::storage("checkpoint", &table.location, error));
        }
    }
    let cutoff_ms = options.now_us.div_euclid(1000) - i64::from(options.log_days) * DAY_MS;
    let expired = log.expired(cutoff_ms);
    report.log_files = expired.len() as u64;
    report.log_bytes = expired.iter().map(|file| file.size).sum();
    if !dry_run {
        delete(table, expired).await?;
    }
    Ok(report)
}

/// The files of a table's log, by version.
struct LogFiles {
    commits: BTreeMap<i64, ObjectMeta>,
    checkpoints: BTreeMap<i64, ObjectMeta>,
}

impl LogFiles {
    async fn of(table: &LakeTable) -> Result<LogFiles, StoreError> {
        let log_store = table.log_store();
        let store = log_store.object_store(None);
        let mut log = LogFiles {
            commits: BTreeMap::new(),
            checkpoints: BTreeMap::new(),
        };
        let mut files = store.list(Some(log_store.log_path()));
        while let Some(file) = files
            .try_next()
            .await
            .map_err(|error| StoreError::storage("list", &table.location, error))?
        {
            match versioned(&file.location) {
                Some((version, "json")) => log.commits.insert(version, file),
                Some((version, "checkpoint.parquet")) => log.checkpoints.insert(version, file),
                // Whatever else there is may be somebody's.
                _ => None,
            };
        }
        Ok(log)
    }

    fn last_checkpoint(&self) -> Option<i64> {
        self.checkpoints.keys().next_back().copied()
    }

    /// The files without which every version that was the newest one at the cutoff or later can still be read: those before the last
    /// checkpoint that is not newer than any of these versions.
    fn expired(&self, cutoff_ms: i64) -> Vec<ObjectMeta> {
        let is_old = |file: &ObjectMeta| file.last_modified.timestamp_millis() < cutoff_ms;
        let newest = self.commits.keys().next_back().copied();
        // The version before the first one that was put after the cutoff was the newest one at the cutoff.
        let first_needed = self
            .commits
            .iter()
            .find(|(_, file)| !is_old(file))
            .map(|(version, _)| version - 1)
            .or(newest);
        let base = first_needed.and_then(|needed| self.checkpoints.range(..=needed).next_back());
        let Some((base, _)) = base else {
            return Vec::new();
        };
        let before = |files: &BTreeMap<i64, ObjectMeta>| {
            let old = files.range(..base).filter(|(_, file)| is_old(file));
            old.map(|(_, file)| file.clone()).collect::<Vec<_>>()
        };
        [before(&self.commits), before(&self.checkpoints)].concat()
    }
}

/// The version in a log file's name, and what follows it.
fn versioned(path: &StorePath) -> Option<(i64, &str)> {
    const DIGITS: usize = 20;
    let (version, rest) = path.filename()?.split_at_checked(DIGITS)?;
    let rest = rest.strip_prefix('.')?;
    Some((version.parse().ok()?, rest))
}

async fn delete(table: &LakeTable, files: Vec<ObjectMeta>) -> Result<(), StoreError> {
    let store = table.log_store().object_store(None);
    let paths = stream::iter(files.into_iter().map(|file| Ok(file.location))).boxed();
    store
        .delete_stream(paths)
        .try_for_each(|_| async { Ok(()) })
        .await
        .map_err(|error| StoreError::storage("clean up the log of", &table.location, error))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::testing::{ask, commit, executions, new_location};
    use crate::{LakeLocation, Outcome};

    const DAY: Duration = Duration::from_secs(86_400);

    async fn lake_of(location: &LakeLocation, commits: i64) -> Lake {
        let mut lake = Lake::open_or_create(location).await.unwrap();
        for step in lake.version()..lake.version() + commits {
            let prev = (step > 0).then_some(step);
            commit(&mut lake, executions("a", step, 1), "a", prev, step + 1)
                .await
                .unwrap();
        }
        lake
    }

    fn now_us() -> i64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        since.as_micros() as i64
    }

    /// Makes every file of the log older.
    fn age(location: &LakeLocation, by: Duration) {
        let log = location.directory().unwrap().join("events/_delta_log");
        for entry in std::fs::read_dir(log).unwrap() {
            let file = std::fs::File::options()
                .write(true)
                .open(entry.unwrap().path())
                .unwrap();
            let modified = file.metadata().unwrap().modified().unwrap();
            file.set_modified(modified - by).unwrap();
        }
    }

    async fn checked(location: &LakeLocation, rows: i64) {
        let mut lake = Lake::open(location).await.unwrap();
        assert_eq!(lake.version(), rows);
        assert_eq!(lake.watermark("a").await.unwrap(), Some(rows));
        let statistics = lake.statistics().unwrap();
        assert_eq!((statistics.files, statistics.rows), (rows as u64, rows as u64));
        let sql = "SELECT count(*), count(DISTINCT source_offset), max(source_offset) FROM events";
        assert_eq!(ask(&mut lake, sql).await, format!("{rows}|{rows}|{}", rows - 1));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_checkpoint_is_made_when_it_is_worth_it() {
        let (_directory, location) = new_location();
        let mut lake = lake_of(&location, COMMITS_WORTH_A_CHECKPOINT - 1).await;
        let options = CheckpointOptions::new(now_us());
        let report = checkpoint(&mut lake, &options, false).await.unwrap();
        assert_eq!(report, CheckpointReport::default());

        let mut lake = lake_of(&location, 3).await;
        let expected = CheckpointReport {
            checkpoint: Some(12),
            ..CheckpointReport::default()
        };
        for (dry_run, exists) in [(true, false), (false, true)] {
            assert_eq!(checkpoint(&mut lake, &options, dry_run).await.unwrap(), expected);
            let file = "events/_delta_log/00000000000000000012.checkpoint.parquet";
            assert_eq!(location.directory().unwrap().join(file).exists(), exists);
        }
        let again = checkpoint(&mut lake, &options, false).await.unwrap();
        assert_eq!(again, CheckpointReport::default());
        checked(&location, 12).await;
        // Commits go on behind it.
        lake_of(&location, 2).await;
        checked(&location, 14).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_log_is_kept_as_long_as_somebody_may_read_it() {
        let (_directory, location) = new_location();
        let mut lake = lake_of(&location, 12).await;
        let options = CheckpointOptions::new(now_us());
        checkpoint(&mut lake, &options, false).await.unwrap();
        age(&location, 20 * DAY);
        let mut lake = lake_of(&location, 12).await;
        let report = checkpoint(&mut lake, &options, false).await.unwrap();
        assert_eq!((report.checkpoint, report.log_files), (Some(24), 0));

        // Version 12 was the newest one thirty days ago; what came before it is not needed.
        age(&location, 15 * DAY);
        let planned = checkpoint(&mut lake, &options, true).await.unwrap();
        let report = checkpoint(&mut lake, &options, false).await.unwrap();
        assert_eq!(report, planned);
        assert_eq!(report.log_files, 12);
        assert!(report.log_bytes > 0);
        let past = Lake::open(&location).await.unwrap();
        let mut delta = past.events.delta;
        delta.load_version(12).await.unwrap();
        assert!(delta.load_version(11).await.is_err());
        checked(&location, 24).await;
        let again = checkpoint(&mut lake, &options, false).await.unwrap();
        assert_eq!(again, CheckpointReport::default());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn without_a_checkpoint_nothing_is_deleted() {
        let (_directory, location) = new_location();
        let mut lake = lake_of(&location, 3).await;
        age(&location, 90 * DAY);
        let options = CheckpointOptions::new(now_us());
        let report = checkpoint(&mut lake, &options, false).await.unwrap();
        assert_eq!(report, CheckpointReport::default());
        checked(&location, 3).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_at_a_time_do_no_harm() {
        let (_directory, location) = new_location();
        lake_of(&location, 12).await;
        let makers: Vec<_> = (0..4)
            .map(|_| {
                let location = location.clone();
                tokio::spawn(async move {
                    let mut lake = Lake::open(&location).await.unwrap();
                    let options = CheckpointOptions::new(now_us());
                    checkpoint(&mut lake, &options, false).await.unwrap()
                })
            })
            .collect();
        for maker in makers {
            maker.await.unwrap();
        }
        checked(&location, 12).await;
        let mut lake = Lake::open(&location).await.unwrap();
        let outcome = commit(&mut lake, executions("a", 12, 1), "a", Some(12), 13)
            .await
            .unwrap();
        assert_eq!(outcome, Outcome::Committed { version: 13 });
    }
}
