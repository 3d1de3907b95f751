//! Following files into a lake: one thread reads and decodes, this one makes rows and commits, until somebody says stop. After another
//! owner of a file was met, everything begins anew from what the lake has. Never looks for files, never decodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::bounded;
use slowlake_ingest::{Follower, Waker};

use crate::ingestion::round::Outlet;
use crate::ingestion::tail::{Surroundings, Tail};
use crate::ingestion::{Committed, Event, FENCED_MAX, Ingestion, IngestionError, MESSAGES_WAITING};

/// The wait after another owner was met, times how often that was.
const GIVE_WAY: Duration = Duration::from_millis(100);

/// When what was read is committed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FollowLimits {
    /// So long after it was read,
    pub(crate) every: Duration,
    /// or when there is so much of it, bytes.
    pub(crate) bytes: u64,
    /// A last record of whole lines is taken as it is when nothing was written for so long.
    pub(crate) flush_partial_after: Duration,
}

/// Says stop to some followers, from any thread.
#[derive(Debug, Clone)]
pub(crate) struct Stop(Arc<(AtomicBool, Vec<Waker>)>);

impl Stop {
    pub(crate) fn new(followers: Vec<Waker>) -> Stop {
        Stop(Arc::new((AtomicBool::new(false), followers)))
    }

    pub(crate) fn set(&self) {
        let (is_set, followers) = self.0.as_ref();
        is_set.store(true, Ordering::Relaxed);
        followers.iter().for_each(Waker::wake);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.0.load(Ordering::Relaxed)
    }
}

/// How far reading is behind what is written, for whoever watches.
#[derive(Debug, Default)]
pub(crate) struct Behind {
    bytes: AtomicU64,
    /// When nothing was left to read for the last time, ms since 1970; 0 for never.
    caught_up_ms: AtomicU64,
}

impl Behind {
    /// So much is there and was not read.
    pub(crate) fn set(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        if bytes == 0 {
            self.caught_up_ms.store(now_ms(), Ordering::Relaxed);
        }
    }

    /// What was not read.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// For how long there has always been something that was not read; `None` if nothing was ever read to its end.
    pub(crate) fn since(&self) -> Option<Duration> {
        match (self.bytes(), self.caught_up_ms.load(Ordering::Relaxed)) {
            (0, 1..) => Some(Duration::ZERO),
            (_, 0) => None,
            (_, caught_up) => Some(Duration::from_millis(now_ms().saturating_sub(caught_up))),
        }
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// How files are followed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Following<'f> {
    pub(crate) limits: FollowLimits,
    pub(crate) stop: &'f Stop,
    pub(crate) behind: &'f Behind,
}

impl Ingestion<'_> {
    /// Follows until it is told to stop; then everything that is whole is committed. `report` is told what happens.
    pub(crate) fn follow(
        &mut self,
        follower: &mut Follower,
        following: Following<'_>,
        committed: &mut Committed,
        report: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), IngestionError> {
        let mut n_fenced = 0;
        loop {
            let commits_before = committed.commits;
            if self.follow_on(follower, following, committed, report)? {
                return Ok(());
            }
            n_fenced = match committed.commits > commits_before {
                true => 1,
                false => n_fenced + 1,
            };
            if n_fenced >= FENCED_MAX {
                let name = format!("a followed file of {}", self.server);
                return Err(IngestionError::Fenced { name });
            }
            std::thread::sleep(GIVE_WAY * n_fenced);
            self.give_way()?;
            follower.restart();
        }
    }

    /// Follows until somebody says stop, `true`, or another owner of a file is met, `false`.
    fn follow_on(
        &mut self,
        follower: &mut Follower,
        following: Following<'_>,
        committed: &mut Committed,
        report: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool, IngestionError> {
        let known = self.known()?;
        let (server, options, waker) = (self.server.clone(), self.options.clone(), follower.waker());
        let (send, receive) = bounded(MESSAGES_WAITING);
        let (give_back, empty) = bounded(MESSAGES_WAITING);
        let is_over = AtomicBool::new(false);
        let surroundings = Surroundings {
            known: &known,
            server: &server,
            options: &options,
            following,
            is_over: &is_over,
            progress: self.progress,
        };
        std::thread::scope(|scope| {
            let tail = Tail::new(follower, surroundings, Outlet::new(send, empty));
            let tail = scope.spawn(move || tail.run());
            let result = self.commit_rounds(&receive, &give_back, committed, report);
            is_over.store(true, Ordering::Relaxed);
            waker.wake();
            // A sender without a receiver stops.
            drop(receive);
            committed.sources += tail
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result
        })
    }
}
