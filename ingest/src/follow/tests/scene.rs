//! A folder whose logs are written and rotated, and somebody who follows them.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::identity::Identity;

/// What has been read of one generation.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) identity: Identity,
    pub(super) bytes: Vec<u8>,
    pub(super) skipped: u64,
}

/// A folder with logs, and somebody who follows them.
pub(super) struct Scene {
    pub(super) folder: TempDir,
    pub(super) options: FollowOptions,
    pub(super) follower: Follower,
    pub(super) kept: Vec<Kept>,
    /// Which of `kept` is which generation's.
    pub(super) open: HashMap<GenerationId, usize>,
}

impl Scene {
    pub(super) fn new(arguments: &[&str]) -> Scene {
        Scene::starting(arguments, Start::Known)
    }

    pub(super) fn starting(arguments: &[&str], start: Start) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let absolute = |name: &&str| folder.path().join(name).to_str().unwrap().to_owned();
        let options = FollowOptions {
            start,
            polls: true,
            grace: Duration::ZERO,
            open_files_max: 2,
            ..FollowOptions::new(arguments.iter().map(absolute).collect())
        };
        Scene {
            follower: Follower::new(options.clone()).unwrap(),
            options,
            folder,
            kept: Vec::new(),
            open: HashMap::new(),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path(name))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    pub(super) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub(super) fn copy_truncate(&self, from: &str, to: &str) {
        fs::copy(self.path(from), self.path(to)).unwrap();
        OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(self.path(from))
            .unwrap();
    }

    pub(super) fn gzip(&self, from: &str) {
        let mut encoder = flate2::write::GzEncoder::new(
            File::create(self.path(&format!("{from}.gz"))).unwrap(),
            flate2::Compression::fast(),
        );
        encoder.write_all(&fs::read(self.path(from)).unwrap()).unwrap();
        encoder.finish().unwrap();
        fs::remove_file(self.path(from)).unwrap();
    }

    /// Reads everything that is there, in small pieces.
    pub(super) fn read(&mut self) {
        self.step(7, usize::MAX);
    }

    /// Reads at most so many pieces of each generation.
    pub(super) fn step(&mut self, limit: usize, pieces: usize) {
        // Twice, because what was cut off is looked for at the next scan.
        for _ in 0..3 {
            let kept = &self.kept;
            self.follower.looked = None;
            self.follower
                .scan(&mut |head| find(kept, head).map(|at| end(&kept[at])));
            for id in self.follower.generations() {
                self.advance(id, limit, pieces);
            }
        }
    }

    pub(super) fn advance(&mut self, id: GenerationId, limit: usize, pieces: usize) {
        let mut buffer = Vec::new();
        let Some(generation) = self.follower.generation(id) else {
            return;
        };
        if !generation.is_begun() {
            if generation.prefix().is_empty() || self.follower.begin(id) != Begin::Now {
                return;
            }
            let generation = self.follower.generation(id).unwrap();
            let at = find(&self.kept, generation.prefix()).unwrap_or_else(|| {
                self.kept.push(Kept {
                    identity: generation.identity(),
                    bytes: Vec::new(),
                    skipped: generation.begin_at(),
                });
                self.kept.len() - 1
            });
            self.open.insert(id, at);
        }
        let kept = &mut self.kept[self.open[&id]];
        for _ in 0..pieces {
            match self.follower.standing(id, end(kept)) {
                Standing::Unread => {}
                Standing::AtEnd { .. } => break,
                Standing::Finished => {
                    self.follower.close(id);
                    return;
                }
            }
            self.follower.read_at(id, end(kept), &mut buffer, limit).unwrap();
            kept.bytes.extend_from_slice(&buffer);
            kept.identity = self.follower.generation(id).unwrap().identity();
            if buffer.is_empty() {
                break;
            }
        }
    }

    /// Another one follows, who knows what this one has read.
    pub(super) fn restart(&mut self) {
        self.follower = Follower::new(self.options.clone()).unwrap();
        self.open.clear();
    }

    /// What was read of all generations, in whatever order they were found.
    #[track_caller]
    pub(super) fn check(&mut self, expect: &[&str]) {
        self.read();
        let texts: Vec<_> = self
            .kept
            .iter()
            .map(|kept| String::from_utf8_lossy(&kept.bytes))
            .collect();
        let (mut texts, mut expect) = (texts, expect.to_vec());
        texts.sort();
        expect.sort_unstable();
        assert_eq!(texts, expect);
    }
}

pub(super) fn end(kept: &Kept) -> u64 {
    kept.skipped + kept.bytes.len() as u64
}

pub(super) fn find(kept: &[Kept], head: &[u8]) -> Option<usize> {
    let same = |kept: &Kept| kept.identity.prefix_bytes > 0 && kept.identity.begins(head);
    let (at, _) = kept
        .iter()
        .enumerate()
        .filter(|(_, kept)| same(kept))
        .max_by_key(|(_, kept)| kept.identity.prefix_bytes)?;
    Some(at)
}
