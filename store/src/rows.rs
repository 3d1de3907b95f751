//! Rows in, record batches out: what a caller says about one execution, event, sample, reject or range, gathered column by column and
//! split by partition. Never encodes or writes a file, and never decides what is worth keeping.

mod column_buffer;
mod repeated_text;
mod row;
mod values;

use datafusion::arrow::array::RecordBatch;
use hashbrown::HashMap;

use crate::rows::column_buffer::Buffer;
pub use crate::rows::row::{LedgerRow, LogRow, MetricRow, Place, QueryRow, RejectRow};
use crate::schema::Kind;

/// The longest `statement`, `message` or other text of a server that is kept, in bytes; longer ones are cut at a character.
pub const MAX_STATEMENT_BYTES: usize = 16 * 1024;

/// The most bytes of a reject that are kept.
pub const MAX_RAW_BYTES: usize = 64 * 1024;

/// The `source_seq` of ledger rows, so that their key never meets that of an entry at the start of the range.
const LEDGER_SEQ: i32 = -1;

/// The values of the partition columns of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Partition {
    /// Days since 1970-01-01.
    pub(crate) event_date: i32,
    pub(crate) kind: Kind,
}

/// Rows of one partition; the batches have columns of their own, each a subset of the table's in its order.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) partition: Partition,
    pub(crate) batches: Vec<RecordBatch>,
}

/// Finished rows, ready for [`Uploader::upload`](crate::Uploader::upload). Each partition in it becomes one file.
#[derive(Debug, Default)]
pub struct Rows {
    /// Each partition once.
    pub(crate) parts: Vec<Part>,
}

impl Rows {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.batches().map(RecordBatch::num_rows).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The memory they take, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.batches().map(RecordBatch::get_array_memory_size).sum()
    }

    /// Adds the rows of `other` behind these, so that they share files.
    pub fn append(&mut self, other: Rows) {
        for part in other.parts {
            match self
                .parts
                .iter_mut()
                .find(|mine| mine.partition == part.partition)
            {
                Some(mine) => mine.batches.extend(part.batches),
                None => self.parts.push(part),
            }
        }
    }

    fn batches(&self) -> impl Iterator<Item = &RecordBatch> {
        self.parts.iter().flat_map(|part| &part.batches)
    }
}

/// Gathers rows in columns. Reusable: [`finish`](RowBuilder::finish) leaves it empty.
#[derive(Debug, Default)]
pub struct RowBuilder {
    /// In the order in which the partitions were first seen.
    parts: Vec<(Partition, Box<Buffer>)>,
    by_partition: HashMap<Partition, usize>,
    /// Where the last row went; the next one mostly goes there too.
    last: usize,
    /// Batches that grew too large for one array.
    sealed: Rows,
}

/// `push!(to, row: a, b)` appends `row.a` and `row.b` to the columns of those names.
macro_rules! push {
    ($to:ident, $row:ident: $($column:ident),* $(,)?) => {
        $($to.$column.push($to.rows, $row.$column);)*
    };
}

/// The same for long texts, cut to the longest that is kept.
macro_rules! push_texts {
    ($to:ident, $row:ident: $($column:ident),* $(,)?) => {
        $($to.$column.push($to.rows, $row.$column.map(|text| cut(text, MAX_STATEMENT_BYTES)));)*
    };
}

/// The same for pairs of texts, of which none is NULL.
macro_rules! push_pairs {
    ($to:ident, $row:ident: $($column:ident),* $(,)?) => {
        $($to.$column.push($to.rows, Some($row.$column).filter(|pairs| !pairs.is_empty()));)*
    };
}

/// The end of an execution, where its start and duration do not tell it. Kept of every row it would be a sixth of a sorted file.
fn told_end(row: &QueryRow<'_>) -> Option<i64> {
    let start_and_time = row.place.ts_us.zip(row.query_time_us);
    let computed = start_and_time.and_then(|(start_us, time_us)| start_us.checked_add(time_us));
    row.end_ts_us.filter(|end_us| Some(*end_us) != computed)
}

impl RowBuilder {
    /// An empty builder.
    pub fn new() -> RowBuilder {
        RowBuilder::default()
    }

