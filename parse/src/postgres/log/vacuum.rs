//! The reports of autovacuum. Each line is read by its key and each number by the word behind it, so that lines may come in any order and
//! number: PostgreSQL 12 to 18 print them differently.

use super::Facts;
use super::wording::{between, holes, leading_decimal, leading_number, number_after, quoted};
use crate::timestamp::number;

const MEBIBYTE: i64 = 1024 * 1024;

/// How a number in a line is told: by the words right behind it.
type Numbers = &'static [(&'static str, &'static str)];

/// `automatic vacuum [to prevent wraparound ]of table "…": index scans: 1` and its lines; `rest` is what follows `vacuum `.
pub(super) fn vacuum<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    let (head, report) = split_line(rest);
    facts.entry.object = quoted(head).unwrap_or(b"");
    let kind = head.split(|b| *b == b'"').next().unwrap_or(b"");
    if kind.starts_with(b"to prevent wraparound ") {
        facts.attributes.number("wraparound", 1);
    }
    facts.number("index_scans", number_after(head, "index scans: "));
    lines(report, facts);
}

/// `automatic analyze of table "…"` and its lines; up to PostgreSQL 13 all of it is one line.
pub(super) fn analyze<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts.entry.object = quoted(rest).unwrap_or(b"");
    let (head, report) = split_line(rest);
    if let Some(at) = memchr::memmem::find(head, b"system usage: ") {
        line(&head[at..], facts);
    }
    lines(report, facts);
}

fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', text) {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, b""),
    }
}

fn lines(report: &[u8], facts: &mut Facts<'_, '_>) {
    for text in report.split(|b| *b == b'\n') {
        line(text.trim_ascii(), facts);
    }
}

fn line(text: &[u8], facts: &mut Facts<'_, '_>) {
    if let Some(rest) = text.strip_prefix(b"index \"") {
        return index(rest, facts);
    }
    let Some(colon) = memchr::memmem::find(text, b": ") else {
        return;
    };
    let (key, rest) = (&text[..colon], &text[colon + 2..]);
    match key {
        b"pages" => {
            numbers(rest, PAGES, facts);
            facts.number(
                "pages_scanned_permille",
                between(rest, "(", "%").and_then(|part| leading_decimal(part, 10)),
            );
        }
        b"tuples" => {
            numbers(rest, TUPLES, facts);
            facts.number("cutoff_xid", number_after(rest, "oldest xmin: "));
        }
        b"tuples missed" => numbers(rest, MISSED, facts),
        b"removable cutoff" => advance(rest, ["cutoff_xid", "cutoff_age"], "which was ", facts),
        b"new relfrozenxid" => advance(rest, ["relfrozenxid", "relfrozenxid_advance"], "which is ", facts),
        b"new relminmxid" => advance(rest, ["relminmxid", "relminmxid_advance"], "which is ", facts),
        b"frozen" => {
            numbers(rest, FROZEN, facts);
            facts.number("frozen_tuples", number_after(rest, " had "));
        }
        b"visibility map" => numbers(rest, VISIBILITY, facts),
        b"index scan needed" => dead_items(rest, "needed", facts),
        b"index scan not needed" => dead_items(rest, "not_needed", facts),
        b"index scan bypassed" => dead_items(rest, "bypassed", facts),
        b"index scan bypassed by failsafe" => dead_items(rest, "failsafe", facts),
        b"delay time" => facts.number("delay_us", leading_decimal(rest, 1_000)),
        b"I/O timings" => {
            facts.number("read_us", decimal_after(rest, "read: ", 1_000));
            facts.number("write_us", decimal_after(rest, "write: ", 1_000));
        }
        b"avg read rate" => {
            facts.number("read_bytes_per_s", leading_decimal(rest, MEBIBYTE));
            facts.number(
                "write_bytes_per_s",
                decimal_after(rest, "avg write rate: ", MEBIBYTE),
            );
        }
        b"buffer usage" => numbers(rest, BUFFERS, facts),
        b"WAL usage" => numbers(rest, WAL, facts),
        b"system usage" => usage(rest, facts),
        _ => {}
    }
}

