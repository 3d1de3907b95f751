//! The slow query log of MySQL, Percona Server and MariaDB, all versions.

pub(crate) mod header;
pub(crate) mod record;
pub(crate) mod slow;
pub(crate) mod text;
