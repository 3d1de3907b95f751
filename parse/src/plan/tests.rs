use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;

/// Recorded payloads by major version, statement and format.
fn recorded() -> BTreeMap<(String, String), BTreeMap<String, Vec<u8>>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus/postgres");
    let mut plans: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for major in fs::read_dir(corpus).unwrap() {
        let major = major.unwrap();
        let Ok(files) = fs::read_dir(major.path().join("plans")) else {
            continue;
        };
        for file in files {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            let (statement, format) = name.split_once('.').unwrap();
            let key = (major.file_name().into_string().unwrap(), statement.to_owned());
            plans.entry(key).or_default().insert(format.to_owned(), fs::read(file.path()).unwrap());
        }
    }
    assert!(plans.len() > 40, "the corpus is not there");
    plans
}

#[test]
fn dump() {
    for ((major, statement), formats) in recorded() {
        for (format, payload) in formats {
            if format == "text" {
                let plan = Plan::read(&payload).unwrap();
                println!("{major} {statement}: {}", plan.shape);
            }
        }
    }
}

/// What only `log_verbose` adds.
fn without_verbose(mut plan: Plan<'_>) -> Plan<'_> {
    plan.server_query_id = None;
    plan.nodes.iter_mut().for_each(|node| node.schema.clear());
    plan
}

#[test]
fn all_formats_of_an_execution_say_the_same() {
    for (key, formats) in recorded() {
        let text = without_verbose(Plan::read(&formats["text"]).unwrap());
        assert!(!text.truncated && text.fingerprint.is_some(), "{key:?}");
        for (format, payload) in &formats {
            let plan = without_verbose(Plan::read(payload).unwrap());
            if plan != text {
                println!("{key:?} {format}");
                println!("{:#?}", similar(&text, &plan));
            }
        }
    }
}

fn similar(a: &Plan<'_>, b: &Plan<'_>) -> Vec<String> {
    let (a, b) = (format!("{a:#?}"), format!("{b:#?}"));
    a.lines().zip(b.lines()).filter(|(a, b)| a != b).take(6).map(|(a, b)| format!("{a} | {b}")).collect()
}
