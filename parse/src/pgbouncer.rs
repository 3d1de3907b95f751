//! The log of PgBouncer: one line an event, `time [pid] LEVEL text`, or `time pid LEVEL text` up to version 1.8. Cuts events; what one says
//! is read in `event`.

mod event;

use crate::decoder::Output;
use crate::entries::{Layout, Record, Role};
use crate::entry::{LogEntry, LogKind, RejectReason, Severity};
use crate::lines::without_newline;
use crate::pgbouncer::event::EventReader;
use crate::span::Span;
use crate::statement::Dialect;
use crate::timestamp::{TimestampReader, number};

/// A log of PgBouncer.
#[derive(Debug)]
pub(crate) struct PgBouncerLog {
    time: TimestampReader,
    events: EventReader,
}

/// The beginning of one line, read.
#[derive(Debug, Clone, Copy)]
struct Head {
    time_us: i64,
    pid: i64,
    severity: Severity,
    /// Where in the line its text begins.
    text: usize,
}

impl PgBouncerLog {
    pub(crate) fn new(time: TimestampReader) -> PgBouncerLog {
        PgBouncerLog {
            time,
            events: EventReader::default(),
        }
    }

    fn head(&mut self, line: &[u8]) -> Option<Head> {
        let (time_us, read) = match self.time.postgres(line) {
            Some(read) => read,
            None => self.time.local_time(line)?,
        };
        let rest = line[read..].strip_prefix(b" ")?;
        let (pid, rest) = word(rest)?;
        let (level, text) = word(rest)?;
        let bare = pid.strip_prefix(b"[").and_then(|pid| pid.strip_suffix(b"]"));
        let pid = number(bare.unwrap_or(pid))?;
        let severity = match level {
            b"LOG" => Severity::Log,
            b"DEBUG" | b"NOISE" => Severity::Notice,
            b"WARNING" => Severity::Warning,
            b"ERROR" => Severity::Error,
            b"FATAL" => Severity::Fatal,
            _ => return None,
        };
        Some(Head {
            time_us,
            pid,
            severity,
            text: line.len() - text.len(),
        })
    }
}

impl Layout for PgBouncerLog {
    fn role(&mut self, line: &[u8], _span: Span, _is_open: bool) -> Role {
        let is_blank = line.trim_ascii().is_empty();
        if !is_blank && matches!(line[0], b' ' | b'\t') {
            Role::Continues
        } else if self.head(line).is_some() {
            Role::Begins
        } else {
            Role::Apart
        }
    }

    fn record(&mut self, record: &Record<'_>, output: &mut Output<'_, '_>) -> Result<(), RejectReason> {
        let head = self.head(record.bytes).ok_or(RejectReason::UnrecognizedLine)?;
        let mut entry = LogEntry::new(record.span, Dialect::Postgres, LogKind::Message);
        entry.time_us = Some(head.time_us);
        entry.session_id = Some(head.pid);
        entry.severity = head.severity;
        entry.host = output.envelope(record.span.start).host;
        entry.message = without_newline(&record.bytes[head.text..]);
        self.events.describe(&mut entry, |entry| output.log(entry));
        Ok(())
    }

    fn context(&self) -> Vec<Span> {
        Vec::new()
    }
}

/// The first word, and what follows the space after it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr::memchr(b' ', &text[..text.len().min(40)])?;
    Some((&text[..space], &text[space + 1..]))
}

#[cfg(test)]
mod tests;
