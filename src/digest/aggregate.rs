//! Executions to sums per query. Merging two aggregates gives the aggregate of both inputs, whatever the order: sums, minima, histograms, and
//! an example chosen by its duration and its place.

use hashbrown::HashMap;
use slowlake_parse::statement::{Analyzer, Dialect, Fingerprint};
use slowlake_parse::{Execution, LogEntry, Redactor};
use slowlake_store::LatencyHistogram;

use crate::batch::Batch;
use crate::digest::Recipe;
use crate::digest::bounded::{Merge, Place, Sums};
use crate::digest::events::Events;
use crate::digest::reject::{Rejects, shape_of};
use crate::digest::statements::Analyzers;
use crate::digest::timeline::Timeline;
use crate::summary::sections::PreparedQuery;
use crate::summary::{Breakdown, Part, Percentiles, Query, Slot, Summary, decade_of, dialect_name};

/// Bytes of an example statement that are kept.
const EXAMPLE_BYTES: usize = 16 * 1024;

/// Sums per query, the timeline, and what the servers say of themselves.
pub(crate) struct Aggregate<'r> {
    recipe: &'r Recipe,
    classes: HashMap<Fingerprint, Class>,
    timeline: Timeline<(i64, i64)>,
    origins: Origins,
    analyzers: Analyzers,
    /// What takes literals out of events, with analyzers of its own.
    redaction: Option<(Redactor, Analyzers)>,
    events: Events,
    reject_shapes: Sums<String, Rejects>,
    /// Executions and events that the filter left out.
    filtered: (u64, u64),
}

/// One query class: all executions of one fingerprint.
#[derive(Default)]
struct Class {
    calls: i64,
    total_us: i64,
    /// Calls and time as they were, where the server logs one execution in so many.
    estimated: (i64, i64),
    /// What of that is in the time of a stored routine as well: of the estimate, and the time as logged.
    nested: (i64, i64),
    nested_logged_us: i64,
    /// Calls and time (µs) of the steps before executions, where they are logged apart.
    parses: (i64, i64),
    binds: (i64, i64),
    min_us: i64,
    latency: LatencyHistogram,
    rows_sent: Option<i64>,
    rows_examined: Option<i64>,
    lock_time_us: Option<i64>,
    first_us: Option<i64>,
    last_us: Option<i64>,
    example: Example,
    /// Estimated calls and database time (µs) by origin.
    origins: HashMap<u32, (i64, i64)>,
    /// What of that is nested.
    nested_origins: HashMap<u32, (i64, i64)>,
}

/// The slowest execution; of equals the first.
#[derive(Default)]
struct Example {
    query_time_us: i64,
    /// Whose SQL it is; what both servers write alike is one query.
    dialect: Option<Dialect>,
    at: Place,
    statement: Vec<u8>,
    normalized: String,
    verb: String,
    tables: Vec<String>,
}

/// Where executions come from: database, user and application, numbered as they are seen.
#[derive(Default)]
struct Origins {
    numbers: HashMap<Box<[u8]>, u32>,
    names: Vec<[String; 3]>,
    key: Vec<u8>,
}

const ORIGIN_NAMES: [&str; 3] = ["database", "user", "application"];

