//! One value as text in each form for people. What comes from a log may hold anything: nothing here lets a control character
//! through to a terminal.

use slowlake_sql::{Column, Value};

use crate::render::quantity::duration;

/// Shown for NULL where an empty text would look the same.
pub(super) const NULL: &str = "∅";

/// For people; may have several lines.
pub(super) fn text(value: &Value<'_>, column: &Column, human: bool) -> String {
    match value {
        Value::Null => NULL.to_owned(),
        Value::Integer(us) if human && is_duration(column) => match i64::try_from(*us) {
            Ok(us) => duration(us),
            Err(_) => us.to_string(),
        },
        // A line end at the end shows nothing.
        other => visible(other.to_string().trim_end_matches('\n')),
    }
}

/// Whether a column holds microseconds, by its name: `query_time_us`, `sum(executions.query_time_us)`, not `count(…_us)`.
fn is_duration(column: &Column) -> bool {
    let name = column.name.to_ascii_lowercase();
    !name.starts_with("count") && name.trim_end_matches(')').ends_with("_us")
}

/// Control characters but line ends as `\t`, `\u{1b}`.
fn visible(text: &str) -> String {
    let is_harmful = |c: char| c.is_control() && c != '\n';
    if !text.chars().any(is_harmful) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_harmful(c) {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
    }
    out
}

/// For a Markdown table.
pub(super) fn markdown(value: &Value<'_>) -> String {
    let text = value.to_string();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' => out.push_str("\\|"),
            '\n' => out.push_str("<br>"),
            '<' => out.push_str("&lt;"),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> Column {
        Column {
            name: name.to_owned(),
            sql_type: "BIGINT".to_owned(),
            is_number: true,
        }
    }

    #[test]
    fn durations_are_told_by_their_name() {
        let check = |name: &str, expected: &str| {
            assert_eq!(
                text(&Value::Integer(1_500), &column(name), true),
                expected,
                "{name}"
            )
        };
        check("query_time_us", "1.50 ms");
        check("sum(executions.query_time_us)", "1.50 ms");
        check("count(executions.query_time_us)", "1500");
        check("calls", "1500");
        assert_eq!(
            text(&Value::Integer(1_500), &column("query_time_us"), false),
            "1500"
        );
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(
            text(&Value::Text("a\n\u{1b}[31mé"), &column("x"), false),
            "a\n\\u{1b}[31mé"
        );
        assert_eq!(text(&Value::Bytes(b"\xff\t"), &column("x"), false), "\\xff\\t");
        assert_eq!(markdown(&Value::Text("a|b\n<c>")), "a\\|b<br>&lt;c>");
    }

    #[test]
    fn null_is_no_empty_text() {
        assert_eq!(text(&Value::Null, &column("x"), false), NULL);
        assert_eq!(text(&Value::Text(""), &column("x"), false), "");
    }
}
