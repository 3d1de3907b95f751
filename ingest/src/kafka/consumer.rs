//! A consumer of a group that begins with each partition where its caller says, and tells whatever happens to a partition as an event. Never
//! blocks longer than it is asked to while brokers answer, and never asks the group for an offset.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;

use crate::error::IngestError;
use crate::follow::Standing;
use crate::kafka::assignment::{Assignment, Partition, PartitionId};
use crate::kafka::context::{Context, Place, unread};
use crate::kafka::message::Delivery;
use crate::kafka::options::{KafkaOptions, NoOffset, OutOfRangePolicy};
use crate::kafka::trouble::KafkaTrouble;

/// How long is waited for a broker to say where a partition begins and ends.
const RANGE_WAIT: Duration = Duration::from_secs(5);
/// What failed is tried again after so long.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The same trouble is told again after so long.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// How far a partition (topic, number) is known, as the offset to read next: `None` if nothing is known of it, an error if that cannot be told for
/// now. It is asked whenever the partition is assigned, on the thread that polls.
pub type KnownOffsets<'k> = dyn FnMut(&str, i32) -> Result<Option<u64>, String> + 'k;

/// What happened.
#[derive(Debug)]
pub enum Event<'c> {
    /// A message came, the next of its partition.
    Message(Delivery<'c>),
    /// A partition is ours from now on.
    Assigned(PartitionId),
    /// A partition is no longer ours: somebody else begins with it where it is known, so that what was read of it and is not known is to be thrown
    /// away.
    Revoked(PartitionId),
    /// What was to be read next is not there.
    OutOfRange(OutOfRange),
}

/// An offset to read next that is not in its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange {
    /// The partition.
    pub partition: PartitionId,
    /// The offset to read next. Before `first` if retention was quicker than we; behind `end` if the partition was cut off or made anew.
    pub wanted: u64,
    /// The first offset that is there.
    pub first: u64,
    /// The end of what is there, exclusive.
    pub end: u64,
    /// Where it is read on, by policy; `None` if it is not. If that is before `wanted`, the offsets are of other messages than those that were
    /// read before.
    pub resumed: Option<u64>,
}

/// Reads the partitions of some topics that the group gives it.
///
/// One thread calls [`poll`](Consumer::poll), again and again. A reader that is behind either just does not poll for a while, for the queue is
/// bounded, or, if that may be minutes (`max.poll.interval.ms`), pauses partitions and polls on.
///
/// Dropping it leaves the group.
pub struct Consumer {
    client: BaseConsumer<Context>,
    options: KafkaOptions,
    assignment: Assignment,
    events: VecDeque<Event<'static>>,
    failures: Vec<IngestError>,
    told: Vec<(String, Instant)>,
    /// What the last poll ran into.
    met: Option<KafkaError>,
    /// What could not be assigned is tried again then.
    retry_at: Option<Instant>,
    /// Some partition lost what was to be read next; the client does not say which.
    is_range_lost: bool,
}

impl Consumer {
    /// A consumer that has asked to join its group.
    ///
    /// # Errors
    /// The first that [`KafkaOptions::check`] finds, and those of properties that do not go together or of a pattern that cannot be read. That no broker
    /// answers is none: see [`take_failures`](Consumer::take_failures).
    pub fn new(options: KafkaOptions) -> Result<Consumer, IngestError> {
        Ok(Self::join(options)?)
    }

    fn join(options: KafkaOptions) -> Result<Consumer, KafkaTrouble> {
        if let Some(trouble) = options.check().into_iter().next() {
            return Err(trouble);
        }
        let client: BaseConsumer<Context> = options
            .client_config()
            .create_with_context(Context::default())
            .map_err(client_trouble)?;
        let topics: Vec<&str> = options.topics.iter().map(String::as_str).collect();
        client.subscribe(&topics).map_err(client_trouble)?;
        Ok(Consumer {
            client,
            options,
            assignment: Assignment::default(),
            events: VecDeque::new(),
            failures: Vec::new(),
            told: Vec::new(),
            met: None,
            retry_at: None,
            is_range_lost: false,
        })
    }

