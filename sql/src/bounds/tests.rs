//! Statements that are too much, and those that are not.

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::ALL_KEYWORDS;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Tokenizer;

use super::text::{Kind, kind};
use super::*;

#[track_caller]
fn check(sql: &str, expected: Result<(), &str>) {
    let found = check_text(sql).and_then(|()| {
        let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap();
        check_statement(&AnyStatement::Statement(Box::new(statements.remove(0))))
    });
    assert_eq!(
        found.map_err(|error| error.to_string()),
        expected.map_err(str::to_owned)
    );
}

/// Expressions of which each uses the one before so many times.
fn chain(length: usize, uses: usize) -> String {
    let uses = |i: usize| {
        let tables: Vec<String> = (0..uses).map(|j| format!("t{i} x{j}")).collect();
        tables.join(", ")
    };
    let steps = (1..length).map(|i| format!(", t{i} AS (SELECT 1 FROM {})", uses(i - 1)));
    format!(
        "WITH t0 AS (SELECT 1 FROM a){} SELECT * FROM t{}",
        steps.collect::<String>(),
        length - 1
    )
}

#[test]
fn statements_have_their_size() {
    check("SELECT 1 + 2", Ok(()));
    check(&chain(100, 1), Ok(()));
    check(&chain(9, 2), Ok(()));
    check(
        &chain(40, 2),
        Err("a statement that reads tables more than 1000 times"),
    );
    check(
        &chain(7, 4),
        Err("a statement that reads tables more than 1000 times"),
    );
    let nested = format!("SELECT * FROM ({}) x, ({}) y", chain(10, 2), chain(10, 2));
    check(&nested, Err("a statement that reads tables more than 1000 times"));
    let sum = format!("SELECT 1{}", " + 1".repeat(2_001));
    check(&sum, Err("a statement with 2001 operators; 2000 are the most"));
    let list = format!("SELECT 1 WHERE a IN (1{})", ", -1".repeat(1_500));
    check(&list, Ok(()));
    let text = format!("SELECT '{}'", "-".repeat(3_000));
    check(&text, Ok(()));
}

#[test]
fn tables_are_counted_whatever_they_are() {
    let too_many = Err("a statement that reads tables more than 1000 times");
    for table in [
        "a",
        "(SELECT 1) t",
        "(VALUES (1)) t",
        "UNNEST(b) t",
        "LATERAL f(1) t",
    ] {
        let list = |n: usize| format!("SELECT 1 FROM {}", vec![table; n].join(", "));
        check(&list(500), Ok(()));
        check(&list(1_001), too_many);
    }
    let subqueries = |n: usize| format!("SELECT {}", vec!["(SELECT 1)"; n].join(", "));
    check(&subqueries(500), Ok(()));
    check(&subqueries(1_001), too_many);
}

#[test]
fn a_name_with_quotes_in_it_is_the_same_name() {
    let too_many = Err("a statement that reads tables more than 1000 times");
    for name in ["a0", "\"a0\"", "\"a\"\"0\"", "\"\"\"a\"", "\"A.b\"", "\"a b\""] {
        let steps: String = (0..11)
            .map(|i| {
                let (this, before) = (quoted(name, i + 1), quoted(name, i));
                format!(", {this} AS (SELECT 1 FROM {before} x, {before} y)")
            })
            .collect();
        let first = quoted(name, 0);
        let sql = format!(
            "WITH {first} AS (SELECT 1 FROM a){steps} SELECT 1 FROM {}",
            quoted(name, 11)
        );
        check(&sql, too_many);
    }
}

/// A name with a number at its end.
fn quoted(name: &str, i: usize) -> String {
    match name.strip_suffix('"') {
        Some(open) => format!("{open}{i}\""),
        None => format!("{name}{i}"),
    }
}

#[track_caller]
fn check_steps(start: &str, step: &str, end: &str) {
    let sql = format!("{start}{}{end}", step.repeat(2_001));
    let refused = check_text(&sql).expect_err(step).to_string();
    assert!(refused.ends_with(" are the most"), "{refused}");
}

