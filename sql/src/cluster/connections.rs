//! Connections from one executor to the others, which are kept for a while: each takes a TLS handshake, and a query fetches from everybody.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ballista_core::client::BallistaClient;
use ballista_core::client_pool::{BallistaClientPool, PooledClient};
use ballista_core::error::Result;
use ballista_core::extension::BallistaConfigGrpcEndpoint;
use ballista_core::utils::GrpcClientConfig;

/// A connection that nobody used for so long is closed.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// See the module documentation.
#[derive(Clone, Default)]
pub(super) struct Connections(Arc<Mutex<Idle>>);

type Idle = HashMap<(String, u16), Vec<(BallistaClient, Instant)>>;

impl Connections {
    fn with_idle<T>(&self, work: impl FnOnce(&mut Idle) -> T) -> T {
        // A panic elsewhere cannot leave the map half-changed.
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|_, connections| {
            connections.retain(|(_, since)| since.elapsed() < IDLE_MAX);
            !connections.is_empty()
        });
        work(&mut idle)
    }
}

#[async_trait]
impl BallistaClientPool for Connections {
    async fn acquire(
        &self,
        host: &str,
        port: u16,
        config: &GrpcClientConfig,
        endpoint: Option<Arc<BallistaConfigGrpcEndpoint>>,
    ) -> Result<PooledClient> {
        let address = (host.to_owned(), port);
        let idle = self.with_idle(|idle| idle.get_mut(&address).and_then(Vec::pop));
        let client = match idle {
            Some((client, _)) => client,
            None => {
                BallistaClient::try_new(
                    host,
                    port,
                    config.max_message_size,
                    config.use_tls,
                    endpoint,
                    config.io_retries_times,
                    config.io_retry_wait_time_ms,
                    config.initial_connection_window_size,
                    config.initial_stream_window_size,
                )
                .await?
            }
        };
        let home = self.clone();
        let give_back = move |client| {
            home.with_idle(|idle| idle.entry(address).or_default().push((client, Instant::now())));
        };
        Ok(PooledClient::new(client, Box::new(give_back)))
    }

    async fn evict_idle(&self) {
        self.with_idle(|_| ());
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connections")
    }
}
