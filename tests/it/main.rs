//! Tests of the binary from outside, of the promised SQL, and of the house rules. One test program, so that it is linked once.

mod bad_input;
mod bad_lake;
mod binary;
mod causes;
#[cfg(feature = "cluster")]
mod cluster;
mod corpus;
mod deploy;
mod digest;
mod follow;
mod http;
mod ingest;
#[cfg(feature = "kafka")]
mod kafka;
mod lag;
mod lake;
mod maintain;
mod redact;
mod regressions;
mod report;
mod sections;
mod serve;
mod service;
mod slt;
mod tidy;
mod weekly;
