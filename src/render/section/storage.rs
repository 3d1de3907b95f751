//! Temporary files, checkpoints, vacuums: what goes to the disk.

use super::{Cell, Panel, Table, list, statement};
use crate::render::quantity::{bytes, count, duration, percent, plural, time};
use crate::summary::sections::{
    CheckpointSums, Checkpoints, TableVacuums, TemporaryFileQuery, TemporaryFiles,
};

/// Tables that are named in the line of the section.
const IN_LINE: usize = 3;

pub(super) fn temporary_files(files: &TemporaryFiles) -> Option<Panel> {
    if files.files == 0 {
        return None;
    }
    let mut line = format!(
        "{} in {}, largest {}",
        size(files.bytes),
        plural(files.files, "file"),
        size(files.largest_bytes)
    );
    let known = files.queries.iter().find(|query| !query.fingerprint.is_empty());
    if let Some(most) = known {
        let share = most.bytes as f64 / files.bytes.max(1) as f64;
        line += &format!("; {} from {}", percent(share), most.fingerprint);
    }
    let row = |query: &TemporaryFileQuery| {
        vec![
            Cell::Count(query.files),
            Cell::Bytes(query.bytes),
            Cell::Bytes(query.largest_bytes),
            Cell::id(&query.fingerprint),
            Cell::Sql(if query.fingerprint.is_empty() {
                "(not logged)".to_owned()
            } else {
                statement(&query.normalized, &query.fingerprint)
            }),
        ]
    };
    Some(Panel {
        name: "temporary_files",
        title: "Temporary files",
        line,
        top: Vec::new(),
        tables: vec![Table {
            title: "By query",
            columns: &[
                ("files", "files"),
                ("bytes", "size"),
                ("largest_bytes", "largest"),
                ("fingerprint", "fingerprint"),
                ("statement", "statement"),
            ],
            rows: files.queries.iter().map(row).collect(),
        }],
        in_full: Vec::new(),
        course: None,
    })
}

pub(super) fn checkpoints(checkpoints: &Checkpoints) -> Option<Panel> {
    let both = [
        ("checkpoint", &checkpoints.checkpoints),
        ("restartpoint", &checkpoints.restartpoints),
    ];
    let some = || {
        both.into_iter()
            .filter(|(_, sums)| sums.started + sums.completed > 0)
    };
    if some().next().is_none() && checkpoints.too_frequent == 0 {
        return None;
    }
    let mut line = list(some().map(|(name, sums)| checkpoint_line(name, sums)));
    if checkpoints.too_frequent > 0 {
        let often = plural(checkpoints.too_frequent, "warning");
        line += &format!("; {often} of too frequent checkpoints: raise max_wal_size");
    } else if checkpoints.checkpoints.wal > checkpoints.checkpoints.timed {
        line += "; max_wal_size is too small for the load";
    }
    let reasons = some().flat_map(|(name, sums)| {
        let row = move |reason: &crate::summary::sections::NameCount| {
            vec![
                Cell::text(name),
                Cell::text(&reason.name),
                Cell::Count(reason.count),
            ]
        };
        sums.reasons.iter().map(row)
    });
    Some(Panel {
        name: "checkpoints",
        title: "Checkpoints",
        line,
        top: Vec::new(),
        tables: vec![
            checkpoint_table(some().collect()),
            Table {
                title: "Why they began",
                columns: &[("kind", "kind"), ("reason", "reason"), ("count", "count")],
                rows: reasons.collect(),
            },
        ],
        in_full: Vec::new(),
        course: None,
    })
}

fn checkpoint_line(name: &str, sums: &CheckpointSums) -> String {
    let mut line = plural(sums.completed.max(sums.started), name);
    if sums.wal > 0 {
        line += &format!(", {} because of WAL", count(sums.wal));
        if let (Some(first), Some(last)) = (sums.wal_first_us, sums.wal_last_us) {
            line += &format!(" ({} – {})", &time(first)[..16], &time(last)[11..16]);
        }
    }
    if sums.completed > 0 {
        line += &format!(
            ", {} buffers, longest {}",
            count(sums.buffers),
            duration(sums.longest_us)
        );
    }
    line
}

fn checkpoint_table(kinds: Vec<(&'static str, &CheckpointSums)>) -> Table {
    let row = |(name, sums): (&'static str, &CheckpointSums)| {
        vec![
            Cell::text(name),
            Cell::Count(sums.completed),
            Cell::Count(sums.timed),
            Cell::Count(sums.requested),
            Cell::Count(sums.buffers),
            Cell::Duration(sums.write_us),
            Cell::Duration(sums.sync_us),
            Cell::Duration(sums.longest_us),
            Cell::time(sums.longest_at_us),
            Cell::Bytes(sums.distance_bytes / sums.completed.max(1)),
            Cell::Bytes(sums.distance_longest_bytes),
        ]
    };
    Table {
        title: "What they did",
        columns: &[
            ("kind", "kind"),
            ("completed", "completed"),
            ("timed", "timed"),
            ("requested", "requested"),
            ("buffers", "buffers"),
            ("write_us", "write"),
            ("sync_us", "sync"),
            ("longest_us", "longest"),
            ("longest_at_us", "at"),
            ("distance_mean_bytes", "WAL each"),
            ("distance_longest_bytes", "WAL most"),
        ],
        rows: kinds.into_iter().map(row).collect(),
    }
}

pub(super) fn vacuums(tables: &[TableVacuums]) -> Option<Panel> {
    if tables.is_empty() {
        return None;
    }
    let sum = |of: fn(&TableVacuums) -> i64| tables.iter().map(of).sum::<i64>();
    let mut line = format!(
        "{}, {}, {} in all",
        plural(sum(|table| table.vacuums), "vacuum"),
        count(sum(|table| table.analyzes)) + " analyze",
        duration(sum(|table| table.vacuum_us.saturating_add(table.analyze_us))),
    );
    let wraparound = sum(|table| table.wraparound);
    if wraparound > 0 {
        line += &format!(", {} to prevent wraparound", count(wraparound));
    }
    let named = tables.iter().take(IN_LINE).map(|table| {
        let us = table.vacuum_us.saturating_add(table.analyze_us);
        format!("{} {}", table.table, duration(us))
    });
    line += &format!(": {}", list(named));
    let row = |table: &TableVacuums| {
        vec![
            Cell::text(&table.table),
            Cell::Count(table.vacuums),
            Cell::Count(table.wraparound),
            Cell::Count(table.analyzes),
            Cell::Duration(table.vacuum_us),
            Cell::Duration(table.analyze_us),
            Cell::Duration(table.longest_us),
            Cell::Count(table.tuples_removed),
            Cell::Count(table.tuples_dead_most),
            Cell::Bytes(table.wal_bytes),
        ]
    };
    Some(Panel {
        name: "vacuums",
        title: "Autovacuum and autoanalyze",
        line,
        top: Vec::new(),
        tables: vec![Table {
            title: "By table",
            columns: &[
                ("table", "table"),
                ("vacuums", "vacuums"),
                ("wraparound", "wraparound"),
                ("analyzes", "analyzes"),
                ("vacuum_us", "vacuum"),
                ("analyze_us", "analyze"),
                ("longest_us", "longest"),
                ("tuples_removed", "rows removed"),
                ("tuples_dead_most", "dead left"),
                ("wal_bytes", "WAL"),
            ],
            rows: tables.iter().map(row).collect(),
        }],
        in_full: Vec::new(),
        course: None,
    })
}

fn size(n: i64) -> String {
    bytes(u64::try_from(n).unwrap_or(0))
}
