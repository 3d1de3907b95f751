//! The configuration file of the service: text to settings, and every mistake in it by line and key, with what to do about it. Opens nothing
//! and reaches nothing.

mod cluster;
mod collector;
mod file;
#[cfg(feature = "kafka")]
mod kafka;
mod key;
mod section;
mod serve;

use std::collections::HashMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use slowlake_ingest::Engine;
use slowlake_store::Kind;
use toml::de::DeTable;

use crate::clustering::ClusterArguments;
use crate::command::follow::{COMMIT_SECONDS_DEFAULT, COMMIT_SECONDS_MAX};
pub(crate) use crate::configuration::collector::Collected;
pub(crate) use crate::configuration::file::Files;
#[cfg(feature = "kafka")]
pub(crate) use crate::configuration::kafka::Topics;
pub(crate) use crate::configuration::key::reference;
use crate::configuration::section::{Section, line_of};
use crate::ingestion::TextPolicy;
use crate::serving::ServeSettings;
use crate::telemetry::{LogFormat, LogLevel};

/// How many `[[source.file]]` one process follows: each commits on its own, and many writers keep each other waiting.
const FILES_MAX: usize = 32;
/// The usual time between two rounds of maintenance, the shortest and the longest.
const MAINTENANCE_DEFAULT: Duration = Duration::from_secs(3_600);
const MAINTENANCE_LIMITS: (Duration, Duration) = (Duration::from_secs(60), DAY);
/// Memory of maintenance for sorting, MiB: less than that of the command, which has the machine to itself.
const MAINTENANCE_MIB_DEFAULT: u64 = 64;
const MAINTENANCE_MIB_MIN: u64 = 64;
const MAINTENANCE_MIB_MAX: u64 = 65_536;
/// The longest time that rows may be kept for, unless it is for ever.
const KEEP_MAX: Duration = Duration::from_secs(100 * 365 * DAY.as_secs());

const DAY: Duration = Duration::from_secs(86_400);

/// What the file says.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// Where the lake is, if it says.
    pub(crate) lake: Option<String>,
    /// The longest time between what is read and its commit.
    pub(crate) commit_every: Duration,
    /// Logs to follow.
    pub(crate) files: Vec<Files>,
    /// Topics to consume.
    #[cfg(feature = "kafka")]
    pub(crate) topics: Vec<Topics>,
    /// Live servers to ask.
    pub(crate) collected: Vec<Collected>,
    /// How the lake is tidied up; `None` when somebody else does it.
    pub(crate) maintenance: Option<Maintenance>,
    /// What others may ask.
    pub(crate) serve: ServeSettings,
    /// Where queries that read much are executed, if not here.
    pub(crate) cluster: Option<ClusterArguments>,
    pub(crate) log: Log,
    pub(crate) lines: Lines,
}

/// Where in the file is what may turn out to be wrong later; 1 for what is not there.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) lake: usize,
    /// The table of the cluster.
    #[cfg(feature = "cluster")]
    pub(crate) cluster: usize,
    /// The keys of what is served.
    pub(crate) serve: Vec<(&'static str, usize)>,
    /// The paths of each of the files.
    pub(crate) paths: Vec<usize>,
    /// The brokers of each of the topics.
    #[cfg(feature = "kafka")]
    pub(crate) brokers: Vec<usize>,
    /// The key of each of the servers to be asked, and where it is.
    pub(crate) servers: Vec<(String, usize)>,
}

/// How a lake is tidied up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Maintenance {
    pub(crate) every: Duration,
    /// Memory for sorting, bytes.
    pub(crate) memory_bytes: usize,
    /// Whole days for which rows of a kind are kept; what is not named is for ever.
    pub(crate) keep: Vec<(Kind, u32)>,
}

/// How much the service says of itself, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) level: LogLevel,
    pub(crate) format: LogFormat,
}

/// What holds for sources that do not say otherwise.
#[derive(Debug, Default)]
struct Defaults {
    cluster: Option<String>,
    zone: Option<TimeZone>,
    statement_text: Option<TextPolicy>,
    redact: bool,
}

