//! What a statement may be before anybody has looked into it: so large, so deep, a plan of so many steps. Planning is not interrupted by a
//! timeout, so that it must not be able to take for ever. Refuses only; changes nothing.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::SqlError;

/// The longest text of a statement, bytes.
const STATEMENT_BYTES_MAX: usize = 1 << 20;
/// The most operators in a statement: each is one more step into the depth for all that walks through it.
const OPERATORS_MAX: usize = 2_000;
/// The most steps of a plan: common table expressions that use each other twice double it each time.
const STEPS_MAX: usize = 20_000;

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
