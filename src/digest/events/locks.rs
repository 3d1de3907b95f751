//! Waits for locks: for what, how long, and who was in the way.
//!
//! A server logs a wait when it has lasted for `deadlock_timeout`, and again when it is over. Both entries of one wait are brought together
//! at the end, when all entries are there.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use slowlake_parse::statement::Fingerprint;
use slowlake_parse::{Execution, LogKind};

use super::{Normalized, Seen, text};
use crate::digest::bounded::{Merge, Place, Smallest, hash_of};
use crate::summary::sections::{self, Blocker, LockObject, LockWait};

/// Entries about locks that are brought together; of more, all entries of some sessions.
const STEPS_MAX: usize = 20_000;
/// Slow executions that are kept, because somebody may have waited for one of them.
const STATEMENTS_MAX: usize = 20_000;
/// What is shorter has hardly been in the way of a wait that was logged: `deadlock_timeout` is a second if nobody changed it.
pub(crate) const STATEMENT_FROM_US: i64 = 500_000;
/// Waits that are told one by one.
const LONGEST_SHOWN: usize = 50;

#[derive(Default)]
pub(super) struct Locks {
    entries: i64,
    steps: Smallest<Step, STEPS_MAX>,
    statements: Smallest<Statement, STATEMENTS_MAX>,
}

/// A session, as far as one log can tell: the host that its wrapper names, and its id.
type Session = (Box<[u8]>, i64);

/// One entry about a lock, ordered by session and time; which sessions are kept, their hash decides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    hash: u64,
    session: Session,
    time_us: Option<i64>,
    place: Place,
    kind: LogKind,
    duration_us: i64,
    mode: String,
    object: String,
    holders: Vec<i64>,
    queue: i64,
    who: Who,
    fingerprint: Option<Fingerprint>,
}

/// Whose session it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Who {
    user: String,
    database: String,
    application: String,
}

/// One slow execution, the longest first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Statement {
    query_time_us: Reverse<i64>,
    place: Place,
    session: Session,
    start_us: i64,
    fingerprint: Fingerprint,
    who: Who,
}

impl Locks {
    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        let entry = seen.entry;
        let Some(id) = seen.number("process").or(entry.session_id) else {
            return;
        };
        let session: Session = (entry.host.into(), id);
        self.entries += 1;
        self.steps.offer(Step {
            hash: hash_of(&session),
            session,
            time_us: entry.time_us,
            place: seen.place,
            kind: entry.kind,
            duration_us: entry.duration_us.unwrap_or(0),
            mode: text(seen.attribute("mode")),
            object: text(match seen.attribute("relation") {
                b"" => entry.object,
                name => name,
            }),
            holders: seen.numbers("holders"),
            queue: i64::try_from(seen.numbers("queue").len()).unwrap_or(i64::MAX),
            who: Who {
                user: text(entry.user),
                database: text(entry.database),
                application: text(entry.application),
            },
            fingerprint: seen.fingerprint,
        });
    }

    /// Takes note of a slow execution.
    pub(super) fn execution(&mut self, execution: &Execution<'_>, fingerprint: Fingerprint, place: Place) {
        if execution.query_time_us < STATEMENT_FROM_US {
            return;
        }
        let (Some(id), Some(start_us)) = (execution.session_id, execution.start_us) else {
            return;
        };
        self.statements.offer(Statement {
            query_time_us: Reverse(execution.query_time_us),
            place,
            session: (execution.host.into(), id),
            start_us,
            fingerprint,
            who: Who {
                user: text(execution.user),
                database: text(execution.database),
                application: text(execution.application),
            },
        });
    }

    pub(super) fn finish(self, texts: &Normalized<'_>) -> sections::Locks {
        let steps: Vec<Step> = self.steps.finish().collect();
        let left_out = self.entries - i64::try_from(steps.len()).unwrap_or(i64::MAX);
        let waits = waits(&steps);
        let count = |outcome| {
            let n = waits.iter().filter(|wait| wait.outcome == outcome).count();
            i64::try_from(n).unwrap_or(i64::MAX)
        };
        let statements: Vec<Statement> = self.statements.finish().collect();
        sections::Locks {
            waits: i64::try_from(waits.len()).unwrap_or(i64::MAX),
            acquired: count(LogKind::LockAcquired),
            failed: count(LogKind::LockFailed),
            waited_us: waits
                .iter()
                .fold(0, |sum: i64, wait| sum.saturating_add(wait.waited_us)),
            objects: objects(&waits),
            blockers: blockers(&waits, &steps, &statements, texts),
            longest: longest(waits, texts),
            waits_left_out: left_out,
        }
    }
}

impl Merge for Locks {
    fn merge(&mut self, other: Locks) {
        self.entries += other.entries;
        self.steps.merge(other.steps);
        self.statements.merge(other.statements);
    }
}

/// One wait, from its first entry to its last.
struct Wait<'s> {
    /// The entry that says most: who has the lock.
    first: &'s Step,
    last: &'s Step,
    holders: &'s [i64],
    queue: i64,
    outcome: LogKind,
    waited_us: i64,
}

