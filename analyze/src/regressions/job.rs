//! The job `regressions`: what the detector says of a lake as of a point in time. Reads hours before that alone, so that it says the same
//! whenever it is asked again; tells servers and queries by name. The only part of this room that knows of sessions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use slowlake_sql::Session;

use super::causes::{Changed, causes};
use super::claims::{HOUR_US, QueryAppearance, QueryChange, RegressionsReport, RewrittenQuery, WholeServer};
use super::evidence::{Subject, clues, plain, server_clues};
use super::history::{HOURS_SINCE_MONDAY, History, us_of};
use super::impact::EFFECT_MIN;
use super::rewritten::{Deed, Rewritten, pair};
use super::tails::{ShareChange, ShareChanges, share_changes};
use super::window::WEEK;
use super::{Appearance, Findings, LoadChange, Regression, ServerChange, Severity, Watched};
use crate::error::AnalyzeError;
use crate::events::normalized_texts;
use crate::findings::known_findings;
use crate::rows::{each_row, time};

/// Changes whose causes are looked for, of either direction.
const EXPLAINED_MAX: usize = 200;
/// Changes of one query on several servers this near are one.
const AT_ONCE_HOURS: i64 = 12;

/// What `regressions` is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegressionsRequest {
    /// Only what began before this is known, µs since 1970 UTC, down to the whole hour; the begin of the lake's last hour if none.
    pub as_of_us: Option<i64>,
    /// Only findings of these servers, of all if there are none. What is usual is learned from the whole fleet in any case.
    pub servers: Vec<String>,
}

/// Looks at a lake as of a point in time.
///
/// # Errors
/// [`AnalyzeError::Sql`] if the lake cannot be queried.
pub async fn regressions(
    session: &Session,
    request: &RegressionsRequest,
) -> Result<RegressionsReport, AnalyzeError> {
    let as_of_us = match request.as_of_us {
        Some(us) => Some(us),
        None => last_hour_us(session).await?,
    };
    let Some(as_of) = as_of_us.map(|us| us.div_euclid(HOUR_US)) else {
        return Ok(RegressionsReport::default());
    };
    let history = History::of(session, as_of).await?;
    let mut watched = history.watch(session, as_of).await?;
    let deeds = deeds(session, &watched).await?;
    let rewritten = pair(&mut watched.new_queries, &mut watched.vanished_queries, &deeds);
    let slower = watched.slower.iter().flat_map(|look| &look.regressions);
    let slower = slower.map(|found| (history.server(found.server), found.fingerprint));
    let shares = share_changes(session, as_of * HOUR_US, &slower.collect()).await?;
    let names = Names {
        texts: texts(session, &watched, &rewritten, &shares).await?,
        servers: history.servers.into_iter().map(|server| server.name).collect(),
    };
    let mut report = RegressionsReport {
        as_of_us: Some(as_of * HOUR_US),
        first_hour_us: (watched.n_series > 0).then(|| us_of(watched.first_hour)),
        has_history: watched.n_series > 0
            && as_of + HOURS_SINCE_MONDAY - watched.first_hour >= 2 * WEEK as i64,
        series: watched.n_series,
        regressions: names.changes(&watched.slower),
        improvements: names.changes(&watched.faster),
        servers: names.whole_servers(watched.slower.iter().chain(&watched.faster)),
        new_queries: watched
            .new_queries
            .iter()
            .map(|query| names.appearance(query))
            .collect(),
        vanished_queries: watched
            .vanished_queries
            .iter()
            .map(|query| names.appearance(query))
            .collect(),
        rewritten_queries: names.rewritten(&rewritten),
        slower_tails: names.shares(shares.slow),
        more_errors: names.shares(shares.failed),
    };
    report.leave_out_what_stood_still();
    report.keep_servers(&request.servers);
    report.find_causes(session, as_of * HOUR_US).await?;
    report.look_up_states(&known_findings(session).await?);
    Ok(report)
}

impl RegressionsReport {
    /// Leaves out queries that changed only against a server that changed as a whole at the time: what stays as it was while all
    /// others become slower is not faster.
    fn leave_out_what_stood_still(&mut self) {
        let servers = &self.servers;
        let has_changed = |change: &QueryChange| {
            let at_once = servers.iter().filter(|server| {
                server.server == change.server
                    && (server.onset_us - change.onset_us).abs() <= AT_ONCE_HOURS * HOUR_US
            });
            let all = at_once.fold(1.0 + change.effect, |all, server| all * (1.0 + server.effect)) - 1.0;
            all * change.effect.signum() >= EFFECT_MIN
        };
        self.regressions.retain(has_changed);
        self.improvements.retain(has_changed);
    }

