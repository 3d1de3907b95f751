//! Every type that SQL can give back, as text.

use crate::fixture::{MONDAY_US, Row, events};
use crate::{Session, SessionSettings};

#[track_caller]
fn check(expression: &str, sql_type: &str, text: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let found = runtime.block_on(async {
        let rows = [Row::execution(0, MONDAY_US, -1, 1)];
        let settings = SessionSettings {
            memory_limit_bytes: 64 << 20,
            threads: 1,
        };
        let session = Session::from_provider(events(&rows, 1), settings)
            .await
            .expect("a session");
        let mut result = session
            .query(&format!("SELECT {expression} FROM executions"))
            .await
            .expect(expression);
        let sql_type = result.columns()[0].sql_type.clone();
        let rows = result.next().await.expect(expression).expect("one row");
        (sql_type, rows.value(0, 0).to_string())
    });
    assert_eq!(found, (sql_type.to_owned(), text.to_owned()), "{expression}");
}

#[test]
fn plain_types() {
    check("NULL", "NULL", "");
    check("1 = 1", "BOOLEAN", "true");
    check("CAST(-7 AS smallint)", "SMALLINT", "-7");
    check(
        "arrow_cast(18446744073709551615, 'UInt64')",
        "BIGINT",
        "18446744073709551615",
    );
    check("0.5", "DOUBLE", "0.5");
    check("CAST('1.50' AS decimal(10, 2))", "DECIMAL(10, 2)", "1.50");
    check("'a' || 'b'", "TEXT", "ab");
    check("arrow_cast('x', 'Dictionary(Int32, Utf8)')", "TEXT", "x");
    check("X'61ff62'", "BINARY", "a\\xffb");
}

#[test]
fn times() {
    check("ts", "TIMESTAMP", "2026-11-16 00:00:00Z");
    check(
        "ts + INTERVAL '1 microsecond'",
        "TIMESTAMP",
        "2026-11-16 00:00:00.000001Z",
    );
    check("event_date", "DATE", "2026-11-16");
    check("date_trunc('day', ts)", "TIMESTAMP", "2026-11-16 00:00:00Z");
    check(
        "TIMESTAMP '1969-12-31T23:59:59.5Z'",
        "TIMESTAMP",
        "1969-12-31 23:59:59.500Z",
    );
    check("ts - (ts + INTERVAL '26 hours')", "INTERVAL", "-26:00:00");
    check(
        "(ts + INTERVAL '1500 milliseconds') - ts",
        "INTERVAL",
        "00:00:01.500000",
    );
    check(
        "arrow_cast(9223372036854775807, 'Timestamp(Microsecond, None)')",
        "TIMESTAMP",
        "9223372036854775807 µs",
    );
}

#[test]
fn nested_types() {
    check("[1, NULL, 3]", "LIST<BIGINT>", "[1, null, 3]");
    check(
        "named_struct('a', 1, 'b', 'x')",
        "STRUCT<a BIGINT, b TEXT>",
        "{a: 1, b: x}",
    );
    check("attributes", "MAP<TEXT, TEXT>", "");
    check("MAP(['k'], [2])", "MAP<TEXT, BIGINT>", "{k: 2}");
    check(
        "latency_histogram(0)",
        "LIST<STRUCT<bin INT, calls BIGINT>>",
        "[{bin: -1, calls: 1}]",
    );
}
