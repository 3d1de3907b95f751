//! What is said of Kafka, and what cannot be.

use slowlake_ingest::kafka::{Envelope, NameFrom, NoOffset, OutOfRangePolicy};

use super::*;

fn topics(rest: &str) -> String {
    format!("[[source.kafka]]\nbrokers = [\"a:9092\", \"b:9092\"]\ntopics = [\"logs\"]\n{rest}\n")
}

#[test]
fn everything_that_can_be_said_of_topics() {
    let text = topics(
        r#"group = "g"
server = { from = "header", name = "host" }
cluster = "shop"
file = { from = "topic" }
envelope = "filebeat"
start = "latest"
out_of_range = "fail"
dead_letter = "dead"
queue_mib = 8
format = "mysql-slow"
properties = { "security.protocol" = "ssl", "session.timeout.ms" = 9000, "check.crcs" = true }"#,
    );
    let configuration = Configuration::parse(&text).unwrap();
    let [topics] = &configuration.topics[..] else {
        panic!("one")
    };
    let options = &topics.options;
    assert_eq!(
        (options.brokers.as_str(), options.group.as_str()),
        ("a:9092,b:9092", "g")
    );
    assert_eq!(
        (options.no_offset, options.out_of_range),
        (NoOffset::Latest, OutOfRangePolicy::Fail)
    );
    assert_eq!(options.queue_bytes, 8 << 20);
    let properties: Vec<&str> = options.properties.values().map(String::as_str).collect();
    assert_eq!(properties, ["true", "ssl", "9000"]);
    let mapping = &topics.mapping;
    assert_eq!(mapping.envelope, Envelope::Filebeat);
    assert_eq!(mapping.server, [NameFrom::Header("host".to_owned())]);
    assert_eq!(mapping.cluster, [NameFrom::Fixed("shop".to_owned())]);
    assert_eq!(mapping.file, [NameFrom::Topic]);
    assert_eq!(topics.dead_letter.as_deref(), Some("dead"));
}

#[test]
fn mistakes_about_topics() {
    check(
        "[[source.kafka]]\n",
        &[
            (
                1,
                "source.kafka[1].brokers",
                "missing",
                "name brokers: [\"kafka-1:9092\", …]",
            ),
            (
                1,
                "source.kafka[1].topics",
                "missing",
                "name topics, or patterns such as ^postgres\\..*",
            ),
        ],
    );
    check(
        &topics("server = { from = \"hedaer\", name = \"host\" }"),
        &[(
            4,
            "source.kafka[1].server.from",
            "not a place where a name can be",
            "it is one of key, topic, header, field, envelope; a fixed name is written as a text",
        )],
    );
    check(
        &topics("properties = { \"security.protcol\" = \"ssl\" }"),
        &[(
            4,
            "source.kafka[1].properties",
            "security.protcol: there is no such property of a Kafka consumer; the nearest is security.protocol",
            "see librdkafka's CONFIGURATION.md",
        )],
    );
    check(
        &topics("dead_letter = \"logs\""),
        &[(
            4,
            "source.kafka[1].dead_letter",
            "is one of the topics that are read",
            "name another topic",
        )],
    );
    check(
        &topics("redact = true\ndead_letter = \"dead\""),
        &[(
            5,
            "source.kafka[1].dead_letter",
            "would hold the literals that redact keeps out of the lake",
            "remove one of them",
        )],
    );
    check(
        &topics("topcis = []"),
        &[(4, "source.kafka[1].topcis", "no such key", "did you mean topics?")],
    );
}
