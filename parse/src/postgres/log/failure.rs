//! Events of severity ERROR and worse: whose failure it is, by its wording, by the process that logs it, or by its SQLSTATE alone when the
//! message is in another language.

use memchr::memmem;

use super::wording::{leading_number, matches, quoted};
use super::{Facts, lock};
use crate::entry::{LogKind, Severity};
use crate::sql_state::wording;
use crate::timestamp::number;

/// Who was ended by what. The longer beginnings stand first.
const CANCELED: &[(&str, &str)] = &[
    (
        "canceling statement due to statement timeout",
        "statement_timeout",
    ),
    ("canceling statement due to lock timeout", "lock_timeout"),
    ("canceling statement due to user request", "user_request"),
    (
        "canceling statement due to conflict with recovery",
        "recovery_conflict",
    ),
    ("canceling autovacuum task", "autovacuum_task"),
    (
        "canceling authentication due to timeout",
        "authentication_timeout",
    ),
    (
        "terminating connection due to administrator command",
        "administrator",
    ),
    (
        "terminating connection due to idle-in-transaction timeout",
        "idle_in_transaction",
    ),
    (
        "terminating connection due to idle-session timeout",
        "idle_session",
    ),
    (
        "terminating connection due to transaction timeout",
        "transaction_timeout",
    ),
    (
        "terminating connection due to conflict with recovery",
        "recovery_conflict",
    ),
    (
        "terminating connection because of crash of another server process",
        "crash",
    ),
    (
        "terminating connection because protocol synchronization was lost",
        "connection_lost",
    ),
    (
        "terminating autovacuum process due to administrator command",
        "administrator",
    ),
    ("terminating background worker ", "administrator"),
    ("connection to client lost", "connection_lost"),
];

/// Why a client was not let in. Of FATAL only: in statements the same words are usual errors.
const NOT_LET_IN: &[(&str, &str)] = &[
    ("password authentication failed for user \"{}\"", "password"),
    ("no pg_hba.conf entry for {}", "not_permitted"),
    ("pg_hba.conf rejects {}", "not_permitted"),
    ("{} authentication failed for user \"{}\"", "authentication"),
    ("role \"{}\" does not exist", "no_user"),
    ("role \"{}\" is not permitted to log in", "not_permitted"),
    ("no PostgreSQL user name specified in startup packet", "protocol"),
    ("database \"{}\" does not exist", "no_database"),
    (
        "database \"{}\" is not currently accepting connections",
        "not_permitted",
    ),
    ("permission denied for database {}", "not_permitted"),
    ("sorry, too many clients already", "too_many"),
    ("remaining connection slots are reserved for {}", "too_many"),
    ("too many connections for {}", "too_many"),
    ("number of requested standby connections exceeds {}", "too_many"),
    ("the database system is {}", "not_ready"),
    ("unsupported frontend protocol {}", "protocol"),
    ("invalid length of startup packet", "protocol"),
    ("connection requires a valid client certificate", "ssl"),
];

/// What a SQLSTATE says when the words do not: kind, and its `cause` or `reason`.
const BY_SQL_STATE: &[(&str, LogKind, &str)] = &[
    ("25P03", LogKind::Canceled, "idle_in_transaction"),
    ("25P04", LogKind::Canceled, "transaction_timeout"),
    ("28000", LogKind::ConnectionFailed, "authentication"),
    ("28P01", LogKind::ConnectionFailed, "password"),
    ("3D000", LogKind::ConnectionFailed, "no_database"),
    ("40P01", LogKind::Deadlock, ""),
    ("53300", LogKind::ConnectionFailed, "too_many"),
    ("57014", LogKind::Canceled, "unknown"),
    ("57P01", LogKind::Canceled, "administrator"),
    ("57P02", LogKind::Canceled, "crash"),
    ("57P03", LogKind::ConnectionFailed, "not_ready"),
    ("57P04", LogKind::Canceled, "database_dropped"),
    ("57P05", LogKind::Canceled, "idle_session"),
];

/// How messages of processes that replicate begin, for logs that do not say which process wrote them, and the phase they are of.
const REPLICATION: &[(&str, &str)] = &[
    ("could not connect to the primary server", "failed"),
    ("could not connect to the publisher", "failed"),
    ("could not receive data from WAL stream", "failed"),
    (
        "could not receive database system identifier and timeline ID from the primary server",
        "failed",
    ),
    ("could not send data to WAL stream", "failed"),
    ("could not send end-of-streaming message to primary", "failed"),
    ("could not start WAL streaming", "failed"),
    ("highest timeline ", "failed"),
    ("requested WAL segment ", "wal_removed"),
    // PostgreSQL 18; no other message of it is an error.
    ("streaming replication receiver ", "failed"),
    ("terminating logical replication worker ", "stopped"),
    ("terminating walreceiver ", "stopped"),
    ("terminating walsender process", "stopped"),
    ("walreceiver ", "failed"),
];

/// How messages of recovery begin.
const RECOVERY: &[&str] = &[
    "WAL ends before ",
    "could not locate a valid checkpoint record",
    "could not locate required checkpoint record",
    "recovery ended before configured recovery target was reached",
    "requested recovery stop point is before consistent recovery point",
    "requested timeline ",
    "unexpected timeline ID ",
];

