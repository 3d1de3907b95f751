//! Where clues come from: plans, tags, events, statements and roll-ups of the lake around the onsets of some changes. Reads nothing after
//! the point in time that is asked for; judges nothing, see `causes`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use slowlake_sql::Session;

use super::causes::{CauseKind, Clue, REACH_HOURS};
use super::window::WEEK;
use crate::error::AnalyzeError;
use crate::filter::{Filters, any_of};
use crate::rows::{each_row, time};
use crate::window::TimeWindow;

const HOUR_US: i64 = 3_600_000_000;
/// What was usual is what was in this time before the onset.
const USUAL_US: i64 = WEEK as i64 * HOUR_US;
/// Tags of comments that name a version of the program.
const VERSION_TAGS: [&str; 6] = ["version", "app_version", "release", "revision", "commit", "build"];
/// A plan that had less than this share of the executions is new.
const USUAL_PLAN_SHARE: f64 = 0.05;
/// Verbs of statements that change a table or its indexes.
const DDL_VERBS: [&str; 9] = [
    "ALTER TABLE",
    "ALTER INDEX",
    "CREATE INDEX",
    "DROP INDEX",
    "CREATE TABLE",
    "DROP TABLE",
    "TRUNCATE",
    "TRUNCATE TABLE",
    "CREATE TRIGGER",
];
/// Those of them that do not name the table.
const DDL_WITHOUT_TABLE: [&str; 2] = ["DROP INDEX", "ALTER INDEX"];
/// Verbs of statements that fill a table.
const WRITE_VERBS: [&str; 4] = ["INSERT", "COPY", "UPDATE", "LOAD DATA"];
/// A write that took less altogether, µs, does not make a table another one.
const WRITE_TIME_MIN_US: i64 = 500_000;
/// Growth below this is none.
const GROWTH_MIN: f64 = 1.1;

/// A change of which clues are wanted.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) server: Option<String>,
    pub(super) fingerprint: i64,
    pub(super) onset_us: i64,
    pub(super) effect: f64,
    /// The extra time an hour, µs.
    pub(super) extra_us: f64,
}

/// A query on a server.
type Key = (Option<String>, i64);

/// The clues to some changes, by fingerprint.
pub(super) async fn clues(
    session: &Session,
    subjects: &[Subject],
    as_of_us: i64,
) -> Result<HashMap<i64, Vec<Clue>>, AnalyzeError> {
    let Some(first_us) = subjects.iter().map(|subject| subject.onset_us).min() else {
        return Ok(HashMap::new());
    };
    let search = Search {
        session,
        subjects,
        window: TimeWindow::new(first_us - USUAL_US, as_of_us.max(first_us))?,
        fingerprints: list(subjects.iter().map(|subject| subject.fingerprint).collect()),
    };
    let mut clues: HashMap<i64, Vec<Clue>> = HashMap::new();
    search.plans(&mut clues).await?;
    search.versions(&mut clues).await?;
    search.events(&mut clues).await?;
    search.waits_and_files(&mut clues).await?;
    search.statements(&mut clues).await?;
    search.rows(&mut clues).await?;
    search.table_sizes(&mut clues).await?;
    Ok(clues)
}

struct Search<'a> {
    session: &'a Session,
    subjects: &'a [Subject],
    window: TimeWindow,
    /// For SQL.
    fingerprints: String,
}

fn list(fingerprints: BTreeSet<i64>) -> String {
    let texts: Vec<String> = fingerprints.iter().map(i64::to_string).collect();
    texts.join(", ")
}

/// Counts by (server, fingerprint), and hour.
type ByHour<T> = BTreeMap<Key, Vec<(i64, T)>>;

