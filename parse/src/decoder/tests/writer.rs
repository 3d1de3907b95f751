//! Logs with a known truth: what happened, written as a server would write it in each of the formats. Knows what servers print, never what the
//! decoder does with it.

use super::found::Known;
use super::logs::{Execution, Item, JUNK, MESSAGES, SESSIONS};
use crate::Command;

/// 2026-11-23 00:00:00 UTC, s since 1970.
const BEGIN_S: i64 = 1_795_392_000;
pub(super) const STDERR_PREFIX: &str = "%m [%p] %q%u@%d/%a %h ";

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Stderr,
    Csv,
    Json,
    /// ISO times in every record, of the end.
    Mysql8,
    /// Times on change, of the end.
    Mysql56,
    /// Times on change, of the start; `Schema` in every record.
    MariaDb,
    /// Rows of MariaDB's `mysql.slow_log`, as `mysql --batch` prints them.
    TableTabs,
    /// The file in which the server keeps that table.
    TableCsv,
}

impl Style {
    pub(super) const ALL: [Style; 8] = [
        Style::Stderr,
        Style::Csv,
        Style::Json,
        Style::Mysql8,
        Style::Mysql56,
        Style::MariaDb,
        Style::TableTabs,
        Style::TableCsv,
    ];

    pub(super) fn is_postgres(self) -> bool {
        matches!(self, Style::Stderr | Style::Csv | Style::Json)
    }

    fn is_table(self) -> bool {
        matches!(self, Style::TableTabs | Style::TableCsv)
    }
}

/// A written log.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) bytes: Vec<u8>,
    pub(super) truth: Vec<Known>,
    /// Bytes of junk in it.
    pub(super) junk_bytes: u64,
}

pub(super) fn write(style: Style, items: &[Item]) -> Log {
    let mut writer = Writer {
        style,
        log: Log::default(),
        events: 0,
        database: "",
        time_s: 0,
    };
    writer.items(items, None);
    writer.log
}

struct Writer {
    style: Style,
    log: Log,
    events: i64,
    /// What a MySQL server said last.
    database: &'static str,
    time_s: i64,
}

impl Writer {
    /// Writes what happens in all sessions but one.
    fn items(&mut self, items: &[Item], busy: Option<usize>) {
        for item in items {
            match item {
                Item::Execution(execution) | Item::Apart(execution, _) | Item::NeverEnds(execution)
                    if busy == Some(execution.session) => {}
                Item::Execution(execution) => self.execution(execution),
                Item::Apart(execution, between) if self.style.is_postgres() => {
                    let (label, pid) = (label(execution), pid(execution));
                    let text = [label.as_bytes(), &execution.statement].concat();
                    self.postgres("LOG", Some(execution.session), pid, &text, &detail(execution));
                    self.items(between, Some(execution.session));
                    self.events += 1;
                    self.postgres(
                        "LOG",
                        Some(execution.session),
                        pid,
                        duration(execution).as_bytes(),
                        b"",
                    );
                    self.truth(execution);
                }
                Item::Apart(execution, _) => self.execution(execution),
                Item::NeverEnds(execution) => {
                    if self.style.is_postgres() {
                        let text = [label(execution).as_bytes(), &execution.statement].concat();
                        self.postgres(
                            "LOG",
                            Some(execution.session),
                            7_000 + pid(execution),
                            &text,
                            &detail(execution),
                        );
                    }
                }
                Item::Noise(n) if self.style.is_postgres() => {
                    let (severity, message, detail) = MESSAGES[*n];
                    self.postgres(severity, None, 9_999, message.as_bytes(), detail.as_bytes());
                }
                Item::Noise(_) => self.banner(),
                Item::Junk(n) => {
                    // After a statement MySQL's log does not tell junk from text.
                    if !self.style.is_postgres() {
                        self.banner();
                    }
                    self.push(JUNK[*n]);
                    self.log.junk_bytes += JUNK[*n].len() as u64;
                }
                Item::Blank => self.push("\n"),
            }
            self.events += 1;
        }
    }