impl<'r> Aggregate<'r> {
    pub(crate) fn new(recipe: &'r Recipe) -> Aggregate<'r> {
        Aggregate {
            recipe,
            classes: HashMap::new(),
            timeline: Timeline::default(),
            origins: Origins::default(),
            analyzers: Analyzers::new(recipe.statement),
            redaction: (recipe.redact).then(|| (Redactor::default(), Analyzers::new(recipe.statement))),
            events: Events::default(),
            reject_shapes: Sums::default(),
            filtered: (0, 0),
        }
    }

    /// Adds a batch of the source with this number.
    pub(crate) fn batch(&mut self, source: u32, batch: &Batch) {
        batch.executions(|execution| match &self.recipe.filter {
            Some(filter) if !filter.wants_execution(execution) => self.filtered.0 += 1,
            _ => self.execution(source, execution),
        });
        batch.logs(|entry| match &self.recipe.filter {
            Some(filter) if !filter.wants_event(entry) => self.filtered.1 += 1,
            _ => self.event(source, entry),
        });
        for reject in batch.rejects() {
            self.reject_shapes.of(shape_of(reject.raw)).merge(Rejects {
                records: 1,
                bytes: reject.span.bytes(),
            });
        }
    }

    /// Adds the executions of another aggregate.
    pub(crate) fn merge(&mut self, other: Aggregate<'_>) {
        self.timeline.merge(other.timeline);
        self.events.merge(other.events);
        self.reject_shapes.merge(other.reject_shapes);
        self.filtered = plus(self.filtered, other.filtered);
        let renumbered: Vec<u32> = other
            .origins
            .names
            .iter()
            .map(|names| self.origins.number(names.each_ref().map(|n| n.as_bytes())))
            .collect();
        let renumber = |origins: HashMap<u32, (i64, i64)>| {
            let each = |(origin, sum): (u32, _)| (renumbered[origin as usize], sum);
            origins.into_iter().map(each).collect()
        };
        for (key, mut class) in other.classes {
            class.origins = renumber(class.origins);
            class.nested_origins = renumber(class.nested_origins);
            self.classes.entry(key).or_default().merge(class);
        }
    }

    /// Fills the parts of a summary that entries decide; `source_name` names a source by its number.
    pub(crate) fn summarize(mut self, limit: usize, source_name: impl Fn(u32) -> String) -> Summary {
        let events = std::mem::take(&mut self.events);
        let of_events = events.window();
        let (reject_shapes, _) = std::mem::take(&mut self.reject_shapes).finish();
        let mut sections = events.finish(|fingerprint| {
            let class = self.classes.get(&fingerprint)?;
            Some(class.example.normalized.clone())
        });
        sections.prepared = self.prepared();
        let totals = self.totals();
        let order = self.order();
        let left_out = &order[order.len().min(limit)..];
        let mut summary = Summary {
            window: self.window().or(of_events),
            calls: totals.calls,
            total_us: totals.total_us,
            estimated_calls: totals.estimated.0,
            estimated_total_us: totals.estimated.1 - totals.nested_estimated_us,
            is_sampled: totals.estimated.0 != totals.calls,
            nested: totals.nested,
            shapes: self.classes.len(),
            latency: percentiles(&totals.latency, totals.max_us),
            timeline: self.slots(),
            order: "total time".to_owned(),
            left_out: (
                left_out.len(),
                left_out.iter().map(|(_, class)| class.estimated.1).sum(),
            ),
            by: self.origins.breakdowns(&self.all_origins()),
            sections,
            ..Summary::default()
        };
        summary.coverage.filtered = self.filtered;
        summary.coverage.rejected_shapes = Rejects::most_frequent(reject_shapes);
        summary.queries = (1..)
            .zip(order.iter().take(limit))
            .map(|(rank, (fingerprint, class))| Query {
                fingerprint: fingerprint.to_string(),
                by: self.origins.breakdowns(&class.origins),
                example_at: format!("{} byte {}", source_name(class.example.at.0), class.example.at.1),
                ..class.query(rank, summary.estimated_total_us)
            })
            .collect();
        summary
    }

    /// Queries by their time, the longest first; ties by fingerprint.
    fn order(&self) -> Vec<(&Fingerprint, &Class)> {
        let mut order: Vec<_> = self.classes.iter().collect();
        order.sort_by_key(|(fingerprint, class)| (std::cmp::Reverse(class.estimated.1), **fingerprint));
        order
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for class in self.classes.values() {
            totals.calls += class.calls;
            totals.total_us += class.total_us - class.nested_logged_us;
            totals.estimated = plus_us(totals.estimated, class.estimated);
            totals.nested = plus_us(totals.nested, (class.nested.0, class.nested_logged_us));
            totals.nested_estimated_us += class.nested.1;
            totals.latency.merge(&class.latency);
            totals.max_us = totals.max_us.max(class.example.query_time_us);
        }
        totals
    }

    /// Sums by origin, without what is nested.
    fn all_origins(&self) -> HashMap<u32, (i64, i64)> {
        let mut all: HashMap<u32, (i64, i64)> = HashMap::new();
        for class in self.classes.values() {
            for (origin, sum) in &class.origins {
                let entry = all.entry(*origin).or_default();
                *entry = plus_us(*entry, *sum);
            }
            for (origin, (calls, us)) in &class.nested_origins {
                let entry = all.entry(*origin).or_default();
                *entry = plus_us(*entry, (-calls, -us));
            }
        }
        all
    }

    fn slots(&self) -> Vec<Slot> {
        let slot = |(start_us, length_us, (calls, total_us)): (i64, i64, (i64, i64))| Slot {
            start_us,
            length_us,
            calls,
            total_us,
        };
        self.timeline.slots().into_iter().map(slot).collect()
    }

    /// Queries whose steps are logged apart, by the time of the steps.
    fn prepared(&self) -> Vec<PreparedQuery> {
        let mut list: Vec<(&Fingerprint, &Class)> = self
            .classes
            .iter()
            .filter(|(_, class)| class.parses.0 + class.binds.0 > 0)
            .collect();
        let steps_us = |class: &Class| class.parses.1.saturating_add(class.binds.1);
        list.sort_by_key(|(fingerprint, class)| (std::cmp::Reverse(steps_us(class)), **fingerprint));
        list.into_iter()
            .map(|(fingerprint, class)| PreparedQuery {
                fingerprint: fingerprint.to_string(),
                normalized: class.example.normalized.clone(),
                parses: class.parses.0,
                parse_us: class.parses.1,
                binds: class.binds.0,
                bind_us: class.binds.1,
                executes: class.calls,
                execute_us: class.total_us,
            })
            .collect()
    }

    fn window(&self) -> Option<(i64, i64)> {
        let first = self.classes.values().filter_map(|class| class.first_us).min()?;
        let last = self.classes.values().filter_map(|class| class.last_us).max()?;
        Some((first, last))
    }

    fn execution(&mut self, source: u32, execution: &Execution<'_>) {
        let analyzer = self.analyzers.of(execution.dialect);
        let fingerprint = analyzer.fingerprint(execution.statement);
        let origin = self
            .origins
            .number([execution.database, execution.user, execution.application]);
        if let Some(at) = execution.end_us.or(execution.start_us) {
            let (calls, us) = estimate(execution);
            self.timeline
                .add(at, (calls, if execution.is_nested { 0 } else { us }));
        }
        let class = self.classes.entry(fingerprint).or_default();
        class.add(execution, origin);
        let at = (source, execution.span.start);
        if class.calls == 1 || class.example.is_beaten_by(execution.query_time_us, at) {
            class.example.replace(execution, at, analyzer, self.recipe.redact);
        }
        self.events.execution(execution, fingerprint, at);
    }

    fn event(&mut self, source: u32, entry: &LogEntry<'_>) {
        let place = (source, entry.span.start);
        let (events, analyzers) = (&mut self.events, &mut self.analyzers);
        match &mut self.redaction {
            Some((redactor, own)) => redactor.redact(entry, own.of(entry.dialect), |entry| {
                events.add(entry, place, analyzers);
            }),
            None => events.add(entry, place, analyzers),
        }
    }
}

/// Sums over all queries.
#[derive(Default)]
struct Totals {
    calls: i64,
    /// Without what is nested.
    total_us: i64,
    /// With it.
    estimated: (i64, i64),
    nested: (i64, i64),
    nested_estimated_us: i64,
    latency: LatencyHistogram,
    max_us: i64,
}

impl Class {
    fn add(&mut self, execution: &Execution<'_>, origin: u32) {
        let us = execution.query_time_us;
        self.min_us = if self.calls == 0 { us } else { self.min_us.min(us) };
        self.calls += 1;
        self.total_us = self.total_us.saturating_add(us);
        self.latency.record(us);
        self.rows_sent = sum(self.rows_sent, execution.rows_sent);
        self.rows_examined = sum(self.rows_examined, execution.rows_examined);
        self.lock_time_us = sum(self.lock_time_us, execution.lock_time_us);
        self.first_us = least(self.first_us, execution.start_us);
        self.last_us = greatest(self.last_us, execution.end_us);
        let estimated = estimate(execution);
        self.estimated = plus_us(self.estimated, estimated);
        if let Some(us) = execution.parse_time_us {
            self.parses = plus_us(self.parses, (1, us));
        }
        if let Some(us) = execution.bind_time_us {
            self.binds = plus_us(self.binds, (1, us));
        }
        add_origin(&mut self.origins, origin, estimated);
        if execution.is_nested {
            self.nested = plus_us(self.nested, estimated);
            self.nested_logged_us = self.nested_logged_us.saturating_add(us);
            add_origin(&mut self.nested_origins, origin, estimated);
        }
    }

