//! Which SQL language a statement is written in, and the switches that change how it is read.
//!
//! Decides nothing by itself: the caller knows the server, this module never guesses from the text.

/// The two SQL languages slow-query logs are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// PostgreSQL and what speaks its SQL.
    Postgres,
    /// MySQL, MariaDB, Percona Server.
    Mysql,
}

/// How statements are read and which optional merges are done.
///
/// Two analyzers with different options may give one text different fingerprints; keep one set per server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// The SQL language.
    pub dialect: Dialect,
    /// MySQL `sql_mode` has `ANSI_QUOTES`: `"x"` is an identifier. Always so in PostgreSQL.
    pub ansi_quotes: bool,
    /// MySQL `sql_mode` has `NO_BACKSLASH_ESCAPES`: `\` is an ordinary byte of a string.
    pub no_backslash_escapes: bool,
    /// Two or more equal consecutive arms of a `UNION` count as two.
    pub collapse_unions: bool,
    /// In table names, runs of four or more digits, UUIDs and 32 hexadecimal digits become `?`.
    pub group_numbered_tables: bool,
}

impl Options {
    /// The usual options of a dialect: default `sql_mode`, unions collapsed for MySQL only, table names as they are.
    pub fn new(dialect: Dialect) -> Options {
        Options {
            dialect,
            ansi_quotes: false,
            no_backslash_escapes: false,
            collapse_unions: dialect == Dialect::Mysql,
            group_numbered_tables: false,
        }
    }

    pub(super) fn is_postgres(&self) -> bool {
        self.dialect == Dialect::Postgres
    }

    /// `"` opens an identifier rather than a string.
    pub(super) fn double_quotes_identify(&self) -> bool {
        self.is_postgres() || self.ansi_quotes
    }
}
