//! Whose log a message is of, and which lines: takes names from where a configuration says, and lines out of what a shipper put around them. Pure
//! functions of a message; what cannot be mapped is told with its reason, and nothing of such a message is handed out. Never reads a log line.

mod envelope;
mod json;
mod name;

use std::borrow::Cow;

use crate::kafka::mapping::envelope::{Record, records};
use crate::kafka::message::Message;

pub use crate::kafka::mapping::envelope::Envelope;
pub use crate::kafka::mapping::name::NameFrom;

/// Longest payload that is looked at, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Longest name of a server, cluster or file, in bytes.
pub const NAME_BYTES_MAX: usize = 1_024;

/// How messages are to be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// What is around the lines.
    pub envelope: Envelope,
    /// Where the server's name is: the first of these that a message has.
    pub server: Vec<NameFrom>,
    /// Where the cluster's name is: the first of these that a message has. It may have none.
    pub cluster: Vec<NameFrom>,
    /// Where the name of the file is in which the lines were: the first of these that a message has, or else the topic.
    pub file: Vec<NameFrom>,
}

/// Lines of a log. All lines with one server and file are one log, whose records may go on in the next message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'l> {
    /// The server.
    pub server: &'l str,
    /// Its cluster.
    pub cluster: Option<&'l str>,
    /// The file in which it was.
    pub file: &'l str,
    /// One or more lines, without the last line's end.
    pub text: &'l [u8],
}

/// Why nothing can be made of a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unmapped {
    /// It says that its key is no more. Nothing is wrong with it.
    #[error("a tombstone")]
    Tombstone,
    /// It is longer than what is looked at.
    #[error("{bytes} bytes, more than the limit of {MESSAGE_BYTES_MAX}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// It should be JSON and is not.
    #[error("not a JSON object: {cause}")]
    NotJson {
        /// What is wrong with it.
        cause: String,
    },
    /// There are no lines where the shipper puts them.
    #[error("no text at {expected}")]
    NoText {
        /// Where they were looked for.
        expected: &'static str,
    },
    /// It does not say of which server it is.
    #[error("no name of a server at {tried}")]
    NoServer {
        /// Where it was looked for.
        tried: String,
    },
    /// A name that cannot be one.
    #[error("{from}: not a name: {cause}")]
    BadName {
        /// Where it was found.
        from: String,
        /// What is wrong with it.
        cause: &'static str,
    },
}

/// Which name is looked for.
#[derive(Debug, Clone, Copy)]
enum Role {
    Server,
    Cluster,
    File,
}

impl Mapping {
    /// The usual way: the server and the file that the envelope names; where it names none, or there is no envelope, the key and the topic.
    pub fn new(envelope: Envelope) -> Mapping {
        Mapping {
            envelope,
            server: vec![NameFrom::Envelope, NameFrom::Key],
            cluster: Vec::new(),
            file: vec![NameFrom::Envelope],
        }
    }

    /// Hands out the lines of a message, in their order: all of them, or none if an error is returned.
    ///
    /// # Errors
    /// Why nothing can be made of it.
    pub fn read(&self, message: &Message<'_>, out: &mut dyn FnMut(Line<'_>)) -> Result<(), Unmapped> {
        let payload = message.payload.ok_or(Unmapped::Tombstone)?;
        if payload.len() > MESSAGE_BYTES_MAX {
            return Err(Unmapped::TooLong { bytes: payload.len() });
        }
        if self.envelope != Envelope::Otlp {
            // One record: nothing is allocated for it.
            let record = self.envelope.open(payload)?;
            out(self.named(message, &record)?.line());
            return Ok(());
        }
        let records = records(payload)?;
        let named: Result<Vec<Named<'_>>, Unmapped> =
            records.iter().map(|record| self.named(message, record)).collect();
        for named in named? {
            out(named.line());
        }
        Ok(())
    }

    fn named<'n>(&'n self, message: &'n Message<'_>, record: &'n Record<'_>) -> Result<Named<'n>, Unmapped> {
        let server = first(&self.server, Role::Server, message, record)?;
        let Some(server) = server else {
            let tried: Vec<String> = self.server.iter().map(ToString::to_string).collect();
            return Err(Unmapped::NoServer {
                tried: tried.join(", "),
            });
        };
        Ok(Named {
            server,
            cluster: first(&self.cluster, Role::Cluster, message, record)?,
            file: first(&self.file, Role::File, message, record)?.unwrap_or(Cow::Borrowed(message.topic)),
            text: without_line_end(&record.text),
        })
    }
}

/// A record with its names.
struct Named<'n> {
    server: Cow<'n, str>,
    cluster: Option<Cow<'n, str>>,
    file: Cow<'n, str>,
    text: &'n [u8],
}

impl Named<'_> {
    fn line(&self) -> Line<'_> {
        Line {
            server: &self.server,
            cluster: self.cluster.as_deref(),
            file: &self.file,
            text: self.text,
        }
    }
}

/// The first name that there is.
fn first<'n>(
    places: &'n [NameFrom],
    role: Role,
    message: &'n Message<'_>,
    record: &'n Record<'_>,
) -> Result<Option<Cow<'n, str>>, Unmapped> {
    for place in places {
        let bad = |cause| Unmapped::BadName {
            from: place.to_string(),
            cause,
        };
        let Some(found) = place.look(role, message, record).map_err(bad)? else {
            continue;
        };
        if found.len() > NAME_BYTES_MAX {
            return Err(bad("it is too long"));
        }
        if found.chars().any(char::is_control) {
            return Err(bad("it has control characters"));
        }
        return Ok(Some(found));
    }
    Ok(None)
}

fn without_line_end(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

#[cfg(test)]
mod tests;
