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
/// One that was there before has taken over if its share grew by so much.
const MORE_SHARE: f64 = 0.5;

/// A value that took the place of another.
#[derive(Debug, PartialEq)]
struct Takeover<T> {
    new: T,
    old: T,
    at_us: i64,
    /// How much its share grew.
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
        let takeovers: Vec<(&Subject, Takeover<i64>)> = self.takeovers(&self.values(&statement).await?);
        let plans = takeovers.iter().flat_map(|(_, plan)| [plan.new, plan.old]);
        let shapes = self.shapes(plans.collect()).await?;
        let name = |plan: i64| {
            shapes
                .get(&plan)
                .cloned()
                .unwrap_or_else(|| format!("plan {plan:016x}"))
        };
        for (subject, plan) in takeovers {
            let what = format!("{} instead of {}", name(plan.new), name(plan.old));
            self.add_takeover(clues, CauseKind::Plan, what, subject, &plan);
        }
        Ok(())
    }

    /// Plans in one line, of those that were logged.
    async fn shapes(&self, plans: BTreeSet<i64>) -> Result<HashMap<i64, String>, AnalyzeError> {
        let mut shapes = HashMap::new();
        if plans.is_empty() {
            return Ok(shapes);
        }
        let statement = format!(
            "SELECT plan_fingerprint, min(plan) FROM server_events \
             WHERE event = 'plan' AND plan IS NOT NULL AND plan_fingerprint IN ({}) AND {} GROUP BY 1",
            list(plans),
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
            let by_hour: ByHour<(String, i64)> = self.values(&statement).await?;
            for (subject, version) in self.takeovers(&by_hour) {
                let what = format!("{tag} {} instead of {}", version.new, version.old);
                self.add_takeover(clues, CauseKind::Version, what, subject, &version);
            }
        }
        Ok(())
    }

    fn add_takeover<T>(
        &self,
        clues: &mut HashMap<i64, Vec<Clue>>,
        kind: CauseKind,
        what: String,
        subject: &Subject,
        takeover: &Takeover<T>,
    ) {
        let clue = Clue {
            kind,
            what,
            at_us: takeover.at_us,
            server: subject.server.clone(),
            strength: takeover.strength,
        };
        self.add(clues, subject.fingerprint, clue);
    }

    fn takeovers<T: Ord + Clone>(&self, by_hour: &ByHour<(T, i64)>) -> Vec<(&Subject, Takeover<T>)> {
        let of = |subject| {
            Some((
                subject,
                takeover(by_hour.get(&Subject::key(subject))?, subject.onset_us)?,
            ))
        };
        self.subjects.iter().filter_map(of).collect()
    }
}

/// The value that most executions have since an onset, if another had most before, and since when.
fn takeover<T: Ord + Clone>(hours: &[(i64, (T, i64))], onset_us: i64) -> Option<Takeover<T>> {
    let reach_us = onset_us - REACH_HOURS * HOUR_US;
    let before = shares(hours, |hour| (onset_us - USUAL_US..reach_us).contains(&hour));
    let (old, _) = most(&before)?;
    let (new, share) = most(&shares(hours, |hour| hour >= onset_us))?;
    let share_before = before.get(&new).copied().unwrap_or(0.0);
    let is_new = share_before < USUAL_SHARE;
    if new == old || !is_new && share - share_before < MORE_SHARE {
        return None;
    }
    let from_us = if is_new { reach_us } else { onset_us };
    let mut seen = hours
        .iter()
        .filter(|(hour, (value, _))| *hour >= from_us && *value == new);
    let first_us = seen.next()?.0;
    // Not every execution tells its plan: a change that nothing was told of in between may have been at the onset.
    let tells_others = hours
        .iter()
        .any(|(hour, (value, _))| (onset_us..first_us).contains(hour) && *value != new);
    Some(Takeover {
        at_us: if tells_others {
            first_us
        } else {
            first_us.min(onset_us)
        },
        strength: share - share_before,
        new,
        old,
    })
}

/// The value with the largest share, and that; the smallest of equals.
fn most<T: Ord + Clone>(shares: &BTreeMap<T, f64>) -> Option<(T, f64)> {
    let most = shares.iter().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0)));
    most.map(|(value, share)| (value.clone(), *share))
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

#[cfg(test)]
mod tests {
    use super::*;

    const ONSET: i64 = 500;

    /// Executions by hour, value and number.
    #[track_caller]
    fn check(hours: &[(i64, char, i64)], expect: Option<(char, char, i64)>) {
        let hours: Vec<(i64, (char, i64))> = hours
            .iter()
            .map(|(hour, value, count)| (hour * HOUR_US, (*value, *count)))
            .collect();
        let found = takeover(&hours, ONSET * HOUR_US);
        assert_eq!(
            found.map(|found| (found.new, found.old, found.at_us / HOUR_US)),
            expect
        );
    }

    #[test]
    fn what_is_new_takes_over_when_it_is_first_seen() {
        check(
            &[(400, 'a', 9), (490, 'a', 1), (498, 'b', 9), (510, 'b', 9)],
            Some(('b', 'a', 498)),
        );
        check(
            &[(400, 'a', 9), (500, 'a', 1), (503, 'b', 9)],
            Some(('b', 'a', 503)),
        );
        check(&[(400, 'a', 9), (510, 'a', 9)], None);
        check(&[(510, 'b', 9)], None);
    }

    #[test]
    fn what_is_seldom_told_may_have_changed_at_the_onset() {
        check(
            &[(400, 'a', 9), (495, 'a', 1), (503, 'b', 9)],
            Some(('b', 'a', 500)),
        );
    }

    #[test]
    fn what_was_there_takes_over_if_it_is_told_much_more_often() {
        let before = [(400, 'a', 90), (400, 'b', 10), (490, 'b', 1)];
        check(&[&before[..], &[(500, 'b', 9)]].concat(), Some(('b', 'a', 500)));
        check(&[&before[..], &[(500, 'a', 45), (500, 'b', 55)]].concat(), None);
    }
}