/// Something in the file that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Where, counted from 1.
    pub(crate) line: usize,
    /// The key, with the table it is in; empty where the text is no TOML.
    pub(crate) key: String,
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl Configuration {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// All mistakes in it, in the order of their lines; only the first where the text is no TOML.
    pub(crate) fn parse(text: &str) -> Result<Configuration, Vec<Mistake>> {
        let document = DeTable::parse(text).map_err(|error| {
            vec![Mistake {
                line: line_of(text, error.span().map_or(0, |span| span.start)),
                key: String::new(),
                what: format!("not TOML: {}", error.message()),
                hint: None,
            }]
        })?;
        let mut mistakes = Vec::new();
        let mut root = Section::root(text, document.get_ref(), &key::ROOT);
        let lake = root.text("lake");
        let mut lines = Lines {
            lake: root.line("lake"),
            #[cfg(feature = "cluster")]
            cluster: root.line("cluster"),
            serve: Vec::new(),
            paths: Vec::new(),
            #[cfg(feature = "kafka")]
            brokers: Vec::new(),
            servers: Vec::new(),
        };
        let commit_limits = Duration::from_secs(1)..=Duration::from_secs(COMMIT_SECONDS_MAX);
        let commit_every = root.duration("commit_every", commit_limits, "10s");
        let defaults = Defaults::of(root.table("defaults", &key::DEFAULTS), &mut mistakes);
        let sources = Sources::of(&mut root, &defaults, &mut lines, &mut mistakes);
        let keep = keep(root.table("retention", &key::RETENTION), &mut mistakes);
        let maintenance = Maintenance::of(root.table("maintenance", &key::MAINTENANCE), keep, &mut mistakes);
        let serve = root.table("serve", &key::SERVE);
        if let Some(section) = &serve {
            let keys = key::SERVE.names().map(|key| (key, section.line(key)));
            lines.serve = keys.collect();
        }
        let serve = ServeSettings::of(serve, &mut mistakes);
        let cluster = cluster::cluster(root.table("cluster", &key::CLUSTER_OF_QUERIES), &mut mistakes);
        let log = Log::of(root.table("log", &key::LOG), &mut mistakes);
        root.finish(&mut mistakes);
        mistakes.sort_by_key(|mistake| mistake.line);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Configuration {
            lake,
            commit_every: commit_every.unwrap_or(Duration::from_secs(COMMIT_SECONDS_DEFAULT)),
            files: sources.files,
            #[cfg(feature = "kafka")]
            topics: sources.topics,
            collected: sources.collected,
            maintenance,
            serve,
            cluster,
            log,
            lines,
        })
    }
}

/// What is to be read.
struct Sources {
    files: Vec<Files>,
    collected: Vec<Collected>,
    #[cfg(feature = "kafka")]
    topics: Vec<Topics>,
}

impl Sources {
    /// Reads what is in `source`.
    fn of(
        root: &mut Section<'_>,
        defaults: &Defaults,
        lines: &mut Lines,
        mistakes: &mut Vec<Mistake>,
    ) -> Sources {
        let mut source = root.table("source", &key::SOURCE);
        let collected = collected(source.as_mut(), defaults, lines, mistakes);
        let mut tables = |name, keys| {
            source
                .as_mut()
                .map_or_else(Vec::new, |source| source.tables(name, keys))
        };
        let (files, topics) = (tables("file", &key::FILE), tables("kafka", &key::KAFKA));
        let is_empty = files.is_empty() && topics.is_empty() && collected.is_empty() && !root.has("serve");
        if is_empty && (source.is_some() || !root.has("source")) {
            root.wrong(
                "source",
                "nothing to read",
                "name logs: [[source.file]] and paths = [\"/var/log/…\"]",
            );
        }
        if let Some(files) = files.get(FILES_MAX) {
            let what = format!("more than {FILES_MAX} of them");
            mistakes.push(files.mistake("paths", what, "run several processes, each with its own file"));
        }
        lines.paths = files.iter().map(|section| section.line("paths")).collect();
        let mut owners = HashMap::new();
        let files = files
            .into_iter()
            .map(|section| Files::of(section, defaults, &mut owners, mistakes))
            .collect();
        #[cfg(feature = "kafka")]
        lines
            .brokers
            .extend(topics.iter().map(|section| section.line("brokers")));
        #[cfg(feature = "kafka")]
        let topics = topics
            .into_iter()
            .map(|section| Topics::of(section, defaults, mistakes))
            .collect();
        #[cfg(not(feature = "kafka"))]
        for section in topics {
            let what = "this slowlake was built without Kafka".to_owned();
            mistakes.push(section.mistake(
                "brokers",
                what,
                "build it with: cargo build --release --features kafka",
            ));
        }
        if let Some(source) = source {
            source.finish(mistakes);
        }
        Sources {
            files,
            collected,
            #[cfg(feature = "kafka")]
            topics,
        }
    }
}

