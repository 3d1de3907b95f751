//! What can go wrong between a user's argument and a byte of a log. Every message names the source; [`IngestError::hint`] names the
//! next step. Nothing here is about what the bytes mean.

use std::io;
use std::sync::Arc;

use crate::archive::WINDOW_BYTES_MAX;
use crate::discover::{DIRECTORY_DEPTH_MAX, SOURCES_MAX};
use crate::follow::FOLLOWED_MAX;
#[cfg(feature = "kafka")]
use crate::kafka::KafkaTrouble;

/// Why a source could not be found, opened or read on. Cheap to clone, so that a reader can repeat it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// No argument at all.
    #[error("no file, directory or pattern was named")]
    NothingNamed,

    /// A named path does not exist.
    #[error("{name}: no such file or directory")]
    NotFound {
        /// The path as the user gave it or as it was found.
        name: String,
    },

    /// A symbolic link leads nowhere.
    #[error("{name}: a symbolic link to something that does not exist")]
    DanglingLink {
        /// The link's path.
        name: String,
    },

    /// A pattern without a match.
    #[error("{pattern}: no file matches this pattern")]
    NoMatch {
        /// The pattern as given.
        pattern: String,
    },

    /// A pattern that cannot be read as one.
    #[error("{pattern}: not a valid pattern: {cause}")]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it, and at which character.
        cause: String,
    },

    /// A directory without a file that could be read.
    #[error("{name}: no file in this directory")]
    EmptyDirectory {
        /// The directory's path.
        name: String,
    },

    /// Directories nested too deeply.
    #[error("{name}: more than {DIRECTORY_DEPTH_MAX} directories below the one that was named")]
    TooDeep {
        /// The first directory that is too deep.
        name: String,
    },

    /// More files than one run takes.
    #[error("{name}: more than {SOURCES_MAX} files were found")]
    TooMany {
        /// The first file that is too many.
        name: String,
    },

    /// None of several arguments led to anything.
    #[error("nothing to read: {}", list(.failures))]
    NothingReadable {
        /// One failure for each argument or file.
        failures: Vec<IngestError>,
    },

    /// A socket, a device, or a directory where a file is needed.
    #[error("{name}: a {kind}, which cannot be read as a log")]
    NotAFile {
        /// The path.
        name: String,
        /// What it is, in a word or two.
        kind: &'static str,
    },

    /// A known archive format that is not read.
    #[error("{name}: a {format} archive, which is not supported")]
    UnsupportedArchive {
        /// The path.
        name: String,
        /// The format's usual name.
        format: &'static str,
    },

    /// The operating system refused to look at, list or open a path.
    #[error("{name}: cannot {action}: {source}")]
    Open {
        /// The path.
        name: String,
        /// What was tried: `open`, `list`, `inspect`.
        action: &'static str,
        /// The system's reason.
        source: Arc<io::Error>,
    },

    /// The operating system failed in the middle of a source.
    #[error("{name}: cannot read at byte {disk_offset}: {source}")]
    Read {
        /// The source's name.
        name: String,
        /// Bytes of the (possibly compressed) source read before the failure.
        disk_offset: u64,
        /// The system's reason.
        source: Arc<io::Error>,
    },

    /// An archive that cannot be decompressed any further.
    #[error("{name}: damaged {format} data at byte {disk_offset}: {cause}")]
    Damaged {
        /// The source's name.
        name: String,
        /// The archive format.
        format: &'static str,
        /// Compressed bytes that were understood before the damage.
        disk_offset: u64,
        /// What the decompressor found.
        cause: String,
    },

    /// An archive that ends in the middle.
    #[error("{name}: the {format} data ends in the middle, at byte {disk_offset}")]
    Truncated {
        /// The source's name.
        name: String,
        /// The archive format.
        format: &'static str,
        /// Compressed bytes that are there.
        disk_offset: u64,
    },

    /// An archive that needs more memory to decompress than one reader may use.
    #[error(
        "{name}: the {format} data at byte {disk_offset} needs a window above the limit of {WINDOW_BYTES_MAX} bytes"
    )]
    WindowTooLarge {
        /// The source's name.
        name: String,
        /// The archive format.
        format: &'static str,
        /// Compressed bytes before the part that asks for the window.
        disk_offset: u64,
    },

    /// Standard input among what is to be followed.
    #[error("standard input cannot be followed")]
    NotFollowable,

    /// More files at once than are followed.
    #[error("{name}: more than {FOLLOWED_MAX} files to follow")]
    TooManyFollowed {
        /// The first file that is too many.
        name: String,
    },

    /// A source that ends before the position to continue from.
    #[error("{name}: cannot continue at byte {wanted}: there are only {found} bytes")]
    TooShort {
        /// The source's name.
        name: String,
        /// The decompressed offset asked for.
        wanted: u64,
        /// The decompressed bytes there are.
        found: u64,
    },

    /// A position before the one already reached, in a stream that only goes forward.
    #[error("{name}: cannot go back from byte {position} to byte {wanted}")]
    Backwards {
        /// The source's name.
        name: String,
        /// The decompressed offset reached.
        position: u64,
        /// The decompressed offset asked for.
        wanted: u64,
    },

    /// A source that is no regular file, so that it cannot be recognised later.
    #[error("{name}: only a regular file can be recognised when it is read again")]
    NoIdentity {
        /// The source's name.
        name: String,
    },

    /// A stored identity that cannot be read back.
    #[error("{text:?}: not a file identity of the form device:inode:bytes:hash")]
    IdentityText {
        /// The text as stored.
        text: String,
    },

    /// The address of a server that cannot be one.
    #[error("{what}")]
    Address {
        /// What is wrong with it; never a password.
        what: String,
    },

    /// A password that is not where it should be.
    #[error("{server}: no password: {cause}")]
    Password {
        /// The server's name.
        server: String,
        /// What is missing; never the password.
        cause: String,
    },

    /// No certificates to verify a server's against.
    #[error("{server}: the server's certificate cannot be verified: {cause}")]
    Certificates {
        /// The server's name.
        server: String,
        /// What is wrong with them.
        cause: String,
    },

    /// A server that cannot be reached, or does not let the collector in.
    #[error("{server}: cannot connect: {cause}")]
    Connect {
        /// The server's name.
        server: String,
        /// The network's or the server's reason.
        cause: String,
    },

    /// A server that a collector cannot ask, being too old.
    #[error("{server}: {found} is too old: collectors need {oldest} or later")]
    ServerTooOld {
        /// The server's name.
        server: String,
        /// Its version, as it says.
        found: String,
        /// The first version that has what collectors ask for.
        oldest: &'static str,
    },

    /// A connection that broke between two samples or within one.
    #[error("{server}: the connection was lost while asking for {asked}: {cause}")]
    ConnectionLost {
        /// The server's name.
        server: String,
        /// What was asked for: a metric.
        asked: &'static str,
        /// The network's or the server's reason.
        cause: String,
    },

    /// A server that keeps silent for longer than configured.
    #[error("{server}: no answer when asked for {asked} within {limit_ms} ms")]
    NoAnswer {
        /// The server's name.
        server: String,
        /// What was asked for: a connection or a metric.
        asked: &'static str,
        /// How long it was waited for, in milliseconds.
        limit_ms: u64,
    },
    /// Something about Kafka.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Kafka(#[from] KafkaTrouble),
}

