//! `top` against the same figures worked out by hand and by brute force, under different numbers of threads.

use std::collections::BTreeSet;

use datafusion::common::ScalarValue;
use proptest::prelude::*;
use slowlake_sql::SessionSettings;
use slowlake_store::maintain::{DeriveOptions, Resources, derive};
use slowlake_store::{Commit, DerivedTable, Lake, Place, Progress, QueryRow, RowBuilder};

use super::*;
use crate::fixture::{MONDAY_US, Row, events};
use crate::rollups::ReadFrom;

const HOUR_US: i64 = 3_600_000_000;

fn request() -> TopRequest {
    TopRequest {
        window: None,
        order: TopOrder::TotalTime,
        limit: 10,
        filters: Filters::default(),
    }
}

fn run(rows: &[Row], threads: usize, request: &TopRequest) -> TopReport {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let settings = SessionSettings {
            memory_limit_bytes: 64 << 20,
            threads,
        };
        let session = Session::from_provider(events(rows, threads), settings)
            .await
            .expect("a session");
        top(&session, request).await.expect("a report")
    })
}

fn rows() -> Vec<Row> {
    vec![
        Row::execution(0, MONDAY_US, 10, 1_000)
            .first_sight("SELECT ?", "SELECT", &["a", "b"])
            .set("statement", "select 1")
            .set("server", "db-1")
            .set("user", "web")
            .set("rows_sent", 1_i64)
            .set("rows_examined", 50_i64),
        Row::execution(1, MONDAY_US + HOUR_US, 10, 3_000)
            .set("statement", "select 2")
            .set("server", "db-2")
            .set("user", "web"),
        Row::execution(2, MONDAY_US + HOUR_US, 20, 10_000)
            .first_sight("DELETE FROM c", "DELETE", &["c"])
            .set("server", "db-1")
            .set("user", "it's"),
        Row::execution(3, MONDAY_US + 30 * HOUR_US, 20, 2_000).set("server", "db-1"),
        Row::execution(4, MONDAY_US, 0, 500).set("fingerprint", ScalarValue::Int64(None)),
        Row::new("reject", 5)
            .set("reason", "no prefix")
            .set("server", "db-1"),
        Row::new("ledger", 0)
            .set("server", "db-1")
            .set("bytes_in", 100_i64)
            .set("bytes_parsed", 70_i64)
            .set("bytes_rejected", 20_i64)
            .set("bytes_skipped", 10_i64)
            .set("entries_query", 5_i64),
    ]
}

fn part(name: Option<&str>, calls: i64, total_us: i64) -> Part {
    Part {
        name: name.map(str::to_owned),
        calls,
        total_us,
    }
}

#[test]
fn the_whole_archive() {
    let report = run(&rows(), 2, &request());
    assert_eq!(
        report.totals,
        TopTotals {
            queries: 2,
            servers: 3,
            calls: 5,
            total_us: 16_500,
            estimated_calls: 5,
            estimated_total_us: 16_500,
            p50_us: Some(LatencyHistogram::value_of(LatencyHistogram::bin_of(2_000))),
            p95_us: percentile(
                &LatencyHistogram::from_bins([(LatencyHistogram::bin_of(10_000), 1)]),
                0.95,
                Some(10_000)
            ),
            p99_us: percentile(
                &LatencyHistogram::from_bins([(LatencyHistogram::bin_of(10_000), 1)]),
                0.99,
                Some(10_000)
            ),
            max_us: Some(10_000),
            first_us: Some(MONDAY_US),
            last_us: Some(MONDAY_US + 30 * HOUR_US),
            ..TopTotals::default()
        }
    );
}

