//! Queries that a scheduler has taken, and who works for them. One ends when nobody waits for it any more, and when something that it needs is
//! lost: Ballista would compute that anew, and was found to count what others had read of it already a second time.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ballista_core::JobId;
use ballista_core::serde::protobuf::failed_task::FailedReason;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpc;
use ballista_core::serde::protobuf::{GetJobStatusResult, TaskStatus, job_status, task_status};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tonic::Status;

use super::scheduler::Ballista;

/// What the client of a query is told that lost something; it knows it by these words.
pub(super) const LOST: &str = "an executor was lost while it worked for the query";

/// Who works for which query.
#[derive(Default)]
pub(super) struct Work {
    jobs: Mutex<HashMap<String, WorkOfJob>>,
    is_lost: Notify,
    /// How many queries somebody waits for.
    queries: watch::Sender<usize>,
}

#[derive(Default)]
struct WorkOfJob {
    /// The names of executors.
    executors: HashSet<String>,
    is_lost: bool,
}

impl Work {
    /// Comes when there is a query that somebody waits for.
    pub(super) async fn any(&self) {
        // The sender is here, so there is no end.
        let _ = self.queries.subscribe().wait_for(|queries| *queries > 0).await;
    }

    /// A task of the job was given to an executor.
    pub(super) fn gave(&self, executor: &str, job: &str) {
        let mut jobs = self.jobs();
        let executors = &mut jobs.entry(job.to_owned()).or_default().executors;
        if !executors.contains(executor) {
            executors.insert(executor.to_owned());
        }
    }

    /// An executor has told what became of its tasks. One that failed for its own values fails its query by itself.
    pub(super) fn told(&self, tasks: &[TaskStatus]) {
        for task in tasks {
            let Some(task_status::Status::Failed(failed)) = &task.status else {
                continue;
            };
            if !matches!(
                failed.failed_reason,
                Some(FailedReason::ExecutionError(_) | FailedReason::TaskKilled(_))
            ) {
                self.lose(|job, _| job == task.job_id);
            }
        }
    }

    /// Whatever it worked for is lost.
    pub(super) fn executor_is_gone(&self, executor: &str) {
        self.lose(|_, work| work.executors.contains(executor));
    }

    fn lose(&self, mut is_lost: impl FnMut(&str, &WorkOfJob) -> bool) {
        for (job, work) in self.jobs().iter_mut() {
            work.is_lost |= is_lost(job, work);
        }
        self.is_lost.notify_waiters();
    }

    /// Comes when the job is lost; never while it has no name.
    async fn lost(&self, job: Option<&JobId>) {
        let Some(job) = job else {
            return std::future::pending().await;
        };
        loop {
            let lost = self.is_lost.notified();
            if self.jobs().get(job.as_str()).is_some_and(|work| work.is_lost) {
                return;
            }
            lost.await;
        }
    }

    fn over(&self, job: &JobId) {
        self.jobs().remove(job.as_str());
    }

    fn jobs(&self) -> MutexGuard<'_, HashMap<String, WorkOfJob>> {
        // A panic elsewhere cannot leave the map half-changed.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A query that somebody waits for. Dropped before its last state, it ends the query.
pub(super) struct Query {
    states: States,
    scheduler: Ballista,
    work: Arc<Work>,
    job: Job,
}

type States = <Ballista as SchedulerGrpc>::ExecuteQueryPushStream;

/// What is known of a query.
enum Job {
    /// It was taken; its first state says its name.
    Taken,
    Begun(JobId),
    Over,
}

impl Job {
    fn of(state: &GetJobStatusResult) -> Option<Job> {
        let state = state.status.as_ref()?;
        let is_over = matches!(
            state.status,
            Some(job_status::Status::Failed(_) | job_status::Status::Successful(_))
        );
        Some(if is_over {
            Job::Over
        } else {
            Job::Begun(state.job_id.clone().into())
        })
    }
}

impl Query {
    pub(super) fn new(states: States, scheduler: Ballista, work: Arc<Work>) -> Query {
        work.queries.send_modify(|queries| *queries += 1);
        Query {
            states,
            scheduler,
            work,
            job: Job::Taken,
        }
    }

