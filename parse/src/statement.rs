//! Statements: from the text of one to its fingerprint, normalized text, tables and verb.
//!
//! Reads any bytes without failing, in one pass and in time linear in them; knows no log format, keeps no statement and
//! never lets a byte of a literal out, not even of a statement that was cut. The rules are in `canonical`, which the
//! `lexer` feeds; what is hashed is the sequence of canonical tokens, so that spacing and noise words cannot count.
//!
//! **Closure.** The normalized text, the text in `pg_stat_statements` and the `DIGEST_TEXT` of MySQL and MariaDB have the
//! fingerprint of the statement that was logged, except where the server's text says less: digests lose how many
//! literals any list but that of `IN` and `VALUES` had (`?, ...`), the names of variables (`@?`), `CREATE SCHEMA` from
//! `CREATE DATABASE`, and whatever they are too short for; PostgreSQL 18 loses the casts in a list it squashes.
//!
//! **Redaction.** The normalized text, the verb and the tables are free of literals, however a statement is cut, as long
//! as [`Options`] say how the server reads quotes. The number of an output column (`ORDER BY 2`) is no literal, nor is
//! what MySQL takes for a name (`7AND`). Of tags, see [`Tags::known_pairs`].

mod bytes;
mod canonical;
mod dialect;
mod fingerprint;
mod form;
mod keyword;
mod lexer;
mod normalized;
mod recent;
mod relations;
mod tags;

#[cfg(test)]
mod tests;

pub use dialect::{Dialect, Options};
pub use fingerprint::{FINGERPRINT_VERSION, Fingerprint, ParseFingerprintError};
pub use tags::Tags;

use canonical::Canonical;
use lexer::Lexer;
use recent::{Recent, TextHash};
use relations::Relations;
use tags::Comments;

/// What a text is cut at: positions in it are 32 bits wide.
const STATEMENT_BYTES_MAX: usize = u32::MAX as usize / 4;

/// Analyzes statements one after the other; reuses its buffers, so that a warm analyzer allocates nothing per statement, and
/// remembers texts seen lately: a text that repeats is not read again.
pub struct Analyzer {
    options: Options,
    recent: Recent,
    /// The text and its padding.
    text: Vec<u8>,
    canonical: Canonical,
    comments: Comments,
    tags: Tags,
    relations: Relations,
    printed: Vec<u8>,
    normalized: String,
}

/// Everything that is known about one statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Analysis<'a> {
    /// The identity of the canonical form.
    pub fingerprint: Fingerprint,
    /// The canonical form as one line of SQL, without any literal; it has the same fingerprint.
    pub normalized: &'a str,
    /// What the statement does: `SELECT`, `CREATE TABLE`, `LOAD DATA`; empty if it has no words.
    pub verb: &'a str,
    /// The tables it names in order of first appearance, each once, with their schema and without quotes.
    pub tables: &'a [String],
    /// The text ends inside a literal, a comment or a list of constants: it was cut.
    pub truncated: bool,
}

impl Analyzer {
    /// An analyzer for the statements of servers that share these options.
    pub fn new(options: Options) -> Analyzer {
        Analyzer {
            options,
            recent: Recent::default(),
            text: Vec::new(),
            canonical: Canonical::new(&options),
            comments: Comments::default(),
            tags: Tags::default(),
            relations: Relations::new(options.dialect),
            printed: Vec::new(),
            normalized: String::new(),
        }
    }

    /// The fingerprint of a text, and nothing else: the fast way.
    ///
    /// ```
    /// use slowlake_parse::statement::{Analyzer, Dialect, Options};
    ///
    /// let mut analyzer = Analyzer::new(Options::new(Dialect::Postgres));
    /// let one = analyzer.fingerprint(b"SELECT a FROM t WHERE b IN (1, 2)");
    /// let other = analyzer.fingerprint(b"select a from t where b in ($1) -- same");
    /// assert_eq!(one, other);
    /// ```
    pub fn fingerprint(&mut self, text: &[u8]) -> Fingerprint {
        let hash = TextHash::of(text);
        if let Some(known) = hash.and_then(|hash| self.recent.find(hash)) {
            self.comments.clear();
            return known;
        }
        self.read(text);
        let fingerprint = self.canonical.form.fingerprint();
        // A text with comments is read each time: its tags are asked for afterwards.
        if let Some(hash) = hash.filter(|_| self.comments.is_empty()) {
            self.recent.insert(hash, fingerprint);
        }
        fingerprint
    }

    /// All about a text: for the first sight of a fingerprint, and for reports.
    ///
    /// ```
    /// use slowlake_parse::statement::{Analyzer, Dialect, Options};
    ///
    /// let mut analyzer = Analyzer::new(Options::new(Dialect::Mysql));
    /// let analysis = analyzer.analyze(b"insert into `db`.t(a) values (1),(2)");
    /// assert_eq!(analysis.normalized, "INSERT INTO db.t(a) VALUES (?+)");
    /// assert_eq!(analysis.verb, "INSERT");
    /// assert_eq!(analysis.tables, ["db.t"]);
    /// ```
    pub fn analyze(&mut self, text: &[u8]) -> Analysis<'_> {
        self.read(text);
        let form = &self.canonical.form;
        self.relations.find(form, &self.text);
        normalized::print(form, &self.text, self.options.dialect, &mut self.printed);
        self.normalized.clear();
        for chunk in self.printed.utf8_chunks() {
            self.normalized.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                self.normalized.push(char::REPLACEMENT_CHARACTER);
            }
        }
        Analysis {
            fingerprint: form.fingerprint(),
            normalized: &self.normalized,
            verb: self.relations.verb(),
            tables: self.relations.tables(),
            truncated: self.canonical.truncated,
        }
    }

    /// What the comments of the last text say about where it comes from.
    ///
    /// ```
    /// use slowlake_parse::statement::{Analyzer, Dialect, Options};
    ///
    /// let mut analyzer = Analyzer::new(Options::new(Dialect::Postgres));
    /// analyzer.fingerprint(b"SELECT 1 /*action='show%20all',application='shop'*/");
    /// let tags: Vec<_> = analyzer.tags().pairs().collect();
    /// assert_eq!(tags, [("action", "show all"), ("application", "shop")]);
    /// ```
    pub fn tags(&mut self) -> &Tags {
        self.tags.read(&self.text, &self.comments);
        &self.tags
    }

    fn read(&mut self, text: &[u8]) {
        let length = text.len().min(STATEMENT_BYTES_MAX);
        self.text.clear();
        self.text.extend_from_slice(&text[..length]);
        self.text.extend_from_slice(&[0; bytes::PADDING]);
        Lexer::new(
            &self.text,
            length,
            &self.options,
            &mut self.comments,
            &mut self.canonical,
        )
        .run();
        self.canonical.truncated |= length < text.len();
        if self.options.group_numbered_tables {
            self.relations
                .group_numbered(&mut self.canonical.form, &self.text);
        }
    }
}
