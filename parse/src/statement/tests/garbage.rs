//! Texts nobody writes, found by fuzzing: what is printed of them has their fingerprint all the same.

use Dialect::{Mysql, Postgres};

use super::*;

#[test]
fn a_name_that_looks_like_a_constant_of_a_digest_keeps_quotes() {
    check(
        Mysql,
        &[
            ("select (unknown )", "SELECT (`unknown`)"),
            ("select (UNKNOWN)", "SELECT (`unknown`)"),
            ("select (`unknown`)", "SELECT (`unknown`)"),
            ("select (unknown)", "SELECT ?"),
            ("( _charset )", "(`_charset`)"),
            ("((_charset))", "(`_charset`)"),
            ("select (_charset) 'a'", "SELECT _charset ?"),
        ],
    );
    check(Postgres, &[("select (unknown )", "SELECT (unknown)")]);
}

#[test]
fn rows_inside_a_row_are_no_constant() {
    for dialect in BOTH {
        check(
            dialect,
            &[
                ("VALUES(VALUES(),", "VALUES (VALUES ()"),
                ("IN(VALUES(", "IN (VALUES"),
                ("(VALUES (1), (VALUES (1), ;)", "(VALUES (?+), (VALUES (?+);)"),
            ],
        );
    }
}

#[test]
fn signs_do_not_change_what_an_element_is() {
    for dialect in BOTH {
        check(dialect, &[("IN(-...", "IN (?+)")]);
    }
    check(Postgres, &[("IN(1::VALUES(", "IN (?::VALUES, ...)")]);
    check(Postgres, &[("IN(a VALUES-?", "IN (a VALUES ?, ...)")]);
}

#[test]
fn a_type_goes_before_a_literal_only() {
    for dialect in BOTH {
        check(
            dialect,
            &[("IN(1,a...", "IN (?, a ..."), ("IN(a?+)", "IN (a ?+)")],
        );
    }
}

#[test]
fn an_element_that_was_cut_dresses_no_list() {
    for dialect in BOTH {
        check(
            dialect,
            &[
                ("IN(1,1::a.", "IN (?+)"),
                ("IN(1,a''::", "IN (?+)"),
                ("IN(1::a,2::a", "IN (?::a, ...)"),
                ("IN(1::a,2::a,", "IN (?::a, ...)"),
                ("ARRAY[[1],[1],", "ARRAY[[?+], ...]"),
            ],
        );
    }
}

#[test]
fn an_escape_character_changes_nothing_about_its_element() {
    check(
        Postgres,
        &[
            ("a IN (U&'x' UESCAPE '!', 'b')", "a IN (?+)"),
            ("IN(1UESCAPE 1", "IN (?+)"),
            ("IN(1 UESCAPE -1", "IN (? uescape - ?"),
            (r#"IN(U&"A b" UESCAPE '!' 1"#, r#"IN ("A b" ?, ...)"#),
        ],
    );
}

#[test]
fn lists_inside_statements_about_transactions_keep_their_commas() {
    check(
        Mysql,
        &[
            ("XA IN(a'", "XA IN (a ?, ...)"),
            ("xa start 'a', 'b', 1", "XA START ?"),
        ],
    );
}

#[test]
fn a_name_of_digits_after_a_word_stays_one() {
    check(
        Mysql,
        &[
            ("`conversion`.1a", "conversion. 1a"),
            ("`offset`.1a", "`offset`.1a"),
            ("limit .1", "LIMIT ?"),
        ],
    );
}

#[test]
fn nulls_without_an_operand_before_is_a_name() {
    check(
        Postgres,
        &[
            ("ORDER BY NULLS LAST?a", "ORDER BY NULLS LAST ? a"),
            ("select a order by b nulls last", "SELECT a ORDER BY b"),
        ],
    );
}

#[test]
fn a_value_takes_its_clauses_with_it() {
    check(
        Mysql,
        &[
            ("SET ZONE.a UNION for UNION", "SET zone ? FOR UNION"),
            ("SET a=b UNION c,d=e UNION f UNION f", "SET a = ?, d = ?"),
            (
                "SET a=ON DUPLICATE,b=(VALUES(1),(2))",
                "SET a = ?, b = (VALUES (?+))",
            ),
        ],
    );
}
