//! Follows files that are being written, through every kind of rotation: finds them, notices when one was put aside, cut off, removed or
//! copied, and hands out the bytes of each of their generations by position. Never decides what the bytes mean nor how far they are kept:
//! its reader says where to begin with a generation, and when it is done with it.
//!
//! A file that is renamed or removed is read on through its open descriptor until it has been quiet for [`FollowOptions::grace`]. A file
//! that is cut off after it was copied (`copytruncate`) is read on in the copy. What the rotating tool itself loses, that is what was
//! written between its copy and its cut, is in no file and cannot be read by anybody; [`FollowCounts`] says how often that may have been.

mod candidates;
mod generation;
mod rotation;
mod watch;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use crate::discover::has_pattern;
use crate::error::IngestError;
use crate::follow::candidates::{Candidate, FileKey, look};
use crate::follow::generation::{Check, Stage};
use crate::follow::watch::{Watch, folder_of};

pub use crate::follow::generation::Generation;
pub use crate::follow::watch::Waker;

/// How many generations are followed at once.
pub const FOLLOWED_MAX: usize = 16_384;

/// How often folders are listed where the system tells of changes in them, and where not.
const LOOK_TOLD: Duration = Duration::from_secs(5);
const LOOK_UNTOLD: Duration = Duration::from_secs(1);

/// How long a file may be missing without a word, when there was something to follow.
const MISSING: Duration = Duration::from_secs(5);

/// How files are followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowOptions {
    /// Files, folders and patterns, as for [`discover`](crate::discover()). What does not exist yet is waited for.
    pub arguments: Vec<String>,
    /// Where to begin with what is not known.
    pub start: Start,
    /// Changes are looked for and not told by the system: for file systems over a network, where others write.
    pub polls: bool,
    /// How long a file that was put aside has to be quiet before it is finished: its writer may go on with it for a while.
    pub grace: Duration,
    /// How many files are kept open. What is quiet is closed first and opened again when it grows.
    pub open_files_max: usize,
}

/// Where to begin with files that are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At their beginning. Of rotated files those that were put aside since the last one that is known.
    Known,
    /// At their beginning, with all rotated files that are still there.
    Beginning,
    /// Those that are there when following begins at their end; later ones at their beginning.
    End,
}

/// Names a generation, as long as the follower lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GenerationId(u64);

/// How far the reader of a generation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// There is more to read.
    Unread,
    /// That is all for now.
    AtEnd {
        /// For how long there has been no more.
        quiet: Duration,
    },
    /// That was all.
    Finished,
}

/// Whether a reader may begin with a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// It may.
    Now,
    /// So far it has nothing that another one does not begin with: it may be a copy that is still being made. Ask again when it has
    /// grown.
    Undecided,
    /// It is a copy of another one, and forgotten.
    Copy,
}

/// What happened to the followed files since the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FollowCounts {
    /// Files that were put aside or removed.
    pub rotations: u64,
    /// Files that were cut off after something of them had been read.
    pub truncations: u64,
    /// Those of them of which no copy was found: what had not been read of them is lost.
    pub truncations_without_copy: u64,
}

/// How far a file that begins with these bytes is known, as a decompressed offset.
pub type Known<'k> = dyn FnMut(&[u8]) -> Option<u64> + 'k;

/// Follows files. See the module's documentation for what it withstands.
///
/// Call [`scan`](Follower::scan), read what is [`Standing::Unread`] of its [`generations`](Follower::generations), and
/// [`wait`](Follower::wait) when nothing is.
#[derive(Debug)]
pub struct Follower {
    options: FollowOptions,
    generations: BTreeMap<GenerationId, Generation>,
    next_id: u64,
    /// Files that have nothing to read unless they change: their size and time of change.
    settled: HashMap<FileKey, (u64, SystemTime)>,
    /// The last change of the oldest known file of each followed path: what was put aside later is its continuation.
    oldest_known: HashMap<PathBuf, SystemTime>,
    failures: Vec<IngestError>,
    /// Failures that were met at the last look, and since then.
    met_before: HashMap<String, Met>,
    met: HashMap<String, Met>,
    counts: FollowCounts,
    watch: Watch,
    looked: Option<Instant>,
    has_looked: bool,
    is_told: bool,
}

/// A failure that was met.
#[derive(Debug, Clone, Copy)]
struct Met {
    since: Instant,
    is_told: bool,
}

/// What was made of a file that is new.
enum Admission {
    /// It is followed, or left alone until it changes.
    Decided,
    /// Nothing is known of it so far, nor of anything that was put aside before it.
    Unknown,
}

impl FollowOptions {
    /// The usual way to follow files.
    pub fn new(arguments: Vec<String>) -> FollowOptions {
        FollowOptions {
            arguments,
            start: Start::Known,
            polls: false,
            grace: Duration::from_secs(30),
            open_files_max: 512,
        }
    }

