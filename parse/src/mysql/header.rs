//! The header block of a slow-log record: `# Time:`, `# User@Host:` and every `# key: value` line, read by key, never by position. What it
//! says is kept as numbers and as places in the record, so that a header is read once, while its record is still being cut.

use crate::entry::{Execution, PlanFlags};
use crate::mysql::account::Account;
use crate::mysql::keys::{Key, Keys};
use crate::mysql::line::is_metrics_of_3_23;
use crate::mysql::warnings::Warnings;
use crate::timestamp::{TimestampReader, decimal_us, number};

const MICROS_PER_SECOND: i64 = 1_000_000;
/// Header fields kept beside those with a place of their own; more than any server prints.
pub(crate) const ATTRIBUTES_MAX: usize = 128;

/// A range of bytes of a record, from its beginning. Records are shorter than 2³² bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    start: u32,
    end: u32,
}

impl Place {
    fn new(start: usize, bytes: usize) -> Place {
        Place {
            start: start as u32,
            end: (start + bytes) as u32,
        }
    }

    /// The bytes at this place.
    pub(crate) fn of(self, record: &[u8]) -> &[u8] {
        &record[self.start as usize..self.end as usize]
    }

    fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// What a header block says.
#[derive(Debug, Default)]
pub(crate) struct Header {
    pub(crate) time_us: Option<i64>,
    /// `# Time:` is ISO 8601 with a zone, which only servers print that mean the end of the statement.
    pub(crate) time_is_iso: bool,
    /// It has a key that only MariaDB spells so.
    pub(crate) is_mariadb: bool,
    /// What follows `# User@Host:`.
    account: Place,
    thread_id: Option<i64>,
    /// `Schema:`; empty when the session has no database, `None` when the server does not print it.
    pub(crate) schema: Option<Place>,
    pub(crate) query_time_us: Option<i64>,
    pub(crate) start_us: Option<i64>,
    pub(crate) end_us: Option<i64>,
    lock_time_us: Option<i64>,
    rows_sent: Option<i64>,
    rows_examined: Option<i64>,
    rows_affected: Option<i64>,
    bytes_sent: Option<i64>,
    bytes_received: Option<i64>,
    error_code: Option<i64>,
    killed: Option<i64>,
    transaction_id: Option<i64>,
    rate_limit: Option<i64>,
    is_nested: bool,
    flags: PlanFlags,
    tmp_tables: Option<i64>,
    tmp_disk_tables: Option<i64>,
    tmp_table_bytes: Option<i64>,
    merge_passes: Option<i64>,
    /// The lines of an `# explain:` block.
    explain: Place,
    pub(crate) warnings: Warnings,
    keys: Keys,
    /// Names and values without a place of their own, in the order of the log.
    pub(crate) attributes: Vec<(Place, Place)>,
}

impl Header {
    /// Forgets the record before; keeps what it has allocated and learnt.
    pub(crate) fn clear(&mut self) {
        self.attributes.clear();
        self.warnings.clear();
        self.keys.begin();
        *self = Header {
            attributes: std::mem::take(&mut self.attributes),
            warnings: std::mem::take(&mut self.warnings),
            keys: std::mem::take(&mut self.keys),
            ..Header::default()
        };
    }

    /// Reads one line of the block, without its line end, that begins at byte `at` of its record.
    pub(crate) fn line(&mut self, line: &[u8], at: usize, time: &mut TimestampReader) {
        // The byte after `# ` tells most lines apart.
        match line.get(2) {
            Some(b'T') if line.starts_with(b"# Time:") => self.time(line, at, time),
            Some(b'U') if line.starts_with(USER_HOST) => self.account(line, at, 0),
            Some(b'e') if line.starts_with(b"# explain:") => {
                let start = if self.explain.is_empty() {
                    at
                } else {
                    self.explain.start as usize
                };
                self.explain = Place::new(start, at + line.len() - start);
            }
            Some(b'W' | b'N' | b'E') if self.warnings.line(line) => {}
            _ => self.fields(line, at, time),
        }
    }

