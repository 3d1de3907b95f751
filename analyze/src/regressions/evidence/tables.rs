//! What became of the tables of changed queries: definitions, loads, growth, and more rows to an execution. Judges nothing.

use std::collections::{BTreeMap, HashMap};

use super::super::causes::{CauseKind, Clue, REACH_HOURS};
use super::{ByHour, HOUR_US, Search, Subject, USUAL_US, list, plain};
use crate::error::AnalyzeError;
use crate::filter::any_of;
use crate::rows::{each_row, time};

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

/// The tables of the changed queries, and the statements that change or fill a table, by fingerprint.
#[derive(Debug, Default)]
pub(super) struct Tables {
    own: HashMap<i64, Vec<String>>,
    others: HashMap<i64, Other>,
}

impl Tables {
    /// The tables of a changed query.
    pub(super) fn of(&self, fingerprint: i64) -> &[String] {
        self.own.get(&fingerprint).map_or(&[], Vec::as_slice)
    }
}

/// A statement that is not the changed query itself.
#[derive(Debug)]
pub(super) struct Other {
    verb: String,
    /// Without their schemas.
    pub(super) tables: Vec<String>,
    pub(super) text: String,
}

/// A write to a table of a changed query that had not been there before.
#[derive(Debug)]
pub(super) struct Load<'s> {
    pub(super) subject: &'s Subject,
    /// The table that it fills.
    pub(super) table: String,
    pub(super) at_us: i64,
    pub(super) text: String,
}

/// When, µs since 1970 UTC, and how many bytes.
type Sample = (i64, i64);

impl Search<'_> {
    /// The tables of the changed queries, and the statements that change or fill a table.
    pub(super) async fn tables(&self) -> Result<Tables, AnalyzeError> {
        let verbs: Vec<String> = DDL_VERBS
            .iter()
            .chain(&WRITE_VERBS)
            .map(|verb| (*verb).to_owned())
            .collect();
        let own = self
            .read_tables(&format!("fingerprint IN ({})", self.fingerprints))
            .await?;
        Ok(Tables {
            own: own
                .into_iter()
                .map(|(fingerprint, query)| (fingerprint, query.tables))
                .collect(),
            others: self.read_tables(&any_of("verb", &verbs)).await?,
        })
    }

    /// Queries that satisfy a condition, by fingerprint.
    pub(super) async fn read_tables(&self, condition: &str) -> Result<HashMap<i64, Other>, AnalyzeError> {
        let statement = format!(
            "SELECT fingerprint, verb, array_to_string(tables, '\n'), normalized FROM queries WHERE {condition}"
        );
        let mut found = HashMap::new();
        each_row(self.session.query(&statement).await?, |rows, row| {
            let verb = rows.text(row, 1).unwrap_or_default().to_owned();
            let names = rows.text(row, 2).map(|names| names.lines().map(plain).collect());
            let other = Other {
                tables: names.unwrap_or_default(),
                text: rows.text(row, 3).unwrap_or(&verb).to_owned(),
                verb,
            };
            found.extend(rows.integer(row, 0).map(|fingerprint| (fingerprint, other)));
        })
        .await?;
        Ok(found)
    }

    /// Statements that change the tables of the queries, or write to them and were not there before.
    pub(super) async fn statements(
        &self,
        tables: &Tables,
        clues: &mut HashMap<i64, Vec<Clue>>,
    ) -> Result<Vec<Load<'_>>, AnalyzeError> {
        let others = &tables.others;
        let mut loads = Vec::new();
        if others.is_empty() {
            return Ok(loads);
        }
        let statement = format!(
            "SELECT server, fingerprint, date_trunc('hour', ts), min(ts), CAST(sum(query_time_us) AS BIGINT) FROM executions \
             WHERE fingerprint IN ({}) AND {} GROUP BY 1, 2, 3",
            list(others.keys().copied().collect()),
            self.within("ts")
        );
        let by_hour: ByHour<(i64, i64)> = self.values(&statement).await?;
        for subject in self.subjects {
            let own = tables.of(subject.fingerprint);
            let of_server = by_hour
                .iter()
                .filter(|((server, _), _)| *server == subject.server);
            for ((_, fingerprint), hours) in of_server {
                let other = &others[fingerprint];
                let touches = DDL_WITHOUT_TABLE.contains(&other.verb.as_str())
                    || other.tables.iter().any(|table| own.contains(table));
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
                    if let (false, Some(table)) = (is_ddl, other.tables.first()) {
                        loads.push(Load {
                            subject,
                            table: table.clone(),
                            at_us: *at_us,
                            text: other.text.clone(),
                        });
                    }
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
        Ok(loads)
    }

    /// More rows looked at, or more time waited for locks, by an execution.
    pub(super) async fn rows(&self, clues: &mut HashMap<i64, Vec<Clue>>) -> Result<(), AnalyzeError> {
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
                let Some(hours) = by_hour.get(&subject.key()) else {
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
    pub(super) async fn table_sizes(
        &self,
        tables: &Tables,
        clues: &mut HashMap<i64, Vec<Clue>>,
    ) -> Result<(), AnalyzeError> {
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
            for table in tables.of(subject.fingerprint) {
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
