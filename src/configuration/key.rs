//! The tables and keys of the configuration file, each with what it means: what an unknown key is held against, and what the reference is
//! written from. Reads no file.

mod cluster;
mod serve;

use std::fmt::Write as _;

pub(super) use crate::configuration::key::cluster::CLUSTER_OF_QUERIES;
pub(super) use crate::configuration::key::serve::SERVE;

/// A table of the file, with its keys in the order of the reference.
#[derive(Debug)]
pub(super) struct Table {
    /// As it is written above its keys: `[[source.file]]`; empty for what stands before all tables.
    header: &'static str,
    meaning: &'static str,
    keys: &'static [Key],
}

/// A key, and what may stand behind it.
#[derive(Debug)]
struct Key {
    name: &'static str,
    /// What its values are.
    value: &'static str,
    /// What holds where it is not there; empty for nothing.
    default: &'static str,
    meaning: &'static str,
}

/// All tables, in the order of the reference.
const TABLES: [&Table; 11] = [
    &ROOT,
    &DEFAULTS,
    &FILE,
    &KAFKA,
    &POSTGRES,
    &MYSQL,
    &MAINTENANCE,
    &RETENTION,
    &SERVE,
    &CLUSTER_OF_QUERIES,
    &LOG,
];

impl Table {
    /// The names of its keys.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }
}

/// All tables and keys, as Markdown.
pub(crate) fn reference() -> String {
    let mut text = String::from(REFERENCE_HEAD);
    for table in TABLES {
        let title = match table.header {
            "" => "Before all tables".to_owned(),
            header => format!("`{header}`"),
        };
        // Writing to a text cannot fail.
        let _ = write!(text, "\n## {title}\n\n{}\n\n", table.meaning);
        text += "| key | value | without it | meaning |\n|---|---|---|---|\n";
        for key in table.keys {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} |",
                key.name, key.value, key.default, key.meaning
            );
        }
    }
    text
}

const REFERENCE_HEAD: &str = "\
# The configuration file of `slowlake run`

Written by `slowlake check --reference`. The file is TOML. `slowlake check -c FILE` says of each part of it whether it can be run; a key that
does not exist is an error that names the nearest one. A duration is a number with its unit: `10s`, `5m`, `1h`, `35d`, `2y`.
On SIGHUP the file is read again: sources that are new begin, those that are gone end, the others go on; what is wrong with it is said, and
nothing changes then.
";

pub(super) const ROOT: Table = Table {
    header: "",
    meaning: "These keys stand above the first table.",
    keys: &[
        Key {
            name: "lake",
            value: "text",
            default: "",
            meaning: "Where the lake is: a folder, or the URL of a bucket (`s3://`, `gs://`, `az://`). `SLOWLAKE_LAKE` in the environment is stronger.",
        },
        Key {
            name: "commit_every",
            value: "duration",
            default: "`10s`",
            meaning: "The longest time between what is read and its commit, `1s` to `1h`.",
        },
        Key {
            name: "defaults",
            value: "table",
            default: "",
            meaning: "What holds for all sources that do not say otherwise.",
        },
        Key {
            name: "source",
            value: "tables",
            default: "",
            meaning: "What is read; at least one, unless something is served.",
        },
        Key {
            name: "maintenance",
            value: "table",
            default: "",
            meaning: "When the lake is tidied up.",
        },
        Key {
            name: "retention",
            value: "table",
            default: "",
            meaning: "How long rows are kept.",
        },
        Key {
            name: "serve",
            value: "table",
            default: "",
            meaning: "What others may ask the service.",
        },
        Key {
            name: "cluster",
            value: "table",
            default: "",
            meaning: "Where queries that read much are executed.",
        },
        Key {
            name: "log",
            value: "table",
            default: "",
            meaning: "What the service says of itself.",
        },
    ],
};

pub(super) const SOURCE: Table = Table {
    header: "[source]",
    meaning: "",
    keys: &[table("file"), table("kafka"), table("postgres"), table("mysql")],
};

/// The name of a list of tables, which are explained by themselves.
const fn table(name: &'static str) -> Key {
    Key {
        name,
        value: "tables",
        default: "",
        meaning: "",
    }
}

