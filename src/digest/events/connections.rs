//! Connections and sessions: how many, whose, how long, how many at once.

use slowlake_parse::{LogEntry, LogKind};
use slowlake_store::LatencyHistogram;

use super::{Seen, text};
use crate::digest::bounded::{Merge, Sums};
use crate::digest::timeline::{Sum, Timeline};
use crate::summary::sections::{self, ConnectionSlot, NameCount};

#[derive(Default)]
pub(super) struct Connections {
    received: i64,
    authorized: i64,
    disconnected: i64,
    failed: i64,
    lost: i64,
    failures: Sums<String, i64>,
    databases: Sums<String, i64>,
    users: Sums<String, i64>,
    clients: Sums<String, i64>,
    applications: Sums<String, i64>,
    session_us: i64,
    session_max_us: i64,
    sessions: LatencyHistogram,
    timeline: Timeline<Changes>,
}

/// What happened in a slot of time.
#[derive(Debug, Default, Clone, Copy)]
struct Changes {
    /// Sessions whose begin was logged.
    authorized: i64,
    ended: i64,
    /// Sessions that must have begun then, by the length that was logged at their end.
    began: i64,
}

impl Sum for Changes {
    fn add(&mut self, other: Changes) {
        self.authorized += other.authorized;
        self.ended += other.ended;
        self.began += other.began;
    }
}

impl Connections {
    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        let entry = seen.entry;
        match entry.kind {
            LogKind::ConnectionReceived => self.received += 1,
            LogKind::ConnectionAuthorized => self.begin(entry),
            LogKind::Disconnection => self.end(entry),
            LogKind::ConnectionFailed => {
                self.failed += 1;
                let cause = match seen.attribute("reason") {
                    b"" => "unknown".to_owned(),
                    reason => text(reason),
                };
                self.failures.of(cause).merge(1);
            }
            LogKind::ConnectionLost => self.lost += 1,
            _ => {}
        }
    }

    fn begin(&mut self, entry: &LogEntry<'_>) {
        self.authorized += 1;
        let names = [
            (&mut self.databases, entry.database),
            (&mut self.users, entry.user),
            (&mut self.clients, entry.client),
            (&mut self.applications, entry.application),
        ];
        for (sums, name) in names {
            if !name.is_empty() {
                sums.of(text(name)).merge(1);
            }
        }
        if let Some(at_us) = entry.time_us {
            let change = Changes {
                authorized: 1,
                ..Changes::default()
            };
            self.timeline.add(at_us, change);
        }
    }

    fn end(&mut self, entry: &LogEntry<'_>) {
        self.disconnected += 1;
        if let Some(at_us) = entry.time_us {
            let change = Changes {
                ended: 1,
                ..Changes::default()
            };
            self.timeline.add(at_us, change);
        }
        if let Some(us) = entry.duration_us {
            self.session_us.merge(us);
            self.session_max_us = self.session_max_us.max(us);
            self.sessions.record(us);
            if let Some(at_us) = entry.time_us {
                let change = Changes {
                    began: 1,
                    ..Changes::default()
                };
                self.timeline.add(at_us.saturating_sub(us), change);
            }
        }
    }

    pub(super) fn finish(self) -> sections::Connections {
        let by_length = self.authorized == 0;
        let (peak, slots) = concurrency(&self.timeline, by_length);
        let quantile = |q| {
            let us = self.sessions.quantile(q)?;
            Some(us.min(self.session_max_us))
        };
        sections::Connections {
            received: self.received,
            authorized: self.authorized,
            disconnected: self.disconnected,
            failed: self.failed,
            lost: self.lost,
            session_us: self.session_us,
            session_p50_us: quantile(0.50),
            session_p95_us: quantile(0.95),
            session_max_us: quantile(1.0).map(|_| self.session_max_us),
            peak: peak.map(|(most, _)| most),
            peak_at_us: peak.map(|(_, at_us)| at_us),
            slots,
            failures: counts(self.failures),
            databases: counts(self.databases),
            users: counts(self.users),
            clients: counts(self.clients),
            applications: counts(self.applications),
        }
    }
}

impl Merge for Connections {
    fn merge(&mut self, other: Connections) {
        self.received += other.received;
        self.authorized += other.authorized;
        self.disconnected += other.disconnected;
        self.failed += other.failed;
        self.lost += other.lost;
        self.failures.merge(other.failures);
        self.databases.merge(other.databases);
        self.users.merge(other.users);
        self.clients.merge(other.clients);
        self.applications.merge(other.applications);
        self.session_us.merge(other.session_us);
        self.session_max_us = self.session_max_us.max(other.session_max_us);
        self.sessions.merge(&other.sessions);
        self.timeline.merge(other.timeline);
    }
}

/// The most sessions at once and when, and the course of it. Where only ends are logged, the begins follow from the lengths.
fn concurrency(timeline: &Timeline<Changes>, by_length: bool) -> (Option<(i64, i64)>, Vec<ConnectionSlot>) {
    let begun = |changes: &Changes| {
        if by_length {
            changes.began
        } else {
            changes.authorized
        }
    };
    let fine = timeline.sorted();
    // Sessions that ended without a begin were there before.
    let (mut open, mut least) = (0, 0);
    for (_, changes) in &fine {
        open += begun(changes) - changes.ended;
        least = least.min(open);
    }
    let mut slots: Vec<ConnectionSlot> = timeline
        .slots()
        .into_iter()
        .map(|(start_us, length_us, changes)| ConnectionSlot {
            start_us,
            length_us,
            begun: begun(&changes),
            most: 0,
        })
        .collect();
    let mut open = -least;
    let mut peak: Option<(i64, i64)> = None;
    let mut changes = fine.into_iter().peekable();
    for slot in &mut slots {
        slot.most = open;
        while let Some((at_us, change)) =
            changes.next_if(|(at_us, _)| *at_us < slot.start_us + slot.length_us)
        {
            open += begun(&change) - change.ended;
            slot.most = slot.most.max(open);
            if peak.is_none_or(|(most, _)| open > most) {
                peak = Some((open, at_us));
            }
        }
    }
    (peak, slots)
}

/// Names by how often, ties by name; the others last.
fn counts(sums: Sums<String, i64>) -> Vec<NameCount> {
    let (list, others) = sums.finish();
    let mut list: Vec<NameCount> = list
        .into_iter()
        .map(|(name, count)| NameCount { name, count })
        .collect();
    list.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    if others > 0 {
        list.push(NameCount {
            name: "(others)".to_owned(),
            count: others,
        });
    }
    list
}
