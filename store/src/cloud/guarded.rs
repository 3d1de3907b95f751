//! A cloud's store as the rest of the crate sees it: what it prints names the bucket and nothing else, for the client inside holds
//! credentials; what it returns as an error says whom to ask. Adds no behaviour of its own.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use url::Url;

use super::trouble::Trouble;

/// The store of one bucket.
#[derive(Clone)]
pub(super) struct Guarded {
    store: Arc<dyn ObjectStore>,
    names: Arc<Names>,
}

struct Names {
    /// Scheme and bucket.
    place: String,
    bucket: String,
    /// Where the credentials are from.
    origin: String,
}

impl Guarded {
    pub(super) fn new(store: Arc<dyn ObjectStore>, url: &Url, origin: String) -> Guarded {
        let bucket = match url.username() {
            "" => url.host_str().unwrap_or_default(),
            container => container,
        };
        let names = Names {
            place: format!("{}://{bucket}", url.scheme()),
            bucket: bucket.to_owned(),
            origin,
        };
        Guarded {
            store,
            names: Arc::new(names),
        }
    }

    /// The error with the trouble as its cause, where there is one. Its kind stays unless it would say that a file is missing: where there is
    /// no bucket, nothing is.
    fn explain(&self, error: Error) -> Error {
        let Some(trouble) = Trouble::of(&error, &self.names.bucket, &self.names.origin) else {
            return error;
        };
        let source = Box::new(trouble);
        match error {
            Error::PermissionDenied { path, .. } => Error::PermissionDenied { path, source },
            Error::Unauthenticated { path, .. } => Error::Unauthenticated { path, source },
            _ => Error::Generic {
                store: "cloud",
                source,
            },
        }
    }

    fn explain_all<T: Send + 'static>(
        &self,
        stream: BoxStream<'static, Result<T>>,
    ) -> BoxStream<'static, Result<T>> {
        let this = self.clone();
        stream.map_err(move |error| this.explain(error)).boxed()
    }
}

#[async_trait]
impl ObjectStore for Guarded {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let result = self.store.put_opts(location, payload, options).await;
        result.map_err(|error| self.explain(error))
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let result = self.store.put_multipart_opts(location, options).await;
        result.map_err(|error| self.explain(error))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let result = self.store.get_opts(location, options).await;
        result.map_err(|error| self.explain(error))
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let result = self.store.get_ranges(location, ranges).await;
        result.map_err(|error| self.explain(error))
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.explain_all(self.store.delete_stream(locations))
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.explain_all(self.store.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.explain_all(self.store.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let result = self.store.list_with_delimiter(prefix).await;
        result.map_err(|error| self.explain(error))
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let result = self.store.copy_opts(from, to, options).await;
        result.map_err(|error| self.explain(error))
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let result = self.store.rename_opts(from, to, options).await;
        result.map_err(|error| self.explain(error))
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names.place)
    }
}
