//! What could not be read, written to a topic for somebody to look at. Never blocks for longer than it is asked to, and never decides what is a
//! dead letter.

use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use crate::error::IngestError;
use crate::kafka::consumer::client_trouble;
use crate::kafka::options::KafkaOptions;
use crate::kafka::trouble::KafkaTrouble;

/// Letters that wait to be taken by brokers, in KiB. More are not written.
const QUEUE_KIB: usize = 8 * 1024;
/// A letter that brokers did not take for so long is given up.
const LETTER_MS: usize = 60_000;

/// What properties of the consumer a producer has as well begin with.
const SHARED: [&str; 9] = [
    "broker.",
    "client.",
    "enable.sasl",
    "enable.ssl",
    "https.",
    "sasl.",
    "security.",
    "socket.",
    "ssl.",
];

/// Writes dead letters.
pub struct DeadLetters {
    producer: ThreadedProducer<Receipts>,
    topic: String,
    failures: Vec<IngestError>,
}

/// What could not be read, and why.
#[derive(Debug, Clone, Copy)]
pub struct DeadLetter<'l> {
    /// Its bytes, as far as they are kept.
    pub payload: &'l [u8],
    /// Why it could not be read: the header `slowlake.reason`.
    pub reason: &'l str,
    /// The partition it was in: the header `slowlake.source`.
    pub source: &'l str,
    /// Its offset: the header `slowlake.offset`.
    pub offset: u64,
    /// Its place in the message: the header `slowlake.seq`.
    pub seq: u32,
}

/// Counts letters that brokers did not take.
#[derive(Debug, Default)]
struct Receipts {
    lost: AtomicU64,
}

impl ClientContext for Receipts {}

impl ProducerContext for Receipts {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl DeadLetters {
    /// Writes to a topic of the brokers that are read from, with the same TLS and SASL.
    ///
    /// # Errors
    /// [`KafkaTrouble::TopicName`], [`KafkaTrouble::Client`].
    pub fn new(options: &KafkaOptions, topic: &str) -> Result<DeadLetters, IngestError> {
        if topic.starts_with('^') || !crate::kafka::options::is_topic(topic) {
            let topic = topic.to_owned();
            return Err(KafkaTrouble::TopicName { topic }.into());
        }
        let mut config = ClientConfig::new();
        for (name, value) in options.shared_properties(&SHARED) {
            config.set(name, value);
        }
        config
            .set("bootstrap.servers", options.brokers.trim())
            .set("enable.idempotence", "true")
            .set("queue.buffering.max.kbytes", QUEUE_KIB.to_string())
            .set("message.timeout.ms", LETTER_MS.to_string());
        let producer = config
            .create_with_context(Receipts::default())
            .map_err(client_trouble)?;
        Ok(DeadLetters {
            producer,
            topic: topic.to_owned(),
            failures: Vec::new(),
        })
    }

    /// Has a letter written; not yet there when this returns.
    pub fn send(&mut self, letter: &DeadLetter<'_>) {
        let (offset, seq) = (letter.offset.to_string(), letter.seq.to_string());
        let fields = [
            ("slowlake.reason", letter.reason),
            ("slowlake.source", letter.source),
            ("slowlake.offset", &offset),
            ("slowlake.seq", &seq),
        ];
        let headers = fields
            .into_iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            });
        let record = BaseRecord::<(), [u8]>::to(&self.topic)
            .payload(letter.payload)
            .headers(headers);
        match self.producer.send(record) {
            Ok(()) => {}
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                self.producer.context().lost.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => self.fail(&error.to_string()),
        }
    }

    /// Waits until brokers have all letters, at most this long.
    pub fn flush(&mut self, longest: Duration) {
        if self.producer.in_flight_count() > 0
            && let Err(error) = self.producer.flush(longest)
        {
            self.fail(&error.to_string());
        }
        let lost = self.producer.context().lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            self.fail(&format!("{lost} were not written"));
        }
    }

    /// What failed since the last call.
    pub fn take_failures(&mut self) -> Vec<IngestError> {
        mem::take(&mut self.failures)
    }

    fn fail(&mut self, cause: &str) {
        let cause = format!("dead letters to {}: {cause}", self.topic);
        self.failures.push(KafkaTrouble::Passing { cause }.into());
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}
