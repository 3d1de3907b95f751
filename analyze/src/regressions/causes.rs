//! What may have caused a change: which of the clues found around its onset fit, and which fits best. A clue fits if it is on a server
//! that changed and not after the onset; the nearer it is, the more of the changed servers have it, and the closer its kind is to the
//! query itself, the better. Names candidates, proves nothing; `evidence` finds the clues.

use serde::Serialize;

/// How long before an onset (hours) a cause may be: half of a ramp of a day, and as much again.
pub(super) const REACH_HOURS: i64 = 24;
/// How fast a clue fades with its distance to the onset, hours: a deploy takes an hour or two to reach all of its users.
const FADE_HOURS: f64 = 4.0;
/// Causes that are told of one change.
const CAUSES_MAX: usize = 5;
const HOUR_US: i64 = 3_600_000_000;

/// What kind of clue, the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// A statement changed the query's tables or their indexes.
    Ddl,
    /// The query waits for locks it did not wait for.
    Locks,
    /// The query's tables were filled, its plan is another one, and nobody gathered statistics in between.
    Statistics,
    /// A large write to the query's tables that had not been there before, or tables that grew.
    Growth,
    /// The server was told to work differently.
    Configuration,
    /// The query is executed by another plan.
    Plan,
    /// The query's sorts and hashes do not fit into memory any more.
    Spill,
    /// The query's own comments name another version.
    Version,
    /// Somebody marked a deploy or the like.
    Mark,
    /// The server was started anew.
    Restart,
}

impl CauseKind {
    /// How much a perfect clue of this kind says. What was done comes before how it shows: a plan changes because an index was dropped.
    fn weight(self) -> f64 {
        match self {
            CauseKind::Ddl => 1.0,
            CauseKind::Locks => 0.95,
            CauseKind::Statistics => 0.9,
            CauseKind::Growth => 0.85,
            CauseKind::Configuration => 0.8,
            CauseKind::Plan => 0.75,
            CauseKind::Spill => 0.7,
            CauseKind::Version => 0.65,
            CauseKind::Mark => 0.6,
            CauseKind::Restart => 0.4,
        }
    }
}

/// Something that happened on a server.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clue {
    pub(super) kind: CauseKind,
    /// In words; the same on every server that it happened on.
    pub(super) what: String,
    /// µs since 1970 UTC.
    pub(super) at_us: i64,
    /// None for all servers.
    pub(super) server: Option<String>,
    /// How well it explains the change, from 0 to 1.
    pub(super) strength: f64,
}

/// A change of a query on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) server: Option<String>,
    /// Begin of its first hour, µs since 1970 UTC.
    pub(super) onset_us: i64,
}

/// A candidate for the cause of a change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cause {
    /// What kind.
    pub kind: CauseKind,
    /// In words.
    pub what: String,
    /// When, µs since 1970 UTC.
    pub at_us: i64,
    /// Hours from then to the onset; 0 is the same hour.
    pub hours_before: i64,
    /// On how many of the servers on which the query changed at once it happened…
    pub servers: usize,
    /// …of so many.
    pub of_servers: usize,
    /// How well it fits, from 0 to 1.
    pub score: f64,
}

/// The causes that fit one of the changes of a query at one time, the best first. What is on the other servers alone is none of its own.
pub(super) fn causes(own: &Changed, changes: &[Changed], clues: &[Clue]) -> Vec<Cause> {
    let mut groups: Vec<(CauseKind, &str)> =
        clues.iter().map(|clue| (clue.kind, clue.what.as_str())).collect();
    groups.sort_unstable();
    groups.dedup();
    let mut causes: Vec<Cause> = groups
        .into_iter()
        .filter_map(|(kind, what)| {
            let same = clues.iter().filter(|clue| clue.kind == kind && clue.what == what);
            cause(own, changes, same.collect())
        })
        .collect();
    causes.sort_by(|a, b| {
        let key = |cause: &Cause| (cause.kind, cause.hours_before);
        b.score
            .total_cmp(&a.score)
            .then(key(a).cmp(&key(b)))
            .then_with(|| a.what.cmp(&b.what))
    });
    causes.truncate(CAUSES_MAX);
    causes
}

