//! Mock brokers to write to, and a consumer that keeps what it reads of them like a lake does.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};

use super::*;
use crate::follow::Standing;

/// How long anything may take before a test has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// What the mock keeps of a partition at least; more, and the oldest goes.
pub(super) const KEPT_BYTES: usize = 5 << 20;

pub(super) struct Brokers {
    pub(super) mock: MockCluster<'static, DefaultProducerContext>,
    pub(super) producer: BaseProducer,
}

impl Brokers {
    pub(super) fn with(topics: &[(&str, i32)]) -> Brokers {
        Brokers::compressing("none", topics)
    }

    pub(super) fn compressing(codec: &str, topics: &[(&str, i32)]) -> Brokers {
        let mock = MockCluster::new(1).unwrap();
        for (topic, n_partitions) in topics {
            mock.create_topic(topic, *n_partitions, 1).unwrap();
        }
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", mock.bootstrap_servers())
            .set("compression.codec", codec)
            .set("linger.ms", "0")
            .set("message.max.bytes", "8000000");
        let producer = config.create().unwrap();
        Brokers { mock, producer }
    }

    pub(super) fn options(&self, topics: &[&str]) -> KafkaOptions {
        let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let properties = [
            ("heartbeat.interval.ms", "100"),
            ("session.timeout.ms", "3000"),
            ("fetch.wait.max.ms", "50"),
        ];
        KafkaOptions {
            properties: properties
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..KafkaOptions::new(self.mock.bootstrap_servers(), "slowlake".to_owned(), topics)
        }
    }

    /// Writes numbered messages.
    pub(super) fn write(&self, topic: &str, number: i32, numbers: Range<u64>) {
        for n in numbers {
            let payload = format!("{topic}/{number}/{n}");
            let record = BaseRecord::<(), _>::to(topic).partition(number).payload(&payload);
            self.producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        self.producer.flush(PATIENCE).unwrap();
    }

    /// Writes so much that the oldest messages go; returns how many.
    pub(super) fn write_too_much(&self, topic: &str, number: i32) -> u64 {
        let payload = vec![b'x'; 100_000];
        let n_messages = 2 * KEPT_BYTES / payload.len();
        for _ in 0..n_messages {
            let record = BaseRecord::<(), _>::to(topic).partition(number).payload(&payload);
            self.producer.send(record).map_err(|(error, _)| error).unwrap();
            self.producer.flush(PATIENCE).unwrap();
        }
        n_messages as u64
    }
}

/// How far each partition is known, and all that is: several readers share it.
#[derive(Debug, Default)]
pub(super) struct Lake {
    pub(super) next: HashMap<(String, i32), u64>,
    pub(super) read: BTreeMap<(String, i32), Vec<u64>>,
}

pub(super) type SharedLake = Rc<RefCell<Lake>>;

/// A consumer that commits what it read to a lake.
pub(super) struct Reader {
    pub(super) consumer: Consumer,
    pub(super) lake: SharedLake,
    /// What was read and is not committed.
    pub(super) buffers: HashMap<PartitionId, Vec<u64>>,
    /// Where each began.
    pub(super) places: HashMap<PartitionId, (String, i32, u64)>,
    pub(super) failures: Vec<String>,
    pub(super) lost: Vec<OutOfRange>,
    pub(super) missing: Vec<Range<u64>>,
    pub(super) payloads: Vec<String>,
    /// Why the lake cannot be asked.
    pub(super) trouble: Option<String>,
}

impl Reader {
    pub(super) fn new(options: KafkaOptions, lake: &SharedLake) -> Reader {
        Reader {
            consumer: Consumer::new(options).unwrap(),
            lake: Rc::clone(lake),
            buffers: HashMap::new(),
            places: HashMap::new(),
            failures: Vec::new(),
            lost: Vec::new(),
            missing: Vec::new(),
            payloads: Vec::new(),
            trouble: None,
        }
    }

