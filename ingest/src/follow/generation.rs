//! One generation of a followed file: from its first byte until it was rotated away and everything in it was read. Knows whether the file
//! at hand is still the one that it began with; never looks for other files.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::compression::{Compression, MAGIC_BYTES, Magic, detect};
use crate::error::IngestError;
use crate::follow::candidates::{Candidate, FileKey};
use crate::identity::{Identity, PREFIX_BYTES_MAX};
use crate::reader::{Reader, open_error, open_file, read_error};
use crate::source::display_name;

/// How far back from the end of a file its last line break is looked for.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// One generation of a followed file.
#[derive(Debug)]
pub struct Generation {
    pub(super) path: PathBuf,
    /// The path that is followed.
    pub(super) primary: PathBuf,
    pub(super) key: FileKey,
    /// The first bytes, decompressed: all there are, up to [`PREFIX_BYTES_MAX`].
    pub(super) prefix: Vec<u8>,
    /// Stored bytes and time of the last change, as last seen.
    pub(super) size: u64,
    pub(super) modified: SystemTime,
    pub(super) stage: Stage,
    /// Whether its reader has begun with it: what was seen of it tells it from other files.
    pub(super) is_begun: bool,
    /// Whether there is still a file of it. What was read of it is in no file any more once it was cut off and no copy was found.
    pub(super) has_file: bool,
    /// When it last grew.
    pub(super) grew: Instant,
    begin_at: u64,
    body: Body,
    /// The end of what was read, decompressed.
    read_to: u64,
}

/// Where a generation is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// At the path that is followed.
    Live,
    /// Put aside, removed or cut off since then; its writer may not have noticed.
    Left(Instant),
}

#[derive(Debug)]
enum Body {
    Closed,
    File(File),
    Archive {
        reader: Box<Reader>,
        /// The decompressed size, once its end was reached.
        end: Option<u64>,
        /// The decompressed size as a gzip file of one member says itself, modulo 4 GiB; of others a number that is as good as any.
        gzip_size: Option<u32>,
    },
}

/// Whether a generation still has its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Same,
    /// The file was cut off, or its beginning is another, or what was empty turns out to be an archive.
    Cut,
    /// It was closed, and what is at its path now is another file or none.
    Moved,
}

impl Generation {
    /// Opens a candidate and reads how it begins.
    pub(super) fn open(candidate: &Candidate) -> Result<Generation, IngestError> {
        let mut generation = Generation {
            path: candidate.path.clone(),
            primary: candidate.primary.clone(),
            key: candidate.key,
            prefix: Vec::new(),
            size: 0,
            modified: candidate.modified,
            stage: if candidate.is_rotated() {
                Stage::Left(Instant::now())
            } else {
                Stage::Live
            },
            is_begun: false,
            has_file: true,
            grew: Instant::now(),
            begin_at: 0,
            body: Body::Closed,
            read_to: 0,
        };
        generation.reopen()?;
        Ok(generation)
    }

    /// Its name for people: the path where it was seen last. Bytes that are not UTF-8 appear as `\xNN`.
    pub fn name(&self) -> String {
        display_name(&self.path)
    }

    /// Where it was seen last.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its first bytes, decompressed: all there are, up to [`PREFIX_BYTES_MAX`].
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// What it is recognised by, as far as it has been written.
    pub fn identity(&self) -> Identity {
        Identity::of_prefix(self.key, &self.prefix)
    }

    /// Its size as stored, bytes, as last seen.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where to begin with it if nothing is known of it.
    pub fn begin_at(&self) -> u64 {
        self.begin_at
    }

    /// Whether its reader has begun with it.
    pub fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Whether it is compressed, so that it will not grow.
    pub fn is_archive(&self) -> bool {
        matches!(self.body, Body::Archive { .. })
    }

