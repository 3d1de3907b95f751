//! PostgreSQL's jsonlog (15 and later): one JSON object a line, keys left out when null. Also the rows of a csvlog as objects, as CloudNativePG
//! writes them: other keys, and every value is a string. What an event means is decided in [`event`](crate::postgres::event).

use std::borrow::Cow;

use serde::Deserialize;
use sonic_rs::LazyValue;

use crate::decoder::{Booked, Output, RECORD_BYTES_MAX, Records};
use crate::entry::{RejectReason, SkipKind};
use crate::json::is_too_deep;
use crate::lines::{Lines, without_newline};
use crate::postgres::event::{Event, Sessions};
use crate::postgres::message::severity;
use crate::span::Span;
use crate::timestamp::TimestampReader;

/// A log in PostgreSQL's jsonlog format.
#[derive(Debug)]
pub(crate) struct JsonLog {
    time: TimestampReader,
    sessions: Sessions,
    lines: Lines,
    /// In the rest of a line that is over the limit: where its bytes are booked.
    tail: Option<Booked>,
}

/// The keys that matter here, of those that `jsonlog.c` writes; and their names in a csvlog.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, alias = "log_time")]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    error_severity: Cow<'a, str>,
    #[serde(borrow, default, alias = "user_name")]
    user: Cow<'a, str>,
    #[serde(borrow, default, alias = "database_name")]
    dbname: Cow<'a, str>,
    #[serde(borrow, alias = "process_id")]
    pid: Option<LazyValue<'a>>,
    #[serde(borrow, default)]
    remote_host: Cow<'a, str>,
    /// Host and port, in a csvlog.
    #[serde(borrow, default)]
    connection_from: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    #[serde(borrow, default)]
    detail: Cow<'a, str>,
    #[serde(borrow, default)]
    application_name: Cow<'a, str>,
    #[serde(borrow, default)]
    backend_type: Cow<'a, str>,
    #[serde(borrow)]
    query_id: Option<LazyValue<'a>>,
    #[serde(borrow, alias = "transaction_id")]
    txid: Option<LazyValue<'a>>,
    #[serde(borrow, default, alias = "sql_state_code")]
    state_code: Cow<'a, str>,
    #[serde(borrow, default)]
    hint: Cow<'a, str>,
    #[serde(borrow, default)]
    context: Cow<'a, str>,
    #[serde(borrow, alias = "query_pos")]
    cursor_position: Option<LazyValue<'a>>,
    /// In a statement that the server runs for the client's.
    #[serde(borrow, alias = "internal_query_pos")]
    internal_position: Option<LazyValue<'a>>,
    #[serde(borrow, default, alias = "query")]
    statement: Cow<'a, str>,
}

impl Line<'_> {
    fn client(&self) -> &str {
        if self.connection_from.is_empty() {
            return &self.remote_host;
        }
        self.connection_from
            .rsplit_once(':')
            .map_or(&self.connection_from, |(host, _)| host)
    }
}

/// A number, or a string that is one.
fn integer(value: &Option<LazyValue<'_>>) -> Option<i64> {
    value.as_ref()?.as_raw_str().trim_matches('"').parse().ok()
}

impl JsonLog {
    pub(crate) fn new(time: TimestampReader) -> JsonLog {
        JsonLog {
            time,
            sessions: Sessions::default(),
            lines: Lines::default(),
            tail: None,
        }
    }

    fn line(&mut self, line: &[u8], start: u64, output: &mut Output<'_, '_>) {
        let whole = Span::at(start, line.len());
        if let Some(booked) = self.tail {
            output.rest_of(booked, whole);
            self.tail = self.tail.filter(|_| !line.ends_with(b"\n"));
            return;
        }
        let json = without_newline(line);
        if json.trim_ascii().is_empty() {
            return output.skip(SkipKind::Blank, whole);
        }
        let cut = line.len().min(RECORD_BYTES_MAX);
        let bytes_cut = (line.len() - cut) as u64;
        let span = Span::at(start, cut);
        let is_read = if bytes_cut == 0 {
            // The server does not check the encoding of what it logs; JSON has to be UTF-8.
            self.object(&String::from_utf8_lossy(json), (span, bytes_cut), line, output)
        } else {
            let head = String::from_utf8_lossy(&line[..cut]);
            closed(&head).any(|object| self.object(&object, (span, bytes_cut), &line[..cut], output))
        };
        if !is_read {
            let reason = if bytes_cut == 0 {
                RejectReason::MalformedJson
            } else {
                RejectReason::TooLong
            };
            output.reject(span, reason, &line[..cut]);
            let rest = Span {
                start: span.end,
                end: whole.end,
            };
            output.reject_rest(reason, rest);
        }
        if bytes_cut > 0 && !line.ends_with(b"\n") {
            self.tail = Some(if is_read {
                Booked::Parsed
            } else {
                Booked::Rejected(RejectReason::TooLong)
            });
        }
    }

    /// Books one object; `false` when the text is none of this format.
    fn object(
        &mut self,
        text: &str,
        (span, bytes_cut): (Span, u64),
        raw: &[u8],
        output: &mut Output<'_, '_>,
    ) -> bool {
        if is_too_deep(text.as_bytes()) {
            return false;
        }
        let Ok(parsed) = sonic_rs::from_str::<Line<'_>>(text) else {
            return false;
        };
        let Some((time_us, _)) = self.time.postgres(parsed.timestamp.as_bytes()) else {
            return false;
        };
        let event = Event {
            span,
            bytes_cut,
            severity: severity(parsed.error_severity.as_bytes()),
            time_us: Some(time_us),
            pid: integer(&parsed.pid),
            user: parsed.user.as_bytes(),
            database: parsed.dbname.as_bytes(),
            application: parsed.application_name.as_bytes(),
            client: parsed.client().as_bytes(),
            backend: parsed.backend_type.as_bytes(),
            query_id: integer(&parsed.query_id),
            transaction_id: integer(&parsed.txid),
            sql_state: parsed.state_code.as_bytes(),
            message: parsed.message.as_bytes(),
            character: integer(&parsed.cursor_position).or(integer(&parsed.internal_position)),
            detail: parsed.detail.as_bytes(),
            hint: parsed.hint.as_bytes(),
            context: parsed.context.as_bytes(),
            statement: parsed.statement.as_bytes(),
        };
        self.sessions.event(&event, raw, output);
        true
    }
}

impl Records for JsonLog {
    fn take(&mut self, buffer: &[u8], base: u64, at_end: bool, output: &mut Output<'_, '_>) -> usize {
        while let Some((start, end)) = self.lines.next(buffer, at_end) {
            self.line(&buffer[start..end], base + start as u64, output);
        }
        let start = self.lines.start();
        let over_limit =
            buffer.len() - start > RECORD_BYTES_MAX || (self.tail.is_some() && start < buffer.len());
        let taken = if over_limit {
            self.line(&buffer[start..], base + start as u64, output);
            self.lines.seek(buffer.len());
            buffer.len()
        } else {
            start
        };
        self.lines.taken(taken);
        taken
    }

    fn context(&self) -> Vec<Span> {
        self.sessions.context()
    }
}

/// A line cut inside a text, closed so that it is JSON again: an escape may have been cut as well, of at most six bytes.
fn closed(head: &str) -> impl Iterator<Item = String> {
    (0..=6).filter_map(|cut| {
        let end = head.len().checked_sub(cut)?;
        Some(format!("{}\"}}", head.get(..end)?))
    })
}
