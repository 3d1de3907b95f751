//! Commands of the general log, of the file as of the table: what each one is about.

use memchr::memmem::{find, rfind};

use crate::entry::{LogEntry, LogKind, Severity};
use crate::span::Span;
use crate::statement::Dialect;

/// The entry of one command; time, session and what only a table knows are the caller's to add.
pub(crate) fn entry<'a>(span: Span, command: &'a [u8], argument: &'a [u8]) -> LogEntry<'a> {
    let mut entry = LogEntry::new(span, Dialect::Mysql, LogKind::Command);
    entry.object = command;
    match command {
        b"Query" | b"Execute" | b"Prepare" => entry.statement = argument,
        b"Connect" => connect(argument, &mut entry),
        b"Change user" => {
            entry.message = argument;
            account(argument, &mut entry);
        }
        b"Quit" => entry.kind = LogKind::Disconnection,
        b"Init DB" => entry.database = argument,
        _ => entry.message = argument,
    }
    entry
}

/// `app@host on shop using TCP/IP`, or `Access denied for user 'app'@'host' (using password: YES)`.
fn connect<'a>(argument: &'a [u8], entry: &mut LogEntry<'a>) {
    entry.message = argument;
    if access_denied(argument, entry) {
        entry.kind = LogKind::ConnectionFailed;
        entry.severity = Severity::Warning;
    } else {
        entry.kind = LogKind::ConnectionAuthorized;
        account(argument, entry);
    }
}

/// `app@host on shop using TCP/IP`; up to 5.6 without the last words, and without a database nothing stands after `on`.
fn account<'a>(argument: &'a [u8], entry: &mut LogEntry<'a>) {
    let argument = match rfind(argument, b" using ") {
        Some(at) => &argument[..at],
        None => argument,
    };
    let (account, database) = match find(argument, b" on") {
        Some(at) => (&argument[..at], argument[at + 3..].trim_ascii()),
        None => (argument, &b""[..]),
    };
    entry.database = database;
    match memchr::memrchr(b'@', account) {
        Some(at) => (entry.user, entry.client) = (&account[..at], account[at + 1..].trim_ascii()),
        None => entry.user = account,
    }
}

/// Reads `Access denied for user 'app'@'host' (using password: YES)` or `… to database 'shop'`; `false` when it is something else.
pub(crate) fn access_denied<'a>(message: &'a [u8], entry: &mut LogEntry<'a>) -> bool {
    let Some(rest) = message.strip_prefix(b"Access denied for user ") else {
        return false;
    };
    let mut quoted = rest.split(|b| *b == b'\'').skip(1).step_by(2);
    entry.user = quoted.next().unwrap_or(b"");
    entry.client = quoted.next().unwrap_or(b"");
    if find(rest, b" to database '").is_some() {
        entry.database = quoted.next().unwrap_or(b"");
        entry.attributes = NOT_PERMITTED;
    } else {
        entry.attributes = PASSWORD;
    }
    true
}

const PASSWORD: &[(&[u8], &[u8])] = &[(b"reason", b"password")];
const NOT_PERMITTED: &[(&[u8], &[u8])] = &[(b"reason", b"not_permitted")];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(command: &str, argument: &str, kind: LogKind, user: &str, client: &str, database: &str) {
        let entry = entry(Span::default(), command.as_bytes(), argument.as_bytes());
        let expect = (kind, user.as_bytes(), client.as_bytes(), database.as_bytes());
        assert_eq!(
            (entry.kind, entry.user, entry.client, entry.database),
            expect,
            "{argument}"
        );
    }

    #[test]
    fn who_connects_to_what() {
        use LogKind::{Command, ConnectionAuthorized, ConnectionFailed, Disconnection};
        check(
            "Connect",
            "root@localhost on  using Socket",
            ConnectionAuthorized,
            "root",
            "localhost",
            "",
        );
        check(
            "Connect",
            "app@10.0.0.5 on shop using SSL/TLS",
            ConnectionAuthorized,
            "app",
            "10.0.0.5",
            "shop",
        );
        check(
            "Connect",
            "a@b@web on shop",
            ConnectionAuthorized,
            "a@b",
            "web",
            "shop",
        );
        check("Connect", "app@web on", ConnectionAuthorized, "app", "web", "");
        let denied = "Access denied for user 'app'@'web' (using password: YES)";
        check("Connect", denied, ConnectionFailed, "app", "web", "");
        let denied = "Access denied for user 'app'@'web' to database 'shop'";
        check("Connect", denied, ConnectionFailed, "app", "web", "shop");
        check("Init DB", "shop", Command, "", "", "shop");
        check("Quit", "", Disconnection, "", "", "");
    }
}
