//! `slowlake maintain`: what keeps a lake quick to ask and no larger than it must be, and the proof that it is whole.

use std::path::PathBuf;

use clap::Args;
use slowlake_store::maintain::{FsckOptions, FsckReport, Resources, fsck};
use slowlake_store::{Kind, Lake, StoreError};

use crate::clustering::{ClusterArguments, maintenance_error, planner};
use crate::command::lake::{location, runtime, store_error};
use crate::exit_code::ExitCode;
use crate::maintenance::answer::Answer;
use crate::maintenance::{Job, Plan};
use crate::output;
use crate::progress::Spinner;
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(crate) struct MaintainArguments {
    /// The lake [default: the environment's SLOWLAKE_LAKE]
    #[arg(long, value_name = "URI")]
    lake: Option<String>,
    /// Jobs to do, separated by commas; always in the order of this list [default: all, or none with --fsck]
    #[arg(long, value_name = "NAMES", value_enum, value_delimiter = ',')]
    job: Vec<Job>,
    /// Remove rows of a kind (query, log, metric or reject) that are older than so many days; may be given several times. What is
    /// not named is kept for ever
    #[arg(long, value_name = "KIND=DAYS", value_parser = kind_and_days)]
    keep: Vec<(Kind, u32)>,
    /// Delete files so many days after the last version that has them
    #[arg(long, value_name = "DAYS")]
    vacuum_after: Option<u32>,
    /// Keep the log of versions for so many days
    #[arg(long, value_name = "DAYS")]
    log_days: Option<u32>,
    /// Change nothing; say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Prove that every file is there, no row is there twice, the ledger adds up and roll-ups say what their executions do; exit
    /// status 1 where that is not so
    #[arg(long)]
    fsck: bool,
    /// Form of the answer
    #[arg(long, value_enum, default_value = "text")]
    output: AnswerFormat,
    /// Write the answer to this file instead of standard output
    #[arg(short = 'o', value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum AnswerFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

impl MaintainArguments {
    /// The jobs to do, in their order.
    fn jobs(&self) -> Vec<Job> {
        let mut jobs = match (self.job.as_slice(), self.fsck) {
            ([], true) => Vec::new(),
            ([], false) => Job::ALL.to_vec(),
            (named, _) => named.to_vec(),
        };
        jobs.sort_unstable();
        jobs.dedup();
        jobs
    }

    fn plan(&self, settings: &Settings) -> Result<Plan, StoreError> {
        let mut plan = Plan::new(&self.keep, resources(settings))?.planned_by(planner(settings));
        if let Some(days) = self.log_days {
            plan = plan.keep_log(days)?;
        }
        if let Some(days) = self.vacuum_after {
            plan = plan.vacuum_after(days)?;
        }
        plan.dry_run = self.dry_run;
        Ok(plan)
    }
}

fn resources(settings: &Settings) -> Resources {
    Resources {
        threads: settings.threads,
        ..Resources::default()
    }
}

/// Does the jobs, then proves what is asked for.
pub(crate) fn run(arguments: &MaintainArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let settings = &arguments.cluster.resolve(None, settings)?;
    let location = location(arguments.lake.as_ref(), settings)?;
    let plan = arguments.plan(settings).map_err(store_error)?;
    let jobs = arguments.jobs();
    let runtime = runtime(settings)?;
    let mut lake = runtime.block_on(Lake::open(&location)).map_err(store_error)?;
    if !jobs.is_empty() {
        runtime
            .block_on(lake.check_newest_commit())
            .map_err(store_error)?;
    }
    let mut done = Vec::new();
    for job in jobs {
        let spinner = Spinner::start(settings, job.name());
        let result = runtime.block_on(plan.run(job, &mut lake));
        spinner.finish();
        done.push((job.name(), result.map_err(maintenance_error)?));
    }
    let fsck: Option<FsckReport> = if arguments.fsck {
        let spinner = Spinner::start(settings, "fsck");
        let options = FsckOptions {
            resources: resources(settings),
            planner: planner(settings),
        };
        let result = runtime.block_on(fsck(&mut lake, &options));
        spinner.finish();
        Some(result.map_err(maintenance_error)?)
    } else {
        None
    };
    let is_found = fsck.as_ref().is_some_and(|report| report.problems() > 0);
    let answer = Answer {
        lake: location.to_string(),
        version: lake.version(),
        dry_run: plan.dry_run,
        done,
        fsck,
    };
    let answer = match arguments.output {
        AnswerFormat::Text => answer.text(),
        AnswerFormat::Json => answer.json()?,
    };
    output::write(&answer, arguments.file.as_ref())?;
    Ok(if is_found { ExitCode::Found } else { ExitCode::Ok })
}

/// `query=30` or `query=30d`.
fn kind_and_days(text: &str) -> Result<(Kind, u32), String> {
    let (kind, days) = text
        .split_once('=')
        .ok_or_else(|| "expected KIND=DAYS, such as query=30".to_owned())?;
    let kind = Kind::of(kind).ok_or_else(|| {
        let known = Kind::ALL.map(Kind::as_str).join(", ");
        format!("{kind:?} is no kind of rows; there are {known}")
    })?;
    let days = days.strip_suffix('d').unwrap_or(days);
    let days = days
        .parse()
        .map_err(|_| format!("{days:?} is no number of days"))?;
    Ok((kind, days))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(Kind, u32), &str>) {
        assert_eq!(kind_and_days(text), expected.map_err(str::to_owned));
    }

    #[test]
    fn times_to_keep_are_read() {
        check("query=30", Ok((Kind::Query, 30)));
        check("log=7d", Ok((Kind::Log, 7)));
        check("query", Err("expected KIND=DAYS, such as query=30"));
        check(
            "queries=3",
            Err("\"queries\" is no kind of rows; there are query, log, metric, reject, ledger"),
        );
        check("query=-1", Err("\"-1\" is no number of days"));
        check("query=1h", Err("\"1h\" is no number of days"));
    }
}
