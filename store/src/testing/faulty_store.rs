//! A store whose operations fail as told: before or after they took effect, late, torn, for want of space, or with the end of the
//! process. Knows operations and files, not what they are good for; chance is the business of the test.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use tokio::sync::Notify;

use crate::LakeLocation;

/// What a table asks of its storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Operation {
    /// To write a file of the log: a commit, a checkpoint.
    PutLog,
    /// To write a data file in one piece.
    PutData,
    /// To write one part of a data file.
    PutPart,
    /// To make the parts a file.
    CompleteParts,
    /// To read a file.
    Get,
    /// To look for a file and its size.
    Head,
    List,
    Delete,
}

/// What happens to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Fault {
    None,
    /// It fails and nothing is done.
    Before,
    /// It is done, and reported as failed.
    After,
    /// A write that is done, and reported as having been there already: a client that repeated a request of its own.
    Repeated,
    /// A write that is reported as failed and lands some operations later.
    Late,
    /// A write for which the disk is full.
    DiskFull,
    /// A write that takes the place of whatever is there, though it should not.
    Replaced,
    /// A write that the storage says it does not know.
    Unknown,
    /// A listing without the newest file that it should have.
    Stale,
    /// A listing without some file in the middle.
    Torn,
    /// The process ends before the operation.
    DieBefore,
    /// The process ends after the operation.
    DieAfter,
}

/// The operations that go by before a late write lands.
const LATE_BY: u32 = 6;

/// One process's way to the storage. What it wrote late is on its way whatever becomes of the process.
#[derive(Clone)]
pub(crate) struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    process: Arc<Process>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Process {
    is_dead: AtomicBool,
    died: Notify,
}

/// What outlives a process.
#[derive(Default)]
struct Shared {
    plans: Mutex<HashMap<Operation, VecDeque<Fault>>>,
    struck: Mutex<Vec<(Operation, Fault)>>,
    late: Mutex<Vec<LateWrite>>,
    /// So many reads and lists fail after the next write to the log.
    armed_reads: Mutex<usize>,
}

struct LateWrite {
    operations_left: u32,
    location: Path,
    payload: PutPayload,
    options: PutOptions,
}

impl FaultyStore {
    pub(crate) fn new(location: &LakeLocation) -> Arc<FaultyStore> {
        FaultyStore::over(location.object_store().unwrap())
    }

    pub(crate) fn over(inner: Arc<dyn ObjectStore>) -> Arc<FaultyStore> {
        Arc::new(FaultyStore {
            inner,
            process: Arc::default(),
            shared: Arc::default(),
        })
    }

    /// The same storage as the next process sees it: with what is still to fail, and with what is still on its way.
    pub(crate) fn restarted(&self) -> Arc<FaultyStore> {
        Arc::new(FaultyStore {
            process: Arc::default(),
            ..self.clone()
        })
    }

    /// What happens to the next operations of this kind, one after the other.
    pub(crate) fn plan(&self, operation: Operation, faults: impl IntoIterator<Item = Fault>) {
        let mut plans = self.shared.plans.lock().unwrap();
        plans.entry(operation).or_default().extend(faults);
    }

    pub(crate) fn fail_log_writes(&self, faults: impl IntoIterator<Item = Fault>) {
        self.plan(Operation::PutLog, faults);
    }

    pub(crate) fn fail_data_writes(&self, faults: impl IntoIterator<Item = Fault>) {
        self.plan(Operation::PutData, faults);
    }

    /// So many reads and lists fail once something was written to the log.
    pub(crate) fn fail_reads_after_next_commit(&self, count: usize) {
        *self.shared.armed_reads.lock().unwrap() = count;
    }

    /// The faults that were had.
    pub(crate) fn struck(&self) -> Vec<(Operation, Fault)> {
        self.shared.struck.lock().unwrap().clone()
    }

    /// Returns when a fault has ended the process: nothing that it asks for is done any more.
    pub(crate) async fn died(&self) {
        self.process.died.notified().await;
    }

    /// Lets everything land that is still on its way.
    pub(crate) async fn settle(&self) {
        let late = mem::take(&mut *self.shared.late.lock().unwrap());
        for write in late {
            self.land(write).await;
        }
    }

    /// Whoever waited for the answer has gone; the write itself follows the rules of every other.
    async fn land(&self, write: LateWrite) {
        let _ = self
            .inner
            .put_opts(&write.location, write.payload, write.options)
            .await;
    }

