//! Which columns a table of logs has: by the names of a header, or by their number.

use crate::mysql::table::fields::Shape;

/// A column that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// `start_time` of the slow log, `event_time` of the general log.
    StartTime,
    UserHost,
    QueryTime,
    LockTime,
    RowsSent,
    RowsExamined,
    Db,
    LastInsertId,
    InsertId,
    ServerId,
    SqlText,
    ThreadId,
    RowsAffected,
    CommandType,
    Argument,
}

use Column::{
    Argument, CommandType, Db, InsertId, LastInsertId, LockTime, QueryTime, RowsAffected, RowsExamined,
    RowsSent, ServerId, SqlText, StartTime, ThreadId, UserHost,
};

const NAMES: [(&[u8], Column); 16] = [
    (b"start_time", StartTime),
    (b"event_time", StartTime),
    (b"user_host", UserHost),
    (b"query_time", QueryTime),
    (b"lock_time", LockTime),
    (b"rows_sent", RowsSent),
    (b"rows_examined", RowsExamined),
    (b"db", Db),
    (b"last_insert_id", LastInsertId),
    (b"insert_id", InsertId),
    (b"server_id", ServerId),
    (b"sql_text", SqlText),
    (b"thread_id", ThreadId),
    (b"rows_affected", RowsAffected),
    (b"command_type", CommandType),
    (b"argument", Argument),
];

/// The columns of the slow log in their order: MySQL up to 5.5 has 11, later ones 12, MariaDB 13.
const SLOW_LOG: [Column; 13] = [
    StartTime,
    UserHost,
    QueryTime,
    LockTime,
    RowsSent,
    RowsExamined,
    Db,
    LastInsertId,
    InsertId,
    ServerId,
    SqlText,
    ThreadId,
    RowsAffected,
];
const GENERAL_LOG: [Column; 6] = [StartTime, UserHost, ThreadId, ServerId, CommandType, Argument];

/// Columns of one row; more than any table has.
const COLUMNS_MAX: usize = 32;

/// The columns of a table, by their places in a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    columns: [Option<Column>; COLUMNS_MAX],
    count: usize,
}

impl Columns {
    pub(crate) fn none() -> Columns {
        Columns {
            columns: [None; COLUMNS_MAX],
            count: 0,
        }
    }

    /// The columns of a row without a header; `None` when no table has so many.
    pub(crate) fn by_count(count: usize) -> Option<Columns> {
        let columns: &[Column] = match count {
            11..=13 => &SLOW_LOG[..count],
            6 => &GENERAL_LOG,
            _ => return None,
        };
        let mut known = Columns::none();
        columns.iter().for_each(|column| known.add(Some(*column)));
        Some(known)
    }

    /// One more column; `None` when it is not read.
    pub(crate) fn add(&mut self, column: Option<Column>) {
        if let Some(place) = self.columns.get_mut(self.count) {
            *place = column;
            self.count += 1;
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The place of a column in a row.
    pub(crate) fn place(&self, column: Column) -> Option<usize> {
        self.columns[..self.count]
            .iter()
            .position(|known| *known == Some(column))
    }

    pub(crate) fn has(&self, column: Column) -> bool {
        self.place(column).is_some()
    }
}

/// The column of this name.
pub(crate) fn named(name: &[u8]) -> Option<Column> {
    NAMES
        .iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known))
        .map(|(_, column)| *column)
}

/// The columns that a line names, and how the rows below it are written; `None` when it is no header.
pub(crate) fn header(line: &[u8]) -> Option<(Shape, Columns)> {
    let begins_like_a_name = matches!(
        line.trim_ascii_start().first(),
        Some(b'"' | b'a'..=b'z' | b'A'..=b'Z')
    );
    if !begins_like_a_name {
        return None;
    }
    let (shape, separator) = match memchr::memchr(b'\t', line) {
        Some(_) => (Shape::Tabs, b'\t'),
        None => (Shape::Commas, b','),
    };
    let mut columns = Columns::none();
    for name in line.split(|b| *b == separator) {
        let name = name.trim_ascii();
        let name = name
            .strip_prefix(b"\"")
            .and_then(|name| name.strip_suffix(b"\""))
            .unwrap_or(name);
        columns.add(named(name));
    }
    let is_slow = columns.has(QueryTime) && columns.has(SqlText);
    let is_general = columns.has(CommandType) && columns.has(Argument);
    (is_slow || is_general).then_some((shape, columns))
}
