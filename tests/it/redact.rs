//! The bar of `--redact`: a secret planted in more than 10 000 literals of every kind, in every format, and none of it in any report or in any
//! byte of a lake. Without `--redact` it is there, so that these tests can fail.

mod logs;
mod planter;

use std::path::Path;

use crate::binary::{Binary, Run};
use crate::redact::logs::plant;
use crate::redact::planter::{DIGITS, HEX, WORD};

/// Literals that at least have to be planted.
const LITERALS_MIN: usize = 10_000;
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

/// A run that does its work, and says nothing of the secret.
#[track_caller]
fn check(binary: &Binary, arguments: &[&str]) -> Run {
    let run = binary.run(arguments);
    assert!(matches!(run.code, Some(0 | 1)), "{arguments:?}: {run:?}");
    holds_no_secret(arguments, &run);
    run
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
