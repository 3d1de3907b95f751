//! Tables that were filled and not analyzed before their queries got another plan: the planner counts on what the table was. Judges nothing.

use std::collections::{BTreeMap, HashMap};

use super::super::causes::{CauseKind, Clue};
use super::tables::Load;
use super::{HOUR_US, Search, list, plain};
use crate::error::AnalyzeError;
use crate::rows::{each_row, time};

/// When tables were analyzed, µs since 1970 UTC, by server; without a table it was all of a database.
type Analyzed = BTreeMap<Option<String>, Vec<(i64, Option<String>)>>;

impl Search<'_> {
    /// Loads behind which the plan is another one and the server, which does tell of its ANALYZEs, tells of none.
    pub(super) async fn stale_statistics(
        &self,
        loads: &[Load<'_>],
        clues: &mut HashMap<i64, Vec<Clue>>,
    ) -> Result<(), AnalyzeError> {
        let has_new_plan = |load: &&Load<'_>| {
            let of_query = clues.get(&load.subject.fingerprint).into_iter().flatten();
            let mut plans = of_query.filter(|clue| clue.kind == CauseKind::Plan);
            plans.any(|clue| clue.server == load.subject.server)
        };
        let loads: Vec<&Load<'_>> = loads.iter().filter(has_new_plan).collect();
        if loads.is_empty() {
            return Ok(());
        }
        let analyzed = self.analyzed().await?;
        for load in loads {
            let Some(of_server) = analyzed.get(&load.subject.server) else {
                continue;
            };
            let end = load.subject.onset_us + HOUR_US;
            let is_fresh = of_server.iter().any(|(at_us, table)| {
                (load.at_us..end).contains(at_us) && table.as_ref().is_none_or(|table| *table == load.table)
            });
            if !is_fresh {
                let clue = Clue {
                    kind: CauseKind::Statistics,
                    what: format!("no ANALYZE of {} since {}", load.table, load.text),
                    at_us: load.at_us,
                    server: load.subject.server.clone(),
                    strength: 1.0,
                };
                self.add(clues, load.subject.fingerprint, clue);
            }
        }
        Ok(())
    }

    /// By the server itself, as collectors asked for it, and by statements.
    async fn analyzed(&self) -> Result<Analyzed, AnalyzeError> {
        let within = self.within("ts");
        let mut analyzed = Analyzed::new();
        for statement in [
            format!("SELECT server, ts, object FROM server_events WHERE event = 'autoanalyze' AND {within}"),
            format!(
                "SELECT server, CAST(attributes['last_analyze_at_us'] AS BIGINT), object FROM metrics \
                 WHERE metric = 'table' AND attributes['last_analyze_at_us'] IS NOT NULL AND {within}"
            ),
        ] {
            each_row(self.session.query(&statement).await?, |rows, row| {
                let at_us = time(rows, row, 1).or_else(|| rows.integer(row, 1));
                let of_server = analyzed.entry(rows.text(row, 0).map(str::to_owned));
                of_server
                    .or_default()
                    .extend(at_us.zip(Some(rows.text(row, 2).map(plain))));
            })
            .await?;
        }
        let queries = self.analyzing_queries().await?;
        if queries.is_empty() {
            return Ok(analyzed);
        }
        let statement = format!(
            "SELECT server, ts, fingerprint FROM executions WHERE fingerprint IN ({}) AND {within}",
            list(queries.keys().copied().collect())
        );
        each_row(self.session.query(&statement).await?, |rows, row| {
            let query = rows
                .integer(row, 2)
                .and_then(|fingerprint| queries.get(&fingerprint));
            if let (Some(at_us), Some(tables)) = (time(rows, row, 1), query) {
                let of_server = analyzed.entry(rows.text(row, 0).map(str::to_owned)).or_default();
                of_server.extend(tables.iter().map(|table| (at_us, table.clone())));
            }
        })
        .await?;
        Ok(analyzed)
    }

    /// Statements that gather statistics, and of which tables.
    async fn analyzing_queries(&self) -> Result<HashMap<i64, Vec<Option<String>>>, AnalyzeError> {
        let statement = "SELECT fingerprint, array_to_string(tables, '\n') FROM queries \
                         WHERE verb = 'ANALYZE' OR verb = 'VACUUM' AND upper(normalized) LIKE '%ANALY_E%'";
        let mut queries = HashMap::new();
        each_row(self.session.query(statement).await?, |rows, row| {
            let names = rows.text(row, 1).unwrap_or_default();
            let tables: Vec<Option<String>> = match names {
                "" => vec![None],
                names => names.lines().map(|name| Some(plain(name))).collect(),
            };
            queries.extend(rows.integer(row, 0).map(|fingerprint| (fingerprint, tables)));
        })
        .await?;
        Ok(queries)
    }
}
