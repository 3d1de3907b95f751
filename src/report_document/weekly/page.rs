//! The first page in words.

use slowlake_analyze::{ChangeKind, ChangeLine, WeeklyReport};

use super::{day_of, size};
use crate::render::document::{Line, Number, Verdict};
use crate::render::markdown::shorten;
use crate::render::quantity::{count, decimals, percent, plural, signed_decimals, signed_percent, time};
use crate::report_document::{sessions, split_words};

/// The share of executions that are slow where nothing changed, and that is still taken as such.
const SLOW_EXPECTED: f64 = 0.023;
const SLOW_MUCH: f64 = 0.03;
/// A change of time that is worth a colour.
const TIME_MUCH: f64 = 0.05;
/// Characters of a query in a line.
const QUERY_MAX: usize = 64;

/// The six numbers.
pub(super) fn numbers(report: &WeeklyReport) -> Vec<Number> {
    vec![
        health(report),
        database_time(report),
        regressions(report),
        Number {
            name: "Replication",
            value: "not in the lake".to_owned(),
            before: String::new(),
            note: "no samples of replicas".to_owned(),
            verdict: Verdict::Unknown,
            section: "replication",
        },
        capacity(report),
        advice(report),
    ]
}

fn health(report: &WeeklyReport) -> Number {
    let health = report.page.health;
    let share = health.week.share();
    Number {
        name: "Slow executions",
        value: share.map_or("unknown".to_owned(), percent),
        before: health.last_week.share().map_or(String::new(), percent),
        note: match share {
            Some(_) => "slower than 97.7 % of the four weeks before; 2.3 % is normal".to_owned(),
            None => "no four weeks before to compare with".to_owned(),
        },
        verdict: match share {
            None => Verdict::Unknown,
            Some(share) if share > SLOW_MUCH => Verdict::Bad,
            Some(share) if share <= SLOW_EXPECTED => Verdict::Good,
            Some(_) => Verdict::Neither,
        },
        section: "load",
    }
}

fn database_time(report: &WeeklyReport) -> Number {
    let time = report.page.time;
    let change = time.change.change_us as f64 / time.last_week_us.max(1) as f64;
    Number {
        name: "Database time",
        value: match time.last_week_us {
            0 => format!("{} sessions", decimals(sessions(time.total_us))),
            _ => format!(
                "{} sessions, {}",
                decimals(sessions(time.total_us)),
                signed_percent(change)
            ),
        },
        before: format!("{} sessions", decimals(sessions(time.last_week_us))),
        note: split_words(time.change),
        verdict: match change {
            _ if time.last_week_us == 0 => Verdict::Neither,
            change if change > TIME_MUCH => Verdict::Bad,
            change if change < -TIME_MUCH => Verdict::Good,
            _ => Verdict::Neither,
        },
        section: "load",
    }
}

fn regressions(report: &WeeklyReport) -> Number {
    let name = "Regressions";
    let section = "regressions";
    let Some(numbers) = report.page.regressions else {
        return Number {
            name,
            value: "nobody looked".to_owned(),
            before: String::new(),
            note: match &report.regressions {
                Some(_) => "less than two weeks of history".to_owned(),
                None => format!("{} queries on servers", count(report.series as i64)),
            },
            verdict: Verdict::Unknown,
            section,
        };
    };
    Number {
        name,
        value: format!("{} open", numbers.open),
        before: String::new(),
        note: format!(
            "{} found, {} gone again; open ones cost {} sessions. {} save {}",
            numbers.found,
            numbers.recovered,
            decimals(numbers.open_sessions),
            plural(numbers.improvements as i64, "improvement"),
            decimals(numbers.saved_sessions),
        ),
        verdict: if numbers.open > 0 {
            Verdict::Bad
        } else {
            Verdict::Good
        },
        section,
    }
}

fn capacity(report: &WeeklyReport) -> Number {
    let (name, section) = ("Capacity", "capacity");
    let Some(first) = &report.page.capacity else {
        let (value, note) = match report.page.sizes {
            0 => ("not in the lake", "no samples of sizes".to_owned()),
            sizes => ("no growth", format!("{} sampled", plural(sizes as i64, "size"))),
        };
        return Number {
            name,
            value: value.to_owned(),
            before: String::new(),
            note,
            verdict: if report.page.sizes == 0 {
                Verdict::Unknown
            } else {
                Verdict::Good
            },
            section,
        };
    };
    let what = format!(
        "{} {} on {}",
        first.metric.replace('_', " "),
        first.object.as_deref().unwrap_or_default(),
        first.server.as_deref().unwrap_or("(unknown)"),
    );
    let now = first.samples.last().map_or(0, |(_, size)| *size);
    let (value, note) = match first.reached_us {
        [_, Some(likely), _] => (
            format!("full on {}", day_of(Some(likely))),
            format!(
                "{what}, between {} and {}",
                day_of(first.reached_us[0]),
                day_of(first.reached_us[2])
            ),
        ),
        _ => (
            format!("{} a week", signed_percent(first.forecast.growth_per_week)),
            format!("fastest growth: {what}, now {}; no end is known", size(now)),
        ),
    };
    Number {
        name,
        value,
        before: String::new(),
        note,
        verdict: if first.reached_us[1].is_some() {
            Verdict::Bad
        } else {
            Verdict::Neither
        },
        section,
    }
}

