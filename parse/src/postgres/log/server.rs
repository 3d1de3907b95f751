//! What a server logs of its own accord, as a table: how each message begins, which kind of event it is, and what to read in its rest.

use super::wording::{between, leading, leading_decimal, leading_lsn, leading_number, number_after, quoted};
use super::{Facts, checkpoint, lock, session, vacuum};
use crate::entry::LogKind;
use crate::timestamp::number;

/// One beginning of messages.
pub(super) struct Rule {
    /// What the messages begin with.
    pub(super) start: &'static str,
    kind: LogKind,
    /// The attribute `phase`; empty when the kind has none.
    phase: &'static str,
    /// Reads the rest of the message.
    read: Read,
}

type Read = for<'f, 'e> fn(&'e [u8], &mut Facts<'f, 'e>);

impl Rule {
    /// Fills in what a message says whose rest after [`start`](Rule::start) is `rest`.
    pub(super) fn apply<'e>(&self, rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
        facts.entry.kind = self.kind;
        facts.attributes.text("phase", self.phase.as_bytes());
        (self.read)(rest, facts);
    }

    /// Whether its messages come as warnings, too.
    pub(super) fn is_typed_warning(&self) -> bool {
        matches!(self.kind, LogKind::Archive | LogKind::Configuration)
    }
}

/// The rule for a message, and the rest of the message.
pub(super) fn rule(message: &[u8]) -> Option<(&'static Rule, &[u8])> {
    let first = message.first()?;
    let from = RULES.partition_point(|rule| rule.start.as_bytes()[0] < *first);
    RULES[from..]
        .iter()
        .take_while(|rule| rule.start.as_bytes()[0] == *first)
        .find_map(|rule| Some((rule, message.strip_prefix(rule.start.as_bytes())?)))
}

const fn rule_of(start: &'static str, kind: LogKind, phase: &'static str, read: Read) -> Rule {
    Rule {
        start,
        kind,
        phase,
        read,
    }
}

