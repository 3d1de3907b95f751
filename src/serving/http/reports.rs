//! `GET /api/v1/reports/{name}`: the reports of the command line, asked for with the same options as parameters, `as_of` for `--as-of`.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use axum::Extension;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clap::{Arg, ArgMatches, Command, FromArgMatches, Subcommand};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::error;

use crate::command::lake::SERVING_STACK_BYTES;
use crate::report::{Drawing, Made, OF_COMMAND_LINE, Report};
use crate::serving::http::accept::{CSV, Form, HTML, JSON, MARKDOWN, TEXT, form};
use crate::serving::http::answering::Record;
use crate::serving::http::limits::Admitted;
use crate::serving::http::problem::Problem;
use crate::serving::http::{Api, Caller};

/// Where reports are.
pub(super) const PATH: &str = "/api/v1/reports/{name}";
/// The same without the name.
pub(super) const PREFIX: &str = "/api/v1/reports/";
/// What is missing in the lake, if that is why a report says little.
const REMARK: HeaderName = HeaderName::from_static("slowlake-remark");
/// The parameter that chooses the form.
pub(super) const FORMAT: &str = "format";
/// Columns of a report as text.
const COLUMNS: usize = 120;

/// The reports and their options, as the command line has them.
static COMMAND: LazyLock<Command> = LazyLock::new(|| {
    let command = Command::new("report")
        .no_binary_name(true)
        .disable_help_subcommand(true);
    Report::augment_subcommands(command)
});

/// Names of all reports, and what they are about.
pub(super) fn list() -> impl Iterator<Item = (&'static str, String)> {
    COMMAND.get_subcommands().map(|report| {
        let about = report.get_about().map(ToString::to_string);
        (report.get_name(), about.unwrap_or_default())
    })
}

/// The options of a report that there is.
pub(super) fn options(name: &str) -> impl Iterator<Item = &'static Arg> {
    let report = COMMAND.find_subcommand(name);
    let options = report.into_iter().flat_map(Command::get_arguments);
    options.filter(|option| !OF_COMMAND_LINE.contains(&option.get_id().as_str()))
}

/// The forms of a report, the usual one first.
pub(super) fn forms(name: &str) -> Vec<Form> {
    let report = COMMAND.find_subcommand(name);
    let mut arguments = report.into_iter().flat_map(Command::get_arguments);
    let output = arguments.find(|option| option.get_id() == "output");
    let values = output.map(Arg::get_possible_values).unwrap_or_default();
    [JSON, HTML, MARKDOWN, CSV, TEXT]
        .into_iter()
        .filter(|form| values.iter().any(|value| value.get_name() == form.name))
        .collect()
}

/// Computes a report and sends it.
pub(super) async fn report(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    name: Result<Path<String>, PathRejection>,
    parameters: Result<Query<Vec<(String, String)>>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(name) = name.map_err(|_| unknown("that"))?;
    let Query(parameters) =
        parameters.map_err(|_| Problem::unprocessable("the parameters cannot be read"))?;
    if COMMAND.find_subcommand(&name).is_none() {
        return Err(unknown(&name));
    }
    let (report, form) = read(&name, &parameters, &headers)?;
    let admitted = api.reports.admit(&caller.owner).await?;
    let mut record = Record::new(api.shared.clone(), &caller, words(&name, &parameters));
    match make(&api, report, admitted).await {
        Ok(made) => {
            record.succeeded();
            Ok(response(made, form))
        }
        Err(problem) => {
            record.failed(problem.code());
            Err(problem)
        }
    }
}

fn unknown(name: &str) -> Problem {
    let names: Vec<&str> = list().map(|(name, _)| name).collect();
    let detail = format!("there is no report \"{name}\"");
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
        .with_hint(format!("the reports are {}", names.join(", ")))
}

/// What is asked for, and in which form.
fn read(name: &str, parameters: &[(String, String)], headers: &HeaderMap) -> Result<(Report, Form), Problem> {
    let mut named = None;
    let mut line = vec![name.to_owned()];
    for (key, value) in parameters {
        if key == FORMAT {
            if named.replace(value.as_str()).is_some() {
                return Err(Problem::unprocessable("format is there twice"));
            }
            continue;
        }
        let option = options(name).find(|option| option.get_id() == key.as_str());
        let Some(long) = option.and_then(Arg::get_long) else {
            return Err(no_option(name, key));
        };
        line.push(format!("--{long}={value}"));
    }
    let form = form(named, headers, &forms(name))?;
    line.push(format!("--output={}", form.name));
    let report = COMMAND
        .clone()
        .try_get_matches_from(line)
        .and_then(|matches: ArgMatches| Report::from_arg_matches(&matches));
    let report = report.map_err(|wrong| Problem::unprocessable(first_paragraph(&wrong.to_string())))?;
    Ok((report, form))
}

fn no_option(name: &str, key: &str) -> Problem {
    let names: BTreeSet<&str> = options(name).map(|option| option.get_id().as_str()).collect();
    let names: Vec<&str> = names.into_iter().chain([FORMAT]).collect();
    Problem::unprocessable(format!("{name} has no parameter \"{key}\""))
        .with_hint(format!("its parameters are {}", names.join(", ")))
}

