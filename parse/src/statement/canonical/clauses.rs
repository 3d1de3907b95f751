//! Clauses of a query and statements with rules of their own: `ORDER BY`, `LIMIT`, `UNION`, `SET`, cursors, savepoints.
//!
//! Each rule looks at the keyword that triggers it and a few tokens before; none looks inside lists of constants.

use super::super::dialect::Dialect;
use super::super::form::{Kind, Token, flag};
use super::super::keyword::{Keyword, Traits};
use super::frame::{self, Frame};
use super::lists::{FrameKind, Rows};
use super::{Canonical, NO_VALUE, Place, Verdict};

/// A statement whose names or values vary.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Plain,
    Call,
    Close,
    Deallocate,
    Fetch,
    Insert,
    Release,
    Rollback,
    Set,
    Show,
    Xa,
}

/// The arms of a chain of unions in one bracket, as ranges of tokens.
#[derive(Clone, Copy)]
pub(super) struct Union {
    /// The first token of the arm being read.
    arm: u32,
    /// The arm before.
    before: (u32, u32),
    /// The separator of the equal arms before.
    separator: (u32, u32),
    /// Equal arms in a row, the one before included; 0 outside of a chain.
    run: u32,
    /// `arm` has its `SELECT`, or begins right after a separator.
    begun: bool,
}

impl Union {
    pub(super) fn new(first: u32) -> Union {
        Union {
            arm: first,
            before: (0, 0),
            separator: (0, 0),
            run: 0,
            begun: false,
        }
    }
}

impl Canonical {
    pub(super) fn begin_statement(&mut self) {
        let first = self.form.count();
        self.statement = first;
        self.outer.clear();
        self.untracked = 0;
        self.top = Frame::new(FrameKind::Plain, first, first);
        self.hooked = false;
        self.operand = true;
        self.literal = false;
        self.mode = Mode::Plain;
        self.name_next = false;
        self.on_duplicate = false;
        self.value = NO_VALUE;
    }

    pub(super) fn end_statement(&mut self) {
        self.close_cut_lists();
        self.end_value();
        self.end_unions();
    }

    /// A name that is replaced by a constant because it varies.
    pub(super) fn varying_name(&mut self, place: Place) {
        self.constant(place);
    }

    /// The rules a keyword triggers before it is written.
    pub(super) fn rule(&mut self, keyword: Keyword, place: Place) -> Verdict {
        use Keyword as K;
        if self.form.count() == self.statement {
            self.begin_mode(keyword);
        } else if self.name_next && self.takes_name(keyword) {
            self.varying_name(place);
            return Verdict::Done;
        }
        let last = self.form.last();
        let postgres = self.dialect == Dialect::Postgres;
        match keyword {
            K::Null | K::True | K::False if self.operand && !self.keeps_constant(keyword) => {
                self.constant(place);
                return Verdict::Done;
            }
            K::As | K::Inner if postgres => return Verdict::Noise,
            K::Outer if postgres && matches!(last.keyword, K::Left | K::Right | K::Full) => {
                return Verdict::Noise;
            }
            K::Work | K::Transaction if postgres && self.is_transaction_noise(last) => return Verdict::Noise,
            K::Asc if self.in_order() && !self.operand => return Verdict::Done,
            K::First | K::Last if self.in_order() && last.keyword == K::Nulls && !self.names_nulls => {
                return self.nulls(keyword);
            }
            K::Row | K::Rows if last.kind == Kind::Param && self.form.back(2).keyword == K::Offset => {
                return Verdict::Done;
            }
            K::Only if self.fetches_first() => return Verdict::Done,
            K::From if self.extracts(last) => {
                self.form.pop(1);
                self.form.mark_only(Kind::Param);
            }
            K::All if postgres && last.keyword == K::Limit => {
                self.constant(place);
                return Verdict::Done;
            }
            K::All | K::Distinct | K::Distinctrow if last.keyword == K::Union => self.top.union.arm += 1,
            K::For if self.mode == Mode::Set && self.value != NO_VALUE => self.end_settings(),
            K::Duplicate => self.on_duplicate |= last.keyword == K::On && self.value == NO_VALUE,
            _ => self.clause(keyword, last),
        }
        Verdict::Keep
    }

