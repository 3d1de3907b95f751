//! What was written of a row is what is read of it, column by column.

use std::collections::HashMap;

use proptest::prelude::*;

use super::ONE_DAY_US;
use crate::testing::{DAY_US, ask, commit, new_location};
use crate::{Lake, LedgerRow, LogRow, Place, QueryRow, RejectRow, RowBuilder, columns};

/// A row that has a value in every column of executions.
fn full_row() -> QueryRow<'static> {
    let place = Place {
        source: "a",
        source_offset: 1,
        source_seq: 2,
        ts_us: Some(DAY_US + 3),
        server: Some("db1"),
        cluster: Some("main"),
        dialect: Some("mysql"),
    };
    QueryRow {
        place,
        end_ts_us: Some(DAY_US + 4),
        fingerprint: Some(i64::MIN),
        query_time_us: Some(5),
        lock_time_us: Some(6),
        rows_sent: Some(7),
        rows_examined: Some(8),
        rows_affected: Some(9),
        bytes_sent: Some(10),
        bytes_received: Some(11),
        database: Some("shop"),
        user: Some("ann"),
        application: Some("web"),
        client: Some("10.0.0.1"),
        session_id: Some(12),
        transaction_id: Some(19),
        server_query_id: Some(-13),
        error_code: Some(0),
        plan_fingerprint: Some(-20),
        parse_time_us: Some(21),
        bind_time_us: Some(22),
        rate_limit: Some(23),
        is_nested: Some(false),
        killed: Some(14),
        command: Some("query"),
        full_scan: Some(true),
        full_join: Some(false),
        tmp_table: Some(true),
        tmp_table_on_disk: Some(false),
        filesort: Some(true),
        filesort_on_disk: Some(false),
        query_cache_hit: Some(true),
        tmp_tables: Some(15),
        tmp_disk_tables: Some(16),
        tmp_table_bytes: Some(17),
        merge_passes: Some(18),
        truncated: Some(false),
        trace_id: Some("4bf9"),
        tags: &[("route", "/cart"), ("job", "")],
        normalized: Some("select ?"),
        verb: Some("select"),
        tables: Some(&["t", "ü"]),
        statement: Some("select 'x'"),
        parameters: Some("$1 = '2'"),
        attributes: &[("Innodb_trx_id", "A1"), ("Schema", "")],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_an_execution_comes_back() {
    let (_directory, location) = new_location();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    let mut builder = RowBuilder::new();
    let place = Place {
        source: "a",
        source_offset: 2,
        ts_us: Some(DAY_US),
        ..Place::default()
    };
    builder.push_query(&full_row());
    builder.push_query(&QueryRow {
        place,
        ..QueryRow::default()
    });
    builder.push_query(&QueryRow {
        place: Place {
            source_offset: 3,
            ..place
        },
        tables: Some(&[]),
        ..QueryRow::default()
    });
    commit(&mut lake, builder.finish(), "a", None, 9).await.unwrap();

    let query_columns: Vec<&str> = columns()
        .map(|column| column.name)
        .take_while(|name| *name != "event")
        .collect();
    let select = query_columns
        .iter()
        .map(|name| format!("\"{name}\""))
        .collect::<Vec<_>>()
        .join(", ");
    let answer = ask(
        &mut lake,
        &format!("SELECT {select}, event_date, kind FROM events ORDER BY source_offset"),
    )
    .await;
    let lines: Vec<&str> = answer.lines().collect();
    assert_eq!(
        lines[0],
        "a|1|2|2026-11-23T00:00:00.000003Z|2026-11-23T00:00:00.000004Z|db1|main|mysql|-9223372036854775808|shop|ann|web|10.0.0.1|\
         12|19|-13|0|-20|5|6|7|8|9|10|11|21|22|23|false|14|query|true|false|true|false|true|false|true|15|16|17|18|false|4bf9|\
         {route: /cart, job: }|select ?|select|[t, ü]|select 'x'|$1 = '2'|{Innodb_trx_id: A1, Schema: }|2026-11-23|query"
    );
    assert_eq!(
        lines[1],
        format!(
            "a|2|0|2026-11-23T00:00:00Z|{}2026-11-23|query",
            "|".repeat(query_columns.len() - 4)
        )
    );
    assert!(lines[2].contains("|[]|"), "{}", lines[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_an_event_comes_back() {
    let (_directory, location) = new_location();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    let mut builder = RowBuilder::new();
    let long = "ü".repeat(crate::MAX_STATEMENT_BYTES);
    let QueryRow { place, .. } = full_row();
    builder.push_log(&LogRow {
        place,
        fingerprint: Some(1),
        database: Some("shop"),
        user: Some("ann"),
        application: Some("web"),
        client: Some("10.0.0.1"),
        session_id: Some(2),
        transaction_id: Some(3),
        server_query_id: Some(4),
        error_code: Some(1205),
        plan_fingerprint: Some(5),
        normalized: Some("select ?"),
        verb: Some("select"),
        tables: Some(&["t"]),
        statement: Some("select 1"),
        attributes: &[("mode", "ShareLock")],
        event: "lock_wait",
        severity: "log",
        sql_state: Some("55P03"),
        duration_us: Some(6),
        size_bytes: Some(7),
        object: Some("transaction 8"),
        message: Some("still waiting"),
        detail: Some("holds it"),
        hint: Some("wait"),
        context: Some("in f()"),
        plan: Some("{}"),
        execution_offset: Some(9),
    });
    builder.push_log(&LogRow {
        event: "error",
        severity: "error",
        message: Some(&long),
        detail: Some(&long),
        ..LogRow::default()
    });
    commit(&mut lake, builder.finish(), "a", None, 9).await.unwrap();
    let answer = ask(
        &mut lake,
        "SELECT fingerprint, database, \"user\", application, client, session_id, transaction_id, server_query_id, error_code, \
         plan_fingerprint, normalized, verb, tables, statement, attributes, event, severity, sql_state, duration_us, size_bytes, \
         object, message, detail, hint, context, plan, execution_offset, ts, kind FROM events WHERE source = 'a'",
    )
    .await;
    assert_eq!(
        answer,
        "1|shop|ann|web|10.0.0.1|2|3|4|1205|5|select ?|select|[t]|select 1|{mode: ShareLock}|lock_wait|log|55P03|6|7|transaction 8|\
         still waiting|holds it|wait|in f()|{}|9|2026-11-23T00:00:00.000003Z|log"
    );
    let lengths =
        "SELECT octet_length(message), octet_length(detail), hint FROM events WHERE event = 'error'";
    assert_eq!(
        ask(&mut lake, lengths).await,
        format!("{0}|{0}|", crate::MAX_STATEMENT_BYTES)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_and_ledger_rows_come_back() {
    let (_directory, location) = new_location();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    let mut builder = RowBuilder::new();
    let place = Place {
        source: "a",
        source_offset: 5,
        source_seq: 1,
        ..Place::default()
    };
    builder.push_reject(&RejectRow {
        place,
        reason: "noise",
        raw: &[0xff; crate::MAX_RAW_BYTES + 1],
    });
    builder.push_ledger(&LedgerRow {
        place,
        app_id: "f/a",
        source_identity: "id",
        range_end: 105,
        bytes_in: 100,
        bytes_parsed: 60,
        bytes_rejected: 30,
        bytes_skipped: 10,
        entries_query: 4,
        entries_log: 5,
        rejects: 1,
        detail: Some("{}"),
    });
    commit(&mut lake, builder.finish(), "f/a", None, 105)
        .await
        .unwrap();
    let reject = ask(&mut lake, "SELECT source_seq, ts, event_date, reason, length(encode(raw, 'hex')) FROM events WHERE kind = 'reject'").await;
    assert_eq!(reject, "1||1970-01-01|noise|131072");
    let ledger = ask(
        &mut lake,
        "SELECT source_seq, app_id, source_identity, source_offset, range_end, bytes_in, bytes_parsed, bytes_rejected, \
         bytes_skipped, entries_query, entries_log, rejects, detail FROM events WHERE kind = 'ledger'",
    )
    .await;
    assert_eq!(ledger, "-1|f/a|id|5|105|100|60|30|10|4|5|1|{}");
}

#[derive(Debug, Clone)]
struct Sample {
    ts_us: Option<i64>,
    fingerprint: Option<i64>,
    query_time_us: Option<i64>,
    server: Option<String>,
    full_scan: Option<bool>,
    tables: Option<Vec<String>>,
    attributes: HashMap<String, String>,
}

fn sample() -> impl Strategy<Value = Sample> {
    let text = || proptest::option::of("\\PC{0,8}");
    (
        proptest::option::of(prop_oneof![
            -ONE_DAY_US..2 * ONE_DAY_US,
            DAY_US..DAY_US + ONE_DAY_US
        ]),
        any::<Option<i64>>(),
        any::<Option<i64>>(),
        text(),
        any::<Option<bool>>(),
        proptest::option::of(proptest::collection::vec("\\PC{0,4}", 0..3)),
        proptest::collection::hash_map("[a-z]{1,4}", "\\PC{0,6}", 0..2),
    )
        .prop_map(
            |(ts_us, fingerprint, query_time_us, server, full_scan, tables, attributes)| Sample {
                ts_us,
                fingerprint,
                query_time_us,
                server,
                full_scan,
                tables,
                attributes,
            },
        )
}

/// What the lake should say about a sample.
fn line(offset: usize, sample: &Sample) -> String {
    let number = |value: Option<i64>| value.map_or(String::new(), |value| value.to_string());
    let tables = sample
        .tables
        .as_ref()
        .map_or(String::new(), |tables| format!("[{}]", tables.join(", ")));
    let attributes = sample
        .attributes
        .iter()
        .map(|(key, value)| format!("{{{key}: {value}}}"))
        .collect::<String>();
    let scan = sample.full_scan.map_or(String::new(), |value| value.to_string());
    let server = sample.server.clone().unwrap_or_default();
    let (ts, fingerprint, time) = (
        number(sample.ts_us),
        number(sample.fingerprint),
        number(sample.query_time_us),
    );
    format!("{offset}|{ts}|{fingerprint}|{time}|{server}|{scan}|{tables}|{attributes}")
}

fn push(builder: &mut RowBuilder, offset: usize, sample: &Sample) {
    let tables: Option<Vec<&str>> = sample
        .tables
        .as_ref()
        .map(|tables| tables.iter().map(String::as_str).collect());
    let attributes: Vec<(&str, &str)> = sample
        .attributes
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let (ts_us, server) = (sample.ts_us, sample.server.as_deref());
    builder.push_query(&QueryRow {
        place: Place {
            source: "a",
            source_offset: offset as i64,
            ts_us,
            server,
            ..Place::default()
        },
        fingerprint: sample.fingerprint,
        query_time_us: sample.query_time_us,
        full_scan: sample.full_scan,
        tables: tables.as_deref(),
        attributes: &attributes,
        ..QueryRow::default()
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn rows_in_are_rows_out(samples in proptest::collection::vec(sample(), 0..60), split in 0..60_usize) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let answer = runtime.block_on(async {
            let (_directory, location) = new_location();
            let mut lake = Lake::open_or_create(&location).await.unwrap();
            let split = split.min(samples.len());
            let mut builder = RowBuilder::new();
            let mut rows = Vec::new();
            for range in [0..split, split..samples.len()] {
                range.for_each(|offset| push(&mut builder, offset, &samples[offset]));
                rows.push(builder.finish());
            }
            // Two batches with different columns in one file.
            let mut both = rows.remove(0);
            both.append(rows.remove(0));
            commit(&mut lake, both, "a", None, 1).await.unwrap();
            ask(
                &mut lake,
                "SELECT source_offset, CAST(ts AS BIGINT), fingerprint, query_time_us, server, full_scan, tables, attributes \
                 FROM events ORDER BY source_offset",
            )
            .await
        });
        let expected: Vec<String> = samples.iter().enumerate().map(|(offset, sample)| line(offset, sample)).collect();
        prop_assert_eq!(answer, expected.join("\n"));
    }
}
