//! What shippers put around log lines when they write them to Kafka: under which keys the text, the host and the file are. Never reads the text.

use std::borrow::Cow;
use std::str::FromStr;

use crate::kafka::mapping::Unmapped;
use crate::kafka::mapping::json::{elements, first_text, inside, object, text};

/// What is around the lines in a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// Nothing: it is one line, or several.
    None,
    /// Filebeat's JSON (Elastic Common Schema, or that of Filebeat 6).
    Filebeat,
    /// Fluent Bit's and Fluentd's JSON.
    FluentBit,
    /// Vector's JSON.
    Vector,
    /// Logstash's JSON.
    Logstash,
    /// OpenTelemetry's export of logs as JSON.
    Otlp,
}

/// What came out of an envelope.
#[derive(Debug)]
pub(super) struct Record<'p> {
    pub(super) text: Cow<'p, [u8]>,
    around: Around<'p>,
}

/// What is around the text.
#[derive(Debug)]
enum Around<'p> {
    Nothing(&'p [u8]),
    Object(&'p str, &'static Keys),
    Attributes { record: &'p str, resource: &'p str },
}

/// Where something is in an object; the first that is there counts.
type Paths = &'static [&'static [&'static str]];

/// The keys of one shipper.
#[derive(Debug)]
struct Keys {
    text: Paths,
    host: Paths,
    file: Paths,
    /// The paths of the text, for people.
    text_names: &'static str,
}

const FILEBEAT: Keys = Keys {
    text: &[&["message"], &["event", "original"]],
    host: &[
        &["host", "name"],
        &["host", "hostname"],
        &["agent", "hostname"],
        &["agent", "name"],
        &["beat", "hostname"],
    ],
    file: &[&["log", "file", "path"], &["source"]],
    text_names: "message, event.original",
};
const FLUENT_BIT: Keys = Keys {
    text: &[&["log"], &["message"], &["MESSAGE"]],
    host: &[
        &["hostname"],
        &["host"],
        &["_HOSTNAME"],
        &["kubernetes", "pod_name"],
        &["kubernetes", "host"],
    ],
    file: &[
        &["path"],
        &["file"],
        &["filename"],
        &["tailed_path"],
        &["kubernetes", "container_name"],
    ],
    text_names: "log, message, MESSAGE",
};
const VECTOR: Keys = Keys {
    text: &[&["message"]],
    host: &[&["host"], &["hostname"], &["kubernetes", "pod_name"]],
    file: &[&["file"], &["kubernetes", "container_name"]],
    text_names: "message",
};
const LOGSTASH: Keys = Keys {
    text: &[&["message"], &["event", "original"]],
    host: &[
        &["host", "name"],
        &["host", "hostname"],
        &["host"],
        &["agent", "name"],
    ],
    file: &[&["log", "file", "path"], &["path"]],
    text_names: "message, event.original",
};
const OTLP_TEXT: &str = "resourceLogs[].scopeLogs[].logRecords[].body.stringValue";
const OTLP_HOSTS: [&str; 3] = ["host.name", "k8s.pod.name", "host.id"];
const OTLP_FILES: [&str; 3] = ["log.file.path", "log.file.name", "k8s.container.name"];

/// The names of envelopes in a configuration.
const NAMES: [(&str, Envelope); 6] = [
    ("none", Envelope::None),
    ("filebeat", Envelope::Filebeat),
    ("fluent-bit", Envelope::FluentBit),
    ("vector", Envelope::Vector),
    ("logstash", Envelope::Logstash),
    ("otlp", Envelope::Otlp),
];

impl FromStr for Envelope {
    type Err = String;

    fn from_str(name: &str) -> Result<Envelope, String> {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, envelope)| *envelope).ok_or_else(|| {
            let names = NAMES.map(|(name, _)| name);
            format!("{name:?}: not one of {}", names.join(", "))
        })
    }
}

impl Envelope {
    /// Opens an envelope with one record.
    pub(super) fn open(self, payload: &[u8]) -> Result<Record<'_>, Unmapped> {
        let keys = match self {
            Envelope::None | Envelope::Otlp => {
                return Ok(Record {
                    text: Cow::Borrowed(payload),
                    around: Around::Nothing(payload),
                });
            }
            Envelope::Filebeat => &FILEBEAT,
            Envelope::FluentBit => &FLUENT_BIT,
            Envelope::Vector => &VECTOR,
            Envelope::Logstash => &LOGSTASH,
        };
        let json = object(payload)?;
        let found = keys.text.iter().find_map(|path| text(inside(json, path)?));
        let text = found.ok_or(Unmapped::NoText {
            expected: keys.text_names,
        })?;
        Ok(Record {
            text: bytes(text),
            around: Around::Object(json, keys),
        })
    }
}

/// Opens an envelope of OpenTelemetry, which may have any number of records.
pub(super) fn records(payload: &[u8]) -> Result<Vec<Record<'_>>, Unmapped> {
    let json = object(payload)?;
    let missing = || Unmapped::NoText { expected: OTLP_TEXT };
    let resources = inside(json, &["resourceLogs"]).ok_or_else(missing)?;
    let mut found = Vec::new();
    for resource in elements(resources) {
        let attributes = inside(resource, &["resource", "attributes"]).unwrap_or_default();
        let scopes = elements(inside(resource, &["scopeLogs"]).unwrap_or_default());
        for record in scopes.flat_map(|scope| elements(inside(scope, &["logRecords"]).unwrap_or_default())) {
            let body = inside(record, &["body", "stringValue"]);
            found.push(Record {
                text: bytes(body.and_then(text).ok_or_else(missing)?),
                around: Around::Attributes {
                    record: inside(record, &["attributes"]).unwrap_or_default(),
                    resource: attributes,
                },
            });
        }
    }
    Ok(found)
}

impl Record<'_> {
    /// The host that the shipper names.
    pub(super) fn host(&self) -> Option<Cow<'_, str>> {
        match self.around {
            Around::Nothing(_) => None,
            Around::Object(json, keys) => first_text(json, keys.host),
            Around::Attributes { .. } => OTLP_HOSTS.iter().find_map(|key| self.field(key)),
        }
    }

    /// The file that the shipper names.
    pub(super) fn file(&self) -> Option<Cow<'_, str>> {
        match self.around {
            Around::Nothing(_) => None,
            Around::Object(json, keys) => first_text(json, keys.file),
            Around::Attributes { .. } => OTLP_FILES.iter().find_map(|key| self.field(key)),
        }
    }

    /// The string that a path of keys with dots between them leads to; keys may have dots themselves.
    pub(super) fn field(&self, path: &str) -> Option<Cow<'_, str>> {
        let json = match self.around {
            Around::Nothing(payload) => object(payload).ok()?,
            Around::Object(json, _) => json,
            Around::Attributes { record, resource } => {
                return attribute(record, path).or_else(|| attribute(resource, path));
            }
        };
        let keys: Vec<&str> = path.split('.').collect();
        first_text(json, &[&keys, &[path]])
    }
}

/// The string of an attribute in a list of OpenTelemetry's.
fn attribute<'j>(attributes: &'j str, key: &str) -> Option<Cow<'j, str>> {
    let is_it = |it: &&str| {
        inside(it, &["key"])
            .and_then(text)
            .is_some_and(|found| found == key)
    };
    let found = elements(attributes).find(is_it)?;
    text(inside(found, &["value", "stringValue"])?).filter(|text| !text.is_empty())
}

fn bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}
