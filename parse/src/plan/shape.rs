//! The shape of a plan in one line: what is done to what, in which order and by which means.
//!
//! Node names, relations without schema, index names and the tree; no numbers, literals, aliases or workers. The same for all formats of a plan.

use std::borrow::Cow;

use super::PlanNode;

/// Writes the shape of `nodes`, which stand parents first.
pub(super) fn line(nodes: &[PlanNode]) -> String {
    let mut children = vec![0; nodes.len()];
    for parent in nodes.iter().filter_map(|node| node.parent) {
        children[parent] += 1;
    }
    let mut writer = Writer {
        nodes,
        children,
        line: String::new(),
    };
    let (mut root, mut branch) = (0, "");
    while root < nodes.len() {
        if root > 0 {
            writer.line.push_str(", ");
        }
        // MariaDB's nodes are all topmost; they are grouped by their SELECT.
        let starts_branch = nodes[root].branch != branch;
        branch = &nodes[root].branch;
        root = writer.subtree(root, starts_branch).next;
    }
    writer.line
}

struct Writer<'n> {
    nodes: &'n [PlanNode],
    /// How many children each node has.
    children: Vec<usize>,
    line: String,
}

/// A subtree that was written.
struct Written {
    /// The node after it.
    next: usize,
    /// It reads one of TimescaleDB's chunks.
    has_chunk: bool,
}

impl Writer<'_> {
    /// Depth of the recursion is that of the plan, at most [`PLAN_DEPTH_MAX`](super::PLAN_DEPTH_MAX).
    fn subtree(&mut self, index: usize, with_branch: bool) -> Written {
        let nodes = self.nodes;
        let node = &nodes[index];
        if with_branch && !node.branch.is_empty() {
            self.branch(&node.branch);
        }
        let mut written = Written {
            next: index + 1,
            has_chunk: self.label(node),
        };
        let count = self.children[index];
        if count == 1 {
            self.line.push_str(" > ");
            let child = self.subtree(index + 1, true);
            written.next = child.next;
            written.has_chunk |= child.has_chunk;
        } else if count > 1 {
            self.list(count, &mut written);
        }
        written
    }

    /// Children of one node. A run of equal ones over chunks counts once: chunks come and go with time, the plan stays.
    fn list(&mut self, count: usize, written: &mut Written) {
        let open = self.line.len();
        self.line.push('(');
        let (mut before, mut kept) = (open + 1, 0);
        for child in 0..count {
            let separator = self.line.len();
            if child > 0 {
                self.line.push_str(", ");
            }
            let start = self.line.len();
            let subtree = self.subtree(written.next, true);
            written.next = subtree.next;
            written.has_chunk |= subtree.has_chunk;
            let repeats =
                subtree.has_chunk && child > 0 && self.line[before..separator] == self.line[start..];
            if repeats {
                self.line.truncate(separator);
            } else {
                (before, kept) = (start, kept + 1);
            }
        }
        if kept == 1 {
            self.line.replace_range(open..open + 1, " > ");
        } else {
            self.line.push(')');
        }
    }

    fn branch(&mut self, branch: &str) {
        match branch.strip_prefix("CTE ") {
            Some(name) => {
                self.line.push_str("CTE ");
                self.identifier(name);
            }
            None => self.line.push_str(branch),
        }
        self.line.push_str(": ");
    }

    /// Writes what one node does; whether it reads a chunk.
    fn label(&mut self, node: &PlanNode) -> bool {
        self.line.push_str(&node.name);
        let chunk = without_chunk_number(&node.relation);
        let mut has_chunk = chunk.is_some();
        if !node.relation.is_empty() {
            self.line.push(' ');
            self.identifier(&chunk.unwrap_or(Cow::Borrowed(&node.relation)));
        }
        if !node.index.is_empty() {
            self.line.push_str(" using ");
            let chunk = without_chunk_number(&node.index);
            has_chunk |= chunk.is_some();
            let index = chunk.unwrap_or(Cow::Borrowed(&node.index));
            self.identifier(if has_chunk {
                without_numbers(&index)
            } else {
                &index
            });
        }
        if !node.remarks.is_empty() {
            self.line.push_str(" {");
            self.line.push_str(&node.remarks);
            self.line.push('}');
        }
        has_chunk
    }

    /// Quotes a name that could be taken for something else, so that different shapes are different lines.
    fn identifier(&mut self, name: &str) {
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii();
        let is_derived = |byte: u8| is_plain(byte) || byte == b',';
        let derived = name.strip_prefix('<').and_then(|name| name.strip_suffix('>'));
        if name.bytes().all(is_plain) || derived.is_some_and(|name| name.bytes().all(is_derived)) {
            return self.line.push_str(name);
        }
        self.line.push('"');
        for char in name.chars() {
            match char {
                '"' | '\\' => self.line.extend(['\\', char]),
                _ if char.is_control() => self.line.extend(char.escape_default()),
                _ => self.line.push(char),
            }
        }
        self.line.push('"');
    }
}

