//! The keys of `[serve]`: where the service listens, who may ask it, and how much. Reads no file.

use crate::configuration::key::{Key, Table};

pub(in crate::configuration) const SERVE: Table = Table {
    header: "[serve]",
    meaning: "What others may ask the service. Nothing listens unless it is said here.",
    keys: &[
        Key {
            name: "postgres",
            value: "text",
            default: "",
            meaning: "Address and port for PostgreSQL clients, such as `127.0.0.1:5433`. Beyond this machine only with `users`.",
        },
        Key {
            name: "http",
            value: "text",
            default: "",
            meaning: "Address and port for HTTP, such as `127.0.0.1:8433`: `/healthz`, `/readyz`, `/metrics`, SQL and reports. Beyond this machine only with `tokens`, or `monitoring_only`.",
        },
        Key {
            name: "users",
            value: "text",
            default: "",
            meaning: "File of the users of PostgreSQL clients, a `\"name\" \"password or SCRAM verifier\"` a line. `SLOWLAKE_USERS` in the environment holds such lines itself, and is stronger; `--users` is stronger still.",
        },
        Key {
            name: "tokens",
            value: "text",
            default: "",
            meaning: "File of the tokens of HTTP clients, a `\"name\" \"token\"` or `\"name\" \"sha256:…\"` a line. `SLOWLAKE_TOKENS` in the environment holds such lines itself, and is stronger; `--tokens` is stronger still.",
        },
        Key {
            name: "monitoring_only",
            value: "`true` or `false`",
            default: "`false`",
            meaning: "Whether HTTP has health, readiness and metrics only, and neither SQL nor reports: then it needs no tokens beyond this machine.",
        },
        Key {
            name: "guard_monitoring",
            value: "`true` or `false`",
            default: "`false`",
            meaning: "Whether `/readyz` and `/metrics` ask for a token, too. `/healthz` never does.",
        },
        Key {
            name: "tls_cert",
            value: "text",
            default: "",
            meaning: "File of the certificate that both servers prove themselves with, PEM, and of those that vouch for it.",
        },
        Key {
            name: "tls_key",
            value: "text",
            default: "",
            meaning: "File of its private key, PEM.",
        },
        Key {
            name: "allow_plaintext",
            value: "`true` or `false`",
            default: "`false`",
            meaning: "Whether PostgreSQL clients may connect without TLS although there is a certificate.",
        },
        Key {
            name: "statement_timeout",
            value: "duration",
            default: "`5m`",
            meaning: "The longest that a statement may take, with all its rows, `1s` to `1d`.",
        },
        Key {
            name: "idle_timeout",
            value: "duration",
            default: "`1h`",
            meaning: "A connection that asks nothing for so long is closed, `1s` to `1d`.",
        },
        Key {
            name: "connections",
            value: "1 to 10 000",
            default: "`256`",
            meaning: "Connections at the same time, of each protocol.",
        },
        Key {
            name: "rows",
            value: "number",
            default: "`10000000`",
            meaning: "The most rows of one answer.",
        },
        Key {
            name: "memory_mib",
            value: "64 to 1 048 576",
            default: "`1024`",
            meaning: "Memory for the data of all statements together, MiB.",
        },
        Key {
            name: "redact",
            value: "`true` or `false`",
            default: "`false`",
            meaning: "Whether literals are taken out of statements in the audit, which is a line in the log for each of them.",
        },
    ],
};
