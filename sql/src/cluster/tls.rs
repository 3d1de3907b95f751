//! Mutual TLS between clients, scheduler and executors: one authority signs all certificates, everybody shows one, and nobody talks to who
//! has none. Never falls back to plain text.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use ballista_core::extension::EndpointOverrideFn;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig, Uri};

use super::{CONNECT_TIMEOUT, ClusterError, KEEP_ALIVE};

/// Files in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authority that signed the certificates of all parts of the cluster and of its clients.
    pub authority: PathBuf,
    /// What this program shows, with what stands between it and the authority.
    pub certificate: PathBuf,
    /// The key of that.
    pub key: PathBuf,
}

/// What is in the files. Prints nothing of it.
#[derive(Clone)]
pub(super) struct Tls {
    authority: Certificate,
    identity: Identity,
}

impl Tls {
    /// Reads the files, and looks whether they can be used.
    pub(super) fn read(files: &TlsFiles) -> Result<Tls, ClusterError> {
        choose_provider();
        let tls = Tls {
            authority: Certificate::from_pem(read(&files.authority)?),
            identity: Identity::from_pem(read(&files.certificate)?, read(&files.key)?),
        };
        let unusable = |error: tonic::transport::Error| ClusterError::Tls {
            reason: innermost(&error),
        };
        Server::builder().tls_config(tls.server()).map_err(unusable)?;
        endpoint(&Uri::from_static("https://localhost"), Some(&tls)).map_err(unusable)?;
        Ok(tls)
    }

    /// For who listens: only who shows a certificate of the authority is let in.
    pub(super) fn server(&self) -> ServerTlsConfig {
        ServerTlsConfig::new()
            .identity(self.identity.clone())
            .client_ca_root(self.authority.clone())
    }

    fn client(&self) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .identity(self.identity.clone())
            .ca_certificate(self.authority.clone())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// How to connect to one part of a cluster; with TLS whatever the scheme says.
pub(super) fn endpoint(uri: &Uri, tls: Option<&Tls>) -> Result<Endpoint, tonic::transport::Error> {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let scheme = if tls.is_some() { "https" } else { "http" };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{authority}"))?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .http2_adaptive_window(true);
    match tls {
        None => Ok(endpoint),
        Some(tls) => endpoint.tls_config(tls.client()),
    }
}

/// The same for connections that Ballista makes by itself.
pub(super) fn endpoint_override(tls: Option<Tls>) -> EndpointOverrideFn {
    Arc::new(move |made| Ok(endpoint(made.uri(), tls.as_ref())?))
}

/// The cause below all others, which says what is wrong.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Chooses what encrypts, where nobody has chosen yet: tonic leaves it to the process, and a build may hold more than one.
fn choose_provider() {
    // An error says that there is a choice already, which is as good.
    let _ = ring::default_provider().install_default();
}

fn read(path: &Path) -> Result<Vec<u8>, ClusterError> {
    fs::read(path).map_err(|source| ClusterError::File {
        path: path.to_owned(),
        source,
    })
}
