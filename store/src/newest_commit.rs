//! Whether the newest commit arrived whole. What a power cut, a copy that was broken off or a full disk under another program damages is
//! the end of the log and the files that it names, and a writer that built on them would make the damage last. Looks at that one commit:
//! the whole of a lake is the business of maintenance. Never repairs.

use std::sync::Arc;

use deltalake::kernel::{Action, Add};
use deltalake::logstore::{LogStoreRef, get_actions};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path as StorePath;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::error::{CommitDamage, StoreError};
use crate::lake_table::LakeTable;
use crate::location::LakeLocation;

/// In a commit's own information: how many actions it has. A log entry that was cut between two of them reads as well as a whole one.
pub(crate) const ACTIONS_KEY: &str = "slowlakeActions";

const LOG_DIRECTORY: &str = "_delta_log";

/// Files looked at in parallel.
const LOOKS_AT_ONCE: usize = 16;

impl LakeTable {
    /// Refuses a table whose newest commit cannot be read or whose files are not all there in full size. One read, and a request for
    /// each file that the commit added. What is read is remembered, and [`refresh`](LakeTable::refresh) looks whether it is still there.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], and [`StoreError::Storage`] where the storage does not answer.
    pub(crate) async fn check_newest_commit(&mut self) -> Result<(), StoreError> {
        self.anchor = check_commit(&self.location, &self.log_store(), self.version() as u64).await?;
        Ok(())
    }

    /// Whether the log entry that was remembered is gone or is another one: then what is at this place has to be read anew. Without
    /// it a table that was deleted and made again would look like this one, from some version on.
    ///
    /// # Errors
    /// [`StoreError::Storage`] where the storage does not answer.
    pub(crate) async fn is_displaced(&self) -> Result<bool, StoreError> {
        let Some(anchor) = &self.anchor else {
            return Ok(false);
        };
        match self.log_store().object_store(None).head(&anchor.location).await {
            Ok(found) => Ok(identity(&found) != identity(anchor)),
            Err(Error::NotFound { .. }) => Ok(true),
            Err(error) => Err(StoreError::storage("read", &self.location, error)),
        }
    }
}

/// What tells one file from another that was put in its place.
fn identity(file: &ObjectMeta) -> (i64, u64, Option<&str>) {
    (
        file.last_modified.timestamp_micros(),
        file.size,
        file.e_tag.as_deref(),
    )
}

/// Why a table cannot be loaded, if it is for its newest commit.
pub(crate) async fn damage_of_newest_commit(
    location: &LakeLocation,
    log_store: &LogStoreRef,
) -> Option<StoreError> {
    let log = StorePath::from(LOG_DIRECTORY);
    let newest = log_store
        .object_store(None)
        .list(Some(&log))
        .try_filter_map(async |file| Ok(version_of(&file.location)))
        .try_fold(None, async |newest, version| Ok(newest.max(Some(version))));
    let version = newest.await.ok()??;
    match check_commit(location, log_store, version).await {
        Err(error @ StoreError::Damaged { .. }) => Some(error),
        _ => None,
    }
}

/// The version of a commit by its file's name, which is twenty digits.
fn version_of(file: &StorePath) -> Option<u64> {
    let digits = file.filename()?.strip_suffix(".json")?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}

/// Checks one commit. Returns its log entry as the storage knows it, unless a checkpoint has taken its place.
async fn check_commit(
    location: &LakeLocation,
    log_store: &LogStoreRef,
    version: u64,
) -> Result<Option<ObjectMeta>, StoreError> {
    let commit = format!("{LOG_DIRECTORY}/{version:020}.json");
    let directory = directory_in_lake(location, log_store);
    let damaged = |file: &str, damage| StoreError::Damaged {
        location: location.clone(),
        commit: format!("{directory}{commit}"),
        file: format!("{directory}{file}"),
        damage,
    };
    let failed = |error| StoreError::storage("check", location, error);
    let store = log_store.object_store(None);
    let read = match store.get(&StorePath::from(commit.as_str())).await {
        // Clean-up takes the log entries away that a checkpoint stands for.
        Err(Error::NotFound { .. }) => return Ok(None),
        read => read.map_err(failed)?,
    };
    // The answer has the path in the whole storage; requests take the path in the table.
    let meta = ObjectMeta {
        location: StorePath::from(commit.as_str()),
        ..read.meta.clone()
    };
    let entry = read.bytes().await.map_err(failed)?;
    if entry.is_empty() {
        return Err(damaged(&commit, CommitDamage::Empty));
    }
    let actions = get_actions(version, &entry).map_err(|_| damaged(&commit, CommitDamage::CutShort))?;
    if written_actions(&actions).is_some_and(|written| written != actions.len() as u64) {
        return Err(damaged(&commit, CommitDamage::CutShort));
    }

    let adds = actions.into_iter().filter_map(|action| match action {
        Action::Add(add) => Some(add),
        _ => None,
    });
    let looks: Vec<_> = adds.map(|add| damage_of_file(store.clone(), add)).collect();
    let mut looks = stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE);
    while let Some(look) = looks.next().await {
        match look {
            Ok(None) => {}
            Ok(Some((file, damage))) => return Err(damaged(&file, damage)),
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(Some(meta))
}

/// Where in the lake the table is, with a slash at the end; empty for the lake's own directory.
pub(crate) fn directory_in_lake(location: &LakeLocation, log_store: &LogStoreRef) -> String {
    let table = log_store.root_url().as_str();
    let lake = location.url().ok();
    let directory = lake
        .and_then(|lake| table.strip_prefix(lake.as_str()))
        .unwrap_or("");
    match directory.trim_end_matches('/') {
        "" => String::new(),
        directory => format!("{directory}/"),
    }
}

/// The path of a data file and what is wrong with it, if anything is.
async fn damage_of_file(
    store: Arc<dyn ObjectStore>,
    add: Add,
) -> Result<Option<(String, CommitDamage)>, Error> {
    let expected = u64::try_from(add.size).unwrap_or(0);
    let damage = match store.head(&StorePath::from(add.path.as_str())).await {
        Ok(file) if file.size == expected => return Ok(None),
        Ok(file) => CommitDamage::Size {
            expected,
            found: file.size,
        },
        Err(Error::NotFound { .. }) => CommitDamage::Missing,
        Err(error) => return Err(error),
    };
    Ok(Some((add.path, damage)))
}

/// How many actions the commit had when it was written. Those of others and of the first slowlakes do not say.
fn written_actions(actions: &[Action]) -> Option<u64> {
    actions.iter().find_map(|action| match action {
        Action::CommitInfo(info) => info.info.get(ACTIONS_KEY).and_then(|count| count.as_u64()),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
