//! `[[source.kafka]]`: topics that are to be consumed.

use slowlake_ingest::kafka::{Envelope, KafkaOptions, Mapping, NameFrom, NoOffset, OutOfRangePolicy};

use crate::configuration::file::{reading, texts};
use crate::configuration::section::Section;
use crate::configuration::{Defaults, Mistake, key};
use crate::ingestion::Texts;
use crate::pipeline::ReadOptions;

/// The group of consumers, unless it is said.
const GROUP_DEFAULT: &str = "slowlake";
/// Messages fetched ahead, MiB, unless it is said; and the limits.
const QUEUE_MIB_DEFAULT: u64 = 32;
const QUEUE_MIB_MAX: u64 = 1_024;

/// Topics of one cluster of brokers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Topics {
    pub(crate) options: KafkaOptions,
    pub(crate) mapping: Mapping,
    /// Where what cannot be read is written to, too.
    pub(crate) dead_letter: Option<String>,
    pub(crate) read: ReadOptions,
    pub(crate) texts: Texts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum StartName {
    Earliest,
    Latest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OutOfRangeName {
    Earliest,
    Latest,
    Fail,
}

impl Topics {
    /// Reads one; of what is a mistake it has something or other.
    pub(super) fn of(mut section: Section<'_>, defaults: &Defaults, mistakes: &mut Vec<Mistake>) -> Topics {
        let topics = Topics {
            options: options(&mut section),
            mapping: mapping(&mut section, defaults, mistakes),
            dead_letter: section.text("dead_letter"),
            read: reading(&mut section, defaults),
            texts: texts(&mut section, defaults),
        };
        if let Some(topic) = &topics.dead_letter
            && topics.options.topics.contains(topic)
        {
            section.wrong(
                "dead_letter",
                "is one of the topics that are read",
                "name another topic",
            );
        }
        if topics.dead_letter.is_some() && topics.texts == Texts::Redacted {
            section.wrong(
                "dead_letter",
                "would hold the literals that redact keeps out of the lake",
                "remove one of them",
            );
        }
        section.finish(mistakes);
        topics
    }
}

fn options(section: &mut Section<'_>) -> KafkaOptions {
    let brokers = required(section, "brokers", "name brokers: [\"kafka-1:9092\", …]");
    let topics = required(
        section,
        "topics",
        "name topics, or patterns such as ^postgres\\..*",
    );
    let group = section.text("group").unwrap_or_else(|| GROUP_DEFAULT.to_owned());
    let queue_mib = section.number("queue_mib", 1..=QUEUE_MIB_MAX);
    let options = KafkaOptions {
        no_offset: match section.choice("start") {
            Some(StartName::Latest) => NoOffset::Latest,
            Some(StartName::Earliest) | None => NoOffset::Earliest,
        },
        out_of_range: match section.choice("out_of_range") {
            Some(OutOfRangeName::Latest) => OutOfRangePolicy::Latest,
            Some(OutOfRangeName::Fail) => OutOfRangePolicy::Fail,
            Some(OutOfRangeName::Earliest) | None => OutOfRangePolicy::Earliest,
        },
        queue_bytes: super::mib(queue_mib.unwrap_or(QUEUE_MIB_DEFAULT)),
        properties: section.properties("properties"),
        ..KafkaOptions::new(brokers.join(","), group, topics)
    };
    if !options.brokers.is_empty() && !options.topics.is_empty() {
        for trouble in options.check() {
            let hint = trouble.hint().unwrap_or("see librdkafka's CONFIGURATION.md");
            section.wrong(trouble.option(), &trouble.to_string(), hint);
        }
    }
    options
}

/// A list of texts that has to be there.
fn required(section: &mut Section<'_>, key: &'static str, hint: &str) -> Vec<String> {
    if !section.has(key) {
        section.wrong(key, "missing", hint);
    }
    section.texts(key).unwrap_or_default()
}

fn mapping(section: &mut Section<'_>, defaults: &Defaults, mistakes: &mut Vec<Mistake>) -> Mapping {
    let envelope = section.text("envelope").map(|name| name.parse::<Envelope>());
    let envelope = match envelope {
        Some(Ok(envelope)) => envelope,
        None => Envelope::None,
        Some(Err(error)) => {
            section.wrong(
                "envelope",
                &error,
                "it is none where messages are lines as the server wrote them",
            );
            Envelope::None
        }
    };
    let usual = Mapping::new(envelope);
    let mut names = |key| name_from(section, key, mistakes).map(|name| vec![name]);
    let fixed = |name: &String| vec![NameFrom::Fixed(name.clone())];
    Mapping {
        server: names("server").unwrap_or(usual.server),
        cluster: names("cluster")
            .or_else(|| defaults.cluster.as_ref().map(fixed))
            .unwrap_or(usual.cluster),
        file: names("file").unwrap_or(usual.file),
        envelope,
    }
}

/// Where a name comes from: a text is the name itself.
fn name_from(section: &mut Section<'_>, key: &'static str, mistakes: &mut Vec<Mistake>) -> Option<NameFrom> {
    let mut from = match section.text_or_table(key, &key::NAME)? {
        Ok(name) => return Some(NameFrom::Fixed(name)),
        Err(table) => table,
    };
    let (place, name) = (from.text("from"), from.text("name"));
    let place = place.unwrap_or_default();
    let found = match (place.as_str(), &name) {
        ("header" | "field", Some(name)) => format!("{place}:{name}").parse().ok(),
        ("header" | "field", None) => {
            from.wrong("name", "missing", &format!("say which {place}"));
            None
        }
        ("key" | "topic" | "envelope", Some(_)) => {
            from.wrong("name", "only a header and a field have one", "remove it");
            None
        }
        ("key" | "topic" | "envelope", None) => place.parse().ok(),
        _ => {
            from.wrong(
                "from",
                "not a place where a name can be",
                "it is one of key, topic, header, field, envelope; a fixed name is written as a text",
            );
            None
        }
    };
    from.finish(mistakes);
    found
}