fn advice(report: &WeeklyReport) -> Number {
    let page = &report.page;
    Number {
        name: "Advice",
        value: plural(page.advice_cards as i64, "card"),
        before: String::new(),
        note: match page.advice_cards {
            0 => "nothing that the lake has evidence for".to_owned(),
            _ => format!(
                "together they promise {} sessions",
                decimals(page.advice_sessions)
            ),
        },
        verdict: Verdict::Neither,
        section: "advice",
    }
}

/// What changed, who owns it, what to do.
pub(super) fn lines(report: &WeeklyReport) -> Vec<Line> {
    report.page.lines.iter().map(line).collect()
}

fn line(line: &ChangeLine) -> Line {
    let query = line
        .normalized
        .as_deref()
        .or(line.fingerprint.as_deref())
        .unwrap_or_default();
    let query = shorten(query, QUERY_MAX);
    let change = line.change.map(signed_percent).unwrap_or_default();
    let load = format!("{} sessions", signed_decimals(line.sessions));
    let since = line
        .since_us
        .map_or(String::new(), |us| format!(" since {} UTC", &time(us)[..16]));
    let on = match (&line.server, line.servers) {
        (Some(server), _) => format!(" on {server}"),
        (None, 0) => String::new(),
        (None, servers) => format!(" on {}", plural(servers as i64, "server")),
    };
    let (what, action) = match line.kind {
        ChangeKind::Regression => (
            format!("{query} takes {change} longer{on}{since}: {load}"),
            "look what was changed then; compare its plans and what it reads",
        ),
        ChangeKind::Slower => (
            format!("{query} took {change} longer than last week{on}: {load}"),
            "look on which day it began, and at its plans and rows",
        ),
        ChangeKind::Faster => (
            format!("{query} is quicker, {change}{on}{since}: {load}"),
            "nothing; worth knowing who did it",
        ),
        ChangeKind::MoreCalls => (
            format!("{query} runs more often, {change}{on}: {load}"),
            "ask what calls it more: a feature, a loop, a lost cache",
        ),
        ChangeKind::FewerCalls => (
            format!("{query} runs less often, {change}{on}: {load}"),
            "nothing, if that was meant",
        ),
        ChangeKind::New => (
            format!("{query} is new{on}: {load}"),
            "look at its plan before it grows",
        ),
        ChangeKind::Gone => (
            format!("{query} has gone: {load}"),
            "nothing, if that was meant; its indexes may go, too",
        ),
        ChangeKind::WholeServer => (
            format!("everything{on} takes {change} longer{since}"),
            "look at the machine, its neighbours and its configuration",
        ),
    };
    let anchor = match (&line.fingerprint, line.kind) {
        (Some(fingerprint), _) => format!("q{fingerprint}"),
        (None, _) => "servers".to_owned(),
    };
    Line {
        what,
        owner: line.owner.clone().unwrap_or_else(|| "owner unknown".to_owned()),
        action: action.to_owned(),
        anchor,
    }
}

/// How far it can be trusted.
pub(super) fn confidence(report: &WeeklyReport) -> String {
    let quality = &report.quality;
    let silent = match quality.silent_servers.len() {
        0 => "none fell silent".to_owned(),
        silent => format!("{silent} fell silent"),
    };
    let coverage = &quality.coverage;
    let read = match coverage.bytes {
        0 => "no log was read in the week".to_owned(),
        read => format!(
            "{} of {} of logs understood",
            percent((read - coverage.bytes_rejected) as f64 / read as f64),
            size(read)
        ),
    };
    let looked = match &report.regressions {
        Some(found) if found.has_history => "regressions with at most 5 % false alerts",
        _ => "regressions not looked for",
    };
    format!(
        "Confidence: {} reporting, {silent}; executions in {} of their hours; {read}; {looked}. Compared with {} of the four weeks before.",
        plural(quality.servers as i64, "server"),
        percent(quality.server_hours_seen as f64 / quality.server_hours.max(1) as f64),
        quality.days_by_week[1..5]
            .iter()
            .filter(|days| **days == 7)
            .count(),
    )
}
