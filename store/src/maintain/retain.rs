//! Retention: whole days of a kind leave the table when they are old enough. Never rewrites a file, never deletes one (that is vacuum's
//! work), never touches a day in part, and never the ledger, by which sources are recognised.

use std::collections::{BTreeMap, BTreeSet};

use deltalake::protocol::DeltaOperation;
use tracing::debug;

use crate::append::{Change, Outcome, Progress, Settled};
use crate::error::StoreError;
use crate::maintain::data_file::DataFile;
use crate::schema::Kind;
use crate::table::Lake;

/// How often the files to remove are looked up again because others replaced some.
const MAX_ROUNDS: u32 = 16;

const DAY_US: i64 = 86_400_000_000;
const DAY_MS: i64 = 86_400_000;

/// The day of rows whose time is not known.
const UNKNOWN_DAY: i32 = 0;

/// How long to keep what. A kind that is not named is kept for ever, as all are by default: an archive forgets only what it is told to.
#[derive(Debug, Clone)]
pub struct RetainOptions {
    now_us: i64,
    keep_days: BTreeMap<Kind, u32>,
}

impl RetainOptions {
    /// Keeps everything; the present is in µs since 1970 UTC.
    pub fn new(now_us: i64) -> RetainOptions {
        RetainOptions {
            now_us,
            keep_days: BTreeMap::new(),
        }
    }

    /// Keeps rows of a kind for so many whole days before today, in UTC.
    ///
    /// # Errors
    /// [`StoreError::Retention`] for no days, and for the ledger.
    pub fn keep(mut self, kind: Kind, days: u32) -> Result<RetainOptions, StoreError> {
        let refuse = |reason: &str| StoreError::Retention {
            what: kind.as_str(),
            given_days: days,
            reason: reason.to_owned(),
        };
        if kind == Kind::Ledger {
            return Err(refuse(
                "it says which sources were read, and is kept as long as the lake",
            ));
        }
        if days == 0 {
            return Err(refuse("the shortest time is 1 day"));
        }
        self.keep_days.insert(kind, days);
        Ok(self)
    }

    /// The first day to keep of a kind, in days since 1970-01-01.
    fn first_kept(&self, kind: Kind) -> Option<i64> {
        let days = self.keep_days.get(&kind)?;
        Some(self.now_us.div_euclid(DAY_US) - i64::from(*days))
    }

    /// Whether the file's rows are old enough to go. Rows whose time is not known are as old as their file.
    fn is_expired(&self, file: &DataFile) -> bool {
        let written = file.written_ms.div_euclid(DAY_MS);
        let day = file.partition.day().map(|day| match day {
            UNKNOWN_DAY => written,
            day => i64::from(day),
        });
        match (day, self.first_kept(file.partition.kind)) {
            (Some(day), Some(first_kept)) => day < first_kept,
            _ => false,
        }
    }
}

/// What was removed; of a dry run, what would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetainReport {
    /// Partitions (days of a kind) that are no longer in the table.
    pub partitions: u64,
    /// Files taken out of the table. Vacuum deletes them when no version that is kept names them.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Their rows.
    pub rows: u64,
    /// Somebody else was removing days, and nothing was done here.
    pub fenced: bool,
}

impl RetainReport {
    fn of(files: &[DataFile]) -> RetainReport {
        let partitions: BTreeSet<_> = files.iter().map(|file| &file.partition).collect();
        RetainReport {
            partitions: partitions.len() as u64,
            files: files.len() as u64,
            bytes: files.iter().map(|file| file.bytes).sum(),
            rows: files.iter().map(|file| file.rows).sum(),
            fenced: false,
        }
    }
}

/// The unit of progress of retention of a kind: its watermark is the first day that was not removed, in days since 1970-01-01.
/// What is derived from older rows cannot be made again.
pub(crate) fn app_id(kind: Kind) -> String {
    format!("m/retain/{}", kind.as_str())
}

