//! The functions against the analyzer that they call.

use slowlake_parse::statement::{Analyzer, Dialect, Fingerprint, Options};

use crate::fixture::{MONDAY_US, Row, events};
use crate::{Session, SessionSettings};

#[track_caller]
fn check(expression: &str, expected: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let found = runtime.block_on(async {
        let rows = [Row::execution(0, MONDAY_US, -1, 1).set("statement", "SELECT `A` FROM t WHERE b = 'x'")];
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
        let rows = result.next().await.expect(expression).expect("one row");
        rows.value(0, 0).to_string()
    });
    assert_eq!(found, expected, "{expression}");
}

#[test]
fn hex_and_back() {
    check("fingerprint_hex(fingerprint)", "ffffffffffffffff");
    check("fingerprint_hex(255)", "00000000000000ff");
    check("fingerprint_hex(NULL)", "");
    check("fingerprint_from_hex('FFFFFFFFFFFFFFFE')", "-2");
    check("fingerprint_from_hex(' 00000000000000ff ')", "255");
    check(
        "fingerprint_from_hex(fingerprint_hex(fingerprint)) = fingerprint",
        "true",
    );
}

#[test]
fn statements_are_analyzed_as_on_the_way_in() {
    let text = "SELECT `A` FROM t WHERE b = 'x'";
    for (name, dialect) in [
        ("postgres", Dialect::Postgres),
        ("mysql", Dialect::Mysql),
        ("mariadb", Dialect::Mysql),
    ] {
        let mut analyzer = Analyzer::new(Options::new(dialect));
        let fingerprint: Fingerprint = analyzer.fingerprint(text.as_bytes());
        check(
            &format!("fingerprint_of(statement, '{name}')"),
            &fingerprint.get().to_string(),
        );
        check(
            &format!("normalize(statement, '{name}')"),
            analyzer.analyze(text.as_bytes()).normalized,
        );
    }
    check(
        "fingerprint_of(statement) = fingerprint_of(statement, 'postgres')",
        "true",
    );
    check("fingerprint_of(NULL)", "");
    check("normalize('select 1', NULL)", "");
}
