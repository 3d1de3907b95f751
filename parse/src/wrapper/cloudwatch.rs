//! Batches that CloudWatch Logs hands to subscribers: `{"messageType":"DATA_MESSAGE","logStream":"db1","logEvents":[{"message":"…"}]}`, several
//! of them on one line or one.

use serde::Deserialize;
use sonic_rs::LazyValue;

use crate::entry::SkipKind;
use crate::json::is_too_deep;
use crate::wrapper::json::{integer, lane, name, text};
use crate::wrapper::layer::{Layer, Piece};

#[derive(Debug, Default)]
pub(super) struct CloudWatch {
    message: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch<'a> {
    #[serde(borrow)]
    message_type: Option<LazyValue<'a>>,
    #[serde(borrow)]
    log_group: Option<LazyValue<'a>>,
    #[serde(borrow)]
    log_stream: Option<LazyValue<'a>>,
    #[serde(borrow)]
    log_events: Vec<Event<'a>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    message: LazyValue<'a>,
    #[serde(borrow)]
    timestamp: Option<LazyValue<'a>>,
}

impl Layer for CloudWatch {
    fn open(&mut self, line: &[u8], out: &mut dyn FnMut(Piece<'_>)) -> bool {
        if line.trim_ascii_start().first() != Some(&b'{') {
            return false;
        }
        let Some(batches) = std::str::from_utf8(line).ok().and_then(batches) else {
            return false;
        };
        for batch in &batches {
            let group = batch.log_group.as_ref().and_then(name).unwrap_or_default();
            let stream = batch.log_stream.as_ref().and_then(name).unwrap_or_default();
            let is_control = batch.message_type.as_ref().and_then(name) == Some(b"CONTROL_MESSAGE");
            for event in &batch.log_events {
                let text = text(&event.message, &mut self.message).filter(|_| !is_control);
                let Some(text) = text else {
                    out(Piece::skip(SkipKind::Shipper));
                    continue;
                };
                let time_ms = event.timestamp.as_ref().and_then(integer);
                out(Piece {
                    text,
                    host: stream,
                    lane: lane(&[group]),
                    time_us: time_ms.and_then(|ms| ms.checked_mul(1_000)),
                    ..Piece::default()
                });
            }
        }
        true
    }
}

/// The objects of a line, one after the other.
fn batches(line: &str) -> Option<Vec<Batch<'_>>> {
    if is_too_deep(line.as_bytes()) {
        return None;
    }
    let (mut batches, mut rest) = (Vec::new(), line.trim());
    while !rest.is_empty() {
        let mut objects = sonic_rs::Deserializer::from_str(rest).into_stream::<LazyValue<'_>>();
        let object = objects.next()?.ok()?;
        let length = object.as_raw_str().len();
        batches.push(sonic_rs::from_str(&rest[..length]).ok()?);
        rest = rest[length..].trim_start();
    }
    Some(batches)
}
