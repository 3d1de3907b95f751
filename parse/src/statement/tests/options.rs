//! The switches of [`Options`]: what each changes, and that what it gives reads back as the same.

use Dialect::Mysql;

use super::*;

/// One text, read with the usual options of the dialect and with others.
#[track_caller]
fn check_option(options: Options, cases: &[(&str, &str, &str)]) {
    let (mut usual, mut other) = (analyzer(options.dialect), Analyzer::new(options));
    for (text, usually, otherwise) in cases {
        assert_eq!(usual.analyze(text.as_bytes()).normalized, *usually, "{text}");
        let once = other.analyze(text.as_bytes());
        assert_eq!(once.normalized, *otherwise, "{text}");
        let fingerprint = once.fingerprint;
        assert_ne!(usual.fingerprint(text.as_bytes()), fingerprint, "{text}");
        assert_eq!(
            other.analyze(otherwise.as_bytes()).fingerprint,
            fingerprint,
            "again: {text}"
        );
    }
}

#[test]
fn ansi_quotes() {
    check_option(
        Options {
            ansi_quotes: true,
            ..Options::new(Mysql)
        },
        &[
            (r#"select "a" from t"#, "SELECT ? FROM t", "SELECT a FROM t"),
            (
                r#"select a from "T"."u v" where "b""c" = 'd'"#,
                "SELECT a FROM ?.? WHERE ? = ?",
                r#"SELECT a FROM t.`u v` WHERE `b"c` = ?"#,
            ),
            (
                r#"select a from t where b in ("c", "d")"#,
                "SELECT a FROM t WHERE b IN (?+)",
                "SELECT a FROM t WHERE b IN (c, d)",
            ),
            (
                r#"select "a\", 'b' from "t""#,
                "SELECT ? t ?",
                r"SELECT `a\`, ? FROM t",
            ),
        ],
    );
}

#[test]
fn no_backslash_escapes() {
    check_option(
        Options {
            no_backslash_escapes: true,
            ..Options::new(Mysql)
        },
        &[
            (
                r"select 'a\', b, '\' from t",
                r"SELECT ? \ ?",
                "SELECT ?, b, ? FROM t",
            ),
            (
                r#"select a from t where b = "c\" or d = "e""#,
                "SELECT a FROM t WHERE b = ? e ?",
                "SELECT a FROM t WHERE b = ? OR d = ?",
            ),
            (
                r"insert into t values ('a\'), ('b'), (')')",
                "INSERT INTO t VALUES (? ?) ?",
                "INSERT INTO t VALUES (?+)",
            ),
        ],
    );
}

#[test]
fn unions_collapse_on_demand() {
    let texts = [
        "select 1 union all select 2 union all select 3",
        "select a from t where b = 1 union select a from t where b = 2 union select a from t where b = 3 limit 1",
        "select * from (select 1 union select 2 union select 3) x",
    ];
    for dialect in BOTH {
        let usual = Options::new(dialect).collapse_unions;
        assert_eq!(usual, dialect == Mysql);
        for text in texts {
            let with = |collapse_unions| {
                let mut analyzer = Analyzer::new(Options {
                    collapse_unions,
                    ..Options::new(dialect)
                });
                analyzer
                    .analyze(text.as_bytes())
                    .normalized
                    .matches("UNION")
                    .count()
            };
            assert_eq!((with(true), with(false)), (1, 2), "{text}");
        }
    }
}

#[test]
fn numbered_tables_are_grouped_in_every_position() {
    for dialect in BOTH {
        let mut analyzer = Analyzer::new(Options {
            group_numbered_tables: true,
            ..Options::new(dialect)
        });
        let pairs = [
            (
                "insert into log_20240101 (a) select a from log_20231231",
                "insert into log_20240202 (a) select a from log_20230101",
            ),
            ("update s.p_2024 set a = 1", "update s.p_2025 set a = 1"),
            (
                "delete from t_0bc5e685a5d3d45aa1d0347fdb7c4d00",
                "delete from t_ffffffffffffffffffffffffffffffff",
            ),
            ("create table t_1000 (a json)", "create table t_2000 (a json)"),
            (
                "with t_2024 as (select 1) select * from t_2024, u_2024",
                "with t_2024 as (select 1) select * from t_2024, u_2025",
            ),
        ];
        for (one, other) in pairs {
            let one_form = analyzer.analyze(one.as_bytes()).normalized.to_owned();
            let one = analyzer.fingerprint(one.as_bytes());
            assert_eq!(one, analyzer.fingerprint(other.as_bytes()), "{one_form}");
            assert_eq!(one, analyzer.fingerprint(one_form.as_bytes()), "{one_form}");
        }
        for (one, other) in [
            ("select a_2024 from t", "select a_2025 from t"),
            ("select a from t_123", "select a from t_124"),
            ("select f_2024() from t", "select f_2025() from t"),
        ] {
            assert_ne!(
                analyzer.fingerprint(one.as_bytes()),
                analyzer.fingerprint(other.as_bytes()),
                "{one}"
            );
        }
    }
}

#[test]
fn numbered_tables_are_grouped_on_demand() {
    let options = |dialect| Options {
        group_numbered_tables: true,
        ..Options::new(dialect)
    };
    let mut analyzer = Analyzer::new(options(Mysql));
    let text = b"select log_20240131.a, x1234 from db.log_20240131 where b1234 = 1";
    let first = analyzer.analyze(text);
    assert_eq!(
        first.normalized,
        "SELECT `log_?`.a, x1234 FROM db.`log_?` WHERE b1234 = ?"
    );
    assert_eq!(first.tables, ["db.log_?"]);
    let (fingerprint, normalized) = (first.fingerprint, first.normalized.to_owned());
    assert_eq!(analyzer.fingerprint(normalized.as_bytes()), fingerprint);
    assert_eq!(
        analyzer.fingerprint(b"select log_20240201.a, x1234 from db.log_20240201 where b1234 = 2"),
        fingerprint
    );
    assert_ne!(
        analyzer.fingerprint(b"select log_1.a, x1234 from db.log_1 where b1234 = 2"),
        fingerprint
    );
}
