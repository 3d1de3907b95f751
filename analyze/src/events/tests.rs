//! The job against rows made by hand, under different numbers of threads.

use slowlake_sql::SessionSettings;

use super::*;
use crate::fixture::{MONDAY_US, Row, events as table};

const MINUTE_US: i64 = 60_000_000;

fn event_at(offset: i64, minute: i64, event: &'static str) -> Row {
    Row::new("log", offset)
        .at(MONDAY_US + minute * MINUTE_US)
        .set("event", event)
        .set("severity", "log")
        .set("dialect", "postgres")
        .set("server", "db-1")
}

fn rows() -> Vec<Row> {
    vec![
        Row::new("ledger", 0).set("bytes_in", 1_i64),
        event_at(0, 0, "error")
            .set("severity", "error")
            .set("sql_state", "23505")
            .set("fingerprint", 10_i64)
            .first_sight("INSERT INTO a VALUES (?+)", "INSERT", &["a"]),
        event_at(1, 1, "checkpoint").set("duration_us", 7_i64),
        event_at(2, 2, "plan")
            .set("fingerprint", 20_i64)
            .set("plan_fingerprint", 1_i64)
            .set("plan", "small")
            .set("duration_us", 5_i64),
        event_at(3, 2, "plan")
            .set("fingerprint", 20_i64)
            .set("plan_fingerprint", 1_i64)
            .set("plan", "large")
            .set("duration_us", 50_i64),
        event_at(4, 2, "plan")
            .set("fingerprint", 20_i64)
            .set("plan_fingerprint", 2_i64),
        event_at(5, 2, "plan")
            .set("fingerprint", 10_i64)
            .set("plan_fingerprint", 3_i64)
            .set("duration_us", 1_i64),
        Row::execution(6, MONDAY_US, 20, 900)
            .first_sight("SELECT ?", "SELECT", &[])
            .set("session_id", 4_i64)
            .set("parse_time_us", 30_i64)
            .set("bind_time_us", 40_i64),
        Row::execution(7, MONDAY_US, 20, 1_000)
            .set("session_id", 5_i64)
            .set("client", "10.0.0.7")
            .set("bind_time_us", 2_i64),
        Row::execution(8, MONDAY_US, 30, 2_000),
    ]
}

async fn session(threads: usize) -> Session {
    let settings = SessionSettings {
        memory_limit_bytes: 64 << 20,
        threads,
    };
    Session::from_provider(table(&rows(), threads), settings)
        .await
        .expect("a session")
}

/// Offsets of the events and of the executions that a request is about.
async fn found(request: &EventsRequest) -> (Vec<i64>, Vec<i64>) {
    let session = session(2).await;
    let (mut of_events, mut of_executions) = (Vec::new(), Vec::new());
    events(&session, request, |row| of_events.push(row.source_offset))
        .await
        .expect("events");
    slow_executions(&session, request, 1, |row| of_executions.push(row.source_offset))
        .await
        .expect("executions");
    of_events.sort_unstable();
    (of_events, of_executions)
}

#[tokio::test]
async fn events_come_with_what_they_say() {
    let session = session(2).await;
    let (mut errors, mut plans) = (0, Vec::new());
    events(&session, &EventsRequest::default(), |row| {
        if row.event == "error" {
            errors += 1;
            assert_eq!(
                (row.source, row.source_offset, row.ts_us),
                (0, 0, Some(MONDAY_US))
            );
            assert_eq!(
                (row.severity, row.sql_state, row.server),
                ("error", Some("23505"), Some("db-1"))
            );
            assert_eq!(
                (row.fingerprint, row.database, row.duration_us),
                (Some(10), None, None)
            );
        }
        if row.event == "plan" {
            plans.push((
                row.source_offset,
                row.plan_fingerprint,
                row.plan.map(str::to_owned),
            ));
        }
    })
    .await
    .expect("events");
    plans.sort_unstable();
    let large = plans.iter().find(|(offset, ..)| *offset == 3).cloned();
    assert_eq!(large, Some((3, Some(1), Some("large".to_owned()))));
    assert_eq!((errors, plans.len()), (1, 4));
}

#[tokio::test]
async fn filters_leave_out_what_does_not_fit() {
    let request = |change: &dyn Fn(&mut EventsRequest)| {
        let mut request = EventsRequest::default();
        change(&mut request);
        request
    };
    let list = |text: &str| vec![text.to_owned()];
    assert_eq!(
        found(&request(&|_| {})).await,
        (vec![0, 1, 2, 3, 4, 5], vec![7, 6])
    );
    let minute = TimeWindow::new(MONDAY_US + MINUTE_US, MONDAY_US + 2 * MINUTE_US).expect("a window");
    assert_eq!(
        found(&request(&|r| r.window = Some(minute))).await,
        (vec![1], vec![])
    );
    assert_eq!(
        found(&request(&|r| r.filters.client = list("10.0.0.7"))).await,
        (vec![], vec![7])
    );
    assert_eq!(
        found(&request(&|r| r.filters.server = list("db-1")))
            .await
            .0
            .len(),
        6
    );
    assert_eq!(
        found(&request(&|r| r.filters.include = list("^INSERT|it's"))).await,
        (vec![0, 5], vec![])
    );
    assert_eq!(
        found(&request(&|r| r.filters.exclude = list("^INSERT"))).await,
        (vec![1, 2, 3, 4], vec![7, 6])
    );
    assert_eq!(
        found(&request(
            &|r| r.filters.exclude = vec!["INTO".to_owned(), "SELECT".to_owned()]
        ))
        .await,
        (vec![1], vec![])
    );
}

#[tokio::test]
async fn steps_and_texts_by_query() {
    for threads in [1, 3] {
        let session = session(threads).await;
        let request = EventsRequest::default();
        let steps = prepared(&session, &request).await.expect("steps");
        let expected = QuerySteps {
            fingerprint: 20,
            parses: 1,
            parse_us: 30,
            binds: 2,
            bind_us: 42,
            executes: 2,
            execute_us: 1_900,
        };
        assert_eq!(steps, [expected]);
        let texts = normalized_texts(&session, &[10, 20, 30]).await.expect("texts");
        assert_eq!(texts.len(), 2);
        assert_eq!(texts[&20], "SELECT ?");
    }
}
