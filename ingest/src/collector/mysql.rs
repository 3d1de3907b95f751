//! A session with MySQL or MariaDB: connects, asks in the text protocol, tells what the server is. Never changes anything but its own
//! session.

mod questions;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, OptsBuilder, SslOpts, Value};

use super::answer::{Answer, Failure};
use super::config::{CollectorConfig, Tls};
use super::tls;
use crate::error::IngestError;

const MYSQL_MIN: (u32, u32, u32) = (8, 0, 0);
const MARIADB_MIN: (u32, u32, u32) = (10, 5, 0);
/// The largest answer taken, in bytes.
const PACKET_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long the server keeps a session that asks nothing, in seconds: longer than any sensible interval.
const IDLE_SECONDS: usize = 24 * 3600;
/// How far two readings of a server's start may be apart: its uptime is told in whole seconds, and clocks are set.
const START_TOLERANCE_US: i64 = 5_000_000;

/// An open session.
pub(super) struct Mysql {
    connection: Conn,
    version: (u32, u32, u32),
    is_mariadb: bool,
    /// Sizes of indexes may be read.
    sees_index_sizes: bool,
}

/// Whether a server that was started at `now_us` is another than that of `before_us`.
pub(super) fn is_restart(before_us: i64, now_us: i64) -> bool {
    (now_us - before_us).abs() > START_TOLERANCE_US
}

impl Mysql {
    /// Connects and makes the session read-only and short of patience.
    pub(super) async fn open(config: &CollectorConfig) -> Result<Mysql, IngestError> {
        let refused = |cause: String| IngestError::Connect {
            server: config.server.clone(),
            cause,
        };
        let options = options(config)?;
        let connection = Conn::new(options)
            .await
            .map_err(|error| refused(error.to_string()))?;
        let mut session = Mysql {
            connection,
            version: (0, 0, 0),
            is_mariadb: false,
            sees_index_sizes: false,
        };
        let answer = session.ask("SELECT VERSION() AS version").await;
        let answer = answer.map_err(|failure| refused(failure.to_string()))?;
        let version = answer.get(0, "version").unwrap_or_default();
        session.is_mariadb = version.contains("MariaDB");
        session.version = three_numbers(version);
        let (oldest, oldest_name) = if session.is_mariadb {
            (MARIADB_MIN, "MariaDB 10.5")
        } else {
            (MYSQL_MIN, "MySQL 8.0")
        };
        if session.version < oldest {
            return Err(IngestError::ServerTooOld {
                server: config.server.clone(),
                found: version.to_owned(),
                oldest: oldest_name,
            });
        }
        for set in session.settings(config) {
            session
                .ask(&set)
                .await
                .map_err(|failure| refused(failure.to_string()))?;
        }
        session.sees_index_sizes = session
            .ask("SELECT 1 FROM mysql.innodb_index_stats LIMIT 0")
            .await
            .is_ok();
        Ok(session)
    }

    /// How long ago the server was started, in µs, to the second.
    pub(super) async fn uptime_us(&mut self) -> Result<i64, Failure> {
        let answer = self.ask("SHOW GLOBAL STATUS LIKE 'Uptime'").await?;
        let seconds = answer.get(0, "Value").and_then(|text| text.parse::<i64>().ok());
        Ok(seconds.unwrap_or_default().saturating_mul(1_000_000))
    }

    pub(super) async fn ask(&mut self, sql: &str) -> Result<Answer, Failure> {
        let result = self.connection.query_iter(sql).await.map_err(failure)?;
        let columns = result.columns().unwrap_or_default();
        let columns = columns
            .iter()
            .map(|column| column.name_str().into_owned())
            .collect();
        let rows = result
            .collect_and_drop::<mysql_async::Row>()
            .await
            .map_err(failure)?;
        let rows = rows
            .into_iter()
            .map(|row| {
                row.unwrap_raw()
                    .into_iter()
                    .map(|value| value.and_then(text))
                    .collect()
            })
            .collect();
        Ok(Answer { columns, rows })
    }

    fn settings(&self, config: &CollectorConfig) -> [String; 5] {
        let seconds = config.timeout.as_secs().max(1);
        [
            "SET SESSION TRANSACTION READ ONLY".to_owned(),
            if self.is_mariadb {
                format!(
                    "SET SESSION max_statement_time = {}",
                    config.timeout.as_secs_f64()
                )
            } else {
                format!("SET SESSION max_execution_time = {}", config.timeout.as_millis())
            },
            format!("SET SESSION lock_wait_timeout = {seconds}"),
            "SET SESSION time_zone = '+00:00'".to_owned(),
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
        ]
    }
}

fn options(config: &CollectorConfig) -> Result<OptsBuilder, IngestError> {
    let password = config.read_password()?;
    let options = OptsBuilder::default()
        .user(Some(&config.user))
        .pass(password.as_ref().map(|password| password.reveal()))
        .max_allowed_packet(Some(PACKET_BYTES_MAX))
        .wait_timeout(Some(IDLE_SECONDS))
        .stmt_cache_size(0)
        // By default the driver would leave TCP for a socket of this machine when it can.
        .prefer_socket(false);
    if config.is_socket() {
        return Ok(options.socket(Some(&config.host)));
    }
    let options = options.ip_or_hostname(&config.host).tcp_port(config.port);
    let Tls::Verify { ca_file } = &config.tls else {
        return Ok(options);
    };
    let trusted = tls::trusted(ca_file.as_deref()).map_err(|cause| IngestError::Certificates {
        server: config.server.clone(),
        cause,
    })?;
    tls::choose_provider();
    let roots = trusted
        .into_iter()
        .map(|certificate| certificate.to_vec().into())
        .collect();
    Ok(options.ssl_opts(
        SslOpts::default()
            .with_disable_built_in_roots(true)
            .with_root_certs(roots),
    ))
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Server(refusal) => Failure::Refused {
            code: refusal.code.to_string(),
            message: refusal.message,
        },
        error => Failure::Lost(error.to_string()),
    }
}

/// A value of the text protocol, which has only texts and NULL.
fn text(value: Value) -> Option<String> {
    match value {
        Value::Bytes(bytes) => Some(
            String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        ),
        _ => None,
    }
}

/// `10.11.19-MariaDB-0+deb12u1` as (10, 11, 19); a number that is not there is zero.
fn three_numbers(version: &str) -> (u32, u32, u32) {
    let mut numbers = version
        .split(|letter: char| !letter.is_ascii_digit())
        .map(|digits| digits.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        for (text, expect) in [
            ("10.11.19-MariaDB-0+deb12u1", (10, 11, 19)),
            ("8.4.3", (8, 4, 3)),
            ("8.0.36-28", (8, 0, 36)),
            ("9", (9, 0, 0)),
        ] {
            assert_eq!(three_numbers(text), expect, "{text}");
        }
    }

    #[test]
    fn a_restart_is_more_than_the_uncertainty_of_an_uptime() {
        assert!(!is_restart(10_000_000, 11_000_000) && !is_restart(11_000_000, 10_000_000));
        assert!(is_restart(10_000_000, 70_000_000));
    }
}
