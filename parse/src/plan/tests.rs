//! Real payloads: five servers, all formats, one answer.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::*;

mod damage;

/// Payloads by format.
type Formats = BTreeMap<String, Vec<u8>>;

/// Recorded payloads by major version and statement.
fn recorded() -> BTreeMap<(String, String), Formats> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus/postgres");
    let mut plans: BTreeMap<_, Formats> = BTreeMap::new();
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
            plans
                .entry(key)
                .or_default()
                .insert(format.to_owned(), fs::read(file.path()).unwrap());
        }
    }
    assert!(
        plans.len() >= 39,
        "{} plans: the corpus is not whole",
        plans.len()
    );
    plans
}

fn recorded_one(major: &str, statement: &str, format: &str) -> Vec<u8> {
    recorded()[&(major.to_owned(), statement.to_owned())][format].clone()
}

/// The plan without what only `log_verbose` adds.
fn without_verbose(mut plan: Plan) -> Plan {
    plan.server_query_id = None;
    plan.nodes.iter_mut().for_each(|node| node.schema.clear());
    plan
}

#[test]
fn all_formats_of_an_execution_say_the_same() {
    let mut compared = 0;
    for (key, formats) in recorded() {
        let text = without_verbose(Plan::read(&formats["text"]).unwrap());
        assert!(!text.truncated && text.fingerprint.is_some(), "{key:?}");
        for (format, payload) in &formats {
            let plan = Plan::read(payload).unwrap();
            assert_eq!(without_verbose(plan), text, "{key:?} {format}");
            compared += usize::from(format != "text");
        }
    }
    assert!(compared >= 42, "{compared} comparisons");
}

#[test]
fn verbose_plans_name_schemas_and_the_server_s_query() {
    let payload = recorded_one("18", "newline", "verbose");
    let plan = Plan::read(&payload).unwrap();
    assert_eq!(
        (&*plan.nodes[1].schema, &*plan.nodes[1].relation),
        ("public", "orders")
    );
    assert!(plan.server_query_id.is_some());
}

#[test]
fn no_literal_gets_into_a_plan() {
    for (key, formats) in recorded() {
        for (format, payload) in formats {
            let plan = Plan::read(&payload).unwrap();
            let outline = format!("{} {:?}", plan.shape, plan.nodes);
            assert!(
                !outline.contains("secret") && !outline.contains("forged"),
                "{key:?} {format}: {outline}"
            );
        }
    }
}

#[test]
fn shapes_of_recorded_plans() {
    let check = |statement: &str, expect: &str| {
        let payload = recorded_one("15", statement, "text");
        assert_eq!(Plan::read(&payload).unwrap().shape, expect, "{statement}");
    };
    check(
        "hash_join",
        "Limit > Sort > Hash Join(Seq Scan orders, Hash > Seq Scan customers)",
    );
    check(
        "parallel",
        "Sort > Finalize HashAggregate > Gather > Partial HashAggregate > Parallel Seq Scan orders",
    );
    check(
        "parallel_join",
        "Finalize Aggregate > Gather > Partial Aggregate > Parallel Hash Left Join(Parallel Seq Scan orders, \
         Parallel Hash > Parallel Seq Scan orders)",
    );
    check(
        "cte",
        "Limit(CTE recent: Index Scan orders using orders_pkey, InitPlan: Aggregate > Seq Scan orders, \
         Hash Join(CTE Scan recent, Hash > CTE Scan recent, SubPlan: Aggregate > Seq Scan customers))",
    );
    check(
        "recursive",
        "Aggregate(CTE t: Recursive Union(Result, WorkTable Scan t), CTE Scan t)",
    );
    check(
        "backward",
        "Limit > Index Scan Backward \"Odd Table\" using \"Odd Table_pkey\"",
    );
    check(
        "odd_names",
        "Index Scan \"Odd Table\" using \"Odd \\\"Index\\\" on (cost\"",
    );
    check(
        "bitmap",
        "Bitmap Heap Scan orders > BitmapOr(Bitmap Index Scan using orders_customer, \
         Bitmap Index Scan using orders_total)",
    );
    check(
        "update_partitions",
        "Update readings > Append(Seq Scan readings_1, Seq Scan readings_2)",
    );
    check(
        "set_operations",
        "HashSetOp Except All > Append(Subquery Scan > Index Only Scan orders using orders_pkey, \
         Subquery Scan > Values Scan)",
    );
    check(
        "not_in",
        "Aggregate > Seq Scan customers > SubPlan: Seq Scan orders",
    );
    check(
        "never_executed",
        "Hash Join(Seq Scan customers, Hash > Index Scan orders using orders_pkey)",
    );
    check(
        "grouping_sets",
        "MixedAggregate > Index Scan orders using orders_pkey",
    );
    check("newline", "Aggregate > Seq Scan orders");
}

