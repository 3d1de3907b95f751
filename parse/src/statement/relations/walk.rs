//! The walk over the tokens: where a table is expected, and the names found there.
//!
//! Keeps a stack of brackets; what the tokens around one mean is told by [`super::shape`].

use super::super::dialect::Dialect;
use super::super::form::{Form, Kind};
use super::super::keyword::Keyword;
use super::{spell, verb};

/// How many common table expressions of a statement are known; a later one counts as a table.
const EXPRESSIONS_MAX: usize = 256;

/// Brackets nested deeper than this are not looked into.
const DEPTH_MAX: usize = 1024;

/// What is known about an open bracket.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    /// In a list of tables: a comma or a join is followed by another.
    pub(super) list: bool,
    /// A table may come next.
    pub(super) expecting: bool,
    /// A bracket after a name holds columns, it is no function's.
    pub(super) columns: bool,
    /// `SELECT`, `DELETE` or `UPDATE` was read: `FROM` is followed by tables.
    pub(super) query: bool,
    /// In `WITH`: a name comes next, or after a comma.
    pub(super) with: With,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum With {
    No,
    Name,
    Body,
}

const SCOPE: Scope = Scope {
    list: false,
    expecting: false,
    columns: false,
    query: false,
    with: With::No,
};

/// Where the walk keeps what it finds; reused.
pub(super) struct Room<'a> {
    /// Ranges of tokens that spell a table's name.
    pub(super) found: &'a mut Vec<(usize, usize)>,
    /// Names of common table expressions.
    pub(super) expressions: &'a mut Vec<Vec<u8>>,
    pub(super) outer: &'a mut Vec<Scope>,
}