    /// Its states, for who waits.
    pub(super) fn states(self) -> BoxStream<'static, Result<GetJobStatusResult, Status>> {
        stream::unfold(self, Query::next).boxed()
    }

    async fn next(mut self) -> Option<(Result<GetJobStatusResult, Status>, Query)> {
        let job = match &self.job {
            Job::Begun(job) => Some(job),
            Job::Taken | Job::Over => None,
        };
        let state = tokio::select! {
            biased;
            () = self.work.lost(job) => Err(Status::aborted(LOST)),
            state = self.states.next() => state?,
        };
        if let Ok(state) = &state
            && let Some(job) = Job::of(state)
        {
            self.becomes(job);
        }
        Some((state, self))
    }

    fn becomes(&mut self, job: Job) {
        if let (Job::Begun(ended), Job::Over) = (&self.job, &job) {
            self.work.over(ended);
        }
        self.job = job;
    }
}

impl Drop for Query {
    fn drop(&mut self) {
        self.work.queries.send_modify(|queries| *queries -= 1);
        // Without a runtime the scheduler itself is ending.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (scheduler, work) = (self.scheduler.clone(), Arc::clone(&self.work));
        match std::mem::replace(&mut self.job, Job::Over) {
            Job::Over => {}
            Job::Begun(job) => {
                runtime.spawn(cancel(scheduler, work, job));
            }
            Job::Taken => {
                let mut states = std::mem::replace(&mut self.states, stream::empty().boxed());
                runtime.spawn(async move {
                    while let Some(Ok(state)) = states.next().await {
                        if let Some(Job::Begun(job)) = Job::of(&state) {
                            return cancel(scheduler, work, job).await;
                        }
                    }
                });
            }
        }
    }
}

async fn cancel(scheduler: Ballista, work: Arc<Work>, job: JobId) {
    // A scheduler that takes no more orders is ending.
    let _ = scheduler.cancel_job(job.clone()).await;
    work.over(&job);
}

#[cfg(test)]
mod tests {
    use ballista_core::serde::protobuf::{ExecutionError, FailedTask, FetchPartitionError};
    use futures::FutureExt;

    use super::*;

    fn is_lost(work: &Work, job: &str) -> bool {
        work.lost(Some(&JobId::from(job.to_owned())))
            .now_or_never()
            .is_some()
    }

    fn failed(job: &str, reason: FailedReason) -> TaskStatus {
        TaskStatus {
            job_id: job.to_owned(),
            status: Some(task_status::Status::Failed(FailedTask {
                failed_reason: Some(reason),
                ..FailedTask::default()
            })),
            ..TaskStatus::default()
        }
    }

    #[test]
    fn an_executor_takes_what_it_worked_for_with_it() {
        let work = Work::default();
        work.gave("one", "a");
        work.gave("two", "a");
        work.gave("two", "b");
        assert!(!is_lost(&work, "a"));
        work.executor_is_gone("one");
        assert!(is_lost(&work, "a"));
        assert!(!is_lost(&work, "b"));
        work.over(&JobId::from("a".to_owned()));
        assert!(!is_lost(&work, "a"));
    }

    #[test]
    fn a_result_that_cannot_be_fetched_is_lost_and_a_mistake_in_a_query_is_not() {
        let work = Work::default();
        work.gave("one", "a");
        work.gave("one", "b");
        work.told(&[
            failed(
                "a",
                FailedReason::FetchPartitionError(FetchPartitionError::default()),
            ),
            failed("b", FailedReason::ExecutionError(ExecutionError::default())),
        ]);
        assert!(is_lost(&work, "a"));
        assert!(!is_lost(&work, "b"));
    }

    #[tokio::test]
    async fn whoever_waits_hears_of_it() {
        let work = Arc::new(Work::default());
        work.gave("one", "a");
        let waiting = tokio::spawn({
            let work = Arc::clone(&work);
            async move { work.lost(Some(&JobId::from("a".to_owned()))).await }
        });
        tokio::task::yield_now().await;
        work.executor_is_gone("one");
        waiting.await.unwrap();
    }
}
