//! Lakes that are whole, and lakes that each lack one thing.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::plan_err;
use datafusion::error::DataFusionError;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};

use super::*;
use crate::maintain::compact::{CompactOptions, compact};
use crate::maintain::derive::{DeriveOptions, derive};
use crate::maintain::retain::{RetainOptions, retain};
use crate::schema::Kind;
use crate::testing::{DAY_US, new_location};
use crate::{Commit, LakeLocation, LedgerRow, LogRow, Place, Progress, QueryRow, RejectRow, RowBuilder};

const APP_ID: &str = "f/db-1/a/1";

/// Ranges of 10 bytes of one source, each with two executions, an event and a reject.
struct Writer {
    lake: Lake,
    location: LakeLocation,
    directory: tempfile::TempDir,
}

impl Writer {
    async fn new() -> Writer {
        let (directory, location) = new_location();
        Writer {
            lake: Lake::open_or_create(&location).await.unwrap(),
            location,
            directory,
        }
    }

    /// A lake of three ranges.
    async fn whole() -> Writer {
        let mut writer = Writer::new().await;
        for start in [0, 10, 20] {
            writer.range(start, &honest(start)).await;
        }
        writer
    }

    /// Commits the rows of a range and the books that are given.
    async fn range(&mut self, start: i64, ledger: &LedgerRow<'_>) {
        let mut rows = RowBuilder::new();
        let at = |source_offset| Place {
            source_offset,
            ..ledger.place
        };
        for (place, source_seq) in [(at(start), 0), (at(start), 1)] {
            rows.push_query(&QueryRow {
                place: Place { source_seq, ..place },
                ..QueryRow::default()
            });
        }
        rows.push_log(&LogRow {
            place: at(start + 3),
            ..LogRow::default()
        });
        rows.push_reject(&RejectRow {
            place: at(start + 7),
            ..RejectRow::default()
        });
        rows.push_ledger(ledger);
        let prev = self.lake.watermark(APP_ID).await.unwrap();
        let commit = Commit {
            files: vec![self.lake.upload(rows.finish()).await.unwrap()],
            progress: vec![Progress {
                app_id: APP_ID.to_owned(),
                prev,
                next: start + 10,
            }],
        };
        self.lake.commit(commit).await.unwrap();
    }

    async fn fsck(&mut self) -> FsckReport {
        fsck(&mut self.lake, &FsckOptions::default()).await.unwrap()
    }

    /// The only problem there is.
    #[track_caller]
    fn check_told(report: &FsckReport, name: &str, expected: &[&str]) {
        for check in &report.checks {
            if check.name == name {
                assert_eq!(check.told, expected);
            } else {
                assert_eq!(check.problems, 0, "{check:?}");
            }
        }
    }

    /// A file of executions of the lake.
    fn file(&self) -> (PathBuf, String) {
        let files = self.lake.events.data_files().unwrap();
        let file = files
            .iter()
            .find(|file| file.partition.kind == Kind::Query)
            .unwrap();
        let name = format!("events/{}", file.path);
        (self.location.directory().unwrap().join(&name), name)
    }
}

