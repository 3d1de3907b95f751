//! What answers others: one open lake, the servers over it, and their end. Knows no protocol; never writes to the lake.

pub(crate) mod audit;
pub(crate) mod http;
pub(crate) mod lake;
mod postgres;
pub(crate) mod tls;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use slowlake_store::LakeLocation;
use tokio::net::TcpListener;
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
    pub(crate) users: Option<SecretsFile>,
    /// Names and tokens of HTTP clients, a file.
    pub(crate) tokens: Option<SecretsFile>,
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

/// A file of users or tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretsFile {
    /// Named at the command line: stronger than the environment.
    Typed(PathBuf),
    /// Named in the configuration: the environment is stronger.
    Configured(PathBuf),
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
        let postgres = match serve.postgres {
            Some(address) => Some(postgres::Server::bind(address, serve, settings).await?),
            None => None,
        };
        let http = match serve.http {
            Some(address) => Some(http::Server::bind(address, serve, settings).await?),
            None => None,
        };
        let (served, lake) = ServedLake::open(location, serve.limits.memory_bytes, settings).await?;
        let (stop, is_stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            lake: served,
            limits: serve.limits,
            audit: Audit::new(serve.redacts, meters.clone()),
            meters,
            stop: is_stopped,
        });
        let mut servers = Vec::new();
        servers.extend(postgres.map(|server| server.start(serve, tls.as_ref(), shared.clone())));
        servers.extend(http.map(|server| server.start(serve, tls.as_ref(), shared.clone())));
        Ok(Serving {
            stop,
            servers,
            refreshing: tokio::spawn(async move { shared.lake.keep_present(lake, &shared.meters).await }),
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

/// Lines that say who may ask, and where they are from.
struct Secrets {
    text: String,
    origin: String,
}

/// The lines of users or of tokens: of the file that was typed, else of the environment, else of the file that the configuration names.
///
/// # Errors
/// If the file cannot be read.
fn secrets(
    what: &str,
    file: Option<&SecretsFile>,
    variable: &str,
    settings: &Settings,
) -> anyhow::Result<Option<Secrets>> {
    match (file, settings.variable(variable)) {
        (Some(SecretsFile::Typed(file)), _) | (Some(SecretsFile::Configured(file)), None) => {
            of_file(what, file).map(Some)
        }
        (_, Some(text)) => Ok(Some(Secrets {
            text,
            origin: variable.to_owned(),
        })),
        (None, None) => Ok(None),
    }
}

fn of_file(what: &str, file: &Path) -> anyhow::Result<Secrets> {
    let origin = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("{what}: cannot read {origin}"))?;
    Ok(Secrets { text, origin })
}

/// Has an address; with port 0 the one that the system has chosen.
async fn listen(address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let cannot = || format!("cannot listen at {address}");
    let listener = TcpListener::bind(address).await.with_context(cannot)?;
    let address = listener.local_addr().with_context(cannot)?;
    Ok((listener, address))
}