pub(super) const DEFAULTS: Table = Table {
    header: "[defaults]",
    meaning: "What holds for all sources that do not say otherwise.",
    keys: &[
        Key {
            name: "cluster",
            value: "text",
            default: "",
            meaning: "The cluster that the servers belong to.",
        },
        Key {
            name: "timezone",
            value: "text",
            default: "",
            meaning: "The zone of the servers' clocks, such as `Europe/Berlin`, for logs that do not say it.",
        },
        Key {
            name: "statement_text",
            value: "`all`, `sampled` or `none`",
            default: "`sampled`",
            meaning: "Which executions keep the text of their statement, with its literals.",
        },
        Key {
            name: "redact",
            value: "yes or no",
            default: "`false`",
            meaning: "Keep no literal anywhere. Goes with no `statement_text`.",
        },
    ],
};

pub(super) const FILE: Table = Table {
    header: "[[source.file]]",
    meaning: "Logs of one server, followed through their rotation. There may be 32 of them.",
    keys: &[
        Key {
            name: "paths",
            value: "list of texts",
            default: "",
            meaning: "Files, folders and patterns. What is not there yet is waited for.",
        },
        Key {
            name: "server",
            value: "text",
            default: "what the log says, else the name of this machine",
            meaning: "The server that writes them.",
        },
        Key {
            name: "cluster",
            value: "text",
            default: "`defaults.cluster`",
            meaning: "The cluster that it belongs to.",
        },
        Key {
            name: "format",
            value: "a name of `slowlake ingest --format`",
            default: "`auto`",
            meaning: "What it writes, to insist on it.",
        },
        Key {
            name: "log_line_prefix",
            value: "text",
            default: "recognised",
            meaning: "That setting of PostgreSQL, where it is not recognised.",
        },
        Key {
            name: "timezone",
            value: "text",
            default: "`defaults.timezone`",
            meaning: "The zone of its clock, for logs that do not say it.",
        },
        Key {
            name: "statement_text",
            value: "`all`, `sampled` or `none`",
            default: "`defaults.statement_text`",
            meaning: "Which executions keep the text of their statement, with its literals.",
        },
        Key {
            name: "redact",
            value: "yes or no",
            default: "`defaults.redact`",
            meaning: "Keep no literal anywhere.",
        },
        Key {
            name: "start",
            value: "`lake`, `beginning` or `end`",
            default: "`lake`",
            meaning: "Where to begin with files that the lake does not know: `lake` leaves out what was rotated away before.",
        },
        Key {
            name: "poll",
            value: "yes or no",
            default: "`false`",
            meaning: "Look for changes instead of being told of them: for network file systems.",
        },
        Key {
            name: "group_numbered_tables",
            value: "yes or no",
            default: "`false`",
            meaning: "In names of tables, long numbers, UUIDs and hashes do not count.",
        },
        Key {
            name: "ansi_quotes",
            value: "yes or no",
            default: "`false`",
            meaning: "The server runs with `ANSI_QUOTES`.",
        },
        Key {
            name: "no_backslash_escapes",
            value: "yes or no",
            default: "`false`",
            meaning: "The server runs with `NO_BACKSLASH_ESCAPES`.",
        },
        Key {
            name: "keep_unions",
            value: "yes or no",
            default: "`false`",
            meaning: "The number of equal arms of a `UNION` counts, for MySQL as for PostgreSQL.",
        },
    ],
};

