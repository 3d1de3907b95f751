//! The server as a whole: what happened to it, what it says about itself, which commands it got.

use super::failures::words;
use super::{Cell, Panel, Table, list};
use crate::render::quantity::{count, duration, plural, time};
use crate::summary::sections::{NameCount, ServerEvent, ServerEvents, Statistic};

/// Names in the line of a section.
const IN_LINE: usize = 5;
/// Crashes that are shown at once.
const ON_TOP: usize = 3;

pub(super) fn server(events: &ServerEvents) -> Option<Panel> {
    if events.kinds.is_empty() {
        return None;
    }
    let crashes = events.list.iter().filter(|event| event.kind == "crash");
    let top = crashes.take(ON_TOP).map(|event| {
        let when = event.time_us.map(time).unwrap_or_default();
        format!("{when}  {}", event.message)
    });
    let row = |event: &ServerEvent| {
        vec![
            Cell::time(event.time_us),
            Cell::Text(words(&event.kind)),
            Cell::text(&event.severity),
            Cell::text(&event.host),
            Cell::text(&event.message),
        ]
    };
    Some(Panel {
        name: "server",
        title: "Server",
        line: list(events.kinds.iter().take(IN_LINE).map(name_count)),
        top: top.collect(),
        tables: vec![Table {
            title: "In order of time",
            columns: &[
                ("time_us", "time"),
                ("kind", "kind"),
                ("severity", "severity"),
                ("host", "host"),
                ("message", "message"),
            ],
            rows: events.list.iter().map(row).collect(),
        }],
        in_full: Vec::new(),
        course: None,
    })
}

pub(super) fn statistics(statistics: &[Statistic]) -> Option<Panel> {
    let most = statistics.iter().map(|one| one.samples).max()?;
    let mean = |one: &Statistic| one.total / one.samples.max(1);
    let of = |name: &str| statistics.iter().find(|one| one.name == name);
    let mut facts = vec![plural(most, "sample")];
    for (name, shown) in [("xacts_per_s", "xacts/s"), ("queries_per_s", "queries/s")] {
        if let Some(one) = of(name) {
            facts.push(format!("{} {shown} (most {})", count(mean(one)), count(one.max)));
        }
    }
    if let Some(one) = of("wait_us") {
        facts.push(format!(
            "wait {} (most {})",
            duration(mean(one)),
            duration(one.max)
        ));
    }
    let row = |one: &Statistic| {
        let value = |value: i64| match one.name.as_str() {
            name if name.ends_with("_us") => Cell::Duration(value),
            name if name.contains("bytes") => Cell::Bytes(value),
            _ => Cell::Count(value),
        };
        vec![
            Cell::text(&one.name),
            Cell::Count(one.samples),
            value(mean(one)),
            value(one.max),
            Cell::time(one.max_at_us),
        ]
    };
    Some(Panel {
        name: "statistics",
        title: "Statistics of the pooler",
        line: facts.join(", "),
        top: Vec::new(),
        tables: vec![Table {
            title: "Averages over its own intervals",
            columns: &[
                ("name", "name"),
                ("samples", "samples"),
                ("mean", "mean"),
                ("max", "max"),
                ("max_at_us", "at"),
            ],
            rows: statistics.iter().map(row).collect(),
        }],
        in_full: Vec::new(),
        course: None,
    })
}

pub(super) fn commands(commands: &[NameCount]) -> Option<Panel> {
    if commands.is_empty() {
        return None;
    }
    let total = commands.iter().map(|command| command.count).sum();
    Some(Panel {
        name: "commands",
        title: "Commands",
        line: format!(
            "{}: {}",
            plural(total, "command"),
            list(commands.iter().take(IN_LINE).map(name_count))
        ),
        top: Vec::new(),
        tables: vec![Table {
            title: "By name",
            columns: &[("name", "name"), ("count", "count")],
            rows: commands
                .iter()
                .map(|command| vec![Cell::text(&command.name), Cell::Count(command.count)])
                .collect(),
        }],
        in_full: Vec::new(),
        course: None,
    })
}

fn name_count(one: &NameCount) -> String {
    format!("{} {}", words(&one.name), count(one.count))
}
