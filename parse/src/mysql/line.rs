//! What a line of a slow log is, by itself: part of a header, a command of the protocol, or the banner that a server writes when it opens a log.

use memchr::{memchr_iter, memmem};

/// Whether a line ends the three-line banner that a server writes when it opens its log, or is one of its lines.
pub(crate) fn is_banner(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    match line.first() {
        Some(b'T') if line.starts_with(b"Time") => memmem::find(line, b"Id Command").is_some(),
        Some(b'T' | b't') => {
            let port = line.split_at_checked(b"tcp port: ".len());
            port.is_some_and(|(label, number)| {
                label.eq_ignore_ascii_case(b"tcp port: ") && number.first().is_some_and(u8::is_ascii_digit)
            })
        }
        _ => is_banner_of_version(line),
    }
}

/// Whether a line is the first of a banner, which names the server's version.
pub(crate) fn is_banner_of_version(line: &[u8]) -> bool {
    line.trim_ascii_end().ends_with(b"started with:") && memmem::find(line, b", Version: ").is_some()
}

/// Whether a line can begin a record.
pub(crate) fn begins_header(line: &[u8]) -> bool {
    line.starts_with(b"# Time:") || line.starts_with(b"# User@Host:")
}

/// Whether a line belongs to a header block.
pub(crate) fn is_header_line(line: &[u8]) -> bool {
    line.first() == Some(&b'#') && !is_administrator_command(line)
}

/// Whether a line is a command of the protocol, which looks like a comment and is a statement.
pub(crate) fn is_administrator_command(line: &[u8]) -> bool {
    administrator_command(line).is_some()
}

/// `administrator command: Quit;` of a line that is one, in the spellings of all versions.
pub(crate) fn administrator_command(line: &[u8]) -> Option<&[u8]> {
    let command = line.strip_prefix(b"#")?;
    let command = command.strip_prefix(b" ").unwrap_or(command);
    // 3.23 misspells it.
    let is_one =
        command.starts_with(b"administrator command: ") || command.starts_with(b"adminstrator command: ");
    is_one.then_some(command)
}

/// Whether a line has the one key that no header block lacks. Version 3.23 calls it `Time`.
pub(crate) fn has_query_time_key(line: &[u8]) -> bool {
    if !line.starts_with(b"#") {
        return false;
    }
    line.starts_with(b"# Query_time:")
        || memchr_iter(b'Q', line).any(|at| line[at - 1] == b' ' && line[at..].starts_with(b"Query_time: "))
        || is_metrics_of_3_23(line)
}

/// The metrics line of 3.23 begins like a time: `# Time: 5  Lock_time: 0  Rows_sent: 1`.
pub(crate) fn is_metrics_of_3_23(line: &[u8]) -> bool {
    line.starts_with(b"# Time:") && memmem::find(line, b"  Lock_time:").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banners() {
        assert!(is_banner(
            b"/usr/sbin/mysqld, Version: 8.0.36 (MySQL). started with:"
        ));
        assert!(is_banner(b"Tcp port: 3306  Unix socket: /x"));
        assert!(is_banner(b"TCP Port: 3306, Named Pipe: MySQL"));
        assert!(is_banner(b"Time                 Id Command    Argument"));
        assert!(is_banner(b"Time\t\t    Id Command\tArgument"));
        assert!(!is_banner(b"select 1;") && !is_banner(b"Times, Version: 1"));
        assert!(is_banner_of_version(
            b"mysqld, Version: 8.0.36-28 (Percona Server), Time: 2024-05-01T10:00:00Z. started with:"
        ));
    }

    #[test]
    fn keys_that_make_a_header() {
        assert!(has_query_time_key(b"# Query_time: 1.0"));
        assert!(has_query_time_key(b"# Thread_id: 1  Query_time: 1.0"));
        assert!(has_query_time_key(b"# Time: 5  Lock_time: 0  Rows_sent: 1"));
        assert!(
            !has_query_time_key(b"# Time: 030922 12:34:56") && !has_query_time_key(b"select 'Query_time: '")
        );
        assert!(!has_query_time_key(b"# Thread_id: 4  Schema: x  QC_hit: No"));
    }
}
