//! Whether the books add up: the ranges of each source lie end to end, up to where the lake says it has read; what became of the bytes of
//! each range sums up; and there are as many rows as entries were read, unless retention removed some. Memory grows with the number of
//! sources, not of rows.

use std::collections::{BTreeMap, HashMap};

use datafusion::arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{col, lit};
use futures::TryStreamExt;

use crate::append::Progress;
use crate::error::StoreError;
use crate::maintain::fsck::{Check, FsckOptions, events, failed};
use crate::maintain::retain;
use crate::schema::Kind;
use crate::table::Lake;

/// The kinds of rows that ledger rows count, in the order of the columns that do.
const COUNTED: [Kind; 3] = [Kind::Query, Kind::Log, Kind::Reject];

const TEXTS: [&str; 2] = ["app_id", "source"];
const NUMBERS: [&str; 9] = [
    "source_offset",
    "range_end",
    "bytes_in",
    "bytes_parsed",
    "bytes_rejected",
    "bytes_skipped",
    "entries_query",
    "entries_log",
    "rejects",
];

/// What the unit of progress of a file begins with: its offsets are bytes, from the first one on.
const OF_FILE: &str = "f/";

pub(super) fn new() -> Check {
    Check::new(
        "ledger",
        "the ranges of each source have no gap and no overlap, and each byte and each entry of them is accounted for",
    )
}

pub(super) async fn check(lake: &Lake, options: &FsckOptions, check: &mut Check) -> Result<(), StoreError> {
    let (books, ends) = read_ranges(lake, options, check).await?;
    for (app_id, end) in &ends {
        let watermark = lake.watermark(app_id).await?;
        if watermark != Some(*end) && watermark != Some(Progress::SUPERSEDED) {
            let known = watermark.map_or_else(|| "nothing".to_owned(), |offset| format!("{offset}"));
            check.problem(|| format!("{app_id}: its ranges end at {end}, the lake's progress is {known}"));
        }
    }
    let rows = count_rows(lake, options).await?;
    for (index, kind) in COUNTED.into_iter().enumerate() {
        let removed = lake.watermark(&retain::app_id(kind)).await?.is_some();
        compare(kind, removed, (&books, index), &rows, check);
    }
    Ok(())
}

/// What the ledger rows of a source count, by the order of [`COUNTED`]; none where one of them was written before that was counted.
type Counts = [Option<i64>; COUNTED.len()];

/// Checks each range for itself and against the one before, and gives the counts by source and the end of each unit of progress.
async fn read_ranges(
    lake: &Lake,
    options: &FsckOptions,
    check: &mut Check,
) -> Result<(BTreeMap<String, Counts>, BTreeMap<String, i64>), StoreError> {
    let columns = [&TEXTS[..], &NUMBERS[..]].concat();
    let order = ["app_id", "source_offset"].map(|name| col(name).sort(true, true));
    let ranges = events(lake, &options.resources, options.planner.as_ref())?
        .filter(col("kind").eq(lit(Kind::Ledger.as_str())))
        .and_then(|rows| rows.select_columns(&columns))
        .and_then(|rows| rows.sort(order.to_vec()))
        .map_err(|error| failed(lake, error))?;
    let mut batches = ranges
        .execute_stream()
        .await
        .map_err(|error| failed(lake, error))?;
    let (mut books, mut ends) = (BTreeMap::new(), BTreeMap::new());
    let mut ranges = 0;
    while let Some(batch) = batches.try_next().await.map_err(|error| failed(lake, error))? {
        let batch = Ranges::of(&batch);
        for row in 0..batch.app_ids.len() {
            ranges += 1;
            batch.check(row, &mut ends, check);
            batch.count(row, &mut books);
        }
    }
    check.examined = vec![(ends.len() as u64, "sources"), (ranges, "ranges")];
    Ok((books, ends))
}

/// Some ledger rows.
struct Ranges {
    app_ids: StringViewArray,
    sources: StringViewArray,
    /// In the order of [`NUMBERS`].
    numbers: [Int64Array; NUMBERS.len()],
}

impl Ranges {
    fn of(batch: &RecordBatch) -> Ranges {
        Ranges {
            app_ids: batch.column(0).as_string_view().clone(),
            sources: batch.column(1).as_string_view().clone(),
            numbers: std::array::from_fn(|index| {
                batch
                    .column(TEXTS.len() + index)
                    .as_primitive::<Int64Type>()
                    .clone()
            }),
        }
    }

