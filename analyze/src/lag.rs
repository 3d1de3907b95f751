//! Replication lag on the source's clock: how old what each replica has is, when that was too much, what held the replica up, who wrote what
//! it could not follow, and what is at risk. The vendors' figures are told beside it and never used. Arithmetic on plain rows, but for the
//! job itself and what it reads.

mod blame;
mod cause;
mod episodes;
mod job;
mod objective;
mod replica;
mod report;
mod samples;
mod staleness;
mod writers;

pub use cause::LagCause;
pub use episodes::Episode;
pub use job::{LagRequest, lag};
pub use objective::{BurnAlert, Objective};
pub use replica::VendorMinutes;
pub use report::{EpisodeFinding, LagReport, ReplicaLag, SlotRisk, SourceLag, SuspectFinding};

#[cfg(test)]
mod tests;
