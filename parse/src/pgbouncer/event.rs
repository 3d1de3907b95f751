//! What an event of PgBouncer says: whose connection it is about, what happened to it, and the averages it prints every minute. Knows
//! wordings, not lines.

use memchr::{memchr, memmem, memrchr};

use crate::entry::{LogEntry, LogKind, Severity};
use crate::postgres::log::Attributes;
use crate::postgres::log::wording::{between, leading, leading_number, number_after};

const SECOND_US: i64 = 1_000_000;

/// Reads events; reuses its buffers.
#[derive(Debug, Default)]
pub(super) struct EventReader {
    attributes: Attributes,
}

impl EventReader {
    /// Fills in what an entry with message says, and hands it out.
    pub(super) fn describe(&mut self, entry: &mut LogEntry<'_>, sink: impl FnOnce(&mut LogEntry<'_>)) {
        self.attributes.clear();
        entry.kind = match entry.severity {
            Severity::Error | Severity::Fatal | Severity::Panic => LogKind::Error,
            Severity::Warning => LogKind::Warning,
            Severity::Log | Severity::Notice => LogKind::Message,
        };
        match peer(entry.message) {
            Some(peer) => self.connection(&peer, entry),
            None => self.pooler(entry),
        }
        self.attributes.with(|attributes| {
            sink(&mut LogEntry {
                attributes,
                ..entry.clone()
            });
        });
    }

    /// `C-0x…: shop/app@10.0.0.5:40180 text`.
    fn connection<'e>(&mut self, peer: &Peer<'e>, entry: &mut LogEntry<'e>) {
        entry.database = peer.database;
        entry.user = peer.user;
        entry.client = peer.host;
        let kind = if let Some(rest) = peer.text.strip_prefix(b"login attempt: ") {
            self.login(rest, entry);
            Some(LogKind::ConnectionReceived)
        } else if peer.text.starts_with(b"new connection to server") {
            Some(LogKind::ConnectionReceived)
        } else if let Some(rest) = peer.text.strip_prefix(b"closing because: ") {
            self.closing(rest, entry);
            Some(LogKind::Disconnection)
        } else {
            let error = peer.text.strip_prefix(b"pooler error: ").unwrap_or(peer.text);
            self.refused(error)
        };
        if let Some(kind) = kind {
            entry.kind = kind;
        }
        self.attributes.text("side", peer.side.as_bytes());
        if let Some(port) = leading_number(peer.port) {
            self.attributes.number("port", port);
        }
    }

    /// `db=shop user=app tls=no replication=no`.
    fn login<'e>(&mut self, rest: &'e [u8], entry: &mut LogEntry<'e>) {
        // The names before the text are those of the pool: not known yet at this time.
        if let Some(database) = between(rest, "db=", " user=") {
            entry.database = database;
        }
        if let Some(user) = between(rest, " user=", " tls=") {
            entry.user = user;
        }
        let tls = between(rest, " tls=", " ").or_else(|| rest.rsplit(|b| *b == b'=').next());
        if tls.is_some_and(|tls| tls != b"no") && memmem::find(rest, b" tls=").is_some() {
            self.attributes.number("ssl", 1);
        }
    }

    /// `client close request (age=56s)`.
    fn closing(&mut self, rest: &[u8], entry: &mut LogEntry<'_>) {
        let end = memmem::rfind(rest, b" (age=").unwrap_or(rest.len());
        self.attributes.text("reason", &rest[..end]);
        let age = number_after(&rest[end..], "age=");
        entry.duration_us = age.and_then(|age| age.checked_mul(SECOND_US));
    }

    /// Errors that the pooler sends to a client; `None` when it is none of the known.
    fn refused(&mut self, error: &[u8]) -> Option<LogKind> {
        const REFUSED: &[(&str, &str)] = &[
            ("no such database", "no_database"),
            ("no such user", "no_user"),
            ("no working server connection", "not_ready"),
            ("password authentication failed", "password"),
            ("auth failed", "password"),
            ("SASL authentication failed", "password"),
            ("no more connections allowed", "too_many"),
            ("too many ", "too_many"),
            ("client_login_timeout", "authentication"),
            ("server login failed", "authentication"),
            ("server login has been failing", "not_ready"),
            ("login rejected", "not_permitted"),
            ("not allowed to connect", "not_permitted"),
            ("database does not allow connections", "not_permitted"),
            ("pgbouncer cannot connect to server", "not_ready"),
            ("the database system is ", "not_ready"),
            ("shutting down", "not_ready"),
            ("SSL required", "ssl"),
            ("TLS handshake error", "ssl"),
            ("unsupported startup parameter", "protocol"),
            ("unsupported pkt type", "protocol"),
            ("bad startup packet", "protocol"),
        ];
        const TIMEOUTS: &[&str] = &[
            "query_timeout",
            "query_wait_timeout",
            "idle_transaction_timeout",
            "cancel_wait_timeout",
        ];
        if let Some((_, reason)) = REFUSED
            .iter()
            .find(|(start, _)| error.starts_with(start.as_bytes()))
        {
            self.attributes.text("reason", reason.as_bytes());
            return Some(LogKind::ConnectionFailed);
        }
        if TIMEOUTS.iter().any(|name| error.starts_with(name.as_bytes())) {
            self.attributes.text("cause", b"timeout");
            return Some(LogKind::Canceled);
        }
        None
    }

    /// What the pooler says about itself.
    fn pooler(&mut self, entry: &mut LogEntry<'_>) {
        const RULES: &[(&str, LogKind, &str)] = &[
            ("RELOAD command issued", LogKind::Configuration, "reload"),
            ("SHUTDOWN command issued", LogKind::Shutdown, "requested"),
            ("file descriptor limit: ", LogKind::Startup, "starting"),
            ("got SIGHUP", LogKind::Configuration, "reload"),
            ("got SIGINT", LogKind::Shutdown, "requested"),
            ("got SIGTERM", LogKind::Shutdown, "requested"),
            ("kernel file descriptor limit: ", LogKind::Startup, "starting"),
            ("listening on ", LogKind::Startup, "listening"),
            ("process up: ", LogKind::Startup, "ready"),
            (
                "server connections dropped, exiting",
                LogKind::Shutdown,
                "stopped",
            ),
        ];
        let message = entry.message;
        if let Some(averages) = message
            .strip_prefix(b"stats: ")
            .or_else(|| message.strip_prefix(b"Stats: "))
        {
            entry.kind = LogKind::Statistics;
            return self.statistics(averages);
        }
        let rule = RULES
            .iter()
            .find_map(|(start, kind, phase)| Some((kind, phase, message.strip_prefix(start.as_bytes())?)));
        let Some((kind, phase, rest)) = rule else {
            let error = message.strip_prefix(b"pooler error: ").unwrap_or(message);
            entry.kind = self.refused(error).unwrap_or(entry.kind);
            return;
        };
        entry.kind = *kind;
        self.attributes.text("phase", phase.as_bytes());
        match *phase {
            "listening" => entry.object = rest,
            "ready" => {
                let version = rest
                    .strip_prefix(b"PgBouncer ")
                    .or_else(|| rest.strip_prefix(b"pgbouncer "));
                self.attributes.text(
                    "version",
                    leading(version.unwrap_or(b""), |b| b != b',' && b != b' '),
                );
            }
            _ => {}
        }
    }

    /// `0 xacts/s, 1 queries/s, in 40 B/s, out 51 B/s, xact 0 us, wait time 0 us`.
    fn statistics(&mut self, averages: &[u8]) {
        for item in averages.split(|b| *b == b',') {
            let item = item.trim_ascii();
            let Some(at) = item.iter().position(u8::is_ascii_digit) else {
                continue;
            };
            let digits = leading(&item[at..], |b| b.is_ascii_digit());
            let words = (
                item[..at].trim_ascii_end(),
                item[at + digits.len()..].trim_ascii(),
            );
            let name = match words {
                (b"", b"xacts/s") => "xacts_per_s",
                (b"", b"queries/s" | b"req/s") => "queries_per_s",
                (b"", b"client parses/s") => "client_parses_per_s",
                (b"", b"server parses/s") => "server_parses_per_s",
                (b"", b"binds/s") => "binds_per_s",
                (b"in", b"B/s" | b"b/s") => "in_bytes_per_s",
                (b"out", b"B/s" | b"b/s") => "out_bytes_per_s",
                (b"xact", b"us") => "xact_us",
                (b"query", b"us") => "query_us",
                (b"wait" | b"wait time", b"us") => "wait_us",
                _ => continue,
            };
            if let Some(value) = leading_number(digits) {
                self.attributes.number(name, value);
            }
        }
    }
}

