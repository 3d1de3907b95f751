//! Query plans as the log holds them: auto_explain's payloads in its four formats and MariaDB's `# explain:` rows, as one kind of value.
//!
//! Knows the shape of a plan, what its nodes were estimated to do and what they did. Never looks into a filter or an expression: no literal
//! of a statement gets into a name or a shape. Never fails: what can not be read is left out, and the plan says so.

mod draft;
mod fingerprint;
mod json;
mod mariadb;
mod node_line;
mod properties;
mod quotes;
mod shape;
mod text;
mod times;
mod xml;
mod yaml;

pub use fingerprint::{PLAN_FINGERPRINT_VERSION, PlanFingerprint};
use properties::Properties;

/// Levels of nodes that are read; deeper ones are left out and the plan is marked as truncated.
pub const PLAN_DEPTH_MAX: usize = 512;
/// Nodes that are read; those after them are left out and the plan is marked as truncated.
pub const PLAN_NODES_MAX: usize = 4096;

/// The plan of one execution. Unknown is `None` (or empty for text), never zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The statement's text; empty for MariaDB, which logs it beside the plan.
    pub query: Vec<u8>,
    /// Parameter values as the server printed them (PostgreSQL 16 and later); empty when none.
    pub parameters: Vec<u8>,
    /// PostgreSQL's own identifier of the query, printed with `auto_explain.log_verbose`.
    pub server_query_id: Option<i64>,
    /// Identifies all plans of this shape; `None` for a plan of which a part is missing.
    pub fingerprint: Option<PlanFingerprint>,
    /// The shape in one line: `Limit > Sort > Hash Join(Seq Scan orders, Hash > Index Scan customers using customers_pkey)`.
    pub shape: String,
    /// Every node, parents before children, in the order of the log.
    pub nodes: Vec<PlanNode>,
    /// What the whole plan cost.
    pub totals: PlanTotals,
    /// The node that took the most time by itself, as an index of `nodes`.
    pub slowest: Option<usize>,
    /// The node whose number of rows was estimated worst.
    pub misestimate: Option<Misestimate>,
    /// A part is missing, as far as the payload shows: one in the text format that was cut between two nodes looks whole.
    pub truncated: bool,
}

impl Plan {
    /// Reads what auto_explain writes after `duration: … plan:`, in any of its formats, without the tabs that a log puts before continuation
    /// lines. `None` when it is nothing of the kind.
    pub fn read(payload: &[u8]) -> Option<Plan> {
        let payload = payload.trim_ascii_start();
        if payload.starts_with(b"{") {
            return Some(structured(payload, json::read));
        }
        if payload.starts_with(b"<explain") {
            return Some(structured(payload, xml::read));
        }
        let query = payload.strip_prefix(b"Query Text: ")?;
        // No statement begins with a quoted name, but every text in YAML does with the quote.
        if query.starts_with(b"\"") {
            return Some(structured(payload, yaml::read));
        }
        Some(text::read(query))
    }

    /// Reads the lines of MariaDB's `# explain:` block: the column names, if they are there, and one line per table. `None` when no line is a row.
    pub fn read_mariadb<'l>(lines: impl IntoIterator<Item = &'l [u8]>) -> Option<Plan> {
        mariadb::read(lines).map(|draft| draft.finish(Vec::new(), Vec::new()))
    }
}

/// JSON, YAML and XML hold the same properties.
fn structured<'a>(payload: &'a [u8], read: impl FnOnce(&'a [u8], &mut Properties<'a>)) -> Plan {
    let mut properties = Properties::default();
    read(payload, &mut properties);
    properties.finish()
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlanNode {
    /// The node that reads this one's rows, as an index of `nodes`. MariaDB's nodes have none: a table is joined to those before it.
    pub parent: Option<usize>,
    /// Number of nodes above this one.
    pub depth: usize,
    /// What this node begins, unless it is an input of its parent: `InitPlan`, `SubPlan` or `CTE name`. With MariaDB, the number and type of the
    /// SELECT it is in: `1 PRIMARY`.
    pub branch: String,
    /// What it does, with join type, strategy and direction, as EXPLAIN's text format spells it: `Parallel Seq Scan`, `Hash Left Join`,
    /// `Partial HashAggregate`, `Index Scan Backward`. With MariaDB, `Full Scan` or another access type.
    pub name: String,
    /// The schema of `relation`, where the server prints it.
    pub schema: String,
    /// The table, function or common table expression it reads or changes.
    pub relation: String,
    /// The index it uses.
    pub index: String,
    /// MariaDB's remarks: `where, temporary, filesort`.
    pub remarks: String,
    /// Estimated cost including its children, in the planner's unit.
    pub total_cost: Option<f64>,
    /// Estimated rows of one loop.
    pub estimated_rows: Option<i64>,
    /// Rows it returned in all loops and processes; with MariaDB on the average of one loop.
    pub actual_rows: Option<i64>,
    /// How often it was run, in all processes together; 0 is never.
    pub loops: Option<i64>,
    /// Rows it read and threw away because of a filter, in all loops.
    pub rows_removed: Option<i64>,
    /// Time in it and its children, µs; in a parallel part the average of the processes.
    pub time_us: Option<i64>,
    /// Time in it alone, µs. Which node waited for an InitPlan is a guess.
    pub self_time_us: Option<i64>,
    /// Blocks it and its children touched.
    pub blocks: Blocks,
}

/// Numbers of blocks. The text format leaves out zeros, so that zero also means that they were not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Blocks {
    /// Found in shared buffers.
    pub shared_hit: i64,
    /// Read into shared buffers.
    pub shared_read: i64,
    /// Changed in shared buffers for the first time.
    pub shared_dirtied: i64,
    /// Written out of shared buffers.
    pub shared_written: i64,
    /// Read from temporary files.
    pub temp_read: i64,
    /// Written to temporary files.
    pub temp_written: i64,
}

/// What a whole plan was estimated to cost and did cost.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PlanTotals {
    /// Estimated cost, in the planner's unit.
    pub cost: Option<f64>,
    /// Estimated rows.
    pub estimated_rows: Option<i64>,
    /// Rows returned.
    pub actual_rows: Option<i64>,
    /// Time in the topmost node, µs: without parsing, planning and triggers.
    pub time_us: Option<i64>,
    /// Blocks touched; `None` when none were, or none were counted.
    pub blocks: Option<Blocks>,
    /// Bytes of write-ahead log; `None` when there were none, or none were counted.
    pub wal_bytes: Option<i64>,
    /// Time of just-in-time compilation, µs; `None` without it.
    pub jit_time_us: Option<i64>,
    /// Time of triggers, µs, those of foreign keys included; `None` without them.
    pub triggers_time_us: Option<i64>,
}

/// An estimate that was wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Misestimate {
    /// The node, as an index of `nodes`. Of equally wrong ones the last: errors come from below.
    pub node: usize,
    /// Rows that were estimated for all loops.
    pub estimated_rows: i64,
    /// Rows that there were in all loops.
    pub actual_rows: i64,
    /// How many times too high or too low: more than 1.
    pub factor: f64,
}

#[cfg(test)]
mod tests;