/// Removes the days that are older than the options keep, in one commit.
///
/// # Errors
/// Those of [`Lake::commit`]: nothing was removed.
pub async fn retain(
    lake: &mut Lake,
    options: &RetainOptions,
    dry_run: bool,
) -> Result<RetainReport, StoreError> {
    for _ in 0..MAX_ROUNDS {
        lake.refresh().await?;
        let mut files = lake.events.data_files()?;
        files.retain(|file| options.is_expired(file));
        let report = RetainReport::of(&files);
        if dry_run || files.is_empty() {
            return Ok(report);
        }
        let change = Change {
            operation: DeltaOperation::Delete { predicate: None },
            adds: Vec::new(),
            removes: files.iter().map(|file| file.remove(true)).collect(),
            progress: progress(lake, options, &files).await?,
        };
        match lake.events.commit(change).await? {
            Settled::Outcome(Outcome::Committed { version }) => {
                debug!(version, rows = report.rows, "removed old days");
                return Ok(report);
            }
            Settled::Outcome(Outcome::Fenced { .. }) => {
                return Ok(RetainReport {
                    fenced: true,
                    ..RetainReport::default()
                });
            }
            // Compaction put others in their place.
            Settled::Gone { .. } => {}
        }
    }
    Err(StoreError::Contention {
        location: lake.location().clone(),
        attempts: MAX_ROUNDS,
    })
}