pub(super) const KAFKA: Table = Table {
    header: "[[source.kafka]]",
    meaning: "Topics of one cluster of brokers. Needs a build with the feature `kafka`.",
    keys: &[
        Key {
            name: "brokers",
            value: "list of texts",
            default: "",
            meaning: "Addresses of some brokers, `host:port`.",
        },
        Key {
            name: "topics",
            value: "list of texts",
            default: "",
            meaning: "Topics, and patterns (regular expressions that begin with `^`).",
        },
        Key {
            name: "group",
            value: "text",
            default: "`slowlake`",
            meaning: "The consumer group. Services with the same one share the partitions; how far each is in the lake is in the lake alone.",
        },
        Key {
            name: "server",
            value: "text or table",
            default: "the host that the envelope names, else the key",
            meaning: "The server that a message is of: its name, or `{ from = \"header\", name = \"host\" }` where it is, with `from` one of `key`, `topic`, `header`, `field` (of a JSON message; dots between keys) and `envelope`.",
        },
        Key {
            name: "cluster",
            value: "text or table",
            default: "`defaults.cluster`",
            meaning: "The cluster that the server belongs to, in the same way.",
        },
        Key {
            name: "file",
            value: "text or table",
            default: "the file that the envelope names, else the topic",
            meaning: "The log that a message is of, in the same way: messages with the same server, cluster and file are one log, whose records may go on in the next message.",
        },
        Key {
            name: "envelope",
            value: "`none`, `filebeat`, `fluent-bit`, `vector`, `logstash` or `otlp`",
            default: "`none`",
            meaning: "What a shipper put around the lines.",
        },
        Key {
            name: "start",
            value: "`earliest` or `latest`",
            default: "`earliest`",
            meaning: "Where to begin with a partition that the lake does not know.",
        },
        Key {
            name: "out_of_range",
            value: "`earliest`, `latest` or `fail`",
            default: "`earliest`",
            meaning: "Where to go on when what is to be read next is no longer there. What is lost is a reject; `fail` reads the partition no further, and says so.",
        },
        Key {
            name: "dead_letter",
            value: "text",
            default: "",
            meaning: "A topic to which what could not be read is written, too, at least once; the lake has it as a reject in any case.",
        },
        Key {
            name: "properties",
            value: "table",
            default: "",
            meaning: "Properties of librdkafka, such as `{ \"security.protocol\" = \"ssl\" }`.",
        },
        Key {
            name: "queue_mib",
            value: "whole number",
            default: "`32`",
            meaning: "Messages fetched ahead, MiB, of all partitions together; 1 to 1024.",
        },
        Key {
            name: "format",
            value: "a name of `slowlake ingest --format`",
            default: "`auto`",
            meaning: "What the servers write, to insist on it; found out for each log otherwise.",
        },
        Key {
            name: "log_line_prefix",
            value: "text",
            default: "recognised",
            meaning: "That setting of PostgreSQL, where it is not recognised.",
        },
        Key {
            name: "timezone",
            value: "text",
            default: "`defaults.timezone`",
            meaning: "The zone of the servers' clocks, for logs that do not say it.",
        },
        Key {
            name: "statement_text",
            value: "`all`, `sampled` or `none`",
            default: "`defaults.statement_text`",
            meaning: "Which executions keep the text of their statement, with its literals.",
        },
        Key {
            name: "redact",
            value: "yes or no",
            default: "`defaults.redact`",
            meaning: "Keep no literal anywhere, which goes with no `dead_letter`.",
        },
        Key {
            name: "group_numbered_tables",
            value: "yes or no",
            default: "`false`",
            meaning: "In names of tables, long numbers, UUIDs and hashes do not count.",
        },
        Key {
            name: "ansi_quotes",
            value: "yes or no",
            default: "`false`",
            meaning: "The servers run with `ANSI_QUOTES`.",
        },
        Key {
            name: "no_backslash_escapes",
            value: "yes or no",
            default: "`false`",
            meaning: "The servers run with `NO_BACKSLASH_ESCAPES`.",
        },
        Key {
            name: "keep_unions",
            value: "yes or no",
            default: "`false`",
            meaning: "The number of equal arms of a `UNION` counts, for MySQL as for PostgreSQL.",
        },
    ],
};

/// Where a name is in a message.
#[cfg(feature = "kafka")]
pub(super) const NAME: Table = Table {
    header: "",
    meaning: "",
    keys: &[
        Key {
            name: "from",
            value: "text",
            default: "",
            meaning: "",
        },
        Key {
            name: "name",
            value: "text",
            default: "",
            meaning: "",
        },
    ],
};

pub(super) const POSTGRES: Table = Table {
    header: "[[source.postgres]]",
    meaning: "A PostgreSQL, 13 or later, that is asked for what no log holds: replication, activity, sizes, statements. What it tells, and the privileges that are needed, are in `docs/collectors.md`.",
    keys: &[
        Key {
            name: "url",
            value: "text",
            default: "",
            meaning: "`postgres://user@host:port/database`, without a password. `?sslmode=disable` is no TLS, else the server is verified; `sslrootcert=FILE` has the authority, `host=/folder` the folder of a unix socket.",
        },
        SERVER,
        CLUSTER,
        EVERY,
        DETAILS_EVERY,
        PASSWORD_FILE,
        PASSWORD_VARIABLE,
        TIMEOUT,
        TABLES_TOLD,
        STATEMENTS_TOLD,
    ],
};

