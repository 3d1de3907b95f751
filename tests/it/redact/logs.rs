//! Logs of every format with planted secrets, as servers write them and as wrappers pass them on.

use serde_json::json;

use super::planter::{DIGITS, Planter, WORD};
use crate::binary::Binary;

/// How often each event is in a log, with other statements and literals each time.
const ROUNDS: usize = 20;
/// One event of PostgreSQL: templates of its texts.
#[derive(Default)]
struct Event {
    severity: &'static str,
    sql_state: &'static str,
    message: &'static str,
    detail: &'static str,
    hint: &'static str,
    query: &'static str,
    context: &'static str,
    /// A statement was running, and the server says it.
    has_statement: bool,
}

const fn error(sql_state: &'static str, message: &'static str, detail: &'static str) -> Event {
    Event {
        severity: "ERROR",
        sql_state,
        message,
        detail,
        hint: "",
        query: "",
        context: "",
        has_statement: true,
    }
}

const fn log(message: &'static str, detail: &'static str) -> Event {
    Event {
        severity: "LOG",
        sql_state: "00000",
        has_statement: false,
        ..error("", message, detail)
    }
}

/// What PostgreSQL says with the data of clients in it.
const EVENTS: [Event; 40] = [
    log("duration: 12.500 ms  statement: STATEMENT", ""),
    log("duration: 0.100 ms  parse s1: STATEMENT", ""),
    log(
        "duration: 0.100 ms  bind s1: STATEMENT",
        "parameters: $1 = 'SECRET', $2 = 'NUMBER'",
    ),
    log(
        "duration: 1200.500 ms  execute s1: STATEMENT",
        "parameters: $1 = 'SECRET', $2 = 'NUMBER', $3 = NULL",
    ),
    log(
        "duration: 3.500 ms  execute <unnamed>: STATEMENT",
        "Parameters: $1 = 'it''s SECRET'",
    ),
    log(
        "duration: 3.500 ms  execute fetch from s1/c1: STATEMENT",
        "prepare: PREPARE s1 AS SELECT 'SECRET'",
    ),
    log("statement: STATEMENT", ""),
    log("execute s2: STATEMENT", "parameters: $1 = 'SECRET'"),
    log(
        "duration: 5.000 ms  plan:\nQuery Text: STATEMENT\nSort  (cost=30.50..31.00 rows=200 width=8) (actual time=9.000..9.500 rows=4000 loops=1)\n  \
         Sort Key: (('SECRET'::text || a))\n  ->  Seq Scan on t  (cost=0.00..22.00 rows=10 width=8) (actual time=0.010..7.250 rows=4000 loops=1)\n        \
         Filter: ((b = 'SECRET'::text) AND (c > NUMBER))\n        Rows Removed by Filter: 7",
        "",
    ),
    log(
        "duration: 5.000 ms  plan:\n{\n  \"Query Text\": \"SELECT 'SECRET'\",\n  \"Query Parameters\": \"$1 = 'SECRET'\",\n  \"Plan\": {\n    \
         \"Node Type\": \"Index Scan\",\n    \"Relation Name\": \"t\",\n    \"Index Name\": \"t_pkey\",\n    \"Alias\": \"t\",\n    \
         \"Index Cond\": \"(b = 'SECRET'::text)\",\n    \"Filter\": \"(c = NUMBER)\",\n    \"Total Cost\": 8.29,\n    \"Plan Rows\": 1\n  }\n}",
        "",
    ),
    log(
        "duration: 5.000 ms  plan:\nQuery Text: \"SELECT 'SECRET'\"\nPlan: \n  Node Type: \"Seq Scan\"\n  Relation Name: \"t\"\n  Alias: \"t\"\n  \
         Total Cost: 22.00\n  Plan Rows: 10\n  Filter: \"(b = 'SECRET'::text)\"",
        "",
    ),
    log(
        "duration: 5.000 ms  plan:\n<explain xmlns=\"http://www.postgresql.org/2009/explain\">\n  <Query-Text>SELECT 'SECRET'</Query-Text>\n  <Plan>\n    \
         <Node-Type>Seq Scan</Node-Type>\n    <Relation-Name>t</Relation-Name>\n    <Alias>t</Alias>\n    <Total-Cost>22.00</Total-Cost>\n    \
         <Plan-Rows>10</Plan-Rows>\n    <Filter>(b = 'SECRET'::text)</Filter>\n  </Plan>\n</explain>",
        "",
    ),
    log(
        "temporary file: path \"base/pgsql_tmp/pgsql_tmp42.0\", size 1000000",
        "",
    ),
    Event {
        has_statement: true,
        ..log(
            "temporary file: path \"base/pgsql_tmp/pgsql_tmp42.1\", size 3000000",
            "",
        )
    },
    Event {
        has_statement: true,
        context: "while updating tuple (0,7) in relation \"t\"",
        ..log(
            "process 42 still waiting for ShareLock on transaction 9 after 1000.100 ms",
            "Process holding the lock: 7. Wait queue: 42.",
        )
    },
    Event {
        has_statement: true,
        ..log(
            "process 42 acquired ExclusiveLock on advisory lock [16392,21,NUMBER,1] after 1500.100 ms",
            "",
        )
    },
    log(
        "parameter \"primary_conninfo\" changed to \"password=SECRET\"",
        "",
    ),
    log("AUDIT: SESSION,1,1,READ,SELECT,,,SELECT 'SECRET',<none>", ""),
    log("received replication command: BASE_BACKUP ( LABEL 'SECRET' )", ""),
    log("the application says SECRET", "SECRET"),
    error("22P02", "invalid input syntax for type integer: \"SECRET\"", ""),
    error("22P02", "invalid input value for enum mood: \"SECRET\"", ""),
    error(
        "22P02",
        "malformed array literal: \"SECRET\"",
        "Unexpected \"SECRET\" element.",
    ),
    error("22003", "value \"NUMBER\" is out of range for type integer", ""),
    error("22008", "date/time field value out of range: \"SECRET\"", ""),
    error(
        "22023",
        "invalid value for parameter \"TimeZone\": \"SECRET\"",
        "",
    ),
    error(
        "23505",
        "duplicate key value violates unique constraint \"users_email_key\"",
        "Key (email)=(SECRET) already exists.",
    ),
    error(
        "23503",
        "insert or update on table \"item\" violates foreign key constraint \"item_fkey\"",
        "Key (a, b)=(SECRET, NUMBER) is not present in table \"b\".",
    ),
    error(
        "23514",
        "new row for relation \"t\" violates check constraint \"t_check\"",
        "Failing row contains (7, SECRET, null, NUMBER).",
    ),
    error(
        "23502",
        "null value in column \"a\" of relation \"t\" violates not-null constraint",
        "Failing row contains (null, SECRET).",
    ),
    error("42601", "syntax error at or near \"SECRET\" at character 15", ""),
    error(
        "42601",
        "unterminated quoted string at or near \"'SECRET\" at character 15",
        "",
    ),
    error("42703", "column \"SECRET\" does not exist at character 8", ""),
    error("57014", "canceling statement due to statement timeout", ""),
    error(
        "40P01",
        "deadlock detected",
        "Process 42 waits for ShareLock on transaction 9; blocked by process 7.\nProcess 7 waits for ShareLock on transaction 8; blocked by process 42.\n\
         Process 42: UPDATE t SET a = 'SECRET'\nProcess 7: UPDATE t SET a = NUMBER",
    ),
    Event {
        context: "PL/pgSQL function f() line 3 at RAISE",
        hint: "Ask SECRET.",
        ..error("P0001", "permission denied for table SECRET", "SECRET")
    },
    Event {
        context: "COPY t, line 7, column email: \"SECRET\"",
        ..error("22001", "value too long for type character varying(7)", "")
    },
    Event {
        context: "JSON data, line 1: {\"a\": SECRET...",
        ..error(
            "22P02",
            "invalid input syntax for type json",
            "Token \"SECRET\" is invalid.",
        )
    },
    Event {
        query: "SELECT a FROM t WHERE b = 'SECRET'",
        context: "PL/pgSQL function g(text) line 7 at SQL statement\nunnamed portal with parameters: $1 = 'SECRET'",
        ..error("22012", "division by zero", "")
    },
    Event {
        severity: "WARNING",
        sql_state: "01000",
        ..error("", "SECRET", "SECRET")
    },
];

