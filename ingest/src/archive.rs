//! Streaming decompression that loses nothing before a damaged place. Each format is driven step by step through its low-level
//! interface, because the convenient readers drop what they had decoded in the call that meets the damage. Knows the exact compressed
//! position; never seeks, never holds more than one decompression window and one input buffer.

use std::io::{self, Read};
use std::sync::Arc;

use zstd::stream::raw::{DParameter, InBuffer, Operation as _, OutBuffer};

use crate::compression::Compression;
use crate::error::IngestError;

/// The largest decompression window one reader allocates: what `zstd --ultra -22` and `xz -9` need, and what zstd's own tool
/// accepts by default.
pub(crate) const WINDOW_BYTES_MAX: u64 = 1 << ZSTD_WINDOW_LOG_MAX;
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
/// liblzma's own needs beside the window.
const XZ_OVERHEAD_BYTES: u64 = 1 << 20;
/// Compressed bytes read from the source at a time.
const INPUT_BYTES: usize = 128 << 10;
/// The size of a zstd block's header.
const ZSTD_BLOCK_HEADER_BYTES: usize = 3;

/// A compressed stream being read.
pub(crate) struct Archive<R> {
    name: String,
    compression: Compression,
    input: Input<R>,
    /// The member (gzip), frame (zstd) or stream (bzip2, xz) being read; `None` between two.
    member: Option<Member>,
    members_done: u64,
    /// Why there is nothing more to read, repeated for whoever asks again.
    fault: Option<IngestError>,
}

impl<R: Read> Archive<R> {
    /// Starts at the first byte of `input`. Panics never; `compression` must not be `None`, which would be read as an empty stream.
    pub(crate) fn new(name: String, compression: Compression, input: R) -> Archive<R> {
        let input = Input {
            stream: input,
            buffer: vec![0; INPUT_BYTES],
            start: 0,
            end: 0,
            taken: 0,
            at_end: false,
        };
        Archive {
            name,
            compression,
            input,
            member: None,
            members_done: 0,
            fault: None,
        }
    }

    /// Compressed bytes consumed so far.
    pub(crate) fn disk_position(&self) -> u64 {
        self.input.taken
    }

    /// Fills `out`, with fewer bytes only before the end or before a fault. 0 is the end of the stream (or an empty `out`). A fault
    /// is returned only once everything before it was handed out.
    pub(crate) fn read(&mut self, out: &mut [u8]) -> Result<usize, IngestError> {
        let mut filled = 0;
        while filled < out.len() && self.fault.is_none() {
            match self.advance(&mut out[filled..]) {
                Ok(Some(produced)) => filled += produced,
                Ok(None) => break,
                Err((produced, fault)) => {
                    filled += produced;
                    self.fault = Some(fault);
                }
            }
        }
        match &self.fault {
            Some(fault) if filled == 0 && !out.is_empty() => Err(fault.clone()),
            _ => Ok(filled),
        }
    }

    /// One step: `Some(bytes produced)`, which may be 0, or `None` at the end.
    fn advance(&mut self, out: &mut [u8]) -> Result<Option<usize>, (usize, IngestError)> {
        self.input.fill().map_err(|error| (0, self.read_error(error)))?;
        let Some(member) = &mut self.member else {
            return self.next_member().map_err(|fault| (0, fault));
        };
        let step = member.step(self.input.available(), out);
        self.input.take(step.consumed);
        match step.outcome {
            Outcome::End => {
                self.member = None;
                self.members_done += 1;
            }
            Outcome::More if step.consumed == 0 && step.produced == 0 && self.input.at_end => {
                return Err((0, self.truncated()));
            }
            Outcome::More => {}
            Outcome::Damaged(cause) => return Err((step.produced, self.damaged(cause))),
            Outcome::WindowTooLarge => return Err((step.produced, self.window_too_large())),
        }
        Ok(Some(step.produced))
    }

    /// Between two members: skips padding (tapes and xz pad with zeros), starts the next member, or finds the end.
    fn next_member(&mut self) -> Result<Option<usize>, IngestError> {
        let padding = match self.members_done {
            0 => 0,
            _ => self
                .input
                .available()
                .iter()
                .take_while(|byte| **byte == 0)
                .count(),
        };
        self.input.take(padding);
        if self.input.available().is_empty() {
            return Ok(if self.input.at_end { None } else { Some(0) });
        }
        match Member::new(self.compression) {
            Ok(member) => self.member = Some(member),
            Err(cause) => return Err(self.damaged(cause)),
        }
        Ok(Some(0))
    }

    fn read_error(&self, error: io::Error) -> IngestError {
        let disk_offset = self.input.taken + self.input.available().len() as u64;
        IngestError::Read {
            name: self.name.clone(),
            disk_offset,
            source: Arc::new(error),
        }
    }

    fn truncated(&self) -> IngestError {
        let format = self.compression.name();
        IngestError::Truncated {
            name: self.name.clone(),
            format,
            disk_offset: self.input.taken,
        }
    }

    fn damaged(&self, cause: String) -> IngestError {
        let format = self.compression.name();
        IngestError::Damaged {
            name: self.name.clone(),
            format,
            disk_offset: self.input.taken,
            cause,
        }
    }

    fn window_too_large(&self) -> IngestError {
        let format = self.compression.name();
        IngestError::WindowTooLarge {
            name: self.name.clone(),
            format,
            disk_offset: self.input.taken,
        }
    }
}

/// Compressed bytes waiting to be decompressed.
struct Input<R> {
    stream: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes handed to the decompressor since the beginning.
    taken: u64,
    at_end: bool,
}

