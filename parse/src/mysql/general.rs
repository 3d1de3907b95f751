//! The general query log: every command of every session, before it is executed. Both layouts: a time in every line (5.7 and later), and a
//! time where the second changes (before, and MariaDB).

use crate::decoder::Output;
use crate::entries::{Layout, Record, Role};
use crate::entry::RejectReason;
use crate::lines::without_newline;
use crate::mysql::command;
use crate::mysql::line::{is_banner, is_banner_of_version};
use crate::span::Span;
use crate::timestamp::{TimestampReader, number};

/// No command's name is longer.
const COMMAND_BYTES_MAX: usize = 32;
/// No time in front of a line is longer: `2024-05-01T10:00:00.123456+09:00`.
const TIME_BYTES_MAX: usize = 32;

/// A general query log.
#[derive(Debug)]
pub(crate) struct GeneralLog {
    time: TimestampReader,
    /// What the last line that had one said, µs, and where that line is.
    last_time_us: Option<i64>,
    time_from: Option<Span>,
}

impl GeneralLog {
    pub(crate) fn new(time: TimestampReader) -> GeneralLog {
        GeneralLog {
            time,
            last_time_us: None,
            time_from: None,
        }
    }

    fn time_us(&mut self, text: &[u8]) -> Option<i64> {
        self.time.iso(text).or_else(|| self.time.mysql_short(text))
    }
}

impl Layout for GeneralLog {
    fn role(&mut self, line: &[u8], _span: Span, is_open: bool) -> Role {
        let line = without_newline(line);
        if Head::of(line).is_some_and(|head| head.time.is_empty() || self.time_us(head.time).is_some()) {
            return Role::Begins;
        }
        // The lines that follow the server's name are like those of a statement.
        if is_banner_of_version(line) || (!is_open && is_banner(line)) {
            Role::Banner
        } else {
            Role::Continues
        }
    }

    fn record(&mut self, record: &Record<'_>, output: &mut Output<'_, '_>) -> Result<(), RejectReason> {
        let head = Head::of(record.bytes).ok_or(RejectReason::UnrecognizedLine)?;
        if !head.time.is_empty() {
            self.last_time_us = self.time_us(head.time);
            self.time_from = Some(Span::at(record.span.start, head.argument_at));
        }
        let argument = &record.bytes[head.argument_at..];
        let mut entry = command::entry(record.span, head.command, argument.trim_ascii_end());
        entry.time_us = self.last_time_us;
        entry.session_id = Some(head.thread_id);
        entry.host = output.envelope(record.span.start).host;
        output.log(&mut entry);
        Ok(())
    }

    fn context(&self) -> Vec<Span> {
        self.time_from.into_iter().collect()
    }
}

/// The beginning of a line that tells a command.
struct Head<'a> {
    /// Empty where it is the same as before.
    time: &'a [u8],
    thread_id: i64,
    command: &'a [u8],
    argument_at: usize,
}

impl<'a> Head<'a> {
    /// `TIME<tab>   42 Query<tab>…` or `<tab><tab>   42 Query<tab>…`.
    fn of(line: &'a [u8]) -> Option<Head<'a>> {
        let time_bytes = match line.first()? {
            b'\t' if line.get(1) == Some(&b'\t') => 0,
            b'0'..=b'9' => memchr::memchr(b'\t', &line[..line.len().min(TIME_BYTES_MAX + 1)])?,
            _ => return None,
        };
        let id_at = time_bytes + if time_bytes == 0 { 2 } else { 1 };
        let id = line[id_at..].trim_ascii_start();
        let digits = id.iter().take_while(|b| b.is_ascii_digit()).count();
        let thread_id = number(&id[..digits])?;
        let command = id[digits..].strip_prefix(b" ")?;
        let length = memchr::memchr(b'\t', &command[..command.len().min(COMMAND_BYTES_MAX)])?;
        let is_name = command[..length]
            .iter()
            .all(|b| b.is_ascii_alphabetic() || matches!(b, b' ' | b'_'));
        (is_name && command[0].is_ascii_uppercase()).then(|| Head {
            time: &line[..time_bytes],
            thread_id,
            command: &command[..length],
            argument_at: line.len() - command.len() + length + 1,
        })
    }
}
