//! `[serve]` in the configuration file: where the service listens, who may ask it, and how much. Opens no file and listens to nothing.

use std::time::Duration;

use crate::configuration::section::Section;
use crate::configuration::{DAY, Mistake, mib};
use crate::serving::tls::TlsFiles;
use crate::serving::{SecretsFile, ServeLimits, ServeSettings};

/// The shortest and the longest that a statement, and a silence, may be let last.
const TIMEOUT_LIMITS: (Duration, Duration) = (Duration::from_secs(1), DAY);
/// The most connections at the same time: each is a file of the process.
const CONNECTIONS_MAX: u64 = 10_000;
/// The most rows of an answer that a limit can say.
const ROWS_MAX: u64 = 1_000_000_000_000;
/// The least and the most memory for statements, MiB.
const MEMORY_MIB_LIMITS: (u64, u64) = (64, 1 << 20);

impl ServeSettings {
    /// Reads what is in `serve`; nothing listens where there is none.
    pub(super) fn of(section: Option<Section<'_>>, mistakes: &mut Vec<Mistake>) -> ServeSettings {
        let Some(mut section) = section else {
            return ServeSettings::default();
        };
        let settings = ServeSettings {
            postgres: section.address("postgres"),
            http: section.address("http"),
            users: section
                .text("users")
                .map(|file| SecretsFile::Configured(file.into())),
            tokens: section
                .text("tokens")
                .map(|file| SecretsFile::Configured(file.into())),
            monitoring_only: section.flag("monitoring_only").unwrap_or(false),
            guards_monitoring: section.flag("guard_monitoring").unwrap_or(false),
            tls: tls(&mut section),
            allows_plaintext: section.flag("allow_plaintext").unwrap_or(false),
            limits: limits(&mut section),
            redacts: section.flag("redact").unwrap_or(false),
        };
        section.finish(mistakes);
        settings
    }
}

fn tls(section: &mut Section<'_>) -> Option<TlsFiles> {
    match (section.text("tls_cert"), section.text("tls_key")) {
        (Some(certificate), Some(key)) => Some(TlsFiles {
            certificate: certificate.into(),
            key: key.into(),
        }),
        (Some(_), None) => {
            section.wrong(
                "tls_key",
                "missing beside tls_cert",
                "name the file of the private key",
            );
            None
        }
        (None, Some(_)) => {
            section.wrong(
                "tls_cert",
                "missing beside tls_key",
                "name the file of the certificate",
            );
            None
        }
        (None, None) => None,
    }
}

fn limits(section: &mut Section<'_>) -> ServeLimits {
    let usual = ServeLimits::default();
    let timeouts = TIMEOUT_LIMITS.0..=TIMEOUT_LIMITS.1;
    let statement_timeout = section.duration("statement_timeout", timeouts.clone(), "5m");
    let idle_timeout = section.duration("idle_timeout", timeouts, "1h");
    let connections = section.number("connections", 1..=CONNECTIONS_MAX);
    let memory = section.number("memory_mib", MEMORY_MIB_LIMITS.0..=MEMORY_MIB_LIMITS.1);
    ServeLimits {
        statement_timeout: statement_timeout.unwrap_or(usual.statement_timeout),
        idle_timeout: idle_timeout.unwrap_or(usual.idle_timeout),
        connections: connections
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(usual.connections),
        rows: section.number("rows", 1..=ROWS_MAX).unwrap_or(usual.rows),
        memory_bytes: memory.map_or(usual.memory_bytes, mib),
    }
}