    /// Whether files can be followed by these options.
    ///
    /// # Errors
    /// [`IngestError::NothingNamed`], [`IngestError::NotFollowable`] for `-`, [`IngestError::Pattern`]. What does not exist is no error.
    pub fn check(&self) -> Result<(), IngestError> {
        if self.arguments.is_empty() {
            return Err(IngestError::NothingNamed);
        }
        for argument in &self.arguments {
            if argument == "-" {
                return Err(IngestError::NotFollowable);
            }
            if let (true, Err(error)) = (has_pattern(argument), glob::Pattern::new(argument)) {
                return Err(IngestError::Pattern {
                    pattern: argument.clone(),
                    cause: format!("{} at character {}", error.msg, error.pos + 1),
                });
            }
        }
        Ok(())
    }
}

impl Follower {
    /// A follower that has not looked yet.
    ///
    /// # Errors
    /// Those of [`FollowOptions::check`].
    pub fn new(options: FollowOptions) -> Result<Follower, IngestError> {
        options.check()?;
        Ok(Follower {
            watch: Watch::new(!options.polls),
            options,
            generations: BTreeMap::new(),
            next_id: 0,
            settled: HashMap::new(),
            oldest_known: HashMap::new(),
            failures: Vec::new(),
            met_before: HashMap::new(),
            met: HashMap::new(),
            counts: FollowCounts::default(),
            looked: None,
            has_looked: false,
            is_told: false,
        })
    }

    /// Finds out what has changed. `known` says how far a file is known; it is asked once for each file that is new or has changed.
    pub fn scan(&mut self, known: &mut Known<'_>) {
        let interval = if self.is_told { LOOK_TOLD } else { LOOK_UNTOLD };
        let is_due = self.looked.is_none_or(|looked| looked.elapsed() >= interval);
        if self.watch.take_names_changed() || is_due {
            self.look(known);
        }
        for id in self.generations() {
            self.check(id);
        }
        self.close_quiet(self.options.open_files_max);
    }

    /// All generations that are not closed, in the order in which they were found.
    pub fn generations(&self) -> Vec<GenerationId> {
        self.generations.keys().copied().collect()
    }

    /// One of them; `None` once it is closed or was found to be a copy.
    pub fn generation(&self, id: GenerationId) -> Option<&Generation> {
        self.generations.get(&id)
    }

    /// Asks whether to begin with a generation. Its reader does so as soon as it has seen enough of it to tell it from other files.
    pub fn begin(&mut self, id: GenerationId) -> Begin {
        let Some(generation) = self.generations.get(&id) else {
            return Begin::Copy;
        };
        if generation.is_begun {
            return Begin::Now;
        }
        let prefix = &generation.prefix;
        let mut others = self.generations.values().filter(|other| other.is_begun);
        if others.clone().any(|other| prefix.starts_with(&other.prefix)) {
            self.close(id);
            return Begin::Copy;
        }
        if others.any(|other| other.prefix.starts_with(prefix)) {
            return Begin::Undecided;
        }
        let (primary, modified) = (generation.primary.clone(), generation.modified);
        self.note_known(primary, modified);
        if let Some(generation) = self.generations.get_mut(&id) {
            generation.is_begun = true;
        }
        Begin::Now
    }