    /// Adds one execution.
    pub fn push_query(&mut self, row: &QueryRow<'_>) {
        let to = self.part(&row.place, Kind::Query);
        to.push_place(&row.place, row.place.source_seq);
        to.end_ts.push(to.rows, told_end(row));
        push!(to, row: fingerprint, plan_fingerprint, query_time_us, lock_time_us, parse_time_us, bind_time_us);
        push!(to, row: rows_sent, rows_examined, rows_affected, bytes_sent, bytes_received);
        push!(to, row: database, user, application, client);
        push!(to, row: session_id, transaction_id, server_query_id, error_code, killed, command, rate_limit, is_nested);
        push!(to, row: full_scan, full_join, tmp_table, tmp_table_on_disk, filesort, filesort_on_disk, query_cache_hit);
        push!(to, row: tmp_tables, tmp_disk_tables, tmp_table_bytes, merge_passes, truncated);
        push!(to, row: trace_id, verb, tables);
        push_pairs!(to, row: tags, attributes);
        push_texts!(to, row: statement, parameters);
        to.push_normalized(row.normalized);
        self.end_row();
    }

    /// Adds one event of a server.
    pub fn push_log(&mut self, row: &LogRow<'_>) {
        let to = self.part(&row.place, Kind::Log);
        to.push_place(&row.place, row.place.source_seq);
        push!(to, row: fingerprint, plan_fingerprint, database, user, application, client);
        push!(to, row: session_id, transaction_id, server_query_id, error_code);
        to.event.push(to.rows, Some(row.event));
        to.severity.push(to.rows, Some(row.severity));
        push!(to, row: sql_state, duration_us, size_bytes, object, execution_offset);
        push!(to, row: verb, tables);
        push_pairs!(to, row: attributes);
        push_texts!(to, row: message, detail, hint, context, plan, statement);
        to.push_normalized(row.normalized);
        self.end_row();
    }

    /// Adds one sample of a collector.
    pub fn push_metric(&mut self, row: &MetricRow<'_>) {
        let to = self.part(&row.place, Kind::Metric);
        to.push_place(&row.place, row.place.source_seq);
        to.event.push(to.rows, Some(row.event));
        push!(to, row: object, database, user, duration_us, size_bytes, fingerprint);
        push_pairs!(to, row: attributes);
        push_texts!(to, row: statement);
        self.end_row();
    }

    /// Adds bytes that could not be read.
    pub fn push_reject(&mut self, row: &RejectRow<'_>) {
        let to = self.part(&row.place, Kind::Reject);
        to.push_place(&row.place, row.place.source_seq);
        to.reason.push(to.rows, Some(row.reason));
        to.raw
            .push(to.rows, Some(&row.raw[..row.raw.len().min(MAX_RAW_BYTES)]));
        self.end_row();
    }

    /// Adds the account of one range.
    pub fn push_ledger(&mut self, row: &LedgerRow<'_>) {
        let to = self.part(&row.place, Kind::Ledger);
        to.push_place(&row.place, LEDGER_SEQ);
        to.app_id.push(to.rows, Some(row.app_id));
        to.source_identity.push(to.rows, Some(row.source_identity));
        to.range_end.push(to.rows, Some(row.range_end));
        to.bytes_in.push(to.rows, Some(row.bytes_in));
        to.bytes_parsed.push(to.rows, Some(row.bytes_parsed));
        to.bytes_rejected.push(to.rows, Some(row.bytes_rejected));
        to.bytes_skipped.push(to.rows, Some(row.bytes_skipped));
        to.entries_query.push(to.rows, Some(row.entries_query));
        to.entries_log.push(to.rows, Some(row.entries_log));
        to.rejects.push(to.rows, Some(row.rejects));
        to.detail.push(to.rows, row.detail);
        self.end_row();
    }

    /// How many rows were added since the last [`finish`](RowBuilder::finish).
    pub fn len(&self) -> usize {
        self.sealed.len() + self.parts.iter().map(|(_, buffer)| buffer.rows).sum::<usize>()
    }

    /// Whether none were.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how much memory they take, in bytes. Costs a visit to every column: ask every thousand rows, not every row.
    pub fn estimated_bytes(&self) -> usize {
        self.sealed.memory_bytes() + self.parts.iter().map(|(_, buffer)| buffer.bytes()).sum::<usize>()
    }

