//! The header block of a slow-log record: `# Time:`, `# User@Host:` and every `# key: value` line, read by key, never by position.

use nom::Parser;
use nom::bytes::complete::{tag, take_until};
use nom::character::complete::digit1;

use crate::entry::{Execution, PlanFlags};
use crate::timestamp::{TimestampReader, decimal_us, number};

const MICROS_PER_SECOND: i64 = 1_000_000;
/// Header fields kept beside those with a place of their own; more than any server prints.
pub(crate) const ATTRIBUTES_MAX: usize = 128;

/// Header fields by name, in the order of the log.
pub(crate) type Attributes<'a> = Vec<(&'a [u8], &'a [u8])>;

/// What a header block says. Borrows from the record.
#[derive(Debug, Default)]
pub(crate) struct Header<'a> {
    pub(crate) time_us: Option<i64>,
    /// `# Time:` is ISO 8601 with a zone, which only servers print that mean the end of the statement.
    pub(crate) time_is_iso: bool,
    /// It has a key that only MariaDB spells so.
    pub(crate) is_mariadb: bool,
    pub(crate) user: &'a [u8],
    pub(crate) host: &'a [u8],
    pub(crate) address: &'a [u8],
    pub(crate) thread_id: Option<i64>,
    /// `Schema:`; empty when the session has no database, `None` when the server does not print it.
    pub(crate) schema: Option<&'a [u8]>,
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
    plan: PlanFlags,
    tmp_tables: Option<i64>,
    tmp_disk_tables: Option<i64>,
    tmp_table_bytes: Option<i64>,
    merge_passes: Option<i64>,
}

impl<'a> Header<'a> {
    /// Reads one line of the block, without its line end. Fields without a place of their own go to `attributes`.
    pub(crate) fn line(
        &mut self,
        line: &'a [u8],
        time: &mut TimestampReader,
        attributes: &mut Attributes<'a>,
    ) {
        if let Some(rest) = line.strip_prefix(b"# Time:") {
            // Old servers and tools put both on one line.
            let (text, more) = match memchr::memmem::find(rest, b"# User@Host:") {
                Some(at) => rest.split_at(at),
                None => (rest, &b""[..]),
            };
            let text = text.trim_ascii();
            let iso = time.iso(text);
            self.time_is_iso = iso.is_some();
            self.time_us = iso.or_else(|| time.mysql_short(text)).or(self.time_us);
            if !more.is_empty() {
                self.user_host(more);
            }
        } else if line.starts_with(b"# User@Host:") {
            self.user_host(line);
        } else {
            let body = line.strip_prefix(b"#").unwrap_or(line).trim_ascii();
            for (key, value) in (Fields { rest: body }) {
                if !self.field(key, value, time) && attributes.len() < ATTRIBUTES_MAX {
                    attributes.push((key, value));
                }
            }
        }
    }

    /// Copies everything but the times into `execution`.
    pub(crate) fn describe(&self, execution: &mut Execution<'a>) {
        execution.user = self.user;
        execution.client = if self.address.is_empty() {
            self.host
        } else {
            self.address
        };
        execution.session_id = self.thread_id;
        execution.lock_time_us = self.lock_time_us;
        execution.rows_sent = self.rows_sent;
        execution.rows_examined = self.rows_examined;
        execution.rows_affected = self.rows_affected;
        execution.bytes_sent = self.bytes_sent;
        execution.bytes_received = self.bytes_received;
        execution.error_code = self.error_code;
        execution.killed = self.killed;
        execution.plan = self.plan;
        execution.tmp_tables = self.tmp_tables;
        execution.tmp_disk_tables = self.tmp_disk_tables;
        execution.tmp_table_bytes = self.tmp_table_bytes;
        execution.merge_passes = self.merge_passes;
    }

    /// `# User@Host: priv[user] @ host [ip]  Id: 42`: from the right, because names may contain brackets, `@` and spaces.
    fn user_host(&mut self, line: &'a [u8]) {
        let line = line.strip_prefix(b"# User@Host:").unwrap_or(line).trim_ascii();
        let id_at =
            memchr::memmem::rfind(line, b"Id:").filter(|at| line[..*at].trim_ascii_end().ends_with(b"]"));
        let (account, id) = match id_at {
            Some(at) => (line[..at].trim_ascii_end(), line[at + 3..].trim_ascii()),
            None => (line, &b""[..]),
        };
        if !id.is_empty() {
            self.thread_id = number(id);
        }
        let Some(at) = memchr::memmem::rfind(account, b" @ ") else {
            self.user = bracketed(account).unwrap_or(account);
            return;
        };
        let (user, host) = (account[..at].trim_ascii(), account[at + 3..].trim_ascii());
        self.user = bracketed(user).unwrap_or(user);
        match host.iter().position(|b| *b == b'[') {
            Some(open) => {
                self.host = host[..open].trim_ascii();
                self.address = host[open + 1..].strip_suffix(b"]").unwrap_or(&host[open + 1..]);
            }
            None => self.host = host,
        }
    }