impl IngestError {
    /// The next step for the user, as one sentence without a final period; `None` where the message says it all.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::NothingNamed => Some("name log files, directories or patterns, or `-` for standard input"),
            Self::NotFound { .. } => {
                Some("check the spelling; a pattern such as '/var/log/db/*.log*' also works")
            }
            Self::DanglingLink { .. } => Some("remove the link, or restore the file it leads to"),
            Self::NoMatch { .. } => {
                Some("check the pattern; hidden files and other directories need to be spelled out")
            }
            Self::Pattern { .. } => Some("the pattern characters are * ? [abc] and ** for any directories"),
            Self::EmptyDirectory { .. } => Some("hidden files are skipped; name the log file itself"),
            Self::TooDeep { .. } => Some("name the deeper directory itself"),
            Self::TooMany { .. } => Some("name fewer directories at once"),
            Self::NothingReadable { failures } => failures.first().and_then(Self::hint),
            Self::NotAFile { .. } => Some("name a regular file, a directory or a named pipe"),
            Self::UnsupportedArchive { .. } => {
                Some("unpack it first; gzip, zstd, bzip2 and xz are read as they are")
            }
            Self::Open { source, .. } | Self::Read { source, .. } => io_hint(source.kind()),
            Self::Damaged { .. } => {
                Some("what precedes the damage was read; copy the archive again and compare its checksum")
            }
            Self::Truncated { .. } => {
                Some("what is there was read; copy the archive again, or wait until it is completely written")
            }
            Self::WindowTooLarge { .. } => {
                Some("compress it again without a `--long` window, or decompress it and pipe it in")
            }
            Self::NotFollowable => Some("read it to its end without following, or name files"),
            Self::TooManyFollowed { .. } => Some("follow the other files with another process"),
            Self::TooShort { .. } => Some("the file was cut or replaced; read it from the start"),
            Self::Backwards { .. } => Some("open the source again"),
            Self::NoIdentity { .. } => Some("write the stream to a file first"),
            Self::IdentityText { .. } => None,
            Self::Address { .. } => Some(
                "write postgres://user@host:port/database or mysql://user@host:port; a password comes from a file or the environment",
            ),
            Self::Password { .. } => Some("name a file that holds it in its first line and that may be read"),
            Self::Certificates { .. } => {
                Some("name a PEM file with the certificate of the server's authority")
            }
            Self::Connect { .. } => {
                Some("check host, port and grants; TLS is verified unless it is switched off for this server")
            }
            Self::ServerTooOld { .. } => Some("its logs can be read all the same"),
            Self::ConnectionLost { .. } | Self::NoAnswer { .. } => {
                Some("the next sample connects again; see the server's log if it goes on")
            }
            #[cfg(feature = "kafka")]
            Self::Kafka(trouble) => trouble.hint(),
        }
    }
}

fn io_hint(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::PermissionDenied => {
            Some("run as a user who may read it, or add this user to the group that owns the logs")
        }
        io::ErrorKind::NotFound => Some("it was removed in the meantime; run again"),
        _ => None,
    }
}

fn list(failures: &[IngestError]) -> String {
    const SHOWN_MAX: usize = 5;
    let mut shown: Vec<String> = failures.iter().take(SHOWN_MAX).map(ToString::to_string).collect();
    if failures.len() > SHOWN_MAX {
        shown.push(format!("and {} more", failures.len() - SHOWN_MAX));
    }
    shown.join("; ")
}
