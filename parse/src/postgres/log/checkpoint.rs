//! Checkpoints and restartpoints: why they began, what they wrote. Every number is found by its key, whatever the version.

use memchr::memmem;

use super::Facts;
use super::wording::{leading_decimal, leading_lsn, leading_number};
use crate::timestamp::number;

/// `checkpoint starting: immediate force wait`; `rest` is what follows the colon.
pub(super) fn starting<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    reasons(rest, facts);
}

/// `checkpoint complete: wrote 56 buffers (2.7%), …; 0 WAL file(s) added, …; write=5.215 s, …`. `rest` is what follows `complete:`.
pub(super) fn complete<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    let wrote = memmem::find(rest, b"wrote ").unwrap_or(0);
    // From PostgreSQL 19 on the reasons are said again.
    if let Some(colon) = memmem::rfind(&rest[..wrote], b":") {
        reasons(&rest[..colon], facts);
    }
    for item in rest[wrote..].split(|b| matches!(b, b',' | b';')) {
        let item = item.trim_ascii();
        match memchr::memchr(b'=', item) {
            Some(equals) => keyed(&item[..equals], &item[equals + 1..], facts),
            None => counted(item, facts),
        }
    }
}

fn reasons(words: &[u8], facts: &mut Facts<'_, '_>) {
    let words = words
        .split(|b| *b == b' ')
        .filter(|word| word.iter().all(|b| b.is_ascii_lowercase() || *b == b'-'));
    facts.attributes.list("reasons", words);
}

/// `write=5.215 s`, `sync files=0`, `distance=368 kB`, `lsn=0/1950928`.
fn keyed(key: &[u8], value: &[u8], facts: &mut Facts<'_, '_>) {
    if matches!(key, b"lsn" | b"redo lsn") {
        let name = if key == b"lsn" { "lsn" } else { "redo_lsn" };
        return facts.attributes.text(name, leading_lsn(value));
    }
    let (name, value) = match key {
        b"total" => {
            facts.entry.duration_us = leading_decimal(value, 1_000_000);
            return;
        }
        b"write" => ("write_us", leading_decimal(value, 1_000_000)),
        b"sync" => ("sync_us", leading_decimal(value, 1_000_000)),
        b"longest" => ("sync_longest_us", leading_decimal(value, 1_000_000)),
        b"average" => ("sync_average_us", leading_decimal(value, 1_000_000)),
        b"sync files" => ("sync_files", leading_number(value)),
        b"distance" => ("distance_bytes", kilobytes(value)),
        b"estimate" => ("estimate_bytes", kilobytes(value)),
        _ => return,
    };
    facts.number(name, value);
}

/// `wrote 56 buffers (2.7%)`, `wrote 3 SLRU buffers`, `0 WAL file(s) added`, `1 removed`, `0 recycled`.
fn counted(item: &[u8], facts: &mut Facts<'_, '_>) {
    let item = item.strip_prefix(b"wrote ").unwrap_or(item);
    let digits = item.iter().take_while(|b| b.is_ascii_digit()).count();
    let (value, what) = (number(&item[..digits]), item[digits..].trim_ascii_start());
    if let Some(percent) = what.strip_prefix(b"buffers (") {
        facts.number("buffers", value);
        return facts.number("buffers_permille", leading_decimal(percent, 10));
    }
    let name = match what {
        b"buffers" => "buffers",
        b"SLRU buffers" => "slru_buffers",
        b"removed" => "wal_removed",
        b"recycled" => "wal_recycled",
        _ if what.ends_with(b" added") => "wal_added",
        _ => return,
    };
    facts.number(name, value);
}

fn kilobytes(value: &[u8]) -> Option<i64> {
    leading_number(value)?.checked_mul(1024)
}

/// `checkpoints are occurring too frequently (3 seconds apart)`; `rest` is what follows the bracket.
pub(super) fn too_frequent<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts.number("interval_us", leading_decimal(rest, 1_000_000));
}
