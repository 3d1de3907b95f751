//! Creating, opening and refusing lakes.

use std::fs;

use deltalake::kernel::{DataType, StructField};

use super::*;
use crate::testing::{commit, copy_folder, executions, new_location};

#[track_caller]
fn check_error<T: std::fmt::Debug>(result: Result<T, StoreError>, expected: &str) {
    let error = result.unwrap_err();
    assert!(error.to_string().contains(expected), "{error}: {error:?}");
}

/// A Delta table with one column and these properties.
async fn foreign_table(location: &LakeLocation, properties: &[(&str, &str)]) {
    CreateBuilder::new()
        .with_log_store(
            table_at(location, "", location.object_store().unwrap())
                .unwrap()
                .log_store(),
        )
        .with_columns([StructField::new("a", DataType::STRING, true)])
        .with_configuration(properties.iter().map(|(name, value)| (*name, Some(*value))))
        .with_raise_if_key_not_exists(false)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_is_made_once_and_opened_again() {
    let (_directory, location) = new_location();
    check_error(Lake::open(&location).await, "there is no lake at");
    let made = Lake::open_or_create(&location).await.unwrap();
    let opened = Lake::open_or_create(&location).await.unwrap();
    assert_eq!((made.version(), opened.version()), (0, 0));
    assert_eq!(made.events.id, opened.events.id);
    assert_eq!(opened.statistics().unwrap(), LakeStatistics::default());
    assert!(opened.provider().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_can_make_it_at_once() {
    let (_directory, location) = new_location();
    let makers: Vec<_> = (0..4)
        .map(|_| {
            let location = location.clone();
            tokio::spawn(async move { Lake::open_or_create(&location).await.unwrap() })
        })
        .collect();
    let mut ids = Vec::new();
    for maker in makers {
        let lake = maker.await.unwrap();
        ids.push((lake.version(), lake.events.id));
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_files_are_left_alone() {
    let (_directory, location) = new_location();
    fs::create_dir_all(location.directory().unwrap()).unwrap();
    check_error(Lake::open(&location).await, "there is no lake at");
    fs::write(location.directory().unwrap().join("letter.txt"), "dear").unwrap();
    check_error(
        Lake::open(&location).await,
        "holds other files, among them \"letter.txt\"",
    );
    check_error(Lake::open_or_create(&location).await, "holds other files");
    assert_eq!(fs::read_dir(location.directory().unwrap()).unwrap().count(), 1);

    let (_directory, location) = new_location();
    let events = location.directory().unwrap().join("events");
    fs::create_dir_all(&events).unwrap();
    fs::write(events.join("party.txt"), "saturday").unwrap();
    check_error(
        Lake::open_or_create(&location).await,
        "holds other files, among them \"events/party.txt\"",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn events_have_a_directory_of_their_own() {
    let (_directory, location) = new_location();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    commit(&mut lake, executions("a", 0, 3), "a", None, 3)
        .await
        .unwrap();
    let names: Vec<_> = fs::read_dir(location.directory().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["events"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_off_creation_is_no_obstacle() {
    for left in ["_delta_log", "events/_delta_log"] {
        let (_directory, location) = new_location();
        fs::create_dir_all(location.directory().unwrap().join(left)).unwrap();
        Lake::open_or_create(&location).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_and_newer_tables_are_refused() {
    let (_directory, location) = new_location();
    foreign_table(&location, &[]).await;
    check_error(
        Lake::open_or_create(&location).await,
        "not a slowlake lake: it has no property slowlake.schema_version",
    );

    let (_directory, location) = new_location();
    foreign_table(&location, &[(SCHEMA_VERSION_PROPERTY, "3")]).await;
    check_error(
        Lake::open(&location).await,
        "written by a newer slowlake: its slowlake.schema_version is 3, this one knows up to 2",
    );

    let (_directory, location) = new_location();
    foreign_table(
        &location,
        &[
            (SCHEMA_VERSION_PROPERTY, "1"),
            (FINGERPRINT_VERSION_PROPERTY, "9"),
        ],
    )
    .await;
    assert!(Lake::open(&location).await.is_ok());
    check_error(
        Lake::open_or_create(&location).await,
        "holds fingerprints of version 9, this slowlake makes version 1",
    );

    let (_directory, location) = new_location();
    foreign_table(
        &location,
        &[
            (SCHEMA_VERSION_PROPERTY, "1"),
            ("delta.enableDeletionVectors", "true"),
        ],
    )
    .await;
    check_error(Lake::open(&location).await, "Delta reader features");
}

/// Whatever its version is: less than the old one's, the same, or more.
#[tokio::test(flavor = "multi_thread")]
async fn another_lake_in_its_place_is_left_alone() {
    let steps = async |lake: &mut Lake, count: i64| {
        for step in 0..count {
            let prev = (step > 0).then_some(step);
            commit(lake, executions("a", step, 1), "a", prev, step + 1)
                .await
                .unwrap();
        }
    };
    for others in 0..6 {
        let (_directory, location) = new_location();
        let mut lake = Lake::open_or_create(&location).await.unwrap();
        steps(&mut lake, 3).await;
        fs::remove_dir_all(location.directory().unwrap()).unwrap();
        let mut other = Lake::open_or_create(&location).await.unwrap();
        steps(&mut other, others).await;
        let left = commit(&mut lake, executions("a", 3, 1), "a", Some(3), 4).await;
        assert!(matches!(left, Err(StoreError::Replaced { .. })), "{left:?}");
        other.refresh().await.unwrap();
        assert_eq!(
            (other.version(), other.watermark("a").await.unwrap()),
            (others, (others > 0).then_some(others))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_of_the_lake_is_gone_on_from() {
    let (directory, location) = new_location();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    commit(&mut lake, executions("a", 0, 1), "a", None, 1)
        .await
        .unwrap();
    let (place, copy) = (location.directory().unwrap(), directory.path().join("copy"));
    copy_folder(place, &copy);
    commit(&mut lake, executions("a", 1, 1), "a", Some(1), 2)
        .await
        .unwrap();
    fs::remove_dir_all(place).unwrap();
    fs::rename(&copy, place).unwrap();

    let fenced = commit(&mut lake, executions("a", 2, 1), "a", Some(2), 3)
        .await
        .unwrap();
    assert!(matches!(fenced, crate::Outcome::Fenced { .. }), "{fenced:?}");
    assert_eq!((lake.version(), lake.watermark("a").await.unwrap()), (1, Some(1)));
}

#[test]
fn hints_say_what_to_do_next() {
    let (_directory, location) = new_location();
    let hint = StoreError::NotFound {
        location: location.clone(),
    }
    .hint()
    .unwrap();
    assert_eq!(
        hint,
        format!("make one with: slowlake ingest PATH… --lake {location}")
    );
}
