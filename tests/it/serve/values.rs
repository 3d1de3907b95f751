//! What is answered: every type in text and in binary, the same as `slowlake sql` says, with parameters and in portions.

use std::time::SystemTime;

use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::Type;

use super::{Served, block_on, lake, state};

/// The values of a statement's only row, as text.
async fn texts(client: &tokio_postgres::Client, sql: &str) -> Vec<Option<String>> {
    let messages = client
        .simple_query(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let row = row.unwrap_or_else(|| panic!("{sql}: no row"));
    (0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect()
}

#[test]
fn types_are_postgres_own() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    block_on(async {
        let client = served.connect().await;
        let check = async |sql: &str, kind: Type, text: &str| {
            let statement = client
                .prepare(&format!("SELECT {sql} AS x"))
                .await
                .unwrap_or_else(|e| panic!("{sql}: {e:?}"));
            assert_eq!(statement.columns()[0].type_(), &kind, "{sql}");
            assert_eq!(
                texts(&client, &format!("SELECT {sql} AS x")).await,
                [Some(text.to_owned())],
                "{sql}"
            );
        };
        check("1::bigint", Type::INT8, "1").await;
        check("1::int", Type::INT4, "1").await;
        check("1.5::double precision", Type::FLOAT8, "1.5").await;
        check("true", Type::BOOL, "t").await;
        check("'é'", Type::TEXT, "é").await;
        check("1.50::numeric(10,2)", Type::NUMERIC, "1.50").await;
        check("DATE '2026-11-16'", Type::DATE, "2026-11-16").await;
        check(
            "TIMESTAMPTZ '2026-11-16 01:02:03.5+02'",
            Type::TIMESTAMPTZ,
            "2026-11-15 23:02:03.500000+00",
        )
        .await;
        check("ARRAY['a', NULL, 'b c']", Type::TEXT_ARRAY, "{a,NULL,\"b c\"}").await;
        check("ARRAY[1, 2]::bigint[]", Type::INT8_ARRAY, "{1,2}").await;
        check(
            "latency_histogram(1000::bigint)",
            Type::JSONB,
            "[{\"bin\":346,\"calls\":1}]",
        )
        .await;
        check("decode('00ff', 'hex')", Type::BYTEA, "\\x00ff").await;
        let columns = client.prepare("SELECT ts, query_time_us, server, tables, fingerprint FROM executions JOIN queries USING (fingerprint)").await.unwrap();
        let types: Vec<&Type> = columns.columns().iter().map(|column| column.type_()).collect();
        assert_eq!(
            types,
            [
                &Type::TIMESTAMPTZ,
                &Type::INT8,
                &Type::TEXT,
                &Type::TEXT_ARRAY,
                &Type::INT8
            ]
        );
    });
}

#[test]
fn binary_and_text_say_what_the_shell_says() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    let sql = "SELECT fingerprint, server, query_time_us, ts, database FROM executions ORDER BY source, source_offset, source_seq";
    let expected = lake.sql(sql);
    block_on(async {
        let client = served.connect().await;
        let rows = client.query(sql, &[]).await.unwrap();
        assert_eq!(rows.len(), expected.len());
        for (row, expected) in rows.iter().zip(&expected) {
            assert_eq!(row.get::<_, Option<i64>>(0), expected["fingerprint"].as_i64());
            assert_eq!(row.get::<_, Option<&str>>(1), expected["server"].as_str());
            assert_eq!(row.get::<_, Option<i64>>(2), expected["query_time_us"].as_i64());
            assert_eq!(
                row.get::<_, Option<SystemTime>>(3).is_some(),
                expected["ts"].is_string()
            );
            assert_eq!(row.get::<_, Option<&str>>(4), expected["database"].as_str());
        }
        let messages = client.simple_query(sql).await.unwrap();
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        for (row, expected) in rows.zip(&expected) {
            assert_eq!(row.get(1), expected["server"].as_str());
            assert_eq!(
                row.get(2).and_then(|text| text.parse().ok()),
                expected["query_time_us"].as_i64()
            );
            // The shell leaves out zeros at the end, and writes UTC as Z.
            let said = |text: &str| {
                let text = text.replace('T', " ");
                let text = text.trim_end_matches("+00").trim_end_matches('Z');
                match text.contains('.') {
                    true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                    false => text.to_owned(),
                }
            };
            assert_eq!(row.get(3).map(said), expected["ts"].as_str().map(said));
        }
    });
}

