//! Errors, warnings and cancellations.

use super::{Cell, Panel, Table, list, statement};
use crate::render::quantity::{count, plural};
use crate::summary::sections::{CancelGroup, ErrorGroup, StatementCount};

/// Groups that are named in the line of the section.
const IN_LINE: usize = 4;
/// Groups whose message is shown at once.
const ON_TOP: usize = 3;

pub(super) fn errors(groups: &[ErrorGroup]) -> Option<Panel> {
    let is_warning = |group: &&ErrorGroup| group.severity == "warning";
    let sum = |warnings: bool| -> i64 {
        groups
            .iter()
            .filter(|group| is_warning(group) == warnings)
            .map(|group| group.count)
            .sum()
    };
    if groups.is_empty() {
        return None;
    }
    let (errors, warnings) = (sum(false), sum(true));
    let mut line = if errors > 0 {
        plural(errors, "error")
    } else {
        plural(warnings, "warning")
    };
    if errors > 0 && warnings > 0 {
        line += &format!(", {}", plural(warnings, "warning"));
    }
    let named = groups.iter().filter(|group| !group.code.is_empty()).take(IN_LINE);
    let named = list(named.map(|group| format!("{} {}", name(group), count(group.count))));
    if !named.is_empty() {
        line += &format!(": {named}");
    }
    let top = groups.iter().filter(|group| !is_warning(group)).take(ON_TOP);
    let top = top.map(|group| format!("{}: {}", short_name(group), first_line(&group.example)));
    let row = |group: &ErrorGroup| {
        vec![
            Cell::id(&group.severity),
            Cell::id(&group.code),
            Cell::Text(if group.condition.is_empty() {
                String::new()
            } else {
                words(&group.condition)
            }),
            Cell::Count(group.count),
            Cell::time(group.first_us),
            Cell::time(group.last_us),
            Cell::Text(first_line(&group.example)),
            most(&group.statements),
        ]
    };
    Some(Panel {
        name: "errors",
        title: "Errors",
        line,
        top: top.collect(),
        tables: vec![Table {
            title: "By SQLSTATE",
            columns: &[
                ("severity", "severity"),
                ("code", "code"),
                ("condition", "condition"),
                ("count", "count"),
                ("first_us", "first"),
                ("last_us", "last"),
                ("example", "first message"),
                ("statement", "most frequent statement"),
            ],
            rows: groups.iter().map(row).collect(),
        }],
        in_full: Vec::new(),
        course: None,
    })
}

pub(super) fn canceled(groups: &[CancelGroup]) -> Option<Panel> {
    let total: i64 = groups.iter().map(|group| group.count).sum();
    if total == 0 {
        return None;
    }
    let named = groups.iter().take(IN_LINE);
    let named = list(named.map(|group| format!("{} {}", words(&group.cause), count(group.count))));
    let row = |group: &CancelGroup| {
        vec![
            Cell::Text(words(&group.cause)),
            Cell::Count(group.count),
            Cell::time(group.first_us),
            Cell::time(group.last_us),
            most(&group.statements),
        ]
    };
    Some(Panel {
        name: "canceled",
        title: "Canceled",
        line: format!("{}: {named}", plural(total, "time")),
        top: Vec::new(),
        tables: vec![Table {
            title: "By cause",
            columns: &[
                ("cause", "cause"),
                ("count", "count"),
                ("first_us", "first"),
                ("last_us", "last"),
                ("statement", "most frequent statement"),
            ],
            rows: groups.iter().map(row).collect(),
        }],
        in_full: Vec::new(),
        course: None,
    })
}

/// `23505 unique violation`; what there is of it.
fn name(group: &ErrorGroup) -> String {
    match (group.code.as_str(), group.condition.as_str()) {
        ("", "") => group.severity.clone(),
        (code, "") => code.to_owned(),
        ("", condition) => words(condition),
        (code, condition) => format!("{code} {}", words(condition)),
    }
}

/// The code, or what stands for it.
fn short_name(group: &ErrorGroup) -> &str {
    if group.code.is_empty() {
        &group.severity
    } else {
        &group.code
    }
}

/// A name of a program for people.
pub(super) fn words(name: &str) -> String {
    if name.is_empty() {
        "unknown".to_owned()
    } else {
        name.replace('_', " ")
    }
}

fn most(statements: &[StatementCount]) -> Cell {
    let most = statements.first();
    most.map_or(Cell::Nothing, |most| {
        Cell::Sql(statement(&most.normalized, &most.fingerprint))
    })
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or("").to_owned()
}
