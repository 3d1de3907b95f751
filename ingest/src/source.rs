//! A source: one stream of log bytes and the name it goes by. Says where bytes are, never opens anything.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::compression::Compression;

/// Where a source's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Location {
    /// The process's standard input.
    Stdin,
    /// A regular file or a named pipe; symbolic links are followed when it is opened.
    File(PathBuf),
}

/// One stream of log bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where its bytes come from.
    pub location: Location,
    /// Its name for people and for the archive's `source` column: the path as given or found, or `<stdin>`. Bytes of a path that
    /// are not UTF-8 appear as `\xNN`, so that two paths never share a name by accident.
    pub name: String,
    /// How it is packed, by its first bytes. `None` for standard input and pipes until a reader has opened them: see
    /// [`Reader::compression`](crate::Reader::compression).
    pub compression: Compression,
    /// Its size in bytes as stored, when it was found; `None` where there is no end to know.
    pub bytes_on_disk: Option<u64>,
}

impl Source {
    /// Standard input, named `<stdin>`.
    pub fn stdin() -> Source {
        Source {
            location: Location::Stdin,
            name: "<stdin>".to_owned(),
            compression: Compression::None,
            bytes_on_disk: None,
        }
    }
}

/// A path as text: UTF-8 as it is, every other byte as `\xNN`.
pub(crate) fn display_name(path: &Path) -> String {
    let mut name = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        name.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(name, "\\x{byte:02x}");
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn names_keep_utf8_and_spell_out_other_bytes() {
        assert_eq!(
            display_name(Path::new("/var/log/größe.log")),
            "/var/log/größe.log"
        );
        assert_eq!(
            display_name(Path::new(OsStr::from_bytes(b"a\xff\xfeb"))),
            "a\\xff\\xfeb"
        );
    }
}
