//! Which files a query reads, and that what it reads is right.

mod rows;

use datafusion::physical_plan::displayable;

use super::*;
use crate::testing::{DAY_US, ask, commit, executions, new_location, session};
use crate::{Commit, LakeLocation, LedgerRow, Place, Progress, QueryRow, RejectRow, RowBuilder};

const ONE_DAY_US: i64 = 86_400_000_000;

/// Three days of executions, one file a day, and a ledger and a reject.
async fn three_days(location: &LakeLocation) -> Lake {
    let mut lake = Lake::open_or_create(location).await.unwrap();
    for day in 0..3 {
        let mut builder = RowBuilder::new();
        for second in 0..100 {
            let ts_us = Some(DAY_US + day * ONE_DAY_US + second * 1_000_000 + 123);
            let place = Place {
                source: "a",
                source_offset: day * 100 + second,
                ts_us,
                server: Some("db1"),
                ..Place::default()
            };
            let (fingerprint, query_time_us) = (Some(day - 1), Some((day + 1) * 1000 + second));
            builder.push_query(&QueryRow {
                place,
                fingerprint,
                query_time_us,
                ..QueryRow::default()
            });
        }
        let place = Place {
            source: "a",
            source_offset: day * 100,
            ts_us: Some(DAY_US),
            ..Place::default()
        };
        builder.push_ledger(&LedgerRow {
            place,
            app_id: "f/a",
            range_end: day * 100 + 100,
            ..LedgerRow::default()
        });
        builder.push_reject(&RejectRow {
            place,
            reason: "noise",
            raw: b"\xff\x00",
        });
        let prev = (day > 0).then_some(day * 100);
        commit(&mut lake, builder.finish(), "f/a", prev, day * 100 + 100)
            .await
            .unwrap();
    }
    lake
}

