//! One source's bytes, decompressed, in order, with their position. Plain files are read with the large `read` calls the caller's
//! limit asks for and can be continued by seeking; archives and pipes only go forward.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek as _, SeekFrom};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::sync::Arc;

use crate::archive::Archive;
use crate::compression::{Compression, MAGIC_BYTES, Magic, detect};
use crate::error::IngestError;
use crate::source::{Location, Source};

/// Bytes thrown away at a time when a stream is read up to a position.
const SKIP_BYTES: usize = 256 << 10;

/// Bytes asked of a pipe at once, as many as one usually holds: room for more would only be filled with zeros, every time.
const PIPE_BYTES: usize = 64 << 10;

/// A decompressed byte stream with positions.
pub struct Reader {
    name: String,
    compression: Compression,
    body: Body,
    /// What the opened file is, for its identity; `None` for standard input.
    metadata: Option<Metadata>,
    /// Decompressed bytes handed out or skipped.
    position: u64,
}

enum Body {
    Plain(Input),
    Archive(Box<Archive<Input>>),
}

/// The bytes as stored.
enum Input {
    File(File),
    /// A pipe, with the first bytes that were taken from it to tell its compression.
    Stream(io::Chain<io::Cursor<Vec<u8>>, Box<dyn Read + Send>>),
}

impl Reader {
    /// Opens the source and tells its compression by its first bytes, whatever was found at discovery. Waits for a writer if it is a
    /// named pipe, and for the first bytes of any pipe.
    pub fn open(source: &Source) -> Result<Reader, IngestError> {
        let name = source.name.clone();
        match &source.location {
            Location::Stdin => {
                let (input, first) = open_stream(&name, Box::new(io::stdin()))?;
                Reader::new(name, input, &first, None)
            }
            Location::File(path) => {
                let file = open_file(&name, path)?;
                Reader::of_file(name, file)
            }
        }
    }

    /// The same for a file that is open, wherever its path leads by now.
    pub(crate) fn of_file(name: String, file: File) -> Result<Reader, IngestError> {
        let metadata = file
            .metadata()
            .map_err(|error| open_error(&name, "inspect", error))?;
        let (input, first) = if metadata.is_file() {
            rewind_after_first(&name, file)?
        } else {
            open_stream(&name, Box::new(file))?
        };
        Reader::new(name, input, &first, Some(metadata))
    }

    fn new(
        name: String,
        input: Input,
        first: &[u8],
        metadata: Option<Metadata>,
    ) -> Result<Reader, IngestError> {
        let compression = match detect(first) {
            Magic::Known(compression) => compression,
            Magic::Unsupported(format) => return Err(IngestError::UnsupportedArchive { name, format }),
        };
        let body = match compression {
            Compression::None => Body::Plain(input),
            _ => Body::Archive(Box::new(Archive::new(name.clone(), compression, input))),
        };
        Ok(Reader {
            name,
            compression,
            body,
            metadata,
            position: 0,
        })
    }

    /// How the source is packed, as its first bytes say.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Goes to a decompressed offset: seeks in a plain file, reads and throws away in archives and pipes. An error if the stream is
    /// shorter, or if it would have to go back and cannot.
    pub fn skip_to(&mut self, offset: u64) -> Result<(), IngestError> {
        if let Body::Plain(Input::File(file)) = &mut self.body {
            let seek = |file: &mut File| -> io::Result<u64> {
                let found = file.metadata()?.len();
                if offset <= found {
                    file.seek(SeekFrom::Start(offset))?;
                }
                Ok(found)
            };
            let found = seek(file).map_err(|error| read_error(&self.name, self.position, error))?;
            if offset > found {
                return Err(IngestError::TooShort {
                    name: self.name.clone(),
                    wanted: offset,
                    found,
                });
            }
            self.position = offset;
            return Ok(());
        }
        if offset < self.position {
            let (name, position) = (self.name.clone(), self.position);
            return Err(IngestError::Backwards {
                name,
                position,
                wanted: offset,
            });
        }
        let mut thrown_away = Vec::new();
        while self.position < offset {
            let missing = usize::try_from(offset - self.position).unwrap_or(usize::MAX);
            if self.read_chunk(&mut thrown_away, missing.min(SKIP_BYTES))? == 0 {
                let found = self.position;
                return Err(IngestError::TooShort {
                    name: self.name.clone(),
                    wanted: offset,
                    found,
                });
            }
        }
        Ok(())
    }

