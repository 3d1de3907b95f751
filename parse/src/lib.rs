//! Log bytes to executions, statements to fingerprints.
//!
//! A [`Decoder`] takes the bytes of one source in pieces of any size and hands out [`Execution`]s and [`Reject`]s, which borrow from them;
//! its [`Ledger`] accounts for every byte. An [`Analyzer`](statement::Analyzer) turns the text of a statement into a fingerprint.
//!
//! This crate never reads a file, a clock or the environment, never stops at bad input, and never allocates per token. Bad input is a value.

mod decoder;
mod detect;
mod entries;
mod entry;
mod json;
mod ledger;
mod lines;
mod mysql;
mod pgbouncer;
mod plan;
mod postgres;
mod redact;
mod search;
mod span;
pub mod sql_state;
pub mod statement;
mod timestamp;
mod wrapper;

pub use decoder::{Decoder, RECORD_BYTES_MAX, Sink};
pub use detect::{DETECT_BYTES, Detection, Format, Grammar, Tried, detect, detect_wrappers, has_only_banner};
pub use entry::{
    Command, Decoded, Execution, LogEntry, LogKind, PlanFlags, REJECT_BYTES_KEPT, Reject, RejectReason,
    Severity, SkipKind,
};
pub use ledger::{Ledger, Tally};
pub use plan::{
    Blocks, Misestimate, PLAN_DEPTH_MAX, PLAN_FINGERPRINT_VERSION, PLAN_NODES_MAX, Plan, PlanFingerprint,
    PlanNode, PlanTotals,
};
pub use postgres::prefix::Prefix;
pub use redact::{Redactor, is_harmless, shape};
pub use span::Span;
pub use wrapper::Wrapper;
