//! What can go wrong between a configuration and a message of a topic, and what to do about it.

use crate::kafka::options::TOPICS_MAX;

/// Why a topic cannot be read, or not now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KafkaTrouble {
    /// No topic at all.
    #[error("no topic was named")]
    NoTopic,

    /// More topics and patterns than one consumer takes.
    #[error("{found} topics and patterns were named, more than {TOPICS_MAX}")]
    TooManyTopics {
        /// How many were named.
        found: usize,
    },

    /// A topic whose name cannot be one.
    #[error("{topic:?}: not the name of a topic, nor a pattern that begins with ^")]
    TopicName {
        /// As given.
        topic: String,
    },

    /// An option without which nothing can be read.
    #[error("{option} is empty")]
    Empty {
        /// The option's name.
        option: &'static str,
    },

    /// A property that there is not.
    #[error("{name}: there is no such property of a Kafka consumer{}", nearest_text(*.nearest))]
    UnknownProperty {
        /// As given.
        name: String,
        /// The nearest one that there is.
        nearest: Option<&'static str>,
    },

    /// A property that is set by other means.
    #[error("{name}: this property cannot be set")]
    ReservedProperty {
        /// As given.
        name: String,
        /// Why, and what to do.
        instead: &'static str,
    },

    /// A property with a value that it cannot have.
    #[error("{name}: {cause}")]
    PropertyValue {
        /// The property.
        name: String,
        /// What is wrong with its value.
        cause: String,
    },

    /// Properties that do not go together, or files they name that cannot be read.
    #[error("the Kafka client cannot be set up: {cause}")]
    Client {
        /// What the client says.
        cause: String,
    },

    /// No broker answers.
    #[error("{brokers}: no answer: {cause}")]
    Unreachable {
        /// The brokers as configured.
        brokers: String,
        /// What the client says.
        cause: String,
    },

    /// Where to begin with a partition cannot be told for now. It is asked again.
    #[error("{topic}/{partition}: cannot tell where to begin: {cause}")]
    NoStart {
        /// The partition's topic.
        topic: String,
        /// The partition's number.
        partition: i32,
        /// Why.
        cause: String,
    },

    /// The offset to read next is not there, and the policy is to stop.
    #[error("{topic}/{partition}: offset {wanted} is not there, only {first} to {end}")]
    OutOfRange {
        /// The partition's topic.
        topic: String,
        /// The partition's number.
        partition: i32,
        /// The offset to read next.
        wanted: u64,
        /// The first offset that is there.
        first: u64,
        /// The end of what is there, exclusive.
        end: u64,
    },

    /// Something that the client tries again by itself.
    #[error("kafka: {cause}")]
    Passing {
        /// What the client says.
        cause: String,
    },

    /// Something after which this consumer cannot go on.
    #[error("the Kafka consumer cannot go on: {cause}")]
    Fatal {
        /// What the client says.
        cause: String,
    },
}

impl KafkaTrouble {
    /// The option that is wrong, as a configuration calls it.
    pub fn option(&self) -> &'static str {
        match self {
            Self::NoTopic | Self::TooManyTopics { .. } | Self::TopicName { .. } => "topics",
            Self::Empty { option } => option,
            Self::UnknownProperty { .. }
            | Self::ReservedProperty { .. }
            | Self::PropertyValue { .. }
            | Self::Client { .. } => "properties",
            _ => "brokers",
        }
    }

    /// The next step for the user; `None` where the message says it all.
    pub fn hint(&self) -> Option<&str> {
        let hint = match self {
            Self::NoTopic => "name at least one topic, or a pattern such as ^postgres\\..*",
            Self::TooManyTopics { .. } => "name a pattern that begins with ^ instead",
            Self::TopicName { .. } => "names have 1 to 249 letters, digits, dots, underscores and hyphens",
            Self::ReservedProperty { instead, .. } => instead,
            Self::Unreachable { .. } => {
                "check the address, and that security.protocol is what the brokers' listener speaks"
            }
            Self::OutOfRange { .. } => {
                "its retention was shorter than the time nobody read it, or the topic was made anew; choose earliest or latest to go on"
            }
            Self::Fatal { .. } => "two consumers may have the same group.instance.id; start this one again",
            Self::Empty { .. }
            | Self::UnknownProperty { .. }
            | Self::PropertyValue { .. }
            | Self::Client { .. }
            | Self::NoStart { .. }
            | Self::Passing { .. } => return None,
        };
        Some(hint)
    }
}

fn nearest_text(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; the nearest is {nearest}"))
}
