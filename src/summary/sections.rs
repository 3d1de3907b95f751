//! What a report says of a server beside its queries: one section a subject, as plain data. The names of the fields are the keys of the JSON
//! and with it a contract; times are µs since 1970 UTC, lengths of time µs, sizes bytes; what is not known is null. No formatting.

use serde::Serialize;

/// All sections. One that has nothing to say is empty and not shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Sections {
    /// What failed, the most frequent first, errors before warnings.
    pub(crate) errors: Vec<ErrorGroup>,
    /// What was ended from outside, the most frequent cause first.
    pub(crate) canceled: Vec<CancelGroup>,
    pub(crate) locks: Locks,
    pub(crate) deadlocks: Deadlocks,
    pub(crate) temporary_files: TemporaryFiles,
    pub(crate) checkpoints: Checkpoints,
    /// Autovacuum and autoanalyze by table, the longest in sum first.
    pub(crate) vacuums: Vec<TableVacuums>,
    pub(crate) connections: Connections,
    /// Plans by query, those with several plans first.
    pub(crate) plans: Vec<QueryPlans>,
    /// Queries that were parsed and bound apart, by the time that this took.
    pub(crate) prepared: Vec<PreparedQuery>,
    /// Start, stop, crash, recovery, replication and the like.
    pub(crate) server: ServerEvents,
    /// Averages that a server printed about itself (PgBouncer).
    pub(crate) statistics: Vec<Statistic>,
    /// Commands of MySQL's general log, the most frequent first.
    pub(crate) commands: Vec<NameCount>,
}

impl Sections {
    /// Leaves only what concerns queries whose fingerprint begins with `wanted`, and counts only that.
    pub(crate) fn keep_query(&mut self, wanted: &str) {
        let is_it = |fingerprint: &String| fingerprint.starts_with(wanted);
        let keep = |statements: &mut Vec<StatementCount>, count: &mut i64| {
            statements.retain(|statement| is_it(&statement.fingerprint));
            *count = statements.iter().map(|statement| statement.count).sum();
            *count > 0
        };
        let mut all = std::mem::take(self);
        all.errors
            .retain_mut(|group| keep(&mut group.statements, &mut group.count));
        all.canceled
            .retain_mut(|group| keep(&mut group.statements, &mut group.count));
        all.locks.longest.retain(|wait| is_it(&wait.fingerprint));
        all.locks.blockers.retain(|blocker| is_it(&blocker.fingerprint));
        let ended = |outcome: &str| {
            let waits = all.locks.longest.iter();
            waits.filter(|wait| wait.outcome == outcome).count() as i64
        };
        self.locks = Locks {
            waits: all.locks.longest.len() as i64,
            acquired: ended("acquired"),
            failed: ended("failed"),
            waited_us: all.locks.longest.iter().map(|wait| wait.waited_us).sum(),
            longest: all.locks.longest,
            blockers: all.locks.blockers,
            ..Locks::default()
        };
        all.deadlocks
            .list
            .retain(|deadlock| deadlock.processes.iter().any(|one| is_it(&one.fingerprint)));
        all.deadlocks.count = all.deadlocks.list.len() as i64;
        let files = &mut all.temporary_files;
        files.queries.retain(|query| is_it(&query.fingerprint));
        files.files = files.queries.iter().map(|query| query.files).sum();
        files.bytes = files.queries.iter().map(|query| query.bytes).sum();
        files.largest_bytes = files
            .queries
            .iter()
            .map(|query| query.largest_bytes)
            .max()
            .unwrap_or(0);
        files.largest_at_us = None;
        all.plans.retain(|query| is_it(&query.fingerprint));
        all.prepared.retain(|query| is_it(&query.fingerprint));
        (self.errors, self.canceled) = (all.errors, all.canceled);
        (self.deadlocks, self.temporary_files) = (all.deadlocks, all.temporary_files);
        (self.plans, self.prepared) = (all.plans, all.prepared);
    }
}

/// A name and how often it was met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct NameCount {
    pub(crate) name: String,
    pub(crate) count: i64,
}

/// A statement that something happened to, and how often.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct StatementCount {
    pub(crate) fingerprint: String,
    pub(crate) normalized: String,
    pub(crate) count: i64,
}

/// All errors or warnings of one code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ErrorGroup {
    /// SQLSTATE, or the server's own number; empty when the log says neither.
    pub(crate) code: String,
    /// The condition's name: `unique_violation`; empty when unknown.
    pub(crate) condition: String,
    /// The class of the SQLSTATE in words; empty when unknown.
    pub(crate) class: String,
    /// `warning`, `error`, `fatal`, `panic`.
    pub(crate) severity: String,
    pub(crate) count: i64,
    pub(crate) first_us: Option<i64>,
    pub(crate) last_us: Option<i64>,
    /// Its first message.
    pub(crate) example: String,
    /// Statements that it happened to, the most frequent first.
    pub(crate) statements: Vec<StatementCount>,
}

