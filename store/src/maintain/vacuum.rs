//! Vacuum: deletes data files that no version of the table names which can still be asked for, and what uploads that never were
//! committed left behind, in every table of a lake. Lists only the tables' own partition directories. Never changes a log.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path as StorePath;
use object_store::{ObjectMeta, ObjectStore};

use crate::error::StoreError;
use crate::lake_table::LakeTable;
use crate::schema::PARTITION_COLUMNS;
use crate::table::Lake;

/// How long files outlive the last version that names them when nobody says otherwise, days.
const KEEP_DAYS: u32 = 7;

/// No upload and no query takes longer, days: a file that is not in the table yet is left alone for so long.
const LONGEST_UPLOAD_DAYS: u32 = 1;

const DAY_MS: i64 = 86_400_000;

/// Which files to delete.
#[derive(Debug, Clone, Copy)]
pub struct VacuumOptions {
    now_us: i64,
    keep_days: u32,
}

impl VacuumOptions {
    /// Keeps files as long as is usual; the present is in µs since 1970 UTC.
    pub fn new(now_us: i64) -> VacuumOptions {
        VacuumOptions {
            now_us,
            keep_days: KEEP_DAYS,
        }
    }

    /// Keeps files for so many days after they left the table, or were uploaded without ever being part of it.
    ///
    /// # Errors
    /// [`StoreError::Retention`] for times in which an upload may still be under way, or longer than the table's log tells what left it.
    pub fn keep(mut self, days: u32) -> Result<VacuumOptions, StoreError> {
        let refuse = |reason: String| StoreError::Retention {
            what: "files that are no longer used",
            given_days: days,
            reason,
        };
        if days < LONGEST_UPLOAD_DAYS {
            return Err(refuse(format!(
                "an upload may take {LONGEST_UPLOAD_DAYS} day, and its files are not in the table before its end"
            )));
        }
        if days > KEEP_DAYS {
            return Err(refuse(format!(
                "checkpoints forget after {KEEP_DAYS} days what left the table"
            )));
        }
        self.keep_days = days;
        Ok(self)
    }
}

/// What was deleted; of a dry run, what would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VacuumReport {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that are kept although the newest version does not name them: versions of the last days do, or a commit may yet.
    pub kept: u64,
}

/// Deletes files that are older than the options keep and in no version that is younger. Doing it twice at a time does no harm.
///
/// # Errors
/// [`StoreError::Storage`] where the lake cannot be listed or a file not be deleted.
pub async fn vacuum(
    lake: &mut Lake,
    options: &VacuumOptions,
    dry_run: bool,
) -> Result<VacuumReport, StoreError> {
    let mut report = vacuum_table(&mut lake.events, options, dry_run).await?;
    for mut table in lake.other_tables().await? {
        let derived = vacuum_table(&mut table, options, dry_run).await?;
        report.files += derived.files;
        report.bytes += derived.bytes;
        report.kept += derived.kept;
    }
    Ok(report)
}

async fn vacuum_table(
    table: &mut LakeTable,
    options: &VacuumOptions,
    dry_run: bool,
) -> Result<VacuumReport, StoreError> {
    let cutoff_ms = options.now_us.div_euclid(1000) - i64::from(options.keep_days) * DAY_MS;
    let failed = |error: object_store::Error| StoreError::storage("vacuum", &table.location, error);
    let store = table.log_store().object_store(None);
    // Listed before the log is looked at: what is put in meanwhile is not in the list, or is in the log.
    let found = listed(store.as_ref()).await.map_err(failed)?;
    table.refresh().await?;
    let needed = needed(table, cutoff_ms).await?;
    let unused = found
        .into_iter()
        .filter(|file| !needed.active.contains(file.location.as_ref()));
    let (expired, kept): (Vec<ObjectMeta>, Vec<ObjectMeta>) = unused.partition(|file| {
        file.last_modified.timestamp_millis() < cutoff_ms && !needed.recent.contains(file.location.as_ref())
    });
    let report = VacuumReport {
        files: expired.len() as u64,
        bytes: expired.iter().map(|file| file.size).sum(),
        kept: kept.len() as u64,
    };
    if !dry_run {
        let paths = stream::iter(expired.into_iter().map(|file| Ok(file.location))).boxed();
        store
            .delete_stream(paths)
            .try_for_each(|_| async { Ok(()) })
            .await
            .map_err(|error| StoreError::storage("vacuum", &table.location, error))?;
    }
    Ok(report)
}

/// Paths of files that must stay.
struct Needed {
    /// In the newest version.
    active: HashSet<String>,
    /// Not in the newest version, but in one that was the newest after the cutoff.
    recent: HashSet<String>,
}

async fn needed(table: &LakeTable, cutoff_ms: i64) -> Result<Needed, StoreError> {
    let failed = |error| StoreError::storage("read", &table.location, error);
    let active = table
        .files()?
        .iter()
        .map(|file| file.path().into_owned())
        .collect();
    let state = table.delta.snapshot().map_err(failed)?;
    let log_store = table.log_store();
    let recent = state
        .all_tombstones(log_store.as_ref())
        .try_filter_map(|gone| async move {
            // The protocol has a file without a time be gone for ever.
            let is_recent = gone.deletion_timestamp().is_some_and(|time| time >= cutoff_ms);
            Ok(is_recent.then(|| gone.path().into_owned()))
        })
        .try_collect()
        .await
        .map_err(failed)?;
    Ok(Needed { active, recent })
}