    /// The lines of an `# explain:` block, if there is one.
    pub(crate) fn explain<'r>(&self, record: &'r [u8]) -> Option<&'r [u8]> {
        (!self.explain.is_empty()).then(|| self.explain.of(record))
    }

    /// Copies everything but the times and the attributes into `execution`.
    pub(crate) fn describe<'r>(&self, record: &'r [u8], execution: &mut Execution<'r>) {
        let account = Account::read(self.account.of(record));
        execution.user = account.user;
        execution.client = account.client();
        execution.session_id = self.thread_id.or(account.thread_id);
        execution.lock_time_us = self.lock_time_us;
        execution.rows_sent = self.rows_sent;
        execution.rows_examined = self.rows_examined;
        execution.rows_affected = self.rows_affected;
        execution.bytes_sent = self.bytes_sent;
        execution.bytes_received = self.bytes_received;
        execution.error_code = self.error_code;
        execution.killed = self.killed;
        execution.transaction_id = self.transaction_id;
        execution.rate_limit = self.rate_limit;
        execution.is_nested = self.is_nested;
        execution.plan = self.flags;
        execution.tmp_tables = self.tmp_tables;
        execution.tmp_disk_tables = self.tmp_disk_tables;
        execution.tmp_table_bytes = self.tmp_table_bytes;
        execution.merge_passes = self.merge_passes;
    }

    fn time(&mut self, line: &[u8], at: usize, time: &mut TimestampReader) {
        if is_metrics_of_3_23(line) {
            return self.fields(line, at, time);
        }
        // Old servers and tools put both on one line.
        let account_at = memchr::memmem::find(line, USER_HOST);
        let text = line[b"# Time:".len()..account_at.unwrap_or(line.len())].trim_ascii();
        let iso = time.iso(text);
        self.time_is_iso = iso.is_some();
        self.time_us = iso.or_else(|| time.mysql_short(text)).or(self.time_us);
        if let Some(account_at) = account_at {
            self.account(line, at, account_at);
        }
    }

    fn account(&mut self, line: &[u8], at: usize, account_at: usize) {
        let start = account_at + USER_HOST.len();
        self.account = Place::new(at + start, line.len() - start);
    }

    /// `# Key: value  Key: value`. A value may be empty, and then two spaces stand before the next key.
    fn fields(&mut self, line: &[u8], at: usize, time: &mut TimestampReader) {
        let mut next = 1;
        loop {
            next += blanks(&line[next.min(line.len())..]);
            let Some(rest) = line.get(next..) else { return };
            let Some((key, key_bytes)) = self.keys.read(rest) else {
                return;
            };
            let value_at = key_bytes + 1 + usize::from(rest.get(key_bytes + 1) == Some(&b' '));
            let value_bytes = value_length(key, &rest[value_at.min(rest.len())..]);
            let value = Place::new(at + next + value_at, value_bytes);
            let text = if value_bytes == 0 {
                b""
            } else {
                &rest[value_at..value_at + value_bytes]
            };
            if !self.field(key, text, value, time) && self.attributes.len() < ATTRIBUTES_MAX {
                self.attributes.push((Place::new(at + next, key_bytes), value));
            }
            next += value_at + value_bytes;
        }
    }

    /// Whether `key` has a place of its own.
    fn field(&mut self, key: Key, value: &[u8], place: Place, time: &mut TimestampReader) -> bool {
        match key {
            Key::QueryTime => self.query_time_us = decimal_us(value, MICROS_PER_SECOND),
            Key::LockTime => self.lock_time_us = decimal_us(value, MICROS_PER_SECOND),
            Key::RowsSent => self.rows_sent = number(value),
            Key::RowsExamined => self.rows_examined = number(value),
            Key::RowsAffected => self.rows_affected = number(value),
            Key::BytesSent => self.bytes_sent = number(value),
            Key::BytesReceived => self.bytes_received = number(value),
            Key::ThreadId => self.thread_id = number(value),
            Key::Schema => self.schema = Some(place),
            // Early 8.0 servers print uninitialised memory.
            Key::ErrorCode => self.error_code = number(value).filter(|code| *code <= 65_535),
            Key::Killed => self.killed = number(value).filter(|code| *code <= 65_535),
            Key::FullScan => self.flags.full_scan = yes_no(value),
            Key::FullJoin => self.flags.full_join = yes_no(value),
            Key::TmpTable => self.flags.tmp_table = yes_no(value),
            Key::TmpTableOnDisk => self.flags.tmp_table_on_disk = yes_no(value),
            Key::Filesort => self.flags.filesort = yes_no(value),
            Key::FilesortOnDisk => self.flags.filesort_on_disk = yes_no(value),
            Key::MariadbQueryCache => {
                self.is_mariadb = true;
                self.flags.query_cache_hit = yes_no(value);
            }
            Key::QueryCache => self.flags.query_cache_hit = yes_no(value),
            Key::TmpTables => self.tmp_tables = number(value),
            Key::TmpDiskTables => self.tmp_disk_tables = number(value),
            Key::TmpTableSizes => self.tmp_table_bytes = number(value),
            Key::MergePasses => self.merge_passes = number(value),
            Key::RateLimit => self.rate_limit = number(value),
            // A statement that read and wrote nothing has transaction 0.
            Key::TransactionId => self.transaction_id = hexadecimal(value).filter(|id| *id != 0),
            // The routine's name is worth keeping.
            Key::StoredRoutine => {
                self.is_nested = true;
                return false;
            }
            // Without a zone it is a local time, and `SET timestamp` knows better.
            Key::Start if has_zone(value) => self.start_us = time.iso(value),
            Key::End if has_zone(value) => self.end_us = time.iso(value),
            Key::Start | Key::End | Key::Other => return false,
        }
        true
    }
}

