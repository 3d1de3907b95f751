//! The report `trends`: a week beside those before it.

use clap::Args;
use slowlake_analyze::{Filters, TrendsRequest, trends};
use slowlake_sql::Session;

use crate::render::OutputFormat;
use crate::report::week::{self, WeekOptions};
use crate::report::{Drawing, Job, Made, ReportError, draw};
use crate::report_document;

#[derive(Debug, Args)]
pub(crate) struct TrendsOptions {
    #[command(flatten)]
    week: WeekOptions,
    /// Queries, servers, databases and applications to show [default: 15 of each, all in JSON]
    #[arg(long)]
    limit: Option<usize>,
    /// Only this server; may be given several times
    #[arg(long, value_name = "NAME")]
    server: Vec<String>,
    /// Only this database; may be given several times
    #[arg(long, value_name = "NAME")]
    database: Vec<String>,
    /// Only this application; may be given several times
    #[arg(long, value_name = "NAME")]
    application: Vec<String>,
}

/// Of each kind, unless asked otherwise.
const LIMIT: usize = 15;

impl Job for TrendsOptions {
    const FORMS: &'static [OutputFormat] = week::FORMS;

    async fn make(&self, session: &Session, drawing: &Drawing<'_>) -> Result<Made, ReportError> {
        let limit = match drawing.form {
            OutputFormat::Json => usize::MAX,
            _ => LIMIT,
        };
        let request = TrendsRequest {
            week: self.week.week()?,
            filters: Filters {
                server: self.server.clone(),
                database: self.database.clone(),
                application: self.application.clone(),
                ..Filters::default()
            },
            limit: self.limit.unwrap_or(limit),
        };
        let report = trends(session, &request).await?;
        let remark = (report.total.week.calls == 0).then_some(week::NOTHING);
        let document = report_document::trends::document(&report, drawing.lake);
        Ok(draw("trends", &report, &document, drawing)?.with_remark(remark))
    }
}
