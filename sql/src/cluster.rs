//! Queries on a cluster: large ones are planned here, and their physical plans are executed by the executors that a scheduler knows. All of
//! them are this program: [`serve_scheduler`] and [`serve_executor`] wrap Ballista's. A session is told of a cluster by
//! [`Session::with_cluster`](crate::Session::with_cluster). Plans hold neither credentials nor functions, only their names: an executor reads
//! with its own credentials, and only the lakes that it was started for.

mod compact;
mod connections;
mod error;
mod executor;
mod failure;
mod queries;
mod route;
mod scans;
mod scheduler;
mod stages;
mod submit;
mod tasks;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ballista_core::extension::SessionConfigExt;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder, TaskContext};
use datafusion::prelude::{SessionConfig, SessionContext};
use slowlake_store::maintain::Planner;
use slowlake_store::no_stores;
use tonic::transport::Uri;

pub use error::ClusterError;
pub use executor::{ExecutorSettings, serve_executor};
use route::Router;
pub use scheduler::{SchedulerSettings, serve_scheduler};
use tls::Tls;
pub use tls::TlsFiles;

use crate::functions;

/// Where a scheduler listens unless it is said.
pub const SCHEDULER_PORT: u16 = 50_050;
/// From how many bytes on that its scans must read a query goes to the cluster, unless it is said: some seconds of work for two cores.
pub const MIN_BYTES_DEFAULT: u64 = 1 << 30;
/// Parts that a query is cut into for a cluster, unless it is said.
pub const PARTITIONS_DEFAULT: usize = 16;

/// The name of every session: executors keep what they know of files by it, from one query to the next and for all clients. What a query is
/// executed with comes along with it.
const SESSION: &str = "slowlake";
/// The largest message between the parts of a cluster. A plan names each file that is to be read, in about 200 bytes.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// Time for a connection to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Who does not answer for so long is asked for a sign of life, and is taken for gone after as much time again.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// How a session finds and uses a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSettings {
    /// `http://host:port` of the scheduler, or `https://` with TLS; without a port, [`SCHEDULER_PORT`].
    pub scheduler: String,
    /// What the program shows and trusts; as a rule there for `https`, and only then.
    pub tls: Option<TlsFiles>,
    /// Queries whose scans must read less, bytes, stay in this process.
    pub min_bytes: u64,
    /// Parts that a query is cut into: as many as the cluster has cores, or a few times that.
    pub partitions: usize,
    /// Whether a query is executed in this process when the cluster cannot be reached.
    pub may_fall_back: bool,
}

/// What is told of a query that does not go where it should.
pub type Warn = Arc<dyn Fn(&ClusterError) + Send + Sync>;

/// A cluster that sessions can use. Cloning it is cheap.
#[derive(Clone)]
pub struct Cluster {
    uri: Uri,
    tls: Option<Tls>,
    min_bytes: u64,
    partitions: usize,
    may_fall_back: bool,
    warn: Warn,
    /// What executors know of functions.
    reader: Arc<TaskContext>,
}

impl Cluster {
    /// A cluster by its settings; nothing is connected to. `warn` is called when a query falls back to this process.
    ///
    /// # Errors
    /// [`ClusterError::Address`] for an address that cannot be one, [`ClusterError::Tls`] and [`ClusterError::File`] for files that cannot be
    /// used.
    pub fn new(settings: &ClusterSettings, warn: Warn) -> Result<Cluster, ClusterError> {
        let uri = scheduler_uri(&settings.scheduler)?;
        let refuse = |reason: &str| ClusterError::Address {
            given: settings.scheduler.clone(),
            reason: reason.to_owned(),
        };
        let tls = match (uri.scheme_str(), &settings.tls) {
            (Some("https"), None) => {
                return Err(refuse("https takes a certificate, its key and an authority"));
            }
            (Some("https"), Some(files)) => Some(Tls::read(files)?),
            (_, Some(_)) => return Err(refuse("with a certificate it has to begin with https")),
            (_, None) => None,
        };
        let runtime = RuntimeEnvBuilder::new()
            .with_object_store_registry(no_stores())
            .build_arc()
            .map_err(|error| ClusterError::Server(error.to_string()))?;
        let reader = state(
            configure(SessionConfig::new_with_ballista(), tls.as_ref()),
            runtime,
        );
        Ok(Cluster {
            uri,
            tls,
            min_bytes: settings.min_bytes,
            partitions: settings.partitions.max(1),
            may_fall_back: settings.may_fall_back,
            warn,
            reader: reader.task_ctx(),
        })
    }

    /// Connects as a query would, and looks whether somebody is there to work.
    ///
    /// # Errors
    /// [`ClusterError::Unreachable`] and [`ClusterError::NoExecutor`].
    pub async fn probe(&self) -> Result<(), ClusterError> {
        submit::greet(self).await
    }

    /// Plans questions, and has the large ones executed by the cluster.
    pub fn planner(&self) -> Planner {
        Arc::new(Router::new(self.clone()))
    }

    /// The settings with which a query is planned for the cluster: what Ballista cannot do is off.
    fn configure(&self, config: SessionConfig) -> SessionConfig {
        configure(config, self.tls.as_ref()).with_target_partitions(self.partitions)
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

/// What holds for connections from all parts of a cluster.
fn configure(config: SessionConfig, tls: Option<&Tls>) -> SessionConfig {
    config
        .upgrade_for_ballista()
        .with_ballista_grpc_client_max_message_size(MESSAGE_BYTES_MAX)
        .with_ballista_override_create_grpc_client_endpoint(tls::endpoint_override(tls.cloned()))
        .with_ballista_use_tls(tls.is_some())
}

/// A state that knows all functions which a plan can name.
fn state(config: SessionConfig, runtime: Arc<RuntimeEnv>) -> SessionState {
    let context = SessionContext::new_with_config_rt(config, runtime);
    functions::register(&context);
    context.register_udf(compact::function());
    SessionStateBuilder::new_from_existing(context.state())
        .with_session_id(SESSION.to_owned())
        .build()
}

/// The address of a scheduler, with its port.
fn scheduler_uri(given: &str) -> Result<Uri, ClusterError> {
    let refuse = |reason: &str| ClusterError::Address {
        given: given.to_owned(),
        reason: reason.to_owned(),
    };
    let uri: Uri = given
        .parse()
        .map_err(|_| refuse("expected http://host:port or https://host:port"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(refuse("expected http://host:port or https://host:port"));
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(refuse("nothing can stand behind the port"));
    }
    let host = uri
        .host()
        .filter(|host| !host.is_empty())
        .ok_or_else(|| refuse("it names no host"))?;
    let port = uri.port_u16().unwrap_or(SCHEDULER_PORT);
    let authority = format!("{host}:{port}");
    // Made of the parts of an address that was read.
    Uri::builder()
        .scheme(uri.scheme_str().unwrap_or("http"))
        .authority(authority)
        .path_and_query("/")
        .build()
        .map_err(|error| refuse(&error.to_string()))
}

/// Refuses to be reached from other machines without TLS: who reaches a part of a cluster can have it execute anything.
fn check_listen(listen: SocketAddr, tls: Option<&TlsFiles>) -> Result<(), ClusterError> {
    if tls.is_none() && !listen.ip().is_loopback() {
        return Err(ClusterError::NeedsTls { listen });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