/// The plan of a query, and how many files it names.
async fn plan(lake: &mut Lake, sql: &str) -> (String, usize) {
    let plan = session(lake)
        .await
        .sql(sql)
        .await
        .unwrap()
        .create_physical_plan()
        .await
        .unwrap();
    let text = displayable(plan.as_ref()).indent(true).to_string();
    let files = text.matches(".parquet").count();
    (text, files)
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_matter_are_left_out() {
    let (_directory, location) = new_location();
    let mut lake = three_days(&location).await;
    let cases = [
        ("source_offset FROM events", 9, 306),
        ("source_offset FROM events WHERE kind = 'query'", 3, 300),
        (
            "source_offset FROM events WHERE kind IN ('ledger', 'reject')",
            6,
            6,
        ),
        (
            "source_offset FROM events WHERE event_date = DATE '2026-11-24' AND kind = 'query'",
            1,
            100,
        ),
        (
            "source_offset FROM events WHERE extract(day FROM event_date) = 24 AND kind = 'query'",
            1,
            100,
        ),
        (
            "source_offset FROM events WHERE ts >= TIMESTAMP '2026-11-25T00:00:00Z' AND kind = 'query'",
            1,
            100,
        ),
        (
            "source_offset FROM events WHERE query_time_us > 2050 AND kind = 'query'",
            2,
            149,
        ),
        (
            "source_offset FROM events WHERE fingerprint = -1 AND kind = 'query'",
            1,
            100,
        ),
        (
            "source_offset FROM events WHERE kind = 'query' AND server = 'db2'",
            0,
            0,
        ),
        (
            "source_offset FROM events WHERE kind = 'query' AND server = 'db1'",
            3,
            300,
        ),
        ("source_offset FROM events WHERE kind = 'nonsense'", 0, 0),
        (
            "source_offset FROM events WHERE kind = 'query' OR source_offset < 50",
            5,
            302,
        ),
    ];
    for (query, files, rows) in cases {
        let (text, found) = plan(&mut lake, &format!("SELECT {query}")).await;
        assert_eq!(found, files, "{query}\n{text}");
        // With a limit inside, the rows are read and not counted from the log.
        assert_eq!(
            ask(
                &mut lake,
                &format!("SELECT count(*) FROM (SELECT {query} LIMIT 1000)")
            )
            .await,
            rows.to_string(),
            "{query}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_filters_reach_the_parquet_reader() {
    let (_directory, location) = new_location();
    let mut lake = three_days(&location).await;
    let (text, _) = plan(
        &mut lake,
        "SELECT source_offset FROM events WHERE kind = 'query' AND fingerprint = 1",
    )
    .await;
    assert!(
        text.contains("pruning_predicate=") && text.contains("fingerprint_min"),
        "{text}"
    );
    assert!(!text.contains("FilterExec: kind"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_read_only_of_rows_that_are_wanted() {
    let (_directory, location) = new_location();
    let mut lake = three_days(&location).await;
    for (columns, order, is_late) in [
        ("ts, statement", "", true),
        ("*", "", true),
        ("ts, server", "", false),
        ("ts, statement", "ORDER BY query_time_us DESC LIMIT 3", true),
    ] {
        let query = format!("SELECT {columns} FROM events WHERE kind = 'query' AND rows_sent > 5 {order}");
        let (text, _) = plan(&mut lake, &query).await;
        assert_eq!(!text.contains("FilterExec"), is_late, "{text}");
    }
    // The rows that are wanted are the same.
    let count = "SELECT count(*), count(statement) FROM events WHERE kind = 'query' AND query_time_us > 2050";
    assert_eq!(ask(&mut lake, count).await, "149|0");
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_may_hold_anything_sql_has() {
    let (_directory, location) = new_location();
    let mut lake = three_days(&location).await;
    let cases = [
        (
            "event_date = (SELECT max(event_date) FROM events) AND kind = 'query'",
            "100",
        ),
        (
            "event_date IN (SELECT event_date FROM events WHERE source_offset = 150) AND kind = 'query'",
            "100",
        ),
        (
            "ts >= (SELECT max(ts) FROM events WHERE fingerprint = 0) AND kind = 'query'",
            "101",
        ),
        (
            "kind = lower('QUERY') AND event_date < now() + INTERVAL '100 years'",
            "300",
        ),
        (
            "kind LIKE 'que%' AND event_date BETWEEN '2026-11-24' AND '2026-11-25'",
            "200",
        ),
        ("kind <> 'query'", "6"),
        ("kind IS NULL", "0"),
        ("random() < 2 AND kind = 'reject'", "3"),
        ("concat(kind, server) = 'querydb1'", "300"),
        ("server IS NULL", "6"),
        ("fingerprint IS NOT NULL AND fingerprint <> 0", "200"),
        ("ts = TIMESTAMP '2026-11-23T00:00:01.000123Z'", "1"),
        ("date_trunc('day', ts) = TIMESTAMP '2026-11-24T00:00:00Z'", "100"),
    ];
    for (filter, expected) in cases {
        assert_eq!(
            ask(&mut lake, &format!("SELECT count(*) FROM events WHERE {filter}")).await,
            expected,
            "{filter}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_need_no_file() {
    let (_directory, location) = new_location();
    let mut lake = three_days(&location).await;
    for (query, rows) in [
        ("SELECT count(*) FROM events", "306"),
        ("SELECT count(*) FROM events WHERE kind = 'query'", "300"),
    ] {
        let (text, files) = plan(&mut lake, query).await;
        assert_eq!(files, 0, "{text}");
        assert!(text.contains("PlaceholderRowExec"), "{text}");
        assert_eq!(ask(&mut lake, query).await, rows);
    }
}

/// Days have a file each here, so a filter at midnight takes all rows of a file or none, and one at another time does not.
#[tokio::test(flavor = "multi_thread")]
async fn filters_that_files_decide_read_no_row() {
    let (_directory, location) = new_location();
    let mut lake = three_days(&location).await;
    let cases = [
        ("ts >= TIMESTAMP '2026-11-24T00:00:00Z'", true, "200"),
        ("TIMESTAMP '2026-11-24T00:00:00Z' > ts", true, "100"),
        (
            "ts >= TIMESTAMP '2026-11-24T00:00:00Z' AND ts < TIMESTAMP '2026-11-25T00:00:00Z'",
            true,
            "100",
        ),
        (
            "ts BETWEEN TIMESTAMP '2026-11-24' AND TIMESTAMP '2026-11-24 23:59:59'",
            true,
            "100",
        ),
        ("fingerprint > 0 AND server <= 'db1'", true, "100"),
        ("server < 'db1'", true, "0"),
        ("ts >= TIMESTAMP '2026-11-24T00:00:50Z'", false, "150"),
        ("ts > TIMESTAMP '2026-11-24T00:00:00.000123Z'", false, "199"),
        ("query_time_us > 2050", false, "149"),
        ("rows_sent > 0", false, "0"),
    ];
    for (filter, is_decided, rows) in cases {
        let query = format!("SELECT count(*) FROM events WHERE kind = 'query' AND {filter}");
        let (text, files) = plan(&mut lake, &query).await;
        assert_eq!(files == 0, is_decided, "{text}");
        assert_eq!(ask(&mut lake, &query).await, rows, "{filter}");
    }
}

/// Of the files of a day one has rows without a fingerprint, for which no comparison holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_nulls_decides_nothing_but_no() {
    let (_directory, location) = new_location();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    let mut builder = RowBuilder::new();
    for (source_offset, fingerprint) in [Some(5), None, Some(7)].into_iter().enumerate() {
        builder.push_query(&QueryRow {
            place: Place {
                source: "a",
                source_offset: source_offset as i64,
                ts_us: Some(DAY_US),
                ..Place::default()
            },
            fingerprint,
            ..QueryRow::default()
        });
    }
    commit(&mut lake, builder.finish(), "f/a", None, 3).await.unwrap();
    for (filter, rows) in [
        ("fingerprint > 4", "2"),
        ("fingerprint > 7", "0"),
        ("NOT fingerprint > 7", "2"),
    ] {
        let query = format!("SELECT count(*) FROM events WHERE kind = 'query' AND {filter}");
        assert_eq!(ask(&mut lake, &query).await, rows, "{filter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_exact_although_their_bounds_are_not() {
    let (_directory, location) = new_location();
    let mut lake = three_days(&location).await;
    let answer = ask(
        &mut lake,
        "SELECT max(ts), min(ts), max(source_offset) FROM events WHERE kind = 'query'",
    )
    .await;
    assert_eq!(
        answer,
        "2026-11-25T00:01:39.000123Z|2026-11-23T00:00:00.000123Z|299"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_spread_over_the_partitions() {
    let files = (0..10_u64)
        .map(|size| PartitionedFile::new(format!("{size}.parquet"), size * 10))
        .collect::<Vec<_>>();
    let groups = balanced_groups(files.clone(), 3);
    let sizes: Vec<u64> = groups
        .iter()
        .map(|group| group.iter().map(|file| file.object_meta.size).sum())
        .collect();
    assert_eq!(sizes.len(), 3);
    assert!(
        sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 30,
        "{sizes:?}"
    );
    assert_eq!(balanced_groups(files[..2].to_vec(), 8).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_keeps_its_version() {
    let (_directory, location) = new_location();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    commit(&mut lake, executions("a", 0, 3), "a", None, 3)
        .await
        .unwrap();
    let context = session(&mut lake).await;
    commit(&mut lake, executions("a", 3, 3), "a", Some(3), 6)
        .await
        .unwrap();
    let rows = context
        .sql("SELECT source_offset FROM events")
        .await
        .unwrap()
        .count()
        .await
        .unwrap();
    assert_eq!(
        (rows, ask(&mut lake, "SELECT count(*) FROM events").await),
        (3, "6".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn any_directory_name_will_do() {
    for name in ["a b", "50% #1", "lücke", "x=y&z", "q'u\"o", "100%"] {
        let directory = tempfile::TempDir::new().unwrap();
        let location: LakeLocation = directory.path().join(name).to_str().unwrap().parse().unwrap();
        let mut lake = Lake::open_or_create(&location).await.unwrap();
        commit(&mut lake, executions("a", 0, 3), "a", None, 3)
            .await
            .unwrap();
        assert!(
            directory.path().join(name).join("events/_delta_log").is_dir(),
            "{name}"
        );
        let mut lake = Lake::open(&location).await.unwrap();
        assert_eq!(
            ask(&mut lake, "SELECT sum(source_offset) FROM events").await,
            "3",
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_are_known_by_their_farthest_range() {
    let (_directory, location) = new_location();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    assert_eq!(lake.known_sources().await.unwrap(), []);
    let mut builder = RowBuilder::new();
    for (app_id, source, range_end) in [
        ("f/a", "a.log", 10),
        ("f/a", "a.log.1", 30),
        ("f/a", "a.log", 20),
        ("f/b", "b.log", 5),
    ] {
        let place = Place {
            source,
            source_offset: range_end - 5,
            ..Place::default()
        };
        builder.push_ledger(&LedgerRow {
            place,
            app_id,
            source_identity: "id",
            range_end,
            ..LedgerRow::default()
        });
    }
    let files = vec![lake.upload(builder.finish()).await.unwrap()];
    let step = |app_id: &str, next| Progress {
        app_id: app_id.to_owned(),
        prev: None,
        next,
    };
    lake.commit(Commit {
        files,
        progress: vec![step("f/a", 30), step("f/b", 5)],
    })
    .await
    .unwrap();
    let known: Vec<_> = lake
        .known_sources()
        .await
        .unwrap()
        .into_iter()
        .map(|known| (known.app_id, known.source, known.next_offset))
        .collect();
    assert_eq!(
        known,
        [
            ("f/a".to_owned(), "a.log.1".to_owned(), 30),
            ("f/b".to_owned(), "b.log".to_owned(), 5)
        ]
    );
}
