//! Autovacuum and autoanalyze, by table.

use std::cmp::Reverse;

use slowlake_parse::LogKind;

use super::{Seen, text};
use crate::digest::bounded::{Merge, Sums};
use crate::summary::sections::TableVacuums;

#[derive(Default)]
pub(super) struct Vacuums {
    tables: Sums<String, TableVacuums>,
}

/// Name of the line for tables that were too many to be shown apart.
const OTHERS: &str = "(other tables)";

impl Vacuums {
    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        let entry = seen.entry;
        let number = |name| seen.number(name).unwrap_or(0);
        let elapsed_us = entry.duration_us.unwrap_or(0);
        let common = TableVacuums {
            longest_us: elapsed_us,
            last_us: entry.time_us,
            wal_bytes: number("wal_bytes"),
            ..TableVacuums::default()
        };
        let run = if entry.kind == LogKind::Autoanalyze {
            TableVacuums {
                analyzes: 1,
                analyze_us: elapsed_us,
                ..common
            }
        } else {
            TableVacuums {
                vacuums: 1,
                wraparound: i64::from(!matches!(seen.attribute("wraparound"), b"" | b"false" | b"0")),
                vacuum_us: elapsed_us,
                pages_removed: number("pages_removed"),
                tuples_removed: number("tuples_removed"),
                tuples_dead_most: number("tuples_dead"),
                index_scans: number("index_scans"),
                ..common
            }
        };
        self.tables.of(text(entry.object)).merge(run);
    }

    pub(super) fn finish(self) -> Vec<TableVacuums> {
        let (tables, others) = self.tables.finish();
        let mut list: Vec<TableVacuums> = tables
            .into_iter()
            .map(|(table, sums)| TableVacuums { table, ..sums })
            .collect();
        list.sort_by(|a, b| {
            let key = |t: &TableVacuums| {
                (
                    Reverse(t.vacuum_us.saturating_add(t.analyze_us)),
                    Reverse(t.vacuums + t.analyzes),
                )
            };
            key(a).cmp(&key(b)).then_with(|| a.table.cmp(&b.table))
        });
        if others.vacuums + others.analyzes > 0 {
            list.push(TableVacuums {
                table: OTHERS.to_owned(),
                ..others
            });
        }
        list
    }
}

impl Merge for Vacuums {
    fn merge(&mut self, other: Vacuums) {
        self.tables.merge(other.tables);
    }
}

impl Merge for TableVacuums {
    fn merge(&mut self, other: TableVacuums) {
        let pairs = [
            (&mut self.vacuums, other.vacuums),
            (&mut self.wraparound, other.wraparound),
            (&mut self.analyzes, other.analyzes),
            (&mut self.vacuum_us, other.vacuum_us),
            (&mut self.analyze_us, other.analyze_us),
            (&mut self.pages_removed, other.pages_removed),
            (&mut self.tuples_removed, other.tuples_removed),
            (&mut self.index_scans, other.index_scans),
            (&mut self.wal_bytes, other.wal_bytes),
        ];
        for (sum, value) in pairs {
            sum.merge(value);
        }
        self.longest_us = self.longest_us.max(other.longest_us);
        self.tuples_dead_most = self.tuples_dead_most.max(other.tuples_dead_most);
        self.last_us = self.last_us.max(other.last_us);
    }
}