#[test]
fn queries_of_the_whole_archive() {
    let report = run(&rows(), 2, &request());
    let [first, second] = &report.queries[..] else {
        panic!("two queries: {report:?}")
    };
    assert_eq!(
        (
            first.rank,
            first.fingerprint.as_str(),
            first.calls,
            first.total_us
        ),
        (1, "0000000000000014", 2, 12_000)
    );
    assert_eq!(
        (first.min_us, first.mean_us, first.max_us),
        (Some(2_000), Some(6_000), Some(10_000))
    );
    assert_eq!(first.share, 12_000.0 / 16_500.0);
    assert_eq!(
        (
            first.rows_sent,
            first.rows_examined_per_row_sent,
            first.example.as_deref()
        ),
        (None, None, None)
    );
    assert_eq!(
        first.breakdown.user.parts,
        [part(Some("it's"), 1, 10_000), part(None, 1, 2_000)]
    );
    assert_eq!(
        (second.rank, second.normalized.as_deref(), second.verb.as_deref()),
        (2, Some("SELECT ?"), Some("SELECT"))
    );
    assert_eq!(
        (second.tables.join(" "), second.example.as_deref()),
        ("a b".to_owned(), Some("select 2"))
    );
    assert_eq!(
        (
            second.rows_sent,
            second.rows_examined,
            second.rows_examined_per_row_sent
        ),
        (Some(1), Some(50), Some(50.0))
    );
    assert_eq!(second.latency.iter().map(|bin| bin.calls).sum::<i64>(), 2);
    assert_eq!(
        report.breakdown.server.parts,
        [
            part(Some("db-1"), 3, 13_000),
            part(Some("db-2"), 1, 3_000),
            part(None, 1, 500)
        ]
    );
    let hours: Vec<(i64, i64)> = report
        .hours
        .iter()
        .map(|hour| ((hour.hour_us - MONDAY_US) / HOUR_US, hour.total_us))
        .collect();
    assert_eq!(hours, [(0, 1_500), (1, 13_000), (30, 2_000)]);
    assert_eq!(
        (
            report.ledger.bytes,
            report.ledger.bytes_parsed,
            report.ledger.entries.query
        ),
        (100, 70, 5)
    );
    assert_eq!(
        report.ledger.rejects,
        BTreeMap::from([("no prefix".to_owned(), 1)])
    );
}

#[test]
fn filters_and_windows() {
    let check = |change: &dyn Fn(&mut TopRequest), calls: i64, queries: &[&str]| {
        let mut request = request();
        change(&mut request);
        let report = run(&rows(), 2, &request);
        let found: Vec<String> = report
            .queries
            .iter()
            .map(|query| query.fingerprint.trim_start_matches('0').to_owned())
            .collect();
        assert_eq!(
            (
                report.totals.calls,
                found.iter().map(String::as_str).collect::<Vec<_>>()
            ),
            (calls, queries.to_vec())
        );
        assert_eq!(report.hours.iter().map(|hour| hour.calls).sum::<i64>(), calls);
    };
    check(&|_| {}, 5, &["14", "a"]);
    check(&|request| request.limit = 1, 5, &["14"]);
    check(&|request| request.limit = 0, 5, &[]);
    check(&|request| request.order = TopOrder::RowsExamined, 5, &["a", "14"]);
    check(
        &|request| request.filters.server = vec!["db-2".to_owned()],
        1,
        &["a"],
    );
    check(
        &|request| request.filters.user = vec!["it's".to_owned(), "web".to_owned()],
        3,
        &["14", "a"],
    );
    check(
        &|request| request.filters.database = vec!["none".to_owned()],
        0,
        &[],
    );
    check(
        &|request| request.window = TimeWindow::new(MONDAY_US, MONDAY_US + HOUR_US).ok(),
        2,
        &["a"],
    );
    check(
        &|request| request.window = TimeWindow::new(MONDAY_US + HOUR_US, MONDAY_US + 30 * HOUR_US).ok(),
        2,
        &["14", "a"],
    );
    check(
        &|request| request.window = TimeWindow::between("2026-11-17", "2026-11-18").ok(),
        1,
        &["14"],
    );
}

#[test]
fn texts_come_from_outside_of_the_window() {
    let request = TopRequest {
        window: TimeWindow::between("2026-11-17", "2026-11-18").ok(),
        ..request()
    };
    let report = run(&rows(), 1, &request);
    assert_eq!(report.queries[0].normalized.as_deref(), Some("DELETE FROM c"));
}

#[test]
fn an_empty_lake_gives_an_empty_report() {
    let report = run(&[], 2, &request());
    assert_eq!(report.totals, TopTotals::default());
    assert_eq!(
        (report.queries.len(), report.hours.len(), report.ledger),
        (0, 0, LedgerCoverage::default())
    );
}

