//! The sections of a report as panels: a line that says the most important, a few lines more, and tables, so that every form of output draws
//! the same. Chooses words and columns; how wide and in which markup is decided by who draws.

mod failures;
mod locks;
mod queries;
mod server;
mod sessions;
mod storage;

use crate::render::quantity::{
    bytes, count, decimals, duration, percent, signed_decimals, signed_percent, time,
};
use crate::summary::sections::Sections;

/// Names of the sections, in their order: as `--sections` takes them.
pub(crate) const NAMES: [&str; 13] = [
    "errors",
    "canceled",
    "locks",
    "deadlocks",
    "temporary_files",
    "checkpoints",
    "vacuums",
    "connections",
    "plans",
    "prepared",
    "server",
    "statistics",
    "commands",
];
/// The name for all of them.
pub(crate) const ALL: &str = "all";

/// One section.
#[derive(Debug)]
pub(crate) struct Panel {
    /// As in [`NAMES`].
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: &'static str,
    /// The section in one line.
    pub(crate) line: String,
    /// What else has to be seen at once, a line each.
    pub(crate) top: Vec<String>,
    /// All of it.
    pub(crate) tables: Vec<Table>,
    /// Texts that are too long for a table.
    pub(crate) in_full: Vec<String>,
    /// Something over time, to be drawn small: the values, and what they are.
    pub(crate) course: Option<(Vec<i64>, String)>,
}

/// One table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) title: &'static str,
    /// Of each column, the name for programs and the one for people.
    pub(crate) columns: &'static [(&'static str, &'static str)],
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// One value of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Text(String),
    /// A text that is of no use unless it is whole.
    Id(String),
    /// A statement.
    Sql(String),
    Count(i64),
    /// µs.
    Duration(i64),
    Bytes(i64),
    /// 0 to 1.
    Share(f64),
    /// How many times.
    Factor(f64),
    /// A change as a share of what was: 0.2 is 20 % more.
    Change(f64),
    /// Average active sessions.
    Sessions(f64),
    /// A difference of average active sessions.
    MoreSessions(f64),
    /// A query that has a place of its own in the document.
    Query {
        fingerprint: String,
        text: String,
    },
    /// µs since 1970 UTC.
    Time(i64),
    /// Not known.
    Nothing,
}

impl Cell {
    fn time(us: Option<i64>) -> Cell {
        us.map_or(Cell::Nothing, Cell::Time)
    }

    fn id(text: &str) -> Cell {
        Cell::Id(text.to_owned())
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    /// For people.
    pub(crate) fn shown(&self) -> String {
        match self {
            Cell::Text(text) | Cell::Id(text) | Cell::Sql(text) => text.clone(),
            Cell::Count(n) => count(*n),
            Cell::Duration(us) => duration(*us),
            Cell::Bytes(n) => bytes(u64::try_from(*n).unwrap_or(0)),
            Cell::Share(share) => percent(*share),
            Cell::Factor(factor) if *factor >= 10.0 => format!("{} ×", count(factor.round() as i64)),
            Cell::Factor(factor) => format!("{factor:.1} ×"),
            Cell::Change(change) => signed_percent(*change),
            Cell::Sessions(sessions) => decimals(*sessions),
            Cell::MoreSessions(sessions) => signed_decimals(*sessions),
            Cell::Query { fingerprint, text } if text.is_empty() => fingerprint.clone(),
            Cell::Query { text, .. } => text.clone(),
            Cell::Time(us) => time(*us),
            Cell::Nothing => String::new(),
        }
    }

    /// For programs: the plain number.
    pub(crate) fn raw(&self) -> String {
        match self {
            Cell::Text(text) | Cell::Id(text) | Cell::Sql(text) => text.clone(),
            Cell::Count(n) | Cell::Duration(n) | Cell::Bytes(n) | Cell::Time(n) => n.to_string(),
            Cell::Share(value)
            | Cell::Factor(value)
            | Cell::Change(value)
            | Cell::Sessions(value)
            | Cell::MoreSessions(value) => value.to_string(),
            Cell::Query { fingerprint, .. } => fingerprint.clone(),
            Cell::Nothing => String::new(),
        }
    }

    /// Whether it stands to the right of its column.
    pub(crate) fn is_number(&self) -> bool {
        !matches!(
            self,
            Cell::Text(_) | Cell::Id(_) | Cell::Sql(_) | Cell::Query { .. } | Cell::Time(_)
        )
    }
}

/// The sections that have something to say, in their order.
pub(crate) fn panels(sections: &Sections) -> Vec<Panel> {
    let panels = [
        failures::errors(&sections.errors),
        failures::canceled(&sections.canceled),
        locks::locks(&sections.locks),
        locks::deadlocks(&sections.deadlocks),
        storage::temporary_files(&sections.temporary_files),
        storage::checkpoints(&sections.checkpoints),
        storage::vacuums(&sections.vacuums),
        sessions::connections(&sections.connections),
        queries::plans(&sections.plans),
        queries::prepared(&sections.prepared),
        server::server(&sections.server),
        server::statistics(&sections.statistics),
        server::commands(&sections.commands),
    ];
    panels.into_iter().flatten().collect()
}

/// A statement in a line: where it is known, its text, else its fingerprint, else nothing.
fn statement(normalized: &str, fingerprint: &str) -> String {
    if normalized.is_empty() {
        fingerprint.to_owned()
    } else {
        normalized.to_owned()
    }
}

/// Items with separators between.
fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(" · ")
}
