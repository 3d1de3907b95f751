//! What was done to servers: marks, starts, and settings that were changed, as the log tells of it, statements do and collectors saw. Says
//! which query or server it can be about; judges nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use slowlake_sql::Session;

use super::super::causes::{CauseKind, Changed, Clue, REACH_HOURS};
use super::{HOUR_US, Key, Search, list, within};
use crate::error::AnalyzeError;
use crate::filter::any_of;
use crate::rows::{each_row, time};
use crate::window::TimeWindow;

/// How much a setting says that was written down: it holds from the next reload or start on.
const WRITTEN_STRENGTH: f64 = 0.9;
/// How much it says that the configuration was read again, where it is not said what was in it.
const RELOAD_STRENGTH: f64 = 0.5;
/// Verbs of statements that can change a setting of more than their own session.
const SETTING_VERBS: [&str; 5] = [
    "ALTER SYSTEM",
    "ALTER DATABASE",
    "ALTER ROLE",
    "ALTER USER",
    "SET",
];
/// What a statement may have a secret in, so that its literals are not repeated.
const SECRETS: [&str; 4] = ["PASSWORD", "CONNINFO", "PASSPHRASE", "SECRET"];
/// A round of samples with so many settings is the first of a collector, which tells of all of them.
const FIRST_ROUND_SETTINGS: usize = 10;

/// Something that was done to a server, or to all that a mark names.
#[derive(Debug)]
struct Happening {
    kind: CauseKind,
    what: String,
    at_us: i64,
    server: Option<String>,
    cluster: Option<String>,
    application: Option<String>,
    strength: f64,
}

impl Happening {
    fn on_server(
        kind: CauseKind,
        what: String,
        at_us: i64,
        server: Option<&str>,
        strength: f64,
    ) -> Happening {
        Happening {
            kind,
            what,
            at_us,
            server: server.map(str::to_owned),
            cluster: None,
            application: None,
            strength,
        }
    }

    /// Whether it was done to a server, as far as its name says; a mark without one is of all.
    fn concerns(&self, server: Option<&str>) -> bool {
        self.server.as_deref() == server || self.kind == CauseKind::Mark && self.server.is_none()
    }

    fn clue(&self, server: Option<String>) -> Clue {
        Clue {
            kind: self.kind,
            what: self.what.clone(),
            at_us: self.at_us,
            server,
            strength: self.strength,
        }
    }
}

/// The clues to changes of whole servers.
pub(in super::super) async fn server_clues(
    session: &Session,
    changes: &[Changed],
    as_of_us: i64,
) -> Result<Vec<Clue>, AnalyzeError> {
    let Some(first_us) = changes.iter().map(|change| change.onset_us).min() else {
        return Ok(Vec::new());
    };
    let reach_us = first_us - REACH_HOURS * HOUR_US;
    let window = TimeWindow::new(reach_us, as_of_us.max(first_us))?;
    let happenings = happenings(session, window).await?;
    // What an application did is of its queries, not of a server.
    let of_servers: Vec<&Happening> = happenings
        .iter()
        .filter(|one| one.application.is_none())
        .collect();
    let clusters = if of_servers.iter().any(|one| one.cluster.is_some()) {
        clusters(session, window).await?
    } else {
        BTreeSet::new()
    };
    let servers: BTreeSet<&Option<String>> = changes.iter().map(|change| &change.server).collect();
    let of_server = |server: &Option<String>| {
        let is_member = |cluster: &Option<String>| {
            cluster.is_none() || clusters.contains(&(server.clone(), cluster.clone()))
        };
        let fitting = of_servers
            .iter()
            .filter(|one| one.concerns(server.as_deref()) && is_member(&one.cluster));
        fitting.map(|one| one.clue(server.clone())).collect::<Vec<Clue>>()
    };
    Ok(servers.into_iter().flat_map(of_server).collect())
}

/// Servers, and the clusters that they belong to.
async fn clusters(
    session: &Session,
    window: TimeWindow,
) -> Result<BTreeSet<(Option<String>, Option<String>)>, AnalyzeError> {
    let statement = format!(
        "SELECT DISTINCT server, cluster FROM executions WHERE {}",
        within(window, "ts")
    );
    let mut clusters = BTreeSet::new();
    each_row(session.query(&statement).await?, |rows, row| {
        let [server, cluster] = [0, 1].map(|column| rows.text(row, column).map(str::to_owned));
        clusters.insert((server, cluster));
    })
    .await?;
    Ok(clusters)
}