/// Fills in what an ERROR, FATAL or PANIC says. `backend` is the kind of process that wrote it, if the log tells.
pub(super) fn failed(backend: &[u8], facts: &mut Facts<'_, '_>) {
    facts.entry.kind = LogKind::Error;
    wording_of(facts);
    let message = facts.entry.message;
    if message.starts_with(b"deadlock detected") {
        return lock::deadlock(facts);
    }
    if let Some((_, cause)) = CANCELED
        .iter()
        .find(|(start, _)| message.starts_with(start.as_bytes()))
    {
        return canceled(cause, facts);
    }
    if let Some((kind, phase)) = of_server(backend, message) {
        facts.entry.kind = kind;
        facts.attributes.text("phase", phase.as_bytes());
        if phase == "wal_removed" {
            let segment = message.split(|b| *b == b' ').nth(3);
            facts.entry.object = segment.unwrap_or(b"");
        }
        return;
    }
    let is_fatal = facts.entry.severity == Severity::Fatal;
    if is_fatal && let Some((_, reason)) = NOT_LET_IN.iter().find(|(text, _)| matches(text, message, |_| {}))
    {
        return not_let_in(reason, facts);
    }
    // A code without a known wording: another language.
    let by_code = BY_SQL_STATE
        .iter()
        .find(|(code, ..)| code.as_bytes() == facts.entry.sql_state);
    match by_code {
        Some((_, LogKind::Canceled, cause)) => canceled(cause, facts),
        Some((_, LogKind::Deadlock, _)) => lock::deadlock(facts),
        Some((_, LogKind::ConnectionFailed, reason)) if is_fatal => not_let_in(reason, facts),
        _ => {}
    }
}

/// Fills in what a warning says.
pub(super) fn warned(facts: &mut Facts<'_, '_>) {
    wording_of(facts);
    let message = facts.entry.message;
    if let Some((_, cause)) = CANCELED
        .iter()
        .find(|(start, _)| message.starts_with(start.as_bytes()))
    {
        canceled(cause, facts);
    }
}

/// Takes the position off the message, and the SQLSTATE and the object from the wording where there is one.
fn wording_of(facts: &mut Facts<'_, '_>) {
    let (message, character) = without_position(facts.entry.message);
    facts.entry.message = message;
    facts.number("character", character);
    let Some(wording) = wording(message) else { return };
    if facts.entry.sql_state.is_empty() {
        let is_statement = facts.entry.severity == Severity::Error;
        facts.entry.sql_state = match wording.code {
            // The same words: a session of nobody, and a statement about nobody.
            "28000" if is_statement => b"42704",
            code => code.as_bytes(),
        };
    }
    let (mut hole, mut object) = (0, None);
    matches(wording.text, message, |text| {
        if object.is_none() && wording.names >> hole & 1 == 1 {
            object = Some(text);
        }
        hole += 1;
    });
    facts.entry.object = object.unwrap_or(b"");
}

/// `column "x" does not exist at character 34`: the message and the position.
fn without_position(message: &[u8]) -> (&[u8], Option<i64>) {
    const WORDS: &[u8] = b" at character ";
    let digits = message.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let (text, position) = message.split_at(message.len() - digits);
    match (text.strip_suffix(WORDS), number(position)) {
        (Some(text), Some(position)) => (text, Some(position)),
        _ => (message, None),
    }
}

fn canceled(cause: &str, facts: &mut Facts<'_, '_>) {
    facts.entry.kind = LogKind::Canceled;
    facts.attributes.text("cause", cause.as_bytes());
    match cause {
        "recovery_conflict" => facts
            .attributes
            .text("conflict", conflict(facts.entry.detail).as_bytes()),
        // `automatic vacuum of table "db.schema.table"`.
        "autovacuum_task" => facts.entry.object = quoted(facts.entry.context).unwrap_or(b""),
        _ => {}
    }
}

/// What a query stood in the way of, by the DETAIL of its cancellation.
fn conflict(detail: &[u8]) -> &'static str {
    const DETAILS: &[(&str, &str)] = &[
        ("row versions that must be removed", "snapshot"),
        ("a relation lock", "lock"),
        ("shared buffer pin", "buffer_pin"),
        ("tablespace that must be dropped", "tablespace"),
        ("database that must be dropped", "database"),
        ("logical replication slot", "logical_slot"),
        ("buffer deadlock", "deadlock"),
    ];
    DETAILS
        .iter()
        .find(|(words, _)| memmem::find(detail, words.as_bytes()).is_some())
        .map_or("", |(_, name)| name)
}

fn not_let_in(reason: &str, facts: &mut Facts<'_, '_>) {
    facts.entry.kind = LogKind::ConnectionFailed;
    facts.attributes.text("reason", reason.as_bytes());
    if let Some(line) = memmem::rfind(facts.entry.detail, b"line ") {
        facts.number("hba_line", leading_number(&facts.entry.detail[line + 5..]));
    }
}

/// Whether it is no client's failure but one of replication or recovery.
fn of_server(backend: &[u8], message: &[u8]) -> Option<(LogKind, &'static str)> {
    if let Some((_, phase)) = REPLICATION
        .iter()
        .find(|(start, _)| message.starts_with(start.as_bytes()))
    {
        return Some((LogKind::Replication, phase));
    }
    if RECOVERY.iter().any(|start| message.starts_with(start.as_bytes())) {
        return Some((LogKind::Recovery, "failed"));
    }
    match backend {
        b"walreceiver"
        | b"logical replication worker"
        | b"logical replication launcher"
        | b"slotsync worker" => Some((LogKind::Replication, "failed")),
        b"startup" => Some((LogKind::Recovery, "failed")),
        _ => None,
    }
}
