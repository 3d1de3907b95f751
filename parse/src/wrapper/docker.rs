//! Docker's json-file: `{"log":"text\n","stream":"stderr","time":"2026-11-23T00:27:18.224000001Z"}`. A long line comes in several objects; all
//! but the last have no line end.

use serde::Deserialize;
use sonic_rs::LazyValue;

use crate::timestamp::TimestampReader;
use crate::wrapper::json::{lane, object, text};
use crate::wrapper::layer::{Glue, Layer, Piece};

#[derive(Debug)]
pub(super) struct Docker {
    time: TimestampReader,
    log: Vec<u8>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    log: LazyValue<'a>,
    #[serde(borrow)]
    stream: LazyValue<'a>,
    #[serde(borrow)]
    time: LazyValue<'a>,
}

impl Docker {
    pub(super) fn new(time: TimestampReader) -> Docker {
        Docker {
            time,
            log: Vec::new(),
        }
    }
}

impl Layer for Docker {
    fn open(&mut self, line: &[u8], out: &mut dyn FnMut(Piece<'_>)) -> bool {
        object(line, |line: Line<'_>| {
            let text = text(&line.log, &mut self.log)?;
            let glue = if text.ends_with(b"\n") {
                Glue::Lines
            } else {
                Glue::Partial
            };
            out(Piece {
                text,
                lane: lane(&[line.stream.as_raw_str().as_bytes()]),
                time_us: self.time.iso(line.time.as_raw_str().trim_matches('"').as_bytes()),
                glue,
                ..Piece::default()
            });
            Some(())
        })
    }
}
