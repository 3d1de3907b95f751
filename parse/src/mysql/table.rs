//! Exports of the tables `mysql.slow_log` and `mysql.general_log`: what `mysql --batch` prints, the vertical output of `\G`, `SELECT … INTO
//! OUTFILE`, the table's own CSV file, and the CSV of other clients. Which one it is, the first line tells; it is the same for the whole source.

mod columns;
mod fields;

use crate::decoder::Output;
use crate::entries::{Layout, Record, Role};
use crate::entry::{Execution, RejectReason};
use crate::lines::without_newline;
use crate::mysql::account::Account;
use crate::mysql::command;
use crate::span::Span;
use crate::statement::Dialect;
use crate::timestamp::{TimestampReader, number};
use columns::{Column, Columns};
use fields::{Fields, Shape};

const MICROS_PER_SECOND: i64 = 1_000_000;
/// Bytes of the first row that tell its shape.
const SHAPE_BYTES: usize = 128;

/// An export of one of the tables.
#[derive(Debug)]
pub(crate) struct LogTable {
    time: TimestampReader,
    /// How rows are written, as soon as it is known, and the line that told it.
    shape: Option<Shape>,
    shape_from: Option<Span>,
    /// What the header says; without one the number of columns tells them.
    header: Option<Columns>,
    fields: Fields,
}

impl LogTable {
    pub(crate) fn new(time: TimestampReader) -> LogTable {
        LogTable {
            time,
            shape: None,
            shape_from: None,
            header: None,
            fields: Fields::default(),
        }
    }

    /// Whether a line names the columns; it is remembered.
    fn is_header(&mut self, line: &[u8], span: Span) -> bool {
        let Some((shape, columns)) = columns::header(line) else {
            return false;
        };
        (self.shape, self.header, self.shape_from) = (Some(shape), Some(columns), Some(span));
        true
    }

    fn execution(
        &mut self,
        row: &Row<'_>,
        span: Span,
        output: &mut Output<'_, '_>,
    ) -> Result<(), RejectReason> {
        let query_time_us = row.text(Column::QueryTime).and_then(time_us);
        let query_time_us = query_time_us.ok_or(RejectReason::MalformedDuration)?;
        let time = row
            .text(Column::StartTime)
            .and_then(|text| self.time.mysql_long(text));
        let account = Account::read(row.text(Column::UserHost).unwrap_or(b""));
        let mut execution = Execution::new(span, Dialect::Mysql, query_time_us);
        // Only MariaDB counts the rows, and only MariaDB writes down when a statement began.
        (execution.start_us, execution.end_us) = if row.columns.has(Column::RowsAffected) {
            (time, time.and_then(|start| start.checked_add(query_time_us)))
        } else {
            (time.and_then(|end| end.checked_sub(query_time_us)), time)
        };
        execution.lock_time_us = row.text(Column::LockTime).and_then(time_us);
        execution.rows_sent = row.number(Column::RowsSent);
        execution.rows_examined = row.number(Column::RowsExamined);
        execution.rows_affected = row.number(Column::RowsAffected);
        execution.session_id = row.number(Column::ThreadId);
        (execution.user, execution.client) = (account.user, account.client());
        execution.host = output.envelope(span.start).host;
        execution.database = row.text(Column::Db).unwrap_or(b"");
        let statement = row.text(Column::SqlText).unwrap_or(b"").trim_ascii_end();
        execution.statement = statement.strip_suffix(b";").unwrap_or(statement).trim_ascii_end();
        let attributes = row.attributes();
        execution.attributes = &attributes;
        output.execution(&mut execution);
        Ok(())
    }

    fn command(
        &mut self,
        row: &Row<'_>,
        span: Span,
        output: &mut Output<'_, '_>,
    ) -> Result<(), RejectReason> {
        let name = row.text(Column::CommandType).ok_or(RejectReason::MalformedCsv)?;
        let argument = row.text(Column::Argument).unwrap_or(b"");
        let mut entry = command::entry(span, name, argument.trim_ascii_end());
        entry.time_us = row
            .text(Column::StartTime)
            .and_then(|text| self.time.mysql_long(text));
        entry.session_id = row.number(Column::ThreadId);
        let account = Account::read(row.text(Column::UserHost).unwrap_or(b""));
        if entry.user.is_empty() {
            (entry.user, entry.client) = (account.user, account.client());
        }
        entry.host = output.envelope(span.start).host;
        let attributes = row.attributes();
        let known = entry.attributes.iter().copied();
        let attributes: Vec<(&[u8], &[u8])> = known.chain(attributes).collect();
        entry.attributes = &attributes;
        output.log(&mut entry);
        Ok(())
    }
}

