//! Rules of the text: what a statement asks for cannot be quick, whatever indexes there are.

use super::{AdviceCard, Claim, Subject};

/// What stands in a normalized text, and what it means.
struct Pattern {
    rule: &'static str,
    claim: &'static str,
    is_in: fn(&str) -> bool,
    gain: [f64; 3],
    risk: &'static str,
}

const PATTERNS: [Pattern; 3] = [
    Pattern {
        rule: "offset_paging",
        claim: "pages with OFFSET: each page reads all pages before it; page by the last key seen",
        is_in: |text| text.contains(" OFFSET ?"),
        gain: [0.4, 0.0, 0.9],
        risk: "pages can no longer be jumped to by number",
    },
    Pattern {
        rule: "function_on_column",
        claim: "compares a function of a column: no plain index can serve that; index the expression, or compare the column",
        is_in: compares_function,
        gain: [0.4, 0.0, 0.95],
        risk: "an index on an expression is another index to maintain",
    },
    Pattern {
        rule: "random_order",
        claim: "orders by a random number: all rows are read and sorted to return a few",
        is_in: |text| {
            let text = text.to_lowercase();
            text.contains("order by random()") || text.contains("order by rand()")
        },
        gain: [0.7, 0.2, 0.99],
        risk: "a sample by key is not evenly random where keys have gaps",
    },
];

/// The patterns that a query's text has.
pub(super) fn patterns(subject: &Subject<'_>) -> Vec<AdviceCard> {
    let Some(text) = &subject.query.text.normalized else {
        return Vec::new();
    };
    let week = &subject.query.trend.week;
    let card = |pattern: &Pattern| {
        subject.card(Claim {
            rule: pattern.rule,
            claim: pattern.claim.to_owned(),
            confidence: 'C',
            evidence: vec![
                ("executions", week.calls.to_string()),
                (
                    "mean of an execution, µs",
                    (week.total_us / week.calls.max(1)).to_string(),
                ),
            ],
            gain: pattern.gain,
            statements: None,
            risk: pattern.risk,
            verify: "sum(calls) AS calls, sum(total_us) / sum(calls) AS mean_us, max(max_us) AS max_us",
        })
    };
    PATTERNS
        .iter()
        .filter(|pattern| (pattern.is_in)(text))
        .map(card)
        .collect()
}

/// `WHERE lower(name) = ?`, `AND date_trunc(?, created_at) >= ?`.
fn compares_function(text: &str) -> bool {
    let Some(at) = text.find(" WHERE ") else {
        return false;
    };
    let words: Vec<&str> = text[at..].split_whitespace().collect();
    words.windows(3).any(|words| {
        let is_call = words[0].ends_with(')') && !words[0].starts_with("(?") && words[0] != "?)"
            || words[0].contains("(") && words[0].ends_with(')');
        let is_of_column = words[0]
            .trim_end_matches(')')
            .chars()
            .last()
            .is_some_and(|c| c.is_alphanumeric() || c == '_');
        is_call
            && is_of_column
            && matches!(words[1], "=" | "<" | ">" | "<=" | ">=" | "LIKE")
            && words[2].starts_with('?')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_columns_are_seen() {
        let check = |text: &str, expect: bool| assert_eq!(compares_function(text), expect, "{text}");
        check("SELECT * FROM t WHERE lower(name) = ?", true);
        check(
            "SELECT * FROM t WHERE id = ? AND date_trunc(?, created_at) >= ?",
            true,
        );
        check("SELECT * FROM t WHERE name = lower(?)", false);
        check("SELECT lower(name) FROM t WHERE id = ?", false);
        check("SELECT * FROM t WHERE id IN (?) AND x = ?", false);
    }
}
