//! The bar of `--redact`: a secret planted in more than 10 000 literals of every kind, in every format, and none of it in any report or in any
//! byte of a lake. Without `--redact` it is there, so that these tests can fail.

use std::path::Path;

use serde_json::json;

use crate::binary::{Binary, Run};

/// The secret as a word, in hexadecimal digits, and as a number.
const WORD: &str = "zephyrquartz";
const HEX: &str = "7a6570687972717561727a";
const DIGITS: &str = "90817263549";
/// Literals that at least have to be planted.
const LITERALS_MIN: usize = 10_000;
/// How often each event is in a log, with other literals.
const ROUNDS: usize = 4;

const FORMS: [&str; 5] = ["text", "json", "csv", "markdown", "html"];
const SECTIONS: [&str; 13] = [
    "errors",
    "canceled",
    "locks",
    "deadlocks",
    "temporary_files",
    "checkpoints",
    "vacuums",
    "connections",
    "plans",
    "prepared",
    "server",
    "statistics",
    "commands",
];

/// What `LITERAL` in a statement stands for.
const OF_POSTGRES: [&str; 16] = [
    "'SECRET'",
    "'it''s SECRET'",
    r"E'it\'s SECRET'",
    "U&'d\\0061 SECRET'",
    "$$SECRET '$$",
    "$body$ $$ SECRET $body$",
    "'a'\n 'SECRET'",
    "'{\"a\": \"SECRET\"}'::jsonb",
    "CAST('SECRET' AS text)",
    "NUMBER",
    "-NUMBER.5",
    "0xHEX",
    "x'HEX'",
    "/* SECRET */ 7",
    "/*customer='SECRET'*/ 7",
    "7 -- SECRET\n",
];
const OF_MYSQL: [&str; 12] = [
    "'SECRET'",
    "\"SECRET\"",
    r"'it\'s SECRET'",
    "\"a\"\"SECRET\"",
    "_utf8mb4'SECRET'",
    "X'HEX'",
    "0xHEX",
    "NUMBER",
    "-NUMBER.5",
    "/* SECRET */ 7",
    "/*customer='SECRET'*/ 7",
    "7 # SECRET\n",
];

/// Statements of both families.
const STATEMENTS: [&str; 12] = [
    "SELECT a FROM t WHERE b = LITERAL AND c LIKE LITERAL",
    "SELECT LITERAL, f(LITERAL) FROM t",
    "SELECT a FROM t WHERE b IN (LITERAL, LITERAL, LITERAL)",
    "INSERT INTO t (a, b) VALUES (LITERAL, LITERAL), (LITERAL, now())",
    "UPDATE t SET a = LITERAL WHERE b = LITERAL",
    "DELETE FROM t WHERE a < LITERAL OR b = LITERAL",
    "SELECT CASE WHEN a = LITERAL THEN LITERAL ELSE LITERAL END FROM t",
    "SELECT a FROM t GROUP BY a HAVING count(*) > LITERAL LIMIT LITERAL",
    "CALL p(LITERAL, LITERAL)",
    "SET x = LITERAL",
    "SELECT LITERAL UNION SELECT LITERAL",
    "SELECT a FROM t /*route='cart',customer='SECRET'*/ WHERE b = LITERAL",
];
const STATEMENTS_OF_POSTGRES: [&str; 5] = [
    "COPY t FROM 'SECRET'",
    "COPY (SELECT a FROM t WHERE b = LITERAL) TO STDOUT",
    "EXECUTE p(LITERAL, LITERAL)",
    "CREATE ROLE app PASSWORD 'SECRET'",
    "DO $$ BEGIN RAISE EXCEPTION 'SECRET'; END $$",
];
const STATEMENTS_OF_MYSQL: [&str; 4] = [
    "LOAD DATA INFILE 'SECRET' INTO TABLE t",
    "PREPARE s FROM 'SELECT a FROM t WHERE b = \"SECRET\"'",
    "CREATE USER app IDENTIFIED BY 'SECRET'",
    "SELECT a FROM t WHERE b = LITERAL AND MATCH (c) AGAINST (LITERAL)",
];

/// One event of PostgreSQL. Statements in it come from the list of statements.
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

/// Puts secrets and statements into templates: every form and every kind in turn.
#[derive(Default)]
struct Planter {
    planted: usize,
    literals: usize,
    statements: usize,
    mysql: bool,
}

