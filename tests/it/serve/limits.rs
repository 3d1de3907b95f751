//! What ends a statement or a connection before its time: its user, the clock, the memory, the rows, the number of others, and the server's
//! own end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::{Served, block_on, lake, state};

/// A question that sends rows for hours, slowly enough that a client cannot be drowned in them.
const ENDLESS: &str =
    "SELECT a.ts, b.statement FROM executions a, executions b, executions c, executions d, executions e";
/// A question that computes for hours before it sends one.
const BUSY: &str = "SELECT sum(a.query_time_us * b.query_time_us % (c.query_time_us + d.query_time_us + 1)) FROM executions a, executions b, executions c, executions d, executions e";

#[test]
fn a_statement_is_canceled_by_its_user() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    block_on(async {
        for question in [ENDLESS, BUSY] {
            let client = served.connect().await;
            let token = client.cancel_token();
            let cancel = async {
                tokio::time::sleep(Duration::from_millis(500)).await;
                token.cancel_query(NoTls).await.expect("a server that listens");
            };
            let (answer, ()) = tokio::join!(client.batch_execute(question), cancel);
            let error = answer.expect_err("canceled");
            assert_eq!(state(&error), "57014", "{error}");
            // The connection goes on.
            assert_eq!(client.simple_query("SELECT 1").await.unwrap().len(), 3);
        }
    });
}

#[test]
fn a_statement_has_its_time_and_no_more() {
    let lake = lake();
    let served = Served::configured(&lake, "statement_timeout = \"2s\"");
    block_on(async {
        let client = served.connect().await;
        let error = client
            .batch_execute("SET statement_timeout = 3000")
            .await
            .unwrap_err();
        assert_eq!(state(&error), "22023");
        for (limit, question) in [("2s", BUSY), ("300", ENDLESS), ("300ms", BUSY)] {
            client
                .batch_execute(&format!("SET statement_timeout = '{limit}'"))
                .await
                .unwrap();
            let began = Instant::now();
            let error = client.batch_execute(question).await.expect_err("out of time");
            assert_eq!(state(&error), "57014", "{error}");
            assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
            // A prepared one, too, whose rows are being sent.
            let error = client.query(question, &[]).await.expect_err("out of time");
            assert_eq!(state(&error), "57014", "{error}");
        }
    });
}

#[test]
fn an_answer_has_its_rows_and_its_memory_and_no_more() {
    let lake = lake();
    let served = Served::configured(&lake, "rows = 100\nmemory_mib = 64");
    block_on(async {
        let client = served.connect().await;
        let hundred = client
            .query("SELECT * FROM generate_series(1, 100)", &[])
            .await
            .unwrap();
        assert_eq!(hundred.len(), 100);
        let error = client
            .query("SELECT * FROM generate_series(1, 101)", &[])
            .await
            .unwrap_err();
        assert_eq!(state(&error), "54000");
        let aggregate = "SELECT array_agg(a.value * 1000000 + b.value) FROM generate_series(1, 10000) a, generate_series(1, 10000) b";
        let error = client.query(aggregate, &[]).await.expect_err("too much");
        assert_eq!(state(&error), "53200", "{error}");
        assert_eq!(client.query("SELECT 1", &[]).await.unwrap().len(), 1);
    });
}

/// What `GET /metrics` says.
fn metrics(address: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("room for a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn connections_have_their_number_and_their_patience() {
    let lake = lake();
    let limits = "http = \"127.0.0.1:0\"\nconnections = 2\nidle_timeout = \"2s\"";
    let mut served = Served::configured(&lake, limits);
    let line = served.until("answers at http://");
    let (_, http) = line.split_once("http://").expect("an address");
    let (http, _) = http.split_once('/').expect("an address");
    block_on(async {
        let (one, _two) = (served.connect().await, served.connect().await);
        let metrics = metrics(http);
        assert!(
            metrics.contains("slowlake_connections{via=\"postgres\"} 2\n"),
            "{metrics}"
        );
        let error = served.connect_as("ann", "").await.expect_err("one too many");
        assert_eq!(state(&error), "53300");
        let began = Instant::now();
        while one.simple_query("SELECT 1").await.is_ok() {
            assert!(began.elapsed() < super::PATIENCE);
            // Longer than it may be silent.
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        served.connect_as("ann", "").await.expect("room again");
    });
    let said = served.psql(&lake, "user=ann", &["SELECT 1", "\\! sleep 4", "SELECT 2"]);
    assert!(said.stderr.contains("57P05"), "{}", said.stderr);
}

#[test]
fn a_client_that_does_not_read_gives_its_place_up() {
    let lake = lake();
    let limits = "connections = 1\nidle_timeout = \"1s\"\nstatement_timeout = \"1s\"";
    let served = Served::configured(&lake, limits);
    let mut deaf = TcpStream::connect(("127.0.0.1", served.port)).expect("a server that listens");
    let patience = Some(Duration::from_secs(2));
    deaf.set_write_timeout(patience).expect("a socket");
    deaf.write_all(b"\0\0\0\x10\0\x03\0\0user\0a\0\0")
        .expect("room for a login");
    // More answers than the system keeps for a client: at some point the server can neither send nor read.
    let _ = deaf.write_all(&b"S\0\0\0\x04".repeat(4 << 20));
    until_let_in(&served, super::PATIENCE);
}

#[test]
fn a_request_to_cancel_keeps_no_place() {
    let lake = lake();
    let served = Served::configured(&lake, "connections = 1");
    let mut request = TcpStream::connect(("127.0.0.1", served.port)).expect("a server that listens");
    request
        .write_all(b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x02")
        .expect("room for a request");
    let mut answer = Vec::new();
    request.read_to_end(&mut answer).expect("an end");
    assert_eq!(answer, b"");
    // The client still has its end open. Logins would have 15 seconds.
    until_let_in(&served, Duration::from_secs(10));
}

/// Waits for the place of another one.
#[track_caller]
fn until_let_in(served: &Served, patience: Duration) {
    let began = Instant::now();
    block_on(async {
        while let Err(error) = served.connect_as("ann", "").await {
            assert_eq!(state(&error), "53300", "{error:?}");
            assert!(began.elapsed() < patience, "the place of another one");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}

#[test]
fn a_server_that_is_stopped_lets_short_statements_end() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    let pid = served.child.as_ref().expect("it runs").id().to_string();
    block_on(async {
        let (idle, busy) = (served.connect().await, served.connect().await);
        let short = "SELECT count(*) FROM (SELECT * FROM executions LIMIT 2000) a, (SELECT * FROM executions LIMIT 2000) b";
        let stop = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            std::process::Command::new("kill")
                .arg(&pid)
                .status()
                .expect("kill to start");
        };
        let (answer, ()) = tokio::join!(busy.simple_query(short), stop);
        let is_row = |message: &SimpleQueryMessage| matches!(message, SimpleQueryMessage::Row(_));
        assert!(answer.expect("an answer").iter().any(is_row));
        let began = Instant::now();
        while idle.simple_query("SELECT 1").await.is_ok() {
            assert!(began.elapsed() < super::PATIENCE, "it is told to stop");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(
            served.connect_as("ann", "").await.is_err(),
            "nobody listens any more"
        );
    });
}
