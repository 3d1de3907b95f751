//! Whether a lake's storage refuses to write a file that exists: two writers of one lake depend on it. Asked with a file of its own beside
//! the lake's tables, of which the lake holds nothing.
//!
//! The file stays. So the question costs one request whenever a lake is opened for writing, it needs no right to delete, and a lake that was
//! moved to other storage is asked about as well as a new one.

use object_store::{Error, ObjectStore, PutMode, PutPayload};

use crate::error::StoreError;
use crate::location::LakeLocation;

/// The file's name; engines ignore what begins with an underscore.
pub(crate) const PROBE: &str = "_conditional_put";

const CONTENT: &str = "slowlake tries to write this file again whenever it opens the lake for writing: \
    storage that allows it cannot keep two writers from overwriting each other's commits.\n";

/// Passes where a write that must not replace a file is refused. A local disk always does.
///
/// # Errors
/// [`StoreError::NoConditionalPut`] where it replaces the file or does not know such writes; those of any write.
pub(crate) async fn require(location: &LakeLocation, store: &dyn ObjectStore) -> Result<(), StoreError> {
    if location.directory().is_some() {
        return Ok(());
    }
    let refused = |reason: &str| StoreError::NoConditionalPut {
        location: location.clone(),
        reason: reason.to_owned(),
    };
    let path = location.object_path()?.join(PROBE);
    // The first finds the file or makes it; then the second has to find it.
    for _ in 0..2 {
        let put = store.put_opts(
            &path,
            PutPayload::from_static(CONTENT.as_bytes()),
            PutMode::Create.into(),
        );
        match put.await {
            Ok(_) => {}
            Err(Error::AlreadyExists { .. }) => return Ok(()),
            Err(Error::NotImplemented { .. }) => {
                return Err(refused("it does not know writes that must not replace a file"));
            }
            // S3's answer to a header that a server does not know.
            Err(error) if error.to_string().contains("501 Not Implemented") => {
                return Err(refused("it answers 501 to a write that must not replace a file"));
            }
            Err(error) => return Err(StoreError::storage("write to", location, error)),
        }
    }
    Err(refused("it replaced a file that it was told not to replace"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;
    use crate::Lake;
    use crate::testing::{Fault, FaultyStore, ask, commit, executions};

    /// A bucket in memory whose first writes meet these faults.
    fn bucket(faults: impl IntoIterator<Item = Fault>) -> (LakeLocation, Arc<FaultyStore>) {
        let store = FaultyStore::over(Arc::new(InMemory::new()));
        store.fail_data_writes(faults);
        ("s3://lakes/a b/c".parse().unwrap(), store)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_bucket_holds_a_lake() {
        let (location, store) = bucket([]);
        let mut lake = Lake::open_or_create_on(&location, store.clone()).await.unwrap();
        commit(&mut lake, executions("x", 0, 5), "x", None, 5)
            .await
            .unwrap();
        let mut again = Lake::open_or_create_on(&location, store).await.unwrap();
        assert_eq!(
            ask(&mut again, "SELECT count(*), sum(query_time_us) FROM events").await,
            "5|100"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn storage_that_replaces_files_is_refused() {
        for faults in [vec![Fault::None, Fault::Replaced], vec![Fault::Unknown]] {
            let (location, store) = bucket(faults);
            let refused = Lake::open_or_create_on(&location, store.clone()).await;
            assert!(
                matches!(refused, Err(StoreError::NoConditionalPut { .. })),
                "{refused:?}"
            );
            let opened = Lake::open_on(&location, store).await;
            assert!(matches!(opened, Err(StoreError::NotFound { .. })), "{opened:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lake_that_was_moved_to_such_storage_is_read_but_not_written() {
        let (location, store) = bucket([]);
        Lake::open_or_create_on(&location, store.clone()).await.unwrap();
        store.fail_data_writes([Fault::Replaced, Fault::Replaced]);
        let refused = Lake::open_or_create_on(&location, store.clone()).await;
        assert!(
            matches!(refused, Err(StoreError::NoConditionalPut { .. })),
            "{refused:?}"
        );
        Lake::open_on(&location, store).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn other_files_in_a_bucket_are_left_alone() {
        let (location, store) = bucket([]);
        let other = location.object_path().unwrap().join("thesis.tex");
        store
            .put_opts(&other, "mine".into(), PutMode::Create.into())
            .await
            .unwrap();
        let refused = Lake::open_or_create_on(&location, store.clone()).await;
        assert!(matches!(refused, Err(StoreError::NotEmpty { found, .. }) if found == "thesis.tex"));
        let listed = store
            .list_with_delimiter(Some(&location.object_path().unwrap()))
            .await
            .unwrap();
        assert_eq!(listed.objects.len(), 1);
    }
}
