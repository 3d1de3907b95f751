//! Logs that are followed: what is written to them gets into the lake, through rotation, kills and pauses, each byte once.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::binary::{Binary, Run, repository_file};
use crate::lake::{Ingested, Lake, skip};

/// What is not in the lake after so long never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A `slowlake` that follows.
pub(crate) struct Follow<'l> {
    lake: &'l Lake,
    child: Option<Child>,
}

impl<'l> Follow<'l> {
    /// `ingest --follow`.
    fn start(lake: &'l Lake, arguments: &[&str]) -> Follow<'l> {
        let usual = &["ingest", "--lake", "lake", "--server", "db1", "--output", "json"];
        let following = &["--follow", "--commit-seconds", "1"];
        Follow::spawn(lake, &[&usual[..], &following[..], arguments].concat())
    }

    pub(crate) fn spawn(lake: &'l Lake, arguments: &[&str]) -> Follow<'l> {
        let mut command = lake.binary.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let child = command.stderr(Stdio::piped()).spawn();
        Follow {
            lake,
            child: Some(child.expect("the program to start")),
        }
    }

    /// Waits until so many executions are in the lake.
    #[track_caller]
    pub(crate) fn until(&mut self, executions: i64) {
        let began = Instant::now();
        loop {
            let child = self.child.as_mut().expect("a child until it was stopped");
            assert_eq!(child.try_wait().expect("a child"), None, "it runs");
            let sql = ["sql", "--lake", "lake", "--output", "json", "-c"];
            let count = [&sql[..], &["SELECT count(*) n FROM executions"]].concat();
            let run = self.lake.binary.run(&count);
            // There may be no lake yet.
            let found = (run.code == Some(0)).then(|| run.json()[0]["n"].as_i64());
            if found == Some(Some(executions)) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{found:?} of {executions}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Tells it to stop, which it does with nothing but an answer.
    #[track_caller]
    fn stop(self) -> Ingested {
        Ingested::of(&self.end().json())
    }

    #[track_caller]
    pub(crate) fn end(self) -> Run {
        let run = self.terminate();
        assert_eq!(run.stderr, "");
        run
    }

    /// Tells it to stop; returns what it said on standard error.
    #[track_caller]
    pub(crate) fn end_with_words(self) -> String {
        self.terminate().stderr
    }

    /// Tells it to read its configuration again.
    #[track_caller]
    pub(crate) fn hang_up(&self) {
        self.tell("-HUP");
    }

    #[track_caller]
    fn terminate(mut self) -> Run {
        self.tell("-TERM");
        let child = self.child.take().expect("a child until it was stopped");
        Run::from(child.wait_with_output().expect("the program to end")).exits(0)
    }

    #[track_caller]
    fn tell(&self, signal: &str) {
        let child = self.child.as_ref().expect("a child until it was stopped");
        let told = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(told.expect("kill to start").success());
    }

    fn kill(self) {
        drop(self);
    }
}

impl Drop for Follow<'_> {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().expect("a child of ours");
            child.wait().expect("its end");
        }
    }
}

fn entry(n: i64) -> String {
    format!(
        "2026-11-23 00:{:02}:{:02}.000 UTC [42] app@shop LOG:  duration: 0.{n:03} ms  statement: SELECT {n},\n\t'text'\n",
        n / 60,
        n % 60
    )
}

pub(crate) fn entries(numbers: std::ops::Range<i64>) -> String {
    numbers.map(entry).collect()
}

/// Executions `0..n`, once each.
#[track_caller]
pub(crate) fn check(lake: &Lake, n: i64) {
    assert_eq!(lake.checked(), (n, (0..n).sum()));
}

#[test]
fn what_is_written_gets_into_the_lake_whatever_happens_to_the_file() {
    let lake = Lake::new();
    let file = lake.binary.write("p.log", entries(0..10));
    let mut follow = Follow::start(&lake, &["p.log"]);
    follow.until(10);
    lake.binary.append("p.log", entries(10..20));
    follow.until(20);
    // Put aside, and written to a little longer.
    std::fs::rename(&file, lake.binary.path("p.log.1")).expect("renamed");
    lake.binary.append("p.log.1", entries(20..25));
    lake.binary.write("p.log", entries(25..30));
    follow.until(30);
    // Copied and cut off.
    std::fs::rename(lake.binary.path("p.log.1"), lake.binary.path("p.log.2")).expect("renamed");
    lake.binary.append("p.log", entries(30..40));
    std::fs::copy(&file, lake.binary.path("p.log.1")).expect("copied");
    lake.binary.write("p.log", entries(40..50));
    follow.until(50);
    let answer = follow.stop();
    assert_eq!((answer.executions, answer.rejects), (50, 0));
    check(&lake, 50);
    let sources = lake.numbers("SELECT count(DISTINCT source) n FROM ledger");
    assert_eq!(sources, [3], "three generations");
}

#[test]
fn half_an_entry_waits_for_the_other_half() {
    let lake = Lake::new();
    let last = entry(19);
    let (half, rest) = last.split_at(last.len() / 2);
    lake.binary.write("p.log", entries(0..19) + half);
    let mut follow = Follow::start(&lake, &["p.log"]);
    // The entry before it may go on in that half line.
    follow.until(18);
    assert_eq!(follow.stop().executions, 18);
    let mut follow = Follow::start(&lake, &["p.log"]);
    lake.binary.append("p.log", rest.to_owned() + &entries(20..30));
    follow.until(30);
    assert_eq!(follow.stop().rejects, 0);
    check(&lake, 30);
}

#[test]
fn rotated_and_compressed_while_nobody_followed() {
    let lake = Lake::new();
    lake.binary.write("p.log", entries(0..10));
    let mut follow = Follow::start(&lake, &["p.log"]);
    follow.until(10);
    follow.kill();
    lake.binary.append("p.log", entries(10..20));
    lake.binary.sh("mv p.log p.log.2 && gzip p.log.2").exits(0);
    lake.binary.write("p.log.1", entries(20..30));
    lake.binary.write("p.log", entries(30..40));
    // What was put aside is read because it was written after what the lake knows.
    let mut follow = Follow::start(&lake, &["p.log"]);
    follow.until(40);
    follow.stop();
    check(&lake, 40);
    // And `ingest` has nothing to add.
    let again = lake.ingest(&["p.log", "p.log.1", "p.log.2.gz"]);
    assert_eq!((again.commits, again.executions), (0, 0));
}

#[test]
fn a_file_that_comes_later_is_found_by_looking_too() {
    let lake = Lake::new();
    lake.binary.write("old.log", entries(0..10));
    let mut follow = Follow::start(&lake, &["*.log", "--poll"]);
    follow.until(10);
    lake.binary.append("old.log", entries(10..20));
    lake.binary.write("new.log", entries(20..30));
    follow.until(30);
    follow.stop();
    check(&lake, 30);
}

#[test]
fn standard_input_cannot_be_followed() {
    let lake = Lake::new();
    let run = lake.try_ingest(&["--follow", "-"]).exits(2);
    insta::assert_snapshot!(run.stderr, @"
    error: standard input cannot be followed
    hint: read it to its end without following, or name files
    ");
}

#[test]
fn kills_and_rotations_lose_and_double_nothing() {
    let script = repository_file("tests/tail/run");
    let starts = |program: &str| {
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
        let version = Command::new(program).arg("--version").env("PATH", path).output();
        version.is_ok_and(|output| output.status.success())
    };
    if !script.exists() || !["python3", "logrotate"].into_iter().all(starts) {
        return skip(
            "kills_and_rotations_lose_and_double_nothing",
            "python3, logrotate or tests/tail/run is missing",
        );
    }
    let some_seconds = ["--seconds", "24", "--rate", "1", "--rotate-seconds", "3"];
    let output = Command::new(&script)
        .args(some_seconds)
        .arg(Binary::PATH)
        .output();
    let output = output.expect("the script to start");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{text}");
}
