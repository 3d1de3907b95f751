//! How a source is packed, told by its first bytes. Never by its name: rotated logs carry every extension there is.

use std::fmt;

/// How a source's bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// As they are.
    None,
    /// gzip, RFC 1952, any number of members.
    Gzip,
    /// Zstandard, RFC 8878, any number of frames, skippable ones included.
    Zstd,
    /// bzip2, any number of streams.
    Bzip2,
    /// xz, any number of streams, with stream padding.
    Xz,
}

/// How many first bytes are needed to tell a compression.
pub(crate) const MAGIC_BYTES: usize = 10;

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Magic {
    /// A compression that is read, or none.
    Known(Compression),
    /// An archive format that is recognised so that nobody gets a report about its bytes, but not read.
    Unsupported(&'static str),
}

impl Compression {
    /// The format's name as people write it; `plain` for none.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "plain",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Bzip2 => "bzip2",
            Compression::Xz => "xz",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Tells the compression from a source's first [`MAGIC_BYTES`] (or all it has, if fewer).
pub(crate) fn detect(first: &[u8]) -> Magic {
    match first {
        [0x1f, 0x8b, 8, ..] => Magic::Known(Compression::Gzip),
        // The second is a skippable frame, which parallel compressors write first.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Magic::Known(Compression::Zstd),
        // A level, then a block's magic number or, when nothing was compressed, the stream's end.
        [
            b'B',
            b'Z',
            b'h',
            b'1'..=b'9',
            0x31,
            0x41,
            0x59,
            0x26,
            0x53,
            0x59,
            ..,
        ]
        | [
            b'B',
            b'Z',
            b'h',
            b'1'..=b'9',
            0x17,
            0x72,
            0x45,
            0x38,
            0x50,
            0x90,
            ..,
        ] => Magic::Known(Compression::Bzip2),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Magic::Known(Compression::Xz),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Magic::Unsupported("zip"),
        [0x04, 0x22, 0x4d, 0x18, ..] => Magic::Unsupported("lz4"),
        [0x1f, 0x9d, ..] => Magic::Unsupported("compress (.Z)"),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Magic::Unsupported("7z"),
        [b'L', b'Z', b'I', b'P', 1, ..] => Magic::Unsupported("lzip"),
        [0x89, b'L', b'Z', b'O', 0, ..] => Magic::Unsupported("lzop"),
        _ => Magic::Known(Compression::None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(first: &[u8], expect: Magic) {
        assert_eq!(detect(first), expect, "{first:02x?}");
    }

    #[test]
    fn magic_numbers() {
        check(
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
            Magic::Known(Compression::Gzip),
        );
        check(b"\x28\xb5\x2f\xfd", Magic::Known(Compression::Zstd));
        check(
            b"\x50\x2a\x4d\x18\x04\x00\x00\x00",
            Magic::Known(Compression::Zstd),
        );
        check(b"BZh91AY&SY", Magic::Known(Compression::Bzip2));
        check(b"BZh9\x17\x72\x45\x38\x50\x90", Magic::Known(Compression::Bzip2));
        check(b"\xfd7zXZ\x00\x00\x04", Magic::Known(Compression::Xz));
        check(b"PK\x03\x04", Magic::Unsupported("zip"));
    }

    #[test]
    fn text_is_plain_even_if_it_resembles_a_magic_number() {
        check(b"", Magic::Known(Compression::None));
        check(b"\x1f", Magic::Known(Compression::None));
        check(
            b"BZh9 is how a bzip2 file starts",
            Magic::Known(Compression::None),
        );
        check(b"PKs are primary keys", Magic::Known(Compression::None));
        check(b"# Time: 260101", Magic::Known(Compression::None));
    }
}
