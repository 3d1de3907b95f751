//! The keys of what is read: files, topics, servers that are asked. Reads no file.

use crate::configuration::key::{Key, Table};

pub(in crate::configuration) const SOURCE: Table = Table {
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

pub(in crate::configuration) const FILE: Table = Table {
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

pub(in crate::configuration) const KAFKA: Table = Table {
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
pub(in crate::configuration) const NAME: Table = Table {
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

pub(in crate::configuration) const POSTGRES: Table = Table {
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

pub(in crate::configuration) const MYSQL: Table = Table {
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
