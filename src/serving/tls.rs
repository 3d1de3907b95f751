//! Certificate and key of the servers: read and tried out before anything listens. Whatever is wrong with them is an error: there is no
//! falling back to plaintext.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificate and those that vouch for it, PEM.
    pub(crate) certificate: PathBuf,
    /// Its private key, PEM: PKCS #8, PKCS #1 or SEC 1.
    pub(crate) key: PathBuf,
}

/// A certificate and a key that belong together.
pub(crate) struct Tls {
    config: ServerConfig,
}

impl Tls {
    /// Reads them.
    ///
    /// # Errors
    /// If a file cannot be read, holds something else, or the key is not that of the certificate.
    pub(crate) fn load(files: &TlsFiles) -> anyhow::Result<Tls> {
        let certificates = CertificateDer::pem_file_iter(&files.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| {
                wrong(
                    &files.certificate,
                    &error,
                    "--tls-cert takes a PEM file with BEGIN CERTIFICATE",
                )
            })?;
        if certificates.is_empty() {
            let hint = "--tls-cert takes a PEM file with BEGIN CERTIFICATE";
            return Err(wrong(&files.certificate, &"holds no certificate", hint));
        }
        let hint = "--tls-key takes a PEM file with an unencrypted private key: PKCS #8, PKCS #1 or SEC 1";
        let key =
            PrivateKeyDer::from_pem_file(&files.key).map_err(|error| wrong(&files.key, &error, hint))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
            .map_err(|error| {
                let hint = "the key must be that of the first certificate in --tls-cert";
                wrong(&files.key, &error, hint)
            })?;
        Ok(Tls { config })
    }

    /// For a server that speaks one of these protocols (ALPN).
    pub(crate) fn config(&self, protocols: &[&[u8]]) -> Arc<ServerConfig> {
        let mut config = self.config.clone();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Arc::new(config)
    }
}

fn wrong(file: &Path, what: &dyn std::fmt::Display, hint: &str) -> anyhow::Error {
    anyhow::anyhow!("TLS: {}: {what}\nhint: {hint}", file.display())
}
