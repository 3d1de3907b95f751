//! `slowlake report weekly`, and `growth` and `advice`, which are parts of it: all of a week.

use clap::Args;
use slowlake_analyze::{AdviceRequest, GrowthRequest, WeeklyRequest, advice, growth, weekly};

use crate::command::lake::{location, open, runtime};
use crate::command::report::analyze_error;
use crate::command::report::week::WeekArguments;
use crate::exit_code::ExitCode;
use crate::output;
use crate::report_document;
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(crate) struct WeeklyArguments {
    #[command(flatten)]
    week: WeekArguments,
}

/// Sizes, queries and servers, and cards of advice.
const LIMIT: usize = 100;

/// Computes the report of a week and writes it.
pub(crate) fn run(arguments: &WeeklyArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let week = &arguments.week;
    let request = WeeklyRequest { week: week.week()? };
    let location = location(week.lake.as_ref(), settings)?;
    let report = runtime(settings)?.block_on(async {
        let (_, session) = open(&location, settings).await?;
        weekly(&session, &request).await.map_err(analyze_error)
    })?;
    let is_empty = report.page.time.calls == 0;
    if is_empty {
        output::say("error", "no execution in that week of the lake");
    }
    let document = report_document::weekly::document(&report, &location.to_string());
    week.write("weekly", &report, &document, settings)?;
    Ok(if is_empty { ExitCode::Found } else { ExitCode::Ok })
}

/// Computes what grows and writes it.
pub(crate) fn run_growth(arguments: &WeeklyArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let week = &arguments.week;
    let request = GrowthRequest {
        week: week.week()?,
        limit: LIMIT,
    };
    let location = location(week.lake.as_ref(), settings)?;
    let report = runtime(settings)?.block_on(async {
        let (_, session) = open(&location, settings).await?;
        growth(&session, &request).await.map_err(analyze_error)
    })?;
    let document = report_document::growth::document(&report, &location.to_string());
    week.write("growth", &report, &document, settings)?;
    Ok(ExitCode::Ok)
}

/// Computes advice and writes it.
pub(crate) fn run_advice(arguments: &WeeklyArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let week = &arguments.week;
    let request = AdviceRequest {
        week: week.week()?,
        limit: LIMIT,
    };
    let location = location(week.lake.as_ref(), settings)?;
    let report = runtime(settings)?.block_on(async {
        let (_, session) = open(&location, settings).await?;
        advice(&session, &request).await.map_err(analyze_error)
    })?;
    let document = report_document::advice::document(&report, &location.to_string());
    week.write("advice", &report, &document, settings)?;
    Ok(ExitCode::Ok)
}