impl Planter {
    fn plant(&mut self, template: &str) -> String {
        let mut text = template.to_owned();
        while text.contains("STATEMENT") {
            text = text.replacen("STATEMENT", self.statement(), 1);
        }
        while text.contains("LITERAL") {
            text = text.replacen("LITERAL", self.literal(), 1);
        }
        while let Some(at) = text.find("SECRET") {
            let form = [WORD, &WORD.to_uppercase(), "Zephyrquartz", DIGITS, HEX][self.planted % 5].to_owned();
            text.replace_range(at..at + "SECRET".len(), &form);
            self.planted += 1;
        }
        self.planted += text.matches("NUMBER").count() + text.matches("HEX").count();
        text.replace("NUMBER", DIGITS).replace("HEX", HEX)
    }

    fn statement(&mut self) -> &'static str {
        let own: &[&str] = if self.mysql {
            &STATEMENTS_OF_MYSQL
        } else {
            &STATEMENTS_OF_POSTGRES
        };
        self.statements += 1;
        let at = self.statements % (STATEMENTS.len() + own.len());
        STATEMENTS
            .get(at)
            .copied()
            .unwrap_or_else(|| own[at - STATEMENTS.len()])
    }

    fn literal(&mut self) -> &'static str {
        let kinds: &[&str] = if self.mysql { &OF_MYSQL } else { &OF_POSTGRES };
        self.literals += 1;
        kinds[self.literals % kinds.len()]
    }

    /// Every event, planted, with the statement that was running.
    fn events(&mut self, mut each: impl FnMut(usize, &Event, [String; 6])) {
        for at in 0..ROUNDS * self.kinds() {
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
            .map(|text| self.plant(text));
            each(at, event, texts);
        }
    }

    /// So many events that every kind of statement meets every kind of literal.
    fn kinds(&self) -> usize {
        EVENTS.len() * 5
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
    planter.events(|at, event, [message, detail, hint, query, context, statement]| {
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
            log += &planter_line(at);
        }
    });
    // A server that was killed, or a file that was copied too early.
    log + &format!(
        "{} UTC [42] web@shop LOG:  duration: 7.000 ms  statement: SELECT a FROM t WHERE b = '{WORD}",
        clock(5_000)
    )
}

/// A line that no server writes.
fn planter_line(at: usize) -> String {
    format!("{} what is {WORD} {DIGITS} {at}\n", WORD.to_uppercase())
}

fn csv(planter: &mut Planter) -> String {
    let mut log = String::new();
    planter.events(|at, event, texts| {
        let [message, detail, hint, query, context, statement] = texts.map(|text| text.replace('"', "\"\""));
        log += &format!(
            "{} UTC,\"web\",\"shop\",42,\"10.0.0.5:48418\",6a.2a,{at},\"SELECT\",2026-11-16 00:00:00 UTC,3/9,0,{},{},\"{message}\",\"{detail}\",\"{hint}\",\
             \"{query}\",,\"{context}\",\"{statement}\",,,\"web\",\"client backend\",,0\n",
            clock(at),
            event.severity,
            event.sql_state,
        );
        if at % 40 == 7 {
            log += &planter_line(at);
        }
    });
    log + &format!(
        "{} UTC,\"web\",\"shop\",42,\"10.0.0.5:48418\",6a.2a,1,\"SELECT\",2026-11-16 00:00:00 UTC,3/9,0,LOG,00000,\"duration: 7.000 ms  statement: SELECT '{WORD}",
        clock(5_000)
    )
}

fn json(planter: &mut Planter) -> String {
    let mut log = String::new();
    planter.events(|at, event, [message, detail, hint, query, context, statement]| {
        let mut record = json!({
            "timestamp": format!("{} UTC", clock(at)), "user": "web", "dbname": "shop", "pid": 42, "error_severity": event.severity,
            "state_code": event.sql_state, "message": message, "detail": detail, "hint": hint, "internal_query": query, "context": context,
            "statement": statement, "application_name": "web",
        });
        record.as_object_mut().unwrap().retain(|_, value| *value != "");
        log += &format!("{record}\n");
        if at % 40 == 7 {
            log += &planter_line(at);
        }
    });
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
fn plant(binary: &Binary) -> usize {
    std::fs::create_dir(binary.path("logs")).unwrap();
    let (mut postgres, mut mysql) = (
        Planter::default(),
        Planter {
            mysql: true,
            ..Planter::default()
        },
    );
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

/// Where the secret is in `text`, with what stands around it; `None` where it is not.
fn found(text: &[u8]) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let find = |secret: &str| {
        lower
            .windows(secret.len())
            .position(|window| window == secret.as_bytes())
    };
    let at = [WORD, HEX, DIGITS].into_iter().find_map(find)?;
    let around = &text[at.saturating_sub(300)..text.len().min(at + 100)];
    Some(String::from_utf8_lossy(around).into_owned())
}

#[track_caller]
fn holds_no_secret(arguments: &[&str], run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        if let Some(around) = found(text.as_bytes()) {
            panic!("{arguments:?} says {around}");
        }
    }
}

