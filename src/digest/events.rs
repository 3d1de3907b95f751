//! Events of servers to the sections of a report. Every thread has its own and they merge exactly: sums, what is first by place, and lists
//! bounded so that the choice does not depend on the order. Texts of entries are looked at for nothing but their names and numbers.

mod checkpoints;
mod connections;
mod counters;
mod deadlocks;
mod errors;
mod locks;
mod plans;
mod server;
mod temporary_files;
mod vacuums;

use std::collections::HashMap;

use slowlake_parse::statement::Fingerprint;
use slowlake_parse::{Execution, LogEntry, LogKind};

use crate::digest::bounded::{Merge, Period, Place};
pub(crate) use crate::digest::events::locks::STATEMENT_FROM_US;
use crate::digest::statements::{Analyzers, Texts};
use crate::summary::sections::Sections;

/// All sections, in the making.
#[derive(Default)]
pub(crate) struct Events {
    period: Period,
    texts: Texts,
    errors: errors::Errors,
    locks: locks::Locks,
    deadlocks: deadlocks::Deadlocks,
    temporary_files: temporary_files::TemporaryFiles,
    checkpoints: checkpoints::Checkpoints,
    vacuums: vacuums::Vacuums,
    connections: connections::Connections,
    plans: plans::Plans,
    server: server::Server,
    counters: counters::Counters,
}

/// One entry, where it stands, and which statement it is about.
#[derive(Clone, Copy)]
struct Seen<'e> {
    entry: &'e LogEntry<'e>,
    place: Place,
    fingerprint: Option<Fingerprint>,
}

impl Events {
    /// Adds one event.
    pub(crate) fn add(&mut self, entry: &LogEntry<'_>, place: Place, analyzers: &mut Analyzers) {
        let fingerprint = self.texts.fingerprint(analyzers, entry.dialect, entry.statement);
        self.add_known(entry, fingerprint, place, analyzers);
    }

    /// Adds one event of whose statement the fingerprint is known.
    pub(crate) fn add_known(
        &mut self,
        entry: &LogEntry<'_>,
        fingerprint: Option<Fingerprint>,
        place: Place,
        analyzers: &mut Analyzers,
    ) {
        let seen = Seen {
            entry,
            place,
            fingerprint,
        };
        self.period.add(entry.time_us);
        self.errors.add(&seen);
        match entry.kind {
            LogKind::LockWait | LogKind::LockAcquired | LogKind::LockFailed => self.locks.add(&seen),
            LogKind::Deadlock => {
                let texts = &mut self.texts;
                self.deadlocks.add(&seen, |statement| {
                    texts.fingerprint(analyzers, entry.dialect, statement)
                });
            }
            LogKind::TemporaryFile => self.temporary_files.add(&seen),
            LogKind::CheckpointStart
            | LogKind::Checkpoint
            | LogKind::RestartpointStart
            | LogKind::Restartpoint
            | LogKind::CheckpointsTooFrequent => self.checkpoints.add(&seen),
            LogKind::Autovacuum | LogKind::Autoanalyze => self.vacuums.add(&seen),
            LogKind::ConnectionReceived
            | LogKind::ConnectionAuthenticated
            | LogKind::ConnectionAuthorized
            | LogKind::ConnectionReady
            | LogKind::Disconnection
            | LogKind::ConnectionLost
            | LogKind::ConnectionFailed => self.connections.add(&seen),
            LogKind::Plan => self.plans.add(&seen),
            LogKind::Command | LogKind::Statistics => self.counters.add(&seen),
            LogKind::Error | LogKind::Warning | LogKind::Canceled | LogKind::Duration | LogKind::Message => {}
            LogKind::Crash
            | LogKind::Startup
            | LogKind::Shutdown
            | LogKind::Recovery
            | LogKind::RecoveryConflict
            | LogKind::Replication
            | LogKind::Archive
            | LogKind::Configuration => self.server.add(&seen),
        }
    }

    /// Takes note of what ran when somebody waits for it.
    pub(crate) fn execution(&mut self, execution: &Execution<'_>, fingerprint: Fingerprint, place: Place) {
        self.locks.execution(execution, fingerprint, place);
    }

    /// Adds the events of another part of the input.
    pub(crate) fn merge(&mut self, other: Events) {
        self.period.merge(other.period);
        self.texts.merge(other.texts);
        self.errors.merge(other.errors);
        self.locks.merge(other.locks);
        self.deadlocks.merge(other.deadlocks);
        self.temporary_files.merge(other.temporary_files);
        self.checkpoints.merge(other.checkpoints);
        self.vacuums.merge(other.vacuums);
        self.connections.merge(other.connections);
        self.plans.merge(other.plans);
        self.server.merge(other.server);
        self.counters.merge(other.counters);
    }

    /// First and last time of an event, µs since 1970 UTC.
    pub(crate) fn window(&self) -> Option<(i64, i64)> {
        self.period.first_us.zip(self.period.last_us)
    }

    /// The sections; `executed` knows the normalized text of statements that were executed.
    pub(crate) fn finish(self, executed: impl Fn(Fingerprint) -> Option<String>) -> Sections {
        let texts = Normalized {
            only_in_events: self.texts.finish().collect(),
            executed: &executed,
        };
        let (errors, canceled) = self.errors.finish(&texts);
        let (statistics, commands) = self.counters.finish();
        Sections {
            errors,
            canceled,
            locks: self.locks.finish(&texts),
            deadlocks: self.deadlocks.finish(&texts),
            temporary_files: self.temporary_files.finish(&texts),
            checkpoints: self.checkpoints.finish(),
            vacuums: self.vacuums.finish(),
            connections: self.connections.finish(),
            plans: self.plans.finish(&texts),
            prepared: Vec::new(),
            server: self.server.finish(),
            statistics,
            commands,
        }
    }
}

/// The texts of all statements.
struct Normalized<'n> {
    only_in_events: HashMap<Fingerprint, String>,
    executed: &'n dyn Fn(Fingerprint) -> Option<String>,
}

impl Normalized<'_> {
    /// Printed fingerprint and text of a statement; both empty without one.
    fn of(&self, fingerprint: Option<Fingerprint>) -> (String, String) {
        let Some(fingerprint) = fingerprint else {
            return (String::new(), String::new());
        };
        let text = (self.executed)(fingerprint)
            .or_else(|| self.only_in_events.get(&fingerprint).cloned())
            .unwrap_or_default();
        (fingerprint.to_string(), text)
    }
}

impl Seen<'_> {
    /// An attribute's text; empty when there is none.
    fn attribute(&self, name: &str) -> &[u8] {
        let found = self
            .entry
            .attributes
            .iter()
            .find(|(key, _)| *key == name.as_bytes());
        found.map_or(b"", |(_, value)| value)
    }

    /// A number among the attributes; `None` when it is not there.
    fn number(&self, name: &str) -> Option<i64> {
        std::str::from_utf8(self.attribute(name)).ok()?.parse().ok()
    }

    /// Numbers in an attribute that is a list of them.
    fn numbers(&self, name: &str) -> Vec<i64> {
        self.attribute(name)
            .split(|byte| !byte.is_ascii_digit())
            .filter_map(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
            .collect()
    }
}

/// Text of a log, whatever its encoding.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