impl Search<'_> {
    fn within(&self, column: &str) -> String {
        Filters::default().condition_on(Some(self.window), column)
    }

    fn add(&self, clues: &mut HashMap<i64, Vec<Clue>>, fingerprint: i64, clue: Clue) {
        clues.entry(fingerprint).or_default().push(clue);
    }

    /// Another plan than usual.
    async fn plans(&self, clues: &mut HashMap<i64, Vec<Clue>>) -> Result<(), AnalyzeError> {
        let condition = format!(
            "plan_fingerprint IS NOT NULL AND fingerprint IN ({}) AND {}",
            self.fingerprints,
            self.within("ts")
        );
        let statement = format!(
            "SELECT server, fingerprint, date_trunc('hour', ts), plan_fingerprint, count(*) FROM ( \
             SELECT server, fingerprint, ts, plan_fingerprint FROM executions WHERE {condition} UNION ALL \
             SELECT server, fingerprint, ts, plan_fingerprint FROM server_events WHERE event = 'plan' AND {condition}) AS plans \
             GROUP BY 1, 2, 3, 4"
        );
        let by_hour = self.values(&statement).await?;
        self.each_new_value(&by_hour, |subject, new, old, at_us, strength| {
            let old = old.map_or_else(|| "none".to_owned(), hex);
            let clue = Clue {
                kind: CauseKind::Plan,
                what: format!("plan {} instead of {old}", hex(new)),
                at_us,
                server: subject.server.clone(),
                strength,
            };
            self.add(clues, subject.fingerprint, clue);
        });
        Ok(())
    }

    /// Another version in the tags.
    async fn versions(&self, clues: &mut HashMap<i64, Vec<Clue>>) -> Result<(), AnalyzeError> {
        for tag in VERSION_TAGS {
            let statement = format!(
                "SELECT server, fingerprint, date_trunc('hour', ts), tags['{tag}'], count(*) FROM executions \
                 WHERE tags IS NOT NULL AND tags['{tag}'] IS NOT NULL AND fingerprint IN ({}) AND {} GROUP BY 1, 2, 3, 4",
                self.fingerprints,
                self.within("ts")
            );
            let by_hour = self.values(&statement).await?;
            self.each_new_value(&by_hour, |subject, new: &String, old, at_us, strength| {
                let old = old.map_or_else(|| "none".to_owned(), String::clone);
                let clue = Clue {
                    kind: CauseKind::Version,
                    what: format!("{tag} {new} instead of {old}"),
                    at_us,
                    server: subject.server.clone(),
                    strength,
                };
                self.add(clues, subject.fingerprint, clue);
            });
        }
        Ok(())
    }

    /// Reads `server, fingerprint, hour, value, count`.
    async fn values<T: FromRow>(&self, statement: &str) -> Result<ByHour<(T, i64)>, AnalyzeError> {
        let mut by_hour: ByHour<(T, i64)> = BTreeMap::new();
        each_row(self.session.query(statement).await?, |rows, row| {
            let key = (
                rows.text(row, 0).map(str::to_owned),
                rows.integer(row, 1).unwrap_or_default(),
            );
            if let (Some(hour_us), Some(value)) = (time(rows, row, 2), T::from_row(rows, row, 3)) {
                let count = rows.integer(row, 4).unwrap_or_default();
                by_hour.entry(key).or_default().push((hour_us, (value, count)));
            }
        })
        .await?;
        by_hour.values_mut().for_each(|hours| hours.sort_unstable());
        Ok(by_hour)
    }

    /// Calls `each` with the value that most executions since the onset have, if few had it before, what most had before, and since when.
    fn each_new_value<T: Ord + Clone>(
        &self,
        by_hour: &ByHour<(T, i64)>,
        mut each: impl FnMut(&Subject, &T, Option<&T>, i64, f64),
    ) {
        for subject in self.subjects {
            let Some(hours) = by_hour.get(&(subject.server.clone(), subject.fingerprint)) else {
                continue;
            };
            let reach = subject.onset_us - REACH_HOURS * HOUR_US;
            let (before, after) = (
                shares(hours, |hour| (subject.onset_us - USUAL_US..reach).contains(&hour)),
                shares(hours, |hour| hour >= subject.onset_us),
            );
            let most = |shares: &BTreeMap<T, f64>| {
                let most = shares.iter().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0)));
                most.map(|(value, share)| (value.clone(), *share))
            };
            let Some((new, share)) = most(&after) else {
                continue;
            };
            let share_before = before.get(&new).copied().unwrap_or(0.0);
            if before.is_empty() || share_before >= USUAL_PLAN_SHARE {
                continue;
            }
            let since = hours
                .iter()
                .find(|(hour, (value, _))| *hour >= reach && *value == new);
            if let Some((at_us, _)) = since {
                let old = most(&before).map(|(value, _)| value);
                each(subject, &new, old.as_ref(), *at_us, share - share_before);
            }
        }
    }

    /// Marks, changed settings and starts of servers.
    async fn events(&self, clues: &mut HashMap<i64, Vec<Clue>>) -> Result<(), AnalyzeError> {
        let users = self.users().await?;
        let statement = format!(
            "SELECT ts, event, server, cluster, application, message FROM server_events \
             WHERE event IN ('mark', 'configuration', 'startup') AND {} ORDER BY ts, source, source_offset",
            self.within("ts")
        );
        each_row(self.session.query(&statement).await?, |rows, row| {
            let Some(at_us) = time(rows, row, 0) else { return };
            let kind = match rows.text(row, 1) {
                Some("mark") => CauseKind::Mark,
                Some("configuration") => CauseKind::Configuration,
                _ => CauseKind::Restart,
            };
            let [server, cluster, application] = [2, 3, 4].map(|column| rows.text(row, column));
            for subject in self.subjects {
                let key = (subject.server.clone(), subject.fingerprint);
                let is_one_of = |known: Option<&BTreeSet<String>>, name: &str| {
                    known.is_some_and(|known| known.contains(name))
                };
                let used = users.get(&key);
                let fits = match kind {
                    CauseKind::Mark => {
                        server.is_none_or(|server| subject.server.as_deref() == Some(server))
                            && cluster.is_none_or(|name| is_one_of(used.map(|used| &used.clusters), name))
                            && application
                                .is_none_or(|name| is_one_of(used.map(|used| &used.applications), name))
                    }
                    _ => server == subject.server.as_deref(),
                };
                if fits {
                    let clue = Clue {
                        kind,
                        what: rows.text(row, 5).unwrap_or_default().to_owned(),
                        at_us,
                        server: subject.server.clone(),
                        strength: 1.0,
                    };
                    self.add(clues, subject.fingerprint, clue);
                }
            }
        })
        .await
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

    /// Waits for locks and temporary files that were not there before.
    async fn waits_and_files(&self, clues: &mut HashMap<i64, Vec<Clue>>) -> Result<(), AnalyzeError> {
        let statement = format!(
            "SELECT server, fingerprint, date_trunc('hour', ts), event, CAST(sum(CASE WHEN event = 'temporary_file' \
             THEN 1 ELSE coalesce(duration_us, 0) END) AS BIGINT) FROM server_events \
             WHERE event IN ('lock_acquired', 'lock_wait', 'temporary_file') AND fingerprint IN ({}) AND {} GROUP BY 1, 2, 3, 4",
            self.fingerprints,
            self.within("ts")
        );
        let by_hour: ByHour<(String, i64)> = self.values(&statement).await?;
        for subject in self.subjects {
            let Some(hours) = by_hour.get(&(subject.server.clone(), subject.fingerprint)) else {
                continue;
            };
            let rate = |event: &str, from_us: i64, to_us: i64| {
                let counted = hours
                    .iter()
                    .filter(|(hour, (name, _))| (from_us..to_us).contains(hour) && name == event);
                let sum: i64 = counted.map(|(_, (_, amount))| amount).sum();
                sum as f64 / ((to_us - from_us) / HOUR_US).max(1) as f64
            };
            let (onset, end) = (subject.onset_us, self.window.end_us());
            let more = |event: &str| rate(event, onset, end) - rate(event, onset - USUAL_US, onset);
            let waits_us = more("lock_acquired").max(more("lock_wait"));
            let files = (
                rate("temporary_file", onset - USUAL_US, onset),
                more("temporary_file"),
            );
            let found = [
                (
                    CauseKind::Locks,
                    "waits for locks",
                    waits_us / subject.extra_us.max(1.0),
                ),
                // At least twice as many as before.
                (
                    CauseKind::Spill,
                    "temporary files",
                    if files.1 > files.0 { 1.0 } else { 0.0 },
                ),
            ];
            for (kind, what, strength) in found {
                if strength >= 0.1 {
                    let clue = Clue {
                        kind,
                        what: what.to_owned(),
                        at_us: onset,
                        server: subject.server.clone(),
                        strength: strength.min(1.0),
                    };
                    self.add(clues, subject.fingerprint, clue);
                }
            }
        }
        Ok(())
    }

    /// Statements that change the tables of the queries, or write to them and were not there before.
    async fn statements(&self, clues: &mut HashMap<i64, Vec<Clue>>) -> Result<(), AnalyzeError> {
        let (tables, others) = self.tables().await?;
        if others.is_empty() {
            return Ok(());
        }
        let statement = format!(
            "SELECT server, fingerprint, date_trunc('hour', ts), min(ts), CAST(sum(query_time_us) AS BIGINT) FROM executions \
             WHERE fingerprint IN ({}) AND {} GROUP BY 1, 2, 3",
            list(others.keys().copied().collect()),
            self.within("ts")
        );
        let by_hour: ByHour<(i64, i64)> = self.values(&statement).await?;
        for subject in self.subjects {
            let own = tables.get(&subject.fingerprint);
            let of_server = by_hour
                .iter()
                .filter(|((server, _), _)| *server == subject.server);
            for ((_, fingerprint), hours) in of_server {
                let other = &others[fingerprint];
                let touches = DDL_WITHOUT_TABLE.contains(&other.verb.as_str())
                    || own.is_some_and(|own| other.tables.iter().any(|table| own.contains(table)));
                if !touches || *fingerprint == subject.fingerprint {
                    continue;
                }
                let reach = subject.onset_us - REACH_HOURS * HOUR_US;
                let is_ddl = DDL_VERBS.contains(&other.verb.as_str());
                let was_there = hours.first().is_some_and(|(hour, _)| *hour < reach);
                let end = subject.onset_us + HOUR_US;
                let near = hours.iter().filter(|(hour, _)| (reach..end).contains(hour));
                let spent_us: i64 = near.clone().map(|(_, (_, us))| us).sum();
                if !is_ddl && (was_there || spent_us < WRITE_TIME_MIN_US) {
                    continue;
                }
                for (_, (at_us, _)) in near {
                    let clue = Clue {
                        kind: if is_ddl { CauseKind::Ddl } else { CauseKind::Growth },
                        what: other.text.clone(),
                        at_us: *at_us,
                        server: subject.server.clone(),
                        strength: 1.0,
                    };
                    self.add(clues, subject.fingerprint, clue);
                }
            }
        }
        Ok(())
    }

    /// The tables of the changed queries, and the statements that change or fill a table.
    async fn tables(&self) -> Result<(HashMap<i64, Vec<String>>, HashMap<i64, Other>), AnalyzeError> {
        let verbs: Vec<String> = DDL_VERBS
            .iter()
            .chain(&WRITE_VERBS)
            .map(|verb| (*verb).to_owned())
            .collect();
        let statement = format!(
            "SELECT fingerprint, verb, array_to_string(tables, '\n'), normalized FROM queries \
             WHERE fingerprint IN ({}) OR {}",
            self.fingerprints,
            any_of("verb", &verbs)
        );
        let wanted: BTreeSet<i64> = self.subjects.iter().map(|subject| subject.fingerprint).collect();
        let (mut tables, mut others) = (HashMap::new(), HashMap::new());
        each_row(self.session.query(&statement).await?, |rows, row| {
            let fingerprint = rows.integer(row, 0).unwrap_or_default();
            let verb = rows.text(row, 1).unwrap_or_default().to_owned();
            let names: Vec<String> = rows
                .text(row, 2)
                .map(|names| names.lines().map(plain).collect())
                .unwrap_or_default();
            if wanted.contains(&fingerprint) {
                tables.insert(fingerprint, names.clone());
            }
            if verbs.contains(&verb) {
                let text = rows.text(row, 3).unwrap_or(&verb).to_owned();
                others.insert(
                    fingerprint,
                    Other {
                        verb,
                        tables: names,
                        text,
                    },
                );
            }
        })
        .await?;
        Ok((tables, others))
    }

    /// More rows looked at, or more time waited for locks, by an execution.
    async fn rows(&self, clues: &mut HashMap<i64, Vec<Clue>>) -> Result<(), AnalyzeError> {
        for (column, what) in [
            ("rows_examined", "rows examined by an execution"),
            ("rows_sent", "rows sent by an execution"),
            ("lock_time_us", "waits for locks"),
        ] {
            let statement = format!(
                "SELECT server, fingerprint, hour, CAST(sum({column}) AS BIGINT), CAST(sum(calls) AS BIGINT) FROM rollup_hour \
                 WHERE {column} IS NOT NULL AND fingerprint IN ({}) AND {} GROUP BY 1, 2, 3",
                self.fingerprints,
                self.within("hour")
            );
            let by_hour: ByHour<(i64, i64)> = self.values(&statement).await?;
            for subject in self.subjects {
                let Some(hours) = by_hour.get(&(subject.server.clone(), subject.fingerprint)) else {
                    continue;
                };
                let mean = |is_wanted: &dyn Fn(i64) -> bool| {
                    let wanted = hours.iter().filter(|(hour, _)| is_wanted(*hour));
                    let (sum, calls) =
                        wanted.fold((0, 0), |all, (_, (sum, calls))| (all.0 + sum, all.1 + calls));
                    (calls > 0).then(|| sum as f64 / calls as f64)
                };
                let onset = subject.onset_us;
                let before = mean(&|hour| (onset - USUAL_US..onset).contains(&hour));
                let (Some(before), Some(after)) = (before, mean(&|hour| hour >= onset)) else {
                    continue;
                };
                let calls: i64 = hours
                    .iter()
                    .filter(|(hour, _)| *hour >= onset)
                    .map(|(_, (_, calls))| calls)
                    .sum();
                let hours_after = ((self.window.end_us() - onset) / HOUR_US).max(1) as f64;
                let is_locks = column == "lock_time_us";
                let strength = if is_locks {
                    (after - before) * calls as f64 / hours_after / subject.extra_us.max(1.0)
                } else if after >= GROWTH_MIN * before.max(1.0) {
                    (after / before.max(1.0)).ln() / subject.effect.ln_1p().max(0.05)
                } else {
                    0.0
                };
                if strength < 0.1 {
                    continue;
                }
                let clue = Clue {
                    kind: if is_locks {
                        CauseKind::Locks
                    } else {
                        CauseKind::Growth
                    },
                    what: if is_locks {
                        what.to_owned()
                    } else {
                        format!("{after:.0} {what}, {before:.0} before")
                    },
                    at_us: onset,
                    server: subject.server.clone(),
                    // As much as it explains, and a little less than the write that it comes from.
                    strength: strength.min(1.0) * if is_locks { 1.0 } else { 0.9 },
                };
                self.add(clues, subject.fingerprint, clue);
            }
        }
        Ok(())
    }

    /// Tables that are larger than they were the day before, as collectors measured them.
    async fn table_sizes(&self, clues: &mut HashMap<i64, Vec<Clue>>) -> Result<(), AnalyzeError> {
        let (tables, _) = self.tables().await?;
        let statement = format!(
            "SELECT server, object, ts, size_bytes FROM metrics WHERE metric = 'table' AND size_bytes IS NOT NULL AND {} ORDER BY ts",
            self.within("ts")
        );
        let mut sizes: BTreeMap<(Option<String>, String), Vec<Sample>> = BTreeMap::new();
        each_row(self.session.query(&statement).await?, |rows, row| {
            let key = (
                rows.text(row, 0).map(str::to_owned),
                plain(rows.text(row, 1).unwrap_or_default()),
            );
            let sample = time(rows, row, 2).zip(rows.integer(row, 3));
            sizes.entry(key).or_default().extend(sample);
        })
        .await?;
        for subject in self.subjects {
            for table in tables.get(&subject.fingerprint).into_iter().flatten() {
                let Some(samples) = sizes.get(&(subject.server.clone(), table.clone())) else {
                    continue;
                };
                let reach = subject.onset_us - REACH_HOURS * HOUR_US;
                let before = samples.iter().rev().find(|(at_us, _)| *at_us < reach);
                let after = samples
                    .iter()
                    .rev()
                    .find(|(at_us, _)| (reach..subject.onset_us + HOUR_US).contains(at_us));
                let (Some((_, before)), Some((at_us, after))) = (before, after) else {
                    continue;
                };
                let ratio = *after as f64 / (*before).max(1) as f64;
                if ratio >= GROWTH_MIN {
                    let clue = Clue {
                        kind: CauseKind::Growth,
                        what: format!("{table} has {ratio:.1} times the bytes of the day before"),
                        at_us: *at_us,
                        server: subject.server.clone(),
                        strength: (ratio.ln() / subject.effect.ln_1p().max(0.05)).min(1.0),
                    };
                    self.add(clues, subject.fingerprint, clue);
                }
            }
        }
        Ok(())
    }
}