/// All cancellations with one cause.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct CancelGroup {
    /// `statement_timeout`, `user_request`, …
    pub(crate) cause: String,
    pub(crate) count: i64,
    pub(crate) first_us: Option<i64>,
    pub(crate) last_us: Option<i64>,
    /// Its first message.
    pub(crate) example: String,
    /// Statements that were canceled, the most frequent first.
    pub(crate) statements: Vec<StatementCount>,
}

/// Waits for locks that took longer than `deadlock_timeout`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Locks {
    /// Waits, each counted once.
    pub(crate) waits: i64,
    /// Those of them that ended with the lock.
    pub(crate) acquired: i64,
    /// Those of them that ended without.
    pub(crate) failed: i64,
    /// Time waited, as far as the log shows it.
    pub(crate) waited_us: i64,
    /// The longest waits.
    pub(crate) longest: Vec<LockWait>,
    /// By what was locked and how, the longest waits in sum first.
    pub(crate) objects: Vec<LockObject>,
    /// Sessions that others waited for, the longest waits in sum first.
    pub(crate) blockers: Vec<Blocker>,
    /// Waits that are in the totals but were too many for the lists.
    pub(crate) waits_left_out: i64,
}

/// One wait.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct LockWait {
    /// When it was over, or last seen.
    pub(crate) time_us: Option<i64>,
    pub(crate) session_id: Option<i64>,
    pub(crate) user: String,
    pub(crate) application: String,
    pub(crate) mode: String,
    pub(crate) object: String,
    pub(crate) waited_us: i64,
    /// `acquired`, `failed` or `waiting`.
    pub(crate) outcome: String,
    /// Sessions that had the lock.
    pub(crate) holders: Vec<i64>,
    /// Sessions in the queue.
    pub(crate) queue: i64,
    pub(crate) fingerprint: String,
    pub(crate) normalized: String,
}

/// All waits for one lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct LockObject {
    pub(crate) object: String,
    pub(crate) mode: String,
    pub(crate) waits: i64,
    pub(crate) waited_us: i64,
    pub(crate) longest_us: i64,
}

/// A session that others waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Blocker {
    pub(crate) session_id: i64,
    /// Who it was, as far as its own entries say.
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) application: String,
    /// The statement that it ran meanwhile, as far as the log shows it.
    pub(crate) fingerprint: String,
    pub(crate) normalized: String,
    /// Waits for it.
    pub(crate) waits: i64,
    /// Different sessions that waited for it.
    pub(crate) waiters: i64,
    /// Time they waited in sum.
    pub(crate) waited_us: i64,
    /// The longest of the waits.
    pub(crate) longest_us: i64,
}

/// Sessions that waited for each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Deadlocks {
    pub(crate) count: i64,
    /// The first of them, in order of time.
    pub(crate) list: Vec<Deadlock>,
}

/// One deadlock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Deadlock {
    pub(crate) time_us: Option<i64>,
    pub(crate) database: String,
    pub(crate) user: String,
    /// The session that was sacrificed.
    pub(crate) session_id: Option<i64>,
    pub(crate) processes: Vec<DeadlockProcess>,
}

/// One of the sessions of a deadlock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct DeadlockProcess {
    pub(crate) session_id: i64,
    pub(crate) fingerprint: String,
    pub(crate) normalized: String,
}

/// Sorts and hashes that did not fit into memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct TemporaryFiles {
    pub(crate) files: i64,
    pub(crate) bytes: i64,
    pub(crate) largest_bytes: i64,
    pub(crate) largest_at_us: Option<i64>,
    /// By query, the most bytes first; an empty fingerprint is all files whose query the log does not say.
    pub(crate) queries: Vec<TemporaryFileQuery>,
}

/// Temporary files of one query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct TemporaryFileQuery {
    pub(crate) fingerprint: String,
    pub(crate) normalized: String,
    pub(crate) files: i64,
    pub(crate) bytes: i64,
    pub(crate) largest_bytes: i64,
}

/// Checkpoints of primaries and restartpoints of standbys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Checkpoints {
    pub(crate) checkpoints: CheckpointSums,
    pub(crate) restartpoints: CheckpointSums,
    /// How often the server warned that checkpoints come too often.
    pub(crate) too_frequent: i64,
    /// The shortest distance in time it warned of.
    pub(crate) shortest_interval_us: Option<i64>,
}

/// Sums over checkpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct CheckpointSums {
    pub(crate) started: i64,
    pub(crate) completed: i64,
    /// Those begun because it was time.
    pub(crate) timed: i64,
    /// Those begun for any other reason.
    pub(crate) requested: i64,
    /// Those of them begun because there was too much WAL: `max_wal_size` is too small for the load.
    pub(crate) wal: i64,
    /// When the first and last of these were begun.
    pub(crate) wal_first_us: Option<i64>,
    pub(crate) wal_last_us: Option<i64>,
    /// The reasons as the server words them, the most frequent first.
    pub(crate) reasons: Vec<NameCount>,
    pub(crate) buffers: i64,
    pub(crate) write_us: i64,
    pub(crate) sync_us: i64,
    pub(crate) total_us: i64,
    pub(crate) longest_us: i64,
    pub(crate) longest_at_us: Option<i64>,
    /// The longest synchronization of one file.
    pub(crate) sync_longest_us: i64,
    pub(crate) wal_added: i64,
    pub(crate) wal_removed: i64,
    pub(crate) wal_recycled: i64,
    /// WAL between checkpoints in sum, and the most between two.
    pub(crate) distance_bytes: i64,
    pub(crate) distance_longest_bytes: i64,
}

