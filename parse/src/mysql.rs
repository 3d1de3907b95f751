//! The logs of MySQL, Percona Server and MariaDB, all versions.

pub(crate) mod account;
pub(crate) mod body;
pub(crate) mod command;
pub(crate) mod deadlock;
pub(crate) mod error_json;
pub(crate) mod error_log;
pub(crate) mod event;
pub(crate) mod general;
pub(crate) mod header;
pub(crate) mod keys;
pub(crate) mod line;
pub(crate) mod plans;
pub(crate) mod record;
pub(crate) mod replication;
pub(crate) mod slow;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod warnings;
