//! Where a lake is: the text a user types, and the object store behind it. Never looks whether anything is there.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use object_store::ObjectStore;
use url::Url;

use crate::durable_file::DurableFiles;
use crate::error::StoreError;

/// The place of a lake. Made from a directory path (absolute or relative to the working directory) or a `file://` URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LakeLocation(Place);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    /// An absolute path.
    Directory(PathBuf),
}

impl LakeLocation {
    /// The directory of a lake on this machine.
    pub fn directory(&self) -> Option<&Path> {
        match &self.0 {
            Place::Directory(path) => Some(path),
        }
    }

    /// The location as the table library wants it: a URL that ends in a slash.
    pub(crate) fn url(&self) -> Result<Url, StoreError> {
        match &self.0 {
            Place::Directory(path) => Url::from_directory_path(path).map_err(|()| StoreError::Location {
                given: path.display().to_string(),
                reason: "it cannot be written as a URL".to_owned(),
            }),
        }
    }

    /// The store that reaches the location, its root being the root of the storage.
    pub(crate) fn object_store(&self) -> Arc<dyn ObjectStore> {
        match &self.0 {
            Place::Directory(_) => Arc::new(DurableFiles::new()),
        }
    }
}

impl FromStr for LakeLocation {
    type Err = StoreError;

    fn from_str(given: &str) -> Result<LakeLocation, StoreError> {
        let refuse = |reason: &str| StoreError::Location {
            given: given.to_owned(),
            reason: reason.to_owned(),
        };
        let path = match given.split_once("://") {
            None if given.is_empty() => return Err(refuse("it is empty")),
            None => PathBuf::from(given),
            Some(("file", _)) => {
                let url = Url::parse(given).map_err(|error| refuse(&error.to_string()))?;
                url.to_file_path()
                    .map_err(|()| refuse("a file URL has three slashes and an absolute path"))?
            }
            Some((scheme, _)) => {
                let kind = match scheme {
                    "s3" | "s3a" => "Amazon S3",
                    "gs" | "gcs" => "Google Cloud Storage",
                    "az" | "azure" | "abfs" | "abfss" | "adl" => "Azure Storage",
                    _ => return Err(refuse("expected a directory or a file:// URL")),
                };
                return Err(StoreError::NotBuiltIn {
                    given: given.to_owned(),
                    kind,
                });
            }
        };
        if has_percent_escape(&path.to_string_lossy()) {
            // The table library would decode it, and look in another directory.
            return Err(refuse(
                "a path cannot have a percent sign before two hexadecimal digits",
            ));
        }
        let path = std::path::absolute(&path).map_err(|error| refuse(&error.to_string()))?;
        Ok(LakeLocation(Place::Directory(path)))
    }
}

impl fmt::Display for LakeLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Directory(path) => path.display().fmt(f),
        }
    }
}

fn has_percent_escape(path: &str) -> bool {
    path.as_bytes()
        .windows(3)
        .any(|bytes| bytes[0] == b'%' && bytes[1].is_ascii_hexdigit() && bytes[2].is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &str, expected: Result<&str, &str>) {
        let found = given.parse::<LakeLocation>();
        match (&found, expected) {
            (Ok(location), Ok(path)) => assert_eq!(location.to_string(), path),
            (Err(error), Err(message)) => assert_eq!(error.to_string(), message),
            _ => panic!("{given}: {found:?}"),
        }
    }

    #[test]
    fn directories_and_file_urls_are_locations() {
        check("/var/lake", Ok("/var/lake"));
        check("/var/a b% ü#1", Ok("/var/a b% ü#1"));
        check(
            "/var/a%20b",
            Err(
                r#""/var/a%20b" is not a lake location: a path cannot have a percent sign before two hexadecimal digits"#,
            ),
        );
        check("file:///var/a%20b", Ok("/var/a b"));
        check("", Err(r#""" is not a lake location: it is empty"#));
        check(
            "s3://bucket/lake",
            Err(r#"lakes on Amazon S3 are not built in yet ("s3://bucket/lake")"#),
        );
        check(
            "ftp://host/x",
            Err(r#""ftp://host/x" is not a lake location: expected a directory or a file:// URL"#),
        );
        let relative: LakeLocation = "lake".parse().unwrap();
        assert!(relative.directory().unwrap().is_absolute());
    }
}
