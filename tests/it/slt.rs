//! The SQL that is promised to users, as files of statements and answers: `tests/slt/*.slt` over one small lake on disk, written
//! through the store and read through a session. `SLT_COMPLETE=1` writes today's answers into the files; read the difference.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, mpsc};

use slowlake_sql::{Column, QueryResult, Session, SessionSettings, SqlError, Value};
use slowlake_store::maintain::{DeriveOptions, Resources, derive};
use slowlake_store::{
    Commit, DerivedTable, Lake, LakeLocation, LedgerRow, LogRow, Outcome, Place, Progress, QueryRow,
    RejectRow, RowBuilder,
};
use sqllogictest::{
    DB, DBOutput, DefaultColumnType, Runner, default_normalizer, default_validator, strict_column_validator,
};
use tokio::runtime::Runtime;

/// 2026-11-16 00:00:00 UTC, a Monday.
const MONDAY_US: i64 = 1_794_787_200_000_000;
const HOUR_US: i64 = 3_600_000_000;
const APP_ID: &str = "f/agent/db-1/0";

#[test]
fn files_of_statements_give_their_answers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let completes = std::env::var_os("SLT_COMPLETE").is_some();
    for (state, file) in State::ALL
        .into_iter()
        .flat_map(|state| files.iter().map(move |file| (state, file)))
    {
        let mut runner = Runner::new(|| async { Ok(Engine::open(state)) });
        runner.with_column_validator(strict_column_validator);
        if completes {
            let update = runner.update_test_file(
                file,
                " ",
                default_validator,
                default_normalizer,
                strict_column_validator,
            );
            Engine::open(state).runtime.block_on(update).unwrap();
        } else if let Err(error) = runner.run_file(file) {
            panic!("{state:?}: {}", error.display(false));
        }
    }
}

#[test]
fn conditions_on_views_leave_files_out() {
    let explain = |condition: &str| {
        let mut engine = Engine::open(State::NeverMaintained);
        match engine
            .run(&format!(
                "EXPLAIN SELECT sum(query_time_us) FROM executions WHERE {condition}"
            ))
            .unwrap()
        {
            DBOutput::Rows { rows, .. } => rows.concat().concat(),
            _ => String::new(),
        }
    };
    let days = |plan: &str| {
        (
            plan.contains("event_date=2026-11-16"),
            plan.contains("event_date=2026-11-17"),
        )
    };
    assert_eq!(days(&explain("true")), (true, true));
    assert_eq!(days(&explain("event_date = DATE '2026-11-17'")), (false, true));
    assert_eq!(
        days(&explain("ts >= TIMESTAMP '2026-11-17T00:00:00Z'")),
        (false, true)
    );
    assert_eq!(
        days(&explain(
            "ts < TIMESTAMP '2026-11-17T00:00:00Z' AND server = 'db-1'"
        )),
        (true, false)
    );
    assert!(!explain("true").contains("kind=ledger"));
}

/// A session over the lake of these tests, which is made once.
#[derive(Clone)]
struct Engine {
    runtime: Arc<Runtime>,
    session: Arc<Session>,
}

/// What maintenance has done of the lake; no answer may depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    NeverMaintained,
    Maintained,
    /// More was ingested since.
    Behind,
    /// What was ingested since is older.
    LateData,
}

impl State {
    const ALL: [State; 4] = [
        State::NeverMaintained,
        State::Maintained,
        State::Behind,
        State::LateData,
    ];
}

impl Engine {
    fn open(state: State) -> Engine {
        static ENGINES: OnceLock<Vec<(Engine, tempfile::TempDir)>> = OnceLock::new();
        let make = |state| {
            let folder = tempfile::tempdir().unwrap();
            let runtime = Runtime::new().unwrap();
            let settings = SessionSettings {
                memory_limit_bytes: 256 << 20,
                threads: 2,
            };
            let session = runtime.block_on(async {
                let lake = make_lake(&folder.path().join("lake"), state).await;
                let session = Session::open(&lake, settings).await.unwrap();
                assert_eq!(session.has_rollups(), state != State::NeverMaintained);
                session
            });
            let engine = Engine {
                runtime: Arc::new(runtime),
                session: Arc::new(session),
            };
            (engine, folder)
        };
        let engines = ENGINES.get_or_init(|| State::ALL.map(make).into());
        engines[state as usize].0.clone()
    }
}

impl DB for Engine {
    type Error = SqlError;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, SqlError> {
        let session = Arc::clone(&self.session);
        let sql = sql.to_owned();
        let (sender, receiver) = mpsc::channel();
        // Not `block_on`: the runner may itself be driven by this runtime.
        self.runtime.spawn(async move {
            let answer = match session.query(&sql).await {
                Ok(result) => collect(result).await,
                Err(error) => Err(error),
            };
            // The receiver waits below.
            let _ = sender.send(answer);
        });
        receiver.recv().unwrap()
    }
}

