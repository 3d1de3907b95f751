//! What a derived table says, after whatever happened to the lake, against its definition over all events.

use std::fs;

use datafusion::arrow::util::display::array_value_to_string;
use proptest::prelude::*;

use super::*;
use crate::maintain::{CompactOptions, RetainOptions, compact, retain};
use crate::testing::{DAY_US, Fault, FaultyStore, commit, new_location};
use crate::{Kind, LakeLocation, LogRow, Place, QueryRow, RowBuilder, Rows};

const ONE_HOUR_US: i64 = HOUR_US;
const ONE_DAY_US: i64 = 24 * HOUR_US;

/// At noon of the day after [`DAY_US`], so that both days go on.
fn options() -> DeriveOptions {
    options_at(DAY_US + ONE_DAY_US + ONE_DAY_US / 2)
}

fn options_at(now_us: i64) -> DeriveOptions {
    DeriveOptions {
        now_us,
        resources: Resources {
            memory_bytes: 64 << 20,
            threads: 2,
        },
        planner: None,
    }
}

/// All rows of a query over the tables of a view, as sorted text.
async fn rows(lake: &Lake, view: &DerivedView, sql: &str) -> Vec<String> {
    let session = write::session(lake, view, options().resources, None)
        .await
        .unwrap();
    let batches = session.sql(sql).await.unwrap().collect().await.unwrap();
    let mut lines = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let values = batch
                .columns()
                .iter()
                .map(|column| array_value_to_string(column, row).unwrap());
            lines.push(values.collect::<Vec<_>>().join("|"));
        }
    }
    lines.sort();
    lines
}

/// Both tables say what their definitions do.
async fn check(location: &LakeLocation) {
    let lake = Lake::open(location).await.unwrap();
    for table in DerivedTable::ALL {
        let view = lake.derived(table).await.unwrap();
        let all = DerivedView::without_table(table);
        assert_eq!(
            rows(&lake, &view, &view.rows_sql()).await,
            rows(&lake, &view, &all.rows_sql()).await,
            "{table:?} {:?}",
            view.rest
        );
    }
}

async fn derive_all(lake: &mut Lake, options: &DeriveOptions) -> [DeriveReport; 3] {
    let mut reports = [DeriveReport::default(); 3];
    for (report, table) in reports.iter_mut().zip(DerivedTable::ALL) {
        *report = derive(lake, table, options, false).await.unwrap();
    }
    reports
}

/// Executions, each with an event of its statement, at these times.
fn executions(start: i64, times_us: &[Option<i64>]) -> Rows {
    let mut builder = RowBuilder::new();
    for (at, ts_us) in times_us.iter().enumerate() {
        let offset = start + at as i64;
        let place = Place {
            source: "a",
            source_offset: offset,
            ts_us: *ts_us,
            server: [Some("db1"), Some("db2"), None][offset as usize % 3],
            dialect: Some("postgres"),
            ..Place::default()
        };
        builder.push_query(&QueryRow {
            place,
            fingerprint: (offset % 5 > 0).then_some(offset % 5 - 3),
            query_time_us: (offset % 7 > 0).then_some(offset * 1000),
            error_code: (offset % 2 == 0).then_some(offset % 4),
            user: Some("it's"),
            rate_limit: (offset % 3 == 0).then_some(10),
            is_nested: (offset % 4 == 0).then_some(offset % 8 == 0),
            normalized: (offset % 5 == 1).then_some("SELECT ?"),
            tables: (offset % 5 == 1).then_some(&["t"]),
            statement: (offset % 2 == 0).then_some("select 1"),
            parse_time_us: (offset % 3 == 1).then_some(5),
            ..QueryRow::default()
        });
        builder.push_log(&LogRow {
            place: Place { source: "b", ..place },
            fingerprint: Some(offset % 6),
            event: "error",
            severity: "error",
            normalized: (offset % 6 == 0).then_some("DELETE FROM t"),
            ..LogRow::default()
        });
    }
    builder.finish()
}

/// A lake, and where it has been ingested up to.
struct Ingested {
    lake: Lake,
    next: i64,
}

impl Ingested {
    async fn new(location: &LakeLocation) -> Ingested {
        let lake = Lake::open_or_create(location).await.unwrap();
        Ingested { lake, next: 0 }
    }

    async fn add(&mut self, times_us: &[Option<i64>]) {
        let next = self.next + times_us.len() as i64;
        let prev = (self.next > 0).then_some(self.next);
        let rows = executions(self.next, times_us);
        commit(&mut self.lake, rows, "f/a", prev, next).await.unwrap();
        self.next = next;
    }

