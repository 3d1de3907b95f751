//! An executor of a cluster: Ballista's, with our functions, behind TLS. It asks the scheduler for tasks, reads the lakes that it was started
//! for with its own credentials, and keeps what it computes in a folder until it has been fetched. Never writes to a lake.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use ballista_core::RuntimeProducer;
use ballista_core::extension::SessionConfigExt;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::serde::BallistaCodec;
use ballista_core::serde::protobuf::executor_grpc_server::ExecutorGrpcServer;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{ExecutorRegistration, ExecutorStoppedParams};
use ballista_executor::execution_loop::poll_loop;
use ballista_executor::executor::{Executor, TasksDrainedFuture};
use ballista_executor::executor_process::{ExecutorProcessConfig, structure_executor_metadata};
use ballista_executor::flight_service::BallistaFlightService;
use ballista_executor::health::ExecutorHealth;
use ballista_executor::metrics::LoggingMetricsCollector;
use ballista_executor::runtime_cache::{DefaultSessionRuntimeCache, MemoryPoolPolicy};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use slowlake_store::{LakeLocation, lake_stores};
use tokio::sync::Notify;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Uri};

use super::scheduler::{listen, server};
use super::stages::Stages;
use super::tls::{Tls, endpoint, innermost};
use super::{ClusterError, MESSAGE_BYTES_MAX, TlsFiles, check_listen, configure, scheduler_uri, state};

/// An executor that works asks for more this often, for the cores that are free.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Between two attempts to reach a scheduler that is not there yet.
const SCHEDULER_RETRY: Duration = Duration::from_secs(1);
/// An executor that is told to stop lets its tasks come to their end for so long.
const DRAIN_MAX: Duration = Duration::from_secs(20);
/// There is one, for all queries.
const SESSIONS_KEPT: usize = 1;

/// What an executor is, and may use.
#[derive(Debug, Clone)]
pub struct ExecutorSettings {
    /// The scheduler, as [`ClusterSettings::scheduler`](super::ClusterSettings::scheduler).
    pub scheduler: String,
    /// Address and port at which other executors and clients fetch results; port 0 for any.
    pub listen: SocketAddr,
    /// The name under which they find it, if not by that address.
    pub advertise: Option<String>,
    /// Without, only this machine may reach it.
    pub tls: Option<TlsFiles>,
    /// What it may read, with credentials.
    pub lakes: Vec<LakeLocation>,
    /// Tasks at the same time.
    pub cores: usize,
    /// Memory for the data of all tasks together, bytes; what does not fit goes to files.
    pub memory_limit_bytes: usize,
    /// Where results wait and what does not fit into memory goes, in a folder of its own that is removed at the beginning and at the end.
    pub work_folder: PathBuf,
}

/// Works until `stop` comes. `ready` is called with the address once the scheduler has been reached.
///
/// # Errors
/// Those of [`serve_scheduler`](super::serve_scheduler), [`ClusterError::NeedsName`] where `listen` is every address, and
/// [`ClusterError::Server`] where the work folder cannot be made or a lake's settings are wrong.
pub async fn serve_executor(
    settings: &ExecutorSettings,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), ClusterError> {
    check_listen(settings.listen, settings.tls.as_ref())?;
    let uri = scheduler_uri(&settings.scheduler)?;
    let tls = settings.tls.as_ref().map(Tls::read).transpose()?;
    let (listener, address) = listen(settings.listen).await?;
    let host = match &settings.advertise {
        Some(name) => name.clone(),
        None if address.ip().is_unspecified() => return Err(ClusterError::NeedsName { listen: address }),
        None => address.ip().to_string(),
    };
    let folder = WorkFolder::make(&settings.work_folder, address.port())?;
    let registration = registration(host, address.port(), settings.cores);
    let ask = Arc::new(Notify::new());
    let stages = Stages::new(&ask);
    let executor = Arc::new(executor(settings, &folder, registration, stages, tls.clone())?);

    let flight = FlightServiceServer::new(BallistaFlightService::new(folder.name()))
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
        .max_decoding_message_size(MESSAGE_BYTES_MAX);
    let server = server(tls.as_ref())?
        .add_service(flight)
        .add_service(ExecutorGrpcServer::new(super::tasks::Tasks(Arc::clone(
            &executor,
        ))));
    let serving = server.serve_with_incoming(TcpIncoming::from(listener));

    let work = async {
        let channel = reach(&uri, tls.as_ref()).await?;
        let scheduler = SchedulerGrpcClient::new(channel)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
            .max_decoding_message_size(MESSAGE_BYTES_MAX);
        ready(address);
        let codec: BallistaCodec<LogicalPlanNode, PhysicalPlanNode> = BallistaCodec::default();
        let polling = poll_loop(
            scheduler.clone(),
            Arc::clone(&executor),
            codec,
            Some(Arc::clone(&ask)),
            None,
            ExecutorHealth::new(),
        );
        tokio::select! {
            never = ask_again(&ask) => match never {},
            ended = polling => Err(ended.map_or_else(
                |error| ClusterError::Server(error.to_string()),
                |()| ClusterError::Server("the executor stopped asking for work".to_owned()),
            )),
            () = stop => {
                leave(scheduler, &executor).await;
                Ok(())
            }
        }
    };
    tokio::select! {
        ended = work => ended,
        served = serving => Err(ClusterError::Server(
            served.map_or_else(|error| error.to_string(), |()| "nothing is served any more".to_owned()),
        )),
    }
}

