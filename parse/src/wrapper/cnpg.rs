//! CloudNativePG: `{"logger":"postgres","msg":"record","record":{…},"logging_pod":"pg-1"}`, where the record is a row of the csvlog as an object.
//! Other loggers are the operator's own. Lines that the server wrote before its csvlog began come as text, and are made rows.

use serde::Deserialize;
use sonic_rs::LazyValue;

use crate::entry::SkipKind;
use crate::postgres::prefix::{Label, Prefix};
use crate::timestamp::TimestampReader;
use crate::wrapper::json::{name, object, text};
use crate::wrapper::layer::{Layer, Piece};

/// The setting that a server starts with.
const PREFIX: &str = "%m [%p] ";

#[derive(Debug)]
pub(super) struct Cnpg {
    prefix: Prefix,
    time: TimestampReader,
    message: Vec<u8>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    level: LazyValue<'a>,
    #[serde(borrow)]
    ts: Option<LazyValue<'a>>,
    #[serde(borrow)]
    logger: Option<LazyValue<'a>>,
    #[serde(borrow)]
    msg: LazyValue<'a>,
    #[serde(borrow)]
    record: Option<LazyValue<'a>>,
    #[serde(borrow)]
    logging_pod: Option<LazyValue<'a>>,
}

impl Layer for Cnpg {
    fn open(&mut self, line: &[u8], out: &mut dyn FnMut(Piece<'_>)) -> bool {
        object(line, |line: Line<'_>| {
            name(&line.level)?;
            if line.ts.is_none() && line.logger.is_none() && line.logging_pod.is_none() {
                return None;
            }
            let is_server = line.logger.as_ref().and_then(name) == Some(b"postgres");
            if !is_server {
                out(Piece::skip(SkipKind::Shipper));
                return Some(());
            }
            let host = line.logging_pod.as_ref().and_then(name).unwrap_or_default();
            let mut hand_out = |text: &[u8]| {
                out(Piece {
                    text,
                    host,
                    ..Piece::default()
                });
            };
            match &line.record {
                Some(record) => hand_out(record.as_raw_str().as_bytes()),
                None => {
                    let line = text(&line.msg, &mut self.message)?;
                    match row(line, &self.prefix, &mut self.time) {
                        Some(row) => hand_out(row.as_bytes()),
                        None => hand_out(line),
                    }
                }
            }
            Some(())
        })
    }
}

impl Cnpg {
    pub(super) fn new(time: TimestampReader) -> Cnpg {
        Cnpg {
            prefix: Prefix::guessed(PREFIX),
            time,
            message: Vec::new(),
        }
    }
}

/// A line of a server's stderr as a row of its log.
fn row(line: &[u8], prefix: &Prefix, time: &mut TimestampReader) -> Option<String> {
    let head = prefix.head(line, time)?;
    let text = String::from_utf8_lossy(line);
    let (time, rest) = text.split_once(" [")?;
    let (pid, labelled) = rest.split_once("] ")?;
    let (label, message) = labelled.split_once(":  ")?;
    // A follow-up line has lost its event.
    let severity = match head.label {
        Label::Main(_) => label,
        Label::Part(_) | Label::OtherPart => "LOG",
    };
    let message = sonic_rs::to_string(message).ok()?;
    Some(format!(
        "{{\"timestamp\":\"{time}\",\"pid\":{pid},\"error_severity\":\"{severity}\",\"message\":{message}}}"
    ))
}
