//! The functions that SQL has here beyond DataFusion's own, and what they are for in one line each. Registration only; what
//! they compute lives in the module below and, for latencies, beside the histogram in the store.

mod bounded;
mod date_trunc;
mod fingerprint;
#[cfg(test)]
mod latency;

use datafusion::prelude::SessionContext;
use slowlake_store::{latency_aggregates, latency_quantile};

/// A function as `\df` lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionDoc {
    /// Name as written in SQL.
    pub name: &'static str,
    /// Arguments and result, with units.
    pub signature: &'static str,
    /// What it answers.
    pub description: &'static str,
}

/// Every function of [`register`], by name.
pub const FUNCTIONS: &[FunctionDoc] = &[
    FunctionDoc {
        name: "fingerprint_from_hex",
        signature: "(text) → bigint",
        description: "the fingerprint that reports print as 16 hexadecimal digits",
    },
    FunctionDoc {
        name: "fingerprint_hex",
        signature: "(bigint) → text",
        description: "a fingerprint as reports print it, 16 hexadecimal digits",
    },
    FunctionDoc {
        name: "fingerprint_of",
        signature: "(text [, dialect]) → bigint",
        description: "the fingerprint of a statement; dialect 'postgres' (default) or 'mysql'",
    },
    FunctionDoc {
        name: "latency_histogram",
        signature: "aggregate (bigint µs) → list of (bin, calls)",
        description: "durations counted in logarithmic bins of 1 % error",
    },
    FunctionDoc {
        name: "latency_merge",
        signature: "aggregate (list of (bin, calls)) → list of (bin, calls)",
        description: "several histograms as one, exactly",
    },
    FunctionDoc {
        name: "latency_percentile",
        signature: "aggregate (bigint µs, quantile) → bigint µs",
        description: "a percentile of durations within 1 %, the same whatever the order",
    },
    FunctionDoc {
        name: "latency_quantile",
        signature: "(list of (bin, calls), quantile) → bigint µs",
        description: "a percentile of a histogram, within 1 %",
    },
    FunctionDoc {
        name: "normalize",
        signature: "(text [, dialect]) → text",
        description: "a statement with its constants taken out, as its fingerprint sees it",
    },
];

/// Makes every function of this module known to a context.
pub(crate) fn register(context: &SessionContext) {
    for function in fingerprint::scalars().into_iter().chain([latency_quantile()]) {
        context.register_udf(function);
    }
    context.register_udf(date_trunc::scalar());
    bounded::register(context);
    for function in latency_aggregates() {
        context.register_udaf(function);
    }
}
