//! Topics of Kafka as a source of the service.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use slowlake_ingest::IngestError;
use slowlake_ingest::kafka::{Consumer, DeadLetters};
use slowlake_store::Lake;
use tracing::{info, warn};

use crate::configuration::Topics;
use crate::ingestion::{
    Consumption, Event, Following, Ingestion, IngestionError, RowMaker, ServerName, Starts, Stop,
};
use crate::service::work::{Done, Site, Work};

/// How long is waited for a broker to tell the cluster's id, before it is said that none answers.
const CLUSTER_ID_WAIT: Duration = Duration::from_secs(5);

/// Topics that are consumed.
pub(crate) struct KafkaWork {
    name: String,
    topics: Topics,
    letters: Option<DeadLetters>,
    /// It outlives the failures of a lake.
    member: Option<Member>,
}

/// A member of the group that has met brokers.
struct Member {
    consumer: Consumer,
    starts: Starts,
    cluster_id: String,
}

impl KafkaWork {
    pub(crate) fn new(topics: Topics) -> Result<KafkaWork, IngestError> {
        let letters = topics.dead_letter.as_ref();
        let letters = letters.map(|topic| DeadLetters::new(&topics.options, topic));
        Ok(KafkaWork {
            name: format!(
                "{} of {}",
                topics.options.topics.join(", "),
                topics.options.brokers
            ),
            letters: letters.transpose()?,
            topics,
            member: None,
        })
    }

    /// The member of the group, a new one if there is none; `None` if it is told to stop before brokers answer.
    fn take_member(&mut self, stop: &Stop) -> Result<Option<Member>, IngestError> {
        if let Some(member) = self.member.take() {
            return Ok(Some(member));
        }
        let consumer = Consumer::new(self.topics.options.clone())?;
        while !stop.is_set() {
            if let Some(cluster_id) = consumer.cluster_id(CLUSTER_ID_WAIT) {
                info!(source = self.name, cluster_id, "brokers answer");
                return Ok(Some(Member {
                    consumer,
                    starts: Starts::new(),
                    cluster_id,
                }));
            }
            warn!(source = self.name, "no broker answers yet; it is waited for");
        }
        Ok(None)
    }
}

impl Work for KafkaWork {
    fn kind(&self) -> &'static str {
        "kafka"
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn run(&mut self, site: &Site, done: &mut Done) -> Result<(), IngestionError> {
        let lake = site.runtime.block_on(Lake::open(&site.location))?;
        let Some(mut member) = self.take_member(&site.stop)? else {
            return Ok(());
        };
        let topics = &self.topics;
        // Messages say whose they are.
        let nobody = ServerName::Given(String::new());
        let maker = RowMaker::new(nobody, None, topics.texts, topics.read.statement);
        let nobody_watches = AtomicU64::new(0);
        let mut ingestion = Ingestion::new(&site.runtime, lake, topics.read.clone(), maker, &nobody_watches);
        let following = Following {
            limits: site.limits,
            stop: &site.stop,
            behind: site.meter.behind(),
        };
        let mut consumption = Consumption {
            consumer: &mut member.consumer,
            starts: &mut member.starts,
            letters: self.letters.as_mut(),
            cluster_id: &member.cluster_id,
            mapping: &topics.mapping,
        };
        let mut n_failures = 0;
        let result = ingestion.consume(&mut consumption, following, &mut done.committed, &mut |event| {
            let Event::Failed(failure) = &event else {
                return site.watch(&self.name, &event);
            };
            // The client goes on by itself.
            n_failures += 1;
            site.meter.failed();
            warn!(source = self.name, hint = failure.hint(), "{failure}");
        });
        done.failures += n_failures;
        if !matches!(result, Err(IngestionError::Source(_))) {
            self.member = Some(member);
        }
        result
    }
}
