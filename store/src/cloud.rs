//! Lakes in the storage of a cloud: a location's object store, made from the settings and credentials of the environment. Credentials go
//! into the store and nowhere else: not into a lake, a location, an error or a log. Never connects: the first request does.

mod aws_profile;
mod environment;
mod guarded;
mod s3;
mod trouble;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use url::Url;

pub use environment::Environment;
use guarded::Guarded;
pub(crate) use trouble::Trouble;

/// Whose storage it is, by the protocol that it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Service {
    /// Amazon S3, and what is compatible with it.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage and Data Lake Storage.
    Azure,
}

impl Service {
    /// The service that a URL of this scheme means.
    pub(crate) fn of_scheme(scheme: &str) -> Option<Service> {
        match scheme {
            "s3" | "s3a" => Some(Service::S3),
            "gs" | "gcs" => Some(Service::Google),
            "az" | "azure" | "abfs" | "abfss" | "adl" => Some(Service::Azure),
            _ => None,
        }
    }

    /// The environment variables to look at when access is refused.
    pub(crate) fn credentials_hint(self) -> &'static str {
        match self {
            Service::S3 => {
                "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile that AWS_PROFILE names, and that they may list, read and write there"
            }
            Service::Google => {
                "check GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT, and that the account may list, read and write there"
            }
            Service::Azure => {
                "check AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or AZURE_STORAGE_SAS_TOKEN), and that they may list, read and write there"
            }
        }
    }

    /// The environment variables to look at when nothing answers.
    pub(crate) fn endpoint_hint(self) -> &'static str {
        match self {
            Service::S3 => "check AWS_ENDPOINT_URL (unset for Amazon's own), AWS_REGION and the network",
            Service::Google => "check GOOGLE_BASE_URL (unset for Google's own) and the network",
            Service::Azure => {
                "check AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ENDPOINT (unset for Azure's own) and the network"
            }
        }
    }
}

/// The store that reaches the bucket of `url`, its root being the bucket's.
///
/// # Errors
/// What is missing or wrong in the environment's settings, in words.
pub(crate) fn open(
    service: Service,
    url: &Url,
    environment: &Environment,
) -> Result<Arc<dyn ObjectStore>, String> {
    let (store, origin): (Arc<dyn ObjectStore>, String) = match service {
        Service::S3 => s3::open(url, environment)?,
        Service::Google => open_google(url, environment)?,
        Service::Azure => open_azure(url, environment)?,
    };
    Ok(Arc::new(Guarded::new(store, url, origin)))
}

/// Time for a connection to be made, and for a request with its answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A request that fails for a reason that may pass is repeated so often, and not begun again when so much time has gone by.
const RETRIES_MAX: usize = 5;
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: FIRST_BACKOFF,
            max_backoff: LONGEST_BACKOFF,
            ..BackoffConfig::default()
        },
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_TIMEOUT,
    }
}

