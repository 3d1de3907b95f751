//! What the lake has of replication, as curves of sources and samples of replicas: where the engines differ, they are made alike here. Reads
//! the view `metrics`; computes nothing.

use std::collections::{BTreeMap, HashMap};

use slowlake_sql::{Rows, Session};

use super::replica::ReplicaSample;
use super::staleness::SourcePoint;
use crate::error::AnalyzeError;
use crate::filter::Filters;
use crate::rows::{each_row, time};
use crate::window::TimeWindow;

/// A place in a binary log is that in its file, and the file's number times this.
const FILE_BYTES: i64 = 1 << 40;
/// The channel that has no name.
const DEFAULT_CHANNEL: &str = "default";

/// A source, its replicas and its slots.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) source: Option<String>,
    pub(super) cluster: Option<String>,
    pub(super) points: Vec<SourcePoint>,
    /// By name.
    pub(super) replicas: BTreeMap<String, Vec<ReplicaSample>>,
}

/// The newest sample of a slot.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot {
    pub(super) cluster: Option<String>,
    pub(super) ts_us: i64,
    pub(super) retained_bytes: Option<i64>,
    pub(super) is_active: Option<bool>,
    pub(super) wal_status: Option<String>,
    pub(super) safe_wal_bytes: Option<i64>,
}

/// What a window has.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// By what a source and its replicas have in common.
    pub(super) lines: BTreeMap<String, Line>,
    /// By server and name.
    pub(super) slots: BTreeMap<(Option<String>, String), Slot>,
    /// What servers are sources, by name.
    line_of_server: HashMap<Option<String>, String>,
    /// Samples of standbys by their sources: server, name, sample.
    standbys: Vec<(Option<String>, String, ReplicaSample)>,
}

/// The columns that are asked for, behind those that all rows have; numbers are those of [`Row`].
const ATTRIBUTES: [&str; 17] = [
    "system_id",
    "server_id",
    "source_id",
    "file",
    "applied_file",
    "applied_position",
    "received_file",
    "received_position",
    "receiver",
    "applier",
    "applier_wait",
    "vendor_lag_us",
    "configured_delay_us",
    "flushed_position",
    "active",
    "wal_status",
    "safe_wal_bytes",
];
const FIRST_ATTRIBUTE: usize = 8;

/// One row of the answer.
struct Row<'r> {
    rows: &'r Rows,
    row: usize,
}

impl<'r> Row<'r> {
    fn text(&self, column: usize) -> Option<&'r str> {
        self.rows.text(self.row, column)
    }

    fn attribute(&self, name: &str) -> Option<&'r str> {
        let at = ATTRIBUTES.iter().position(|known| *known == name)?;
        self.text(FIRST_ATTRIBUTE + at)
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.attribute(name)?.parse().ok()
    }

    fn server(&self) -> Option<String> {
        self.text(1).map(str::to_owned)
    }

    fn cluster(&self) -> Option<String> {
        self.text(2).map(str::to_owned)
    }

    fn is_postgres(&self) -> bool {
        self.text(3) == Some("postgres")
    }

    fn object(&self) -> Option<String> {
        self.text(5).map(str::to_owned)
    }

    fn size_bytes(&self) -> Option<i64> {
        self.rows.integer(self.row, 6)
    }

    fn duration_us(&self) -> Option<i64> {
        self.rows.integer(self.row, 7)
    }

    /// What a source has in common with its replicas; `number` is the attribute with the source's server id.
    fn line(&self, number: &str) -> String {
        let cluster = self.text(2).unwrap_or_default();
        match (self.is_postgres(), self.attribute("system_id")) {
            (true, Some(system_id)) => format!("postgres/{system_id}"),
            (true, None) => format!("postgres/of cluster {cluster}"),
            (false, _) => format!("mysql/{cluster}/{}", self.attribute(number).unwrap_or_default()),
        }
    }

    /// A place in the source's log: bytes, for MySQL in the file of that attribute.
    fn place(&self, file: &str, bytes: Option<i64>) -> Option<i64> {
        if self.is_postgres() {
            return bytes;
        }
        let number: i64 = self.attribute(file)?.rsplit('.').next()?.parse().ok()?;
        number.checked_mul(FILE_BYTES)?.checked_add(bytes?)
    }

    fn replica(&self, ts_us: i64) -> ReplicaSample {
        let applied = self.place("applied_file", self.number("applied_position"));
        let received = self.place("received_file", self.number("received_position"));
        let says =
            |name: &str, words: &[&str]| self.attribute(name).is_some_and(|word| words.contains(&word));
        let waits = self
            .attribute("applier_wait")
            .is_some_and(|wait| wait.starts_with("RecoveryConflict"));
        let vendor_us = match (self.is_postgres(), applied, received) {
            // The usual guard against an idle source.
            (true, Some(applied), Some(received)) if applied >= received => Some(0),
            _ => self.number("vendor_lag_us"),
        };
        ReplicaSample {
            ts_us,
            applied,
            received,
            receiver_down: says("receiver", &["stopped", "connecting", "none"]),
            applier_down: says("applier", &["stopped", "paused", "pausing"]) || waits,
            delay_us: self.number("configured_delay_us").unwrap_or(0),
            vendor_us,
        }
    }
}

