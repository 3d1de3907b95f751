//! Executions to sums per query. Merging two aggregates gives the aggregate of both inputs, whatever the order: sums, minima, histograms, and
//! an example chosen by its duration and its place.

use hashbrown::HashMap;
use slowlake_parse::statement::Fingerprint;
use slowlake_parse::{Execution, LogEntry, Redactor};
use slowlake_store::LatencyHistogram;

use crate::batch::Batch;
use crate::digest::Recipe;
use crate::digest::bounded::{Merge, Sums};
use crate::digest::class::{Class, percentiles};
use crate::digest::events::Events;
use crate::digest::origins::{CallsAndTime, Origins, estimate, plus};
use crate::digest::reject::{Rejects, shape_of};
use crate::digest::statements::Analyzers;
use crate::digest::timeline::Timeline;
use crate::summary::sections::PreparedQuery;
use crate::summary::{Query, Slot, Summary};

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
        self.filtered.0 += other.filtered.0;
        self.filtered.1 += other.filtered.1;
        let renumbered: Vec<u32> = other
            .origins
            .names
            .iter()
            .map(|names| self.origins.number(names.each_ref().map(|n| n.as_bytes())))
            .collect();
        let renumber = |origins: HashMap<u32, CallsAndTime>| {
            let each = |(origin, sum): (u32, _)| (renumbered[origin as usize], sum);
            origins.into_iter().map(each).collect()
        };
        for (key, mut class) in other.classes {
            class.origins = renumber(class.origins);
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
            totals.total_us += class.total_us;
            totals.estimated = plus(totals.estimated, class.estimated);
            totals.nested = plus(totals.nested, (class.nested.0, class.nested_logged_us));
            totals.nested_estimated_us += class.nested.1;
            totals.latency.merge(&class.latency);
            totals.max_us = totals.max_us.max(class.example.query_time_us);
        }
        totals
    }

    /// Sums by origin.
    fn all_origins(&self) -> HashMap<u32, CallsAndTime> {
        let mut all: HashMap<u32, CallsAndTime> = HashMap::new();
        for class in self.classes.values() {
            for (origin, sum) in &class.origins {
                let entry = all.entry(*origin).or_default();
                *entry = plus(*entry, *sum);
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
    total_us: i64,
    estimated: CallsAndTime,
    nested: CallsAndTime,
    nested_estimated_us: i64,
    latency: LatencyHistogram,
    max_us: i64,
}
