//! `slowlake cluster`: the scheduler and the executors that queries of others are executed by. Serves until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::exit_code::ExitCode;
use crate::settings::Settings;
use crate::telemetry::LogFormat;

#[derive(Debug, Args)]
pub(crate) struct ClusterCommand {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Take queries, cut them into tasks, and give these to executors; one for a cluster
    Scheduler(SchedulerArguments),
    /// Execute tasks, as many at the same time as --threads says
    Executor(ExecutorArguments),
}

#[derive(Debug, Args)]
struct SchedulerArguments {
    /// Address and port at which clients and executors find it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50050")]
    listen: SocketAddr,
    #[command(flatten)]
    serving: ServingArguments,
}

#[derive(Debug, Args)]
struct ExecutorArguments {
    /// Its scheduler: http://host:port, or https://host:port with certificates
    #[arg(long, value_name = "URL")]
    scheduler: String,
    /// A lake that it may read, with the credentials of its environment; may be given several times [default: the environment's
    /// SLOWLAKE_LAKE]
    #[arg(long, value_name = "URI")]
    lake: Vec<String>,
    /// Address and port at which clients and other executors fetch what it has computed
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50051")]
    listen: SocketAddr,
    /// The name under which they find it [default: the address of --listen]
    #[arg(long, value_name = "HOST")]
    advertise: Option<String>,
    /// Memory for the data of all tasks together, MiB; what does not fit goes to files
    #[arg(long, value_name = "MIB", default_value = "1024", value_parser = clap::value_parser!(u32).range(64..))]
    memory: u32,
    /// Where these files are, and what was computed, until it has been fetched [default: the system's folder for temporary files]
    #[arg(long, value_name = "FOLDER")]
    work_folder: Option<PathBuf>,
    #[command(flatten)]
    serving: ServingArguments,
}

#[derive(Debug, Args)]
struct ServingArguments {
    /// The authority that signed the certificates of all parts of the cluster and of its clients, in PEM; without, only this
    /// machine is served
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// The certificate to show, in PEM
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Its key, in PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// How it writes what it has to say
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
}

/// Serves until SIGTERM or SIGINT.
#[cfg(feature = "cluster")]
pub(crate) fn run(command: &ClusterCommand, settings: &Settings) -> anyhow::Result<ExitCode> {
    match &command.role {
        Role::Scheduler(arguments) => serving::scheduler(arguments, settings),
        Role::Executor(arguments) => serving::executor(arguments, settings),
    }?;
    Ok(ExitCode::Ok)
}

/// Cannot.
#[cfg(not(feature = "cluster"))]
pub(crate) fn run(_: &ClusterCommand, _: &Settings) -> anyhow::Result<ExitCode> {
    anyhow::bail!(crate::clustering::NOT_BUILT)
}

#[cfg(feature = "cluster")]
mod serving {
    use anyhow::Context;
    use slowlake_sql::cluster::{
        ExecutorSettings, SchedulerSettings, TlsFiles, serve_executor, serve_scheduler,
    };
    use tokio::signal::unix::{SignalKind, signal};
    use tracing::info;

    use super::*;
    use crate::clustering::{cluster_error, tls_files};
    use crate::command::lake::{location, runtime};
    use crate::telemetry::{self, LogLevel};

    pub(super) fn scheduler(arguments: &SchedulerArguments, settings: &Settings) -> anyhow::Result<()> {
        let settings_of_scheduler = SchedulerSettings {
            listen: arguments.listen,
            tls: arguments.serving.tls()?,
        };
        telemetry::start_service(settings, LogLevel::Info, arguments.serving.log_format);
        let ready = |address| info!("scheduler at {address}");
        runtime(settings)?.block_on(async {
            let served = serve_scheduler(&settings_of_scheduler, ready, stop()?).await;
            served.map_err(cluster_error)
        })
    }

    pub(super) fn executor(arguments: &ExecutorArguments, settings: &Settings) -> anyhow::Result<()> {
        let lakes = match arguments.lake.as_slice() {
            [] => vec![location(None, settings)?],
            named => {
                let each = named.iter().map(|lake| location(Some(lake), settings));
                each.collect::<anyhow::Result<Vec<_>>>()?
            }
        };
        let settings_of_executor = ExecutorSettings {
            scheduler: arguments.scheduler.clone(),
            listen: arguments.listen,
            advertise: arguments.advertise.clone(),
            tls: arguments.serving.tls()?,
            lakes,
            cores: settings.threads,
            memory_limit_bytes: usize::try_from(u64::from(arguments.memory) << 20).unwrap_or(usize::MAX),
            work_folder: arguments
                .work_folder
                .clone()
                .unwrap_or_else(|| settings.temporary_folder().join("slowlake")),
        };
        telemetry::start_service(settings, LogLevel::Info, arguments.serving.log_format);
        let ready = |address| info!("executor at {address} works for {}", arguments.scheduler);
        runtime(settings)?.block_on(async {
            let served = serve_executor(&settings_of_executor, ready, stop()?).await;
            served.map_err(cluster_error)
        })
    }

    impl ServingArguments {
        fn tls(&self) -> anyhow::Result<Option<TlsFiles>> {
            let files = [&self.tls_ca, &self.tls_cert, &self.tls_key];
            tls_files(files, "--tls-ca, --tls-cert and --tls-key")
        }
    }

    /// Comes with SIGTERM and SIGINT, which are listened to from now on.
    fn stop() -> anyhow::Result<impl Future<Output = ()>> {
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen to SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen to SIGINT")?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            info!("told to stop");
        })
    }
}
