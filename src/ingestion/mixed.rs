//! Entries of many logs in one batch, each with its place: messages of a topic come from one server after the other. Never decides whose an
//! entry is.

use std::sync::Arc;

use slowlake_parse::{Decoded, Execution, LogEntry, Reject};

use crate::batch::Batch;

/// Whose entries are, and which source they came from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The first part of the key of its rows.
    pub(crate) source: String,
    /// `None` where a message does not say.
    pub(crate) server: Option<String>,
    pub(crate) cluster: Option<String>,
}

/// The rest of the key of a row: an offset of the source, and which of the rows there it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) offset: u64,
    pub(crate) seq: u32,
}

/// An entry's owner and place.
pub(crate) type Origin<'o> = (&'o Owner, Spot);

/// Entries with their origins.
#[derive(Debug, Default)]
pub(crate) struct MixedBatch {
    batch: Batch,
    owners: Vec<Arc<Owner>>,
    executions: Vec<(usize, Spot)>,
    logs: Vec<(usize, Spot)>,
    rejects: Vec<(usize, Spot)>,
    /// Rejects of a reason that no format has.
    unread: Vec<Unread>,
}

/// Something of a message that never got to a decoder.
#[derive(Debug)]
struct Unread {
    origin: (usize, Spot),
    reason: &'static str,
    raw: Vec<u8>,
}

#[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "only topics need it"))]
impl MixedBatch {
    /// A batch that uses the memory of an empty one.
    pub(crate) fn reusing(batch: Batch) -> MixedBatch {
        MixedBatch {
            batch,
            ..MixedBatch::default()
        }
    }

    /// The memory of the batch, empty.
    pub(crate) fn into_empty(mut self) -> Batch {
        self.batch.clear();
        self.batch
    }

    pub(crate) fn push(&mut self, decoded: &Decoded<'_>, owner: &Arc<Owner>, spot: Spot) {
        let origin = (self.index_of(owner), spot);
        match decoded {
            Decoded::Execution(_) => self.executions.push(origin),
            Decoded::Log(_) => self.logs.push(origin),
            Decoded::Reject(_) => self.rejects.push(origin),
        }
        self.batch.push(decoded);
    }

    /// Adds what never got to a decoder.
    pub(crate) fn push_unread(&mut self, raw: &[u8], reason: &'static str, owner: &Arc<Owner>, spot: Spot) {
        let unread = Unread {
            origin: (self.index_of(owner), spot),
            reason,
            raw: raw.to_vec(),
        };
        self.unread.push(unread);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.batch.is_full()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.unread.is_empty()
    }

    pub(crate) fn executions(&self, mut each: impl FnMut(&Execution<'_>, Origin<'_>)) {
        let mut origins = self.executions.iter().map(|origin| self.origin(origin));
        self.batch.executions(|execution| {
            origins
                .by_ref()
                .take(1)
                .for_each(|origin| each(execution, origin))
        });
    }

    pub(crate) fn logs(&self, mut each: impl FnMut(&LogEntry<'_>, Origin<'_>)) {
        let mut origins = self.logs.iter().map(|origin| self.origin(origin));
        self.batch
            .logs(|entry| origins.by_ref().take(1).for_each(|origin| each(entry, origin)));
    }

    pub(crate) fn rejects(&self) -> impl Iterator<Item = (Reject<'_>, Origin<'_>)> {
        self.batch
            .rejects()
            .zip(self.rejects.iter().map(|origin| self.origin(origin)))
    }

    /// Bytes, reason and origin of what never got to a decoder.
    pub(crate) fn unread(&self) -> impl Iterator<Item = (&[u8], &'static str, Origin<'_>)> {
        self.unread
            .iter()
            .map(|it| (it.raw.as_slice(), it.reason, self.origin(&it.origin)))
    }

    fn index_of(&mut self, owner: &Arc<Owner>) -> usize {
        // Mostly the one of the entry before; owners that come back are listed again.
        if self.owners.last().is_none_or(|last| !Arc::ptr_eq(last, owner)) {
            self.owners.push(owner.clone());
        }
        self.owners.len() - 1
    }

    fn origin(&self, (owner, spot): &(usize, Spot)) -> Origin<'_> {
        (&self.owners[*owner], *spot)
    }
}
