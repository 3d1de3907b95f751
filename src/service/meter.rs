//! What the service counts, as Prometheus reads it, and how each source is. Counts only what it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use slowlake_parse::Ledger;

use crate::ingestion::Behind;

/// Bounds of commit times: 16 ms to about a minute.
const COMMIT_SECONDS_FIRST: f64 = 0.016;
const COMMIT_SECONDS_BOUNDS: u16 = 13;
/// Bounds of times of statements: 1 ms to about nine minutes.
const STATEMENT_SECONDS_FIRST: f64 = 0.001;
const STATEMENT_SECONDS_BOUNDS: u16 = 20;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSource {
    kind: &'static str,
    source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPart {
    kind: &'static str,
    source: String,
    part: &'static str,
}

/// A job of maintenance; Prometheus has a label `job` of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfTask {
    task: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfWay {
    via: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAnswer {
    via: &'static str,
    outcome: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    route: &'static str,
    status: u16,
}

/// How a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SourceState {
    Running,
    /// It is tried again; why it has to be.
    Failing(String),
    Ended,
}

/// Everything that is counted.
pub(crate) struct Meters {
    registry: Registry,
    sources: Mutex<BTreeMap<(&'static str, String), Entry>>,
    /// Why the lake that is served cannot be reached.
    unreachable: Mutex<Option<String>>,
    entries: Family<OfPart, Counter>,
    bytes: Family<OfPart, Counter>,
    rejects: Family<OfPart, Counter>,
    commits: Family<OfSource, Counter>,
    commit_seconds: Histogram,
    last_commit: Family<OfSource, Gauge<f64, std::sync::atomic::AtomicU64>>,
    failures: Family<OfSource, Counter>,
    is_up: Family<OfSource, Gauge>,
    behind_bytes: Family<OfSource, Gauge>,
    behind_seconds: Family<OfSource, Gauge<f64, std::sync::atomic::AtomicU64>>,
    resident_bytes: Gauge,
    maintenance_seconds: Family<OfTask, Gauge<f64, std::sync::atomic::AtomicU64>>,
    maintenance_failures: Family<OfTask, Counter>,
    maintained: Family<OfTask, Gauge<f64, std::sync::atomic::AtomicU64>>,
    connections: Family<OfWay, Gauge>,
    requests: Family<OfRequest, Counter>,
    statements: Family<OfAnswer, Counter>,
    statement_rows: Family<OfWay, Counter>,
    statement_seconds: Family<OfWay, Histogram>,
}

struct Entry {
    state: SourceState,
    behind: Arc<Behind>,
}

/// One source's part of what is counted.
pub(crate) struct SourceMeter {
    meters: Arc<Meters>,
    of: OfSource,
    behind: Arc<Behind>,
}

impl Meters {
    pub(crate) fn new() -> Arc<Meters> {
        let bounds = exponential_buckets(COMMIT_SECONDS_FIRST, 2.0, COMMIT_SECONDS_BOUNDS);
        let mut meters = Meters {
            registry: Registry::with_prefix("slowlake"),
            sources: Mutex::default(),
            unreachable: Mutex::default(),
            entries: Family::default(),
            bytes: Family::default(),
            rejects: Family::default(),
            commits: Family::default(),
            commit_seconds: Histogram::new(bounds),
            last_commit: Family::default(),
            failures: Family::default(),
            is_up: Family::default(),
            behind_bytes: Family::default(),
            behind_seconds: Family::default(),
            resident_bytes: Gauge::default(),
            maintenance_seconds: Family::default(),
            maintenance_failures: Family::default(),
            maintained: Family::default(),
            connections: Family::default(),
            requests: Family::default(),
            statements: Family::default(),
            statement_rows: Family::default(),
            statement_seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(
                    STATEMENT_SECONDS_FIRST,
                    2.0,
                    STATEMENT_SECONDS_BOUNDS,
                ))
            }),
        };
        meters.register();
        Arc::new(meters)
    }

    /// Counts a source from now on; it runs.
    pub(crate) fn source(self: &Arc<Meters>, kind: &'static str, name: &str) -> SourceMeter {
        let behind = Arc::new(Behind::default());
        let entry = Entry {
            state: SourceState::Running,
            behind: behind.clone(),
        };
        self.sources().insert((kind, name.to_owned()), entry);
        SourceMeter {
            meters: self.clone(),
            of: OfSource {
                kind,
                source: name.to_owned(),
            },
            behind,
        }
    }

    /// A job of maintenance was done, or failed.
    pub(crate) fn maintained(&self, task: &'static str, took: Duration, is_done: bool) {
        let of = OfTask { task };
        let seconds = self.maintenance_seconds.get_or_create(&of);
        seconds.set(took.as_secs_f64());
        match is_done {
            true => drop(self.maintained.get_or_create(&of).set(now_s())),
            false => drop(self.maintenance_failures.get_or_create(&of).inc()),
        }
    }

    /// The lake that is served can be reached, or why it cannot.
    pub(crate) fn lake_is(&self, unreachable: Option<String>) {
        *self.unreachable.lock().unwrap_or_else(PoisonError::into_inner) = unreachable;
    }

    /// Why the lake that is served cannot be reached, if so.
    pub(crate) fn unreachable(&self) -> Option<String> {
        let unreachable = self.unreachable.lock();
        unreachable.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The connections of a protocol that are open.
    pub(crate) fn connections(&self, via: &'static str) -> Gauge {
        self.connections.get_or_create(&OfWay { via }).clone()
    }

    /// A request over HTTP has its answer, or the beginning of it.
    pub(crate) fn requested(&self, route: &'static str, status: u16) {
        self.requests.get_or_create(&OfRequest { route, status }).inc();
    }

    /// A statement has come to its end.
    pub(crate) fn answered(&self, via: &'static str, outcome: &str, rows: u64, took: Duration) {
        let outcome = outcome.to_owned();
        self.statements.get_or_create(&OfAnswer { via, outcome }).inc();
        self.statement_rows.get_or_create(&OfWay { via }).inc_by(rows);
        let seconds = self.statement_seconds.get_or_create(&OfWay { via });
        seconds.observe(took.as_secs_f64());
    }

    /// How each source is, by kind and name.
    pub(crate) fn states(&self) -> Vec<(&'static str, String, SourceState)> {
        let sources = self.sources();
        let state = |((kind, name), entry): (&(&'static str, String), &Entry)| {
            (*kind, name.clone(), entry.state.clone())
        };
        sources.iter().map(state).collect()
    }

    /// Everything in the text format of OpenMetrics.
    pub(crate) fn text(&self) -> String {
        for ((kind, source), entry) in self.sources().iter() {
            let of = OfSource {
                kind,
                source: source.clone(),
            };
            let is_up = entry.state == SourceState::Running;
            self.is_up.get_or_create(&of).set(i64::from(is_up));
            let bytes = i64::try_from(entry.behind.bytes()).unwrap_or(i64::MAX);
            self.behind_bytes.get_or_create(&of).set(bytes);
            if let Some(since) = entry.behind.since() {
                let seconds = self.behind_seconds.get_or_create(&of);
                seconds.set(since.as_secs_f64());
            }
        }
        if let Some(bytes) = resident_bytes() {
            self.resident_bytes.set(bytes);
        }
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    fn register(&mut self) {
        macro_rules! register {
            ($($field:ident $name:literal $help:literal),+ $(,)?) => {
                $(self.registry.register($name, $help, self.$field.clone());)+
            };
        }
        register! {
            entries "entries" "Entries committed: executions, events of servers, rejects, samples",
            bytes "bytes" "Bytes committed, by what became of them",
            rejects "rejects" "Pieces that could not be read, by reason",
            commits "commits" "Commits",
            commit_seconds "commit_seconds" "Time from the last read of a commit until it is in the lake",
            last_commit "last_commit_timestamp_seconds" "When a source was last committed",
            failures "failures" "What could not be read, or not be committed, and is tried again where that makes sense",
            is_up "source_up" "Whether a source runs (1), or waits to be tried again (0)",
            behind_bytes "source_behind_bytes" "What is there and was not read yet",
            behind_seconds "source_behind_seconds" "For how long there has always been something that was not read",
            resident_bytes "resident_memory_bytes" "Memory of the process",
            maintenance_seconds "maintenance_seconds" "Time that the last run of a job took",
            maintenance_failures "maintenance_failures" "Runs of a job that failed",
            maintained "maintenance_last_success_timestamp_seconds" "When a job was last done",
            connections "connections" "Connections that are open",
            requests "http_requests" "Requests over HTTP, by the status of their answer",
            statements "statements" "Statements and reports that others asked for, by how they ended: ok, or what went wrong",
            statement_rows "statement_rows" "Rows that were sent",
            statement_seconds "statement_seconds" "Time of a statement from its arrival to its last row",
        }
    }

    fn sources(&self) -> MutexGuard<'_, BTreeMap<(&'static str, String), Entry>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SourceMeter {
    /// How far reading is behind.
    pub(crate) fn behind(&self) -> &Behind {
        &self.behind
    }

    /// A round is in the lake, so long after its last byte was read.
    pub(crate) fn committed(&self, ledger: &Ledger, took: Duration) {
        let meters = &self.meters;
        meters.commits.get_or_create(&self.of).inc();
        meters.commit_seconds.observe(took.as_secs_f64());
        meters.last_commit.get_or_create(&self.of).set(now_s());
        let rejected = ledger.rejected_total();
        for (part, n) in [
            ("execution", ledger.executions().records),
            ("event", ledger.logs_total().records),
            ("reject", rejected.records),
        ] {
            meters.entries.get_or_create(&self.part(part)).inc_by(n);
        }
        for (part, n) in [
            ("parsed", ledger.bytes_parsed()),
            ("skipped", ledger.skipped_total().bytes),
            ("rejected", rejected.bytes),
        ] {
            meters.bytes.get_or_create(&self.part(part)).inc_by(n);
        }
        for (reason, tally) in ledger.rejected() {
            let of = self.part(reason.name());
            meters.rejects.get_or_create(&of).inc_by(tally.records);
        }
    }

    /// Samples are in the lake.
    pub(crate) fn sampled(&self, samples: u64) {
        let entries = &self.meters.entries;
        entries.get_or_create(&self.part("sample")).inc_by(samples);
    }

    /// Something could not be read; others go on.
    pub(crate) fn failed(&self) {
        self.meters.failures.get_or_create(&self.of).inc();
    }

    /// How the source is now.
    pub(crate) fn state(&self, state: SourceState) {
        if matches!(state, SourceState::Failing(_)) {
            self.failed();
        }
        let key = (self.of.kind, self.of.source.clone());
        let mut sources = self.meters.sources();
        if state == SourceState::Ended {
            // One that begins under the same name has taken its place.
            if sources
                .get(&key)
                .is_some_and(|it| Arc::ptr_eq(&it.behind, &self.behind))
            {
                sources.remove(&key);
                drop(sources);
                self.forget();
            }
        } else if let Some(entry) = sources.get_mut(&key) {
            entry.state = state;
        }
    }

    /// What is now and not a sum is over with the source.
    fn forget(&self) {
        self.meters.is_up.remove(&self.of);
        self.meters.behind_bytes.remove(&self.of);
        self.meters.behind_seconds.remove(&self.of);
    }

    fn part(&self, part: &'static str) -> OfPart {
        let OfSource { kind, source } = self.of.clone();
        OfPart { kind, source, part }
    }
}

fn now_s() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0.0, |now| now.as_secs_f64())
}

/// Memory of this process, where the system says it.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}