#[test]
fn orders_have_names() {
    for order in TopOrder::ALL {
        assert_eq!(
            order
                .as_str()
                .parse::<TopOrder>()
                .map_err(|error| error.to_string()),
            Ok(order)
        );
    }
    let error = "time".parse::<TopOrder>().map_err(|error| error.to_string());
    assert!(
        error.is_err_and(
            |message| message.starts_with("\"time\" is no order; it is one of total_time, calls, ")
        )
    );
}

#[test]
fn many_names_are_summed() {
    let rows: Vec<Row> = (0..60)
        .map(|i| {
            Row::execution(i, MONDAY_US, 1, 1_000 - i)
                .set("user", ScalarValue::Utf8(Some(format!("user {i}"))))
        })
        .collect();
    let users = run(&rows, 2, &request()).breakdown.user;
    assert_eq!(users.parts.len(), PARTS_MAX);
    assert_eq!(users.parts[0], part(Some("user 0"), 1, 1_000));
    assert_eq!(
        users.others,
        Some(Others {
            names: 10,
            calls: 10,
            total_us: (950 - 9..=950).sum()
        })
    );
}

/// `(fingerprint, µs, server, minute)`
type Execution = (i64, i64, u8, i64);

fn lake(executions: &[Execution]) -> Vec<Row> {
    let row = |(i, (fingerprint, us, server, minute)): (usize, &Execution)| {
        Row::execution(i as i64, MONDAY_US + minute * 60_000_000, *fingerprint, *us)
            .set("server", ScalarValue::Utf8(Some(format!("db-{server}"))))
            .set("statement", ScalarValue::Utf8(Some(format!("select {us}"))))
            .set("rows_examined", us % 10)
            .set("rows_sent", us % 3)
    };
    executions.iter().enumerate().map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn equals_brute_force_whatever_the_threads(
        executions in proptest::collection::vec((-6..6_i64, 0..50_000_i64, 0..3_u8, 0..600_i64), 1..150),
        order in proptest::sample::select(TopOrder::ALL.to_vec()),
        limit in 1..8_usize,
    ) {
        let rows = lake(&executions);
        let request = TopRequest { order, limit, ..request() };
        let report = run(&rows, 1, &request);
        let reversed: Vec<Row> = rows.iter().rev().cloned().collect();
        prop_assert_eq!(&report, &run(&reversed, 8, &request));

        let fingerprints: BTreeSet<i64> = executions.iter().map(|execution| execution.0).collect();
        prop_assert_eq!(report.totals.queries, fingerprints.len() as i64);
        prop_assert_eq!(report.queries.len(), fingerprints.len().min(limit));
        prop_assert_eq!(report.totals.total_us, executions.iter().map(|execution| execution.1).sum::<i64>());
        for query in &report.queries {
            let own: Vec<&Execution> =
                executions.iter().filter(|execution| format!("{:016x}", execution.0) == query.fingerprint).collect();
            let mut latency = LatencyHistogram::new();
            own.iter().for_each(|execution| latency.record(execution.1));
            prop_assert_eq!(query.calls, own.len() as i64);
            prop_assert_eq!(query.total_us, own.iter().map(|execution| execution.1).sum::<i64>());
            prop_assert_eq!(query.p95_us, percentile(&latency, 0.95, query.max_us));
            prop_assert!(query.min_us <= query.max_us && query.p99_us <= query.max_us);
            prop_assert_eq!(query.max_us, own.iter().map(|execution| execution.1).max());
            let example = format!("select {}", query.max_us.unwrap_or_default());
            prop_assert_eq!(query.example.as_deref(), Some(example.as_str()));
            prop_assert_eq!(query.breakdown.server.parts.iter().map(|part| part.total_us).sum::<i64>(), query.total_us);
        }
        let measure = |query: &TopQuery| match order {
            TopOrder::TotalTime => Some(query.total_us),
            TopOrder::Calls => Some(query.calls),
            TopOrder::Mean => query.mean_us,
            TopOrder::P95 => query.p95_us,
            TopOrder::P99 => query.p99_us,
            TopOrder::Max => query.max_us,
            TopOrder::RowsExamined => query.rows_examined,
            TopOrder::RowsSent => query.rows_sent,
            TopOrder::LockTime | TopOrder::RowsExaminedPerRowSent => None,
        };
        let falling = |pair: &[TopQuery]| {
            let (a, b) = (measure(&pair[0]), measure(&pair[1]));
            a > b || a == b && (a.is_none() || pair[0].fingerprint < pair[1].fingerprint)
        };
        prop_assert!(report.queries.windows(2).all(falling));
    }
}

