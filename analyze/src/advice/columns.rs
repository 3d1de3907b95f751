//! Which columns a statement filters by, from its normalized text: enough for a proposal that a person looks at, no SQL parser.

/// Columns in a proposal.
const COLUMNS_MAX: usize = 3;

/// The columns that are compared with a constant behind WHERE: those that must be equal first, then one that is in a range.
pub(super) fn filter_columns(normalized: &str) -> Vec<String> {
    let Some(at) = normalized.find(" WHERE ") else {
        return Vec::new();
    };
    let condition = &normalized[at + " WHERE ".len()..];
    let end = [" GROUP BY ", " ORDER BY ", " LIMIT ", " RETURNING "]
        .iter()
        .filter_map(|word| condition.find(word))
        .min();
    let condition = &condition[..end.unwrap_or(condition.len())];
    // Of alternatives no column is in all, and what is in a subquery is of another table.
    if condition.contains(" OR ") || condition.contains("SELECT") {
        return Vec::new();
    }
    let words: Vec<&str> = condition.split_whitespace().collect();
    let (mut equal, mut range) = (Vec::new(), Vec::new());
    for words in words.windows(3) {
        let [column, operator, constant] = words else {
            continue;
        };
        let is_constant = constant.starts_with('?') || constant.starts_with("(?");
        let column = column.rsplit('.').next().unwrap_or(column);
        let is_column = column.chars().all(|c| c.is_alphanumeric() || c == '_') && !column.is_empty();
        if !is_constant || !is_column {
            continue;
        }
        match *operator {
            "=" | "IN" => equal.push(column.to_owned()),
            "<" | ">" | "<=" | ">=" | "BETWEEN" => range.push(column.to_owned()),
            _ => {}
        }
    }
    range.truncate(1);
    equal.extend(range);
    let mut columns: Vec<String> = Vec::new();
    for column in equal {
        if !columns.contains(&column) && columns.len() < COLUMNS_MAX {
            columns.push(column);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_a_condition() {
        let check = |text: &str, expect: &[&str]| assert_eq!(filter_columns(text), expect, "{text}");
        check("SELECT * FROM t WHERE id = ?", &["id"]);
        check(
            "SELECT * FROM t a WHERE a.state IN (?) AND a.created_at >= ? AND a.created_at < ? ORDER BY x",
            &["state", "created_at"],
        );
        check(
            "DELETE FROM t WHERE expires_at < ? AND state = ? AND kind = ? AND owner = ?",
            &["state", "kind", "owner"],
        );
        check("SELECT * FROM t WHERE lower(name) = ?", &[]);
        check("SELECT * FROM t WHERE a = ? OR b = ?", &[]);
        check("SELECT * FROM t WHERE a = b", &[]);
        check("SELECT ?", &[]);
    }
}