/// What the server itself did to one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct TableVacuums {
    pub(crate) table: String,
    pub(crate) vacuums: i64,
    /// Those of them to prevent wraparound of transaction ids.
    pub(crate) wraparound: i64,
    pub(crate) analyzes: i64,
    pub(crate) vacuum_us: i64,
    pub(crate) analyze_us: i64,
    pub(crate) longest_us: i64,
    pub(crate) pages_removed: i64,
    pub(crate) tuples_removed: i64,
    /// The most dead tuples that one vacuum could not remove yet.
    pub(crate) tuples_dead_most: i64,
    pub(crate) index_scans: i64,
    pub(crate) wal_bytes: i64,
    pub(crate) last_us: Option<i64>,
}

/// Connections and sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Connections {
    pub(crate) received: i64,
    pub(crate) authorized: i64,
    pub(crate) disconnected: i64,
    pub(crate) failed: i64,
    /// Sessions whose client went away without a word.
    pub(crate) lost: i64,
    /// Why connections failed, the most frequent first.
    pub(crate) failures: Vec<NameCount>,
    /// Sessions begun, the most frequent first.
    pub(crate) databases: Vec<NameCount>,
    pub(crate) users: Vec<NameCount>,
    pub(crate) clients: Vec<NameCount>,
    pub(crate) applications: Vec<NameCount>,
    /// Time of the sessions that ended, in sum.
    pub(crate) session_us: i64,
    pub(crate) session_p50_us: Option<i64>,
    pub(crate) session_p95_us: Option<i64>,
    pub(crate) session_max_us: Option<i64>,
    /// The most sessions at the end of a second (or minute or hour, where the log covers more); those that lived on from before the log or
    /// after it are in it as far as the log shows them.
    pub(crate) peak: Option<i64>,
    pub(crate) peak_at_us: Option<i64>,
    /// Over time, without gaps.
    pub(crate) slots: Vec<ConnectionSlot>,
}

/// Connections in a piece of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ConnectionSlot {
    pub(crate) start_us: i64,
    pub(crate) length_us: i64,
    /// Sessions begun.
    pub(crate) begun: i64,
    /// The most sessions at once.
    pub(crate) most: i64,
}

/// The plans of one query.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct QueryPlans {
    pub(crate) fingerprint: String,
    pub(crate) normalized: String,
    /// The most frequent first.
    pub(crate) plans: Vec<PlanGroup>,
}

/// All executions with one plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct PlanGroup {
    /// The plan's own fingerprint; empty for plans that were cut.
    pub(crate) plan_fingerprint: String,
    pub(crate) shape: String,
    pub(crate) calls: i64,
    /// Those of them with a time.
    pub(crate) timed_calls: i64,
    pub(crate) total_us: i64,
    pub(crate) max_us: i64,
    /// The node that took the most time by itself in the slowest execution, and its share (0 to 1) of that execution.
    pub(crate) slowest_node: String,
    pub(crate) slowest_share: Option<f64>,
    /// The worst estimate of rows of all executions.
    pub(crate) misestimate_node: String,
    pub(crate) estimated_rows: Option<i64>,
    pub(crate) actual_rows: Option<i64>,
    /// How many times too high or too low it was.
    pub(crate) misestimate_factor: Option<f64>,
}

/// The steps of one prepared query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct PreparedQuery {
    pub(crate) fingerprint: String,
    pub(crate) normalized: String,
    pub(crate) parses: i64,
    pub(crate) parse_us: i64,
    pub(crate) binds: i64,
    pub(crate) bind_us: i64,
    /// All executions of the query.
    pub(crate) executes: i64,
    pub(crate) execute_us: i64,
}

/// What happened to the server as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ServerEvents {
    /// How many of each kind, all of them.
    pub(crate) kinds: Vec<NameCount>,
    /// In order of time: the worst ones, and of equals the first.
    pub(crate) list: Vec<ServerEvent>,
}

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ServerEvent {
    pub(crate) time_us: Option<i64>,
    /// `startup`, `shutdown`, `crash`, …
    pub(crate) kind: String,
    pub(crate) severity: String,
    pub(crate) host: String,
    pub(crate) message: String,
}

/// A number that a server printed about itself again and again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Statistic {
    /// As the server calls it, with its unit.
    pub(crate) name: String,
    pub(crate) samples: i64,
    pub(crate) total: i64,
    pub(crate) max: i64,
    pub(crate) max_at_us: Option<i64>,
}
