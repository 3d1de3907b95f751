//! The tables and keys of the configuration file, each with what it means: what an unknown key is held against, and what the reference is
//! written from. Reads no file.

mod cluster;
mod serve;
mod source;

use std::fmt::Write as _;

pub(super) use crate::configuration::key::cluster::CLUSTER_OF_QUERIES;
pub(super) use crate::configuration::key::serve::SERVE;
#[cfg(feature = "kafka")]
pub(super) use crate::configuration::key::source::NAME;
pub(super) use crate::configuration::key::source::{FILE, KAFKA, MYSQL, POSTGRES, SOURCE};

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
            default: "`64`",
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