    fn push(&mut self, bytes: impl AsRef<[u8]>) {
        self.log.bytes.extend_from_slice(bytes.as_ref());
    }

    fn time_us(&self) -> i64 {
        BEGIN_S * 1_000_000 + self.events * 321_000
    }

    fn execution(&mut self, execution: &Execution) {
        if self.style.is_postgres() {
            let text = [
                duration(execution).as_bytes(),
                b"  ",
                label(execution).as_bytes(),
                &execution.statement,
            ]
            .concat();
            self.postgres(
                "LOG",
                Some(execution.session),
                pid(execution),
                &text,
                &detail(execution),
            );
        } else {
            self.mysql(execution);
        }
        self.truth(execution);
    }

    fn truth(&mut self, execution: &Execution) {
        let [user, database, application, client] = SESSIONS[execution.session];
        let (us, duration_us) = (self.time_us(), execution.duration_us);
        let second_us = us.div_euclid(1_000_000) * 1_000_000;
        let (start_us, end_us) = match self.style {
            Style::Stderr | Style::Csv | Style::Json | Style::Mysql8 => (us - duration_us, us),
            Style::Mysql56 => (second_us - duration_us, second_us),
            Style::MariaDb => (second_us, second_us + duration_us),
            Style::TableTabs | Style::TableCsv => (us, us + duration_us),
        };
        let is_administrator = execution.command == Command::Administrator && !self.style.is_table();
        let (is_postgres, is_json) = (self.style.is_postgres(), self.style == Style::Json);
        let text = |bytes: &[u8]| {
            if is_json {
                String::from_utf8_lossy(bytes).into_owned().into_bytes()
            } else {
                bytes.to_vec()
            }
        };
        self.log.truth.push(Known {
            command: match execution.command {
                Command::Administrator if !is_administrator || is_postgres => Command::Query,
                Command::Administrator => Command::Administrator,
                command if is_postgres => command,
                _ => Command::Query,
            },
            start_us: Some(start_us),
            end_us: Some(end_us),
            query_time_us: duration_us,
            user: user.into(),
            database: database.into(),
            application: if is_postgres {
                application.into()
            } else {
                Vec::new()
            },
            client: if self.style == Style::Stderr || is_postgres {
                client.into()
            } else {
                client_of_mysql(client).into()
            },
            session_id: Some(pid(execution)),
            statement: if is_administrator && !is_postgres {
                b"administrator command: Quit".to_vec()
            } else {
                text(&execution.statement)
            },
            parameters: if is_postgres {
                text(&execution.parameters)
            } else {
                Vec::new()
            },
        });
    }

