//! How topics are read: what a user chooses, checked, and what the client is told. Never talks to a broker.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::ClientConfig;

use crate::kafka::properties::{self, is_secret};
use crate::kafka::trouble::KafkaTrouble;

/// How many topics and patterns one consumer takes. A pattern may match any number.
pub const TOPICS_MAX: usize = 4_096;

/// Longest name of a topic in bytes, as brokers have it.
const TOPIC_BYTES_MAX: usize = 249;

/// Bytes asked of one partition at once, as brokers have them: compressed.
const PARTITION_FETCH_BYTES: usize = 256 << 10;
/// What is asked for at once is so much smaller than the queue: it may be ten times as much when it is unpacked, and then all of it is in memory.
const FETCHES_IN_QUEUE: usize = 16;
/// A full queue is looked at again so soon.
const QUEUE_BACKOFF_MS: usize = 20;
/// What is asked for at once at most, whatever the queue holds: brokers and the client refuse much more.
const FETCH_BYTES_MAX: usize = 50 << 20;
/// A message takes memory besides its bytes: so many of the queue's bytes stand for one at least.
const QUEUED_MESSAGE_BYTES: usize = 512;
/// The largest queue that the client knows.
const QUEUE_KIB_MAX: usize = 2_097_151;
/// How often the client tells how long the partitions are.
const STATISTICS_MS: usize = 2_000;

/// How topics are read.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaOptions {
    /// Addresses of some brokers, `host:port`, with commas between them.
    pub brokers: String,
    /// The consumer group. Consumers of one group share the partitions of their topics.
    pub group: String,
    /// Topics, and patterns (regular expressions that begin with `^`). Topics that come to match later are read, too.
    pub topics: Vec<String>,
    /// Where to begin with a partition of which nothing is known.
    pub no_offset: NoOffset,
    /// What to do about a partition that no longer has, or does not have yet, what is to be read next.
    pub out_of_range: OutOfRangePolicy,
    /// Bytes of messages that are fetched before they are asked for, of all partitions together. A compressed batch that arrives when it is nearly
    /// full comes on top.
    pub queue_bytes: usize,
    /// Further properties of librdkafka by name: TLS, SASL, timeouts.
    pub properties: BTreeMap<String, String>,
}

/// Where to begin with a partition of which nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoOffset {
    /// At the first message that is there.
    Earliest,
    /// At the end.
    Latest,
}

/// What to do when the offset to read next is not in the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfRangePolicy {
    /// Go on with the first message that is there.
    Earliest,
    /// Go on at the end.
    Latest,
    /// Do not read the partition any further. Others go on.
    Fail,
}

impl KafkaOptions {
    /// The usual way to read topics: all that is there; retention that was quicker is told and does not stop anybody.
    pub fn new(brokers: String, group: String, topics: Vec<String>) -> KafkaOptions {
        KafkaOptions {
            brokers,
            group,
            topics,
            no_offset: NoOffset::Earliest,
            out_of_range: OutOfRangePolicy::Earliest,
            queue_bytes: 32 << 20,
            properties: BTreeMap::new(),
        }
    }

    /// Everything that is wrong with them, as far as it can be told without a broker; empty if nothing is.
    pub fn check(&self) -> Vec<KafkaTrouble> {
        let mut troubles = Vec::new();
        for (option, value) in [("brokers", &self.brokers), ("group", &self.group)] {
            if value.trim().is_empty() {
                troubles.push(KafkaTrouble::Empty { option });
            }
        }
        match self.topics.len() {
            0 => troubles.push(KafkaTrouble::NoTopic),
            found if found > TOPICS_MAX => troubles.push(KafkaTrouble::TooManyTopics { found }),
            _ => {}
        }
        let wrong = self.topics.iter().filter(|topic| !is_topic(topic));
        troubles.extend(wrong.map(|topic| KafkaTrouble::TopicName { topic: topic.clone() }));
        let properties = self.properties.iter();
        troubles.extend(properties.filter_map(|(name, value)| properties::check(name, value).err()));
        troubles
    }

