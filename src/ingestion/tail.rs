//! The reading thread of following: reads what was written to any of the followed files, decodes it, and ends a round when it is time or
//! enough was read. Holds a record back that may still be being written. Never decides what is committed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use slowlake_ingest::{Begin, Follower, GenerationId, IngestError, Standing};
use slowlake_parse::{DETECT_BYTES, Decoder, Format, Span, has_only_banner};

use crate::ingestion::following::Following;
use crate::ingestion::known::Known;
use crate::ingestion::log::Log;
use crate::ingestion::resume::{Resume, Seen, lasting_path, teach};
use crate::ingestion::round::{NobodyListens, Outlet};
use crate::pipeline::{ReadOptions, SourceFailure, choose_format};

/// Bytes read of one file before it is another one's turn.
const TURN_BYTES: u64 = 4 * 1024 * 1024;
/// First bytes that are enough to tell a format at once.
const HEAD_BYTES_ENOUGH: u64 = 16 * 1024;
/// The longest wait for a change: what happens by the clock is looked after this often.
const TICK: Duration = Duration::from_millis(500);

/// What the thread works with.
pub(crate) struct Tail<'t> {
    follower: &'t mut Follower,
    surroundings: Surroundings<'t>,
    outlet: Outlet,
    logs: BTreeMap<GenerationId, Log>,
    /// Files of which not enough is there to begin with them.
    waiting: HashMap<GenerationId, Waiting>,
    /// Files in which nothing is understood.
    refused: HashSet<GenerationId>,
    /// What fails now, so that it is said once.
    failing: HashMap<GenerationId, String>,
    /// Bytes read since the last round, and when the first of them were.
    round_bytes: u64,
    round_began: Option<Instant>,
    chunk: Vec<u8>,
    n_begun: usize,
}

/// What the thread knows and does not change.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'t> {
    pub(crate) known: &'t Mutex<Known>,
    pub(crate) server: &'t str,
    pub(crate) options: &'t ReadOptions,
    pub(crate) following: Following<'t>,
    /// The thread that commits has ended.
    pub(crate) is_over: &'t AtomicBool,
    pub(crate) progress: &'t AtomicU64,
}

struct Waiting {
    since: Instant,
    /// Bytes that were not enough.
    tried_bytes: u64,
}

