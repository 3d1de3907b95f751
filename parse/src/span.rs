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
    /// Bytes covered.
    pub fn bytes(self) -> u64 {
        self.end - self.start
    }
}
