//! The reading thread of topics: takes messages from a consumer, has the lines in them decoded, and ends a round when it is time or enough was
//! read. Holds records back that may go on in the next message. Never decides what is committed.

mod line_log;
mod memory;
mod partition;
mod resumption;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, bounded};
use slowlake_ingest::kafka::{
    Consumer, DeadLetter, DeadLetters, Event, KafkaTrouble, Mapping, OutOfRange, PartitionId,
};
use slowlake_ingest::{IngestError, Standing};

use crate::ingestion::following::Following;
use crate::ingestion::mixed::MixedBatch;
use crate::ingestion::round::{NobodyListens, Outlet};
use crate::ingestion::topics::partition::{Means, PartitionLog, Then};
use crate::ingestion::topics::resumption::{PartitionName, Resumption};
use crate::pipeline::ReadOptions;

/// The longest wait for a message: what happens by the clock is looked after this often.
const TICK: Duration = Duration::from_millis(100);
/// Logs of one partition that are kept apart. Of more, those that were not heard of for the longest time are forgotten.
const LOGS_MAX: usize = 4_096;
/// The same of all partitions together.
const ALL_LOGS_MAX: usize = 16_384;
/// Bytes of records that are not whole, of all logs together. With more, all of them are taken for whole.
const OPEN_BYTES_MAX: u64 = 64 << 20;
/// How long brokers may take for the dead letters of a round.
const LETTERS_WAIT: Duration = Duration::from_secs(10);

/// Where partitions began, as long as they are assigned to one consumer.
pub(crate) type Starts = HashMap<PartitionId, u64>;

/// What the thread works with.
pub(crate) struct Topics<'t> {
    consumer: &'t mut Consumer,
    /// Where partitions began of which the lake knew nothing.
    starts: &'t mut Starts,
    letters: Option<&'t mut DeadLetters>,
    surroundings: Surroundings<'t>,
    outlet: Outlet,
    partitions: BTreeMap<PartitionId, Owned>,
    /// Where to go on with partitions that are being assigned.
    resumptions: HashMap<PartitionName, Resumption>,
    /// Bytes read since the last round, and when the first of them were.
    round_bytes: u64,
    round_began: Option<Instant>,
    ticked: Instant,
    n_assigned: usize,
    /// Messages that were read, and their bytes.
    read: (u64, u64),
}

/// What the thread knows and does not change.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'t> {
    pub(crate) cluster_id: &'t str,
    pub(crate) mapping: &'t Mapping,
    pub(crate) options: &'t ReadOptions,
    pub(crate) following: Following<'t>,
    /// The thread that commits has ended.
    pub(crate) is_over: &'t AtomicBool,
    pub(crate) progress: &'t AtomicU64,
}

/// A partition that is ours.
struct Owned {
    log: PartitionLog,
    resumption: Resumption,
    /// Whether entries of it were passed on in this round.
    is_in_round: bool,
}

/// Where entries leave the thread.
struct Exit<'e> {
    outlet: &'e mut Outlet,
    letters: Option<&'e mut DeadLetters>,
}

impl Exit<'_> {
    fn empty(&self) -> MixedBatch {
        self.outlet.empty_mixed()
    }

    fn pass(&mut self, batch: MixedBatch) {
        if let Some(letters) = &mut self.letters {
            let rejects = batch
                .rejects()
                .map(|(reject, origin)| (reject.raw, reject.reason.name(), origin));
            for (raw, reason, (owner, spot)) in rejects.chain(batch.unread()) {
                letters.send(&DeadLetter {
                    payload: raw,
                    reason,
                    source: &owner.source,
                    offset: spot.offset,
                    seq: spot.seq,
                });
            }
        }
        self.outlet.pass_mixed(batch);
    }
}

