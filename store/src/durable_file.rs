//! An object store on a local disk whose writes survive a power cut.
//!
//! A file appears under its name only after its bytes are on the disk, and a write is reported as done only after its name is, too:
//! temporary file → write → sync → link (new) or rename (replace) → sync of the directory. So the commit in the table's log never
//! outlives the files that it names. Reading and listing are those of the plain local store. Never retries.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
    UploadPart,
};
use uuid::Uuid;

const STORE: &str = "local disk";

/// The whole file system of this machine as an object store with durable writes.
pub(crate) struct DurableFiles {
    plain: LocalFileSystem,
    disk: Arc<dyn Disk>,
}

impl DurableFiles {
    pub(crate) fn new() -> DurableFiles {
        DurableFiles::on(Arc::new(SystemDisk))
    }

    fn on(disk: Arc<dyn Disk>) -> DurableFiles {
        DurableFiles {
            plain: LocalFileSystem::new(),
            disk,
        }
    }

    /// A temporary file beside where `location` will be, in a directory that is made where missing.
    fn stage(&self, location: &StorePath) -> Result<Staged> {
        let target = self.plain.path_to_filesystem(location)?;
        Staged::new(self.disk.clone(), target).map_err(failed)
    }
}

/// The steps of a durable write, so that a test can watch their order or make one fail.
trait Disk: Send + Sync {
    fn create(&self, path: &Path) -> io::Result<File>;
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()>;
    fn sync(&self, file: &File, path: &Path) -> io::Result<()>;
    /// Gives the file a second name; fails where that name exists.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives the file another name, taking it from any file that has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
}

struct SystemDisk;

impl Disk for SystemDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&self, file: &File, _path: &Path) -> io::Result<()> {
        file.sync_all()
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    #[cfg(unix)]
    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    /// Elsewhere directories cannot be opened for this; the names are as durable as the system makes them.
    #[cfg(not(unix))]
    fn sync_directory(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// A file on its way; its temporary is removed when it does not arrive.
struct Staged {
    disk: Arc<dyn Disk>,
    file: File,
    temporary: PathBuf,
    target: PathBuf,
}

impl Staged {
    fn new(disk: Arc<dyn Disk>, target: PathBuf) -> io::Result<Staged> {
        let directory = directory_of(&target)?.to_owned();
        if is_later_commit(&target) && !directory.is_dir() {
            let what = format!("the folder {} is gone: is its disk mounted?", directory.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, what));
        }
        make_directories(disk.as_ref(), &directory)?;
        // The plain store hides names that end in `#` and digits from every listing.
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!("#{}", Uuid::new_v4().as_u64_pair().0));
        let temporary = directory.join(name);
        let file = disk.create(&temporary)?;
        Ok(Staged {
            disk,
            file,
            temporary,
            target,
        })
    }

    /// Makes the bytes written so far the content of the target, durably.
    fn publish(&self, replace: bool) -> io::Result<PutResult> {
        self.disk.sync(&self.file, &self.temporary)?;
        if replace {
            self.disk.rename(&self.temporary, &self.target)?;
        } else {
            self.disk.link(&self.temporary, &self.target)?;
        }
        self.disk.sync_directory(directory_of(&self.target)?)?;
        Ok(PutResult {
            e_tag: None,
            version: None,
        })
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After a rename it is gone; after a link, or a failure, it is in the way at most.
        let _ = fs::remove_file(&self.temporary);
    }
}

fn directory_of(path: &Path) -> io::Result<&Path> {
    path.parent()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path has no directory"))
}

/// Whether a file is a commit of a table that is there already: the first one makes the folder of the log, and no other does. Where that folder
/// is missing later, so is the rest of the table, and a commit into a new one would be hidden once the disk of the old one is back.
fn is_later_commit(path: &Path) -> bool {
    let is_commit = path.extension().is_some_and(|it| it == "json")
        && directory_of(path).is_ok_and(|directory| directory.ends_with("_delta_log"));
    let version = path
        .file_stem()
        .and_then(|stem| stem.to_str()?.parse::<u64>().ok());
    is_commit && version.is_some_and(|version| version > 0)
}

