//! Waits for locks and temporary files that were not there before a change. Judges nothing.

use std::collections::{BTreeSet, HashMap};

use super::super::causes::{CauseKind, Clue};
use super::tables::Tables;
use super::{ByHour, HOUR_US, Key, Search, USUAL_US, list};
use crate::error::AnalyzeError;
use crate::rows::each_row;

/// How long before a wait is looked for what the session with the lock did, µs: ten minutes.
const HOLDS_US: i64 = 600_000_000;

impl Search<'_> {
    /// Waits for locks and temporary files that were not there before.
    pub(super) async fn waits_and_files(
        &self,
        tables: &Tables,
        clues: &mut HashMap<i64, Vec<Clue>>,
    ) -> Result<(), AnalyzeError> {
        let statement = format!(
            "SELECT server, fingerprint, date_trunc('hour', ts), event, CAST(sum(CASE WHEN event = 'temporary_file' \
             THEN 1 ELSE coalesce(duration_us, 0) END) AS BIGINT) FROM server_events \
             WHERE event IN ('lock_acquired', 'lock_wait', 'temporary_file') AND fingerprint IN ({}) AND {} GROUP BY 1, 2, 3, 4",
            self.fingerprints,
            self.within("ts")
        );
        let by_hour: ByHour<(String, i64)> = self.values(&statement).await?;
        let has_waits =
            |hours: &Vec<(i64, (String, i64))>| hours.iter().any(|(_, (event, _))| event == "lock_wait");
        let holders = if by_hour.values().any(has_waits) {
            self.holders(tables).await?
        } else {
            HashMap::new()
        };
        for subject in self.subjects {
            let Some(hours) = by_hour.get(&subject.key()) else {
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
            let waits = match holders.get(&subject.key()) {
                Some(holder) => format!("waits for locks of {holder}"),
                None => "waits for locks".to_owned(),
            };
            let found = [
                (CauseKind::Locks, waits, waits_us / subject.extra_us.max(1.0)),
                // At least twice as many as before.
                (
                    CauseKind::Spill,
                    "temporary files".to_owned(),
                    if files.1 > files.0 { 1.0 } else { 0.0 },
                ),
            ];
            for (kind, what, strength) in found {
                if strength >= 0.1 {
                    let clue = Clue {
                        kind,
                        what,
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

    /// By query that waits: the statement on one of its tables that sessions with the lock had begun most often in the minutes before.
    async fn holders(&self, tables: &Tables) -> Result<HashMap<Key, String>, AnalyzeError> {
        let within = self.within("ts");
        let statement = format!(
            "SELECT w.server, w.fingerprint, e.fingerprint, count(*) AS waits FROM ( \
             SELECT server, fingerprint, CAST(ts AS BIGINT) AS at_us, split_part(attributes['holders'], ',', 1) AS holder \
             FROM server_events WHERE event = 'lock_wait' AND attributes['holders'] IS NOT NULL AND fingerprint IN ({}) AND {within}) AS w \
             JOIN (SELECT server, session_id, fingerprint, CAST(ts AS BIGINT) AS at_us FROM executions \
             WHERE fingerprint IS NOT NULL AND {within}) AS e \
             ON e.server = w.server AND CAST(e.session_id AS VARCHAR) = w.holder AND e.at_us BETWEEN w.at_us - {HOLDS_US} AND w.at_us \
             GROUP BY 1, 2, 3 ORDER BY waits DESC, 3",
            self.fingerprints
        );
        let mut found: Vec<(Key, i64)> = Vec::new();
        each_row(self.session.query(&statement).await?, |rows, row| {
            let key = rows
                .integer(row, 1)
                .map(|waiting| (rows.text(row, 0).map(str::to_owned), waiting));
            // That queries of a kind wait for each other says less than what else they wait for.
            found.extend(
                key.zip(rows.integer(row, 2))
                    .filter(|((_, waiting), holding)| waiting != holding),
            );
        })
        .await?;
        let holding: BTreeSet<i64> = found.iter().map(|(_, holding)| *holding).collect();
        let mut texts = HashMap::new();
        if holding.is_empty() {
            return Ok(texts);
        }
        let known = self
            .read_tables(&format!("fingerprint IN ({})", list(holding)))
            .await?;
        for (key, holding) in found {
            let own = tables.of(key.1);
            if let Some(other) = known
                .get(&holding)
                .filter(|other| other.tables.iter().any(|table| own.contains(table)))
            {
                texts.entry(key).or_insert_with(|| other.text.clone());
            }
        }
        Ok(texts)
    }
}
