//! One partition on its way into the lake: its logs, what was decoded of them and is not handed on yet, and its books. Never talks to a broker.
//!
//! A commit must move the partition's progress, or it could not be told from another owner's. So the progress stays one message behind what was
//! read while a record is not whole, and entries are handed on only when it is certain that it will move.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::{Equivalent, HashMap};
use slowlake_ingest::Identity;
use slowlake_ingest::kafka::{Line, Mapping, Message, Unmapped};
use slowlake_parse::{Ledger, Span, Tally};

use crate::ingestion::known::Unit;
use crate::ingestion::mixed::{MixedBatch, Owner, Spot};
use crate::ingestion::offset_i64;
use crate::ingestion::round::{Part, TopicBooks};
use crate::ingestion::topics::Exit;
use crate::ingestion::topics::line_log::LineLog;
use crate::ingestion::topics::memory::PartitionMemory;
use crate::ingestion::topics::resumption::Resumption;
use crate::pipeline::ReadOptions;

/// The reason of rejects that say which offsets are no longer there.
const LOST_OFFSETS: &str = "lost_offsets";
/// Offsets between two earlier messages that are looked for: it is quicker to read on than to ask for the second one.
const NEAR_OFFSETS: u64 = 1_000;

/// A partition that is ours.
pub(super) struct PartitionLog {
    unit: Arc<Unit>,
    /// The partition, for what no server can be told of.
    nobody: Arc<Owner>,
    /// The first offset that was not looked at.
    read: u64,
    /// Up to here it has been handed on in rounds.
    handed_on: u64,
    /// Where the lake is, or will be once all rounds are committed.
    prev: Option<i64>,
    /// The unit of progress that this one takes the place of, until it is handed on.
    supersedes: Option<(String, i64)>,
    logs: HashMap<LogName, LineLog>,
    batch: MixedBatch,
    /// Full batches that are held back.
    held_back: Vec<MixedBatch>,
    books: Books,
    /// What is read again, until all is that was looked at before.
    again: Option<Again>,
}

/// Messages that are read again because of records that were not whole, and of earlier ones that later ones need.
struct Again {
    /// Earlier messages, the last one first.
    ranges: Vec<Range<u64>>,
    /// From here on all are.
    from: u64,
}

/// What is counted beside the decoders' books.
#[derive(Default)]
struct Books {
    /// Of lines that went through, and of messages that could not be read.
    bytes: u64,
    ledger: Ledger,
    rejected: BTreeMap<&'static str, Tally>,
    tombstones: u64,
    missing: u64,
}

/// Lines with the same one are one log.
#[derive(Debug, PartialEq, Eq, Hash)]
struct LogName {
    server: String,
    cluster: Option<String>,
    file: String,
}

#[derive(Hash)]
struct LogNameRef<'n> {
    server: &'n str,
    cluster: Option<&'n str>,
    file: &'n str,
}

impl Equivalent<LogName> for LogNameRef<'_> {
    fn equivalent(&self, name: &LogName) -> bool {
        (self.server, self.cluster, self.file) == (&*name.server, name.cluster.as_deref(), &*name.file)
    }
}

/// What is to be done with a partition after one of its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    ReadOn,
    /// Read it from another offset on.
    Seek(u64),
}

/// What reading a message needs.
#[derive(Clone, Copy)]
pub(super) struct Means<'m> {
    pub(super) mapping: &'m Mapping,
    pub(super) options: &'m ReadOptions,
}

