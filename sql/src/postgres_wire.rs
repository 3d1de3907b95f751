//! The PostgreSQL wire protocol over the lake: whoever has a PostgreSQL client can ask. Here are the settings of the server and its
//! accept loop; each connection is a task of its own. Reads only, prints nothing.

mod about;
mod answer;
mod catalog;
mod connection;
mod failure;
mod frames;
mod login;
mod messages;
mod of_catalogs;
mod prepared;
mod rows;
mod scram;
mod settings;
mod statement;
mod transport;
mod users;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pgwire::api::{ConnectionManager, RandomPidSecretKeyGenerator};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

pub(crate) use crate::postgres_wire::catalog::register as register_catalog;
use crate::postgres_wire::connection::{Phase, Server};
use crate::postgres_wire::prepared::Planner;
pub use crate::postgres_wire::users::{Users, WrongUsers};
use crate::session::CurrentSession;

/// Connections above the limit that are told so, and cancel requests; still more are closed without a word.
const REFUSED_MAX: usize = 64;
/// Where no connection can be taken, the system has too few of something: it is asked again after a while.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long clients may take to read that the server ends.
const END_MAX: Duration = Duration::from_secs(1);

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
    /// Is told how many connections there are, whenever that changes.
    pub open: Box<dyn Fn(usize) + Send + Sync>,
}

/// TLS of a server.
pub struct WireTls {
    /// Has certificate and key, and the protocol name `postgresql`.
    pub acceptor: TlsAcceptor,
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
    pub async fn serve(mut self, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let limits = self.limits;
        let open = std::mem::replace(&mut self.open, Box::new(|_| {}));
        let (phase, phases) = watch::channel(Phase::Open);
        let server = Arc::new(self.server(phases));
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = told(&mut stop) => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, address)) if connections.len() < limits.connections + REFUSED_MAX => {
                        let is_refused = connections.len() >= limits.connections;
                        connections.spawn(connection::run(stream, address, server.clone(), is_refused));
                    }
                    Ok(_) => {}
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                },
            }
            open(connections.len());
        }
        drop(listener);
        for (next, patience) in [(Phase::Draining, limits.drain), (Phase::Ending, END_MAX)] {
            // Where nobody listens nobody is connected.
            let _ = phase.send(next);
            let all = async { while connections.join_next().await.is_some() {} };
            let _ = timeout(patience, all).await;
        }
        connections.shutdown().await;
    }

    fn server(self, phase: watch::Receiver<Phase>) -> Server {
        Server {
            users: self.users,
            tls: self.tls.map(|tls| (tls.acceptor, tls.is_optional)),
            limits: self.limits,
            log: self.log,
            planner: Arc::new(Planner::new(self.sessions)),
            cancels: Arc::new(ConnectionManager::new()),
            pids: RandomPidSecretKeyGenerator::default(),
            secret: scram::random(),
            phase,
        }
    }
}

/// Waits until somebody says to stop, or until nobody can any more.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|is_told| *is_told).await;
}