impl Layout for LogTable {
    fn role(&mut self, line: &[u8], span: Span, is_open: bool) -> Role {
        let is_continued = is_open && self.shape.is_some_and(|shape| self.fields.goes_on(shape, line));
        if is_continued || line.trim_ascii().is_empty() {
            return Role::Continues;
        }
        if self.is_header(without_newline(line), span) {
            return Role::Banner;
        }
        // No more of it than what a restart reads again.
        let head = &line[..line.len().min(SHAPE_BYTES)];
        self.shape = self.shape.or_else(|| Shape::of(head));
        match self.shape {
            Some(shape) => {
                self.fields.begin(shape, line);
                Role::Begins
            }
            None => Role::Continues,
        }
    }

    fn record(&mut self, record: &Record<'_>, output: &mut Output<'_, '_>) -> Result<(), RejectReason> {
        // Without a header the first row tells the shape, by its beginning.
        self.shape_from.get_or_insert(Span::at(
            record.span.start,
            first_line(record.bytes).len().min(SHAPE_BYTES),
        ));
        let malformed = if record.is_truncated {
            RejectReason::TooLong
        } else {
            RejectReason::MalformedCsv
        };
        let mut fields = std::mem::take(&mut self.fields);
        let columns = self.shape.and_then(|shape| match shape {
            Shape::Vertical => fields.vertical(record.bytes),
            _ => {
                let count = fields.split(shape, record.bytes)?;
                match self.header {
                    Some(columns) => Some(columns).filter(|columns| columns.count() == count),
                    None => Columns::by_count(count),
                }
            }
        });
        let read = match columns {
            None => Err(malformed),
            Some(columns) => {
                let row = Row {
                    columns,
                    fields: &fields,
                };
                if columns.has(Column::QueryTime) {
                    self.execution(&row, record.span, output)
                } else {
                    self.command(&row, record.span, output)
                }
            }
        };
        self.fields = fields;
        read
    }

    fn context(&self) -> Vec<Span> {
        self.shape_from.into_iter().collect()
    }
}

fn first_line(row: &[u8]) -> &[u8] {
    &row[..memchr::memchr(b'\n', row).map_or(row.len(), |newline| newline + 1)]
}

/// One row.
struct Row<'a> {
    columns: Columns,
    fields: &'a Fields,
}

impl<'a> Row<'a> {
    /// The value of a column; `None` when it is NULL or not in the table.
    fn text(&self, column: Column) -> Option<&'a [u8]> {
        self.fields.value(self.columns.place(column)?)
    }

    fn number(&self, column: Column) -> Option<i64> {
        self.text(column).and_then(number)
    }

    /// The columns without a place of their own that say something.
    fn attributes(&self) -> Vec<(&'static [u8], &'a [u8])> {
        let columns = [
            (&b"last_insert_id"[..], Column::LastInsertId),
            (b"insert_id", Column::InsertId),
            (b"server_id", Column::ServerId),
        ];
        let values = columns
            .into_iter()
            .filter_map(|(name, column)| Some((name, self.text(column)?)));
        values.filter(|(_, value)| *value != b"0").collect()
    }
}

/// `00:00:01.517162` to µs. Hours go up to 838.
fn time_us(text: &[u8]) -> Option<i64> {
    let mut parts = text.splitn(3, |b| *b == b':');
    let (hours, minutes, seconds) = (number(parts.next()?)?, number(parts.next()?)?, parts.next()?);
    let seconds_us = crate::timestamp::decimal_us(seconds, MICROS_PER_SECOND)?;
    let is_time = hours <= 838 && minutes <= 59 && seconds_us < 60 * MICROS_PER_SECOND;
    is_time.then(|| (hours * 60 + minutes) * 60 * MICROS_PER_SECOND + seconds_us)
}

#[cfg(test)]
mod tests;
