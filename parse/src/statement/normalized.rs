//! The canonical form as one readable line of SQL.
//!
//! Prints tokens only: literals are `?` long before. What it prints reads back as the same canonical form.

use super::canonical::starts_operand;
use super::dialect::Dialect;
use super::form::{Form, Kind, Token, flag, unquoted};
use super::keyword::Keyword;
use super::lexer::{DIGEST_CHARSET, DIGEST_HEXADECIMAL};

/// Writes the normalized text of a form over a padded text.
pub(super) fn print(form: &Form, text: &[u8], dialect: Dialect, out: &mut Vec<u8>) {
    out.clear();
    let mut before = Token::NOTHING;
    for (index, token) in form.tokens.iter().enumerate() {
        let next = form.tokens.get(index + 1).copied().unwrap_or(Token::NOTHING);
        let label =
            before.kind == Kind::Word && token.kind == Kind::Operator && form.spelling(text, token) == b":";
        let digits = before.kind == Kind::Dot && is_number_like(form, text, index);
        if index > 0 && !label && (digits || is_spaced(&before, token, dialect)) {
            out.push(b' ');
        }
        let printer = Printer {
            form,
            text,
            dialect,
            before,
            next,
            index,
        };
        printer.token(token, out);
        before = *token;
    }
}

struct Printer<'a> {
    form: &'a Form,
    text: &'a [u8],
    dialect: Dialect,
    before: Token,
    next: Token,
    /// Of the token between `before` and `next`.
    index: usize,
}

impl Printer<'_> {
    fn token(&self, token: &Token, out: &mut Vec<u8>) {
        let spelling = self.form.spelling(self.text, token);
        match token.kind {
            Kind::Nothing => {}
            Kind::Word if token.has(flag::KEEP_QUOTES) => self.quoted(token, spelling, out),
            Kind::Word if token.keyword != Keyword::None => {
                let word = token.keyword.text().as_bytes();
                if self.is_digest_constant(word) {
                    self.quoted(token, word, out);
                } else {
                    self.keyword(token.keyword, out);
                }
            }
            Kind::Word if self.is_digest_constant(spelling) => self.quoted(token, spelling, out),
            Kind::Word => out.extend(spelling.iter().map(u8::to_ascii_lowercase)),
            Kind::Quoted => self.quoted(token, spelling, out),
            Kind::Variable => out.extend(spelling.iter().map(u8::to_ascii_lowercase)),
            Kind::Operator if spelling == b"!=" => out.extend(b"<>"),
            Kind::Operator | Kind::Ordinal => out.extend(spelling),
            Kind::Param if self.is_ambiguous(token) => out.extend(b"$1"),
            Kind::Param => out.push(b'?'),
            Kind::List => out.extend(b"?+"),
            Kind::More => out.extend(b"..."),
            Kind::Open => out.push(b'('),
            Kind::Close => out.push(b')'),
            Kind::OpenSquare => out.push(b'['),
            Kind::CloseSquare => out.push(b']'),
            Kind::Comma => out.push(b','),
            Kind::Semicolon => out.push(b';'),
            Kind::Dot => out.push(b'.'),
            Kind::Cast => out.extend(b"::"),
        }
    }

    fn keyword(&self, keyword: Keyword, out: &mut Vec<u8>) {
        let traits = keyword.traits();
        let qualified =
            !traits.reserved(self.dialect) && (self.before.kind == Kind::Dot || self.next.kind == Kind::Dot);
        let clause = matches!(keyword, Keyword::First | Keyword::Last | Keyword::Next)
            && matches!(self.before.keyword, Keyword::Nulls | Keyword::Fetch);
        if clause || traits.upper_case(self.dialect) && !qualified {
            out.extend(keyword.text().bytes().map(|byte| byte.to_ascii_uppercase()));
        } else {
            out.extend(keyword.text().bytes());
        }
    }

    fn quoted(&self, token: &Token, spelling: &[u8], out: &mut Vec<u8>) {
        let quote = if self.dialect == Dialect::Postgres {
            b'"'
        } else {
            b'`'
        };
        let was = if token.has(flag::MASKED) || token.start == 0 {
            0
        } else {
            self.text[token.start as usize - 1]
        };
        out.push(quote);
        for byte in unquoted(spelling, was) {
            out.push(if self.dialect == Dialect::Mysql {
                byte.to_ascii_lowercase()
            } else {
                byte
            });
            if byte == quote {
                out.push(quote);
            }
        }
        out.push(quote);
    }

    /// A word alone in a bracket that would be read as what digests put for a constant.
    fn is_digest_constant(&self, word: &[u8]) -> bool {
        if self.dialect == Dialect::Postgres
            || (self.before.kind, self.next.kind) != (Kind::Open, Kind::Close)
        {
            return false;
        }
        let spells = |constant: &[u8]| constant[1..constant.len() - 1].eq_ignore_ascii_case(word);
        // An argument is where no operand of its own is expected.
        let called = self.index >= 2 && is_read_as_name(self.form, self.text, self.index - 2);
        spells(DIGEST_CHARSET) || spells(DIGEST_HEXADECIMAL) && !called
    }

    /// A `?` here would be read as an operator.
    fn is_ambiguous(&self, token: &Token) -> bool {
        self.dialect == Dialect::Postgres
            && token.has(flag::UNEXPECTED)
            && (starts_operand(self.next.kind, self.next.keyword, self.dialect) || self.next_asks())
    }

    /// The next token is an operator that begins like a placeholder.
    fn next_asks(&self) -> bool {
        self.next.kind == Kind::Operator && self.form.spelling(self.text, &self.next).starts_with(b"?")
    }
}

