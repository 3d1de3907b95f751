//! `slowlake run`: the service. Runs what its configuration file names until it is told to stop, and reads the file again when it is told to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use slowlake_store::LakeLocation;
use tokio::runtime::Runtime;
use tracing::{error, info, warn};

use crate::clustering::ClusterArguments;
use crate::command::lake::{location, runtime, serving_runtime};
use crate::configuration::{Configuration, Mistake};
use crate::exit_code::ExitCode;
use crate::output;
use crate::render::quantity::{bytes, plural};
use crate::service::maintenance::Maintaining;
use crate::service::meter::Meters;
use crate::service::{Service, Signal, Wanted, signals};
use crate::serving::Serving;
use crate::settings::Settings;
use crate::summary::Coverage;
use crate::telemetry;

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The configuration file; docs/configuration.md has all keys
    #[arg(short = 'c', long = "configuration", value_name = "FILE")]
    file: PathBuf,
}

/// Runs until SIGTERM or SIGINT.
pub(crate) fn run(arguments: &RunArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let configuration = match read(&arguments.file)? {
        Ok(configuration) => configuration,
        Err(mistakes) => {
            say_mistakes(&arguments.file, &mistakes);
            return Ok(ExitCode::Failed);
        }
    };
    telemetry::start_service(settings, configuration.log.level, configuration.log.format);
    let began = Instant::now();
    let runtime = match configuration.serve.listens() {
        true => serving_runtime(settings),
        false => runtime(settings),
    };
    let runtime = Arc::new(runtime?);
    // From now on nothing that it is told is lost.
    let told = signals(&runtime)?;
    let mut running = Running::start(configuration, runtime, settings)?;
    while told.recv() == Ok(Signal::Reload) {
        running.reload(&arguments.file, settings);
    }
    info!("told to stop: commits what is whole");
    let done = running.finish();
    let coverage = Coverage::from(&done.committed.ledger);
    let samples = match done.samples {
        0 => String::new(),
        n => format!(" and {}", plural(i64::try_from(n).unwrap_or(i64::MAX), "sample")),
    };
    let answer = format!(
        "{} of {}{samples} in {} in {:.0} s\n",
        bytes(coverage.bytes),
        plural(done.committed.sources as i64, "file"),
        plural(
            i64::try_from(done.committed.commits).unwrap_or(i64::MAX),
            "commit"
        ),
        began.elapsed().as_secs_f64(),
    );
    output::write(&answer, None)?;
    Ok(ExitCode::Ok)
}

/// All that runs.
struct Running {
    configuration: Configuration,
    runtime: Arc<Runtime>,
    location: LakeLocation,
    meters: Arc<Meters>,
    service: Service,
    maintaining: Option<Maintaining>,
    serving: Option<Serving>,
}

impl Running {
    fn start(
        configuration: Configuration,
        runtime: Arc<Runtime>,
        settings: &Settings,
    ) -> anyhow::Result<Running> {
        // What is in the environment is stronger than what is in a file.
        let lake = settings.lake.as_ref().or(configuration.lake.as_ref());
        let location = location(lake, settings)?;
        let meters = Meters::new();
        let service = Service::start(runtime.clone(), location.clone(), meters.clone())?;
        let serving = match configuration.serve.listens() {
            true => {
                let of_file = configuration.cluster.as_ref();
                let settings = ClusterArguments::default().resolve(of_file, settings)?;
                let serving = Serving::start(&location, &configuration.serve, &settings, meters.clone());
                Some(runtime.block_on(serving)?)
            }
            false => None,
        };
        let mut running = Running {
            service,
            configuration,
            runtime,
            location,
            meters,
            maintaining: None,
            serving,
        };
        running.apply(settings)?;
        Ok(running)
    }

    /// Has what the configuration wants run, and nothing else.
    fn apply(&mut self, settings: &Settings) -> anyhow::Result<()> {
        let files = self.configuration.files.iter().cloned();
        let collected = &self.configuration.collected;
        let collectors = (!collected.is_empty()).then(|| Wanted::Collectors(collected.clone()));
        let wanted = files.map(Wanted::Files).chain(collectors);
        #[cfg(feature = "kafka")]
        let wanted = {
            let topics = self.configuration.topics.iter().cloned();
            wanted.chain(topics.map(Wanted::Topics))
        };
        self.service
            .run(wanted.collect(), self.configuration.commit_every, settings)?;
        let maintenance = self.configuration.maintenance.as_ref();
        if self.maintaining.as_ref().map(|it| &it.wanted) != maintenance {
            if let Some(maintaining) = self.maintaining.take() {
                maintaining.end();
            }
            self.maintaining = maintenance.map(|wanted| {
                Maintaining::start(
                    wanted.clone(),
                    self.runtime.clone(),
                    self.location.clone(),
                    self.meters.clone(),
                )
            });
        }
        Ok(())
    }

    /// Goes on as the file says now; as before where it cannot be read.
    fn reload(&mut self, file: &Path, settings: &Settings) {
        let read = match read(file) {
            Ok(read) => read,
            Err(failure) => return error!("goes on as before: {failure:#}"),
        };
        let configuration = match read {
            Ok(configuration) => configuration,
            Err(mistakes) => {
                for mistake in &mistakes {
                    let (text, hint) = (said(file, mistake), mistake.hint.as_deref());
                    error!(hint, "goes on as before: {text}");
                }
                return;
            }
        };
        let before = &self.configuration;
        for (key, is_other) in [
            ("lake", before.lake != configuration.lake),
            ("serve", before.serve != configuration.serve),
            ("log", before.log != configuration.log),
        ] {
            if is_other {
                warn!(key, "a change that only holds after a restart");
            }
        }
        self.configuration = configuration;
        match self.apply(settings) {
            Ok(()) => info!("goes on as the file says now"),
            Err(failure) => error!("not all of the file could be followed: {failure:#}"),
        }
    }

    fn finish(self) -> crate::service::work::Done {
        if let Some(serving) = self.serving {
            self.runtime.block_on(serving.stop());
        }
        if let Some(maintaining) = self.maintaining {
            maintaining.end();
        }
        self.service.finish()
    }
}

/// The configuration in a file, or what is wrong with it.
pub(crate) fn read(file: &Path) -> anyhow::Result<Result<Configuration, Vec<Mistake>>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Configuration::parse(&text))
}

/// Says what is wrong with a configuration, with its place in the file.
pub(crate) fn say_mistakes(file: &Path, mistakes: &[Mistake]) {
    for mistake in mistakes {
        output::say("error", &said(file, mistake));
        if let Some(hint) = &mistake.hint {
            output::say("hint", hint);
        }
    }
}

fn said(file: &Path, mistake: &Mistake) -> String {
    let Mistake { line, key, what, .. } = mistake;
    match key.as_str() {
        "" => format!("{}:{line}: {what}", file.display()),
        key => format!("{}:{line}: {key}: {what}", file.display()),
    }
}