/// How requests are made. Without encryption only where the endpoint is one that says so.
fn client(endpoint: Option<&str>) -> ClientOptions {
    ClientOptions::new()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_timeout(REQUEST_TIMEOUT)
        .with_allow_http(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")))
}

/// Why a store could not be made, without the client's words around it.
fn reason(error: &object_store::Error) -> String {
    let innermost = std::iter::successors(error.source(), |&error| Error::source(error)).last();
    innermost.map_or_else(|| error.to_string(), ToString::to_string)
}

fn open_google(url: &Url, environment: &Environment) -> Result<(Arc<dyn ObjectStore>, String), String> {
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_retry(retry())
        .with_client_options(client(environment.get("GOOGLE_BASE_URL")));
    for (name, value) in environment.starting_with("GOOGLE_") {
        if let Ok(key) = name.to_ascii_lowercase().parse::<GoogleConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    let origin = environment.first_of(&[
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_APPLICATION_CREDENTIALS",
    ]);
    let store = builder
        .with_url(url.as_str())
        .build()
        .map_err(|error| reason(&error))?;
    let origin = origin.map_or_else(
        || "gcloud's default credentials or the machine's own".to_owned(),
        str::to_owned,
    );
    Ok((Arc::new(store), origin))
}

fn open_azure(url: &Url, environment: &Environment) -> Result<(Arc<dyn ObjectStore>, String), String> {
    let endpoint = environment
        .get("AZURE_STORAGE_ENDPOINT")
        .or_else(|| environment.get("AZURE_ENDPOINT"));
    let mut builder = MicrosoftAzureBuilder::new()
        .with_retry(retry())
        .with_client_options(client(endpoint));
    for (name, value) in environment.starting_with("AZURE_") {
        if let Ok(key) = name.to_ascii_lowercase().parse::<AzureConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(endpoint) = environment.get("IDENTITY_ENDPOINT") {
        builder = builder.with_msi_endpoint(endpoint);
    }
    let origin = environment.first_of(&[
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_ACCESS_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_SAS_KEY",
        "AZURE_STORAGE_TOKEN",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_CLIENT_SECRET",
        "AZURE_STORAGE_CLIENT_SECRET",
    ]);
    let store = builder
        .with_url(url.as_str())
        .build()
        .map_err(|error| reason(&error))?;
    let origin = origin.map_or_else(|| "the machine's own identity".to_owned(), str::to_owned);
    Ok((Arc::new(store), origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let own = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        variables.iter().map(own).collect()
    }

    /// What the store says of itself, or why there is none.
    #[track_caller]
    fn check(url: &str, variables: &[(&str, &str)], expected: Result<&str, &str>) {
        let url = Url::parse(url).unwrap();
        let service = Service::of_scheme(url.scheme()).unwrap();
        let found = open(service, &url, &environment(variables));
        match (found, expected) {
            (Ok(store), Ok(words)) => assert_eq!(format!("{store:?} {store}"), format!("{words} {words}")),
            (Err(reason), Err(words)) => assert_eq!(reason, words),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn a_store_shows_no_credential() {
        let keys = [("AWS_ACCESS_KEY_ID", "ID"), ("AWS_SECRET_ACCESS_KEY", "SECRET")];
        check("s3://lakes/a/", &keys, Ok("s3://lakes"));
        assert_eq!(
            format!("{:?}", environment(&keys)),
            r#"{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}"#
        );
        let account =
            r#"{"disable_oauth": true, "client_email": "", "private_key": "SECRET", "private_key_id": ""}"#;
        check(
            "gs://lakes/a/",
            &[("GOOGLE_SERVICE_ACCOUNT_KEY", account)],
            Ok("gs://lakes"),
        );
        let key = [
            ("AZURE_STORAGE_ACCOUNT_NAME", "fleet"),
            ("AZURE_STORAGE_ACCOUNT_KEY", "U0VDUkVU"),
        ];
        check("az://lakes/a/", &key, Ok("az://lakes"));
        let token = [("AZURE_STORAGE_SAS_TOKEN", "?sv=2024&sig=SECRET")];
        check(
            "abfss://lakes@fleet.dfs.core.windows.net/a/",
            &token,
            Ok("abfss://lakes"),
        );
    }

    #[test]
    fn settings_that_lack_something_are_refused() {
        check(
            "s3://lakes/a/",
            &[("AWS_ACCESS_KEY_ID", "ID")],
            Err("Missing SecretAccessKey"),
        );
        check(
            "s3://lakes/a/",
            &[("HOME", "/nowhere"), ("AWS_PROFILE", "fleet")],
            Err(r#"there is no profile "fleet" of /nowhere/.aws/config and /nowhere/.aws/credentials"#),
        );
        check("az://lakes/a/", &[], Err("Account must be specified"));
    }

    #[test]
    fn keys_in_the_environment_count_before_a_profile() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials");
        std::fs::write(
            &file,
            "[default]\naws_access_key_id = ID\naws_secret_access_key = SECRET\n",
        )
        .unwrap();
        let file = file.display().to_string();
        let origin = |variables: &[(&str, &str)]| {
            let url = Url::parse("s3://lakes/a/").unwrap();
            s3::open(&url, &environment(variables)).unwrap().1
        };
        let profile = ("AWS_SHARED_CREDENTIALS_FILE", file.as_str());
        assert_eq!(origin(&[profile]), format!("profile \"default\" of {file}"));
        let keys = [("AWS_ACCESS_KEY_ID", "ID"), ("AWS_SECRET_ACCESS_KEY", "SECRET")];
        assert_eq!(origin(&[profile, keys[0], keys[1]]), "AWS_ACCESS_KEY_ID");
        assert_eq!(origin(&[]), "the instance's role");
    }
}