pub(super) const MYSQL: Table = Table {
    header: "[[source.mysql]]",
    meaning: "The same of a MySQL, 8.0 or later, or a MariaDB, 10.5 or later.",
    keys: &[
        Key {
            name: "url",
            value: "text",
            default: "",
            meaning: "`mysql://user@host:port`, without a password; `?socket=/path` for a unix socket, `sslmode` and `sslrootcert` as for PostgreSQL.",
        },
        SERVER,
        CLUSTER,
        EVERY,
        DETAILS_EVERY,
        PASSWORD_FILE,
        PASSWORD_VARIABLE,
        TIMEOUT,
        TABLES_TOLD,
        STATEMENTS_TOLD,
    ],
};

const SERVER: Key = Key {
    name: "server",
    value: "text",
    default: "the host of `url`",
    meaning: "What it is called; no two may be called the same.",
};
const CLUSTER: Key = Key {
    name: "cluster",
    value: "text",
    default: "`defaults.cluster`",
    meaning: "The cluster that it belongs to: its source and its replicas have the same.",
};
const EVERY: Key = Key {
    name: "every",
    value: "duration",
    default: "`10s`",
    meaning: "How often it is asked, `1s` to `1h`.",
};
const DETAILS_EVERY: Key = Key {
    name: "details_every",
    value: "duration",
    default: "`5m`",
    meaning: "How often sizes, usage, statements and settings are asked for, `1s` to `1d`.",
};
const PASSWORD_FILE: Key = Key {
    name: "password_file",
    value: "text",
    default: "no password",
    meaning: "The file with the password in its first line. It is read for every connection.",
};
const PASSWORD_VARIABLE: Key = Key {
    name: "password_variable",
    value: "text",
    default: "no password",
    meaning: "The variable of the environment that has the password.",
};
const TIMEOUT: Key = Key {
    name: "timeout",
    value: "duration",
    default: "`5s`",
    meaning: "The time for a connection or one answer, `1s` to `1m`.",
};
const TABLES_TOLD: Key = Key {
    name: "tables",
    value: "whole number",
    default: "`200`",
    meaning: "The largest tables, and as many indexes, that are told of; `0` for none.",
};
const STATEMENTS_TOLD: Key = Key {
    name: "statements",
    value: "whole number",
    default: "`200`",
    meaning: "The statements that took most and are told of one by one; the others are summed up.",
};

pub(super) const MAINTENANCE: Table = Table {
    header: "[maintenance]",
    meaning: "Tidying up beside reading: roll-ups, retention, compaction, checkpoints, vacuum. Several services may do so in one lake.",
    keys: &[
        Key {
            name: "enabled",
            value: "yes or no",
            default: "`true`",
            meaning: "Whether this service does it; `slowlake maintain` does the same from outside.",
        },
        Key {
            name: "every",
            value: "duration",
            default: "`1h`",
            meaning: "The time from one round to the next, `1m` to `1d`.",
        },
        Key {
            name: "memory_mib",
            value: "whole number",
            default: "`128`",
            meaning: "Memory for sorting; beyond it rows go to temporary files. What is being encoded comes on top.",
        },
    ],
};

pub(super) const RETENTION: Table = Table {
    header: "[retention]",
    meaning: "How long rows are kept: whole days, such as `35d`, or `2y`. What is not named is kept for ever, and so is the ledger.",
    keys: &[
        Key {
            name: "executions",
            value: "duration",
            default: "for ever",
            meaning: "Executions of statements. Roll-ups of them stay.",
        },
        Key {
            name: "server_events",
            value: "duration",
            default: "for ever",
            meaning: "What servers log beside executions.",
        },
        Key {
            name: "metrics",
            value: "duration",
            default: "for ever",
            meaning: "Samples of collectors.",
        },
        Key {
            name: "rejects",
            value: "duration",
            default: "for ever",
            meaning: "What could not be read.",
        },
    ],
};

pub(super) const LOG: Table = Table {
    header: "[log]",
    meaning: "What the service says of itself on standard error. `SLOWLAKE_LOG` in the environment is stronger.",
    keys: &[
        Key {
            name: "level",
            value: "`error`, `warn`, `info` or `debug`",
            default: "`info`",
            meaning: "`error`: somebody has to act; `warn`: it is worse than it should be, and slowlake tries on; `info`: what begins and ends, and each commit.",
        },
        Key {
            name: "format",
            value: "`text` or `json`",
            default: "`text`",
            meaning: "One line or one JSON object an event.",
        },
    ],
};