    async fn add_hour(&mut self, hour: i64) {
        let at = |minute: i64| Some(DAY_US + hour * ONE_HOUR_US + minute * 60_000_000);
        self.add(&[at(1), at(30), at(59)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_hours_that_changed_are_computed_again() {
    let (_directory, location) = new_location();
    let mut ingested = Ingested::new(&location).await;
    for hour in 0..30 {
        ingested.add_hour(hour).await;
    }
    ingested.add(&[None]).await;
    let [hours, days, _] = derive_all(&mut ingested.lake, &options()).await;
    assert_eq!(
        (hours.from_version, hours.everything, hours.days),
        (None, true, 3)
    );
    assert_eq!((hours.files_out, hours.files_in), (31, 0));
    assert_eq!((days.days, days.files_out), (3, 3));
    check(&location).await;

    let [hours, days, _] = derive_all(&mut ingested.lake, &options()).await;
    assert_eq!(
        (hours.hours, hours.files_out, hours.from_version),
        (0, 0, Some(31))
    );
    assert_eq!(days.files_out, 0);

    // An hour that is there, one that is new, and one of the day before.
    for hour in [29, 30, 3] {
        ingested.add_hour(hour).await;
    }
    check(&location).await;
    let [hours, days, _] = derive_all(&mut ingested.lake, &options()).await;
    assert_eq!((hours.hours, hours.days), (3, 2));
    assert_eq!((hours.files_in, hours.files_out), (2, 3));
    assert_eq!((days.days, days.files_in, days.files_out), (2, 2, 2));
    check(&location).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_over_has_one_file() {
    let (_directory, location) = new_location();
    let mut ingested = Ingested::new(&location).await;
    for hour in 0..30 {
        ingested.add_hour(hour).await;
    }
    derive_all(&mut ingested.lake, &options()).await;
    let later = options_at(DAY_US + 2 * ONE_DAY_US);
    let [hours, days, _] = derive_all(&mut ingested.lake, &later).await;
    assert_eq!((hours.hours, hours.files_in, hours.files_out), (0, 24, 1));
    assert_eq!(days.files_out, 0);
    check(&location).await;
    // Late data: the other hours are copied.
    ingested.add_hour(5).await;
    let [hours, _, _] = derive_all(&mut ingested.lake, &later).await;
    assert_eq!((hours.hours, hours.files_in, hours.files_out), (1, 1, 1));
    assert!(hours.rows > 24, "{hours:?}");
    check(&location).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_changes_nothing() {
    let (_directory, location) = new_location();
    let mut ingested = Ingested::new(&location).await;
    for hour in 0..4 {
        ingested.add_hour(hour).await;
    }
    derive_all(&mut ingested.lake, &options()).await;
    let compaction = CompactOptions {
        now_us: DAY_US + 5 * ONE_DAY_US,
        resources: options().resources,
    };
    assert!(
        compact(&mut ingested.lake, &compaction, false)
            .await
            .unwrap()
            .files_out
            > 0
    );
    let [hours, days, _] = derive_all(&mut ingested.lake, &options()).await;
    assert_eq!((hours.hours, days.hours, hours.files_out), (0, 0, 0));
    assert_eq!(hours.to_version, ingested.lake.version());
    ingested.add_hour(2).await;
    derive_all(&mut ingested.lake, &options()).await;
    check(&location).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_makes_nothing() {
    let (_directory, location) = new_location();
    let mut ingested = Ingested::new(&location).await;
    ingested.add_hour(0).await;
    let report = derive(&mut ingested.lake, DerivedTable::RollupHour, &options(), true).await;
    assert_eq!(report.unwrap().days, 1);
    assert!(!location.directory().unwrap().join("rollup_hour").exists());
    derive_all(&mut ingested.lake, &options()).await;
    ingested.add_hour(1).await;
    let table = DerivedTable::RollupHour;
    let report = derive(&mut ingested.lake, table, &options(), true).await.unwrap();
    assert_eq!((report.days, report.hours, report.files_out), (1, 1, 0));
    let kept = ingested.lake.derived(table).await.unwrap().kept.unwrap();
    assert_eq!(kept.version, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_are_as_one() {
    let (_directory, location) = new_location();
    let mut ingested = Ingested::new(&location).await;
    for round in 0..4 {
        ingested.add_hour(round).await;
        ingested.add_hour(round + 1).await;
        let runs: Vec<_> = (0..3)
            .map(|_| {
                let location = location.clone();
                tokio::spawn(async move {
                    let mut lake = Lake::open(&location).await.unwrap();
                    derive(&mut lake, DerivedTable::RollupHour, &options(), false)
                        .await
                        .unwrap()
                })
            })
            .collect();
        let mut wrote = 0;
        for run in runs {
            let report = run.await.unwrap();
            wrote += u32::from(!report.fenced && report.hours > 0);
        }
        assert_eq!(wrote, 1);
        check(&location).await;
    }
}

/// Removes the days before the second.
async fn forget_first_day(lake: &mut Lake) {
    let options = RetainOptions::new(DAY_US + 2 * ONE_DAY_US);
    let options = options.keep(Kind::Query, 1).unwrap().keep(Kind::Log, 1).unwrap();
    assert_eq!(retain(lake, &options, false).await.unwrap().partitions, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_removed_is_never_computed_to_nothing() {
    let (_directory, location) = new_location();
    let mut ingested = Ingested::new(&location).await;
    for hour in [3, 4, 30] {
        ingested.add_hour(hour).await;
    }
    derive_all(&mut ingested.lake, &options()).await;
    let all = async |lake: &Lake| {
        let mut found = Vec::new();
        for table in DerivedTable::ALL {
            let view = lake.derived(table).await.unwrap();
            found.push(rows(lake, &view, &view.rows_sql()).await);
        }
        found
    };
    let before = all(&ingested.lake).await;
    forget_first_day(&mut ingested.lake).await;
    assert_eq!(all(&ingested.lake).await, before);
    // Late data of that day comes too late, now and when the log is gone.
    ingested.add_hour(4).await;
    assert_eq!(all(&ingested.lake).await, before);
    let reports = derive_all(&mut ingested.lake, &options()).await;
    assert!(reports.iter().all(|report| report.hours == 0), "{reports:?}");
    assert_eq!(all(&ingested.lake).await, before);
    ingested.add_hour(5).await;
    ingested.add_hour(6).await;
    forget_commits(&mut ingested.lake).await;
    let reports = derive_all(&mut ingested.lake, &options()).await;
    assert!(
        reports.iter().all(|report| report.everything && report.days == 1),
        "{reports:?}"
    );
    assert_eq!(all(&ingested.lake).await, before);
    // A new hour of a day that is kept counts.
    ingested.add_hour(31).await;
    derive_all(&mut ingested.lake, &options()).await;
    let with_new = all(&ingested.lake).await;
    assert_eq!(with_new[0].len(), before[0].len() + 3);
    // Days are made anew from their hours, which are kept.
    fs::remove_dir_all(location.directory().unwrap().join("rollup_day")).unwrap();
    derive_all(&mut ingested.lake, &options()).await;
    assert_eq!(all(&ingested.lake).await, with_new);
}

/// A checkpoint, and no commit before that of its version.
async fn forget_commits(lake: &mut Lake) {
    lake.refresh().await.unwrap();
    deltalake::checkpoints::create_checkpoint(&lake.events.delta, None)
        .await
        .unwrap();
    let log = lake.location().directory().unwrap().join("events/_delta_log");
    for version in 0..lake.version() {
        fs::remove_file(log.join(format!("{version:020}.json"))).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_commits_everything_is_computed() {
    let (_directory, location) = new_location();
    let mut ingested = Ingested::new(&location).await;
    ingested.add_hour(0).await;
    derive_all(&mut ingested.lake, &options()).await;
    ingested.add_hour(25).await;
    ingested.add_hour(1).await;
    forget_commits(&mut ingested.lake).await;
    check(&location).await;
    let reports = derive_all(&mut ingested.lake, &options()).await;
    assert!(
        reports.iter().all(|report| report.everything && report.days == 2),
        "{reports:?}"
    );
    check(&location).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_changes_nothing() {
    let (_directory, location) = new_location();
    let mut ingested = Ingested::new(&location).await;
    ingested.add_hour(0).await;
    derive_all(&mut ingested.lake, &options()).await;
    ingested.add_hour(0).await;
    let store = FaultyStore::new(&location);
    let mut lake = Lake::open_or_create_on(&location, store.clone()).await.unwrap();
    for table in DerivedTable::ALL {
        store.fail_data_writes([Fault::DiskFull]);
        let error = derive(&mut lake, table, &options(), false).await.unwrap_err();
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
        check(&location).await;
        store.fail_log_writes([Fault::After]);
        let report = derive(&mut lake, table, &options(), false).await.unwrap();
        assert!(!report.fenced && report.hours > 0, "{report:?}");
        check(&location).await;
    }
}

#[derive(Debug, Clone)]
enum Step {
    Ingest(Vec<Option<i64>>),
    Derive { days_later: i64 },
    Compact,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let time = prop_oneof![
        1 => Just(None),
        1 => Just(Some(i64::MAX - 1)),
        12 => (-30 * 24..60_i64).prop_map(|hour| Some(DAY_US + hour * ONE_HOUR_US)),
        12 => (0..50 * 3600_i64).prop_map(|second| Some(DAY_US + second * 1_000_000 + 999_999)),
    ];
    let step = prop_oneof![
        4 => proptest::collection::vec(time, 1..12).prop_map(Step::Ingest),
        3 => (0..4_i64).prop_map(|days_later| Step::Derive { days_later }),
        1 => Just(Step::Compact),
    ];
    proptest::collection::vec(step, 1..7)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5))]

    #[test]
    fn a_view_is_its_definition_whatever_happened(steps in steps()) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (_directory, location) = new_location();
            let mut ingested = Ingested::new(&location).await;
            for step in steps {
                match step {
                    Step::Ingest(times_us) => ingested.add(&times_us).await,
                    Step::Derive { days_later } => {
                        derive_all(&mut ingested.lake, &options_at(DAY_US + days_later * ONE_DAY_US)).await;
                    }
                    Step::Compact => {
                        let options = CompactOptions { now_us: DAY_US, resources: options().resources };
                        compact(&mut ingested.lake, &options, false).await.unwrap();
                    }
                }
                check(&location).await;
            }
        });
    }
}
