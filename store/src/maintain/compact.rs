//! Compaction: the many small files that ingestion leaves become few large ones, their rows sorted so that a query reads little of
//! them. No row is added, changed or lost: each commit takes files out and puts the same rows in. Never deletes a file; that is
//! vacuum's work.

mod plan;
mod rewrite;

use std::collections::BTreeSet;

use deltalake::protocol::DeltaOperation;
use tokio::task::JoinSet;
use tracing::debug;

use crate::append::{Change, Outcome, Progress, Settled};
use crate::error::StoreError;
use crate::maintain::compact::plan::{Bin, TARGET_BYTES, bins};
use crate::maintain::compact::rewrite::{Rewriter, Rewritten};
use crate::maintain::resources::Resources;
use crate::table::Lake;

/// The unit of progress that fences compaction: it counts the commits of all compactions there ever were.
const APP_ID: &str = "m/compact";

/// How often the files that are left are looked at again. A bin leaves at most one file that is worth another.
const MAX_ROUNDS: u32 = 16;

/// How to compact.
#[derive(Debug, Clone, Copy)]
pub struct CompactOptions {
    /// The present, µs since 1970 UTC: a day that ended two days before is closed, and compacted for good.
    pub now_us: i64,
    /// Limits.
    pub resources: Resources,
}

/// What was compacted; of a dry run, what would be at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompactReport {
    /// Partitions with files that were put together.
    pub partitions: u64,
    /// Files taken out of the table.
    pub files_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Files put in, 0 of a dry run.
    pub files_out: u64,
    /// Their bytes, 0 of a dry run.
    pub bytes_out: u64,
    /// Rows that were written again.
    pub rows: u64,
    /// Pieces of work that were dropped because somebody else removed their files.
    pub overtaken: u64,
    /// Somebody else was compacting: what was done and not yet committed was dropped, and the rest left to them.
    pub fenced: bool,
}

/// Puts files together until no more are worth it. Memory is bounded by the options' limits, temporary disk space by some GiB a thread.
///
/// # Errors
/// [`StoreError::RowsLost`] where sorting would have lost or made rows, and those of [`Lake::commit`]. What was committed before
/// stays; what was not is dropped.
pub async fn compact(
    lake: &mut Lake,
    options: &CompactOptions,
    dry_run: bool,
) -> Result<CompactReport, StoreError> {
    let mut report = CompactReport::default();
    let mut partitions = BTreeSet::new();
    for _ in 0..MAX_ROUNDS {
        lake.refresh().await?;
        let prev = lake.watermark(APP_ID).await?;
        let bins = bins(lake.events.data_files()?, options.now_us);
        partitions.extend(bins.iter().map(|bin| bin.partition.clone()));
        report.partitions = partitions.len() as u64;
        if dry_run {
            bins.iter().for_each(|bin| report.take(bin));
            return Ok(report);
        }
        if bins.is_empty() || report.fenced {
            return Ok(report);
        }
        round(lake, options, bins, prev, &mut report).await?;
    }
    Ok(report)
}

impl CompactReport {
    fn take(&mut self, bin: &Bin) {
        self.files_in += bin.files.len() as u64;
        self.bytes_in += bin.bytes();
        self.rows += bin.rows();
    }
}

/// Rewrites the bins, as many at a time as there are threads, and commits each as soon as it is written.
async fn round(
    lake: &mut Lake,
    options: &CompactOptions,
    bins: Vec<Bin>,
    mut prev: Option<i64>,
    report: &mut CompactReport,
) -> Result<(), StoreError> {
    let rewriter = Rewriter::new(lake, options.resources)?;
    let mut waiting = bins.into_iter();
    // Dropped, it stops what still runs.
    let mut running = JoinSet::new();
    loop {
        while running.len() < options.resources.threads.max(1)
            && let Some(bin) = waiting.next()
        {
            let rewriter = rewriter.clone();
            running.spawn(async move {
                let rewritten = rewriter.rewrite(&bin).await?;
                Ok::<_, StoreError>((bin, rewritten))
            });
        }
        let Some(joined) = running.join_next().await else {
            return Ok(());
        };
        let (bin, rewritten) =
            joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        commit(lake, &bin, rewritten, &mut prev, report).await?;
        if report.fenced {
            return Ok(());
        }
    }
}

/// Puts the new files in the place of a bin's.
async fn commit(
    lake: &mut Lake,
    bin: &Bin,
    rewritten: Rewritten,
    prev: &mut Option<i64>,
    report: &mut CompactReport,
) -> Result<(), StoreError> {
    if rewritten.rows != bin.rows() {
        return Err(StoreError::RowsLost {
            location: lake.location().clone(),
            partition: bin.partition.to_string(),
            rows_in: bin.rows(),
            rows_out: rewritten.rows,
        });
    }
    let (files_out, bytes_out) = (rewritten.adds.len() as u64, rewritten.bytes());
    let next = prev.unwrap_or(0) + 1;
    let change = Change {
        operation: DeltaOperation::Optimize {
            predicate: None,
            target_size: TARGET_BYTES as i64,
        },
        adds: rewritten.adds,
        removes: bin.files.iter().map(|file| file.remove(false)).collect(),
        progress: vec![Progress {
            app_id: APP_ID.to_owned(),
            prev: *prev,
            next,
        }],
    };
    match lake.events.commit(change).await? {
        Settled::Outcome(Outcome::Committed { version }) => {
            debug!(version, partition = %bin.partition, files = bin.files.len(), files_out, "compacted");
            *prev = Some(next);
            report.take(bin);
            report.files_out += files_out;
            report.bytes_out += bytes_out;
        }
        Settled::Outcome(Outcome::Fenced { .. }) => report.fenced = true,
        Settled::Gone { paths } => {
            debug!(?paths, "somebody removed what was being compacted");
            report.overtaken += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
