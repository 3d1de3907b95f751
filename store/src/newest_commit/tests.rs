//! Lakes whose newest commit was damaged in every way that a power cut or a broken-off copy can damage it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::Lake;
use crate::testing::{ask, commit, executions, new_location};

const NEWEST: &str = "events/_delta_log/00000000000000000002.json";

/// A lake of two commits with ten executions each.
async fn lake_of_two_commits() -> (TempDir, LakeLocation) {
    let (directory, location) = new_location();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    for (prev, next) in [(None, 10), (Some(10), 20)] {
        commit(
            &mut lake,
            executions("a", prev.unwrap_or(0), 10),
            "f/a",
            prev,
            next,
        )
        .await
        .unwrap();
    }
    (directory, location)
}

/// The data file that the newest commit added, relative to the lake's folder.
fn newest_data_file(lake: &Path) -> String {
    let entry = fs::read_to_string(lake.join(NEWEST)).unwrap();
    let (_, path) = entry.split_once(r#""path":""#).unwrap();
    format!("events/{}", path.split_once('"').unwrap().0)
}

/// Damages a file of the newest commit and checks how a writer refuses it, that its own words lead out of it, and that readers do
/// what is expected of them.
async fn check(file: Option<&str>, damage: impl Fn(&Path), expected: &str, can_be_read: bool) {
    let (_directory, location) = lake_of_two_commits().await;
    let folder = location.directory().unwrap().to_owned();
    let file = file.map_or_else(|| newest_data_file(&folder), str::to_owned);
    let path = folder.join(&file);
    let whole = fs::read(&path).unwrap();
    damage(&path);

    let error = Lake::open_or_create(&location).await.unwrap_err();
    let expected = expected.replace("FILE", &file);
    assert_eq!(
        error.to_string(),
        format!("the lake at {location} is damaged: {expected}")
    );
    let hint = error.hint().unwrap();
    assert!(
        hint.contains(&format!("put {file} back")) && hint.contains(&format!("move {NEWEST} away")),
        "{hint}"
    );
    let opened = Lake::open(&location).await;
    assert_eq!(opened.is_ok(), can_be_read, "{opened:?}");
    if let Err(error) = opened {
        assert_eq!(
            error.to_string(),
            format!("the lake at {location} is damaged: {expected}")
        );
    }

    // With the file put back all is there.
    fs::write(&path, whole).unwrap();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    assert_eq!(lake.watermark("f/a").await.unwrap(), Some(20));
    assert_eq!(ask(&mut lake, "SELECT count(*) FROM events").await, "20");
    // Without the commit it never was, and its step can be taken again.
    damage(&path);
    fs::remove_file(folder.join(NEWEST)).unwrap();
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    assert_eq!(lake.watermark("f/a").await.unwrap(), Some(10));
    commit(&mut lake, executions("a", 10, 10), "f/a", Some(10), 20)
        .await
        .unwrap();
    assert_eq!(ask(&mut lake, "SELECT count(*) FROM events").await, "20");
}

fn cut(path: &Path, keep: impl FnOnce(&[u8]) -> usize) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..keep(&bytes)]).unwrap();
}

/// A reader takes it for a commit of nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_log_entry_is_refused() {
    check(Some(NEWEST), |path| cut(path, |_| 0), "FILE is empty", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_entry_cut_within_an_action_is_refused() {
    check(
        Some(NEWEST),
        |path| cut(path, |bytes| bytes.len() - 7),
        "FILE is cut short",
        false,
    )
    .await;
}

/// Rows without progress: a reader cannot tell, and an ingest would add the rows again.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_entry_cut_between_two_actions_is_refused() {
    check(
        Some(NEWEST),
        |path| {
            cut(path, |bytes| {
                bytes.iter().rposition(|byte| *byte == b'\n').unwrap()
            })
        },
        "FILE is cut short",
        true,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_entry_of_something_else_is_refused() {
    check(
        Some(NEWEST),
        |path| fs::write(path, [0; 512]).unwrap(),
        "FILE is cut short",
        false,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_data_file_is_refused() {
    check(
        None,
        |path| fs::remove_file(path).unwrap(),
        &format!("FILE, a file of its newest commit {NEWEST}, is missing"),
        true,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_file_of_another_size_is_refused() {
    let (_directory, location) = lake_of_two_commits().await;
    let folder = location.directory().unwrap().to_owned();
    let size = fs::metadata(folder.join(newest_data_file(&folder)))
        .unwrap()
        .len();
    check(
        None,
        |path| cut(path, |bytes| bytes.len() - 1),
        &format!(
            "FILE, a file of its newest commit {NEWEST}, has {} bytes instead of {size}",
            size - 1
        ),
        true,
    )
    .await;
}

/// Damage further back is not looked for: opening must not cost more the longer the history is.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_newest_commit_is_looked_at() {
    let (_directory, location) = lake_of_two_commits().await;
    let folder = location.directory().unwrap().to_owned();
    let newest = newest_data_file(&folder);
    let older: Vec<PathBuf> = glob_parquet(&folder)
        .into_iter()
        .filter(|path| !path.ends_with(&newest))
        .collect();
    assert_eq!(older.len(), 1);
    fs::remove_file(&older[0]).unwrap();
    assert_eq!(Lake::open_or_create(&location).await.unwrap().version(), 2);
}

fn glob_parquet(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(glob_parquet(&path));
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            found.push(path);
        }
    }
    found
}

/// Else every refresh would read the whole table anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_nobody_replaced_is_not_displaced() {
    let (_directory, location) = lake_of_two_commits().await;
    let mut lake = Lake::open_or_create(&location).await.unwrap();
    assert!(lake.events.anchor.is_some());
    assert!(!lake.events.is_displaced().await.unwrap());
    commit(&mut lake, executions("a", 20, 10), "f/a", Some(20), 30)
        .await
        .unwrap();
    assert!(!lake.events.is_displaced().await.unwrap());
}
