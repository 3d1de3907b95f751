//! What reading threads hand to the one that commits: entries in the order of their source, and where a round of them ends.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use slowlake_parse::{Decoded, Ledger, Span};

use crate::batch::Batch;
use crate::ingestion::known::Unit;
use crate::pipeline::SourceFailure;

/// What a reading thread sends.
pub(crate) enum Message {
    /// Entries of one source.
    Batch(Batch, Arc<Unit>),
    /// Everything since the last round has been sent: it can be committed, all sources at once.
    End(Round),
    /// A source cannot be read, or not now; others go on.
    Failure(SourceFailure),
}

/// Pieces of sources that are committed at once.
pub(crate) type Round = Vec<Part>;

/// A piece of one source.
pub(crate) struct Part {
    pub(crate) unit: Arc<Unit>,
    pub(crate) format: Arc<str>,
    /// Where the lake has to be for it.
    pub(crate) prev: Option<i64>,
    pub(crate) range: Span,
    pub(crate) ledger: Ledger,
    /// Records that whoever goes on after this round has to read again.
    pub(crate) context: Vec<Span>,
}

/// Nobody listens any more: the thread that commits has failed or was fenced.
#[derive(Debug)]
pub(crate) struct NobodyListens;

/// A reading thread's end of the channel.
pub(crate) struct Outlet {
    send: Sender<Message>,
    /// Batches to use again.
    empty: Receiver<Batch>,
    batch: Batch,
    is_closed: bool,
}

impl Outlet {
    pub(crate) fn new(send: Sender<Message>, empty: Receiver<Batch>) -> Outlet {
        Outlet {
            send,
            empty,
            batch: Batch::default(),
            is_closed: false,
        }
    }

    /// Adds an entry of `unit`; entries of another are [passed on](Self::pass) before.
    pub(crate) fn add(&mut self, decoded: &Decoded<'_>, unit: &Arc<Unit>) {
        self.batch.push(decoded);
        if self.batch.is_full() {
            self.pass(unit);
        }
    }

    /// Passes on what was added of `unit`.
    pub(crate) fn pass(&mut self, unit: &Arc<Unit>) {
        if self.batch.is_empty() {
            return;
        }
        let full = std::mem::replace(&mut self.batch, self.empty.try_recv().unwrap_or_default());
        self.is_closed |= self.send.send(Message::Batch(full, unit.clone())).is_err();
    }

    /// Ends a round.
    pub(crate) fn end(&mut self, round: Round) -> Result<(), NobodyListens> {
        if !round.is_empty() {
            self.is_closed |= self.send.send(Message::End(round)).is_err();
        }
        if self.is_closed {
            Err(NobodyListens)
        } else {
            Ok(())
        }
    }

    /// Says that a source failed.
    pub(crate) fn fail(&mut self, failure: SourceFailure) {
        self.is_closed |= self.send.send(Message::Failure(failure)).is_err();
    }
}
