//! `slowlake check`: whether a configuration can be run, found out without changing anything: its text, its lake, its logs.

use std::path::{Path, PathBuf};

use clap::Args;
#[cfg(feature = "kafka")]
use slowlake_ingest::kafka::Reachability;
use slowlake_ingest::{Collector, IngestError, Reader, Source, discover};
use slowlake_store::{Lake, StoreError};

#[cfg(feature = "cluster")]
use crate::clustering::ClusterArguments;
use crate::command::lake::{location, runtime, store_error};
use crate::command::run::{read, say_mistakes};
#[cfg(feature = "kafka")]
use crate::configuration::Topics;
use crate::configuration::{Collected, Configuration, Files, reference};
use crate::exit_code::ExitCode;
use crate::output;
use crate::pipeline::{SourceFailure, choose_format, read_head};
#[cfg(feature = "kafka")]
use crate::render::quantity::plural;
use crate::serving::refusals;
use crate::settings::Settings;

/// How long is waited for brokers to answer.
#[cfg(feature = "kafka")]
const BROKERS_WAIT: std::time::Duration = std::time::Duration::from_secs(10);

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
    let mut checked = Checked {
        file,
        answer: String::new(),
        n_wrong: 0,
    };
    checked.lake(&configuration, settings)?;
    for (number, (files, line)) in (1..).zip(configuration.files.iter().zip(&configuration.lines.paths)) {
        checked.files(&format!("source.file[{number}]"), files, *line);
    }
    #[cfg(feature = "kafka")]
    for (number, (topics, line)) in (1..).zip(configuration.topics.iter().zip(&configuration.lines.brokers)) {
        checked.topics(&format!("source.kafka[{number}]"), topics, *line);
    }
    #[cfg(feature = "cluster")]
    if let Some(cluster) = &configuration.cluster {
        checked.cluster(cluster, configuration.lines.cluster, settings)?;
    }
    checked.serve(&configuration, settings);
    let servers = configuration.collected.iter().zip(&configuration.lines.servers);
    for (server, (key, line)) in servers {
        checked.server(server, key, *line, settings)?;
    }
    output::write(&checked.answer, arguments.file.as_ref())?;
    Ok(match checked.n_wrong {
        0 => ExitCode::Ok,
        _ => ExitCode::Found,
    })
}

/// What was looked at: what is in order, and how much is not, which was said already.
struct Checked<'c> {
    /// The configuration file.
    file: &'c Path,
    answer: String,
    n_wrong: usize,
}

impl Checked<'_> {
    fn lake(&mut self, configuration: &Configuration, settings: &Settings) -> anyhow::Result<()> {
        let runtime = runtime(settings)?;
        let lake = settings.lake.as_ref().or(configuration.lake.as_ref());
        let opened =
            location(lake, settings).and_then(|location| match runtime.block_on(Lake::open(&location)) {
                Ok(lake) => Ok(format!("lake {location}: at version {}", lake.version())),
                Err(StoreError::NotFound { .. }) => {
                    Ok(format!("lake {location}: not there yet, will be made"))
                }
                Err(error) => Err(store_error(error)),
            });
        match opened {
            Ok(line) => self.answer += &format!("{line}\n"),
            Err(error) => self.wrong(configuration.lines.lake, "lake", &format!("{error:#}"), None),
        }
        Ok(())
    }

    /// Looks at the files that are there now. What is not there is waited for when it is run.
    fn files(&mut self, name: &str, files: &Files, line: usize) {
        let key = format!("{name}.paths");
        let (sources, failures) = match discover(&files.follow.arguments) {
            Ok(found) => (found.sources, found.failures),
            Err(IngestError::NothingReadable { failures }) => (Vec::new(), failures),
            Err(error) => (Vec::new(), vec![error]),
        };
        for failure in failures.into_iter().map(SourceFailure::from) {
            if failure.is_not_there() {
                output::say("warning", &format!("{failure}, yet"));
            } else {
                self.wrong(line, &key, &failure.to_string(), failure.hint());
            }
        }
        for source in &sources {
            match format_of(source, files) {
                Ok(format) => self.answer += &format!("{name} {}: {format}\n", source.name),
                Err(failure) => self.wrong(line, &key, &failure.to_string(), failure.hint()),
            }
        }
    }

    /// Asks brokers for their topics, and joins no group. A topic that is not there yet is waited for when it is run.
    #[cfg(feature = "kafka")]
    fn topics(&mut self, name: &str, topics: &Topics, line: usize) {
        let found = match Reachability::ask(&topics.options, BROKERS_WAIT) {
            Ok(reached) => reached.topics,
            Err(failure) => {
                let hint = failure.hint().map(str::to_owned);
                return self.wrong(line, &format!("{name}.brokers"), &failure.to_string(), hint);
            }
        };
        for topic in found {
            match topic.n_partitions {
                Some(n) => {
                    self.answer += &format!("{name} {}: {}\n", topic.name, plural(n as i64, "partition"))
                }
                None => output::say("warning", &format!("{name} {}: no such topic, yet", topic.name)),
            }
        }
    }

    /// Connects to the scheduler as a query would.
    #[cfg(feature = "cluster")]
    fn cluster(
        &mut self,
        cluster: &ClusterArguments,
        line: usize,
        settings: &Settings,
    ) -> anyhow::Result<()> {
        let cluster = ClusterArguments::default().over(Some(cluster), settings);
        let probed = match cluster.to_cluster()? {
            None => return Ok(()),
            Some(cluster) => runtime(settings)?.block_on(cluster.probe()),
        };
        match probed {
            Ok(()) => self.answer += "cluster: has executors\n",
            Err(failure) => self.wrong(line, "cluster.scheduler", &failure.to_string(), failure.hint()),
        }
        Ok(())
    }

    /// Reads who may ask, and what the servers prove themselves with; listens to nothing, for the service may be running.
    fn serve(&mut self, configuration: &Configuration, settings: &Settings) {
        let refusals = refusals(&configuration.serve, settings);
        for (key, refusal) in &refusals {
            let line = configuration.lines.serve.iter().find(|(name, _)| name == key);
            let line = line.map_or(0, |(_, line)| *line);
            self.wrong(line, &format!("serve.{key}"), &format!("{refusal:#}"), None);
        }
        if configuration.serve.listens() && refusals.is_empty() {
            self.answer += "serve: its files can be read\n";
        }
    }

    /// Asks a server for everything once.
    fn server(&mut self, one: &Collected, key: &str, line: usize, settings: &Settings) -> anyhow::Result<()> {
        let config = one.config(settings);
        let (name, address) = (config.server.clone(), config.address());
        let asked = runtime(settings)?.block_on(async {
            let mut collector = Collector::connect(config).await?;
            collector.refusals(jiff::Timestamp::now().as_microsecond()).await
        });
        match asked {
            Ok(refusals) if refusals.is_empty() => {
                self.answer += &format!("{key} {name}: {address} tells everything\n");
            }
            Ok(refusals) => {
                let hint = "docs/collectors.md has the privileges that are needed".to_owned();
                self.wrong(line, key, &refusals.join("; "), Some(hint));
            }
            Err(failure) => self.wrong(line, key, &failure.to_string(), failure.hint().map(str::to_owned)),
        }
        Ok(())
    }

    fn wrong(&mut self, line: usize, key: &str, what: &str, hint: Option<String>) {
        output::say("error", &format!("{}:{line}: {key}: {what}", self.file.display()));
        if let Some(hint) = hint {
            output::say("hint", &hint);
        }
        self.n_wrong += 1;
    }
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
