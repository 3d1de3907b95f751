//! Which format a log has, found out from its first bytes: every format is tried on them, and the one that understands most of them wins.

use std::fmt;

use crate::decoder::Decoder;
use crate::entry::SkipKind;
use crate::mysql::header::is_banner;
use crate::postgres::prefix::Prefix;
use crate::postgres::prefix::infer::infer;
use crate::wrapper::Wrapper;

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
    let head = &head[..head.len().min(DETECT_BYTES)];
    // A record cut at the end of the head is nobody's fault.
    let head = memchr::memrchr(b'\n', head).map_or(head, |newline| &head[..=newline]);
    let mut grammars = vec![
        Grammar::PostgresJson,
        Grammar::PostgresCsv,
        Grammar::MysqlSlow,
        Grammar::PgBouncer,
    ];
    if let Some((prefix, _)) = infer(head) {
        grammars.push(Grammar::PostgresStderr(prefix));
    }
    let mut tried: Vec<Tried> = grammars
        .into_iter()
        .map(|grammar| attempt(grammar.into(), head))
        .collect();
    tried.sort_by(|a, b| b.share.total_cmp(&a.share).then(b.executions.cmp(&a.executions)));
    Detection { tried }
}

fn attempt(format: Format, head: &[u8]) -> Tried {
    let mut decoder = Decoder::new(&format, None, 0);
    decoder.push(head, &mut |_| {});
    decoder.finish(&mut |_| {});
    let ledger = decoder.ledger();
    // Empty lines are nobody's.
    let blank = ledger
        .skipped()
        .find(|(kind, _)| *kind == SkipKind::Blank)
        .map_or(0, |(_, tally)| tally.bytes);
    let understood = ledger.bytes_parsed() + ledger.skipped_total().bytes - blank;
    let share = if head.is_empty() {
        0.0
    } else {
        understood as f64 / head.len() as f64
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
