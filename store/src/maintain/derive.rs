//! Brings a derived table up to date: writes down what its view says of the days that changed, in the place of what was kept of them, in
//! one commit that is fenced by the version of the events it knows. A day that is still going on has one file an hour, so that a run costs
//! no more than the hours that changed; a day that is over has one sorted file. Never deletes a file; that is vacuum's work.

mod write;

use std::collections::{BTreeMap, BTreeSet};

use deltalake::kernel::{Add, Remove};
use deltalake::protocol::{DeltaOperation, OutputMode};

use crate::append::{Change, Outcome, Settled};
use crate::derived::{DerivedTable, DerivedView, HOUR_US, HOURS_OF_DAY, Touched, UNDATED, day};
use crate::error::StoreError;
use crate::lake_table::LakeTable;
pub(super) use crate::maintain::derive::write::session;
use crate::maintain::derive::write::{Span, Writer};
use crate::maintain::resources::{Planner, Resources};
use crate::table::Lake;

/// How to derive.
#[derive(Debug, Clone)]
pub struct DeriveOptions {
    /// The present, µs since 1970 UTC: the days before yesterday are over.
    pub now_us: i64,
    /// Limits.
    pub resources: Resources,
    /// Who plans the computations, if not the query engine itself.
    pub planner: Option<Planner>,
}

/// What was derived; of a dry run, what would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeriveReport {
    /// The version of the lake up to which the table knew the events before; none where it did not exist.
    pub from_version: Option<i64>,
    /// The version up to which it knows them now.
    pub to_version: i64,
    /// Commits behind `from_version` could not be read any more, or there was no such version: all days that are there were computed anew.
    pub everything: bool,
    /// Hours that were computed from the events.
    pub hours: u64,
    /// Days of which files were written.
    pub days: u64,
    /// Files put into the table, 0 of a dry run.
    pub files_out: u64,
    /// Their bytes, 0 of a dry run.
    pub bytes_out: u64,
    /// Their rows, 0 of a dry run.
    pub rows: u64,
    /// Files taken out of the table.
    pub files_in: u64,
    /// Somebody else was deriving the same: what was written was dropped.
    pub fenced: bool,
}

/// Brings the table up to the newest version of the events. Does nothing where it is there and no day has files to be put together.
///
/// # Errors
/// Those of [`Lake::commit`] and [`Lake::derived`]. Nothing changes then.
pub async fn derive(
    lake: &mut Lake,
    table: DerivedTable,
    options: &DeriveOptions,
    dry_run: bool,
) -> Result<DeriveReport, StoreError> {
    lake.refresh().await?;
    let view = lake.derived(table).await?;
    let days = view.touched_days(lake).await?;
    let plans = plans(days, &view, options.now_us)?;
    let mut report = DeriveReport {
        from_version: view.kept.as_ref().map(|kept| kept.version),
        to_version: lake.version(),
        everything: view.computes_everything(),
        hours: plans.iter().map(|plan| plan.touched.len() as u64).sum(),
        days: plans.len() as u64,
        files_in: plans.iter().map(|plan| plan.removes.len() as u64).sum(),
        ..DeriveReport::default()
    };
    if dry_run || plans.is_empty() && report.from_version == Some(report.to_version) {
        return Ok(report);
    }
    let mut change = Change {
        operation: DeltaOperation::StreamingUpdate {
            output_mode: OutputMode::Complete,
            query_id: table.app_id().to_owned(),
            epoch_id: report.to_version,
        },
        adds: Vec::new(),
        removes: Vec::new(),
        progress: vec![view.progress(report.to_version)],
    };
    let mut delta = lake.open_or_create_derived(table).await?;
    let mut writer = Writer::new(lake, &view, &delta, options).await?;
    for plan in plans {
        change.adds.extend(writer.write(&plan).await?);
        change.removes.extend(plan.removes);
    }
    report.rows = writer.rows();
    report.files_out = change.adds.len() as u64;
    report.bytes_out = change.adds.iter().map(|add: &Add| add.size as u64).sum();
    let settled = delta.commit(change).await?;
    report.fenced = !matches!(settled, Settled::Outcome(Outcome::Committed { .. }));
    Ok(report)
}

/// What is written of one day.
#[derive(Debug)]
struct DayPlan {
    day: i32,
    /// What is computed from the events.
    touched: Touched,
    /// What each of the new files holds.
    span: Span,
    /// The files whose place they take.
    removes: Vec<Remove>,
}

/// A file of the table as it is kept.
#[derive(Debug)]
struct KeptFile {
    span: Span,
    /// The hour since 1970 of a file of one hour.
    hour: Option<i64>,
    remove: Remove,
}

/// What is written of the days of which something has to be computed, and of those that are over since.
fn plans(mut days: BTreeSet<i32>, view: &DerivedView, now_us: i64) -> Result<Vec<DayPlan>, StoreError> {
    let mut kept = match &view.kept {
        Some(kept) => kept_files(&kept.delta)?,
        None => BTreeMap::new(),
    };
    let is_over = |day: i32| day == UNDATED || (i64::from(day) + 2) * HOURS_OF_DAY * HOUR_US <= now_us;
    let scattered = kept
        .iter()
        .filter(|(day, files)| is_over(**day) && files.iter().any(|file| file.span == Span::Hour));
    days.extend(scattered.map(|(day, _)| *day).collect::<Vec<_>>());
    let plan = |day: i32| {
        let files = kept.remove(&day).unwrap_or_default();
        let touched = view.touched_of(day);
        let by_hour = view.table() == DerivedTable::RollupHour
            && !is_over(day)
            && files.iter().all(|file| file.span == Span::Hour);
        if !by_hour {
            let removes = files.into_iter().map(|file| file.remove).collect();
            return DayPlan {
                day,
                touched,
                span: Span::Day,
                removes,
            };
        }
        let hours = touched.hours_of(day);
        let replaced = |file: &KeptFile| file.hour.is_none_or(|hour| hours.contains(&hour));
        let removes = files
            .into_iter()
            .filter(replaced)
            .map(|file| file.remove)
            .collect();
        DayPlan {
            day,
            touched,
            span: Span::Hour,
            removes,
        }
    };
    Ok(days.into_iter().map(plan).collect())
}

fn kept_files(delta: &LakeTable) -> Result<BTreeMap<i32, Vec<KeptFile>>, StoreError> {
    let mut kept: BTreeMap<i32, Vec<KeptFile>> = BTreeMap::new();
    for file in delta.files()?.iter() {
        let values = file.partition_values_map();
        let text = values.get("event_date").and_then(Option::as_deref);
        // The table has only files of ours, and those have a day.
        let day = text.and_then(day).unwrap_or(UNDATED);
        let (span, hour) = Span::of_path(&file.path(), day);
        kept.entry(day).or_default().push(KeptFile {
            span,
            hour,
            remove: file.remove_action(true),
        });
    }
    Ok(kept)
}

#[cfg(test)]
mod tests;
