//! `report top` over a lake against `digest` over the same logs: what servers say of themselves is the same, and filters leave out the same.

use serde_json::Value;

use crate::binary::corpus;
use crate::lake::Lake;
use crate::sections::MORNING;

const LOGS: [&str; 4] = [
    "postgres/15/mixed.stderr.log",
    "postgres/15/mixed.csv",
    "postgres/15/mixed.json",
    "mariadb/10.11/mixed.slow.log",
];

/// Two plans of one query, and a prepared one whose steps are logged apart.
const PLANS: &str = "\
2026-11-16 08:00:10.000 UTC [12] web@shop LOG:  duration: 9.500 ms  plan:
\tQuery Text: SELECT * FROM orders WHERE id = 'secret' ORDER BY total
\tSort  (cost=30.50..31.00 rows=200 width=8) (actual time=9.000..9.500 rows=4000 loops=1)
\t  Sort Key: total
\t  ->  Seq Scan on orders  (cost=0.00..22.00 rows=10 width=8) (actual time=0.010..7.250 rows=4000 loops=1)
\t        Filter: (id = 'secret'::text)
2026-11-16 08:00:10.001 UTC [12] web@shop LOG:  duration: 9.900 ms  statement: SELECT * FROM orders WHERE id = 'secret' ORDER BY total
2026-11-16 08:00:11.000 UTC [12] web@shop LOG:  duration: 1.500 ms  plan:
\tQuery Text: SELECT * FROM orders WHERE id = 'secret' ORDER BY total
\tSort  (cost=30.50..31.00 rows=200 width=8) (actual time=1.000..1.400 rows=10 loops=1)
\t  Sort Key: total
\t  ->  Index Scan using orders_pkey on orders  (cost=0.00..22.00 rows=10 width=8) (actual time=0.010..1.250 rows=10 loops=1)
\t        Index Cond: (id = 'secret'::text)
2026-11-16 08:00:11.001 UTC [12] web@shop LOG:  duration: 1.900 ms  statement: SELECT * FROM orders WHERE id = 'secret' ORDER BY total
2026-11-16 08:00:12.000 UTC [13] web@shop LOG:  duration: 0.100 ms  parse p: SELECT $1
2026-11-16 08:00:12.001 UTC [13] web@shop LOG:  duration: 0.200 ms  bind p: SELECT $1
2026-11-16 08:00:12.002 UTC [13] web@shop LOG:  duration: 0.300 ms  execute p: SELECT $1
";

#[track_caller]
fn report(lake: &Lake, more: &[&str]) -> Value {
    let arguments = [&["report", "top", "--lake", "lake", "--output", "json"], more].concat();
    lake.binary.run(&arguments).json()
}

/// The sections, without the server's name: a log does not say it, a lake always does.
fn sections(report: &Value) -> Value {
    let mut sections = report["sections"].clone();
    for event in sections["server"]["list"].as_array_mut().into_iter().flatten() {
        event["host"] = Value::Null;
    }
    sections
}

#[test]
fn sections_of_a_lake_are_those_of_its_logs() {
    let logs = LOGS.map(|name| (name.replace('/', "-"), corpus(name)));
    let written = [("morning.log", MORNING), ("plans.log", PLANS)];
    let written = written.map(|(name, log)| (name.to_owned(), log.into()));
    for (name, log) in logs.into_iter().chain(written) {
        // No text of a statement is kept, and still everything is told by query.
        let lake = Lake::new();
        lake.binary.write(&name, &log);
        lake.try_ingest(&[&name, "--statement-text", "none"]);
        let of_log = lake.binary.run(&["digest", &name, "--output", "json"]).json();
        let of_lake = report(&lake, &[]);
        assert_eq!(sections(&of_lake), sections(&of_log), "{name}");
        for key in ["calls", "total_us", "p99_us", "first_us"] {
            assert_eq!(of_lake[key], of_log[key], "{key} of {name}");
        }
        assert_eq!(
            of_lake["ledger"]["entries"], of_log["ledger"]["entries"],
            "{name}"
        );
    }
}

#[test]
fn plans_are_rows_without_literals_and_joined_to_their_executions() {
    let lake = Lake::new();
    lake.binary.write("plans.log", PLANS);
    lake.ingest(&["plans.log", "--statement-text", "none"]);
    let plans = lake.sql(
        "SELECT e.query_time_us, p.plan FROM server_events p JOIN executions e USING (plan_fingerprint) \
         WHERE p.event = 'plan' ORDER BY e.query_time_us",
    );
    let [fast, slow] = &plans[..] else {
        panic!("two plans: {plans:?}")
    };
    assert_eq!(
        (&fast["query_time_us"], &slow["query_time_us"]),
        (&1_900.into(), &9_900.into())
    );
    assert!(
        fast["plan"]
            .to_string()
            .contains("Sort > Index Scan orders using orders_pkey")
    );
    assert!(slow["plan"].to_string().contains("Sort > Seq Scan orders"));
    let everything = lake.sql("SELECT * FROM server_events");
    assert!(!format!("{everything:?}").contains("secret"), "{everything:?}");
}

#[test]
fn filters_leave_out_what_they_leave_out_of_logs() {
    let lake = Lake::new();
    lake.binary.write("morning.log", MORNING);
    lake.ingest(&["morning.log"]);
    let filters: [&[&str]; 8] = [
        &["--user", "web"],
        &["--database", "shop", "--user", "dba"],
        &["--application", "checkout"],
        &["--client", "10.0.0.5"],
        &["--include", "^UPDATE"],
        &["--exclude", "carts", "--exclude", "pg_sleep"],
        &["--from", "2026-11-16T08:00:07Z", "--to", "2026-11-16T08:01:00Z"],
        &["--from", "2026-11-16T08:02:00Z"],
    ];
    for filter in filters {
        let of_log = lake
            .binary
            .run(&[&["digest", "morning.log", "--output", "json"], filter].concat())
            .json();
        let of_lake = report(&lake, filter);
        assert_eq!(sections(&of_lake), sections(&of_log), "{filter:?}");
        assert_eq!(of_lake["calls"], of_log["calls"], "{filter:?}");
        assert_eq!(of_lake["total_us"], of_log["total_us"], "{filter:?}");
    }
    assert_eq!(report(&lake, &["--server", "db1"])["calls"], 3);
    let nothing = report(&lake, &["--server", "db2"]);
    assert_eq!(nothing["calls"], 0);
    let wrong = ["report", "top", "--lake", "lake", "--include", "("];
    let wrong = lake.binary.run(&wrong).exits(2);
    assert!(
        wrong.stderr.contains("--include is no regular expression"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn sections_are_shown_when_they_are_asked_for() {
    let lake = Lake::new();
    lake.binary.write("morning.log", MORNING);
    lake.ingest(&["morning.log"]);
    let report = |more: &[&str]| {
        let arguments = [&["report", "top", "--lake", "lake"], more].concat();
        lake.binary.run(&arguments).exits(0).stdout
    };
    assert!(!report(&[]).contains("By SQLSTATE"));
    assert!(report(&["--sections", "errors"]).contains("By SQLSTATE"));
    assert!(report(&["--sections", "errors", "--output", "csv"]).contains("error,23505,unique violation,2,"));
    // Events without executions are a report as well.
    let events_only = report(&["--from", "2026-11-16T08:01:00Z", "--sections", "checkpoints"]);
    assert!(
        events_only.contains("1 checkpoint, 1 because of WAL"),
        "{events_only}"
    );
}
