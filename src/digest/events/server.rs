//! What happened to a server as a whole: a bounded list of the worst, and how many there were of each kind.

use std::cmp::Reverse;

use slowlake_parse::{LogKind, Severity};

use super::{Seen, text};
use crate::digest::bounded::{Merge, Place, Smallest, Sums};
use crate::summary::sections::{NameCount, ServerEvent, ServerEvents};

/// Events that are told one by one.
const LIST_MAX: usize = 100;
/// Bytes of a message that are kept.
const MESSAGE_BYTES: usize = 512;

#[derive(Default)]
pub(super) struct Server {
    kinds: Sums<LogKind, i64>,
    list: Smallest<Event, LIST_MAX>,
}

/// Ordered so that the first are those to keep: the worst kinds and severities, and of equals the first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    worst: Reverse<(u8, Severity)>,
    time_us: Option<i64>,
    place: Place,
    kind: LogKind,
    host: String,
    message: String,
}

impl Server {
    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        let entry = seen.entry;
        if !is_worth_telling(seen) {
            return;
        }
        self.kinds.of(entry.kind).merge(1);
        let message = entry.message;
        self.list.offer(Event {
            worst: Reverse((weight(entry.kind), entry.severity)),
            time_us: entry.time_us,
            place: seen.place,
            kind: entry.kind,
            host: text(entry.host),
            message: text(&message[..message.len().min(MESSAGE_BYTES)]),
        });
    }

    pub(super) fn finish(self) -> ServerEvents {
        let (mut kinds, _) = self.kinds.finish();
        kinds.sort_by_key(|(kind, count)| (Reverse(weight(*kind)), Reverse(*count), *kind));
        let mut list: Vec<Event> = self.list.finish().collect();
        list.sort_by_key(|event| (event.time_us, event.place));
        ServerEvents {
            kinds: kinds
                .into_iter()
                .map(|(kind, count)| NameCount {
                    name: kind.name().to_owned(),
                    count,
                })
                .collect(),
            list: list
                .into_iter()
                .map(|event| ServerEvent {
                    time_us: event.time_us,
                    kind: event.kind.name().to_owned(),
                    severity: event.worst.0.1.name().to_owned(),
                    host: event.host,
                    message: event.message,
                })
                .collect(),
        }
    }
}

impl Merge for Server {
    fn merge(&mut self, other: Server) {
        self.kinds.merge(other.kinds);
        self.list.merge(other.list);
    }
}

/// A start and a stop take many lines; the one that says it is enough, unless something goes wrong.
fn is_worth_telling(seen: &Seen<'_>) -> bool {
    let phase = seen.attribute("phase");
    seen.entry.severity >= Severity::Warning
        || match seen.entry.kind {
            LogKind::Startup => matches!(phase, b"ready" | b""),
            LogKind::Shutdown => matches!(phase, b"stopped" | b""),
            LogKind::Crash => {
                !(seen.attribute("signal").is_empty() && seen.attribute("exit_code").is_empty())
            }
            LogKind::Recovery => phase != b"progress",
            LogKind::Replication => !matches!(phase, b"command" | b"slot_released"),
            _ => true,
        }
}

/// What a person wants to know first.
fn weight(kind: LogKind) -> u8 {
    match kind {
        LogKind::Crash => 5,
        LogKind::Startup | LogKind::Shutdown => 4,
        LogKind::RecoveryConflict | LogKind::Archive => 3,
        LogKind::Recovery | LogKind::Replication => 2,
        _ => 1,
    }
}
