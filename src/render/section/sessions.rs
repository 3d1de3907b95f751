//! Connections and sessions.

use super::failures::words;
use super::{Cell, Panel, Table, list};
use crate::render::quantity::{count, duration, plural, time};
use crate::summary::sections::{Connections, NameCount};

/// Causes that are named in the line of the section.
const IN_LINE: usize = 3;

pub(super) fn connections(connections: &Connections) -> Option<Panel> {
    let sessions = connections.authorized.max(connections.disconnected);
    if connections.received + sessions + connections.failed + connections.lost == 0 {
        return None;
    }
    let mut line = if sessions > 0 {
        plural(sessions, "session")
    } else {
        plural(connections.received, "connection")
    };
    if let (Some(peak), Some(at_us)) = (connections.peak, connections.peak_at_us) {
        line += &format!(", peak {} at {} UTC", count(peak), &time(at_us)[..16]);
    }
    if let (Some(p50_us), Some(p95_us)) = (connections.session_p50_us, connections.session_p95_us) {
        line += &format!(", length p50 {} p95 {}", duration(p50_us), duration(p95_us));
    }
    if connections.failed > 0 {
        let causes = connections.failures.iter().take(IN_LINE);
        let causes = list(causes.map(|cause| format!("{} {}", words(&cause.name), count(cause.count))));
        line += &format!("; {} not let in: {causes}", count(connections.failed));
    }
    if connections.lost > 0 {
        line += &format!("; {} lost", count(connections.lost));
    }
    let dimensions = [
        ("failure", &connections.failures),
        ("database", &connections.databases),
        ("user", &connections.users),
        ("client", &connections.clients),
        ("application", &connections.applications),
    ];
    let by = dimensions.into_iter().flat_map(|(dimension, names)| {
        let row = move |name: &NameCount| {
            vec![
                Cell::text(dimension),
                Cell::text(&name.name),
                Cell::Count(name.count),
            ]
        };
        names.iter().map(row)
    });
    Some(Panel {
        name: "connections",
        title: "Connections and sessions",
        line,
        top: Vec::new(),
        tables: vec![
            totals(connections),
            Table {
                title: "Sessions by origin",
                columns: &[("by", "by"), ("name", "name"), ("count", "sessions")],
                rows: by.collect(),
            },
        ],
        in_full: Vec::new(),
        course: course(connections),
    })
}

fn totals(connections: &Connections) -> Table {
    let length = |us: Option<i64>| us.map_or(Cell::Nothing, Cell::Duration);
    let mean_us = connections
        .session_max_us
        .map(|_| connections.session_us / connections.disconnected.max(1));
    Table {
        title: "In all",
        columns: &[
            ("received", "received"),
            ("authorized", "authorized"),
            ("disconnected", "ended"),
            ("failed", "not let in"),
            ("lost", "lost"),
            ("session_mean_us", "mean length"),
            ("session_p95_us", "p95"),
            ("session_max_us", "longest"),
            ("peak", "most at once"),
        ],
        rows: vec![vec![
            Cell::Count(connections.received),
            Cell::Count(connections.authorized),
            Cell::Count(connections.disconnected),
            Cell::Count(connections.failed),
            Cell::Count(connections.lost),
            length(mean_us),
            length(connections.session_p95_us),
            length(connections.session_max_us),
            connections.peak.map_or(Cell::Nothing, Cell::Count),
        ]],
    }
}

fn course(connections: &Connections) -> Option<(Vec<i64>, String)> {
    let (first, last) = (connections.slots.first()?, connections.slots.last()?);
    if connections.slots.len() < 2 {
        return None;
    }
    let values = connections.slots.iter().map(|slot| slot.most).collect();
    let label = format!(
        "sessions at once, {} → {} UTC",
        &time(first.start_us)[..16],
        &time(last.start_us + last.length_us)[..16]
    );
    Some((values, label))
}
