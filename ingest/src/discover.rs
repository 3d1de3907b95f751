//! From what a user typed to the list of sources to read: files, directories, patterns, standard input. Looks at a file's first bytes
//! to tell its compression and at nothing else in it; a file that cannot be opened is reported beside the others.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::compression::{Compression, Magic, detect};
use crate::error::IngestError;
use crate::reader::{open_error, open_file, read_first, refused_kind};
use crate::source::{Location, Source, display_name};

/// How deep below a named directory files are looked for.
pub(crate) const DIRECTORY_DEPTH_MAX: usize = 64;
/// How many files one discovery yields.
pub(crate) const SOURCES_MAX: usize = 1_000_000;

/// What was found.
#[derive(Debug)]
pub struct Discovery {
    /// What can be read, each once, in the order of the arguments and sorted by path within a directory or pattern.
    pub sources: Vec<Source>,
    /// What was named or found but cannot be read, in the same order.
    pub failures: Vec<IngestError>,
}

/// Finds the sources that the arguments name.
///
/// `-` is standard input; a directory stands for its regular files at any depth, hidden ones skipped; what exists under the very
/// name is taken before the name is read as a pattern; symbolic links are followed. A file reached twice (same device and inode) is
/// read once, under the first name. An error only if nothing at all can be read; otherwise what failed is in
/// [`Discovery::failures`].
pub fn discover(arguments: &[String]) -> Result<Discovery, IngestError> {
    if arguments.is_empty() {
        return Err(IngestError::NothingNamed);
    }
    let (sources, mut failures) = search(arguments, inspect, Source::stdin);
    match (sources.is_empty(), failures.len()) {
        (false, _) => Ok(Discovery { sources, failures }),
        (true, 1) => Err(failures.remove(0)),
        (true, _) => Err(IngestError::NothingReadable { failures }),
    }
}

/// What `take` makes of each file that the arguments name, by the rules of [`discover`], and of standard input what `stdin` makes; beside
/// it, what failed.
pub(crate) fn search<T>(arguments: &[String], take: Take<T>, stdin: fn() -> T) -> (Vec<T>, Vec<IngestError>) {
    let mut search = Search {
        take,
        stdin,
        found: Vec::new(),
        failures: Vec::new(),
        has_stdin: false,
        seen: HashSet::new(),
    };
    for argument in arguments {
        search.argument(argument);
    }
    (search.found, search.failures)
}

/// Makes what is wanted of a file that was found.
pub(crate) type Take<T> = fn(&Path, &Metadata) -> Result<T, IngestError>;

struct Search<T> {
    take: Take<T>,
    stdin: fn() -> T,
    found: Vec<T>,
    failures: Vec<IngestError>,
    has_stdin: bool,
    /// Device and inode of every file taken and every directory entered.
    seen: HashSet<(u64, u64)>,
}

impl<T> Search<T> {
    fn argument(&mut self, argument: &str) {
        if argument == "-" {
            if !self.has_stdin {
                self.has_stdin = true;
                self.found.push((self.stdin)());
            }
            return;
        }
        let path = Path::new(argument);
        match fs::metadata(path) {
            Ok(metadata) => self.named(path, &metadata),
            Err(error) if is_absent(&error) && has_pattern(argument) && !is_link(path) => {
                self.pattern(argument)
            }
            Err(error) => self.failures.push(inspect_error(path, error)),
        }
    }

    fn named(&mut self, path: &Path, metadata: &Metadata) {
        if !metadata.is_dir() {
            self.file(path, metadata);
            return;
        }
        let failures_before = self.failures.len();
        let found = self.directory(path, metadata, 0);
        if found == 0 && self.failures.len() == failures_before {
            self.failures.push(IngestError::EmptyDirectory {
                name: display_name(path),
            });
        }
    }

