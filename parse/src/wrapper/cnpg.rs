//! CloudNativePG: `{"logger":"postgres","msg":"record","record":{…},"logging_pod":"pg-1"}`, where the record is a row of the csvlog as an object.
//! Other loggers are the operator's own.

use serde::Deserialize;
use sonic_rs::LazyValue;

use crate::entry::SkipKind;
use crate::wrapper::json::{name, object, text};
use crate::wrapper::layer::{Layer, Piece};

#[derive(Debug, Default)]
pub(super) struct Cnpg {
    message: Vec<u8>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    level: LazyValue<'a>,
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
            if line.logger.is_none() && line.logging_pod.is_none() {
                return None;
            }
            let is_server = line.logger.as_ref().and_then(name) == Some(b"postgres");
            if !is_server {
                out(Piece::skip(SkipKind::Shipper));
                return Some(());
            }
            out(Piece {
                text: match &line.record {
                    Some(record) => record.as_raw_str().as_bytes(),
                    None => text(&line.msg, &mut self.message)?,
                },
                host: line.logging_pod.as_ref().and_then(name).unwrap_or_default(),
                ..Piece::default()
            });
            Some(())
        })
    }
}
