//! Names of result columns as people would write them: DataFusion calls `sum(e.x)` "sum(e.x)", `1` "Int64(1)" and a cast by its Arrow
//! type; here they lose tables and types. Never changes a name that was given with AS.

use std::collections::{HashMap, HashSet};

/// Literal types that DataFusion writes around a constant.
const LITERALS: &[&str] = &[
    "Boolean", "Float64", "Int32", "Int64", "UInt64", "Utf8", "Utf8View",
];

/// The names made plain, each of them unique.
pub(crate) fn plain_names<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Vec<String> {
    let plain: Vec<String> = names.clone().map(plain_name).collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for name in &plain {
        *counts.entry(name).or_default() += 1;
    }
    let choose = |(plain, name): (&String, &str)| {
        if counts[plain.as_str()] > 1 {
            name.to_owned()
        } else {
            plain.clone()
        }
    };
    let chosen: Vec<String> = plain.iter().zip(names.clone()).map(choose).collect();
    // A name that was kept may be what another became.
    let unique: HashSet<&String> = chosen.iter().collect();
    if unique.len() == chosen.len() {
        chosen
    } else {
        names.map(str::to_owned).collect()
    }
}

fn plain_name(name: &str) -> String {
    // A plain column, or a name that somebody gave.
    if !name.contains('(')
        && !name.contains(" * ")
        && !name.contains(" + ")
        && !name.contains(" / ")
        && !name.contains(" - ")
    {
        return name.to_owned();
    }
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    // How many parentheses are open, and at which depths a literal's was dropped.
    let (mut depth, mut literals) = (0_usize, Vec::new());
    while let Some(c) = rest.chars().next() {
        let word = word_length(rest);
        if word > 0 {
            let (text, behind) = rest.split_at(word);
            if behind.starts_with('(') && LITERALS.contains(&text) {
                literals.push(depth);
                depth += 1;
                rest = &behind[1..];
            } else if behind.starts_with('.')
                && word_length(&behind[1..]) > 0
                && !text.starts_with(|c: char| c.is_ascii_digit())
            {
                rest = &behind[1..];
            } else {
                out.push_str(text);
                rest = behind;
            }
            continue;
        }
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if c == ')' && literals.last() == Some(&depth) {
            literals.pop();
        } else if c != '"' || literals.is_empty() {
            out.push(c);
        } else {
            out.push('\'');
        }
        rest = &rest[c.len_utf8()..];
    }
    out
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(names: &[&str], expected: &[&str]) {
        assert_eq!(plain_names(names.iter().copied()), expected);
    }

    #[test]
    fn tables_and_types_go() {
        check(&["calls", "a.b"], &["calls", "a.b"]);
        check(
            &["sum(executions.query_time_us)", "count(*)"],
            &["sum(query_time_us)", "count(*)"],
        );
        check(&["Int64(1)", "Utf8(\"x\")", "Float64(0.5)"], &["1", "'x'", "0.5"]);
        check(
            &[
                "latency_percentile(executions.query_time_us,Float64(0.95))",
                "round(a.x / Int64(1000))",
            ],
            &["latency_percentile(query_time_us,0.95)", "round(x / 1000)"],
        );
        check(
            &["coalesce(e.user,Utf8(\"(none)\"))"],
            &["coalesce(user,'(none)')"],
        );
        check(&["e.a + f.b"], &["a + b"]);
    }

    #[test]
    fn names_stay_unique() {
        check(
            &["sum(a.x)", "sum(b.x)", "max(a.x)"],
            &["sum(a.x)", "sum(b.x)", "max(x)"],
        );
        check(&["sum(a.x)", "sum(x)"], &["sum(a.x)", "sum(x)"]);
    }

    proptest! {
        #[test]
        fn any_name_is_taken(names in proptest::collection::hash_set(r#"([a-c.("') ]|Int64\(|é|1){0,12}"#, 0..5)) {
            let names: Vec<String> = names.into_iter().collect();
            let plain = plain_names(names.iter().map(String::as_str));
            let unique: HashSet<&String> = plain.iter().collect();
            prop_assert_eq!(unique.len(), names.len());
        }
    }
}
