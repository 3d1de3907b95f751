//! Consuming topics into a lake: one thread reads and decodes, this one makes rows and commits, until somebody says stop. After another owner of
//! a partition was met everything begins anew from what the lake has. Never reads a message.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::bounded;
use slowlake_ingest::kafka::{Consumer, DeadLetters, Mapping};

use crate::ingestion::following::Following;
use crate::ingestion::round::Outlet;
use crate::ingestion::topics::{Starts, Surroundings, Topics};
use crate::ingestion::{Committed, Event, Ingestion, IngestionError, MESSAGES_WAITING};

/// The wait after another owner was met, times how often that was since the last commit, and the longest one.
const GIVE_WAY: Duration = Duration::from_millis(100);
const GIVE_WAY_LONGEST: Duration = Duration::from_secs(2);

/// Topics that are to be consumed.
pub(crate) struct Consumption<'c> {
    pub(crate) consumer: &'c mut Consumer,
    /// Kept as long as the consumer.
    pub(crate) starts: &'c mut Starts,
    pub(crate) letters: Option<&'c mut DeadLetters>,
    /// The cluster of the topics.
    pub(crate) cluster_id: &'c str,
    pub(crate) mapping: &'c Mapping,
}

impl Ingestion<'_> {
    /// Consumes until it is told to stop; then everything that is whole is committed. `report` is told what happens.
    ///
    /// # Errors
    /// The lake, or a consumer that cannot go on. What was read and not committed is read again by the next call.
    pub(crate) fn consume(
        &mut self,
        consumption: &mut Consumption<'_>,
        following: Following<'_>,
        committed: &mut Committed,
        report: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), IngestionError> {
        let mut n_fenced = 0;
        loop {
            let commits_before = committed.commits;
            let is_stopped = self.consume_on(consumption, following, committed, report)?;
            // What could not be committed at the end is read again by whoever goes on.
            if is_stopped || following.stop.is_set() {
                return Ok(());
            }
            // Groups are balanced all the time: this is no reason to end, however often it is.
            n_fenced = match committed.commits > commits_before {
                true => 1,
                false => n_fenced + 1,
            };
            std::thread::sleep((GIVE_WAY * n_fenced).min(GIVE_WAY_LONGEST));
            self.give_way()?;
        }
    }

    /// Consumes until somebody says stop, `true`, or another owner of a partition is met, `false`.
    fn consume_on(
        &mut self,
        consumption: &mut Consumption<'_>,
        following: Following<'_>,
        committed: &mut Committed,
        report: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool, IngestionError> {
        let (send, receive) = bounded(MESSAGES_WAITING);
        let (give_back, empty) = bounded(MESSAGES_WAITING);
        let is_over = AtomicBool::new(false);
        let options = self.options.clone();
        let surroundings = Surroundings {
            cluster_id: consumption.cluster_id,
            mapping: consumption.mapping,
            options: &options,
            following,
            is_over: &is_over,
            progress: self.progress,
        };
        let reads = (&mut *consumption.consumer, &mut *consumption.starts);
        let letters = consumption.letters.as_deref_mut();
        std::thread::scope(|scope| {
            let topics = Topics::new(reads, letters, surroundings, Outlet::new(send, empty));
            let topics = scope.spawn(move || topics.run());
            let result = self.commit_rounds(&receive, &give_back, committed, report);
            is_over.store(true, Ordering::Relaxed);
            // A sender without a receiver stops, and who asks gets no answer.
            drop(receive);
            let read = topics
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let is_stopped = result?;
            committed.sources += read?;
            Ok(is_stopped)
        })
    }
}
