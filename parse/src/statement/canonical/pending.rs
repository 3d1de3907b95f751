//! Tokens whose meaning depends on the next one: `?` of PostgreSQL, the number of an output column.
//!
//! They are written at once as what they most likely are, and taken back if the next token says otherwise.

use super::super::dialect::Dialect;
use super::super::form::{Kind, Token, flag};
use super::super::keyword::{Keyword, Traits};
use super::{Canonical, Place, frame};

/// Greater numbers after `ORDER BY` are no output column: a server allows no more of them.
const ORDINAL_MAX: u32 = 1664;

/// A token that waits for the next one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    Nothing,
    /// `?` of PostgreSQL where no operand was expected: an operator if an operand follows.
    Question,
    /// A number that is an output column unless an operator follows.
    Ordinal,
}

impl Canonical {
    /// An integer in decimal digits.
    pub(in super::super) fn integer(&mut self, text: &[u8], place: Place) {
        self.settle(Kind::Param, Keyword::None);
        if self.top.flags & (frame::ORDER | frame::GROUP) == 0 || !self.is_ordinal(text, place) {
            return self.constant(place);
        }
        self.form.ordinal(
            &text[place.start..place.end],
            place.token(Kind::Ordinal, Keyword::None, 0),
        );
        self.pending = Pending::Ordinal;
        self.after_operand();
    }

    /// `?` of PostgreSQL where no operand is expected.
    pub(in super::super) fn question(&mut self, place: Place) {
        self.settle(Kind::Operator, Keyword::None);
        self.form
            .operator(b"?", place.token(Kind::Operator, Keyword::None, 0));
        self.pending = Pending::Question;
        self.operand = true;
        self.literal = false;
    }

    /// Decides about a token that waits for the next, which is `kind`.
    #[inline]
    pub(super) fn settle(&mut self, kind: Kind, keyword: Keyword) {
        if self.pending != Pending::Nothing {
            self.settle_pending(kind, keyword);
        }
    }

    #[cold]
    fn settle_pending(&mut self, kind: Kind, keyword: Keyword) {
        let pending = std::mem::replace(&mut self.pending, Pending::Nothing);
        let token = self.form.last();
        match pending {
            Pending::Question if starts_operand(kind, keyword, self.dialect) => self.hook_operator(false),
            Pending::Ordinal if !continues_operand(kind, keyword) => {}
            Pending::Nothing => {}
            _ => {
                let flags = if pending == Pending::Question {
                    flag::UNEXPECTED
                } else {
                    0
                };
                self.form.pop(1);
                self.hook(Kind::Param, Keyword::None);
                self.form.mark(Token {
                    kind: Kind::Param,
                    flags,
                    ..token
                });
                self.after_operand();
            }
        }
    }

    fn is_ordinal(&self, text: &[u8], place: Place) -> bool {
        let digits = str::from_utf8(&text[place.start..place.end]);
        let number: Option<u32> = digits.ok().and_then(|digits| digits.parse().ok());
        let last = self.form.last();
        self.dialect == Dialect::Postgres
            && number.is_some_and(|number| number <= ORDINAL_MAX)
            && self.top.flags & frame::QUERY != 0
            && (last.kind == Kind::Comma || last.keyword == Keyword::By)
    }
}

/// Whether a token can only begin an operand, so that a `?` before it is an operator.
pub(in super::super) fn starts_operand(kind: Kind, keyword: Keyword, dialect: Dialect) -> bool {
    let word = |traits: Traits| {
        if traits.reserved(dialect) {
            traits.starts_operand()
        } else {
            !traits.operand_follows(dialect)
        }
    };
    match kind {
        Kind::Param | Kind::List | Kind::Quoted | Kind::Variable | Kind::Open => true,
        Kind::Word => word(keyword.traits()),
        _ => false,
    }
}

/// Whether a token makes more of a number before it than an output column.
fn continues_operand(kind: Kind, keyword: Keyword) -> bool {
    match kind {
        Kind::Word => matches!(
            keyword,
            Keyword::And
                | Keyword::Or
                | Keyword::Is
                | Keyword::In
                | Keyword::Not
                | Keyword::Like
                | Keyword::Collate
        ),
        Kind::Nothing | Kind::Quoted | Kind::Comma | Kind::Close | Kind::Semicolon => false,
        _ => true,
    }
}
