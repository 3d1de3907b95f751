//! Jobs over a session: each reads one lake through SQL and returns a report as plain data. Read-only and deterministic: the same
//! rows give the same report, whatever the order they arrived in and the number of threads. No formatting, no clock, no output.

mod advice;
mod error;
mod events;
mod filter;
mod findings;
mod growth;
mod lag;
mod query_text;
mod regressions;
mod report;
mod rollups;
mod rows;
mod top;
mod trends;
mod weekly;
mod weeks;
mod window;

pub use advice::{AdviceCard, AdviceReport, AdviceRequest, advice};
pub use error::AnalyzeError;
pub use events::{
    EventRow, EventsRequest, QuerySteps, SlowExecution, events, normalized_texts, prepared, slow_executions,
};
pub use filter::Filters;
pub use findings::{Finding, Reply, kept, known_findings, replied, revisions, state_at};
pub use growth::{
    Forecast, ForecastDay, GrowthReport, GrowthRequest, QueryGrowth, ServerGrowth, SizeGrowth, SlowGrowth,
    growth,
};
pub use lag::{
    BurnAlert, Episode, EpisodeFinding, LagCause, LagReport, LagRequest, Objective, ReplicaLag, SlotRisk,
    SourceLag, SuspectFinding, VendorMinutes, lag,
};
pub use query_text::QueryText;
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
pub use trends::{
    Figures, Health, NamedTrend, QueryTrend, RowsSplit, Slowness, Split, Trend, TrendsReport, TrendsRequest,
    trends,
};
pub use weekly::{
    ChangeKind, ChangeLine, Coverage, DayLoad, EventCount, FleetHour, PageOne, Quality, QueryDetail,
    RankedQuery, RegressionNumbers, SeenPlan, ServerGap, TimeNumbers, WEEKLY_SCHEMA_VERSION, WeeklyReport,
    WeeklyRequest, weekly,
};
pub use weeks::WeekRequest;
pub use window::{TimeWindow, parse_length, parse_time};

#[cfg(test)]
#[path = "../../sql/src/fixture.rs"]
mod fixture;