/// Whose connection an event is about.
struct Peer<'p> {
    side: &'static str,
    database: &'p [u8],
    user: &'p [u8],
    host: &'p [u8],
    port: &'p [u8],
    text: &'p [u8],
}

/// `C-0x4000: shop/app@10.0.0.5:40180 text`; names in brackets are not known.
fn peer(message: &[u8]) -> Option<Peer<'_>> {
    let side = match message.get(..2)? {
        b"C-" => "client",
        b"S-" => "server",
        _ => return None,
    };
    let rest = &message[memmem::find(message, b": ")? + 2..];
    let slash = memchr(b'/', rest)?;
    // Names may have spaces: the address is what follows the first `@` after which a port is.
    let at = slash + memchr(b'@', &rest[slash..])?;
    let end = memchr(b' ', &rest[at..]).map_or(rest.len(), |space| at + space);
    let address = &rest[at + 1..end];
    let colon = memrchr(b':', address).unwrap_or(address.len());
    let host = &address[..colon];
    Some(Peer {
        side,
        database: known(&rest[..slash]),
        user: known(&rest[slash + 1..at]),
        host: host
            .strip_prefix(b"[")
            .and_then(|host| host.strip_suffix(b"]"))
            .unwrap_or(host),
        port: address.get(colon + 1..).unwrap_or(b""),
        text: rest.get(end + 1..).unwrap_or(b""),
    })
}

/// `(nodb)` and `(nouser)` are what PgBouncer prints before it knows.
fn known(name: &[u8]) -> &[u8] {
    if matches!(name, b"(nodb)" | b"(nouser)") {
        b""
    } else {
        name
    }
}