/// What clues of one kind and wording amount to.
fn cause(own: &Changed, changes: &[Changed], clues: Vec<&Clue>) -> Option<Cause> {
    let fitting = |change: &Changed| {
        let fits = clues.iter().filter(|clue| {
            let is_here = clue.server.is_none() || clue.server == change.server;
            is_here && (0..=REACH_HOURS).contains(&hours_before(clue, change))
        });
        let fits = fits.map(|clue| (hours_before(clue, change), *clue));
        fits.min_by(|a, b| a.0.cmp(&b.0).then(b.1.strength.total_cmp(&a.1.strength)))
    };
    fitting(own)?;
    let mut found: Vec<(i64, &Clue)> = changes.iter().filter_map(fitting).collect();
    found.sort_by_key(|(hours, clue)| (*hours, clue.at_us));
    let &(hours_before, nearest) = found.get(found.len().checked_sub(1)? / 2)?;
    let strength = found.iter().map(|(_, clue)| clue.strength).sum::<f64>() / found.len() as f64;
    let (servers, of_servers) = (found.len(), changes.len());
    let share = servers as f64 / of_servers as f64;
    Some(Cause {
        kind: nearest.kind,
        what: nearest.what.clone(),
        at_us: nearest.at_us,
        hours_before,
        servers,
        of_servers,
        score: nearest.kind.weight()
            * strength.clamp(0.0, 1.0)
            * share
            * (-hours_before as f64 / FADE_HOURS).exp(),
    })
}

/// In whole hours; below zero is after the hour of the onset.
fn hours_before(clue: &Clue, change: &Changed) -> i64 {
    change.onset_us.div_euclid(HOUR_US) - clue.at_us.div_euclid(HOUR_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONSET: i64 = 500 * HOUR_US;

    fn clue(kind: CauseKind, what: &str, hour: i64, server: Option<&str>) -> Clue {
        Clue {
            kind,
            what: what.to_owned(),
            at_us: hour * HOUR_US + HOUR_US / 2,
            server: server.map(str::to_owned),
            strength: 1.0,
        }
    }

    fn check(servers: &[&str], clues: &[Clue], expect: &[(&str, i64, usize)]) {
        let changes: Vec<Changed> = servers
            .iter()
            .map(|server| Changed {
                server: Some((*server).to_owned()),
                onset_us: ONSET,
            })
            .collect();
        let found = causes(&changes[0], &changes, clues);
        let found: Vec<(&str, i64, usize)> = found
            .iter()
            .map(|cause| (cause.what.as_str(), cause.hours_before, cause.servers))
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn what_came_after_or_elsewhere_is_no_cause() {
        use CauseKind::Mark;
        check(
            &["a"],
            &[
                clue(Mark, "an hour later", 501, Some("a")),
                clue(Mark, "elsewhere", 500, Some("b")),
                clue(Mark, "two days before", 452, None),
            ],
            &[],
        );
        check(
            &["a"],
            &[
                clue(Mark, "the same hour", 500, Some("a")),
                clue(Mark, "everywhere, the hour before", 499, None),
            ],
            &[("the same hour", 0, 1), ("everywhere, the hour before", 1, 1)],
        );
    }

    #[test]
    fn what_was_done_comes_before_how_it_shows() {
        use CauseKind::{Ddl, Mark, Plan};
        check(
            &["a"],
            &[
                clue(Plan, "plan 2 for 1", 500, Some("a")),
                clue(Ddl, "DROP INDEX", 500, Some("a")),
                clue(Mark, "deploy", 500, None),
            ],
            &[("DROP INDEX", 0, 1), ("plan 2 for 1", 0, 1), ("deploy", 0, 1)],
        );
        // Half a day before is too far to outweigh what happened at the time.
        check(
            &["a"],
            &[
                clue(Ddl, "ALTER TABLE", 488, Some("a")),
                clue(Mark, "deploy", 500, None),
            ],
            &[("deploy", 0, 1), ("ALTER TABLE", 12, 1)],
        );
    }

    #[test]
    fn what_all_changed_servers_have_fits_better() {
        use CauseKind::{Configuration, Mark};
        check(
            &["a", "b", "c", "d"],
            &[
                clue(Configuration, "work_mem", 500, Some("a")),
                clue(Configuration, "work_mem of b", 500, Some("b")),
                clue(Mark, "deploy", 499, Some("a")),
                clue(Mark, "deploy", 499, Some("b")),
                clue(Mark, "deploy", 500, Some("c")),
                clue(Mark, "deploy", 500, Some("d")),
            ],
            &[("deploy", 0, 4), ("work_mem", 0, 1)],
        );
    }
}
