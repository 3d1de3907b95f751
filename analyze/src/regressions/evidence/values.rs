//! Plans and versions that most executions have since a change, and few had before. Judges nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::super::causes::{CauseKind, Clue, REACH_HOURS};
use super::{ByHour, HOUR_US, Search, Subject, USUAL_US, list};
use crate::error::AnalyzeError;
use crate::rows::each_row;

/// Tags of comments that name a version of the program.
const VERSION_TAGS: [&str; 6] = ["version", "app_version", "release", "revision", "commit", "build"];
/// A value that had less than this share of the executions is new.
const USUAL_SHARE: f64 = 0.05;

/// A plan that took the place of another.
struct NewPlan<'s> {
    subject: &'s Subject,
    new: i64,
    old: Option<i64>,
    at_us: i64,
    strength: f64,
}

impl Search<'_> {
    /// Another plan than usual.
    pub(super) async fn plans(&self, clues: &mut HashMap<i64, Vec<Clue>>) -> Result<(), AnalyzeError> {
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
        let mut found = Vec::new();
        self.each_new_value(&by_hour, |subject, new, old, at_us, strength| {
            let (new, old) = (*new, old.copied());
            found.push(NewPlan {
                subject,
                new,
                old,
                at_us,
                strength,
            });
        });
        let shapes = self.shapes(&found).await?;
        let name = |plan: i64| {
            shapes
                .get(&plan)
                .cloned()
                .unwrap_or_else(|| format!("plan {plan:016x}"))
        };
        for plan in found {
            let old = plan.old.map_or_else(|| "none".to_owned(), name);
            let clue = Clue {
                kind: CauseKind::Plan,
                what: format!("{} instead of {old}", name(plan.new)),
                at_us: plan.at_us,
                server: plan.subject.server.clone(),
                strength: plan.strength,
            };
            self.add(clues, plan.subject.fingerprint, clue);
        }
        Ok(())
    }

    /// Plans in one line, of those that were logged.
    async fn shapes(&self, plans: &[NewPlan<'_>]) -> Result<HashMap<i64, String>, AnalyzeError> {
        let wanted: BTreeSet<i64> = plans
            .iter()
            .flat_map(|plan| plan.old.into_iter().chain([plan.new]))
            .collect();
        let mut shapes = HashMap::new();
        if wanted.is_empty() {
            return Ok(shapes);
        }
        let statement = format!(
            "SELECT plan_fingerprint, min(plan) FROM server_events \
             WHERE event = 'plan' AND plan IS NOT NULL AND plan_fingerprint IN ({}) AND {} GROUP BY 1",
            list(wanted),
            self.within("ts")
        );
        each_row(self.session.query(&statement).await?, |rows, row| {
            let plan: Value = rows
                .text(row, 1)
                .and_then(|plan| serde_json::from_str(plan).ok())
                .unwrap_or_default();
            let shape = plan["shape"].as_str().map(str::to_owned);
            shapes.extend(rows.integer(row, 0).zip(shape));
        })
        .await?;
        Ok(shapes)
    }

    /// Another version in the tags.
    pub(super) async fn versions(&self, clues: &mut HashMap<i64, Vec<Clue>>) -> Result<(), AnalyzeError> {
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

    /// Calls `each` with the value that most executions since the onset have, if few had it before, what most had before, and since when.
    fn each_new_value<'s, T: Ord + Clone>(
        &'s self,
        by_hour: &ByHour<(T, i64)>,
        mut each: impl FnMut(&'s Subject, &T, Option<&T>, i64, f64),
    ) {
        for subject in self.subjects {
            let Some(hours) = by_hour.get(&subject.key()) else {
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
            if before.is_empty() || share_before >= USUAL_SHARE {
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
