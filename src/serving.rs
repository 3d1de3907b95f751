//! What answers others: one open lake, the servers over it, and their end. Knows no protocol; never writes to the lake.

pub(crate) mod audit;
pub(crate) mod http;
pub(crate) mod lake;
mod postgres;
pub(crate) mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use slowlake_store::LakeLocation;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::service::meter::Meters;
use crate::serving::audit::Audit;
use crate::serving::lake::ServedLake;
use crate::serving::tls::{Tls, TlsFiles};
use crate::settings::Settings;

/// How long statements that run may go on once the process was told to stop.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(10);
/// How long the servers may take beyond that to say good-bye.
const END_MAX: Duration = Duration::from_secs(2);

/// Where is listened, who may ask, and how much.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ServeSettings {
    /// Where PostgreSQL clients connect.
    pub(crate) postgres: Option<SocketAddr>,
    /// Where HTTP is spoken.
    pub(crate) http: Option<SocketAddr>,
    /// Names and secrets of PostgreSQL users, a file.
    pub(crate) users: Option<PathBuf>,
    /// Names and tokens of HTTP clients, a file.
    pub(crate) tokens: Option<PathBuf>,
    /// Whether HTTP has only health and metrics, and neither SQL nor reports.
    pub(crate) monitoring_only: bool,
    /// Whether readiness and metrics ask for a token, too.
    pub(crate) guards_monitoring: bool,
    /// What the servers prove themselves with.
    pub(crate) tls: Option<TlsFiles>,
    /// Whether connections without TLS are taken although there is a certificate.
    pub(crate) allows_plaintext: bool,
    pub(crate) limits: ServeLimits,
    /// Whether literals are taken out of statements in the audit.
    pub(crate) redacts: bool,
}

/// How much one who asks may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServeLimits {
    /// The longest that a statement may take, its rows included.
    pub(crate) statement_timeout: Duration,
    /// The longest that a connection may be silent.
    pub(crate) idle_timeout: Duration,
    /// Connections at the same time, of each protocol.
    pub(crate) connections: usize,
    /// Rows of one answer.
    pub(crate) rows: u64,
    /// Memory of all statements together, bytes.
    pub(crate) memory_bytes: usize,
}

impl Default for ServeLimits {
    fn default() -> ServeLimits {
        ServeLimits {
            statement_timeout: Duration::from_secs(5 * 60),
            idle_timeout: Duration::from_secs(60 * 60),
            connections: 256,
            rows: 10_000_000,
            memory_bytes: 1024 << 20,
        }
    }
}

impl ServeSettings {
    /// Whether anything is listened to.
    pub(crate) fn listens(&self) -> bool {
        self.postgres.is_some() || self.http.is_some()
    }
}

/// What the servers would be refused for at their start: each with the key that it is about. Opens no lake, and listens to nothing.
pub(crate) fn refusals(serve: &ServeSettings, settings: &Settings) -> Vec<(&'static str, anyhow::Error)> {
    let mut refusals = Vec::new();
    if let Some(Err(refusal)) = serve.tls.as_ref().map(Tls::load) {
        refusals.push(("tls_cert", refusal));
    }
    refusals.extend(postgres::refusal(serve, settings));
    refusals.extend(http::refusal(serve, settings));
    refusals
}

/// What all servers of a process share.
pub(crate) struct Shared {
    pub(crate) lake: ServedLake,
    pub(crate) limits: ServeLimits,
    pub(crate) audit: Audit,
    pub(crate) meters: Arc<Meters>,
    /// Turns true when the process was told to stop: no new connections then, and [`DRAIN_MAX`] for statements that run.
    pub(crate) stop: watch::Receiver<bool>,
}

/// Servers that run.
pub(crate) struct Serving {
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
    refreshing: JoinHandle<()>,
}

impl Serving {
    /// Opens the lake and listens from now on.
    ///
    /// # Errors
    /// If the lake cannot be read, an address cannot be had, or a certificate, users or tokens are not as they should be: then nothing
    /// listens.
    pub(crate) async fn start(
        location: &LakeLocation,
        serve: &ServeSettings,
        settings: &Settings,
        meters: Arc<Meters>,
    ) -> anyhow::Result<Serving> {
        let tls = serve.tls.as_ref().map(Tls::load).transpose()?;
        let lake = ServedLake::open(location, serve.limits.memory_bytes, settings).await?;
        let (stop, is_stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            lake,
            limits: serve.limits,
            audit: Audit::new(serve.redacts, meters.clone()),
            meters,
            stop: is_stopped,
        });
        let mut servers = Vec::new();
        if let Some(address) = serve.postgres {
            servers.push(postgres::start(address, serve, tls.as_ref(), settings, shared.clone()).await?);
        }
        if let Some(address) = serve.http {
            servers.push(http::start(address, serve, tls.as_ref(), settings, shared.clone()).await?);
        }
        Ok(Serving {
            stop,
            servers,
            refreshing: tokio::spawn(async move { shared.lake.keep_present(&shared.meters).await }),
        })
    }

    /// Takes no more connections, lets statements that run come to their end for a while, and ends.
    pub(crate) async fn stop(self) {
        // A server that has ended listens no more.
        let _ = self.stop.send(true);
        let end = tokio::time::Instant::now() + DRAIN_MAX + END_MAX;
        for mut server in self.servers {
            if tokio::time::timeout_at(end, &mut server).await.is_err() {
                warn!("a server did not end in time and is cut off");
                server.abort();
            }
        }
        self.refreshing.abort();
    }
}