impl Samples {
    /// Reads the samples of a window.
    pub(super) async fn read(session: &Session, window: TimeWindow) -> Result<Samples, AnalyzeError> {
        let attributes: Vec<String> = ATTRIBUTES
            .iter()
            .map(|name| format!("attributes['{name}']"))
            .collect();
        let statement = format!(
            "SELECT ts, server, cluster, dialect, metric, object, size_bytes, duration_us, {} FROM metrics \
             WHERE metric IN ('source_position', 'replica', 'standby', 'slot') AND {}",
            attributes.join(", "),
            Filters::default().condition(Some(window)),
        );
        let mut samples = Samples::default();
        each_row(session.query(&statement).await?, |rows, row| {
            let row = Row { rows, row };
            if let Some(ts_us) = time(rows, row.row, 0) {
                samples.add(&row, ts_us);
            }
        })
        .await?;
        samples.add_standbys();
        Ok(samples)
    }

    fn add(&mut self, row: &Row<'_>, ts_us: i64) {
        match row.text(4) {
            Some("source_position") => {
                let key = row.line("server_id");
                self.line_of_server.insert(row.server(), key.clone());
                let line = self.lines.entry(key).or_default();
                // Several servers may have been the source; the smallest name stands for them, whatever the order of rows.
                if line.source.is_none() || line.source > row.server() {
                    line.source = row.server();
                    line.cluster = row.cluster();
                }
                if let Some(position) = row.place("file", row.size_bytes()) {
                    line.points.push(SourcePoint { ts_us, position });
                }
            }
            Some("replica") => {
                let key = row.line("source_id");
                if row.is_postgres() {
                    self.line_of_server.insert(row.server(), key.clone());
                }
                let server = row.server().unwrap_or_default();
                let name = match row.object().filter(|channel| channel != DEFAULT_CHANNEL) {
                    Some(channel) => format!("{server} ({channel})"),
                    None => server,
                };
                let line = self.lines.entry(key).or_default();
                line.cluster = line.cluster.take().or(row.cluster());
                line.replicas.entry(name).or_default().push(row.replica(ts_us));
            }
            Some("standby") => {
                let sample = ReplicaSample {
                    ts_us,
                    applied: row.number("applied_position"),
                    received: row.number("flushed_position"),
                    vendor_us: row.duration_us(),
                    ..ReplicaSample::default()
                };
                let name = row.object().unwrap_or_default();
                self.standbys.push((row.server(), name, sample));
            }
            _ => self.add_slot(row, ts_us),
        }
    }

    fn add_slot(&mut self, row: &Row<'_>, ts_us: i64) {
        let name = row.object().unwrap_or_default();
        let slot = self.slots.entry((row.server(), name)).or_default();
        if ts_us >= slot.ts_us {
            *slot = Slot {
                cluster: row.cluster(),
                ts_us,
                retained_bytes: row.size_bytes(),
                is_active: row.attribute("active").map(|word| word == "t"),
                wal_status: row.attribute("wal_status").map(str::to_owned),
                safe_wal_bytes: row.number("safe_wal_bytes"),
            };
        }
    }

    /// What a source says of its standbys stands for those that are not sampled themselves. They are told apart by name; where names do not
    /// agree, but there are as many of the one as of the other, they are the same.
    fn add_standbys(&mut self) {
        let mut told: BTreeMap<String, BTreeMap<String, Vec<ReplicaSample>>> = BTreeMap::new();
        for (server, name, sample) in std::mem::take(&mut self.standbys) {
            if let Some(line) = self.line_of_server.get(&server) {
                let standbys = told.entry(line.clone()).or_default();
                standbys.entry(name).or_default().push(sample);
            }
        }
        for (line, standbys) in told {
            let replicas = &mut self.lines.entry(line).or_default().replicas;
            if replicas.len() < standbys.len() {
                for (name, samples) in standbys {
                    replicas.entry(name).or_insert(samples);
                }
            }
        }
    }

    /// The line that a server is the source of.
    pub(super) fn line_of(&self, server: &Option<String>) -> Option<&Line> {
        self.lines.get(self.line_of_server.get(server)?)
    }
}
