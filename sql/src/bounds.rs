//! What a statement may be before anybody has looked into it: so large, so deep, a plan of so many steps. Planning is not interrupted by a
//! timeout, so that it must not be able to take for ever. Refuses only; changes nothing.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as AnyStatement;
use datafusion::sql::sqlparser::ast::{ObjectName, Query, Visit, Visitor};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::SqlError;

/// The longest text of a statement, bytes.
const STATEMENT_BYTES_MAX: usize = 1 << 20;
/// The most operators in a statement: each is one more step into the depth for all that walks through it.
const OPERATORS_MAX: usize = 2_000;
/// The most steps of a plan.
const STEPS_MAX: usize = 20_000;
/// The most tables of a statement, when everything that is named is put where its name stands: common table expressions that use each other twice
/// double them each time.
const TABLES_MAX: u64 = 1_000;

/// Looks at the text of a statement.
///
/// # Errors
/// [`SqlError::TooLarge`]
pub(crate) fn check_text(sql: &str) -> Result<(), SqlError> {
    if sql.len() > STATEMENT_BYTES_MAX {
        let what = format!(
            "a statement of {} bytes; {STATEMENT_BYTES_MAX} are the most",
            sql.len()
        );
        return Err(SqlError::TooLarge { what });
    }
    // What is no sequence of tokens is for the parser to say.
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql)
        .tokenize()
        .unwrap_or_default();
    let n_operators = tokens.iter().filter(|token| is_operator(token)).count();
    if n_operators > OPERATORS_MAX {
        let what = format!("a statement with {n_operators} operators; {OPERATORS_MAX} are the most");
        return Err(SqlError::TooLarge { what });
    }
    Ok(())
}

/// Looks at what a statement would read if each of its names were written out.
///
/// # Errors
/// [`SqlError::TooLarge`]
pub(crate) fn check_statement(statement: &AnyStatement) -> Result<(), SqlError> {
    let mut tables = Tables::default();
    let _ = match statement {
        AnyStatement::Statement(statement) => statement.visit(&mut tables),
        AnyStatement::Explain(explain) => return check_statement(&explain.statement),
        _ => return Ok(()),
    };
    if tables.most > TABLES_MAX {
        let what = format!("a statement that reads tables more than {TABLES_MAX} times");
        return Err(SqlError::TooLarge { what });
    }
    Ok(())
}

/// Counts tables, those of common table expressions wherever their names stand.
#[derive(Default)]
struct Tables {
    /// What the queries that are being looked at have so far, the innermost last.
    open: Vec<u64>,
    /// The names of common table expressions, by the place of their queries.
    names: HashMap<*const Query, String>,
    /// What they have. A name that is there twice has the larger.
    named: HashMap<String, u64>,
    most: u64,
}

impl Tables {
    fn add(&mut self, n: u64) {
        if let Some(open) = self.open.last_mut() {
            *open = open.saturating_add(n);
            self.most = self.most.max(*open);
        }
    }
}

impl Visitor for Tables {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let name = cte.alias.name.value.to_lowercase();
            self.names.insert(std::ptr::from_ref(cte.query.as_ref()), name);
        }
        self.open.push(0);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let n = self.open.pop().unwrap_or(0);
        match self.names.remove(&std::ptr::from_ref(query)) {
            Some(name) => {
                let known = self.named.entry(name).or_default();
                *known = n.max(*known);
            }
            None => self.add(n),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let name = relation.to_string().to_lowercase();
        let n = self.named.get(name.trim_matches('"')).copied().unwrap_or(0);
        self.add(n.max(1));
        ControlFlow::Continue(())
    }
}

/// Looks at a plan, at most so far as it may go.
///
/// # Errors
/// [`SqlError::TooLarge`]
pub(crate) fn check_plan(plan: &LogicalPlan) -> Result<(), SqlError> {
    let mut n_steps = 0;
    let walked = plan.apply_with_subqueries(|_| {
        n_steps += 1;
        Ok::<_, DataFusionError>(match n_steps > STEPS_MAX {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    });
    if walked.is_err() || n_steps > STEPS_MAX {
        let what = format!("a statement whose plan has more than {STEPS_MAX} steps");
        return Err(SqlError::TooLarge { what });
    }
    Ok(())
}

/// Whether what is behind a token goes deeper than what is in front of it.
fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::IS
                | Keyword::IN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::BETWEEN
                | Keyword::SIMILAR
                | Keyword::AT
                | Keyword::COLLATE
                | Keyword::CASE
                | Keyword::UNION
                | Keyword::EXCEPT
                | Keyword::INTERSECT
                | Keyword::JOIN
        ),
        Token::Number(..)
        | Token::Comma
        | Token::Whitespace(_)
        | Token::SemiColon
        | Token::Period
        | Token::RParen
        | Token::RBracket
        | Token::RBrace
        | Token::Placeholder(_)
        | Token::EOF => false,
        Token::LParen | Token::LBracket | Token::LBrace => false,
        token => !matches!(
            token,
            Token::SingleQuotedString(_)
                | Token::EscapedStringLiteral(_)
                | Token::DollarQuotedString(_)
                | Token::NationalStringLiteral(_)
                | Token::UnicodeStringLiteral(_)
                | Token::HexStringLiteral(_)
        ),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::parser::Parser;

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
}
