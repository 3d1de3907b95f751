//! Where a lake is: the text a user types, and the object store behind it. Never looks whether anything is there, never shows a credential.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::ObjectStore;
use object_store::path::Path as StorePath;
use url::Url;

use crate::cloud::{self, Environment, Service};
use crate::durable_file::DurableFiles;
use crate::error::StoreError;

/// The place of a lake. Made from a directory path (absolute or relative to the working directory), a `file://` URL, or the URL of a bucket
/// with or without a prefix: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`,
/// `abfss://container@account.dfs.core.windows.net/prefix`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LakeLocation(Arc<Place>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    /// An absolute path.
    Directory(PathBuf),
    /// A prefix of a bucket, or all of it.
    Bucket(Bucket),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Bucket {
    service: Service,
    url: Url,
    environment: Environment,
}

impl LakeLocation {
    /// The same place, reached with these settings and credentials. They mean nothing for a directory; a bucket has none without.
    pub fn with_environment(self, environment: &Environment) -> LakeLocation {
        match self.0.as_ref() {
            Place::Directory(_) => self,
            Place::Bucket(bucket) => LakeLocation(Arc::new(Place::Bucket(Bucket {
                environment: environment.clone(),
                ..bucket.clone()
            }))),
        }
    }

    /// The directory of a lake on this machine.
    pub fn directory(&self) -> Option<&Path> {
        match self.0.as_ref() {
            Place::Directory(path) => Some(path),
            Place::Bucket(_) => None,
        }
    }

    /// The location as the table library wants it: a URL that ends in a slash.
    pub(crate) fn url(&self) -> Result<Url, StoreError> {
        match self.0.as_ref() {
            Place::Directory(path) => {
                Url::from_directory_path(path).map_err(|()| self.refused("it cannot be written as a URL"))
            }
            Place::Bucket(bucket) => Ok(bucket.url.clone()),
        }
    }

    /// The location as a path of [`object_store`](Self::object_store).
    pub(crate) fn object_path(&self) -> Result<StorePath, StoreError> {
        StorePath::from_url_path(self.url()?.path()).map_err(|error| self.refused(&error.to_string()))
    }

    /// The name by which a query plan refers to [`object_store`](Self::object_store).
    pub(crate) fn object_store_url(&self) -> Result<ObjectStoreUrl, StoreError> {
        match self.0.as_ref() {
            Place::Directory(_) => Ok(ObjectStoreUrl::local_filesystem()),
            Place::Bucket(bucket) => ObjectStoreUrl::parse(&bucket.url[..url::Position::BeforePath])
                .map_err(|error| self.refused(&error.to_string())),
        }
    }

    /// A store that reaches the location, its root being the root of the storage.
    ///
    /// # Errors
    /// [`StoreError::Settings`] where the environment's settings for a cloud's storage are incomplete or wrong.
    pub(crate) fn object_store(&self) -> Result<Arc<dyn ObjectStore>, StoreError> {
        match self.0.as_ref() {
            Place::Directory(_) => Ok(Arc::new(DurableFiles::new())),
            Place::Bucket(bucket) => {
                cloud::open(bucket.service, &bucket.url, &bucket.environment).map_err(|reason| {
                    StoreError::Settings {
                        location: self.clone(),
                        reason,
                    }
                })
            }
        }
    }

    /// Whose storage it is, where it is not a local disk.
    pub(crate) fn service(&self) -> Option<Service> {
        match self.0.as_ref() {
            Place::Directory(_) => None,
            Place::Bucket(bucket) => Some(bucket.service),
        }
    }

    fn refused(&self, reason: &str) -> StoreError {
        StoreError::Location {
            given: self.to_string(),
            reason: reason.to_owned(),
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
            Some((scheme, rest)) => return bucket(scheme, rest),
        };
        if has_percent_escape(&path.to_string_lossy()) {
            // The table library would decode it, and look in another directory.
            return Err(refuse(
                "a path cannot have a percent sign before two hexadecimal digits",
            ));
        }
        let path = std::path::absolute(&path).map_err(|error| refuse(&error.to_string()))?;
        Ok(LakeLocation(Arc::new(Place::Directory(path))))
    }
}

