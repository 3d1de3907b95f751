//! Compaction of real lakes, by one and by many, with rivals and faults.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use futures::TryStreamExt;

use super::*;
use crate::file_order::is_sorted;
use crate::footer::read_footer;
use crate::testing::{DAY_US, Fault, FaultyStore, ask, commit, executions, new_location};
use crate::{LakeLocation, LedgerRow, Place, QueryRow, RowBuilder, Rows};

/// Two days after the day of the rows.
const LATER: CompactOptions = CompactOptions {
    now_us: DAY_US + 3 * 86_400_000_000,
    resources: Resources {
        memory_bytes: 64 << 20,
        threads: 2,
    },
};

/// While the day of the rows goes on.
const SAME_DAY: CompactOptions = CompactOptions {
    now_us: DAY_US + 1,
    ..LATER
};

/// All that a row of `executions` says, in a sum that no order changes.
const CONTENT: &str = "SELECT count(*), count(DISTINCT source || '/' || source_offset), sum(query_time_us), sum(source_offset), \
    min(ts), max(ts) FROM events";

/// A lake with one file for each of `counts`.
async fn lake_of(location: &LakeLocation, source: &str, counts: &[i64]) -> Lake {
    let mut lake = Lake::open_or_create(location).await.unwrap();
    let mut prev = None;
    for count in counts {
        let start: i64 = prev.unwrap_or(0);
        let rows = executions(source, start, *count);
        commit(&mut lake, rows, source, prev, start + count)
            .await
            .unwrap();
        prev = Some(start + count);
    }
    lake
}

