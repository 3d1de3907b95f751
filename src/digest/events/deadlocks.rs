//! Sessions that waited for each other.

use slowlake_parse::statement::Fingerprint;

use super::{Normalized, Seen, text};
use crate::digest::bounded::{Merge, Place, Smallest};
use crate::summary::sections::{self, DeadlockProcess};

/// Deadlocks that are told one by one.
const LIST_MAX: usize = 100;

#[derive(Default)]
pub(super) struct Deadlocks {
    count: i64,
    list: Smallest<Deadlock, LIST_MAX>,
}

/// In the order of time; entries without one last.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Deadlock {
    without_time: bool,
    time_us: Option<i64>,
    place: Place,
    session_id: Option<i64>,
    database: String,
    user: String,
    processes: Vec<(i64, Option<Fingerprint>)>,
}

impl Deadlocks {
    /// Adds a deadlock; `fingerprint` knows the statements of its sessions.
    pub(super) fn add(&mut self, seen: &Seen<'_>, mut fingerprint: impl FnMut(&[u8]) -> Option<Fingerprint>) {
        let entry = seen.entry;
        self.count += 1;
        let processes = seen
            .numbers("processes")
            .into_iter()
            .map(|pid| (pid, fingerprint(seen.attribute(&format!("statement_{pid}")))))
            .collect();
        self.list.offer(Deadlock {
            without_time: entry.time_us.is_none(),
            time_us: entry.time_us,
            place: seen.place,
            session_id: entry.session_id,
            database: text(entry.database),
            user: text(entry.user),
            processes,
        });
    }

    pub(super) fn finish(self, texts: &Normalized<'_>) -> sections::Deadlocks {
        let process = |(session_id, fingerprint): (i64, Option<Fingerprint>)| {
            let (fingerprint, normalized) = texts.of(fingerprint);
            DeadlockProcess {
                session_id,
                fingerprint,
                normalized,
            }
        };
        sections::Deadlocks {
            count: self.count,
            list: self
                .list
                .finish()
                .map(|deadlock| sections::Deadlock {
                    time_us: deadlock.time_us,
                    database: deadlock.database,
                    user: deadlock.user,
                    session_id: deadlock.session_id,
                    processes: deadlock.processes.into_iter().map(process).collect(),
                })
                .collect(),
        }
    }
}

impl Merge for Deadlocks {
    fn merge(&mut self, other: Deadlocks) {
        self.count += other.count;
        self.list.merge(other.list);
    }
}