/// A name behind a dot that together would be a number: `.1a` of MySQL, unless a name is before the dot.
fn is_number_like(form: &Form, text: &[u8], index: usize) -> bool {
    let token = &form.tokens[index];
    let qualified = index >= 2 && is_read_as_name(form, text, index - 2);
    token.kind == Kind::Word
        && !qualified
        && form.spelling(text, token).first().is_some_and(u8::is_ascii_digit)
}

/// A name that is printed as no keyword.
fn is_read_as_name(form: &Form, text: &[u8], index: usize) -> bool {
    let token = &form.tokens[index];
    match token.kind {
        Kind::Quoted => true,
        Kind::Word if token.has(flag::KEEP_QUOTES) => true,
        Kind::Word => {
            token.keyword == Keyword::None && Keyword::of(form.spelling(text, token)) == Keyword::None
        }
        _ => false,
    }
}

/// Whether a space goes between two tokens.
fn is_spaced(before: &Token, token: &Token, dialect: Dialect) -> bool {
    match (before.kind, token.kind) {
        // Without a space these would be read as other tokens.
        (Kind::Dot, Kind::Dot | Kind::More) | (Kind::Cast | Kind::Operator, Kind::Cast) => true,
        (Kind::Dot | Kind::Cast, _) => false,
        (_, Kind::Comma | Kind::Semicolon | Kind::Close | Kind::CloseSquare | Kind::Cast) => false,
        (
            Kind::Word | Kind::Quoted | Kind::Variable | Kind::Param | Kind::Close | Kind::CloseSquare,
            Kind::Dot,
        ) => false,
        (Kind::Open | Kind::OpenSquare, _) => false,
        (Kind::Word, Kind::Open | Kind::OpenSquare) => is_spaced_word(before.keyword, token.kind, dialect),
        (Kind::Quoted, Kind::Open | Kind::OpenSquare) => false,
        (Kind::Close | Kind::CloseSquare | Kind::Param, Kind::OpenSquare) => false,
        _ => true,
    }
}

/// A bracket after a keyword stands apart, after a function's name it does not.
fn is_spaced_word(keyword: Keyword, bracket: Kind, dialect: Dialect) -> bool {
    use Keyword as K;
    let like_function = matches!(
        keyword,
        K::None
            | K::Array
            | K::Cast
            | K::Coalesce
            | K::Extract
            | K::Greatest
            | K::Least
            | K::Nullif
            | K::If
            | K::Left
            | K::Right
            | K::Replace
            | K::Insert
            | K::Row
            | K::Char
            | K::Date
            | K::Time
            | K::Timestamp
            | K::Convert
            | K::Mod
            | K::Repeat
            | K::Database
            | K::Schema
            | K::Grouping
            | K::Int
            | K::Integer
            | K::Bigint
            | K::Smallint
            | K::Tinyint
            | K::Mediumint
            | K::Decimal
            | K::Numeric
            | K::Float
            | K::Double
            | K::Varchar
            | K::Varbinary
            | K::Binary
    );
    let type_name = !keyword.traits().upper_case(dialect);
    bracket == Kind::Open && !like_function && !type_name
}
