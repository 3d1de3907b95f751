//! `slowlake report`: answers computed from a lake.

use clap::Args;
use slowlake_analyze::{AnalyzeError, revisions};

use crate::clustering::ClusterArguments;
use crate::command::findings::record;
use crate::command::lake::{location, open, runtime};
use crate::exit_code::ExitCode;
use crate::output::{self, with_hint};
use crate::render::quantity::plural;
use crate::report::{Drawing, Report, ReportError};
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    #[command(subcommand)]
    report: Report,
    #[command(flatten)]
    cluster: ClusterArguments,
}

/// Computes the report that was asked for and writes it.
pub(crate) fn run(arguments: &ReportArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let settings = &arguments.cluster.resolve(None, settings)?;
    let report = &arguments.report;
    let location = location(report.lake(), settings)?;
    let lake = location.to_string();
    let drawing = Drawing {
        form: report.form(),
        columns: settings.columns,
        color: settings.color && report.file().is_none(),
        lake: &lake,
    };
    let made = runtime(settings)?.block_on(async {
        let (_, session) = open(&location, settings).await?;
        let made = report.make(&session, &drawing).await.map_err(report_error)?;
        if report.is_recorded() {
            let recorded = record(&location, settings, |known| Ok(revisions(known, &made.findings))).await?;
            output::say("recorded", &plural(recorded as i64, "revision"));
        }
        anyhow::Ok(made)
    })?;
    if let Some(remark) = &made.remark {
        output::say(remark.kind, remark.text);
        if let Some(hint) = remark.hint {
            output::say("hint", hint);
        }
    }
    output::write(&made.text, report.file())?;
    Ok(match made.remark {
        Some(_) => ExitCode::Found,
        None => ExitCode::Ok,
    })
}

/// An error of a job with its next step.
pub(crate) fn analyze_error(error: AnalyzeError) -> anyhow::Error {
    let hint = error.hint();
    with_hint(error, hint)
}

fn report_error(error: ReportError) -> anyhow::Error {
    match error {
        ReportError::Option(error) | ReportError::Drawing(error) => error,
        ReportError::Job(error) => analyze_error(error),
    }
}
