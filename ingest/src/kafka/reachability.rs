//! Whether brokers answer and have the topics that are wanted. Joins no group and changes nothing.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::error::IngestError;
use crate::kafka::consumer::client_trouble;
use crate::kafka::context::Context;
use crate::kafka::options::KafkaOptions;
use crate::kafka::trouble::KafkaTrouble;

/// What brokers say about the topics that are to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reachability {
    /// The id of the cluster, if it has one.
    pub cluster_id: Option<String>,
    /// Every topic that was named, in that order. Patterns are not looked at.
    pub topics: Vec<TopicFound>,
}

/// What brokers say about one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicFound {
    /// Its name.
    pub name: String,
    /// How many partitions it has; `None` if it is not there, or may not be seen.
    pub n_partitions: Option<usize>,
}

impl Reachability {
    /// Asks the brokers, and waits for an answer at most this long.
    ///
    /// # Errors
    /// What is wrong with the options; [`KafkaTrouble::Unreachable`].
    pub fn ask(options: &KafkaOptions, longest: Duration) -> Result<Reachability, IngestError> {
        if let Some(trouble) = options.check().into_iter().next() {
            return Err(trouble.into());
        }
        let client: BaseConsumer<Context> = options
            .client_config()
            .create_with_context(Context::default())
            .map_err(client_trouble)?;
        // All topics, for asking for one by its name may make it.
        let metadata = client.fetch_metadata(None, longest).map_err(|error| {
            // Events say more than that it took too long.
            while client.poll(Duration::ZERO).is_some() {}
            let reason = std::mem::take(&mut client.context().notes().reason);
            KafkaTrouble::Unreachable {
                brokers: options.brokers.clone(),
                cause: if reason.is_empty() {
                    error.to_string()
                } else {
                    reason
                },
            }
        })?;
        let found = |name: &String| {
            let topic = metadata.topics().iter().find(|topic| topic.name() == name);
            TopicFound {
                name: name.clone(),
                n_partitions: topic
                    .filter(|it| it.error().is_none())
                    .map(|it| it.partitions().len()),
            }
        };
        let named = options.topics.iter().filter(|topic| !topic.starts_with('^'));
        Ok(Reachability {
            topics: named.map(found).collect(),
            cluster_id: client.client().fetch_cluster_id(longest),
        })
    }
}