/// A location by the URL of a bucket.
fn bucket(scheme: &str, rest: &str) -> Result<LakeLocation, StoreError> {
    // Somebody may have put a key before the bucket or behind the path: it must not come back in the answer.
    let shown = rest
        .rsplit('@')
        .next()
        .and_then(|rest| rest.split(['?', '#']).next());
    let refuse = |reason: &str| StoreError::Location {
        given: format!("{scheme}://{}", shown.unwrap_or_default()),
        reason: reason.to_owned(),
    };
    let scheme = match scheme {
        "s3a" => "s3",
        "gcs" => "gs",
        other => other,
    };
    let service = Service::of_scheme(scheme)
        .ok_or_else(|| refuse("expected a directory, or a URL that begins with file, s3, gs, az or abfss"))?;
    let mut url = Url::parse(&format!("{scheme}://{}", rest.trim_end_matches('/')))
        .map_err(|error| refuse(&error.to_string()))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(refuse("it names no bucket"));
    }
    let may_have_user = service == Service::Azure;
    if url.password().is_some()
        || !may_have_user && !url.username().is_empty()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(refuse(
            "credentials and options come from the environment, never from the URL",
        ));
    }
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    let bucket = Bucket {
        service,
        url,
        environment: Environment::default(),
    };
    Ok(LakeLocation(Arc::new(Place::Bucket(bucket))))
}

impl fmt::Display for LakeLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_ref() {
            Place::Directory(path) => path.display().fmt(f),
            Place::Bucket(bucket) => f.write_str(bucket.url.as_str().trim_end_matches('/')),
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
        let relative: LakeLocation = "lake".parse().unwrap();
        assert!(relative.directory().unwrap().is_absolute());
    }
    #[test]
    fn buckets_are_locations() {
        check("s3://bucket/lake/", Ok("s3://bucket/lake"));
        check("s3a://bucket/a/b", Ok("s3://bucket/a/b"));
        check("gs://bucket", Ok("gs://bucket"));
        check("az://container/lake", Ok("az://container/lake"));
        check(
            "abfss://container@account.dfs.core.windows.net/lake",
            Ok("abfss://container@account.dfs.core.windows.net/lake"),
        );
        check(
            "ftp://host/x",
            Err(
                r#""ftp://host/x" is not a lake location: expected a directory, or a URL that begins with file, s3, gs, az or abfss"#,
            ),
        );
        check(
            "s3:///lake",
            Err(r#""s3:///lake" is not a lake location: it names no bucket"#),
        );
    }

    #[test]
    fn a_credential_in_a_url_is_refused_and_not_repeated() {
        let words = "credentials and options come from the environment, never from the URL";
        for given in [
            "s3://KEY:SECRET@bucket/lake",
            "s3://SECRET@bucket/lake",
            "s3://bucket/lake?X-Amz-Signature=SECRET",
            "s3://bucket/lake#SECRET",
        ] {
            let message = format!(r#""s3://bucket/lake" is not a lake location: {words}"#);
            check(given, Err(&message));
        }
        let message =
            format!(r#""abfss://account.dfs.core.windows.net/lake" is not a lake location: {words}"#);
        check(
            "abfss://container:SECRET@account.dfs.core.windows.net/lake",
            Err(&message),
        );
    }

    #[test]
    fn a_location_is_a_path_in_a_store() {
        let check = |given: &str, store: &str, path: &str| {
            let location: LakeLocation = given.parse().unwrap();
            assert_eq!(location.object_store_url().unwrap().as_str(), store);
            assert_eq!(location.object_path().unwrap().as_ref(), path);
        };
        check("/var/a b", "file:///", "var/a b");
        check("s3://bucket/a%20b/c", "s3://bucket/", "a b/c");
        check("gs://bucket", "gs://bucket/", "");
    }
}