async fn collect(mut result: QueryResult) -> Result<DBOutput<DefaultColumnType>, SqlError> {
    let types: Vec<DefaultColumnType> = result.columns().iter().map(column_type).collect();
    let mut rows = Vec::new();
    while let Some(batch) = result.next().await? {
        for row in 0..batch.len() {
            rows.push(
                (0..types.len())
                    .map(|column| cell(&batch.value(row, column)))
                    .collect(),
            );
        }
    }
    Ok(DBOutput::Rows { types, rows })
}

fn column_type(column: &Column) -> DefaultColumnType {
    match column.sql_type.as_str() {
        "SMALLINT" | "INT" | "BIGINT" => DefaultColumnType::Integer,
        "REAL" | "DOUBLE" => DefaultColumnType::FloatingPoint,
        "TEXT" => DefaultColumnType::Text,
        _ => DefaultColumnType::Any,
    }
}

fn cell(value: &Value<'_>) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Text("") => "(empty)".to_owned(),
        other => other.to_string(),
    }
}

/// Two commits: a day of PostgreSQL with events and a reject, a day of MySQL.
async fn make_lake(folder: &Path, state: State) -> Lake {
    let location: LakeLocation = folder.display().to_string().parse().unwrap();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    let mut rows = RowBuilder::new();
    if state == State::LateData {
        mysql_day(&mut rows);
    } else {
        postgres_day(&mut rows);
        postgres_events(&mut rows);
    }
    commit(&mut lake, &mut rows, None, 1_000).await;
    if matches!(state, State::Behind | State::LateData) {
        maintain(&mut lake).await;
    }
    if state == State::LateData {
        postgres_day(&mut rows);
        postgres_events(&mut rows);
    } else {
        mysql_day(&mut rows);
    }
    commit(&mut lake, &mut rows, Some(1_000), 1_500).await;
    if state == State::Maintained {
        maintain(&mut lake).await;
    }
    lake
}

/// Derives the tables, as on the second day.
async fn maintain(lake: &mut Lake) {
    let options = DeriveOptions {
        now_us: MONDAY_US + 30 * HOUR_US,
        resources: Resources::default(),
        planner: None,
    };
    for table in DerivedTable::ALL {
        let report = derive(lake, table, &options, false).await.unwrap();
        assert!(report.files_out > 0);
    }
}

async fn commit(lake: &mut Lake, rows: &mut RowBuilder, prev: Option<i64>, next: i64) {
    let files = vec![lake.upload(rows.finish()).await.unwrap()];
    let progress = vec![Progress {
        app_id: APP_ID.to_owned(),
        prev,
        next,
    }];
    let outcome = lake.commit(Commit { files, progress }).await.unwrap();
    assert!(matches!(outcome, Outcome::Committed { .. }));
}

fn place(source: &'static str, source_offset: i64, ts_us: i64, dialect: &'static str) -> Place<'static> {
    let server = Some(if dialect == "mysql" { "db-2" } else { "db-1" });
    Place {
        source,
        source_offset,
        ts_us: Some(ts_us),
        server,
        dialect: Some(dialect),
        ..Place::default()
    }
}

