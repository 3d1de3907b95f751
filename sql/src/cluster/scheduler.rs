//! The scheduler of a cluster: Ballista's, with our functions, behind TLS. It knows the executors, cuts plans into tasks and hands them out;
//! it reads no lake and has no credentials. What is ours: a query ends when the connection that waits for it does, or with an executor that
//! worked for it, and one that nobody could execute is refused at once.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::extension::SessionConfigExt;
use ballista_core::serde::protobuf::scheduler_grpc_server::{SchedulerGrpc, SchedulerGrpcServer};
use ballista_core::serde::protobuf::{
    CancelJobParams, CancelJobResult, CleanJobDataParams, CleanJobDataResult, CreateUpdateSessionParams,
    CreateUpdateSessionResult, ExecuteQueryParams, ExecuteQueryResult, ExecutorStoppedParams,
    ExecutorStoppedResult, GetJobMetricsParams, GetJobMetricsResult, GetJobStatusParams, GetJobStatusResult,
    HeartBeatParams, HeartBeatResult, PollWorkParams, PollWorkResult, RegisterExecutorParams,
    RegisterExecutorResult, RemoveSessionParams, RemoveSessionResult, UpdateTaskStatusParams,
    UpdateTaskStatusResult,
};
use ballista_core::serde::scheduler::ExecutorSpecification;
use ballista_scheduler::cluster::{BallistaCluster, ClusterStateEvent};
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::create_scheduler;
use ballista_scheduler::scheduler_server::SchedulerServer;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use futures::StreamExt;
use futures::stream::BoxStream;
use slowlake_store::no_stores;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::queries::{Query, Work};
use super::tls::{Tls, endpoint_override};
use super::{ClusterError, KEEP_ALIVE, MESSAGE_BYTES_MAX, TlsFiles, check_listen, configure, state};

/// An executor that did not ask for work for so long is gone, and its tasks are given to others. They ask every five seconds at least.
const EXECUTOR_GONE_AFTER_S: u64 = 15;
/// How often the scheduler looks for those.
const EXECUTOR_CHECK_S: u64 = 5;
/// How long queries wait for another executor when the last one is gone.
const NO_EXECUTOR_GRACE_S: u64 = 15;
/// How long executors keep results that somebody may still be reading.
const RESULTS_KEPT_S: u64 = 3_600;
/// How long the scheduler remembers a query that is over.
const JOBS_KEPT_S: u64 = 3_600;

/// An executor that has nothing to do and asks for work is answered after so long at the latest, and at once when there is some.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// While there are queries, what an executor with nothing to do could do is looked up this often.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How a scheduler is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulerSettings {
    /// Address and port; port 0 for any.
    pub listen: SocketAddr,
    /// Without, only this machine may reach it.
    pub tls: Option<TlsFiles>,
}

/// Serves until `stop` comes. `ready` is called with the address once somebody can connect.
///
/// # Errors
/// [`ClusterError::NeedsTls`], [`ClusterError::Listen`], [`ClusterError::File`] and [`ClusterError::Tls`] before anything is served;
/// [`ClusterError::Server`] if serving ends by itself.
pub async fn serve_scheduler(
    settings: &SchedulerSettings,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), ClusterError> {
    check_listen(settings.listen, settings.tls.as_ref())?;
    let tls = settings.tls.as_ref().map(Tls::read).transpose()?;
    let (listener, address) = listen(settings.listen).await?;
    let config = Arc::new(config(address, tls.as_ref()));
    let failed = |error: ballista_core::error::BallistaError| ClusterError::Server(error.to_string());
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(failed)?;
    let scheduler = create_scheduler(cluster, config).await.map_err(failed)?;
    let mut executors = scheduler.cluster_state_events().await.map_err(failed)?;
    let work = Arc::new(Work::default());
    let service = SchedulerGrpcServer::new(Watched {
        scheduler,
        work: Arc::clone(&work),
    })
    .max_encoding_message_size(MESSAGE_BYTES_MAX)
    .max_decoding_message_size(MESSAGE_BYTES_MAX);
    let server = server(tls.as_ref())?.add_service(service);
    let gone = async {
        while let Some(event) = executors.next().await {
            if let ClusterStateEvent::RemovedExecutor { executor_id } = event {
                work.executor_is_gone(&executor_id);
            }
        }
    };
    ready(address);
    tokio::select! {
        () = gone => Ok(()),
        served = server.serve_with_incoming(TcpIncoming::from(listener)) => {
            served.map_err(|error| ClusterError::Server(error.to_string()))
        }
        () = stop => Ok(()),
    }
}

