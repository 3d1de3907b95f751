//! How a client comes in: what it says of itself, and what proves it. Whatever goes wrong here ends the connection.

use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Instant;

use async_trait::async_trait;
use futures::{Sink, SinkExt};
use pgwire::api::auth::sasl::SCRAM_SHA_256_METHOD;
use pgwire::api::auth::{
    ServerParameterProvider, StartupHandler, finish_authentication, protocol_negotiation,
    save_startup_parameters_to_metadata,
};
use pgwire::api::{
    ClientInfo, METADATA_DATABASE, METADATA_USER, PgWireConnectionState, PidSecretKeyGenerator,
};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::startup::{Authentication, PasswordMessageFamily, Startup};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};

use crate::catalog::CATALOG;
use crate::postgres_wire::connection::{Connection, lock};
use crate::postgres_wire::failure::{fatal, state};
use crate::postgres_wire::scram::{Exchange, ScramError};

/// How far a login has come.
pub(super) enum Login {
    /// Nothing was said yet.
    Begins,
    /// The client shall prove who it is.
    Asked,
    /// It has begun to.
    Proving(Exchange),
    /// It is in, or never will be.
    Over,
}

/// What is not a setting among what a client says of itself.
const NO_SETTINGS: &[&str] = &[METADATA_USER, METADATA_DATABASE, "options", "replication"];
/// What the log calls a login that failed.
const LOGIN: &str = "(login)";

#[async_trait]
impl StartupHandler for Connection {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let begun = Instant::now();
        let login = std::mem::replace(&mut *lock(&self.login), Login::Over);
        let done = match (login, message) {
            (Login::Begins, PgWireFrontendMessage::Startup(startup)) => self.greet(client, &startup).await,
            (
                Login::Asked,
                PgWireFrontendMessage::PasswordMessageFamily(PasswordMessageFamily::Raw(body)),
            ) => self.begin(client, &body).await,
            (
                Login::Proving(exchange),
                PgWireFrontendMessage::PasswordMessageFamily(PasswordMessageFamily::Raw(body)),
            ) => self.prove(client, exchange, &body).await,
            _ => Err(fatal(state::PROTOCOL, "a message that has no place in a login")),
        };
        match done {
            Ok(()) => Ok(()),
            failed => self.told(LOGIN, begun, failed),
        }
    }
}

impl Connection {
    /// Takes what a client says of itself.
    async fn greet<C>(&self, client: &mut C, startup: &Startup) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        protocol_negotiation(client, startup).await?;
        let parameter = |name: &str| startup.parameters.get(name).map_or("", String::as_str);
        let user = parameter(METADATA_USER);
        self.name(user);
        if self.is_refused {
            let limit = self.server.limits.connections;
            return Err(fatal(
                state::CONNECTIONS,
                format!("there are {limit} connections already, as many as may be"),
            ));
        }
        if !client.is_secure() && self.server.requires_tls() {
            let what = "only connections with TLS are taken (sslmode=require or better)";
            return Err(fatal(state::LOGIN, what));
        }
        if user.is_empty() {
            return Err(fatal(state::LOGIN, "the client gives no user"));
        }
        if startup.parameters.contains_key("replication") {
            return Err(fatal(state::NOT_SUPPORTED, "there is nothing to replicate here"));
        }
        // Who names no database gets the one that is called like the user.
        let database = parameter(METADATA_DATABASE);
        if ![CATALOG, user, ""].contains(&database) {
            let what = format!("database \"{database}\" does not exist; there is one, {CATALOG}");
            return Err(fatal(state::NO_DATABASE, what));
        }
        self.take_settings(startup)?;
        save_startup_parameters_to_metadata(client, startup);
        if self.server.users.is_none() {
            return self.enter(client).await;
        }
        client.set_state(PgWireConnectionState::AuthenticationInProgress);
        *lock(&self.login) = Login::Asked;
        let methods = vec![SCRAM_SHA_256_METHOD.to_owned()];
        client
            .send(PgWireBackendMessage::Authentication(Authentication::SASL(
                methods,
            )))
            .await?;
        Ok(())
    }

    /// Sets what the client wants to have set from the beginning.
    fn take_settings(&self, startup: &Startup) -> PgWireResult<()> {
        let options = startup.parameters.get("options").map_or("", String::as_str);
        let of_options = options
            .split_whitespace()
            .map(|word| word.trim_start_matches("--").trim_start_matches("-c"))
            .filter_map(|word| word.split_once('='));
        let named = startup
            .parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| !NO_SETTINGS.contains(name) && !name.starts_with("_pq_."));
        let limit = self.server.limits.statement_timeout;
        let mut settings = lock(&self.settings);
        for (name, value) in named.chain(of_options) {
            settings.set(name, Some(value), false, limit)?;
        }
        Ok(())
    }

    /// Takes the way in which the client wants to prove who it is, and its first message.
    async fn begin<C>(&self, client: &mut C, body: &[u8]) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let first = first_message(body).ok_or_else(|| {
            fatal(
                state::PROTOCOL,
                format!("{SCRAM_SHA_256_METHOD} is the only way in"),
            )
        })?;
        let Some(users) = &self.server.users else {
            return Err(fatal(state::PROTOCOL, "nobody asked for a password"));
        };
        let (answer, exchange) = Exchange::begin(users, &self.server.secret, self.user(), first)
            .map_err(|error| self.refuse(error))?;
        *lock(&self.login) = Login::Proving(exchange);
        let answer = Authentication::SASLContinue(answer.into());
        client.send(PgWireBackendMessage::Authentication(answer)).await?;
        Ok(())
    }

    /// Takes the proof.
    async fn prove<C>(&self, client: &mut C, exchange: Exchange, body: &[u8]) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let answer = exchange.finish(body).map_err(|error| self.refuse(error))?;
        let answer = Authentication::SASLFinal(answer.into());
        client.feed(PgWireBackendMessage::Authentication(answer)).await?;
        self.enter(client).await
    }

    fn refuse(&self, error: ScramError) -> PgWireError {
        match error {
            ScramError::Malformed(what) => fatal(state::PROTOCOL, format!("SCRAM: {what}")),
            ScramError::WrongProof => {
                let what = format!("password authentication failed for user \"{}\"", self.user());
                fatal(state::PASSWORD, what)
            }
        }
    }

    /// Lets the client in.
    async fn enter<C>(&self, client: &mut C) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let (pid, key) = self.server.pids.generate(client);
        client.set_pid_and_secret_key(pid, key.clone());
        self.listen_to_cancel(self.server.cancels.register(pid, key));
        let mut reported: HashMap<String, String> = lock(&self.settings)
            .reported()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        reported.insert("session_authorization".to_owned(), self.user().to_owned());
        finish_authentication(client, &Reported(reported)).await
    }
}

/// The client's first message of SCRAM; `None` if it wants another method, or does not say it as it should.
fn first_message(body: &[u8]) -> Option<&[u8]> {
    let end = body.iter().position(|byte| *byte == 0)?;
    let (length, message) = body[end + 1..].split_first_chunk::<4>()?;
    let is_whole = usize::try_from(i32::from_be_bytes(*length)).is_ok_and(|length| length == message.len());
    (&body[..end] == SCRAM_SHA_256_METHOD.as_bytes() && is_whole).then_some(message)
}

/// What a client is told when it is in.
struct Reported(HashMap<String, String>);

impl ServerParameterProvider for Reported {
    fn server_parameters<C>(&self, _client: &C) -> Option<HashMap<String, String>>
    where
        C: ClientInfo,
    {
        Some(self.0.clone())
    }
}