/// Reads the servers in `source` that are asked.
fn collected(
    source: Option<&mut Section<'_>>,
    defaults: &Defaults,
    lines: &mut Lines,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Collected> {
    let Some(source) = source else {
        return Vec::new();
    };
    let kinds = [
        ("postgres", &key::POSTGRES, Engine::Postgres),
        ("mysql", &key::MYSQL, Engine::Mysql),
    ];
    let mut owners = HashMap::new();
    let mut collected = Vec::new();
    for (name, keys, engine) in kinds {
        for section in source.tables(name, keys) {
            let key = format!("{}.url", section.name());
            lines.servers.push((key, section.line("url")));
            collected.push(Collected::of(engine, section, defaults, &mut owners, mistakes));
        }
    }
    collected
}

impl Defaults {
    fn of(section: Option<Section<'_>>, mistakes: &mut Vec<Mistake>) -> Defaults {
        let Some(mut section) = section else {
            return Defaults::default();
        };
        let defaults = Defaults {
            cluster: section.text("cluster"),
            zone: zone(&mut section),
            statement_text: section.choice("statement_text"),
            redact: section.flag("redact").unwrap_or(false),
        };
        if defaults.redact && defaults.statement_text.is_some() {
            refuse_texts(&mut section);
        }
        section.finish(mistakes);
        defaults
    }
}

impl Maintenance {
    fn of(
        section: Option<Section<'_>>,
        keep: Vec<(Kind, u32)>,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Maintenance> {
        let mut maintenance = Maintenance {
            every: MAINTENANCE_DEFAULT,
            memory_bytes: mib(MAINTENANCE_MIB_DEFAULT),
            keep,
        };
        let Some(mut section) = section else {
            return Some(maintenance);
        };
        let (shortest, longest) = MAINTENANCE_LIMITS;
        if let Some(every) = section.duration("every", shortest..=longest, "1h") {
            maintenance.every = every;
        }
        if let Some(number) = section.number("memory_mib", MAINTENANCE_MIB_MIN..=MAINTENANCE_MIB_MAX) {
            maintenance.memory_bytes = mib(number);
        }
        let is_enabled = section.flag("enabled").unwrap_or(true);
        if !is_enabled && !maintenance.keep.is_empty() {
            section.wrong(
                "enabled",
                "nothing is removed without maintenance, but retention says for how long rows are kept",
                "remove [retention], and give --keep to slowlake maintain",
            );
        }
        section.finish(mistakes);
        is_enabled.then_some(maintenance)
    }
}

impl Log {
    fn of(section: Option<Section<'_>>, mistakes: &mut Vec<Mistake>) -> Log {
        let mut log = Log {
            level: LogLevel::Info,
            format: LogFormat::Text,
        };
        if let Some(mut section) = section {
            log.level = section.choice("level").unwrap_or(log.level);
            log.format = section.choice("format").unwrap_or(log.format);
            section.finish(mistakes);
        }
        log
    }
}

/// For how many days rows are kept, of each kind that is named.
fn keep(section: Option<Section<'_>>, mistakes: &mut Vec<Mistake>) -> Vec<(Kind, u32)> {
    let Some(mut section) = section else {
        return Vec::new();
    };
    let kinds = [
        ("executions", Kind::Query),
        ("server_events", Kind::Log),
        ("metrics", Kind::Metric),
        ("rejects", Kind::Reject),
    ];
    let mut keep = Vec::new();
    for (key, kind) in kinds {
        let Some(duration) = section.duration(key, DAY..=KEEP_MAX, "35d") else {
            continue;
        };
        match u32::try_from(duration.as_secs() / DAY.as_secs()) {
            Ok(days) if duration.as_secs() % DAY.as_secs() == 0 => keep.push((kind, days)),
            _ => section.wrong(key, "no whole number of days", "give whole days, such as \"35d\""),
        }
    }
    section.finish(mistakes);
    keep
}

/// The zone of a server's clock.
fn zone(section: &mut Section<'_>) -> Option<TimeZone> {
    let name = section.text("timezone")?;
    let zone = TimeZone::get(&name).ok();
    if zone.is_none() {
        section.wrong(
            "timezone",
            &format!("{name:?} is no time zone"),
            "use a name of the time zone database, for example Europe/Berlin",
        );
    }
    zone
}

/// Texts are kept by a policy or not at all.
fn refuse_texts(section: &mut Section<'_>) {
    section.wrong(
        "statement_text",
        "says which texts are kept, and redact that none is",
        "remove one of them",
    );
}

fn mib(number: u64) -> usize {
    usize::try_from(number << 20).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