/// A server logs one execution in ten, and a call of a routine with what it executes.
#[test]
fn what_was_not_logged_counts_and_what_is_nested_counts_once() {
    let rows = [
        Row::execution(0, MONDAY_US, 10, 1_000)
            .set("rate_limit", 10_i64)
            .set("is_nested", false),
        Row::execution(1, MONDAY_US, 20, 4_000).set("is_nested", false),
        Row::execution(2, MONDAY_US, 30, 3_000)
            .set("rate_limit", 2_i64)
            .set("is_nested", true),
        Row::execution(3, MONDAY_US, 40, 5_000),
    ];
    let report = run(&rows, 2, &request());
    let totals = &report.totals;
    assert_eq!((totals.calls, totals.total_us), (4, 13_000));
    assert_eq!((totals.estimated_calls, totals.estimated_total_us), (14, 19_000));
    assert_eq!(
        (totals.nested_calls, totals.nested_us, totals.nested_estimated_us),
        (2, 3_000, 6_000)
    );
    let query = |query: &TopQuery| {
        (
            query.calls,
            query.estimated_calls,
            query.estimated_total_us,
            query.nested_calls,
        )
    };
    assert_eq!(
        report.queries.iter().map(query).collect::<Vec<_>>(),
        [
            (1, 10, 10_000, 0),
            (1, 2, 6_000, 2),
            (1, 1, 5_000, 0),
            (1, 1, 4_000, 0)
        ]
    );
    assert_eq!(report.queries[0].share, 10_000.0 / 19_000.0);
    assert_eq!(
        report
            .hours
            .iter()
            .map(|hour| (hour.calls, hour.total_us))
            .collect::<Vec<_>>(),
        [(14, 19_000)]
    );
    assert_eq!(report.breakdown.server.parts, [part(None, 14, 25_000)]);
}

/// The report from executions and from roll-ups of the same session, with what each was read from taken out.
async fn both(session: &Session, request: &TopRequest) -> (TopReport, Option<TopReport>) {
    let from_executions = top_from(session, request, None).await.expect("a report");
    let Some(rollups) = RollUps::of(request.window, &request.filters) else {
        return (from_executions, None);
    };
    let from_rollups = top_from(session, request, Some(&rollups))
        .await
        .expect("a report");
    let from_rollups = TopReport {
        read_from: ReadFrom::EXECUTIONS,
        ..from_rollups
    };
    (from_executions, Some(from_rollups))
}

