//! Azure's diagnostic logs of PostgreSQL, one record a line or batches `{"records":[…]}`. What belongs to a message stands beside it; it is put
//! after it as the server would have written it to its log.

use serde::Deserialize;
use sonic_rs::LazyValue;

use crate::postgres::prefix::infer::find_label;
use crate::timestamp::TimestampReader;
use crate::wrapper::json::{first_name, integer, name, object, text, time_us};
use crate::wrapper::layer::{Layer, Piece};

#[derive(Debug)]
pub(super) struct Azure {
    time: TimestampReader,
    message: Vec<u8>,
    /// The message with what belongs to it.
    event: Vec<u8>,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    records: Vec<Record<'a>>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    properties: Properties<'a>,
    #[serde(borrow)]
    time: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "LogicalServerName")]
    server: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "resourceId")]
    resource: Option<LazyValue<'a>>,
}

#[derive(Deserialize)]
struct Properties<'a> {
    #[serde(borrow)]
    message: LazyValue<'a>,
    /// What a single server puts before its messages.
    #[serde(borrow)]
    prefix: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "errorLevel")]
    level: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "processId")]
    pid: Option<LazyValue<'a>>,
    #[serde(borrow)]
    detail: Option<LazyValue<'a>>,
    #[serde(borrow)]
    hint: Option<LazyValue<'a>>,
    #[serde(borrow)]
    context: Option<LazyValue<'a>>,
    #[serde(borrow)]
    statement: Option<LazyValue<'a>>,
}

impl Azure {
    pub(super) fn new(time: TimestampReader) -> Azure {
        Azure {
            time,
            message: Vec::new(),
            event: Vec::new(),
        }
    }

    fn record(&mut self, record: &Record<'_>, out: &mut dyn FnMut(Piece<'_>)) -> Option<()> {
        self.event(&record.properties)?;
        out(Piece {
            text: &self.event,
            host: first_name([record.server.as_ref(), record.resource.as_ref()]).unwrap_or_default(),
            time_us: record
                .time
                .as_ref()
                .and_then(|time| time_us(time, &mut self.time)),
            pid: record.properties.pid.as_ref().and_then(integer),
            ..Piece::default()
        });
        Some(())
    }

    /// The lines that the server would have written.
    fn event(&mut self, properties: &Properties<'_>) -> Option<()> {
        let event = &mut self.event;
        event.clear();
        if let Some(prefix) = &properties.prefix {
            event.extend_from_slice(text(prefix, &mut self.message)?);
        }
        let message = text(&properties.message, &mut self.message)?;
        if properties.prefix.is_some() && find_label(message).is_none() && find_label(event).is_none() {
            event.extend_from_slice(properties.level.as_ref().and_then(name).unwrap_or(b"LOG"));
            event.extend_from_slice(b":  ");
        }
        let at = event.len();
        push_lines(message.strip_suffix(b"\n").unwrap_or(message), event);
        let label_at = find_label(event).map_or(at, |(label_at, ..)| label_at);
        let parts = [
            ("DETAIL", &properties.detail),
            ("HINT", &properties.hint),
            ("CONTEXT", &properties.context),
            ("STATEMENT", &properties.statement),
        ];
        for (label, value) in parts {
            let value = value.as_ref().and_then(|value| text(value, &mut self.message));
            let Some(value) = value.filter(|value| !value.is_empty()) else {
                continue;
            };
            event.push(b'\n');
            event.extend_from_within(..label_at);
            event.extend_from_slice(label.as_bytes());
            event.extend_from_slice(b":  ");
            push_lines(value, event);
        }
        Some(())
    }
}

impl Layer for Azure {
    fn open(&mut self, line: &[u8], out: &mut dyn FnMut(Piece<'_>)) -> bool {
        object(line, |record: Record<'_>| self.record(&record, out))
            || object(line, |batch: Batch<'_>| {
                batch
                    .records
                    .iter()
                    .try_for_each(|record| self.record(record, out))
            })
    }
}

/// Lines with the tabs that the server puts before all but the first, unless it has.
fn push_lines(text: &[u8], event: &mut Vec<u8>) {
    let has_tabs = memchr::memmem::find(text, b"\n\t").is_some();
    for (number, line) in text.split(|b| *b == b'\n').enumerate() {
        if number > 0 {
            event.push(b'\n');
            if !has_tabs {
                event.push(b'\t');
            }
        }
        event.extend_from_slice(line);
    }
}
