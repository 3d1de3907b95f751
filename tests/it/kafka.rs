//! `slowlake run` and topics, against the mock brokers that librdkafka has: restarts, groups, bad messages, brokers and messages that go away.
//! Every record is in the lake once. What mock brokers cannot do is tried with a real Kafka (tests/kafka/soak).

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::binary::Binary;
use crate::lake::{Lake, skip};

/// What is not in the lake after so long never comes.
const PATIENCE: Duration = Duration::from_secs(90);

/// Mock brokers in a process of their own.
struct Brokers {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    address: String,
}

/// The other side of topics.
fn program() -> PathBuf {
    Path::new(Binary::PATH).with_file_name("examples").join("topics")
}

impl Brokers {
    /// `None` where the example that is one was not built: `cargo test` does, `cargo test --test it` does not.
    fn start() -> Option<Brokers> {
        let program = program();
        if !program.exists() {
            skip(
                "kafka",
                "ingest's example `topics` was not built, which is the mock brokers",
            );
            return None;
        }
        let mut command = Command::new(program);
        command
            .arg("mock")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = command.spawn().expect("mock brokers to start");
        let orders = process.stdin.take().expect("their standard input");
        let answers = process.stdout.take().expect("their standard output");
        let mut brokers = Brokers {
            process,
            orders,
            answers: BufReader::new(answers),
            address: String::new(),
        };
        brokers.address = brokers.answer();
        Some(brokers)
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        line.trim_end().to_owned()
    }

    #[track_caller]
    fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").expect("an order to be taken");
        assert_eq!(self.answer(), "ok", "{order}");
    }

    fn write(&mut self, topic: &str, partition: u32, key: &str, payload: &str) {
        self.order(&format!("write {topic} {partition} {key} {payload}"));
    }

    /// Numbered records of one server, one a message.
    fn write_records(&mut self, topic: &str, partition: u32, numbers: std::ops::Range<i64>) {
        for n in numbers {
            self.write(topic, partition, &format!("db-{partition}"), &record(n));
        }
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        self.process.kill().expect("a child of ours");
        self.process.wait().expect("its end");
    }
}

/// A record of MySQL's slow log, as an order writes it.
fn record(n: i64) -> String {
    format!(
        "# Time: 2026-11-20T10:{:02}:{:02}.000000Z\\n# User@Host: a[a] @ h [10.0.0.1]  Id: 7\\n# Query_time: 0.001000  Lock_time: 0.000001 \
         Rows_sent: 1  Rows_examined: {n}\\nSET timestamp=1763632800;\\nSELECT {n};",
        n / 60 % 60,
        n % 60
    )
}

/// A lake, and the configuration of those that fill it.
struct Trial {
    lake: Lake,
}

impl Trial {
    fn new(brokers: &Brokers, more: &str) -> Trial {
        let lake = Lake::new();
        let text = format!(
            "lake = \"lake\"\ncommit_every = \"1s\"\n[[source.kafka]]\nbrokers = [\"{}\"]\ntopics = [\"logs\"]\n\
             server = {{ from = \"key\" }}\nformat = \"mysql-slow\"\n{more}\n\
             [source.kafka.properties]\n\"session.timeout.ms\" = 3000\n\"heartbeat.interval.ms\" = 100\n[maintenance]\nenabled = false\n",
            brokers.address
        );
        lake.binary.write("slowlake.toml", text);
        Trial { lake }
    }

