//! `[[source.postgres]]` and `[[source.mysql]]`: live servers that are asked for what no log holds.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use slowlake_ingest::{CollectorConfig, Engine, Password, Secret};

use crate::configuration::section::Section;
use crate::configuration::{DAY, Defaults, Mistake};
use crate::settings::Settings;

/// How often a server is asked, unless somebody says otherwise, and the limits of that.
const EVERY_DEFAULT: Duration = Duration::from_secs(10);
const EVERY_LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3_600));
const TIMEOUT_LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// The most tables, indexes or statements that are told of one by one.
const TOLD_MAX: u64 = 10_000;

/// A live server that is asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Collected {
    pub(crate) config: CollectorConfig,
    pub(crate) cluster: Option<String>,
    /// How often.
    pub(crate) every: Duration,
    /// The variable of the environment that has the password.
    password_variable: Option<String>,
}

impl Collected {
    /// Reads one; of what is a mistake it has something or other. `owners` has who named each server before.
    pub(super) fn of(
        engine: Engine,
        mut section: Section<'_>,
        defaults: &Defaults,
        owners: &mut HashMap<String, String>,
        mistakes: &mut Vec<Mistake>,
    ) -> Collected {
        let mut config = address(engine, &mut section);
        if let Some(server) = section.text("server") {
            config.server = server;
        }
        let before = owners.insert(config.server.clone(), section.name().to_owned());
        // Without an address there is no name, and that was said.
        if let Some(owner) = before.filter(|_| !config.server.is_empty()) {
            let what = format!("{:?} is in {owner} already", config.server);
            let key = if section.has("server") { "server" } else { "url" };
            section.wrong(key, &what, "give each server a name of its own: server = \"…\"");
        }
        let every = section.duration("every", EVERY_LIMITS.0..=EVERY_LIMITS.1, "10s");
        if let Some(every) = section.duration("details_every", EVERY_LIMITS.0..=DAY, "5m") {
            config.detail_interval = every;
        }
        if let Some(timeout) = section.duration("timeout", TIMEOUT_LIMITS.0..=TIMEOUT_LIMITS.1, "5s") {
            config.timeout = timeout;
        }
        let mut number = |key| {
            section
                .number(key, 0..=TOLD_MAX)
                .and_then(|number| u32::try_from(number).ok())
        };
        config.tables_max = number("tables").unwrap_or(config.tables_max);
        config.statements_max = number("statements").unwrap_or(config.statements_max);
        let password_variable = section.text("password_variable");
        if let Some(path) = section.text("password_file") {
            config.password = Password::File(PathBuf::from(path));
            if password_variable.is_some() {
                section.wrong(
                    "password_variable",
                    "says where the password is, and so does password_file",
                    "remove one of them",
                );
            }
        }
        let collected = Collected {
            config,
            cluster: section.text("cluster").or_else(|| defaults.cluster.clone()),
            every: every.unwrap_or(EVERY_DEFAULT),
            password_variable,
        };
        section.finish(mistakes);
        collected
    }

    /// Whom to ask, with the password that the environment has.
    pub(crate) fn config(&self, settings: &Settings) -> CollectorConfig {
        let secret = self
            .password_variable
            .as_ref()
            .and_then(|name| settings.variable(name));
        CollectorConfig {
            password: match secret {
                Some(secret) => Password::Given(Secret::new(secret)),
                None => self.config.password.clone(),
            },
            ..self.config.clone()
        }
    }
}

fn address(engine: Engine, section: &mut Section<'_>) -> CollectorConfig {
    let nobody = || CollectorConfig::new(engine, "", "");
    let Some(url) = section.text("url") else {
        if !section.has("url") {
            section.wrong("url", "missing", "name the server: url = \"…://user@host:port\"");
        }
        return nobody();
    };
    CollectorConfig::at(engine, &url).unwrap_or_else(|error| {
        section.wrong(
            "url",
            &error.to_string(),
            error.hint().unwrap_or("write …://user@host:port"),
        );
        nobody()
    })
}