/// Has the scheduler asked again and again. It answers an executor that has nothing to do when there is something.
async fn ask_again(ask: &Notify) -> Infallible {
    loop {
        ask.notify_one();
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// A connection to the scheduler, as soon as there is one.
async fn reach(uri: &Uri, tls: Option<&Tls>) -> Result<Channel, ClusterError> {
    let unusable = |error: tonic::transport::Error| ClusterError::Tls {
        reason: innermost(&error),
    };
    let endpoint = endpoint(uri, tls).map_err(unusable)?;
    loop {
        match endpoint.connect().await {
            Ok(channel) => return Ok(channel),
            Err(_) => tokio::time::sleep(SCHEDULER_RETRY).await,
        }
    }
}

/// Tells the scheduler that no more work is wanted, and lets what there is come to its end.
async fn leave(mut scheduler: SchedulerGrpcClient<Channel>, executor: &Arc<Executor>) {
    let stopped = ExecutorStoppedParams {
        executor_id: executor.metadata.id.clone(),
        reason: "told to stop".to_owned(),
    };
    // A scheduler that is gone needs not be told; one that is not notices by itself, only later.
    let _ = scheduler.executor_stopped(stopped).await;
    let _ = tokio::time::timeout(DRAIN_MAX, TasksDrainedFuture(Arc::clone(executor))).await;
}

fn registration(host: String, port: u16, cores: usize) -> ExecutorRegistration {
    let cores = u32::try_from(cores.max(1)).unwrap_or(u32::MAX);
    let config = ExecutorProcessConfig {
        external_host: Some(host),
        port,
        // Results are fetched and tasks are ended at the same port.
        grpc_port: port,
        ..ExecutorProcessConfig::default()
    };
    structure_executor_metadata(&Arc::new(config), cores)
}

fn executor(
    settings: &ExecutorSettings,
    folder: &WorkFolder,
    registration: ExecutorRegistration,
    stages: Stages,
    tls: Option<Tls>,
) -> Result<Executor, ClusterError> {
    let failed = |error: &dyn std::error::Error| ClusterError::Server(error.to_string());
    let stores = lake_stores(&settings.lakes).map_err(|error| failed(&error))?;
    let spill = folder.0.clone();
    let runtime: RuntimeProducer = Arc::new(move |_| {
        RuntimeEnvBuilder::new()
            .with_object_store_registry(Arc::clone(&stores))
            .with_temp_file_path(&spill)
            .build_arc()
    });
    let config = move || configure(SessionConfig::new_with_ballista(), tls.as_ref());
    let known = runtime(&config()).map_err(|error| failed(&error))?;
    let functions = BallistaFunctionRegistry::from(&state(config(), known));
    let sessions = DefaultSessionRuntimeCache::new(
        Arc::clone(&runtime),
        memory_of_a_task(settings.memory_limit_bytes / settings.cores.max(1)),
        SESSIONS_KEPT,
    );
    let executor = Executor::new(
        registration,
        &folder.name(),
        runtime,
        Arc::new(config),
        Arc::new(functions),
        Arc::new(LoggingMetricsCollector::default()),
        settings.cores.max(1),
        Arc::new(stages),
    );
    Ok(executor.with_session_runtime_cache(Some(Arc::new(sessions))))
}

/// Each task has a pool of its own, as large as the cores that it takes of the executor's.
fn memory_of_a_task(bytes_per_core: usize) -> MemoryPoolPolicy {
    Arc::new(move |runtime: Arc<RuntimeEnv>, _: &SessionConfig, cores: u32| {
        let bytes = bytes_per_core.saturating_mul(cores.max(1) as usize);
        RuntimeEnvBuilder::from_runtime_env(&runtime)
            .with_memory_pool(Arc::new(FairSpillPool::new(bytes)))
            .build_arc()
    })
}

/// A folder that is there as long as the executor.
struct WorkFolder(PathBuf);

impl WorkFolder {
    /// Empty, also where an executor that was killed has left its own: nobody else listens at its port.
    fn make(above: &Path, port: u16) -> Result<WorkFolder, ClusterError> {
        let folder = above.join(format!("executor-{port}"));
        let failed = |error: std::io::Error| {
            ClusterError::Server(format!("cannot make the folder {}: {error}", folder.display()))
        };
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(failed)?;
        }
        // Rows are for nobody else on this machine.
        let mut private = std::fs::DirBuilder::new();
        private
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(failed)?;
        Ok(WorkFolder(folder))
    }

    fn name(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // What is left is removed when the next executor begins.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
