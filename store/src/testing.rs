//! For the tests of this crate: lakes in temporary directories, a store that fails on demand, and rows to put in.

mod faulty_store;
mod transitions;

use std::fs;
use std::path::Path;

use datafusion::arrow::util::display::array_value_to_string;
use datafusion::prelude::SessionContext;
use tempfile::TempDir;

pub(crate) use crate::testing::faulty_store::{Fault, FaultyStore, Operation};
pub(crate) use crate::testing::transitions::{Transition, Transitions};
use crate::{Commit, Lake, LakeLocation, Outcome, Place, Progress, QueryRow, RowBuilder, Rows};

/// 2026-11-23 00:00 UTC.
pub(crate) const DAY_US: i64 = 1_795_392_000_000_000;

pub(crate) fn new_location() -> (TempDir, LakeLocation) {
    let directory = TempDir::new().unwrap();
    let location = directory.path().join("lake").to_str().unwrap().parse().unwrap();
    (directory, location)
}

/// A folder with all that is in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// `count` executions of one source from `start` on, a byte apart.
pub(crate) fn executions(source: &str, start: i64, count: i64) -> Rows {
    let mut builder = RowBuilder::new();
    for source_offset in start..start + count {
        let place = Place {
            source,
            source_offset,
            ts_us: Some(DAY_US + source_offset),
            ..Place::default()
        };
        builder.push_query(&QueryRow {
            place,
            query_time_us: Some(source_offset * 10),
            ..QueryRow::default()
        });
    }
    builder.finish()
}

/// Uploads `rows` and commits them as the step of one unit.
pub(crate) async fn commit(
    lake: &mut Lake,
    rows: Rows,
    app_id: &str,
    prev: Option<i64>,
    next: i64,
) -> std::result::Result<Outcome, crate::StoreError> {
    let uploaded = lake.upload(rows).await?;
    lake.commit(Commit {
        files: vec![uploaded],
        progress: vec![Progress {
            app_id: app_id.to_owned(),
            prev,
            next,
        }],
    })
    .await
}

/// A session in which `events` is the lake as it is now.
pub(crate) async fn session(lake: &mut Lake) -> SessionContext {
    lake.refresh().await.unwrap();
    let context = SessionContext::new();
    context
        .register_table("events", lake.provider().unwrap())
        .unwrap();
    context
}

/// The answer to a query, a row a line, values separated by `|`.
pub(crate) async fn ask(lake: &mut Lake, sql: &str) -> String {
    let batches = session(lake)
        .await
        .sql(sql)
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    let mut lines = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let values: Vec<String> = batch
                .columns()
                .iter()
                .map(|column| array_value_to_string(column, row).unwrap())
                .collect();
            lines.push(values.join("|"));
        }
    }
    lines.join("\n")
}

/// Numbers by chance that a seed decides.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    /// A number from 0 up to and without `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    pub(crate) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}
