//! Which form of an answer a client wants: what it names, else what its `Accept` likes best, else the first that there is.

use axum::http::{HeaderMap, StatusCode, header};

use crate::serving::http::problem::Problem;

/// A form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// What `format` calls it.
    pub(super) name: &'static str,
    /// Its media type without parameters.
    pub(super) media_type: &'static str,
    /// What is sent as `Content-Type`.
    pub(super) content_type: &'static str,
}

pub(super) const JSON: Form = Form {
    name: "json",
    media_type: "application/json",
    content_type: "application/json",
};
pub(super) const CSV: Form = Form {
    name: "csv",
    media_type: "text/csv",
    content_type: "text/csv; charset=utf-8; header=present",
};
pub(super) const ARROW: Form = Form {
    name: "arrow",
    media_type: "application/vnd.apache.arrow.stream",
    content_type: "application/vnd.apache.arrow.stream",
};
pub(super) const HTML: Form = Form {
    name: "html",
    media_type: "text/html",
    content_type: "text/html; charset=utf-8",
};
pub(super) const MARKDOWN: Form = Form {
    name: "markdown",
    media_type: "text/markdown",
    content_type: "text/markdown; charset=utf-8",
};
pub(super) const TEXT: Form = Form {
    name: "text",
    media_type: "text/plain",
    content_type: "text/plain; charset=utf-8",
};

/// The form to answer in; `forms` are those that there are, the usual one first.
pub(super) fn form(named: Option<&str>, headers: &HeaderMap, forms: &[Form]) -> Result<Form, Problem> {
    let names = || forms.iter().map(|form| form.name).collect::<Vec<_>>().join(", ");
    if let Some(name) = named {
        let found = forms.iter().find(|form| form.name == name);
        return found.copied().ok_or_else(|| {
            Problem::unprocessable(format!("there is no format \"{name}\" here"))
                .with_hint(format!("format is one of {}", names()))
        });
    }
    let accepted: Vec<&str> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .collect();
    if accepted.is_empty() {
        return Ok(forms[0]);
    }
    let mut best: Option<(f32, Form)> = None;
    for form in forms {
        let quality = quality(form, &accepted);
        // Of equals the first, which is the usual one.
        if quality > 0.0 && best.is_none_or(|(best, _)| quality > best) {
            best = Some((quality, *form));
        }
    }
    best.map(|(_, form)| form).ok_or_else(|| {
        let types: Vec<&str> = forms.iter().map(|form| form.media_type).collect();
        let detail = format!(
            "no form of this answer is acceptable: \"{}\"",
            accepted.join(", ")
        );
        Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", detail)
            .with_hint(format!("there are {}", types.join(", ")))
    })
}

/// How much a form is liked, 0 to 1: by the range that names it most exactly.
fn quality(form: &Form, accepted: &[&str]) -> f32 {
    let (of_kind, _) = form.media_type.split_once('/').unwrap_or_default();
    let mut found: Option<(u8, f32)> = None;
    for range in accepted {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let exactness = match name.split_once('/') {
            _ if name.eq_ignore_ascii_case(form.media_type) => 2,
            Some((kind, "*")) if kind.eq_ignore_ascii_case(of_kind) => 1,
            Some(("*", "*")) => 0,
            _ => continue,
        };
        let weight = parts
            .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
            .map_or(Some(1.0), |number| number.parse().ok())
            .filter(|weight: &f32| (0.0..=1.0).contains(weight))
            .unwrap_or(0.0);
        if found.is_none_or(|(best, _)| exactness > best) {
            found = Some((exactness, weight));
        }
    }
    found.map_or(0.0, |(_, weight)| weight)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(named: Option<&str>, accept: &str, expected: Result<&str, &str>) {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).expect("a value"));
        }
        let found = form(named, &headers, &[JSON, CSV, ARROW]);
        let found = found.as_ref().map(|form| form.name).map_err(Problem::code);
        assert_eq!(found, expected, "{named:?} {accept}");
    }

    #[test]
    fn forms_are_chosen_as_rfc_9110_says() {
        check(None, "", Ok("json"));
        check(None, "*/*", Ok("json"));
        check(None, "text/csv", Ok("csv"));
        check(None, "TEXT/CSV;q=1", Ok("csv"));
        check(None, "text/*, application/json;q=0.5", Ok("csv"));
        check(
            None,
            "*/*;q=0.1, application/vnd.apache.arrow.stream",
            Ok("arrow"),
        );
        check(None, "application/json;q=0, */*", Ok("csv"));
        check(None, "application/json;q=x", Err("not_acceptable"));
        check(None, "text/html", Err("not_acceptable"));
        check(None, ", ,", Ok("json"));
        check(Some("csv"), "text/html", Ok("csv"));
        check(Some("CSV"), "", Err("unprocessable"));
    }
}