impl PartitionLog {
    /// A partition to go on with where the lake is, or to begin with at `start`.
    pub(super) fn new(resumption: &Resumption, start: u64, options: &ReadOptions) -> PartitionLog {
        let source = resumption.source();
        let owner = |server: Option<&str>, cluster: Option<&str>| {
            Arc::new(Owner {
                source: source.clone(),
                server: server.map(str::to_owned),
                cluster: cluster.map(str::to_owned),
            })
        };
        let next = resumption.next().unwrap_or(start);
        let memory = match &resumption.memory {
            Some(memory) => Cow::Borrowed(memory),
            None => Cow::Owned(PartitionMemory {
                read: next,
                logs: Vec::new(),
            }),
        };
        let logs = memory.logs.iter().map(|log| {
            let name = LogName {
                server: log.server.clone(),
                cluster: log.cluster.clone(),
                file: log.file.clone(),
            };
            let owner = owner(Some(&log.server), log.cluster.as_deref());
            (name, LineLog::resumed(owner, log, memory.read, options))
        });
        let logs: HashMap<LogName, LineLog> = logs.collect();
        let from = memory.open_from();
        let mut wanted: Vec<u64> = logs.values().flat_map(LineLog::context_offsets).collect();
        wanted.retain(|offset| *offset < from);
        PartitionLog {
            unit: Arc::new(Unit {
                app_id: resumption.app_id(),
                identity: Identity::of_stream(source.as_bytes()),
                source: source.clone(),
            }),
            nobody: owner(None, None),
            read: memory.read,
            handed_on: next,
            prev: resumption.prev,
            supersedes: resumption.supersedes.clone(),
            logs,
            batch: MixedBatch::default(),
            held_back: Vec::new(),
            books: Books::default(),
            again: (from < memory.read || !wanted.is_empty()).then(|| Again {
                ranges: ranges(wanted),
                from,
            }),
        }
    }

    /// Where to begin to read: perhaps with earlier messages.
    pub(super) fn first_offset(&self) -> u64 {
        self.again.as_ref().map_or(self.read, Again::next)
    }

    /// The next message, or one that is read again.
    pub(super) fn message(
        &mut self,
        message: &Message<'_>,
        offset: u64,
        missing: Range<u64>,
        means: Means<'_>,
    ) -> Then {
        if offset < self.read {
            return self.read_again(message, offset, means);
        }
        self.catch_up();
        self.books.missing += missing.end.saturating_sub(missing.start.max(self.read));
        let mut at = 0;
        let mapped = means.mapping.read(message, &mut |line| {
            let spot = Spot { offset, seq: at };
            // All lines of a message are within its bytes.
            at += line.text.len() as u32 + 1;
            let log = log_of(&mut self.logs, &line, Some((&self.unit.source, self.read)));
            if let Some(log) = log {
                log.push(line.text, spot, means.options, &mut self.batch);
            }
        });
        if let Err(unmapped) = mapped {
            self.reject(&unmapped, message.payload.unwrap_or_default(), offset);
        }
        self.read = offset + 1;
        Then::ReadOn
    }

    /// All that was looked at before was read again, or is not there any more.
    pub(super) fn catch_up(&mut self) {
        if self.again.take().is_some() {
            self.logs.values_mut().for_each(LineLog::learn);
        }
    }

    /// Whether messages are read again.
    pub(super) fn is_catching_up(&self) -> bool {
        self.again.is_some()
    }

    /// Bytes that are held back in records that are not whole.
    pub(super) fn open_bytes(&self) -> u64 {
        self.logs.values().map(LineLog::open_bytes).sum()
    }

    pub(super) fn n_logs(&self) -> usize {
        self.logs.len()
    }

    /// Offsets before `resumed`, where it goes on, are not there any more.
    pub(super) fn lose(&mut self, resumed: u64, options: &ReadOptions) {
        let from = match &mut self.again {
            Some(again) => {
                again.ranges.clear();
                let from = again.from;
                again.from = from.max(resumed);
                from
            }
            None => self.read,
        };
        if resumed <= from {
            return;
        }
        if resumed >= self.read {
            self.catch_up();
            self.finish_logs(options, |_| true);
            self.read = resumed;
        }
        let text = format!("offsets {from} to {} are not there any more", resumed - 1);
        let spot = Spot {
            offset: from,
            // No entry of a message has it.
            seq: i32::MAX as u32,
        };
        self.batch
            .push_unread(text.as_bytes(), LOST_OFFSETS, &self.nobody, spot);
        self.books.rejected.entry(LOST_OFFSETS).or_default().records += 1;
        self.books.missing += resumed - from;
    }

