//! The commands, one module each: what it takes, and how it runs.

pub(crate) mod check;
pub(crate) mod cluster;
pub(crate) mod demo;
pub(crate) mod digest;
pub(crate) mod findings;
pub(crate) mod fingerprint;
pub(crate) mod follow;
pub(crate) mod ingest;
pub(crate) mod lake;
pub(crate) mod maintain;
pub(crate) mod mark;
pub(crate) mod reading;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod sql;
pub(crate) mod window;
