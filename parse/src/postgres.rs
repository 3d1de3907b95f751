//! PostgreSQL's server logs: the stderr format with any `log_line_prefix`, csvlog and jsonlog. Each format module makes [`event`]s of
//! records; what an event means is decided once, there.

pub(crate) mod csvlog;
pub(crate) mod event;
pub(crate) mod jsonlog;
pub(crate) mod log;
pub(crate) mod message;
pub(crate) mod prefix;
pub(crate) mod stderr;
