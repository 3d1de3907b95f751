//! Parts of the report that are read from the lake for it alone: load by hour, events, books, and what is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use slowlake_sql::Session;

use crate::error::AnalyzeError;
use crate::filter::Filters;
use crate::rows::{each_row, time};
use crate::weeks::WEEKS;
use crate::window::TimeWindow;

const HOUR_US: i64 = 3_600_000_000;
/// Servers with the longest gaps that are told one by one.
const GAPS: usize = 50;

/// The load of all servers in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FleetHour {
    /// Begin of the hour, µs since 1970 UTC.
    pub hour_us: i64,
    /// Executions.
    pub calls: i64,
    /// Their durations together, µs, without what is nested; by 3.6e9 the average active sessions.
    pub total_us: i64,
    /// Servers that any execution is known of.
    pub servers: i64,
}

/// Hours with executions of each server: this week's, and whether there was any in the week before.
pub(super) type ServerHours = BTreeMap<Option<String>, (BTreeSet<i64>, bool)>;

/// The load by hour, and the hours by server. Reads hours of two weeks.
pub(super) async fn hours(
    session: &Session,
    two_weeks: TimeWindow,
    week: TimeWindow,
) -> Result<(Vec<FleetHour>, ServerHours), AnalyzeError> {
    let statement = format!(
        "SELECT hour, server, sum(estimated_calls - coalesce(nested_calls, 0)), \
                sum(estimated_total_us - coalesce(nested_estimated_us, 0)) \
         FROM rollup_hour WHERE {} GROUP BY hour, server",
        Filters::default().condition_on(Some(two_weeks), "hour")
    );
    let mut by_hour = BTreeMap::<i64, FleetHour>::new();
    let mut servers = ServerHours::new();
    each_row(session.query(&statement).await?, |rows, row| {
        let Some(hour_us) = time(rows, row, 0) else {
            return;
        };
        let hour = by_hour.entry(hour_us).or_insert(FleetHour {
            hour_us,
            calls: 0,
            total_us: 0,
            servers: 0,
        });
        hour.calls += rows.integer(row, 2).unwrap_or_default();
        hour.total_us += rows.integer(row, 3).unwrap_or_default();
        hour.servers += 1;
        let (hours, was_there) = servers.entry(rows.text(row, 1).map(str::to_owned)).or_default();
        if hour_us >= week.begin_us() {
            hours.insert(hour_us);
        } else {
            *was_there = true;
        }
    })
    .await?;
    Ok((by_hour.into_values().collect(), servers))
}

/// Events of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventCount {
    /// `error`, `deadlock`, `lock_wait`, `temporary_file`, …
    pub event: String,
    /// SQLSTATE of errors.
    pub sql_state: Option<String>,
    /// This week.
    pub count: i64,
    /// The week before.
    pub last_week: i64,
    /// Time that they say, µs, such as that of lock waits; `None` if they say none.
    pub duration_us: Option<i64>,
    /// Bytes that they say, such as those of temporary files; `None` if they say none.
    pub size_bytes: Option<i64>,
    /// Servers this week.
    pub servers: i64,
}

/// Events that tell of trouble; plans, connections and the like are no trouble.
const TROUBLE: &str = "'error', 'deadlock', 'lock_wait', 'canceled', 'temporary_file', 'crash', 'replication', 'autovacuum', 'checkpoint'";

/// Events by kind, the most frequent first.
pub(super) async fn events(
    session: &Session,
    two_weeks: TimeWindow,
    week: TimeWindow,
) -> Result<Vec<EventCount>, AnalyzeError> {
    let is_this = format!(
        "ts >= arrow_cast({}, 'Timestamp(Microsecond, Some(\"UTC\"))')",
        week.begin_us()
    );
    let statement = format!(
        "SELECT event, sql_state, count(*) FILTER (WHERE {is_this}), count(*) FILTER (WHERE NOT {is_this}), \
                sum(duration_us) FILTER (WHERE {is_this}), sum(size_bytes) FILTER (WHERE {is_this}), \
                count(DISTINCT server) FILTER (WHERE {is_this}) \
         FROM server_events WHERE event IN ({TROUBLE}) AND {} GROUP BY event, sql_state",
        Filters::default().condition_on(Some(two_weeks), "ts")
    );
    let mut events = Vec::new();
    each_row(session.query(&statement).await?, |rows, row| {
        events.push(EventCount {
            event: rows.text(row, 0).unwrap_or_default().to_owned(),
            sql_state: rows.text(row, 1).map(str::to_owned),
            count: rows.integer(row, 2).unwrap_or_default(),
            last_week: rows.integer(row, 3).unwrap_or_default(),
            duration_us: rows.integer(row, 4),
            size_bytes: rows.integer(row, 5),
            servers: rows.integer(row, 6).unwrap_or_default(),
        });
    })
    .await?;
    events.sort_by(|a, b| {
        let key = |event: &EventCount| (event.event.clone(), event.sql_state.clone());
        b.count.cmp(&a.count).then_with(|| key(a).cmp(&key(b)))
    });
    Ok(events)
}

