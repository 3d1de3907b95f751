//! The power fails after every single step of making a lake and committing to it. What was not synced survives or not, by chance: names
//! without content, content without names, halves. Whatever survives, what was reported as committed is there, and the rest never was.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use super::*;
use crate::testing::{Chance, ask, commit, executions};
use crate::{Lake, LakeLocation};

/// How often chance decides what survives of each moment.
const SEEDS: u64 = 2;

/// A disk with a cache: it knows what would be there after a power cut.
struct CachedDisk {
    root: PathBuf,
    state: Mutex<DiskState>,
}

#[derive(Default)]
struct DiskState {
    /// The synced content of files, by inode.
    contents: BTreeMap<u64, Vec<u8>>,
    /// The synced names of every folder that is known.
    names: BTreeMap<PathBuf, BTreeMap<PathBuf, u64>>,
    /// What would be there after each step so far.
    moments: Vec<Moment>,
}

/// What is on the disk, and what else was in the cache.
struct Moment {
    step: String,
    contents: BTreeMap<u64, Vec<u8>>,
    names: BTreeMap<PathBuf, BTreeMap<PathBuf, u64>>,
    cached: Vec<(PathBuf, u64, Option<Vec<u8>>)>,
    /// Rows that a commit had been reported for.
    rows: i64,
}

impl CachedDisk {
    fn new(root: &Path) -> Arc<CachedDisk> {
        let disk = CachedDisk {
            root: root.to_owned(),
            state: Mutex::default(),
        };
        Arc::new(disk)
    }

    /// Every entry of the folder: its path, inode, and content if it is a file.
    fn entries(folder: &Path) -> Vec<(PathBuf, u64, Option<Vec<u8>>)> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let content = meta.is_file().then(|| fs::read(&path).unwrap());
            let is_folder = meta.is_dir();
            entries.push((path.clone(), meta.ino(), content));
            if is_folder {
                entries.extend(CachedDisk::entries(&path));
            }
        }
        entries
    }

    fn after(&self, step: &str, path: &Path, change: impl FnOnce(&mut DiskState)) {
        let mut state = self.state.lock().unwrap();
        change(&mut state);
        let moment = Moment {
            step: format!("{step} {}", path.display()),
            contents: state.contents.clone(),
            names: state.names.clone(),
            cached: CachedDisk::entries(&self.root),
            rows: state.moments.last().map_or(0, |moment| moment.rows),
        };
        state.moments.push(moment);
    }

    fn committed(&self, rows: i64) {
        let mut state = self.state.lock().unwrap();
        state.moments.last_mut().unwrap().rows = rows;
    }
}

impl Disk for CachedDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        let file = SystemDisk.create(path)?;
        self.after("create", path, |_| {});
        Ok(file)
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        SystemDisk.write(file, bytes)?;
        self.after("write", Path::new("bytes"), |_| {});
        Ok(())
    }

    fn sync(&self, file: &File, path: &Path) -> io::Result<()> {
        SystemDisk.sync(file, path)?;
        let content = fs::read(path)?;
        let inode = file.metadata()?.ino();
        self.after("sync", path, |state| {
            state.contents.insert(inode, content);
        });
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        SystemDisk.link(from, to)?;
        self.after("link", to, |_| {});
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        SystemDisk.rename(from, to)?;
        self.after("rename", to, |_| {});
        Ok(())
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        SystemDisk.sync_directory(path)?;
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            names.insert(entry.path(), entry.metadata()?.ino());
        }
        self.after("sync directory", path, |state| {
            state.names.insert(path.to_owned(), names);
        });
        Ok(())
    }
}

impl Moment {
    /// Makes in `to` what is left of `root` when the power fails now.
    fn cut(&self, root: &Path, to: &Path, chance: &mut Chance) {
        // Above the root nothing is at stake.
        fs::create_dir_all(to).unwrap();
        let mut left: BTreeMap<PathBuf, u64> = BTreeMap::new();
        for names in self.names.values() {
            left.extend(names.clone());
        }
        for (path, inode, _) in &self.cached {
            let is_synced = left.get(path) == Some(inode);
            if !is_synced && chance.one_in(2) {
                left.insert(path.clone(), *inode);
            }
        }
        // Parents come before what is in them; what is in a lost folder is lost.
        for (path, inode) in left {
            let Ok(relative) = path.strip_prefix(root) else {
                continue;
            };
            let target = to.join(relative);
            if !target.parent().unwrap().is_dir() {
                continue;
            }
            let cached = self.cached.iter().find(|(_, other, _)| *other == inode);
            match (self.contents.get(&inode), cached) {
                (Some(synced), _) => fs::write(target, synced).unwrap(),
                (None, Some((_, _, Some(written)))) => {
                    let kept = chance.below(written.len() as u64 + 1) as usize;
                    fs::write(target, &written[..kept]).unwrap();
                }
                (None, Some((_, _, None))) => fs::create_dir(target).unwrap(),
                (None, None) => fs::write(target, []).unwrap(),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_at_any_moment_takes_no_commit_and_leaves_no_half() {
    let directory = TempDir::new().unwrap();
    let root = directory.path().join("disk");
    fs::create_dir(&root).unwrap();
    let disk = CachedDisk::new(&root);
    let location: LakeLocation = root.join("lake").to_str().unwrap().parse().unwrap();
    let store = Arc::new(DurableFiles::on(disk.clone()));
    let mut lake = Lake::open_or_create_on(&location, store).await.unwrap();
    for step in 0..3 {
        let prev = (step > 0).then_some(step * 10);
        commit(
            &mut lake,
            executions("a", step * 10, 10),
            "f/a",
            prev,
            step * 10 + 10,
        )
        .await
        .unwrap();
        disk.committed(step * 10 + 10);
    }

    let moments = std::mem::take(&mut disk.state.lock().unwrap().moments);
    assert!(moments.len() > 4 * 5, "{} moments", moments.len());
    for (index, moment) in moments.iter().enumerate() {
        for seed in 0..SEEDS {
            let left = directory.path().join(format!("{index}-{seed}"));
            moment.cut(&root, &left, &mut Chance::new(index as u64 * SEEDS + seed));
            let location: LakeLocation = left.join("lake").to_str().unwrap().parse().unwrap();
            let at = format!("cut after {}, seed {seed}", moment.step);
            let mut lake = Lake::open_or_create(&location)
                .await
                .unwrap_or_else(|error| panic!("{at}: {error}: {error:?}"));
            let rows = lake.watermark("f/a").await.unwrap().unwrap_or(0);
            assert!(
                rows >= moment.rows,
                "{at}: {rows} rows are left of {}",
                moment.rows
            );
            // It goes on as if nothing had been.
            commit(
                &mut lake,
                executions("a", rows, 10),
                "f/a",
                (rows > 0).then_some(rows),
                rows + 10,
            )
            .await
            .unwrap();
            let sql = "SELECT count(*), count(DISTINCT source_offset), sum(query_time_us) FROM events";
            let all = rows + 10;
            assert_eq!(
                ask(&mut lake, sql).await,
                format!("{all}|{all}|{}", (0..all).sum::<i64>() * 10),
                "{at}"
            );
            fs::remove_dir_all(left).unwrap();
        }
    }
}
