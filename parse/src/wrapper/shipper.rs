//! Events of log shippers as JSON, one a line: the text and what is known of its place stand under keys that each shipper has of its own.

use serde::Deserialize;
use sonic_rs::LazyValue;

use crate::timestamp::TimestampReader;
use crate::wrapper::json::{first_name, inside, lane, name, object, text, time_us};
use crate::wrapper::layer::{Layer, Piece};

#[derive(Debug)]
pub(super) struct Shipper {
    time: TimestampReader,
    text: Vec<u8>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    message: Option<LazyValue<'a>>,
    #[serde(borrow)]
    log: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "MESSAGE")]
    journal_message: Option<LazyValue<'a>>,
    #[serde(borrow)]
    msg: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "textPayload")]
    text_payload: Option<LazyValue<'a>>,
    #[serde(borrow)]
    body: Option<LazyValue<'a>>,
    #[serde(borrow)]
    line: Option<LazyValue<'a>>,
    #[serde(borrow)]
    event: Option<LazyValue<'a>>,

    #[serde(borrow)]
    host: Option<LazyValue<'a>>,
    #[serde(borrow)]
    hostname: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "_HOSTNAME")]
    journal_host: Option<LazyValue<'a>>,
    #[serde(borrow)]
    agent: Option<LazyValue<'a>>,
    #[serde(borrow)]
    beat: Option<LazyValue<'a>>,
    #[serde(borrow)]
    kubernetes: Option<LazyValue<'a>>,
    #[serde(borrow)]
    resource: Option<LazyValue<'a>>,

    #[serde(borrow)]
    file: Option<LazyValue<'a>>,
    #[serde(borrow)]
    filename: Option<LazyValue<'a>>,
    #[serde(borrow)]
    path: Option<LazyValue<'a>>,
    #[serde(borrow)]
    tailed_path: Option<LazyValue<'a>>,
    #[serde(borrow)]
    source: Option<LazyValue<'a>>,
    #[serde(borrow, rename = "logName")]
    log_name: Option<LazyValue<'a>>,
    #[serde(borrow)]
    stream: Option<LazyValue<'a>>,

    #[serde(borrow, rename = "@timestamp")]
    at_timestamp: Option<LazyValue<'a>>,
    #[serde(borrow)]
    timestamp: Option<LazyValue<'a>>,
    #[serde(borrow)]
    time: Option<LazyValue<'a>>,
}

impl Shipper {
    pub(super) fn new(time: TimestampReader) -> Shipper {
        Shipper {
            time,
            text: Vec::new(),
        }
    }
}

impl Layer for Shipper {
    fn open(&mut self, line: &[u8], out: &mut dyn FnMut(Piece<'_>)) -> bool {
        object(line, |event: Event<'_>| {
            let body = inside(event.body.as_ref(), "stringValue");
            let original = inside(event.event.as_ref(), "original");
            let log_original = inside(event.log.as_ref(), "original");
            let texts = [
                &event.message,
                &event.log,
                &event.journal_message,
                &event.msg,
                &event.text_payload,
                &body,
                &event.line,
                &original,
                &log_original,
            ];
            let value = texts
                .into_iter()
                .flatten()
                .find(|value| value.as_raw_str().starts_with('"'))?;
            let stream = event.stream.as_ref().and_then(name).unwrap_or_default();
            let time_us = [&event.at_timestamp, &event.timestamp, &event.time]
                .into_iter()
                .flatten()
                .find_map(|value| time_us(value, &mut self.time));
            event.with_place(|host, path| {
                out(Piece {
                    text: text(value, &mut self.text)?,
                    host,
                    lane: lane(&[path, stream]),
                    time_us,
                    ..Piece::default()
                });
                Some(())
            })
        })
    }
}

impl Event<'_> {
    /// Calls `with` with the host and the path of the file.
    fn with_place(&self, with: impl FnOnce(&[u8], &[u8]) -> Option<()>) -> Option<()> {
        let labels = inside(self.resource.as_ref(), "labels");
        let hosts = [
            self.host.as_ref().filter(|host| name(host).is_some()).cloned(),
            inside(self.host.as_ref(), "name"),
            inside(self.host.as_ref(), "hostname"),
            self.hostname.clone(),
            self.journal_host.clone(),
            inside(self.kubernetes.as_ref(), "pod_name"),
            inside(labels.as_ref(), "database_id"),
            inside(labels.as_ref(), "instance_id"),
            inside(self.agent.as_ref(), "hostname"),
            inside(self.agent.as_ref(), "name"),
            inside(self.beat.as_ref(), "hostname"),
        ];
        let log_file = inside(self.log.as_ref(), "file");
        let log_path = inside(log_file.as_ref(), "path");
        let container = inside(self.kubernetes.as_ref(), "container_name");
        let paths = [
            &log_path,
            &self.file,
            &self.filename,
            &self.path,
            &self.tailed_path,
            &self.source,
            &self.log_name,
            &container,
        ];
        let host = first_name(hosts.iter().map(Option::as_ref)).unwrap_or_default();
        let path = first_name(paths.into_iter().map(Option::as_ref)).unwrap_or_default();
        with(host, path)
    }
}