/// What became of the bytes that were read in the week.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Bytes read.
    pub bytes: i64,
    /// Bytes that became entries.
    pub bytes_parsed: i64,
    /// Bytes that are known and not wanted.
    pub bytes_skipped: i64,
    /// Bytes that could not be read.
    pub bytes_rejected: i64,
    /// Stretches that could not be read.
    pub rejects: i64,
}

/// The books of the week.
pub(super) async fn coverage(session: &Session, week: TimeWindow) -> Result<Coverage, AnalyzeError> {
    let statement = format!(
        "SELECT sum(bytes_in), sum(bytes_parsed), sum(bytes_skipped), sum(bytes_rejected), sum(rejects) FROM ledger WHERE {}",
        Filters::default().condition_on(Some(week), "ts")
    );
    let mut coverage = Coverage::default();
    each_row(session.query(&statement).await?, |rows, row| {
        let number = |column| rows.integer(row, column).unwrap_or_default();
        coverage = Coverage {
            bytes: number(0),
            bytes_parsed: number(1),
            bytes_skipped: number(2),
            bytes_rejected: number(3),
            rejects: number(4),
        };
    })
    .await?;
    Ok(coverage)
}

/// How far the report can be trusted.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Quality {
    /// Servers with executions this week.
    pub servers: usize,
    /// Servers with executions last week and none this week.
    pub silent_servers: Vec<String>,
    /// Hours of the week by servers that any execution is known of, of this week and the one before.
    pub server_hours: i64,
    /// Those of them in which an execution is known of.
    pub server_hours_seen: i64,
    /// Servers with hours without any execution, the most first: they may have been idle, or unread.
    pub gaps: Vec<ServerGap>,
    /// Servers with such hours.
    pub servers_with_gaps: usize,
    /// Days of each of six weeks that have executions, the oldest week first.
    pub days_by_week: Vec<i64>,
    /// The books of what was read in the week; later or earlier reading of its logs is not in them.
    pub coverage: Coverage,
}

/// Hours of a server without any execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerGap {
    /// The server; `None` is unknown.
    pub server: Option<String>,
    /// How many of the week.
    pub hours: i64,
    /// Begin of the first, µs since 1970 UTC.
    pub first_us: i64,
}

impl Quality {
    /// From the hours that servers have.
    pub(super) fn of(
        coverage: Coverage,
        servers: ServerHours,
        week: TimeWindow,
        days: &[i64; WEEKS],
    ) -> Quality {
        let all = (week.end_us() - week.begin_us()) / HOUR_US;
        let hours = || (week.begin_us()..week.end_us()).step_by(HOUR_US as usize);
        let mut gaps: Vec<ServerGap> = servers
            .iter()
            .filter(|(_, (seen, _))| (seen.len() as i64) < all)
            .filter_map(|(server, (seen, _))| {
                Some(ServerGap {
                    server: server.clone(),
                    hours: all - seen.len() as i64,
                    first_us: hours().find(|hour_us| !seen.contains(hour_us))?,
                })
            })
            .collect();
        gaps.sort_by(|a, b| b.hours.cmp(&a.hours).then_with(|| a.server.cmp(&b.server)));
        let servers_with_gaps = gaps.len();
        gaps.truncate(GAPS);
        let is_silent = |(_, (seen, was_there)): &(_, &(BTreeSet<i64>, bool))| seen.is_empty() && *was_there;
        Quality {
            servers: servers.values().filter(|(seen, _)| !seen.is_empty()).count(),
            silent_servers: servers
                .iter()
                .filter(is_silent)
                .filter_map(|(name, _)| name.clone())
                .collect(),
            server_hours: all * servers.len() as i64,
            server_hours_seen: servers.values().map(|(seen, _)| seen.len() as i64).sum(),
            gaps,
            servers_with_gaps,
            days_by_week: days.to_vec(),
            coverage,
        }
    }
}
