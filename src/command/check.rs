//! `slowlake check`: whether a configuration can be run, found out without changing anything: its text, its lake, its logs.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use slowlake_ingest::{Collector, IngestError, Reader, Source, discover};
use slowlake_store::{Lake, StoreError};

use crate::command::lake::{location, runtime, store_error};
use crate::command::reading::{say_failure, say_source_failure};
use crate::command::run::{read, say_mistakes};
use crate::configuration::{Collected, Configuration, Files, reference};
use crate::exit_code::ExitCode;
use crate::output;
use crate::pipeline::{SourceFailure, choose_format, read_head};
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The configuration file
    #[arg(
        short = 'c',
        long = "configuration",
        value_name = "FILE",
        required_unless_present = "reference"
    )]
    configuration: Option<PathBuf>,
    /// Print all keys of the configuration file and what they mean, as Markdown
    #[arg(long, conflicts_with = "configuration")]
    reference: bool,
    /// Write the answer to this file instead of standard output
    #[arg(short = 'o', value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Looks at everything, and says of each part what it is or what is wrong with it.
pub(crate) fn run(arguments: &CheckArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let Some(file) = &arguments.configuration else {
        output::write(&reference(), arguments.file.as_ref())?;
        return Ok(ExitCode::Ok);
    };
    let configuration = match read(file)? {
        Ok(configuration) => configuration,
        Err(mistakes) => {
            say_mistakes(file, &mistakes);
            return Ok(ExitCode::Found);
        }
    };
    let mut answer = String::new();
    let mut n_wrong = usize::from(!check_lake(&configuration, settings, &mut answer)?);
    for (number, files) in (1..).zip(&configuration.files) {
        n_wrong += check_files(number, files, &mut answer);
    }
    n_wrong += check_servers(&configuration.collected, settings, &mut answer)?;
    output::write(&answer, arguments.file.as_ref())?;
    Ok(match n_wrong {
        0 => ExitCode::Ok,
        _ => ExitCode::Found,
    })
}

fn check_lake(
    configuration: &Configuration,
    settings: &Settings,
    answer: &mut String,
) -> anyhow::Result<bool> {
    let lake = settings.lake.as_ref().or(configuration.lake.as_ref());
    let opened = location(lake, settings).and_then(|location| {
        let opened = runtime(settings)?.block_on(Lake::open(&location));
        match opened {
            Ok(lake) => Ok(format!("lake {location}: at version {}", lake.version())),
            Err(StoreError::NotFound { .. }) => Ok(format!("lake {location}: not there yet, will be made")),
            Err(error) => Err(store_error(error)),
        }
    });
    match opened {
        Ok(line) => writeln!(answer, "{line}")?,
        Err(error) => {
            output::say("error", &format!("{error:#}"));
            return Ok(false);
        }
    }
    Ok(true)
}

/// Looks at the files that are there now; returns how many of them cannot be read. What is not there is waited for when it is run.
fn check_files(number: usize, files: &Files, answer: &mut String) -> usize {
    let found = match discover(&files.follow.arguments) {
        Ok(found) => found,
        Err(IngestError::NothingReadable { failures }) => {
            return failures.iter().filter(|it| is_wrong(it)).count();
        }
        Err(error) => return usize::from(is_wrong(&error)),
    };
    let mut n_wrong = found.failures.iter().filter(|it| is_wrong(it)).count();
    for source in &found.sources {
        match format_of(source, files) {
            Ok(format) => *answer += &format!("source.file[{number}] {}: {format}\n", source.name),
            Err(failure) => {
                say_source_failure(&failure);
                n_wrong += 1;
            }
        }
    }
    n_wrong
}

/// Asks each server for everything once; returns how many of them cannot be asked, or not for everything.
fn check_servers(all: &[Collected], settings: &Settings, answer: &mut String) -> anyhow::Result<usize> {
    let mut n_wrong = 0;
    for one in all {
        let config = one.config(settings);
        let (name, address) = (config.server.clone(), config.address());
        let refusals = runtime(settings)?.block_on(async {
            let mut collector = Collector::connect(config).await?;
            collector.refusals(jiff::Timestamp::now().as_microsecond()).await
        });
        match refusals {
            Ok(refusals) if refusals.is_empty() => {
                *answer += &format!("collector {name}: {address} tells everything\n")
            }
            Ok(refusals) => {
                n_wrong += 1;
                for refusal in refusals {
                    output::say("error", &format!("{name}: {refusal}"));
                }
                output::say("hint", "docs/collectors.md has the privileges that are needed");
            }
            Err(failure) => n_wrong += usize::from(is_wrong(&failure)),
        }
    }
    Ok(n_wrong)
}

/// Says what a failure is; only what is there can be wrong.
fn is_wrong(failure: &IngestError) -> bool {
    if let IngestError::NotFound { .. } | IngestError::NoMatch { .. } | IngestError::EmptyDirectory { .. } =
        failure
    {
        output::say("warning", &format!("{failure}, yet"));
        return false;
    }
    say_failure(failure);
    true
}

/// What a log is, from its first bytes.
fn format_of(source: &Source, files: &Files) -> Result<String, SourceFailure> {
    let (head, damage) = read_head(&mut Reader::open(source)?);
    match damage {
        Some(damage) => Err(damage.into()),
        None if head.is_empty() => Ok("empty".to_owned()),
        None => choose_format(&source.name, &head, &files.read).map(|format| format.to_string()),
    }
}
