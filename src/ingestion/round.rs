//! What reading threads hand to the one that commits: entries in the order of their source, and where a round of them ends.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use slowlake_parse::{Decoded, Ledger, Span, Tally};
use slowlake_store::Lake;
use tokio::runtime::Runtime;

use crate::batch::Batch;
use crate::ingestion::known::Unit;
use crate::ingestion::mixed::MixedBatch;
use crate::pipeline::SourceFailure;

/// What a reading thread sends.
pub(crate) enum Message {
    /// Entries of one source.
    Batch(Batch, Arc<Unit>),
    /// Entries of many logs.
    Mixed(MixedBatch),
    /// Something to ask the lake when all earlier rounds are committed.
    Ask(Box<Question>),
    /// Everything since the last round has been sent: it can be committed, all sources at once.
    End(Round),
    /// A source cannot be read, or not now; others go on.
    Failure(SourceFailure),
}

/// Asks a lake.
pub(crate) type Question = dyn FnOnce(&Runtime, &mut Lake) + Send;

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
    /// More books, of a partition of a topic.
    pub(crate) topic: Option<TopicBooks>,
}

/// What is only to be said of a piece of a partition.
pub(crate) struct TopicBooks {
    /// Bytes of lines and of messages that are none, each line with its end.
    pub(crate) bytes: u64,
    /// What never got to a decoder, by reason.
    pub(crate) rejected: Vec<(&'static str, Tally)>,
    /// Messages that say nothing.
    pub(crate) tombstones: u64,
    /// Offsets at which there was no message.
    pub(crate) missing: u64,
    /// What whoever goes on with the partition has to know.
    pub(crate) memory: serde_json::Value,
    /// An earlier unit of progress that ends with this piece, and where it is.
    pub(crate) supersedes: Option<(String, i64)>,
}

impl Part {
    /// Bytes that the piece is about.
    pub(crate) fn bytes(&self) -> u64 {
        self.topic
            .as_ref()
            .map_or(self.range.bytes(), |topic| topic.bytes)
    }
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

    /// Passes on entries of many logs.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "only topics need it"))]
    pub(crate) fn pass_mixed(&mut self, mixed: MixedBatch) {
        self.is_closed |= self.send.send(Message::Mixed(mixed)).is_err();
    }

    /// An empty batch of many logs, in memory that was used before where there is some.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "only topics need it"))]
    pub(crate) fn empty_mixed(&self) -> MixedBatch {
        MixedBatch::reusing(self.empty.try_recv().unwrap_or_default())
    }

    /// Asks the lake; the question is dropped where nobody listens.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "only topics need it"))]
    pub(crate) fn ask(&mut self, question: Box<Question>) {
        self.is_closed |= self.send.send(Message::Ask(question)).is_err();
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