#[test]
fn whatever_nests_without_end_is_counted() {
    for step in [
        " XOR true",
        " NOTNULL",
        " OVERLAPS 1",
        " REGEXP 'a'",
        " RLIKE 'a'",
        " MATCH 1",
        " MEMBER OF (1)",
        " OPERATOR(+) 1",
        " DIV 1",
        " SIMILAR TO 'a'",
        " AT TIME ZONE 'a'",
        " COLLATE c",
        "[1]",
        "::int",
        "::int[]",
        " MINUS SELECT 1",
    ] {
        check_steps("SELECT 1", step, "");
    }
    check_steps("SELECT 1::int", "[]", "");
    check_steps("SELECT 1 FROM a", " PIVOT (count(b) FOR c IN (1)) AS p", "");
    check_steps("SELECT 1 FROM a", " UNPIVOT (b FOR c IN (d)) AS p", "");
    check_steps("SELECT 1 FROM a", " CROSS APPLY b", "");
    check_steps("SELECT 1 FROM a", " STRAIGHT_JOIN b", "");
    check_steps("", "EXPLAIN ", "SELECT 1");
    check_steps("SELECT CAST(1 AS ", "ARRAY<", "int");
}

#[test]
fn what_is_read_again_and_again_is_refused() {
    for function in [
        "floor(",
        "cast(",
        "case(",
        "not(",
        "substring(",
        "position(",
        "f(",
        "a.f(",
        "ARRAY[",
    ] {
        let close = if function.ends_with('[') { "]" } else { ")" };
        let deep = |n: usize| format!("SELECT {}1{}", function.repeat(n), close.repeat(n));
        check_text(&deep(5)).expect(function);
        let refused = check_text(&deep(24)).expect_err(function).to_string();
        assert_eq!(
            refused,
            "a statement with functions or brackets too deep in each other"
        );
    }
    let list = format!("SELECT 1 WHERE a IN (coalesce(b, 1){})", ", 1".repeat(100_000));
    check_text(&list).expect("a long list");
    let parentheses = format!("SELECT {}1{}", "(".repeat(40), ")".repeat(40));
    check_text(&parentheses).expect("parentheses are read once");
}

/// How deep the expressions and tables of a statement are.
#[derive(Default)]
struct Depth {
    now: usize,
    most: usize,
}

impl Depth {
    fn down(&mut self) -> ControlFlow<()> {
        self.now += 1;
        self.most = self.most.max(self.now);
        ControlFlow::Continue(())
    }

    fn up(&mut self) -> ControlFlow<()> {
        self.now -= 1;
        ControlFlow::Continue(())
    }
}

impl Visitor for Depth {
    type Break = ();

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.down()
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.up()
    }

    fn pre_visit_table_factor(&mut self, _: &TableFactor) -> ControlFlow<()> {
        self.down()
    }

    fn post_visit_table_factor(&mut self, _: &TableFactor) -> ControlFlow<()> {
        self.up()
    }
}

/// Another version of the parser may have more: none of its keywords nests beyond what it counts itself unless it is counted here.
#[test]
fn no_keyword_nests_uncounted() {
    const TIMES: usize = 60;
    let mut found = 0;
    for keyword in ALL_KEYWORDS {
        for (start, step) in [
            ("SELECT 1", format!(" {keyword}")),
            ("SELECT 1", format!(" {keyword} 'a'")),
            ("SELECT 1", format!(" {keyword} NULL")),
            ("SELECT 1", format!(" {keyword} OF (1)")),
            ("SELECT 1", format!(" {keyword}(+) 1")),
            ("SELECT 1", format!(" {keyword} (1)")),
            ("SELECT 1 FROM a", format!(" {keyword} b")),
            ("SELECT 1 FROM a", format!(" {keyword} (count(b) FOR c IN (1))")),
            ("SELECT 1 FROM a", format!(" {keyword} (b FOR c IN (d))")),
        ] {
            let sql = format!("{start}{}", step.repeat(TIMES));
            let Ok(statements) = Parser::parse_sql(&PostgreSqlDialect {}, &sql) else {
                continue;
            };
            let mut depth = Depth::default();
            let _ = statements.visit(&mut depth);
            if depth.most >= TIMES {
                found += 1;
                let tokens = Tokenizer::new(&PostgreSqlDialect {}, &step).tokenize().unwrap();
                assert!(
                    tokens.iter().any(|token| kind(token, None) != Kind::Flat),
                    "{sql}"
                );
            }
        }
    }
    assert!(found >= 10, "only {found} that nest: the test does not see them");
}