/// `_hyper_1_2_chunk…` as `_hyper_1_chunk…`, likewise the compressed `compress_hyper_2_5_chunk…`; `None` for other names.
fn without_chunk_number(name: &str) -> Option<Cow<'_, str>> {
    let start = ["_hyper_", "compress_hyper_"]
        .into_iter()
        .find(|start| name.starts_with(start))?;
    let (table, rest) = digits(&name[start.len()..])?;
    let (_, rest) = digits(rest.strip_prefix('_')?)?;
    rest.strip_prefix("_chunk")?;
    Some(Cow::Owned(format!("{start}{table}{rest}")))
}

/// The name of a constraint's index on a chunk, `12_3_metrics_pkey`, without the numbers of both.
fn without_numbers(index: &str) -> &str {
    let name = || {
        let (_, rest) = digits(index)?;
        let (_, rest) = digits(rest.strip_prefix('_')?)?;
        rest.strip_prefix('_')
    };
    name().unwrap_or(index)
}

/// The digits that `text` begins with, at least one, and the rest.
fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use crate::plan::Plan;

    const COSTS: &str = "  (cost=0.00..1.00 rows=1 width=8)\n";

    #[test]
    fn nodes_of_extensions() {
        let check = |nodes: &[&str], expect: &str| {
            let mut payload = String::from("Query Text: x\n");
            for (depth, node) in nodes.iter().enumerate() {
                let indent = " ".repeat((6 * depth).saturating_sub(4));
                let arrow = if depth > 0 { "->  " } else { "" };
                payload.push_str(&format!("{indent}{arrow}{node}{COSTS}"));
            }
            assert_eq!(Plan::read(payload.as_bytes()).unwrap().shape, expect);
        };
        check(
            &[
                "Custom Scan (ChunkAppend) on metrics",
                "Custom Scan (DecompressChunk) on _hyper_1_2_chunk c",
            ],
            "Custom Scan (ChunkAppend) metrics > Custom Scan (DecompressChunk) _hyper_1_chunk",
        );
        check(
            &["Index Scan using compress_hyper_2_5_chunk_device_idx on _internal.compress_hyper_2_5_chunk"],
            "Index Scan compress_hyper_2_chunk using compress_hyper_2_chunk_device_idx",
        );
        check(
            &["Index Scan Backward using \"12_3_metrics_pkey\" on _hyper_1_12_chunk"],
            "Index Scan Backward _hyper_1_chunk using metrics_pkey",
        );
        check(
            &["Index Scan using \"12_3_metrics_pkey\" on t"],
            "Index Scan t using 12_3_metrics_pkey",
        );
        check(
            &["Async Foreign Scan on remote.orders o"],
            "Async Foreign Scan orders",
        );
        check(&["Merge on pg_temp_3.\"a.b\" x"], "Merge \"a.b\"");
        check(&["Seq Scan on \"a\"\" > b\\\""], "Seq Scan \"a\\\" > b\\\\\"");
    }

    #[test]
    fn equal_plans_of_chunks_count_once() {
        let check = |tables: &[&str], expect: &str| {
            let mut payload = format!("Query Text: x\nAppend{COSTS}");
            for table in tables {
                payload.push_str(&format!(
                    "  ->  Sort{COSTS}        Sort Key: a\n        ->  Seq Scan on {table}{COSTS}"
                ));
            }
            assert_eq!(Plan::read(payload.as_bytes()).unwrap().shape, expect);
        };
        check(&["_hyper_1_2_chunk"], "Append > Sort > Seq Scan _hyper_1_chunk");
        check(
            &["_hyper_1_2_chunk", "_hyper_1_3_chunk", "_hyper_1_4_chunk"],
            "Append > Sort > Seq Scan _hyper_1_chunk",
        );
        check(
            &[
                "_hyper_1_2_chunk",
                "_hyper_1_3_chunk",
                "_hyper_2_3_chunk",
                "_hyper_2_4_chunk",
            ],
            "Append(Sort > Seq Scan _hyper_1_chunk, Sort > Seq Scan _hyper_2_chunk)",
        );
        check(
            &["part", "part"],
            "Append(Sort > Seq Scan part, Sort > Seq Scan part)",
        );
    }
}