    /// Whether `key` has a place of its own.
    fn field(&mut self, key: &[u8], value: &'a [u8], time: &mut TimestampReader) -> bool {
        match key {
            b"Query_time" => self.query_time_us = decimal_us(value, MICROS_PER_SECOND),
            b"Lock_time" => self.lock_time_us = decimal_us(value, MICROS_PER_SECOND),
            b"Rows_sent" => self.rows_sent = number(value),
            b"Rows_examined" => self.rows_examined = number(value),
            b"Rows_affected" => self.rows_affected = number(value),
            b"Bytes_sent" => self.bytes_sent = number(value),
            b"Bytes_received" => self.bytes_received = number(value),
            b"Thread_id" => self.thread_id = number(value),
            b"Schema" => self.schema = Some(value),
            // Early 8.0 servers print uninitialised memory.
            b"Errno" | b"Last_errno" => self.error_code = number(value).filter(|code| *code <= 65_535),
            b"Killed" => self.killed = number(value).filter(|code| *code <= 65_535),
            b"Full_scan" => self.plan.full_scan = yes_no(value),
            b"Full_join" => self.plan.full_join = yes_no(value),
            b"Tmp_table" => self.plan.tmp_table = yes_no(value),
            b"Tmp_table_on_disk" => self.plan.tmp_table_on_disk = yes_no(value),
            b"Filesort" => self.plan.filesort = yes_no(value),
            b"Filesort_on_disk" => self.plan.filesort_on_disk = yes_no(value),
            b"QC_hit" => {
                self.is_mariadb = true;
                self.plan.query_cache_hit = yes_no(value);
            }
            b"QC_Hit" => self.plan.query_cache_hit = yes_no(value),
            b"Tmp_tables" | b"Created_tmp_tables" => self.tmp_tables = number(value),
            b"Tmp_disk_tables" | b"Created_tmp_disk_tables" => self.tmp_disk_tables = number(value),
            b"Tmp_table_sizes" => self.tmp_table_bytes = number(value),
            b"Merge_passes" | b"Sort_merge_passes" => self.merge_passes = number(value),
            // Without a zone it is a local time, and `SET timestamp` knows better.
            b"Start" if has_zone(value) => self.start_us = time.iso(value),
            b"End" if has_zone(value) => self.end_us = time.iso(value),
            _ => return false,
        }
        true
    }
}

/// `Key: value  Key: value` of one line. A value may be empty, and then two spaces stand before the next key.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let mut key_and_colon = (
            take_until::<_, _, nom::error::Error<&[u8]>>(&b":"[..]),
            tag(&b":"[..]),
        );
        let (after, (key, _)) = key_and_colon.parse(self.rest).ok()?;
        if key.is_empty() || !key.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_') {
            return None;
        }
        let value = after.strip_prefix(b" ").unwrap_or(after);
        let length = value
            .iter()
            .position(|b| b.is_ascii_whitespace())
            .unwrap_or(value.len());
        let (value, rest) = value.split_at(length);
        self.rest = rest.trim_ascii_start();
        Some((key, value))
    }
}

