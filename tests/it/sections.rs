//! What `digest` says of servers beside their queries: every section from a log that was written for it, in every form, whatever the number
//! of threads; filters, redaction, and the shapes of what nobody understood.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::binary::Binary;

/// A server's morning: a blocked session, a deadlock, an error twice, a canceled query, a temporary file, checkpoints, vacuums, sessions.
pub(crate) const MORNING: &str = "\
2026-11-16 08:00:00.000 UTC [9] LOG:  database system is ready to accept connections
2026-11-16 08:00:00.100 UTC [11] [unknown]@[unknown] LOG:  connection received: host=10.0.0.5 port=41000
2026-11-16 08:00:00.110 UTC [11] web@shop LOG:  connection authorized: user=web database=shop application_name=checkout
2026-11-16 08:00:00.200 UTC [12] dba@shop LOG:  connection authorized: user=dba database=shop
2026-11-16 08:00:02.000 UTC [12] dba@shop LOG:  process 12 still waiting for ShareLock on transaction 748 after 1000.100 ms
2026-11-16 08:00:02.000 UTC [12] dba@shop DETAIL:  Process holding the lock: 11. Wait queue: 12.
2026-11-16 08:00:02.000 UTC [12] dba@shop CONTEXT:  while updating tuple (0,1) in relation \"carts\"
2026-11-16 08:00:02.000 UTC [12] dba@shop STATEMENT:  UPDATE carts SET items = 3 WHERE id = 7
2026-11-16 08:00:06.000 UTC [11] web@shop LOG:  duration: 5500.000 ms  statement: DELETE FROM carts WHERE owner = 'planted-owner'
2026-11-16 08:00:06.001 UTC [12] dba@shop LOG:  process 12 acquired ShareLock on transaction 748 after 5001.200 ms
2026-11-16 08:00:06.001 UTC [12] dba@shop CONTEXT:  while updating tuple (0,1) in relation \"carts\"
2026-11-16 08:00:06.001 UTC [12] dba@shop STATEMENT:  UPDATE carts SET items = 3 WHERE id = 7
2026-11-16 08:00:06.002 UTC [12] dba@shop LOG:  duration: 5002.000 ms  statement: UPDATE carts SET items = 3 WHERE id = 7
2026-11-16 08:00:07.000 UTC [12] dba@shop ERROR:  duplicate key value violates unique constraint \"carts_pkey\"
2026-11-16 08:00:07.000 UTC [12] dba@shop DETAIL:  Key (id)=(planted-key) already exists.
2026-11-16 08:00:07.000 UTC [12] dba@shop STATEMENT:  INSERT INTO carts VALUES ('planted-key')
2026-11-16 08:00:08.000 UTC [12] dba@shop ERROR:  duplicate key value violates unique constraint \"carts_pkey\"
2026-11-16 08:00:08.000 UTC [12] dba@shop STATEMENT:  INSERT INTO carts VALUES ('other')
2026-11-16 08:00:09.000 UTC [12] dba@shop ERROR:  invalid input syntax for type integer: \"planted-number\"
2026-11-16 08:00:09.000 UTC [12] dba@shop STATEMENT:  SELECT 'planted-number'::int
2026-11-16 08:00:10.000 UTC [11] web@shop ERROR:  canceling statement due to statement timeout
2026-11-16 08:00:10.000 UTC [11] web@shop STATEMENT:  SELECT pg_sleep(100)
2026-11-16 08:00:11.000 UTC [12] dba@shop ERROR:  deadlock detected
2026-11-16 08:00:11.000 UTC [12] dba@shop DETAIL:  Process 12 waits for ShareLock on transaction 750; blocked by process 11.
\tProcess 11 waits for ShareLock on transaction 749; blocked by process 12.
\tProcess 12: UPDATE carts SET items = 4 WHERE id = 8
\tProcess 11: UPDATE carts SET items = 5 WHERE owner = 'planted-owner'
2026-11-16 08:00:11.000 UTC [12] dba@shop HINT:  See server log for query details.
2026-11-16 08:00:11.000 UTC [12] dba@shop STATEMENT:  UPDATE carts SET items = 4 WHERE id = 8
2026-11-16 08:00:12.000 UTC [11] web@shop LOG:  temporary file: path \"base/pgsql_tmp/pgsql_tmp11.0\", size 20480000
2026-11-16 08:00:12.000 UTC [11] web@shop STATEMENT:  SELECT * FROM carts ORDER BY items
2026-11-16 08:00:12.500 UTC [11] web@shop LOG:  duration: 400.000 ms  plan:
\tQuery Text: SELECT * FROM carts ORDER BY items
\tSort  (cost=10.00..12.00 rows=100 width=8) (actual time=300.000..390.000 rows=1000 loops=1)
\t  Sort Key: items
\t  ->  Seq Scan on carts  (cost=0.00..5.00 rows=100 width=8) (actual time=0.010..90.000 rows=1000 loops=1)
2026-11-16 08:00:12.500 UTC [11] web@shop LOG:  duration: 400.000 ms  statement: SELECT * FROM carts ORDER BY items
2026-11-16 08:01:00.000 UTC [3] LOG:  checkpoint starting: wal
2026-11-16 08:01:09.000 UTC [3] LOG:  checkpoint complete: wrote 900 buffers (5.5%); 0 WAL file(s) added, 1 removed, 2 recycled; write=8.500 s, sync=0.300 s, total=9.000 s; sync files=12, longest=0.100 s, average=0.025 s; distance=32768 kB, estimate=32768 kB
2026-11-16 08:02:00.000 UTC [15] LOG:  automatic vacuum of table \"shop.public.carts\": index scans: 1
\tpages: 0 removed, 40 remain, 0 skipped due to pins, 0 skipped frozen
\ttuples: 700 removed, 300 remain, 20 are dead but not yet removable, oldest xmin: 800
\tbuffer usage: 90 hits, 4 misses, 6 dirtied
\tavg read rate: 1.000 MB/s, avg write rate: 1.500 MB/s
\tsystem usage: CPU: user: 0.01 s, system: 0.00 s, elapsed: 0.75 s
2026-11-16 08:03:00.000 UTC [21] [unknown]@[unknown] LOG:  connection received: host=10.0.0.6 port=41001
2026-11-16 08:03:00.010 UTC [21] web@shop FATAL:  password authentication failed for user \"web\"
2026-11-16 08:04:00.110 UTC [11] web@shop LOG:  disconnection: session time: 0:04:00.000 user=web database=shop host=10.0.0.5 port=41000
";