    /// Whether an archive says of itself that it has this size, decompressed. Only a gzip file can, and only modulo 4 GiB.
    pub(super) fn says_size(&self, bytes: u64) -> bool {
        const GZIP_SIZE_MASK: u64 = u32::MAX as u64;
        match &self.body {
            Body::Archive { gzip_size, .. } => gzip_size.map(u64::from) == Some(bytes & GZIP_SIZE_MASK),
            _ => false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        !matches!(self.body, Body::Closed)
    }

    /// Gives its descriptor back; it is opened again when it is needed.
    pub(super) fn close(&mut self) {
        self.body = Body::Closed;
    }

    /// The end of what was read.
    pub(super) fn read_to(&self) -> u64 {
        self.read_to
    }

    /// Whether there is something behind `position`. An archive does not tell before its end was reached.
    pub(super) fn has_more(&self, position: u64) -> bool {
        match &self.body {
            Body::Archive { end, .. } => end.is_none_or(|end| position < end),
            _ => position < self.size,
        }
    }

    /// It is to be read from its beginning, as if it were new.
    pub(super) fn restart(&mut self) {
        self.is_begun = false;
        self.read_to = 0;
    }

    /// Begins at the end: behind its last line break.
    pub(super) fn begin_at_end(&mut self) -> Result<(), IngestError> {
        let Body::File(file) = &self.body else {
            return Ok(());
        };
        let start = self.size.saturating_sub(LINE_BYTES_MAX);
        // At most LINE_BYTES_MAX bytes.
        let mut tail = vec![0; (self.size - start) as usize];
        let n_bytes = read_full(file, &mut tail, start).map_err(|error| self.read_error(start, error))?;
        let newline = tail[..n_bytes].iter().rposition(|byte| *byte == b'\n');
        self.begin_at = newline.map_or(self.size, |at| start + at as u64 + 1);
        Ok(())
    }

    /// Goes on in a copy of it, which has all that was read and perhaps more.
    pub(super) fn move_to(&mut self, copy: Generation) {
        self.path = copy.path;
        self.key = copy.key;
        self.size = copy.size;
        self.modified = copy.modified;
        self.body = copy.body;
        self.stage = Stage::Left(Instant::now());
        self.grew = Instant::now();
    }

    /// Nothing more will be found of it.
    pub(super) fn lose(&mut self) {
        self.body = Body::Closed;
        self.has_file = false;
        self.size = self.read_to;
        self.stage = Stage::Left(Instant::now());
    }

    /// It is not at the path that is followed any more, or is there again.
    pub(super) fn set_live(&mut self, is_live: bool) {
        match (is_live, self.stage) {
            (true, _) => self.stage = Stage::Live,
            (false, Stage::Live) => self.stage = Stage::Left(Instant::now()),
            (false, Stage::Left(_)) => {}
        }
    }

    /// How long ago it last grew, or was put aside if that was later.
    pub(super) fn quiet(&self) -> Duration {
        match self.stage {
            Stage::Live => self.grew.elapsed(),
            Stage::Left(since) => self.grew.max(since).elapsed(),
        }
    }

    /// Looks whether it has grown and is still the same.
    pub(super) fn check(&mut self) -> Result<Check, IngestError> {
        let metadata = match &self.body {
            Body::Archive { .. } => return Ok(Check::Same),
            _ if !self.has_file => return Ok(Check::Same),
            Body::File(file) => file
                .metadata()
                .map_err(|error| open_error(&self.name(), "inspect", error))?,
            Body::Closed => match std::fs::metadata(&self.path) {
                Ok(metadata) if (metadata.dev(), metadata.ino()) == self.key => metadata,
                Ok(_) => return Ok(Check::Moved),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Check::Moved),
                Err(error) => return Err(open_error(&self.name(), "inspect", error)),
            },
        };
        let modified = metadata.modified().unwrap_or(self.modified);
        if metadata.len() == self.size && modified == self.modified {
            return Ok(Check::Same);
        }
        if !self.is_open() {
            self.reopen()?;
        }
        if self.prefix.is_empty() && self.has_become_archive()? {
            return Ok(Check::Cut);
        }
        match self.is_open() {
            true => self.grown(&metadata),
            false => Ok(Check::Moved),
        }
    }