    fn merge(&mut self, other: Class) {
        if self.calls == 0 {
            *self = other;
            return;
        }
        self.min_us = self.min_us.min(other.min_us);
        self.calls += other.calls;
        self.total_us = self.total_us.saturating_add(other.total_us);
        self.latency.merge(&other.latency);
        self.rows_sent = sum(self.rows_sent, other.rows_sent);
        self.rows_examined = sum(self.rows_examined, other.rows_examined);
        self.lock_time_us = sum(self.lock_time_us, other.lock_time_us);
        self.first_us = least(self.first_us, other.first_us);
        self.last_us = greatest(self.last_us, other.last_us);
        self.estimated = plus_us(self.estimated, other.estimated);
        self.nested = plus_us(self.nested, other.nested);
        self.nested_logged_us = self.nested_logged_us.saturating_add(other.nested_logged_us);
        self.parses = plus_us(self.parses, other.parses);
        self.binds = plus_us(self.binds, other.binds);
        for (origin, sum) in other.origins {
            add_origin(&mut self.origins, origin, sum);
        }
        for (origin, sum) in other.nested_origins {
            add_origin(&mut self.nested_origins, origin, sum);
        }
        if self
            .example
            .is_beaten_by(other.example.query_time_us, other.example.at)
        {
            self.example = other.example;
        }
    }