/// Ordered by the first byte; of two beginnings of which one begins the other, the longer stands first.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = {
    use LogKind::*;
    &[
        rule_of("aborting any active transactions", Shutdown, "stopping", nothing),
        rule_of("all server processes terminated; reinitializing", Recovery, "started", nothing),
        rule_of("archive command ", Archive, "", archive_command),
        rule_of("archive recovery complete", Recovery, "complete", nothing),
        rule_of("archive_cleanup_command ", Archive, "", archive_command),
        rule_of("archiving write-ahead log file ", Archive, "", object),
        rule_of("automatic analyze of table ", Autoanalyze, "", vacuum::analyze),
        rule_of("automatic aggressive vacuum ", Autovacuum, "", vacuum_aggressive),
        rule_of("automatic vacuum ", Autovacuum, "", vacuum::vacuum),
        rule_of("autovacuum launcher shutting down", Shutdown, "worker_stopped", nothing),
        rule_of("autovacuum launcher started", Startup, "worker_started", nothing),
        rule_of("background worker ", Shutdown, "worker_stopped", worker_exit),
        rule_of("begin of backup_label", Recovery, "started", nothing),
        rule_of("checkpoint complete:", Checkpoint, "", checkpoint::complete),
        rule_of("checkpoint starting:", CheckpointStart, "", checkpoint::starting),
        rule_of("checkpoints are occurring too frequently (", CheckpointsTooFrequent, "", checkpoint::too_frequent),
        rule_of("completed backup recovery with redo LSN ", Recovery, "progress", lsn),
        rule_of("configuration file ", Configuration, "failed", object),
        rule_of("connection authenticated: ", ConnectionAuthenticated, "", session::authenticated),
        rule_of("connection authorized: ", ConnectionAuthorized, "", session::authorized),
        rule_of("connection ready: ", ConnectionReady, "", session::ready),
        rule_of("connection received: ", ConnectionReceived, "", session::received),
        rule_of("connection to client lost", ConnectionLost, "", nothing),
        rule_of("consistent recovery state reached at ", Recovery, "consistent", lsn),
        rule_of("contrecord is requested by ", Recovery, "end_of_wal", lsn),
        rule_of("could not accept SSL connection", ConnectionFailed, "", ssl_failed),
        rule_of("could not bind ", Startup, "not_listening", nothing),
        rule_of("could not receive data from client", ConnectionLost, "", nothing),
        rule_of("could not send data to client", ConnectionLost, "", nothing),
        rule_of("database system is ready to accept ", Startup, "ready", nothing),
        rule_of("database system is shut down", Shutdown, "stopped", nothing),
        rule_of("database system shutdown was interrupted", Recovery, "interrupted", nothing),
        rule_of("database system was interrupted", Recovery, "interrupted", nothing),
        rule_of("database system was not properly shut down", Recovery, "started", nothing),
        rule_of("database system was shut down", Startup, "was_shut_down", nothing),
        rule_of("disconnection: ", Disconnection, "", session::ended),
        rule_of("end-of-backup record reached", Recovery, "progress", nothing),
        rule_of("ending log output to ", Startup, "", nothing),
        rule_of("entering standby mode", Recovery, "started", nothing),
        rule_of("fetching timeline history file for timeline ", Replication, "", timeline),
        rule_of("incomplete startup packet", ConnectionFailed, "", protocol),
        rule_of("incorrect resource manager data checksum in record at ", Recovery, "end_of_wal", lsn),
        rule_of("invalid contrecord length ", Recovery, "end_of_wal", lsn_after_at),
        rule_of("invalid length of startup packet", ConnectionFailed, "", protocol),
        rule_of("invalid magic number ", Recovery, "end_of_wal", wal_page),
        rule_of("invalid primary checkpoint", Recovery, "end_of_wal", nothing),
        rule_of("invalid record length at ", Recovery, "end_of_wal", lsn),
        rule_of("invalid record offset at ", Recovery, "end_of_wal", lsn),
        rule_of("invalid resource manager ID ", Recovery, "end_of_wal", lsn_after_at),
        rule_of("invalid resource manager data checksum", Recovery, "end_of_wal", lsn_after_at),
        rule_of("invalidating obsolete replication slot ", Replication, "slot_invalidated", slot),
        rule_of("invalidating slot ", Replication, "slot_invalidated", slot),
        rule_of("issuing ", Shutdown, "stopping", nothing),
        rule_of("last completed transaction was at log time ", Recovery, "progress", nothing),
        rule_of("listening on ", Startup, "listening", listening),
        rule_of("logical decoding found ", Replication, "started", lsn_after_at),
        rule_of("logical replication apply worker for subscription ", Replication, "", logical_worker),
        rule_of("logical replication launcher shutting down", Shutdown, "worker_stopped", nothing),
        rule_of("logical replication launcher started", Startup, "worker_started", nothing),
        rule_of("logical replication parallel apply worker for subscription ", Replication, "", logical_worker),
        rule_of("logical replication sequence synchronization worker for subscription ", Replication, "", logical_worker),
        rule_of("logical replication table synchronization worker for subscription ", Replication, "", logical_worker),
        rule_of("logical replication worker for subscription ", Replication, "", logical_worker),
        rule_of("new target timeline is ", Recovery, "progress", timeline),
        rule_of("new timeline ", Recovery, "progress", timeline),
        rule_of("parameter ", Configuration, "", parameter),
        rule_of("pausing at the end of recovery", Recovery, "paused", nothing),
        rule_of("performing immediate shutdown because ", Shutdown, "requested", nothing),
        rule_of("pg_hba.conf was not reloaded", Configuration, "failed", nothing),
        rule_of("pg_ident.conf was not reloaded", Configuration, "failed", nothing),
        rule_of("postmaster ", Startup, "", nothing),
        rule_of("process ", Message, "", process),
        rule_of("promote trigger file found", Recovery, "promoted", nothing),
        rule_of("received SIGHUP, reloading configuration files", Configuration, "reload", nothing),
        rule_of("received fast shutdown request", Shutdown, "requested", fast),
        rule_of("received immediate shutdown request", Shutdown, "requested", immediate),
        rule_of("received promote request", Recovery, "promoted", nothing),
        rule_of("received replication command: ", Replication, "command", replication_command),
        rule_of("received smart shutdown request", Shutdown, "requested", smart),
        rule_of("record with incorrect prev-link ", Recovery, "end_of_wal", lsn_after_at),
        rule_of("record with invalid length at ", Recovery, "end_of_wal", lsn),
        rule_of("recovering prepared transaction ", Recovery, "progress", nothing),
        rule_of("recovery finished waiting after ", RecoveryConflict, "finished", conflict),
        rule_of("recovery has paused", Recovery, "paused", nothing),
        rule_of("recovery restart point at ", Recovery, "progress", lsn),
        rule_of("recovery still waiting after ", RecoveryConflict, "waiting", conflict),
        rule_of("recovery stopping ", Recovery, "redo_done", lsn_in_quotes),
        rule_of("redirecting log output to logging collector process", Startup, "starting", nothing),
        rule_of("redo done at ", Recovery, "redo_done", redo_done),
        rule_of("redo in progress", Recovery, "progress", redo_progress),
        rule_of("redo is not required", Recovery, "redo_done", nothing),
        rule_of("redo starts at ", Recovery, "redo_started", lsn),
        rule_of("reinitializing shared memory", Recovery, "started", nothing),
        rule_of("released replication slot ", Replication, "slot_released", slot),
        rule_of("replication connection authorized: ", ConnectionAuthorized, "", session::replication_authorized),
        rule_of("replication terminated by primary server", Replication, "stopped", end_of_wal),
        rule_of("requested WAL segment ", Replication, "wal_removed", first_word),
        rule_of("resetting unlogged relations", Recovery, "progress", nothing),
        rule_of("restartpoint complete:", Restartpoint, "", checkpoint::complete),
        rule_of("restartpoint starting:", RestartpointStart, "", checkpoint::starting),
        rule_of("restored log file ", Recovery, "progress", object),
        rule_of("selected new timeline ID: ", Recovery, "promoted", timeline),
        rule_of("shutting down", Shutdown, "stopping", nothing),
        rule_of("skipping analyze of ", LockFailed, "", skipping),
        rule_of("skipping vacuum of ", LockFailed, "", skipping),
        rule_of("standby ", Replication, "", standby),
        rule_of("started streaming WAL from primary at ", Replication, "started", streaming),
        rule_of("starting PostgreSQL ", Startup, "starting", version),
        rule_of("starting archive recovery", Recovery, "started", nothing),
        rule_of("starting backup recovery with redo LSN ", Recovery, "started", lsn),
        rule_of("starting logical decoding for slot ", Replication, "started", slot),
        rule_of("starting point-in-time recovery to ", Recovery, "started", nothing),
        rule_of("stopped ", Replication, "stopped", nothing),
        rule_of("syncing data directory", Recovery, "progress", nothing),
        rule_of("temporary file: ", TemporaryFile, "", temporary_file),
        rule_of("terminating any other active server processes", Shutdown, "stopping", nothing),
        rule_of("terminating process ", Replication, "slot_released", slot),
        rule_of("terminating walsender process due to replication timeout", Replication, "timeout", nothing),
        rule_of("test message did not get through", Startup, "", nothing),
        rule_of("there is no contrecord flag at ", Recovery, "end_of_wal", lsn),
        rule_of("trigger file found", Recovery, "promoted", nothing),
        rule_of("unexpected EOF on client connection", ConnectionLost, "", nothing),
        rule_of("unexpected EOF on standby connection", Replication, "stopped", nothing),
        rule_of("unexpected pageaddr ", Recovery, "end_of_wal", wal_page),
        rule_of("unexpected timeline ID ", Recovery, "end_of_wal", wal_page),
        rule_of("unsupported frontend protocol ", ConnectionFailed, "", protocol),
        rule_of("using recovery command file ", Recovery, "started", nothing),
        rule_of("waiting for WAL to become available at ", Replication, "waiting", lsn),
    ]
};

