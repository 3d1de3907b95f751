//! HTTP over the shared lake: health and metrics, SQL, reports, and what describes them. Here is who comes in, and where everything is;
//! what is answered has modules of its own.

mod accept;
mod answering;
mod auth;
mod connections;
mod limits;
mod openapi;
mod page;
mod problem;
mod reports;
mod sql;
mod stalling;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use crate::output::with_hint;
use crate::serving::http::auth::Tokens;
use crate::serving::http::connections::{Connections, Peer};
use crate::serving::http::limits::{Admission, BODY_BYTES_MAX, REPORTS_MAX, STATEMENTS_MAX};
use crate::serving::http::problem::Problem;
use crate::serving::tls::Tls;
use crate::serving::{ServeSettings, Shared, listen, secrets};
use crate::settings::Settings;

/// The environment's tokens.
const TOKENS: &str = "SLOWLAKE_TOKENS";
/// What HTTP clients call the protocol in TLS.
const ALPN: &[u8] = b"http/1.1";
/// What asks for tokens, if there are some.
const API: &str = "/api/";
/// What never does: whoever watches only whether the process lives.
const HEALTH: &str = "/healthz";
/// What a client says of itself is cut, characters.
const AGENT_CHARACTERS_MAX: usize = 100;

/// What all requests share.
struct Api {
    shared: Arc<Shared>,
    tokens: Option<Tokens>,
    /// Whether there is more than health and metrics.
    has_api: bool,
    /// Whether readiness and metrics ask for a token, too.
    guards_monitoring: bool,
    statements: Admission,
    reports: Admission,
}

/// Who asks.
#[derive(Debug, Clone)]
struct Caller {
    /// The owner of the token; empty where none is asked for.
    owner: String,
    /// What the client says that it is.
    application: String,
    peer: Peer,
}

/// A server that has its address and its tokens, and does not answer yet.
pub(super) struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tokens: Option<Tokens>,
}

impl Server {
    /// Reads who may ask, and has the address.
    ///
    /// # Errors
    /// If the tokens cannot be read, everybody could ask though others can reach the address, or it cannot be had.
    pub(super) async fn bind(
        address: SocketAddr,
        serve: &ServeSettings,
        settings: &Settings,
    ) -> anyhow::Result<Server> {
        let tokens = tokens(serve, settings)?;
        check_access(address, serve, tokens.as_ref())?;
        let (listener, address) = listen(address).await?;
        Ok(Server {
            listener,
            address,
            tokens,
        })
    }

    /// Answers from now on, until it is told to stop.
    pub(super) fn start(
        self,
        serve: &ServeSettings,
        tls: Option<&Tls>,
        shared: Arc<Shared>,
    ) -> JoinHandle<()> {
        let (address, has_tokens) = (self.address, self.tokens.is_some());
        let scheme = if tls.is_some() { "https" } else { "http" };
        info!(
            tokens = has_tokens,
            monitoring_only = serve.monitoring_only,
            "answers at {scheme}://{address}/"
        );
        if has_tokens && tls.is_none() && !address.ip().is_loopback() {
            warn!(
                "tokens come to {address} in clear: give --tls-cert and --tls-key, or keep a proxy with TLS in front"
            );
        }
        let connections = Connections {
            listener: self.listener,
            tls: tls.map(|tls| TlsAcceptor::from(tls.config(&[ALPN]))),
            limit: serve.limits.connections,
            open: shared.meters.connections("http"),
            stop: shared.stop.clone(),
            router: router(Api::new(self.tokens, serve, shared)),
        };
        tokio::spawn(connections.serve())
    }
}

/// What it would be refused for at its start, with the key that it is about.
pub(super) fn refusal(serve: &ServeSettings, settings: &Settings) -> Option<(&'static str, anyhow::Error)> {
    match tokens(serve, settings) {
        Err(refusal) => Some(("tokens", refusal)),
        Ok(tokens) => {
            let refusal = check_access(serve.http?, serve, tokens.as_ref()).err()?;
            Some(("http", refusal))
        }
    }
}

/// Refuses to be reached by others where everybody could ask, and to guard what nobody has a token for.
fn check_access(address: SocketAddr, serve: &ServeSettings, tokens: Option<&Tokens>) -> anyhow::Result<()> {
    if !serve.monitoring_only && tokens.is_none() && !address.ip().is_loopback() {
        anyhow::bail!(
            "whoever reaches {address} could read the lake: there are no tokens\n\
             hint: give --tokens FILE (a line each: \"name\" \"token\"), listen at 127.0.0.1, or serve only health and metrics \
             with monitoring_only = true in [serve]"
        );
    }
    if serve.guards_monitoring && tokens.is_none() {
        anyhow::bail!(
            "guard_monitoring = true in [serve] guards nothing: there are no tokens\n\
             hint: give tokens, or leave guard_monitoring out"
        );
    }
    Ok(())
}

