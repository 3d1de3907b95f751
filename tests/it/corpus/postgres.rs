//! PostgreSQL's recordings: executions and events of the server as `truth.json` counts them, in every format and behind every syslog.

use serde_json::{Value, json};

use super::{Recording, ask, digest, groups, integer, is_from, lake, parts, path, read_truth, sums};
use crate::binary::Binary;

/// The logs of each run, of all versions; not all versions have each.
const LOGS: [(&str, &[&str]); 3] = [
    ("truth.json", &["mixed.stderr.log", "mixed.csv", "mixed.json"]),
    ("log_statement.truth.json", &["log_statement.stderr.log"]),
    (
        "events.truth.json",
        &[
            "events.stderr.log",
            "events.csv",
            "events.json",
            "events.syslog.datagrams",
            "events.syslog.bsd",
            "events.syslog.rfc5424",
        ],
    ),
];
/// Which version has how many of them.
const VERSIONS: [(&str, usize); 3] = [("13", 5), ("15", 10), ("18", 10)];

/// What `truth.json` calls an event, and which rows of a lake are that.
const EVENTS: [(&str, &str); 22] = [
    ("autoanalyze", "event = 'autoanalyze'"),
    ("autovacuum", "event = 'autovacuum'"),
    (
        "cancelled_by_user",
        "event = 'canceled' AND attributes['cause'] = 'user_request'",
    ),
    ("checkpoint", "event = 'checkpoint'"),
    ("connection", "event = 'connection_received'"),
    ("connection_authorized", "event = 'connection_authorized'"),
    (
        "connection_limit",
        "event = 'connection_failed' AND attributes['reason'] = 'too_many'",
    ),
    ("crash", "event = 'crash' AND attributes['signal'] = '9'"),
    ("deadlock", "event = 'deadlock'"),
    ("disconnection", "event = 'disconnection'"),
    (
        "idle_in_transaction_timeout",
        "event = 'canceled' AND attributes['cause'] = 'idle_in_transaction'",
    ),
    ("lock_acquired", "event = 'lock_acquired'"),
    (
        "lock_timeout",
        "event = 'canceled' AND attributes['cause'] = 'lock_timeout'",
    ),
    ("lock_wait", "event = 'lock_wait'"),
    (
        "no_such_database",
        "event = 'connection_failed' AND attributes['reason'] = 'no_database'",
    ),
    (
        "no_such_role",
        "event = 'connection_failed' AND attributes['reason'] = 'no_user'",
    ),
    (
        "password_refused",
        "event = 'connection_failed' AND attributes['reason'] = 'password'",
    ),
    ("plan", "event = 'plan'"),
    (
        "recovery",
        "event = 'recovery' AND message LIKE '%not properly shut down%'",
    ),
    (
        "replication_command",
        "event = 'replication' AND attributes['phase'] = 'command'",
    ),
    (
        "statement_timeout",
        "event = 'canceled' AND attributes['cause'] = 'statement_timeout'",
    ),
    (
        "terminated",
        "event = 'canceled' AND attributes['cause'] = 'administrator'",
    ),
];

/// All but those of standbys.
pub(super) fn recordings() -> Vec<Recording> {
    let mut all = Vec::new();
    for (version, n_logs) in VERSIONS {
        let from = all.len();
        for (truth, logs) in LOGS {
            let of_version = logs.iter().map(|log| Recording {
                log: format!("postgres/{version}/{log}"),
                truth: format!("postgres/{version}/{truth}"),
            });
            all.extend(of_version.filter(|recording| std::fs::exists(path(&recording.log)).unwrap()));
        }
        assert_eq!(all.len() - from, n_logs, "logs of PostgreSQL {version}");
    }
    all
}

#[test]
fn digest_of_postgres_counts_what_the_server_logged() {
    for Recording { log, truth } in recordings() {
        let (report, truth) = (digest(&log), read_truth(&truth));
        // The pieces of a portal are read, and fetch nothing from the truth's counts.
        let n_fetches = integer(&truth["durations_by_command"], "execute fetch from");
        let n_calls = integer(&truth, "executions") + n_fetches;
        assert_eq!(report["calls"], n_calls, "{log}");
        assert_eq!(report["ledger"]["entries"]["query"], n_calls, "{log}");
        // The fetches are all of one user. Of the others calls and times are exactly the true ones.
        let (found, expected) = (parts(&report, "user"), groups(&truth["by_user"]));
        assert!(found.keys().eq(expected.keys()), "{log}: {found:?}");
        let n_differing = found.iter().zip(&expected).filter(|(one, other)| one != other);
        assert_eq!(n_differing.count(), 1, "{log}: {found:?} {expected:?}");
    }
}