impl<'t> Topics<'t> {
    pub(crate) fn new(
        (consumer, starts): (&'t mut Consumer, &'t mut Starts),
        letters: Option<&'t mut DeadLetters>,
        surroundings: Surroundings<'t>,
        outlet: Outlet,
    ) -> Topics<'t> {
        Topics {
            consumer,
            starts,
            letters,
            surroundings,
            outlet,
            partitions: BTreeMap::new(),
            resumptions: HashMap::new(),
            round_bytes: 0,
            round_began: None,
            ticked: Instant::now(),
            n_assigned: 0,
            read: (0, 0),
        }
    }

    /// Reads until it is told to stop, or until nobody listens. Hands on what is whole at the end; returns how many partitions it was given.
    ///
    /// # Errors
    /// The consumer cannot go on; a new one may.
    pub(crate) fn run(mut self) -> Result<usize, IngestError> {
        self.resume_all()?;
        while !self.surroundings.is_over.load(Ordering::Relaxed) {
            if self.surroundings.following.stop.is_set() {
                // Whoever does not listen any more does not miss it.
                let _ = self.end_round();
                break;
            }
            self.poll()?;
            if self.ticked.elapsed() >= TICK && self.tick().is_err() {
                break;
            }
            if self.round_bytes >= self.surroundings.following.limits.bytes && self.end_round().is_err() {
                break;
            }
        }
        Ok(self.n_assigned)
    }

    /// What was assigned before is read from where the lake is now.
    fn resume_all(&mut self) -> Result<(), IngestError> {
        for id in self.consumer.partitions() {
            let Some(partition) = self.consumer.partition(id) else {
                continue;
            };
            let name = self.name(&partition.topic, partition.number);
            let start = self.starts.get(&id).copied().unwrap_or(partition.next);
            let found = ask(&mut self.outlet, &name, self.surroundings.is_over);
            let resumption = found.map_err(|cause| KafkaTrouble::NoStart {
                topic: name.topic.clone(),
                partition: name.number,
                cause,
            })?;
            self.begin(id, resumption, start);
            if let Some(owned) = self.partitions.get(&id) {
                self.consumer.seek(id, owned.log.first_offset());
            }
        }
        Ok(())
    }

    /// Waits for what happens next, and acts on it.
    fn poll(&mut self) -> Result<(), IngestError> {
        let Topics {
            consumer,
            outlet,
            resumptions,
            surroundings,
            ..
        } = self;
        let mut known = |topic: &str, number: i32| {
            let name = PartitionName {
                cluster_id: surroundings.cluster_id.to_owned(),
                topic: topic.to_owned(),
                number,
            };
            let resumption = ask(outlet, &name, surroundings.is_over)?;
            let is_known = resumption.next().is_some();
            let first = PartitionLog::new(&resumption, 0, surroundings.options).first_offset();
            resumptions.insert(name, resumption);
            Ok(is_known.then_some(first))
        };
        match consumer.poll(&mut known, TICK)? {
            None => {}
            Some(Event::Message(delivery)) => {
                let id = delivery.partition();
                let message = delivery.message();
                let n_bytes = message.payload.map_or(0, <[u8]>::len) as u64;
                let means = Means {
                    mapping: surroundings.mapping,
                    options: surroundings.options,
                };
                let owned = self.partitions.get_mut(&id);
                let then = owned.map_or(Then::ReadOn, |owned| {
                    owned
                        .log
                        .message(&message, delivery.offset(), delivery.missing(), means)
                });
                drop(delivery);
                self.count(n_bytes);
                self.after_message(id, then);
            }
            Some(Event::Assigned(id)) => self.assigned(id),
            Some(Event::Revoked(id)) => self.revoked(id),
            Some(Event::OutOfRange(lost)) => self.out_of_range(lost),
        }
        Ok(())
    }

    fn count(&mut self, n_bytes: u64) {
        self.round_bytes += n_bytes;
        self.read = (self.read.0 + 1, self.read.1 + n_bytes);
        self.surroundings.progress.fetch_add(n_bytes, Ordering::Relaxed);
        self.round_began.get_or_insert_with(Instant::now);
    }

    fn after_message(&mut self, id: PartitionId, then: Then) {
        if let Then::Seek(offset) = then {
            self.consumer.seek(id, offset);
        }
        let Some(owned) = self.partitions.get_mut(&id) else {
            return;
        };
        if owned.log.n_logs() > LOGS_MAX {
            owned
                .log
                .forget_logs(LOGS_MAX - LOGS_MAX / 4, self.surroundings.options);
        }
        let mut exit = Exit {
            outlet: &mut self.outlet,
            letters: self.letters.as_deref_mut(),
        };
        owned.is_in_round |= owned.log.pass(&mut exit, false);
    }

    fn assigned(&mut self, id: PartitionId) {
        let Some(partition) = self.consumer.partition(id) else {
            return;
        };
        let (name, start) = (self.name(&partition.topic, partition.number), partition.next);
        if let Some(resumption) = self.resumptions.remove(&name) {
            self.begin(id, resumption, start);
        }
    }

    fn begin(&mut self, id: PartitionId, resumption: Resumption, start: u64) {
        self.starts.insert(id, start);
        let log = PartitionLog::new(&resumption, start, self.surroundings.options);
        let owned = Owned {
            log,
            resumption,
            is_in_round: false,
        };
        self.n_assigned += 1;
        self.partitions.insert(id, owned);
    }

    /// What is passed on of the partition can still be committed, and is at once: whoever has it next may not have begun with it.
    fn revoked(&mut self, id: PartitionId) {
        if self.partitions.get(&id).is_some_and(|owned| owned.is_in_round) {
            // Whoever does not listen any more does not miss it.
            let _ = self.end_round();
        }
        self.partitions.remove(&id);
        self.starts.remove(&id);
    }

    fn out_of_range(&mut self, lost: OutOfRange) {
        let Some(owned) = self.partitions.get_mut(&lost.partition) else {
            return;
        };
        let options = self.surroundings.options;
        let is_cut = lost.wanted > lost.end;
        match lost.resumed {
            Some(resumed) if is_cut => {
                // The offsets from there on are those of other messages.
                owned.log.settle(Duration::ZERO, true, options);
                // Whoever does not listen any more does not miss it.
                let _ = self.end_round();
                if let Some(owned) = self.partitions.remove(&lost.partition) {
                    let anew = owned.resumption.anew(owned.log.known_to());
                    self.begin(lost.partition, anew, resumed);
                }
            }
            Some(resumed) => owned.log.lose(resumed, options),
            // What was looked at before may go on without its beginnings.
            None if owned.log.is_catching_up() && !is_cut => {
                owned.log.lose(lost.first, options);
                self.consumer.seek(lost.partition, owned.log.first_offset());
            }
            // The consumer has told that it does not read it any further.
            None => {}
        }
    }

    /// Does what is to be done by the clock.
    fn tick(&mut self) -> Result<(), NobodyListens> {
        self.ticked = Instant::now();
        for failure in self.consumer.take_failures() {
            self.outlet.fail(failure.into());
        }
        if let Some(letters) = &mut self.letters {
            for failure in letters.take_failures() {
                self.outlet.fail(failure.into());
            }
        }
        let (limits, options) = (self.surroundings.following.limits, self.surroundings.options);
        let quiet = limits.flush_partial_after;
        let open_bytes: u64 = self.partitions.values().map(|owned| owned.log.open_bytes()).sum();
        let n_logs: usize = self.partitions.values().map(|owned| owned.log.n_logs()).sum();
        for (id, owned) in &mut self.partitions {
            let is_at_end =
                matches!(self.consumer.standing(*id), Standing::AtEnd { quiet: so_long } if so_long >= quiet);
            let was_open = owned.log.open_bytes() > 0;
            owned
                .log
                .settle(quiet, is_at_end || open_bytes > OPEN_BYTES_MAX, options);
            if was_open && is_at_end {
                self.round_began.get_or_insert_with(Instant::now);
            }
            if n_logs > ALL_LOGS_MAX {
                owned
                    .log
                    .forget_logs(owned.log.n_logs() - owned.log.n_logs() / 4, options);
            }
        }
        if self
            .round_began
            .is_some_and(|began| began.elapsed() >= limits.every)
        {
            self.end_round()?;
        }
        Ok(())
    }

    /// Ends a round: everything that is decoded can be committed.
    fn end_round(&mut self) -> Result<(), NobodyListens> {
        self.round_bytes = 0;
        self.round_began = None;
        let mut parts = Vec::new();
        let mut known = Vec::new();
        for (id, owned) in &mut self.partitions {
            let mut exit = Exit {
                outlet: &mut self.outlet,
                letters: self.letters.as_deref_mut(),
            };
            owned.log.pass(&mut exit, true);
            owned.is_in_round = false;
            known.extend(
                owned
                    .log
                    .known_to()
                    .and_then(|next| Some((*id, u64::try_from(next).ok()?))),
            );
            parts.extend(owned.log.part());
        }
        if let Some(letters) = &mut self.letters {
            // At least once: they are there before the lake says that their messages were read.
            letters.flush(LETTERS_WAIT);
        }
        // Behind by one round, for only that is committed by now, if anything is.
        self.consumer.acknowledge(&known);
        self.outlet.end(parts)
    }

    fn name(&self, topic: &str, number: i32) -> PartitionName {
        PartitionName {
            cluster_id: self.surroundings.cluster_id.to_owned(),
            topic: topic.to_owned(),
            number,
        }
    }
}

/// Asks the lake where to go on, once all that was handed on is committed.
fn ask(outlet: &mut Outlet, name: &PartitionName, is_over: &AtomicBool) -> Result<Resumption, String> {
    let (answer, answers) = bounded(1);
    let name = name.clone();
    outlet.ask(Box::new(move |runtime, lake| {
        // Whoever does not wait any more does not miss it.
        let _ = answer.send(Resumption::find(name, runtime, lake));
    }));
    loop {
        match answers.recv_timeout(TICK) {
            Ok(Ok(resumption)) => return Ok(resumption),
            Ok(Err(error)) => return Err(error.to_string()),
            // A question that nobody takes stays in the channel.
            Err(RecvTimeoutError::Timeout) if !is_over.load(Ordering::Relaxed) => {}
            Err(_) => return Err("what was read before could not be committed".to_owned()),
        }
    }
}
