//! What went wrong, as RFC 9457 has it: `application/problem+json` with the status, what it was, and what to do about it. Decides nothing.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use slowlake_analyze::AnalyzeError;
use slowlake_sql::SqlError;
use utoipa::ToSchema;

use crate::report::ReportError;

/// What [`Problem`] is.
pub(super) const PROBLEM_TYPE: &str = "application/problem+json";

/// An error of the HTTP API.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Problem {
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What kind of error it is, for programs; names stay, new ones may come.
    code: &'static str,
    /// What was wrong, with the offending value and the limit.
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem {
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            hint: None,
            headers: Vec::new(),
        }
    }

    pub(super) fn with_hint(self, hint: impl Into<Option<String>>) -> Problem {
        Problem {
            hint: hint.into(),
            ..self
        }
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.headers.push((name, value));
        self
    }

    /// The same for somebody who may come again after so long.
    pub(super) fn retry_after(self, wait: Duration) -> Problem {
        self.with_header(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)))
    }

    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// A request that says nothing that can be done: a form, an option, a value.
    pub(super) fn unprocessable(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", detail)
    }

    /// A mistake of slowlake's own.
    pub(super) fn internal(error: &anyhow::Error) -> Problem {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("internal error, please report it: {error:#}"),
        )
    }

    /// What was asked takes longer than it may.
    pub(super) fn timeout(limit: Duration) -> Problem {
        let detail = format!("stopped at its time limit of {} ms", limit.as_millis());
        Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", detail)
            .with_hint("read less: a condition on ts, or the view rollup_hour".to_owned())
    }

    /// The document on one line.
    pub(super) fn line(&self) -> String {
        // Texts and a number are JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl From<SqlError> for Problem {
    fn from(error: SqlError) -> Problem {
        let (status, code) = match &error {
            SqlError::UnknownColumn { .. } => (StatusCode::BAD_REQUEST, "unknown_column"),
            SqlError::UnknownTable { .. } => (StatusCode::BAD_REQUEST, "unknown_table"),
            SqlError::UnknownFunction { .. } => (StatusCode::BAD_REQUEST, "unknown_function"),
            SqlError::ReadOnly { .. } => (StatusCode::FORBIDDEN, "read_only"),
            SqlError::TooLarge { .. } => (StatusCode::BAD_REQUEST, "too_large"),
            SqlError::Statement(_) => (StatusCode::BAD_REQUEST, "statement"),
            SqlError::Value(_) => (StatusCode::BAD_REQUEST, "value"),
            SqlError::Memory { .. } => (StatusCode::SERVICE_UNAVAILABLE, "memory"),
            SqlError::Storage(_) | SqlError::Lake(_) => (StatusCode::SERVICE_UNAVAILABLE, "storage"),
            #[cfg(feature = "cluster")]
            SqlError::Cluster(_) => (StatusCode::SERVICE_UNAVAILABLE, "cluster"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        let hint = error.hint();
        Problem::new(status, code, error.to_string()).with_hint(hint)
    }
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Problem {
        match error {
            ReportError::Option(error) => of_text(&format!("{error:#}")),
            ReportError::Job(AnalyzeError::Sql(error)) => Problem::from(error),
            ReportError::Job(error) => {
                let hint = error.hint();
                Problem::unprocessable(error.to_string()).with_hint(hint)
            }
            ReportError::Drawing(error) => Problem::internal(&error),
        }
    }
}

/// An error as a command line says it: the hint is on a line of its own.
fn of_text(text: &str) -> Problem {
    match text.split_once("\nhint: ") {
        Some((detail, hint)) => Problem::unprocessable(detail).with_hint(hint.to_owned()),
        None => Problem::unprocessable(text),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Made from the statuses that have names.
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = self.line() + "\n";
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_TYPE)], body).into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_and_what_to_do() {
        let problem = Problem::unprocessable("no").with_hint("yes".to_owned());
        assert_eq!(
            problem.line(),
            r#"{"title":"Unprocessable Entity","status":422,"code":"unprocessable","detail":"no","hint":"yes"}"#
        );
        let problem = of_text("the window is not understood: \"x\" is no time\nhint: write 2026-11-16");
        assert_eq!(problem.hint.as_deref(), Some("write 2026-11-16"));
        assert_eq!(problem.detail, "the window is not understood: \"x\" is no time");
    }

    #[test]
    fn who_must_act_decides_the_status() {
        let check = |error: SqlError, status: u16, code: &str| {
            let problem = Problem::from(error);
            assert_eq!((problem.status, problem.code), (status, code));
        };
        let read_only = SqlError::ReadOnly {
            statement: "DELETE".to_owned(),
        };
        check(read_only, 403, "read_only");
        check(SqlError::Statement("syntax".to_owned()), 400, "statement");
        check(SqlError::Storage("away".to_owned()), 503, "storage");
        check(SqlError::Internal("bug".to_owned()), 500, "internal");
    }

    #[test]
    fn waiting_is_a_second_at_least() {
        let problem = Problem::unprocessable("no").retry_after(Duration::from_millis(1));
        let response = problem.into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_TYPE);
    }
}