/// Every file in the directories of partitions.
async fn listed(store: &dyn ObjectStore) -> object_store::Result<Vec<ObjectMeta>> {
    let days = store.list_with_delimiter(None).await?.common_prefixes;
    let mut files = Vec::new();
    for day in days.iter().filter(|path| is_partition(path)) {
        files.extend(store.list(Some(day)).try_collect::<Vec<_>>().await?);
    }
    Ok(files)
}

/// Whether a directory is one of a day, such as `event_date=2026-11-23`.
fn is_partition(path: &StorePath) -> bool {
    path.filename()
        .and_then(|name| name.strip_prefix(PARTITION_COLUMNS[0]))
        .is_some_and(|rest| rest.starts_with('='))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::LakeLocation;
    use crate::maintain::compact::{CompactOptions, compact};
    use crate::maintain::resources::Resources;
    use crate::testing::{ask, commit, executions, new_location};

    const DAY_US: i64 = DAY_MS * 1000;

    fn now_us() -> i64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        since.as_micros() as i64
    }

    /// A lake of two files that were compacted into one, and a file that was uploaded and never committed.
    async fn lake_with_leftovers(location: &LakeLocation) -> Lake {
        let mut lake = Lake::open_or_create(location).await.unwrap();
        commit(&mut lake, executions("a", 0, 5), "a", None, 5)
            .await
            .unwrap();
        commit(&mut lake, executions("a", 5, 5), "a", Some(5), 10)
            .await
            .unwrap();
        lake.upload(executions("b", 0, 3)).await.unwrap();
        let options = CompactOptions {
            now_us: now_us() + 10 * DAY_US,
            resources: Resources::default(),
        };
        assert_eq!(compact(&mut lake, &options, false).await.unwrap().files_in, 2);
        lake
    }

    fn events_of(location: &LakeLocation) -> PathBuf {
        location.directory().unwrap().join("events")
    }

    /// Files in the events' directories of days.
    fn data_files(location: &LakeLocation) -> usize {
        let entries = |path: &std::path::Path| {
            let entries = fs::read_dir(path).unwrap();
            entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
        };
        entries(&events_of(location))
            .iter()
            .filter(|path| {
                path.file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with("event_date=")
            })
            .flat_map(|day| entries(day))
            .map(|kind| entries(&kind).len())
            .sum()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn files_go_when_no_version_that_is_kept_names_them() {
        let (_directory, location) = new_location();
        let mut lake = lake_with_leftovers(&location).await;
        assert_eq!(data_files(&location), 4);
        let soon = VacuumOptions::new(now_us() + 6 * DAY_US);
        let report = vacuum(&mut lake, &soon, false).await.unwrap();
        assert_eq!((report.files, report.kept, data_files(&location)), (0, 3, 4));
        // So that the version before can still be read.
        let mut past = Lake::open(&location).await.unwrap();
        past.events.delta.load_version(2).await.unwrap();
        for file in past.events.files().unwrap().iter() {
            assert!(events_of(&location).join(&*file.path()).exists());
        }

        let later = VacuumOptions::new(now_us() + 8 * DAY_US);
        let planned = vacuum(&mut lake, &later, true).await.unwrap();
        assert_eq!((planned.files, data_files(&location)), (3, 4));
        let report = vacuum(&mut lake, &later, false).await.unwrap();
        assert_eq!((report, report.kept, data_files(&location)), (planned, 0, 1));
        assert_eq!(
            ask(&mut lake, "SELECT count(*), sum(source_offset) FROM events").await,
            "10|45"
        );
        assert_eq!(
            vacuum(&mut lake, &later, false).await.unwrap(),
            VacuumReport::default()
        );
    }

    /// A file that was written long ago and left the table a moment ago is in a version of a moment ago.
    #[tokio::test(flavor = "multi_thread")]
    async fn an_old_file_is_kept_as_long_as_the_version_that_names_it() {
        let (_directory, location) = new_location();
        let mut lake = lake_with_leftovers(&location).await;
        let directory = events_of(&location);
        let long_ago = SystemTime::now() - Duration::from_secs(90 * 86_400);
        for file in fs::read_dir(directory.join("event_date=2026-11-23/kind=query")).unwrap() {
            let file = fs::File::options()
                .write(true)
                .open(file.unwrap().path())
                .unwrap();
            file.set_modified(long_ago).unwrap();
        }
        // Only what was never committed is out of all versions.
        let report = vacuum(&mut lake, &VacuumOptions::new(now_us()), false)
            .await
            .unwrap();
        assert_eq!((report.files, report.kept, data_files(&location)), (1, 2, 3));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_not_of_the_events_table_is_not_even_listed() {
        let (_directory, location) = new_location();
        let mut lake = lake_with_leftovers(&location).await;
        let foreign = [
            "rollup_hour/event_date=2026-11-23/1.parquet",
            "notes.txt",
            "event_dates/1.parquet",
        ];
        for path in foreign {
            let path = events_of(&location).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let later = VacuumOptions::new(now_us() + 1000 * DAY_US);
        assert_eq!(vacuum(&mut lake, &later, false).await.unwrap().files, 3);
        for path in foreign {
            assert!(events_of(&location).join(path).exists(), "{path}");
        }
    }

    #[track_caller]
    fn check_refused(days: u32, expected: &str) {
        let error = VacuumOptions::new(0).keep(days).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn times_that_would_break_something_are_refused() {
        check_refused(
            0,
            "cannot keep files that are no longer used for 0 days: an upload may take 1 day, and its files are not in the table before its end",
        );
        check_refused(
            8,
            "cannot keep files that are no longer used for 8 days: checkpoints forget after 7 days what left the table",
        );
        assert!(VacuumOptions::new(0).keep(1).is_ok());
    }
}
