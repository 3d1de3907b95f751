//! `slowlake run`: the service. Follows what its configuration file names until it is told to stop.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use slowlake_ingest::Follower;

use crate::command::lake::{location, runtime};
use crate::command::reading::ingest_error;
use crate::configuration::{Configuration, Files, Mistake};
use crate::exit_code::ExitCode;
use crate::ingestion::{RowMaker, ServerName};
use crate::output;
use crate::render::quantity::{bytes, plural};
use crate::service::{self, Followed};
use crate::settings::Settings;
use crate::summary::Coverage;

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The configuration file
    #[arg(short = 'c', long = "configuration", value_name = "FILE")]
    file: PathBuf,
}

/// Follows until SIGTERM or SIGINT.
pub(crate) fn run(arguments: &RunArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let configuration = match read(&arguments.file)? {
        Ok(configuration) => configuration,
        Err(mistakes) => {
            say_mistakes(&arguments.file, &mistakes);
            return Ok(ExitCode::Failed);
        }
    };
    // What is in the environment is stronger than what is in a file.
    let lake = settings.lake.as_ref().or(configuration.lake.as_ref());
    let location = location(lake, settings)?;
    let all = configuration.files.into_iter();
    let all = all
        .map(|files| followed(files, settings))
        .collect::<Result<_, _>>()?;
    let runtime = runtime(settings)?;
    let began = Instant::now();
    let followings = service::follow(&runtime, &location, all, configuration.commit_every)?;
    let coverage = Coverage::from(&followings.committed.ledger);
    let answer = format!(
        "{} of {} in {} in {:.0} s\n",
        bytes(coverage.bytes),
        plural(followings.committed.sources as i64, "file"),
        plural(
            i64::try_from(followings.committed.commits).unwrap_or(i64::MAX),
            "commit"
        ),
        began.elapsed().as_secs_f64(),
    );
    output::write(&answer, None)?;
    Ok(ExitCode::Ok)
}

/// The configuration in a file, or what is wrong with it.
pub(crate) fn read(file: &Path) -> anyhow::Result<Result<Configuration, Vec<Mistake>>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Configuration::parse(&text))
}

/// Says what is wrong with a configuration, with its place in the file.
pub(crate) fn say_mistakes(file: &Path, mistakes: &[Mistake]) {
    for mistake in mistakes {
        let key = match mistake.key.as_str() {
            "" => String::new(),
            key => format!("{key}: "),
        };
        let text = format!("{}:{}: {key}{}", file.display(), mistake.line, mistake.what);
        output::say("error", &text);
        if let Some(hint) = &mistake.hint {
            output::say("hint", hint);
        }
    }
}

fn followed(files: Files, settings: &Settings) -> anyhow::Result<Followed> {
    let server = ServerName::new(files.server, settings);
    Ok(Followed {
        follower: Follower::new(files.follow).map_err(ingest_error)?,
        maker: RowMaker::new(server, files.cluster, files.texts, files.read.statement),
        options: files.read,
    })
}