    /// Takes records for whole that nothing was added to for so long; all of them where the partition has no more.
    pub(super) fn settle(&mut self, quiet: Duration, is_at_end: bool, options: &ReadOptions) {
        if is_at_end {
            self.catch_up();
            self.finish_logs(options, |_| true);
        } else if !self.is_catching_up() && self.is_certain() {
            self.finish_logs(options, |log| log.heard_at().elapsed() >= quiet);
        }
    }

    /// Forgets the logs that were not heard of for the longest time, all but so many. What is held back of them is taken for whole.
    pub(super) fn forget_logs(&mut self, n_kept: usize, options: &ReadOptions) {
        let mut times: Vec<_> = self.logs.values().map(LineLog::heard_at).collect();
        times.sort_unstable();
        let Some(since) = times.len().checked_sub(n_kept).and_then(|index| times.get(index)) else {
            return;
        };
        self.finish_logs(options, |log| log.heard_at() < *since);
        let books = &mut self.books;
        self.logs.retain(|_, log| {
            let is_kept = log.heard_at() >= *since;
            if !is_kept {
                books.add(log);
            }
            is_kept
        });
    }

    /// Hands entries on, as far as that may be; all of them at the end of a round. Returns whether it did.
    pub(super) fn pass(&mut self, exit: &mut Exit<'_>, is_end: bool) -> bool {
        let is_due = self.batch.is_full() || is_end && !self.batch.is_empty();
        if is_due {
            let full = std::mem::replace(&mut self.batch, exit.empty());
            self.held_back.push(full);
        }
        if self.held_back.is_empty() || !(self.is_certain() || is_end && self.next() > self.handed_on) {
            return false;
        }
        self.held_back.drain(..).for_each(|batch| exit.pass(batch));
        true
    }

    /// Where the lake will be when all that was handed on is committed.
    pub(super) fn known_to(&self) -> Option<i64> {
        self.prev
    }

    /// What was decoded since the last round, when its entries were passed on; `None` if the progress does not move.
    pub(super) fn part(&mut self) -> Option<Part> {
        let next = self.next();
        if next <= self.handed_on {
            return None;
        }
        self.logs.values_mut().for_each(|log| self.books.add(log));
        let Books {
            bytes,
            ledger,
            rejected,
            tombstones,
            missing,
        } = std::mem::take(&mut self.books);
        let memory = PartitionMemory {
            read: self.read,
            logs: self.logs.values_mut().map(LineLog::memory).collect(),
        };
        let range = Span {
            start: self.handed_on,
            end: next,
        };
        self.handed_on = next;
        Some(Part {
            unit: self.unit.clone(),
            format: Arc::from("topic"),
            prev: self.prev.replace(offset_i64(next)),
            range,
            topic: Some(TopicBooks {
                bytes,
                rejected: rejected.into_iter().collect(),
                tombstones,
                missing,
                memory: memory.to_json(),
                supersedes: self.supersedes.take(),
            }),
            ledger,
            context: Vec::new(),
        })
    }

    /// The progress that can be handed on now.
    fn next(&self) -> u64 {
        if self.is_catching_up() {
            return self.handed_on;
        }
        let is_open = self.logs.values().any(|log| log.open_bytes() > 0);
        (self.read - u64::from(is_open && self.read > 0)).max(self.handed_on)
    }

    /// Whether the progress will move, whatever becomes of records that are not whole.
    fn is_certain(&self) -> bool {
        !self.is_catching_up() && self.read > self.handed_on + 1
    }

