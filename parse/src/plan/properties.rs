//! From the properties of a plan in JSON, YAML or XML to its nodes. The three differ in spelling only; each of their readers calls
//! [`Properties::enter`], [`Properties::value`] and [`Properties::leave`].

use std::borrow::Cow;

use super::draft::{Draft, count, number};
use super::{PLAN_DEPTH_MAX, Plan};

/// Groups in groups that are followed: a node and its list of children each, and what may stand around and inside.
const GROUPS_MAX: usize = 2 * PLAN_DEPTH_MAX + 8;

/// The groups that are open, and the plan so far.
#[derive(Debug, Default)]
pub(super) struct Properties<'a> {
    draft: Draft,
    query: Cow<'a, [u8]>,
    parameters: Cow<'a, [u8]>,
    groups: Vec<Group>,
    /// Open nodes among the groups.
    depth: usize,
    /// Open groups beyond [`GROUPS_MAX`].
    ignored: usize,
}

#[derive(Debug)]
enum Group {
    /// The whole explanation.
    Explanation,
    /// A node; without an index one that is beyond a limit.
    Node(Option<usize>, Box<Description>),
    Nodes,
    Triggers,
    Trigger,
    Jit,
    JitTiming,
    /// Anything that is not of interest.
    Other,
}

/// What the text format puts into a node's name, and structured formats into properties.
#[derive(Debug, Default)]
struct Description {
    node_type: String,
    strategy: String,
    partial_mode: String,
    join_type: String,
    operation: String,
    command: String,
    provider: String,
    alias: String,
    is_parallel: bool,
    is_async: bool,
    is_backward: bool,
}

impl<'a> Properties<'a> {
    /// A group begins; things in lists have no key, or any.
    pub(super) fn enter(&mut self, key: &[u8]) {
        if self.groups.len() >= GROUPS_MAX {
            self.ignored += 1;
            self.draft.truncated = true;
            return;
        }
        let group = match (self.groups.last(), key) {
            (None, _) => Group::Explanation,
            (Some(Group::Explanation), b"Plan") | (Some(Group::Nodes), _) => {
                let node = self.draft.open(self.depth);
                self.depth += 1;
                Group::Node(node, Box::default())
            }
            (Some(Group::Node(..)), b"Plans") => Group::Nodes,
            (Some(Group::Explanation), b"Triggers") => Group::Triggers,
            (Some(Group::Triggers), _) => Group::Trigger,
            (Some(Group::Explanation), b"JIT") => Group::Jit,
            (Some(Group::Jit), b"Timing") => Group::JitTiming,
            _ => Group::Other,
        };
        self.groups.push(group);
    }

    /// The innermost group ends.
    pub(super) fn leave(&mut self) {
        if self.ignored > 0 {
            self.ignored -= 1;
        } else if let Some(Group::Node(node, description)) = self.groups.pop() {
            self.depth -= 1;
            if let Some(index) = node {
                self.describe(index, &description);
            }
        }
    }

    /// A property of the innermost group, without quotes and escapes.
    pub(super) fn value(&mut self, key: &[u8], value: Cow<'a, [u8]>) {
        if self.ignored > 0 {
            return;
        }
        match (self.groups.last_mut(), key) {
            (Some(Group::Explanation), b"Query Text") => self.query = value,
            (Some(Group::Explanation), b"Query Parameters") => self.parameters = value,
            (Some(Group::Explanation), b"Query Identifier") => {
                self.draft.server_query_id = std::str::from_utf8(&value).ok().and_then(|id| id.parse().ok());
            }
            (Some(Group::Node(Some(index), description)), _) => {
                let index = *index;
                if !description.set(key, &value) && !self.set_text(index, key, &value) {
                    self.set_number(index, key, &value);
                }
            }
            (Some(Group::Trigger), b"Time") => {
                if let Some(time_ms) = number(&value) {
                    self.draft.add_trigger(time_ms);
                }
            }
            (Some(Group::JitTiming), b"Total") => self.draft.jit_ms = number(&value),
            _ => {}
        }
    }

    /// A text of which the end is missing: worth keeping for the statement only.
    pub(super) fn cut_value(&mut self, key: &[u8], value: Cow<'a, [u8]>) {
        self.draft.truncated = true;
        if matches!(self.groups.last(), Some(Group::Explanation)) && key == b"Query Text" {
            self.query = value;
        }
    }

