//! From averages of loops to totals, from the times of whole branches to each node's own, and which node stands out.
//!
//! PostgreSQL prints rows and time as averages over loops, and counts each process that runs a node below a Gather as a loop of its own.

use std::collections::HashMap;

use super::draft::{Printed, micros};
use super::{Misestimate, PlanNode};

/// The branch of a node that is run once, for a value that others need.
const INIT_PLAN: &str = "InitPlan";

/// Fills in what follows from the printed numbers.
pub(super) fn fill(nodes: &mut [PlanNode], printed: &[Printed]) {
    for (node, printed) in nodes.iter_mut().zip(printed) {
        let loops = printed.loops.unwrap_or(1.0);
        node.loops = printed.loops.map(|loops| loops as i64);
        node.actual_rows = printed.rows.map(|rows| (rows * loops).round() as i64);
        node.rows_removed = printed.rows_removed.map(|rows| (rows * loops).round() as i64);
    }
    let elapsed = elapsed_ms(nodes, printed);
    let mut own = own_ms(nodes, &elapsed);
    give_to_cte_scans(nodes, &elapsed, &mut own);
    give_to_users_of_init_plans(nodes, &elapsed, &mut own);
    for ((node, elapsed), own) in nodes.iter_mut().zip(elapsed).zip(own) {
        node.time_us = elapsed.map(micros);
        node.self_time_us = elapsed.map(|_| micros(own.max(0.0)));
    }
}

/// Time in each node and below, over all loops; below a Gather as the average of the processes, so that a child's time is part of its parent's.
fn elapsed_ms(nodes: &[PlanNode], printed: &[Printed]) -> Vec<Option<f64>> {
    let mut processes: Vec<f64> = Vec::with_capacity(nodes.len());
    let mut elapsed = Vec::with_capacity(nodes.len());
    for (node, numbers) in nodes.iter().zip(printed) {
        let loops = numbers.loops.unwrap_or(1.0);
        processes.push(match node.parent {
            // What a Gather needs beforehand is run by the leader alone.
            Some(parent) if nodes[parent].name.starts_with("Gather") && node.branch.is_empty() => {
                (loops / printed[parent].loops.unwrap_or(1.0).max(1.0)).max(1.0)
            }
            Some(parent) => processes[parent],
            None => 1.0,
        });
        let share = loops / processes[processes.len() - 1];
        let never = (numbers.loops == Some(0.0)).then_some(0.0);
        elapsed.push(numbers.time_ms.map(|time| time * share).or(never));
    }
    elapsed
}

/// Time in each node without its children's, but for those that are run elsewhere than they are listed.
fn own_ms(nodes: &[PlanNode], elapsed: &[Option<f64>]) -> Vec<f64> {
    let mut own: Vec<f64> = elapsed.iter().map(|time| time.unwrap_or(0.0)).collect();
    for (index, node) in nodes.iter().enumerate() {
        if let Some(parent) = node.parent
            && cte_name(node).is_none()
            && node.branch != INIT_PLAN
        {
            own[parent] -= elapsed[index].unwrap_or(0.0);
        }
    }
    own
}

/// A common table expression is listed below the node it is defined at, but run by the nodes that scan it.
fn give_to_cte_scans(nodes: &[PlanNode], elapsed: &[Option<f64>], own: &mut [f64]) {
    let mut left: HashMap<&str, f64> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        if let Some(name) = cte_name(node) {
            left.insert(name, elapsed[index].unwrap_or(0.0));
        }
    }
    for (index, node) in nodes.iter().enumerate() {
        if node.name.ends_with("CTE Scan")
            && let Some(left) = left.get_mut(node.relation.as_str())
        {
            let taken = left.min(own[index].max(0.0));
            *left -= taken;
            own[index] -= taken;
        }
    }
}

/// An InitPlan is run by the node that needs its value first: the one it is listed at or one below. The plan does not say which (but in its
/// expressions); if it can not be the first, the one with the most time is the best guess. At worst the square of
/// [`PLAN_NODES_MAX`](super::PLAN_NODES_MAX).
fn give_to_users_of_init_plans(nodes: &[PlanNode], elapsed: &[Option<f64>], own: &mut [f64]) {
    let end = |start: usize| {
        let is_outside = |index: &usize| nodes[*index].depth <= nodes[start].depth;
        (start + 1..nodes.len()).find(is_outside).unwrap_or(nodes.len())
    };
    for (index, node) in nodes.iter().enumerate() {
        let (INIT_PLAN, Some(parent)) = (node.branch.as_str(), node.parent) else {
            continue;
        };
        let time = elapsed[index].unwrap_or(0.0);
        let below = (parent + 1..index).chain(end(index)..end(parent));
        let busiest = below.max_by(|a, b| own[*a].total_cmp(&own[*b]));
        let user = busiest.filter(|_| own[parent] < time).unwrap_or(parent);
        own[user] -= time;
    }
}

fn cte_name(node: &PlanNode) -> Option<&str> {
    node.branch.strip_prefix("CTE ")
}

/// The node with the most time of its own; the first of equals.
pub(super) fn slowest(nodes: &[PlanNode]) -> Option<usize> {
    let timed = |index: &usize| nodes[*index].self_time_us;
    (0..nodes.len())
        .rev()
        .filter(|index| timed(index).is_some())
        .max_by_key(timed)
}

/// The node whose estimate is furthest off. A node that may have been stopped early, because the node above wanted no more rows, did not
/// return too few.
pub(super) fn worst_misestimate(nodes: &[PlanNode]) -> Option<Misestimate> {
    let mut worst: Option<Misestimate> = None;
    let mut may_stop: Vec<bool> = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        let parent = node.parent.filter(|_| node.branch != INIT_PLAN);
        may_stop.push(parent.is_some_and(|parent| {
            stops_early(&nodes[parent].name) || (may_stop[parent] && !reads_everything(&nodes[parent].name))
        }));
        let Some(found) = misestimate(index, node) else {
            continue;
        };
        let is_excused = may_stop[index] && found.actual_rows < found.estimated_rows;
        if !is_excused && worst.is_none_or(|worst| found.factor >= worst.factor) {
            worst = Some(found);
        }
    }
    worst
}

/// How wrong the estimate of one node was, if it was run and was wrong.
fn misestimate(index: usize, node: &PlanNode) -> Option<Misestimate> {
    let (estimated, actual_rows) = (node.estimated_rows?, node.actual_rows?);
    let loops = node.loops.unwrap_or(1);
    // The bitmap operators return no rows but bitmaps.
    if loops == 0 || matches!(node.name.as_str(), "BitmapAnd" | "BitmapOr") {
        return None;
    }
    // The planner never expects less than one row of a loop.
    let expected = (estimated as f64).max(1.0);
    let returned = (actual_rows as f64 / loops as f64).max(1.0);
    let factor = (expected / returned).max(returned / expected);
    (factor > 1.0).then_some(Misestimate {
        node: index,
        estimated_rows: estimated.saturating_mul(loops),
        actual_rows,
        factor,
    })
}

fn stops_early(name: &str) -> bool {
    name == "Limit" || name.ends_with("Semi Join") || name.ends_with("Anti Join")
}

fn reads_everything(name: &str) -> bool {
    name.ends_with("Sort") || name.ends_with("Hash") || name.ends_with("Aggregate")
}

#[cfg(test)]
mod tests;