/// Runs that were made, with whatever they say.
#[track_caller]
fn check(binary: &Binary, arguments: &[&str]) -> Run {
    let run = binary.run(arguments);
    assert!(matches!(run.code, Some(0 | 1)), "{arguments:?}: {run:?}");
    holds_no_secret(arguments, &run);
    run
}

#[test]
fn no_report_of_logs_holds_a_planted_secret() {
    let binary = Binary::new();
    let planted = plant(&binary);
    assert!(planted >= LITERALS_MIN, "{planted} literals");
    let plain = binary.run(&["digest", "logs", "--output", "json"]);
    assert!(found(plain.stdout.as_bytes()).is_some());
    let redacted = check(&binary, &["digest", "logs", "--redact", "--output", "json"]).json();
    assert_eq!(redacted["calls"], plain.json()["calls"]);
    assert!(
        redacted["ledger"]["rejects"].as_i64().unwrap() > 40,
        "{}",
        redacted["ledger"]
    );
    let fingerprints: Vec<&str> = redacted["queries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|query| query["fingerprint"].as_str().unwrap())
        .collect();
    for form in FORMS {
        let digest = ["digest", "logs", "--redact", "--output", form];
        let sections: &[&str] = if form == "csv" { &SECTIONS } else { &["all"] };
        for names in sections {
            check(
                &binary,
                &[
                    &digest[..],
                    &["--coverage", "--limit", "1000", "--sections", names],
                ]
                .concat(),
            );
        }
        for fingerprint in fingerprints.iter().take(3) {
            check(&binary, &[&digest[..], &["--query", fingerprint]].concat());
        }
    }
}

#[test]
fn no_byte_of_a_lake_holds_a_planted_secret() {
    let binary = Binary::new();
    plant(&binary);
    let all = ["sql", "--output", "json", "-c", "SELECT * FROM events", "--lake"];
    let ingest = ["ingest", "logs", "--server", "db1", "--lake"];
    binary
        .run(&[&ingest[..], &["plain", "--statement-text", "all"]].concat())
        .exits(1);
    let plain = binary.run(&[&all[..], &["plain"]].concat()).exits(0);
    assert!(found(plain.stdout.as_bytes()).is_some());

    check(&binary, &[&ingest[..], &["lake", "--redact"]].concat());
    let rows = check(&binary, &[&all[..], &["lake"]].concat()).json();
    assert_eq!(
        rows.as_array().unwrap().len(),
        plain.json().as_array().unwrap().len()
    );
    for view in ["executions", "server_events", "rejects", "ledger", "queries"] {
        check(
            &binary,
            &[
                "sql",
                "--lake",
                "lake",
                "--output",
                "json",
                "-c",
                &format!("SELECT * FROM {view}"),
            ],
        );
    }
    for form in FORMS {
        check(
            &binary,
            &[
                "report", "top", "--lake", "lake", "--output", form, "--limit", "1000",
            ],
        );
    }
    check_files(&binary.path("lake"));
    // The fingerprints are those of the whole texts.
    let fingerprints = |lake| {
        binary
            .run(&[
                "sql",
                "--lake",
                lake,
                "--output",
                "csv",
                "-c",
                "SELECT fingerprint, calls FROM queries ORDER BY fingerprint",
            ])
            .exits(0)
            .stdout
    };
    assert_eq!(fingerprints("lake"), fingerprints("plain"));
}

/// No file holds it as it is: also names, the log of commits, and the statistics of columns.
fn check_files(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check_files(&path);
        } else if let Some(around) = found(&std::fs::read(&path).unwrap()) {
            panic!("{} holds {around}", path.display());
        }
    }
}
