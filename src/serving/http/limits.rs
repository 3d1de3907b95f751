//! How much at the same time, and how much at once: places for statements and reports, and bodies of requests. Knows nothing of what is
//! asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::serving::http::problem::Problem;

/// The longest body of a request, bytes.
pub(super) const BODY_BYTES_MAX: usize = 1 << 20;
/// How long a body may take to come.
const BODY_MAX: Duration = Duration::from_secs(30);

/// How many statements are worked on at the same time, and how many of one owner of tokens.
pub(super) const STATEMENTS_MAX: Places = Places {
    all: 64,
    own: 16,
    wait: WAIT_MAX,
};
/// The same of reports, each of which has a thread of its own.
pub(super) const REPORTS_MAX: Places = Places {
    all: 4,
    own: 2,
    wait: WAIT_MAX,
};
/// How long a request waits for a place.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// So many at the same time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    pub(super) all: usize,
    /// Of one owner of tokens.
    pub(super) own: usize,
    /// How long somebody waits for one.
    pub(super) wait: Duration,
}

/// Gives places to those who ask.
pub(super) struct Admission {
    places: Places,
    all: Arc<Semaphore>,
    own: BTreeMap<String, Arc<Semaphore>>,
}

/// A place, for as long as somebody has it.
pub(super) struct Admitted {
    _all: OwnedSemaphorePermit,
    _own: Option<OwnedSemaphorePermit>,
}

impl Admission {
    /// Places for these owners together; who is nobody of them only shares what there is for all.
    pub(super) fn new<'a>(places: Places, owners: impl Iterator<Item = &'a str>) -> Admission {
        let own = owners.map(|owner| (owner.to_owned(), Arc::new(Semaphore::new(places.own))));
        Admission {
            places,
            all: Arc::new(Semaphore::new(places.all)),
            own: own.collect(),
        }
    }

    /// Waits for a place, not for long.
    pub(super) async fn admit(&self, owner: &str) -> Result<Admitted, Problem> {
        let of_owner = match self.own.get(owner) {
            None => None,
            Some(own) => Some(self.place(own).await.ok_or_else(|| {
                let detail = format!("\"{owner}\" has {} of these at work already", self.places.own);
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
                    .retry_after(self.places.wait)
            })?),
        };
        let all = self.place(&self.all).await.ok_or_else(|| {
            let detail = format!("{} of these are at work already", self.places.all);
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retry_after(self.places.wait)
        })?;
        Ok(Admitted {
            _all: all,
            _own: of_owner,
        })
    }

    async fn place(&self, places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        let place = timeout(self.places.wait, places.clone().acquire_owned()).await;
        // Nobody closes them.
        place.ok()?.ok()
    }
}

/// The JSON in the body of a request.
pub(super) async fn json_body(request: Request) -> Result<Bytes, Problem> {
    let headers = request.headers();
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.map_or(Some(""), |value| value.to_str().ok());
    if !content_type.is_some_and(is_json) || headers.contains_key(header::CONTENT_ENCODING) {
        let detail = "the body must be JSON in UTF-8, not encoded";
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            detail,
        )
        .with_hint("send the header Content-Type: application/json".to_owned()));
    }
    // The router's body limit ends it.
    let read = timeout(BODY_MAX, Bytes::from_request(request, &())).await;
    let read = read.map_err(|_| {
        let detail = format!("the body did not come in {} s", BODY_MAX.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail)
    })?;
    read.map_err(|rejection| match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("the body is longer than {BODY_BYTES_MAX} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", detail)
        }
        _ => Problem::new(StatusCode::BAD_REQUEST, "body", "the body cannot be read"),
    })
}

/// `application/json`, with no other `charset` than UTF-8.
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let is_type = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("application/json"));
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.eq_ignore_ascii_case("charset")
            .then_some(value.trim_matches('"'))
    });
    is_type && charset.is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_takes_all_the_places() {
        let places = Places {
            all: 3,
            own: 2,
            wait: Duration::from_millis(1),
        };
        let admission = Admission::new(places, ["ann", "bob"].into_iter());
        let code = |admitted: Result<Admitted, Problem>| admitted.map_err(|problem| problem.code()).err();
        let first = admission.admit("ann").await;
        let second = admission.admit("ann").await;
        assert_eq!(code(admission.admit("ann").await), Some("too_many_requests"));
        let third = admission.admit("bob").await;
        assert_eq!(code(admission.admit("bob").await), Some("busy"));
        assert_eq!(code(admission.admit("").await), Some("busy"));
        drop(first);
        assert_eq!(code(admission.admit("ann").await), None);
        drop((second, third));
    }

    #[test]
    fn only_json_is_json() {
        for yes in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
        ] {
            assert!(is_json(yes), "{yes}");
        }
        for no in [
            "",
            "text/plain",
            "application/jsonp",
            "application/json; charset=latin1",
        ] {
            assert!(!is_json(no), "{no}");
        }
    }
}