#[test]
fn one_statement_has_one_fingerprint_in_all_versions() {
    let check = |statement: &str, majors: &[&str]| {
        let payloads: Vec<_> = majors
            .iter()
            .map(|major| recorded_one(major, statement, "text"))
            .collect();
        let plans: Vec<_> = payloads
            .iter()
            .map(|payload| Plan::read(payload).unwrap())
            .collect();
        for plan in &plans {
            assert_eq!(
                plan.fingerprint, plans[0].fingerprint,
                "{statement}: {}, {}",
                plan.shape, plans[0].shape
            );
        }
    };
    check("cte", &["15", "17", "18"]);
    check("odd_names", &["13", "15"]);
    check("newline", &["15", "18"]);
    check("not_in", &["15", "17"]);
    check("parameters", &["15", "18"]);
}

/// What an archive holds must stay what a new version computes, or `PLAN_FINGERPRINT_VERSION` has to be raised.
#[test]
fn a_fingerprint_is_for_ever() {
    let payload = recorded_one("15", "hash_join", "text");
    let fingerprint = Plan::read(&payload).unwrap().fingerprint.unwrap();
    assert_eq!(fingerprint.to_string(), "3d464ed2b64186ee");
    assert_eq!(PlanFingerprint::from(fingerprint.get()), fingerprint);
}

#[test]
fn statement_and_parameters_are_told_from_the_plan() {
    for format in ["text", "json", "yaml", "xml", "verbose"] {
        let payload = recorded_one("18", "parameters", format);
        let plan = Plan::read(&payload).unwrap();
        assert!(
            plan.query.starts_with(b"PREPARE by_customer") && plan.query.ends_with(b"note <> $2;"),
            "{format}"
        );
        assert_eq!(*plan.parameters, *b"$1 = '7', $2 = 'secret\nit''s'", "{format}");
        let payload = recorded_one("18", "newline", format);
        let plan = Plan::read(&payload).unwrap();
        assert!(
            plan.query
                .ends_with(b"*/ AND total <> E'1\\n2'::text::varchar::char(1)::int;"),
            "{format}"
        );
        assert_eq!((&*plan.parameters, plan.nodes.len()), (&b""[..], 2), "{format}");
    }
}

#[test]
fn times_of_all_nodes_make_the_time_of_the_plan() {
    for (key, formats) in recorded() {
        let plan = Plan::read(&formats["text"]).unwrap();
        let Some(time_us) = plan.totals.time_us else {
            assert_eq!(key.1, "not_analyzed");
            continue;
        };
        let sum: i64 = plan.nodes.iter().filter_map(|node| node.self_time_us).sum();
        // Averages are printed in whole µs: every loop may be off by half of one.
        let loops: i64 = plan.nodes.iter().filter_map(|node| node.loops).sum();
        assert!(
            (sum - time_us).abs() <= loops + time_us / 100,
            "{key:?}: {sum} of {time_us}, {loops} loops"
        );
    }
}

#[test]
fn what_is_no_plan_is_none() {
    for payload in [
        "",
        " ",
        "select 1",
        "Query Text",
        "duration: 1 ms",
        "<html>",
        "[]",
    ] {
        assert_eq!(Plan::read(payload.as_bytes()), None, "{payload:?}");
    }
    for payload in [
        "Query Text: select 1",
        "{",
        "{}",
        "<explain>",
        "Query Text: \"select 1\"\n",
    ] {
        let plan = Plan::read(payload.as_bytes()).unwrap();
        assert!(
            plan.truncated && plan.fingerprint.is_none() && plan.nodes.is_empty(),
            "{payload:?}"
        );
    }
}

#[test]
fn a_cut_plan_keeps_its_statement_and_its_first_nodes() {
    for format in ["json", "yaml", "xml", "text"] {
        let payload = recorded_one("15", "parallel", format);
        let position = |text: &[u8]| {
            payload
                .windows(text.len())
                .position(|bytes| bytes == text)
                .unwrap()
        };
        let whole = Plan::read(&payload).unwrap();
        let cut = Plan::read(&payload[..position(b"Partial") + 3]).unwrap();
        assert_eq!(cut.query, whole.query, "{format}");
        let outline = |plan: &Plan| plan.nodes.first().map(|node| (node.name.clone(), node.time_us));
        assert!(
            cut.nodes.len() >= 2 && outline(&cut) == outline(&whole),
            "{format}"
        );
        let cut = Plan::read(&payload[..position(b"WHERE")]).unwrap();
        assert!(
            whole.query.starts_with(&cut.query) && cut.query.len() > 30,
            "{format}"
        );
        assert!(cut.truncated, "{format}");
    }
}