    /// Reads at most `limit` bytes (at least 1) of a generation from a decompressed offset into `buffer`, replacing what is in it. Empty at
    /// the end for now, and when the file was put aside or cut off: the next scan finds out.
    ///
    /// # Errors
    /// Those of opening and reading; damage of an archive after everything before it.
    pub fn read_at(
        &mut self,
        id: GenerationId,
        offset: u64,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Result<(), IngestError> {
        if self.generations.get(&id).is_some_and(|it| !it.is_open()) {
            self.close_quiet(self.options.open_files_max.saturating_sub(1));
        }
        match self.generations.get_mut(&id) {
            Some(generation) => generation.read_at(offset, buffer, limit),
            None => {
                buffer.clear();
                Ok(())
            }
        }
    }

    /// How far a reader at this position is.
    pub fn standing(&self, id: GenerationId, position: u64) -> Standing {
        let Some(generation) = self.generations.get(&id) else {
            return Standing::Finished;
        };
        let quiet = generation.quiet();
        let has_left = generation.stage != Stage::Live;
        if generation.has_more(position) {
            Standing::Unread
        } else if generation.is_archive() || (has_left && quiet >= self.options.grace) {
            Standing::Finished
        } else {
            Standing::AtEnd { quiet }
        }
    }

    /// The reader is done with a generation for good, and what it read of it is known. If the file grows after all, it is found again.
    pub fn close(&mut self, id: GenerationId) {
        if let Some(generation) = self.generations.remove(&id)
            && generation.has_file
        {
            self.settled
                .insert(generation.key, (generation.size, generation.modified));
        }
    }

    /// Everything is to be read from its beginning, or from where it is known, again.
    pub fn restart(&mut self) {
        self.generations.values_mut().for_each(Generation::restart);
        self.settled.clear();
        self.looked = None;
    }

    /// What could not be looked at, opened or read since the last call; each only once until it is in order again.
    pub fn take_failures(&mut self) -> Vec<IngestError> {
        std::mem::take(&mut self.failures)
    }

    /// What happened to the files.
    pub fn counts(&self) -> FollowCounts {
        self.counts
    }

    /// Waits until something may have changed or somebody wakes it, at most this long.
    pub fn wait(&self, longest: Duration) {
        let interval = if self.is_told { LOOK_TOLD } else { LOOK_UNTOLD };
        self.watch.wait(longest.min(interval));
    }

    /// Ends waits, from any thread.
    pub fn waker(&self) -> Waker {
        self.watch.waker()
    }

    /// Looks at the folders: what was put aside, and what is new.
    fn look(&mut self, known: &mut Known<'_>) {
        let look = look(&self.options.arguments);
        self.is_told = self.watch.set_folders(look.folders);
        self.looked = Some(Instant::now());
        let by_key: HashMap<FileKey, &Candidate> = look.candidates.iter().map(|it| (it.key, it)).collect();
        for generation in self.generations.values_mut().filter(|it| it.has_file) {
            let was_live = generation.stage == Stage::Live;
            let found = by_key.get(&generation.key);
            generation.set_live(found.is_some_and(|found| !found.is_rotated()));
            if let Some(found) = found {
                generation.path = found.path.clone();
            }
            self.counts.rotations += u64::from(was_live && generation.stage != Stage::Live);
        }
        self.settled.retain(|key, _| by_key.contains_key(key));
        let tracked = self.tracked();
        let is_settled = |it: &&Candidate| self.settled.get(&it.key) == Some(&(it.size, it.modified));
        let mut new: Vec<Candidate> = look
            .candidates
            .iter()
            .filter(|it| !tracked.contains(&it.key) && !is_settled(it))
            .cloned()
            .collect();
        // The oldest first, so that its continuations are recognised as such.
        new.sort_by_key(|candidate| candidate.modified);
        for failure in look.failures {
            self.tell(failure);
        }
        // Twice, for times of change are coarse: what was put aside in the same moment as something known may come before it.
        for is_last in [false, true] {
            new.retain(|candidate| match self.admit(candidate, known, is_last) {
                Ok(Admission::Decided) => false,
                Ok(Admission::Unknown) => true,
                Err(failure) => {
                    self.tell(failure);
                    false
                }
            });
        }
        self.met_before = std::mem::take(&mut self.met);
        self.has_looked = true;
    }

    /// Decides whether a file that is new is followed. That a rotated one is nobody's continuation is decided at last.
    fn admit(
        &mut self,
        candidate: &Candidate,
        known: &mut Known<'_>,
        is_last: bool,
    ) -> Result<Admission, IngestError> {
        if self.generations.len() >= FOLLOWED_MAX {
            return Err(IngestError::TooManyFollowed {
                name: crate::source::display_name(&candidate.path),
            });
        }
        let mut generation = Generation::open(candidate)?;
        if !generation.is_open() {
            // Another file by now: the next look sees it.
            self.looked = None;
            return Ok(Admission::Decided);
        }
        let begun = || self.generations.values().filter(|other| other.is_begun);
        let is_copy = begun().any(|other| generation.prefix.starts_with(&other.prefix));
        let is_rotated = candidate.is_rotated();
        if is_rotated && !is_copy && begun().any(|other| other.prefix.starts_with(&generation.prefix)) {
            // Perhaps a copy that is still being made.
            return Ok(Admission::Decided);
        }
        let known = known(&generation.prefix);
        if known.is_some() {
            self.note_known(candidate.primary.clone(), candidate.modified);
        }
        if generation.is_archive() && !is_copy && age(candidate) < self.options.grace {
            // Perhaps it is still being packed; the next look sees.
            return Ok(Admission::Decided);
        }
        let is_wanted = match known {
            _ if is_copy => false,
            Some(offset) => has_more_than(&generation, offset, is_rotated),
            None if is_rotated && !self.is_continuation(candidate) && !is_last => {
                return Ok(Admission::Unknown);
            }
            None if is_rotated => self.is_continuation(candidate),
            None if self.options.start == Start::End
                && !self.has_looked
                && !self.oldest_known.contains_key(&candidate.primary) =>
            {
                generation.begin_at_end()?;
                true
            }
            None => true,
        };
        if is_wanted {
            self.generations.insert(GenerationId(self.next_id), generation);
            self.next_id += 1;
        } else {
            self.settled
                .insert(candidate.key, (candidate.size, candidate.modified));
        }
        Ok(Admission::Decided)
    }

    /// Whether an unknown rotated file is to be read: it was written after one that is known.
    fn is_continuation(&self, candidate: &Candidate) -> bool {
        let oldest = self.oldest_known.get(&candidate.primary);
        self.options.start == Start::Beginning || oldest.is_some_and(|oldest| candidate.modified >= *oldest)
    }

    fn note_known(&mut self, primary: PathBuf, modified: SystemTime) {
        let oldest = self.oldest_known.entry(primary).or_insert(modified);
        *oldest = modified.min(*oldest);
    }

    fn check(&mut self, id: GenerationId) {
        let Some(generation) = self.generations.get_mut(&id) else {
            return;
        };
        match generation.check() {
            Ok(Check::Same) => {}
            Ok(Check::Cut) if generation.is_begun => self.cut(id),
            Ok(Check::Cut) => {
                // Nothing of it was read: what is in the file now is as new.
                self.generations.remove(&id);
                self.looked = None;
            }
            // It was looked for, and is nowhere.
            Ok(Check::Moved) if generation.stage != Stage::Live => generation.lose(),
            Ok(Check::Moved) => self.looked = None,
            Err(failure) => self.tell(failure),
        }
    }

    /// A file was cut off, or its inode is another's: what had not been read of it is in a copy, if anywhere.
    fn cut(&mut self, id: GenerationId) {
        let Some(mut generation) = self.generations.remove(&id) else {
            return;
        };
        self.counts.truncations += 1;
        match self.find_copy(&generation) {
            Some(copy) => {
                self.settled.remove(&copy.key);
                generation.move_to(copy);
            }
            None => {
                self.counts.truncations_without_copy += 1;
                generation.lose();
            }
        }
        self.generations.insert(id, generation);
        self.looked = None;
    }

    fn find_copy(&self, generation: &Generation) -> Option<Generation> {
        let tracked = self.tracked();
        let folder = folder_of(&generation.path);
        let mut candidates = look(&self.options.arguments).candidates;
        candidates.retain(|it| {
            let is_near = it.primary == generation.primary || folder_of(&it.path) == folder;
            is_near && it.key != generation.key && !tracked.contains(&it.key)
        });
        candidates.sort_by_key(|it| (it.primary != generation.primary, Reverse(it.modified)));
        let copy = |is_archive: bool| {
            let opened = candidates.iter().filter_map(|it| Generation::open(it).ok());
            opened
                .filter(|copy| copy.is_archive() == is_archive)
                .find(|copy| {
                    let is_long_enough = is_archive || copy.size >= generation.read_to();
                    is_long_enough && copy.prefix.starts_with(&generation.prefix)
                })
        };
        // While it is being packed it is there twice, and the archive is not whole.
        copy(false).or_else(|| copy(true))
    }

    fn tracked(&self) -> HashSet<FileKey> {
        let has_file = self.generations.values().filter(|it| it.has_file);
        has_file.map(|it| it.key).collect()
    }

    /// Closes files that are quiet until no more than this many are open. Those that were put aside may be gone when they are closed.
    fn close_quiet(&mut self, open_max: usize) {
        let mut open: Vec<&mut Generation> = self
            .generations
            .values_mut()
            .filter(|it| it.is_open() && !it.is_archive() && it.stage == Stage::Live)
            .collect();
        let Some(n_closed) = open.len().checked_sub(open_max).filter(|n| *n > 0) else {
            return;
        };
        open.sort_by_key(|generation| generation.grew);
        open.into_iter().take(n_closed).for_each(Generation::close);
    }

    fn tell(&mut self, failure: IngestError) {
        let text = failure.to_string();
        let known = self.met.get(&text).or_else(|| self.met_before.get(&text));
        let mut met = known.copied().unwrap_or(Met {
            since: Instant::now(),
            is_told: false,
        });
        // Between putting a file aside and making the new one there is none: that is how rotation works.
        let may_pass = matches!(failure, IngestError::NotFound { .. }) && self.has_looked;
        if !met.is_told && (!may_pass || met.since.elapsed() >= MISSING) {
            met.is_told = true;
            self.failures.push(failure);
        }
        self.met.insert(text, met);
    }
}

/// How long ago a file was changed; no time at all where its time is in the future.
fn age(candidate: &Candidate) -> Duration {
    candidate.modified.elapsed().unwrap_or_default()
}

/// Whether a file has more than what is known of it, or may come to have.
fn has_more_than(generation: &Generation, offset: u64, is_rotated: bool) -> bool {
    if generation.is_archive() {
        return !generation.says_size(offset);
    }
    generation.size > offset || (generation.size == offset && !is_rotated)
}

#[cfg(test)]
mod tests;
