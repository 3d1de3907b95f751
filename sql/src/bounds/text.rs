//! What the text of a statement may be: looked at by its tokens, before a parser has seen it. A parser that has made a tree too deep cannot even
//! drop it. Knows no grammar beyond what makes the parser go deep, or read the same again.

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::SqlError;

/// The longest text of a statement, bytes.
const STATEMENT_BYTES_MAX: usize = 1 << 20;
/// The most operators in a statement: each is one more step into the depth for all that walks through it.
const OPERATORS_MAX: usize = 2_000;
/// The most joins, set operations, brackets and the like: what is one deeper by them takes more of the stack than an operator does.
const LEVELS_MAX: usize = 400;
/// The most tokens that the parser reads, those again that it reads again.
const READINGS_MAX: u64 = 4_000_000;

/// Looks at the text of a statement.
///
/// # Errors
/// [`SqlError::TooLarge`]
pub(crate) fn check_text(sql: &str) -> Result<(), SqlError> {
    let refused = |what: String| Err(SqlError::TooLarge { what });
    if sql.len() > STATEMENT_BYTES_MAX {
        return refused(format!(
            "a statement of {} bytes; {STATEMENT_BYTES_MAX} are the most",
            sql.len()
        ));
    }
    // What is no sequence of tokens is for the parser to say.
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql)
        .tokenize()
        .unwrap_or_default();
    let mut counts = Counts::default();
    for token in &tokens {
        counts.add(token);
    }
    if counts.operators > OPERATORS_MAX {
        return refused(format!(
            "a statement with {} operators; {OPERATORS_MAX} are the most",
            counts.operators
        ));
    }
    if counts.levels > LEVELS_MAX {
        return refused(format!(
            "a statement with {} joins, unions, brackets and the like; {LEVELS_MAX} are the most",
            counts.levels
        ));
    }
    if counts.readings > READINGS_MAX {
        return refused("a statement with functions or brackets too deep in each other".to_owned());
    }
    Ok(())
}

/// What tokens come to.
#[derive(Default)]
struct Counts<'a> {
    operators: usize,
    levels: usize,
    readings: u64,
    /// How often the parser may read what is in the brackets that are open, the innermost last.
    open: Vec<u64>,
    before: Option<&'a Token>,
}

impl<'a> Counts<'a> {
    fn add(&mut self, token: &'a Token) {
        if matches!(token, Token::Whitespace(_)) {
            return;
        }
        match kind(token, self.before) {
            Kind::Flat => {}
            Kind::Operator => self.operators += 1,
            Kind::Level => self.levels += 1,
        }
        let times = self.open.last().copied().unwrap_or(1);
        self.readings = self.readings.saturating_add(times);
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                self.open.push(times.saturating_mul(readings(self.before)));
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                self.open.pop();
            }
            _ => {}
        }
        self.before = Some(token);
    }
}

/// What a token can do to the depth of what is parsed. Only what the parser's loops nest leftwards without counting, however flat it is written:
/// what it parses by recursion it counts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Flat,
    Operator,
    Level,
}

pub(super) fn kind(token: &Token, before: Option<&Token>) -> Kind {
    match token {
        Token::Word(word) => kind_of_keyword(word.keyword),
        // Subscripts, and lists of types.
        Token::LBracket => Kind::Level,
        Token::Lt if is_keyword(before, Keyword::ARRAY) => Kind::Level,
        Token::Number(..)
        | Token::Comma
        | Token::Whitespace(_)
        | Token::SemiColon
        | Token::Period
        | Token::LParen
        | Token::RParen
        | Token::RBracket
        | Token::LBrace
        | Token::RBrace
        | Token::Placeholder(_)
        | Token::SingleQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::DollarQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::EOF => Kind::Flat,
        // Those that there are, and those that are to come.
        _ => Kind::Operator,
    }
}

fn kind_of_keyword(keyword: Keyword) -> Kind {
    match keyword {
        // The parser's table of precedences, and what it has beside it.
        Keyword::AND
        | Keyword::OR
        | Keyword::XOR
        | Keyword::NOT
        | Keyword::NOTNULL
        | Keyword::IS
        | Keyword::IN
        | Keyword::LIKE
        | Keyword::ILIKE
        | Keyword::RLIKE
        | Keyword::REGEXP
        | Keyword::MATCH
        | Keyword::SIMILAR
        | Keyword::MEMBER
        | Keyword::BETWEEN
        | Keyword::OVERLAPS
        | Keyword::OPERATOR
        | Keyword::DIV
        | Keyword::AT
        | Keyword::COLLATE
        | Keyword::CASE => Kind::Operator,
        // Queries, tables, and statements in statements.
        Keyword::UNION
        | Keyword::EXCEPT
        | Keyword::INTERSECT
        | Keyword::MINUS
        | Keyword::JOIN
        | Keyword::STRAIGHT_JOIN
        | Keyword::APPLY
        | Keyword::PIVOT
        | Keyword::UNPIVOT
        | Keyword::EXPLAIN => Kind::Level,
        _ => Kind::Flat,
    }
}

/// How often the parser reads what is in a bracket behind a token, at most: it reads the argument of a function first as a name of one, and what
/// has a grammar of its own again as a call when that grammar does not fit. Measured: each deeper one multiplies its time by so much.
fn readings(before: Option<&Token>) -> u64 {
    let Some(Token::Word(word)) = before else {
        return 1;
    };
    match word.keyword {
        Keyword::POSITION => 5,
        Keyword::ARRAY
        | Keyword::CASE
        | Keyword::CAST
        | Keyword::CEIL
        | Keyword::CONVERT
        | Keyword::EXISTS
        | Keyword::EXTRACT
        | Keyword::FLOOR
        | Keyword::INTERVAL
        | Keyword::MATCH
        | Keyword::NOT
        | Keyword::OVERLAY
        | Keyword::SAFE_CAST
        | Keyword::SUBSTR
        | Keyword::SUBSTRING
        | Keyword::TRIM
        | Keyword::TRY_CAST
        | Keyword::TRY_CONVERT => 3,
        _ => 2,
    }
}

fn is_keyword(token: Option<&Token>, keyword: Keyword) -> bool {
    matches!(token, Some(Token::Word(word)) if word.keyword == keyword)
}
