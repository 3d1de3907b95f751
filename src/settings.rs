//! What holds for every command, resolved once: flag, then environment, then default. The only place that looks at the environment.

use std::io::IsTerminal;

use slowlake_store::Environment;

/// Default limit for the memory of queries over a lake, bytes.
const MEMORY_LIMIT_BYTES: usize = 1024 * 1024 * 1024;

/// Resolved settings.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// `SLOWLAKE_LAKE`, for commands whose `--lake` was not given.
    pub(crate) lake: Option<String>,
    /// Threads to work with, at least one.
    pub(crate) threads: usize,
    /// Memory that queries may use, bytes.
    pub(crate) memory_limit_bytes: usize,
    /// Whether text output may be coloured.
    pub(crate) color: bool,
    /// Whether a person watches standard error, so that a progress bar makes sense.
    pub(crate) progress: bool,
    /// Columns of the terminal, or what fits most of them.
    pub(crate) columns: usize,
    /// Where a shell keeps its history.
    pub(crate) state_folder: Option<std::path::PathBuf>,
    /// What may be said on standard error beside answers: `SLOWLAKE_LOG`, in the words of tracing's filters.
    pub(crate) log: Option<String>,
    /// Whether that may be coloured.
    pub(crate) color_log: bool,
    /// The name of this machine: the server of a log when nobody says otherwise.
    pub(crate) host: String,
    /// How storage in a cloud is reached, and with which credentials.
    pub(crate) environment: Environment,
    /// The cluster that queries which read much go to, for commands that were told of one.
    #[cfg(feature = "cluster")]
    pub(crate) cluster: Option<slowlake_sql::cluster::Cluster>,
}

impl Settings {
    /// Resolves flags that hold everywhere against the environment.
    pub(crate) fn resolve(threads: Option<usize>) -> Settings {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let stdout_is_terminal = std::io::stdout().is_terminal();
        let columns = stdout_is_terminal.then(comfy_columns).flatten();
        let from_environment = variable("COLUMNS").and_then(|text| text.parse().ok());
        Settings {
            lake: variable("SLOWLAKE_LAKE"),
            log: variable("SLOWLAKE_LOG"),
            color_log: std::io::stderr().is_terminal() && variable("NO_COLOR").is_none(),
            threads: threads
                .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()))
                .max(1),
            memory_limit_bytes: MEMORY_LIMIT_BYTES,
            color: stdout_is_terminal && variable("NO_COLOR").is_none(),
            progress: std::io::stderr().is_terminal(),
            columns: columns.or(from_environment).unwrap_or(120).clamp(60, 240),
            state_folder: variable("XDG_STATE_HOME")
                .map(std::path::PathBuf::from)
                .or_else(|| variable("HOME").map(|home| std::path::Path::new(&home).join(".local/state")))
                .map(|folder| folder.join("slowlake")),
            host: host_name().unwrap_or_else(|| "localhost".to_owned()),
            environment: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            #[cfg(feature = "cluster")]
            cluster: None,
        }
    }

    /// Where temporary files go: `TMPDIR`, else the system's folder for them.
    #[cfg(feature = "cluster")]
    pub(crate) fn temporary_folder(&self) -> std::path::PathBuf {
        std::env::temp_dir()
    }

    /// A variable of the environment that somebody named.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }
}

fn comfy_columns() -> Option<usize> {
    comfy_table::Table::new().width().map(usize::from)
}

fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