    /// Polls once; returns whether anything happened.
    pub(super) fn poll(&mut self) -> bool {
        let (lake, trouble) = (Rc::clone(&self.lake), self.trouble.clone());
        let mut known = |topic: &str, number: i32| match &trouble {
            Some(trouble) => Err(trouble.clone()),
            None => Ok(lake.borrow().next.get(&(topic.to_owned(), number)).copied()),
        };
        let event = self.consumer.poll(&mut known, Duration::from_millis(20)).unwrap();
        let has_happened = event.is_some();
        match event {
            Some(Event::Message(delivery)) => {
                let payload = delivery.message().payload.unwrap_or_default();
                self.missing
                    .extend(Some(delivery.missing()).filter(|missing| !missing.is_empty()));
                self.payloads.push(String::from_utf8_lossy(payload).into_owned());
                self.buffers
                    .entry(delivery.partition())
                    .or_default()
                    .push(delivery.offset());
            }
            Some(Event::Assigned(id)) => {
                let partition = self.consumer.partition(id).unwrap();
                let place = (partition.topic.clone(), partition.number, partition.next);
                self.places.insert(id, place);
            }
            Some(Event::Revoked(id)) => {
                self.buffers.remove(&id);
                self.places.remove(&id);
            }
            Some(Event::OutOfRange(lost)) => self.lost.push(lost),
            None => {}
        }
        let failures = self.consumer.take_failures();
        self.failures.extend(failures.iter().map(ToString::to_string));
        has_happened
    }

    /// Polls on, until nothing happens or this often.
    pub(super) fn poll_up_to(&mut self, n_polls: usize) {
        let _ = (0..n_polls).all(|_| self.poll());
    }

    /// Polls for a while, whatever happens.
    pub(super) fn poll_for_a_while(&mut self) {
        for _ in 0..20 {
            self.poll();
        }
    }

    pub(super) fn until(&mut self, what: &str, mut is_done: impl FnMut(&Reader) -> bool) {
        let begun = Instant::now();
        while !is_done(self) {
            assert!(
                begun.elapsed() < PATIENCE,
                "{what}: {:?} {:?}",
                self.consumer,
                self.failures
            );
            self.poll();
        }
    }

    pub(super) fn n_read(&self) -> usize {
        self.buffers.values().map(Vec::len).sum()
    }

    pub(super) fn until_read(&mut self, n_messages: usize) {
        self.until("messages", |it| it.n_read() >= n_messages);
    }

    pub(super) fn until_assigned(&mut self, n_partitions: usize) {
        self.until("assignment", |it| it.places.len() == n_partitions);
    }

    pub(super) fn until_at_end(&mut self) {
        self.until("ends", |it| {
            let ids = it.consumer.partitions();
            !ids.is_empty()
                && ids
                    .iter()
                    .all(|id| matches!(it.consumer.standing(*id), Standing::AtEnd { .. }))
        });
    }

    pub(super) fn id(&self, topic: &str, number: i32) -> PartitionId {
        let mut places = self.places.iter();
        let found = places.find(|(_, place)| place.0 == topic && place.1 == number);
        *found.unwrap().0
    }

    pub(super) fn offsets(&self, topic: &str, number: i32) -> Vec<u64> {
        self.buffers
            .get(&self.id(topic, number))
            .cloned()
            .unwrap_or_default()
    }

    /// Commits like the lake does: what somebody else has committed in between is thrown away.
    pub(super) fn commit(&mut self) {
        let mut lake = self.lake.borrow_mut();
        let mut known = Vec::new();
        for (id, offsets) in self.buffers.drain() {
            let Some((topic, number, _)) = self.places.get(&id) else {
                continue;
            };
            let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
                continue;
            };
            let place = (topic.clone(), *number);
            if lake.next.get(&place).copied().unwrap_or(0) == *first {
                lake.next.insert(place.clone(), last + 1);
                lake.read.entry(place).or_default().extend(&offsets);
                known.push((id, last + 1));
            }
        }
        self.consumer.acknowledge(&known);
    }
}

pub(super) fn lake() -> SharedLake {
    SharedLake::default()
}

pub(super) fn known_at(next: &[(&str, i32, u64)]) -> SharedLake {
    let lake = lake();
    let next = next
        .iter()
        .map(|(topic, number, next)| (((*topic).to_owned(), *number), *next));
    lake.borrow_mut().next.extend(next);
    lake
}
