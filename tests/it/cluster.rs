//! Queries on a cluster: a scheduler and two executors, each a process of the binary, over a small lake. Answers are those without a cluster;
//! what cannot be executed there is said, or stays here.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::binary::{Binary, Run, corpus, repository_file};
use crate::lake::{Lake, skip};

/// What does not happen for so long never does.
const PATIENCE: Duration = Duration::from_secs(60);
/// Random queries, of a seed that is always the same: `tests/cluster/run` has more of them.
const QUERIES: usize = 120;

/// A part of a cluster, which says where it is.
struct Part {
    child: Child,
    lines: Receiver<String>,
    /// `127.0.0.1:50050`
    address: String,
}

impl Part {
    #[track_caller]
    fn start(binary: &Binary, arguments: &[&str]) -> Part {
        let mut command = binary.command(&[&["--threads", "2", "cluster"], arguments].concat());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = child
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program to start");
        let said = BufReader::new(child.stderr.take().expect("a pipe was asked for"));
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                // Nobody listens any more once the test is over.
                let _ = send.send(line);
            }
        });
        let mut part = Part {
            child,
            lines,
            address: String::new(),
        };
        let line = part.until(" at 127.0.0.1:");
        let (_, rest) = line.split_once(" at ").expect("an address");
        part.address = rest.split_whitespace().next().unwrap_or_default().to_owned();
        part
    }

    /// The first line that has this text.
    #[track_caller]
    fn until(&self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut said = String::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => said += &format!("{line}\n"),
                Err(_) => panic!("{text:?} was not said, but:\n{said}"),
            }
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.child.kill().expect("a child of ours");
        self.child.wait().expect("its end");
    }
}

/// A scheduler with its executors.
struct Cluster<'l> {
    lake: &'l Lake,
    scheduler: Part,
    executors: Vec<Part>,
}

impl Cluster<'_> {
    #[track_caller]
    fn start(lake: &Lake, executors: usize) -> Cluster<'_> {
        let scheduler = Part::start(&lake.binary, &["scheduler", "--listen", "127.0.0.1:0"]);
        let mut cluster = Cluster {
            lake,
            scheduler,
            executors: Vec::new(),
        };
        for _ in 0..executors {
            cluster.add_executor();
        }
        cluster
    }

    fn url(&self) -> String {
        format!("http://{}", self.scheduler.address)
    }

    #[track_caller]
    fn add_executor(&mut self) {
        let (url, work) = (self.url(), self.lake.binary.path("work").display().to_string());
        let arguments = ["executor", "--listen", "127.0.0.1:0", "--lake", "lake"];
        let own = ["--scheduler", &url, "--work-folder", &work];
        self.executors
            .push(Part::start(&self.lake.binary, &[&arguments[..], &own].concat()));
    }

    /// `sql` of these arguments, of which everything goes to the cluster.
    fn try_sql(&self, arguments: &[&str]) -> Run {
        let url = self.url();
        let usual = ["sql", "--lake", "lake", "--output", "json"];
        let cluster = [
            "--cluster",
            &url,
            "--cluster-min-bytes",
            "1",
            "--cluster-partitions",
            "3",
        ];
        self.lake
            .binary
            .run(&[&usual[..], &cluster[..], arguments].concat())
    }
}

/// A lake of two engines, with roll-ups of a part of it.
fn lake() -> Lake {
    let lake = Lake::new();
    lake.binary.write("p.log", corpus("postgres/15/mixed.stderr.log"));
    lake.binary.write("m.log", corpus("mariadb/10.11/mixed.slow.log"));
    lake.ingest(&["p.log"]);
    let maintain = ["maintain", "--lake", "lake", "--job", "derive"];
    lake.binary.run(&maintain).exits(0);
    lake.ingest(&["m.log"]);
    lake
}

/// The answers of a run, the rows of each in order of their text.
#[track_caller]
fn answers(run: Run) -> Vec<Vec<String>> {
    let run = run.exits(0);
    let answers = serde_json::Deserializer::from_str(&run.stdout).into_iter::<Value>();
    answers
        .map(|answer| {
            let answer = answer.expect("JSON");
            let rows = answer.as_array().expect("an array of rows").iter();
            let mut rows: Vec<String> = rows.map(Value::to_string).collect();
            rows.sort_unstable();
            rows
        })
        .collect()
}

