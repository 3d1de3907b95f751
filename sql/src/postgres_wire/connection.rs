//! One client: the loop over its messages, from the first to the last, and what bounds each statement. Whatever it is told to do, the end of
//! the connection, the server's or a time limit come first.

use std::collections::HashMap;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use pgwire::api::cancel::DefaultCancelHandler;
use pgwire::api::{
    ClientInfo, ConnectionGuard, ConnectionHandle, ConnectionManager, DefaultClient, NoopHandler,
    PgWireConnectionState, RandomPidSecretKeyGenerator,
};
use pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use pgwire::tokio::server::{MaybeTls, PgWireMessageServerCodec, process_error, process_message};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::codec::Framed;

use crate::postgres_wire::failure::{error, error_with_hint, fatal, state};
use crate::postgres_wire::frames::Frames;
use crate::postgres_wire::login::Login;
use crate::postgres_wire::prepared::{Planner, Prepared};
use crate::postgres_wire::settings::Settings;
use crate::postgres_wire::transport::negotiate;
use crate::postgres_wire::users::Users;
use crate::postgres_wire::{StatementDone, WireLimits};

/// How long a client may take to come in.
const LOGIN_MAX: Duration = Duration::from_secs(15);
/// How long an answer may take to be sent to a client that does not read, beyond the time of its statement.
const SEND_MAX: Duration = Duration::from_secs(5);
/// What a connection may have prepared, and what may be bound: names, and bytes of text and parameters.
const KEPT_MAX: usize = 1_000;
const KEPT_BYTES_MAX: usize = 4 << 20;

/// How far the end of the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// Whoever does nothing has to go.
    Draining,
    /// Everybody has to go.
    Ending,
}

/// What all connections share.
pub(super) struct Server {
    pub(super) users: Option<Users>,
    /// TLS, and whether one may do without.
    pub(super) tls: Option<(TlsAcceptor, bool)>,
    pub(super) limits: WireLimits,
    pub(super) log: Box<dyn Fn(&StatementDone<'_>) + Send + Sync>,
    pub(super) planner: Arc<Planner>,
    pub(super) cancels: Arc<ConnectionManager>,
    pub(super) pids: RandomPidSecretKeyGenerator,
    /// What users that do not exist are made of.
    pub(super) secret: [u8; 32],
    pub(super) phase: watch::Receiver<Phase>,
}

impl Server {
    pub(super) fn requires_tls(&self) -> bool {
        matches!(self.tls, Some((_, false)))
    }
}

/// One client, and what is known of it.
pub(super) struct Connection {
    pub(super) server: Arc<Server>,
    /// There are too many already: it is told so, and that is all.
    pub(super) is_refused: bool,
    pub(super) login: Mutex<Login>,
    pub(super) settings: Mutex<Settings>,
    pub(super) kept: Mutex<Kept>,
    /// Names of savepoints of the transaction at hand, the newest last.
    pub(super) savepoints: Mutex<Vec<String>>,
    /// Rows that the statement at hand has sent.
    pub(super) sent: Arc<AtomicU64>,
    address: SocketAddr,
    user: OnceLock<String>,
    /// Where cancel requests arrive, and what ends that.
    cancel: OnceLock<(Arc<ConnectionHandle>, ConnectionGuard)>,
}

type Socket = Framed<Frames<MaybeTls>, PgWireMessageServerCodec<Prepared>>;

/// Talks with a client until one of them has enough.
pub(super) async fn run(stream: TcpStream, address: SocketAddr, server: Arc<Server>, is_refused: bool) {
    let login_end = tokio::time::Instant::now() + LOGIN_MAX;
    let tls = server.tls.as_ref().map(|(tls, _)| tls);
    let Ok(Ok((frames, is_encrypted))) = timeout_at(login_end, negotiate(stream, tls)).await else {
        return;
    };
    let client = DefaultClient::new(address, is_encrypted);
    let mut socket = Framed::new(frames, PgWireMessageServerCodec::new(client));
    socket.set_state(PgWireConnectionState::AwaitingStartup);
    let connection = Arc::new(Connection {
        server,
        is_refused,
        login: Mutex::new(Login::Begins),
        settings: Mutex::default(),
        kept: Mutex::default(),
        savepoints: Mutex::default(),
        sent: Arc::default(),
        address,
        user: OnceLock::new(),
        cancel: OnceLock::new(),
    });
    // Where a connection breaks there is nobody to tell.
    let _ = talk(&mut socket, &connection, login_end).await;
}

async fn talk(
    socket: &mut Socket,
    connection: &Arc<Connection>,
    login_end: tokio::time::Instant,
) -> io::Result<()> {
    let server = &connection.server;
    let mut phase = server.phase.clone();
    loop {
        let is_in = !matches!(
            socket.state(),
            PgWireConnectionState::AwaitingStartup | PgWireConnectionState::AuthenticationInProgress
        );
        let end = match is_in {
            true => tokio::time::Instant::now() + server.limits.idle_timeout,
            false => login_end,
        };
        let message = tokio::select! {
            biased;
            () = until(&mut phase, |phase| phase != Phase::Open) => return leave(socket, stopping()).await,
            message = timeout_at(end, socket.next()) => message,
        };
        let message = match message {
            Ok(None | Some(Ok(PgWireFrontendMessage::Terminate(_)))) => return Ok(()),
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(failure))) => return leave(socket, fatal(state::PROTOCOL, said(&failure))).await,
            Err(_) if is_in => {
                let silent = server.limits.idle_timeout.as_secs();
                let what =
                    format!("nothing was asked for {silent} s, the longest that a connection may be idle");
                return leave(socket, fatal(state::IDLE, what)).await;
            }
            Err(_) => return Ok(()),
        };
        let is_extended = message.is_extended_query();
        let is_cancel = matches!(message, PgWireFrontendMessage::CancelRequest(_));
        let handling = process_message(
            message,
            socket,
            connection.clone(),
            connection.clone(),
            connection.clone(),
            Arc::new(NoopHandler),
            Arc::new(DefaultCancelHandler::new(server.cancels.clone())),
        );
        let handled = tokio::select! {
            biased;
            // Statements have their own limit; this one is for clients that do not read their answers.
            handled = timeout(server.limits.statement_timeout.saturating_add(SEND_MAX), handling) => handled?,
            () = until(&mut phase, |phase| phase == Phase::Ending) => return leave(socket, stopping()).await,
        };
        if is_cancel {
            return Ok(());
        }
        if let Err(failure) = handled {
            let info = ErrorInfo::from(failure);
            if !is_in || info.is_fatal() {
                return leave(socket, PgWireError::UserError(Box::new(info))).await;
            }
            let failure = PgWireError::UserError(Box::new(info));
            timeout(SEND_MAX, process_error(socket, failure, is_extended)).await??;
        }
        if !is_in && matches!(socket.state(), PgWireConnectionState::ReadyForQuery) {
            socket.get_mut().trust();
        }
    }
}

