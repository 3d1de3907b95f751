//! Heroku's log router: `2019-03-14T00:22:56+00:00 app[postgres.4882]: [GREEN] [15-1]  sql_error_code = 00000 LOG:  …`. Other dynos' lines are
//! other programs'.

use crate::entry::SkipKind;
use crate::timestamp::{TimestampReader, number};
use crate::wrapper::layer::{Layer, Piece};
use crate::wrapper::syslog::{chunk, word};

#[derive(Debug)]
pub(super) struct Logplex {
    time: TimestampReader,
}

/// What stands before a message.
struct Header<'l> {
    time_us: i64,
    /// The drain.
    host: &'l [u8],
    /// What stands in `app[…]`.
    process: &'l [u8],
    rest: &'l [u8],
}

impl Logplex {
    pub(super) fn new(time: TimestampReader) -> Logplex {
        Logplex { time }
    }
}

impl Layer for Logplex {
    fn open(&mut self, line: &[u8], out: &mut dyn FnMut(Piece<'_>)) -> bool {
        let Some(Header {
            time_us,
            host,
            process,
            rest,
        }) = self.header(line)
        else {
            return false;
        };
        let Some(process) = process.strip_prefix(b"postgres.") else {
            out(Piece::skip(SkipKind::OtherProgram));
            return true;
        };
        // The colour of the database before the chunk.
        let colour = rest.strip_prefix(b"[").and_then(|_| word(rest));
        let Some((glue, text)) = colour.and_then(|(_, rest)| chunk(rest)) else {
            return false;
        };
        let pid = number(process);
        out(Piece {
            // The setting begins with a space; a line of a statement may begin with more.
            text: match text {
                [b' ', second, ..] if *second != b' ' => &text[1..],
                _ => text,
            },
            host,
            lane: pid.unwrap_or_default() as u64,
            time_us: Some(time_us),
            pid,
            glue,
            ..Piece::default()
        });
        true
    }
}

impl Logplex {
    fn header<'l>(&mut self, line: &'l [u8]) -> Option<Header<'l>> {
        let (time, rest) = word(line)?;
        let time_us = self.time.iso(time)?;
        let (first, after) = word(rest)?;
        let (host, source, rest) = if first.starts_with(b"d.") {
            let (source, rest) = word(after)?;
            (first, source, rest)
        } else {
            (&b""[..], first, after)
        };
        let source = source.strip_suffix(b":").unwrap_or(source);
        let source = source.strip_suffix(b"]")?;
        let process = source.strip_prefix(b"app[").or(source.strip_prefix(b"heroku["))?;
        Some(Header {
            time_us,
            host,
            process,
            rest,
        })
    }
}
