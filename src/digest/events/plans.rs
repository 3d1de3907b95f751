//! Plans by query: how many different ones, how long each took, where the time went and where the planner was wrong.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use slowlake_parse::statement::Fingerprint;
use slowlake_parse::{Plan, PlanFingerprint};

use super::{Normalized, Seen};
use crate::digest::bounded::{First, Merge, Place, Sums};
use crate::summary::sections::{PlanGroup, QueryPlans};

#[derive(Default)]
pub(super) struct Plans {
    groups: Sums<Key, Group>,
}

/// The query, and the fingerprint of the plan, which one that was cut has not.
type Key = (Fingerprint, Option<PlanFingerprint>);

#[derive(Default)]
struct Group {
    calls: i64,
    timed_calls: i64,
    total_us: i64,
    max_us: i64,
    shape: First<String>,
    slowest: Option<Slowest>,
    misestimate: Option<Misestimate>,
}

/// Where the time of the slowest execution went; of equals, of the first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Slowest {
    time_us: i64,
    place: Reverse<Place>,
    node: String,
    self_time_us: i64,
}

/// The worst estimate; of equals, the first.
struct Misestimate {
    factor: f64,
    place: Reverse<Place>,
    node: String,
    estimated_rows: i64,
    actual_rows: i64,
}

impl Plans {
    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        let (Some(plan), Some(query)) = (seen.entry.plan, seen.fingerprint) else {
            return;
        };
        let time_us = seen.entry.duration_us.or(plan.totals.time_us);
        let group = self.groups.of((query, plan.fingerprint));
        group.calls += 1;
        group.shape.offer(seen.place, || plan.shape.clone());
        if let Some(time_us) = time_us {
            group.timed_calls += 1;
            group.total_us.merge(time_us);
            group.max_us = group.max_us.max(time_us);
            group.slow(plan, time_us, seen.place);
        }
        group.misestimated(plan, seen.place);
    }

    pub(super) fn finish(self, texts: &Normalized<'_>) -> Vec<QueryPlans> {
        let (groups, _) = self.groups.finish();
        let mut queries: BTreeMap<Fingerprint, Vec<PlanGroup>> = BTreeMap::new();
        for ((query, plan), group) in groups {
            let printed = plan.map(|plan| plan.to_string()).unwrap_or_default();
            queries.entry(query).or_default().push(group.finish(printed));
        }
        let mut list: Vec<QueryPlans> = queries
            .into_iter()
            .map(|(query, mut plans)| {
                plans.sort_by(|a, b| {
                    (b.calls.cmp(&a.calls)).then_with(|| a.plan_fingerprint.cmp(&b.plan_fingerprint))
                });
                let (fingerprint, normalized) = texts.of(Some(query));
                QueryPlans {
                    fingerprint,
                    normalized,
                    plans,
                }
            })
            .collect();
        let total_us = |query: &QueryPlans| query.plans.iter().map(|plan| plan.total_us).sum::<i64>();
        // Stable: equals stay in the order of their fingerprints.
        list.sort_by_key(|query| (Reverse(query.plans.len().min(2)), Reverse(total_us(query))));
        list
    }
}

impl Merge for Plans {
    fn merge(&mut self, other: Plans) {
        self.groups.merge(other.groups);
    }
}

impl Group {
    /// Keeps the slowest node of this plan if its execution is the slowest.
    fn slow(&mut self, plan: &Plan, time_us: i64, place: Place) {
        let rank = (time_us, Reverse(place));
        let is_beaten = |slowest: &Slowest| rank > (slowest.time_us, slowest.place);
        if let Some(node) = plan.slowest.and_then(|at| plan.nodes.get(at))
            && self.slowest.as_ref().is_none_or(is_beaten)
        {
            self.slowest = Some(Slowest {
                time_us,
                place: Reverse(place),
                node: node_name(&node.name, &node.relation),
                self_time_us: node.self_time_us.unwrap_or(0),
            });
        }
    }

    /// Keeps the worst estimate of this plan if it is the worst.
    fn misestimated(&mut self, plan: &Plan, place: Place) {
        let Some(wrong) = &plan.misestimate else {
            return;
        };
        let place = Reverse(place);
        let is_beaten = |worst: &Misestimate| {
            (wrong.factor.total_cmp(&worst.factor)).then_with(|| place.cmp(&worst.place)) == Ordering::Greater
        };
        if let Some(node) = plan.nodes.get(wrong.node)
            && self.misestimate.as_ref().is_none_or(is_beaten)
        {
            self.misestimate = Some(Misestimate {
                factor: wrong.factor,
                place,
                node: node_name(&node.name, &node.relation),
                estimated_rows: wrong.estimated_rows,
                actual_rows: wrong.actual_rows,
            });
        }
    }

    fn finish(self, plan_fingerprint: String) -> PlanGroup {
        let wrong = self.misestimate.as_ref();
        PlanGroup {
            plan_fingerprint,
            calls: self.calls,
            timed_calls: self.timed_calls,
            total_us: self.total_us,
            max_us: self.max_us,
            slowest_share: self
                .slowest
                .as_ref()
                .filter(|slowest| slowest.time_us > 0)
                .map(|slowest| slowest.self_time_us as f64 / slowest.time_us as f64),
            estimated_rows: wrong.map(|wrong| wrong.estimated_rows),
            actual_rows: wrong.map(|wrong| wrong.actual_rows),
            misestimate_factor: wrong.map(|wrong| wrong.factor),
            misestimate_node: self.misestimate.map(|wrong| wrong.node).unwrap_or_default(),
            slowest_node: self.slowest.map(|slowest| slowest.node).unwrap_or_default(),
            shape: self.shape.finish(),
        }
    }
}

impl Merge for Group {
    fn merge(&mut self, other: Group) {
        self.calls += other.calls;
        self.timed_calls += other.timed_calls;
        self.total_us.merge(other.total_us);
        self.max_us = self.max_us.max(other.max_us);
        self.shape.merge(other.shape);
        self.slowest = self.slowest.take().max(other.slowest);
        let worse = |a: &Misestimate, b: &Misestimate| {
            a.factor.total_cmp(&b.factor).then_with(|| a.place.cmp(&b.place))
        };
        self.misestimate = [self.misestimate.take(), other.misestimate]
            .into_iter()
            .flatten()
            .max_by(worse);
    }
}

fn node_name(name: &str, relation: &str) -> String {
    if relation.is_empty() {
        name.to_owned()
    } else {
        format!("{name} on {relation}")
    }
}
