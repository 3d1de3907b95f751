//! Which tables a statement names, and what it does.
//!
//! Walks the canonical tokens once with a stack of brackets; a reading by shape, not a grammar. It never changes a
//! fingerprint, except that the names of numbered tables are masked here when the options ask for it.

mod numbered;
mod verb;

use super::dialect::Dialect;
use super::form::{Form, Kind, Token, flag, unquoted};
use super::keyword::Keyword;

/// Brackets nested deeper than this are not looked into.
const DEPTH_MAX: usize = 1024;

/// Finds tables and verb; the results stay until the next statement.
pub(super) struct Relations {
    dialect: Dialect,
    /// The first `count` are the tables of the last statement; the others wait to be used again.
    names: Vec<String>,
    count: usize,
    verb: String,
    /// Ranges of tokens that spell a table's name.
    found: Vec<(usize, usize)>,
    /// Names of common table expressions.
    expressions: Vec<Vec<u8>>,
    outer: Vec<Scope>,
    name: Vec<u8>,
}

/// What is known about an open bracket.
#[derive(Clone, Copy)]
struct Scope {
    /// In a list of tables: a comma or a join is followed by another.
    list: bool,
    /// A table may come next.
    expecting: bool,
    /// A bracket after a name holds columns, it is no function's.
    columns: bool,
    /// `SELECT`, `DELETE` or `UPDATE` was read: `FROM` is followed by tables.
    query: bool,
    /// In `WITH`: a name comes next, or after a comma.
    with: With,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum With {
    No,
    Name,
    Body,
}

const SCOPE: Scope = Scope { list: false, expecting: false, columns: false, query: false, with: With::No };

/// The walk over one form.
struct Walk<'a> {
    form: &'a Form,
    text: &'a [u8],
    dialect: Dialect,
    found: &'a mut Vec<(usize, usize)>,
    expressions: &'a mut Vec<Vec<u8>>,
    outer: &'a mut Vec<Scope>,
    top: Scope,
    untracked: usize,
    /// The statement's first keyword, and the kind of thing a `CREATE`, `ALTER`, `DROP` is about.
    first: Keyword,
    object: Keyword,
    /// The first token of the statement, behind any prefix.
    begin: usize,
}

impl Relations {
    pub(super) fn new(dialect: Dialect) -> Relations {
        Relations {
            dialect,
            names: Vec::new(),
            count: 0,
            verb: String::new(),
            found: Vec::new(),
            expressions: Vec::new(),
            outer: Vec::new(),
            name: Vec::new(),
        }
    }

    pub(super) fn tables(&self) -> &[String] {
        &self.names[..self.count]
    }

    pub(super) fn verb(&self) -> &str {
        &self.verb
    }

    /// Finds the tables and the verb of a form over a padded text.
    pub(super) fn find(&mut self, form: &Form, text: &[u8]) {
        verb::find(form, text, &mut self.verb);
        self.walk(form, text);
        self.count = 0;
        for index in 0..self.found.len() {
            let (from, to) = self.found[index];
            self.name.clear();
            spell_range(form, text, &form.tokens[from..to], self.dialect, &mut self.name);
            self.add_name();
        }
    }

    /// Masks the numbers in names of tables, wherever the statement uses these names.
    pub(super) fn group_numbered(&mut self, form: &mut Form, text: &[u8]) {
        self.walk(form, text);
        numbered::mask(form, text, &self.found, self.dialect);
    }

    fn walk(&mut self, form: &Form, text: &[u8]) {
        self.found.clear();
        self.expressions.clear();
        self.outer.clear();
        let begin = verb::begin(form);
        let mut walk = Walk {
            form,
            text,
            dialect: self.dialect,
            found: &mut self.found,
            expressions: &mut self.expressions,
            outer: &mut self.outer,
            top: SCOPE,
            untracked: 0,
            first: form.tokens.get(begin).map_or(Keyword::None, |token| token.keyword),
            object: verb::object(form, begin),
            begin,
        };
        walk.run();
    }

    fn add_name(&mut self) {
        let name = String::from_utf8_lossy(&self.name);
        if self.names[..self.count].iter().any(|known| *known == name) {
            return;
        }
        if self.count == self.names.len() {
            self.names.push(String::new());
        }
        let slot = &mut self.names[self.count];
        slot.clear();
        slot.push_str(&name);
        self.count += 1;
    }
}

