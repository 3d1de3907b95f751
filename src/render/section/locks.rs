//! Waits for locks, who was in the way, and deadlocks.

use super::{Cell, Panel, Table, statement};
use crate::render::quantity::{count, duration, plural, time};
use crate::summary::sections::{Blocker, Deadlock, Deadlocks, LockObject, LockWait, Locks};

/// Waits and blockers that are shown at once.
const ON_TOP: usize = 3;

pub(super) fn locks(locks: &Locks) -> Option<Panel> {
    if locks.waits == 0 {
        return None;
    }
    let mut line = format!(
        "{}, {} waited",
        plural(locks.waits, "wait"),
        duration(locks.waited_us)
    );
    if locks.failed > 0 {
        line += &format!(", {} without success", count(locks.failed));
    }
    let open = locks.waits - locks.acquired - locks.failed;
    if open > 0 {
        line += &format!(", {} whose end is not logged", count(open));
    }
    let blockers = locks.blockers.iter().take(ON_TOP).map(|blocker| {
        format!(
            "pid {}{} held up {} for {}{}",
            blocker.session_id,
            who(&blocker.user, &blocker.application),
            plural(blocker.waiters, "session"),
            duration(blocker.waited_us),
            sql(&blocker.normalized),
        )
    });
    let longest = locks.longest.iter().take(ON_TOP).map(|wait| {
        format!(
            "pid {}{} waited {} for {} on {}{}",
            wait.session_id.unwrap_or(0),
            who(&wait.user, &wait.application),
            duration(wait.waited_us),
            wait.mode,
            wait.object,
            sql(&wait.normalized),
        )
    });
    Some(Panel {
        name: "locks",
        title: "Locks",
        line,
        top: if locks.blockers.is_empty() {
            longest.collect()
        } else {
            blockers.collect()
        },
        tables: vec![
            blocker_table(&locks.blockers),
            wait_table(&locks.longest),
            object_table(&locks.objects),
        ],
        in_full: Vec::new(),
        course: None,
    })
}

fn blocker_table(blockers: &[Blocker]) -> Table {
    let row = |blocker: &Blocker| {
        vec![
            Cell::Id(blocker.session_id.to_string()),
            Cell::text(&blocker.user),
            Cell::text(&blocker.application),
            Cell::Count(blocker.waits),
            Cell::Count(blocker.waiters),
            Cell::Duration(blocker.waited_us),
            Cell::Duration(blocker.longest_us),
            Cell::Sql(statement(&blocker.normalized, &blocker.fingerprint)),
        ]
    };
    Table {
        title: "Who was in the way",
        columns: &[
            ("session_id", "pid"),
            ("user", "user"),
            ("application", "application"),
            ("waits", "waits"),
            ("waiters", "waiters"),
            ("waited_us", "waited"),
            ("longest_us", "longest"),
            ("statement", "what it ran"),
        ],
        rows: blockers.iter().map(row).collect(),
    }
}

fn wait_table(waits: &[LockWait]) -> Table {
    let row = |wait: &LockWait| {
        let holders: Vec<String> = wait.holders.iter().map(i64::to_string).collect();
        vec![
            Cell::time(wait.time_us),
            Cell::Id(wait.session_id.map_or_else(String::new, |id| id.to_string())),
            Cell::text(&wait.user),
            Cell::Duration(wait.waited_us),
            Cell::text(&wait.outcome),
            Cell::text(&wait.mode),
            Cell::text(&wait.object),
            Cell::Text(holders.join(" ")),
            Cell::Sql(statement(&wait.normalized, &wait.fingerprint)),
        ]
    };
    Table {
        title: "The longest waits",
        columns: &[
            ("time_us", "time"),
            ("session_id", "pid"),
            ("user", "user"),
            ("waited_us", "waited"),
            ("outcome", "outcome"),
            ("mode", "mode"),
            ("object", "object"),
            ("holders", "held by"),
            ("statement", "statement"),
        ],
        rows: waits.iter().map(row).collect(),
    }
}

fn object_table(objects: &[LockObject]) -> Table {
    let row = |object: &LockObject| {
        vec![
            Cell::text(&object.object),
            Cell::text(&object.mode),
            Cell::Count(object.waits),
            Cell::Duration(object.waited_us),
            Cell::Duration(object.longest_us),
        ]
    };
    Table {
        title: "What was locked",
        columns: &[
            ("object", "object"),
            ("mode", "mode"),
            ("waits", "waits"),
            ("waited_us", "waited"),
            ("longest_us", "longest"),
        ],
        rows: objects.iter().map(row).collect(),
    }
}

pub(super) fn deadlocks(deadlocks: &Deadlocks) -> Option<Panel> {
    if deadlocks.count == 0 {
        return None;
    }
    let when = |deadlock: &Deadlock| deadlock.time_us.map(time).unwrap_or_default();
    let top = deadlocks.list.iter().take(ON_TOP).map(|deadlock| {
        let each = deadlock
            .processes
            .iter()
            .map(|process| statement(&process.normalized, &process.fingerprint));
        format!("{}  {}", when(deadlock), each.collect::<Vec<_>>().join("  ↔  "))
    });
    let rows = deadlocks.list.iter().flat_map(|deadlock| {
        deadlock.processes.iter().map(|process| {
            vec![
                Cell::time(deadlock.time_us),
                Cell::text(&deadlock.database),
                Cell::text(&deadlock.user),
                Cell::Id(process.session_id.to_string()),
                Cell::text(if deadlock.session_id == Some(process.session_id) {
                    "canceled"
                } else {
                    ""
                }),
                Cell::Sql(statement(&process.normalized, &process.fingerprint)),
            ]
        })
    });
    Some(Panel {
        name: "deadlocks",
        title: "Deadlocks",
        line: plural(deadlocks.count, "deadlock"),
        top: top.collect(),
        tables: vec![Table {
            title: "Sessions of each deadlock",
            columns: &[
                ("time_us", "time"),
                ("database", "database"),
                ("user", "user"),
                ("session_id", "pid"),
                ("outcome", "outcome"),
                ("statement", "statement"),
            ],
            rows: rows.collect(),
        }],
        in_full: Vec::new(),
        course: None,
    })
}

fn who(user: &str, application: &str) -> String {
    match (user, application) {
        ("", "") => String::new(),
        (name, "") | ("", name) => format!(" ({name})"),
        (user, application) => format!(" ({user}, {application})"),
    }
}

fn sql(normalized: &str) -> String {
    if normalized.is_empty() {
        String::new()
    } else {
        format!(": {normalized}")
    }
}
