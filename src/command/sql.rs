//! `slowlake sql`: statements from the command line, a file, standard input or a person at a shell; answers as text, JSON, CSV or
//! Markdown. Only reads.

mod backslash;
mod cells;
mod complete;
mod print;
mod runner;
mod shell;
mod table;

use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::clustering::ClusterArguments;
use crate::command::lake::{location, open, runtime};
use crate::exit_code::ExitCode;
use crate::settings::Settings;
use print::{Output, Style};
use runner::{Mode, Runner};

#[derive(Debug, Args)]
pub(crate) struct SqlArguments {
    /// Run these statements or backslash commands and leave; may be given several times
    #[arg(short = 'c', long = "command", value_name = "SQL")]
    commands: Vec<String>,
    /// Run the statements of this file and leave, after those of -c; may be given several times
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The lake: a directory or URL [default: the environment's SLOWLAKE_LAKE]
    #[arg(long, value_name = "URI")]
    lake: Option<String>,
    /// Form of the answers
    #[arg(long, value_enum, default_value = "text")]
    output: Format,
    /// Write the answers to this file instead of standard output
    #[arg(short = 'o', value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArguments,
}

/// Forms of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned, for people
    Text,
    /// One array of objects an answer
    Json,
    /// With a header
    Csv,
    /// One table an answer
    Markdown,
}

/// Opens the lake and runs what was asked for: `-c` and `-f`, else standard input, else a shell.
pub(crate) fn run(arguments: &SqlArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let settings = &arguments.cluster.resolve(None, settings)?;
    let location = location(arguments.lake.as_ref(), settings)?;
    let runtime = runtime(settings)?;
    let (lake, session) = runtime.block_on(open(&location, settings))?;
    let style = Style::new(arguments.output);
    let output = Output::open(arguments.file.as_deref(), settings.columns)?;
    let is_given = !arguments.commands.is_empty() || !arguments.files.is_empty();
    let is_interactive = !is_given && std::io::stdin().is_terminal();
    let mode = Mode {
        is_interactive,
        shows_progress: settings.progress,
        columns: settings.columns,
    };
    let mut runner = Runner::new(runtime, (lake, session), style, output, mode);

    let done = if is_given {
        run_given(arguments, &mut runner)
    } else if is_interactive {
        shell::run(&mut runner, settings)
    } else {
        let mut script = String::new();
        let read = std::io::stdin()
            .read_to_string(&mut script)
            .context("cannot read standard input");
        read.and_then(|_| runner.script(&script))
    };
    match done.and_then(|()| runner.finish()) {
        Err(error) if !is_broken_pipe(&error) => Err(error),
        // Who reads our output may have gone away: that is success.
        _ => Ok(ExitCode::Ok),
    }
}

fn run_given(arguments: &SqlArguments, runner: &mut Runner) -> anyhow::Result<()> {
    for command in &arguments.commands {
        runner.script(command)?;
    }
    arguments.files.iter().try_for_each(|path| runner.file(path))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let of_io = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().filter_map(|cause| cause.downcast_ref()).any(of_io)
}