fn nothing<'e>(_: &'e [u8], _: &mut Facts<'_, 'e>) {}

fn object<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts.entry.object = quoted(rest).unwrap_or(b"");
}

fn first_word<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts.entry.object = leading(rest, |b| b != b' ');
}

fn lsn<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts.attributes.text("lsn", leading_lsn(rest));
}

fn lsn_after_at<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    if let Some(at) = memchr::memmem::rfind(rest, b"at ") {
        lsn(&rest[at + 3..], facts);
    }
}

/// `WAL location (LSN) "0/8008DB8"`.
fn lsn_in_quotes<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts
        .attributes
        .text("lsn", leading_lsn(quoted(rest).unwrap_or(b"")));
}

fn timeline<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts.number("timeline", leading_number(rest));
}

fn slot<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    let slot = quoted(rest).unwrap_or(b"");
    facts.entry.object = slot;
    facts.attributes.text("slot", slot);
    facts.number("process", leading_number(rest));
}

/// `… in WAL segment 000000010000000000000012, LSN 0/12000000, offset 0`; up to PostgreSQL 15 `in log segment …`.
fn wal_page<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    let segment = between(rest, " segment ", ",").unwrap_or(b"");
    facts.entry.object = segment;
    facts
        .attributes
        .text("lsn", leading_lsn(between(rest, "LSN ", ",").unwrap_or(b"")));
}

