//! Bytes in, with positions: finds the files a user names, opens them whatever their compression, and hands out their bytes in
//! chunks, each with its place in the decompressed stream.
//!
//! [`discover`] turns command-line arguments into a list of [`Source`]s; [`Reader`] reads one of them; [`Identity`] tells whether a
//! file is still the one that was read before. [`Follower`] reads files that are being written, through their rotation; [`kafka::Consumer`]
//! reads topics.
//!
//! This crate never looks inside a statement or a line, never decides what the bytes mean, never writes, and uses plain blocking
//! IO: who wants several sources at once gives each its own thread.

mod error;
mod source;

mod compression;
mod discover;

mod archive;
mod reader;

mod identity;

mod follow;

pub mod kafka;

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
