//! Where bytes are in their source. Knows no format and no file.

/// A half-open range of byte offsets in a (decompressed) source stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset after the last byte.
    pub end: u64,
}

impl Span {
    /// What begins at `start` and has so many bytes.
    pub(crate) fn at(start: u64, bytes: usize) -> Span {
        Span {
            start,
            end: start + bytes as u64,
        }
    }

    /// A part of a buffer that begins at `base`.
    pub(crate) fn within(base: u64, start: usize, end: usize) -> Span {
        Span::at(base + start as u64, end - start)
    }

    /// Bytes covered.
    pub fn bytes(self) -> u64 {
        self.end - self.start
    }
}