    /// What a keyword changes once it is written.
    #[inline]
    pub(super) fn after_keyword(&mut self, keyword: Keyword, traits: Traits) {
        let expected = self.operand;
        self.operand = traits.operand_follows(self.dialect) && (!expected || traits.reserved(self.dialect));
        self.literal = traits.literal_follows();
        if traits.has_rule() {
            self.after_rule(keyword, expected);
        }
    }

    fn after_rule(&mut self, keyword: Keyword, expected: bool) {
        match keyword {
            Keyword::Values if !self.on_duplicate => self.begin_rows(),
            Keyword::Value if self.mode == Mode::Insert && !expected && self.outer.is_empty() => {
                self.begin_rows()
            }
            Keyword::First | Keyword::Next => self.literal |= self.form.back(2).keyword == Keyword::Fetch,
            Keyword::Nulls => self.names_nulls = expected,
            Keyword::Zone if self.mode == Mode::Set => self.begin_value(),
            Keyword::To if self.mode == Mode::Set => self.begin_value(),
            Keyword::To if self.mode == Mode::Rollback => self.name_next = true,
            Keyword::Of if self.form.back(2).keyword == Keyword::Current => self.name_next = true,
            _ => {}
        }
        self.operand |= self.name_next;
    }

    /// Rules about where a constant stands. True if it was written, or is not to be.
    pub(super) fn constant_rule(&mut self, kind: Kind, last: Token) -> bool {
        let before = self.form.back(2);
        match (last.kind, last.keyword) {
            (Kind::Comma, _)
                if self.mode == Mode::Xa && self.outer.is_empty() && before.kind == Kind::Param =>
            {
                self.form.pop(1);
                true
            }
            (Kind::Comma, _)
                if self.dialect == Dialect::Mysql && self.form.back(3).keyword == Keyword::Limit =>
            {
                if before.kind == Kind::Param {
                    self.form.pop(1);
                    self.form.keyword(Keyword::Offset);
                    self.form.mark_only(Kind::Param);
                }
                before.kind == Kind::Param
            }
            (Kind::Word, Keyword::Uescape) if self.escapes(last) => {
                self.form.pop(1);
                true
            }
            (Kind::Word, Keyword::Limit) if kind == Kind::Param && before.kind == Kind::Param => {
                self.form.pop(1);
                self.limit();
                true
            }
            _ => false,
        }
    }

    /// The last token is the `UESCAPE` of a literal or a name: the character after it goes, and it with it.
    pub(super) fn escapes(&self, last: Token) -> bool {
        last.keyword == Keyword::Uescape && matches!(self.form.back(2).kind, Kind::Param | Kind::Quoted)
    }

    /// Writes `LIMIT ?` and puts `OFFSET ?`, if it was before, after it.
    fn limit(&mut self) {
        let mut offsets = 0;
        while self.form.last().kind == Kind::Param && self.form.back(2).keyword == Keyword::Offset {
            self.form.pop(2);
            offsets += 1;
        }
        self.form.keyword(Keyword::Limit);
        self.form.mark_only(Kind::Param);
        for _ in 0..offsets {
            self.form.keyword(Keyword::Offset);
            self.form.mark_only(Kind::Param);
        }
    }

    /// `FETCH FIRST n ROWS` before an `ONLY`: becomes a limit.
    fn fetches_first(&mut self) -> bool {
        if !matches!(self.form.last().keyword, Keyword::Row | Keyword::Rows) {
            return false;
        }
        let number = (self.form.back(2).kind == Kind::Param) as usize;
        let first = matches!(self.form.back(2 + number).keyword, Keyword::First | Keyword::Next);
        if !first || self.form.back(3 + number).keyword != Keyword::Fetch {
            return false;
        }
        self.form.pop(3 + number as u32);
        self.limit();
        self.operand = false;
        true
    }

