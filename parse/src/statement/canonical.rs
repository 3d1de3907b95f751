//! The canonical rules: which of the tokens the lexer reads stay, which become a constant, which are dropped.
//!
//! One pass, with O(1) looks back at what was kept and no look ahead: a rule that needs what follows takes back what it
//! wrote. Never looks at the bytes of a literal. Names are in [`names`], lists of constants in [`lists`], clauses of a
//! query and special statements in [`clauses`].

mod clauses;
mod frame;
mod lists;
mod names;
mod pending;

use super::bytes::Head;
use super::dialect::{Dialect, Options};
use super::form::{Form, Kind, Token, flag};
use super::keyword::Keyword;
use clauses::Mode;
use frame::Frame;
use lists::{Element, FrameKind, Rows};
use pending::Pending;
pub(super) use pending::starts_operand;

/// Brackets nested deeper than this are kept as they are, without the rules that look inside brackets.
const DEPTH_MAX: usize = 1024;

/// Where a token is spelt in the padded text.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Place {
    #[inline]
    fn token(self, kind: Kind, keyword: Keyword, flags: u8) -> Token {
        Token {
            start: self.start as u32,
            end: self.end as u32,
            keyword,
            kind,
            flags,
            ..Token::NOTHING
        }
    }
}

/// The canonical form of one text, fed token by token.
pub(super) struct Canonical {
    pub(super) form: Form,
    /// The text ends inside a token or a list of constants.
    pub(super) truncated: bool,
    dialect: Dialect,
    collapse_unions: bool,
    /// An operand is expected next: a sign is part of a number, `?` a placeholder.
    operand: bool,
    /// A literal may come next although no operand is expected: after `DATE`.
    literal: bool,
    /// Some rule must see the next token before it is written: `top` follows its elements or its rows.
    hooked: bool,
    /// The last token's meaning depends on the next.
    pending: Pending,
    /// The last `NULLS` stands where an operand was expected: it is a name.
    names_nulls: bool,
    /// What kind of special statement this is.
    mode: Mode,
    /// The next name is one that varies: of a cursor, a savepoint.
    name_next: bool,
    /// `ON DUPLICATE KEY UPDATE` was read: `VALUES` is a function.
    on_duplicate: bool,
    /// The first token of the value of a `SET`; `NO_VALUE` outside.
    value: u32,
    /// The innermost bracket as it was before that value.
    before_value: Frame,
    /// The first token of the statement.
    statement: u32,
    outer: Vec<Frame>,
    top: Frame,
    /// Open brackets beyond `DEPTH_MAX`.
    untracked: u32,
}

/// No value of a `SET` is being read.
const NO_VALUE: u32 = u32::MAX;

impl Canonical {
    pub(super) fn new(options: &Options) -> Canonical {
        Canonical {
            form: Form::new(!options.is_postgres()),
            truncated: false,
            dialect: options.dialect,
            collapse_unions: options.collapse_unions,
            operand: true,
            literal: false,
            hooked: false,
            pending: Pending::Nothing,
            names_nulls: false,
            mode: Mode::Plain,
            name_next: false,
            on_duplicate: false,
            value: NO_VALUE,
            before_value: Frame::new(FrameKind::Plain, 0, 0),
            statement: 0,
            outer: Vec::new(),
            top: Frame::new(FrameKind::Plain, 0, 0),
            untracked: 0,
        }
    }

    /// Forgets everything, to begin a new text.
    pub(super) fn clear(&mut self) {
        self.form.clear();
        self.truncated = false;
        self.pending = Pending::Nothing;
        self.begin_statement();
    }

    /// Ends the text.
    pub(super) fn finish(&mut self) {
        self.settle(Kind::Nothing, Keyword::None);
        self.end_statement();
        if self.form.last().kind == Kind::Semicolon {
            self.form.pop(1);
        }
    }

    /// An operand is expected next, or a literal may come.
    #[inline]
    pub(super) fn expects_literal(&self) -> bool {
        self.operand || self.literal || self.name_next
    }

    /// An operand is expected next.
    #[inline]
    pub(super) fn expects_operand(&self) -> bool {
        self.operand
    }

    /// The last token is a dot: a keyword after it is a name.
    #[inline]
    pub(super) fn after_dot(&self) -> bool {
        self.form.last().kind == Kind::Dot
    }

    /// The last token is a name that ends here.
    pub(super) fn after_name(&self, position: usize) -> bool {
        let last = self.form.last();
        last.is_name()
            && last.keyword == Keyword::None
            && (position - 1..=position).contains(&(last.end as usize))
    }

    /// Where the last token ends.
    pub(super) fn last_end(&self) -> usize {
        self.form.last().end as usize
    }

    /// The innermost bracket is a subscript: `:` inside is a slice.
    pub(super) fn in_subscript(&self) -> bool {
        self.top.kind == FrameKind::Subscript
    }

    /// The innermost bracket was just opened and may hold a list of constants. Its closing byte.
    #[inline]
    pub(super) fn list_begins(&self) -> Option<u8> {
        let begins = self.hooked && self.top.kind.is_collapsed() && self.untracked == 0;
        begins.then_some(if self.top.kind == FrameKind::Array {
            b']'
        } else {
            b')'
        })
    }

    /// The innermost bracket is a row of `VALUES`.
    pub(super) fn in_values(&self) -> bool {
        self.top.kind == FrameKind::Values
    }

