//! Lines of syslog daemons: BSD with or without priority and host, ISO times, RFC 5424. PostgreSQL cuts messages into chunks `[n-m]`; daemons
//! may write control characters as `#011`. Times without a year are no times.

use memchr::memmem;

use crate::entry::SkipKind;
use crate::mysql::line::is_header_line;
use crate::postgres::prefix::infer::find_label;
use crate::timestamp::{TimestampReader, number};
use crate::wrapper::json::lane;
use crate::wrapper::layer::{Glue, Layer, Piece};

/// Names under which databases write to syslog. Others are known by what they write.
const DATABASES: [&[u8]; 6] = [
    b"postgres",
    b"postgresql",
    b"mysqld",
    b"mariadbd",
    b"mysqld_safe",
    b"pgbouncer",
];
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

#[derive(Debug)]
pub(super) struct Syslog {
    time: TimestampReader,
    unescaped: Vec<u8>,
}

/// What stands before a message.
#[derive(Debug, Default)]
struct Header<'a> {
    time_us: Option<i64>,
    host: &'a [u8],
    program: &'a [u8],
    pid: Option<i64>,
    message: &'a [u8],
}

impl Syslog {
    pub(super) fn new(time: TimestampReader) -> Syslog {
        Syslog {
            time,
            unescaped: Vec::new(),
        }
    }

    fn header<'a>(&mut self, line: &'a [u8]) -> Option<Header<'a>> {
        let rest = after_priority(line);
        if let Some(rest) = rest.strip_prefix(b"1 ") {
            return self.rfc5424(rest);
        }
        let (time_us, rest) = match bsd_time(rest) {
            Some(rest) => (None, rest),
            None => {
                let (time, rest) = word(rest)?;
                (Some(self.time.iso(time)?), rest)
            }
        };
        let (first, after) = word(rest)?;
        let (host, tag, message) = if first.ends_with(b":") {
            (&b""[..], first, after)
        } else {
            let (tag, message) = word(after)?;
            (first, tag, message)
        };
        let (program, pid) = program_and_pid(tag.strip_suffix(b":")?);
        Some(Header {
            time_us,
            host,
            program,
            pid,
            message,
        })
    }

    /// After `<134>1 `: time, host, program, process, message id, structured data, message.
    fn rfc5424<'a>(&mut self, rest: &'a [u8]) -> Option<Header<'a>> {
        let (time, rest) = word(rest)?;
        let time_us = self.time.iso(time);
        if time_us.is_none() && time != b"-" {
            return None;
        }
        let (host, rest) = word(rest)?;
        let (program, rest) = word(rest)?;
        let (process, rest) = word(rest)?;
        let (_, rest) = word(rest)?;
        let message = after_structured_data(rest)?;
        Some(Header {
            time_us,
            host: Some(host).filter(|host| *host != b"-").unwrap_or_default(),
            program,
            pid: number(process),
            message: message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message),
        })
    }
}

impl Layer for Syslog {
    fn open(&mut self, line: &[u8], out: &mut dyn FnMut(Piece<'_>)) -> bool {
        let Some(header) = self.header(line) else {
            return false;
        };
        let (glue, message) = chunk(header.message).unwrap_or((Glue::Lines, header.message));
        if !is_of_database(header.program, glue, message) {
            out(Piece::skip(SkipKind::OtherProgram));
            return true;
        }
        let had_escapes = has_escapes(message);
        let newlines = match glue {
            Glue::Chunk { .. } => Newlines::Cut,
            _ => Newlines::Escaped,
        };
        out(Piece {
            text: if had_escapes {
                self.unescaped.clear();
                unescape(message, newlines, &mut self.unescaped);
                &self.unescaped
            } else {
                message
            },
            had_escapes,
            host: header.host,
            lane: header
                .pid
                .map_or_else(|| lane(&[header.program]), |pid| pid as u64),
            time_us: header.time_us,
            pid: header.pid,
            glue,
            ..Piece::default()
        });
        true
    }
}

/// Whether a program is a database, by its name or by what it writes: `syslog_ident` may be anything.
pub(super) fn is_of_database(program: &[u8], glue: Glue, message: &[u8]) -> bool {
    DATABASES.contains(&program)
        || glue != Glue::Lines
        || message.starts_with(b"\t")
        || is_header_line(message)
        || find_label(message).is_some()
}

/// `[5-2] ` at the beginning of a message, and what follows it.
pub(super) fn chunk(message: &[u8]) -> Option<(Glue, &[u8])> {
    let inside = message.strip_prefix(b"[")?;
    let close = memchr::memchr(b']', &inside[..inside.len().min(24)])?;
    let dash = memchr::memchr(b'-', &inside[..close])?;
    let (message, part) = (number(&inside[..dash])?, number(&inside[dash + 1..close])?);
    let rest = &inside[close + 1..];
    let glue = Glue::Chunk {
        message: message as u64,
        part: part as u64,
    };
    Some((glue, rest.strip_prefix(b" ").unwrap_or(rest)))
}

/// The word before the next space, and what follows the space.
pub(super) fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr::memchr(b' ', text)?;
    Some((&text[..space], &text[space + 1..]))
}