    /// `FIRST` or `LAST` after `NULLS`: goes, with it, where it says what holds anyway.
    fn nulls(&mut self, keyword: Keyword) -> Verdict {
        let descending = self.form.back(2).keyword == Keyword::Desc;
        if self.dialect == Dialect::Mysql || descending != (keyword == Keyword::First) {
            return Verdict::Keep;
        }
        self.form.pop(1);
        Verdict::Done
    }

    /// Rules about the clauses of a query.
    fn clause(&mut self, keyword: Keyword, last: Token) {
        use Keyword as K;
        match keyword {
            K::Select => {
                self.top.flags = self.top.flags & !(frame::ORDER | frame::GROUP) | frame::QUERY;
                if !self.top.union.begun {
                    self.top.union.begun = true;
                    self.top.union.arm = self.form.count();
                }
            }
            K::By => {
                self.top.flags &= !(frame::ORDER | frame::GROUP);
                match last.keyword {
                    K::Order => self.top.flags |= frame::ORDER,
                    K::Group => self.top.flags |= frame::GROUP,
                    _ => {}
                }
            }
            K::Union => {
                self.top.flags &= !(frame::ORDER | frame::GROUP);
                self.begin_arm();
            }
            K::Order
            | K::Limit
            | K::Offset
            | K::Fetch
            | K::For
            | K::Into
            | K::Except
            | K::Intersect
            | K::Returning
            | K::Lock
                if !self.operand || keyword.traits().reserved(self.dialect) =>
            {
                self.top.flags &= !(frame::ORDER | frame::GROUP);
                self.end_unions();
            }
            K::Having | K::Window | K::Where | K::Separator | K::Range | K::Rows | K::Groups | K::Set
                if !self.operand =>
            {
                self.top.flags &= !(frame::ORDER | frame::GROUP);
            }
            _ => {}
        }
    }

    /// `UNION` is about to be written.
    fn begin_arm(&mut self) {
        if self.top.union.run == 0 {
            self.top.union.before = (self.top.union.arm, self.form.count());
            self.top.union.run = 1;
        } else {
            self.end_arm();
        }
        self.top.union.arm = self.form.count() + 1;
        self.top.union.begun = true;
    }

    /// Ends the chain of unions in the innermost bracket, if there is one.
    pub(super) fn end_unions(&mut self) {
        if self.top.union.run > 0 {
            self.end_arm();
            self.top.union = Union::new(self.form.count());
        }
    }

    /// Keeps two of any number of equal arms: `a UNION a` stays another statement than `a`.
    fn end_arm(&mut self) {
        let union = self.top.union;
        let arm = (union.arm, self.form.count());
        let separator = (union.before.1, union.arm);
        let repeated = self.collapse_unions && self.form.alike(arm, union.before);
        if repeated && union.run >= 2 && self.form.alike(separator, union.separator) {
            self.form.truncate(union.before.1);
            return;
        }
        self.top.union.run = if repeated { 2 } else { 1 };
        self.top.union.separator = separator;
        self.top.union.before = arm;
    }

    /// The first keyword of a statement.
    fn begin_mode(&mut self, keyword: Keyword) {
        let mysql = self.dialect == Dialect::Mysql;
        (self.mode, self.name_next) = match keyword {
            Keyword::Call if mysql => (Mode::Call, false),
            Keyword::Insert | Keyword::Replace if mysql => (Mode::Insert, false),
            Keyword::Set => (Mode::Set, false),
            Keyword::Show if mysql => (Mode::Show, false),
            Keyword::Xa if mysql => (Mode::Xa, false),
            Keyword::Rollback => (Mode::Rollback, false),
            Keyword::Release => (Mode::Release, true),
            Keyword::Close => (Mode::Close, true),
            Keyword::Deallocate => (Mode::Deallocate, true),
            Keyword::Fetch | Keyword::Move => (Mode::Fetch, true),
            Keyword::Savepoint => (Mode::Plain, true),
            Keyword::Use => (Mode::Plain, mysql),
            Keyword::Declare => (Mode::Plain, !mysql),
            _ => (Mode::Plain, false),
        };
    }