#[test]
fn a_lake_of_postgres_is_what_the_server_logged() {
    let recordings = recordings();
    let binary = lake(&recordings);
    for Recording { log, truth } in &recordings {
        let truth = read_truth(truth);
        let commands = sums(&binary, "command", &is_from(log));
        let names = [
            ("query", "statement"),
            ("execute", "execute"),
            ("fetch", "execute fetch from"),
        ];
        for (command, name) in names {
            assert_eq!(truth["durations_by_command"][name], commands[command].0, "{log}");
        }
        assert_eq!(commands.len(), names.len(), "{log}: {commands:?}");
        assert_eq!(
            truth["total_us"],
            commands["query"].1 + commands["execute"].1,
            "{log}"
        );
        let is_counted = format!("{} AND command <> 'fetch'", is_from(log));
        let mut groupings = vec![
            ("database", "by_database"),
            ("\"user\"", "by_user"),
            ("database || '/' || \"user\"", "by_database_and_user"),
            ("application", "by_application"),
        ];
        // This log's prefix has no application.
        groupings.truncate(if log.contains("log_statement") { 3 } else { 4 });
        for (by, of_truth) in groupings {
            assert_eq!(
                sums(&binary, by, &is_counted),
                groups(&truth[of_truth]),
                "{log}: {by}"
            );
        }
    }
}

#[test]
fn a_lake_has_the_events_that_the_server_logged() {
    let recordings = recordings();
    let binary = lake(&recordings);
    let counts: Vec<String> = EVENTS
        .iter()
        .map(|(name, condition)| format!("count(*) FILTER (WHERE {condition}) AS {name}"))
        .collect();
    let counts = counts.join(", ");
    for Recording { log, truth } in &recordings {
        let sql = format!(
            "SELECT {counts}, coalesce(sum(size_bytes) FILTER (WHERE event = 'temporary_file'), 0) AS temp_file_bytes, \
             count(*) FILTER (WHERE event = 'temporary_file') AS temp_file FROM server_events WHERE {}",
            is_from(log)
        );
        let found = &ask(&binary, &sql)[0];
        let truth = read_truth(truth);
        // 15's first recordings were counted before events were.
        let Some(expected) = truth.get("server_events") else {
            continue;
        };
        for (name, count) in found.as_object().unwrap() {
            let expected = expected.get(name).unwrap_or(&Value::Null);
            assert_eq!(count, &expected.as_i64().unwrap_or(0), "{log}: {name}");
        }
        for name in expected.as_object().unwrap().keys() {
            assert!(
                found.get(name).is_some(),
                "{log}: nothing is compared with {name}"
            );
        }
    }
}

#[test]
fn standbys_tell_of_conflicts_lost_connections_and_promotion() {
    for (version, _) in VERSIONS {
        let log = format!("postgres/{version}/events.standby.stderr.log");
        let binary = Binary::new();
        let answer = binary
            .run(&["ingest", "--lake", "lake", "--output", "json", &path(&log)])
            .json();
        // A line that the standby's own client library printed, without a prefix and over three lines.
        let n_rejects = i64::from(version == "13");
        assert_eq!(answer["ledger"]["rejects"], n_rejects, "{log}");
        let rows = ask(
            &binary,
            "SELECT count(*) FILTER (WHERE attributes['conflict'] = 'lock') AS conflicts, \
             count(*) FILTER (WHERE event = 'replication' AND severity = 'fatal') AS lost, \
             count(*) FILTER (WHERE event = 'recovery' AND message LIKE 'selected new timeline%') AS promotions, \
             count(*) FILTER (WHERE event = 'error' AND message NOT LIKE 'current transaction is aborted%') AS unknown FROM server_events",
        );
        let expected = json!({"conflicts": 1, "lost": 3, "promotions": 1, "unknown": 0});
        assert_eq!(rows[0], expected, "{log}");
    }
}