#[test]
fn parameters_go_into_statements() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    let [n] =
        lake.numbers("SELECT count(*) n FROM executions WHERE query_time_us > 1000 AND server = 'db1'")[..]
    else {
        panic!("one number")
    };
    block_on(async {
        let client = served.connect().await;
        let sql = "SELECT count(*) FROM executions WHERE query_time_us > $1 AND server = $2 AND ts > $3";
        let statement = client.prepare(sql).await.unwrap();
        assert_eq!(statement.params(), [Type::INT8, Type::TEXT, Type::TIMESTAMPTZ]);
        let long_ago = SystemTime::UNIX_EPOCH;
        for _ in 0..3 {
            let row = client
                .query_one(&statement, &[&1000_i64, &"db1", &long_ago])
                .await
                .unwrap();
            assert_eq!(row.get::<_, i64>(0), n);
        }
        let row = client
            .query_one(&statement, &[&1000_i64, &None::<&str>, &long_ago])
            .await
            .unwrap();
        assert_eq!(row.get::<_, i64>(0), 0);
        let any = client
            .query_one(
                "SELECT count(*) FROM executions WHERE server = ANY($1) LIMIT $2",
                &[&vec!["db1", "x"], &1_i64],
            )
            .await;
        assert!(any.unwrap().get::<_, i64>(0) > 0);
        // What is given and what is wanted are of two kinds, or of two numbers.
        let error = client
            .query("SELECT 1 WHERE $1 = 'x'; SELECT 2", &[&"x"])
            .await
            .unwrap_err();
        assert_eq!(state(&error), "42601");
    });
}

#[test]
fn rows_come_in_portions() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    block_on(async {
        let mut client = served.connect().await;
        let transaction = client.transaction().await.unwrap();
        let portal = transaction
            .bind("SELECT value FROM generate_series(1, 25)", &[])
            .await
            .unwrap();
        let mut found = Vec::new();
        for expected in [10, 10, 5, 0] {
            let rows = transaction.query_portal(&portal, 10).await.unwrap();
            assert_eq!(rows.len(), expected);
            found.extend(rows.iter().map(|row| row.get::<_, i64>(0)));
        }
        assert_eq!(found, (1..=25).collect::<Vec<i64>>());
        transaction.commit().await.unwrap();
    });
}

#[test]
fn transactions_are_accepted_and_fail_as_they_should() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    block_on(async {
        let client = served.connect().await;
        client.batch_execute("BEGIN").await.unwrap();
        let error = client.batch_execute("SELECT nothing").await.unwrap_err();
        assert_eq!(state(&error), "42703");
        let error = client.batch_execute("SELECT 1").await.unwrap_err();
        assert_eq!(state(&error), "25P02");
        client.batch_execute("ROLLBACK").await.unwrap();
        client.batch_execute("BEGIN; SELECT 1; COMMIT").await.unwrap();
        client
            .batch_execute("BEGIN; SAVEPOINT a; SELECT 1; RELEASE a; SAVEPOINT b")
            .await
            .unwrap();
        let error = client.batch_execute("SELECT nothing").await.unwrap_err();
        assert_eq!(state(&error), "42703");
        client
            .batch_execute("ROLLBACK TO SAVEPOINT b; SELECT 1; COMMIT")
            .await
            .unwrap();
        let error = client.batch_execute("SAVEPOINT c").await.unwrap_err();
        assert_eq!(state(&error), "25P01");
        client
            .batch_execute("SET application_name = 'x'; SHOW application_name; DISCARD ALL")
            .await
            .unwrap();
    });
}

#[test]
fn errors_have_states_places_and_hints() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    block_on(async {
        let client = served.connect().await;
        let check = async |sql: &str, expected: (&str, Option<u32>, &str)| {
            let error = client.batch_execute(sql).await.expect_err("an error");
            let error = error.as_db_error().expect("an error of the server");
            let position = error.position().map(|it| match it {
                tokio_postgres::error::ErrorPosition::Original(at) => *at,
                other => panic!("{other:?}"),
            });
            assert_eq!(
                (error.code().code(), position),
                (expected.0, expected.1),
                "{sql}: {error:?}"
            );
            assert!(error.message().contains(expected.2), "{sql}: {}", error.message());
        };
        check(
            "SELECT duration_us FROM executions",
            ("42703", Some(8), "nearest: query_time_us"),
        )
        .await;
        check(
            "SELECT 1 FROM excutions",
            ("42P01", Some(15), "nearest: executions"),
        )
        .await;
        check(
            "SELECT latency_percentil(1)",
            ("42883", Some(8), "nearest: latency_percentile"),
        )
        .await;
        check("SELECT 1\nFROM )", ("42601", Some(15), "syntax error")).await;
        check("SELECT 1 / (SELECT 0)", ("22012", None, "divide by zero")).await;
        let error = client.batch_execute("SELECT 1 FROM excutions").await.unwrap_err();
        assert!(
            error
                .as_db_error()
                .unwrap()
                .hint()
                .unwrap()
                .contains("rollup_hour")
        );
    });
}

#[test]
fn places_in_scripts_are_places_in_what_was_sent() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    block_on(async {
        let client = served.connect().await;
        for (script, place) in [
            ("SELECT 1; SELECT nope", 18),
            ("SELECT 'é';\n  SELECT 1;; SELECT nope", 33),
            ("  SELECT nope; SELECT 1", 10),
            ("SELECT nope", 8),
        ] {
            let error = client.batch_execute(script).await.expect_err("no column");
            let error = error.as_db_error().expect("an error of the server");
            let expected = tokio_postgres::error::ErrorPosition::Original(place);
            assert_eq!(error.position(), Some(&expected), "{script}");
        }
    });
}