    /// The properties whose names begin with one of these.
    pub(super) fn shared_properties<'o>(
        &'o self,
        beginnings: &'o [&str],
    ) -> impl Iterator<Item = (&'o str, &'o str)> {
        let is_shared = |name: &str| beginnings.iter().any(|beginning| name.starts_with(beginning));
        let properties = self
            .properties
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        properties.filter(move |(name, _)| is_shared(name))
    }

    /// What the client is told: our choices, which users' properties may not contradict, and theirs.
    pub(super) fn client_config(&self) -> ClientConfig {
        let fetch_bytes = (self.queue_bytes / FETCHES_IN_QUEUE).clamp(PARTITION_FETCH_BYTES, FETCH_BYTES_MAX);
        let queued_messages = (self.queue_bytes / QUEUED_MESSAGE_BYTES).max(1);
        let queue_kib = (self.queue_bytes >> 10).clamp(1, QUEUE_KIB_MAX);
        let mut config = ClientConfig::new();
        config
            .set("fetch.message.max.bytes", PARTITION_FETCH_BYTES.to_string())
            .set("fetch.max.bytes", fetch_bytes.to_string())
            .set("fetch.queue.backoff.ms", QUEUE_BACKOFF_MS.to_string())
            .set("queued.min.messages", queued_messages.to_string());
        if !self.properties.contains_key("ssl.ca.pem") {
            // An OpenSSL of our own would not know where this system keeps its certificates.
            config.set("ssl.ca.location", "probe");
        }
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
            .set("bootstrap.servers", self.brokers.trim())
            .set("group.id", &self.group)
            .set("queued.max.messages.kbytes", queue_kib.to_string())
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            .set("statistics.interval.ms", STATISTICS_MS.to_string());
        config
    }
}

impl fmt::Debug for KafkaOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value)| (name, if is_secret(name) { "…" } else { value });
        let properties = self
            .properties
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let properties: BTreeMap<&str, &str> = properties.map(shown).collect();
        f.debug_struct("KafkaOptions")
            .field("brokers", &self.brokers)
            .field("group", &self.group)
            .field("topics", &self.topics)
            .field("no_offset", &self.no_offset)
            .field("out_of_range", &self.out_of_range)
            .field("queue_bytes", &self.queue_bytes)
            .field("properties", &properties)
            .finish()
    }
}

/// Whether it can be the name of a topic, or is a pattern.
pub(super) fn is_topic(topic: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match topic.strip_prefix('^') {
        Some(pattern) => !pattern.is_empty() && !pattern.contains('\0'),
        None => (1..=TOPIC_BYTES_MAX).contains(&topic.len()) && topic.bytes().all(is_allowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> KafkaOptions {
        KafkaOptions::new(
            "localhost:9092".to_owned(),
            "slowlake".to_owned(),
            vec!["logs".to_owned()],
        )
    }

    #[test]
    fn what_is_wrong_is_told_all_at_once() {
        let check = |change: &dyn Fn(&mut KafkaOptions), expect: &[KafkaTrouble]| {
            let mut options = options();
            change(&mut options);
            assert_eq!(options.check(), expect);
        };
        check(&|_| {}, &[]);
        check(&|it| it.topics.push("^postgres\\..*".to_owned()), &[]);
        check(&|it| it.topics.clear(), &[KafkaTrouble::NoTopic]);
        let wrong = |topic: &str| KafkaTrouble::TopicName {
            topic: topic.to_owned(),
        };
        check(
            &|it| it.topics = vec!["a b".to_owned(), "^".to_owned(), String::new()],
            &[wrong("a b"), wrong("^"), wrong("")],
        );
        let many = |it: &mut KafkaOptions| it.topics = vec!["a".to_owned(); TOPICS_MAX + 1];
        check(
            &many,
            &[KafkaTrouble::TooManyTopics {
                found: TOPICS_MAX + 1,
            }],
        );
        let empty = |it: &mut KafkaOptions| (it.brokers, it.group) = (" ".to_owned(), String::new());
        check(
            &empty,
            &[
                KafkaTrouble::Empty { option: "brokers" },
                KafkaTrouble::Empty { option: "group" },
            ],
        );
    }

    #[test]
    fn the_client_takes_what_it_is_told() {
        let mut options = options();
        for (name, value) in [
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("client.id", "a"),
        ] {
            options.properties.insert(name.to_owned(), value.to_owned());
        }
        assert_eq!(options.check(), []);
        let native = options.client_config().create_native_config().unwrap();
        assert_eq!(native.get("security.protocol").unwrap(), "sasl_ssl");
        assert_eq!(native.get("auto.offset.reset").unwrap(), "error");
        assert_eq!(native.get("ssl.ca.location").unwrap(), "probe");
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut options = options();
        let secret = |name: &str| (name.to_owned(), "geheim".to_owned());
        options.properties = [
            "sasl.password",
            "ssl.key.pem",
            "ssl.key.password",
            "sasl.oauthbearer.client.secret",
        ]
        .map(secret)
        .into();
        options
            .properties
            .insert("client.id".to_owned(), "visible".to_owned());
        let shown = format!("{options:?}");
        assert!(shown.contains("visible") && !shown.contains("geheim"), "{shown}");
    }
}
