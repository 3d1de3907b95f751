//! What the client calls back with while it is polled: assignments, errors, statistics. Notes them for the consumer, which acts on them when the
//! poll is over; only what must be done at once is done here.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

/// A topic and the number of one of its partitions.
pub(super) type Place = (String, i32);

/// What was noted since the last time somebody looked.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Partitions that were given to us. The group waits until they are assigned, if it is only to an empty list.
    pub(super) given: Option<Vec<Place>>,
    /// Partitions that were taken from us.
    pub(super) taken: Vec<Place>,
    /// Where partitions end.
    pub(super) ends: Vec<(Place, u64)>,
    /// What the client said last about an error.
    pub(super) reason: String,
    /// The consumer goes away: nothing that is given to it will be read.
    pub(super) is_closing: bool,
}

/// Receives what the client calls back with.
#[derive(Debug, Default)]
pub(super) struct Context(Mutex<Notes>);

impl Context {
    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        // Whoever panicked left whole notes: they are only replaced.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(&self, consumer: &BaseConsumer<Context>, places: Vec<Place>) {
        let mut notes = self.notes();
        if notes.is_closing {
            drop(notes);
            // They are taken away again at once, but only what was assigned can be.
            self.note_failure(consumer.incremental_assign(&unread(&places)));
            return;
        }
        notes.given.get_or_insert_default().extend(places);
    }

    fn take(&self, consumer: &BaseConsumer<Context>, taken: &TopicPartitionList) {
        let waiting = self.notes().given.take();
        if let Some(waiting) = waiting {
            // The group goes on only when they were assigned. What is left of them is assigned later, from where it is known.
            self.note_failure(consumer.incremental_assign(&unread(&waiting)));
            let is_left = |(topic, number): &Place| taken.find_partition(topic, *number).is_none();
            let left: Vec<Place> = waiting.into_iter().filter(is_left).collect();
            if !left.is_empty() {
                self.note_failure(consumer.incremental_unassign(&unread(&left)));
                self.notes().given = Some(left);
            }
        }
        self.note_failure(consumer.incremental_unassign(taken));
        self.notes().taken.extend(places(taken));
    }

    fn note_failure(&self, result: Result<(), KafkaError>) {
        if let Err(error) = result {
            self.notes().reason = error.to_string();
        }
    }
}

impl ClientContext for Context {
    fn error(&self, _: KafkaError, reason: &str) {
        reason.clone_into(&mut self.notes().reason);
    }

    fn stats(&self, statistics: Statistics) {
        let mut ends = mem::take(&mut self.notes().ends);
        ends.clear();
        for (topic, of_topic) in statistics.topics {
            for (number, partition) in of_topic.partitions {
                // What is not committed yet cannot be read.
                let end = [partition.ls_offset, partition.hi_offset]
                    .into_iter()
                    .find(|end| *end >= 0);
                if let Some(end) = end.and_then(|end| u64::try_from(end).ok()) {
                    ends.push(((topic.clone(), number), end));
                }
            }
        }
        self.notes().ends = ends;
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, err: RDKafkaRespErr, tpl: &mut TopicPartitionList) {
        match err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.give(consumer, places(tpl)),
            _ => self.take(consumer, tpl),
        }
    }

    fn commit_callback(&self, _: Result<(), KafkaError>, _: &TopicPartitionList) {
        // A courtesy that did not arrive does no harm; the next one says the same and more.
    }
}

/// The partitions of a list.
fn places(list: &TopicPartitionList) -> Vec<Place> {
    let place = |it: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        (it.topic().to_owned(), it.partition())
    };
    list.elements().iter().map(place).collect()
}

/// A list of partitions of which nothing will be read.
pub(super) fn unread(places: &[Place]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(places.len());
    for (topic, number) in places {
        // Every offset that is not negative is one that a list takes.
        let _ = list.add_partition_offset(topic, *number, Offset::Beginning);
    }
    list
}