fn digest(binary: &Binary, more: &[&str]) -> Value {
    let arguments = [&["digest", "morning.log", "--output", "json"], more].concat();
    binary.run(&arguments).json()
}

fn morning() -> Binary {
    let binary = Binary::new();
    binary.write("morning.log", MORNING);
    binary
}

#[test]
fn every_section_says_what_the_log_says() {
    let report = digest(&morning(), &[]);
    let sections = &report["sections"];
    let fingerprint_of = |verb: &str| {
        let queries = report["queries"].as_array().unwrap();
        let query = queries.iter().find(|query| query["verb"] == verb).unwrap();
        query["fingerprint"].clone()
    };
    for (pointer, expect) in [
        ("/errors/0/code", json!("23505")),
        ("/errors/0/condition", json!("unique_violation")),
        ("/errors/0/count", json!(2)),
        ("/errors/0/statements/0/count", json!(2)),
        (
            "/errors/0/statements/0/normalized",
            json!("INSERT INTO carts VALUES (?+)"),
        ),
        ("/canceled/0/cause", json!("statement_timeout")),
        ("/locks/waits", json!(1)),
        ("/locks/acquired", json!(1)),
        ("/locks/waited_us", json!(5_001_200)),
        ("/locks/objects/0/object", json!("carts")),
        ("/locks/blockers/0/session_id", json!(11)),
        ("/locks/blockers/0/user", json!("web")),
        ("/locks/blockers/0/waited_us", json!(5_001_200)),
        ("/locks/blockers/0/fingerprint", fingerprint_of("DELETE")),
        ("/locks/longest/0/fingerprint", fingerprint_of("UPDATE")),
        ("/deadlocks/count", json!(1)),
        ("/deadlocks/list/0/processes/0/session_id", json!(12)),
        (
            "/deadlocks/list/0/processes/1/normalized",
            json!("UPDATE carts SET items = ? WHERE owner = ?"),
        ),
        ("/temporary_files/bytes", json!(20_480_000)),
        ("/temporary_files/queries/0/fingerprint", fingerprint_of("SELECT")),
        ("/checkpoints/checkpoints/wal", json!(1)),
        ("/checkpoints/checkpoints/buffers", json!(900)),
        ("/checkpoints/checkpoints/longest_us", json!(9_000_000)),
        ("/vacuums/0/table", json!("shop.public.carts")),
        ("/vacuums/0/tuples_removed", json!(700)),
        ("/vacuums/0/vacuum_us", json!(750_000)),
        ("/connections/received", json!(2)),
        ("/connections/authorized", json!(2)),
        ("/connections/peak", json!(2)),
        ("/connections/session_max_us", json!(240_000_000)),
        ("/connections/failures/0/name", json!("password")),
        ("/plans/0/fingerprint", fingerprint_of("SELECT")),
        ("/plans/0/plans/0/calls", json!(1)),
        ("/plans/0/plans/0/shape", json!("Sort > Seq Scan carts")),
        ("/plans/0/plans/0/slowest_node", json!("Sort")),
        ("/plans/0/plans/0/misestimate_factor", json!(10.0)),
        ("/server/kinds/0/name", json!("startup")),
    ] {
        assert_eq!(
            sections.pointer(pointer),
            Some(&expect),
            "{pointer} of {sections:#}"
        );
    }
}