/// Messages of MySQL's and MariaDB's error logs with the data of clients in them.
const MYSQL_ERRORS: [&str; 8] = [
    "7 [ERROR] [MY-010584] [Repl] Replica SQL: Error 'Duplicate entry 'SECRET' for key 't.PRIMARY'' on query. Default database: 'shop'. Query: 'INSERT INTO t VALUES (NUMBER)', Error_code: MY-001062",
    "7 [Warning] [MY-010055] [Server] Unsafe statement written to the binary log. Statement: STATEMENT",
    "7 [Note] [MY-010914] [Server] Aborted connection 7 to db: 'shop' user: 'web' host: 'h1' (SECRET).",
    "7 [Warning] Statement is unsafe: STATEMENT",
    "7 [ERROR] SECRET",
    "0 [System] [MY-000000] [Server] SECRET NUMBER",
    "7 [ERROR] [MY-012345] [InnoDB] SECRET",
    "17 [Note] InnoDB: Transactions deadlock detected, dumping detailed information.\n17 [Note] InnoDB: \n*** (1) TRANSACTION:\n\n\
     TRANSACTION 256, ACTIVE 0 sec starting index read\nmysql tables in use 1, locked 1\n\
     MariaDB thread id 17, OS thread handle 139990232069824, query id 401 localhost dba Updating\nUPDATE t SET a = 'SECRET' WHERE b = NUMBER\n\
     17 [Note] InnoDB: *** WAITING FOR THIS LOCK TO BE GRANTED:\n\n\
     RECORD LOCKS space id 10 page no 3 n bits 320 index PRIMARY of table `shop`.`t` trx id 256 lock_mode X waiting\n 3: len 7; hex HEX; asc SECRET;;\n\
     17 [Note] InnoDB: *** WE ROLL BACK TRANSACTION (1)",
];
/// Every event, planted: its texts in the order of its fields, and the statement that was running.
fn events(planter: &mut Planter, mut each: impl FnMut(usize, &Event, [String; 6])) {
    for at in 0..ROUNDS * EVENTS.len() {
        let event = &EVENTS[at % EVENTS.len()];
        let running = if event.has_statement { "STATEMENT" } else { "" };
        let texts = [
            event.message,
            event.detail,
            event.hint,
            event.query,
            event.context,
            running,
        ]
        .map(|text| planter.plant(text));
        each(at, event, texts);
    }
}