impl Search<'_> {
    /// Marks, changed settings and starts of servers.
    pub(super) async fn happenings(&self, clues: &mut HashMap<i64, Vec<Clue>>) -> Result<(), AnalyzeError> {
        let users = self.users().await?;
        for happening in happenings(self.session, self.window).await? {
            for subject in self.subjects {
                let used = users.get(&subject.key());
                let is_of = |name: &Option<String>, known: fn(&Users) -> &BTreeSet<String>| {
                    name.as_ref()
                        .is_none_or(|name| used.is_some_and(|used| known(used).contains(name)))
                };
                if happening.concerns(subject.server.as_deref())
                    && is_of(&happening.cluster, |used| &used.clusters)
                    && is_of(&happening.application, |used| &used.applications)
                {
                    self.add(clues, subject.fingerprint, happening.clue(subject.server.clone()));
                }
            }
        }
        Ok(())
    }

    /// Which clusters and applications a query has on a server.
    async fn users(&self) -> Result<HashMap<Key, Users>, AnalyzeError> {
        let statement = format!(
            "SELECT DISTINCT server, fingerprint, cluster, application FROM executions \
             WHERE fingerprint IN ({}) AND {}",
            self.fingerprints,
            self.within("ts")
        );
        let mut users: HashMap<Key, Users> = HashMap::new();
        each_row(self.session.query(&statement).await?, |rows, row| {
            let key = (
                rows.text(row, 0).map(str::to_owned),
                rows.integer(row, 1).unwrap_or_default(),
            );
            let users = users.entry(key).or_default();
            users.clusters.extend(rows.text(row, 2).map(str::to_owned));
            users.applications.extend(rows.text(row, 3).map(str::to_owned));
        })
        .await?;
        Ok(users)
    }
}

/// Who uses a query.
#[derive(Debug, Default)]
struct Users {
    clusters: BTreeSet<String>,
    applications: BTreeSet<String>,
}

/// All that was done in a window.
async fn happenings(session: &Session, window: TimeWindow) -> Result<Vec<Happening>, AnalyzeError> {
    let mut happenings = logged(session, window).await?;
    happenings.extend(stated(session, window).await?);
    happenings.extend(sampled(session, window).await?);
    Ok(happenings)
}

/// Marks, and what servers log of their starts and settings.
async fn logged(session: &Session, window: TimeWindow) -> Result<Vec<Happening>, AnalyzeError> {
    let statement = format!(
        "SELECT ts, event, server, cluster, application, message, attributes['phase'] FROM server_events \
         WHERE event IN ('mark', 'configuration', 'startup') AND {} ORDER BY ts, source, source_offset",
        within(window, "ts")
    );
    let mut happenings = Vec::new();
    each_row(session.query(&statement).await?, |rows, row| {
        let [event, server, cluster, application] = [1, 2, 3, 4].map(|column| rows.text(row, column));
        let (kind, strength) = match (event, rows.text(row, 6)) {
            (Some("mark"), _) => (CauseKind::Mark, 1.0),
            (Some("startup"), _) => (CauseKind::Restart, 1.0),
            // What could not be read changed nothing.
            (_, Some("failed")) => return,
            (_, Some("reload")) => (CauseKind::Configuration, RELOAD_STRENGTH),
            (_, Some("needs_restart")) => (CauseKind::Configuration, WRITTEN_STRENGTH),
            _ => (CauseKind::Configuration, 1.0),
        };
        let Some(at_us) = time(rows, row, 0) else { return };
        let what = rows.text(row, 5).unwrap_or_default().to_owned();
        let is_mark = kind == CauseKind::Mark;
        happenings.push(Happening {
            cluster: cluster.filter(|_| is_mark).map(str::to_owned),
            application: application.filter(|_| is_mark).map(str::to_owned),
            ..Happening::on_server(kind, what, at_us, server, strength)
        });
    })
    .await?;
    Ok(happenings)
}

/// Statements that change settings: of those the log says what was done, by whatever means they come into effect.
async fn stated(session: &Session, window: TimeWindow) -> Result<Vec<Happening>, AnalyzeError> {
    let verbs = SETTING_VERBS.map(str::to_owned);
    let statement = format!(
        "SELECT fingerprint, normalized FROM queries WHERE normalized IS NOT NULL AND {}",
        any_of("verb", &verbs)
    );
    let mut queries: BTreeMap<i64, String> = BTreeMap::new();
    each_row(session.query(&statement).await?, |rows, row| {
        let query = rows.integer(row, 0).zip(rows.text(row, 1));
        queries.extend(
            query
                .filter(|(_, text)| is_setting(text))
                .map(|(fingerprint, text)| (fingerprint, text.to_owned())),
        );
    })
    .await?;
    let mut happenings = Vec::new();
    if queries.is_empty() {
        return Ok(happenings);
    }
    let statement = format!(
        "SELECT ts, server, fingerprint, statement FROM executions WHERE fingerprint IN ({}) AND {} ORDER BY ts, source, source_offset",
        list(queries.keys().copied().collect()),
        within(window, "ts")
    );
    each_row(session.query(&statement).await?, |rows, row| {
        let query = rows
            .integer(row, 2)
            .and_then(|fingerprint| queries.get(&fingerprint));
        if let (Some(at_us), Some(normalized)) = (time(rows, row, 0), query) {
            let what = words(normalized, rows.text(row, 3));
            happenings.push(Happening::on_server(
                CauseKind::Configuration,
                what,
                at_us,
                rows.text(row, 1),
                WRITTEN_STRENGTH,
            ));
        }
    })
    .await?;
    Ok(happenings)
}

