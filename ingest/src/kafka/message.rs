//! A message as its reader sees it: borrowed bytes with their place. Never decides what they mean.

use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Headers as _, Message as _};

use crate::kafka::assignment::PartitionId;

/// A message that was received. It is in the client's memory until it is dropped.
pub struct Delivery<'c> {
    pub(super) inner: BorrowedMessage<'c>,
    pub(super) partition: PartitionId,
    pub(super) offset: u64,
    pub(super) missing: Range<u64>,
}

/// What a message consists of.
#[derive(Debug, Clone)]
pub struct Message<'m> {
    /// The topic's name.
    pub topic: &'m str,
    /// The message's key.
    pub key: Option<&'m [u8]>,
    /// What it says; `None` in a tombstone, which says that its key is no more.
    pub payload: Option<&'m [u8]>,
    /// Its headers.
    pub headers: Headers<'m>,
    /// When it was made or appended, ms since 1970 UTC.
    pub timestamp_ms: Option<i64>,
}

/// Headers of a message.
#[derive(Clone, Copy)]
pub struct Headers<'m>(Kept<'m>);

#[derive(Clone, Copy)]
enum Kept<'m> {
    Listed(&'m [(&'m str, &'m [u8])]),
    Native(&'m BorrowedHeaders),
}

impl Delivery<'_> {
    /// Which partition it is of.
    pub fn partition(&self) -> PartitionId {
        self.partition
    }

    /// Its place in the partition.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Offsets before it at which there is nothing: messages that were compacted away, transactions that were given up, and marks of
    /// transactions. Empty for most messages.
    pub fn missing(&self) -> Range<u64> {
        self.missing.clone()
    }

    /// What it consists of.
    pub fn message(&self) -> Message<'_> {
        Message {
            topic: self.inner.topic(),
            key: self.inner.key(),
            payload: self.inner.payload(),
            headers: match self.inner.headers() {
                Some(headers) => Headers(Kept::Native(headers)),
                None => Headers::listed(&[]),
            },
            timestamp_ms: self.inner.timestamp().to_millis(),
        }
    }
}

impl fmt::Debug for Delivery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .field("missing", &self.missing)
            .finish_non_exhaustive()
    }
}

impl<'m> Headers<'m> {
    /// Headers from a list.
    pub fn listed(headers: &'m [(&'m str, &'m [u8])]) -> Headers<'m> {
        Headers(Kept::Listed(headers))
    }

    /// The last header of this name, which is the one that counts. `None` also where some header's name is not UTF-8.
    pub fn get(&self, name: &str) -> Option<&'m [u8]> {
        match self.0 {
            Kept::Listed(headers) => headers
                .iter()
                .rev()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| *value),
            Kept::Native(headers) => {
                // The client library panics at a header's name that is not UTF-8, and brokers take any bytes for one.
                catch_unwind(AssertUnwindSafe(|| last(headers, name))).unwrap_or(None)
            }
        }
    }
}

fn last<'m>(headers: &'m BorrowedHeaders, name: &str) -> Option<&'m [u8]> {
    (0..headers.count())
        .rev()
        .filter_map(|index| headers.try_get(index))
        .find(|header| header.key == name)?
        .value
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_headers = match self.0 {
            Kept::Listed(headers) => headers.len(),
            Kept::Native(headers) => headers.count(),
        };
        write!(f, "Headers({n_headers})")
    }
}