    /// Looks for the causes of the changes that weigh most.
    async fn find_causes(&mut self, session: &Session, as_of_us: i64) -> Result<(), AnalyzeError> {
        for changes in [&mut self.regressions, &mut self.improvements] {
            let told = changes.len().min(EXPLAINED_MAX);
            let subjects: Vec<Subject> = changes[..told].iter().map(QueryChange::subject).collect();
            let clues = clues(session, &subjects, as_of_us).await?;
            for (change, subject) in changes.iter_mut().zip(&subjects) {
                let own = subject.changed();
                let at_once = subjects.iter().filter(|other| {
                    other.fingerprint == subject.fingerprint
                        && (other.onset_us - subject.onset_us).abs() <= AT_ONCE_HOURS * HOUR_US
                });
                let changed: Vec<Changed> = at_once.map(Subject::changed).collect();
                let of_query = clues.get(&subject.fingerprint).map_or(&[][..], Vec::as_slice);
                change.causes = causes(&own, &changed, of_query);
            }
        }
        let changed: Vec<Changed> = self.servers.iter().map(WholeServer::changed).collect();
        let clues = server_clues(session, &changed, as_of_us).await?;
        for (server, changed) in self.servers.iter_mut().zip(&changed) {
            server.causes = causes(changed, std::slice::from_ref(changed), &clues);
        }
        Ok(())
    }
}

/// The begin of the last hour in which anything was executed. Its end may be still to come.
async fn last_hour_us(session: &Session) -> Result<Option<i64>, AnalyzeError> {
    let mut last = None;
    each_row(
        session.query("SELECT max(hour) FROM rollup_hour").await?,
        |rows, row| last = time(rows, row, 0),
    )
    .await?;
    Ok(last)
}

/// What new and vanished queries do.
async fn deeds(session: &Session, watched: &Watched) -> Result<BTreeMap<i64, Deed>, AnalyzeError> {
    let appearances = watched.new_queries.iter().chain(&watched.vanished_queries);
    let fingerprints: BTreeSet<i64> = appearances.map(|query| query.fingerprint).collect();
    let mut deeds = BTreeMap::new();
    if watched.new_queries.is_empty() || watched.vanished_queries.is_empty() {
        return Ok(deeds);
    }
    let fingerprints: Vec<String> = fingerprints.iter().map(i64::to_string).collect();
    let statement = format!(
        "SELECT fingerprint, verb, array_to_string(tables, '\n') FROM queries \
         WHERE verb IS NOT NULL AND fingerprint IN ({})",
        fingerprints.join(", ")
    );
    each_row(session.query(&statement).await?, |rows, row| {
        let tables = rows.text(row, 2).unwrap_or_default();
        let mut tables: Vec<String> = tables.lines().map(plain).collect();
        tables.sort();
        let deed = Deed {
            verb: rows.text(row, 1).unwrap_or_default().to_owned(),
            tables,
        };
        deeds.extend(rows.integer(row, 0).map(|fingerprint| (fingerprint, deed)));
    })
    .await?;
    Ok(deeds)
}

/// The texts of the queries that are spoken of.
async fn texts(
    session: &Session,
    watched: &Watched,
    rewritten: &[Rewritten],
    shares: &ShareChanges,
) -> Result<HashMap<i64, String>, AnalyzeError> {
    let changed = watched
        .slower
        .iter()
        .chain(&watched.faster)
        .flat_map(|look| &look.regressions)
        .map(|change| change.fingerprint);
    let appearances = watched.new_queries.iter().chain(&watched.vanished_queries);
    let fingerprints: BTreeSet<i64> = changed
        .chain(appearances.map(|query| query.fingerprint))
        .chain(
            rewritten
                .iter()
                .flat_map(|pair| [pair.old.fingerprint, pair.new.fingerprint]),
        )
        .chain(
            shares
                .slow
                .iter()
                .chain(&shares.failed)
                .map(|(fingerprint, _)| *fingerprint),
        )
        .collect();
    let fingerprints: Vec<i64> = fingerprints.into_iter().collect();
    normalized_texts(session, &fingerprints).await
}

/// What numbers stand for.
struct Names {
    servers: Vec<Option<String>>,
    texts: HashMap<i64, String>,
}

impl Names {
    fn server(&self, number: u32) -> Option<String> {
        self.servers.get(number as usize).cloned().flatten()
    }

    /// The changes of all looks, the largest change of load first.
    fn changes(&self, looks: &[Findings]) -> Vec<QueryChange> {
        let recovered: BTreeSet<(u32, i64, i64)> =
            looks.iter().flat_map(|look| &look.recovered).copied().collect();
        let mut changes: Vec<&Regression> = looks.iter().flat_map(|look| &look.regressions).collect();
        changes.sort_by(|a, b| {
            let key = |change: &Regression| (change.server, change.fingerprint, change.onset_hour);
            let load = |change: &Regression| change.impact.extra_sessions.abs();
            load(b).total_cmp(&load(a)).then(key(a).cmp(&key(b)))
        });
        let is_gone =
            |change: &Regression| recovered.contains(&(change.server, change.fingerprint, change.onset_hour));
        changes
            .into_iter()
            .map(|change| self.change(change, is_gone(change)))
            .collect()
    }

