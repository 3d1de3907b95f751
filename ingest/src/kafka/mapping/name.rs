//! Where a name can be in a message, as a configuration says it. Never decides which one counts.

use std::borrow::Cow;
use std::fmt;
use std::str::{FromStr, from_utf8};

use crate::kafka::mapping::Role;
use crate::kafka::mapping::envelope::Record;
use crate::kafka::message::Message;

/// Where the name of a server, a cluster or a file comes from. Written as `topic`, `key`, `envelope`, `header:NAME`, `field:a.b.c` or `name:NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameFrom {
    /// Always the same name.
    Fixed(String),
    /// The topic.
    Topic,
    /// The message's key.
    Key,
    /// A header of the message.
    Header(String),
    /// A field of the payload, which is JSON, by the keys that lead to it; in OTLP an attribute of the record or its resource.
    Field(String),
    /// Where the shipper usually puts it: the host, or the path of the file.
    Envelope,
}

impl FromStr for NameFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<NameFrom, String> {
        let named = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        let found = match text.split_once(':') {
            None => match text {
                "topic" => Some(NameFrom::Topic),
                "key" => Some(NameFrom::Key),
                "envelope" => Some(NameFrom::Envelope),
                _ => None,
            },
            Some(("header", name)) => named(name).map(NameFrom::Header),
            Some(("field", path)) => named(path).map(NameFrom::Field),
            Some(("name", name)) => named(name).map(NameFrom::Fixed),
            Some(_) => None,
        };
        found.ok_or_else(|| {
            format!("{text:?}: not one of topic, key, envelope, header:NAME, field:PATH, name:NAME")
        })
    }
}

impl fmt::Display for NameFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameFrom::Fixed(name) => write!(f, "name:{name}"),
            NameFrom::Topic => f.write_str("topic"),
            NameFrom::Key => f.write_str("key"),
            NameFrom::Header(name) => write!(f, "header:{name}"),
            NameFrom::Field(path) => write!(f, "field:{path}"),
            NameFrom::Envelope => f.write_str("envelope"),
        }
    }
}

impl NameFrom {
    /// The name that is there, `None` if there is none or an empty one; or what is wrong with it.
    pub(super) fn look<'n>(
        &'n self,
        role: Role,
        message: &'n Message<'_>,
        record: &'n Record<'_>,
    ) -> Result<Option<Cow<'n, str>>, &'static str> {
        let text = |bytes: &'n [u8]| from_utf8(bytes).map(Cow::Borrowed).map_err(|_| "it is not UTF-8");
        let found = match self {
            NameFrom::Fixed(name) => Some(Cow::Borrowed(name.as_str())),
            NameFrom::Topic => Some(Cow::Borrowed(message.topic)),
            NameFrom::Key => message.key.map(text).transpose()?,
            NameFrom::Header(name) => message.headers.get(name).map(text).transpose()?,
            NameFrom::Field(path) => record.field(path),
            NameFrom::Envelope => match role {
                Role::Server => record.host(),
                Role::File => record.file(),
                Role::Cluster => None,
            },
        };
        Ok(found.filter(|name| !name.is_empty()))
    }
}
