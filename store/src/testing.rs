//! For the tests of this crate: lakes in temporary directories, a store that fails on demand, and rows to put in.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::prelude::SessionContext;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tempfile::TempDir;

use crate::{Commit, Lake, LakeLocation, Outcome, Place, Progress, QueryRow, RowBuilder, Rows};

/// 2026-11-23 00:00 UTC.
pub(crate) const DAY_US: i64 = 1_795_392_000_000_000;

pub(crate) fn new_location() -> (TempDir, LakeLocation) {
    let directory = TempDir::new().unwrap();
    let location = directory.path().join("lake").to_str().unwrap().parse().unwrap();
    (directory, location)
}

/// `count` executions of one source from `start` on, a byte apart.
pub(crate) fn executions(source: &str, start: i64, count: i64) -> Rows {
    let mut builder = RowBuilder::new();
    for source_offset in start..start + count {
        let place = Place {
            source,
            source_offset,
            ts_us: Some(DAY_US + source_offset),
            ..Place::default()
        };
        builder.push_query(&QueryRow {
            place,
            query_time_us: Some(source_offset * 10),
            ..QueryRow::default()
        });
    }
    builder.finish()
}

/// Uploads `rows` and commits them as the step of one unit.
pub(crate) async fn commit(
    lake: &mut Lake,
    rows: Rows,
    app_id: &str,
    prev: Option<i64>,
    next: i64,
) -> std::result::Result<Outcome, crate::StoreError> {
    let uploaded = lake.upload(rows).await?;
    lake.commit(Commit {
        files: vec![uploaded],
        progress: vec![Progress {
            app_id: app_id.to_owned(),
            prev,
            next,
        }],
    })
    .await
}

/// A session in which `events` is the lake as it is now.
pub(crate) async fn session(lake: &mut Lake) -> SessionContext {
    lake.refresh().await.unwrap();
    let context = SessionContext::new();
    context
        .register_table("events", lake.provider().unwrap())
        .unwrap();
    context
}

/// The answer to a query, a row a line, values separated by `|`.
pub(crate) async fn ask(lake: &mut Lake, sql: &str) -> String {
    let batches = session(lake)
        .await
        .sql(sql)
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    let mut lines = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let values: Vec<String> = batch
                .columns()
                .iter()
                .map(|column| array_value_to_string(column, row).unwrap())
                .collect();
            lines.push(values.join("|"));
        }
    }
    lines.join("\n")
}

/// What happens to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// It fails and nothing is written.
    Before,
    /// It is written, and reported as failed.
    After,
    /// It is written, and reported as having been there already: a client that repeated a request of its own.
    Repeated,
    /// The disk is full.
    DiskFull,
    /// It is written over whatever is there.
    Replaced,
    /// The store does not know such a write.
    Unknown,
}

/// A store whose next writes to the log, or of data files, fail as told.
pub(crate) struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    log_writes: Mutex<VecDeque<Fault>>,
    data_writes: Mutex<VecDeque<Fault>>,
    /// So many reads and lists fail after the next write to the log.
    failing_reads: AtomicUsize,
    armed_reads: AtomicUsize,
}

impl FaultyStore {
    pub(crate) fn new(location: &LakeLocation) -> Arc<FaultyStore> {
        FaultyStore::on(location.object_store().unwrap())
    }

    pub(crate) fn on(inner: Arc<dyn ObjectStore>) -> Arc<FaultyStore> {
        Arc::new(FaultyStore {
            inner,
            log_writes: Mutex::default(),
            data_writes: Mutex::default(),
            failing_reads: AtomicUsize::new(0),
            armed_reads: AtomicUsize::new(0),
        })
    }

    pub(crate) fn fail_log_writes(&self, faults: impl IntoIterator<Item = Fault>) {
        self.log_writes.lock().unwrap().extend(faults);
    }

    pub(crate) fn fail_data_writes(&self, faults: impl IntoIterator<Item = Fault>) {
        self.data_writes.lock().unwrap().extend(faults);
    }

    pub(crate) fn fail_reads_after_next_commit(&self, count: usize) {
        self.armed_reads.store(count, Ordering::SeqCst);
    }

    fn read(&self) -> Result<()> {
        let fails = self
            .failing_reads
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok();
        if fails {
            Err(failure(io::ErrorKind::TimedOut))
        } else {
            Ok(())
        }
    }
}

fn failure(kind: io::ErrorKind) -> Error {
    Error::Generic {
        store: "faulty",
        source: Box::new(io::Error::from(kind)),
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let is_log = location.as_ref().contains("_delta_log/");
        let faults = if is_log {
            &self.log_writes
        } else {
            &self.data_writes
        };
        let fault = faults.lock().unwrap().pop_front().unwrap_or(Fault::None);
        match fault {
            Fault::Before => return Err(failure(io::ErrorKind::ConnectionReset)),
            Fault::DiskFull => return Err(failure(io::ErrorKind::StorageFull)),
            Fault::Unknown => {
                return Err(Error::NotImplemented {
                    operation: "conditional put".to_owned(),
                    implementer: self.to_string(),
                });
            }
            Fault::None | Fault::After | Fault::Repeated | Fault::Replaced => {}
        }
        let options = match fault {
            Fault::Replaced => PutOptions::default(),
            _ => options,
        };
        let result = self.inner.put_opts(location, payload, options).await?;
        if is_log {
            self.failing_reads
                .store(self.armed_reads.swap(0, Ordering::SeqCst), Ordering::SeqCst);
        }
        match fault {
            Fault::After => Err(failure(io::ErrorKind::TimedOut)),
            Fault::Repeated => {
                let source = io::Error::from(io::ErrorKind::AlreadyExists);
                Err(Error::AlreadyExists {
                    path: location.to_string(),
                    source: Box::new(source),
                })
            }
            _ => Ok(result),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.read()?;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.read() {
            Ok(()) => self.inner.list(prefix),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyStore")
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty store")
    }
}
