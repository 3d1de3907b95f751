//! The error log of MySQL 8 and later as JSON: one object a line, any key of which may be missing.

use std::borrow::Cow;

use serde::Deserialize;

use crate::decoder::Output;
use crate::entries::{Layout, Record, Role};
use crate::entry::{RejectReason, Severity};
use crate::mysql::deadlock;
use crate::mysql::error_log::severity;
use crate::mysql::event::Event;
use crate::span::Span;
use crate::timestamp::TimestampReader;

/// An error log of the sink `log_sink_json`.
#[derive(Debug)]
pub(crate) struct ErrorJson {
    time: TimestampReader,
    /// The open record is a report of a deadlock that goes on.
    in_deadlock: bool,
}

/// The keys that matter here. `prio` numbers labels differently from version to version.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    msg: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
    #[serde(borrow, default)]
    label: Cow<'a, str>,
    #[serde(borrow, default)]
    subsystem: Cow<'a, str>,
    #[serde(borrow, default, rename = "SQL_state")]
    sql_state: Cow<'a, str>,
    err_code: Option<i64>,
    thread: Option<i64>,
}

impl ErrorJson {
    pub(crate) fn new(time: TimestampReader) -> ErrorJson {
        ErrorJson {
            time,
            in_deadlock: false,
        }
    }
}

impl Layout for ErrorJson {
    fn role(&mut self, line: &[u8], _span: Span, is_open: bool) -> Role {
        if line.trim_ascii().is_empty() {
            return Role::Continues;
        }
        // Only a report of a deadlock goes on in the next line, so that few lines are read twice.
        if is_open && self.in_deadlock {
            let text = String::from_utf8_lossy(line);
            if parse(&text).is_some_and(|line| deadlock::is_part(line.msg.as_bytes())) {
                self.in_deadlock = !deadlock::is_end(line);
                return Role::Continues;
            }
        }
        self.in_deadlock = memchr::memmem::find(line, b"ransactions deadlock detected").is_some();
        Role::Begins
    }

    fn record(&mut self, record: &Record<'_>, output: &mut Output<'_, '_>) -> Result<(), RejectReason> {
        // The server does not check the encoding of what it logs; JSON has to be UTF-8.
        let text = String::from_utf8_lossy(record.bytes);
        let mut lines = text.lines();
        let first = lines.next().and_then(parse);
        let first =
            first.filter(|line| !(line.time.is_empty() && line.label.is_empty() && line.err_code.is_none()));
        let first = first.ok_or(RejectReason::MalformedJson)?;
        let mut message = first.msg;
        for part in lines.filter_map(parse) {
            let whole = message.to_mut();
            whole.push('\n');
            whole.push_str(&part.msg);
        }
        let event = Event {
            span: record.span,
            time_us: self.time.iso(first.time.as_bytes()),
            thread_id: first.thread,
            severity: severity(first.label.as_bytes()).unwrap_or(Severity::Log),
            code: first.err_code,
            // The state of what is no error.
            sql_state: Some(first.sql_state.as_bytes())
                .filter(|state| *state != b"00000")
                .unwrap_or(b""),
            subsystem: first.subsystem.as_bytes(),
            message: message.trim().as_bytes(),
        };
        event.emit(output);
        Ok(())
    }

    fn context(&self) -> Vec<Span> {
        Vec::new()
    }
}

fn parse(text: &str) -> Option<Line<'_>> {
    sonic_rs::from_str(text).ok()
}
