//! Plans in MariaDB's slow log: `# explain:` lines of columns separated by tabs, one table a line, joined in this order.

use super::PlanNode;
use super::draft::{Draft, number};

/// The columns when the line that names them is missing.
const COLUMNS: &[u8] =
    b"id\tselect_type\ttable\ttype\tpossible_keys\tkey\tkey_len\tref\trows\tr_rows\tfiltered\tr_filtered\tExtra";

/// What the server may remark on a table, as far as it tells one plan from another; some with details in parentheses, which are dropped.
const REMARKS: [&str; 24] = [
    "Using where",
    "Using where with pushed condition",
    "Using temporary",
    "Using filesort",
    "Using index",
    "Using index condition",
    "Using index for group-by",
    "Using join buffer",
    "Using rowid filter",
    "Using union",
    "Using intersect",
    "Using sort_union",
    "Using sort_intersect",
    "Range checked for each record",
    "Rowid-ordered scan",
    "Key-ordered scan",
    "Key-ordered Rowid-ordered scan",
    "Distinct",
    "Not exists",
    "FirstMatch",
    "LooseScan",
    "Start temporary",
    "End temporary",
    "Full scan on NULL key",
];

/// Reads the block's lines; `None` when none of them is a row.
pub(super) fn read<'l>(lines: impl IntoIterator<Item = &'l [u8]>) -> Option<Draft> {
    let mut draft = Draft::default();
    let mut columns = COLUMNS;
    for line in lines {
        let line = line.strip_prefix(b"# explain: ").unwrap_or(line);
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if line.starts_with(b"id\t") {
            columns = line;
        } else if line.contains(&b'\t') && !row(columns, line, &mut draft) {
            break;
        }
    }
    (!draft.is_empty()).then_some(draft)
}

/// Adds the table of one row; `false` when there are too many.
fn row(columns: &[u8], line: &[u8], draft: &mut Draft) -> bool {
    let Some(index) = draft.open(0) else {
        return false;
    };
    let (node, printed) = draft.node(index);
    let (mut id, mut select_type) = (&b""[..], &b""[..]);
    for (column, value) in columns.split(is_tab).zip(line.split(is_tab)) {
        let value = if value == b"NULL" { b"" } else { value.trim_ascii() };
        match column {
            b"id" => id = value,
            b"select_type" => select_type = value,
            b"table" => node.relation = string(value),
            b"type" => node.name = access(value, select_type),
            b"key" => node.index = string(value),
            b"rows" => node.estimated_rows = number(value).map(|rows| rows.round() as i64),
            b"r_rows" => printed.rows = number(value),
            b"Extra" => remark(node, value),
            _ => {}
        }
    }
    node.branch = format!("{} {}", string(id), string(select_type))
        .trim()
        .to_owned();
    true
}

/// How rows are found: the server's word, where that says enough.
fn access(value: &[u8], select_type: &[u8]) -> String {
    match (value, select_type) {
        // Printed for the table that gets the rows.
        (b"ALL", b"INSERT" | b"REPLACE") => "Insert".to_owned(),
        (b"ALL", _) => "Full Scan".to_owned(),
        (b"index", _) => "Full Index Scan".to_owned(),
        (b"", _) => "No Table".to_owned(),
        _ => words(value),
    }
}

fn remark(node: &mut PlanNode, extra: &[u8]) {
    let extra = String::from_utf8_lossy(extra);
    for remark in extra.split("; ") {
        let remark = remark.split('(').next().unwrap_or(remark).trim();
        let known = REMARKS.iter().find(|known| known.eq_ignore_ascii_case(remark));
        if let Some(known) = known {
            if !node.remarks.is_empty() {
                node.remarks.push_str(", ");
            }
            node.remarks
                .push_str(known.strip_prefix("Using ").unwrap_or(known));
        }
    }
}

/// A value of the server's own vocabulary: of a damaged line anything may stand there, even a literal.
fn words(value: &[u8]) -> String {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b" _|".contains(byte);
    if value.iter().all(is_name) {
        string(value)
    } else {
        String::new()
    }
}

fn is_tab(byte: &u8) -> bool {
    *byte == b'\t'
}

fn string(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

#[cfg(test)]
mod tests;