/// A listener, and the port that it got.
pub(super) async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ClusterError> {
    let failed = |source| ClusterError::Listen {
        listen: address,
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// A server that notices when the other side is gone.
pub(super) fn server(tls: Option<&Tls>) -> Result<Server, ClusterError> {
    let server = Server::builder()
        .tcp_nodelay(true)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE));
    match tls {
        None => Ok(server),
        Some(tls) => server
            .tls_config(tls.server())
            .map_err(|error| ClusterError::Tls {
                reason: error.to_string(),
            }),
    }
}

fn config(address: SocketAddr, tls: Option<&Tls>) -> SchedulerConfig {
    let of_sessions = tls.cloned();
    SchedulerConfig {
        external_host: address.ip().to_string(),
        bind_host: address.ip().to_string(),
        bind_port: address.port(),
        // Executors ask for work, so that the scheduler need not find them to give it.
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        executor_timeout_seconds: EXECUTOR_GONE_AFTER_S,
        expire_dead_executor_interval_seconds: EXECUTOR_CHECK_S,
        no_executors_grace_period_seconds: NO_EXECUTOR_GRACE_S,
        finished_job_data_clean_up_interval_seconds: RESULTS_KEPT_S,
        finished_job_state_clean_up_interval_seconds: JOBS_KEPT_S,
        grpc_server_max_decoding_message_size: MESSAGE_BYTES_MAX as u32,
        grpc_server_max_encoding_message_size: MESSAGE_BYTES_MAX as u32,
        grpc_client_max_message_size: MESSAGE_BYTES_MAX as u32,
        override_create_grpc_client_endpoint: Some(endpoint_override(tls.cloned())),
        use_tls: tls.is_some(),
        override_config_producer: Some(Arc::new(move || {
            configure(SessionConfig::new_with_ballista(), of_sessions.as_ref())
        })),
        override_session_builder: Some(Arc::new(|config| {
            let runtime = RuntimeEnvBuilder::new().with_object_store_registry(no_stores());
            Ok(state(config, runtime.build_arc()?))
        })),
        ..SchedulerConfig::default()
    }
}

pub(super) type Ballista = SchedulerServer<LogicalPlanNode, PhysicalPlanNode>;

/// Ballista's service, but that queries end with the connections that wait for them, and with executors that worked for them.
struct Watched {
    scheduler: Ballista,
    work: Arc<Work>,
}

impl Watched {
    fn refuse_without_executors(&self) -> Result<(), Status> {
        if self.scheduler.is_ready() {
            return Ok(());
        }
        Err(Status::failed_precondition("there is no executor"))
    }
}

#[async_trait]
impl SchedulerGrpc for Watched {
    type ExecuteQueryPushStream = BoxStream<'static, Result<GetJobStatusResult, Status>>;

    async fn execute_query_push(
        &self,
        request: Request<ExecuteQueryParams>,
    ) -> Result<Response<Self::ExecuteQueryPushStream>, Status> {
        self.refuse_without_executors()?;
        let answer = self.scheduler.execute_query_push(request).await?;
        let (scheduler, work) = (self.scheduler.clone(), Arc::clone(&self.work));
        Ok(answer.map(|states| Query::new(states, scheduler, work).states()))
    }

    /// A query without somebody who waits.
    async fn execute_query(
        &self,
        _: Request<ExecuteQueryParams>,
    ) -> Result<Response<ExecuteQueryResult>, Status> {
        Err(Status::unimplemented("wait for your query"))
    }

