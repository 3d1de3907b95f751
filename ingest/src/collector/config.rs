//! Which server a collector asks, as whom and how often. Reads a password only at the moment it is used, and never shows it.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::IngestError;

/// How long a server may take to accept a connection or to answer one question, unless configured otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often sizes, usage, statements and settings are asked for, unless configured otherwise.
const DETAIL_INTERVAL: Duration = Duration::from_secs(300);
/// How many of the largest tables, and as many indexes, are told of, unless configured otherwise.
const TABLES_MAX: u32 = 200;
/// How many of the statements that took most are told of one by one, unless configured otherwise.
const STATEMENTS_MAX: u32 = 200;

/// What kind of server a collector talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL 13 or later.
    Postgres,
    /// MySQL 8.0 or later, MariaDB 10.5 or later.
    Mysql,
}

/// How a connection over TCP is protected; one through a unix socket never is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Encrypted; the server's certificate and name are verified against the certificates of `ca_file` (PEM), or else the system's.
    Verify {
        /// Certificates to trust instead of the system's.
        ca_file: Option<PathBuf>,
    },
    /// Not encrypted.
    Off,
}

/// Where the password is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// The server asks for none: peer authentication, a trusted socket.
    None,
    /// The caller has it, from the environment or a vault.
    Given(Secret),
    /// The first line of this file, which is read anew for every connection: it may change while the collector runs.
    File(PathBuf),
}

/// One server and how to ask it. `Debug` shows no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorConfig {
    /// What it is.
    pub engine: Engine,
    /// Its name in messages.
    pub server: String,
    /// A host name or address; or the path of a unix socket: its folder for PostgreSQL, the socket itself for MySQL.
    pub host: String,
    /// The TCP port; with PostgreSQL also the number in the socket's name.
    pub port: u16,
    /// The role or account to log in as.
    pub user: String,
    /// Its password.
    pub password: Password,
    /// The database to log in to, whose tables, indexes and statements are told of. Not used with MySQL, which tells of all.
    pub database: String,
    /// How the connection is protected.
    pub tls: Tls,
    /// How long the server may take to accept a connection or to answer one question.
    pub timeout: Duration,
    /// How often sizes, usage, statements and settings are asked for; everything else is asked at every sample.
    pub detail_interval: Duration,
    /// How many of the largest tables, and as many indexes, are told of.
    pub tables_max: u32,
    /// How many of the statements that took most are told of one by one.
    pub statements_max: u32,
}

impl CollectorConfig {
    /// A server of the engine's usual port and database, with TLS verified and without a password; the other fields have their
    /// documented defaults.
    pub fn new(engine: Engine, host: &str, user: &str) -> CollectorConfig {
        CollectorConfig {
            engine,
            server: host.to_owned(),
            host: host.to_owned(),
            port: match engine {
                Engine::Postgres => 5432,
                Engine::Mysql => 3306,
            },
            user: user.to_owned(),
            password: Password::None,
            database: "postgres".to_owned(),
            tls: Tls::Verify { ca_file: None },
            timeout: TIMEOUT,
            detail_interval: DETAIL_INTERVAL,
            tables_max: TABLES_MAX,
            statements_max: STATEMENTS_MAX,
        }
    }

    pub(super) fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    pub(super) fn read_password(&self) -> Result<Option<Secret>, IngestError> {
        match &self.password {
            Password::None => Ok(None),
            Password::Given(secret) => Ok(Some(secret.clone())),
            Password::File(path) => {
                let text = fs::read_to_string(path).map_err(|error| IngestError::Password {
                    server: self.server.clone(),
                    cause: format!("{}: {error}", path.display()),
                })?;
                Ok(Some(Secret(text.lines().next().unwrap_or_default().to_owned())))
            }
        }
    }
}

/// A password, which no message shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A password in plain text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(password: Password) -> Result<Option<String>, String> {
        let config = CollectorConfig {
            password,
            ..CollectorConfig::new(Engine::Postgres, "db1", "slowlake")
        };
        match config.read_password() {
            Ok(secret) => Ok(secret.map(|secret| secret.reveal().to_owned())),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_first_line_of_a_file_is_the_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        for (text, expect) in [
            ("s3cret\n", "s3cret"),
            ("s3 cret \r\nmore\n", "s3 cret "),
            ("", ""),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(read(Password::File(path.clone())), Ok(Some(expect.to_owned())));
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = read(Password::File(PathBuf::from("/nonexistent/password"))).unwrap_err();
        assert!(
            error.starts_with("db1: no password: /nonexistent/password: "),
            "{error}"
        );
    }

    #[test]
    fn a_given_password_is_used_and_not_shown() {
        let password = Password::Given(Secret::new("s3cret"));
        let config = CollectorConfig {
            password: password.clone(),
            ..CollectorConfig::new(Engine::Postgres, "db1", "slowlake")
        };
        let shown = format!("{config:?}");
        assert!(
            shown.contains("Given((hidden))") && !shown.contains("s3cret"),
            "{shown}"
        );
        assert_eq!(read(password), Ok(Some("s3cret".to_owned())));
    }
}
