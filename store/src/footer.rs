//! What a Parquet file says of itself at its end. Never reads rows.

use std::ops::Range;

use bytes::Bytes;
use datafusion::parquet::arrow::async_reader::MetadataFetch;
use datafusion::parquet::errors::{ParquetError, Result};
use datafusion::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};

/// The end of a file that is read at first; few footers are longer.
const FIRST_READ_BYTES: usize = 64 << 10;

/// The footer of a file at a path of the store.
///
/// # Errors
/// Where the file is not there, is shorter than the log says, or does not end as Parquet does.
pub(crate) async fn read_footer(store: &dyn ObjectStore, path: &str, bytes: u64) -> Result<ParquetMetaData> {
    let file = File {
        store,
        path: StorePath::from(path),
    };
    ParquetMetaDataReader::new()
        .with_prefetch_hint(Some(FIRST_READ_BYTES))
        .load_and_finish(file, bytes)
        .await
}

struct File<'s> {
    store: &'s dyn ObjectStore,
    path: StorePath,
}

impl MetadataFetch for File<'_> {
    fn fetch(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        let bytes = async move {
            let read = self.store.get_range(&self.path, range).await;
            read.map_err(|error| ParquetError::External(Box::new(error)))
        };
        bytes.boxed()
    }
}