    fn postgres(&mut self, severity: &str, session: Option<usize>, pid: i64, message: &[u8], detail: &[u8]) {
        let time = format!(
            "{}.{:03} UTC",
            calendar(self.time_us(), '-', ' '),
            self.time_us() / 1_000 % 1_000
        );
        let [user, database, application, client] = session.map_or([""; 4], |session| SESSIONS[session]);
        match self.style {
            Style::Stderr => {
                let place = match session {
                    Some(_) => format!("{user}@{database}/{application} {client} "),
                    None => String::new(),
                };
                for (label, text) in [(severity, message), ("DETAIL", detail)] {
                    if !text.is_empty() {
                        self.push(format!("{time} [{pid}] {place}{label}:  "));
                        self.push(with_tabs(text));
                        self.push("\n");
                    }
                }
            }
            Style::Csv => {
                self.push(format!("{time},"));
                self.csv(&[user, database]);
                self.push(format!("{pid},"));
                // The host with its port.
                self.push(if session.is_some() {
                    format!("\"{client}:5000\",")
                } else {
                    ",".to_owned()
                });
                self.push(format!("6a.{pid},1,\"SELECT\",{time},3/9,0,{severity},00000,\""));
                for (at, text) in [message, detail].into_iter().enumerate() {
                    let quoted: Vec<u8> = text
                        .iter()
                        .flat_map(|b| if *b == b'"' { vec![b'"'; 2] } else { vec![*b] })
                        .collect();
                    self.push(quoted);
                    self.push(if at == 0 { "\",\"" } else { "\",,,,,,,," });
                }
                self.push(format!("\"{application}\",\"client backend\",,0\n"));
            }
            _ => {
                self.push(format!(
                    "{{\"timestamp\":\"{time}\",\"pid\":{pid},\"error_severity\":\"{severity}\""
                ));
                let fields = [
                    ("user", user.as_bytes()),
                    ("dbname", database.as_bytes()),
                    ("remote_host", client.as_bytes()),
                    ("message", message),
                    ("detail", detail),
                    ("application_name", application.as_bytes()),
                ];
                for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
                    self.push(format!(",\"{name}\":\""));
                    self.push(json_text(value));
                    self.push("\"");
                }
                self.push(",\"query_id\":0}\n");
            }
        }
    }

    fn csv(&mut self, values: &[&str]) {
        for value in values {
            self.push(if value.is_empty() {
                ",".to_owned()
            } else {
                format!("\"{value}\",")
            });
        }
    }

    fn banner(&mut self) {
        match self.style {
            Style::TableTabs => return self.push(TABLE_HEADER),
            Style::TableCsv => return,
            _ => {}
        }
        let name = if self.style == Style::MariaDb {
            "10.11.6-MariaDB (Debian)"
        } else {
            "8.0.36 (MySQL)"
        };
        self.push(format!(
            "/usr/sbin/mysqld, Version: {name}. started with:\nTcp port: 3306  Unix socket: /run/x.sock\n"
        ));
        self.push("Time\t\t    Id Command\tArgument\n");
        (self.database, self.time_s) = ("", 0);
    }

    fn mysql(&mut self, execution: &Execution) {
        let [user, database, _, client] = SESSIONS[execution.session];
        let (us, second) = (self.time_us(), self.time_us().div_euclid(1_000_000));
        let id = pid(execution);
        let host = if client.starts_with(|c: char| c.is_ascii_digit()) {
            format!(" [{client}]")
        } else {
            format!("{client} []")
        };
        let host = host.replace("[local] []", "localhost []");
        if self.style.is_table() {
            return self.row(execution, &format!("{user}[{user}] @ {host}"));
        }
        if self.style == Style::Mysql8 {
            self.push(format!(
                "# Time: {}.{:06}Z\n",
                calendar(us, '-', 'T'),
                us % 1_000_000
            ));
        } else if self.time_s != second {
            let short = calendar(us, '-', ' ').replace('-', "")[2..].to_owned();
            // Hours below ten have a space before them.
            self.push(format!(
                "# Time: {} {}\n",
                &short[..6],
                short[6..].replacen(" 0", "  ", 1).trim_start_matches(' ')
            ));
            self.time_s = second;
        }
        let thread = if self.style == Style::MariaDb {
            String::new()
        } else {
            format!("  Id: {id:5}")
        };
        self.push(format!("# User@Host: {user}[{user}] @ {host}{thread}\n"));
        if self.style == Style::MariaDb {
            self.push(format!("# Thread_id: {id}  Schema: {database}  QC_hit: No\n"));
        }
        let (s, fraction) = (
            execution.duration_us / 1_000_000,
            execution.duration_us % 1_000_000,
        );
        self.push(format!(
            "# Query_time: {s}.{fraction:06}  Lock_time: 0.000010 Rows_sent: 1  Rows_examined: 7\n"
        ));
        if self.database != database {
            self.push(format!("use `{database}`;\n"));
            self.database = database;
        }
        // Very old servers leave it out; then nothing tells a comment line that begins the statement from a header.
        let leaves_out = self.style == Style::Mysql56 && self.events % 2 == 0;
        if !leaves_out || !execution.statement.starts_with(b"SELECT") {
            self.push(format!("SET timestamp={second};\n"));
        }
        if execution.command == Command::Administrator {
            self.push("# administrator command: Quit;\n");
        } else {
            self.push(&execution.statement);
            self.push(";\n");
        }
    }

    /// A row of the table; only the texts of clients need escapes.
    fn row(&mut self, execution: &Execution, account: &str) {
        let [_, database, ..] = SESSIONS[execution.session];
        let (us, duration_us) = (self.time_us(), execution.duration_us);
        let (is_csv, id) = (self.style == Style::TableCsv, pid(execution));
        let (separator, quote) = if is_csv { (",", "\"") } else { ("\t", "") };
        let time = format!("{}.{:06}", calendar(us, '-', ' '), us % 1_000_000);
        let (minutes, rest_us) = (duration_us / 60_000_000, duration_us % 60_000_000);
        let duration = format!(
            "00:{minutes:02}:{:02}.{:06}",
            rest_us / 1_000_000,
            rest_us % 1_000_000
        );
        for text in [&time, account, &duration, "00:00:00.000010"] {
            self.push(format!("{quote}{text}{quote}{separator}"));
        }
        self.push(format!(
            "1{separator}7{separator}{quote}{database}{quote}{separator}"
        ));
        self.push(format!("0{separator}0{separator}1{separator}{quote}"));
        let escape = |b: &u8| match b {
            b'\n' => b"\\n".to_vec(),
            b'\t' => b"\\t".to_vec(),
            b'\\' => b"\\\\".to_vec(),
            b'"' if is_csv => b"\\\"".to_vec(),
            _ => vec![*b],
        };
        self.push(execution.statement.iter().flat_map(escape).collect::<Vec<u8>>());
        self.push(format!("{quote}{separator}{id}{separator}0\n"));
    }
}

