//! The logs of MySQL, Percona Server and MariaDB, all versions.

pub(crate) mod account;
pub(crate) mod body;
pub(crate) mod header;
pub(crate) mod line;
pub(crate) mod record;
pub(crate) mod slow;
pub(crate) mod text;
pub(crate) mod warnings;