#[test]
fn text_of_the_sections() {
    let binary = morning();
    for (name, more) in [
        ("lines", &["--limit", "1"][..]),
        ("in_full", &["--sections", "all", "--limit", "1"]),
        ("some", &["--sections", "locks,errors", "--limit", "1"]),
    ] {
        let arguments = [&["digest", "morning.log"], more].concat();
        let text = binary.run(&arguments).exits(0).stdout;
        let (_, sections) = text.split_once("--limit shows more\n").unwrap();
        insta::assert_snapshot!(format!("sections_{name}"), sections);
    }
}

#[test]
fn one_query_in_full() {
    let binary = morning();
    let report = digest(&binary, &[]);
    let query = report["sections"]["plans"][0]["fingerprint"].as_str().unwrap();
    let text = binary
        .run(&["digest", "morning.log", "--query", query])
        .exits(0)
        .stdout;
    let (_, query) = text.split_once("query (by total time)\n").unwrap();
    insta::assert_snapshot!("sections_one_query", query);
}

#[test]
fn a_section_is_a_table_in_every_form() {
    let binary = morning();
    let csv = binary
        .run(&[
            "digest",
            "morning.log",
            "--output",
            "csv",
            "--sections",
            "vacuums",
        ])
        .exits(0)
        .stdout;
    assert_eq!(
        csv,
        "table,vacuums,wraparound,analyzes,vacuum_us,analyze_us,longest_us,tuples_removed,tuples_dead_most,wal_bytes\n\
         shop.public.carts,1,0,0,750000,0,750000,700,20,0\n"
    );
    binary
        .run(&[
            "digest",
            "morning.log",
            "--output",
            "csv",
            "--sections",
            "vacuums,locks",
        ])
        .exits(2);
    for form in ["markdown", "html"] {
        let text = binary
            .run(&["digest", "morning.log", "--output", form])
            .exits(0)
            .stdout;
        for title in [
            "Locks",
            "Deadlocks",
            "Autovacuum",
            "Connections and sessions",
            "shop.public.carts",
        ] {
            assert!(text.contains(title), "{form} lacks {title}");
        }
    }
}

#[test]
fn filters_leave_entries_out_and_say_so() {
    let binary = morning();
    for (more, calls, errors) in [
        (&[][..], 3, 6),
        (&["--user", "web"], 2, 2),
        (&["--user", "web", "--user", "dba"], 3, 6),
        (&["--database", "other"], 0, 0),
        (
            &["--from", "2026-11-16 08:00:05", "--to", "2026-11-16T08:00:08Z"],
            0,
            1,
        ),
        (&["--from", "2026-11-16 08:00:08"], 1, 5),
        (&["--include", "(?i)delete|insert"], 1, 2),
        (&["--exclude", "carts"], 0, 3),
    ] {
        let report = digest(&binary, more);
        let count = |list: &Value| -> i64 {
            list.as_array()
                .unwrap()
                .iter()
                .map(|group| group["count"].as_i64().unwrap())
                .sum()
        };
        let ledger = &report["ledger"];
        assert_eq!(
            (report["calls"].as_i64(), count(&report["sections"]["errors"])),
            (Some(calls), errors),
            "{more:?}"
        );
        // Every byte is accounted for whatever the report leaves out.
        assert_eq!(ledger["bytes"], MORNING.len(), "{more:?}");
        assert_eq!(
            ledger["entries"]["query"].as_i64().unwrap() - ledger["filtered"]["query"].as_i64().unwrap(),
            calls,
            "{more:?}"
        );
    }
    for wrong in [
        &["--include", "("][..],
        &["--from", "yesterday"],
        &["--last", "2h", "--from", "2026-11-16"],
    ] {
        binary.run(&[&["digest", "morning.log"], wrong].concat()).exits(2);
    }
}

