//! A plan while it is being read: nodes in the order of the log with the numbers as the server printed them, and what becomes of them at the end.

use super::fingerprint::PlanFingerprint;
use super::{Blocks, PLAN_DEPTH_MAX, PLAN_NODES_MAX, Plan, PlanNode, PlanTotals, shape, times};

#[derive(Debug, Default)]
pub(super) struct Draft {
    nodes: Vec<PlanNode>,
    printed: Vec<Printed>,
    /// The last node and those above it.
    path: Vec<usize>,
    pub(super) server_query_id: Option<i64>,
    pub(super) jit_ms: Option<f64>,
    pub(super) triggers_ms: Option<f64>,
    pub(super) truncated: bool,
}

/// The numbers of a node: averages of its loops.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Printed {
    pub(super) rows: Option<f64>,
    pub(super) time_ms: Option<f64>,
    pub(super) loops: Option<f64>,
    pub(super) rows_removed: Option<f64>,
    pub(super) wal_bytes: i64,
}

impl Draft {
    /// Adds a node below `depth` others and gives it out to be filled in; `None` when it is beyond a limit.
    pub(super) fn open(&mut self, depth: usize) -> Option<usize> {
        if depth >= PLAN_DEPTH_MAX || self.nodes.len() >= PLAN_NODES_MAX {
            self.truncated = true;
            return None;
        }
        self.path.truncate(depth);
        let index = self.nodes.len();
        self.nodes.push(PlanNode {
            parent: self.path.last().copied(),
            depth: self.path.len(),
            ..PlanNode::default()
        });
        self.printed.push(Printed::default());
        self.path.push(index);
        Some(index)
    }

    /// A node that [`Draft::open`] gave out.
    pub(super) fn node(&mut self, index: usize) -> (&mut PlanNode, &mut Printed) {
        (&mut self.nodes[index], &mut self.printed[index])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(super) fn add_trigger(&mut self, time_ms: f64) {
        self.triggers_ms = Some(self.triggers_ms.unwrap_or(0.0) + time_ms);
    }

    pub(super) fn finish(mut self, query: Vec<u8>, parameters: Vec<u8>) -> Plan {
        times::fill(&mut self.nodes, &self.printed);
        let shape = shape::line(&self.nodes);
        let truncated = self.truncated || self.nodes.is_empty();
        Plan {
            query,
            parameters,
            server_query_id: self.server_query_id,
            fingerprint: (!truncated).then(|| PlanFingerprint::of(&shape)),
            shape,
            totals: self.totals(),
            slowest: times::slowest(&self.nodes),
            misestimate: times::worst_misestimate(&self.nodes),
            nodes: self.nodes,
            truncated,
        }
    }

    /// The topmost node's numbers include those of all others. MariaDB's nodes have no topmost one.
    fn totals(&self) -> PlanTotals {
        let mut totals = PlanTotals {
            jit_time_us: self.jit_ms.map(micros),
            triggers_time_us: self.triggers_ms.map(micros),
            ..PlanTotals::default()
        };
        if let (Some(root), Some(printed)) = (self.nodes.first(), self.printed.first())
            && root.total_cost.is_some()
        {
            totals.cost = root.total_cost;
            totals.estimated_rows = root.estimated_rows;
            totals.actual_rows = root.actual_rows;
            totals.time_us = root.time_us;
            totals.blocks = Some(root.blocks).filter(|blocks| *blocks != Blocks::default());
            totals.wal_bytes = Some(printed.wal_bytes).filter(|bytes| *bytes > 0);
        }
        totals
    }
}

/// Milliseconds to whole µs.
pub(super) fn micros(time_ms: f64) -> i64 {
    (time_ms * 1000.0).round() as i64
}

/// A number as the server prints them: digits, perhaps with a fraction.
pub(super) fn number(text: &[u8]) -> Option<f64> {
    if !text.first()?.is_ascii_digit() {
        return None;
    }
    std::str::from_utf8(text)
        .ok()?
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

/// A count as the server prints them.
pub(super) fn count(text: &[u8]) -> Option<i64> {
    number(text).map(|number| number.round() as i64)
}
