//! Lakes of earlier versions, as their slowlake wrote them, read and migrated. Both have their events in the lake's own directory.

use std::path::Path;

use tempfile::TempDir;

use crate::testing::{DAY_US, Fault, FaultyStore, ask, commit, copy_folder};
use crate::{Lake, LakeLocation, LogRow, Outcome, Place, RowBuilder, SCHEMA_VERSION, StoreError, columns};

/// Rows by kind, and what their durations and rejected bytes come to.
const CONTENT: &str = "SELECT kind, count(*), sum(query_time_us), sum(length(encode(raw, 'hex'))) FROM events GROUP BY kind ORDER BY kind";
const CONTENT_V1: &str = "ledger|2||\nquery|4|2379000|\nreject|1||176";
const VERSION_V1: i64 = 2;

/// A copy of the lake of version 1.
fn lake_v1() -> (TempDir, LakeLocation) {
    recorded("v1")
}

/// A copy of a recorded lake.
fn recorded(version: &str) -> (TempDir, LakeLocation) {
    let directory = TempDir::new().unwrap();
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/lakes")
        .join(version);
    copy_folder(&recorded, &directory.path().join("lake"));
    let location = directory.path().join("lake").to_str().unwrap().parse().unwrap();
    (directory, location)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_lake_can_be_read_and_is_left_as_it_is() {
    let (_directory, location) = lake_v1();
    let mut lake = Lake::open(&location).await.unwrap();
    assert_eq!(ask(&mut lake, CONTENT).await, CONTENT_V1);
    let new =
        "SELECT count(*), count(event), count(entries_log), count(transaction_id), count(tags) FROM events";
    assert_eq!(ask(&mut lake, new).await, "7|0|0|0|0");
    assert_eq!((lake.version(), lake.schema_version().unwrap()), (VERSION_V1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_for_writing_migrates_once() {
    let (_directory, location) = lake_v1();
    let watermarks = async |lake: &Lake| {
        let mut known = lake.known_sources().await.unwrap();
        known.sort_by(|a, b| a.app_id.cmp(&b.app_id));
        known
            .into_iter()
            .map(|source| (source.app_id, source.next_offset))
            .collect::<Vec<_>>()
    };
    let before = Lake::open(&location).await.unwrap();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    assert_eq!(
        (lake.version(), lake.schema_version().unwrap()),
        (VERSION_V1 + 1, SCHEMA_VERSION)
    );
    let names: Vec<String> = lake
        .events
        .snapshot()
        .unwrap()
        .schema()
        .fields()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(names, columns().map(|column| column.name).collect::<Vec<_>>());
    assert_eq!(lake.events.snapshot().unwrap().metadata().name(), Some("events"));
    assert_eq!(ask(&mut lake, CONTENT).await, CONTENT_V1);
    assert_eq!(watermarks(&lake).await, watermarks(&before).await);
    for unit in watermarks(&lake).await {
        assert_eq!(lake.watermark(&unit.0).await.unwrap(), Some(unit.1));
    }
    let again = Lake::open_or_create(&location).await.unwrap();
    assert_eq!(again.version(), VERSION_V1 + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migrated_lake_takes_rows_of_every_kind() {
    let (_directory, location) = lake_v1();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    let mut rows = RowBuilder::new();
    rows.push_log(&LogRow {
        place: Place {
            source: "a",
            ts_us: Some(DAY_US),
            ..Place::default()
        },
        event: "checkpoint",
        severity: "log",
        duration_us: Some(7),
        attributes: &[("buffers", "12")],
        ..LogRow::default()
    });
    commit(&mut lake, rows.finish(), "a", None, 1).await.unwrap();
    let events = "SELECT kind, event, duration_us, attributes['buffers'] FROM events WHERE event IS NOT NULL";
    assert_eq!(ask(&mut lake, events).await, "log|checkpoint|7|12");
    assert_eq!(ask(&mut lake, "SELECT count(*) FROM events").await, "8");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_of_version_2_goes_on_where_it_is() {
    const CONTENT_V2: &str = "ledger|3||\nlog|1||\nquery|6|5629000|\nreject|1||30";
    let (_directory, location) = recorded("v2");
    let mut lake = Lake::open(&location).await.unwrap();
    assert_eq!(ask(&mut lake, CONTENT).await, CONTENT_V2);
    assert_eq!((lake.version(), lake.schema_version().unwrap()), (3, 2));
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    let rows = crate::testing::executions("a", 0, 3);
    commit(&mut lake, rows, "a", None, 3).await.unwrap();
    assert_eq!(lake.version(), 4);
    assert_eq!(ask(&mut lake, "SELECT count(*) FROM events").await, "14");
    assert!(!location.directory().unwrap().join("events").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_can_migrate_it_at_once() {
    let (_directory, location) = lake_v1();
    let openers: Vec<_> = (0..4)
        .map(|_| {
            let location = location.clone();
            tokio::spawn(async move { Lake::open_or_create(&location).await.unwrap().version() })
        })
        .collect();
    for opener in openers {
        assert_eq!(opener.await.unwrap(), VERSION_V1 + 1);
    }
}

/// What opening for writing does where the storage behaves like this.
async fn migrate_with(fault: Fault) -> (Result<Lake, StoreError>, i64, TempDir) {
    let (directory, location) = lake_v1();
    let store = FaultyStore::new(&location);
    store.fail_log_writes([fault]);
    let opened = Lake::open_or_create_on(&location, store).await;
    let version = Lake::open(&location).await.unwrap().version();
    (opened, version, directory)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_landed_counts_whatever_was_said() {
    for fault in [Fault::After, Fault::Repeated] {
        let (opened, version, _directory) = migrate_with(fault).await;
        let opened = opened.unwrap();
        assert_eq!(opened.schema_version().unwrap(), SCHEMA_VERSION, "{fault:?}");
        assert_eq!(
            (opened.version(), version),
            (VERSION_V1 + 1, VERSION_V1 + 1),
            "{fault:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_failed_changes_nothing() {
    let (opened, version, _directory) = migrate_with(Fault::Before).await;
    assert!(
        opened
            .unwrap_err()
            .to_string()
            .starts_with("cannot migrate the lake at")
    );
    assert_eq!(version, VERSION_V1);
    let (opened, version, _directory) = migrate_with(Fault::DiskFull).await;
    assert!(matches!(opened, Err(StoreError::DiskFull { .. })));
    assert_eq!(version, VERSION_V1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_before_is_committed_behind_it() {
    let (_directory, location) = lake_v1();
    let mut before = Lake::open(&location).await.unwrap();
    let migrated = Lake::open_or_create(&location).await.unwrap();
    let rows = crate::testing::executions("a", 0, 3);
    let outcome = commit(&mut before, rows, "a", None, 3).await.unwrap();
    let version = migrated.version() + 1;
    assert_eq!(outcome, Outcome::Committed { version });
    assert_eq!(before.schema_version().unwrap(), SCHEMA_VERSION);
}