/// The queries, each on a line; those of the promised SQL, and random ones.
fn queries() -> Option<Vec<String>> {
    let generator = repository_file("tests/cluster/queries.py");
    let made = Command::new("python3")
        .arg(generator)
        .arg(QUERIES.to_string())
        .output()
        .ok()?;
    let mut queries: Vec<String> = String::from_utf8(made.stdout)
        .expect("text")
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(queries.len(), QUERIES);
    let mut files: Vec<_> = std::fs::read_dir(repository_file("tests/slt"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    for file in files {
        queries.extend(promised(&file));
    }
    Some(queries)
}

/// The queries of a file of the promised SQL whose answer is not an error, and has an order where it is limited.
fn promised(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("a file");
    let blocks = text.split("\n\n").filter_map(|block| {
        let lines = block.lines().skip_while(|line| line.starts_with('#'));
        let mut lines = lines.filter(|line| !line.is_empty());
        let head = lines.next()?;
        let query: Vec<&str> = lines.take_while(|line| *line != "----").collect();
        let query = query.join(" ");
        let word = query.split_whitespace().next()?.to_ascii_uppercase();
        let is_ordered = !query.contains("LIMIT") || query.contains("ORDER BY");
        let is_query = head.starts_with("query") && matches!(word.as_str(), "SELECT" | "WITH");
        (is_query && is_ordered).then(|| format!("{};", query.trim_end_matches(';')))
    });
    blocks.collect()
}

#[test]
fn a_cluster_answers_as_one_process_does() {
    let lake = lake();
    let Some(queries) = queries() else {
        return skip("a_cluster_answers_as_one_process_does", "there is no python3");
    };
    lake.binary.write("queries.sql", queries.join("\n"));
    let local = answers(
        lake.binary
            .run(&["sql", "--lake", "lake", "--output", "json", "-f", "queries.sql"]),
    );
    assert_eq!(local.len(), queries.len());
    let cluster = Cluster::start(&lake, 2);
    let remote = answers(cluster.try_sql(&["-f", "queries.sql"]));
    for ((query, local), remote) in queries.iter().zip(&local).zip(&remote) {
        assert_eq!(local, remote, "{query}");
    }
    assert_eq!(local.len(), remote.len());
}

#[test]
fn roll_ups_are_computed_and_proved_on_a_cluster() {
    let lake = lake();
    let mut cluster = Cluster::start(&lake, 0);
    let url = cluster.url();
    let maintain = |arguments: &[&str]| {
        let usual = ["maintain", "--lake", "lake", "--output", "json"];
        let there = ["--cluster", &url, "--cluster-min-bytes", "1"];
        lake.binary.run(&[&usual[..], &there, arguments].concat())
    };
    for what in [&["--job", "derive"][..], &["--fsck"]] {
        let run = maintain(what).exits(2);
        let said = format!("error: the cluster at {url}/ has no executor\nhint: ");
        assert!(run.stderr.starts_with(&said), "{}", run.stderr);
    }
    cluster.add_executor();
    cluster.add_executor();
    maintain(&["--job", "derive"]).exits(0);
    let here = lake
        .binary
        .run(&["maintain", "--lake", "lake", "--fsck", "--output", "json"])
        .exits(0);
    let there = maintain(&["--fsck"]).exits(0);
    assert_eq!(here.stdout, there.stdout);
}

/// What `EXPLAIN` says of where a query runs.
fn place(run: Run) -> String {
    let rows = run.exits(0).json();
    let rows = rows.as_array().expect("rows").clone();
    let row = rows.iter().find(|row| row["plan_type"] == "runs_on");
    row.map_or_else(String::new, |row| {
        row["plan"].as_str().unwrap_or_default().to_owned()
    })
}

#[test]
fn explain_says_where_a_query_runs_and_why() {
    let lake = lake();
    let cluster = Cluster::start(&lake, 1);
    let explain = "EXPLAIN SELECT server, count(*) FROM executions WHERE rows_sent IS NULL GROUP BY server";
    let there = place(cluster.try_sql(&["-c", explain]));
    assert!(
        there.starts_with(&format!("cluster {}/: its scans read 0.", cluster.url())),
        "{there}"
    );
    let here = place(lake.binary.run(&[
        "sql",
        "--lake",
        "lake",
        "--output",
        "json",
        "--cluster",
        &cluster.url(),
        "--cluster-min-bytes",
        "1000000000",
        "-c",
        explain,
    ]));
    assert!(here.starts_with("this process: its scans read 0."), "{here}");
    assert!(here.ends_with("less than the cluster's 953.7 MiB"), "{here}");
    let names = place(cluster.try_sql(&["-c", "EXPLAIN SELECT * FROM information_schema.columns"]));
    assert!(names.starts_with("this process: it reads "), "{names}");
    let analyzed = cluster
        .try_sql(&["-c", &explain.replace("EXPLAIN", "EXPLAIN ANALYZE")])
        .exits(0);
    assert!(
        analyzed.stdout.contains("SubmitExec: cluster="),
        "{}",
        analyzed.stdout
    );
}

#[test]
fn a_cluster_that_cannot_be_reached_is_an_error_or_a_warning() {
    let lake = lake();
    let count = "SELECT count(*) AS n FROM executions WHERE rows_sent IS NULL";
    let ask = |url: &str, more: &[&str]| {
        let usual = ["sql", "--lake", "lake", "--output", "json", "-c", count];
        let cluster = ["--cluster", url, "--cluster-min-bytes", "1"];
        lake.binary.run(&[&usual[..], &cluster, more].concat())
    };
    let nobody = "http://127.0.0.1:1";
    let run = ask(nobody, &[]).exits(2);
    assert!(
        run.stderr
            .starts_with("error: the cluster at http://127.0.0.1:1/ cannot be reached: "),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("\nhint: "), "{}", run.stderr);
    let run = ask(nobody, &["--cluster-fallback"]).exits(0);
    assert!(
        run.stderr
            .starts_with("warning: executed in this process: the cluster at "),
        "{}",
        run.stderr
    );
    assert_eq!(run.json(), Value::from(lake.sql(count)));

    let cluster = Cluster::start(&lake, 0);
    let run = ask(&cluster.url(), &[]).exits(2);
    assert!(run.stderr.contains(" has no executor\nhint: "), "{}", run.stderr);
    let run = ask("scheduler:7000", &[]).exits(2);
    assert!(
        run.stderr.contains("is not the address of a scheduler"),
        "{}",
        run.stderr
    );
}

#[test]
fn mistakes_in_a_query_are_the_same_on_a_cluster() {
    let lake = lake();
    let cluster = Cluster::start(&lake, 1);
    for query in [
        "SELECT nothing FROM executions",
        "SELECT sum(query_time_us / (source_seq - source_seq)) FROM executions",
        "DELETE FROM executions",
    ] {
        let local = lake.binary.run(&["sql", "--lake", "lake", "-c", query]).exits(2);
        let remote = cluster.try_sql(&["-c", query]).exits(2);
        assert_eq!(remote.stderr, local.stderr, "{query}");
    }
}

#[test]
fn an_executor_reads_no_lake_but_its_own() {
    let lake = lake();
    let cluster = Cluster::start(&lake, 1);
    std::fs::create_dir(lake.binary.path("other")).expect("a folder");
    lake.binary.sh("cp -r lake other/lake").exits(0);
    let (url, count) = (
        cluster.url(),
        "SELECT count(*) FROM executions WHERE rows_sent IS NULL",
    );
    let arguments = [
        "sql",
        "--lake",
        "other/lake",
        "--cluster",
        &url,
        "--cluster-min-bytes",
        "1",
        "-c",
        count,
    ];
    let run = lake.binary.run(&arguments).exits(2);
    assert!(
        run.stderr
            .contains("in no lake that this executor was started for"),
        "{}",
        run.stderr
    );
}

/// An authority, and two certificates for this machine: one that it signed, and one that another signed.
fn certificates(binary: &Binary) -> bool {
    let script = r#"
        set -e
        make() { # NAME AUTHORITY
            openssl req -newkey rsa:2048 -nodes -keyout $1.key -out $1.csr -subj /CN=$1 2>/dev/null
            printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >$1.ext
            openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days 2 -extfile $1.ext -out $1.pem 2>/dev/null
        }
        for authority in ca other; do
            openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout $authority.key -out $authority.pem -subj /CN=$authority 2>/dev/null
        done
        make part ca
        make stranger other
    "#;
    binary.sh(script).code == Some(0)
}

#[test]
fn with_certificates_nobody_is_served_without_one() {
    let lake = lake();
    if !certificates(&lake.binary) {
        return skip(
            "with_certificates_nobody_is_served_without_one",
            "there is no openssl",
        );
    }
    let tls = [
        "--tls-ca",
        "ca.pem",
        "--tls-cert",
        "part.pem",
        "--tls-key",
        "part.key",
    ];
    let scheduler = ["scheduler", "--listen", "127.0.0.1:0"];
    let scheduler = Part::start(&lake.binary, &[&scheduler[..], &tls].concat());
    let (url, plain) = (
        format!("https://{}", scheduler.address),
        format!("http://{}", scheduler.address),
    );
    let executor = [
        "executor",
        "--listen",
        "127.0.0.1:0",
        "--lake",
        "lake",
        "--scheduler",
        &url,
    ];
    let work = lake.binary.path("work").display().to_string();
    let _executors = [(); 2].map(|()| {
        Part::start(
            &lake.binary,
            &[&executor[..], &tls, &["--work-folder", &work]].concat(),
        )
    });

    let query =
        "SELECT server, count(*) AS n, max(statement) AS t FROM executions GROUP BY server ORDER BY n";
    let ask = |url: &str, files: [&str; 3]| {
        let usual = [
            "sql",
            "--lake",
            "lake",
            "--output",
            "json",
            "-c",
            query,
            "--cluster-min-bytes",
            "1",
        ];
        let names = ["--cluster-ca", "--cluster-cert", "--cluster-key"];
        let files = names.into_iter().zip(files).filter(|(_, file)| !file.is_empty());
        let files: Vec<&str> = files.flat_map(|(name, file)| [name, file]).collect();
        lake.binary
            .run(&[&usual[..], &["--cluster", url], &files].concat())
    };
    let run = ask(&url, ["ca.pem", "part.pem", "part.key"]).exits(0);
    assert_eq!(run.json(), Value::from(lake.sql(query)));

    let refused = ask(&url, ["ca.pem", "stranger.pem", "stranger.key"]).exits(2);
    assert!(
        refused.stderr.contains("cannot be reached: "),
        "{}",
        refused.stderr
    );
    let stranger = ask(&url, ["other.pem", "part.pem", "part.key"]).exits(2);
    assert!(
        stranger.stderr.contains("cannot be reached: "),
        "{}",
        stranger.stderr
    );
    let without = ask(&plain, ["", "", ""]).exits(2);
    assert!(
        without.stderr.contains("cannot be reached: "),
        "{}",
        without.stderr
    );
    let halves = ask(&url, ["ca.pem", "", ""]).exits(2);
    assert!(halves.stderr.contains("go together"), "{}", halves.stderr);

    let open = ["cluster", "scheduler", "--listen", "0.0.0.0:0"];
    let run = lake.binary.run(&open).exits(2);
    assert!(run.stderr.contains("which takes TLS\nhint: "), "{}", run.stderr);
}

#[test]
fn a_query_whose_executor_is_killed_ends_and_the_next_one_is_answered() {
    let lake = lake();
    let mut cluster = Cluster::start(&lake, 2);
    // Many rows of few: some seconds, long enough to be killed in.
    let query = "SELECT count(*) AS n, sum(length(concat(a.source, b.source))) AS s \
                 FROM executions a, (SELECT source FROM executions LIMIT 1500) b";
    let began = Instant::now();
    let url = cluster.url();
    let arguments = [
        "sql",
        "--lake",
        "lake",
        "--output",
        "json",
        "--cluster",
        &url,
        "--cluster-min-bytes",
        "1",
        "-c",
        query,
    ];
    let mut command = lake.binary.command(&arguments);
    let running = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let running = running.spawn().expect("the program to start");
    std::thread::sleep(Duration::from_millis(1_500));
    drop(cluster.executors.pop());
    let run = Run::from(running.wait_with_output().expect("the program to end"));
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    match run.code {
        Some(0) => assert_eq!(run.json(), Value::from(lake.sql(query))),
        code => assert!(code == Some(2) && run.stderr.starts_with("error: "), "{run:?}"),
    }
    let next = cluster.try_sql(&[
        "-c",
        "SELECT count(*) AS n FROM executions WHERE rows_sent IS NULL",
    ]);
    assert_eq!(
        next.exits(0).json(),
        Value::from(lake.sql("SELECT count(*) AS n FROM executions WHERE rows_sent IS NULL"))
    );
}

#[test]
fn a_query_that_nobody_waits_for_is_ended() {
    let lake = lake();
    let cluster = Cluster::start(&lake, 1);
    // Never comes to its end by itself.
    let query = "SELECT count(*) FROM executions a, executions b, executions c, executions d WHERE length(concat(a.source, b.source, c.source, d.source)) > 3";
    let url = cluster.url();
    let arguments = [
        "sql",
        "--lake",
        "lake",
        "--cluster",
        &url,
        "--cluster-min-bytes",
        "1",
        "-c",
        query,
    ];
    let mut waiting = lake
        .binary
        .command(&arguments)
        .stdin(Stdio::null())
        .spawn()
        .expect("the program to start");
    std::thread::sleep(Duration::from_secs(3));
    waiting.kill().expect("a child of ours");
    waiting.wait().expect("its end");
    cluster.executors[0].until("Task has been aborted");
    let next = cluster.try_sql(&[
        "-c",
        "SELECT count(*) AS n FROM executions WHERE rows_sent IS NULL",
    ]);
    next.exits(0);
}
