//! The keys of `[cluster]`: where queries that read much are executed. Reads no file.

use crate::configuration::key::{Key, Table};

pub(in crate::configuration) const CLUSTER_OF_QUERIES: Table = Table {
    header: "[cluster]",
    meaning: "Where queries that read much are executed; `docs/cluster.md` says when that is worth its while. A slowlake that was built without clusters refuses this table.",
    keys: &[
        Key {
            name: "scheduler",
            value: "text",
            default: "",
            meaning: "The scheduler, `http://host:port`, or `https://host:port` with the three files below.",
        },
        Key {
            name: "min_mib",
            value: "whole number",
            default: "`1024`",
            meaning: "What a query must read to go to the cluster, MiB; what reads less stays in the process that was asked.",
        },
        Key {
            name: "partitions",
            value: "whole number",
            default: "`16`",
            meaning: "Parts that a query is cut into: about twice the cores of all executors.",
        },
        Key {
            name: "fallback",
            value: "yes or no",
            default: "`false`",
            meaning: "Whether queries are executed in the process that was asked, with a warning, where the cluster cannot be reached.",
        },
        Key {
            name: "ca",
            value: "text",
            default: "",
            meaning: "The file with the authority that signed the certificates of the cluster, in PEM.",
        },
        Key {
            name: "cert",
            value: "text",
            default: "",
            meaning: "The file with the certificate to show to the cluster, in PEM.",
        },
        Key {
            name: "key",
            value: "text",
            default: "",
            meaning: "The file with the key of that certificate, in PEM.",
        },
    ],
};
