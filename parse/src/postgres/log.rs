//! What an event of a PostgreSQL server says that is no execution: its kind, its numbers, what it is about. Knows wordings, not formats.

use memchr::memmem;

use crate::entry::{LogEntry, LogKind, Severity};
use crate::postgres::event::Event;

/// Reads events; reuses its buffers.
#[derive(Debug, Default)]
pub(crate) struct LogReader {}

impl LogReader {
    /// Fills in what the event says, and hands the entry out.
    pub(crate) fn describe(
        &mut self,
        event: &Event<'_>,
        entry: &mut LogEntry<'_>,
        mut sink: impl FnMut(&mut LogEntry<'_>),
    ) {
        entry.kind = match entry.severity {
            Severity::Error | Severity::Fatal | Severity::Panic => LogKind::Error,
            Severity::Warning | Severity::Notice => LogKind::Warning,
            Severity::Log => kind(event.message),
        };
        sink(entry);
    }
}

/// The kind of a message, by its first words.
fn kind(text: &[u8]) -> LogKind {
    const KINDS: &[(&[u8], LogKind)] = &[
        (b"connection received: ", LogKind::ConnectionReceived),
        (b"connection authenticated: ", LogKind::ConnectionAuthenticated),
        (b"connection authorized: ", LogKind::ConnectionAuthorized),
        (
            b"replication connection authorized: ",
            LogKind::ConnectionAuthorized,
        ),
        (b"disconnection: ", LogKind::Disconnection),
        (b"checkpoint starting", LogKind::CheckpointStart),
        (b"checkpoint complete", LogKind::Checkpoint),
        (b"restartpoint starting", LogKind::RestartpointStart),
        (b"restartpoint complete", LogKind::Restartpoint),
        (b"automatic analyze ", LogKind::Autoanalyze),
        (b"automatic ", LogKind::Autovacuum),
        (b"temporary file: ", LogKind::TemporaryFile),
        (b"received replication command: ", LogKind::Replication),
        (b"started streaming WAL ", LogKind::Replication),
        (b"replication terminated ", LogKind::Replication),
        (b"recovery ", LogKind::Recovery),
        (b"redo ", LogKind::Recovery),
        (b"consistent recovery ", LogKind::Recovery),
    ];
    if let Some((_, kind)) = KINDS.iter().find(|(start, _)| text.starts_with(start)) {
        return *kind;
    }
    let is_wait = text.starts_with(b"process ") && memmem::find(text, b" still waiting for ").is_some();
    if is_wait {
        LogKind::LockWait
    } else {
        LogKind::Message
    }
}
