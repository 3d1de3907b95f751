//! `slowlake report trends`: a week beside those before it.

use clap::Args;
use slowlake_analyze::{Filters, TrendsRequest, trends};

use crate::command::lake::{location, open, runtime};
use crate::command::report::analyze_error;
use crate::command::report::week::{WeekArguments, WeekForm};
use crate::exit_code::ExitCode;
use crate::output;
use crate::report_document;
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(crate) struct TrendsArguments {
    #[command(flatten)]
    week: WeekArguments,
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

/// Computes the report and writes it.
pub(crate) fn run(arguments: &TrendsArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let limit = match arguments.week.output {
        WeekForm::Json => usize::MAX,
        _ => LIMIT,
    };
    let request = TrendsRequest {
        week: arguments.week.week()?,
        filters: Filters {
            server: arguments.server.clone(),
            database: arguments.database.clone(),
            application: arguments.application.clone(),
            ..Filters::default()
        },
        limit: arguments.limit.unwrap_or(limit),
    };
    let location = location(arguments.week.lake.as_ref(), settings)?;
    let report = runtime(settings)?.block_on(async {
        let (_, session) = open(&location, settings).await?;
        trends(&session, &request).await.map_err(analyze_error)
    })?;
    let is_empty = report.total.week.calls == 0;
    if is_empty {
        output::say("error", "no execution in that week of the lake");
    }
    let document = report_document::trends::document(&report, &location.to_string());
    arguments.week.write("trends", &report, &document, settings)?;
    Ok(if is_empty { ExitCode::Found } else { ExitCode::Ok })
}
