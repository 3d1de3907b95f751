//! Pushes to Loki: `{"streams":[{"stream":{"host":"db1"},"values":[["1700000000000000000","line"]]}]}`.

use serde::Deserialize;
use sonic_rs::LazyValue;

use crate::wrapper::json::{first_name, inside, lane, object, text};
use crate::wrapper::layer::{Layer, Piece};

#[derive(Debug, Default)]
pub(super) struct Loki {
    line: Vec<u8>,
}

#[derive(Deserialize)]
struct Push<'a> {
    #[serde(borrow)]
    streams: Vec<Stream<'a>>,
}

#[derive(Deserialize)]
struct Stream<'a> {
    #[serde(borrow)]
    stream: LazyValue<'a>,
    /// Time, line, and perhaps metadata.
    #[serde(borrow)]
    values: Vec<Vec<LazyValue<'a>>>,
}

impl Layer for Loki {
    fn open(&mut self, line: &[u8], out: &mut dyn FnMut(Piece<'_>)) -> bool {
        object(line, |push: Push<'_>| {
            for stream in &push.streams {
                let label = |key| inside(Some(&stream.stream), key);
                let hosts = [label("hostname"), label("host"), label("instance"), label("pod")];
                let host = first_name(hosts.iter().map(Option::as_ref)).unwrap_or_default();
                for value in &stream.values {
                    let [time, line, ..] = value.as_slice() else {
                        continue;
                    };
                    let Some(text) = text(line, &mut self.line) else {
                        continue;
                    };
                    let time_ns = time.as_raw_str().trim_matches('"').parse::<i64>().ok();
                    out(Piece {
                        text,
                        host,
                        lane: lane(&[stream.stream.as_raw_str().as_bytes()]),
                        time_us: time_ns.map(|ns| ns / 1_000),
                        ..Piece::default()
                    });
                }
            }
            Some(())
        })
    }
}
