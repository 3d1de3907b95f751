//! What maintenance did, for people and for programs. Only words and numbers: it does nothing.

use serde_json::{Map, Value, json};
use slowlake_store::maintain::{
    Check, CheckpointReport, CompactReport, DeriveReport, FsckReport, RetainReport, VacuumReport,
};

use crate::render::quantity::{bytes, count, plural};

/// One job's part of the answer.
pub(crate) struct Done {
    pub(crate) text: String,
    json: Value,
    /// Whether there was nothing to do.
    pub(crate) is_idle: bool,
}

/// The whole answer.
pub(crate) struct Answer {
    pub(crate) lake: String,
    pub(crate) version: i64,
    pub(crate) dry_run: bool,
    /// By the names of the jobs, in their order.
    pub(crate) done: Vec<(&'static str, Done)>,
    pub(crate) fsck: Option<FsckReport>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        let mut text = format!("lake {} is at version {}", self.lake, self.version);
        text += if self.dry_run {
            "; nothing was changed\n"
        } else {
            "\n"
        };
        for (name, done) in &self.done {
            text += &format!("{name:<11} {}\n", done.text);
        }
        for check in self.fsck.iter().flat_map(|report| &report.checks) {
            text += &check_text(check);
        }
        text
    }

    pub(crate) fn json(self) -> anyhow::Result<String> {
        let jobs: Map<String, Value> = self
            .done
            .into_iter()
            .map(|(name, done)| (name.to_owned(), done.json))
            .collect();
        let document = json!({
            "lake": self.lake,
            "version": self.version,
            "dry_run": self.dry_run,
            "jobs": jobs,
            "fsck": self.fsck.as_ref().map(fsck_json),
        });
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    }
}

const FENCED: &str = "somebody else was at it, and it was left to them";

/// Reports by the names of their tables.
pub(crate) fn derived(reports: &[(&str, DeriveReport)], dry_run: bool) -> Done {
    let computed = if dry_run { "to compute" } else { "computed" };
    let text = |(name, report): &(&str, DeriveReport)| {
        let what = match report {
            DeriveReport { fenced: true, .. } => FENCED.to_owned(),
            DeriveReport { days: 0, .. } => "up to date".to_owned(),
            _ => format!(
                "{} of {} {computed}",
                plural(whole(report.hours), "hour"),
                plural(whole(report.days), "day"),
            ),
        };
        let why = match report {
            DeriveReport {
                everything: true,
                from_version: Some(version),
                ..
            } => format!(", all that are there: the log no longer says what changed since version {version}"),
            _ => String::new(),
        };
        format!("{name} {what}{why}")
    };
    let json = |(name, report): &(&str, DeriveReport)| {
        let json = json!({
            "from_version": report.from_version,
            "to_version": report.to_version,
            "everything": report.everything,
            "hours": report.hours,
            "days": report.days,
            "rows": report.rows,
            "files_in": report.files_in,
            "files_out": report.files_out,
            "bytes_out": report.bytes_out,
            "fenced": report.fenced,
        });
        ((*name).to_owned(), json)
    };
    Done {
        text: reports.iter().map(text).collect::<Vec<_>>().join("; "),
        json: Value::Object(reports.iter().map(json).collect()),
        is_idle: reports.iter().all(|(_, report)| report.days == 0),
    }
}

pub(crate) fn retained(report: &RetainReport, dry_run: bool) -> Done {
    let removed = if dry_run { "to remove" } else { "removed" };
    let text = match report {
        RetainReport { fenced: true, .. } => FENCED.to_owned(),
        RetainReport { files: 0, .. } => "nothing is older than what is kept".to_owned(),
        _ => format!(
            "{} {removed}: {} of {}",
            plural(whole(report.rows), "row"),
            files(report.files, report.bytes),
            plural(whole(report.partitions), "partition"),
        ),
    };
    let json = json!({
        "partitions": report.partitions,
        "files": report.files,
        "bytes": report.bytes,
        "rows": report.rows,
        "fenced": report.fenced,
    });
    Done {
        text,
        json,
        is_idle: report.files == 0,
    }
}

