//! What follows the header block of a slow-log record: what the server adds (`use`, `SET timestamp`), and the statement.

use crate::lines::without_newline;
use crate::timestamp::decimal_us;

const MICROS_PER_SECOND: i64 = 1_000_000;
/// Bytes of a statement that tell it from a header line.
const STATEMENT_BYTES_KNOWN: usize = 64;

/// The parts of it.
pub(crate) struct Body<'a> {
    pub(crate) database: Option<&'a [u8]>,
    pub(crate) timestamp_us: Option<i64>,
    pub(crate) statement: &'a [u8],
    /// Where in the body enough is read to know the same of what stands before the statement.
    pub(crate) known_at: usize,
}

impl<'a> Body<'a> {
    pub(crate) fn of(body: &'a [u8]) -> Body<'a> {
        let mut read = Body {
            database: None,
            timestamp_us: None,
            statement: b"",
            known_at: 0,
        };
        let mut at = 0;
        for attempt in 0..2 {
            let end = memchr::memchr(b'\n', &body[at..]).map_or(body.len(), |newline| at + newline + 1);
            let line = without_newline(&body[at..end]);
            let is_last = body[end..].trim_ascii().is_empty();
            // A line that the server adds is followed by a statement; a client's own `use` is one.
            if is_last {
                break;
            }
            if attempt == 0
                && let Some(database) = use_database(line)
            {
                read.database = Some(database);
            } else if let Some(us) = set_timestamp_us(line) {
                read.timestamp_us = Some(us);
                at = end;
                break;
            } else {
                break;
            }
            at = end;
        }
        let statement = body[at..].trim_ascii_end();
        // A `use` counts only before a statement, so some of it belongs to what is to be read again.
        let blank = statement.len() - statement.trim_ascii_start().len();
        read.known_at = at + statement.len().min(blank + STATEMENT_BYTES_KNOWN);
        read.statement = statement.strip_suffix(b";").unwrap_or(statement).trim_ascii_end();
        read
    }
}

/// `SET [last_insert_id=1,][insert_id=2,]timestamp=1537887904[.25];` to µs since 1970 UTC; `None` when the line is not this.
fn set_timestamp_us(line: &[u8]) -> Option<i64> {
    let (set, rest) = line.split_at_checked(4)?;
    if !set.eq_ignore_ascii_case(b"SET ") {
        return None;
    }
    let assignments = rest.trim_ascii_end().strip_suffix(b";")?;
    let mut us = None;
    for assignment in assignments.split(|b| *b == b',') {
        let equals = assignment.iter().position(|b| *b == b'=')?;
        let (name, value) = (
            assignment[..equals].trim_ascii(),
            assignment[equals + 1..].trim_ascii(),
        );
        if name.eq_ignore_ascii_case(b"timestamp") {
            us = decimal_us(value, MICROS_PER_SECOND);
        } else if !(name.eq_ignore_ascii_case(b"last_insert_id") || name.eq_ignore_ascii_case(b"insert_id")) {
            return None;
        }
    }
    us
}

/// The database of a ``use `name`;`` line, quotes removed; `None` when the line is not one.
fn use_database(line: &[u8]) -> Option<&[u8]> {
    let (word, rest) = line.split_at_checked(4)?;
    if !word.eq_ignore_ascii_case(b"use ") {
        return None;
    }
    let name = rest.trim_ascii().strip_suffix(b";")?.trim_ascii();
    Some(
        name.strip_prefix(b"`")
            .and_then(|name| name.strip_suffix(b"`"))
            .unwrap_or(name),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_of_the_server() {
        assert_eq!(
            set_timestamp_us(b"SET timestamp=1537887904;"),
            Some(1_537_887_904_000_000)
        );
        assert_eq!(
            set_timestamp_us(b"SET last_insert_id=5,timestamp=1537887904;"),
            Some(1_537_887_904_000_000)
        );
        assert_eq!(set_timestamp_us(b"SET names=1;"), None);
        assert_eq!(use_database(b"use `shop`;"), Some(&b"shop"[..]));
        assert_eq!(use_database(b"uSe test;"), Some(&b"test"[..]));
        assert_eq!(use_database(b"user;"), None);
    }
}
