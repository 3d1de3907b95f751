//! Which file this is: device and inode, plus a hash of how its content begins, because inodes are given away again and rotation
//! copies contents. About files only, never about queries.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::str::FromStr;

use crate::error::IngestError;
use crate::reader::Reader;
use crate::source::{Location, Source};

/// How many first bytes (decompressed) make a file recognisable; a shorter file is known by all it has.
pub const PREFIX_BYTES_MAX: u32 = 1024;

/// What a file was when it was first seen. Written and read back as `device:inode:bytes:hash`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The number of the file system.
    pub device: u64,
    /// The file's number on it.
    pub inode: u64,
    /// How many first bytes were hashed: [`PREFIX_BYTES_MAX`], or all there were.
    pub prefix_bytes: u32,
    /// The first 16 bytes of BLAKE3 over the first `prefix_bytes` decompressed bytes.
    pub prefix_hash: [u8; 16],
}

impl Identity {
    /// The identity of a regular file as it is now; an error for standard input and pipes.
    ///
    /// An archive damaged within its first bytes is known by those before the damage.
    pub fn of(source: &Source) -> Result<Identity, IngestError> {
        // Asked before opening, which would take the first bytes of a pipe.
        if !matches!(&source.location, Location::File(path) if !path.exists() || path.is_file()) {
            return Err(IngestError::NoIdentity {
                name: source.name.clone(),
            });
        }
        let mut reader = Reader::open(source)?;
        let (device, inode) = match reader.metadata() {
            Some(metadata) => (metadata.dev(), metadata.ino()),
            None => {
                return Err(IngestError::NoIdentity {
                    name: source.name.clone(),
                });
            }
        };
        let prefix = read_prefix(&mut reader, PREFIX_BYTES_MAX)?;
        // At most PREFIX_BYTES_MAX bytes, so the length fits.
        let prefix_bytes = prefix.len() as u32;
        Ok(Identity {
            device,
            inode,
            prefix_bytes,
            prefix_hash: hash(&prefix),
        })
    }

    /// The identity of a stream that is no file, known by its first bytes alone; device and inode are 0.
    pub fn of_stream(head: &[u8]) -> Identity {
        let prefix = &head[..head.len().min(PREFIX_BYTES_MAX as usize)];
        Identity {
            device: 0,
            inode: 0,
            // At most PREFIX_BYTES_MAX bytes, so the length fits.
            prefix_bytes: prefix.len() as u32,
            prefix_hash: hash(prefix),
        }
    }

    /// The identity of a file by its device and inode and the first bytes that it has, at most [`PREFIX_BYTES_MAX`] of them.
    pub(crate) fn of_prefix((device, inode): (u64, u64), prefix: &[u8]) -> Identity {
        Identity {
            device,
            inode,
            ..Identity::of_stream(prefix)
        }
    }

    /// Whether `head`, the first bytes of a source, begins as this identity's source did.
    pub fn begins(&self, head: &[u8]) -> bool {
        let prefix = head.get(..self.prefix_bytes as usize);
        prefix.is_some_and(|prefix| hash(prefix) == self.prefix_hash)
    }

    /// Whether the source still begins with the bytes this identity was made of; what was appended since does not matter. Compares
    /// neither device nor inode: the caller decides whether a moved or copied file counts as the same.
    pub fn matches_prefix(&self, source: &Source) -> Result<bool, IngestError> {
        let mut reader = Reader::open(source)?;
        let prefix = read_prefix(&mut reader, self.prefix_bytes)?;
        Ok(prefix.len() == self.prefix_bytes as usize && hash(&prefix) == self.prefix_hash)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}:", self.device, self.inode, self.prefix_bytes)?;
        self.prefix_hash
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Identity {
    type Err = IngestError;

    fn from_str(text: &str) -> Result<Identity, IngestError> {
        parse(text).ok_or_else(|| IngestError::IdentityText {
            text: text.to_owned(),
        })
    }
}

fn parse(text: &str) -> Option<Identity> {
    let mut parts = text.split(':');
    let mut number = || -> Option<u64> {
        let part = parts.next()?;
        // `parse` alone would take a sign.
        part.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| part.parse().ok())?
    };
    let (device, inode, prefix_bytes) = (number()?, number()?, number()?);
    let prefix_bytes = u32::try_from(prefix_bytes)
        .ok()
        .filter(|n_bytes| *n_bytes <= PREFIX_BYTES_MAX)?;
    let hex = parts
        .next()
        .filter(|hex| hex.len() == 32 && parts.next().is_none())?;
    let mut prefix_hash = [0; 16];
    for (byte, digits) in prefix_hash.iter_mut().zip(hex.as_bytes().chunks(2)) {
        let value = |digit: u8| {
            (digit as char)
                .to_digit(16)
                .filter(|_| !digit.is_ascii_uppercase())
        };
        // Two digits of four bits each: fits a byte.
        *byte = (value(digits[0])? * 16 + value(digits[1])?) as u8;
    }
    Some(Identity {
        device,
        inode,
        prefix_bytes,
        prefix_hash,
    })
}

