//! What roll-ups cost and what they save, on a lake of any size: `cargo bench -p slowlake-analyze --bench rollups -- LAKE`.
//!
//! Derives the tables of the lake, ingests one more hour like its last one, derives again, and asks for the queries of the last whole week, from
//! executions and from roll-ups. It changes the lake: give it a copy. Prints seconds, and what share of the whole a refresh costs.

use std::time::Instant;

use slowlake_analyze::{Filters, TimeWindow, TopOrder, TopRequest, top};
use slowlake_sql::{Session, SessionSettings};
use slowlake_store::maintain::{DeriveOptions, DeriveReport, Resources, derive};
use slowlake_store::{Commit, DerivedTable, Lake, Place, Progress, QueryRow, RowBuilder};

const HOUR_US: i64 = 3_600_000_000;
const WEEK_US: i64 = 168 * HOUR_US;

fn main() {
    let Some(location) = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'))
    else {
        // As `cargo test --benches` calls it.
        return;
    };
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(run(&location));
}

#[allow(clippy::print_stdout, reason = "it is what a benchmark is for")]
async fn run(location: &str) {
    let location = location.parse().expect("a location");
    let mut lake = Lake::open_or_create(&location).await.expect("a lake");
    let settings = SessionSettings {
        memory_limit_bytes: 512 << 20,
        threads: 2,
    };
    let last_us = last_hour_us(&lake, settings).await;
    let request = TopRequest {
        window: TimeWindow::new(last_us - WEEK_US, last_us).ok(),
        order: TopOrder::TotalTime,
        limit: 10,
        filters: Filters::default(),
    };
    println!(
        "top of a week, from executions: {:.3} s",
        week(&lake, settings, &request).await
    );

    let options = DeriveOptions {
        // The last day still goes on.
        now_us: last_us + HOUR_US,
        resources: Resources {
            threads: 2,
            ..Resources::default()
        },
        planner: None,
    };
    let whole = derive_all(&mut lake, &options).await;
    ingest_an_hour(&mut lake, last_us + HOUR_US).await;
    println!(
        "top of a week, one hour behind: {:.3} s",
        week(&lake, settings, &request).await
    );
    let refresh = derive_all(&mut lake, &options).await;
    for ((table, whole), refresh) in DerivedTable::ALL.iter().zip(whole).zip(refresh) {
        println!(
            "refresh of {}: {:.1} % of the whole",
            table.name(),
            100.0 * refresh / whole
        );
    }
    println!(
        "top of a week, from roll-ups: {:.3} s",
        week(&lake, settings, &request).await
    );
}

/// Seconds to derive each table.
#[allow(clippy::print_stdout, reason = "it is what a benchmark is for")]
async fn derive_all(lake: &mut Lake, options: &DeriveOptions) -> Vec<f64> {
    let mut seconds = Vec::new();
    for table in DerivedTable::ALL {
        let begin = Instant::now();
        let report: DeriveReport = derive(lake, table, options, false)
            .await
            .expect("a derived table");
        seconds.push(begin.elapsed().as_secs_f64());
        println!(
            "{}: {:.3} s, {report:?}",
            table.name(),
            begin.elapsed().as_secs_f64()
        );
    }
    seconds
}

/// Seconds to open a session and to answer, the best of three.
async fn week(lake: &Lake, settings: SessionSettings, request: &TopRequest) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..3 {
        let begin = Instant::now();
        let session = Session::open(lake, settings).await.expect("a session");
        let report = top(&session, request).await.expect("a report");
        assert!(report.totals.calls > 0, "there are executions in the week");
        best = best.min(begin.elapsed().as_secs_f64());
    }
    best
}

/// The begin of the hour that the last execution began in, µs since 1970.
async fn last_hour_us(lake: &Lake, settings: SessionSettings) -> i64 {
    let session = Session::open(lake, settings).await.expect("a session");
    let mut last = session
        .query("SELECT CAST(max(ts) AS BIGINT) FROM executions")
        .await
        .expect("an answer");
    let rows = last.next().await.expect("an answer").expect("a row");
    rows.integer(0, 0).expect("executions") / HOUR_US * HOUR_US
}

/// Executions an hour of the fleet that is benchmarked.
const EXECUTIONS: i64 = 139_000;

async fn ingest_an_hour(lake: &mut Lake, begin_us: i64) {
    let mut rows = RowBuilder::new();
    let servers: Vec<String> = (0..200).map(|server| format!("db-{server:03}")).collect();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for offset in 0..EXECUTIONS {
        // xorshift: any numbers will do, so long as they are always the same.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let share = (state % 1_000_000) as f64 / 1_000_000.0;
        rows.push_query(&QueryRow {
            place: Place {
                source: "bench",
                source_offset: offset,
                ts_us: Some(begin_us + offset * (HOUR_US / EXECUTIONS)),
                server: Some(&servers[(state >> 32) as usize % servers.len()]),
                dialect: Some("postgres"),
                ..Place::default()
            },
            // About as often as the inverse of its number.
            fingerprint: Some(2000_f64.powf(share) as i64),
            query_time_us: Some((state >> 40) as i64 % 1_000_000),
            database: Some("shop"),
            user: Some("web"),
            ..QueryRow::default()
        });
    }
    let prev = lake.watermark("f/bench").await.expect("a watermark");
    let files = vec![lake.upload(rows.finish()).await.expect("files")];
    let progress = vec![Progress {
        app_id: "f/bench".to_owned(),
        prev,
        next: prev.unwrap_or(0) + EXECUTIONS,
    }];
    lake.commit(Commit { files, progress }).await.expect("a commit");
}