/// The walk over one form.
pub(super) struct Walk<'a> {
    pub(super) form: &'a Form,
    pub(super) text: &'a [u8],
    pub(super) dialect: Dialect,
    pub(super) room: Room<'a>,
    pub(super) top: Scope,
    pub(super) untracked: usize,
    /// The statement's first keyword, and the kind of thing a `CREATE`, `ALTER`, `DROP` is about.
    pub(super) first: Keyword,
    pub(super) object: Keyword,
    /// The first token of the statement, behind any prefix.
    pub(super) begin: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(form: &'a Form, text: &'a [u8], dialect: Dialect, room: Room<'a>) -> Walk<'a> {
        let begin = verb::begin(form);
        Walk {
            form,
            text,
            dialect,
            room,
            top: SCOPE,
            untracked: 0,
            first: form
                .tokens
                .get(begin)
                .map_or(Keyword::None, |token| token.keyword),
            object: verb::object(form, begin),
            begin,
        }
    }

    pub(super) fn run(&mut self) {
        let mut index = 0;
        while let Some(token) = self.form.tokens.get(index) {
            index = match token.kind {
                Kind::Open | Kind::OpenSquare => self.open(index),
                Kind::Close | Kind::CloseSquare => self.close(index),
                Kind::Comma => self.comma(index),
                Kind::Semicolon => self.semicolon(index),
                Kind::Word | Kind::Quoted => self.word(index),
                Kind::Operator if self.top.expecting && self.form.spelling(self.text, token) == b"{" => {
                    index + 1
                }
                _ => {
                    self.top.expecting = false;
                    index + 1
                }
            };
        }
    }

    fn open(&mut self, index: usize) -> usize {
        if self.room.outer.len() >= DEPTH_MAX {
            self.untracked += 1;
            return index + 1;
        }
        let before = self.keyword(index.wrapping_sub(1));
        let query = matches!(
            self.keyword(index + 1),
            Keyword::Select | Keyword::With | Keyword::Values
        );
        let options = matches!(before, Keyword::Vacuum | Keyword::Analyze);
        let tables = (self.top.expecting || before == Keyword::Inherits) && !query && !options;
        self.top.expecting &= options;
        self.room.outer.push(self.top);
        self.top = Scope {
            list: tables,
            expecting: tables,
            ..SCOPE
        };
        index + 1
    }

    fn close(&mut self, index: usize) -> usize {
        if self.untracked > 0 {
            self.untracked -= 1;
        } else if let Some(outer) = self.room.outer.pop() {
            self.top = outer;
        }
        index + 1
    }

    fn comma(&mut self, index: usize) -> usize {
        self.top.expecting = self.top.list;
        if self.top.with == With::Body {
            self.top.with = With::Name;
        }
        index + 1
    }

    fn semicolon(&mut self, index: usize) -> usize {
        self.room.outer.clear();
        self.top = SCOPE;
        self.untracked = 0;
        self.begin = index + 1;
        self.first = self.keyword(index + 1);
        self.object = verb::object(self.form, index + 1);
        index + 1
    }

    fn word(&mut self, index: usize) -> usize {
        if self.top.with == With::Name {
            return self.expression(index);
        }
        if self.top.expecting {
            return self.table(index);
        }
        if self.kind(index.wrapping_sub(1)) != Kind::Dot && self.form.tokens[index].keyword != Keyword::None {
            self.top_keyword(index);
        }
        index + 1
    }

    /// The name of a common table expression.
    fn expression(&mut self, index: usize) -> usize {
        if self.keyword(index) != Keyword::Recursive {
            let mut name = Vec::new();
            spell(
                self.form,
                self.text,
                &self.form.tokens[index],
                self.dialect,
                &mut name,
            );
            if self.room.expressions.len() < EXPRESSIONS_MAX {
                self.room.expressions.push(name);
            }
            self.top.with = With::Body;
        }
        index + 1
    }

    /// A table is expected: its name, a word before it, or something else altogether.
    fn table(&mut self, index: usize) -> usize {
        use Keyword as K;
        let token = &self.form.tokens[index];
        match token.keyword {
            K::Only
            | K::Lateral
            | K::If
            | K::Not
            | K::Exists
            | K::Table
            | K::Tables
            | K::Concurrently
            | K::Into
            | K::Ignore
            | K::LowPriority
            | K::HighPriority
            | K::Delayed
            | K::Verbose
            | K::Freeze
            | K::Full
            | K::Analyze
            | K::NoWriteToBinlog
                if !self.is_name_here(index) =>
            {
                return index + 1;
            }
            K::Local | K::Quick | K::Temp | K::Temporary | K::Unlogged
                if self.is_word(index + 1) && !self.is_name_here(index) =>
            {
                return index + 1;
            }
            K::Rows if self.keyword(index + 1) == K::From => return index + 1,
            K::None if self.is_escape_word(index) => return index + 1,
            K::Format if self.kind(index + 1) == Kind::Operator => {
                self.top.expecting = false;
                return index + 1;
            }
            _ => {}
        }
        if token.keyword.traits().reserved(self.dialect) {
            self.top.expecting = false;
            self.top_keyword(index);
            return index + 1;
        }
        let mut end = index + 1;
        while self.kind(end) == Kind::Dot && self.is_word(end + 1) {
            end += 2;
        }
        self.top.expecting = false;
        let function = self.kind(end) == Kind::Open && !self.top.columns;
        let whole_schema = self.kind(end) == Kind::Dot;
        if !function && !whole_schema && !self.is_known(index, end) {
            self.room.found.push((index, end));
        }
        end
    }

    /// A keyword where no table is expected.
    fn top_keyword(&mut self, index: usize) {
        use Keyword as K;
        let keyword = self.keyword(index);
        let before = self.keyword(index.wrapping_sub(1));
        let starts = index == self.begin;
        match keyword {
            K::Select | K::Delete if !matches!(self.first, K::Grant | K::Revoke) => {
                self.top = Scope { query: true, ..SCOPE };
            }
            K::From if self.top.query => {
                let compares = before == K::Distinct && self.is_comparison(index);
                if !compares {
                    self.expect(false);
                }
            }
            K::From | K::In if self.first == K::Show => self.shown(index),
            K::From if self.object == K::Statistics => self.expect(false),
            K::Join | K::StraightJoin if self.top.list => self.top.expecting = true,
            K::Using if self.top.query && self.is_word(index + 1) || self.first == K::Merge => {
                self.expect(false)
            }
            K::Update if self.is_verb(index) => {
                self.top = Scope { query: true, ..SCOPE };
                self.expect(false);
            }
            K::Insert | K::Replace if self.is_verb(index) && self.kind(index + 1) == Kind::Word => {
                self.expect(true)
            }
            K::Into if self.is_target(index) => self.expect(true),
            K::With if self.begins_expressions(index) => self.top.with = With::Name,
            K::Where
            | K::Group
            | K::Order
            | K::Having
            | K::Limit
            | K::Set
            | K::Union
            | K::Window
            | K::For
            | K::Values
            | K::Returning
            | K::Offset
            | K::Fetch
            | K::Except
            | K::Intersect => {
                self.top.list = false;
                self.top.columns = false;
            }
            _ => self.defined(index, keyword, before, starts),
        }
    }

    /// Keywords of definitions and maintenance.
    fn defined(&mut self, index: usize, keyword: Keyword, before: Keyword, starts: bool) {
        use Keyword as K;
        match keyword {
            K::Table | K::Tables if self.takes_table(index) => {
                self.expect(true);
                self.top.list = !matches!(self.first, K::Create | K::Alter | K::Load);
            }
            K::View
                if before != K::Foreign
                    && (self.is_definition() || self.first == K::Refresh || self.first == K::Show) =>
            {
                self.expect(true);
            }
            K::Truncate | K::Vacuum | K::Analyze | K::Handler | K::Cluster | K::Copy | K::Lock if starts => {
                self.expect(true);
                self.top.list = !matches!(keyword, K::Copy | K::Handler | K::Cluster);
            }
            K::Describe | K::Desc | K::Explain if starts && self.dialect == Dialect::Mysql => {
                self.described(index)
            }
            K::References if self.first != K::Grant && self.first != K::Revoke => self.expect_one(),
            K::Of if before == K::Partition => self.expect_one(),
            K::Partition if matches!(before, K::Attach | K::Detach) => self.expect_one(),
            K::Like
                if self.object == K::Table && self.first == K::Create && self.copies_definition(index) =>
            {
                self.expect_one()
            }
            K::On if self.is_on_table(index) => {
                self.expect(true);
                self.object = K::None;
            }
            K::To if self.first == K::Rename => self.expect(true),
            _ => {}
        }
    }

    /// Tables follow. `columns`: a bracket after a name holds columns.
    fn expect(&mut self, columns: bool) {
        self.top.list = true;
        self.top.expecting = true;
        self.top.columns = columns;
    }

    /// One table follows.
    fn expect_one(&mut self) {
        self.top.expecting = true;
        self.top.columns = true;
    }

    /// `SHOW ... FROM t FROM db`.
    fn shown(&mut self, index: usize) {
        use Keyword as K;
        let of_table = matches!(
            self.keyword(index - 1),
            K::Columns | K::Fields | K::Index | K::Indexes | K::Keys
        );
        if of_table && self.is_word(index + 1) {
            let database = matches!(self.keyword(index + 2), K::From | K::In) && self.is_word(index + 3);
            if database {
                // The range is spelt backwards: see [`spell_range`].
                self.room.found.push((index + 1, index + 4));
            } else {
                self.expect_one();
            }
        }
    }

    /// `DESCRIBE t`, `EXPLAIN t`.
    fn described(&mut self, index: usize) {
        use Keyword as K;
        let next = self.keyword(index + 1);
        let statement = matches!(
            next,
            K::Select
                | K::Update
                | K::Delete
                | K::Insert
                | K::Replace
                | K::With
                | K::Extended
                | K::Format
                | K::Analyze
                | K::For
                | K::Table
                | K::Partition
        );
        if !statement && self.is_word(index + 1) {
            self.expect_one();
        }
    }
}
