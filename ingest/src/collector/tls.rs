//! The certificates that a server's is verified against. Never connects.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::config::Tls;

/// The certificates to trust: those of `ca_file`, or else the system's; what is no certificate among the system's is left out.
/// `Err` says why there are none.
pub(super) fn trusted(ca_file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = match ca_file {
        Some(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| format!("{}: {error}", path.display()))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let parsable =
        |certificate: &CertificateDer<'static>| RootCertStore::empty().add(certificate.clone()).is_ok();
    let certificates: Vec<_> = certificates.into_iter().filter(parsable).collect();
    if certificates.is_empty() {
        return Err(match ca_file {
            Some(path) => format!("{}: no certificate in it", path.display()),
            None => "the system has no certificates".to_owned(),
        });
    }
    Ok(certificates)
}

/// A client's side of TLS that verifies certificate and name; `None` without TLS.
pub(super) fn client(tls: &Tls) -> Result<Option<ClientConfig>, String> {
    let Tls::Verify { ca_file } = tls else {
        return Ok(None);
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted(ca_file.as_deref())?);
    // Named here and not left to the process: a build may hold more than one provider.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(config))
}

/// Chooses what encrypts for clients that leave it to the process, where nobody has chosen yet: a build may hold more than one.
pub(super) fn choose_provider() {
    // An error says that there is a choice already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
