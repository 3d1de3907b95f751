//! Rows as clients print them.

use crate::decoder::Decoder;
use crate::detect::{Grammar, detect};
use crate::entry::{Decoded, LogKind, RejectReason};

/// What came out: user, database, statement, start and duration in µs, thread.
type Row = (String, String, String, Option<i64>, i64, Option<i64>);

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Kind, user, statement.
type Command = (LogKind, String, String);

fn rows(export: &str) -> (Vec<Row>, Vec<Command>, Vec<RejectReason>) {
    let (mut rows, mut commands, mut rejects) = (Vec::new(), Vec::new(), Vec::new());
    let mut sink = |decoded: Decoded<'_>| match decoded {
        Decoded::Execution(row) => rows.push((
            text(row.user),
            text(row.database),
            text(row.statement),
            row.start_us,
            row.query_time_us,
            row.session_id,
        )),
        Decoded::Log(entry) => commands.push((entry.kind, text(entry.user), text(entry.statement))),
        Decoded::Reject(reject) => rejects.push(reject.reason),
    };
    let mut decoder = Decoder::new(&Grammar::MysqlSlowTable.into(), None, 0);
    decoder.push(export.as_bytes(), &mut sink);
    decoder.finish(&mut sink);
    assert_eq!(decoder.ledger().bytes(), export.len() as u64);
    (rows, commands, rejects)
}

/// 2026-11-23 05:40:58 UTC, µs since 1970.
const BEGIN_US: i64 = 1_795_412_458_000_000;
const STATEMENT: &str = "select 'a\tb',\n\"c\\d\"";

fn expect(start_us: i64) -> Vec<Row> {
    let row = |statement: &str| {
        (
            "app".to_owned(),
            "shop".to_owned(),
            statement.to_owned(),
            Some(start_us),
            1_500_000,
            Some(4),
        )
    };
    vec![row(STATEMENT), row("select 2")]
}

#[track_caller]
fn check(export: &str, start_us: i64) {
    assert_eq!(
        detect(export.as_bytes()).format(),
        Some(&Grammar::MysqlSlowTable.into()),
        "{export}"
    );
    let (found, commands, rejects) = rows(export);
    assert_eq!(found, expect(start_us), "{export}");
    assert!(
        commands.is_empty() && rejects.is_empty(),
        "{commands:?} {rejects:?}"
    );
}

#[test]
fn a_batch_of_mariadb() {
    check(
        "start_time\tuser_host\tquery_time\tlock_time\trows_sent\trows_examined\tdb\tlast_insert_id\tinsert_id\tserver_id\tsql_text\t\
         thread_id\trows_affected\n\
         2026-11-23 05:40:58.000000\tapp[app] @ web [10.0.0.5]\t00:00:01.500000\t00:00:00.000000\t1\t0\tshop\t0\t0\t1\t\
         select 'a\\tb',\\n\"c\\\\d\"\t4\t0\n\
         2026-11-23 05:40:58.000000\tapp[app] @ web [10.0.0.5]\t00:00:01.500000\t00:00:00.000000\t1\t0\tshop\tNULL\t0\t1\tselect 2\t4\t0\n",
        BEGIN_US,
    );
}

#[test]
fn an_outfile_of_mysql() {
    let row = |statement: &str| {
        format!(
            "2026-11-23 05:40:58.000000\tapp[app] @ web [10.0.0.5]\t00:00:01.500000\t00:00:00.000000\t1\t0\tshop\t\\N\t0\t1\t{statement}\t4\n"
        )
    };
    check(
        &(row("select 'a\\\tb',\\\n\"c\\\\d\"") + &row("select 2")),
        BEGIN_US - 1_500_000,
    );
}

#[test]
fn the_file_of_the_table_itself() {
    let row = |statement: &str| {
        format!(
            "\"2026-11-23 05:40:58.000000\",\"app[app] @ web [10.0.0.5]\",\"00:00:01.500000\",\"00:00:00.000000\",1,0,\"shop\",0,0,1,\
             \"{statement}\",4,0\n"
        )
    };
    check(
        &(row("select 'a\\tb',\\n\\\"c\\\\d\\\"") + &row("select 2")),
        BEGIN_US,
    );
}

#[test]
fn a_csv_of_another_client_with_columns_of_its_choice() {
    let row = |statement: &str| {
        format!("4,\"{statement}\",shop,00:00:01.5,\"app[app] @ web []\",2026-11-23 05:40:58\r\n")
    };
    check(
        &format!(
            "thread_id,sql_text,db,query_time,user_host,start_time\r\n{}{}",
            row("select 'a\tb',\n\"\"c\\d\"\""),
            row("select 2")
        ),
        BEGIN_US - 1_500_000,
    );
}

#[test]
fn vertical_rows() {
    let row = |n: u32, statement: &str| {
        format!(
            "*************************** {n}. row ***************************\n    start_time: 2026-11-23 05:40:58\n     \
             user_host: app[app] @ web []\n    query_time: 00:00:01.500000\n            db: shop\n      sql_text: {statement}\n     \
             thread_id: 4\n rows_affected: 0\n"
        )
    };
    check(&(row(1, STATEMENT) + &row(2, "select 2")), BEGIN_US);
    check(&(row(1, STATEMENT) + &row(2, "0x73656C6563742032")), BEGIN_US);
}

#[test]
fn commands_of_the_general_log() {
    let (rows, commands, rejects) = rows(
        "event_time\tuser_host\tthread_id\tserver_id\tcommand_type\targument\n\
         2026-11-23 05:40:58.224219\t[root] @ localhost []\t3\t1\tConnect\troot@localhost on  using Socket\n\
         2026-11-23 05:40:58.244483\troot[root] @ localhost []\t4\t1\tQuery\tcreate database shop\n",
    );
    assert!(rows.is_empty() && rejects.is_empty());
    let expect = [
        (LogKind::ConnectionAuthorized, "root".to_owned(), String::new()),
        (
            LogKind::Command,
            "root".to_owned(),
            "create database shop".to_owned(),
        ),
    ];
    assert_eq!(commands, expect);
}

#[test]
fn rows_of_other_tables_are_rejected() {
    let (rows, commands, rejects) = rows("2026-11-23 05:40:58\tx\ty\n2026-11-23 05:40:58\t\"x\ty\n");
    assert!(rows.is_empty() && commands.is_empty());
    assert_eq!(rejects, [RejectReason::MalformedCsv; 2]);
}

#[test]
fn times_of_a_table() {
    assert_eq!(super::time_us(b"00:00:00.000265"), Some(265));
    assert_eq!(super::time_us(b"838:59:59"), Some(3_020_399_000_000));
    for text in ["", "00:00", "839:00:00", "00:60:00", "00:00:60", "-00:00:01"] {
        assert_eq!(super::time_us(text.as_bytes()), None, "{text}");
    }
}