    /// Reads at most `limit` bytes (at least 1) from a decompressed offset into `buffer`, replacing what is in it. Empty at the end for now,
    /// or when the file turns out to be another one: [`check`](Self::check) says which.
    pub(super) fn read_at(
        &mut self,
        offset: u64,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Result<(), IngestError> {
        if !self.is_open() {
            self.reopen()?;
        }
        let n_bytes = match &mut self.body {
            Body::Archive { reader, end, .. } => {
                if offset < reader.position() {
                    // From its beginning again; later, if it got another name just now.
                    let Some(file) = open_same(&self.path, self.key)? else {
                        buffer.clear();
                        return Ok(());
                    };
                    **reader = Reader::of_file(display_name(&self.path), file)?;
                }
                reader.skip_to(offset)?;
                if reader.read_chunk(buffer, limit)? == 0 {
                    *end = Some(reader.position());
                }
                buffer.len()
            }
            Body::File(file) => {
                // No more than was seen of it, so that little is cleared for little.
                let rest = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
                buffer.resize(limit.max(1).min(rest), 0);
                let read = read_full(file, buffer, offset);
                buffer.truncate(*read.as_ref().unwrap_or(&0));
                read.map_err(|error| read_error(&display_name(&self.path), offset, error))?
            }
            // Put aside while it was closed: it is there again once it has been found.
            Body::Closed => {
                buffer.clear();
                0
            }
        };
        // A file that was cut off and written anew meanwhile begins with something else.
        if n_bytes > 0 && !self.is_archive() && !self.begins_as_before()? {
            buffer.clear();
            return Ok(());
        }
        self.read_to = self.read_to.max(offset + n_bytes as u64);
        Ok(())
    }

    /// Whether it still begins with its prefix. What has been written behind a short one becomes part of it.
    fn begins_as_before(&mut self) -> Result<bool, IngestError> {
        let Body::File(file) = &self.body else {
            return Ok(true);
        };
        let mut head = [0; PREFIX_BYTES_MAX as usize];
        let n_bytes = read_full(file, &mut head, 0).map_err(|error| self.read_error(0, error))?;
        let head = &head[..n_bytes];
        if !head.starts_with(&self.prefix) {
            return Ok(false);
        }
        if head.len() > self.prefix.len() {
            self.prefix = head.to_vec();
        }
        Ok(true)
    }

    /// Whether what was an empty file is one that is packed.
    fn has_become_archive(&self) -> Result<bool, IngestError> {
        let Body::File(file) = &self.body else {
            return Ok(false);
        };
        let mut first = [0; MAGIC_BYTES];
        let n_bytes = read_full(file, &mut first, 0).map_err(|error| self.read_error(0, error))?;
        Ok(detect(&first[..n_bytes]) != Magic::Known(Compression::None))
    }

    fn grown(&mut self, metadata: &Metadata) -> Result<Check, IngestError> {
        if metadata.len() < self.read_to || !self.begins_as_before()? {
            return Ok(Check::Cut);
        }
        if metadata.len() != self.size {
            self.grew = Instant::now();
        }
        self.size = metadata.len();
        self.modified = metadata.modified().unwrap_or(self.modified);
        Ok(Check::Same)
    }

    /// Opens what is at its path, if that is still its file; without, it stays closed.
    fn reopen(&mut self) -> Result<(), IngestError> {
        let name = self.name();
        let Some(file) = open_same(&self.path, self.key)? else {
            return Ok(());
        };
        if self.prefix.is_empty() {
            let metadata = file.metadata();
            self.size = metadata
                .map_err(|error| open_error(&name, "inspect", error))?
                .len();
        }
        let mut first = [0; MAGIC_BYTES];
        let n_bytes = read_full(&file, &mut first, 0).map_err(|error| self.read_error(0, error))?;
        match detect(&first[..n_bytes]) {
            Magic::Unsupported(format) => return Err(IngestError::UnsupportedArchive { name, format }),
            Magic::Known(Compression::None) => {
                self.body = Body::File(file);
                if self.prefix.is_empty() {
                    self.begins_as_before()?;
                }
            }
            Magic::Known(compression) => {
                let is_gzip = compression == Compression::Gzip;
                let gzip_size = is_gzip.then(|| gzip_size(&file)).flatten();
                let mut reader = Box::new(Reader::of_file(name, file)?);
                if self.prefix.is_empty() {
                    self.prefix = crate::identity::read_prefix(&mut reader, PREFIX_BYTES_MAX)?;
                }
                self.body = Body::Archive {
                    reader,
                    end: None,
                    gzip_size,
                };
            }
        }
        Ok(())
    }

    fn read_error(&self, offset: u64, error: io::Error) -> IngestError {
        read_error(&self.name(), offset, error)
    }
}

/// Opens the file at a path, if it is the one with this key: names move while files are put aside.
fn open_same(path: &Path, key: FileKey) -> Result<Option<File>, IngestError> {
    let name = display_name(path);
    let file = match open_file(&name, path) {
        Err(IngestError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let metadata = file.metadata();
    let metadata = metadata.map_err(|error| open_error(&name, "inspect", error))?;
    Ok(((metadata.dev(), metadata.ino()) == key).then_some(file))
}

/// The size in the last bytes of a gzip file.
fn gzip_size(file: &File) -> Option<u32> {
    const TRAILER_BYTES: u64 = 4;
    let mut trailer = [0; TRAILER_BYTES as usize];
    let end = file.metadata().ok()?.len();
    file.read_exact_at(&mut trailer, end.checked_sub(TRAILER_BYTES)?)
        .ok()?;
    Some(u32::from_le_bytes(trailer))
}

/// Reads until the buffer is full or the file ends.
fn read_full(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n_bytes) => filled += n_bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
