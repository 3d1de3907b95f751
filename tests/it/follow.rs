//! Logs that are followed, by `ingest --follow` and by the service: what is written to them gets into the lake, through rotation, kills and pauses, each byte once.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::binary::{Binary, Run, corpus, repository_file};
use crate::lake::{Ingested, Lake, skip};

/// What is not in the lake after so long never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A `slowlake` that follows.
struct Follow<'l> {
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

    fn spawn(lake: &'l Lake, arguments: &[&str]) -> Follow<'l> {
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
    fn until(&mut self, executions: i64) {
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
    fn end(mut self) -> Run {
        let child = self.child.take().expect("a child until it was stopped");
        let pid = child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(told.expect("kill to start").success());
        let run = Run::from(child.wait_with_output().expect("the program to end")).exits(0);
        assert_eq!(run.stderr, "");
        run
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

fn entries(numbers: std::ops::Range<i64>) -> String {
    numbers.map(entry).collect()
}

/// Executions `0..n`, once each.
#[track_caller]
fn check(lake: &Lake, n: i64) {
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

const CONFIGURATION: &str = r#"
lake = "lake"
commit_every = "1s"

[[source.file]]
server = "shop-1"
cluster = "shop"
paths = ["p.log"]

[[source.file]]
server = "shop-2"
paths = ["m*.log"]
format = "mysql-slow"
redact = true
"#;

#[test]
fn a_service_follows_the_servers_of_its_configuration() {
    let lake = Lake::new();
    lake.binary.write("slowlake.toml", CONFIGURATION);
    lake.binary.write("p.log", entries(0..10));
    lake.binary.write("m.log", corpus("mariadb/10.11/mixed.slow.log"));
    let of_maria = lake.digest(&["m.log"]).0;
    let mut service = Follow::spawn(&lake, &["run", "-c", "slowlake.toml"]);
    service.until(10 + of_maria);
    lake.binary.append("p.log", entries(10..20));
    service.until(20 + of_maria);
    let answer = service.end().stdout;
    assert!(answer.contains(" of 2 files in "), "{answer}");
    let servers = lake.sql(
        "SELECT server, cluster, count(*) n, count(statement) AS texts FROM executions GROUP BY 1, 2 ORDER BY 1",
    );
    assert_eq!(servers[0]["n"], 20);
    assert_eq!(
        (&servers[0]["server"], &servers[0]["cluster"]),
        (&"shop-1".into(), &"shop".into())
    );
    assert_eq!((&servers[1]["server"], servers.len()), (&"shop-2".into(), 2));
    assert_eq!(servers[1]["texts"], 0, "redacted");
}

#[test]
fn check_looks_at_everything_and_changes_nothing() {
    let lake = Lake::new();
    let said = |text: &str| text.replace(lake.binary.folder().to_str().expect("a path"), "…");
    lake.binary.write("slowlake.toml", CONFIGURATION);
    lake.binary.write("p.log", entries(0..10));
    let check = ["check", "-c", "slowlake.toml"];
    let run = lake.binary.run(&check).exits(0);
    insta::assert_snapshot!(said(&run.stdout), @"
    lake …/lake: not there yet, will be made
    source.file[1] p.log: PostgreSQL stderr (%m [%p] %q%u@%d)
    ");
    insta::assert_snapshot!(run.stderr, @"warning: m*.log: no file matches this pattern, yet");
    assert!(!lake.path().exists());
    lake.binary.write("p.log", "");
    lake.binary.write("m.log", b"PK\x03\x04 and so on");
    lake.binary.sh("mkdir lake; touch lake/others").exits(0);
    let run = lake.binary.run(&check).exits(1);
    insta::assert_snapshot!(run.stdout, @"source.file[1] p.log: empty");
    insta::assert_snapshot!(said(&run.stderr), @r#"
    error: …/lake is not a lake: it holds other files, among them "others"
    hint: name an empty or a new directory; slowlake never writes among other files
    error: m.log: a zip archive, which is not supported
    hint: unpack it first; gzip, zstd, bzip2 and xz are read as they are
    "#);
}

#[test]
fn mistakes_of_a_configuration_are_said_with_their_lines() {
    let lake = Lake::new();
    let text = CONFIGURATION
        .replace("server", "sever")
        .replace("mysql-slow", "mysql");
    lake.binary.write("slowlake.toml", text);
    let check = lake.binary.run(&["check", "-c", "slowlake.toml"]).exits(1);
    insta::assert_snapshot!(check.stderr, @r#"
    error: slowlake.toml:6: source.file[1].sever: no such key
    hint: did you mean server?
    error: slowlake.toml:11: source.file[2].sever: no such key
    hint: did you mean server?
    error: slowlake.toml:13: source.file[2].format: there is no "mysql"
    hint: did you mean "mysql-slow"?
    "#);
    let run = lake.binary.run(&["run", "-c", "slowlake.toml"]).exits(2);
    assert_eq!(run.stderr, check.stderr);
    let run = lake.binary.run(&["run", "-c", "nowhere.toml"]).exits(2);
    insta::assert_snapshot!(run.stderr, @"error: cannot read nowhere.toml: No such file or directory (os error 2)");
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
