//! What holds for any bytes, and for any statement made of tokens.

use proptest::prelude::*;

use super::*;

pub(super) fn dialects() -> impl Strategy<Value = Dialect> {
    prop::sample::select(&BOTH[..])
}

#[rustfmt::skip]
const FRAGMENTS: &[&str] = &[
    "SELECT", "FROM", "WHERE", "IN", "VALUES", "VALUE", "ARRAY", "ROW", "CAST", "AS", "LIMIT", "OFFSET",
    "FETCH", "FIRST", "NEXT", "ROWS", "ONLY", "ORDER", "GROUP", "BY", "ASC", "DESC", "NULLS", "LAST",
    "UNION", "ALL", "DISTINCT", "SET", "TO", "TIME", "ZONE", "NULL", "TRUE", "IS", "NOT", "DEFAULT",
    "INSERT", "INTO", "UPDATE", "DELETE", "ON", "DUPLICATE", "KEY", "CALL", "USE", "XA", "SAVEPOINT",
    "ROLLBACK", "RELEASE", "CLOSE", "DECLARE", "DEALLOCATE", "PREPARE", "BEGIN", "WORK", "LEFT", "OUTER",
    "JOIN", "INNER", "EXTRACT", "INTERVAL", "DATE", "UESCAPE", "CURRENT", "OF", "END", "AND", "a", "b1",
    "T", "\"q\"", "\"Q x\"", "`q`", "`In`", "pg_temp_3", "_utf8", "@v", "@@g", "1", "2", "'s'", "'it''s'",
    "E'\\''", "x'1f'", "N'n'", "$1", "?", ":p", "$$d$$", "1.5e3", "1a", "(", ")", "(", ")", "[", "]", ",",
    ",", ";", ".", "...", "?+", "::", ":", ":=", "=", "<>", "!=", "+", "-", "*", "/", "|", "||", "->>",
    "?|", "@>", "#>>", "/*c*/", "-- c\n", "\n", "/*!40101", "*/", "{", "}", "\\", "\u{e9}", "$", "&", "U",
    "\"", "'", "`", "DISTINCTROW", "SHOW", "FIELDS", "SCHEMA", "CREATE", "CURRENT_TIMESTAMP", "SOME", "mid", "`mid`",
    "@`v`", "(unknown)", "(_charset)", "_utf8'x'", "_latin1 0x41",
];

/// Fragments any sequence of which is read somehow, most of them as no SQL.
fn fragments() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(FRAGMENTS), 0..24)
}

/// Tokens of a plausible query; `LITERAL` stands for any literal.
fn query() -> impl Strategy<Value = Vec<&'static str>> {
    let operand = prop::sample::select(
        &[
            "a",
            "t.b",
            "f ( LITERAL )",
            "LITERAL",
            "- LITERAL",
            "( LITERAL , c )",
            "CASE WHEN a THEN LITERAL ELSE b END",
        ][..],
    );
    let test = prop::sample::select(
        &[
            "= LITERAL",
            "IN ( LITERAL , LITERAL )",
            "IN ( LITERAL , b )",
            "BETWEEN LITERAL AND LITERAL",
            "LIKE LITERAL",
            "+ LITERAL > b",
            "<> LITERAL",
            "IS NULL",
            "- LITERAL < c",
        ][..],
    );
    let tail = prop::sample::select(
        &[
            "",
            "ORDER BY a , b DESC",
            "LIMIT LITERAL",
            "GROUP BY a HAVING count ( * ) > LITERAL",
            "FOR UPDATE",
        ][..],
    );
    (
        prop::collection::vec(operand, 1..4),
        prop::collection::vec(test, 0..4),
        tail,
    )
        .prop_map(|(operands, tests, tail)| {
            let mut text = vec!["SELECT"];
            for (index, operand) in operands.into_iter().enumerate() {
                text.extend((index > 0).then_some(","));
                text.extend(operand.split(' '));
            }
            text.extend(["FROM", "t"]);
            for (index, test) in tests.into_iter().enumerate() {
                text.extend([if index == 0 { "WHERE" } else { "AND" }, "x"]);
                text.extend(test.split(' '));
            }
            text.extend(tail.split(' ').filter(|token| !token.is_empty()));
            text
        })
}

fn literals() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u32>().prop_map(|number| number.to_string()),
        "[0-9]{1,4}\\.[0-9]{1,4}(e[+-]?[0-9]{1,2})?",
        "0x[0-9a-f]{1,8}",
        "'([a-zA-Z0-9 ,;()?/*#$-]|''){0,20}'",
        "[xX]'[0-9a-f]{0,8}'",
        Just("NULL".to_owned()),
        Just("true".to_owned()),
        Just("?".to_owned()),
        Just("$1".to_owned()),
        Just(":name".to_owned()),
    ]
}

