//! `weekly` over rows in memory: the same whatever the number of threads, nothing where there is nothing, sizes from samples.

use slowlake_sql::SessionSettings;

use super::*;
use crate::fixture::{MONDAY_US, Row, events};

const DAY_US: i64 = 86_400_000_000;
const HOUR_US: i64 = 3_600_000_000;

fn run(rows: &[Row], threads: usize) -> WeeklyReport {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let settings = SessionSettings {
            memory_limit_bytes: 64 << 20,
            threads,
        };
        let session = Session::from_provider(events(rows, threads), settings)
            .await
            .expect("a session");
        let request = WeeklyRequest {
            week: WeekRequest::EndsAt(MONDAY_US),
        };
        weekly(&session, &request).await.expect("a report")
    })
}

/// Executions of six weeks, four a day, of queries that take ever longer; the third is new in the last week.
fn executions() -> Vec<Row> {
    let mut rows = Vec::new();
    for day in 0..42 {
        for query in 1..=3_i64 {
            if query == 3 && day < 35 {
                continue;
            }
            for call in 0..4 {
                let offset = day * 1000 + query * 100 + call;
                let ts_us = MONDAY_US - (42 - day) * DAY_US + call * 5 * HOUR_US;
                let us = query * 10_000_000 + day * 100_000;
                rows.push(
                    Row::execution(offset, ts_us, query, us)
                        .set("server", if query == 2 { "db-2" } else { "db-1" })
                        .set("application", "shop")
                        .first_sight("SELECT ? FROM a", "SELECT", &["a"]),
                );
            }
        }
    }
    rows
}

/// The size of a database, which grows by a gigabyte a day, sampled twice a day: the last of a day counts.
fn samples(days: i64) -> Vec<Row> {
    let sample = |at: i64| {
        let (day, half) = (at / 2, at % 2);
        let ts_us = MONDAY_US - (days - day) * DAY_US + half * HOUR_US;
        let size = 100_000_000_000 + day * 1_000_000_000 - (1 - half) * 500_000_000_000_000;
        Row::new("metric", at)
            .at(ts_us)
            .set("source", "collector/db-1")
            .set("server", "db-1")
            .set("event", "database_size")
            .set("object", "shop")
            .set("size_bytes", size.abs())
    };
    (0..days * 2).map(sample).collect()
}

#[test]
fn threads_change_nothing() {
    let rows = [executions(), samples(42)].concat();
    let one = run(&rows, 1);
    assert_eq!(run(&rows, 4), one);
    assert_eq!(
        one.top
            .iter()
            .map(|ranked| (ranked.rank, ranked.last_rank))
            .collect::<Vec<_>>(),
        [(1, None), (2, Some(1)), (3, Some(2)),]
    );
    assert_eq!(one.new_queries.len(), 1);
    assert_eq!(one.page.lines[0].kind, ChangeKind::New);
    assert_eq!(one.page.lines[0].owner.as_deref(), Some("shop"));
    assert_eq!(one.quality.days_by_week, [7; 6]);
    // Four of the 24 hours of each day, on two servers.
    assert_eq!(
        (one.quality.server_hours_seen, one.quality.server_hours),
        (2 * 28, 2 * 168)
    );
    assert_eq!(one.quality.gaps.len(), 2);
    assert_eq!(one.queries["0000000000000003"].days.len(), 7);
}

#[test]
fn a_size_goes_on_as_it_did() {
    let report = run(&[executions(), samples(42)].concat(), 2);
    let size = report.page.capacity.expect("a size that grows");
    assert_eq!(size.samples.len(), 42);
    assert_eq!(size.samples[41], (MONDAY_US - DAY_US, 141_000_000_000));
    let in_four_weeks = size.forecast.days[27];
    assert!(
        (in_four_weeks.likely / 169e9 - 1.0).abs() < 0.01,
        "{in_four_weeks:?}"
    );
    let short = run(&[executions(), samples(13)].concat(), 2);
    assert_eq!(
        (short.growth.series, short.growth.untold, short.page.capacity),
        (1, 1, None)
    );
}

#[test]
fn a_lake_without_executions_has_no_week_of_numbers() {
    let report = run(&[], 2);
    assert_eq!(report.page.time, TimeNumbers::default());
    assert_eq!(
        (report.page.health.week.share(), report.page.lines.len()),
        (None, 0)
    );
    assert!(report.top.is_empty() && report.queries.is_empty());
}