#[test]
fn redacted_reports_hold_no_literal() {
    let binary = morning();
    let query = digest(&binary, &[])["queries"][0]["fingerprint"].clone();
    let whole = [&["digest", "morning.log", "--output", "json"][..]].concat();
    assert!(binary.run(&whole).stdout.contains("planted"));
    for form in ["text", "json", "csv", "markdown", "html"] {
        for more in [
            &["--sections", "errors"][..],
            &["--query", query.as_str().unwrap()],
        ] {
            let arguments = [&["digest", "morning.log", "--redact", "--output", form], more].concat();
            let text = binary.run(&arguments).exits(0).stdout;
            assert!(!text.contains("planted"), "{form} {more:?}: {text}");
        }
    }
}

#[test]
fn shapes_of_rejected_lines_are_told() {
    let binary = Binary::new();
    let mut log = MORNING.to_owned();
    for at in 0..3 {
        // Writing to a String cannot fail. A line is no continuation without a tab before it.
        let _ = writeln!(log, "GC pause {at}.25 ms in thread planted{at}");
        log += MORNING.lines().next().unwrap();
        log += "\n";
    }
    binary.write("damaged.log", &log);
    let run = binary
        .run(&["digest", "damaged.log", "--coverage", "--limit", "1"])
        .exits(1);
    assert!(run.stdout.contains("a a 9.9 a a a a9"), "{}", run.stdout);
    let json = binary
        .run(&["digest", "damaged.log", "--output", "json"])
        .exits(1);
    let shapes = &json.json()["ledger"]["rejected_shapes"];
    assert_eq!(shapes["a a 9.9 a a a a9"]["records"], 3, "{shapes}");
}

#[test]
fn threads_and_chunks_do_not_change_any_section() {
    let binary = Binary::new();
    std::fs::create_dir(binary.path("logs")).unwrap();
    for file in 0..3 {
        binary.write(&format!("logs/{file}.log"), busy_log(file));
    }
    let digest = |threads: &str, chunk_bytes: &str| {
        binary
            .run(&[
                "digest",
                "logs",
                "--output",
                "json",
                "--threads",
                threads,
                "--chunk-bytes",
                chunk_bytes,
            ])
            .exits(0)
    };
    let one = digest("1", "1048576");
    let sections = &one.json()["sections"];
    for (pointer, least) in [
        ("/locks/waits", 1_000),
        ("/temporary_files/files", 1_000),
        ("/connections/disconnected", 1_000),
    ] {
        assert!(
            sections.pointer(pointer).and_then(Value::as_i64) >= Some(least),
            "{pointer}"
        );
    }
    for (threads, chunk_bytes) in [("2", "1048576"), ("5", "4096"), ("1", "777")] {
        assert!(
            digest(threads, chunk_bytes).stdout == one.stdout,
            "another answer with {threads} threads and chunks of {chunk_bytes}"
        );
    }
}