    /// The beginning of every operation: what is to happen to it. `Err` if it is not to be done.
    async fn begin(&self, operation: Operation) -> Result<Fault> {
        let due = {
            let mut late = self.shared.late.lock().unwrap();
            late.iter_mut()
                .for_each(|write| write.operations_left = write.operations_left.saturating_sub(1));
            let (due, waiting): (Vec<_>, Vec<_>) = mem::take(&mut *late)
                .into_iter()
                .partition(|write| write.operations_left == 0);
            *late = waiting;
            due
        };
        for write in due {
            self.land(write).await;
        }
        if self.process.is_dead.load(Ordering::SeqCst) {
            return Err(failure(io::ErrorKind::BrokenPipe));
        }
        let fault = self
            .shared
            .plans
            .lock()
            .unwrap()
            .get_mut(&operation)
            .and_then(VecDeque::pop_front)
            .unwrap_or(Fault::None);
        if fault != Fault::None {
            self.shared.struck.lock().unwrap().push((operation, fault));
        }
        match fault {
            Fault::Before => Err(failure(io::ErrorKind::ConnectionReset)),
            Fault::DiskFull => Err(failure(io::ErrorKind::StorageFull)),
            Fault::DieBefore => Err(self.die()),
            Fault::Unknown => Err(Error::NotImplemented {
                operation: "such a write".to_owned(),
                implementer: self.to_string(),
            }),
            _ => Ok(fault),
        }
    }

    /// The end of an operation that was done.
    fn end<T>(&self, fault: Fault, location: &Path, result: T) -> Result<T> {
        match fault {
            Fault::After => Err(failure(io::ErrorKind::TimedOut)),
            Fault::DieAfter => Err(self.die()),
            Fault::Repeated => Err(Error::AlreadyExists {
                path: location.to_string(),
                source: Box::new(io::Error::from(io::ErrorKind::AlreadyExists)),
            }),
            _ => Ok(result),
        }
    }

    fn die(&self) -> Error {
        self.process.is_dead.store(true, Ordering::SeqCst);
        self.process.died.notify_one();
        failure(io::ErrorKind::BrokenPipe)
    }

    fn has_written_to_the_log(&self) {
        let count = mem::take(&mut *self.shared.armed_reads.lock().unwrap());
        for operation in [Operation::Get, Operation::Head, Operation::List] {
            self.plan(operation, std::iter::repeat_n(Fault::Before, count));
        }
    }
}

fn failure(kind: io::ErrorKind) -> Error {
    Error::Generic {
        store: "faulty",
        source: Box::new(io::Error::from(kind)),
    }
}

fn is_log(location: &Path) -> bool {
    location.as_ref().contains("_delta_log/")
}

/// A listing as the fault has it.
fn listed(mut files: Vec<ObjectMeta>, fault: Fault) -> Vec<ObjectMeta> {
    files.sort_by(|a, b| a.location.cmp(&b.location));
    match fault {
        Fault::Stale => {
            files.pop();
        }
        Fault::Torn if !files.is_empty() => {
            files.remove(files.len() / 2);
        }
        _ => {}
    }
    files
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let is_log = is_log(location);
        let operation = if is_log {
            Operation::PutLog
        } else {
            Operation::PutData
        };
        let fault = self.begin(operation).await?;
        if fault == Fault::Late {
            self.shared.late.lock().unwrap().push(LateWrite {
                operations_left: LATE_BY,
                location: location.clone(),
                payload,
                options,
            });
            return Err(failure(io::ErrorKind::TimedOut));
        }
        let options = if fault == Fault::Replaced {
            PutOptions::default()
        } else {
            options
        };
        let result = self.inner.put_opts(location, payload, options).await?;
        if is_log {
            self.has_written_to_the_log();
        }
        self.end(fault, location, result)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(FaultyParts {
            store: self.clone(),
            location: location.clone(),
            inner: self.inner.put_multipart_opts(location, options).await?,
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let operation = if options.head {
            Operation::Head
        } else {
            Operation::Get
        };
        let fault = self.begin(operation).await?;
        let result = self.inner.get_opts(location, options).await?;
        self.end(fault, location, result)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |location: Result<Path>| {
            let store = store.clone();
            async move {
                let location = location?;
                let fault = store.begin(Operation::Delete).await?;
                let one = stream::iter([Ok(location.clone())]).boxed();
                store.inner.delete_stream(one).try_collect::<Vec<_>>().await?;
                store.end(fault, &location, location.clone())
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), prefix.cloned());
        let list = async move {
            let fault = store.begin(Operation::List).await?;
            let files = store.inner.list(prefix.as_ref()).try_collect().await?;
            let files = listed(files, fault);
            let files = store.end(fault, &prefix.unwrap_or_default(), files)?;
            Ok::<_, Error>(stream::iter(files.into_iter().map(Ok)))
        };
        stream::once(list).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let fault = self.begin(Operation::List).await?;
        let mut result = self.inner.list_with_delimiter(prefix).await?;
        result.objects = listed(result.objects, fault);
        self.end(fault, &prefix.cloned().unwrap_or_default(), result)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// A file that arrives in parts, each of which can fail.
struct FaultyParts {
    store: FaultyStore,
    location: Path,
    inner: Box<dyn MultipartUpload>,
}

#[async_trait]
impl MultipartUpload for FaultyParts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (store, location) = (self.store.clone(), self.location.clone());
        let part = self.inner.put_part(data);
        Box::pin(async move {
            let fault = store.begin(Operation::PutPart).await?;
            part.await?;
            store.end(fault, &location, ())
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let fault = self.store.begin(Operation::CompleteParts).await?;
        let result = self.inner.complete().await?;
        self.store.end(fault, &self.location, result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

impl fmt::Debug for FaultyParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyParts")
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
