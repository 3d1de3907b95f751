//! The columns of one partition while its rows are gathered. A column costs nothing until the first row that has a value in it,
//! and a column that never had one is left out of the batch.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Int32Builder, Int64Builder, RecordBatch, StringBuilder,
};
use datafusion::arrow::datatypes::{Field, Schema};

use crate::rows::Place;
use crate::rows::repeated_text::Text;
use crate::rows::values::{TextList, TextMap, Time, Values};
use crate::schema::COLUMNS;

/// Declares [`Buffer`] with one field a column of the files, named like the column.
macro_rules! buffer {
    ($($column:ident: $kind:ty),* $(,)?) => {
        /// One buffer a column, and how many rows were completed.
        #[derive(Debug, Default)]
        pub(super) struct Buffer {
            pub(super) rows: usize,
            $(pub(super) $column: Lazy<$kind>,)*
        }

        impl Buffer {
            /// Each column's name and, where some row had a value, its array.
            fn take(&mut self) -> Vec<(&'static str, Option<ArrayRef>)> {
                vec![$((stringify!($column), self.$column.take())),*]
            }

            /// About how much memory the columns take.
            pub(super) fn bytes(&self) -> usize {
                0 $(+ self.$column.bytes())*
            }
        }
    };
}

buffer! {
    source: Text, source_offset: Int64Builder, source_seq: Int32Builder, ts: Time, end_ts: Time, server: Text, cluster: Text,
    dialect: Text, fingerprint: Int64Builder, database: Text, user: Text, application: Text, client: Text,
    session_id: Int64Builder, transaction_id: Int64Builder, server_query_id: Int64Builder, error_code: Int64Builder,
    plan_fingerprint: Int64Builder, query_time_us: Int64Builder, lock_time_us: Int64Builder, rows_sent: Int64Builder,
    rows_examined: Int64Builder, rows_affected: Int64Builder, bytes_sent: Int64Builder, bytes_received: Int64Builder,
    parse_time_us: Int64Builder, bind_time_us: Int64Builder, rate_limit: Int64Builder, is_nested: BooleanBuilder,
    killed: Int64Builder, command: Text, full_scan: BooleanBuilder, full_join: BooleanBuilder, tmp_table: BooleanBuilder,
    tmp_table_on_disk: BooleanBuilder, filesort: BooleanBuilder, filesort_on_disk: BooleanBuilder,
    query_cache_hit: BooleanBuilder, tmp_tables: Int64Builder, tmp_disk_tables: Int64Builder, tmp_table_bytes: Int64Builder,
    merge_passes: Int64Builder, truncated: BooleanBuilder, trace_id: StringBuilder, tags: TextMap, normalized: StringBuilder,
    verb: Text, tables: TextList, statement: StringBuilder, parameters: StringBuilder, attributes: TextMap, event: Text,
    severity: Text, sql_state: Text, duration_us: Int64Builder, size_bytes: Int64Builder, object: Text, message: StringBuilder,
    hint: StringBuilder, context: StringBuilder, plan: StringBuilder, execution_offset: Int64Builder, reason: Text,
    raw: BinaryBuilder, app_id: Text, source_identity: Text, range_end: Int64Builder, bytes_in: Int64Builder,
    bytes_parsed: Int64Builder, bytes_rejected: Int64Builder, bytes_skipped: Int64Builder, entries_query: Int64Builder,
    entries_log: Int64Builder, rejects: Int64Builder, detail: StringBuilder,
}

impl Buffer {
    /// The columns that rows of every kind have.
    pub(super) fn push_place(&mut self, place: &Place<'_>, source_seq: i32) {
        self.source.push(self.rows, Some(place.source));
        self.source_offset.push(self.rows, Some(place.source_offset));
        self.source_seq.push(self.rows, Some(source_seq));
        self.ts.push(self.rows, place.ts_us);
        self.server.push(self.rows, place.server);
        self.cluster.push(self.rows, place.cluster);
        self.dialect.push(self.rows, place.dialect);
    }

    /// The rows as a batch of the columns that have values; none where there are no rows.
    pub(super) fn finish(&mut self) -> Option<RecordBatch> {
        let rows = std::mem::take(&mut self.rows);
        if rows == 0 {
            return None;
        }
        let mut fields = Vec::new();
        let mut arrays = Vec::new();
        for (column, (name, array)) in COLUMNS.iter().zip(self.take()) {
            debug_assert_eq!(column.name, name);
            if let Some(array) = array {
                fields.push(Field::new(name, array.data_type().clone(), column.is_nullable()));
                arrays.push(array);
            }
        }
        // The fields are made from these very arrays, and each of them has one value a row.
        Some(
            RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
                .expect("columns agree with the schema"),
        )
    }
}

/// A column that has a builder only once it has a value.
#[derive(Debug)]
pub(super) struct Lazy<B>(Option<B>);

impl<B> Default for Lazy<B> {
    fn default() -> Lazy<B> {
        Lazy(None)
    }
}

impl<B: Values> Lazy<B> {
    /// Appends the value of row number `row`.
    #[inline]
    pub(super) fn push(&mut self, row: usize, value: Option<B::Item<'_>>) {
        match (&mut self.0, value) {
            (Some(builder), value) => builder.push(value),
            (None, None) => {}
            (None, Some(value)) => self.start(row, value),
        }
    }

    #[cold]
    fn start(&mut self, row: usize, value: B::Item<'_>) {
        let mut builder = B::start();
        for _ in 0..row {
            builder.push(None);
        }
        builder.push(Some(value));
        self.0 = Some(builder);
    }

    fn take(&mut self) -> Option<ArrayRef> {
        self.0.take().map(|mut builder| builder.finish())
    }

    fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, Values::bytes)
    }
}
