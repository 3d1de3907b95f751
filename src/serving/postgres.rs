//! The PostgreSQL server of `slowlake_sql` over the shared lake: who may ask, and where it listens. Speaks no protocol itself.

use std::net::SocketAddr;
use std::sync::Arc;

use slowlake_sql::{PostgresWire, StatementDone, Users, WireLimits, WireTls};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tracing::info;

use crate::output::with_hint;
use crate::serving::audit::Answered;
use crate::serving::tls::Tls;
use crate::serving::{DRAIN_MAX, ServeSettings, Shared, listen, secrets};
use crate::settings::Settings;

/// The environment's users.
const USERS: &str = "SLOWLAKE_USERS";
/// What PostgreSQL clients call the protocol in TLS.
const ALPN: &[u8] = b"postgresql";

/// A server that has its address and its users, and does not answer yet.
pub(super) struct Server {
    listener: TcpListener,
    address: SocketAddr,
    users: Option<Users>,
}

impl Server {
    /// Reads who may ask, and has the address.
    ///
    /// # Errors
    /// If the users cannot be read, nobody would have to prove who he is though others can reach the address, or it cannot be had.
    pub(super) async fn bind(
        address: SocketAddr,
        serve: &ServeSettings,
        settings: &Settings,
    ) -> anyhow::Result<Server> {
        let users = users(serve, settings)?;
        check_access(address, users.as_ref())?;
        let (listener, address) = listen(address).await?;
        Ok(Server {
            listener,
            address,
            users,
        })
    }

    /// Answers from now on, until it is told to stop.
    pub(super) fn start(
        self,
        serve: &ServeSettings,
        tls: Option<&Tls>,
        shared: Arc<Shared>,
    ) -> JoinHandle<()> {
        info!(
            tls = tls.is_some(),
            users = self.users.is_some(),
            "answers PostgreSQL clients at {}",
            self.address
        );
        let wire = PostgresWire {
            sessions: shared.lake.current(),
            users: self.users,
            tls: tls.map(|tls| WireTls {
                acceptor: TlsAcceptor::from(tls.config(&[ALPN])),
                is_optional: serve.allows_plaintext,
            }),
            limits: WireLimits {
                statement_timeout: serve.limits.statement_timeout,
                idle_timeout: serve.limits.idle_timeout,
                drain: DRAIN_MAX,
                connections: serve.limits.connections,
                rows: serve.limits.rows,
            },
            log: Box::new({
                let shared = shared.clone();
                move |done: &StatementDone<'_>| shared.audit.write(&answered(done))
            }),
            open: Box::new({
                let open = shared.meters.connections("postgres");
                move |connections| {
                    open.set(i64::try_from(connections).unwrap_or(i64::MAX));
                }
            }),
        };
        tokio::spawn(wire.serve(self.listener, shared.stop.clone()))
    }
}

/// What it would be refused for at its start, with the key that it is about.
pub(super) fn refusal(serve: &ServeSettings, settings: &Settings) -> Option<(&'static str, anyhow::Error)> {
    match users(serve, settings) {
        Err(refusal) => Some(("users", refusal)),
        Ok(users) => {
            let refusal = check_access(serve.postgres?, users.as_ref()).err()?;
            Some(("postgres", refusal))
        }
    }
}

/// Refuses to be reached by others where nobody has to prove who he is.
fn check_access(address: SocketAddr, users: Option<&Users>) -> anyhow::Result<()> {
    if users.is_none() && !address.ip().is_loopback() {
        anyhow::bail!(
            "whoever reaches {address} could read the lake: there are no users\n\
             hint: give --users FILE (a line each: \"name\" \"password\") or listen at 127.0.0.1"
        );
    }
    Ok(())
}

fn users(serve: &ServeSettings, settings: &Settings) -> anyhow::Result<Option<Users>> {
    let Some(secrets) = secrets("users", serve.users.as_ref(), USERS, settings)? else {
        return Ok(None);
    };
    let users = Users::parse(&secrets.text).map_err(|wrong| {
        let hint = wrong.hint().map(str::to_owned);
        with_hint(format!("users: {}:{}: {wrong}", secrets.origin, wrong.line), hint)
    })?;
    Ok(Some(users))
}

fn answered<'a>(done: &StatementDone<'a>) -> Answered<'a> {
    Answered {
        via: "postgres",
        user: done.user,
        application: done.application,
        client: done.client,
        statement: done.statement,
        rows: done.rows,
        elapsed: done.elapsed,
        failure: done.failure,
    }
}
