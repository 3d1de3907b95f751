//! Object stores by name, for a process that executes plans which another one made: an executor of a cluster reads the lakes that it was
//! started for and nothing else, whatever a plan names; a scheduler reads nothing at all. Neither writes.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::common::{DataFusionError, Result as PlanResult};
use datafusion::execution::object_store::{ObjectStoreRegistry, ObjectStoreUrl};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use url::Url;

use crate::error::StoreError;
use crate::location::LakeLocation;

/// The stores of some lakes, each with the credentials of its location, by the names that query plans have for them.
///
/// # Errors
/// [`StoreError::Settings`] where the settings for a cloud's storage are incomplete or wrong. Nothing is connected to.
pub fn lake_stores(lakes: &[LakeLocation]) -> std::result::Result<Arc<dyn ObjectStoreRegistry>, StoreError> {
    let mut stores: HashMap<ObjectStoreUrl, LakesOnly> = HashMap::new();
    for lake in lakes {
        let stores = stores.entry(lake.object_store_url()?).or_default();
        stores.lakes.push((lake.object_path()?, lake.object_store()?));
    }
    let by_name = stores.into_iter().map(|(url, store)| {
        (
            name(url.as_ref()).to_owned(),
            Arc::new(store) as Arc<dyn ObjectStore>,
        )
    });
    Ok(Arc::new(FixedStores {
        by_name: by_name.collect(),
        other: None,
    }))
}

/// A store for every name, each without any file: enough to look at a plan without executing it.
pub fn no_stores() -> Arc<dyn ObjectStoreRegistry> {
    Arc::new(FixedStores {
        by_name: HashMap::new(),
        other: Some(Arc::new(InMemory::new())),
    })
}

#[derive(Debug)]
struct FixedStores {
    by_name: HashMap<String, Arc<dyn ObjectStore>>,
    /// For names that are not among these.
    other: Option<Arc<dyn ObjectStore>>,
}

impl ObjectStoreRegistry for FixedStores {
    /// Changes nothing: what may be read was said at the start.
    fn register_store(&self, _: &Url, _: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> PlanResult<Arc<dyn ObjectStore>> {
        let name = name(url);
        let store = self.by_name.get(name).or(self.other.as_ref());
        store.cloned().ok_or_else(|| {
            DataFusionError::Execution(format!("this executor was not started for a lake at {name}"))
        })
    }
}

/// Scheme and bucket.
fn name(url: &Url) -> &str {
    &url[..url::Position::BeforePath]
}

/// The lakes in a bucket, to be read: the folder of each, and the store that has its credentials.
#[derive(Default)]
struct LakesOnly {
    lakes: Vec<(Path, Arc<dyn ObjectStore>)>,
}

impl LakesOnly {
    /// The store of the lake that this is in.
    fn of(&self, path: &Path) -> Result<&dyn ObjectStore> {
        let mut lakes = self.lakes.iter();
        match lakes.find(|(folder, _)| path.prefix_matches(folder)) {
            Some((_, store)) => Ok(store.as_ref()),
            None => Err(Error::PermissionDenied {
                path: path.to_string(),
                source: "it is in no lake that this executor was started for".into(),
            }),
        }
    }

    fn of_prefix(&self, prefix: Option<&Path>) -> Result<&dyn ObjectStore> {
        self.of(prefix.unwrap_or(&Path::default()))
    }
}

/// What every change is answered with.
fn refused(path: &Path) -> Error {
    Error::PermissionDenied {
        path: path.to_string(),
        source: "an executor only reads".into(),
    }
}

#[async_trait]
impl ObjectStore for LakesOnly {
    async fn put_opts(&self, path: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(refused(path))
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(refused(path))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.of(path)?.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.of(path)?.get_ranges(path, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        paths.map(|path| Err(refused(&path?))).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.of_prefix(prefix) {
            Ok(store) => store.list(prefix),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.of_prefix(prefix)?.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, to: &Path, _: CopyOptions) -> Result<()> {
        Err(refused(to))
    }
}

impl fmt::Debug for LakesOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.lakes.iter().map(|(folder, _)| folder))
            .finish()
    }
}

impl fmt::Display for LakesOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;

    use super::*;

    /// What reading a file of this machine by a registry's store comes to.
    async fn read(
        registry: &dyn ObjectStoreRegistry,
        file: &std::path::Path,
    ) -> std::result::Result<Bytes, String> {
        let store = registry
            .get_store(&Url::parse("file:///").unwrap())
            .map_err(|error| error.to_string())?;
        let path = Path::from_absolute_path(file).unwrap();
        let found = store.get(&path).await.map_err(|error| error.to_string())?;
        found.bytes().await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn only_lakes_are_read_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("lake/a/file"), folder.path().join("lakeside"));
        std::fs::create_dir_all(inside.parent().unwrap()).unwrap();
        std::fs::write(&inside, "rows").unwrap();
        std::fs::write(&outside, "secret").unwrap();
        let location: LakeLocation = folder.path().join("lake").to_str().unwrap().parse().unwrap();
        let registry = lake_stores(&[location]).unwrap();

        assert_eq!(read(registry.as_ref(), &inside).await.unwrap(), "rows");
        let refusal = read(registry.as_ref(), &outside).await.unwrap_err();
        assert!(refusal.contains("in no lake that this executor"), "{refusal}");
        let store = registry.get_store(&Url::parse("file:///").unwrap()).unwrap();
        let path = Path::from_absolute_path(&inside).unwrap();
        assert!(store.put(&path, "other".into()).await.is_err());
        assert!(store.delete(&path).await.is_err());
        assert!(store.list(None).next().await.unwrap().is_err());
        assert_eq!(std::fs::read(&inside).unwrap(), b"rows");

        let other = registry
            .get_store(&Url::parse("s3://bucket/").unwrap())
            .unwrap_err();
        assert!(
            other
                .to_string()
                .contains("not started for a lake at s3://bucket"),
            "{other}"
        );
    }

    #[tokio::test]
    async fn what_looks_at_plans_reads_nothing() {
        let found = read(no_stores().as_ref(), std::path::Path::new("/etc/hostname")).await;
        assert!(found.unwrap_err().contains("not found"));
    }
}
