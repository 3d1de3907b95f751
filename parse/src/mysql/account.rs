//! Accounts as MySQL prints them: `priv[user] @ host [address]  Id: 42`. Read from the right, because names may contain brackets, `@` and spaces.

use crate::timestamp::number;

/// Who sent a statement. Unknown is `None` or empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Account<'a> {
    pub(crate) user: &'a [u8],
    host: &'a [u8],
    address: &'a [u8],
    pub(crate) thread_id: Option<i64>,
}

impl<'a> Account<'a> {
    /// Reads what stands after `# User@Host:` or in a column `user_host`.
    pub(crate) fn read(text: &'a [u8]) -> Account<'a> {
        let text = text.trim_ascii();
        let (account, thread_id) = match memchr::memrchr(b']', text) {
            Some(end) => (
                &text[..=end],
                text[end + 1..].trim_ascii_start().strip_prefix(b"Id:"),
            ),
            None => (text, None),
        };
        let thread_id = thread_id.and_then(|id| number(id.trim_ascii()));
        let is_between = |at: &usize| account[..*at].ends_with(b" ") && account[at + 1..].starts_with(b" ");
        let Some(at) = memchr::memrchr_iter(b'@', account).find(is_between) else {
            return Account {
                user: bracketed(account).unwrap_or(account),
                thread_id,
                ..Account::default()
            };
        };
        let (user, host) = (account[..at].trim_ascii(), account[at + 1..].trim_ascii());
        let (host, address) = match memchr::memchr(b'[', host) {
            Some(open) => (
                host[..open].trim_ascii(),
                host[open + 1..].strip_suffix(b"]").unwrap_or(&host[open + 1..]),
            ),
            None => (host, &b""[..]),
        };
        Account {
            user: bracketed(user).unwrap_or(user),
            host,
            address,
            thread_id,
        }
    }

    /// Where the client is: its address, or the name of its host.
    pub(crate) fn client(&self) -> &'a [u8] {
        if self.address.is_empty() {
            self.host
        } else {
            self.address
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, user: &str, host: &str, address: &str, thread_id: Option<i64>) {
        let expect = Account {
            user: user.as_bytes(),
            host: host.as_bytes(),
            address: address.as_bytes(),
            thread_id,
        };
        assert_eq!(Account::read(text.as_bytes()), expect, "{text}");
    }

    #[test]
    fn accounts_in_every_spelling() {
        check(
            " app[app] @ web1.local [10.0.0.5]  Id:    42",
            "app",
            "web1.local",
            "10.0.0.5",
            Some(42),
        );
        check(
            " app[app] @  [10.0.0.5]  Id:    42",
            "app",
            "",
            "10.0.0.5",
            Some(42),
        );
        check(" root[root] @ localhost []", "root", "localhost", "", None);
        check(" [] @  []  Id: 33549154", "", "", "", Some(33_549_154));
        check(
            " [nobody] @ localhost [127.0.0.1]",
            "nobody",
            "localhost",
            "127.0.0.1",
            None,
        );
        check("nobody[] @ localhost []", "nobody", "localhost", "", None);
        check(
            " x y@z[x y@z] @ localhost [127.0.0.1]",
            "x y@z",
            "localhost",
            "127.0.0.1",
            None,
        );
        check(" old [old] @ db1 [10.0.0.9]", "old", "db1", "10.0.0.9", None);
        check("[<replication_slave>] @  []", "<replication_slave>", "", "", None);
    }
}
