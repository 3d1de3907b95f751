//! What a cloud's storage refused and why, in the words of its answer. Knows the answers of the services, never a credential.

use std::error::Error as StdError;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

/// Why a request could not be served, as far as somebody can do something about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    /// The bucket does not exist.
    #[error("there is no bucket {bucket:?}")]
    NoBucket {
        /// Its name.
        bucket: String,
    },

    /// The credentials are wrong or do not allow it.
    #[error("{reason} (credentials: {origin})")]
    Refused {
        /// The storage's words.
        reason: String,
        /// Where the credentials are from.
        origin: String,
    },

    /// Nothing names any credentials, and nothing answers where a cloud's own machines ask for theirs.
    #[error("the environment and the profiles name no credentials, and the machine has none of its own")]
    NoCredentials,

    /// Nothing answers at the storage's address.
    #[error("{reason}")]
    Unreachable {
        /// The address and what happened there.
        reason: String,
    },
}

impl Trouble {
    /// The trouble behind an error of a cloud's store, if it is one of these.
    pub(super) fn of(error: &Error, bucket: &str, origin: &str) -> Option<Trouble> {
        let text = error.to_string();
        if METADATA_HOSTS.iter().any(|host| text.contains(host)) {
            return Some(Trouble::NoCredentials);
        }
        if let Some(cause) = connection_error(error) {
            let reason = match address(&text) {
                Some(address) => format!("{address}: {cause}"),
                None => cause,
            };
            return Some(Trouble::Unreachable { reason });
        }
        let code = element(&text, "Code");
        if code.is_some_and(|code| NO_BUCKET_CODES.contains(&code)) {
            let bucket = bucket.to_owned();
            return Some(Trouble::NoBucket { bucket });
        }
        let is_refusal = code.is_some_and(|code| REFUSAL_CODES.contains(&code))
            || REFUSAL_STATUSES.iter().any(|status| text.contains(status));
        is_refusal.then(|| Trouble::Refused {
            reason: answer(&text),
            origin: origin.to_owned(),
        })
    }

    /// The trouble somewhere among the causes of an error.
    pub(crate) fn among<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Trouble> {
        causes(error).find_map(|cause| cause.downcast_ref::<Trouble>())
    }
}

/// Statuses of answers, as the client writes them: not every request turns them into errors of a kind of their own.
const REFUSAL_STATUSES: [&str; 2] = ["status code: 401 ", "status code: 403 "];

/// Codes in answers.
const NO_BUCKET_CODES: [&str; 2] = ["NoSuchBucket", "ContainerNotFound"];
const REFUSAL_CODES: [&str; 4] = [
    "AuthorizationHeaderMalformed",
    "InvalidToken",
    "ExpiredToken",
    "AuthenticationFailed",
];

/// Where machines in a cloud ask for credentials of their own, over HTTP; never an address of a storage.
const METADATA_HOSTS: [&str; 3] = ["169.254.169.254", "169.254.170.2", "metadata.google.internal"];

/// Characters of an answer of no known form that are worth repeating.
const ANSWER_CHARS_MAX: usize = 300;

/// What is at the bottom of an error if a connection, or an answer on it, was not to be had.
fn connection_error(error: &Error) -> Option<String> {
    let http = causes(error).find_map(|cause| cause.downcast_ref::<HttpError>())?;
    let is_connection = matches!(http.kind(), HttpErrorKind::Connect | HttpErrorKind::Timeout);
    is_connection.then(|| causes(http).last().map_or_else(String::new, ToString::to_string))
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| StdError::source(error))
}

/// Scheme, host and port of the address that a request went to, which the client names in its errors.
fn address(text: &str) -> Option<&str> {
    let scheme_end = text.find("://")?;
    let begin = text[..scheme_end].rfind(' ').map_or(0, |space| space + 1);
    let url = text[begin..].split([' ', '?']).next()?;
    let host = url.find("://")? + 3;
    let end = url[host..].find('/').map_or(url.len(), |slash| host + slash);
    Some(&url[..end])
}

/// Code and message of an answer, or its last part where it has none.
fn answer(text: &str) -> String {
    match (element(text, "Code"), element(text, "Message")) {
        (Some(code), Some(message)) => {
            format!(
                "{code}: {}",
                message.lines().next().unwrap_or_default().trim_end_matches('.')
            )
        }
        (Some(code), None) => code.to_owned(),
        _ => {
            let last = text.rsplit("status code: ").next().unwrap_or(text);
            last.trim_end_matches([':', ' '])
                .chars()
                .take(ANSWER_CHARS_MAX)
                .collect()
        }
    }
}

fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let begin = text.find(&format!("<{name}>"))? + name.len() + 2;
    let length = text[begin..].find(&format!("</{name}>"))?;
    Some(&text[begin..begin + length])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The trouble that the client's text means, as people read it.
    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let error = Error::Generic {
            store: "S3",
            source: text.into(),
        };
        let found = Trouble::of(&error, "lakes", "AWS_ACCESS_KEY_ID").map(|trouble| trouble.to_string());
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn answers_are_understood() {
        let before = "Error performing GET http://127.0.0.1:9000/lakes?list-type=2 in 9ms - Server returned non-2xx status code: ";
        let xml = |code: &str, message: &str| {
            format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>")
        };
        check(
            &format!(
                "{before}403 Forbidden: {}",
                xml("InvalidAccessKeyId", "No such key.")
            ),
            Some("InvalidAccessKeyId: No such key (credentials: AWS_ACCESS_KEY_ID)"),
        );
        check(
            &format!("{before}403 Forbidden: "),
            Some("403 Forbidden (credentials: AWS_ACCESS_KEY_ID)"),
        );
        check(
            &format!(
                "{before}400 Bad Request: {}",
                xml(
                    "AuthorizationHeaderMalformed",
                    "The region is wrong; expecting 'eu-west-1'"
                )
            ),
            Some(
                "AuthorizationHeaderMalformed: The region is wrong; expecting 'eu-west-1' (credentials: AWS_ACCESS_KEY_ID)",
            ),
        );
        check(
            &format!("{before}404 Not Found: {}", xml("NoSuchBucket", "none")),
            Some("there is no bucket \"lakes\""),
        );
        check(
            "Error performing PUT http://169.254.169.254/latest/api/token in 5s - HTTP error: timed out",
            Some("the environment and the profiles name no credentials, and the machine has none of its own"),
        );
        check(
            &format!("{before}404 Not Found: {}", xml("NoSuchKey", "none")),
            None,
        );
        check(
            &format!(
                "{before}500 Internal Server Error: {}",
                xml("InternalError", "none")
            ),
            None,
        );
    }

    #[test]
    fn a_connection_that_fails_is_named_by_its_address() {
        let cause = std::io::Error::other("Connection refused");
        let error = Error::Generic {
            store: "S3",
            source: HttpError::new(HttpErrorKind::Connect, cause).into(),
        };
        let words = |error: &Error| Trouble::of(error, "lakes", "").map(|trouble| trouble.to_string());
        assert_eq!(words(&error).as_deref(), Some("Connection refused"));
        assert_eq!(
            address("Error performing GET https://127.0.0.1:9/lakes/x?y=http://z in 2s"),
            Some("https://127.0.0.1:9")
        );
        assert_eq!(
            address("Error performing GET http://127.0.0.1:9 in 2s"),
            Some("http://127.0.0.1:9")
        );
        assert_eq!(address("Error performing REDACTED in 2s"), None);
    }
}