    /// Something other than a property stood there.
    pub(super) fn mark_truncated(&mut self) {
        self.draft.truncated = true;
    }

    /// How many groups are open.
    pub(super) fn open_groups(&self) -> usize {
        self.groups.len() + self.ignored
    }

    pub(super) fn finish(mut self) -> Plan {
        self.ignored = 0;
        while !self.groups.is_empty() {
            self.leave();
        }
        self.draft
            .finish(self.query.into_owned(), self.parameters.into_owned())
    }

    fn set_text(&mut self, index: usize, key: &[u8], value: &[u8]) -> bool {
        let node = self.draft.node(index).0;
        let field = match key {
            b"Schema" => &mut node.schema,
            b"Relation Name"
            | b"Function Name"
            | b"Table Function Name"
            | b"CTE Name"
            | b"Tuplestore Name" => &mut node.relation,
            b"Index Name" => {
                // Up to PostgreSQL 13 it is printed as in SQL.
                let quoted = value
                    .strip_prefix(b"\"")
                    .and_then(|value| value.strip_suffix(b"\""));
                node.index = quoted.map_or_else(|| string(value), |name| string(name).replace("\"\"", "\""));
                return true;
            }
            b"Parent Relationship" => match value {
                b"InitPlan" | b"SubPlan" if node.branch.is_empty() => &mut node.branch,
                _ => return true,
            },
            b"Subplan Name" => {
                if value.starts_with(b"CTE ") {
                    node.branch = string(value);
                }
                return true;
            }
            _ => return false,
        };
        *field = string(value);
        true
    }

    fn set_number(&mut self, index: usize, key: &[u8], value: &[u8]) {
        let (node, printed) = self.draft.node(index);
        let block = match key {
            b"Total Cost" => return node.total_cost = number(value),
            b"Plan Rows" => return node.estimated_rows = count(value),
            b"Actual Rows" => return printed.rows = number(value),
            b"Actual Total Time" => return printed.time_ms = number(value),
            b"Actual Loops" => return printed.loops = number(value),
            b"Rows Removed by Filter" | b"Rows Removed by Join Filter" | b"Rows Removed by Index Recheck" => {
                // The text format leaves out zeros.
                if let Some(rows) = number(value).filter(|rows| *rows > 0.0) {
                    printed.rows_removed = Some(printed.rows_removed.unwrap_or(0.0) + rows);
                }
                return;
            }
            b"WAL Bytes" => &mut printed.wal_bytes,
            b"Shared Hit Blocks" => &mut node.blocks.shared_hit,
            b"Shared Read Blocks" => &mut node.blocks.shared_read,
            b"Shared Dirtied Blocks" => &mut node.blocks.shared_dirtied,
            b"Shared Written Blocks" => &mut node.blocks.shared_written,
            b"Temp Read Blocks" => &mut node.blocks.temp_read,
            b"Temp Written Blocks" => &mut node.blocks.temp_written,
            _ => return,
        };
        *block = count(value).unwrap_or(0);
    }

    fn describe(&mut self, index: usize, description: &Description) {
        let node = self.draft.node(index).0;
        node.name = description.name();
        if node.relation.is_empty() && node.name.ends_with("Function Scan") {
            // Several functions at once: the text format prints their common alias.
            node.relation.clone_from(&description.alias);
        }
        if description.node_type.is_empty() {
            self.draft.truncated = true;
        }
    }
}

impl Description {
    fn set(&mut self, key: &[u8], value: &[u8]) -> bool {
        let field = match key {
            b"Node Type" => &mut self.node_type,
            b"Strategy" => &mut self.strategy,
            b"Partial Mode" => &mut self.partial_mode,
            b"Join Type" => &mut self.join_type,
            b"Operation" => &mut self.operation,
            b"Command" => &mut self.command,
            b"Custom Plan Provider" => &mut self.provider,
            b"Alias" => &mut self.alias,
            b"Parallel Aware" => return set_flag(&mut self.is_parallel, value == b"true"),
            b"Async Capable" => return set_flag(&mut self.is_async, value == b"true"),
            b"Scan Direction" => return set_flag(&mut self.is_backward, value == b"Backward"),
            _ => return false,
        };
        // Of a damaged payload anything may stand here, even a literal.
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b" _-".contains(byte);
        if key == b"Alias" || value.iter().all(is_name) {
            *field = string(value);
        }
        true
    }