fn vacuum_aggressive<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts.attributes.number("aggressive", 1);
    vacuum::vacuum(rest, facts);
}

/// `failed with exit code 1` or `was terminated by signal 9: Killed`; the command, with the file, is in DETAIL.
fn archive_command<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    exit(rest, facts);
    let words = facts.entry.detail.split(|b| !b.is_ascii_alphanumeric());
    // Names of WAL segments: 24 hexadecimal digits.
    let segment = words
        .rev()
        .find(|word| word.len() == 24 && word.iter().all(u8::is_ascii_hexdigit));
    facts.entry.object = segment.unwrap_or(b"");
}

fn exit(rest: &[u8], facts: &mut Facts<'_, '_>) {
    facts.number("exit_code", number_after(rest, "exit code "));
    facts.number("signal", number_after(rest, "signal "));
}

/// `"logical replication launcher" (PID 4711) exited with exit code 1`: usual when a server stops, a crash when by a signal.
fn worker_exit<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    if memchr::memmem::find(rest, b"terminated by signal ").is_some() {
        facts.attributes.clear();
        return crash(rest, quoted(rest).unwrap_or(b""), facts);
    }
    facts.entry.object = quoted(rest).unwrap_or(b"");
    exit(rest, facts);
}

/// `server process (PID 19711) was terminated by signal 9: Killed`, of any kind of process.
pub(super) fn process_ended<'e>(message: &'e [u8], facts: &mut Facts<'_, 'e>) {
    let Some(at) = memchr::memmem::find(message, b" (PID ") else {
        return;
    };
    let rest = &message[at..];
    let crashed = [
        &b") was terminated by signal "[..],
        b") exited with exit code ",
        b") was terminated by exception ",
    ]
    .iter()
    .any(|words| memchr::memmem::find(rest, words).is_some());
    if crashed {
        crash(rest, &message[..at], facts);
    }
}

fn crash<'e>(rest: &'e [u8], process: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts.entry.kind = LogKind::Crash;
    facts.entry.object = process;
    facts.number("process", number_after(rest, "(PID "));
    exit(rest, facts);
}

/// `IPv4 address "127.0.0.1", port 5432` or `Unix socket "/run/…"`.
fn listening<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    object(rest, facts);
    facts.number("port", number_after(rest, ", port "));
}

fn version<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts
        .attributes
        .text("version", leading(rest, |b| b != b' ' && b != b','));
}

fn fast<'e>(_: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts.attributes.text("mode", b"fast");
}

fn immediate<'e>(_: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts.attributes.text("mode", b"immediate");
}

fn smart<'e>(_: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts.attributes.text("mode", b"smart");
}

fn protocol<'e>(_: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts.attributes.text("reason", b"protocol");
}

fn ssl_failed<'e>(_: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts.attributes.text("reason", b"ssl");
}

/// `"work_mem" changed to "64MB"`, `"x" removed from configuration file, reset to default`, `"x" cannot be changed without restarting`.
fn parameter<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    object(rest, facts);
    let after = rest
        .get(facts.entry.object.len() + 2..)
        .unwrap_or(b"")
        .trim_ascii_start();
    let phase = if let Some(value) = after.strip_prefix(b"changed to \"") {
        facts
            .attributes
            .text("value", value.strip_suffix(b"\"").unwrap_or(value));
        "changed"
    } else if after.starts_with(b"removed from ") {
        "removed"
    } else if after.starts_with(b"cannot be changed without ") {
        "needs_restart"
    } else {
        "failed"
    };
    facts.attributes.text("phase", phase.as_bytes());
}

/// `… for subscription "s" has started`, `… will stop because …`.
fn logical_worker<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    object(rest, facts);
    let phase = if rest.ends_with(b" has started") {
        "started"
    } else {
        "stopped"
    };
    facts.attributes.text("phase", phase.as_bytes());
}