fn after_priority(line: &[u8]) -> &[u8] {
    let Some(inside) = line.strip_prefix(b"<") else {
        return line;
    };
    match inside.iter().position(|b| *b == b'>') {
        Some(close @ 1..=3) if number(&inside[..close]).is_some() => &inside[close + 1..],
        _ => line,
    }
}

/// `Nov 23 00:27:11`, with fractions, a day of one digit or a year after it, and what follows.
fn bsd_time(line: &[u8]) -> Option<&[u8]> {
    let month: &[u8; 3] = line.first_chunk()?;
    if !MONTHS.contains(&month) || line.get(3) != Some(&b' ') {
        return None;
    }
    let (day, mut rest) = word(line[4..].trim_ascii_start())?;
    number(day).filter(|day| (1..=31).contains(day))?;
    if let Some((year, after)) = word(rest)
        && year.len() == 4
        && number(year).is_some()
    {
        rest = after;
    }
    let (clock, rest) = word(rest)?;
    let is_clock = clock.len() >= 8 && clock[2] == b':' && clock[5] == b':' && number(&clock[..2]).is_some();
    is_clock.then_some(rest)
}

/// `postgres[26856]`
fn program_and_pid(tag: &[u8]) -> (&[u8], Option<i64>) {
    match memchr::memchr(b'[', tag) {
        Some(open) => (
            &tag[..open],
            number(tag[open + 1..].strip_suffix(b"]").unwrap_or_default()),
        ),
        None => (tag, None),
    }
}

/// What follows `-` or `[id key="value"]…`.
fn after_structured_data(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    if let Some(after) = rest.strip_prefix(b"-") {
        rest = after;
    } else {
        while rest.first() == Some(&b'[') {
            rest = &rest[element_length(rest)?..];
        }
    }
    if rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix(b" ")
}

/// Length of one element; brackets stand in its quoted values.
fn element_length(text: &[u8]) -> Option<usize> {
    let (mut in_quotes, mut at) = (false, 1);
    // The chunk of a message without structured data is no element.
    if text.get(1).is_none_or(u8::is_ascii_digit) {
        return None;
    }
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' if in_quotes => at += 1,
            b'"' => in_quotes = !in_quotes,
            b']' if !in_quotes => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Whether it shows that rsyslog wrote control characters as `#011`: the server puts a tab after every line end, which tells its messages from a
/// client's `#011`.
fn has_escapes(message: &[u8]) -> bool {
    message.starts_with(b"#011") || memmem::find(message, b"#012#011").is_some()
}

/// Whether a text can have `#012` for a line end; one that was cut into lines has none, and its `#012` is a client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Newlines {
    Escaped,
    Cut,
}

/// Appends a message to `text`, with the control characters that rsyslog wrote as `#011`.
pub(super) fn unescape(message: &[u8], newlines: Newlines, text: &mut Vec<u8>) {
    let mut rest = message;
    while let Some(at) = memmem::find(rest, b"#01") {
        text.extend_from_slice(&rest[..at]);
        let control = match rest.get(at + 3) {
            Some(b'1') => Some(b'\t'),
            Some(b'2') if newlines == Newlines::Escaped => Some(b'\n'),
            Some(b'5') => Some(b'\r'),
            _ => None,
        };
        match control {
            Some(byte) => {
                text.push(byte);
                rest = &rest[at + 4..];
            }
            None => {
                text.extend_from_slice(b"#01");
                rest = &rest[at + 3..];
            }
        }
    }
    text.extend_from_slice(rest);
}