impl Walk<'_> {
    fn run(&mut self) {
        let mut index = 0;
        while let Some(token) = self.form.tokens.get(index) {
            index = match token.kind {
                Kind::Open | Kind::OpenSquare => self.open(index),
                Kind::Close | Kind::CloseSquare => self.close(index),
                Kind::Comma => self.comma(index),
                Kind::Semicolon => self.semicolon(index),
                Kind::Word | Kind::Quoted => self.word(index),
                Kind::Operator if self.top.expecting && self.form.spelling(self.text, token) == b"{" => index + 1,
                _ => {
                    self.top.expecting = false;
                    index + 1
                }
            };
        }
    }

    fn open(&mut self, index: usize) -> usize {
        if self.outer.len() >= DEPTH_MAX {
            self.untracked += 1;
            return index + 1;
        }
        let before = self.keyword(index.wrapping_sub(1));
        let query = matches!(self.keyword(index + 1), Keyword::Select | Keyword::With | Keyword::Values);
        let options = matches!(before, Keyword::Vacuum | Keyword::Analyze);
        let tables = (self.top.expecting || before == Keyword::Inherits) && !query && !options;
        self.top.expecting &= options;
        self.outer.push(self.top);
        self.top = Scope { list: tables, expecting: tables, ..SCOPE };
        index + 1
    }

    fn close(&mut self, index: usize) -> usize {
        if self.untracked > 0 {
            self.untracked -= 1;
        } else if let Some(outer) = self.outer.pop() {
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
        self.outer.clear();
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
            spell(self.form, self.text, &self.form.tokens[index], self.dialect, &mut name);
            self.expressions.push(name);
            self.top.with = With::Body;
        }
        index + 1
    }

    /// A table is expected: its name, a word before it, or something else altogether.
    fn table(&mut self, index: usize) -> usize {
        use Keyword as K;
        let token = &self.form.tokens[index];
        match token.keyword {
            K::Only | K::Lateral | K::If | K::Not | K::Exists | K::Table | K::Tables | K::Concurrently | K::Into | K::Ignore
            | K::LowPriority | K::HighPriority | K::Delayed | K::Verbose | K::Freeze | K::Full | K::Analyze
            | K::NoWriteToBinlog
                if !self.is_name_here(index) =>
            {
                return index + 1;
            }
            K::Local | K::Quick | K::Temp | K::Temporary | K::Unlogged if self.is_word(index + 1) && !self.is_name_here(index) => return index + 1,
            K::None if self.is_escape_word(index) => return index + 1,
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
            self.found.push((index, end));
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
            K::Using if self.top.query && self.is_word(index + 1) || self.first == K::Merge => self.expect(false),
            K::Update if self.is_verb(index) => {
                self.top = Scope { query: true, ..SCOPE };
                self.expect(false);
            }
            K::Insert | K::Replace if self.is_verb(index) && self.kind(index + 1) == Kind::Word => self.expect(true),
            K::Into if self.is_target(index) => self.expect(true),
            K::With if self.begins_expressions(index) => self.top.with = With::Name,
            K::Where | K::Group | K::Order | K::Having | K::Limit | K::Set | K::Union | K::Window | K::For | K::Values
            | K::Returning | K::Offset | K::Fetch | K::Except | K::Intersect => {
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
            K::View if before != K::Foreign && (self.is_definition() || self.first == K::Refresh || self.first == K::Show) => {
                self.expect(true);
            }
            K::Truncate | K::Vacuum | K::Analyze | K::Handler | K::Cluster | K::Copy | K::Lock if starts => {
                self.expect(true);
                self.top.list = !matches!(keyword, K::Copy | K::Handler | K::Cluster);
            }
            K::Describe | K::Desc | K::Explain if starts && self.dialect == Dialect::Mysql => self.described(index),
            K::References if self.first != K::Grant && self.first != K::Revoke => self.expect_one(),
            K::Of if before == K::Partition => self.expect_one(),
            K::Partition if matches!(before, K::Attach | K::Detach) => self.expect_one(),
            K::Like if self.object == K::Table && self.first == K::Create && self.copies_definition(index) => self.expect_one(),
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
                self.found.push((index + 1, index + 4));
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
            K::Select | K::Update | K::Delete | K::Insert | K::Replace | K::With | K::Extended | K::Format | K::Analyze
                | K::For | K::Table | K::Partition
        );
        if !statement && self.is_word(index + 1) {
            self.expect_one();
        }
    }

    /// `IS DISTINCT FROM`, `IS NOT DISTINCT FROM`.
    fn is_comparison(&self, from: usize) -> bool {
        matches!(self.keyword(from.wrapping_sub(2)), Keyword::Is | Keyword::Not)
    }

    /// `UPDATE`, `INSERT` or `REPLACE` that is a statement's verb rather than an event or a clause.
    fn is_verb(&self, index: usize) -> bool {
        use Keyword as K;
        let before = index.wrapping_sub(1);
        let clause = matches!(
            self.keyword(before),
            K::For | K::Key | K::Do | K::On | K::Before | K::After | K::Or | K::Instead | K::Of | K::Then | K::Grant | K::Revoke
        );
        !clause && !matches!(self.kind(before), Kind::Comma | Kind::Operator | Kind::Dot) && self.kind(index + 1) != Kind::Open
    }

    /// `INTO` before a table: always, but of `SELECT` only in PostgreSQL.
    fn is_target(&self, index: usize) -> bool {
        use Keyword as K;
        let file = matches!(self.keyword(index + 1), K::Outfile | K::Dumpfile);
        let variables = self.dialect == Dialect::Mysql && self.top.query;
        self.first != K::Fetch && !file && !variables
    }

    /// `WITH` before common table expressions.
    fn begins_expressions(&self, index: usize) -> bool {
        use Keyword as K;
        let name = if self.keyword(index + 1) == K::Recursive { index + 2 } else { index + 1 };
        let after = self.kind(name + 1) == Kind::Open || self.keyword(name + 1) == K::As;
        self.is_word(name) && after && self.keyword(name) != K::Time
    }

    /// `TABLE` before a table's name.
    fn takes_table(&self, index: usize) -> bool {
        use Keyword as K;
        let next = self.keyword(index + 1);
        let of_schema = self.keyword(index.wrapping_sub(1)) == K::All;
        let schemas = self.keyword(index) == K::Tables && !matches!(self.first, K::Lock | K::Flush);
        self.kind(index + 1) != Kind::Open
            && next != K::Status
            && !of_schema
            && !schemas
            && (self.first != K::Comment || self.keyword(index.wrapping_sub(1)) == K::On)
    }

    fn is_definition(&self) -> bool {
        matches!(self.first, Keyword::Create | Keyword::Alter | Keyword::Drop)
    }

    /// `LIKE t` in `CREATE TABLE`, rather than in an expression.
    fn copies_definition(&self, index: usize) -> bool {
        let before = self.kind(index - 1);
        matches!(before, Kind::Open | Kind::Comma) || self.outer.is_empty() && !self.top.query
    }

    /// `ON` of an index, a trigger, a policy, a grant.
    fn is_on_table(&self, index: usize) -> bool {
        use Keyword as K;
        let next = self.keyword(index + 1);
        let definition = self.is_definition() && matches!(self.object, K::Index | K::Trigger | K::Policy | K::Rule);
        let kind = matches!(
            next,
            K::Table | K::All | K::Database | K::Schema | K::Function | K::Procedure | K::Routine | K::Sequence | K::Language
                | K::Tablespace | K::Domain | K::Type | K::Foreign | K::Large | K::Parameter
        );
        let grant = matches!(self.first, K::Grant | K::Revoke) && !kind && self.is_word(index + 1);
        self.outer.is_empty() && !self.top.query && (definition || grant)
    }

    /// A word that could precede a name is the name: nothing that could be one follows.
    fn is_name_here(&self, index: usize) -> bool {
        let reserved = self.form.tokens[index].keyword.traits().reserved(self.dialect);
        !reserved && !matches!(self.kind(index + 1), Kind::Word | Kind::Quoted | Kind::Open)
    }

    /// `OJ` of `{OJ a LEFT OUTER JOIN b}`.
    fn is_escape_word(&self, index: usize) -> bool {
        let before = self.form.tokens.get(index.wrapping_sub(1));
        before.is_some_and(|token| token.kind == Kind::Operator && self.form.spelling(self.text, token) == b"{")
    }

    /// `DUAL`, or the name of a common table expression.
    fn is_known(&self, index: usize, end: usize) -> bool {
        let mut name = Vec::new();
        spell(self.form, self.text, &self.form.tokens[index], self.dialect, &mut name);
        end == index + 1 && self.expressions.contains(&name)
    }

    fn kind(&self, index: usize) -> Kind {
        self.form.tokens.get(index).map_or(Kind::Nothing, |token| token.kind)
    }

    fn keyword(&self, index: usize) -> Keyword {
        self.form.tokens.get(index).map_or(Keyword::None, |token| token.keyword)
    }

    fn is_word(&self, index: usize) -> bool {
        self.form.tokens.get(index).is_some_and(Token::is_name)
    }
}

