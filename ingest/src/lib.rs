//! Bytes in, with positions: finds the files a user names, opens them whatever their compression, and hands out their bytes in
//! chunks, each with its place in the decompressed stream.
//!
//! [`discover`] turns command-line arguments into a list of [`Source`]s; [`Reader`] reads one of them; [`Identity`] tells whether a
//! file is still the one that was read before. [`Follower`] reads files that are being written, through their rotation; `kafka::Consumer`
//! (feature `kafka`) reads topics. [`Collector`] asks a live server for what no log holds, as [`Sample`]s.
//!
//! This crate never looks inside a statement or a line, never decides what the bytes mean, and never writes. Files are read with plain
//! blocking IO: who wants several sources at once gives each its own thread. Collectors run within the caller's Tokio runtime.

mod error;
mod source;

mod compression;
mod discover;

mod archive;
mod collector;
mod reader;

mod identity;

mod follow;

#[cfg(feature = "kafka")]
pub mod kafka;

pub use collector::{Collector, CollectorConfig, Engine, Pace, Password, Sample, Secret, Tls};
pub use compression::Compression;
pub use discover::{Discovery, discover};
pub use error::IngestError;
pub use follow::{
    Begin, FOLLOWED_MAX, FollowCounts, FollowOptions, Follower, Generation, GenerationId, Known, Standing,
    Start, Waker,
};
pub use identity::{Identity, PREFIX_BYTES_MAX};
pub use reader::Reader;
pub use source::{Location, Source};
