//! Health, readiness and metrics over HTTP, for whatever watches over services. Answers from memory alone: a lake that cannot be reached
//! keeps nobody waiting.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::service::meter::{Meters, SourceState};

/// What [`Meters::text`] is.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is answered.
pub(crate) fn router(meters: Arc<Meters>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(meters)
}

/// Ready is who has no source that waits to be tried again, and reaches the lake.
async fn ready(State(meters): State<Arc<Meters>>) -> impl IntoResponse {
    let states = meters.states();
    let unreachable = meters.unreachable();
    let runs = states.iter().all(|(_, _, state)| *state == SourceState::Running);
    let is_ready = runs && unreachable.is_none();
    let sources: Vec<_> = states
        .iter()
        .map(|(kind, source, state)| match state {
            SourceState::Failing(why) => {
                json!({ "kind": kind, "source": source, "state": "failing", "why": why })
            }
            SourceState::Running | SourceState::Ended => {
                json!({ "kind": kind, "source": source, "state": "running" })
            }
        })
        .collect();
    let status = match is_ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut answer = json!({ "ready": is_ready, "sources": sources });
    if let Some(why) = unreachable {
        answer["lake"] = why.into();
    }
    (status, Json(answer))
}

async fn metrics(State(meters): State<Arc<Meters>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], meters.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_does_not_reach_the_lake_is_not_ready() {
        let meters = Meters::new();
        let status = async || ready(State(meters.clone())).await.into_response().status();
        assert_eq!(status().await, StatusCode::OK);
        meters.lake_is(Some("no answer".to_owned()));
        assert_eq!(status().await, StatusCode::SERVICE_UNAVAILABLE);
        meters.lake_is(None);
        assert_eq!(status().await, StatusCode::OK);
    }
}