/// True books of a range.
fn honest(start: i64) -> LedgerRow<'static> {
    LedgerRow {
        place: Place {
            source: "a",
            source_offset: start,
            ts_us: Some(DAY_US),
            ..Place::default()
        },
        app_id: APP_ID,
        range_end: start + 10,
        bytes_in: 10,
        bytes_parsed: 7,
        bytes_rejected: 1,
        bytes_skipped: 2,
        entries_query: 2,
        entries_log: 1,
        rejects: 1,
        ..LedgerRow::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_lake_has_no_problems_before_and_after_maintenance() {
    let mut writer = Writer::whole().await;
    let report = writer.fsck().await;
    assert_eq!((report.problems(), report.version), (0, 3), "{report:?}");
    let examined: Vec<_> = report.checks.iter().map(|check| &check.examined).collect();
    assert_eq!(examined[0][0], (12, "files"));
    assert_eq!(examined[1], &[(15, "rows")]);
    assert_eq!(examined[2], &[(1, "sources"), (3, "ranges")]);

    let compacting = CompactOptions {
        now_us: DAY_US * 2,
        resources: Resources::default(),
    };
    assert_eq!(
        compact(&mut writer.lake, &compacting, false)
            .await
            .unwrap()
            .files_in,
        12
    );
    assert_eq!(writer.fsck().await.problems(), 0);
    let keeping = RetainOptions::new(DAY_US * 2).keep(Kind::Query, 1).unwrap();
    assert_eq!(retain(&mut writer.lake, &keeping, false).await.unwrap().rows, 6);
    let report = writer.fsck().await;
    assert_eq!(report.problems(), 0, "{report:?}");
    let empty = Writer::new().await.fsck().await;
    assert_eq!(empty.problems(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_not_as_the_log_says_are_named() {
    let mut writer = Writer::whole().await;
    let (path, name) = writer.file();
    let bytes = fs::read(&path).unwrap();
    let length = bytes.len();
    let harm: [(&[u8], String); 3] = [
        (
            &bytes[..length - 1],
            format!("{name}: has {} bytes, the log says {length}", length - 1),
        ),
        (b"", format!("{name}: has 0 bytes, the log says {length}")),
        (&vec![b'x'; length], format!("{name}: is no Parquet file: ")),
    ];
    for (content, expected) in harm {
        fs::write(&path, content).unwrap();
        let report = writer.fsck().await;
        assert_eq!(report.problems(), 1);
        assert!(report.checks[0].told[0].starts_with(&expected), "{report:?}");
        assert_eq!(
            report.checks[1].skipped.as_deref(),
            Some("not all files can be read")
        );
    }
    fs::remove_file(&path).unwrap();
    let report = writer.fsck().await;
    Writer::check_told(&report, "files", &[&format!("{name}: is not there")]);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(writer.fsck().await.problems(), 0);
    drop(writer.directory);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_miscounts_is_noticed() {
    let mut writer = Writer::whole().await;
    let mut rows = RowBuilder::new();
    rows.push_ledger(&honest(30));
    let mut files = writer.lake.upload(rows.finish()).await.unwrap();
    let stats = files.adds[0].stats.take().unwrap();
    files.adds[0].stats = Some(stats.replace("\"numRecords\":1", "\"numRecords\":2"));
    let lied = format!("events/{}", files.adds[0].path);
    let commit = Commit {
        files: vec![files],
        progress: Vec::new(),
    };
    writer.lake.commit(commit).await.unwrap();
    let report = writer.fsck().await;
    Writer::check_told(
        &report,
        "files",
        &[&format!("{lied}: has 1 rows, the log says 2")],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_there_twice_is_told_with_its_place() {
    let mut writer = Writer::whole().await;
    let mut rows = RowBuilder::new();
    let place = Place {
        source_seq: 1,
        ..honest(10).place
    };
    rows.push_query(&QueryRow {
        place,
        ..QueryRow::default()
    });
    // The same place, but of another kind and another source.
    rows.push_log(&LogRow {
        place,
        ..LogRow::default()
    });
    rows.push_query(&QueryRow {
        place: Place { source: "b", ..place },
        ..QueryRow::default()
    });
    let commit = Commit {
        files: vec![writer.lake.upload(rows.finish()).await.unwrap()],
        progress: Vec::new(),
    };
    writer.lake.commit(commit).await.unwrap();
    let report = writer.fsck().await;
    assert_eq!(
        report.checks[1].told,
        ["a: the query row of offset 10, number 1, is there again"]
    );
    assert_eq!(
        report.checks[2].told,
        [
            "a: 6 query rows were read, 7 are there",
            "b: has 1 query rows, and no ledger row speaks of it",
            "a: 3 log rows were read, 4 are there",
        ]
    );
    assert_eq!(report.problems(), 4);
}

/// The problem of a lake whose second range has these books, and begins and ends where they say.
async fn check_books(ledger: LedgerRow<'static>, expected: &[&str]) {
    let mut writer = Writer::new().await;
    writer.range(0, &honest(0)).await;
    writer.range(10, &ledger).await;
    writer.range(20, &honest(20)).await;
    let report = writer.fsck().await;
    Writer::check_told(&report, "ledger", expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn books_that_do_not_add_up_are_told() {
    let mut ledger = honest(10);
    ledger.range_end = 19;
    ledger.bytes_in = 9;
    ledger.bytes_parsed = 6;
    check_books(ledger, &[&format!("{APP_ID}: nothing is known of 19 to 20")]).await;

    let mut ledger = honest(10);
    ledger.range_end = 22;
    ledger.bytes_in = 12;
    ledger.bytes_parsed = 9;
    check_books(ledger, &[&format!("{APP_ID}: 20 to 22 is there twice")]).await;

    let mut ledger = honest(10);
    ledger.bytes_in = 9;
    check_books(
        ledger,
        &[
            &format!("{APP_ID}: 10 to 20 is said to have 9 bytes"),
            &format!("{APP_ID}: of the 9 bytes from 10 to 20, 10 are accounted for"),
        ],
    )
    .await;

    let mut ledger = honest(10);
    ledger.entries_query = 3;
    ledger.rejects = 0;
    check_books(
        ledger,
        &[
            "a: 7 query rows were read, 6 are there",
            "a: 2 reject rows were read, 3 are there",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn books_begin_at_the_first_byte_and_end_where_the_lake_has_read() {
    let mut writer = Writer::new().await;
    writer.range(10, &honest(10)).await;
    let step = Progress {
        app_id: APP_ID.to_owned(),
        prev: Some(20),
        next: 30,
    };
    let commit = Commit {
        files: Vec::new(),
        progress: vec![step],
    };
    writer.lake.commit(commit).await.unwrap();
    let report = writer.fsck().await;
    Writer::check_told(
        &report,
        "ledger",
        &[
            &format!("{APP_ID}: nothing is known of 0 to 10"),
            &format!("{APP_ID}: its ranges end at 20, the lake's progress is 30"),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn little_memory_is_enough_for_many_rows() {
    const RANGES: i64 = 60_000;
    let mut writer = Writer::new().await;
    let mut rows = RowBuilder::new();
    for start in (0..RANGES).map(|range| range * 10) {
        rows.push_ledger(&LedgerRow {
            entries_query: 3,
            entries_log: 0,
            rejects: 0,
            ..honest(start)
        });
        for source_seq in 0..3 {
            rows.push_query(&QueryRow {
                place: Place {
                    source_seq,
                    ..honest(start).place
                },
                ..QueryRow::default()
            });
        }
    }
    let step = Progress {
        app_id: APP_ID.to_owned(),
        prev: None,
        next: RANGES * 10,
    };
    let commit = Commit {
        files: vec![writer.lake.upload(rows.finish()).await.unwrap()],
        progress: vec![step],
    };
    writer.lake.commit(commit).await.unwrap();
    // Less than ledger rows or keys take, so that both go to files.
    let little = FsckOptions {
        resources: Resources {
            memory_bytes: 6 << 20,
            threads: 1,
        },
        ..FsckOptions::default()
    };
    let report = fsck(&mut writer.lake, &little).await.unwrap();
    assert_eq!(report.problems(), 0, "{report:?}");
    assert_eq!(report.checks[1].examined, [(4 * RANGES as u64, "rows")]);
}

/// Plans, but what is asked of a table that is kept.
#[derive(Debug)]
struct Elsewhere;

#[async_trait]
impl QueryPlanner for Elsewhere {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        if plan.display_indent().to_string().contains("stored_") {
            return plan_err!("not here");
        }
        DefaultPhysicalPlanner::default()
            .create_physical_plan(plan, session)
            .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_else_can_answer_is_no_problem_of_the_lake() {
    let mut writer = Writer::whole().await;
    let options = DeriveOptions {
        now_us: DAY_US * 2,
        resources: Resources::default(),
        planner: None,
    };
    for table in DerivedTable::ALL {
        derive(&mut writer.lake, table, &options, false).await.unwrap();
    }
    let options = FsckOptions {
        planner: Some(Arc::new(Elsewhere)),
        ..FsckOptions::default()
    };
    let report = fsck(&mut writer.lake, &options).await.unwrap();
    assert_eq!(
        report,
        fsck(&mut writer.lake, &FsckOptions::default()).await.unwrap()
    );
    assert_eq!(report.problems(), 0, "{report:?}");
    assert!(
        report.checks.iter().all(|check| check.skipped.is_none()),
        "{report:?}"
    );
}

#[test]
fn not_every_problem_is_told_but_every_one_counts() {
    let mut check = Check::new("keys", "");
    for number in 0..100 {
        check.problem(|| number.to_string());
    }
    assert_eq!((check.problems, check.told.len()), (100, MAX_TOLD));
}
