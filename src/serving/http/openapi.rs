//! `GET /api/v1/openapi.json`: all of this as OpenAPI describes it. What can be asked of a report is read from the command line's own
//! options, so that the description cannot fall behind.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use clap::{Arg, ArgAction};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    ResponseBuilder, ResponsesBuilder, Schema,
};

use crate::serving::http::accept::{Form, JSON};
use crate::serving::http::problem::{PROBLEM_TYPE, Problem};
use crate::serving::http::sql::SqlRequest;
use crate::serving::http::{HEALTH, reports, sql};

/// Where the description is.
pub(super) const PATH: &str = "/api/v1/openapi.json";

const ABOUT: &str = "Reports and read-only SQL over an archive of slow queries. Errors are problem documents (RFC 9457) with a `code` for \
    programs and a `hint` for people. An answer that fails after its first rows breaks off: its last chunk never comes.";

/// The name of the scheme of tokens.
const TOKEN: &str = "token";

/// What may go wrong, and when.
const FAILURES: [(u16, &str); 14] = [
    (400, "The request cannot be read, or the statement is wrong"),
    (401, "No token, or none that is known"),
    (
        403,
        "It would change something, or the host's name is not this machine's",
    ),
    (404, "There is no such report"),
    (406, "None of the forms is acceptable"),
    (408, "The body came too slowly"),
    (413, "The body is too long"),
    (415, "The body is not JSON"),
    (422, "A value that means nothing"),
    (429, "Too much at the same time from this token's owner"),
    (500, "A mistake of slowlake"),
    (
        503,
        "Too much at the same time, too little memory, or the lake cannot be reached",
    ),
    (504, "It takes longer than it may"),
    (505, "HTTP below 1.1"),
];
/// Of reports: there is no body.
const OF_REPORTS: [u16; 9] = [400, 401, 403, 406, 422, 429, 500, 503, 504];
/// Of statements.
const OF_SQL: [u16; 13] = [400, 401, 403, 406, 408, 413, 415, 422, 429, 500, 503, 504, 505];
/// Of what only lets in or does not.
const OF_PAGES: [u16; 2] = [401, 403];

static DESCRIPTION: LazyLock<String> = LazyLock::new(|| {
    // Made of texts only.
    open_api().to_pretty_json().unwrap_or_default()
});

/// The description.
pub(super) async fn description() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON.content_type)], DESCRIPTION.as_str())
}

/// `parameters` of a statement.
pub(super) fn parameters() -> Schema {
    let types = [Type::Null, Type::Boolean, Type::Number, Type::String];
    let value = ObjectBuilder::new().schema_type(SchemaType::from_iter(types));
    ArrayBuilder::new().items(value).into()
}

/// `format` of a statement.
pub(super) fn formats() -> Schema {
    let names = sql::FORMS.map(|form| Some(form.name));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(names.into_iter().chain([None])))
        .into()
}

fn open_api() -> OpenApi {
    let mut paths = PathsBuilder::new()
        .path("/", page("The page with links to everything here", "text/html"))
        .path(HEALTH, page("Whether the process lives", "text/plain"))
        .path(
            "/metrics",
            page("Metrics as OpenMetrics has them", "application/openmetrics-text"),
        )
        .path("/readyz", readiness())
        .path(PATH, page("This description", "application/json"))
        .path(sql::PATH, statement());
    for (name, about) in reports::list() {
        paths = paths.path(format!("{}{name}", reports::PREFIX), report(name, &about));
    }
    let info = InfoBuilder::new()
        .title("slowlake")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(
            LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE")).build(),
        ));
    let components = ComponentsBuilder::new()
        .schema_from::<Problem>()
        .schema_from::<SqlRequest>()
        .security_scheme(TOKEN, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

fn page(about: &str, media_type: &str) -> PathItem {
    let text = ObjectBuilder::new().schema_type(if media_type == JSON.media_type {
        SchemaType::from(Type::Object)
    } else {
        SchemaType::from(Type::String)
    });
    let found = ResponseBuilder::new()
        .description("It is there")
        .content(media_type, ContentBuilder::new().schema(Some(text)).build());
    let responses = failures(&OF_PAGES).response("200", found);
    get(OperationBuilder::new().summary(Some(about)).responses(responses))
}

fn readiness() -> PathItem {
    let states = || {
        let object = ObjectBuilder::new().property("ready", ObjectBuilder::new().schema_type(Type::Boolean));
        ContentBuilder::new().schema(Some(object)).build()
    };
    let ready = ResponseBuilder::new()
        .description("Ready")
        .content(JSON.media_type, states());
    let waiting = ResponseBuilder::new()
        .description("Something waits to be tried again")
        .content(JSON.media_type, states());
    let responses = failures(&OF_PAGES)
        .response("200", ready)
        .response("503", waiting);
    let about = "Whether everything runs, and what does not";
    get(OperationBuilder::new().summary(Some(about)).responses(responses))
}

fn statement() -> PathItem {
    let body = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("SqlRequest")))
        .build();
    let request = RequestBodyBuilder::new()
        .required(Some(Required::True))
        .content(JSON.media_type, body)
        .build();
    let mut found = ResponseBuilder::new().description("The rows");
    for form in sql::FORMS {
        let schema: Schema = match form {
            JSON => ArrayBuilder::new()
                .items(ObjectBuilder::new().schema_type(Type::Object))
                .into(),
            _ => ObjectBuilder::new().schema_type(Type::String).into(),
        };
        found = found.content(
            form.media_type,
            ContentBuilder::new().schema(Some(schema)).build(),
        );
    }
    let operation = OperationBuilder::new()
        .summary(Some("Runs one statement that reads"))
        .operation_id(Some("sql"))
        .request_body(Some(request))
        .responses(failures(&OF_SQL).response("200", found));
    PathItem::new(HttpMethod::Post, guarded(operation))
}

