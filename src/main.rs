//! The command line of slowlake: what was typed, to the command that does it. The only crate that knows the terminal and wire formats.

mod batch;
mod clustering;
mod command;
mod configuration;
mod digest;
mod exit_code;
mod ingestion;
mod maintenance;
mod output;
mod pipeline;
mod plan_json;
mod progress;
mod render;
mod report;
mod report_document;
mod report_sections;
mod report_summary;
mod service;
mod serving;
mod settings;
mod summary;
mod telemetry;

use std::process;

use clap::{Parser, Subcommand};

use crate::command::check::CheckArguments;
use crate::command::cluster::ClusterCommand;
use crate::command::demo::DemoArguments;
use crate::command::digest::DigestArguments;
use crate::command::findings::FindingsArguments;
use crate::command::fingerprint::FingerprintArguments;
use crate::command::ingest::IngestArguments;
use crate::command::maintain::MaintainArguments;
use crate::command::mark::MarkArguments;
use crate::command::report::ReportArguments;
use crate::command::run::RunArguments;
use crate::command::serve::ServeArguments;
use crate::command::sql::SqlArguments;
use crate::exit_code::ExitCode;
use crate::settings::Settings;

/// The system's allocator keeps what each thread once needed: a service with a thread a source grew by a third with it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Slow-query logs of a whole fleet of databases as one open, queryable archive.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, help_expected = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
    /// Threads to work with [default: one a core]
    #[arg(long, global = true, value_name = "N")]
    threads: Option<usize>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read logs and print the report: no set-up, no lake
    Digest(Box<DigestArguments>),
    /// Read logs into a lake, each byte once
    Ingest(IngestArguments),
    /// The service: read what a configuration file names into a lake, until told to stop
    Run(RunArguments),
    /// Answer PostgreSQL clients and HTTP over a lake, until told to stop
    Serve(Box<ServeArguments>),
    /// Look whether a configuration file can be run, and change nothing
    Check(CheckArguments),
    /// Compute a report from a lake
    Report(ReportArguments),
    /// What reports have found and recorded, and what people say of it
    Findings(FindingsArguments),
    /// Write down that something was done, such as a deploy, for reports to look at
    Mark(MarkArguments),
    /// Ask a lake in SQL: a shell, or one statement with -c
    Sql(SqlArguments),
    /// Keep a lake quick and small, and prove that it is whole
    Maintain(MaintainArguments),
    /// Execute queries of others: the scheduler of a cluster, or one of its executors
    Cluster(ClusterCommand),
    /// Real sample logs to a lake to a report, in one go
    Demo(DemoArguments),
    /// Print fingerprint and normalized text of statements, one a line
    Fingerprint(FingerprintArguments),
}

fn main() -> process::ExitCode {
    let line = CommandLine::parse();
    let settings = Settings::resolve(line.threads);
    if !matches!(
        line.command,
        Command::Run(_) | Command::Serve(_) | Command::Cluster(_)
    ) {
        // Services speak as they are told to.
        telemetry::start_command(&settings);
    }
    let result = match &line.command {
        Command::Digest(arguments) => command::digest::run(arguments, &settings),
        Command::Ingest(arguments) => command::ingest::run(arguments, &settings),
        Command::Run(arguments) => command::run::run(arguments, &settings),
        Command::Serve(arguments) => command::serve::run(arguments, &settings),
        Command::Check(arguments) => command::check::run(arguments, &settings),
        Command::Report(arguments) => command::report::run(arguments, &settings),
        Command::Findings(arguments) => command::findings::run(arguments, &settings),
        Command::Mark(arguments) => command::mark::run(arguments, &settings),
        Command::Sql(arguments) => command::sql::run(arguments, &settings),
        Command::Maintain(arguments) => command::maintain::run(arguments, &settings),
        Command::Cluster(arguments) => command::cluster::run(arguments, &settings),
        Command::Demo(arguments) => command::demo::run(arguments, &settings),
        Command::Fingerprint(arguments) => command::fingerprint::run(arguments),
    };
    let code = result.unwrap_or_else(|error| {
        let text = format!("{error:#}");
        // The lines after the first say where to go from there.
        output::say("error", &text);
        ExitCode::Failed
    });
    code.into()
}