    /// Replaces the contents of `buffer` by the next bytes, at most `limit` (at least 1), and returns how many; 0 is the end.
    ///
    /// There may be fewer than `limit` before the end. At the end of a plain file a later call finds what was appended since. A
    /// damaged archive yields every byte before the damage, then an error, and the same error to every later call; `buffer` is
    /// empty then. Reusing one buffer with one limit costs no clearing.
    pub fn read_chunk(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Result<usize, IngestError> {
        // Not cleared first: growing only over what the last chunk did not use leaves nothing to overwrite with zeros.
        let limit = match self.body {
            Body::Plain(Input::Stream(_)) => limit.min(PIPE_BYTES),
            _ => limit,
        };
        buffer.resize(limit.max(1), 0);
        let read = match &mut self.body {
            Body::Plain(input) => {
                read_once(input, buffer).map_err(|error| read_error(&self.name, self.position, error))
            }
            Body::Archive(archive) => archive.read(buffer),
        };
        buffer.truncate(*read.as_ref().unwrap_or(&0));
        let n_bytes = read?;
        self.position += n_bytes as u64;
        Ok(n_bytes)
    }

    /// Decompressed bytes handed out or skipped so far: the offset of the next chunk's first byte.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Bytes of the source as stored that were consumed so far; for a progress bar against
    /// [`Source::bytes_on_disk`](crate::Source::bytes_on_disk).
    pub fn bytes_read_on_disk(&self) -> u64 {
        match &self.body {
            Body::Plain(_) => self.position,
            Body::Archive(archive) => archive.disk_position(),
        }
    }

    /// What the opened file is; `None` for standard input.
    pub(crate) fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("name", &self.name)
            .field("compression", &self.compression)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Input::File(file) => file.read(out),
            Input::Stream(stream) => stream.read(out),
        }
    }
}

/// Opens a file or named pipe, but neither a socket nor a device (the latter may have effects merely by being opened).
pub(crate) fn open_file(name: &str, path: &Path) -> Result<File, IngestError> {
    let metadata = std::fs::metadata(path).map_err(|error| open_error(name, "inspect", error))?;
    if let Some(kind) = refused_kind(&metadata) {
        return Err(IngestError::NotAFile {
            name: name.to_owned(),
            kind,
        });
    }
    File::open(path).map_err(|error| open_error(name, "open", error))
}

/// Names what cannot be read as a stream; `None` for regular files and named pipes.
pub(crate) fn refused_kind(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_dir() {
        Some("directory")
    } else if kind.is_socket() {
        Some("socket")
    } else if kind.is_char_device() || kind.is_block_device() {
        Some("device")
    } else {
        None
    }
}

/// Reads up to [`MAGIC_BYTES`] first bytes.
pub(crate) fn read_first(name: &str, input: &mut impl Read) -> Result<Vec<u8>, IngestError> {
    let mut first = Vec::with_capacity(MAGIC_BYTES);
    input
        .take(MAGIC_BYTES as u64)
        .read_to_end(&mut first)
        .map_err(|error| read_error(name, 0, error))?;
    Ok(first)
}

pub(crate) fn open_error(name: &str, action: &'static str, error: io::Error) -> IngestError {
    IngestError::Open {
        name: name.to_owned(),
        action,
        source: Arc::new(error),
    }
}

fn rewind_after_first(name: &str, mut file: File) -> Result<(Input, Vec<u8>), IngestError> {
    let first = read_first(name, &mut file)?;
    file.rewind().map_err(|error| read_error(name, 0, error))?;
    Ok((Input::File(file), first))
}

fn open_stream(name: &str, mut stream: Box<dyn Read + Send>) -> Result<(Input, Vec<u8>), IngestError> {
    let first = read_first(name, &mut stream)?;
    Ok((Input::Stream(io::Cursor::new(first.clone()).chain(stream)), first))
}

fn read_once(input: &mut Input, out: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(out) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

pub(crate) fn read_error(name: &str, disk_offset: u64, error: io::Error) -> IngestError {
    IngestError::Read {
        name: name.to_owned(),
        disk_offset,
        source: Arc::new(error),
    }
}

#[cfg(test)]
mod tests;
