//! The jobs that keep a lake quick to ask and no larger than it must be. Each is a function of a lake, its options, and whether it
//! only looks; each that changes the table is fenced by a transaction id of its own, so that the same job run twice at a time does
//! its work once. Nothing here decides when a job runs.

mod compact;
mod data_file;
mod resources;

pub use compact::{CompactOptions, CompactReport, compact};
pub use resources::Resources;