impl<'t> Tail<'t> {
    pub(crate) fn new(
        follower: &'t mut Follower,
        surroundings: Surroundings<'t>,
        outlet: Outlet,
    ) -> Tail<'t> {
        Tail {
            follower,
            surroundings,
            outlet,
            logs: BTreeMap::new(),
            waiting: HashMap::new(),
            refused: HashSet::new(),
            failing: HashMap::new(),
            round_bytes: 0,
            round_began: None,
            chunk: Vec::new(),
            n_begun: 0,
        }
    }

    /// Reads until it is told to stop, or until nobody listens. Hands on what is whole at the end; returns how many files it read.
    pub(crate) fn run(mut self) -> usize {
        while !self.surroundings.is_over.load(Ordering::Relaxed) {
            if self.surroundings.following.stop.is_set() {
                // Whoever does not listen any more does not miss it.
                let _ = self.end_round();
                break;
            }
            match self.turn() {
                Ok(0) => self.follower.wait(TICK),
                Ok(_) => {}
                Err(NobodyListens) => break,
            }
        }
        self.n_begun
    }

    /// One turn of every file; returns how much was read.
    fn turn(&mut self) -> Result<u64, NobodyListens> {
        let known = self.surroundings.known;
        let next = |head: &[u8]| u64::try_from(lock(known).find(head)?.next).ok();
        self.follower.scan(&mut |head| next(head));
        for failure in self.follower.take_failures() {
            self.outlet.fail(failure.into());
        }
        let mut total_bytes = 0;
        for id in self.follower.generations() {
            if self.surroundings.following.stop.is_set() {
                break;
            }
            let n_bytes = self.advance(id);
            total_bytes += n_bytes;
            self.round_bytes += n_bytes;
            if n_bytes > 0 && self.round_began.is_none() {
                self.round_began = Some(Instant::now());
            }
            if self.round_bytes >= self.surroundings.following.limits.bytes {
                self.end_round()?;
            }
        }
        let every = self.surroundings.following.limits.every;
        if self.round_began.is_some_and(|began| began.elapsed() >= every) {
            self.end_round()?;
        }
        self.forget_closed();
        self.note_behind();
        Ok(total_bytes)
    }

    /// Notes how much is there that was not read yet. What is packed is not counted: nobody knows how much it is.
    fn note_behind(&self) {
        let unread = |id: GenerationId| {
            let generation = self.follower.generation(id)?;
            let read = self.logs.get(&id).map_or(generation.begin_at(), |log| log.read);
            let counts = !generation.is_archive() && !self.refused.contains(&id);
            counts.then(|| generation.size().saturating_sub(read))
        };
        let bytes = self.follower.generations().into_iter().filter_map(unread).sum();
        self.surroundings.following.behind.set(bytes);
    }

    /// Reads on in one file; returns how much was read.
    fn advance(&mut self, id: GenerationId) -> u64 {
        if !self.logs.contains_key(&id) && !self.begin(id) {
            return 0;
        }
        let Some(log) = self.logs.get_mut(&id) else {
            return 0;
        };
        let began_at = log.read;
        let mut result = Ok(());
        while !log.is_done && log.read - began_at < TURN_BYTES {
            match self.follower.standing(id, log.read) {
                Standing::Unread => {}
                Standing::AtEnd { quiet } => {
                    if quiet >= self.surroundings.following.limits.flush_partial_after && log.has_record() {
                        log.finish(&mut self.outlet);
                        let decoder = taught(self.follower, id, log, self.surroundings.options);
                        result = decoder.map(|decoder| log.replace_decoder(decoder));
                        self.round_began.get_or_insert_with(Instant::now);
                    }
                    break;
                }
                Standing::Finished => {
                    log.finish(&mut self.outlet);
                    log.is_done = true;
                    self.round_began.get_or_insert_with(Instant::now);
                    break;
                }
            }
            let limit = self.surroundings.options.chunk_bytes;
            result = self.follower.read_at(id, log.read, &mut self.chunk, limit);
            if result.is_err() || self.chunk.is_empty() {
                break;
            }
            log.push(&self.chunk, &mut self.outlet);
        }
        self.outlet.pass(&log.unit);
        let n_bytes = log.read - began_at;
        self.surroundings.progress.fetch_add(n_bytes, Ordering::Relaxed);
        match result.map_err(SourceFailure::from) {
            Ok(()) => drop(self.failing.remove(&id)),
            Err(failure) => {
                // The record before a damage may go on in a better copy.
                log.is_done |= !is_passing(&failure);
                self.fail(id, failure);
            }
        }
        n_bytes
    }

    /// Begins with a file as soon as enough of it is there to tell what it is.
    fn begin(&mut self, id: GenerationId) -> bool {
        let Some(generation) = self.follower.generation(id) else {
            return false;
        };
        let is_whole = generation.is_archive() || self.follower.standing(id, u64::MAX) == Standing::Finished;
        let size = generation.size();
        let waiting = self.waiting.entry(id).or_insert_with(|| Waiting {
            since: Instant::now(),
            tried_bytes: 0,
        });
        let is_ripe = size >= HEAD_BYTES_ENOUGH
            || waiting.since.elapsed() >= self.surroundings.following.limits.flush_partial_after;
        let has_grown = size > waiting.tried_bytes;
        if self.refused.contains(&id) {
            if is_whole {
                self.follower.close(id);
            }
            return false;
        }
        if !(is_whole || is_ripe && has_grown) {
            return false;
        }
        let began = match self.try_begin(id, is_whole || size >= HEAD_BYTES_ENOUGH) {
            Ok(began) => began,
            Err(failure) => {
                if !is_passing(&failure) {
                    self.refused.insert(id);
                }
                self.fail(id, failure);
                return false;
            }
        };
        if began {
            self.waiting.remove(&id);
        } else if is_whole {
            self.follower.close(id);
        } else if let Some(waiting) = self.waiting.get_mut(&id) {
            waiting.tried_bytes = size;
        }
        began
    }

    /// `false` where more has to be there; with `is_enough` it is not waited for more to tell the format.
    fn try_begin(&mut self, id: GenerationId, is_enough: bool) -> Result<bool, SourceFailure> {
        let mut head = Vec::new();
        let span = Span {
            start: 0,
            end: DETECT_BYTES as u64,
        };
        read_span(self.follower, id, span, &mut head)?;
        let has_line = is_enough || head.contains(&b'\n');
        // A log that was just opened: it is not told from others yet, and there is nothing in it to keep.
        if head.is_empty() || !has_line || has_only_banner(&head) {
            return Ok(false);
        }
        let Some(generation) = self.follower.generation(id) else {
            return Ok(false);
        };
        let format = match choose_format(&generation.name(), &head, self.surroundings.options) {
            Ok(format) => format,
            Err(_) if !is_enough => return Ok(false),
            Err(failure) => return Err(failure),
        };
        if self.follower.begin(id) != Begin::Now {
            return Ok(false);
        }
        self.begin_with(id, format, &head)?;
        Ok(true)
    }

    fn begin_with(&mut self, id: GenerationId, format: Format, head: &[u8]) -> Result<(), IngestError> {
        let Some(generation) = self.follower.generation(id) else {
            return Ok(());
        };
        let seen = Seen {
            server: self.surroundings.server,
            path: lasting_path(generation.path()),
            identity: generation.identity(),
            head,
        };
        let resume = Resume::find(&lock(self.surroundings.known), seen, generation.begin_at());
        let mut decoder = Decoder::new(&format, self.surroundings.options.zone.clone(), resume.offset);
        teach(&resume.context, &mut decoder, &mut |span, record| {
            read_span(self.follower, id, span, record)
        })?;
        self.n_begun += 1;
        self.logs.insert(id, Log::new(resume, format, decoder));
        Ok(())
    }

    /// Ends a round: everything that is decoded can be committed.
    fn end_round(&mut self) -> Result<(), NobodyListens> {
        self.round_bytes = 0;
        self.round_began = None;
        let mut parts = Vec::new();
        for (id, log) in &mut self.logs {
            let identity = self.follower.generation(*id).map(|it| it.identity());
            if let Some(identity) = identity.filter(|it| it.prefix_bytes > log.unit.identity.prefix_bytes) {
                // What was short when it was first seen has more to be recognised by now.
                std::sync::Arc::make_mut(&mut log.unit).identity = identity;
            }
            parts.extend(log.part());
        }
        self.outlet.end(parts)
    }

    /// Closes what was read to its end once all of it is in the lake, and forgets what is gone.
    fn forget_closed(&mut self) {
        let known = lock(self.surroundings.known);
        let follower = &mut *self.follower;
        self.logs.retain(|id, log| {
            let is_over = log.is_done && log.is_kept(known.next(&log.unit.app_id));
            if is_over {
                follower.close(*id);
            }
            !is_over
        });
        self.waiting.retain(|id, _| follower.generation(*id).is_some());
        self.refused.retain(|id| follower.generation(*id).is_some());
        self.failing.retain(|id, _| follower.generation(*id).is_some());
    }

    /// Says that a file fails, unless that was said already.
    fn fail(&mut self, id: GenerationId, failure: SourceFailure) {
        let text = failure.to_string();
        if self.failing.get(&id) != Some(&text) {
            self.failing.insert(id, text);
            self.outlet.fail(failure);
        }
    }
}

