//! A server's answer as text: named columns and rows. The same for every engine; never knows what the columns mean.

use std::fmt;

/// The rows of one answer, every value as the server writes it; `None` is SQL's NULL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Answer {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Option<String>>>,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server refuses this question and will answer others: a missing privilege, a timeout of its own.
    Refused { code: String, message: String },
    /// The connection is of no more use.
    Lost(String),
    /// There was no answer in time; the connection is of no more use either.
    Silent,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused { message, .. } => formatter.write_str(message),
            Failure::Lost(cause) => formatter.write_str(cause),
            Failure::Silent => formatter.write_str("no answer"),
        }
    }
}

impl Answer {
    /// The value of a column in a row; `None` where there is no such column, no such row or it is NULL.
    pub(super) fn get(&self, row: usize, column: &str) -> Option<&str> {
        let column = self.columns.iter().position(|name| name == column)?;
        self.rows.get(row)?.get(column)?.as_deref()
    }

    /// Adds the columns of another answer's first row to every row.
    pub(super) fn widen(&mut self, other: Answer) {
        let Some(first) = other.rows.into_iter().next() else {
            return;
        };
        self.columns.extend(other.columns);
        for row in &mut self.rows {
            row.extend(first.iter().cloned());
        }
    }

    /// Makes one row of an answer of names and values; the names become columns in lower case.
    pub(super) fn pivoted(self) -> Answer {
        let mut wide = Answer::default();
        let mut only = Vec::new();
        for row in self.rows {
            let mut values = row.into_iter();
            if let (Some(Some(name)), Some(value)) = (values.next(), values.next()) {
                wide.columns.push(name.to_ascii_lowercase());
                only.push(value);
            }
        }
        if !only.is_empty() {
            wide.rows.push(only);
        }
        wide
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(columns: &[&str], rows: &[&[Option<&str>]]) -> Answer {
        Answer {
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            rows: rows
                .iter()
                .map(|row| row.iter().map(|value| value.map(str::to_owned)).collect())
                .collect(),
        }
    }

    #[test]
    fn names_and_values_become_one_row() {
        let narrow = answer(
            &["Variable_name", "Value"],
            &[&[Some("Threads_running"), Some("3")], &[Some("Com_select"), None]],
        );
        assert_eq!(
            narrow.pivoted(),
            answer(&["threads_running", "com_select"], &[&[Some("3"), None]])
        );
        assert_eq!(
            answer(&["Variable_name", "Value"], &[]).pivoted(),
            Answer::default()
        );
    }

    #[test]
    fn one_row_is_added_to_every_row() {
        let mut rows = answer(&["a"], &[&[Some("1")], &[None]]);
        rows.widen(answer(&["b"], &[&[Some("2")]]));
        assert_eq!(
            rows,
            answer(&["a", "b"], &[&[Some("1"), Some("2")], &[None, Some("2")]])
        );
        assert_eq!(
            (rows.get(1, "b"), rows.get(1, "a"), rows.get(2, "a")),
            (Some("2"), None, None)
        );
    }
}