const USER_HOST: &[u8] = b"# User@Host:";

/// How long the value is that `rest` begins with: one word, but names may have spaces.
fn value_length(key: Key, rest: &[u8]) -> usize {
    match key {
        Key::StoredRoutine => rest.trim_ascii_end().len(),
        Key::Schema => {
            let next_key = memchr::memchr(b':', rest).and_then(|colon| memchr::memrchr(b' ', &rest[..colon]));
            rest[..next_key.unwrap_or(rest.len())].trim_ascii_end().len()
        }
        _ => rest.iter().position(|b| is_blank(*b)).unwrap_or(rest.len()),
    }
}

/// Spaces, tabs, and what no server prints in a header.
fn is_blank(byte: u8) -> bool {
    byte <= b' '
}

fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|b| is_blank(**b)).count()
}

fn has_zone(time: &[u8]) -> bool {
    time.ends_with(b"Z") || time.iter().skip(19).any(|b| matches!(b, b'+' | b'-'))
}

fn yes_no(value: &[u8]) -> Option<bool> {
    match value {
        b"Yes" | b"1" => Some(true),
        b"No" | b"0" => Some(false),
        _ => None,
    }
}

fn hexadecimal(value: &[u8]) -> Option<i64> {
    i64::from_str_radix(std::str::from_utf8(value).ok()?, 16)
        .ok()
        .filter(|id| *id >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Header {
        let (mut header, mut at) = (Header::default(), 0);
        for line in text.split_inclusive('\n') {
            header.line(line.trim_end().as_bytes(), at, &mut TimestampReader::new(None));
            at += line.len();
        }
        header
    }

    fn attributes<'t>(header: &Header, text: &'t str) -> Vec<(&'t str, &'t str)> {
        let of = |place: Place| std::str::from_utf8(place.of(text.as_bytes())).unwrap();
        header
            .attributes
            .iter()
            .map(|(name, value)| (of(*name), of(*value)))
            .collect()
    }

    #[test]
    fn fields_by_key_also_with_empty_values() {
        let text = "# Thread_id: 4  Schema:   QC_hit: No\n# Query_time: 0.188852  Lock_time: 0.000090 Rows_sent: 2  Rows_examined: 40002\n\
                    #   InnoDB_IO_r_ops: 6415  InnoDB_IO_r_wait: 0.001279\n# No InnoDB statistics available for this query\n#";
        let header = header(text);
        assert_eq!(
            header.schema.map(|place| place.of(text.as_bytes())),
            Some(&b""[..])
        );
        assert_eq!(
            (header.thread_id, header.flags.query_cache_hit),
            (Some(4), Some(false))
        );
        assert_eq!(
            (header.query_time_us, header.lock_time_us, header.rows_examined),
            (Some(188_852), Some(90), Some(40_002))
        );
        assert_eq!(
            attributes(&header, text),
            [("InnoDB_IO_r_ops", "6415"), ("InnoDB_IO_r_wait", "0.001279")]
        );
    }

    #[track_caller]
    fn check_schema(line: &str, schema: &str, next: Option<i64>) {
        let header = header(line);
        let found = header.schema.map(|place| place.of(line.as_bytes()));
        assert_eq!(found, Some(schema.as_bytes()), "{line}");
        assert_eq!(header.error_code.or(header.rows_affected), next, "{line}");
    }

    #[test]
    fn schemas_of_every_server() {
        check_schema("# Schema: imdb  Last_errno: 7  Killed: 0", "imdb", Some(7));
        check_schema("# Schema:   Last_errno: 7  Killed: 0", "", Some(7));
        check_schema("# Schema: my shop  Last_errno: 7  Killed: 0", "my shop", Some(7));
        check_schema(
            "# End: 2022-12-14T15:01:34.892085Z Schema: slow Rows_affected: 3",
            "slow",
            Some(3),
        );
        check_schema("# Schema: last", "last", None);
    }

    #[test]
    fn what_only_some_servers_say() {
        let text = "# Stored_routine: shop.daily totals\n# InnoDB_trx_id: 98CF\n# Log_slow_rate_type: query  Log_slow_rate_limit: 500\n\
                    # Profile_starting: 0.000125 Profile_starting_cpu: 0.000120 Profile_total: 7.815071";
        let header = header(text);
        assert_eq!(
            (header.transaction_id, header.rate_limit, header.is_nested),
            (Some(0x98cf), Some(500), true)
        );
        assert_eq!(
            attributes(&header, text),
            [
                ("Stored_routine", "shop.daily totals"),
                ("Log_slow_rate_type", "query"),
                ("Profile_starting", "0.000125"),
                ("Profile_starting_cpu", "0.000120"),
                ("Profile_total", "7.815071")
            ]
        );
        assert_eq!(super::hexadecimal(b"FFFFFFFFFFFFFFFFF"), None);
    }

    #[test]
    fn metrics_of_3_23_are_no_time() {
        let header = header(
            "# Time: 030922 12:34:56\n# User@Host: a [a] @ h []\n# Time: 5  Lock_time: 1  Rows_sent: 2",
        );
        assert_eq!(
            (header.query_time_us, header.lock_time_us),
            (Some(5_000_000), Some(1_000_000))
        );
        assert_eq!(header.time_us, Some(1_064_234_096_000_000));
    }

    #[test]
    fn an_explain_block_is_kept_as_its_lines() {
        let text = "# Query_time: 1.0  Lock_time: 0.0\n#\n# explain: id\tselect_type\n# explain: 1\tSIMPLE\n#\nSET timestamp=1;\n";
        let header = header(text.split_inclusive("#\nSET").next().unwrap());
        assert_eq!(
            header.explain(text.as_bytes()),
            Some(&b"# explain: id\tselect_type\n# explain: 1\tSIMPLE"[..])
        );
    }
}
