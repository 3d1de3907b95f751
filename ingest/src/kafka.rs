//! Kafka topics as sources: partitions are read in order, each from an offset that its caller knows, and messages are handed out with their
//! place. Never keeps how far anything was read (the caller does; what it tells the group is a courtesy to those who watch it) and never decides
//! what a log line means: [`Mapping`] only says whose line it is and what a shipper put around it.

mod assignment;
mod consumer;
mod context;
mod dead_letters;
mod mapping;
mod message;
mod options;
mod properties;
mod reachability;
mod trouble;

pub use assignment::{Partition, PartitionId};
pub use consumer::{Consumer, Event, KnownOffsets, OutOfRange};
pub use dead_letters::{DeadLetter, DeadLetters};
pub use mapping::{Envelope, Line, MESSAGE_BYTES_MAX, Mapping, NAME_BYTES_MAX, NameFrom, Unmapped};
pub use message::{Delivery, Headers, Message};
pub use options::{KafkaOptions, NoOffset, OutOfRangePolicy, TOPICS_MAX};
pub use reachability::{Reachability, TopicFound};
pub use trouble::KafkaTrouble;

#[cfg(test)]
mod tests;
