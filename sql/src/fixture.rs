//! A table `events` in memory for tests: rows are named values, everything not named is NULL.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::common::ScalarValue;
use slowlake_store::events_schema;

/// 2026-11-16 00:00:00 UTC, a Monday.
pub(crate) const MONDAY_US: i64 = 1_794_787_200_000_000;

/// One row of `events`.
#[derive(Debug, Clone)]
pub(crate) struct Row(BTreeMap<&'static str, ScalarValue>);

impl Row {
    /// A row of a kind (`query`, `reject`, `ledger`) at an offset of the source `db-1.log`, without a time.
    pub(crate) fn new(kind: &'static str, offset: i64) -> Row {
        let row = Row(BTreeMap::new())
            .set("kind", kind)
            .set("source", "db-1.log")
            .set("source_offset", offset);
        row.set("source_seq", 0_i32)
            .set("event_date", ScalarValue::Date32(Some(0)))
    }

    /// An execution of one query.
    pub(crate) fn execution(offset: i64, ts_us: i64, fingerprint: i64, query_time_us: i64) -> Row {
        let row = Row::new("query", offset).at(ts_us);
        row.set("dialect", "postgres")
            .set("fingerprint", fingerprint)
            .set("query_time_us", query_time_us)
    }

    /// The same with its time, µs since 1970.
    pub(crate) fn at(self, ts_us: i64) -> Row {
        let day = i32::try_from(ts_us.div_euclid(86_400_000_000)).expect("a day of our era");
        self.set(
            "ts",
            ScalarValue::TimestampMicrosecond(Some(ts_us), Some("UTC".into())),
        )
        .set("event_date", ScalarValue::Date32(Some(day)))
    }

    /// The same with one more value.
    pub(crate) fn set(mut self, column: &'static str, value: impl Into<ScalarValue>) -> Row {
        self.0.insert(column, value.into());
        self
    }

    /// The same with the texts that travel on a fingerprint's first sight.
    pub(crate) fn first_sight(self, normalized: &'static str, verb: &'static str, tables: &[&str]) -> Row {
        let names: Vec<ScalarValue> = tables.iter().map(|table| ScalarValue::from(*table)).collect();
        let list = ScalarValue::List(ScalarValue::new_list_nullable(&names, &DataType::Utf8));
        self.set("normalized", normalized)
            .set("verb", verb)
            .set("tables", list)
    }
}

/// The rows as a table, dealt out to `partitions` in turn.
pub(crate) fn events(rows: &[Row], partitions: usize) -> Arc<dyn TableProvider> {
    let schema = events_schema();
    let mut parts = vec![Vec::new(); partitions];
    for (i, row) in rows.iter().enumerate() {
        parts[i % partitions].push(row.clone());
    }
    let batch = |rows: &[Row]| {
        let columns = schema.fields().iter().map(|field| {
            let null = ScalarValue::try_from(field.data_type()).expect("a type with NULL");
            let value = |row: &Row| match row.0.get(field.name().as_str()) {
                Some(value) => value
                    .cast_to(field.data_type())
                    .expect("a value of the column's type"),
                None => null.clone(),
            };
            ScalarValue::iter_to_array(rows.iter().map(value)).expect("values of one type")
        });
        RecordBatch::try_new(Arc::clone(&schema), columns.collect()).expect("columns of the schema")
    };
    for row in rows {
        let unknown = row.0.keys().find(|name| schema.field_with_name(name).is_err());
        assert_eq!(unknown, None, "a column of the schema");
    }
    let batches = parts.iter().map(|rows| {
        if rows.is_empty() {
            Vec::new()
        } else {
            vec![batch(rows)]
        }
    });
    Arc::new(MemTable::try_new(Arc::clone(&schema), batches.collect()).expect("batches of the schema"))
}