    /// `FIELDS` is another word for `COLUMNS` in `SHOW` alone; who creates a `SCHEMA` is told from who creates a `DATABASE`.
    pub(super) fn is_synonym_here(&self, keyword: Keyword) -> bool {
        use Keyword as K;
        let defined = matches!(self.form.last().keyword, K::Create | K::Alter | K::Drop);
        match keyword {
            K::Fields => self.mode == Mode::Show,
            K::Schema => self.mode == Mode::Show || !defined,
            _ => true,
        }
    }

    /// Whether a keyword stands where a varying name is expected.
    fn takes_name(&mut self, keyword: Keyword) -> bool {
        use Keyword as K;
        match (self.mode, keyword) {
            (Mode::Fetch, K::Into) => self.name_next = false,
            (Mode::Fetch, K::Next | K::Prior | K::First | K::Last | K::Absolute | K::Relative) => {}
            (Mode::Fetch, K::Forward | K::Backward | K::All | K::From | K::In) => {}
            (Mode::Release | Mode::Rollback, K::Savepoint) => {}
            (Mode::Deallocate, K::Prepare) => {}
            (Mode::Close | Mode::Deallocate, K::All) => self.name_next = false,
            _ => return true,
        }
        false
    }

    /// `NULL`, `TRUE`, `FALSE` that is no value: after `IS`, in a definition.
    fn keeps_constant(&self, keyword: Keyword) -> bool {
        let null = keyword == Keyword::Null;
        match self.form.last().keyword {
            Keyword::Is => true,
            Keyword::Not => null || self.form.back(2).keyword == Keyword::Is,
            Keyword::Default | Keyword::Set => null,
            _ => false,
        }
    }

    /// `WORK` or `TRANSACTION` right after `BEGIN`, `COMMIT`, ...
    fn is_transaction_noise(&self, last: Token) -> bool {
        use Keyword as K;
        self.form.count() == self.statement + 1
            && matches!(
                last.keyword,
                K::Begin | K::Commit | K::Rollback | K::End | K::Abort
            )
    }

    /// The last token is all that was read of `EXTRACT(field FROM`.
    fn extracts(&self, last: Token) -> bool {
        self.top.kind == FrameKind::Extract
            && self.form.count() == self.top.open + 2
            && matches!(last.kind, Kind::Word | Kind::Quoted | Kind::Param)
    }

    fn in_order(&self) -> bool {
        self.top.flags & frame::ORDER != 0
    }

    /// `name(` after `CALL`.
    pub(super) fn is_call(&self, last: Token) -> bool {
        self.mode == Mode::Call
            && self.outer.is_empty()
            && last.is_name()
            && self.form.count() > self.statement + 1
    }

    /// `TO` of PostgreSQL's `SET x TO y`.
    pub(super) fn sets_by_to(&self) -> bool {
        self.mode == Mode::Set
            && self.dialect == Dialect::Postgres
            && self.outer.is_empty()
            && self.value == NO_VALUE
    }

    /// The value of a `SET` begins with the next token.
    pub(super) fn begin_value(&mut self) {
        if self.outer.is_empty() && self.value == NO_VALUE {
            self.value = self.form.count();
            self.before_value = self.top;
        }
    }

    /// `FOR` after `SET STATEMENT x = 1`: what follows is a statement of its own.
    fn end_settings(&mut self) {
        self.end_value();
        self.mode = Mode::Plain;
    }

    /// Leaves one constant of the value of a `SET`, unless it is an expression.
    pub(super) fn end_value(&mut self) {
        let value = self.value as usize;
        if !self.outer.is_empty() || self.value == NO_VALUE {
            return;
        }
        self.value = NO_VALUE;
        let simple = |token: &Token| match token.kind {
            Kind::Word | Kind::Quoted | Kind::Variable | Kind::Param | Kind::Comma | Kind::Dot => true,
            Kind::Operator => token.has(flag::SIGN),
            _ => false,
        };
        let tokens = self.form.tokens.get(value..).unwrap_or_default();
        if !tokens.is_empty() && tokens.iter().all(simple) {
            self.form.truncate(value as u32);
            self.form.mark_only(Kind::Param);
            // Whatever clause the value seemed to have is gone with it.
            self.top = self.before_value;
            self.top.rows = Rows::None;
            self.rehook();
        }
    }
}