    /// The rows added so far, leaving the builder empty.
    pub fn finish(&mut self) -> Rows {
        let mut rows = std::mem::take(&mut self.sealed);
        for (partition, mut buffer) in self.parts.drain(..) {
            if let Some(batch) = buffer.finish() {
                rows.append(Rows {
                    parts: vec![Part {
                        partition,
                        batches: vec![batch],
                    }],
                });
            }
        }
        self.by_partition.clear();
        self.last = 0;
        rows
    }

    /// The columns that a row of this day and kind goes to.
    fn part(&mut self, place: &Place<'_>, kind: Kind) -> &mut Buffer {
        let partition = Partition {
            event_date: event_date(place.ts_us),
            kind,
        };
        if self
            .parts
            .get(self.last)
            .is_none_or(|(last, _)| *last != partition)
        {
            self.last = *self.by_partition.entry(partition).or_insert_with(|| {
                self.parts.push((partition, Box::default()));
                self.parts.len() - 1
            });
        }
        &mut self.parts[self.last].1
    }

    /// Counts the row just pushed, and seals the batch where its texts come near the 2 GiB one array can hold.
    fn end_row(&mut self) {
        let (partition, buffer) = &mut self.parts[self.last];
        buffer.rows += 1;
        if buffer.rows.is_multiple_of(SEAL_CHECK_ROWS)
            && buffer.bytes() > SEAL_BYTES
            && let Some(batch) = buffer.finish()
        {
            self.sealed.append(Rows {
                parts: vec![Part {
                    partition: *partition,
                    batches: vec![batch],
                }],
            });
        }
    }
}

/// The longest normalized text that is kept, in bytes.
const MAX_NORMALIZED_BYTES: usize = 64 * 1024;

impl Buffer {
    fn push_normalized(&mut self, text: Option<&str>) {
        let text = text.map(|text| cut(text, MAX_NORMALIZED_BYTES));
        self.normalized.push(self.rows, text);
    }
}

const SEAL_CHECK_ROWS: usize = 1024;
const SEAL_BYTES: usize = 512 * 1024 * 1024;

const DAY_US: i64 = 86_400_000_000;

/// The first and the last day that a calendar of four-digit years has, 0001-01-01 and 9999-12-31.
const CALENDAR_DAYS: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;

/// Days since 1970-01-01; 0 where the time is unknown or outside the calendar.
fn event_date(ts_us: Option<i64>) -> i32 {
    let day = ts_us.unwrap_or(0).div_euclid(DAY_US);
    if CALENDAR_DAYS.contains(&day) {
        day as i32
    } else {
        0
    }
}

/// The start of `text`, at most `limit` bytes, ending at a character.
fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_utc_and_garbage_has_none() {
        assert_eq!(event_date(None), 0);
        assert_eq!(event_date(Some(-1)), -1);
        assert_eq!(event_date(Some(DAY_US - 1)), 0);
        assert_eq!(event_date(Some(DAY_US)), 1);
        assert_eq!(event_date(Some(i64::MAX)), 0);
        assert_eq!(event_date(Some(i64::MIN)), 0);
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        assert_eq!(cut("aüb", 2), "a");
        assert_eq!(cut("aüb", 3), "aü");
        assert_eq!(cut("aüb", 99), "aüb");
    }

    #[test]
    fn a_builder_is_empty_after_finish_and_splits_by_day_and_kind() {
        let mut builder = RowBuilder::new();
        for ts_us in [0, DAY_US, 1, DAY_US + 1] {
            let place = Place {
                source: "s",
                ts_us: Some(ts_us),
                ..Place::default()
            };
            builder.push_query(&QueryRow {
                place,
                ..QueryRow::default()
            });
            builder.push_reject(&RejectRow {
                place,
                ..RejectRow::default()
            });
        }
        assert_eq!(builder.len(), 8);
        assert!(builder.estimated_bytes() > 0);
        let rows = builder.finish();
        assert_eq!((rows.len(), rows.parts.len()), (8, 4));
        assert!(builder.is_empty() && builder.finish().is_empty());
    }
}