fn files(lake: &Lake) -> u64 {
    lake.statistics().unwrap().files
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_files_become_one_and_then_nothing_is_left_to_do() {
    let (_directory, location) = new_location();
    let mut lake = lake_of(&location, "a", &[5, 1, 30, 2, 7]).await;
    let before = ask(&mut lake, CONTENT).await;
    let version = lake.version();

    let planned = compact(&mut lake, &LATER, true).await.unwrap();
    assert_eq!((planned.partitions, planned.files_in, planned.rows), (1, 5, 45));
    assert_eq!((planned.files_out, lake.version()), (0, version));

    let report = compact(&mut lake, &LATER, false).await.unwrap();
    assert_eq!(
        (report.files_in, report.bytes_in),
        (planned.files_in, planned.bytes_in)
    );
    assert_eq!((report.files_out, report.rows), (1, 45));
    assert!(report.bytes_out > 0 && !report.fenced && report.overtaken == 0);
    assert_eq!((files(&lake), lake.version()), (1, version + 1));
    assert_eq!(lake.statistics().unwrap().bytes, report.bytes_out);
    assert_eq!(ask(&mut lake, CONTENT).await, before);

    let again = compact(&mut lake, &LATER, false).await.unwrap();
    assert_eq!((again, lake.version()), (CompactReport::default(), version + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_growing_day_is_compacted_when_it_pays() {
    let (_directory, location) = new_location();
    let mut lake = lake_of(&location, "a", &[100, 5, 5, 5]).await;
    let report = compact(&mut lake, &SAME_DAY, false).await.unwrap();
    assert_eq!((report.files_in, report.files_out, files(&lake)), (3, 1, 2));
    assert_eq!(
        compact(&mut lake, &SAME_DAY, false).await.unwrap(),
        CompactReport::default()
    );
    let report = compact(&mut lake, &LATER, false).await.unwrap();
    assert_eq!((report.files_in, files(&lake)), (2, 1));
}

/// Rows of two kinds and days with fingerprints in no order, of which some columns are only in some files.
fn mixed(start: i64) -> Rows {
    let mut builder = RowBuilder::new();
    for source_offset in start..start + 200 {
        let place = |source_seq, day: i64| Place {
            source: "a",
            source_offset,
            source_seq,
            ts_us: (source_offset % 10 > 0).then_some(DAY_US + day * 86_400_000_000 - source_offset),
            server: Some("db-1"),
            ..Place::default()
        };
        builder.push_query(&QueryRow {
            place: place(0, source_offset % 2),
            fingerprint: (source_offset % 7 > 0).then_some((source_offset * 7919) % 13 - 6),
            user: (start > 0).then_some("ann"),
            tables: (start > 0).then_some(&["t", "u"]),
            tags: if start > 200 { &[("route", "/x")] } else { &[] },
            ..QueryRow::default()
        });
        builder.push_ledger(&LedgerRow {
            place: place(0, 0),
            app_id: "a",
            range_end: source_offset + 1,
            ..LedgerRow::default()
        });
    }
    builder.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn compacted_files_are_sorted_and_keep_every_column() {
    let (_directory, location) = new_location();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    for step in 0..3 {
        let prev = (step > 0).then_some(step);
        commit(&mut lake, mixed(step * 200), "a", prev, step + 1)
            .await
            .unwrap();
    }
    let content = "SELECT kind, event_date, count(*), sum(source_offset * fingerprint), count(\"user\"), sum(cardinality(tables)), \
        count(tags['route']), sum(range_end), count(ts) FROM events GROUP BY 1, 2 ORDER BY 1, 2";
    let before = ask(&mut lake, content).await;
    compact(&mut lake, &LATER, false).await.unwrap();
    assert_eq!(ask(&mut lake, content).await, before);

    let files = lake.events.data_files().unwrap();
    // Two days and the day of rows without a time, of two kinds; ledger rows all have the first day.
    assert_eq!(files.len(), 5);
    let store = lake.events.log_store().object_store(None);
    for file in files {
        assert!(is_sorted(&file.path) && file.is_sorted);
        let footer = read_footer(store.as_ref(), &file.path, file.bytes).await.unwrap();
        let columns = footer.file_metadata().schema_descr();
        let order: Vec<String> = footer.row_groups()[0]
            .sorting_columns()
            .unwrap()
            .iter()
            .map(|column| columns.column(column.column_idx as usize).name().to_owned())
            .collect();
        let mut named = crate::file_order::sort_columns(file.partition.kind).to_vec();
        // Where no row has a time there is no such column.
        named.retain(|name| *name != "ts" || file.partition.date != "1970-01-01");
        assert_eq!(order, named, "{}", file.path);
    }
    check_order(&mut lake).await;
}

/// The rows of the file of executions, in the order in which they are in it.
async fn check_order(lake: &mut Lake) {
    lake.refresh().await.unwrap();
    let context = datafusion::prelude::SessionContext::new_with_config(
        datafusion::prelude::SessionConfig::new().with_target_partitions(1),
    );
    let sql = "SELECT fingerprint, ts::bigint FROM events WHERE kind = 'query' AND event_date = '2026-11-23'";
    context
        .register_table("events", lake.provider().unwrap())
        .unwrap();
    let batches = context.sql(sql).await.unwrap().execute_stream().await.unwrap();
    let mut last = (None, None);
    let mut rows = 0;
    for batch in batches.try_collect::<Vec<_>>().await.unwrap() {
        let [fingerprints, times] = [0, 1].map(|column| batch.column(column).as_primitive::<Int64Type>());
        for next in fingerprints.iter().zip(times) {
            assert!(last <= next, "{last:?} {next:?}");
            last = next;
            rows += 1;
        }
    }
    assert!(rows > 200, "{rows}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_that_does_not_suffice_costs_time_only() {
    let (_directory, location) = new_location();
    let mut lake = lake_of(&location, "a", &[60_000, 60_000]).await;
    let before = ask(&mut lake, CONTENT).await;
    let little = CompactOptions {
        resources: Resources {
            memory_bytes: 4 << 20,
            threads: 1,
        },
        ..LATER
    };
    let report = compact(&mut lake, &little, false).await.unwrap();
    assert_eq!((report.rows, report.files_out), (120_000, 1));
    assert_eq!(ask(&mut lake, CONTENT).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_maintainers_leave_exact_rows() {
    let (_directory, location) = new_location();
    let mut lake = lake_of(&location, "a", &[3; 12]).await;
    let before = ask(&mut lake, CONTENT).await;
    let mut racers = Vec::new();
    for _ in 0..4 {
        let location = location.clone();
        racers.push(tokio::spawn(async move {
            let mut lake = Lake::open(&location).await.unwrap();
            compact(&mut lake, &LATER, false).await.unwrap()
        }));
    }
    let mut reports = Vec::new();
    for racer in racers {
        reports.push(racer.await.unwrap());
    }
    let did: Vec<&CompactReport> = reports.iter().filter(|report| report.files_out > 0).collect();
    assert_eq!(did.len(), 1, "{reports:?}");
    assert_eq!(ask(&mut lake, CONTENT).await, before);
    assert_eq!(files(&lake), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_compactor_is_fenced_and_ingestion_is_not_disturbed() {
    let (_directory, location) = new_location();
    let mut lake = lake_of(&location, "a", &[10, 20]).await;
    let mut stale = Lake::open(&location).await.unwrap();
    let prev = stale.watermark(APP_ID).await.unwrap();
    let planned = bins(stale.events.data_files().unwrap(), LATER.now_us);

    compact(&mut lake, &LATER, false).await.unwrap();
    commit(&mut lake, executions("b", 0, 4), "b", None, 4)
        .await
        .unwrap();
    let mut report = CompactReport::default();
    round(&mut stale, &LATER, planned.clone(), prev, &mut report)
        .await
        .unwrap();
    assert!(report.fenced && report.files_out == 0, "{report:?}");

    // Even one that knows of the other's progress, but not that its files are gone.
    let mut report = CompactReport::default();
    round(&mut stale, &LATER, planned, Some(1), &mut report)
        .await
        .unwrap();
    assert!(!report.fenced && report.overtaken == 1, "{report:?}");
    assert_eq!(
        ask(
            &mut lake,
            "SELECT count(*), count(DISTINCT source || source_offset) FROM events"
        )
        .await,
        "34|34"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_storage_neither_lose_nor_double() {
    for fault in [Fault::Before, Fault::After, Fault::Repeated] {
        let (_directory, location) = new_location();
        lake_of(&location, "a", &[10, 20]).await;
        let store = FaultyStore::new(&location);
        let mut lake = Lake::open_on(&location, store.clone()).await.unwrap();
        let before = ask(&mut lake, CONTENT).await;
        store.fail_log_writes([fault]);
        let report = compact(&mut lake, &LATER, false).await.unwrap();
        assert_eq!((report.files_out, report.fenced), (1, false), "{fault:?}");
        assert_eq!(ask(&mut lake, CONTENT).await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_other_rows_than_the_log_says_is_not_touched() {
    let (_directory, location) = new_location();
    let mut lake = lake_of(&location, "a", &[10, 20]).await;
    let mut planned = bins(lake.events.data_files().unwrap(), LATER.now_us);
    planned[0].files[0].rows += 1;
    let version = lake.version();
    let error = round(&mut lake, &LATER, planned, None, &mut CompactReport::default())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("compacting query of 2026-11-23 in {location} would make 30 rows of 31")
    );
    assert_eq!(lake.version(), version);
}

/// Why compaction is our own: the table library's lets two rewrites of the same files through, and every row is there twice.
///
/// When this fails, the library has been mended: see whether `DeltaTable::optimize` can sort and be fenced by now, or leave it at that
/// and turn this test around.
#[tokio::test(flavor = "multi_thread")]
async fn the_librarys_own_compaction_still_doubles_rows() {
    let (_directory, location) = new_location();
    let mut lake = lake_of(&location, "a", &[10, 20]).await;
    let (first, second) = (
        Lake::open(&location).await.unwrap(),
        Lake::open(&location).await.unwrap(),
    );
    for stale in [first, second] {
        stale.events.delta.optimize().await.unwrap();
    }
    assert_eq!(ask(&mut lake, "SELECT count(*) FROM events").await, "60");
}