/// An error of the command line in one line.
fn first_paragraph(text: &str) -> String {
    let first = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = first.trim_start_matches("error: ").split_whitespace().collect();
    words.join(" ")
}

/// What was asked for, for the audit.
fn words(name: &str, parameters: &[(String, String)]) -> String {
    let mut words = format!("report {name}");
    for (key, value) in parameters {
        words.push_str(&format!(" {key}={value}"));
    }
    words
}

/// Computes a report on a thread of its own, for much of it is arithmetic that would keep others waiting. Dropping this stops it.
async fn make(api: &Api, report: Report, admitted: Admitted) -> Result<Made, Problem> {
    let (mut sender, receiver) = oneshot::channel();
    let (session, lake) = (api.shared.lake.session(), api.shared.lake.location().to_string());
    let handle = Handle::current();
    let work = move || {
        let drawing = Drawing {
            form: report.form(),
            columns: COLUMNS,
            color: false,
            lake: &lake,
        };
        let made = handle.block_on(async {
            tokio::select! {
                made = report.make(&session, &drawing) => Some(made),
                () = sender.closed() => None,
            }
        });
        if let Some(made) = made {
            // Who waits for it may have gone in the meantime.
            let _ = sender.send(made);
        }
        drop(admitted);
    };
    let thread = std::thread::Builder::new().name("report".to_owned());
    let thread = thread.stack_size(SERVING_STACK_BYTES);
    if let Err(failure) = thread.spawn(work) {
        error!("cannot start a thread for a report: {failure}");
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "no thread to be had",
        ));
    }
    let limit = api.shared.limits.statement_timeout;
    match tokio::time::timeout(limit, receiver).await {
        Ok(Ok(made)) => made.map_err(Problem::from),
        // Only a panic leaves nothing behind.
        Ok(Err(_)) => Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the report ended in a mistake of slowlake, please report it",
        )),
        Err(_) => Err(Problem::timeout(limit)),
    }
}

fn response(made: Made, form: Form) -> Response {
    let mut response = ([(header::CONTENT_TYPE, form.content_type)], made.text).into_response();
    if let Some(remark) = made.remark {
        let value = HeaderValue::from_static(remark.text);
        response.headers_mut().insert(REMARK, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::OutputFormat;

    #[track_caller]
    fn check(name: &str, query: &[(&str, &str)], expected: Result<OutputFormat, &str>) {
        let parameters: Vec<(String, String)> = query
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let read = read(name, &parameters, &HeaderMap::new());
        let found = read
            .map(|(report, _)| report.form())
            .map_err(|problem| problem.line());
        match (found, expected) {
            (Err(line), Err(part)) => assert!(line.contains(part), "{line}"),
            (found, expected) => assert_eq!(found, expected.map_err(str::to_owned), "{name} {query:?}"),
        }
    }

    #[test]
    fn options_are_those_of_the_command_line() {
        check("top", &[], Ok(OutputFormat::Json));
        let all = [
            ("last", "7d"),
            ("order", "rows-examined"),
            ("limit", "3"),
            ("server", "a"),
            ("server", "--output=text"),
            ("sections", "all"),
            ("format", "html"),
        ];
        check("top", &all, Ok(OutputFormat::Html));
        check(
            "lag",
            &[("as_of", "2026-11-16"), ("objective", "99")],
            Ok(OutputFormat::Json),
        );
        check(
            "weekly",
            &[("to", "2026-11-16"), ("format", "markdown")],
            Ok(OutputFormat::Markdown),
        );
    }

    #[test]
    fn what_the_command_line_has_for_itself_is_nobody_elses() {
        for key in [
            "lake", "output", "file", "o", "record", "help", "threads", "", "from=x", "as-of",
        ] {
            check("regressions", &[(key, "x")], Err("has no parameter"));
        }
        check(
            "regressions",
            &[("server", "x"), ("record", "")],
            Err("has no parameter"),
        );
    }

    #[test]
    fn mistakes_are_said_in_a_line() {
        check(
            "top",
            &[("limit", "-1")],
            Err("invalid value '-1' for '--limit <LIMIT>'"),
        );
        check(
            "top",
            &[("limit", "1"), ("limit", "2")],
            Err("cannot be used multiple times"),
        );
        check(
            "top",
            &[("last", "7d"), ("from", "2026-11-16")],
            Err("cannot be used with"),
        );
        check("top", &[("order", "size")], Err("[possible values: time, calls"));
        check("top", &[("format", "pdf")], Err("there is no format"));
        check(
            "regressions",
            &[("format", "csv")],
            Err("format is one of json, html, markdown, text"),
        );
        check("top", &[("format", "json"), ("format", "json")], Err("twice"));
    }

    #[test]
    fn every_report_is_listed_with_its_forms() {
        let names: Vec<&str> = list().map(|(name, _)| name).collect();
        let expected = [
            "top",
            "weekly",
            "trends",
            "regressions",
            "lag",
            "growth",
            "advice",
        ];
        assert_eq!(names, expected);
        for (name, about) in list() {
            assert!(!about.is_empty() && forms(name).starts_with(&[JSON]), "{name}");
        }
    }
}
