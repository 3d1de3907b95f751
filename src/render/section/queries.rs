//! Plans and prepared statements.

use std::collections::BTreeSet;

use super::{Cell, Panel, Table, statement};
use crate::render::quantity::{count, duration, plural};
use crate::summary::sections::{PlanGroup, PreparedQuery, QueryPlans};

/// Queries that are shown at once.
const ON_TOP: usize = 3;

pub(super) fn plans(queries: &[QueryPlans]) -> Option<Panel> {
    if queries.is_empty() {
        return None;
    }
    let plans: i64 = queries
        .iter()
        .flat_map(|query| &query.plans)
        .map(|plan| plan.calls)
        .sum();
    let several = || queries.iter().filter(|query| query.plans.len() > 1);
    let line = format!(
        "{} of {}, {} with several plans",
        plural(plans, "plan"),
        plural(queries.len() as i64, "query shape"),
        count(several().count() as i64)
    );
    let top = several().take(ON_TOP).map(|query| {
        format!(
            "{} plans: {}",
            count(query.plans.len() as i64),
            statement(&query.normalized, &query.fingerprint)
        )
    });
    let rows = queries
        .iter()
        .flat_map(|query| query.plans.iter().map(|plan| plan_row(query, plan)));
    let all_plans = queries.iter().flat_map(|query| &query.plans);
    let shapes: BTreeSet<String> = all_plans
        .map(|plan| format!("{}  {}", plan.plan_fingerprint, plan.shape))
        .collect();
    Some(Panel {
        name: "plans",
        title: "Plans",
        line,
        top: top.collect(),
        tables: vec![Table {
            title: "By query and plan",
            columns: &[
                ("fingerprint", "query"),
                ("plan_fingerprint", "plan"),
                ("calls", "calls"),
                ("mean_us", "mean"),
                ("max_us", "max"),
                ("slowest_node", "slowest node"),
                ("slowest_share", "share"),
                ("misestimate_node", "worst estimate"),
                ("misestimate_factor", "off by"),
                ("shape", "shape"),
            ],
            rows: rows.collect(),
        }],
        in_full: shapes.into_iter().collect(),
        course: None,
    })
}

fn plan_row(query: &QueryPlans, plan: &PlanGroup) -> Vec<Cell> {
    vec![
        Cell::id(&query.fingerprint),
        Cell::id(&plan.plan_fingerprint),
        Cell::Count(plan.calls),
        if plan.timed_calls > 0 {
            Cell::Duration(plan.total_us / plan.timed_calls)
        } else {
            Cell::Nothing
        },
        Cell::Duration(plan.max_us),
        Cell::text(&plan.slowest_node),
        plan.slowest_share.map_or(Cell::Nothing, Cell::Share),
        Cell::text(&plan.misestimate_node),
        plan.misestimate_factor.map_or(Cell::Nothing, Cell::Factor),
        Cell::text(&plan.shape),
    ]
}

pub(super) fn prepared(queries: &[PreparedQuery]) -> Option<Panel> {
    if queries.is_empty() {
        return None;
    }
    let sum = |of: fn(&PreparedQuery) -> i64| queries.iter().map(of).sum::<i64>();
    let row = |query: &PreparedQuery| {
        vec![
            Cell::id(&query.fingerprint),
            Cell::Count(query.parses),
            Cell::Duration(query.parse_us),
            Cell::Count(query.binds),
            Cell::Duration(query.bind_us),
            Cell::Count(query.executes),
            Cell::Duration(query.execute_us),
            Cell::Sql(statement(&query.normalized, &query.fingerprint)),
        ]
    };
    Some(Panel {
        name: "prepared",
        title: "Prepared statements",
        line: format!(
            "{}: parse {}, bind {}, execute {}",
            plural(queries.len() as i64, "query shape"),
            duration(sum(|query| query.parse_us)),
            duration(sum(|query| query.bind_us)),
            duration(sum(|query| query.execute_us)),
        ),
        top: Vec::new(),
        tables: vec![Table {
            title: "By query",
            columns: &[
                ("fingerprint", "fingerprint"),
                ("parses", "parses"),
                ("parse_us", "parse"),
                ("binds", "binds"),
                ("bind_us", "bind"),
                ("executes", "executes"),
                ("execute_us", "execute"),
                ("statement", "statement"),
            ],
            rows: queries.iter().map(row).collect(),
        }],
        in_full: Vec::new(),
        course: None,
    })
}