/// 24 executions of two queries, one an hour each from midnight, of 1 ms, 2 ms, … and of 100 ms; one reject; the ledger.
fn postgres_day(rows: &mut RowBuilder) {
    for hour in 0..12 {
        let read = QueryRow {
            place: place("pg.log", hour * 80, MONDAY_US + hour * HOUR_US, "postgres"),
            end_ts_us: Some(MONDAY_US + hour * HOUR_US + (hour + 1) * 1_000),
            fingerprint: Some(0x0a),
            query_time_us: Some((hour + 1) * 1_000),
            database: Some("shop"),
            user: Some(if hour % 3 == 0 { "admin" } else { "web" }),
            application: (hour % 2 == 0).then_some("checkout"),
            session_id: Some(4_000 + hour),
            command: Some("query"),
            normalized: (hour == 0).then_some("SELECT total FROM orders WHERE id = ?"),
            verb: (hour == 0).then_some("SELECT"),
            tables: (hour == 0).then_some(&["orders"]),
            statement: (hour == 11).then_some("select total from orders where id = 11"),
            ..QueryRow::default()
        };
        rows.push_query(&read);
        let write = QueryRow {
            place: place("pg.log", hour * 80 + 40, MONDAY_US + hour * HOUR_US, "postgres"),
            fingerprint: Some(-1),
            query_time_us: Some(100_000),
            database: Some("shop"),
            user: Some("web"),
            normalized: (hour == 0).then_some("INSERT INTO log SELECT * FROM orders"),
            verb: (hour == 0).then_some("INSERT"),
            tables: (hour == 0).then_some(&["log", "orders"]),
            ..read
        };
        rows.push_query(&QueryRow {
            statement: None,
            ..write
        });
    }
    let reject = place("pg.log", 960, MONDAY_US, "postgres");
    rows.push_reject(&RejectRow {
        place: reject,
        reason: "no prefix",
        raw: b"garbage \xff",
    });
    rows.push_ledger(&LedgerRow {
        place: place("pg.log", 0, MONDAY_US + 24 * HOUR_US - 1, "postgres"),
        app_id: APP_ID,
        source_identity: "pg",
        range_end: 1_000,
        bytes_in: 1_000,
        bytes_parsed: 960,
        bytes_rejected: 10,
        bytes_skipped: 30,
        entries_query: 24,
        entries_log: 5,
        rejects: 1,
        detail: Some(r#"{"skipped":{"checkpoint":30}}"#),
    });
}

/// One event of several kinds, a minute apart from 06:00 on.
fn postgres_events(rows: &mut RowBuilder) {
    let event = |minute: i64, event: &'static str| LogRow {
        place: place(
            "pg.log",
            970 + minute,
            MONDAY_US + 6 * HOUR_US + minute * 60_000_000,
            "postgres",
        ),
        event,
        severity: "log",
        ..LogRow::default()
    };
    rows.push_log(&LogRow {
        severity: "error",
        sql_state: Some("23505"),
        database: Some("shop"),
        user: Some("web"),
        session_id: Some(4_001),
        transaction_id: Some(777),
        message: Some("duplicate key value violates unique constraint \"orders_pkey\""),
        detail: Some("Key (id)=(7) already exists."),
        fingerprint: Some(0x0c),
        normalized: Some("INSERT INTO orders VALUES (?+)"),
        verb: Some("INSERT"),
        tables: Some(&["orders"]),
        statement: Some("insert into orders values (7)"),
        ..event(0, "error")
    });
    rows.push_log(&LogRow {
        session_id: Some(4_002),
        duration_us: Some(1_000_123),
        object: Some("relation 16402 of database 5"),
        fingerprint: Some(0x0a),
        attributes: &[("mode", "ShareLock"), ("holders", "4001"), ("queue", "4002")],
        ..event(1, "lock_wait")
    });
    rows.push_log(&LogRow {
        size_bytes: Some(1 << 20),
        object: Some("base/pgsql_tmp/pgsql_tmp4002.0"),
        ..event(2, "temporary_file")
    });
    rows.push_log(&LogRow {
        duration_us: Some(270_000_000),
        attributes: &[("buffers", "1200"), ("write_us", "269000000")],
        ..event(3, "checkpoint")
    });
    rows.push_log(&LogRow {
        session_id: Some(4_000),
        duration_us: Some(12_000),
        fingerprint: Some(0x0a),
        plan_fingerprint: Some(-2),
        plan: Some(r#"{"shape":"Seq Scan orders"}"#),
        execution_offset: Some(80),
        ..event(4, "plan")
    });
}

/// Five executions of one query with everything that only MySQL says.
fn mysql_day(rows: &mut RowBuilder) {
    for minute in 0..5 {
        rows.push_query(&QueryRow {
            place: place(
                "slow.log",
                minute * 100,
                MONDAY_US + 24 * HOUR_US + minute * 60_000_000,
                "mysql",
            ),
            fingerprint: Some(0x0b),
            query_time_us: Some(2_000_000),
            lock_time_us: Some(minute * 10),
            rows_sent: Some(minute),
            rows_examined: Some(1_000),
            rows_affected: Some(0),
            bytes_sent: Some(64),
            database: Some("crm"),
            user: Some("app"),
            client: Some("10.0.0.7"),
            error_code: Some(0),
            full_scan: Some(true),
            tmp_table: Some(false),
            normalized: (minute == 0).then_some("SELECT * FROM `order` WHERE a = ?"),
            verb: (minute == 0).then_some("SELECT"),
            tables: (minute == 0).then_some(&["order"]),
            statement: (minute < 2).then_some("select * from `order` where a = 'it''s'"),
            attributes: &[("QC_hit", "No"), ("Thread_priority", "")],
            transaction_id: (minute == 0).then_some(5_005),
            rate_limit: Some(100),
            is_nested: Some(minute == 4),
            plan_fingerprint: (minute == 0).then_some(-2),
            trace_id: (minute == 0).then_some("4bf92f3577b34da6a3ce929d0e0e4736"),
            tags: if minute == 0 {
                &[("route", "/cart"), ("job", "")]
            } else {
                &[]
            },
            ..QueryRow::default()
        });
    }
    rows.push_ledger(&LedgerRow {
        place: place("slow.log", 0, MONDAY_US + 25 * HOUR_US, "mysql"),
        app_id: APP_ID,
        source_identity: "my",
        range_end: 500,
        bytes_in: 500,
        bytes_parsed: 500,
        entries_query: 5,
        ..LedgerRow::default()
    });
}
