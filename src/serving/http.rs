//! HTTP over the shared lake.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::task::JoinHandle;
use tracing::{error, info};

use crate::serving::tls::Tls;
use crate::serving::{ServeSettings, Shared};
use crate::settings::Settings;

/// Listens from now on, until it is told to stop.
///
/// # Errors
/// If the address cannot be had.
pub(crate) async fn start(
    address: SocketAddr,
    _serve: &ServeSettings,
    _tls: Option<&Tls>,
    _settings: &Settings,
    shared: Arc<Shared>,
) -> anyhow::Result<JoinHandle<()>> {
    let cannot = || format!("cannot listen at {address}");
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(cannot)?;
    // With port 0 the system has chosen one.
    let address = listener.local_addr().with_context(cannot)?;
    info!("answers at http://{address}/healthz, /readyz and /metrics");
    let router = crate::service::http::router(shared.meters.clone());
    Ok(tokio::spawn(async move {
        let mut stop = shared.stop.clone();
        let told = async move {
            let _ = stop.wait_for(|stop| *stop).await;
        };
        if let Err(failure) = axum::serve(listener, router).with_graceful_shutdown(told).await {
            error!("HTTP ended: {failure}");
        }
    }))
}