/// Events of every kind, in so many sessions that batches of them go to all threads.
fn busy_log(file: i64) -> String {
    let mut log = String::new();
    for at in 0..4_000 {
        let n = (file * 4_000 + at) * 7_919 % 100_003;
        let (pid, holder, second) = (n % 61, n % 59, file * 1_300 + at / 3);
        let head = |pid: i64| {
            format!(
                "2026-11-16 {:02}:{:02}:{:02}.{:03} UTC [{pid}] u{}@shop",
                second / 3_600,
                second / 60 % 60,
                second % 60,
                at % 3 * 300,
                pid % 7
            )
        };
        let head = head(pid);
        let statement = format!(
            "{head} STATEMENT:  UPDATE t{} SET a = {n} WHERE id = {pid}\n",
            n % 13
        );
        // Writing to a String cannot fail.
        let _ = match n % 6 {
            0 => write!(
                log,
                "{head} LOG:  process {pid} still waiting for ShareLock on transaction {} after 1000.{:03} ms\n\
                 {head} DETAIL:  Process holding the lock: {holder}. Wait queue: {pid}.\n{statement}",
                n % 17,
                n % 1_000
            ),
            1 => write!(
                log,
                "{head} LOG:  process {pid} acquired ShareLock on transaction {} after {}.500 ms\n{statement}",
                n % 17,
                1_001 + n % 900
            ),
            2 => write!(
                log,
                "{head} LOG:  temporary file: path \"base/pgsql_tmp/pgsql_tmp{pid}.{n}\", size {n}\n{statement}"
            ),
            3 => write!(log, "{head} ERROR:  division by zero\n{statement}"),
            4 => writeln!(
                log,
                "{head} LOG:  disconnection: session time: 0:00:{:02}.000 user=u{} database=shop host=h{}",
                n % 60,
                pid % 7,
                n % 5
            ),
            _ => writeln!(
                log,
                "{head} LOG:  duration: {n}.000 ms  statement: DELETE FROM t{} WHERE id = {n}",
                n % 13
            ),
        };
    }
    log
}

#[test]
fn one_execution_logged_in_so_many_stands_for_all_of_them() {
    let binary = Binary::new();
    let record = |second: u32, milliseconds: u32, more: &str, statement: &str| {
        format!(
            "# Time: 2026-11-16T08:00:{second:02}.000000Z\n\
             # User@Host: web[web] @ app-1 [10.0.0.5]  Id:    11\n\
             # Query_time: 0.{milliseconds:03}000  Lock_time: 0.000000  Rows_sent: 1  Rows_examined: 1\n\
             {more}SET timestamp=1794816000;\n{statement};\n"
        )
    };
    let sampled = "# Log_slow_rate_type: query  Log_slow_rate_limit: 10\n";
    let log = record(1, 100, "", "SELECT a FROM t")
        + &record(2, 20, sampled, "SELECT b FROM t")
        + &record(3, 30, sampled, "SELECT b FROM t");
    binary.write("sampled.log", log);
    let run = |form: &str| binary.run(&["digest", "sampled.log", "--output", form]).exits(0);
    let report = run("json").json();
    let first = &report["queries"][0];
    assert_eq!(
        [
            &report["calls"],
            &report["total_us"],
            &report["estimated_calls"],
            &report["estimated_total_us"]
        ],
        [&json!(3), &json!(150_000), &json!(21), &json!(600_000)]
    );
    assert_eq!(
        [
            &first["normalized"],
            &first["calls"],
            &first["estimated_calls"],
            &first["estimated_total_us"]
        ],
        [&json!("SELECT b FROM t"), &json!(2), &json!(20), &json!(500_000)]
    );
    assert!(
        run("text")
            .stdout
            .contains("one execution in so many: in fact about 21 executions, 600 ms")
    );
}

#[test]
fn time_inside_of_a_routine_is_not_counted_twice() {
    let binary = Binary::new();
    let record = |second: u32, milliseconds: u32, more: &str, statement: &str| {
        format!(
            "# Time: 2026-11-16T08:00:{second:02}.000000Z\n\
             # User@Host: web[web] @ app-1 [10.0.0.5]  Id:    11\n\
             {more}# Query_time: 0.{milliseconds:03}000  Lock_time: 0.000000  Rows_sent: 1  Rows_examined: 1\n\
             SET timestamp=1794816000;\n{statement};\n"
        )
    };
    let log = record(
        1,
        80,
        "# Stored_routine: shop.bill\n",
        "SELECT a FROM t WHERE id = 7",
    ) + &record(1, 100, "", "CALL bill(7)");
    binary.write("routine.log", log);
    let run = |form: &str| binary.run(&["digest", "routine.log", "--output", form]).exits(0);
    let report = run("json").json();
    assert_eq!(
        [
            &report["calls"],
            &report["total_us"],
            &report["nested_calls"],
            &report["nested_us"]
        ],
        [&json!(2), &json!(180_000), &json!(1), &json!(80_000)]
    );
    assert_eq!(report["queries"][1]["nested_calls"], 1, "{report:#}");
    let text = run("text").stdout;
    assert!(text.contains("100 ms database time"), "{text}");
    assert!(text.contains("are not added to the database time"), "{text}");
}
