//! A format as a text that can be read back: for whoever goes on with a log tomorrow and has to read it as today. Never for people.

use crate::detect::{Format, Grammar};
use crate::postgres::prefix::Prefix;
use crate::wrapper::Wrapper;

/// PostgreSQL's stderr format; its prefix follows.
const STDERR: &str = "postgres-stderr";
/// The same where the prefix was given by the user.
const STDERR_INSISTED: &str = "postgres-stderr!";

/// The grammars that have nothing to say but their name.
const PLAIN: [(&str, Grammar); 8] = [
    ("postgres-csv", Grammar::PostgresCsv),
    ("postgres-json", Grammar::PostgresJson),
    ("mysql-slow", Grammar::MysqlSlow),
    ("mysql-table", Grammar::MysqlSlowTable),
    ("mysql-general", Grammar::MysqlGeneral),
    ("mysql-error", Grammar::MysqlError),
    ("mysql-error-json", Grammar::MysqlErrorJson),
    ("pgbouncer", Grammar::PgBouncer),
];

impl Format {
    /// The format as a text that [`from_key`](Format::from_key) reads back: `docker json-file/postgres-stderr:%m [%p] `.
    pub fn key(&self) -> String {
        let mut key = String::new();
        for wrapper in self.wrappers() {
            key += &format!("{wrapper}/");
        }
        match self.grammar() {
            Grammar::PostgresStderr(prefix) => {
                let name = if prefix.is_insisted() {
                    STDERR_INSISTED
                } else {
                    STDERR
                };
                key + name + ":" + prefix.setting()
            }
            grammar => {
                let found = PLAIN.iter().find(|(_, plain)| plain == grammar);
                key + found.map_or("", |(name, _)| name)
            }
        }
    }

    /// The format of a [`key`](Format::key); `None` if it is none.
    pub fn from_key(key: &str) -> Option<Format> {
        let (names, setting) = match key.split_once(':') {
            Some((names, setting)) => (names, Some(setting)),
            None => (key, None),
        };
        let (wrappers, name) = match names.rsplit_once('/') {
            Some((wrappers, name)) => (wrappers.split('/').collect(), name),
            None => (Vec::new(), names),
        };
        let wrapper = |name: &str| Wrapper::ALL.into_iter().find(|it| it.to_string() == name);
        let wrappers: Option<Vec<Wrapper>> = wrappers.into_iter().map(wrapper).collect();
        let grammar = match (name, setting) {
            (STDERR, Some(setting)) => Grammar::PostgresStderr(Prefix::guessed(setting)),
            (STDERR_INSISTED, Some(setting)) => Grammar::PostgresStderr(Prefix::new(setting)),
            (_, Some(_)) => return None,
            (name, None) => PLAIN.iter().find(|(plain, _)| *plain == name)?.1.clone(),
        };
        Some(Format::wrapped(wrappers?, grammar))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_read_back() {
        let stderr = [
            Grammar::PostgresStderr(Prefix::new("%m [%p] %q%u@%d/%a: ")),
            Grammar::PostgresStderr(Prefix::guessed("%t:%r:")),
        ];
        for grammar in PLAIN.map(|(_, grammar)| grammar).into_iter().chain(stderr) {
            for wrappers in [vec![], vec![Wrapper::Docker], Wrapper::ALL.to_vec()] {
                let format = Format::wrapped(wrappers, grammar.clone());
                let key = format.key();
                assert_eq!(Format::from_key(&key), Some(format), "{key}");
            }
        }
        for wrong in ["", "postgres-stderr", "mysql-slow:x", "tin/mysql-slow", "mysql"] {
            assert_eq!(Format::from_key(wrong), None, "{wrong}");
        }
    }
}
