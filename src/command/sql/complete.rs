//! Completion with the tab key: backslash commands, views, columns, functions and keywords, and files where a file is meant.

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};
use slowlake_sql::VIEWS;

use super::backslash::COMMANDS;

const KEYWORDS: &str = "ALL AND AS ASC BETWEEN BY CASE CAST COUNT CROSS DATE DESC DESCRIBE DISTINCT ELSE END EXCEPT EXISTS EXPLAIN \
                        ANALYZE FALSE FILTER FROM FULL GROUP GROUPING HAVING ILIKE IN INNER INTERSECT INTERVAL IS JOIN LEFT LIKE \
                        LIMIT NOT NULL NULLS FIRST LAST OFFSET ON OR ORDER OUTER OVER PARTITION RIGHT SELECT SETS SHOW TABLES THEN \
                        TIMESTAMP TRUE UNION USING VALUES WHEN WHERE WITH";

/// Completes what is typed in the shell.
pub(super) struct Completions {
    functions: Vec<String>,
    columns: Vec<&'static str>,
    files: FilenameCompleter,
}

impl Completions {
    /// With the functions of a session, sorted.
    pub(super) fn new(functions: Vec<String>) -> Completions {
        let mut columns: Vec<&str> = VIEWS
            .iter()
            .flat_map(|view| view.columns())
            .map(|(name, _)| name)
            .collect();
        columns.sort_unstable();
        columns.dedup();
        Completions {
            functions,
            columns,
            files: FilenameCompleter::new(),
        }
    }

    /// Where the word before `line`'s end begins, and what it can become.
    fn candidates(&self, line: &str) -> (usize, Vec<String>) {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let start = line
            .rfind(|c| !is_word(c))
            .map_or(0, |at| at + line[at..].chars().next().map_or(1, char::len_utf8));
        let word = &line[start..];
        let before = line[..start].trim_end();
        if line.starts_with('\\') && !line.contains(char::is_whitespace) {
            return (
                0,
                COMMANDS
                    .iter()
                    .map(|(name, _)| *name)
                    .filter(|name| name.starts_with(line))
                    .map(str::to_owned)
                    .collect(),
            );
        }
        let mut found = Vec::new();
        let lower = word.to_ascii_lowercase();
        let mut offer = |name: &str, shown: String| {
            if name.to_ascii_lowercase().starts_with(&lower) {
                found.push(shown);
            }
        };
        VIEWS
            .iter()
            .for_each(|view| offer(view.name, view.name.to_owned()));
        let last_word = before
            .rsplit(|c: char| !is_word(c) && c != '\\')
            .next()
            .unwrap_or("")
            .to_ascii_uppercase();
        if matches!(last_word.as_str(), "FROM" | "JOIN" | "DESCRIBE" | "\\D" | "\\DV") {
            return (start, found);
        }
        let mut offer = |name: &str, shown: String| {
            if !lower.is_empty() && name.to_ascii_lowercase().starts_with(&lower) {
                found.push(shown);
            }
        };
        self.columns
            .iter()
            .for_each(|name| offer(name, (*name).to_owned()));
        self.functions
            .iter()
            .for_each(|name| offer(name, format!("{name}(")));
        // Keywords in the case that the word was begun in.
        let is_lower = word.chars().all(|c| !c.is_uppercase());
        for keyword in KEYWORDS.split_whitespace() {
            offer(
                keyword,
                if is_lower {
                    keyword.to_ascii_lowercase()
                } else {
                    keyword.to_owned()
                },
            );
        }
        found.dedup();
        (start, found)
    }
}

impl Completer for Completions {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let line = &line[..pos];
        if line.starts_with("\\i ") || line.starts_with("\\o ") {
            return self.files.complete(line, pos, context);
        }
        let (start, found) = self.candidates(line);
        Ok((
            start,
            found
                .into_iter()
                .map(|text| Pair {
                    display: text.clone(),
                    replacement: text,
                })
                .collect(),
        ))
    }
}

impl Hinter for Completions {
    type Hint = String;
}

impl Highlighter for Completions {}

impl Validator for Completions {}

impl Helper for Completions {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        let completions = Completions::new(vec!["latency_merge".to_owned(), "sum".to_owned()]);
        let (start, found) = completions.candidates(line);
        let lines: Vec<String> = found
            .iter()
            .map(|text| format!("{}{text}", &line[..start]))
            .collect();
        assert_eq!(lines, expected, "{line}");
    }

    #[test]
    fn words_are_completed_where_they_fit() {
        check("\\d", &["\\d", "\\df", "\\dv"]);
        check("\\ti", &["\\timing"]);
        check("\\d exe", &["\\d executions"]);
        check(
            "select * from ",
            &[
                "select * from executions",
                "select * from findings",
                "select * from ledger",
                "select * from metrics",
                "select * from queries",
                "select * from rejects",
                "select * from replication_lag",
                "select * from rollup_day",
                "select * from rollup_hour",
                "select * from server_events",
            ],
        );
        check("SELECT query_t", &["SELECT query_time_us"]);
        check("SELECT sum", &["SELECT sum("]);
        check("sel", &["select"]);
        check("SEL", &["SELECT"]);
        check("select é, fingerprint_h", &["select é, fingerprint_hex"]);
        check("select latency_m", &["select latency_merge("]);
        check("zzz", &[]);
    }
}
