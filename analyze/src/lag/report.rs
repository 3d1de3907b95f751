//! What the job `lag` answers with: plain data, times in µs since 1970 UTC.

use serde::Serialize;

use super::cause::LagCause;
use super::episodes::Episode;
use super::objective::Objective;
use super::replica::VendorMinutes;

/// Replication of a lake's servers over a window.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LagReport {
    /// Begin of the window; `None` if the lake has no sample.
    pub from_us: Option<i64>,
    /// End of the window, itself outside.
    pub to_us: Option<i64>,
    /// More staleness than this is too much, µs.
    pub threshold_us: i64,
    /// The part of all minutes that should be without too much of it, 0 to 1.
    pub target: f64,
    /// Every replica, the stalest first.
    pub replicas: Vec<ReplicaLag>,
    /// What happened, in the order of time.
    pub episodes: Vec<EpisodeFinding>,
    /// Sources that have replicas.
    pub sources: Vec<SourceLag>,
    /// Slots that keep the write-ahead log of a PostgreSQL, those that keep most first.
    pub slots: Vec<SlotRisk>,
}

/// One replica.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplicaLag {
    /// Its server's name, with its channel where that has one; what its source calls it, where it is not sampled itself.
    pub replica: String,
    /// The server it replicates; `None` if that is not sampled, and then no staleness is known.
    pub source: Option<String>,
    /// The cluster of both.
    pub cluster: Option<String>,
    /// How often it was looked at.
    pub samples: u64,
    /// How often of that its staleness could not be told.
    pub unknown_samples: u64,
    /// At its last sample, µs.
    pub last_us: Option<i64>,
    /// Half of the time it was not staler, µs.
    pub p50_us: Option<i64>,
    /// The same for 95 % of the time.
    pub p95_us: Option<i64>,
    /// The same for 99 % of the time.
    pub p99_us: Option<i64>,
    /// The worst.
    pub max_us: Option<i64>,
    /// How far it is told to stay behind, µs; the figures above include it, the objective does not.
    pub delay_us: i64,
    /// The most that its source had and it had not received, bytes.
    pub receive_gap_bytes_max: Option<i64>,
    /// The most that it had received and not applied, bytes.
    pub apply_gap_bytes_max: Option<i64>,
    /// Whether it was as fresh as it should be.
    pub objective: Objective,
    /// In how many minutes the vendor's figure said something else.
    pub vendor: VendorMinutes,
}

/// A replica that was too stale for a while.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EpisodeFinding {
    /// The replica.
    pub replica: String,
    /// Its source.
    pub source: Option<String>,
    /// The cluster of both.
    pub cluster: Option<String>,
    /// When and how bad, beyond the delay that is configured; all of it where that is the cause.
    #[serde(flatten)]
    pub episode: Episode,
    /// What held it up.
    pub cause: LagCause,
    /// Replicas of the source that were too stale at the same time, this one too.
    pub replicas_hit: usize,
    /// Replicas of the source.
    pub replicas: usize,
    /// At the worst moment, what the source had and the replica had not received, bytes.
    pub receive_gap_bytes: Option<i64>,
    /// At the worst moment, what it had received and not applied, bytes.
    pub apply_gap_bytes: Option<i64>,
    /// What the source wrote while it got worse, over what it usually does.
    pub write_ratio: Option<f64>,
    /// The time from one such episode to the next, if they keep a rhythm, µs.
    pub rhythm_us: Option<i64>,
    /// Who wrote more than usual while it got worse, most first.
    pub suspects: Vec<SuspectFinding>,
    /// The part of what the source wrote more than usual that no statement accounts for, 0 to 1; `None` where bytes are not counted.
    pub unexplained: Option<f64>,
}

/// A query that wrote more than usual while a replica got worse.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SuspectFinding {
    /// The query, 16 hex digits; `None` where its text is not known.
    pub fingerprint: Option<String>,
    /// The server's own name of it.
    pub statement_id: Option<String>,
    /// Its text, if the lake has it.
    pub normalized: Option<String>,
    /// What it wrote more than usual, in `unit`.
    pub excess: i64,
    /// `bytes` of write-ahead log, or `rows` where the server does not count bytes.
    pub unit: &'static str,
    /// The same as a part of what all wrote more than usual, 0 to 1.
    pub share: f64,
    /// Episodes of this source in which it is among the suspects.
    pub episodes: usize,
}

/// A server that has replicas.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceLag {
    /// Its name.
    pub source: Option<String>,
    /// Its cluster.
    pub cluster: Option<String>,
    /// Its replicas.
    pub replicas: usize,
    /// What it wrote, bytes per second.
    pub bytes_per_s: Option<i64>,
    /// The time that would be lost with it at the last sample: that of the replica which received most, µs.
    pub rpo_us: Option<i64>,
    /// The same in the worst minute.
    pub rpo_max_us: Option<i64>,
}

/// A slot, and how long what it keeps can go on growing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlotRisk {
    /// The server.
    pub server: Option<String>,
    /// Its cluster.
    pub cluster: Option<String>,
    /// The slot.
    pub slot: String,
    /// What it keeps, bytes.
    pub retained_bytes: Option<i64>,
    /// Whether somebody reads from it.
    pub is_active: Option<bool>,
    /// The server's word for it: `reserved`, `extended`, `unreserved`, `lost`.
    pub wal_status: Option<String>,
    /// The time until the server drops what it keeps, if nobody reads it and all goes on as in the window, µs.
    pub lost_in_us: Option<i64>,
}