    fn change(&self, change: &Regression, has_recovered: bool) -> QueryChange {
        let parts = match change.load {
            Some(LoadChange::Both { calls_us, latency_us }) => Some((calls_us, latency_us)),
            _ => None,
        };
        QueryChange {
            server: self.server(change.server),
            fingerprint: format!("{:016x}", change.fingerprint),
            normalized: self.texts.get(&change.fingerprint).cloned(),
            onset_us: us_of(change.onset_hour),
            found_us: us_of(change.look_hour),
            effect: change.effect,
            effect_low: change.effect_bounds.0,
            effect_high: change.effect_bounds.1,
            p_value: change.p_value,
            servers: change.servers,
            extra_sessions: change.impact.extra_sessions,
            server_share: change.impact.server_share,
            severity: words(change.impact.severity),
            calls_us_per_hour: parts.map(|parts| parts.0),
            latency_us_per_hour: parts.map(|parts| parts.1),
            has_recovered,
            causes: Vec::new(),
            state: None,
        }
    }

    fn whole_servers<'f>(&self, looks: impl Iterator<Item = &'f Findings>) -> Vec<WholeServer> {
        let mut changes: Vec<&ServerChange> = looks.flat_map(|look| &look.servers).collect();
        changes.sort_by(|a, b| {
            let key = |change: &ServerChange| (change.server, change.onset_hour);
            b.effect
                .abs()
                .total_cmp(&a.effect.abs())
                .then(key(a).cmp(&key(b)))
        });
        let whole = |change: &ServerChange| WholeServer {
            server: self.server(change.server),
            onset_us: us_of(change.onset_hour),
            found_us: us_of(change.look_hour),
            effect: change.effect,
            p_value: change.p_value,
            causes: Vec::new(),
        };
        changes.into_iter().map(whole).collect()
    }

    fn rewritten(&self, pairs: &[Rewritten]) -> Vec<RewrittenQuery> {
        let rewritten = |pair: &Rewritten| RewrittenQuery {
            old: self.appearance(&pair.old),
            new: self.appearance(&pair.new),
            extra_sessions: pair.new.sessions - pair.old.sessions,
        };
        let mut queries: Vec<RewrittenQuery> = pairs.iter().map(rewritten).collect();
        // Pairs are in order: a stable sort keeps that of equals.
        queries.sort_by(|a, b| b.extra_sessions.total_cmp(&a.extra_sessions));
        queries
    }

    /// Those that grew most first.
    fn shares(&self, changes: Vec<(i64, ShareChange)>) -> Vec<ShareChange> {
        let named = |(fingerprint, change): (i64, ShareChange)| ShareChange {
            normalized: self.texts.get(&fingerprint).cloned(),
            ..change
        };
        let mut changes: Vec<ShareChange> = changes.into_iter().map(named).collect();
        // They are in order: a stable sort keeps that of equals.
        changes.sort_by(|a, b| (b.after - b.before).total_cmp(&(a.after - a.before)));
        changes
    }

    fn appearance(&self, query: &Appearance) -> QueryAppearance {
        QueryAppearance {
            server: self.server(query.server),
            fingerprint: format!("{:016x}", query.fingerprint),
            normalized: self.texts.get(&query.fingerprint).cloned(),
            at_us: us_of(query.hour),
            calls_per_hour: query.calls_per_hour,
            sessions: query.sessions,
        }
    }
}

fn words(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
        Severity::Negligible => "negligible",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(server: &str, onset_hour: i64, effect: f64) -> QueryChange {
        QueryChange {
            server: Some(server.to_owned()),
            fingerprint: String::new(),
            normalized: None,
            onset_us: onset_hour * HOUR_US,
            found_us: 0,
            effect,
            effect_low: effect,
            effect_high: effect,
            p_value: 0.0,
            servers: 1,
            extra_sessions: 0.0,
            server_share: 0.0,
            severity: "low",
            calls_us_per_hour: None,
            latency_us_per_hour: None,
            has_recovered: false,
            causes: Vec::new(),
            state: None,
        }
    }

    /// One server took twice as long from hour 100 on.
    #[test]
    fn what_stood_still_while_its_server_changed_is_told_of_the_server_alone() {
        let check = |server, onset_hour, effect: f64, expect: bool| {
            let mut report = RegressionsReport {
                servers: vec![WholeServer {
                    server: Some("a".to_owned()),
                    onset_us: 100 * HOUR_US,
                    found_us: 0,
                    effect: 1.0,
                    p_value: 0.0,
                    causes: Vec::new(),
                }],
                ..RegressionsReport::default()
            };
            let list = |report: &mut RegressionsReport| match effect > 0.0 {
                true => report.regressions.push(change(server, onset_hour, effect)),
                false => report.improvements.push(change(server, onset_hour, effect)),
            };
            list(&mut report);
            report.leave_out_what_stood_still();
            let kept = report.regressions.len() + report.improvements.len();
            assert_eq!(kept == 1, expect, "{server} {onset_hour} {effect}");
        };
        check("a", 100, -0.5, false);
        check("a", 104, -0.2, false);
        check("a", 100, -0.6, true);
        check("a", 100, 0.5, true);
        check("a", 140, -0.5, true);
        check("b", 100, -0.5, true);
    }
}
