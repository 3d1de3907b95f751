//! `slowlake fingerprint`: one statement a line in, its fingerprint and normalized text out.

use std::io::{BufRead, BufWriter, Write};

use clap::Args;
use slowlake_parse::statement::{Analyzer, Dialect};

use crate::command::reading::StatementArguments;
use crate::exit_code::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct FingerprintArguments {
    /// Whose SQL it is
    #[arg(long, value_enum, default_value = "postgres")]
    dialect: DialectName,
    #[command(flatten)]
    statement: StatementArguments,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum DialectName {
    Postgres,
    Mysql,
}

/// Reads standard input, writes `hex<TAB>normalized` lines to standard output.
pub(crate) fn run(arguments: &FingerprintArguments) -> anyhow::Result<ExitCode> {
    let dialect = match arguments.dialect {
        DialectName::Postgres => Dialect::Postgres,
        DialectName::Mysql => Dialect::Mysql,
    };
    let mut analyzer = Analyzer::new(arguments.statement.resolve().of(dialect));
    let mut input = std::io::stdin().lock();
    let mut output = BufWriter::new(std::io::stdout().lock());
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        let statement = line.strip_suffix(b"\n").unwrap_or(&line);
        let statement = statement.strip_suffix(b"\r").unwrap_or(statement);
        let analysis = analyzer.analyze(statement);
        if writeln!(output, "{}\t{}", analysis.fingerprint, analysis.normalized).is_err() {
            return Ok(ExitCode::Ok);
        }
        line.clear();
    }
    // Who reads our output may have gone away: that is success.
    let _ = output.flush();
    Ok(ExitCode::Ok)
}
