//! Waits for locks and deadlocks: `process … still waiting for …`, its DETAIL with holders and queue, and the lines of a deadlock.

use memchr::memmem;

use super::Facts;
use super::wording::{between, holes, leading_decimal, number_after};
use crate::entry::LogKind;
use crate::timestamp::number;

/// The wordings of `ProcSleep`: what happened, and the kind and reason it is. Holes: process, mode, object, time.
const WORDINGS: &[(&str, LogKind, &str)] = &[
    (
        "process {} still waiting for {} on {} after {} ms",
        LogKind::LockWait,
        "",
    ),
    (
        "process {} acquired {} on {} after {} ms",
        LogKind::LockAcquired,
        "",
    ),
    (
        "process {} avoided deadlock for {} on {} by rearranging queue order after {} ms",
        LogKind::LockWait,
        "avoided_deadlock",
    ),
    (
        "process {} detected deadlock while waiting for {} on {} after {} ms",
        LogKind::LockFailed,
        "deadlock",
    ),
    (
        "process {} failed to acquire {} on {} after {} ms",
        LogKind::LockFailed,
        "failed",
    ),
    (
        "process {} could not obtain {} on {}",
        LogKind::LockFailed,
        "not_available",
    ),
];

/// A message that begins with `process `.
pub(super) fn wait<'e>(message: &'e [u8], facts: &mut Facts<'_, 'e>) {
    let found = WORDINGS
        .iter()
        .find_map(|(wording, kind, reason)| holes(wording, message).map(|holes| (holes, *kind, *reason)));
    let Some(([process, mode, object, time], kind, reason)) = found else {
        return;
    };
    facts.entry.kind = kind;
    facts.entry.object = object;
    facts.entry.duration_us = leading_decimal(time, 1_000);
    facts.digits("process", process);
    facts.attributes.text("mode", mode);
    facts.attributes.text("reason", reason.as_bytes());
    let detail = facts.entry.detail;
    let holders = between(detail, "Process holding the lock: ", ".")
        .or_else(|| between(detail, "Processes holding the lock: ", "."));
    pids(facts, "holders", holders.unwrap_or(b""));
    pids(
        facts,
        "queue",
        between(detail, "Wait queue: ", ".").unwrap_or(b""),
    );
    facts.attributes.text("lock_type", lock_type(object));
    for (name, key) in [("relation_oid", "relation "), ("database_oid", " of database ")] {
        if let Some(oid) = number_after(object, key) {
            facts.attributes.number(name, oid);
        }
    }
    relation_of_context(facts);
}

/// `deadlock detected`: the wait of each process, then its statement, which may have lines of its own.
pub(super) fn deadlock(facts: &mut Facts<'_, '_>) {
    facts.entry.kind = LogKind::Deadlock;
    let detail = facts.entry.detail;
    let waits = || {
        lines(detail).filter_map(|line| holes("Process {} waits for {} on {}; blocked by process {}.", line))
    };
    facts.attributes.list(
        "processes",
        waits()
            .map(|[process, ..]: [&[u8]; 4]| process)
            .filter(|process| number(process).is_some()),
    );
    for [process, mode, object, holder] in waits() {
        if number(process).is_none() {
            continue;
        }
        facts.attributes.text_of("mode_", process, mode);
        facts.attributes.text_of("object_", process, object);
        if let Some(holder) = number(holder) {
            facts.attributes.number_of("holder_", process, holder);
        }
    }
    statements(detail, facts);
    relation_of_context(facts);
}

/// `Process 16100: update …` and the lines up to the next process.
fn statements(detail: &[u8], facts: &mut Facts<'_, '_>) {
    let mut open: Option<(&[u8], usize)> = None;
    let mut at = 0;
    for line in detail.split_inclusive(|b| *b == b'\n') {
        if let Some((process, statement)) = statement_start(line) {
            close(detail, open, at, facts);
            open = Some((process, at + (line.len() - statement.len())));
        }
        at += line.len();
    }
    close(detail, open, at, facts);
}

fn close(detail: &[u8], open: Option<(&[u8], usize)>, end: usize, facts: &mut Facts<'_, '_>) {
    if let Some((process, start)) = open {
        let statement = detail[start..end].trim_ascii_end();
        facts.attributes.text_of("statement_", process, statement);
    }
}

fn statement_start(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = line.strip_prefix(b"Process ")?;
    let colon = memmem::find(rest, b": ")?;
    number(&rest[..colon])?;
    Some((&rest[..colon], &rest[colon + 2..]))
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii)
}

/// `1, 2` as a list.
fn pids(facts: &mut Facts<'_, '_>, name: &str, text: &[u8]) {
    let pids = text.split(|b| *b == b',').map(<[u8]>::trim_ascii);
    facts
        .attributes
        .list(name, pids.filter(|pid| number(pid).is_some()));
}

/// What kind of thing is locked, by the words of `DescribeLockTag`.
fn lock_type(object: &[u8]) -> &'static [u8] {
    const TYPES: &[&str] = &[
        "relation",
        "extension",
        "page",
        "tuple",
        "transaction",
        "virtual transaction",
        "speculative token",
        "object",
        "user lock",
        "advisory lock",
        "remote transaction",
    ];
    TYPES
        .iter()
        .find(|name| object.starts_with(name.as_bytes()))
        .map_or(b"", |name| name.as_bytes())
}

/// `while updating tuple (0,1) in relation "acct"`: the name that the lock's object lacks.
fn relation_of_context(facts: &mut Facts<'_, '_>) {
    if let Some(relation) = between(facts.entry.context, "in relation \"", "\"") {
        facts.attributes.text("relation", relation);
    }
}
