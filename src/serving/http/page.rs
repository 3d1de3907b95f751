//! `GET /`: for somebody who comes with a browser, what there is and where.

use axum::http::header;
use axum::response::IntoResponse;
use maud::{DOCTYPE, html};

use crate::serving::http::accept::HTML;
use crate::serving::http::{openapi, reports, sql};

/// A few links.
pub(super) async fn page() -> impl IntoResponse {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { "slowlake" }
                style { "body{font:16px/1.5 system-ui,sans-serif;max-width:45rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}" }
            }
            body {
                h1 { "slowlake" }
                p { "The slow queries of a whole fleet of databases, as reports and as SQL." }
                h2 { "Reports" }
                ul {
                    @for (name, about) in reports::list() {
                        li { a href=(format!("{}{name}?format=html", reports::PREFIX)) { (name) } ": " (about) }
                    }
                }
                h2 { "For programs" }
                ul {
                    li { code { "POST " (sql::PATH) } " runs a statement" }
                    li { a href=(openapi::PATH) { (openapi::PATH) } " describes everything here" }
                    li { a href="/healthz" { "/healthz" } ", " a href="/readyz" { "/readyz" } " and " a href="/metrics" { "/metrics" } " are for monitoring" }
                }
            }
        }
    };
    ([(header::CONTENT_TYPE, HTML.content_type)], page.into_string())
}