/// Reads up to `limit` first bytes. Damage ends them like an end of file: what precedes it is as good a mark.
pub(crate) fn read_prefix(reader: &mut Reader, limit: u32) -> Result<Vec<u8>, IngestError> {
    let limit = limit as usize;
    let mut prefix = Vec::with_capacity(limit);
    let mut chunk = Vec::new();
    while prefix.len() < limit {
        match reader.read_chunk(&mut chunk, limit - prefix.len()) {
            Ok(0) | Err(IngestError::Damaged { .. } | IngestError::Truncated { .. }) => break,
            Ok(_) => prefix.extend_from_slice(&chunk),
            Err(error) => return Err(error),
        }
    }
    Ok(prefix)
}

fn hash(prefix: &[u8]) -> [u8; 16] {
    let full = blake3::hash(prefix);
    let mut short = [0; 16];
    short.copy_from_slice(&full.as_bytes()[..16]);
    short
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::Path;

    use super::*;
    use crate::discover::discover;

    fn source(path: &Path) -> Source {
        discover(&[path.to_str().unwrap().to_owned()])
            .unwrap()
            .sources
            .remove(0)
    }

    #[test]
    fn a_grown_file_still_matches_and_a_replaced_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db.log");
        std::fs::write(&path, b"first line\n").unwrap();
        let small = Identity::of(&source(&path)).unwrap();
        assert_eq!(small.prefix_bytes, 11);

        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&[b'x'; 5000]).unwrap();
        assert!(small.matches_prefix(&source(&path)).unwrap());
        let grown = Identity::of(&source(&path)).unwrap();
        assert_eq!(grown.prefix_bytes, PREFIX_BYTES_MAX);
        assert_eq!((grown.device, grown.inode), (small.device, small.inode));
        assert_ne!(grown.prefix_hash, small.prefix_hash);

        std::fs::write(&path, b"FIRST line\nand more").unwrap();
        assert!(!small.matches_prefix(&source(&path)).unwrap());
        std::fs::write(&path, b"first").unwrap();
        assert!(
            !small.matches_prefix(&source(&path)).unwrap(),
            "a truncated file is another one"
        );
    }

    #[test]
    fn an_archive_has_the_prefix_of_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, packed) = (folder.path().join("a"), folder.path().join("b"));
        let content: Vec<u8> = (0..4000u32).flat_map(|i| format!("{i}\n").into_bytes()).collect();
        std::fs::write(&plain, &content).unwrap();
        std::fs::write(&packed, zstd::encode_all(content.as_slice(), 1).unwrap()).unwrap();
        let identity = Identity::of(&source(&plain)).unwrap();
        assert!(identity.matches_prefix(&source(&packed)).unwrap());
        assert_eq!(
            Identity::of(&source(&packed)).unwrap().prefix_hash,
            identity.prefix_hash
        );
        assert_eq!(identity.prefix_hash, hash(&content[..1024]));
    }

    #[test]
    fn an_empty_file_has_an_identity_and_standard_input_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty");
        std::fs::write(&path, b"").unwrap();
        let identity = Identity::of(&source(&path)).unwrap();
        assert_eq!(identity.prefix_bytes, 0);
        assert!(identity.matches_prefix(&source(&path)).unwrap());
        assert!(matches!(
            Identity::of(&Source::stdin()),
            Err(IngestError::NoIdentity { .. })
        ));
    }

    #[test]
    fn text_round_trip() {
        let identity = Identity {
            device: 2049,
            inode: u64::MAX,
            prefix_bytes: 1024,
            prefix_hash: *b"0123456789abcdef",
        };
        let text = "2049:18446744073709551615:1024:30313233343536373839616263646566";
        assert_eq!(identity.to_string(), text);
        assert_eq!(text.parse::<Identity>().unwrap(), identity);
        let hash = "30313233343536373839616263646566";
        for bad in [
            String::new(),
            "1:2:3".to_owned(),
            format!("1:2:1025:{hash}"),
            format!("1:+2:3:{hash}"),
            format!("1::3:{hash}"),
            format!("1:2:3:{hash}:"),
            format!("1:2:3:{}", &hash[1..]),
            format!("1:2:3:{}", hash.replace('6', "G")),
            format!("1:2:3:{}", hash.replace('6', "é")),
        ] {
            let error = bad.parse::<Identity>().unwrap_err();
            assert!(matches!(error, IngestError::IdentityText { .. }), "{bad}");
        }
    }
}