/// Seconds after midnight, and milliseconds.
fn clock(at: usize) -> String {
    format!(
        "2026-11-16 {:02}:{:02}:{:02}.{:03}",
        at / 3_600,
        at / 60 % 60,
        at % 60,
        at % 1_000
    )
}

fn stderr(planter: &mut Planter) -> String {
    let mut log = String::new();
    events(
        planter,
        |at, event, [message, detail, hint, query, context, statement]| {
            let labels = [event.severity, "DETAIL", "HINT", "QUERY", "CONTEXT", "STATEMENT"];
            for (label, text) in labels
                .iter()
                .zip([message, detail, hint, query, context, statement])
            {
                if !text.is_empty() {
                    let text = text.trim_end().replace('\n', "\n\t");
                    log += &format!("{} UTC [42] web@shop {label}:  {text}\n", clock(at));
                }
            }
            if at % 40 == 7 {
                log += &broken_line(at);
            }
        },
    );
    // A server that was killed, or a file that was copied too early.
    log + &format!(
        "{} UTC [42] web@shop LOG:  duration: 7.000 ms  statement: SELECT a FROM t WHERE b = '{WORD}",
        clock(5_000)
    )
}

/// A line that no server writes.
fn broken_line(at: usize) -> String {
    format!("{} what is {WORD} {DIGITS} {at}\n", WORD.to_uppercase())
}

fn csv(planter: &mut Planter) -> String {
    let mut log = String::new();
    events(planter, |at, event, texts| {
        let [message, detail, hint, query, context, statement] = texts.map(|text| text.replace('"', "\"\""));
        log += &format!(
            "{} UTC,\"web\",\"shop\",42,\"10.0.0.5:48418\",6a.2a,{at},\"SELECT\",2026-11-16 00:00:00 UTC,3/9,0,{},{},\"{message}\",\"{detail}\",\"{hint}\",\
             \"{query}\",,\"{context}\",\"{statement}\",,,\"web\",\"client backend\",,0\n",
            clock(at),
            event.severity,
            event.sql_state,
        );
        if at % 40 == 7 {
            log += &broken_line(at);
        }
    });
    log + &format!(
        "{} UTC,\"web\",\"shop\",42,\"10.0.0.5:48418\",6a.2a,1,\"SELECT\",2026-11-16 00:00:00 UTC,3/9,0,LOG,00000,\"duration: 7.000 ms  statement: SELECT '{WORD}",
        clock(5_000)
    )
}

fn json(planter: &mut Planter) -> String {
    let mut log = String::new();
    events(
        planter,
        |at, event, [message, detail, hint, query, context, statement]| {
            let mut record = json!({
                "timestamp": format!("{} UTC", clock(at)), "user": "web", "dbname": "shop", "pid": 42, "error_severity": event.severity,
                "state_code": event.sql_state, "message": message, "detail": detail, "hint": hint, "internal_query": query, "context": context,
                "statement": statement, "application_name": "web",
            });
            record.as_object_mut().unwrap().retain(|_, value| *value != "");
            log += &format!("{record}\n");
            if at % 40 == 7 {
                log += &broken_line(at);
            }
        },
    );
    log + &format!(
        "{{\"timestamp\":\"{} UTC\",\"pid\":42,\"error_severity\":\"LOG\",\"message\":\"duration: 7.000 ms  statement: SELECT '{WORD}",
        clock(5_000)
    )
}