fn tokens(serve: &ServeSettings, settings: &Settings) -> anyhow::Result<Option<Tokens>> {
    let Some(secrets) = secrets("tokens", serve.tokens.as_ref(), TOKENS, settings)? else {
        return Ok(None);
    };
    let tokens = Tokens::parse(&secrets.text);
    let tokens = tokens.map_err(|wrong| with_hint(format!("tokens: {}:{wrong}", secrets.origin), None))?;
    Ok(Some(tokens))
}

impl Api {
    fn new(tokens: Option<Tokens>, serve: &ServeSettings, shared: Arc<Shared>) -> Api {
        let owners = || tokens.iter().flat_map(Tokens::owners);
        Api {
            statements: Admission::new(STATEMENTS_MAX, owners()),
            reports: Admission::new(REPORTS_MAX, owners()),
            has_api: !serve.monitoring_only,
            guards_monitoring: serve.guards_monitoring,
            tokens,
            shared,
        }
    }

    /// Who a request is from, if he may ask.
    fn caller(&self, request: &Request, peer: Peer) -> Result<Caller, Problem> {
        let path = request.uri().path();
        let headers = request.headers();
        let is_monitoring = matches!(path, "/readyz" | "/metrics");
        let owner = match &self.tokens {
            Some(tokens) if path.starts_with(API) || (is_monitoring && self.guards_monitoring) => {
                tokens.owner(headers)?
            }
            Some(_) => "",
            None if path == HEALTH || is_local(headers) || !self.has_api => "",
            None => {
                let detail =
                    "a name that is not of this machine: a page in a browser could ask in somebody's place";
                return Err(Problem::new(StatusCode::FORBIDDEN, "host", detail).with_hint(
                    "ask http://localhost or http://127.0.0.1, or start the server with tokens".to_owned(),
                ));
            }
        };
        let agent = headers
            .get(header::USER_AGENT)
            .and_then(|agent| agent.to_str().ok());
        Ok(Caller {
            owner: owner.to_owned(),
            application: agent
                .unwrap_or_default()
                .chars()
                .take(AGENT_CHARACTERS_MAX)
                .collect(),
            peer,
        })
    }
}

fn router(api: Api) -> Router {
    let api = Arc::new(api);
    let mut routes = Router::new();
    if api.has_api {
        routes = routes
            .route("/", get(page::page))
            .route(openapi::PATH, get(openapi::description))
            .route(sql::PATH, post(sql::run))
            .route(reports::PATH, get(reports::report));
    }
    routes
        .with_state(api.clone())
        .merge(crate::service::http::router(api.shared.meters.clone()))
        .fallback(nothing)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(api, guard))
}

/// Lets in who may ask, and sees off every answer.
async fn guard(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = route(request.uri().path());
    let mut response = match api.caller(&request, peer) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    api.shared.meters.requested(route, response.status().as_u16());
    let headers = response.headers_mut();
    for (name, value) in SAFE {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What every answer says to browsers: keep nothing, guess nothing, and load nothing from elsewhere.
const SAFE: [(HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
];

/// A path as metrics count it: what nobody serves is one.
fn route(path: &str) -> &'static str {
    const ROUTES: [&str; 6] = ["/", HEALTH, "/readyz", "/metrics", openapi::PATH, sql::PATH];
    match ROUTES.into_iter().find(|route| *route == path) {
        Some(route) => route,
        None if path.starts_with(reports::PREFIX) => reports::PATH,
        None => "other",
    }
}

async fn nothing(request: Request) -> Problem {
    let detail = format!("there is nothing at {}", request.uri().path());
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
        .with_hint(format!("{} describes what there is", openapi::PATH))
}

async fn not_allowed(request: Request) -> Problem {
    let detail = format!("{} is not done at {}", request.method(), request.uri().path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
        .with_hint("the header Allow has what is".to_owned())
}

/// Whether a request is for this machine by a name that no other page can have: an address, or localhost.
fn is_local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else {
        return true;
    };
    let Ok(host) = host.to_str() else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_else_has_are_local() {
        let check = |host: &str, expected: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_str(host).expect("a value"));
            assert_eq!(is_local(&headers), expected, "{host}");
        };
        for host in [
            "localhost",
            "LOCALHOST:8433",
            "127.0.0.1:1",
            "[::1]:8433",
            "[::1]",
            "10.0.0.1",
        ] {
            check(host, true);
        }
        for host in [
            "evil.example",
            "localhost.evil.example:8433",
            "127.0.0.1.evil.example",
            "",
        ] {
            check(host, false);
        }
        assert!(is_local(&HeaderMap::new()));
    }

    #[test]
    fn paths_cannot_fill_the_metrics() {
        assert_eq!(route("/api/v1/sql"), sql::PATH);
        assert_eq!(route("/api/v1/reports/../../x"), reports::PATH);
        assert_eq!(route("/api/v1/sql/x"), "other");
    }
}