    fn pattern(&mut self, pattern: &str) {
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        let matches = match glob::glob_with(pattern, options) {
            Ok(matches) => matches,
            Err(error) => {
                let cause = format!("{} at character {}", error.msg, error.pos + 1);
                self.failures.push(IngestError::Pattern {
                    pattern: pattern.to_owned(),
                    cause,
                });
                return;
            }
        };
        let mut paths = Vec::new();
        let failures_before = self.failures.len();
        for found in matches {
            match found {
                Ok(path) => paths.push(path),
                Err(error) => {
                    let name = display_name(error.path());
                    self.failures.push(open_error(&name, "list", error.into()));
                }
            }
        }
        if paths.is_empty() && self.failures.len() == failures_before {
            self.failures.push(IngestError::NoMatch {
                pattern: pattern.to_owned(),
            });
        }
        paths.sort();
        for path in paths {
            match fs::metadata(&path) {
                Ok(metadata) => self.named(&path, &metadata),
                Err(error) => self.failures.push(inspect_error(&path, error)),
            }
        }
    }

    /// Takes a directory's files; returns how many were found, taken before or now.
    fn directory(&mut self, path: &Path, metadata: &Metadata, depth: usize) -> usize {
        if !self.seen.insert((metadata.dev(), metadata.ino())) {
            return 1;
        }
        if depth > DIRECTORY_DEPTH_MAX {
            self.failures.push(IngestError::TooDeep {
                name: display_name(path),
            });
            return 0;
        }
        let children = match list(path) {
            Ok(children) => children,
            Err(error) => {
                self.failures.push(open_error(&display_name(path), "list", error));
                return 0;
            }
        };
        let mut found = 0;
        for child in children {
            match fs::metadata(&child) {
                Ok(metadata) if metadata.is_dir() => found += self.directory(&child, &metadata, depth + 1),
                Ok(metadata) if metadata.is_file() => {
                    found += 1;
                    self.file(&child, &metadata);
                }
                // A pipe, socket or device in a directory was not asked for by name.
                Ok(_) => {}
                Err(error) => self.failures.push(inspect_error(&child, error)),
            }
        }
        found
    }

    fn file(&mut self, path: &Path, metadata: &Metadata) {
        if self.seen.contains(&(metadata.dev(), metadata.ino())) {
            return;
        }
        if self.found.len() >= SOURCES_MAX {
            // Said once: the millionth and first file stands for all that follow.
            if !matches!(self.failures.last(), Some(IngestError::TooMany { .. })) {
                self.failures.push(IngestError::TooMany {
                    name: display_name(path),
                });
            }
            return;
        }
        self.seen.insert((metadata.dev(), metadata.ino()));
        match (self.take)(path, metadata) {
            Ok(taken) => self.found.push(taken),
            Err(error) => self.failures.push(error),
        }
    }
}

/// Makes a source of a path: refuses what is no stream of bytes, tells the compression of a regular file. A pipe is not opened: that
/// would take its first bytes.
fn inspect(path: &Path, metadata: &Metadata) -> Result<Source, IngestError> {
    let name = display_name(path);
    if let Some(kind) = refused_kind(metadata) {
        return Err(IngestError::NotAFile { name, kind });
    }
    let location = Location::File(path.to_owned());
    if !metadata.is_file() {
        return Ok(Source {
            location,
            name,
            compression: Compression::None,
            bytes_on_disk: None,
        });
    }
    let mut file = open_file(&name, path)?;
    match detect(&read_first(&name, &mut file)?) {
        Magic::Known(compression) => Ok(Source {
            location,
            name,
            compression,
            bytes_on_disk: Some(metadata.len()),
        }),
        Magic::Unsupported(format) => Err(IngestError::UnsupportedArchive { name, format }),
    }
}

/// The visible entries of a directory, sorted by name.
fn list(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut children = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if !entry.file_name().as_bytes().starts_with(b".") {
            children.push(entry.path());
        }
    }
    children.sort();
    Ok(children)
}

pub(crate) fn has_pattern(argument: &str) -> bool {
    argument.contains(['*', '?', '['])
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

pub(crate) fn inspect_error(path: &Path, error: io::Error) -> IngestError {
    let name = display_name(path);
    match is_absent(&error) {
        true if is_link(path) => IngestError::DanglingLink { name },
        true => IngestError::NotFound { name },
        false => open_error(&name, "inspect", error),
    }
}

#[cfg(test)]
mod tests;
