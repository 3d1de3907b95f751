//! Six weeks of a fleet of any number of servers, for reports of a week: services with queries of their own on clusters of ten servers,
//! busy by day and quiet by night, and in them, planted and told as truth: regressions, improvements, a deploy that brings queries and
//! takes some away, an incident of one server, growth of calls and of data. The same for the same seed.

mod model;
mod plan;
mod rows;

use std::error::Error;

use serde_json::Value;
use slowlake_store::{Commit, Lake, Outcome, Progress, Uploaded};

use crate::month::model::Month;
use crate::month::rows::Writer;

/// Days: six weeks, so that the week before the last has four whole ones before it.
pub(crate) const DAYS: usize = 42;
pub(crate) const HOUR_US: i64 = 3_600_000_000;
pub(crate) const DAY_US: i64 = 24 * HOUR_US;
/// 2026-10-12 00:00:00 UTC, a Monday; the six weeks end with 2026-11-22.
pub(crate) const START_US: i64 = 1_791_763_200_000_000;
/// The first hour of the last week.
pub(crate) const LAST_WEEK_HOUR: usize = 35 * 24;

/// Rows of a file.
const FILE_ROWS: usize = 1 << 19;

/// Writes the fleet into a lake, day by day, and returns what is true of it.
pub(crate) async fn write(
    lake: &mut Lake,
    servers: usize,
    seed: u64,
) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let mut month = Month::new(servers, seed);
    let mut writer = Writer::new(&month);
    for day in 0..DAYS {
        let executions = month.day(day);
        let before = month.offsets().to_vec();
        let mut files: Vec<Uploaded> = Vec::new();
        writer.begin_day();
        for part in executions.chunks(FILE_ROWS) {
            writer.executions(&month, part);
            files.push(lake.uploader().upload(writer.finish()).await?);
        }
        month.advance(&executions);
        writer.samples(&month, day);
        writer.events(&month, day);
        writer.ledger(day, &before, month.offsets(), &executions);
        files.push(lake.uploader().upload(writer.finish()).await?);
        commit(lake, files, &before, month.offsets()).await?;
    }
    Ok(plan::truth(&month))
}

async fn commit(
    lake: &mut Lake,
    files: Vec<Uploaded>,
    before: &[i64],
    after: &[i64],
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let progress = (0..before.len()).filter(|server| after[*server] > before[*server]);
    let progress = progress.map(|server| Progress {
        app_id: rows::app_id(server),
        prev: Some(before[server]).filter(|before| *before > 0),
        next: after[server],
    });
    let progress = progress.collect();
    match lake.commit(Commit { files, progress }).await? {
        Outcome::Committed { .. } => Ok(()),
        Outcome::Fenced { app_ids } => {
            Err(format!("others write to this lake: {}", app_ids.join(", ")).into())
        }
    }
}
