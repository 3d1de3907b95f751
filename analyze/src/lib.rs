//! Jobs over a session: each reads one lake through SQL and returns a report as plain data. Read-only and deterministic: the same
//! rows give the same report, whatever the order they arrived in and the number of threads. No formatting, no clock, no output.

mod error;
mod events;
mod filter;
mod findings;
mod lag;
mod regressions;
mod report;
mod rollups;
mod rows;
mod top;
mod window;

pub use error::AnalyzeError;
pub use events::{
    EventRow, EventsRequest, QuerySteps, SlowExecution, events, normalized_texts, prepared, slow_executions,
};
pub use filter::Filters;
pub use findings::{Finding, Reply, kept, known_findings, replied, revisions, state_at};
pub use lag::{
    BurnAlert, Episode, EpisodeFinding, LagCause, LagReport, LagRequest, Objective, ReplicaLag, SlotRisk,
    SourceLag, SuspectFinding, VendorMinutes, lag,
};
pub use regressions::{
    Appearance, Cause, CauseKind, FALSE_DISCOVERY_RATE, Findings, Fleet, HourBucket, Impact, Load,
    LoadChange, QueryAppearance, QueryChange, Regression, RegressionsReport, RegressionsRequest,
    RewrittenQuery, ServerChange, Severity, ShareChange, Watched, WholeServer, regressions, watch,
};
pub use report::{
    Breakdown, Dimension, Entries, HourLoad, LatencyBin, LedgerCoverage, Others, Part, TopQuery, TopReport,
    TopTotals,
};
pub use rollups::ReadFrom;
pub use top::{TopOrder, TopRequest, top};
pub use window::{TimeWindow, parse_length, parse_time};

#[cfg(test)]
#[path = "../../sql/src/fixture.rs"]
mod fixture;
