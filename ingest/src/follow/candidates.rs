//! Which files there are to follow at this moment: those that the arguments name, and beside them those that a rotating tool made of
//! them. Lists folders and looks at what the system says of files; opens none.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::discover::{has_pattern, search};
use crate::error::IngestError;
use crate::follow::rotation::{names_before, shape};
use crate::follow::watch::folder_of;
use crate::reader::refused_kind;
use crate::source::display_name;

/// Device and inode: which file it is as long as it is there.
pub(super) type FileKey = (u64, u64);

/// A file that may be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    /// The path that is followed: `path`, or the one from which it was put aside.
    pub(super) primary: PathBuf,
    pub(super) key: FileKey,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
}

impl Candidate {
    /// Whether it was put aside by rotation.
    pub(super) fn is_rotated(&self) -> bool {
        self.path != self.primary
    }
}

/// What a look at the folders found.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Each file once, what is named before what was put aside.
    pub(super) candidates: Vec<Candidate>,
    /// What is named or found and cannot be looked at (now).
    pub(super) failures: Vec<IngestError>,
    /// The folders in which it would be noticed that this has changed.
    pub(super) folders: HashSet<PathBuf>,
}

/// Looks for all files of the arguments.
pub(super) fn look(arguments: &[String]) -> Look {
    let (named, failures) = search(arguments, named, nothing);
    let mut look = Look {
        candidates: named.into_iter().flatten().collect(),
        failures,
        folders: HashSet::new(),
    };
    let names = Names::of(arguments, &look.candidates);
    look.folders = watched(arguments, &look.candidates, &names);
    let mut seen: HashSet<FileKey> = look.candidates.iter().map(|candidate| candidate.key).collect();
    for folder in names.by_folder.keys() {
        for candidate in names.rotated(folder) {
            if seen.insert(candidate.key) {
                look.candidates.push(candidate);
            }
        }
    }
    look
}

/// Standard input is no file; whoever follows has refused it before.
fn nothing() -> Option<Candidate> {
    None
}

fn named(path: &Path, metadata: &Metadata) -> Result<Option<Candidate>, IngestError> {
    let kind = match refused_kind(metadata) {
        None if metadata.is_file() => return Ok(Some(candidate(path, path, metadata))),
        None => "named pipe",
        Some(kind) => kind,
    };
    Err(IngestError::NotAFile {
        name: display_name(path),
        kind,
    })
}

fn candidate(path: &Path, primary: &Path, metadata: &Metadata) -> Candidate {
    Candidate {
        path: path.to_owned(),
        primary: primary.to_owned(),
        key: (metadata.dev(), metadata.ino()),
        size: metadata.len(),
        modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
    }
}

/// Which names in which folders would be rotated files of which paths.
#[derive(Debug, Default)]
struct Names {
    by_folder: HashMap<PathBuf, FolderNames>,
}

#[derive(Debug, Default)]
struct FolderNames {
    /// Followed paths by their names.
    names: HashMap<OsString, PathBuf>,
    /// Followed links by the shape of the name of what they lead to.
    shapes: HashMap<OsString, PathBuf>,
}

impl Names {
    /// Of what is named and of what is there. A path from which a file was just put aside has nothing at it for a moment.
    fn of(arguments: &[String], candidates: &[Candidate]) -> Names {
        let mut names = Names::default();
        let given = arguments.iter().filter(|argument| !has_pattern(argument));
        let paths = given.map(Path::new).filter(|path| !path.is_dir());
        for path in paths.chain(candidates.iter().map(|candidate| candidate.path.as_path())) {
            names.add(path, path);
        }
        names
    }

    fn add(&mut self, path: &Path, primary: &Path) {
        let Some(name) = path.file_name() else { return };
        let folder = self.by_folder.entry(folder_of(path)).or_default();
        folder.names.insert(name.to_owned(), primary.to_owned());
        if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
            && let Ok(target) = fs::canonicalize(path)
            && let Some(name) = target.file_name()
        {
            let folder = self.by_folder.entry(folder_of(&target)).or_default();
            folder.names.insert(name.to_owned(), primary.to_owned());
            let shape = shape(name);
            if shape != name {
                folder.shapes.insert(shape, primary.to_owned());
            }
        }
    }

    /// The rotated files in a folder. One that cannot be listed has none that can be read.
    fn rotated(&self, folder: &Path) -> Vec<Candidate> {
        let Some(names) = self.by_folder.get(folder) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let primary = names_before(&name)
                .iter()
                .find_map(|before| names.names.get(before))
                .or_else(|| names.shapes.get(&shape(&name)));
            let Some(primary) = primary else { continue };
            let path = entry.path();
            // Gone again, or no file: nothing that was put aside.
            if let Ok(metadata) = fs::metadata(&path)
                && metadata.is_file()
            {
                found.push(candidate(&path, primary, &metadata));
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }
}

fn watched(arguments: &[String], candidates: &[Candidate], names: &Names) -> HashSet<PathBuf> {
    let given = arguments
        .iter()
        .map(|argument| match argument.find(['*', '?', '[']) {
            // The last folder before the pattern.
            Some(at) => folder_of(Path::new(&format!("{}x", &argument[..at]))),
            None => PathBuf::from(argument),
        });
    given
        .filter(|path| path.is_dir())
        .chain(names.by_folder.keys().cloned())
        .chain(candidates.iter().map(|candidate| folder_of(&candidate.path)))
        .filter(|folder| folder.is_dir())
        .collect()
}