    fn read_again(&mut self, message: &Message<'_>, offset: u64, means: Means<'_>) -> Then {
        let Some(again) = &mut self.again else {
            return Then::ReadOn;
        };
        let mut at = 0;
        // What could not be read then cannot be read now, and nobody asks for it.
        let _ = means.mapping.read(message, &mut |line| {
            let spot = Spot { offset, seq: at };
            at += line.text.len() as u32 + 1;
            if let Some(log) = log_of(&mut self.logs, &line, None) {
                log.recall(line.text, spot);
                if offset >= again.from {
                    log.push(line.text, spot, means.options, &mut self.batch);
                }
            }
        });
        again.ranges.retain(|range| range.end > offset + 1);
        let next = again.next();
        if offset + 1 >= self.read {
            self.catch_up();
        } else if next > offset + NEAR_OFFSETS {
            return Then::Seek(next);
        }
        Then::ReadOn
    }

    fn reject(&mut self, unmapped: &Unmapped, payload: &[u8], offset: u64) {
        let reason = match unmapped {
            Unmapped::Tombstone => {
                self.books.tombstones += 1;
                return;
            }
            Unmapped::TooLong { .. } => "message_too_long",
            Unmapped::NotJson { .. } => "message_not_json",
            Unmapped::NoText { .. } => "message_without_text",
            Unmapped::NoServer { .. } => "message_without_server",
            Unmapped::BadName { .. } => "message_with_bad_name",
            _ => "message_unmapped",
        };
        let kept = &payload[..payload.len().min(slowlake_parse::REJECT_BYTES_KEPT)];
        self.batch
            .push_unread(kept, reason, &self.nobody, Spot { offset, seq: 0 });
        let tally = self.books.rejected.entry(reason).or_default();
        tally.records += 1;
        tally.bytes += payload.len() as u64;
        self.books.bytes += payload.len() as u64;
    }

    fn finish_logs(&mut self, options: &ReadOptions, is_meant: impl Fn(&LineLog) -> bool) {
        let open = self.logs.values_mut().filter(|log| log.open_bytes() > 0);
        for log in open.filter(|log| is_meant(log)) {
            log.finish(options, &mut self.batch);
        }
    }
}

impl Again {
    /// The first message that has still to be read again.
    fn next(&self) -> u64 {
        self.ranges.last().map_or(self.from, |range| range.start)
    }
}

impl Books {
    /// Takes over the books of a log.
    fn add(&mut self, log: &mut LineLog) {
        self.bytes += log.take_bytes();
        self.ledger.merge(&log.take_ledger());
        let (reason, (records, bytes)) = log.take_unknown();
        if records > 0 {
            let tally = self.rejected.entry(reason).or_default();
            tally.records += records;
            tally.bytes += bytes;
        }
    }
}

/// The log of a line; a new one only where it is told which source it is of, and from which offset on it is new.
fn log_of<'l>(
    logs: &'l mut HashMap<LogName, LineLog>,
    line: &Line<'_>,
    new: Option<(&String, u64)>,
) -> Option<&'l mut LineLog> {
    let name = LogNameRef {
        server: line.server,
        cluster: line.cluster,
        file: line.file,
    };
    if let Some((source, offset)) = new
        && !logs.contains_key(&name)
    {
        let owner = Owner {
            source: source.clone(),
            server: Some(line.server.to_owned()),
            cluster: line.cluster.map(str::to_owned),
        };
        let name = LogName {
            server: line.server.to_owned(),
            cluster: line.cluster.map(str::to_owned),
            file: line.file.to_owned(),
        };
        let begin = Spot { offset, seq: 0 };
        logs.insert(name, LineLog::new(Arc::new(owner), line.file, begin));
    }
    logs.get_mut(&name)
}

/// Offsets as ranges to be read, the last one first; what is near to each other is one.
fn ranges(mut offsets: Vec<u64>) -> Vec<Range<u64>> {
    offsets.sort_unstable();
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for offset in offsets {
        match ranges.last_mut() {
            Some(last) if offset < last.end + NEAR_OFFSETS => last.end = last.end.max(offset + 1),
            _ => ranges.push(offset..offset + 1),
        }
    }
    ranges.reverse();
    ranges
}
