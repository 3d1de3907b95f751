//! The jobs that keep a lake quick to ask and no larger than it must be. Each is a function of a lake, its options, and whether it
//! only looks; each that changes the table is fenced by a transaction id of its own, so that the same job run twice at a time does
//! its work once. Nothing here decides when a job runs.

mod checkpoint;
mod compact;
mod data_file;
mod derive;
mod fsck;
mod resources;
mod retain;
mod vacuum;

pub use checkpoint::{CheckpointOptions, CheckpointReport, checkpoint};
pub use compact::{CompactOptions, CompactReport, compact};
pub use derive::{DeriveOptions, DeriveReport, derive};
pub use fsck::{Check, FsckOptions, FsckReport, fsck};
pub use resources::{Planner, Resources};
pub(crate) use retain::app_id as retained_since;
pub use retain::{RetainOptions, RetainReport, retain};
pub use vacuum::{VacuumOptions, VacuumReport, vacuum};
