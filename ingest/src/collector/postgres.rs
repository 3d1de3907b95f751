//! A session with PostgreSQL: connects, asks in the text protocol, tells what the server is. Never changes anything but its own session.

mod questions;

use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::answer::{Answer, Failure};
use super::config::CollectorConfig;
use super::tls;
use crate::error::IngestError;

const VERSION_MIN: u32 = 130_000;
const APPLICATION_NAME: &str = "slowlake collector";

/// An open session.
pub(super) struct Postgres {
    client: Client,
    /// As `server_version_num`: 150004 is 15.4.
    version: u32,
}

/// What a server is at the moment.
pub(super) struct State {
    /// A standby, or a server that still recovers.
    in_recovery: bool,
    /// Where `pg_stat_statements` is installed: its schema, quoted, and its version.
    statements: Option<(String, (u32, u32))>,
}

impl Postgres {
    /// Connects and makes the session read-only and short of patience.
    pub(super) async fn open(config: &CollectorConfig) -> Result<Postgres, IngestError> {
        let refused = |cause: String| IngestError::Connect {
            server: config.server.clone(),
            cause,
        };
        let client = log_in(config).await?;
        let limit_ms = config.timeout.as_millis();
        let set = format!(
            "SET default_transaction_read_only = on; SET statement_timeout = {limit_ms}; SET lock_timeout = {limit_ms}; \
             SET idle_in_transaction_session_timeout = {limit_ms}; SET search_path = pg_catalog; SET TimeZone = 'UTC'"
        );
        client
            .batch_execute(&set)
            .await
            .map_err(|error| refused(cause(&error)))?;
        let mut session = Postgres { client, version: 0 };
        let answer = session
            .ask("SELECT current_setting('server_version_num') AS num, current_setting('server_version') AS name")
            .await;
        let answer = answer.map_err(|failure| refused(failure.to_string()))?;
        session.version = answer
            .get(0, "num")
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| refused("it does not tell its version".to_owned()))?;
        if session.version < VERSION_MIN {
            return Err(IngestError::ServerTooOld {
                server: config.server.clone(),
                found: format!("PostgreSQL {}", answer.get(0, "name").unwrap_or_default()),
                oldest: "PostgreSQL 13",
            });
        }
        Ok(session)
    }

    /// What the server is now; a standby may have been promoted since the last sample.
    pub(super) async fn state(&mut self) -> Result<State, Failure> {
        let answer = self
            .ask(
                "SELECT pg_is_in_recovery() AS in_recovery, quote_ident(e.nspname) AS schema, e.extversion \
                 FROM (SELECT 1) AS one LEFT JOIN (SELECT n.nspname, e.extversion FROM pg_extension e \
                 JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements') AS e ON true",
            )
            .await?;
        let extension = |schema: &str| Some((schema.to_owned(), two_numbers(answer.get(0, "extversion")?)?));
        Ok(State {
            in_recovery: answer.get(0, "in_recovery") == Some("t"),
            statements: answer.get(0, "schema").and_then(extension),
        })
    }

    /// The privilege without which much of what is asked for is not told, and nothing says so; `None` if the role has it.
    pub(super) async fn missing_privilege(&mut self) -> Result<Option<&'static str>, Failure> {
        let answer = self
            .ask("SELECT pg_has_role('pg_monitor', 'USAGE') AS is_granted")
            .await?;
        Ok((answer.get(0, "is_granted") != Some("t")).then_some("the role is no member of pg_monitor"))
    }

    pub(super) async fn ask(&mut self, sql: &str) -> Result<Answer, Failure> {
        let messages = self.client.simple_query(sql).await.map_err(failure)?;
        let mut answer = Answer::default();
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    answer.columns = columns.iter().map(|column| column.name().to_owned()).collect();
                }
                SimpleQueryMessage::Row(row) => {
                    let values = (0..row.len()).map(|at| row.get(at).map(str::to_owned));
                    answer.rows.push(values.collect());
                }
                _ => {}
            }
        }
        Ok(answer)
    }
}

async fn log_in(config: &CollectorConfig) -> Result<Client, IngestError> {
    let mut options = tokio_postgres::Config::new();
    options
        .host(&config.host)
        .port(config.port)
        .user(&config.user)
        .dbname(&config.database)
        .application_name(APPLICATION_NAME)
        .connect_timeout(config.timeout)
        .tcp_user_timeout(config.timeout);
    if let Some(password) = config.read_password()? {
        options.password(password.reveal());
    }
    let refused = |error: tokio_postgres::Error| IngestError::Connect {
        server: config.server.clone(),
        cause: cause(&error),
    };
    let tls = if config.is_socket() {
        None
    } else {
        tls::client(&config.tls).map_err(|cause| IngestError::Certificates {
            server: config.server.clone(),
            cause,
        })?
    };
    // A connection does its work in a task of its own, which ends when the client is dropped; what ends it earlier, the client tells.
    match tls {
        Some(tls) => {
            options.ssl_mode(SslMode::Require);
            let (client, connection) = options
                .connect(MakeRustlsConnect::new(tls))
                .await
                .map_err(refused)?;
            tokio::spawn(connection);
            Ok(client)
        }
        None => {
            options.ssl_mode(SslMode::Disable);
            let (client, connection) = options.connect(NoTls).await.map_err(refused)?;
            tokio::spawn(connection);
            Ok(client)
        }
    }
}

fn failure(error: tokio_postgres::Error) -> Failure {
    match error.as_db_error() {
        // FATAL and PANIC end the session.
        Some(refusal) if refusal.severity() == "ERROR" && !error.is_closed() => Failure::Refused {
            code: refusal.code().code().to_owned(),
            message: refusal.message().to_owned(),
        },
        _ => Failure::Lost(cause(&error)),
    }
}

/// The server's own words where there are any, else the driver's with what lies behind them.
fn cause(error: &tokio_postgres::Error) -> String {
    if let Some(refusal) = error.as_db_error() {
        return refusal.message().to_owned();
    }
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// `1.10` as (1, 10): extension versions do not compare as text.
fn two_numbers(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
