//! The systemd journal as JSON. A message that is not UTF-8 is an array of its bytes.

use serde::Deserialize;
use sonic_rs::{JsonValueTrait, LazyValue};

use crate::entry::SkipKind;
use crate::wrapper::json::{integer, lane, name, object, text};
use crate::wrapper::layer::{Glue, Layer, Piece};
use crate::wrapper::syslog::{chunk, is_of_database};

#[derive(Debug, Default)]
pub(super) struct Journald {
    message: Vec<u8>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, rename = "MESSAGE")]
    message: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "__REALTIME_TIMESTAMP")]
    time: LazyValue<'a>,
    #[serde(borrow, rename = "_PID")]
    pid: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "_HOSTNAME")]
    host: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "SYSLOG_IDENTIFIER")]
    program: Option<LazyValue<'a>>,
}

impl Layer for Journald {
    fn open(&mut self, line: &[u8], out: &mut dyn FnMut(Piece<'_>)) -> bool {
        object(line, |entry: Entry<'_>| {
            let Some(value) = &entry.message else {
                out(Piece::skip(SkipKind::Shipper));
                return Some(());
            };
            let message = if value.is_array() {
                self.message = sonic_rs::from_str(value.as_raw_str()).ok()?;
                self.message.as_slice()
            } else {
                text(value, &mut self.message)?
            };
            let program = entry.program.as_ref().and_then(name);
            let (glue, message) = chunk(message).unwrap_or((Glue::Lines, message));
            if program.is_some_and(|program| !is_of_database(program, glue, message)) {
                out(Piece::skip(SkipKind::OtherProgram));
                return Some(());
            }
            let pid = entry.pid.as_ref().and_then(integer);
            out(Piece {
                text: message,
                host: entry.host.as_ref().and_then(name).unwrap_or_default(),
                lane: pid.map_or_else(|| lane(&[program.unwrap_or_default()]), |pid| pid as u64),
                time_us: integer(&entry.time),
                pid,
                glue,
                ..Piece::default()
            });
            Some(())
        })
    }
}
