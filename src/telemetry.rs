//! What the program says of its own work on standard error, beside answers and errors: for people at a terminal, or for what collects the
//! logs of services. Decides nothing of what is said.

use tracing_subscriber::EnvFilter;

use crate::settings::Settings;

/// What commands say: only what somebody should act upon, and only of our own crates.
const OF_COMMANDS: &str = "slowlake=warn,slowlake_store=warn";

/// A scheduler misses what steps have measured, of every stage, which executors do not tell it.
const OF_SCHEDULERS: &str =
    "ballista_scheduler::display=off,ballista_scheduler::state::execution_stage=error";

/// From which level on the service speaks. Levels are by what whoever runs it has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogLevel {
    /// Somebody has to act
    Error,
    /// It is worse than it should be, and is being tried on
    Warn,
    /// What begins and ends, and each commit
    Info,
    /// Everything
    Debug,
}

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// A line
    Text,
    /// A JSON object on a line
    Json,
}

/// Begins to speak as a command.
pub(crate) fn start_command(settings: &Settings) {
    start(settings, OF_COMMANDS, LogFormat::Text);
}

/// Begins to speak as a service.
pub(crate) fn start_service(settings: &Settings, level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    };
    let filter =
        format!("warn,{OF_SCHEDULERS},slowlake={level},slowlake_ingest={level},slowlake_store={level}");
    start(settings, &filter, format);
}

/// The environment's filter is stronger.
fn start(settings: &Settings, filter: &str, format: LogFormat) {
    let filter = EnvFilter::new(settings.log.as_deref().unwrap_or(filter));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(settings.color_log)
        .with_target(false)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
}