/// Appends a table's name; that of `SHOW COLUMNS FROM t FROM db` as `db.t`.
fn spell_range(form: &Form, text: &[u8], tokens: &[Token], dialect: Dialect, out: &mut Vec<u8>) {
    if let [table, Token { kind: Kind::Word, .. }, database] = tokens {
        spell(form, text, database, dialect, out);
        out.push(b'.');
        return spell(form, text, table, dialect, out);
    }
    for token in tokens {
        spell(form, text, token, dialect, out);
    }
}

/// Appends a token of a table's name as people write it: without quotes, folded as the server folds it.
fn spell(form: &Form, text: &[u8], token: &Token, dialect: Dialect, out: &mut Vec<u8>) {
    let spelling = form.spelling(text, token);
    match token.kind {
        Kind::Dot => out.push(b'.'),
        Kind::Word if token.keyword != Keyword::None => out.extend(token.keyword.text().bytes()),
        Kind::Word => out.extend(spelling.iter().map(u8::to_ascii_lowercase)),
        _ => {
            let quote = if token.has(flag::MASKED) || token.start == 0 { 0 } else { text[token.start as usize - 1] };
            let fold = dialect == Dialect::Mysql;
            out.extend(unquoted(spelling, quote).map(|byte| if fold { byte.to_ascii_lowercase() } else { byte }));
        }
    }
}
