//! Every transition of the commit's state machine, with the story that takes it; none is left out, and none is taken that is not listed.

use std::collections::BTreeSet;
use std::fs;
use std::future::Future;
use std::pin::Pin;

use tempfile::TempDir;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

use super::*;
use crate::testing::{Operation, Transition, Transitions};

/// The transitions, and the stories. What else the code could do, it cannot: the log of files that is asked for files to be removed
/// was loaded with the snapshot, and so was the snapshot that a put is built on.
const TRANSITIONS: [((&str, &str), Story); 21] = [
    (("read", "judge"), |lake| Box::pin(calm(lake))),
    (("read", "failed read"), |lake| Box::pin(unreadable_once(lake))),
    (("read", "refused"), |lake| Box::pin(replaced(lake))),
    (("judge", "put"), |lake| Box::pin(calm(lake))),
    (("judge", "committed"), |lake| Box::pin(lost_response(lake))),
    (("judge", "fenced"), |lake| Box::pin(fenced(lake))),
    (("judge", "gone"), |lake| Box::pin(gone(lake))),
    (("judge", "failed read"), |lake| {
        Box::pin(unreadable_while_judging(lake))
    }),
    (("put", "committed"), |lake| Box::pin(calm(lake))),
    (("put", "lost race"), |lake| Box::pin(rival_unseen(lake))),
    (("put", "failed put"), |lake| Box::pin(refused_once(lake))),
    (("lost race", "read"), |lake| Box::pin(rival_unseen(lake))),
    (("lost race", "contention"), |lake| {
        Box::pin(one_rival_too_many(lake))
    }),
    (("failed put", "read"), |lake| Box::pin(refused_once(lake))),
    (("failed put", "committed"), |lake| Box::pin(landed_at_last(lake))),
    (("failed put", "storage"), |lake| Box::pin(refused_always(lake))),
    (("failed put", "disk full"), |lake| Box::pin(disk_full(lake))),
    (("failed put", "unsettled"), |lake| {
        Box::pin(landed_at_last_and_unreadable(lake))
    }),
    (("failed read", "read"), |lake| Box::pin(unreadable_once(lake))),
    (("failed read", "storage"), |lake| {
        Box::pin(unreadable_always(lake))
    }),
    (("failed read", "unsettled"), |lake| {
        Box::pin(landed_and_unreadable(lake))
    }),
];

/// What happens to a commit, and the check of how it ends.
type Story = fn(Subject) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// A lake with the first ten executions of `f/a`.
struct Subject {
    _directory: TempDir,
    location: LakeLocation,
    store: Arc<FaultyStore>,
    lake: Lake,
}

impl Subject {
    async fn new() -> Subject {
        let (directory, location) = new_location();
        let (store, mut lake) = faulty_lake(&location).await;
        check_committed(
            commit(&mut lake, executions("a", 0, 10), "f/a", None, 10).await,
            1,
        );
        Subject {
            _directory: directory,
            location,
            store,
            lake,
        }
    }

    /// The next ten.
    async fn commit(&mut self) -> Result<Outcome, StoreError> {
        commit(&mut self.lake, executions("a", 10, 10), "f/a", Some(10), 20).await
    }

    /// Somebody else's commit.
    async fn rival(&self) {
        let mut rival = Lake::open(&self.location).await.unwrap();
        check_committed(
            commit(&mut rival, executions("b", 0, 10), "f/b", None, 10).await,
            2,
        );
    }

    async fn check_watermark(&self, expected: i64) {
        let lake = Lake::open(&self.location).await.unwrap();
        assert_eq!(lake.watermark("f/a").await.unwrap(), Some(expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_transition_is_taken_and_no_other() {
    // With one subscriber alone, other threads would have the events switched off for it.
    let _another = Dispatch::new(Transitions::default());
    let mut all = BTreeSet::new();
    for (transition, story) in TRANSITIONS {
        let taken = Transitions::default();
        let subject = Subject::new().await;
        story(subject).with_subscriber(Dispatch::new(taken.clone())).await;
        let taken = taken.taken();
        let transition = owned(&transition);
        assert!(taken.contains(&transition), "{transition:?} is not of {taken:?}");
        all.extend(taken);
    }
    let listed = TRANSITIONS
        .iter()
        .map(|(transition, _)| owned(transition))
        .collect();
    assert_eq!(all, listed);
}

fn owned((from, to): &(&str, &str)) -> Transition {
    ((*from).to_owned(), (*to).to_owned())
}

async fn calm(mut subject: Subject) {
    check_committed(subject.commit().await, 2);
}

async fn unreadable_once(mut subject: Subject) {
    subject.store.plan(Operation::List, [Fault::Before]);
    check_committed(subject.commit().await, 2);
}

async fn unreadable_always(mut subject: Subject) {
    subject
        .store
        .plan(Operation::List, [Fault::Before; MAX_FAULTS as usize]);
    let error = subject.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::Storage { .. }), "{error:?}");
    subject.check_watermark(10).await;
}

async fn replaced(mut subject: Subject) {
    fs::remove_dir_all(subject.location.directory().unwrap()).unwrap();
    let mut other = Lake::open_or_create(&subject.location).await.unwrap();
    commit(&mut other, executions("a", 0, 10), "f/a", None, 10)
        .await
        .unwrap();
    let error = subject.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::Replaced { .. }), "{error:?}");
    subject.check_watermark(10).await;
}

