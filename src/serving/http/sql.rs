//! `POST /api/v1/sql`: one statement, its rows as JSON, CSV or Arrow, sent as they come.

mod answer;

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use slowlake_sql::Value;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::serving::http::accept::{ARROW, CSV, Form, JSON, form};
use crate::serving::http::answering::Record;
use crate::serving::http::limits::json_body;
use crate::serving::http::openapi;
use crate::serving::http::problem::Problem;
use crate::serving::http::sql::answer::{Answer, Limits};
use crate::serving::http::{Api, Caller};

/// Where statements are run.
pub(super) const PATH: &str = "/api/v1/sql";
/// Forms of an answer.
pub(super) const FORMS: [Form; 3] = [JSON, CSV, ARROW];

/// A statement to run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SqlRequest {
    /// One statement that reads: a query, EXPLAIN, SHOW or DESCRIBE.
    #[schema(min_length = 1)]
    sql: String,
    /// Values for $1, $2 and so on: null, booleans, numbers and texts.
    #[serde(default)]
    #[schema(schema_with = openapi::parameters)]
    parameters: Vec<serde_json::Value>,
    /// The form of the answer, stronger than Accept.
    #[schema(schema_with = openapi::formats)]
    format: Option<String>,
    /// The longest that it may take, rows included, milliseconds; no more than the server allows.
    #[schema(minimum = 1)]
    timeout_ms: Option<u64>,
    /// The answer ends after so many rows.
    max_rows: Option<u64>,
}

/// A value of a request as one of SQL.
fn parameter((i, value): (usize, &serde_json::Value)) -> Result<Value<'_>, Problem> {
    use serde_json::Value as Json;
    let wrong = |what: &str| Problem::unprocessable(format!("parameters: ${} {what}: {value}", i + 1));
    Ok(match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(*value),
        Json::String(text) => Value::Text(text),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Value::Integer(i128::from(value)),
            (None, Some(value)) if number.is_f64() => Value::Float(value),
            _ => return Err(wrong("is beyond 64 bits")),
        },
        Json::Array(_) | Json::Object(_) => {
            return Err(wrong("is neither null, a boolean, a number nor a text"));
        }
    })
}

/// Runs a statement. What goes wrong before the first rows has its status; what goes wrong after them breaks the answer off.
pub(super) async fn run(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Problem> {
    if request.version() < Version::HTTP_11 {
        let detail = "without chunks an answer that breaks off looks like one that ends";
        return Err(
            Problem::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "http_version", detail)
                .with_hint("speak HTTP/1.1".to_owned()),
        );
    }
    let headers = request.headers().clone();
    let asked = parse(&json_body(request).await?)?;
    let form = form(asked.format.as_deref(), &headers, &FORMS)?;
    let limit = api.shared.limits.statement_timeout;
    let timeout = timeout(asked.timeout_ms, limit)?;
    let limits = Limits {
        deadline: Instant::now() + timeout,
        timeout,
        rows_asked: asked.max_rows.unwrap_or(u64::MAX),
        rows_max: api.shared.limits.rows,
    };
    let parameters = asked.parameters.iter().enumerate().map(parameter);
    let parameters = parameters.collect::<Result<Vec<_>, _>>()?;
    let admitted = api.statements.admit(&caller.owner).await?;
    let mut record = Record::new(api.shared.clone(), &caller, asked.sql.clone());
    let session = api.shared.lake.session();
    let began = async {
        let result = session.query_with(&asked.sql, &parameters).await?;
        Answer::begin(result, form, limits).await
    };
    let began = tokio::time::timeout_at(limits.deadline, began).await;
    match began.unwrap_or_else(|_| Err(Problem::timeout(timeout))) {
        Ok(answer) => {
            let body = answer.into_body(record, admitted, caller.peer);
            Ok(([(header::CONTENT_TYPE, form.content_type)], body).into_response())
        }
        Err(problem) => {
            record.failed(problem.code());
            Err(problem)
        }
    }
}

fn parse(body: &[u8]) -> Result<SqlRequest, Problem> {
    let example =
        "send {\"sql\": \"SELECT …\"}, and parameters, format, timeout_ms or max_rows where you like";
    serde_json::from_slice(body).map_err(|error| {
        let problem = match error.classify() {
            serde_json::error::Category::Data => Problem::unprocessable(format!("the body: {error}")),
            _ => Problem::new(
                StatusCode::BAD_REQUEST,
                "json",
                format!("the body is not JSON: {error}"),
            ),
        };
        problem.with_hint(example.to_owned())
    })
}

fn timeout(asked_ms: Option<u64>, limit: Duration) -> Result<Duration, Problem> {
    let Some(ms) = asked_ms else {
        return Ok(limit);
    };
    let asked = Duration::from_millis(ms);
    if asked.is_zero() || asked > limit {
        return Err(Problem::unprocessable(format!(
            "timeout_ms: {ms} is not between 1 and {}",
            limit.as_millis()
        )));
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Result<&str, &str>) {
        let parsed = parse(body.as_bytes()).and_then(|request| {
            let values = request.parameters.iter().enumerate().map(parameter);
            let values = values.collect::<Result<Vec<_>, _>>()?;
            Ok(format!("{} {values:?}", request.sql))
        });
        let found = parsed.as_deref().map_err(Problem::code);
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn bodies_are_read_strictly() {
        check(r#"{"sql":"SELECT 1"}"#, Ok("SELECT 1 []"));
        check(
            r#"{"sql":"x","parameters":[null,true,-7,1.5,"a"],"format":null}"#,
            Ok(r#"x [Null, Boolean(true), Integer(-7), Float(1.5), Text("a")]"#),
        );
        for not_json in ["", "{", "SELECT 1", "{\"sql\":\"\u{1}\"}", "{\"sql\":\"x\"} x"] {
            check(not_json, Err("json"));
        }
        for other in [
            "{}",
            "[]",
            "null",
            r#"{"sql":7}"#,
            r#"{"sql":"x","parameters":[[1]]}"#,
            r#"{"sql":"x","parameters":[18446744073709551615]}"#,
            r#"{"sql":"x","parameters":{}}"#,
            r#"{"sql":"x","max_rows":-1}"#,
            r#"{"sql":"x","max_rows":1.5}"#,
            r#"{"sql":"x","lake":"/"}"#,
            r#"{"sql":"x","sql":"y"}"#,
        ] {
            check(other, Err("unprocessable"));
        }
        let deep = format!(r#"{{"sql":"x","parameters":[{}"#, "[".repeat(100_000));
        check(&deep, Err("json"));
    }

    #[test]
    fn nobody_asks_for_more_time_than_there_is() {
        let check = |asked, expected| {
            let found = timeout(asked, Duration::from_secs(60)).ok();
            assert_eq!(found.map(|time| time.as_millis()), expected);
        };
        check(None, Some(60_000));
        check(Some(1), Some(1));
        check(Some(60_000), Some(60_000));
        check(Some(60_001), None);
        check(Some(0), None);
        check(Some(u64::MAX), None);
    }
}