fn windows() -> impl Strategy<Value = Option<TimeWindow>> {
    let minute = |minute: i64| MONDAY_US + minute * 60_000_000;
    let between = move |(from, length): (i64, i64)| TimeWindow::new(minute(from), minute(from + length)).ok();
    prop_oneof![
        1 => Just(None),
        2 => (0..8_i64, 1..9_i64).prop_map(move |(from, length)| between((from * 60, length * 60))),
        3 => (0..500_i64, 1..500_i64).prop_map(between),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn rollups_say_what_executions_do(
        executions in proptest::collection::vec((-6..6_i64, 0..50_000_i64, 0..3_u8, 0..600_i64), 1..150),
        window in windows(),
        server in proptest::option::of(0..3_u8),
        include in any::<bool>(),
        order in proptest::sample::select(TopOrder::ALL.to_vec()),
        limit in 0..8_usize,
    ) {
        let rows: Vec<Row> = lake(&executions)
            .into_iter()
            .enumerate()
            .map(|(at, row)| match at % 5 {
                0 => row.first_sight("SELECT ?", "SELECT", &["a"]).set("statement", ScalarValue::Utf8(None)),
                1 => row.set("rate_limit", 10_i64).set("is_nested", at % 2 == 0),
                2 => row.set("user", "web").set("query_time_us", ScalarValue::Int64(None)),
                3 => row.set("fingerprint", ScalarValue::Int64(None)),
                _ => row.set("application", "cart").set("lock_time_us", at as i64),
            })
            .collect();
        let filters = Filters {
            server: server.into_iter().map(|server| format!("db-{server}")).collect(),
            include: include.then(|| "SELECT".to_owned()).into_iter().collect(),
            ..Filters::default()
        };
        let request = TopRequest { window, order, limit, filters };
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (from_executions, from_rollups) = runtime.block_on(async {
            let settings = SessionSettings { memory_limit_bytes: 64 << 20, threads: 2 };
            let session = Session::from_provider(events(&rows, 2), settings).await.expect("a session");
            both(&session, &request).await
        });
        if let Some(from_rollups) = from_rollups {
            prop_assert_eq!(from_executions, from_rollups);
        }
    }
}

/// A lake of which roll-ups are kept of some hours, while others have changed since.
#[test]
fn a_lake_answers_from_what_it_keeps() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let location = folder
            .path()
            .join("lake")
            .to_string_lossy()
            .parse()
            .expect("a location");
        let mut lake = Lake::open_or_create(&location).await.expect("a lake");
        ingest(&mut lake, 0, 200).await;
        let settings = SessionSettings {
            memory_limit_bytes: 64 << 20,
            threads: 2,
        };
        let session = Session::open(&lake, settings).await.expect("a session");
        let unkept = top(&session, &request()).await.expect("a report");
        assert_eq!(unkept.read_from, ReadFrom::EXECUTIONS);

        let options = DeriveOptions {
            now_us: MONDAY_US,
            resources: Resources::default(),
            planner: None,
        };
        for table in DerivedTable::ALL {
            derive(&mut lake, table, &options, false)
                .await
                .expect("a derived table");
        }
        ingest(&mut lake, 200, 60).await;
        session.refresh(&lake).await.expect("a session");
        let minute = |minute: i64| MONDAY_US + minute * 60_000_000;
        for (window, read_from) in [
            (None, &["rollup_day", "rollup_hour"][..]),
            (TimeWindow::new(minute(60), minute(300)).ok(), &["rollup_hour"]),
            (
                TimeWindow::new(minute(61), minute(500)).ok(),
                &["rollup_hour", "executions"],
            ),
            (
                TimeWindow::new(minute(-61), minute(60 * 24 + 119)).ok(),
                &["rollup_day", "rollup_hour", "executions"],
            ),
            (TimeWindow::new(minute(61), minute(119)).ok(), &["executions"]),
        ] {
            let request = TopRequest { window, ..request() };
            let report = top(&session, &request).await.expect("a report");
            assert_eq!(report.read_from.names(), read_from, "{window:?}");
            let (from_executions, _) = both(&session, &request).await;
            assert!(from_executions.totals.calls > 0);
            let report = TopReport {
                read_from: ReadFrom::EXECUTIONS,
                ..report
            };
            assert_eq!(report, from_executions, "{window:?}");
        }
    });
}

/// Executions a few minutes apart, beginning anew each time.
async fn ingest(lake: &mut Lake, first: i64, count: i64) {
    let mut rows = RowBuilder::new();
    for offset in first..first + count {
        rows.push_query(&QueryRow {
            place: Place {
                source: "db-1.log",
                source_offset: offset,
                ts_us: Some(MONDAY_US + (offset - first) * 217_000_000),
                server: Some(if offset % 3 == 0 { "db-1" } else { "db-2" }),
                dialect: Some("postgres"),
                ..Place::default()
            },
            fingerprint: Some(offset % 7),
            query_time_us: Some(offset * 131 % 5_000),
            statement: (offset % 4 == 0).then_some("select 1"),
            normalized: (offset < 7).then_some("SELECT ?"),
            ..QueryRow::default()
        });
    }
    let files = vec![lake.upload(rows.finish()).await.expect("files")];
    let progress = vec![Progress {
        app_id: "f/a".to_owned(),
        prev: (first > 0).then_some(first),
        next: first + count,
    }];
    lake.commit(Commit { files, progress }).await.expect("a commit");
}