async fn lost_response(mut subject: Subject) {
    subject.store.fail_log_writes([Fault::After]);
    check_committed(subject.commit().await, 2);
}

async fn fenced(mut subject: Subject) {
    let again = commit(&mut subject.lake, executions("a", 0, 10), "f/a", None, 10).await;
    check_fenced(again, "f/a");
}

async fn gone(mut subject: Subject) {
    let [one, two] = [
        rewrite(&subject.lake, "m/one", None, executions("a", 0, 10)).await,
        rewrite(&subject.lake, "m/two", None, executions("a", 0, 10)).await,
    ];
    let settled = subject.lake.events.commit(one).await.unwrap();
    assert_eq!(settled, Settled::Outcome(Outcome::Committed { version: 2 }));
    let settled = subject.lake.events.commit(two).await.unwrap();
    assert!(matches!(settled, Settled::Gone { .. }), "{settled:?}");
}

/// One read after the other fails: whichever it is, the commit lands.
async fn unreadable_while_judging(_: Subject) {
    for healthy in 0..8 {
        let mut subject = Subject::new().await;
        subject.store.fail_log_writes([Fault::After]);
        let healthy = std::iter::repeat_n(Fault::None, healthy);
        subject.store.plan(Operation::Get, healthy.chain([Fault::Before]));
        check_committed(subject.commit().await, 2);
    }
}

/// The newest state that it reads is one behind.
async fn rival_unseen(mut subject: Subject) {
    subject.rival().await;
    subject.store.plan(Operation::List, [Fault::Stale]);
    check_committed(subject.commit().await, 3);
}

async fn one_rival_too_many(mut subject: Subject) {
    let uploaded = subject.lake.upload(executions("a", 10, 10)).await.unwrap();
    subject.rival().await;
    subject.store.plan(Operation::List, [Fault::Stale]);
    let attempts = Attempts {
        table: &mut subject.lake.events,
        change: Change {
            operation: DeltaOperation::Optimize {
                predicate: None,
                target_size: 1,
            },
            adds: uploaded.adds,
            removes: Vec::new(),
            progress: Vec::new(),
        },
        mark: "this one".to_owned(),
        tried: Vec::new(),
        lost_races: MAX_LOST_RACES - 1,
        faults: 0,
    };
    let error = attempts.settle().await.unwrap_err();
    assert!(matches!(error, StoreError::Contention { .. }), "{error:?}");
    subject.check_watermark(10).await;
}

async fn refused_once(mut subject: Subject) {
    subject.store.fail_log_writes([Fault::Before]);
    check_committed(subject.commit().await, 2);
}

async fn refused_always(mut subject: Subject) {
    subject
        .store
        .fail_log_writes([Fault::Before; MAX_FAULTS as usize]);
    let error = subject.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::Storage { .. }), "{error:?}");
    subject.check_watermark(10).await;
}

async fn disk_full(mut subject: Subject) {
    subject.store.fail_log_writes([Fault::DiskFull]);
    let error = subject.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    subject.check_watermark(10).await;
}

/// The last put that it tries lands, and is reported as failed as all those before.
fn fail_until_the_last_lands(store: &FaultyStore) {
    store.fail_log_writes([Fault::Before; MAX_FAULTS as usize - 1]);
    store.fail_log_writes([Fault::After]);
}

async fn landed_at_last(mut subject: Subject) {
    fail_until_the_last_lands(&subject.store);
    check_committed(subject.commit().await, 2);
}

async fn landed_at_last_and_unreadable(mut subject: Subject) {
    fail_until_the_last_lands(&subject.store);
    subject.store.fail_reads_after_next_commit(1000);
    let error = subject.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::Unsettled { .. }), "{error:?}");
    subject.check_watermark(20).await;
}

async fn landed_and_unreadable(mut subject: Subject) {
    subject.store.fail_log_writes([Fault::After]);
    subject.store.fail_reads_after_next_commit(1000);
    let error = subject.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::Unsettled { .. }), "{error:?}");
    subject.check_watermark(20).await;
}
