//! The lake: rows in, one Delta table `events` out, and back as a DataFusion table. The only crate that commits.
//!
//! Rows are gathered by a [`RowBuilder`], uploaded as Parquet files by an [`Uploader`] from any number of tasks, and become visible
//! in a [`Commit`] together with the progress of their sources: all or nothing, once. [`Lake::provider`] is the table to query,
//! [`COLUMNS`] the reference of its columns, [`LatencyHistogram`] how durations are summed up.
//!
//! Never parses a log, never decides what to keep, never prints.

mod append;
mod cloud;
mod conditional_put;
mod derived;
mod durable_file;
mod error;
mod file_order;
mod file_statistics;
mod findings;
mod footer;
mod lake_stores;
mod lake_table;
mod latency;
mod ledger;
mod location;
mod log_gate;
pub mod maintain;
mod migrate;
mod newest_commit;
mod rows;
mod scan;
mod schema;
mod table;
#[cfg(test)]
mod testing;
mod upload;
mod watermark;

pub use append::{Commit, Outcome, Progress};
pub use cloud::Environment;
pub use derived::{DerivedTable, DerivedView};
pub use error::{CommitDamage, StoreError};
pub use findings::{FINDINGS_TABLE, FindingRow, FindingsTable};
pub use lake_stores::{lake_stores, no_stores};
pub use latency::{
    LatencyHistogram, MAX_BIN, ZERO_BIN, latency_aggregates, latency_at, latency_data_type, latency_quantile,
};
pub use ledger::KnownSource;
pub use location::LakeLocation;
pub use log_gate::LOG_THREADS;
pub use rows::{
    LedgerRow, LogRow, MAX_RAW_BYTES, MAX_STATEMENT_BYTES, MetricRow, Place, QueryRow, RejectRow, RowBuilder,
    Rows,
};
pub use schema::{
    COLUMNS, Column, ColumnType, FINGERPRINT_VERSION_PROPERTY, KEY_COLUMNS, Kind, PARTITION_COLUMNS,
    SCHEMA_VERSION, SCHEMA_VERSION_PROPERTY, STATISTICS_COLUMNS, columns, events_schema,
};
pub use table::{Lake, LakeStatistics};
pub use upload::{Uploaded, Uploader};