const TABLE_HEADER: &str = "start_time\tuser_host\tquery_time\tlock_time\trows_sent\trows_examined\tdb\tlast_insert_id\tinsert_id\t\
                            server_id\tsql_text\tthread_id\trows_affected\n";

fn client_of_mysql(client: &'static str) -> &'static str {
    if client == "[local]" { "localhost" } else { client }
}

fn pid(execution: &Execution) -> i64 {
    100 + execution.session as i64
}

fn label(execution: &Execution) -> &'static str {
    match execution.command {
        Command::Execute => "execute <unnamed>: ",
        Command::Fetch => "execute fetch from S_1/C_2: ",
        _ => "statement: ",
    }
}

fn duration(execution: &Execution) -> String {
    format!(
        "duration: {}.{:03} ms",
        execution.duration_us / 1_000,
        execution.duration_us % 1_000
    )
}

fn detail(execution: &Execution) -> Vec<u8> {
    if execution.parameters.is_empty() {
        Vec::new()
    } else {
        [b"parameters: ", execution.parameters.as_slice()].concat()
    }
}

fn with_tabs(text: &[u8]) -> Vec<u8> {
    text.iter()
        .flat_map(|b| if *b == b'\n' { vec![b'\n', b'\t'] } else { vec![*b] })
        .collect()
}

fn json_text(text: &[u8]) -> Vec<u8> {
    let escape = |b: &u8| match b {
        b'"' => b"\\\"".to_vec(),
        b'\\' => b"\\\\".to_vec(),
        b'\n' => b"\\n".to_vec(),
        b'\r' => b"\\r".to_vec(),
        b'\t' => b"\\t".to_vec(),
        0..0x20 => format!("\\u{b:04x}").into_bytes(),
        _ => vec![*b],
    };
    text.iter().flat_map(escape).collect()
}

/// Date and time of day, without fractions. All of it happens in one day or little more.
fn calendar(us: i64, date: char, between: char) -> String {
    let s = us.div_euclid(1_000_000) - BEGIN_S;
    assert!((0..7 * 86_400).contains(&s), "logs of these tests are short");
    let (day, hour, minute, second) = (23 + s / 86_400, s / 3_600 % 24, s / 60 % 60, s % 60);
    format!("2026{date}11{date}{day}{between}{hour:02}:{minute:02}:{second:02}")
}