/// The same in the lines of Docker.
fn docker(log: &str) -> String {
    let line = |(at, line): (usize, &str)| {
        let time = format!("{}Z", clock(at / 10).replace(' ', "T"));
        format!("{}\n", json!({ "log": line, "stream": "stderr", "time": time }))
    };
    log.split_inclusive('\n').enumerate().map(line).collect()
}

/// The same in the lines of a syslog daemon: a message is a record with the lines after it.
fn syslog(log: &str) -> String {
    let (mut lines, mut message, mut part) = (String::new(), 0, 0);
    for line in log.lines() {
        (message, part) = if line.starts_with('\t') {
            (message, part + 1)
        } else {
            (message + 1, 1)
        };
        lines += &format!(
            "Nov 16 00:00:00 db1 postgres[42]: [{message}-{part}] {}\n",
            line.replace('\t', "#011")
        );
    }
    lines
}

fn slow(planter: &mut Planter) -> String {
    let mut log = String::new();
    for at in 0..600 {
        let statement = planter.plant("STATEMENT");
        let extra = [
            "",
            "# Warning 1292 Truncated incorrect INTEGER value: 'SECRET'\n",
            "# Full_scan: Yes  Comment: zephyrquartz\n",
        ][at % 3];
        log += &format!(
            "# Time: {}000Z\n# User@Host: web[web] @ localhost []  Id:    42\n# Query_time: 0.{at:06}  Lock_time: 0.000001 Rows_sent: 1  Rows_examined: 7\n\
             {}SET timestamp=1795392000;\n{};\n",
            clock(at).replace(' ', "T"),
            planter.plant(extra),
            statement.trim_end(),
        );
        if at % 40 == 7 {
            log += &format!("# User@Host: web[web] @ localhost []\n# No_time: {WORD}\nSELECT '{WORD}';\n");
        }
    }
    log + &format!(
        "# Time: {}000Z\n# User@Host: web[web] @ localhost []  Id: 42\n# Query_time: 0.5  Lock_time: 0 Rows_sent: 1  Rows_examined: 7\nSELECT \"{WORD}",
        clock(5_000).replace(' ', "T")
    )
}

fn general(planter: &mut Planter) -> String {
    let mut log = "/usr/sbin/mysqld, Version: 8.0.36 (MySQL). started with:\nTcp port: 3306  Unix socket: /run/mysqld.sock\n\
                   Time                 Id Command    Argument\n"
        .to_owned();
    let commands = [
        "Query\tSTATEMENT",
        "Prepare\tSTATEMENT",
        "Execute\tSTATEMENT",
        "Connect\tweb@localhost on shop using Socket",
        "Field List\tt SECRET",
        "Query\tSTATEMENT",
    ];
    for at in 0..600 {
        let command = planter.plant(commands[at % commands.len()]);
        log += &format!(
            "{}000Z\t   42 {}\n",
            clock(at).replace(' ', "T"),
            command.trim_end()
        );
    }
    log
}

fn error_log(planter: &mut Planter) -> String {
    let mut log = String::new();
    for at in 0..600 {
        for line in planter
            .plant(MYSQL_ERRORS[at % MYSQL_ERRORS.len()])
            .trim_end()
            .lines()
        {
            let is_head = line
                .split_once(' ')
                .is_some_and(|(id, rest)| id.parse::<u32>().is_ok() && rest.starts_with('['));
            if is_head {
                log += &format!("{}000Z ", clock(at).replace(' ', "T"));
            }
            log += &format!("{line}\n");
        }
    }
    log
}

/// The folder `logs` with all of them; how many literals were planted.
pub(super) fn plant(binary: &Binary) -> usize {
    std::fs::create_dir(binary.path("logs")).unwrap();
    let (mut postgres, mut mysql) = (Planter::default(), Planter::mysql());
    let plain = stderr(&mut postgres);
    binary.write("logs/docker.log", docker(&plain));
    binary.write("logs/syslog.log", syslog(&plain));
    binary.write("logs/postgresql.log", plain);
    binary.write("logs/postgresql.csv", csv(&mut postgres));
    binary.write("logs/postgresql.json", json(&mut postgres));
    binary.write("logs/slow.log", slow(&mut mysql));
    binary.write("logs/general.log", general(&mut mysql));
    binary.write("logs/error.log", error_log(&mut mysql));
    postgres.planted + mysql.planted
}