    fn query(&self, rank: usize, report_total_us: i64) -> Query {
        let mut decades = [0; crate::summary::DECADES];
        for (bin, calls) in self.latency.bins() {
            decades[decade_of(LatencyHistogram::value_of(bin))] += calls;
        }
        Query {
            rank,
            dialect: self.example.dialect.map_or("", dialect_name).to_owned(),
            normalized: self.example.normalized.clone(),
            verb: self.example.verb.clone(),
            tables: self.example.tables.clone(),
            calls: self.calls,
            total_us: self.total_us,
            estimated_calls: self.estimated.0,
            estimated_total_us: self.estimated.1,
            nested_calls: self.nested.0,
            share: if report_total_us == 0 {
                0.0
            } else {
                self.estimated.1 as f64 / report_total_us as f64
            },
            min_us: self.min_us,
            latency: percentiles(&self.latency, self.example.query_time_us),
            rows_sent: self.rows_sent,
            rows_examined: self.rows_examined,
            lock_time_us: self.lock_time_us,
            first_us: self.first_us,
            last_us: self.last_us,
            decades,
            example: String::from_utf8_lossy(&self.example.statement).into_owned(),
            ..Query::default()
        }
    }
}

impl Example {
    fn is_beaten_by(&self, query_time_us: i64, at: Place) -> bool {
        (query_time_us, std::cmp::Reverse(at)) > (self.query_time_us, std::cmp::Reverse(self.at))
    }

    fn replace(&mut self, execution: &Execution<'_>, at: Place, analyzer: &mut Analyzer, redact: bool) {
        let statement = execution.statement;
        (self.query_time_us, self.at, self.dialect) = (execution.query_time_us, at, Some(execution.dialect));
        let analysis = analyzer.analyze(statement);
        let shown = if redact {
            analysis.normalized.as_bytes()
        } else {
            statement
        };
        self.statement.clear();
        self.statement
            .extend_from_slice(&shown[..shown.len().min(EXAMPLE_BYTES)]);
        analysis.normalized.clone_into(&mut self.normalized);
        analysis.verb.clone_into(&mut self.verb);
        self.tables = analysis.tables.to_vec();
    }
}

impl Origins {
    fn number(&mut self, names: [&[u8]; 3]) -> u32 {
        self.key.clear();
        for name in names {
            self.key.extend_from_slice(name);
            self.key.push(0);
        }
        if let Some(number) = self.numbers.get(self.key.as_slice()) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names
            .push(names.map(|name| String::from_utf8_lossy(name).into_owned()));
        self.numbers.insert(self.key.as_slice().into(), number);
        number
    }

    /// One breakdown for each of database, user and application that is known at all.
    fn breakdowns(&self, sums: &HashMap<u32, (i64, i64)>) -> Vec<Breakdown> {
        let breakdown = |which: usize| {
            let mut parts: HashMap<&str, (i64, i64)> = HashMap::new();
            for (origin, (calls, total_us)) in sums {
                let part = parts.entry(&self.names[*origin as usize][which]).or_default();
                *part = (part.0 + calls, part.1.saturating_add(*total_us));
            }
            let parts = parts.into_iter().map(|(name, (calls, total_us))| Part {
                name: name.to_owned(),
                calls,
                total_us,
            });
            Breakdown::sorted(ORIGIN_NAMES[which], parts.collect())
        };
        (0..3)
            .map(breakdown)
            .filter(|breakdown| breakdown.parts.iter().any(|part| !part.name.is_empty()))
            .collect()
    }
}

/// Quantiles of a histogram; the largest value is known exactly and bounds them.
pub(crate) fn percentiles(latency: &LatencyHistogram, max_us: i64) -> Percentiles {
    let quantile = |q| latency.quantile(q).unwrap_or(0).min(max_us);
    Percentiles {
        p50_us: quantile(0.50),
        p95_us: quantile(0.95),
        p99_us: quantile(0.99),
        max_us,
    }
}

/// How many executions one in the log stands for, and their time, µs.
fn estimate(execution: &Execution<'_>) -> (i64, i64) {
    let rate = execution.rate_limit.unwrap_or(1).max(1);
    (rate, execution.query_time_us.saturating_mul(rate))
}

fn add_origin(origins: &mut HashMap<u32, (i64, i64)>, origin: u32, sum: (i64, i64)) {
    let entry = origins.entry(origin).or_default();
    *entry = plus_us(*entry, sum);
}

/// Calls and time of both.
fn plus_us(a: (i64, i64), b: (i64, i64)) -> (i64, i64) {
    (a.0 + b.0, a.1.saturating_add(b.1))
}

fn plus(a: (u64, u64), b: (u64, u64)) -> (u64, u64) {
    (a.0 + b.0, a.1 + b.1)
}

fn sum(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    }
}

fn least(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn greatest(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.max(b)
}
