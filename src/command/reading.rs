//! What every command that reads logs has in common: the options of reading, and how it says that an input failed.

use clap::Args;
use jiff::tz::TimeZone;
use slowlake_ingest::IngestError;
use slowlake_parse::Grammar;

use crate::output;
use crate::pipeline::{CHUNK_BYTES, ReadOptions, SourceFailure, StatementOptions};

/// How logs are read, the same for every command that reads them.
#[derive(Debug, Args)]
pub(crate) struct ReadArguments {
    /// Format of the logs, if it is not to be found out
    #[arg(long, value_enum, default_value = "auto")]
    format: FormatName,
    /// PostgreSQL's log_line_prefix, if it is not to be found out
    #[arg(long, value_name = "SETTING")]
    log_line_prefix: Option<String>,
    /// Time zone of the server where its log does not say, for example Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Bytes read at once
    #[arg(long, value_name = "BYTES", default_value_t = CHUNK_BYTES, hide = true)]
    chunk_bytes: usize,
    #[command(flatten)]
    statement: StatementArguments,
}

/// What makes one query of two statements, the same for every command that computes fingerprints.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct StatementArguments {
    /// In table names, replace long numbers, UUIDs and hashes, so that orders_20260101 and orders_20260102 are one table
    #[arg(long)]
    group_numbered_tables: bool,
    /// MySQL servers have ANSI_QUOTES in their sql_mode: "x" is a name, not a text
    #[arg(long)]
    ansi_quotes: bool,
    /// MySQL servers have NO_BACKSLASH_ESCAPES in their sql_mode: \ is a character like others
    #[arg(long)]
    no_backslash_escapes: bool,
    /// Do not take MySQL statements for one query when they differ only in how often an arm of a UNION is repeated
    #[arg(long)]
    keep_unions: bool,
}

impl StatementArguments {
    pub(crate) fn resolve(self) -> StatementOptions {
        StatementOptions {
            group_numbered_tables: self.group_numbered_tables,
            ansi_quotes: self.ansi_quotes,
            no_backslash_escapes: self.no_backslash_escapes,
            keep_unions: self.keep_unions,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FormatName {
    Auto,
    PostgresStderr,
    PostgresCsv,
    PostgresJson,
    MysqlSlow,
    MysqlTable,
    MysqlGeneral,
    MysqlError,
    MysqlErrorJson,
    Pgbouncer,
}

/// Why a format and a `log_line_prefix` do not go together.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PrefixConflict {
    /// The format cannot be read without it.
    Missing,
    /// The format has none.
    Unfitting,
}

impl FormatName {
    /// What the server writes, if it is not to be found out.
    pub(crate) fn grammar(self) -> Option<Grammar> {
        match self {
            FormatName::Auto | FormatName::PostgresStderr => None,
            FormatName::PostgresCsv => Some(Grammar::PostgresCsv),
            FormatName::PostgresJson => Some(Grammar::PostgresJson),
            FormatName::MysqlSlow => Some(Grammar::MysqlSlow),
            FormatName::MysqlTable => Some(Grammar::MysqlSlowTable),
            FormatName::MysqlGeneral => Some(Grammar::MysqlGeneral),
            FormatName::MysqlError => Some(Grammar::MysqlError),
            FormatName::MysqlErrorJson => Some(Grammar::MysqlErrorJson),
            FormatName::Pgbouncer => Some(Grammar::PgBouncer),
        }
    }

    /// Whether it goes with a `log_line_prefix`, or without.
    pub(crate) fn goes_with(self, has_prefix: bool) -> Result<(), PrefixConflict> {
        match (self, has_prefix) {
            (FormatName::PostgresStderr, false) => Err(PrefixConflict::Missing),
            (FormatName::Auto | FormatName::PostgresStderr, _) | (_, false) => Ok(()),
            (_, true) => Err(PrefixConflict::Unfitting),
        }
    }
}

impl ReadArguments {
    /// Checks and resolves them.
    pub(crate) fn resolve(&self) -> anyhow::Result<ReadOptions> {
        let zone = match &self.timezone {
            // The cause only says the same again.
            Some(name) => Some(TimeZone::get(name).map_err(|_| {
                anyhow::anyhow!("--timezone {name}: no such time zone\nhint: use a name of the time zone database, for example Europe/Berlin")
            })?),
            None => None,
        };
        match self.format.goes_with(self.log_line_prefix.is_some()) {
            Ok(()) => {}
            Err(PrefixConflict::Missing) => anyhow::bail!(
                "--format postgres-stderr needs --log-line-prefix\nhint: ask the server with SHOW log_line_prefix"
            ),
            Err(PrefixConflict::Unfitting) => anyhow::bail!(
                "--log-line-prefix is a setting of PostgreSQL's stderr format, not of the --format given"
            ),
        }
        Ok(ReadOptions {
            grammar: self.format.grammar(),
            prefix: self.log_line_prefix.clone(),
            zone,
            chunk_bytes: self.chunk_bytes.max(1),
            statement: self.statement.resolve(),
        })
    }
}

/// An error of reading with its next step.
pub(crate) fn ingest_error(error: IngestError) -> anyhow::Error {
    let hint = error.hint().map(str::to_owned);
    output::with_hint(error, hint)
}

/// Says that one input failed while others go on.
pub(crate) fn say_failure(error: &IngestError) -> String {
    let text = error.to_string();
    output::say("error", &text);
    if let Some(hint) = error.hint() {
        output::say("hint", hint);
    }
    text
}

/// The same for an input that was opened.
pub(crate) fn say_source_failure(failure: &SourceFailure) -> String {
    let text = failure.to_string();
    output::say("error", &text);
    if let Some(hint) = failure.hint() {
        output::say("hint", &hint);
    }
    text
}