pub(crate) fn compacted(report: &CompactReport, dry_run: bool) -> Done {
    let mut text = match report {
        CompactReport { files_in: 0, .. } => "nothing is worth putting together".to_owned(),
        _ if dry_run => format!(
            "{} of {} to put together",
            files(report.files_in, report.bytes_in),
            plural(whole(report.partitions), "partition"),
        ),
        _ => format!(
            "{} of {} became {}, {}",
            files(report.files_in, report.bytes_in),
            plural(whole(report.partitions), "partition"),
            files(report.files_out, report.bytes_out),
            plural(whole(report.rows), "row"),
        ),
    };
    if report.overtaken > 0 {
        text += &format!(
            "; {} dropped, its files were gone",
            plural(whole(report.overtaken), "piece")
        );
    }
    if report.fenced {
        text += &format!("; {FENCED}");
    }
    let json = json!({
        "partitions": report.partitions,
        "files_in": report.files_in,
        "bytes_in": report.bytes_in,
        "files_out": report.files_out,
        "bytes_out": report.bytes_out,
        "rows": report.rows,
        "overtaken": report.overtaken,
        "fenced": report.fenced,
    });
    Done {
        text,
        json,
        is_idle: report.files_in == 0,
    }
}

pub(crate) fn checkpointed(report: &CheckpointReport, dry_run: bool) -> Done {
    let (made, deleted) = if dry_run {
        ("to be made", "to delete")
    } else {
        ("made", "deleted")
    };
    let mut parts = Vec::new();
    if let Some(version) = report.checkpoint {
        parts.push(format!("checkpoint of version {version} {made}"));
    }
    if report.log_files > 0 {
        let log = files(report.log_files, report.log_bytes);
        parts.push(format!("{log} of the log {deleted}"));
    }
    let text = if parts.is_empty() {
        "the log is short enough".to_owned()
    } else {
        parts.join(", ")
    };
    let json = json!({
        "checkpoint": report.checkpoint,
        "log_files": report.log_files,
        "log_bytes": report.log_bytes,
    });
    Done {
        text,
        json,
        is_idle: report.checkpoint.is_none() && report.log_files == 0,
    }
}

pub(crate) fn vacuumed(report: &VacuumReport, dry_run: bool) -> Done {
    let deleted = if dry_run { "to delete" } else { "deleted" };
    let mut text = match report.files {
        0 => "no file is unused".to_owned(),
        _ => format!("{} {deleted}", files(report.files, report.bytes)),
    };
    if report.kept > 0 {
        text += &format!(
            "; {} kept for versions of the last days",
            plural(whole(report.kept), "file")
        );
    }
    let json = json!({ "files": report.files, "bytes": report.bytes, "kept": report.kept });
    Done {
        text,
        json,
        is_idle: report.files == 0,
    }
}

fn check_text(check: &Check) -> String {
    let verdict = match (check.problems, &check.skipped) {
        (_, Some(why)) => format!("not checked: {why}"),
        (0, None) => format!("ok: {} ({})", check.proves, examined(check)),
        (n, None) => format!("{} ({})", plural(whole(n), "problem"), examined(check)),
    };
    let mut text = format!("fsck {:<11} {verdict}\n", check.name);
    for words in &check.told {
        text += &format!("                 {words}\n");
    }
    let untold = check.problems - check.told.len() as u64;
    if untold > 0 {
        text += &format!("                 and {} more\n", count(whole(untold)));
    }
    text
}

fn examined(check: &Check) -> String {
    let parts = check.examined.iter().map(|(n, what)| match *what {
        "bytes" => bytes(*n),
        what => format!("{} {what}", count(whole(*n))),
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn fsck_json(report: &FsckReport) -> Value {
    let checks = report.checks.iter().map(|check| {
        let examined: Map<String, Value> = check
            .examined
            .iter()
            .map(|(n, what)| ((*what).to_owned(), json!(n)))
            .collect();
        json!({
            "name": check.name,
            "proves": check.proves,
            "examined": examined,
            "problems": check.problems,
            "told": check.told,
            "skipped": check.skipped,
        })
    });
    json!({
        "version": report.version,
        "problems": report.problems(),
        "checks": checks.collect::<Vec<_>>(),
    })
}

/// `12 files (1.31 MB)`
fn files(n: u64, size: u64) -> String {
    format!("{} ({})", plural(whole(n), "file"), bytes(size))
}

fn whole(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
