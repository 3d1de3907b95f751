//! PostgreSQL's jsonlog (15 and later): one JSON object a line, keys left out when null. What an event means is decided in
//! [`event`](crate::postgres::event).

use std::borrow::Cow;

use serde::Deserialize;

use crate::decoder::{Output, RECORD_BYTES_MAX, Records};
use crate::entry::{RejectReason, SkipKind};
use crate::lines::{Lines, without_newline};
use crate::postgres::event::{Event, Sessions};
use crate::postgres::message::Severity;
use crate::span::Span;
use crate::timestamp::TimestampReader;

/// A log in PostgreSQL's jsonlog format.
#[derive(Debug)]
pub(crate) struct JsonLog {
    time: TimestampReader,
    sessions: Sessions,
    lines: Lines,
    /// In the rest of a line that is over the limit.
    in_tail: bool,
}

/// The keys that matter here, of those that `jsonlog.c` writes.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    error_severity: Cow<'a, str>,
    #[serde(borrow, default)]
    user: Cow<'a, str>,
    #[serde(borrow, default)]
    dbname: Cow<'a, str>,
    pid: Option<i64>,
    #[serde(borrow, default)]
    remote_host: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    #[serde(borrow, default)]
    detail: Cow<'a, str>,
    #[serde(borrow, default)]
    application_name: Cow<'a, str>,
    query_id: Option<i64>,
}

impl JsonLog {
    pub(crate) fn new(time: TimestampReader) -> JsonLog {
        JsonLog {
            time,
            sessions: Sessions::default(),
            lines: Lines::default(),
            in_tail: false,
        }
    }

    fn line(&mut self, line: &[u8], start: u64, output: &mut Output<'_, '_>) {
        if self.in_tail {
            self.in_tail = !line.ends_with(b"\n");
            return output.reject_more(RejectReason::TooLong, line.len() as u64);
        }
        let end = start + line.len() as u64;
        let json = without_newline(line);
        if json.trim_ascii().is_empty() {
            return output.skip(SkipKind::Blank, end - start);
        }
        if line.len() > RECORD_BYTES_MAX {
            output.reject(
                Span {
                    start,
                    end: start + RECORD_BYTES_MAX as u64,
                },
                RejectReason::TooLong,
                line,
            );
            self.in_tail = !line.ends_with(b"\n");
            return output.reject_more(RejectReason::TooLong, (line.len() - RECORD_BYTES_MAX) as u64);
        }
        let span = Span { start, end };
        // The server does not check the encoding of what it logs; JSON has to be UTF-8.
        let text = String::from_utf8_lossy(json);
        let parsed = sonic_rs::from_str::<Line<'_>>(&text).ok();
        let time = parsed
            .as_ref()
            .and_then(|parsed| self.time.postgres(parsed.timestamp.as_bytes()));
        let (Some(parsed), Some((time_us, _))) = (parsed, time) else {
            return output.reject(span, RejectReason::MalformedJson, line);
        };
        let event = Event {
            span,
            bytes_cut: 0,
            severity: Severity::of(parsed.error_severity.as_bytes()),
            time_us: Some(time_us),
            pid: parsed.pid,
            user: parsed.user.as_bytes(),
            database: parsed.dbname.as_bytes(),
            application: parsed.application_name.as_bytes(),
            client: parsed.remote_host.as_bytes(),
            query_id: parsed.query_id,
            message: parsed.message.as_bytes(),
            detail: parsed.detail.as_bytes(),
        };
        self.sessions.event(&event, line, output);
    }
}

impl Records for JsonLog {
    fn take(&mut self, buffer: &[u8], base: u64, at_end: bool, output: &mut Output<'_, '_>) -> usize {
        while let Some((start, end)) = self.lines.next(buffer, at_end) {
            self.line(&buffer[start..end], base + start as u64, output);
        }
        let start = self.lines.start();
        let over_limit = buffer.len() - start > RECORD_BYTES_MAX || (self.in_tail && start < buffer.len());
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