/// When, µs since 1970 UTC, and how many bytes.
type Sample = (i64, i64);

/// Who uses a query.
#[derive(Debug, Default)]
struct Users {
    clusters: BTreeSet<String>,
    applications: BTreeSet<String>,
}

/// A statement that changes or fills a table.
#[derive(Debug)]
struct Other {
    verb: String,
    tables: Vec<String>,
    text: String,
}

/// A value of a column.
trait FromRow: Ord + Clone {
    fn from_row(rows: &slowlake_sql::Rows, row: usize, column: usize) -> Option<Self>;
}

impl FromRow for i64 {
    fn from_row(rows: &slowlake_sql::Rows, row: usize, column: usize) -> Option<i64> {
        rows.integer(row, column).or_else(|| time(rows, row, column))
    }
}

impl FromRow for String {
    fn from_row(rows: &slowlake_sql::Rows, row: usize, column: usize) -> Option<String> {
        rows.text(row, column).map(str::to_owned)
    }
}

/// The share of each value in some hours.
fn shares<T: Ord + Clone>(hours: &[(i64, (T, i64))], is_wanted: impl Fn(i64) -> bool) -> BTreeMap<T, f64> {
    let mut counts: BTreeMap<T, f64> = BTreeMap::new();
    for (_, (value, count)) in hours.iter().filter(|(hour, _)| is_wanted(*hour)) {
        *counts.entry(value.clone()).or_default() += *count as f64;
    }
    let all: f64 = counts.values().sum();
    counts.values_mut().for_each(|count| *count /= all);
    counts
}

/// A table's name without its schema, which statements may leave out.
pub(super) fn plain(name: &str) -> String {
    name.rsplit('.').next().unwrap_or(name).to_lowercase()
}

fn hex(fingerprint: &i64) -> String {
    format!("{fingerprint:016x}")
}
