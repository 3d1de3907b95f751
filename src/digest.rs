//! Logs to a summary without a lake: every thread aggregates what it is given, and the aggregates merge exactly, so that the answer does not
//! depend on their number.

mod aggregate;
pub(crate) mod bounded;
mod class;
pub(crate) mod events;
pub(crate) mod filter;
mod origins;
mod reject;
pub(crate) mod statements;
mod timeline;

use std::sync::atomic::AtomicU64;

use crossbeam_channel::{TrySendError, bounded};
use slowlake_ingest::Source;
use slowlake_parse::Ledger;

use crate::batch::Batch;
use crate::digest::aggregate::Aggregate;
use crate::digest::filter::Filter;
use crate::pipeline::{ReadOptions, SourceOutcome, StatementOptions, decode};

/// Batches that wait for each helper.
const BATCHES_PER_HELPER: usize = 8;

/// What is made of the entries.
#[derive(Debug, Default)]
pub(crate) struct Recipe {
    /// How statements are read.
    pub(crate) statement: StatementOptions,
    /// Which entries count; `None` is all.
    pub(crate) filter: Option<Filter>,
    /// No text of a log is kept that may hold a literal.
    pub(crate) redact: bool,
}

/// Reads all sources, in order, with `threads` threads. Returns what became of each source, and the aggregate of all entries.
pub(crate) fn digest<'r>(
    sources: &[Source],
    options: &ReadOptions,
    recipe: &'r Recipe,
    threads: usize,
    progress: &AtomicU64,
) -> (Vec<SourceOutcome>, Aggregate<'r>) {
    let helpers = threads - 1;
    let (work, take) = bounded::<(u32, Batch)>(BATCHES_PER_HELPER * helpers.max(1));
    let (give_back, empty) = bounded::<Batch>(BATCHES_PER_HELPER * (helpers + 1) * 2);
    std::thread::scope(|scope| {
        let helping: Vec<_> = (0..helpers)
            .map(|_| {
                let (take, give_back) = (take.clone(), give_back.clone());
                scope.spawn(move || {
                    let mut aggregate = Aggregate::new(recipe);
                    for (source, mut batch) in take {
                        aggregate.batch(source, &batch);
                        batch.clear();
                        // A full shelf of empty batches is no reason to wait.
                        let _ = give_back.try_send(batch);
                    }
                    aggregate
                })
            })
            .collect();
        drop(take);
        let mut own = Aggregate::new(recipe);
        let mut outcomes = Vec::new();
        for (at, source) in (0u32..).zip(sources) {
            let outcome = decode(source, options, progress, |batch| {
                let unsent = match helpers {
                    0 => Some(batch),
                    _ => unsent(work.try_send((at, batch))),
                };
                // When the helpers are busy, the reader helps itself: nobody ever waits.
                let Some(mut batch) = unsent else {
                    return empty.try_recv().unwrap_or_default();
                };
                own.batch(at, &batch);
                batch.clear();
                batch
            });
            outcomes.push(outcome);
        }
        drop(work);
        for helper in helping {
            match helper.join() {
                Ok(aggregate) => own.merge(aggregate),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        (outcomes, own)
    })
}

/// The books of all sources.
pub(crate) fn total_ledger(outcomes: &[SourceOutcome]) -> Ledger {
    outcomes.iter().fold(Ledger::default(), |mut total, outcome| {
        total.merge(&outcome.ledger);
        total
    })
}

/// The batch, when no helper has room for it.
fn unsent(sent: Result<(), TrySendError<(u32, Batch)>>) -> Option<Batch> {
    match sent {
        Ok(()) => None,
        Err(TrySendError::Full((_, batch)) | TrySendError::Disconnected((_, batch))) => Some(batch),
    }
}
