//! Whether what is kept of a derived table is what the events say, day by day. Of days that retention took the executions from nothing can
//! be said.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

use datafusion::arrow::compute::cast;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use crate::derived::{DerivedTable, DerivedView};
use crate::error::StoreError;
use crate::maintain::derive::session;
use crate::maintain::fsck::{Check, FsckOptions, failed};
use crate::table::Lake;
use crate::upload::date_text;

pub(super) fn new(table: DerivedTable) -> Check {
    match table {
        DerivedTable::RollupHour => Check::new(
            "rollup_hour",
            "hourly roll-ups say what their executions do when they are summed up again",
        ),
        DerivedTable::RollupDay => Check::new(
            "rollup_day",
            "daily roll-ups say what their hours do when they are summed up again",
        ),
        DerivedTable::Queries => Check::new(
            "queries",
            "queries have the texts, times and calls that their rows have when they are read again",
        ),
    }
}

pub(super) async fn check(
    lake: &Lake,
    options: &FsckOptions,
    table: DerivedTable,
    check: &mut Check,
) -> Result<(), StoreError> {
    let view = lake.derived(table).await?;
    if view.kept.is_none() {
        check.skipped = Some("nothing is kept of it yet".to_owned());
        return Ok(());
    }
    let asked = Asked::of(lake, view, options).await?;
    let view = &asked.view;
    let (mut days, mut rows) = (0, 0);
    for day in checkable_days(lake, view).await? {
        let [kept, computed] = view.day_sqls(day);
        let computed = match asked.digest(&computed).await {
            Ok(computed) => computed,
            // That is told of the hours themselves.
            Err(_) if table == DerivedTable::RollupDay => {
                check.skipped = Some("not all hours can be read".to_owned());
                return Ok(());
            }
            Err(error) => return Err(failed(lake, error)),
        };
        match asked.digest(&kept).await {
            Ok(kept) if kept == computed => {}
            Ok(kept) => check.problem(|| {
                format!(
                    "{} has {} rows of {} that are not the {} of its events",
                    table.name(),
                    kept.rows,
                    date_text(day),
                    computed.rows
                )
            }),
            Err(error) => check.problem(|| format!("{} of {}: {error}", table.name(), date_text(day))),
        }
        days += 1;
        rows += computed.rows;
    }
    check.examined = vec![(days, "days"), (rows, "rows")];
    Ok(())
}

/// Who is asked what a table says.
struct Asked {
    view: DerivedView,
    here: SessionContext,
    elsewhere: Option<SessionContext>,
    hasher: RandomState,
}

impl Asked {
    async fn of(lake: &Lake, view: DerivedView, options: &FsckOptions) -> Result<Asked, StoreError> {
        let elsewhere = match &options.planner {
            Some(planner) => Some(session(lake, &view, options.resources, Some(planner)).await?),
            None => None,
        };
        Ok(Asked {
            here: session(lake, &view, options.resources, None).await?,
            view,
            elsewhere,
            hasher: RandomState::new(),
        })
    }

    /// What fails elsewhere is asked here: a table is damaged only where this process cannot read it either.
    async fn digest(&self, sql: &str) -> Result<Digest, DataFusionError> {
        if let Some(elsewhere) = &self.elsewhere
            && let Ok(digest) = digest(elsewhere, &self.hasher, &self.view, sql).await
        {
            return Ok(digest);
        }
        digest(&self.here, &self.hasher, &self.view, sql).await
    }
}

/// The days of which events or anything kept of them is there.
async fn checkable_days(lake: &Lake, view: &DerivedView) -> Result<BTreeSet<i32>, StoreError> {
    let mut days = view.source_days(lake).await?;
    days.extend(view.kept_days()?);
    if let Some(first) = lake.raw_since(view.table()).await? {
        days.retain(|day| *day >= first);
    }
    Ok(days)
}

/// Rows in any order: how many, and the sum of their hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Digest {
    rows: u64,
    sum: u64,
}

async fn digest(
    session: &SessionContext,
    hasher: &RandomState,
    view: &DerivedView,
    sql: &str,
) -> Result<Digest, DataFusionError> {
    let schema = view.schema();
    let fields = schema.fields().iter();
    let converter = RowConverter::new(
        fields
            .map(|field| SortField::new(field.data_type().clone()))
            .collect(),
    )?;
    let mut batches = session.sql(sql).await?.execute_stream().await?;
    let mut digest = Digest::default();
    while let Some(batch) = batches.try_next().await? {
        let columns = batch
            .columns()
            .iter()
            .zip(schema.fields())
            .map(|(column, field)| cast(column, field.data_type()))
            .collect::<Result<Vec<_>, _>>()?;
        let rows = converter.convert_columns(&columns)?;
        for row in &rows {
            digest.sum = digest.sum.wrapping_add(hasher.hash_one(row.as_ref()));
        }
        digest.rows += batch.num_rows() as u64;
    }
    Ok(digest)
}