const PAGES: Numbers = &[
    ("removed", "pages_removed"),
    ("remain", "pages_remain"),
    ("scanned", "pages_scanned"),
    ("eagerly scanned", "pages_eagerly_scanned"),
    ("skipped due to pins", "pages_skipped_pins"),
    ("skipped frozen", "pages_skipped_frozen"),
];
const TUPLES: Numbers = &[
    ("removed", "tuples_removed"),
    ("remain", "tuples_remain"),
    ("are dead but not yet removable", "tuples_dead"),
];
const MISSED: Numbers = &[("dead from", "tuples_missed")];
const FROZEN: Numbers = &[("pages from table", "frozen_pages")];
const VISIBILITY: Numbers = &[
    ("pages set all-visible", "all_visible_pages"),
    ("pages set all-frozen", "all_frozen_pages"),
];
const BUFFERS: Numbers = &[
    ("hits", "buffer_hits"),
    ("misses", "buffer_reads"),
    ("reads", "buffer_reads"),
    ("dirtied", "buffer_dirtied"),
];
const WAL: Numbers = &[
    ("records", "wal_records"),
    ("full page images", "wal_images"),
    ("bytes", "wal_bytes"),
    ("buffers full", "wal_buffers_full"),
];

/// `5 removed, 303 remain`: each number by the words that follow it.
fn numbers(text: &[u8], names: Numbers, facts: &mut Facts<'_, '_>) {
    for item in text.split(|b| *b == b',') {
        let item = item.trim_ascii();
        let digits = item.iter().take_while(|b| b.is_ascii_digit()).count();
        let words = item[digits..].trim_ascii_start();
        let known = names.iter().find(|(start, _)| {
            words
                .strip_prefix(start.as_bytes())
                .is_some_and(|rest| matches!(rest.first(), None | Some(b' ')))
        });
        if let Some((start, name)) = known {
            facts.number(name, number(&item[..digits]));
            match *start {
                "dead from" => facts.number("tuples_missed_pages", number_after(words, "dead from ")),
                "pages set all-frozen" => facts.number("were_all_visible_pages", number_after(words, "(")),
                _ => {}
            }
        }
    }
}

/// `753, which is 6 XIDs ahead of previous value`.
fn advance(rest: &[u8], [value, by]: [&str; 2], words: &str, facts: &mut Facts<'_, '_>) {
    facts.number(value, leading_number(rest));
    facts.number(by, number_after(rest, words));
}

/// `9 pages from table (2.97% of total) had 1000 dead item identifiers removed`.
fn dead_items(rest: &[u8], index_scan: &str, facts: &mut Facts<'_, '_>) {
    facts.attributes.text("index_scan", index_scan.as_bytes());
    facts.number("dead_item_pages", leading_number(rest));
    let items = number_after(rest, " had ").or_else(|| number_after(rest, " have "));
    facts.number("dead_items", items);
}

/// `acct_pkey": pages: 2 in total, 0 newly deleted, 0 currently deleted, 0 reusable`.
fn index(rest: &[u8], facts: &mut Facts<'_, '_>) {
    let wording = "{}\": pages: {} in total, {} newly deleted, {} currently deleted, {} reusable";
    let Some([name, numbers @ ..]) = holes::<5>(wording, rest) else {
        return;
    };
    let keys = [
        "index_pages_",
        "index_newly_deleted_",
        "index_deleted_",
        "index_reusable_",
    ];
    for (key, value) in keys.into_iter().zip(numbers) {
        if let Some(value) = number(value) {
            facts.attributes.number_of(key, name, value);
        }
    }
}

/// `CPU: user: 0.02 s, system: 0.00 s, elapsed: 0.02 s`; up to PostgreSQL 9.6 `CPU 0.00s/0.02u sec elapsed 0.02 sec`.
fn usage(rest: &[u8], facts: &mut Facts<'_, '_>) {
    let second = 1_000_000;
    if let Some([system, user, elapsed]) = holes("CPU {}s/{}u sec elapsed {} sec", rest) {
        facts.number("cpu_user_us", leading_decimal(user, second));
        facts.number("cpu_system_us", leading_decimal(system, second));
        facts.entry.duration_us = leading_decimal(elapsed, second);
        return;
    }
    facts.number("cpu_user_us", decimal_after(rest, "user: ", second));
    facts.number("cpu_system_us", decimal_after(rest, "system: ", second));
    facts.entry.duration_us = decimal_after(rest, "elapsed: ", second);
}

fn decimal_after(text: &[u8], key: &str, scale: i64) -> Option<i64> {
    let from = memchr::memmem::find(text, key.as_bytes())? + key.len();
    leading_decimal(&text[from..], scale)
}
