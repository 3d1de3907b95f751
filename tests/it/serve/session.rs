//! What a client asks of its own connection: settings that end with their transaction, what is forgotten and what is kept, and how much.

use super::protocol::{STARTUP, count, has, talk};
use super::{Served, block_on, lake, state};

/// What `SHOW` says.
async fn show(client: &tokio_postgres::Client, name: &str) -> String {
    let row = client.query_one(&format!("SHOW {name}"), &[]).await;
    row.expect("a setting").get(0)
}

#[test]
fn a_local_setting_ends_with_its_transaction() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    block_on(async {
        let client = served.connect().await;
        let run = async |sql: &str| client.batch_execute(sql).await.expect(sql);
        run("SET statement_timeout = '5s'").await;
        for end in ["COMMIT", "ROLLBACK"] {
            run("BEGIN; SET LOCAL statement_timeout = '1s'; SET LOCAL search_path = 'x'").await;
            assert_eq!(show(&client, "statement_timeout").await, "1s");
            run(end).await;
            assert_eq!(show(&client, "statement_timeout").await, "5s", "{end}");
            assert_eq!(show(&client, "search_path").await, "public", "{end}");
        }
        // Alone it is its own transaction, but is looked at like any other.
        run("SET LOCAL statement_timeout = '1s'").await;
        assert_eq!(show(&client, "statement_timeout").await, "5s");
        let error = client.batch_execute("SET LOCAL statement_timeout = 'x'").await;
        assert_eq!(state(&error.expect_err("no duration")), "22023");
        // One that failed ends, too.
        run("BEGIN; SET LOCAL statement_timeout = '1s'").await;
        client.batch_execute("SELECT nope").await.expect_err("no column");
        run("COMMIT").await;
        assert_eq!(show(&client, "statement_timeout").await, "5s");
    });
}

#[test]
fn what_cannot_be_prepared_takes_no_place() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    block_on(async {
        let client = served.connect().await;
        for _ in 0..1_001 {
            let error = client.prepare("SELECT nope").await.expect_err("no column");
            assert_eq!(state(&error), "42703");
        }
        client.prepare("SELECT 1").await.expect("a place");
    });
}

#[test]
fn names_are_cut_and_values_have_their_limit() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    let long = "x".repeat(1 << 19);
    block_on(async {
        let client = served.connect().await;
        let run = async |sql: &str| client.batch_execute(sql).await;
        run(&format!("SET application_name = '{long}'"))
            .await
            .expect("a name");
        assert_eq!(show(&client, "application_name").await, "x".repeat(63));
        run(&format!("BEGIN; SAVEPOINT {long}; RELEASE {}", "x".repeat(63)))
            .await
            .expect("the same name");
        run("COMMIT").await.expect("an end");
        let error = run(&format!("SET search_path = '{long}'"))
            .await
            .expect_err("too long");
        assert_eq!(state(&error), "22023");
        client
            .query_one("SELECT 1", &[])
            .await
            .expect("a connection that goes on");
    });
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len() as u32 + 4;
    [&[kind], &length.to_be_bytes()[..], body].concat()
}

fn query(sql: &str) -> Vec<u8> {
    message(b'Q', format!("{sql}\0").as_bytes())
}

#[test]
fn commands_are_called_what_they_are() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    for (sql, tag) in [
        ("SHOW TimeZone", "SHOW"),
        ("DISCARD PLANS", "DISCARD PLANS"),
        ("DISCARD SEQUENCES", "DISCARD SEQUENCES"),
        ("DISCARD TEMP", "DISCARD TEMP"),
        ("DISCARD ALL", "DISCARD ALL"),
        ("RESET ALL", "RESET"),
        ("SELECT 1", "SELECT 1"),
    ] {
        let complete = message(b'C', format!("{tag}\0").as_bytes());
        let simple = talk(&served, &[STARTUP, &query(sql)].concat());
        assert_eq!(count(&simple, &complete), 1, "{sql}: {simple:?}");
        let parse = message(b'P', format!("\0{sql}\0\0\0").as_bytes());
        let rest = [message(b'B', &[0; 8]), message(b'E', &[0; 5]), message(b'S', &[])];
        let extended = talk(&served, &[STARTUP, &parse, &rest.concat()].concat());
        assert_eq!(count(&extended, &complete), 1, "{sql}: {extended:?}");
    }
}

#[test]
fn a_reset_says_what_it_changed() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    let script = query("SET datestyle = 'ISO, DMY'; RESET ALL; RESET ALL");
    let answer = talk(&served, &[STARTUP, &script].concat());
    assert_eq!(count(&answer, b"DateStyle\0ISO, DMY\0"), 1, "{answer:?}");
    // When it comes in, and when it is reset.
    assert_eq!(count(&answer, b"DateStyle\0ISO, MDY\0"), 2, "{answer:?}");
}

#[test]
fn discarding_all_leaves_nothing_and_discarding_plans_everything() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    let bound = [
        query("BEGIN"),
        message(b'P', b"s\0SELECT 7777\0\0\0"),
        message(b'B', b"p\0s\0\0\0\0\0\0\0"),
    ];
    let executed = [message(b'E', b"p\0\0\0\0\0"), message(b'S', &[])];
    let after = |sql: &str| {
        talk(
            &served,
            &[STARTUP, &bound.concat(), &query(sql), &executed.concat()].concat(),
        )
    };
    assert!(has(&after("DISCARD PLANS"), "7777"));
    let answer = after("DISCARD ALL");
    assert!(has(&answer, "34000") && !has(&answer, "7777"), "{answer:?}");
}