    async fn create_update_session(
        &self,
        request: Request<CreateUpdateSessionParams>,
    ) -> Result<Response<CreateUpdateSessionResult>, Status> {
        self.refuse_without_executors()?;
        self.scheduler.create_update_session(request).await
    }

    async fn poll_work(&self, request: Request<PollWorkParams>) -> Result<Response<PollWorkResult>, Status> {
        let until = Instant::now() + ANSWER_MAX;
        self.work.told(&request.get_ref().task_status);
        let executor = request.get_ref().metadata.clone().unwrap_or_default();
        let (head, extensions, asked) = request.into_parts();
        let again = PollWorkParams {
            task_status: Vec::new(),
            ..asked.clone()
        };
        let ask = |asked| {
            let request = Request::from_parts(head.clone(), extensions.clone(), asked);
            self.scheduler.poll_work(request)
        };
        let mut answer = ask(asked).await?;
        while is_idle(&again) && has_nothing(answer.get_ref()) {
            let wait = async {
                self.work.any().await;
                sleep(LOOK_EVERY).await;
            };
            if timeout_at(until, wait).await.is_err() {
                break;
            }
            answer = ask(again.clone()).await?;
        }
        for task in &answer.get_ref().tasks {
            self.work.gave(&executor.id, &task.job_id);
        }
        Ok(answer)
    }

    async fn register_executor(
        &self,
        request: Request<RegisterExecutorParams>,
    ) -> Result<Response<RegisterExecutorResult>, Status> {
        self.scheduler.register_executor(request).await
    }

    async fn heart_beat_from_executor(
        &self,
        request: Request<HeartBeatParams>,
    ) -> Result<Response<HeartBeatResult>, Status> {
        self.scheduler.heart_beat_from_executor(request).await
    }

    async fn update_task_status(
        &self,
        request: Request<UpdateTaskStatusParams>,
    ) -> Result<Response<UpdateTaskStatusResult>, Status> {
        SchedulerGrpc::update_task_status(&self.scheduler, request).await
    }

    async fn remove_session(
        &self,
        request: Request<RemoveSessionParams>,
    ) -> Result<Response<RemoveSessionResult>, Status> {
        self.scheduler.remove_session(request).await
    }

    async fn get_job_status(
        &self,
        request: Request<GetJobStatusParams>,
    ) -> Result<Response<GetJobStatusResult>, Status> {
        self.scheduler.get_job_status(request).await
    }

    async fn get_job_metrics(
        &self,
        request: Request<GetJobMetricsParams>,
    ) -> Result<Response<GetJobMetricsResult>, Status> {
        self.scheduler.get_job_metrics(request).await
    }

    async fn executor_stopped(
        &self,
        request: Request<ExecutorStoppedParams>,
    ) -> Result<Response<ExecutorStoppedResult>, Status> {
        self.scheduler.executor_stopped(request).await
    }

    async fn cancel_job(
        &self,
        request: Request<CancelJobParams>,
    ) -> Result<Response<CancelJobResult>, Status> {
        SchedulerGrpc::cancel_job(&self.scheduler, request).await
    }

    async fn clean_job_data(
        &self,
        request: Request<CleanJobDataParams>,
    ) -> Result<Response<CleanJobDataResult>, Status> {
        self.scheduler.clean_job_data(request).await
    }
}

/// Whether an executor has no task. One that has may have to tell of its end at any time, and cannot while it waits for an answer.
fn is_idle(asked: &PollWorkParams) -> bool {
    let executor = asked.metadata.as_ref();
    let cores = executor.and_then(|executor| executor.specification.clone());
    let cores: Option<ExecutorSpecification> = cores.map(Into::into);
    cores.is_some_and(|cores| cores.vcores == asked.num_free_vcores)
}

fn has_nothing(answer: &PollWorkResult) -> bool {
    answer.tasks.is_empty() && answer.jobs_to_clean.is_empty()
}