/// The days that each kind loses. A day once removed stays removed, also where more days are kept from now on.
async fn progress(
    lake: &Lake,
    options: &RetainOptions,
    files: &[DataFile],
) -> Result<Vec<Progress>, StoreError> {
    let kinds: BTreeSet<Kind> = files.iter().map(|file| file.partition.kind).collect();
    let mut progress = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let app_id = app_id(kind);
        let prev = lake.watermark(&app_id).await?;
        let first_kept = options.first_kept(kind).unwrap_or_default();
        progress.push(Progress {
            app_id,
            prev,
            next: first_kept.max(prev.unwrap_or(0)),
        });
    }
    Ok(progress)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maintain::compact::{CompactOptions, compact};
    use crate::maintain::resources::Resources;
    use crate::testing::{DAY_US as TODAY_US, ask, commit, new_location};
    use crate::{LedgerRow, LogRow, Place, QueryRow, RowBuilder};

    const ROWS: &str = "SELECT kind, count(*), min(event_date) FROM events GROUP BY 1 ORDER BY 1";

    /// Executions, an event and a ledger row on each of ten days; one execution without a time.
    async fn ten_days(lake: &mut Lake) {
        let mut rows = RowBuilder::new();
        let place = |day: i64, source_offset| Place {
            source: "a",
            source_offset,
            ts_us: Some(TODAY_US - day * DAY_US),
            ..Place::default()
        };
        for day in 0..10 {
            for source_offset in 0..3 {
                let place = place(day, day * 3 + source_offset);
                rows.push_query(&QueryRow {
                    place,
                    ..QueryRow::default()
                });
            }
            let place = place(day, day);
            rows.push_log(&LogRow {
                place,
                ..LogRow::default()
            });
            rows.push_ledger(&LedgerRow {
                place,
                ..LedgerRow::default()
            });
        }
        rows.push_query(&QueryRow {
            place: Place {
                ts_us: None,
                ..place(0, 99)
            },
            ..QueryRow::default()
        });
        commit(lake, rows.finish(), "a", None, 100).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn days_go_by_kind_and_never_the_ledger() {
        let (_directory, location) = new_location();
        let mut lake = Lake::open_or_create(&location).await.unwrap();
        ten_days(&mut lake).await;
        let all = ask(&mut lake, ROWS).await;
        assert_eq!(
            all,
            "ledger|10|2026-11-14\nlog|10|2026-11-14\nquery|31|1970-01-01"
        );

        let nothing = retain(&mut lake, &RetainOptions::new(TODAY_US), false)
            .await
            .unwrap();
        assert_eq!((nothing, lake.version()), (RetainReport::default(), 1));

        let options = RetainOptions::new(TODAY_US)
            .keep(Kind::Query, 3)
            .and_then(|options| options.keep(Kind::Log, 8))
            .unwrap();
        let planned = retain(&mut lake, &options, true).await.unwrap();
        assert_eq!((planned.partitions, planned.files, planned.rows), (7, 7, 19));
        assert_eq!((ask(&mut lake, ROWS).await, lake.version()), (all, 1));

        let report = retain(&mut lake, &options, false).await.unwrap();
        assert_eq!((report, lake.version()), (planned, 2));
        let kept = "ledger|10|2026-11-14\nlog|9|2026-11-15\nquery|13|1970-01-01";
        assert_eq!(ask(&mut lake, ROWS).await, kept);
        let first_kept = TODAY_US / DAY_US - 3;
        let watermark = lake.watermark(&app_id(Kind::Query)).await.unwrap();
        assert_eq!(watermark, Some(first_kept));

        // Kept longer from now on: what is gone stays gone, and the lake still says so.
        let longer = RetainOptions::new(TODAY_US + 20 * DAY_US)
            .keep(Kind::Query, 30)
            .unwrap();
        assert_eq!(
            retain(&mut lake, &longer, false).await.unwrap(),
            RetainReport::default()
        );
        assert_eq!(
            lake.watermark(&app_id(Kind::Query)).await.unwrap(),
            Some(first_kept)
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_without_a_time_are_as_old_as_their_file() {
        let (_directory, location) = new_location();
        let mut lake = Lake::open_or_create(&location).await.unwrap();
        ten_days(&mut lake).await;
        let written_us = lake.events.data_files().unwrap()[0].written_ms * 1000;
        let keep = |now_us| RetainOptions::new(now_us).keep(Kind::Query, 40).unwrap();
        let unknown = "SELECT count(*) FROM events WHERE event_date = '1970-01-01'";
        retain(&mut lake, &keep(written_us + 40 * DAY_US), false)
            .await
            .unwrap();
        assert_eq!(ask(&mut lake, unknown).await, "1");
        retain(&mut lake, &keep(written_us + 41 * DAY_US), false)
            .await
            .unwrap();
        assert_eq!(ask(&mut lake, unknown).await, "0");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn compaction_meanwhile_makes_no_difference() {
        let (_directory, location) = new_location();
        let mut lake = Lake::open_or_create(&location).await.unwrap();
        ten_days(&mut lake).await;
        let compacting = {
            let location = location.clone();
            tokio::spawn(async move {
                let mut lake = Lake::open(&location).await.unwrap();
                let options = CompactOptions {
                    now_us: TODAY_US + 3 * DAY_US,
                    resources: Resources::default(),
                };
                compact(&mut lake, &options, false).await.unwrap();
            })
        };
        let options = RetainOptions::new(TODAY_US).keep(Kind::Query, 3).unwrap();
        let report = retain(&mut lake, &options, false).await.unwrap();
        assert_eq!(report.rows, 18);
        compacting.await.unwrap();
        assert_eq!(
            ask(&mut lake, ROWS).await,
            "ledger|10|2026-11-14\nlog|10|2026-11-14\nquery|13|1970-01-01"
        );
    }

    #[track_caller]
    fn check_refused(kind: Kind, days: u32, expected: &str) {
        let error = RetainOptions::new(0).keep(kind, days).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn what_must_not_go_is_refused() {
        check_refused(
            Kind::Ledger,
            90,
            "cannot keep ledger for 90 days: it says which sources were read, and is kept as long as the lake",
        );
        check_refused(
            Kind::Query,
            0,
            "cannot keep query for 0 days: the shortest time is 1 day",
        );
    }
}
