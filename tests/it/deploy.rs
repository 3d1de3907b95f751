//! What `deploy/` says of the program: statements of dashboards, names of metrics, configuration files, options of units. `tests/deploy/run` tries
//! the rest of it with the programs that it is for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::binary::Binary;

/// A week around the logs of the demonstration, and what Grafana makes of its width for a graph of some hundred points.
const FROM: &str = "'2026-11-20T00:00:00Z'";
const TO: &str = "'2026-11-27T00:00:00Z'";
const INTERVAL_MS: &str = "600000";

// The demonstration has no replication, no rejects and no findings: what is about these gives no rows, and no error.

#[test]
fn the_dashboard_of_the_fleet_is_answered() {
    check_dashboard("fleet", 11);
}

#[test]
fn the_dashboard_of_queries_is_answered() {
    check_dashboard("queries", 8);
}

#[test]
fn the_dashboard_of_ingestion_is_answered() {
    check_dashboard("ingestion", 9);
}

#[test]
fn the_dashboard_of_replication_is_answered() {
    check_dashboard("replication", 0);
}

/// Asks all of a dashboard's statements; so many have to give rows.
#[track_caller]
fn check_dashboard(name: &str, expected: usize) {
    let binary = Binary::new();
    binary.run(&["demo"]).exits(0);
    let path = root().join(format!("deploy/grafana/dashboards/{name}.json"));
    let dashboard: Value = serde_json::from_str(&text(&path)).expect("a dashboard");
    let panels = panels(&dashboard);
    let mut arguments: Vec<String> = ["sql", "--lake", "slowlake-demo/lake", "--output", "json"]
        .map(str::to_owned)
        .into();
    arguments.extend(
        panels
            .iter()
            .flat_map(|panel| ["-c".to_owned(), expanded(&panel.sql)]),
    );
    let said = binary.run(&arguments).exits(0).stdout;
    let answers = serde_json::Deserializer::from_str(&said).into_iter::<Vec<Value>>();
    let answers: Vec<Vec<Value>> = answers.collect::<Result<_, _>>().expect("arrays of rows");
    assert_eq!(answers.len(), panels.len());
    for (panel, rows) in panels.iter().zip(&answers) {
        if panel.is_series {
            check_series(&panel.title, rows);
        }
    }
    assert_eq!(answers.iter().filter(|rows| !rows.is_empty()).count(), expected);
}

/// A statement of a dashboard.
struct Panel {
    title: String,
    sql: String,
    is_series: bool,
}

fn panels(dashboard: &Value) -> Vec<Panel> {
    let all = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let variables = all(&dashboard["templating"]["list"])
        .into_iter()
        .map(|variable| Panel {
            title: variable["name"].to_string(),
            sql: string(&variable["query"]),
            is_series: false,
        });
    let panels = all(&dashboard["panels"]).into_iter().flat_map(|panel| {
        all(&panel["targets"]).into_iter().map(move |target| Panel {
            title: panel["title"].to_string(),
            sql: string(&target["rawSql"]),
            is_series: target["format"] == "time_series",
        })
    });
    variables.chain(panels).collect()
}

/// A statement with Grafana's macros and variables replaced as its data source for PostgreSQL does.
fn expanded(sql: &str) -> String {
    let mut sql = sql.to_owned();
    while let Some((before, rest)) = sql.split_once("$__timeFilter(") {
        let (column, after) = rest.split_once(')').expect("a closing parenthesis");
        sql = format!("{before}{column} BETWEEN {FROM} AND {TO}{after}");
    }
    let sql = sql
        .replace("$__timeFrom()", FROM)
        .replace("$__timeTo()", TO)
        .replace("$__interval_ms", INTERVAL_MS)
        .replace("$server", "'shop-pg','shop-maria'")
        .replace("$query", "032b81903d625266");
    assert!(!sql.contains('$'), "a macro or variable that is not known: {sql}");
    sql
}

/// Grafana draws what has a time first, in order, and numbers.
fn check_series(title: &str, rows: &[Value]) {
    let times: Vec<String> = rows.iter().map(|row| string(&row["time"])).collect();
    assert!(times.is_sorted(), "{title}: {times:?}");
    for row in rows {
        let columns = row.as_object().expect("a row").iter();
        for (name, value) in columns.filter(|(name, _)| !matches!(name.as_str(), "time" | "metric")) {
            assert!(value.is_number() || value.is_null(), "{title}: {name}: {value}");
        }
    }
}

#[test]
fn alerts_watch_metrics_that_there_are_and_are_in_the_runbook() {
    let alerts = text(&root().join("deploy/prometheus/slowlake-alerts.yaml"));
    let meter = text(&root().join("src/service/meter.rs"));
    for metric in words(&alerts).filter(|word| word.starts_with("slowlake_")) {
        let name = metric.trim_start_matches("slowlake_");
        let name = name.trim_end_matches("_total").trim_end_matches("_bucket");
        assert!(meter.contains(&format!("\"{name}\"")), "{metric}");
    }
    let runbook = text(&root().join("docs/runbook.md")).to_lowercase();
    let anchors: BTreeSet<&str> = alerts.split("docs/runbook.md#").skip(1).map(first_word).collect();
    assert_eq!(anchors.len(), 11);
    for anchor in anchors {
        assert!(runbook.contains(&format!("### {anchor}\n")), "{anchor}");
    }
}

#[test]
fn configuration_files_are_understood() {
    let mut names = vec!["deploy/debian/slowlake.toml", "deploy/debian/serve.toml"];
    if cfg!(feature = "kafka") {
        names.extend(["deploy/compose/slowlake.toml", "deploy/shippers/slowlake.toml"]);
    }
    let binary = Binary::new();
    for name in names {
        let path = root().join(name).display().to_string();
        let mut check = binary.command(&["check", "-c", &path]);
        let output = check
            .env("SLOWLAKE_LAKE", "lake")
            .output()
            .expect("the program to start");
        // Where the file itself has a mistake nothing else is looked at, and so nothing is said of the lake.
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            said.starts_with("lake "),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn units_start_the_program_with_options_that_it_has() {
    let binary = Binary::new();
    for unit in files("deploy/systemd", "service") {
        let unit = text(&unit);
        let start = unit
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart=/usr/bin/slowlake "));
        let mut words = start.expect("a command").split(' ');
        let help = binary
            .run(&[words.next().expect("a command"), "--help"])
            .exits(0)
            .stdout;
        for option in words.filter(|word| word.starts_with("--")) {
            assert!(help.contains(&format!("{option} ")), "{option}: {help}");
        }
    }
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).expect("a folder");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder}");
    files
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file")
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

fn first_word(text: &str) -> &str {
    words(text).next().unwrap_or_default()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
