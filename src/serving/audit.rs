//! One line for each statement that others have run: who, what, how many rows, how long. Keeps nothing and decides nothing.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use slowlake_parse::statement::{Analyzer, Dialect, Options};
use tracing::info;

use crate::service::meter::Meters;

/// A longer statement is cut in the audit, bytes.
const STATEMENT_BYTES_MAX: usize = 4 * 1024;

/// A statement that has come to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered<'a> {
    /// `postgres` or `http`.
    pub(crate) via: &'static str,
    /// Who asked; empty where nobody has to say who he is.
    pub(crate) user: &'a str,
    /// What he asked with, as he says.
    pub(crate) application: &'a str,
    pub(crate) client: SocketAddr,
    pub(crate) statement: &'a str,
    /// Rows that were sent.
    pub(crate) rows: u64,
    pub(crate) elapsed: Duration,
    /// Why it failed: an SQLSTATE, or the code of a problem.
    pub(crate) failure: Option<&'a str>,
}

/// Writes the audit to the log of the process.
pub(crate) struct Audit {
    redacts: bool,
    meters: Arc<Meters>,
}

impl Audit {
    /// An audit that takes literals out of statements, or does not, and has what it sees counted.
    pub(crate) fn new(redacts: bool, meters: Arc<Meters>) -> Audit {
        Audit { redacts, meters }
    }

    /// Writes one line.
    pub(crate) fn write(&self, answered: &Answered<'_>) {
        let outcome = answered.failure.unwrap_or("ok");
        self.meters
            .answered(answered.via, outcome, answered.rows, answered.elapsed);
        let statement = match self.redacts {
            true => Cow::Owned(without_literals(answered.statement)),
            false => Cow::Borrowed(answered.statement),
        };
        info!(
            target: "slowlake::audit",
            via = answered.via,
            user = answered.user,
            application = answered.application,
            client = %answered.client,
            rows = answered.rows,
            elapsed_us = u64::try_from(answered.elapsed.as_micros()).unwrap_or(u64::MAX),
            failure = answered.failure,
            statement = cut(&statement),
            "statement"
        );
    }
}

/// A statement as its fingerprint sees it.
fn without_literals(statement: &str) -> String {
    let mut analyzer = Analyzer::new(Options::new(Dialect::Postgres));
    analyzer.analyze(statement.as_bytes()).normalized.to_owned()
}

/// The beginning of a text, at a boundary of characters.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(STATEMENT_BYTES_MAX)]
}