    /// Waits for what happens next, at most this long; `None` if nothing did, or nothing that concerns the caller.
    ///
    /// # Errors
    /// [`KafkaTrouble::Fatal`]: a new consumer is needed.
    pub fn poll(
        &mut self,
        known: &mut KnownOffsets<'_>,
        longest: Duration,
    ) -> Result<Option<Event<'_>>, IngestError> {
        self.meet()?;
        self.take_notes();
        self.assign_given(known);
        self.find_lost_ranges();
        if let Some(event) = self.events.pop_front() {
            return Ok(Some(event));
        }
        let message = match self.client.poll(longest) {
            None => return Ok(None),
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                self.met = Some(error);
                return Ok(None);
            }
        };
        // A message has an offset that is not negative.
        let offset = u64::try_from(message.offset()).unwrap_or_default();
        let received = self
            .assignment
            .receive(message.topic(), message.partition(), offset);
        Ok(received.map(|(partition, missing)| {
            Event::Message(Delivery {
                inner: message,
                partition,
                offset,
                missing,
            })
        }))
    }

    /// All partitions that are ours, in the order in which they were assigned.
    pub fn partitions(&self) -> Vec<PartitionId> {
        self.assignment.ids().collect()
    }

    /// One of them; `None` once it was taken away.
    pub fn partition(&self, id: PartitionId) -> Option<&Partition> {
        self.assignment.get(id)
    }

    /// Whether there is more of a partition. [`Standing::Finished`] is one that was taken away.
    pub fn standing(&self, id: PartitionId) -> Standing {
        self.assignment.standing(id)
    }

    /// Reads no more of a partition until it is resumed. What was fetched of it is fetched again then.
    pub fn pause(&mut self, id: PartitionId) {
        self.set_paused(id, true);
    }

    /// Reads a partition again that was paused.
    pub fn resume(&mut self, id: PartitionId) {
        self.set_paused(id, false);
    }

    /// Reads a partition from another offset on: what is known of it turned out to be something else, or a stopped one is to be read after all.
    pub fn seek(&mut self, id: PartitionId, offset: u64) {
        let is_stopped = self.assignment.get(id).is_some_and(|it| it.is_stopped);
        self.assignment.set_next(id, offset);
        self.reassign(&[id]);
        if is_stopped {
            self.apply_pause(id);
        }
    }

    /// Tells the group how far partitions are known (the offsets to read next), for those who watch its lag. Nothing depends on it: it is not
    /// waited for, and left out while the group is balanced.
    pub fn acknowledge(&self, known: &[(PartitionId, u64)]) {
        let mut list = TopicPartitionList::with_capacity(known.len());
        for (id, next) in known {
            if let Some(partition) = self.assignment.get(*id) {
                add(&mut list, &(partition.topic.clone(), partition.number), *next);
            }
        }
        if list.count() > 0 && self.client.context().notes().given.is_none() {
            // A courtesy that fails does no harm.
            let _ = self.client.commit(&list, CommitMode::Async);
        }
    }

    /// What failed since the last call; each only once a minute. The client goes on trying by itself.
    pub fn take_failures(&mut self) -> Vec<IngestError> {
        mem::take(&mut self.failures)
    }

    /// The id of the cluster, which tells topics of the same name apart; `None` if no broker has said so in this time.
    pub fn cluster_id(&self, longest: Duration) -> Option<String> {
        self.client.client().fetch_cluster_id(longest)
    }

    fn take_notes(&mut self) {
        let mut notes = self.client.context().notes();
        let taken = mem::take(&mut notes.taken);
        let ends = mem::take(&mut notes.ends);
        drop(notes);
        for (topic, number) in taken {
            let removed = self.assignment.remove(&topic, number);
            // The client remembers what was paused, even if it is somebody else's in between.
            let resumed = self.client.resume(&unread(&[(topic, number)]));
            self.tell_if_failed(resumed);
            self.events.extend(removed.map(Event::Revoked));
        }
        for ((topic, number), end) in ends {
            self.assignment.set_end(&topic, number, end);
        }
    }

    /// Assigns what the group gave us, each partition from where it is known.
    fn assign_given(&mut self, known: &mut KnownOffsets<'_>) {
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        self.retry_at = None;
        let Some(given) = self.client.context().notes().given.clone() else {
            return;
        };
        let starts: Result<Vec<u64>, KafkaTrouble> =
            given.iter().map(|place| self.start(place, known)).collect();
        let starts = match starts {
            Ok(starts) => starts,
            Err(trouble) => {
                self.tell(trouble);
                self.retry_at = Some(Instant::now() + RETRY_AFTER);
                return;
            }
        };
        self.client.context().notes().given = None;
        let mut list = TopicPartitionList::with_capacity(given.len());
        for (place, start) in given.iter().zip(&starts) {
            add(&mut list, place, *start);
        }
        let assigned = self.client.incremental_assign(&list);
        self.tell_if_failed(assigned);
        for ((topic, number), start) in given.iter().zip(starts) {
            let id = self.assignment.add(topic, *number, start);
            self.events.push_back(Event::Assigned(id));
        }
    }

    /// Where to begin with a partition.
    fn start(&self, (topic, number): &Place, known: &mut KnownOffsets<'_>) -> Result<u64, KafkaTrouble> {
        let cannot_tell = |cause| KafkaTrouble::NoStart {
            topic: topic.clone(),
            partition: *number,
            cause,
        };
        if let Some(offset) = known(topic, *number).map_err(cannot_tell)? {
            return Ok(offset);
        }
        let (first, end) = self.range(topic, *number).map_err(cannot_tell)?;
        Ok(match self.options.no_offset {
            NoOffset::Earliest => first,
            NoOffset::Latest => end,
        })
    }

    /// The first offset that is there, and the end.
    fn range(&self, topic: &str, number: i32) -> Result<(u64, u64), String> {
        let (first, end) = self
            .client
            .fetch_watermarks(topic, number, RANGE_WAIT)
            .map_err(|error| error.to_string())?;
        match (u64::try_from(first), u64::try_from(end)) {
            (Ok(first), Ok(end)) => Ok((first, end)),
            _ => Err("its leader does not know its offsets".to_owned()),
        }
    }

    /// Finds out in which partitions the offset to read next is not there, and goes on with them by policy.
    fn find_lost_ranges(&mut self) {
        if !self.is_range_lost || self.retry_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let ids: Vec<PartitionId> = self.assignment.ids().collect();
        let mut lost = Vec::new();
        for id in &ids {
            let Some(partition) = self.assignment.get(*id).filter(|it| !it.is_stopped) else {
                continue;
            };
            match self.range(&partition.topic, partition.number) {
                Ok((first, end)) if (first..=end).contains(&partition.next) => {}
                Ok(range) => lost.push((*id, range)),
                Err(cause) => {
                    self.tell(KafkaTrouble::Passing { cause });
                    self.retry_at = Some(Instant::now() + RETRY_AFTER);
                    return;
                }
            }
        }
        self.is_range_lost = false;
        for (id, range) in lost {
            self.lose(id, range);
        }
        // The client has stopped those it found out of range, perhaps for a moment only; it takes no harm to begin with the others again.
        self.reassign(&ids);
    }

    fn lose(&mut self, id: PartitionId, (first, end): (u64, u64)) {
        let Some(partition) = self.assignment.get_mut(id) else {
            return;
        };
        let wanted = partition.next;
        let resumed = match self.options.out_of_range {
            OutOfRangePolicy::Earliest => Some(first),
            OutOfRangePolicy::Latest => Some(end),
            OutOfRangePolicy::Fail => None,
        };
        let (topic, number) = (partition.topic.clone(), partition.number);
        match resumed {
            Some(next) => self.assignment.set_next(id, next),
            None => {
                partition.is_stopped = true;
                self.apply_pause(id);
                self.tell(KafkaTrouble::OutOfRange {
                    topic,
                    partition: number,
                    wanted,
                    first,
                    end,
                });
            }
        }
        self.events.push_back(Event::OutOfRange(OutOfRange {
            partition: id,
            wanted,
            first,
            end,
            resumed,
        }));
    }

    /// Takes partitions from the client and gives them back, to be read from where our books are.
    fn reassign(&mut self, ids: &[PartitionId]) {
        let mut old = TopicPartitionList::with_capacity(ids.len());
        let mut new = TopicPartitionList::with_capacity(ids.len());
        for partition in ids.iter().filter_map(|id| self.assignment.get(*id)) {
            let place = (partition.topic.clone(), partition.number);
            add(&mut old, &place, partition.next);
            // What is not there must not be asked for again; it is paused.
            let next = if partition.is_stopped { 0 } else { partition.next };
            add(&mut new, &place, next);
        }
        if old.count() == 0 {
            return;
        }
        let unassigned = self.client.incremental_unassign(&old);
        self.tell_if_failed(unassigned);
        let assigned = self.client.incremental_assign(&new);
        self.tell_if_failed(assigned);
    }

    fn set_paused(&mut self, id: PartitionId, is_paused: bool) {
        let Some(partition) = self.assignment.get_mut(id).filter(|it| it.is_paused != is_paused) else {
            return;
        };
        partition.is_paused = is_paused;
        self.apply_pause(id);
    }

    /// Tells the client whether a partition is to be read.
    fn apply_pause(&mut self, id: PartitionId) {
        let Some(partition) = self.assignment.get(id) else {
            return;
        };
        let list = unread(&[(partition.topic.clone(), partition.number)]);
        let result = if partition.is_paused || partition.is_stopped {
            self.client.pause(&list)
        } else {
            self.client.resume(&list)
        };
        self.tell_if_failed(result);
    }

    /// Acts on what the last poll ran into.
    fn meet(&mut self) -> Result<(), KafkaTrouble> {
        let Some(error) = self.met.take() else {
            return Ok(());
        };
        let cause = mem::take(&mut self.client.context().notes().reason);
        match error {
            KafkaError::PartitionEOF(number) => self.assignment.reach_end(number, end_in(&cause)),
            KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset) => self.is_range_lost = true,
            KafkaError::MessageConsumptionFatal(_) => return Err(KafkaTrouble::Fatal { cause }),
            _ if cause.is_empty() => self.tell(KafkaTrouble::Passing {
                cause: error.to_string(),
            }),
            _ => self.tell(KafkaTrouble::Passing { cause }),
        }
        Ok(())
    }

    fn tell_if_failed(&mut self, result: Result<(), KafkaError>) {
        if let Err(error) = result {
            self.tell(KafkaTrouble::Passing {
                cause: error.to_string(),
            });
        }
    }

    fn tell(&mut self, trouble: KafkaTrouble) {
        let text = trouble.to_string();
        // How long something took is another number every time.
        let kind: String = text.chars().filter(|letter| !letter.is_ascii_digit()).collect();
        self.told.retain(|(_, told)| told.elapsed() < TELL_AGAIN_AFTER);
        if !self.told.iter().any(|(other, _)| *other == kind) {
            self.told.push((kind, Instant::now()));
            self.failures.push(trouble.into());
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let mut notes = self.client.context().notes();
        notes.is_closing = true;
        let given = notes.given.take();
        drop(notes);
        if let Some(given) = given {
            // The group waits for it. Nothing of them is read.
            let _ = self.client.incremental_assign(&unread(&given));
        }
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("options", &self.options)
            .field("assignment", &self.assignment)
            .finish_non_exhaustive()
    }
}

pub(super) fn client_trouble(error: KafkaError) -> KafkaTrouble {
    let cause = match error {
        KafkaError::ClientCreation(cause) | KafkaError::Subscription(cause) => cause,
        KafkaError::ClientConfig(_, cause, ..) => cause,
        other => other.to_string(),
    };
    KafkaTrouble::Client { cause }
}

fn add(list: &mut TopicPartitionList, (topic, number): &Place, offset: u64) {
    let offset = Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
    // A list takes every offset that is not negative.
    let _ = list.add_partition_offset(topic, *number, offset);
}

/// The offset that the client names when it reached an end: "Fetch from broker 1 reached end of partition at offset 12 (HighwaterMark 12)".
fn end_in(reason: &str) -> Option<u64> {
    let (_, rest) = reason.split_once("at offset ")?;
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_of_an_end_is_read() {
        let check = |reason: &str, expect| assert_eq!(end_in(reason), expect, "{reason}");
        check(
            "Fetch from broker 1 reached end of partition at offset 12 (HighwaterMark 12)",
            Some(12),
        );
        check("reached end of partition at offset 7", Some(7));
        check("reached end of partition at offset INVALID", None);
        check("", None);
    }
}