/// Brings the entries of each wait together. They come by session and time.
fn waits(steps: &[Step]) -> Vec<Wait<'_>> {
    let mut waits: Vec<Wait<'_>> = Vec::new();
    for step in steps {
        let open = waits.last_mut().filter(|wait| {
            wait.outcome == LogKind::LockWait
                && wait.last.session == step.session
                && wait.last.object == step.object
                && wait.last.mode == step.mode
                && wait.waited_us <= step.duration_us
        });
        match open {
            Some(wait) => {
                wait.last = step;
                wait.outcome = step.kind;
                wait.waited_us = step.duration_us;
                if !step.holders.is_empty() {
                    (wait.holders, wait.queue) = (&step.holders, step.queue.max(wait.queue));
                }
            }
            None => waits.push(Wait {
                first: step,
                last: step,
                holders: &step.holders,
                queue: step.queue,
                outcome: step.kind,
                waited_us: step.duration_us,
            }),
        }
    }
    waits
}

fn objects(waits: &[Wait<'_>]) -> Vec<LockObject> {
    let mut sums: BTreeMap<(&str, &str), LockObject> = BTreeMap::new();
    for wait in waits {
        let sum = sums.entry((&wait.last.object, &wait.last.mode)).or_default();
        sum.waits += 1;
        sum.waited_us = sum.waited_us.saturating_add(wait.waited_us);
        sum.longest_us = sum.longest_us.max(wait.waited_us);
    }
    let mut objects: Vec<LockObject> = sums
        .into_iter()
        .map(|((object, mode), sum)| LockObject {
            object: object.to_owned(),
            mode: mode.to_owned(),
            ..sum
        })
        .collect();
    // Stable: equals stay in the order of their names.
    objects.sort_by_key(|object| Reverse(object.waited_us));
    objects
}

fn longest(mut waits: Vec<Wait<'_>>, texts: &Normalized<'_>) -> Vec<LockWait> {
    waits.sort_by_key(|wait| (Reverse(wait.waited_us), wait.last.place));
    waits.truncate(LONGEST_SHOWN);
    let each = |wait: Wait<'_>| {
        let (fingerprint, normalized) = texts.of(wait.last.fingerprint.or(wait.first.fingerprint));
        LockWait {
            time_us: wait.last.time_us,
            session_id: Some(wait.last.session.1),
            user: wait.last.who.user.clone(),
            application: wait.last.who.application.clone(),
            mode: wait.last.mode.clone(),
            object: wait.last.object.clone(),
            waited_us: wait.waited_us,
            outcome: match wait.outcome {
                LogKind::LockAcquired => "acquired",
                LogKind::LockFailed => "failed",
                _ => "waiting",
            }
            .to_owned(),
            holders: wait.holders.to_vec(),
            queue: wait.queue,
            fingerprint,
            normalized,
        }
    };
    waits.into_iter().map(each).collect()
}

/// What is known of a session that was in the way.
#[derive(Default)]
struct Holder<'s> {
    waits: i64,
    waiters: BTreeSet<i64>,
    waited_us: i64,
    /// The longest of the waits, and when it began and ended.
    longest: (i64, Option<i64>, Option<i64>),
    of: Option<&'s Step>,
}

fn blockers(
    waits: &[Wait<'_>],
    steps: &[Step],
    statements: &[Statement],
    texts: &Normalized<'_>,
) -> Vec<Blocker> {
    let mut holders: BTreeMap<(&[u8], i64), Holder<'_>> = BTreeMap::new();
    for wait in waits {
        let (host, waiter) = &wait.last.session;
        for id in wait.holders {
            let holder = holders.entry((host, *id)).or_default();
            holder.waits += 1;
            holder.waiters.insert(*waiter);
            holder.waited_us = holder.waited_us.saturating_add(wait.waited_us);
            if wait.waited_us >= holder.longest.0 {
                let end_us = wait.last.time_us;
                holder.longest = (wait.waited_us, end_us.map(|us| us - wait.waited_us), end_us);
            }
        }
    }
    for step in steps {
        let (host, id) = &step.session;
        if let Some(holder) = holders.get_mut(&(&**host, *id)) {
            holder.of = Some(step);
        }
    }
    let mut blockers: Vec<Blocker> = holders
        .into_iter()
        .map(|(session, holder)| blocker(session, &holder, statements, texts))
        .collect();
    blockers.sort_by_key(|blocker| (Reverse(blocker.waited_us), blocker.session_id));
    blockers
}

/// A session that was in the way, with the slow statement that ran during the longest wait for it; failing that, with what it waited for
/// itself.
fn blocker(
    (host, session_id): (&[u8], i64),
    holder: &Holder<'_>,
    statements: &[Statement],
    texts: &Normalized<'_>,
) -> Blocker {
    let (longest_us, begin_us, end_us) = holder.longest;
    let ran = statements.iter().find(|statement| {
        let until_us = statement.start_us.saturating_add(statement.query_time_us.0);
        *statement.session.0 == *host
            && statement.session.1 == session_id
            && end_us.is_some_and(|us| statement.start_us <= us)
            && begin_us.is_some_and(|us| until_us >= us)
    });
    let (who, fingerprint) = match (ran, holder.of) {
        (Some(statement), _) => (statement.who.clone(), Some(statement.fingerprint)),
        (None, Some(step)) => (step.who.clone(), step.fingerprint),
        (None, None) => (Who::default(), None),
    };
    let (fingerprint, normalized) = texts.of(fingerprint);
    Blocker {
        session_id,
        user: who.user,
        database: who.database,
        application: who.application,
        fingerprint,
        normalized,
        waits: holder.waits,
        waiters: i64::try_from(holder.waiters.len()).unwrap_or(i64::MAX),
        waited_us: holder.waited_us,
        longest_us,
    }
}
