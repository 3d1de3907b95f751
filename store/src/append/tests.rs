//! The commit protocol, with faults injected at every step, and with rivals.

mod crashes;
mod transitions;

use std::sync::Arc;

use super::*;
use crate::testing::{Fault, FaultyStore, ask, commit, executions, new_location};
use crate::{LakeLocation, RowBuilder, Rows};

async fn faulty_lake(location: &LakeLocation) -> (Arc<FaultyStore>, Lake) {
    let store = FaultyStore::new(location);
    let lake = Lake::open_or_create_on(location, store.clone()).await.unwrap();
    (store, lake)
}

#[track_caller]
fn check_committed(outcome: Result<Outcome, StoreError>, version: i64) {
    assert_eq!(outcome.unwrap(), Outcome::Committed { version });
}

#[track_caller]
fn check_fenced(outcome: Result<Outcome, StoreError>, app_id: &str) {
    assert_eq!(
        outcome.unwrap(),
        Outcome::Fenced {
            app_ids: vec![app_id.to_owned()]
        }
    );
}

/// Rows in the lake, and how many of their keys differ.
async fn count(lake: &mut Lake) -> String {
    ask(
        lake,
        "SELECT count(*), count(DISTINCT source || '/' || source_offset) FROM events",
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_progress_are_there_after_reopening() {
    let (_directory, location) = new_location();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    assert_eq!(lake.watermark("f/a").await.unwrap(), None);
    check_committed(
        commit(&mut lake, executions("a", 0, 10), "f/a", None, 10).await,
        1,
    );
    check_committed(
        commit(&mut lake, executions("a", 10, 5), "f/a", Some(10), 15).await,
        2,
    );

    let mut lake = Lake::open(&location).await.unwrap();
    assert_eq!(lake.version(), 2);
    assert_eq!(lake.watermark("f/a").await.unwrap(), Some(15));
    assert_eq!(count(&mut lake).await, "15|15");
    let statistics = lake.statistics().unwrap();
    assert_eq!((statistics.files, statistics.rows), (2, 15));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_owners_of_one_source_the_second_is_fenced() {
    let (_directory, location) = new_location();
    let mut first = Lake::open_or_create(&location).await.unwrap();
    let mut second = Lake::open(&location).await.unwrap();
    check_committed(
        commit(&mut first, executions("a", 0, 10), "f/a", None, 10).await,
        1,
    );
    // Stale, then with the newest state, then with the very step that the other one took.
    check_fenced(
        commit(&mut second, executions("a", 0, 7), "f/a", None, 7).await,
        "f/a",
    );
    second.refresh().await.unwrap();
    check_fenced(
        commit(&mut second, executions("a", 0, 10), "f/a", None, 10).await,
        "f/a",
    );
    // It goes on from the watermark; then the first one is the second.
    check_committed(
        commit(&mut second, executions("a", 10, 2), "f/a", Some(10), 12).await,
        2,
    );
    check_fenced(
        commit(&mut first, executions("a", 10, 2), "f/a", Some(10), 12).await,
        "f/a",
    );
    assert_eq!(count(&mut first).await, "12|12");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_cannot_be_taken_twice() {
    let (_directory, location) = new_location();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    check_committed(
        commit(&mut lake, executions("a", 0, 10), "f/a", None, 10).await,
        1,
    );
    check_fenced(
        commit(&mut lake, executions("a", 0, 10), "f/a", None, 10).await,
        "f/a",
    );
    assert_eq!(count(&mut lake).await, "10|10");
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_of_different_sources_do_not_disturb_each_other() {
    let (_directory, location) = new_location();
    let mut first = Lake::open_or_create(&location).await.unwrap();
    let mut second = Lake::open(&location).await.unwrap();
    check_committed(
        commit(&mut first, executions("a", 0, 10), "f/a", None, 10).await,
        1,
    );
    check_committed(
        commit(&mut second, executions("b", 0, 10), "f/b", None, 10).await,
        2,
    );
    assert_eq!(count(&mut first).await, "20|20");
    assert_eq!(first.watermark("f/b").await.unwrap(), Some(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_after_success_is_success() {
    for fault in [Fault::After, Fault::Repeated] {
        let (_directory, location) = new_location();
        let (store, mut lake) = faulty_lake(&location).await;
        store.fail_log_writes([fault]);
        check_committed(
            commit(&mut lake, executions("a", 0, 10), "f/a", None, 10).await,
            1,
        );
        check_committed(
            commit(&mut lake, executions("a", 10, 1), "f/a", Some(10), 11).await,
            2,
        );
        assert_eq!(count(&mut lake).await, "11|11");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_before_success_is_tried_again() {
    let (_directory, location) = new_location();
    let (store, mut lake) = faulty_lake(&location).await;
    store.fail_log_writes([Fault::Before, Fault::Before, Fault::After]);
    check_committed(
        commit(&mut lake, executions("a", 0, 10), "f/a", None, 10).await,
        1,
    );
    assert_eq!(count(&mut lake).await, "10|10");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rival_that_comes_between_is_noticed() {
    let (_directory, location) = new_location();
    let (store, mut lake) = faulty_lake(&location).await;
    let mut rival = Lake::open(&location).await.unwrap();
    let uploaded = lake.upload(executions("a", 0, 10)).await.unwrap();
    check_committed(
        commit(&mut rival, executions("a", 0, 10), "f/a", None, 10).await,
        1,
    );
    // The same step by another hand, while this one's storage is failing: not ours.
    store.fail_log_writes([Fault::Before]);
    let progress = vec![Progress {
        app_id: "f/a".to_owned(),
        prev: None,
        next: 10,
    }];
    check_fenced(
        lake.commit(Commit {
            files: vec![uploaded],
            progress,
        })
        .await,
        "f/a",
    );
    assert_eq!(count(&mut lake).await, "10|10");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_that_always_fails_is_given_up() {
    let (_directory, location) = new_location();
    let (store, mut lake) = faulty_lake(&location).await;
    store.fail_log_writes([Fault::Before; MAX_FAULTS as usize]);
    let error = commit(&mut lake, executions("a", 0, 10), "f/a", None, 10)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Storage { .. }), "{error:?}");
    assert_eq!(count(&mut lake).await, "0|0");
    check_committed(
        commit(&mut lake, executions("a", 0, 10), "f/a", None, 10).await,
        1,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_nobody_can_look_up_is_unsettled() {
    let (_directory, location) = new_location();
    let (store, mut lake) = faulty_lake(&location).await;
    store.fail_log_writes([Fault::After]);
    store.fail_reads_after_next_commit(1000);
    let error = commit(&mut lake, executions("a", 0, 10), "f/a", None, 10)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unsettled { .. }), "{error:?}");
    let lake = Lake::open(&location).await.unwrap();
    assert_eq!(lake.watermark("f/a").await.unwrap(), Some(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_says_so_and_leaves_the_lake_intact() {
    let (_directory, location) = new_location();
    let (store, mut lake) = faulty_lake(&location).await;
    store.fail_data_writes([Fault::DiskFull]);
    let error = commit(&mut lake, executions("a", 0, 10), "f/a", None, 10)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("no space left for the lake at {location}")
    );

    store.fail_log_writes([Fault::DiskFull]);
    let error = commit(&mut lake, executions("a", 0, 10), "f/a", None, 10)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");

    check_committed(
        commit(&mut lake, executions("a", 0, 10), "f/a", None, 10).await,
        1,
    );
    assert_eq!(count(&mut lake).await, "10|10");
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_only_goes_forward() {
    let (_directory, location) = new_location();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    let step = |app_id: &str, prev, next| Progress {
        app_id: app_id.to_owned(),
        prev,
        next,
    };
    for progress in [
        vec![step("a", Some(10), 9)],
        vec![step("a", None, -1)],
        vec![step("a", None, 1), step("a", None, 2)],
    ] {
        let error = lake
            .commit(Commit {
                files: Vec::new(),
                progress,
            })
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Progress { .. }), "{error:?}");
    }
    check_committed(lake.commit(Commit::default()).await, 0);
    check_committed(
        lake.commit(Commit {
            files: Vec::new(),
            progress: vec![step("a", None, 5)],
        })
        .await,
        1,
    );
    assert_eq!(lake.watermark("a").await.unwrap(), Some(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_commit_moves_many_sources_or_none() {
    let (_directory, location) = new_location();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    let step = |app_id: &str, prev, next| Progress {
        app_id: app_id.to_owned(),
        prev,
        next,
    };
    check_committed(
        lake.commit(Commit {
            files: Vec::new(),
            progress: vec![step("a", None, 1), step("b", None, 2)],
        })
        .await,
        1,
    );
    let fenced = lake
        .commit(Commit {
            files: Vec::new(),
            progress: vec![step("a", Some(1), 2), step("b", Some(1), 3)],
        })
        .await;
    check_fenced(fenced, "b");
    assert_eq!(lake.watermark("a").await.unwrap(), Some(1));
}

/// Many writers at once: some with a source of their own, some fighting over one.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_loses_and_doubles_nothing() {
    const STEPS: i64 = 4;
    let (_directory, location) = new_location();
    Lake::open_or_create(&location).await.unwrap();
    let mut writers = Vec::new();
    for writer in 0..5 {
        let location = location.clone();
        writers.push(tokio::spawn(async move {
            let mut lake = Lake::open(&location).await.unwrap();
            let app_id = if writer < 3 {
                "shared".to_owned()
            } else {
                format!("own {writer}")
            };
            let mut prev = None;
            for _ in 0..STEPS {
                let start: i64 = prev.unwrap_or(0);
                match commit(&mut lake, executions(&app_id, start, 3), &app_id, prev, start + 3)
                    .await
                    .unwrap()
                {
                    Outcome::Committed { .. } => prev = Some(start + 3),
                    Outcome::Fenced { .. } => prev = lake.watermark(&app_id).await.unwrap(),
                }
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let mut lake = Lake::open(&location).await.unwrap();
    let shared = lake.watermark("shared").await.unwrap().unwrap();
    let expected = shared + 2 * STEPS * 3;
    assert_eq!(count(&mut lake).await, format!("{expected}|{expected}"));
}

/// The files of the table, replaced by one with the same rows.
async fn rewrite(lake: &Lake, app_id: &str, prev: Option<i64>, rows: Rows) -> Change {
    Change {
        operation: DeltaOperation::Optimize {
            predicate: None,
            target_size: 1,
        },
        adds: lake.upload(rows).await.unwrap().adds,
        removes: lake
            .events
            .files()
            .unwrap()
            .iter()
            .map(|file| file.remove_action(false))
            .collect(),
        progress: vec![Progress {
            app_id: app_id.to_owned(),
            prev,
            next: prev.unwrap_or(0) + 1,
        }],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_replaced_whatever_is_said_of_the_put() {
    for fault in [Fault::None, Fault::Before, Fault::After, Fault::Repeated] {
        let (_directory, location) = new_location();
        let (store, mut lake) = faulty_lake(&location).await;
        for step in [0, 5] {
            let prev = (step > 0).then_some(step);
            let rows = executions("a", step, 5);
            check_committed(commit(&mut lake, rows, "f/a", prev, step + 5).await, step / 5 + 1);
        }
        let change = rewrite(&lake, "m/one", None, executions("a", 0, 10)).await;
        // Rows that come meanwhile are none of its business.
        let mut rival = Lake::open(&location).await.unwrap();
        check_committed(commit(&mut rival, executions("b", 0, 3), "f/b", None, 3).await, 3);
        store.fail_log_writes([fault]);
        let settled = lake.events.commit(change).await.unwrap();
        assert_eq!(
            settled,
            Settled::Outcome(Outcome::Committed { version: 4 }),
            "{fault:?}"
        );
        assert_eq!(count(&mut lake).await, "13|13");
        assert_eq!(lake.statistics().unwrap().files, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_can_be_replaced_once_only() {
    let (_directory, location) = new_location();
    let mut first = Lake::open_or_create(&location).await.unwrap();
    check_committed(
        commit(&mut first, executions("a", 0, 10), "f/a", None, 10).await,
        1,
    );
    let mut second = Lake::open(&location).await.unwrap();
    let fenced = rewrite(&second, "m/one", None, executions("a", 0, 10)).await;
    let unfenced = rewrite(&second, "m/two", None, executions("a", 0, 10)).await;
    let paths: Vec<String> = fenced.removes.iter().map(|remove| remove.path.clone()).collect();

    let change = rewrite(&first, "m/one", None, executions("a", 0, 10)).await;
    let settled = first.events.commit(change).await.unwrap();
    assert_eq!(settled, Settled::Outcome(Outcome::Committed { version: 2 }));
    let app_ids = vec!["m/one".to_owned()];
    assert_eq!(
        second.events.commit(fenced).await.unwrap(),
        Settled::Outcome(Outcome::Fenced { app_ids })
    );
    assert_eq!(
        second.events.commit(unfenced).await.unwrap(),
        Settled::Gone { paths }
    );
    assert_eq!(count(&mut first).await, "10|10");
}

#[test]
fn pauses_grow_to_a_limit() {
    for tries in 1..40 {
        let pause = pause(tries);
        assert!(pause >= FIRST_WAIT / 2 && pause <= LONGEST_WAIT, "{pause:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_rows_make_no_files() {
    let (_directory, location) = new_location();
    let lake = Lake::open_or_create(&location).await.unwrap();
    let uploaded = lake.upload(RowBuilder::new().finish()).await.unwrap();
    assert_eq!((uploaded.files(), uploaded.rows(), uploaded.bytes()), (0, 0, 0));
    assert!(Rows::default().is_empty());
}