/// Whether what failed may be in order the next time. Damage stays, and so does what nobody understands.
fn is_passing(failure: &SourceFailure) -> bool {
    matches!(
        failure,
        SourceFailure::Read(IngestError::Read { .. } | IngestError::Open { .. })
    )
}

/// The decoder that goes on with a log whose decoder has finished: as one that begins there after a restart.
fn taught(
    follower: &mut Follower,
    id: GenerationId,
    log: &mut Log,
    options: &ReadOptions,
) -> Result<Decoder, IngestError> {
    let mut decoder = Decoder::new(&log.format, options.zone.clone(), log.read);
    teach(&log.context(), &mut decoder, &mut |span, record| {
        read_span(follower, id, span, record)
    })?;
    Ok(decoder)
}

/// Appends the bytes of a span to `record`, as far as they are there.
fn read_span(
    follower: &mut Follower,
    id: GenerationId,
    span: Span,
    record: &mut Vec<u8>,
) -> Result<(), IngestError> {
    let mut chunk = Vec::new();
    let mut offset = span.start;
    while offset < span.end {
        let limit = usize::try_from(span.end - offset).unwrap_or(usize::MAX);
        follower.read_at(id, offset, &mut chunk, limit)?;
        if chunk.is_empty() {
            break;
        }
        offset += chunk.len() as u64;
        record.extend_from_slice(&chunk);
    }
    Ok(())
}

/// Locks what is known. Nothing that holds the lock can leave it half changed.
pub(crate) fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}
