//! The order of writes, syncs and renames, recorded, and what is left after each failed step.

mod power_cut;

use std::sync::Mutex;

use futures::TryStreamExt;
use object_store::ObjectStoreExt;
use tempfile::TempDir;

use super::*;

/// Writes down each step, and can fail one kind of them.
struct RecordingDisk {
    steps: Mutex<Vec<String>>,
    failing: Option<&'static str>,
}

impl RecordingDisk {
    fn new(failing: Option<&'static str>) -> Arc<RecordingDisk> {
        Arc::new(RecordingDisk {
            steps: Mutex::default(),
            failing,
        })
    }

    fn step(&self, step: &'static str, path: &Path) -> io::Result<()> {
        let name = path.file_name().unwrap().to_string_lossy();
        let name = name
            .split_once('#')
            .map_or(name.to_string(), |(name, _)| format!("{name}#"));
        self.steps.lock().unwrap().push(format!("{step} {name}"));
        if self.failing == Some(step) {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }
}

impl Disk for RecordingDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.step("create", path)?;
        SystemDisk.create(path)
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        self.step("write", Path::new("bytes"))?;
        SystemDisk.write(file, bytes)
    }

    fn sync(&self, file: &File, path: &Path) -> io::Result<()> {
        self.step("sync", path)?;
        SystemDisk.sync(file, path)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("link", to)?;
        SystemDisk.link(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("rename", to)?;
        SystemDisk.rename(from, to)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.step("sync directory", path)?;
        SystemDisk.sync_directory(path)
    }
}

fn place(directory: &TempDir, name: &str) -> StorePath {
    StorePath::from_absolute_path(directory.path().join(name)).unwrap()
}

/// What is in a directory, in order.
fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

async fn check_steps(mode: PutMode, expected: &[&str]) {
    let directory = TempDir::new().unwrap();
    fs::create_dir(directory.path().join("day")).unwrap();
    let disk = RecordingDisk::new(None);
    let store = DurableFiles::on(disk.clone());
    store
        .put_opts(&place(&directory, "day/file"), "content".into(), mode.into())
        .await
        .unwrap();
    assert_eq!(*disk.steps.lock().unwrap(), expected);
    assert_eq!(names(&directory.path().join("day")), ["file"]);
    assert_eq!(fs::read(directory.path().join("day/file")).unwrap(), b"content");
}

#[tokio::test]
async fn bytes_are_durable_before_the_name_and_the_name_before_the_answer() {
    check_steps(
        PutMode::Create,
        &[
            "create file#",
            "write bytes",
            "sync file#",
            "link file",
            "sync directory day",
        ],
    )
    .await;
    check_steps(
        PutMode::Overwrite,
        &[
            "create file#",
            "write bytes",
            "sync file#",
            "rename file",
            "sync directory day",
        ],
    )
    .await;
}

#[tokio::test]
async fn new_directories_are_durable_too() {
    let directory = TempDir::new().unwrap();
    let above = directory
        .path()
        .file_name()
        .unwrap()
        .to_string_lossy()
        .into_owned();
    let disk = RecordingDisk::new(None);
    DurableFiles::on(disk.clone())
        .put(&place(&directory, "a/b/file"), "x".into())
        .await
        .unwrap();
    let steps = disk.steps.lock().unwrap();
    assert_eq!(
        steps[..3],
        [
            format!("sync directory {above}"),
            "sync directory a".to_owned(),
            "create file#".to_owned()
        ]
    );
}

#[tokio::test]
async fn parts_arrive_as_one_file() {
    let directory = TempDir::new().unwrap();
    let disk = RecordingDisk::new(None);
    let store = DurableFiles::on(disk.clone());
    let mut upload = store.put_multipart(&place(&directory, "file")).await.unwrap();
    let (first, second) = (upload.put_part("abc".into()), upload.put_part("def".into()));
    second.await.unwrap();
    first.await.unwrap();
    assert!(store.head(&place(&directory, "file")).await.is_err());
    upload.complete().await.unwrap();
    assert!(upload.complete().await.is_err());
    assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"abcdef");
    let steps = disk.steps.lock().unwrap();
    assert_eq!(steps[3..5], ["sync file#", "rename file"]);
    assert!(steps[5].starts_with("sync directory"));
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    let directory = TempDir::new().unwrap();
    let store = DurableFiles::new();
    let mut upload = store.put_multipart(&place(&directory, "file")).await.unwrap();
    upload.put_part("abc".into()).await.unwrap();
    upload.abort().await.unwrap();
    drop(upload);
    assert!(names(directory.path()).is_empty());
}

#[tokio::test]
async fn a_name_is_created_once() {
    let directory = TempDir::new().unwrap();
    let (store, location) = (DurableFiles::new(), place(&directory, "file"));
    store
        .put_opts(&location, "first".into(), PutMode::Create.into())
        .await
        .unwrap();
    let error = store
        .put_opts(&location, "second".into(), PutMode::Create.into())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error:?}");
    assert_eq!(names(directory.path()), ["file"]);
    store.put(&location, "third".into()).await.unwrap();
    assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"third");
}

#[tokio::test]
async fn a_failed_write_leaves_nothing_behind() {
    for failing in ["create", "write", "sync", "link"] {
        let directory = TempDir::new().unwrap();
        let store = DurableFiles::on(RecordingDisk::new(Some(failing)));
        let error = store
            .put_opts(&place(&directory, "file"), "x".into(), PutMode::Create.into())
            .await
            .unwrap_err();
        assert!(crate::error::is_disk_full(&error), "{error:?}");
        assert!(names(directory.path()).is_empty(), "after a failed {failing}");
    }
}

#[tokio::test]
async fn files_on_their_way_are_not_listed() {
    let directory = TempDir::new().unwrap();
    let store = DurableFiles::new();
    let mut upload = store.put_multipart(&place(&directory, "file")).await.unwrap();
    upload.put_part("abc".into()).await.unwrap();
    let listed: Vec<ObjectMeta> = store
        .list(Some(&place(&directory, "")))
        .try_collect()
        .await
        .unwrap();
    assert!(listed.is_empty(), "{listed:?}");
}

#[tokio::test]
async fn copies_and_renames_arrive() {
    let directory = TempDir::new().unwrap();
    let (store, [a, b, c]) = (
        DurableFiles::new(),
        ["a", "b", "c"].map(|name| place(&directory, name)),
    );
    store.put(&a, "x".into()).await.unwrap();
    store.copy(&a, &b).await.unwrap();
    assert!(store.copy_if_not_exists(&a, &b).await.is_err());
    store.rename(&b, &c).await.unwrap();
    assert_eq!(names(directory.path()), ["a", "c"]);
}

#[tokio::test]
async fn a_later_commit_does_not_make_the_folder_of_the_log() {
    let folder = TempDir::new().unwrap();
    let store = DurableFiles::new();
    let put = async |name: &str| {
        let path = place(&folder, &format!("lake/_delta_log/{name}"));
        store.put(&path, PutPayload::from_static(b"{}")).await
    };
    let failure = put("00000000000000000007.json").await.unwrap_err().to_string();
    assert!(failure.contains("is its disk mounted?"), "{failure}");
    assert!(!folder.path().join("lake").exists());
    put("00000000000000000000.json").await.unwrap();
    put("00000000000000000007.json").await.unwrap();
}
