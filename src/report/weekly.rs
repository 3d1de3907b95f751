//! The report `weekly`, and `growth` and `advice`, which are parts of it: all of a week.

use clap::Args;
use slowlake_analyze::{AdviceRequest, GrowthRequest, WeeklyRequest, advice, growth, weekly};
use slowlake_sql::Session;

use crate::render::OutputFormat;
use crate::report::week::{self, WeekOptions};
use crate::report::{Drawing, Job, Made, ReportError, draw};
use crate::report_document;

#[derive(Debug, Args)]
pub(crate) struct WeeklyOptions {
    #[command(flatten)]
    week: WeekOptions,
}

#[derive(Debug, Args)]
pub(crate) struct GrowthOptions {
    #[command(flatten)]
    week: WeekOptions,
}

#[derive(Debug, Args)]
pub(crate) struct AdviceOptions {
    #[command(flatten)]
    week: WeekOptions,
}

/// Sizes, queries and servers, and cards of advice.
const LIMIT: usize = 100;

impl Job for WeeklyOptions {
    const FORMS: &'static [OutputFormat] = week::FORMS;

    async fn make(&self, session: &Session, drawing: &Drawing<'_>) -> Result<Made, ReportError> {
        let request = WeeklyRequest {
            week: self.week.week()?,
        };
        let report = weekly(session, &request).await?;
        let remark = (report.page.time.calls == 0).then_some(week::NOTHING);
        let document = report_document::weekly::document(&report, drawing.lake);
        Ok(draw("weekly", &report, &document, drawing)?.with_remark(remark))
    }
}

impl Job for GrowthOptions {
    const FORMS: &'static [OutputFormat] = week::FORMS;

    async fn make(&self, session: &Session, drawing: &Drawing<'_>) -> Result<Made, ReportError> {
        let request = GrowthRequest {
            week: self.week.week()?,
            limit: LIMIT,
        };
        let report = growth(session, &request).await?;
        let document = report_document::growth::document(&report, drawing.lake);
        draw("growth", &report, &document, drawing)
    }
}

impl Job for AdviceOptions {
    const FORMS: &'static [OutputFormat] = week::FORMS;

    async fn make(&self, session: &Session, drawing: &Drawing<'_>) -> Result<Made, ReportError> {
        let request = AdviceRequest {
            week: self.week.week()?,
            limit: LIMIT,
        };
        let report = advice(session, &request).await?;
        let document = report_document::advice::document(&report, drawing.lake);
        draw("advice", &report, &document, drawing)
    }
}
