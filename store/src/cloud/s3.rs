//! The store of an S3 bucket. Settings come from the environment, then from the profile; credentials from the first of: keys in the
//! environment, a web identity, the profile, the container's, the instance's role.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use url::Url;

use super::aws_profile::Profile;
use super::{Environment, client, reason, retry};

/// The store, and where its credentials are from.
pub(super) fn open(url: &Url, environment: &Environment) -> Result<(Arc<dyn ObjectStore>, String), String> {
    let profile = Profile::read(environment)?;
    let from_profile = |name: &str| profile.as_ref().and_then(|profile| profile.get(name));
    let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]
        .into_iter()
        .find_map(|name| environment.get(name))
        .or_else(|| from_profile("endpoint_url"));

    let mut builder = AmazonS3Builder::new()
        .with_retry(retry())
        .with_client_options(client(endpoint));
    for (name, value) in environment.starting_with("AWS_") {
        if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if environment
        .first_of(&["AWS_REGION", "AWS_DEFAULT_REGION"])
        .is_none()
        && let Some(region) = from_profile("region")
    {
        builder = builder.with_region(region);
    }
    let origin = match (origin_in(environment), &profile) {
        (Some(origin), _) => origin.to_owned(),
        (None, Some(profile)) if profile.has_credentials() => {
            for (name, key) in PROFILE_CREDENTIALS {
                if let Some(value) = profile.get(name) {
                    builder = builder.with_config(key, value);
                }
            }
            profile.name().to_owned()
        }
        (None, Some(profile)) if profile.is_named() => return Err(profile.lacks_credentials()),
        (None, _) => "the instance's role".to_owned(),
    };
    let store = builder
        .with_url(url.as_str())
        .build()
        .map_err(|error| reason(&error))?;
    Ok((Arc::new(store), origin))
}

const PROFILE_CREDENTIALS: [(&str, AmazonS3ConfigKey); 5] = [
    ("aws_access_key_id", AmazonS3ConfigKey::AccessKeyId),
    ("aws_secret_access_key", AmazonS3ConfigKey::SecretAccessKey),
    ("aws_session_token", AmazonS3ConfigKey::Token),
    ("web_identity_token_file", AmazonS3ConfigKey::WebIdentityTokenFile),
    ("role_arn", AmazonS3ConfigKey::RoleArn),
];

/// The variable by which the environment itself has credentials, or says that none are wanted.
fn origin_in(environment: &Environment) -> Option<&'static str> {
    environment.first_of(&[
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_SKIP_SIGNATURE",
    ])
}
