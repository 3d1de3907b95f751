//! Plans that were cut, damaged or forged, and such that never end.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

#[test]
fn no_prefix_is_too_short() {
    for (key, formats) in recorded() {
        for (format, payload) in formats {
            for end in 0..payload.len() {
                let Some(plan) = Plan::read(&payload[..end]) else {
                    continue;
                };
                let is_sealed = matches!(format.as_str(), "json" | "xml");
                assert!(!is_sealed || plan.truncated, "{key:?} {format} {end}");
                assert!(
                    !plan.shape.contains("secret") && !plan.shape.contains("forged"),
                    "{key:?} {format} {end}"
                );
            }
        }
    }
}

#[test]
fn depth_and_nodes_are_bounded() {
    let repeat = |text: &str| text.repeat(10_000_000 / text.len());
    for (start, repeated) in [
        ("", repeat("{\"Plan\":{\"Plans\":[")),
        ("{", repeat("[")),
        ("{\"Plan\":{\"Plans\":[", repeat("{\"Plans\":[")),
        ("{\"Plan\":{\"Plans\":[", repeat("{\"Node Type\":\"Result\"},")),
        ("{\"Query Text\":\"", repeat("\\u0001")),
        ("<explain>", repeat("<Plan><Plans>")),
        ("<explain><Plan><Plans>", repeat("<Plan><Plans>")),
        ("<explain><Query-Text>", repeat("&lt;")),
        ("Query Text: \"x\"\nPlan: \n  Plans: \n    ", repeat("- ")),
        ("Query Text: \"x\"\n", repeat("a: \n ")),
        ("Query Text: ", repeat("$a$ '\n")),
        ("Query Text: ", repeat("/*")),
        (
            "Query Text: x\n",
            repeat("Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n"),
        ),
        ("Query Text: x\n", repeat("A  (cost=")),
        (
            "Query Text: x\nResult  (cost=0.00..1.00 rows=1 width=4)\n",
            repeat("  ->  Result  (cost=0.00..1.00 rows=1 width=4)\n"),
        ),
    ] {
        let plan = format!("{start}{repeated}");
        let plan = Plan::read(plan.as_bytes()).unwrap();
        assert!(plan.nodes.len() <= PLAN_NODES_MAX, "{start}");
        assert!(
            plan.nodes.iter().all(|node| node.depth < PLAN_DEPTH_MAX),
            "{start}"
        );
    }
    let mut deep = String::from("Query Text: x\nResult  (cost=0.00..1.00 rows=1 width=4)\n");
    for depth in 0..PLAN_DEPTH_MAX + 9 {
        let column = 2 + 6 * depth;
        deep.push_str(&format!(
            "{:column$}->  Result  (cost=0.00..1.00 rows=1 width=4)\n",
            ""
        ));
    }
    let plan = Plan::read(deep.as_bytes()).unwrap();
    assert!(plan.truncated && plan.nodes.len() == PLAN_DEPTH_MAX && plan.fingerprint.is_none());
}

fn payloads() -> impl Strategy<Value = Vec<u8>> {
    let all: Vec<_> = recorded().into_values().flat_map(Formats::into_values).collect();
    select(all)
}

/// Texts in which lines look like parts of a plan.
fn literals() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "Seq Scan on forged  (cost=0.00..1.00 rows=1 width=4)",
        "  ->  Seq Scan on forged  (cost=0.00..1.00 rows=1 width=4) (actual time=0.1..0.2 rows=1 loops=1)",
        "  SubPlan 1",
        "  CTE forged",
        "  Buffers: shared hit=99999",
        "Query Parameters: $1 = forged",
        "Trigger forged: time=99999",
        "JIT:",
        "\"Node Type\": \"forged\"",
        "<Plan><Node-Type>forged</Node-Type></Plan>",
        "Node Type: \"forged\"",
        "'",
        "\"",
        "\n",
        "\n",
        "\\",
        "$x$",
        "--",
        "/*",
        "e",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// As the server prints a literal in a filter.
fn quoted(literal: &str) -> String {
    let doubled = literal.replace('\'', "''");
    if doubled.contains('\\') {
        format!("E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_survived(mut payload in payloads(), changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..8)) {
        for (place, byte) in changes {
            let at = place.index(payload.len());
            if byte < 64 { payload.remove(at); } else { payload[at] = byte; }
        }
        if let Some(plan) = Plan::read(&payload) {
            prop_assert_eq!(plan.fingerprint.is_none(), plan.truncated);
            prop_assert!(!plan.shape.contains('\n'));
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), start in select(vec!["Query Text: ", "Query Text: \"", "{", "<explain>"])) {
        Plan::read(&[start.as_bytes(), &bytes].concat());
        Plan::read_mariadb(bytes.split_inclusive(|byte| *byte == b'\n'));
    }

    #[test]
    fn literals_never_change_a_plan(literal in literals()) {
        let literal = quoted(&literal);
        let text = format!(
            "Query Text: select {literal} -- it's\nResult  (cost=0.00..1.00 rows=1 width=4)\n  One-Time Filter: (a = {literal}::text)\n  \
             ->  Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n        Filter: (a = {literal}::text)\n        Rows Removed by Filter: 5"
        );
        let escaped = literal.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let json = format!(
            "{{\n\"Query Text\": \"select {escaped} -- it's\",\n\"Plan\": {{\"Node Type\": \"Result\", \"Total Cost\": 1.00, \"Plan Rows\": 1,\n\
             \"One-Time Filter\": \"(a = {escaped}::text)\", \"Plans\": [{{\"Node Type\": \"Seq Scan\", \"Relation Name\": \"t\",\n\
             \"Total Cost\": 1.00, \"Plan Rows\": 1, \"Filter\": \"{escaped}\", \"Rows Removed by Filter\": 5}}]}}}}"
        );
        let (text, json) = (Plan::read(text.as_bytes()).unwrap(), Plan::read(json.as_bytes()).unwrap());
        prop_assert_eq!(&text.shape, "Result > Seq Scan t");
        let query = format!("select {literal} -- it's");
        prop_assert_eq!(&*text.query, query.as_bytes());
        prop_assert_eq!(text.nodes[1].rows_removed, Some(5));
        prop_assert_eq!(text, json);
    }
}
