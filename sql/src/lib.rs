//! The query layer: one lake as SQL. A [`Session`] holds the views (`executions`, `rollup_hour`, `server_events`, `metrics`, `queries`,
//! `rejects`, `ledger`), the functions over fingerprints and latencies, and limits on memory and threads; [`Session::query`] executes
//! one read-only statement and streams its rows. This crate never writes and never prints.

mod arrow_stream;
mod bounds;
mod catalog;
#[cfg(feature = "cluster")]
pub mod cluster;
mod error;
mod execute;
mod functions;
mod names;
mod parameters;
mod postgres_wire;
mod read_only;
mod script;
mod session;
mod value;
mod views;
mod yielding;

#[cfg(test)]
mod fixture;

pub use arrow_stream::ArrowEncoder;
pub use catalog::rollup_of;
pub use error::SqlError;
pub use execute::{Progress, QueryResult};
pub use functions::{FUNCTIONS, FunctionDoc};
pub use postgres_wire::{PostgresWire, StatementDone, Users, WireLimits, WireTls, WrongUsers};
pub use script::{ScriptStatement, statements};
pub use session::{CurrentSession, Session, SessionSettings};
pub use slowlake_store::{LatencyHistogram, latency_at, latency_data_type};
pub use value::{Column, Rows, Value};
pub use views::{VIEWS, View};