/// Makes a directory and those above it, each one's name durable in the one above.
fn make_directories(disk: &dyn Disk, directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let Some(above) = directory.parent() else {
        return Ok(());
    };
    make_directories(disk, above)?;
    match fs::create_dir(directory) {
        // Another writer may be making the same one.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => disk.sync_directory(above),
    }
}

fn failed(source: io::Error) -> Error {
    Error::Generic {
        store: STORE,
        source: Box::new(source),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::Generic {
            store: STORE,
            source: Box::new(error),
        }),
    }
}

#[async_trait]
impl ObjectStore for DurableFiles {
    async fn put_opts(
        &self,
        location: &StorePath,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let replace = match options.mode {
            PutMode::Overwrite => true,
            PutMode::Create => false,
            PutMode::Update(_) => {
                return Err(Error::NotImplemented {
                    operation: "conditional update".to_owned(),
                    implementer: self.to_string(),
                });
            }
        };
        let (disk, target) = (self.disk.clone(), self.plain.path_to_filesystem(location)?);
        let path = location.to_string();
        blocking(move || {
            let mut staged = Staged::new(disk.clone(), target).map_err(failed)?;
            payload
                .iter()
                .try_for_each(|bytes| disk.write(&mut staged.file, bytes))
                .map_err(failed)?;
            staged.publish(replace).map_err(|source| {
                if !replace && source.kind() == io::ErrorKind::AlreadyExists {
                    Error::AlreadyExists {
                        path,
                        source: Box::new(source),
                    }
                } else {
                    failed(source)
                }
            })
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        location: &StorePath,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let staged = self.stage(location)?;
        Ok(Box::new(PartedFile {
            staged: Some(Arc::new(Mutex::new(staged))),
            written: 0,
        }))
    }

    async fn get_opts(&self, location: &StorePath, options: GetOptions) -> Result<GetResult> {
        self.plain.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<StorePath>>,
    ) -> BoxStream<'static, Result<StorePath>> {
        // A deletion undone by a power cut leaves a file that nothing names.
        self.plain.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&StorePath>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.plain.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&StorePath>,
        offset: &StorePath,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.plain.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&StorePath>) -> Result<ListResult> {
        self.plain.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &StorePath, to: &StorePath, options: CopyOptions) -> Result<()> {
        let payload = self
            .plain
            .get_opts(from, GetOptions::default())
            .await?
            .bytes()
            .await?;
        let mode = match options.mode {
            CopyMode::Overwrite => PutMode::Overwrite,
            CopyMode::Create => PutMode::Create,
        };
        self.put_opts(to, payload.into(), mode.into()).await.map(|_| ())
    }

    async fn rename_opts(&self, from: &StorePath, to: &StorePath, options: RenameOptions) -> Result<()> {
        self.plain.rename_opts(from, to, options).await?;
        let (disk, target) = (self.disk.clone(), self.plain.path_to_filesystem(to)?);
        blocking(move || {
            directory_of(&target)
                .and_then(|directory| disk.sync_directory(directory))
                .map_err(failed)
        })
        .await
    }
}

/// A file written in parts.
struct PartedFile {
    /// None once completed or aborted.
    staged: Option<Arc<Mutex<Staged>>>,
    written: u64,
}

#[async_trait]
impl MultipartUpload for PartedFile {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let offset = self.written;
        self.written += data.content_length() as u64;
        let staged = self.staged.clone();
        Box::pin(blocking(move || {
            let staged = staged.ok_or_else(ended)?;
            let mut staged = staged.lock().unwrap_or_else(PoisonError::into_inner);
            let Staged { disk, file, .. } = &mut *staged;
            file.seek(SeekFrom::Start(offset)).map_err(failed)?;
            data.iter()
                .try_for_each(|bytes| disk.write(file, bytes))
                .map_err(failed)
        }))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let staged = self.staged.take().ok_or_else(ended)?;
        blocking(move || {
            staged
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .publish(true)
                .map_err(failed)
        })
        .await
    }

    async fn abort(&mut self) -> Result<()> {
        self.staged = None;
        Ok(())
    }
}

fn ended() -> Error {
    failed(io::Error::other("the upload was already completed or aborted"))
}

impl fmt::Debug for PartedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartedFile")
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DurableFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DurableFiles")
    }
}

impl fmt::Display for DurableFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STORE)
    }
}

#[cfg(test)]
mod tests;
