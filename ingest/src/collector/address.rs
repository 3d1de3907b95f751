//! Where a server is, as people write it: `postgres://user@host:port/database?sslmode=verify-full`. Only text; reaches nothing.

use std::path::PathBuf;

use url::Url;

use super::config::{CollectorConfig, Engine, Tls};
use crate::error::IngestError;

/// The account of an address that names none.
const USER: &str = "slowlake";

impl CollectorConfig {
    /// The server at an address: `postgres://` or `mysql://` with user, host, port and, for PostgreSQL, the database to log in to. After a
    /// question mark: `sslmode` (`verify-full`, which is the default, or `disable`), `sslrootcert` (a PEM file of authorities to trust
    /// instead of the system's), and for a unix socket, whatever the host, `host` (PostgreSQL: its folder) and `port`, or `socket` (MySQL).
    ///
    /// # Errors
    /// [`IngestError::Address`] where it cannot be read, has a password in it, or wants TLS without verification.
    pub fn at(engine: Engine, address: &str) -> Result<CollectorConfig, IngestError> {
        let wrong = |what: String| IngestError::Address { what };
        let url = Url::parse(address).map_err(|error| wrong(format!("no address: {error}")))?;
        let (name, schemes) = match engine {
            Engine::Postgres => ("postgres", ["postgres", "postgresql"]),
            Engine::Mysql => ("mysql", ["mysql", "mariadb"]),
        };
        if !schemes.contains(&url.scheme()) {
            return Err(wrong(format!(
                "it begins with {}://, not {name}://",
                url.scheme()
            )));
        }
        if url.password().is_some() {
            return Err(wrong("a password does not belong into an address".to_owned()));
        }
        let user = decoded(url.username());
        let user = if user.is_empty() { USER } else { &user };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let host = decoded(host);
        let mut config = CollectorConfig::new(engine, &host, user);
        config.port = url.port().unwrap_or(config.port);
        let database = decoded(url.path().trim_start_matches('/'));
        if !database.is_empty() {
            config.database = database;
        }
        for (key, value) in url.query_pairs() {
            config.set(&key, &value).map_err(wrong)?;
        }
        if config.host.is_empty() {
            return Err(wrong("no host".to_owned()));
        }
        // The folder of a socket is no name for a server.
        config.server = if host.is_empty() {
            "localhost".to_owned()
        } else {
            host
        };
        Ok(config)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match (key, self.engine) {
            ("sslmode", _) => match value {
                "verify-full" => {}
                "disable" => self.tls = Tls::Off,
                _ => return Err(format!("sslmode is verify-full or disable, not {value:?}")),
            },
            ("sslrootcert", _) => {
                self.tls = Tls::Verify {
                    ca_file: Some(PathBuf::from(value)),
                }
            }
            ("host", Engine::Postgres) | ("socket", Engine::Mysql) if value.starts_with('/') => {
                self.host = value.to_owned();
            }
            ("port", Engine::Postgres) => {
                self.port = value.parse().map_err(|_| format!("no port: {value:?}"))?;
            }
            _ => return Err(format!("nothing is known of {key}={value}")),
        }
        Ok(())
    }

    /// Engine, host and port, without anything secret: what the server is recognised by.
    pub fn address(&self) -> String {
        let engine = match self.engine {
            Engine::Postgres => "postgres",
            Engine::Mysql => "mysql",
        };
        format!("{engine}://{}:{}", self.host, self.port)
    }
}

/// Text with `%2F` and the like as what it stands for.
fn decoded(text: &str) -> String {
    // Of a form's encoding only the plus sign means something else.
    let plain = text.replace('+', "%2B");
    url::form_urlencoded::parse(plain.as_bytes())
        .next()
        .map(|(key, _)| key.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(engine: Engine, address: &str, expect: &str) {
        let shown = match CollectorConfig::at(engine, address) {
            Ok(config) => format!(
                "{} {}:{} {} {} {:?}",
                config.server, config.host, config.port, config.user, config.database, config.tls
            ),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expect, "{address}");
    }

    #[test]
    fn addresses_are_read() {
        let verified = "Verify { ca_file: None }";
        check(
            Engine::Postgres,
            "postgres://watch@db-7:5433/shop?sslmode=verify-full",
            &format!("db-7 db-7:5433 watch shop {verified}"),
        );
        check(
            Engine::Postgres,
            "postgresql://db-7",
            &format!("db-7 db-7:5432 slowlake postgres {verified}"),
        );
        check(
            Engine::Postgres,
            "postgres://a%40b+c@localhost/?host=/var/run/postgresql&port=6432",
            &format!("localhost /var/run/postgresql:6432 a@b+c postgres {verified}"),
        );
        check(
            Engine::Mysql,
            "mysql://db-8?sslrootcert=/etc/ca.pem",
            "db-8 db-8:3306 slowlake postgres Verify { ca_file: Some(\"/etc/ca.pem\") }",
        );
        check(
            Engine::Mysql,
            "mysql:///?sslmode=disable&socket=/run/mysqld/mysqld.sock",
            "localhost /run/mysqld/mysqld.sock:3306 slowlake postgres Off",
        );
        check(
            Engine::Postgres,
            "postgres://[::1]:5433",
            &format!("::1 ::1:5433 slowlake postgres {verified}"),
        );
    }

    #[test]
    fn what_is_no_address_is_told_without_its_password() {
        for (address, expect) in [
            ("db-7:5432", "it begins with db-7://, not postgres://"),
            ("mysql://db-7", "it begins with mysql://, not postgres://"),
            ("db-7", "no address: relative URL without a base"),
            (
                "postgres://a:secret@db-7",
                "a password does not belong into an address",
            ),
            (
                "postgres://db-7?sslmode=require",
                "sslmode is verify-full or disable, not \"require\"",
            ),
            ("postgres://db-7?tls=on", "nothing is known of tls=on"),
            ("postgres:///shop", "no host"),
        ] {
            check(Engine::Postgres, address, expect);
        }
    }
}
