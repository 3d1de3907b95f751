//! `trends` against figures worked out by hand, under different numbers of threads.

use slowlake_sql::SessionSettings;

use super::*;
use crate::fixture::{MONDAY_US, Row, events};

const DAY_US: i64 = 86_400_000_000;
const WEEK_US: i64 = 7 * DAY_US;

fn run(rows: &[Row], threads: usize, request: &TrendsRequest) -> TrendsReport {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let settings = SessionSettings {
            memory_limit_bytes: 64 << 20,
            threads,
        };
        let session = Session::from_provider(events(rows, threads), settings)
            .await
            .expect("a session");
        trends(&session, request).await.expect("a report")
    })
}

fn request() -> TrendsRequest {
    TrendsRequest {
        week: WeekRequest::EndsAt(MONDAY_US),
        limit: 10,
        ..TrendsRequest::default()
    }
}

/// So many executions of a query so many weeks before the Monday (1 is the report's own), a second apart from its Tuesday on.
fn executions(weeks_back: i64, fingerprint: i64, server: &'static str, calls: i64, us: i64) -> Vec<Row> {
    let begin_us = MONDAY_US - weeks_back * WEEK_US + DAY_US;
    let row = |call: i64| {
        let offset = fingerprint * 1_000_000 + weeks_back * 100_000 + call * 10 + i64::from(server == "db-2");
        Row::execution(offset, begin_us + call * 1_000_000, fingerprint, us).set("server", server)
    };
    (0..calls).map(row).collect()
}

/// Query 1 runs twice as often, query 2 takes twice as long, query 3 is new, query 4 is gone; three weeks before, only query 1 ran.
fn rows() -> Vec<Row> {
    [
        executions(1, 1, "db-1", 20, 1_000),
        executions(2, 1, "db-1", 10, 1_000),
        executions(3, 1, "db-1", 10, 1_000),
        executions(1, 2, "db-2", 10, 4_000),
        executions(2, 2, "db-2", 10, 2_000),
        executions(1, 3, "db-2", 5, 3_000),
        executions(2, 4, "db-1", 5, 6_000),
    ]
    .concat()
}

#[test]
fn a_change_is_told_in_its_parts() {
    let report = run(&rows(), 2, &request());
    let split = |change_us, calls_us, latency_us, new_us, gone_us| Split {
        change_us,
        calls_us,
        latency_us,
        new_us,
        gone_us,
    };
    assert_eq!(
        report.total.change,
        split(15_000, 10_000, 20_000, 15_000, -30_000)
    );
    // The mean of two weeks: 10 calls of query 1, 5 each of 2 and 2.5, rounded, of 4.
    assert_eq!(report.weeks_before, 2);
    assert_eq!(report.total.change_four_weeks.new_us, 15_000);
    assert_eq!(report.total.weeks_us, [0, 0, 0, 10_000, 60_000, 75_000]);
    assert_eq!((report.total.week.calls, report.total.last_week.calls), (35, 25));
    assert_eq!(
        (report.total.four_weeks.calls, report.total.four_weeks.total_us),
        (18, 35_000)
    );

    let queries: Vec<(&str, i64, usize)> = report
        .queries
        .iter()
        .map(|query| {
            (
                query.fingerprint.as_str(),
                query.trend.change.change_us,
                query.servers,
            )
        })
        .collect();
    let expect = [
        ("0000000000000004", -30_000, 0),
        ("0000000000000002", 20_000, 1),
        ("0000000000000003", 15_000, 1),
        ("0000000000000001", 10_000, 1),
    ];
    assert_eq!(queries, expect);
    let servers: Vec<(Option<&str>, Split)> = report
        .servers
        .iter()
        .map(|server| (server.name.as_deref(), server.trend.change))
        .collect();
    let expect = [
        (Some("db-2"), split(35_000, 0, 20_000, 15_000, 0)),
        (Some("db-1"), split(-20_000, 10_000, 0, 0, -30_000)),
    ];
    assert_eq!(servers, expect);
    assert_eq!(report.databases.len(), 1);
    assert_eq!(report.databases[0].trend.change, report.total.change);
}

#[test]
fn a_query_that_moves_to_another_server_is_new_there_alone() {
    let rows = [
        executions(1, 1, "db-2", 10, 1_000),
        executions(2, 1, "db-1", 10, 1_000),
    ]
    .concat();
    let report = run(&rows, 1, &request());
    assert_eq!(report.total.change, Split::default());
    let servers: Vec<(i64, i64)> = report
        .servers
        .iter()
        .map(|server| (server.trend.change.new_us, server.trend.change.gone_us))
        .collect();
    assert_eq!(servers, [(0, -10_000), (10_000, 0)]);
}

#[test]
fn slower_latency_is_divided_by_rows() {
    let with_rows = |rows: Vec<Row>, examined: i64| {
        let with_rows = rows
            .into_iter()
            .map(move |row| row.set("rows_examined", examined));
        with_rows.collect::<Vec<_>>()
    };
    let rows = [
        with_rows(executions(2, 1, "db-1", 10, 1_000), 100),
        with_rows(executions(1, 1, "db-1", 10, 2_000), 200),
    ]
    .concat();
    let report = run(&rows, 1, &request());
    let rows = report.queries[0].rows.expect("rows are known");
    assert_eq!((rows.rows_us, rows.per_row_us), (10_000, 0));
}

#[test]
fn health_counts_what_is_slower_than_it_used_to_be() {
    let rows = [
        executions(2, 1, "db-1", 300, 1_000),
        executions(1, 1, "db-1", 40, 1_000),
        executions(1, 1, "db-2", 10, 9_000),
    ];
    // What is on another server has no past of its own there.
    let slow = executions(1, 1, "db-1", 10, 9_000)
        .into_iter()
        .enumerate()
        .map(|(at, row)| row.set("source_offset", 77_000_000 + at as i64));
    let rows: Vec<Row> = rows.concat().into_iter().chain(slow).collect();
    let health = run(&rows, 2, &request()).health;
    assert_eq!((health.week.calls, health.week.slow_calls), (50, 10));
    assert_eq!(health.last_week, Slowness::default());
}

#[test]
fn threads_change_nothing_and_limits_cut() {
    let one = run(&rows(), 1, &request());
    assert_eq!(run(&rows(), 5, &request()), one);
    let limited = TrendsRequest {
        limit: 1,
        ..request()
    };
    let limited = run(&rows(), 2, &limited);
    assert_eq!(limited.queries, one.queries[..1]);
    assert_eq!(limited.total, one.total);
    let filtered = TrendsRequest {
        filters: Filters {
            server: vec!["db-2".to_owned()],
            ..Filters::default()
        },
        ..request()
    };
    assert_eq!(
        run(&rows(), 2, &filtered).total.change,
        one.servers[0].trend.change
    );
}

#[test]
fn the_last_whole_week_is_that_of_the_lake() {
    let week = |request: WeekRequest| {
        let request = TrendsRequest {
            week: request,
            ..TrendsRequest::default()
        };
        run(&rows(), 1, &request).week.map(|week| week.end_us())
    };
    assert_eq!(week(WeekRequest::EndsAt(MONDAY_US + 5)), Some(MONDAY_US));
    assert_eq!(week(WeekRequest::AsOf(MONDAY_US + 3 * DAY_US)), Some(MONDAY_US));
    // The lake ends on a Tuesday: that week is not over.
    assert_eq!(week(WeekRequest::Last), Some(MONDAY_US - WEEK_US));
    let nothing = run(&[], 1, &TrendsRequest::default());
    assert_eq!((nothing.week, nothing.total), (None, Trend::default()));
}
