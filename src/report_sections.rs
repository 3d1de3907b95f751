//! What a lake has of servers beside their queries, as the same sections that `digest` makes of logs: rows of the job are made entries again
//! and summed by the same sums, so that both say the same of the same log. Reads nothing but the job's rows.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use slowlake_analyze::{
    AnalyzeError, EventRow, EventsRequest, QuerySteps, SlowExecution, events, normalized_texts, prepared,
    slow_executions,
};
use slowlake_parse::statement::{Dialect, Fingerprint};
use slowlake_parse::{Execution, LogEntry, LogKind, Severity, Span};
use slowlake_sql::Session;

use crate::digest::bounded::Place;
use crate::digest::events::{Events, STATEMENT_FROM_US};
use crate::digest::statements::Analyzers;
use crate::plan_json;
use crate::summary::dialect_name;
use crate::summary::sections::{PreparedQuery, Sections};

/// The sections, and the first and last time of an event, µs since 1970 UTC.
pub(crate) async fn sections(
    session: &Session,
    request: &EventsRequest,
) -> Result<(Sections, Option<(i64, i64)>), AnalyzeError> {
    let mut gathered = Gathered::new();
    events(session, request, |row| gathered.event(row)).await?;
    if gathered.has_waits {
        // Somebody may have waited for one of them.
        slow_executions(session, request, STATEMENT_FROM_US, |row| gathered.execution(row)).await?;
    }
    let steps = prepared(session, request).await?;
    let mut fingerprints = gathered.fingerprints;
    fingerprints.extend(steps.iter().map(|query| query.fingerprint));
    let mut fingerprints: Vec<i64> = fingerprints.into_iter().collect();
    fingerprints.sort_unstable();
    let texts = normalized_texts(session, &fingerprints).await?;
    let window = gathered.events.window();
    let of_events = gathered
        .events
        .finish(|fingerprint| texts.get(&fingerprint.get()).cloned());
    let sections = Sections {
        prepared: steps.iter().map(|query| prepared_query(query, &texts)).collect(),
        ..of_events
    };
    Ok((sections, window))
}

/// Sums of rows.
struct Gathered {
    events: Events,
    analyzers: Analyzers,
    kinds: HashMap<&'static str, LogKind>,
    /// Queries that are told of.
    fingerprints: HashSet<i64>,
    has_waits: bool,
}

impl Gathered {
    fn new() -> Gathered {
        Gathered {
            events: Events::default(),
            analyzers: Analyzers::default(),
            kinds: LogKind::ALL.iter().map(|kind| (kind.name(), *kind)).collect(),
            fingerprints: HashSet::new(),
            has_waits: false,
        }
    }

    fn event(&mut self, row: &EventRow<'_>) {
        let place = place(row.source, row.source_offset);
        let attributes: Vec<(&[u8], &[u8])> = row
            .attributes
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        // A kind that only a later version knows is a message to this one.
        let kind = self.kinds.get(row.event).copied().unwrap_or(LogKind::Message);
        let plan = row
            .plan
            .and_then(|text| plan_json::from_json(text, row.plan_fingerprint))
            .map(Arc::new);
        let entry = LogEntry {
            plan: plan.as_ref(),
            severity: severity(row.severity),
            time_us: row.ts_us,
            host: bytes(row.server),
            user: bytes(row.user),
            database: bytes(row.database),
            application: bytes(row.application),
            client: bytes(row.client),
            session_id: row.session_id,
            sql_state: bytes(row.sql_state),
            error_code: row.error_code,
            duration_us: row.duration_us,
            size_bytes: row.size_bytes,
            object: bytes(row.object),
            message: bytes(row.message),
            detail: bytes(row.detail),
            attributes: &attributes,
            ..LogEntry::new(span(place), dialect(row.dialect), kind)
        };
        self.has_waits |= matches!(
            kind,
            LogKind::LockWait | LogKind::LockAcquired | LogKind::LockFailed
        );
        self.fingerprints.extend(row.fingerprint);
        let fingerprint = row.fingerprint.map(Fingerprint::from);
        self.events
            .add_known(&entry, fingerprint, place, &mut self.analyzers);
    }

    fn execution(&mut self, row: &SlowExecution<'_>) {
        let place = place(row.source, row.source_offset);
        let execution = Execution {
            start_us: Some(row.ts_us),
            session_id: Some(row.session_id),
            host: bytes(row.server),
            user: bytes(row.user),
            database: bytes(row.database),
            application: bytes(row.application),
            // Of which family its server is, nobody who waits for it asks.
            ..Execution::new(span(place), Dialect::Postgres, row.query_time_us)
        };
        self.fingerprints.insert(row.fingerprint);
        self.events
            .execution(&execution, Fingerprint::from(row.fingerprint), place);
    }
}

fn place(source: u32, offset: i64) -> Place {
    (source, u64::try_from(offset).unwrap_or_default())
}

/// Where a row begins; where it ended, the lake does not keep.
fn span((_, offset): Place) -> Span {
    Span {
        start: offset,
        end: offset,
    }
}

fn bytes(text: Option<&str>) -> &[u8] {
    text.unwrap_or_default().as_bytes()
}

fn dialect(name: Option<&str>) -> Dialect {
    let is_mysql = name == Some(dialect_name(Dialect::Mysql));
    if is_mysql {
        Dialect::Mysql
    } else {
        Dialect::Postgres
    }
}

fn severity(name: &str) -> Severity {
    let found = Severity::ALL.iter().find(|severity| severity.name() == name);
    found.copied().unwrap_or(Severity::Log)
}

fn prepared_query(query: &QuerySteps, texts: &HashMap<i64, String>) -> PreparedQuery {
    PreparedQuery {
        fingerprint: Fingerprint::from(query.fingerprint).to_string(),
        normalized: texts.get(&query.fingerprint).cloned().unwrap_or_default(),
        parses: query.parses,
        parse_us: query.parse_us,
        binds: query.binds,
        bind_us: query.bind_us,
        executes: query.executes,
        execute_us: query.execute_us,
    }
}
