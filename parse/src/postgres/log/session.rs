//! What the server says of connections: received, authenticated, authorized, ready, ended.

use memchr::memmem;

use super::Facts;
use super::wording::{between, leading, leading_decimal, leading_number, number_after, quoted};
use crate::timestamp::{decimal_us, number};

const SECOND_US: i64 = 1_000_000;

/// `host=127.0.0.1 port=48418` after `connection received: `.
pub(super) fn received<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    endpoint(rest, facts);
}

/// `identity="app" method=scram-sha-256 (/…/pg_hba.conf:119)`; from PostgreSQL 17 on also `user="app" method=trust`.
pub(super) fn authenticated<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts.attributes.text("identity", quoted(rest).unwrap_or(b""));
    let Some(at) = memmem::rfind(rest, b" method=") else {
        return;
    };
    let method = &rest[at + b" method=".len()..];
    facts.attributes.text("method", leading(method, |b| b != b' '));
    let line = memmem::rfind(method, b":").and_then(|colon| leading_number(&method[colon + 1..]));
    facts.number("hba_line", line);
}

/// `user=app database=shop application_name=web app SSL enabled (protocol=TLSv1.3, …)` after `connection authorized: `.
pub(super) fn authorized<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    let secured = memmem::find(rest, b" SSL enabled (").or_else(|| memmem::find(rest, b" GSS ("));
    let (names, security) = rest.split_at(secured.unwrap_or(rest.len()));
    let (names, application) = value(names, b" application_name=");
    let (user, database) = value(names, b" database=");
    let user = user.strip_prefix(b"user=").unwrap_or(b"");
    for (field, value) in [
        (&mut facts.entry.user, user),
        (&mut facts.entry.database, database),
        (&mut facts.entry.application, application),
    ] {
        if field.is_empty() {
            *field = value;
        }
    }
    if security.starts_with(b" GSS") {
        facts.attributes.number("gss", 1);
    } else if !security.is_empty() {
        facts.attributes.number("ssl", 1);
        for (name, key) in [("ssl_protocol", "protocol="), ("ssl_cipher", "cipher=")] {
            facts
                .attributes
                .text(name, between(security, key, ",").unwrap_or(b""));
        }
        facts.number("ssl_bits", number_after(security, "bits="));
    }
}

/// As [`authorized`], of a session that replicates.
pub(super) fn replication_authorized<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    facts.attributes.number("replication", 1);
    authorized(rest, facts);
}

/// `setup total=9.668 ms, fork=0.475 ms, authentication=3.408 ms` after `connection ready: `.
pub(super) fn ready<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    for item in rest.split(|b| *b == b',') {
        let (key, value) = value(item.trim_ascii(), b"=");
        let time_us = leading_decimal(value, 1_000);
        match key {
            b"setup total" => facts.entry.duration_us = time_us,
            b"fork" => facts.number("fork_us", time_us),
            b"authentication" => facts.number("authentication_us", time_us),
            _ => {}
        }
    }
}

/// `session time: 0:00:00.080 user=app database=shop host=127.0.0.1 port=48418` after `disconnection: `.
pub(super) fn ended<'e>(rest: &'e [u8], facts: &mut Facts<'_, 'e>) {
    let rest = rest.strip_prefix(b"session time: ").unwrap_or(rest);
    let time = leading(rest, |b| b != b' ');
    facts.entry.duration_us = session_time(time);
    let rest = &rest[time.len()..];
    if let Some(at) = memmem::rfind(rest, b" host=") {
        endpoint(&rest[at + 1..], facts);
        authorized(rest[..at].trim_ascii_start(), facts);
    }
}

/// `30:05:00.080`: hours of any number, minutes, seconds.
fn session_time(time: &[u8]) -> Option<i64> {
    let mut parts = time.split(|b| *b == b':');
    let (hours, minutes) = (number(parts.next()?)?, number(parts.next()?)?);
    let seconds_us = decimal_us(parts.next()?, SECOND_US)?;
    let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
    minutes.checked_mul(60 * SECOND_US)?.checked_add(seconds_us)
}

/// `host=127.0.0.1 port=48418`.
fn endpoint<'e>(text: &'e [u8], facts: &mut Facts<'_, 'e>) {
    let (host, port) = value(text, b" port=");
    if facts.entry.client.is_empty() {
        facts.entry.client = host.strip_prefix(b"host=").unwrap_or(b"");
    }
    facts.number("port", leading_number(port));
}

/// What stands before `key` and after it; all of it before when `key` is not there.
fn value<'t>(text: &'t [u8], key: &[u8]) -> (&'t [u8], &'t [u8]) {
    match memmem::find(text, key) {
        Some(at) => (&text[..at], &text[at + key.len()..]),
        None => (text, b""),
    }
}
