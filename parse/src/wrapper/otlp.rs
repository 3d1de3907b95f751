//! OpenTelemetry's logs as JSON: records of scopes of resources. Numbers may be strings.

use serde::Deserialize;
use sonic_rs::LazyValue;

use crate::wrapper::json::{inside, lane, name, object, text};
use crate::wrapper::layer::{Layer, Piece};

#[derive(Debug, Default)]
pub(super) struct Otlp {
    body: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Export<'a> {
    #[serde(borrow)]
    resource_logs: Vec<ResourceLogs<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceLogs<'a> {
    #[serde(borrow, default)]
    resource: Resource<'a>,
    #[serde(borrow, default)]
    scope_logs: Vec<ScopeLogs<'a>>,
}

#[derive(Deserialize, Default)]
struct Resource<'a> {
    #[serde(borrow, default)]
    attributes: Vec<Attribute<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopeLogs<'a> {
    #[serde(borrow, default)]
    log_records: Vec<LogRecord<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogRecord<'a> {
    #[serde(borrow)]
    time_unix_nano: Option<LazyValue<'a>>,
    #[serde(borrow)]
    observed_time_unix_nano: Option<LazyValue<'a>>,
    #[serde(borrow)]
    body: Option<LazyValue<'a>>,
    #[serde(borrow, default)]
    attributes: Vec<Attribute<'a>>,
}

#[derive(Deserialize)]
struct Attribute<'a> {
    #[serde(borrow)]
    key: LazyValue<'a>,
    #[serde(borrow)]
    value: LazyValue<'a>,
}

impl Layer for Otlp {
    fn open(&mut self, line: &[u8], out: &mut dyn FnMut(Piece<'_>)) -> bool {
        object(line, |export: Export<'_>| {
            for resource in &export.resource_logs {
                let of_resource = &resource.resource.attributes;
                let host = attribute(of_resource, "host.name").or(attribute(of_resource, "k8s.pod.name"));
                let host = host.as_ref().and_then(name).unwrap_or_default();
                for record in resource.scope_logs.iter().flat_map(|scope| &scope.log_records) {
                    let of_record = &record.attributes;
                    let path = [&of_record, &of_resource].into_iter().find_map(|list| {
                        attribute(list, "log.file.path").or(attribute(list, "log.file.name"))
                    });
                    let stream = attribute(of_record, "log.iostream");
                    let body = inside(record.body.as_ref(), "stringValue");
                    let Some(text) = body.as_ref().and_then(|body| text(body, &mut self.body)) else {
                        continue;
                    };
                    let names =
                        [&path, &stream].map(|value| value.as_ref().and_then(name).unwrap_or_default());
                    out(Piece {
                        text,
                        host,
                        lane: lane(&names),
                        time_us: record.time_us(),
                        ..Piece::default()
                    });
                }
            }
            Some(())
        })
    }
}

impl LogRecord<'_> {
    fn time_us(&self) -> Option<i64> {
        let nanos = |value: &LazyValue<'_>| value.as_raw_str().trim_matches('"').parse::<i64>().ok();
        // 0 is unknown.
        [&self.time_unix_nano, &self.observed_time_unix_nano]
            .into_iter()
            .flatten()
            .filter_map(nanos)
            .find(|nanos| *nanos != 0)
            .map(|nanos| nanos / 1_000)
    }
}

fn attribute<'v>(attributes: &'v [Attribute<'_>], key: &str) -> Option<LazyValue<'v>> {
    let found = attributes
        .iter()
        .find(|attribute| name(&attribute.key) == Some(key.as_bytes()))?;
    inside(Some(&found.value), "stringValue")
}