/// `SET [last_insert_id=1,][insert_id=2,]timestamp=1537887904[.25];` to µs since 1970 UTC; `None` when the line is not this.
pub(crate) fn set_timestamp_us(line: &[u8]) -> Option<i64> {
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
pub(crate) fn use_database(line: &[u8]) -> Option<&[u8]> {
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

/// Whether a line ends the three-line banner that a server writes when it opens its log, or is one of its lines.
pub(crate) fn is_banner(line: &[u8]) -> bool {
    let starts = memchr::memmem::find(line, b", Version: ").is_some()
        && line.trim_ascii_end().ends_with(b"started with:");
    let lower = line[..line.len().min(40)].to_ascii_lowercase();
    let mut port = (tag::<_, _, nom::error::Error<&[u8]>>(&b"tcp port: "[..]), digit1);
    let listens = port.parse(lower.as_slice()).is_ok();
    let columns = line.starts_with(b"Time") && memchr::memmem::find(line, b"Id Command").is_some();
    starts || listens || columns
}

/// Whether a line can begin a record.
pub(crate) fn begins_header(line: &[u8]) -> bool {
    line.starts_with(b"# Time:") || line.starts_with(b"# User@Host:")
}

/// Whether a line belongs to a header block.
pub(crate) fn is_header_line(line: &[u8]) -> bool {
    line.starts_with(b"#") && !is_administrator_command(line)
}

/// Whether a line is a command of the protocol, which looks like a comment and is a statement.
pub(crate) fn is_administrator_command(line: &[u8]) -> bool {
    line.starts_with(b"# administrator command: ")
}

/// Whether a line has the one key that no header block lacks.
pub(crate) fn has_query_time_key(line: &[u8]) -> bool {
    line.starts_with(b"# Query_time:")
        || (line.starts_with(b"#") && memchr::memmem::find(line, b" Query_time: ").is_some())
}

/// What stands in the last brackets of `priv[user]`.
fn bracketed(account: &[u8]) -> Option<&[u8]> {
    let inner = account.strip_suffix(b"]")?;
    // MySQL's user names have no brackets in practice; the privileged name and the login name are the same text.
    let open = memchr::memchr(b'[', inner)?;
    let name = &inner[open + 1..];
    Some(if name.is_empty() {
        account[..open].trim_ascii()
    } else {
        name
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> (Header<'_>, Attributes<'_>) {
        let (mut header, mut attributes) = (Header::default(), Vec::new());
        for line in text.lines() {
            header.line(line.as_bytes(), &mut TimestampReader::new(None), &mut attributes);
        }
        (header, attributes)
    }

    #[track_caller]
    fn check_user(line: &str, user: &str, host: &str, address: &str, thread_id: Option<i64>) {
        let (header, _) = header(line);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let found = (
            text(header.user),
            text(header.host),
            text(header.address),
            header.thread_id,
        );
        assert_eq!(
            found,
            (user.to_owned(), host.to_owned(), address.to_owned(), thread_id),
            "{line}"
        );
    }

    #[test]
    fn accounts_in_every_spelling() {
        check_user(
            "# User@Host: app[app] @ web1.local [10.0.0.5]  Id:    42",
            "app",
            "web1.local",
            "10.0.0.5",
            Some(42),
        );
        check_user(
            "# User@Host: app[app] @  [10.0.0.5]  Id:    42",
            "app",
            "",
            "10.0.0.5",
            Some(42),
        );
        check_user(
            "# User@Host: root[root] @ localhost []",
            "root",
            "localhost",
            "",
            None,
        );
        check_user(
            "# User@Host: [] @  []  Id: 33549154",
            "",
            "",
            "",
            Some(33_549_154),
        );
        check_user(
            "# User@Host: [nobody] @ localhost [127.0.0.1]",
            "nobody",
            "localhost",
            "127.0.0.1",
            None,
        );
        check_user(
            "# User@Host: x y@z[x y@z] @ localhost [127.0.0.1]",
            "x y@z",
            "localhost",
            "127.0.0.1",
            None,
        );
        check_user(
            "# User@Host: old [old] @ db1 [10.0.0.9]",
            "old",
            "db1",
            "10.0.0.9",
            None,
        );
    }

    #[test]
    fn fields_by_key_also_with_empty_values() {
        let (header, attributes) = header(
            "# Thread_id: 4  Schema:   QC_hit: No\n# Query_time: 0.188852  Lock_time: 0.000090 Rows_sent: 2  Rows_examined: 40002\n\
             #   InnoDB_IO_r_ops: 6415  InnoDB_IO_r_wait: 0.001279\n# No InnoDB statistics available for this query\n#",
        );
        assert_eq!(
            (header.schema, header.thread_id, header.plan.query_cache_hit),
            (Some(&b""[..]), Some(4), Some(false))
        );
        assert_eq!(
            (header.query_time_us, header.lock_time_us, header.rows_examined),
            (Some(188_852), Some(90), Some(40_002))
        );
        assert_eq!(
            attributes,
            [
                (&b"InnoDB_IO_r_ops"[..], &b"6415"[..]),
                (b"InnoDB_IO_r_wait", b"0.001279")
            ]
        );
    }

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
        assert!(is_banner(
            b"/usr/sbin/mysqld, Version: 8.0.36 (MySQL). started with:"
        ));
        assert!(
            is_banner(b"Tcp port: 3306  Unix socket: /x")
                && is_banner(b"Time                 Id Command    Argument")
        );
        assert!(!is_banner(b"select 1;"));
    }
}
