//! The container runtime interface of Kubernetes: `2026-11-23T00:27:18.224000001Z stderr F text`, where `P` instead of `F` is a part of a line.

use crate::timestamp::TimestampReader;
use crate::wrapper::json::lane;
use crate::wrapper::layer::{Glue, Layer, Piece};

#[derive(Debug)]
pub(super) struct Cri {
    time: TimestampReader,
}

impl Cri {
    pub(super) fn new(time: TimestampReader) -> Cri {
        Cri { time }
    }
}

impl Layer for Cri {
    fn open(&mut self, line: &[u8], out: &mut dyn FnMut(Piece<'_>)) -> bool {
        let mut words = line.splitn(4, |b| *b == b' ');
        let (Some(time), Some(stream @ (b"stdout" | b"stderr")), Some(tags), text) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return false;
        };
        let Some(time_us) = self.time.iso(time) else {
            return false;
        };
        // More tags may follow a colon.
        let glue = match tags.split(|b| *b == b':').next() {
            Some(b"F") => Glue::Lines,
            Some(b"P") => Glue::Partial,
            _ => return false,
        };
        out(Piece {
            text: text.unwrap_or_default(),
            lane: lane(&[stream]),
            time_us: Some(time_us),
            glue,
            ..Piece::default()
        });
        true
    }
}