    /// One range for itself, and against the one before of the same unit of progress.
    fn check(&self, row: usize, ends: &mut BTreeMap<String, i64>, check: &mut Check) {
        let app_id = self.app_ids.value(row);
        let [start, end, bytes_in, parsed, rejected, skipped, ..] =
            self.numbers.each_ref().map(|numbers| numbers.value(row));
        let before = ends.get(app_id).copied();
        let expected = before.or(app_id.starts_with(OF_FILE).then_some(0));
        match expected {
            Some(expected) if start > expected => {
                check.problem(|| format!("{app_id}: nothing is known of {expected} to {start}"));
            }
            Some(expected) if start < expected => {
                check.problem(|| format!("{app_id}: {start} to {} is there twice", expected.min(end)));
            }
            _ => {}
        }
        if app_id.starts_with(OF_FILE) && bytes_in != end - start {
            check.problem(|| format!("{app_id}: {start} to {end} is said to have {bytes_in} bytes"));
        }
        let accounted = parsed + rejected + skipped;
        if bytes_in != accounted {
            check.problem(|| {
                format!(
                    "{app_id}: of the {bytes_in} bytes from {start} to {end}, {accounted} are accounted for"
                )
            });
        }
        let end = before.map_or(end, |before| before.max(end));
        ends.insert(app_id.to_owned(), end);
    }

    /// Adds what a range counts to the books of its source.
    fn count(&self, row: usize, books: &mut BTreeMap<String, Counts>) {
        let counts = &self.numbers[NUMBERS.len() - COUNTED.len()..];
        let source = self.sources.value(row).to_owned();
        let totals = books.entry(source).or_insert([Some(0); COUNTED.len()]);
        for (total, numbers) in totals.iter_mut().zip(counts) {
            let counted = numbers.is_valid(row).then(|| numbers.value(row));
            *total = total.zip(counted).map(|(total, more)| total + more);
        }
    }
}

/// Rows by source and kind, of the kinds that ledger rows count.
async fn count_rows(lake: &Lake, options: &FsckOptions) -> Result<HashMap<(String, Kind), i64>, StoreError> {
    let kinds = COUNTED.map(|kind| lit(kind.as_str())).to_vec();
    let counts = events(lake, &options.resources, options.planner.as_ref())?
        .filter(col("kind").in_list(kinds, false))
        .and_then(|rows| {
            rows.aggregate(
                vec![col("source"), col("kind")],
                vec![count(lit(1)).alias("rows")],
            )
        })
        .map_err(|error| failed(lake, error))?;
    let mut batches = counts
        .execute_stream()
        .await
        .map_err(|error| failed(lake, error))?;
    let mut rows = HashMap::new();
    while let Some(batch) = batches.try_next().await.map_err(|error| failed(lake, error))? {
        let (sources, kinds) = (
            batch.column(0).as_string_view(),
            batch.column(1).as_string::<i32>(),
        );
        let counts = batch.column(2).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            if let Some(kind) = Kind::of(kinds.value(row)) {
                rows.insert((sources.value(row).to_owned(), kind), counts.value(row));
            }
        }
    }
    Ok(rows)
}

/// Rows of one kind against the books. Where retention removed days of it, there may be fewer.
fn compare(
    kind: Kind,
    removed: bool,
    (books, index): (&BTreeMap<String, Counts>, usize),
    rows: &HashMap<(String, Kind), i64>,
    check: &mut Check,
) {
    let name = kind.as_str();
    for (source, counts) in books {
        let Some(counted) = counts[index] else {
            continue;
        };
        let found = rows.get(&(source.clone(), kind)).copied().unwrap_or(0);
        if found > counted || (found < counted && !removed) {
            check.problem(|| format!("{source}: {counted} {name} rows were read, {found} are there"));
        }
    }
    let mut unknown: Vec<_> = rows
        .iter()
        .filter(|((source, of), _)| *of == kind && !books.contains_key(source))
        .collect();
    unknown.sort_unstable();
    for ((source, _), found) in unknown {
        check.problem(|| format!("{source}: has {found} {name} rows, and no ledger row speaks of it"));
    }
}