    fn run(&self) -> Service<'_> {
        let mut command = self.lake.binary.command(&["run", "-c", "slowlake.toml"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Service {
            trial: self,
            child: Some(command.spawn().expect("the program to start")),
        }
    }

    /// What a query answers; nothing as long as there is no lake.
    fn ask(&self, statement: &str) -> Vec<Value> {
        let run = self
            .lake
            .binary
            .run(&["sql", "--lake", "lake", "--output", "json", "-c", statement]);
        match run.code {
            Some(0) => run.json().as_array().cloned().unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// A number that a query answers.
    fn number(&self, statement: &str) -> Option<i64> {
        self.ask(statement).first()?.get("n")?.as_i64()
    }

    #[track_caller]
    fn until(&self, statement: &str, n: i64) {
        let began = Instant::now();
        loop {
            let found = self.number(statement);
            if found == Some(n) {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{statement}: {found:?} instead of {n}"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    #[track_caller]
    fn until_read(&self, n: i64) {
        self.until("SELECT count(*) AS n FROM executions", n);
    }

    /// Executions `0..n` of each of so many partitions, once each and in their order, and books that add up.
    #[track_caller]
    fn check(&self, n: i64, partitions: i64) {
        let counts = "SELECT count(*) AS n FROM executions";
        assert_eq!(self.number(counts), Some(n * partitions));
        let numbers =
            "SELECT count(*) AS n FROM (SELECT DISTINCT source, server, rows_examined FROM executions)";
        assert_eq!(self.number(numbers), Some(n * partitions));
        let disorder = "SELECT count(*) AS n FROM (SELECT rows_examined, lag(rows_examined) OVER (PARTITION BY source ORDER BY source_offset, \
                        source_seq) AS before FROM executions) WHERE before >= rows_examined";
        assert_eq!(self.number(disorder), Some(0));
        self.lake
            .binary
            .run(&["maintain", "--fsck", "--lake", "lake"])
            .exits(0);
    }
}

/// A `slowlake run`.
struct Service<'t> {
    trial: &'t Trial,
    child: Option<Child>,
}

impl Service<'_> {
    fn kill(self) {
        drop(self);
    }

    /// Tells it to end; what it said.
    #[track_caller]
    fn end(mut self) -> String {
        let child = self.child.take().expect("a child until it was ended");
        let told = Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status();
        assert!(told.expect("kill to start").success());
        let output = child.wait_with_output().expect("the program to end");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(self.trial.lake.binary.path("lake").exists());
        said
    }
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().expect("a child of ours");
            child.wait().expect("its end");
        }
    }
}

#[test]
fn topics_are_read_on_from_where_the_lake_is() {
    let Some(mut brokers) = Brokers::start() else {
        return;
    };
    brokers.order("topic logs 3");
    let trial = Trial::new(&brokers, "");
    (0..3).for_each(|partition| brokers.write_records("logs", partition, 0..40));
    let service = trial.run();
    trial.until_read(120);
    service.kill();
    (0..3).for_each(|partition| brokers.write_records("logs", partition, 40..60));
    let service = trial.run();
    trial.until_read(180);
    service.end();
    trial.check(60, 3);
    let behind = "SELECT count(*) AS n FROM (SELECT max(range_end) AS ending FROM ledger GROUP BY source) WHERE ending <> 60";
    assert_eq!(trial.number(behind), Some(0));
}

#[test]
fn services_share_topics_and_take_over_from_each_other() {
    let Some(mut brokers) = Brokers::start() else {
        return;
    };
    brokers.order("topic logs 4");
    let trial = Trial::new(&brokers, "");
    let mut write = |numbers: std::ops::Range<i64>| {
        (0..4).for_each(|partition| brokers.write_records("logs", partition, numbers.clone()));
    };
    write(0..20);
    let first = trial.run();
    trial.until("SELECT count(*) AS n FROM ledger LIMIT 1", 4);
    let second = trial.run();
    write(20..40);
    trial.until_read(160);
    first.kill();
    write(40..50);
    trial.until_read(200);
    second.end();
    trial.check(50, 4);
}

#[test]
fn bad_messages_are_rejects_and_dead_letters_and_stop_nobody() {
    let Some(mut brokers) = Brokers::start() else {
        return;
    };
    brokers.order("topic logs 1");
    brokers.order("topic dead 1");
    let trial = Trial::new(&brokers, "dead_letter = \"dead\"");
    brokers.write_records("logs", 0, 0..5);
    brokers.write("logs", 0, "db-0", "-");
    brokers.write("logs", 0, &"x".repeat(2_000), &record(99));
    brokers.write("logs", 0, "db-9", "no log of anybody");
    brokers.write_records("logs", 0, 5..10);
    let service = trial.run();
    trial.until_read(10);
    trial.until("SELECT count(*) AS n FROM rejects", 2);
    service.end();
    trial.check(10, 1);
    let reasons = trial.ask("SELECT reason, source_offset, server FROM rejects ORDER BY source_offset");
    let reason = |at: usize, key: &str| reasons[at][key].clone();
    assert_eq!(
        (reason(0, "reason"), reason(0, "source_offset")),
        ("message_with_bad_name".into(), 6.into())
    );
    assert_eq!(
        (reason(1, "server"), reason(1, "source_offset")),
        ("db-9".into(), 7.into())
    );
    let run = Command::new(program())
        .args(["ends", &brokers.address, "dead"])
        .output();
    let ends = String::from_utf8(run.expect("the example to run").stdout).expect("text");
    assert_eq!(ends, "0 2\n");
}

#[test]
fn brokers_that_are_away_are_waited_for() {
    let Some(mut brokers) = Brokers::start() else {
        return;
    };
    brokers.order("topic logs 2");
    let trial = Trial::new(&brokers, "");
    (0..2).for_each(|partition| brokers.write_records("logs", partition, 0..10));
    let service = trial.run();
    trial.until_read(20);
    brokers.order("down");
    std::thread::sleep(Duration::from_secs(3));
    brokers.order("up");
    (0..2).for_each(|partition| brokers.write_records("logs", partition, 10..20));
    trial.until_read(40);
    let said = service.end();
    assert!(said.contains("WARN"), "{said}");
    trial.check(20, 2);
}

#[test]
fn what_brokers_no_longer_have_is_told() {
    let Some(mut brokers) = Brokers::start() else {
        return;
    };
    brokers.order("topic logs 1");
    let trial = Trial::new(&brokers, "");
    brokers.write_records("logs", 0, 0..10);
    let service = trial.run();
    trial.until_read(10);
    service.end();
    // The mock keeps five megabytes.
    let long = format!(
        "{} /* {} */;",
        record(10).trim_end_matches(';'),
        "x".repeat(200_000)
    );
    (0..60).for_each(|_| brokers.write("logs", 0, "db-0", &long));
    brokers.write_records("logs", 0, 11..12);
    let service = trial.run();
    trial.until("SELECT count(*) AS n FROM executions WHERE rows_examined = 11", 1);
    service.end();
    assert_eq!(
        trial.number("SELECT count(*) AS n FROM rejects WHERE reason = 'lost_offsets'"),
        Some(1)
    );
    assert_eq!(trial.number("SELECT max(range_end) AS n FROM ledger"), Some(71));
    trial
        .lake
        .binary
        .run(&["maintain", "--fsck", "--lake", "lake"])
        .exits(0);
}

#[test]
fn topics_are_checked_without_joining_the_group() {
    let Some(mut brokers) = Brokers::start() else {
        return;
    };
    brokers.order("topic logs 2");
    let trial = Trial::new(&brokers, "");
    let run = trial.lake.binary.run(&["check", "-c", "slowlake.toml"]).exits(0);
    assert!(
        run.stdout.contains("source.kafka[1] logs: 2 partitions"),
        "{}",
        run.stdout
    );
    drop(brokers);
    let run = trial.lake.binary.run(&["check", "-c", "slowlake.toml"]).exits(1);
    assert!(run.stderr.contains("no answer"), "{}", run.stderr);
}