fn fill(tokens: &[&str], literals: &[String]) -> String {
    let mut next = literals.iter().cycle();
    let tokens: Vec<&str> = tokens
        .iter()
        .map(|&token| {
            if token == "LITERAL" {
                next.next().map_or("1", String::as_str)
            } else {
                token
            }
        })
        .collect();
    tokens.join(" ")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200), dialect in dialects()) {
        let mut analyzer = analyzer(dialect);
        let fingerprint = analyzer.fingerprint(&bytes);
        prop_assert_eq!(analyzer.fingerprint(&bytes), fingerprint, "a text that repeats");
        prop_assert_eq!(analyzer.analyze(&bytes).fingerprint, fingerprint);
    }

    #[test]
    fn normalized_text_is_its_own(fragments in fragments(), glue in "[ ]?", dialect in dialects()) {
        let text = fragments.join(&glue);
        let once = normalized(dialect, &text);
        prop_assert_eq!(fingerprint(dialect, &text), fingerprint(dialect, &once), "{}\n{}\n{}", text, once, normalized(dialect, &once));
        prop_assert_eq!(normalized(dialect, &once), once);
    }

    #[test]
    fn space_and_comments_do_not_count(
        tokens in query(),
        literals in prop::collection::vec(literals(), 8),
        gaps in prop::collection::vec(prop::sample::select(&[" ", "\n", "\t \u{b}", "/* ' */ ", " -- \" x\n", "/**/", "/*+ hint */"][..]), 80),
        dialect in dialects(),
    ) {
        let plain = fill(&tokens, &literals);
        let (mut spaced, mut inside) = (String::new(), false);
        for (token, gap) in plain.split(' ').zip(gaps.iter().cycle()) {
            spaced.push_str(token);
            inside ^= token.matches('\'').count() % 2 == 1;
            // A literal's own spaces are not ours to change.
            spaced.push_str(if inside { " " } else { gap });
        }
        prop_assert_eq!(fingerprint(dialect, &plain), fingerprint(dialect, &spaced), "{}\n{}", plain, spaced);
    }

    #[test]
    fn literals_do_not_count(
        tokens in query(),
        one in prop::collection::vec(literals(), 8),
        other in prop::collection::vec(literals(), 8),
        dialect in dialects(),
    ) {
        let (one, other) = (fill(&tokens, &one), fill(&tokens, &other));
        prop_assert_eq!(fingerprint(dialect, &one), fingerprint(dialect, &other), "{}\n{}", one, other);
    }

    #[test]
    fn names_and_operators_count(tokens in query(), pick in any::<prop::sample::Index>(), dialect in dialects()) {
        let literal = ["1".to_owned()];
        let mut changed = tokens.clone();
        let names: Vec<usize> = (0..tokens.len())
            .filter(|&index| matches!(tokens[index], "a" | "b" | "c" | "x" | "t" | "t.b" | "f" | "=" | "<" | ">" | "+" | "<>" | "LIKE"))
            .collect();
        let index = names[pick.index(names.len())];
        changed[index] = match tokens[index] {
            "=" | "<" | ">" | "<>" => "<=",
            "+" => "*",
            "LIKE" => "NOT LIKE",
            _ => "other",
        };
        let (one, other) = (fill(&tokens, &literal), fill(&changed, &literal));
        prop_assert_ne!(fingerprint(dialect, &one), fingerprint(dialect, &other), "{}\n{}", one, other);
    }

    #[test]
    fn no_literal_gets_out(tokens in query(), cut in any::<prop::sample::Index>(), dialect in dialects()) {
        let secrets = ["'sekrit'", "'it''sekrit'", "7777.5", "0x7777", "x'77'", "'a -- 7777'"].map(str::to_owned);
        let text = fill(&tokens, &secrets);
        for text in [&text[..], &text[..cut.index(text.len() + 1)]] {
            let normalized = normalized(dialect, text);
            prop_assert!(!normalized.contains("sekrit") && !normalized.contains("sek") && !normalized.contains('7'), "{}\n{}", text, normalized);
        }
    }
}

/// Inputs that cost more than their length where brackets, quotes or comments are looked for again and again. With
/// anything worse than linear time this test does not end.
#[test]
fn a_megabyte_of_anything_is_read() {
    let shapes = [
        "(",
        ")",
        "((",
        "[",
        "'",
        "''",
        "\"",
        "`",
        "/*",
        "*/",
        "/*/",
        "/*!",
        "-- \n",
        "--",
        "$$",
        "$a$",
        "$",
        "IN (",
        "IN (1,",
        "VALUES (",
        "VALUES (1),(",
        "(1,",
        "ARRAY[",
        "ARRAY[1,",
        "a UNION ",
        "(a UNION ",
        "SELECT a UNION ALL ",
        "?",
        "?+",
        "...",
        "::",
        "@",
        "- ",
        "-1",
        "LIMIT ? ",
        "OFFSET ? ",
        "ORDER BY 1,",
        "SET a=",
        "NULLS LAST ",
        "CAST(",
        "\\",
        "\n",
        "\u{e9}",
        "E'\\",
        "'a'\n",
        "IN (1,'a', b),",
        "FROM a,",
        "WITH a AS (",
        "CASE ",
        "1e",
        ";",
    ];
    for dialect in BOTH {
        let mut analyzer = analyzer(dialect);
        for shape in shapes {
            let text = shape.repeat((1 << 20) / shape.len());
            let fingerprint = analyzer.fingerprint(text.as_bytes());
            assert_eq!(
                analyzer.analyze(text.as_bytes()).fingerprint,
                fingerprint,
                "{shape}"
            );
        }
    }
}