/// Waits for locks; other messages that begin alike stay what they are.
fn process<'e>(_: &'e [u8], facts: &mut Facts<'_, 'e>) {
    lock::wait(facts.entry.message, facts);
}

/// `START_REPLICATION SLOT "s1" 0/8000000 TIMELINE 1`.
fn replication_command<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    if let Some(rest) = rest.strip_prefix(b"START_REPLICATION ") {
        if let Some(named) = rest.strip_prefix(b"SLOT ") {
            let slot = quoted(named).unwrap_or_else(|| leading(named, |b| b != b' '));
            facts.entry.object = slot;
            facts.attributes.text("slot", slot);
        }
        let place = rest
            .split(|b| *b == b' ')
            .map(leading_lsn)
            .find(|lsn| !lsn.is_empty());
        facts.attributes.text("lsn", place.unwrap_or(b""));
        facts.number("timeline", number_after(rest, "TIMELINE "));
    } else if let Some(rest) = rest.strip_prefix(b"CREATE_REPLICATION_SLOT ") {
        let slot = quoted(rest).unwrap_or_else(|| leading(rest, |b| b != b' '));
        facts.entry.object = slot;
        facts.attributes.text("slot", slot);
    }
}

/// `506.166 ms: recovery conflict on snapshot`; who is in the way is in DETAIL.
fn conflict<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts.entry.duration_us = leading_decimal(rest, 1_000);
    if let Some(at) = memchr::memmem::find(rest, b"recovery conflict on ") {
        facts
            .attributes
            .text("conflict", conflict_name(&rest[at + 21..]).as_bytes());
    }
    if let Some(at) = memchr::memmem::find(facts.entry.detail, b": ") {
        let pids = facts.entry.detail[at + 2..]
            .split(|b| matches!(b, b',' | b'.'))
            .map(<[u8]>::trim_ascii);
        facts
            .attributes
            .list("processes", pids.filter(|pid| number(pid).is_some()));
    }
}

/// The name of a conflict by the server's words after `recovery conflict on `.
fn conflict_name(words: &[u8]) -> &'static str {
    match words.trim_ascii_end() {
        b"snapshot" => "snapshot",
        b"lock" => "lock",
        b"buffer pin" => "buffer_pin",
        b"tablespace" => "tablespace",
        b"database" => "database",
        b"logical replication slot" => "logical_slot",
        b"buffer deadlock" => "deadlock",
        _ => "",
    }
}

/// `0/800D450 system usage: CPU: …, elapsed: 20.73 s`.
fn redo_done<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    lsn(rest, facts);
    if let Some(at) = memchr::memmem::find(rest, b"elapsed: ") {
        facts.entry.duration_us = leading_decimal(&rest[at + 9..], 1_000_000);
    }
}

/// `, elapsed time: 10.00 s, current LSN: 0/12000000`.
fn redo_progress<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    if let Some(at) = memchr::memmem::find(rest, b"elapsed time: ") {
        facts.entry.duration_us = leading_decimal(&rest[at + 14..], 1_000_000);
    }
    if let Some(at) = memchr::memmem::find(rest, b"current LSN: ") {
        lsn(&rest[at + 13..], facts);
    }
}

/// DETAIL `End of WAL reached on timeline 1 at 0/8008DB8.`
fn end_of_wal<'e>(_: &'e [u8], facts: &mut Facts<'_, 'e>) {
    let detail = facts.entry.detail;
    facts.number("timeline", number_after(detail, "timeline "));
    lsn_after_at(detail, facts);
}

/// `0/8000000 on timeline 1`.
fn streaming<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    lsn(rest, facts);
    facts.number("timeline", number_after(rest, "timeline "));
}

/// `"x" is now a synchronous standby with priority 1`.
fn standby<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    object(rest, facts);
    facts.attributes.text("phase", b"synchronous");
    facts.number("priority", number_after(rest, "priority "));
}

/// `path "base/pgsql_tmp/pgsql_tmp16276.0", size 2240014`.
fn temporary_file<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    object(rest, facts);
    facts.entry.size_bytes = number_after(rest, ", size ");
}

/// `"x" --- lock not available`.
fn skipping<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    object(rest, facts);
    facts.attributes.text("lock_type", b"relation");
    facts.attributes.text("reason", b"not_available");
}