impl<R: Read> Input<R> {
    fn available(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    fn take(&mut self, n_bytes: usize) {
        self.start += n_bytes;
        self.taken += n_bytes as u64;
    }

    /// Reads more if nothing is left.
    fn fill(&mut self) -> io::Result<()> {
        if self.start < self.end || self.at_end {
            return Ok(());
        }
        loop {
            match self.stream.read(&mut self.buffer) {
                Ok(n_bytes) => {
                    self.start = 0;
                    self.end = n_bytes;
                    self.at_end = n_bytes == 0;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// What one call of a decompressor did.
struct Step {
    consumed: usize,
    produced: usize,
    outcome: Outcome,
}

enum Outcome {
    More,
    End,
    Damaged(String),
    WindowTooLarge,
}

/// One decompressor at work on one member.
enum Member {
    Gzip(Box<flate2::Decompress>),
    Zstd(ZstdFrame),
    Bzip2(bzip2::Decompress),
    Xz(liblzma::stream::Stream),
}

impl Member {
    fn new(compression: Compression) -> Result<Member, String> {
        const GZIP_WINDOW_BITS: u8 = 15;
        match compression {
            Compression::None => Err("not an archive".to_owned()),
            Compression::Gzip => Ok(Member::Gzip(Box::new(flate2::Decompress::new_gzip(
                GZIP_WINDOW_BITS,
            )))),
            Compression::Zstd => ZstdFrame::new()
                .map(Member::Zstd)
                .map_err(|error| error.to_string()),
            Compression::Bzip2 => Ok(Member::Bzip2(bzip2::Decompress::new(false))),
            Compression::Xz => {
                liblzma::stream::Stream::new_stream_decoder(WINDOW_BYTES_MAX + XZ_OVERHEAD_BYTES, 0)
                    .map(Member::Xz)
                    .map_err(|error| error.to_string())
            }
        }
    }

    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Step {
        match self {
            Member::Gzip(stream) => {
                let before = (stream.total_in(), stream.total_out());
                let outcome = match stream.decompress(input, out, flate2::FlushDecompress::None) {
                    Ok(flate2::Status::StreamEnd) => Outcome::End,
                    Ok(_) => Outcome::More,
                    Err(_) => Outcome::Damaged("invalid data or a wrong checksum".to_owned()),
                };
                Step::between(before, (stream.total_in(), stream.total_out()), outcome)
            }
            Member::Zstd(frame) => frame.step(input, out),
            Member::Bzip2(stream) => {
                let before = (stream.total_in(), stream.total_out());
                let outcome = match stream.decompress(input, out) {
                    Ok(bzip2::Status::StreamEnd) => Outcome::End,
                    Ok(_) => Outcome::More,
                    Err(error) => Outcome::Damaged(error.to_string()),
                };
                Step::between(before, (stream.total_in(), stream.total_out()), outcome)
            }
            Member::Xz(stream) => {
                let before = (stream.total_in(), stream.total_out());
                let outcome = match stream.process(input, out, liblzma::stream::Action::Run) {
                    Ok(liblzma::stream::Status::StreamEnd) => Outcome::End,
                    Ok(_) => Outcome::More,
                    Err(liblzma::stream::Error::MemLimit) => Outcome::WindowTooLarge,
                    Err(error) => Outcome::Damaged(error.to_string()),
                };
                Step::between(before, (stream.total_in(), stream.total_out()), outcome)
            }
        }
    }
}

impl Step {
    fn between(before: (u64, u64), after: (u64, u64), outcome: Outcome) -> Step {
        // Both differences are bounded by the lengths of the slices that were passed in.
        Step {
            consumed: (after.0 - before.0) as usize,
            produced: (after.1 - before.1) as usize,
            outcome,
        }
    }
}

/// One zstd frame. The library reports no output for a call that ends in an error, even if it wrote some; so each call gets either
/// input for at most one block, or no input while decoded bytes wait for room.
struct ZstdFrame {
    decoder: zstd::stream::raw::Decoder<'static>,
    /// What the library would like to have next, in bytes.
    wanted: usize,
    /// The last call stopped for lack of room.
    pending: bool,
}

impl ZstdFrame {
    fn new() -> io::Result<ZstdFrame> {
        let mut decoder = zstd::stream::raw::Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))?;
        Ok(ZstdFrame {
            decoder,
            wanted: 1,
            pending: false,
        })
    }

    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Step {
        // The wish includes the next block's header; read together with the block, a bad header would cost the block.
        let block = match self.wanted {
            _ if self.pending => 0,
            wanted if wanted > ZSTD_BLOCK_HEADER_BYTES => wanted - ZSTD_BLOCK_HEADER_BYTES,
            wanted => wanted.max(1),
        };
        let mut source = InBuffer::around(&input[..block.min(input.len())]);
        let mut target = OutBuffer::around(out);
        let result = self.decoder.run(&mut source, &mut target);
        let (consumed, produced) = (source.pos(), target.pos());
        self.pending = produced == target.capacity();
        let outcome = match result {
            Ok(0) => Outcome::End,
            Ok(wanted) => {
                self.wanted = wanted;
                Outcome::More
            }
            Err(error) if is_window_error(&error) => Outcome::WindowTooLarge,
            Err(error) => Outcome::Damaged(error.to_string()),
        };
        Step {
            consumed,
            produced,
            outcome,
        }
    }
}

/// The binding passes the library's error on as text only.
fn is_window_error(error: &io::Error) -> bool {
    error.to_string().contains("too much memory")
}