    /// The name as the text format composes it.
    fn name(&self) -> String {
        let mut name = String::new();
        if self.is_parallel {
            name.push_str("Parallel ");
        }
        if self.is_async {
            name.push_str("Async ");
        }
        if matches!(self.partial_mode.as_str(), "Partial" | "Finalize") {
            name.push_str(&self.partial_mode);
            name.push(' ');
        }
        match (self.node_type.as_str(), self.strategy.as_str()) {
            ("Aggregate", "Sorted") => name.push_str("GroupAggregate"),
            ("Aggregate", "Hashed") => name.push_str("HashAggregate"),
            ("Aggregate", "Mixed") => name.push_str("MixedAggregate"),
            ("SetOp", "Hashed") => name.push_str("HashSetOp"),
            ("ModifyTable", _) => name.push_str(&self.operation),
            ("Foreign Scan", _) if !matches!(self.operation.as_str(), "" | "Select") => {
                name.push_str("Foreign ");
                name.push_str(&self.operation);
            }
            ("Hash Join" | "Merge Join" | "Nested Loop", _) => self.join(&mut name),
            (node_type, _) => name.push_str(node_type),
        }
        if !self.command.is_empty() {
            name.push(' ');
            name.push_str(&self.command);
        }
        if !self.provider.is_empty() {
            name.push_str(" (");
            name.push_str(&self.provider);
            name.push(')');
        }
        if self.is_backward {
            name.push_str(" Backward");
        }
        name
    }

    fn join(&self, name: &mut String) {
        let is_outer = !matches!(self.join_type.as_str(), "" | "Inner");
        if is_outer {
            name.push_str(self.node_type.strip_suffix(" Join").unwrap_or(&self.node_type));
            name.push(' ');
            name.push_str(&self.join_type);
            name.push_str(" Join");
        } else {
            name.push_str(&self.node_type);
        }
    }
}

fn set_flag(flag: &mut bool, value: bool) -> bool {
    *flag = value;
    true
}

fn string(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

#[cfg(test)]
mod tests {
    use crate::plan::Plan;

    #[test]
    fn names_are_composed_as_in_the_text_format() {
        let check = |properties: &str, expect: &str| {
            let json = format!("{{\"Plan\": {{{properties}}}}}");
            assert_eq!(Plan::read(json.as_bytes()).unwrap().shape, expect);
        };
        check(
            "\"Node Type\": \"Merge Join\", \"Join Type\": \"Right Anti\"",
            "Merge Right Anti Join",
        );
        check(
            "\"Node Type\": \"Nested Loop\", \"Join Type\": \"Left\"",
            "Nested Loop Left Join",
        );
        check(
            "\"Node Type\": \"Nested Loop\", \"Join Type\": \"Inner\"",
            "Nested Loop",
        );
        check(
            "\"Parallel Aware\": true, \"Node Type\": \"Hash Join\", \"Join Type\": \"Full\"",
            "Parallel Hash Full Join",
        );
        check(
            "\"Node Type\": \"Aggregate\", \"Strategy\": \"Sorted\", \"Partial Mode\": \"Partial\"",
            "Partial GroupAggregate",
        );
        check(
            "\"Node Type\": \"Aggregate\", \"Strategy\": \"Plain\", \"Partial Mode\": \"Simple\"",
            "Aggregate",
        );
        check(
            "\"Node Type\": \"SetOp\", \"Strategy\": \"Sorted\", \"Command\": \"Intersect\"",
            "SetOp Intersect",
        );
        check(
            "\"Node Type\": \"ModifyTable\", \"Operation\": \"Merge\", \"Relation Name\": \"t\"",
            "Merge t",
        );
        check(
            "\"Node Type\": \"Foreign Scan\", \"Operation\": \"Update\", \"Relation Name\": \"t\"",
            "Foreign Update t",
        );
        check(
            "\"Node Type\": \"Foreign Scan\", \"Operation\": \"Select\", \"Async Capable\": true",
            "Async Foreign Scan",
        );
        check(
            "\"Node Type\": \"Custom Scan\", \"Custom Plan Provider\": \"ChunkAppend\"",
            "Custom Scan (ChunkAppend)",
        );
        check(
            "\"Node Type\": \"Function Scan\", \"Alias\": \"two\"",
            "Function Scan two",
        );
        check(
            "\"Node Type\": \"Seq Scan\", \"Schema\": \"s\", \"Alias\": \"a\"",
            "Seq Scan",
        );
    }
}