/// Says why, and ends the connection.
async fn leave(socket: &mut Socket, why: PgWireError) -> io::Result<()> {
    let mut info = ErrorInfo::from(why);
    "FATAL".clone_into(&mut info.severity);
    timeout(SEND_MAX, async {
        socket
            .send(PgWireBackendMessage::ErrorResponse(info.into()))
            .await?;
        socket.close().await
    })
    .await?
}

fn stopping() -> PgWireError {
    fatal(state::SHUTDOWN, "the server is being stopped")
}

fn said(failure: &PgWireError) -> String {
    match failure {
        PgWireError::IoError(failure) => failure.to_string(),
        other => other.to_string(),
    }
}

impl Connection {
    /// Who it is, as it says.
    pub(super) fn user(&self) -> &str {
        self.user.get().map_or("", String::as_str)
    }

    /// It has said who it is.
    pub(super) fn name(&self, user: &str) {
        // It is said once in a connection.
        let _ = self.user.set(user.to_owned());
    }

    /// It can be told to leave a statement be from now on.
    pub(super) fn listen_to_cancel(&self, registered: (Arc<ConnectionHandle>, ConnectionGuard)) {
        // It comes in once.
        let _ = self.cancel.set(registered);
    }

    /// Does something for a statement until it is done, canceled, takes too long, or the server ends.
    pub(super) async fn guarded<T>(&self, work: impl Future<Output = PgWireResult<T>>) -> PgWireResult<T> {
        let limit = lock(&self.settings).statement_timeout(self.server.limits.statement_timeout);
        let canceled = match self.cancel.get() {
            Some((handle, _)) => Some(handle.start_query().await),
            None => None,
        };
        let canceled = async {
            let is_canceled = match canceled {
                Some(canceled) => canceled.await.is_ok(),
                None => false,
            };
            if !is_canceled {
                pending().await
            }
        };
        let mut phase = self.server.phase.clone();
        tokio::select! {
            biased;
            () = canceled => Err(error(state::CANCELED, "canceling statement due to user request")),
            () = sleep(limit) => Err(error_with_hint(
                state::CANCELED,
                format!("canceling statement due to statement timeout of {} ms", limit.as_millis()),
                "ask for less (a condition on ts), or raise statement_timeout",
            )),
            () = until(&mut phase, |phase| phase == Phase::Ending) => Err(stopping()),
            done = work => done,
        }
    }

    /// Tells the log of a statement that has come to its end, and hands on how.
    pub(super) fn told<T>(&self, sql: &str, begun: Instant, done: PgWireResult<T>) -> PgWireResult<T> {
        let done = done.map_err(ErrorInfo::from);
        let settings = lock(&self.settings);
        (self.server.log)(&StatementDone {
            user: self.user(),
            application: settings.application(),
            client: self.address,
            statement: sql,
            rows: self.sent.load(Ordering::Relaxed),
            elapsed: begun.elapsed(),
            failure: done.as_ref().err().map(|info| info.code.as_str()),
        });
        done.map_err(|info| PgWireError::UserError(Box::new(info)))
    }
}

/// Waits for the end of the server, or for a server that is gone.
async fn until(phase: &mut watch::Receiver<Phase>, is_it: impl Fn(Phase) -> bool) {
    let _ = phase.wait_for(|phase| is_it(*phase)).await;
}

/// What a connection has prepared and bound, by name, with the bytes of each.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) statements: HashMap<String, usize>,
    pub(super) portals: HashMap<String, usize>,
}

impl Kept {
    /// Whether one more has its place, or takes that of another of its name.
    pub(super) fn put(kept: &mut HashMap<String, usize>, name: &str, bytes: usize) -> PgWireResult<()> {
        let before = kept.remove(name);
        let n_bytes: usize = kept.values().sum::<usize>() + bytes;
        if kept.len() >= KEPT_MAX || n_bytes > KEPT_BYTES_MAX {
            kept.extend(before.map(|before| (name.to_owned(), before)));
            let what = format!(
                "a connection may keep {KEPT_MAX} prepared statements or portals of {KEPT_BYTES_MAX} bytes together"
            );
            return Err(error_with_hint(
                state::LIMIT,
                what,
                "close those that are not needed any more",
            ));
        }
        kept.insert(name.to_owned(), bytes);
        Ok(())
    }
}

/// Nothing panics while it holds one of these.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