/// A server, and when a collector asked it, µs since 1970 UTC.
type Round = (Option<String>, i64);

/// Settings that a collector saw change.
async fn sampled(session: &Session, window: TimeWindow) -> Result<Vec<Happening>, AnalyzeError> {
    let statement = format!(
        "SELECT server, ts, object, attributes['value'], attributes['unit'] FROM metrics \
         WHERE metric = 'setting' AND object IS NOT NULL AND {} ORDER BY server, ts, object",
        within(window, "ts")
    );
    let mut rounds: BTreeMap<Round, Vec<(String, String)>> = BTreeMap::new();
    each_row(session.query(&statement).await?, |rows, row| {
        let Some(at_us) = time(rows, row, 1) else { return };
        let [name, value, unit] = [2, 3, 4].map(|column| rows.text(row, column).unwrap_or_default());
        let value = format!("{value} {unit}").trim_end().to_owned();
        let server = rows.text(row, 0).map(str::to_owned);
        rounds
            .entry((server, at_us))
            .or_default()
            .push((name.to_owned(), value));
    })
    .await?;
    let mut known: HashMap<(Option<String>, String), String> = HashMap::new();
    let mut happenings = Vec::new();
    for ((server, at_us), settings) in rounds {
        let is_first = settings.len() >= FIRST_ROUND_SETTINGS;
        for (name, value) in settings {
            let before = known.insert((server.clone(), name.clone()), value.clone());
            let what = match before {
                Some(before) if before == value => continue,
                Some(before) => format!("{name} is {value}, {before} before"),
                None if is_first => continue,
                None => format!("{name} is {value}"),
            };
            happenings.push(Happening::on_server(
                CauseKind::Configuration,
                what,
                at_us,
                server.as_deref(),
                1.0,
            ));
        }
    }
    Ok(happenings)
}

/// Whether a statement with a setting's verb changes a setting of more than its own session.
fn is_setting(normalized: &str) -> bool {
    let text = normalized.to_uppercase();
    match text.strip_prefix("SET ") {
        Some(rest) => ["GLOBAL ", "PERSIST ", "PERSIST_ONLY ", "@@GLOBAL.", "@@PERSIST"]
            .iter()
            .any(|scope| rest.starts_with(scope)),
        None => text.contains(" SET ") || text.contains(" RESET "),
    }
}

/// The statement as it was written, on one line, if that was kept and is nobody's secret.
fn words(normalized: &str, statement: Option<&str>) -> String {
    let upper = normalized.to_uppercase();
    let has_secret = SECRETS.iter().any(|secret| upper.contains(secret));
    let text = statement.filter(|_| !has_secret).unwrap_or(normalized);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_session_are_nobody_elses() {
        let check =
            |normalized: &str, expect: bool| assert_eq!(is_setting(normalized), expect, "{normalized}");
        check("ALTER system SET shared_buffers = ?", true);
        check("ALTER system RESET ALL", true);
        check("ALTER role app IN DATABASE shop SET enable_seqscan TO off", true);
        check("ALTER role app password ?", false);
        check("SET global innodb_buffer_pool_size = ?", true);
        check("SET @@global.max_connections = ?", true);
        check("SET persist optimizer_switch = ?", true);
        check("SET session sort_buffer_size = ?", false);
        check("SET work_mem = ?", false);
    }

    #[test]
    fn literals_are_told_but_no_secret() {
        let check = |normalized: &str, statement: Option<&str>, expect: &str| {
            assert_eq!(words(normalized, statement), expect);
        };
        let setting = "ALTER system SET work_mem = ?";
        check(
            setting,
            Some("ALTER SYSTEM\n  SET work_mem = '1MB'"),
            "ALTER SYSTEM SET work_mem = '1MB'",
        );
        check(setting, None, setting);
        let secret = "ALTER system SET primary_conninfo = ?";
        check(
            secret,
            Some("ALTER SYSTEM SET primary_conninfo = 'password=x'"),
            secret,
        );
    }
}
