//! Which tables a statement names, and what it does.
//!
//! Walks the canonical tokens once with a stack of brackets; a reading by shape, not a grammar. It never changes a
//! fingerprint, except that the names of numbered tables are masked here when the options ask for it.

mod numbered;
mod shape;
mod verb;
mod walk;

use super::dialect::Dialect;
use super::form::{Form, Kind, Token, flag, unquoted};
use super::keyword::Keyword;

/// How many tables of a statement are told; no server joins as many.
const TABLES_MAX: usize = 256;

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
    outer: Vec<walk::Scope>,
    name: Vec<u8>,
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
        let room = walk::Room {
            found: &mut self.found,
            expressions: &mut self.expressions,
            outer: &mut self.outer,
        };
        walk::Walk::new(form, text, self.dialect, room).run();
    }

    fn add_name(&mut self) {
        let name = String::from_utf8_lossy(&self.name);
        if self.count == TABLES_MAX || self.names[..self.count].iter().any(|known| *known == name) {
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
            let quote = if token.has(flag::MASKED) || token.start == 0 {
                0
            } else {
                text[token.start as usize - 1]
            };
            let fold = dialect == Dialect::Mysql;
            out.extend(
                unquoted(spelling, quote).map(|byte| if fold { byte.to_ascii_lowercase() } else { byte }),
            );
        }
    }
}