    /// A word of the keyword table.
    #[inline]
    pub(super) fn keyword(&mut self, text: &[u8], head: Head, place: Place, keyword: Keyword) {
        self.settle(Kind::Word, keyword);
        if self.after_dot() {
            return self.name(text, head, place);
        }
        let traits = keyword.traits();
        let mut flags = 0;
        if traits.has_rule() || self.name_next {
            match self.rule(keyword, place) {
                Verdict::Keep => {}
                Verdict::Noise => flags = flag::NOISE,
                Verdict::Done => return,
            }
        }
        self.hook(Kind::Word, keyword);
        let token = place.token(Kind::Word, keyword, flags);
        if keyword == Keyword::To && self.sets_by_to() {
            self.form.equals(Token {
                flags: flag::EQUALS,
                ..token
            });
        } else if traits.is_synonym(self.dialect) && self.is_synonym_here(keyword) {
            self.form.synonym(token);
        } else {
            self.form.word(text, head, token);
        }
        self.after_keyword(keyword, traits);
    }

    /// A string, a number that cannot be an output column, NULL, TRUE, FALSE, a placeholder.
    #[inline]
    pub(super) fn constant(&mut self, place: Place) {
        self.constant_of(Kind::Param, place);
    }

    /// `?+`
    pub(super) fn list(&mut self, place: Place) {
        self.constant_of(Kind::List, place);
    }

    /// `...`
    pub(super) fn more(&mut self, place: Place) {
        self.constant_of(Kind::More, place);
    }

    /// Any operator, spelt as in the text.
    pub(super) fn operator(&mut self, text: &[u8], place: Place) {
        self.settle(Kind::Operator, Keyword::None);
        let spelling = &text[place.start..place.end];
        let sign =
            self.operand && matches!(spelling, b"+" | b"-") && self.form.last().keyword != Keyword::Uescape;
        if self.hooked {
            self.hook_operator(sign);
        }
        let everything = spelling == b"*" && (self.operand || self.after_dot());
        self.form.operator(
            spelling,
            place.token(Kind::Operator, Keyword::None, if sign { flag::SIGN } else { 0 }),
        );
        self.operand = !everything;
        self.literal = false;
        if self.mode == Mode::Set && matches!(spelling, b"=" | b":=") {
            self.begin_value();
        }
    }

    /// `,`
    #[inline]
    pub(super) fn comma(&mut self, place: Place) {
        self.settle(Kind::Comma, Keyword::None);
        self.hook(Kind::Comma, Keyword::None);
        if self.mode == Mode::Set && self.dialect == Dialect::Mysql {
            self.end_value();
        }
        self.form.mark(place.token(Kind::Comma, Keyword::None, 0));
        self.operand = true;
        self.literal = false;
    }

    /// `.` or `::`
    #[inline]
    pub(super) fn joint(&mut self, kind: Kind, place: Place) {
        self.settle(kind, Keyword::None);
        self.hook(kind, Keyword::None);
        self.form.mark(place.token(kind, Keyword::None, 0));
        self.after_operand();
    }

    /// `;`
    pub(super) fn semicolon(&mut self, place: Place) {
        self.settle(Kind::Semicolon, Keyword::None);
        self.end_statement();
        if self.form.count() > self.statement {
            self.form.mark(place.token(Kind::Semicolon, Keyword::None, 0));
        }
        self.begin_statement();
    }

    /// `(` or `[`
    pub(super) fn open(&mut self, kind: Kind, place: Place) {
        self.settle(kind, Keyword::None);
        let last = self.form.last();
        if last.keyword.traits().is_synonym_called(self.dialect) {
            self.form.pop(1);
            self.form.synonym(last);
        }
        if self.outer.len() >= DEPTH_MAX {
            self.untracked += 1;
            self.top.element = Element::Other;
            self.top.rows = Rows::None;
        } else {
            let kind = self.frame_kind(kind);
            let open = self.form.count();
            self.outer.push(self.top);
            self.top = Frame::new(kind, open, open + 1);
            self.rehook();
        }
        self.form.mark(place.token(kind, Keyword::None, 0));
        self.operand = true;
        self.literal = false;
    }

    /// `)` or `]`
    pub(super) fn close(&mut self, kind: Kind, place: Place) {
        self.settle(kind, Keyword::None);
        if self.untracked > 0 {
            self.untracked -= 1;
            self.form.mark(place.token(kind, Keyword::None, 0));
            return self.after_operand();
        }
        self.end_list();
        self.end_unions();
        let closed = self.top;
        let outer = self.outer.pop();
        self.top = outer.unwrap_or(self.top);
        self.form.mark(place.token(kind, Keyword::None, 0));
        if outer.is_some() {
            self.closed(&closed);
            self.rehook();
        }
        self.after_operand();
    }

    fn constant_of(&mut self, kind: Kind, place: Place) {
        self.settle(kind, Keyword::None);
        self.hook(kind, Keyword::None);
        let mut last = self.form.last();
        let flags = if self.expects_literal() {
            0
        } else {
            flag::UNEXPECTED
        };
        if last.has(flag::INTRODUCER) {
            self.form.pop(1);
            self.form.keyword(Keyword::Charset);
        }
        while last.has(flag::SIGN) {
            self.form.pop(1);
            last = self.form.last();
        }
        if !(matches!(last.kind, Kind::Word | Kind::Comma) && self.constant_rule(kind, last)) {
            self.form.mark(place.token(kind, Keyword::None, flags));
        }
        if self.name_next {
            self.name_next = self.mode == Mode::Fetch;
        }
        self.operand = self.name_next;
        self.literal = false;
    }

    #[inline]
    fn after_operand(&mut self) {
        self.operand = false;
        self.literal = false;
    }
}

/// What a rule has decided about a keyword.
enum Verdict {
    /// It is written as it is.
    Keep,
    /// It is printed, but not hashed.
    Noise,
    /// The rule has written whatever there is to write.
    Done,
}
