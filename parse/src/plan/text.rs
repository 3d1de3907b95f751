//! Plans in the text format, which is made for people: nodes and properties by indentation, and literals that may look like both.

use memchr::memmem;

use super::draft::{Draft, count, number};
use super::node_line::NodeLine;
use super::quotes::Inside;
use super::{Blocks, PLAN_DEPTH_MAX, Plan};
use crate::lines::{Lines, without_newline};

/// Reads what follows `Query Text: `.
pub(super) fn read(payload: &[u8]) -> Plan {
    let parts = Parts::of(payload);
    let (mut reader, mut lines) = (Reader::default(), Lines::default());
    while let Some((start, end)) = lines.next(parts.plan, true) {
        reader.line(&parts.plan[start..end]);
    }
    // A literal is open: the plan was cut, or the end of the literal was not recognized.
    reader.draft.truncated |= reader.inside != Inside::Code;
    reader
        .draft
        .finish(parts.query.to_owned(), parts.parameters.to_owned())
}

struct Parts<'a> {
    query: &'a [u8],
    parameters: &'a [u8],
    plan: &'a [u8],
}

impl<'a> Parts<'a> {
    /// The statement ends where the topmost node or the parameters begin; lines of a literal or a comment may look like either.
    fn of(payload: &'a [u8]) -> Parts<'a> {
        const PARAMETERS: &[u8] = b"Query Parameters: $1 = ";
        let (mut inside, mut lines) = (Inside::Code, Lines::default());
        let (mut parameters, mut plan) = (None, payload.len());
        while let Some((start, end)) = lines.next(payload, true) {
            let line = &payload[start..end];
            if start > 0 && inside == Inside::Code {
                if NodeLine::read(without_newline(line)).is_some() {
                    plan = start;
                    break;
                } else if line.starts_with(PARAMETERS) {
                    parameters.get_or_insert(start);
                }
            }
            inside = inside.after(line);
        }
        let (head, plan) = payload.split_at(plan);
        let (query, parameters) = match parameters {
            Some(at) => (&head[..at], &head[at + "Query Parameters: ".len()..]),
            None => (head, &b""[..]),
        };
        Parts {
            query: without_newline(query),
            parameters: without_newline(parameters),
            plan,
        }
    }
}

#[derive(Default)]
struct Reader<'a> {
    draft: Draft,
    /// Where the arrows of the last node and those above it stand.
    columns: Vec<usize>,
    /// What the next node begins.
    branch: String,
    /// The last node, unless it is beyond a limit, and where its properties stand.
    node: Option<(usize, usize)>,
    in_jit: bool,
    inside: Inside<'a>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a [u8]) {
        if self.inside != Inside::Code {
            self.inside = self.inside.after(line);
            return;
        }
        let text = without_newline(line).trim_ascii_start();
        let column = line.len() - line.trim_ascii_start().len();
        if column == 0 && !self.draft.is_empty() {
            self.section(text);
            return;
        }
        let (arrow, body) = match text.strip_prefix(b"->  ") {
            Some(body) => (4, body),
            None => (0, text),
        };
        if arrow > 0 || self.draft.is_empty() {
            match NodeLine::read(body) {
                Some(node) => self.node(column, arrow, node),
                None => self.draft.truncated = true,
            }
        } else if self.in_jit {
            if text.starts_with(b"Timing: ") {
                self.draft.jit_ms = number_after(text, b" Total ");
            }
        } else if let Some(branch) = branch(text) {
            self.close(column);
            self.branch = branch;
        } else if let Some((index, _)) = self.node.filter(|(_, properties)| *properties == column) {
            self.property(index, text);
        }
        self.inside = Inside::Code.after(line);
    }

    fn close(&mut self, column: usize) {
        while self.columns.pop_if(|open| *open >= column).is_some() {}
    }

    fn node(&mut self, column: usize, arrow: usize, line: NodeLine) {
        self.close(column);
        let branch = std::mem::take(&mut self.branch);
        self.node = self.draft.open(self.columns.len()).map(|index| {
            let (node, printed) = self.draft.node(index);
            line.fill(node, printed);
            node.branch = branch;
            (index, column + arrow + 2)
        });
        if self.columns.len() < PLAN_DEPTH_MAX {
            self.columns.push(column);
        }
    }

    fn property(&mut self, index: usize, text: &[u8]) {
        let (node, printed) = self.draft.node(index);
        if let Some(blocks) = text.strip_prefix(b"Buffers: ") {
            node.blocks = Blocks {
                shared_hit: block_count(blocks, b"shared", b"hit="),
                shared_read: block_count(blocks, b"shared", b"read="),
                shared_dirtied: block_count(blocks, b"shared", b"dirtied="),
                shared_written: block_count(blocks, b"shared", b"written="),
                temp_read: block_count(blocks, b"temp", b"read="),
                temp_written: block_count(blocks, b"temp", b"written="),
            };
        } else if text.starts_with(b"WAL: ") {
            printed.wal_bytes = number_after(text, b" bytes=").map_or(0, |bytes| bytes as i64);
        } else if text.starts_with(b"Rows Removed by ")
            && let Some(rows) = number_after(text, b": ").filter(|rows| *rows > 0.0)
        {
            printed.rows_removed = Some(printed.rows_removed.unwrap_or(0.0) + rows);
        }
    }

    /// What stands below the plan, at the left margin.
    fn section(&mut self, text: &[u8]) {
        self.in_jit = text == b"JIT:";
        self.node = None;
        if let Some(id) = text.strip_prefix(b"Query Identifier: ") {
            self.draft.server_query_id = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok());
        } else if text.starts_with(b"Trigger ")
            && let Some(time_ms) = number_after(text, b": time=")
        {
            self.draft.add_trigger(time_ms);
        }
    }
}

/// The line above a node that is not an input of its parent. Up to PostgreSQL 16 it also names what the node returns.
fn branch(text: &[u8]) -> Option<String> {
    if text.starts_with(b"CTE ") {
        Some(String::from_utf8_lossy(text).into_owned())
    } else if text.starts_with(b"InitPlan ") {
        Some("InitPlan".to_owned())
    } else if text.starts_with(b"SubPlan ") {
        Some("SubPlan".to_owned())
    } else {
        None
    }
}

/// One number of `shared hit=1 read=2, temp read=3 written=4`.
fn block_count(text: &[u8], kind: &[u8], field: &[u8]) -> i64 {
    let kinds = text.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let fields = kinds
        .filter_map(|kinds| kinds.strip_prefix(kind))
        .flat_map(|kind| kind.split(|byte| *byte == b' '));
    fields
        .filter_map(|kind| kind.strip_prefix(field))
        .find_map(count)
        .unwrap_or(0)
}

/// The number after the last `key`.
fn number_after(text: &[u8], key: &[u8]) -> Option<f64> {
    let at = memmem::rfind(text, key)? + key.len();
    let digits = text[at..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
        .count();
    number(&text[at..at + digits])
}
