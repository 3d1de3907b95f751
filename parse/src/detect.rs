//! Which format a log has, found out from its first bytes: every format is tried on them, and the one that understands most of them wins.

mod key;

use std::fmt;

use crate::decoder::Decoder;
use crate::entry::SkipKind;
use crate::mysql::line::is_banner;
use crate::postgres::prefix::Prefix;
use crate::postgres::prefix::infer::infer;
use crate::wrapper::{Wrapper, chains};

/// How many bytes from the beginning of a log are worth looking at.
pub const DETECT_BYTES: usize = 1024 * 1024;
/// Share of the bytes that a format has to understand to be chosen at all.
const SHARE_MIN: f64 = 0.5;

/// How a log is written: what a server wrote, in nothing or in what others put around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// The outermost first.
    wrappers: Vec<Wrapper>,
    grammar: Grammar,
}

impl Format {
    /// A format with wrappers around it, the outermost first.
    pub fn wrapped(wrappers: Vec<Wrapper>, grammar: Grammar) -> Format {
        Format { wrappers, grammar }
    }

    /// What others put around the lines, the outermost first.
    pub fn wrappers(&self) -> &[Wrapper] {
        &self.wrappers
    }

    /// What the server wrote.
    pub fn grammar(&self) -> &Grammar {
        &self.grammar
    }
}

impl From<Grammar> for Format {
    fn from(grammar: Grammar) -> Format {
        Format::wrapped(Vec::new(), grammar)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.grammar)?;
        self.wrappers
            .iter()
            .rev()
            .try_for_each(|wrapper| write!(f, " in {wrapper}"))
    }
}

/// What a server writes: how records begin and end, and what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grammar {
    /// PostgreSQL's stderr format with a `log_line_prefix`.
    PostgresStderr(Prefix),
    /// PostgreSQL's csvlog.
    PostgresCsv,
    /// PostgreSQL's jsonlog.
    PostgresJson,
    /// The slow query log of MySQL, Percona Server and MariaDB.
    MysqlSlow,
    /// An export of the tables `mysql.slow_log` and `mysql.general_log`.
    MysqlSlowTable,
    /// The general query log of MySQL, Percona Server and MariaDB.
    MysqlGeneral,
    /// The error log of MySQL, Percona Server and MariaDB.
    MysqlError,
    /// The error log of MySQL as JSON.
    MysqlErrorJson,
    /// The log of PgBouncer, a connection pooler for PostgreSQL.
    PgBouncer,
}

impl fmt::Display for Grammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Grammar::PostgresStderr(prefix) => {
                write!(f, "PostgreSQL stderr ({})", prefix.setting().trim_end())
            }
            Grammar::PostgresCsv => f.write_str("PostgreSQL csvlog"),
            Grammar::PostgresJson => f.write_str("PostgreSQL jsonlog"),
            Grammar::MysqlSlow => f.write_str("MySQL slow log"),
            Grammar::MysqlSlowTable => f.write_str("MySQL log table"),
            Grammar::MysqlGeneral => f.write_str("MySQL general log"),
            Grammar::MysqlError => f.write_str("MySQL error log"),
            Grammar::MysqlErrorJson => f.write_str("MySQL error log (JSON)"),
            Grammar::PgBouncer => f.write_str("PgBouncer"),
        }
    }
}

/// One format that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// The format.
    pub format: Format,
    /// Share (0 to 1) of the bytes it understood.
    pub share: f64,
    /// Executions it found.
    pub executions: u64,
}

/// What detection found out.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// Every format tried, the best first.
    pub tried: Vec<Tried>,
}

impl Detection {
    /// The format that understands the most, if any understands enough.
    pub fn format(&self) -> Option<&Format> {
        self.tried
            .first()
            .filter(|best| best.share >= SHARE_MIN)
            .map(|best| &best.format)
    }
}

/// Tries every format on the first bytes of a log ([`DETECT_BYTES`] are plenty).
pub fn detect(head: &[u8]) -> Detection {
    let head = whole_lines(head);
    let formats = chains(head).into_iter().flat_map(|(wrappers, text)| {
        let text = text.as_deref().unwrap_or(head);
        let mut grammars = vec![
            Grammar::PostgresJson,
            Grammar::PostgresCsv,
            Grammar::MysqlSlow,
            Grammar::MysqlSlowTable,
            Grammar::MysqlGeneral,
            Grammar::MysqlError,
            Grammar::MysqlErrorJson,
            Grammar::PgBouncer,
        ];
        if let Some((prefix, _)) = infer(text) {
            grammars.push(Grammar::PostgresStderr(prefix));
        }
        grammars
            .into_iter()
            .map(move |grammar| Format::wrapped(wrappers.clone(), grammar))
    });
    Detection {
        tried: best_first(formats, head),
    }
}

/// What is around the lines of a log that begins with `head`, when it is known what its server writes.
pub fn detect_wrappers(head: &[u8], grammar: Grammar) -> Format {
    let head = whole_lines(head);
    let formats = chains(head)
        .into_iter()
        .map(|(wrappers, _)| Format::wrapped(wrappers, grammar.clone()));
    let best = best_first(formats, head).into_iter().next();
    best.map_or_else(|| grammar.into(), |best| best.format)
}

/// The head that is worth looking at; a record cut at its end is nobody's fault.
fn whole_lines(head: &[u8]) -> &[u8] {
    let head = &head[..head.len().min(DETECT_BYTES)];
    memchr::memrchr(b'\n', head).map_or(head, |newline| &head[..=newline])
}

/// Tries formats; of those that understand the same the one with more wrappers is first: a guessed prefix may swallow a wrapper.
fn best_first(formats: impl Iterator<Item = Format>, head: &[u8]) -> Vec<Tried> {
    let mut tried: Vec<Tried> = formats.map(|format| attempt(format, head)).collect();
    tried.sort_by(|a, b| {
        let by_share = b.share.total_cmp(&a.share);
        let by_executions = b.executions.cmp(&a.executions);
        let by_wrappers = b.format.wrappers.len().cmp(&a.format.wrappers.len());
        by_share.then(by_wrappers).then(by_executions)
    });
    tried
}

fn attempt(format: Format, head: &[u8]) -> Tried {
    let mut decoder = Decoder::new(&format, None, 0);
    decoder.push(head, &mut |_| {});
    decoder.finish(&mut |_| {});
    let ledger = decoder.ledger();
    // What is nobody's or other programs' says nothing about what the server writes.
    let others: u64 = ledger
        .skipped()
        .filter(|(kind, _)| *kind != SkipKind::Banner)
        .map(|(_, tally)| tally.bytes)
        .sum();
    let understood = ledger.bytes_parsed() + ledger.skipped_total().bytes - others;
    let bytes = head.len() as u64 - others;
    let share = if bytes == 0 {
        0.0
    } else {
        understood as f64 / bytes as f64
    };
    Tried {
        executions: ledger.executions().records,
        format,
        share,
    }
}

/// Whether these bytes hold nothing but what a server writes alike into every log it opens: they do not tell one log from another.
pub fn has_only_banner(head: &[u8]) -> bool {
    head.split(|b| *b == b'\n')
        .all(|line| line.trim_ascii().is_empty() || is_banner(line.trim_ascii_end()))
}