fn report(name: &str, about: &str) -> PathItem {
    let forms = reports::forms(name);
    let mut found = ResponseBuilder::new().description("The report");
    for form in &forms {
        let kind = if *form == JSON { Type::Object } else { Type::String };
        let schema = ObjectBuilder::new().schema_type(kind);
        found = found.content(
            form.media_type,
            ContentBuilder::new().schema(Some(schema)).build(),
        );
    }
    let operation = OperationBuilder::new()
        .summary(Some(about))
        .operation_id(Some(format!("report_{name}")))
        .parameters(Some(
            reports::options(name).map(parameter).chain([format_of(&forms)]),
        ))
        .responses(failures(&OF_REPORTS).response("200", found));
    get(guarded(operation))
}

fn get(operation: OperationBuilder) -> PathItem {
    PathItem::new(HttpMethod::Get, operation)
}

fn guarded(operation: OperationBuilder) -> OperationBuilder {
    // Or without one, where the server has no tokens.
    operation
        .security(SecurityRequirement::new(TOKEN, [""; 0]))
        .security(SecurityRequirement::default())
}

fn failures(statuses: &[u16]) -> ResponsesBuilder {
    let mut responses = ResponsesBuilder::new();
    for (status, about) in FAILURES.iter().filter(|(status, _)| statuses.contains(status)) {
        let problem = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        let response = ResponseBuilder::new()
            .description(*about)
            .content(PROBLEM_TYPE, problem);
        responses = responses.response(status.to_string(), response);
    }
    responses
}

/// An option of the command line as a parameter.
fn parameter(option: &Arg) -> Parameter {
    let about = option.get_help().map(ToString::to_string).unwrap_or_default();
    let choices: Vec<String> = option
        .get_possible_values()
        .iter()
        .map(|value| value.get_name().to_owned())
        .collect();
    let mut one = ObjectBuilder::new().schema_type(match option.get_id().as_str() {
        "limit" => Type::Integer,
        "objective" => Type::Number,
        _ => Type::String,
    });
    if option.get_id() == "limit" {
        one = one.minimum(Some(0));
    }
    if !choices.is_empty() {
        one = one.enum_values(Some(choices));
    }
    let schema: RefOr<Schema> = match option.get_action() {
        ArgAction::Append => ArrayBuilder::new().items(one).into(),
        _ => one.into(),
    };
    query(option.get_id().as_str(), &about, schema)
}

fn format_of(forms: &[Form]) -> Parameter {
    let names = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(forms.iter().map(|form| form.name)));
    query(
        reports::FORMAT,
        "The form of the report, stronger than Accept",
        RefOr::T(names.into()),
    )
}

fn query(name: &str, about: &str, schema: RefOr<Schema>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(schema))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_of_every_report_is_described() {
        let description: serde_json::Value = serde_json::from_str(&DESCRIPTION).expect("JSON");
        for (name, _) in reports::list() {
            let operation = &description["paths"][format!("/api/v1/reports/{name}")]["get"];
            let described: Vec<&str> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|parameter| parameter["name"].as_str())
                .collect();
            for option in reports::options(name) {
                assert!(described.contains(&option.get_id().as_str()), "{name} {option}");
            }
            assert!(
                described.contains(&"format") && !described.contains(&"lake"),
                "{name}"
            );
        }
        let server = &description["paths"]["/api/v1/reports/top"]["get"]["parameters"];
        let server = server
            .as_array()
            .into_iter()
            .flatten()
            .find(|it| it["name"] == "server");
        assert_eq!(
            server.map(|it| it["schema"]["type"].clone()),
            Some("array".into())
        );
    }
}
