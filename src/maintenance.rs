//! Keeping a lake quick and small: the jobs of `slowlake maintain` and of the service, and what came of them.

pub(crate) mod answer;

use slowlake_store::maintain::{
    CheckpointOptions, CompactOptions, DeriveOptions, Planner, Resources, RetainOptions, VacuumOptions,
    checkpoint, compact, derive, retain, vacuum,
};
use slowlake_store::{DerivedTable, Kind, Lake, StoreError};

use crate::maintenance::answer::Done;

/// The jobs, in the order in which they are done: what goes is summed up before, and need not be compacted; what compaction leaves can be
/// checkpointed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Job {
    /// Bring roll-ups and queries up to date
    Derive,
    /// Remove whole days that are older than --keep says
    Retain,
    /// Put small files together, their rows sorted
    Compact,
    /// Make opening the lake quick, and delete log files that nobody needs
    Checkpoint,
    /// Delete data files that no version has any more
    Vacuum,
}

impl Job {
    pub(crate) const ALL: [Job; 5] = [
        Job::Derive,
        Job::Retain,
        Job::Compact,
        Job::Checkpoint,
        Job::Vacuum,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Job::Derive => "derive",
            Job::Retain => "retain",
            Job::Compact => "compact",
            Job::Checkpoint => "checkpoint",
            Job::Vacuum => "vacuum",
        }
    }
}

/// The options of all jobs, valid, as of one moment.
pub(crate) struct Plan {
    derive: DeriveOptions,
    retain: RetainOptions,
    compact: CompactOptions,
    checkpoint: CheckpointOptions,
    vacuum: VacuumOptions,
    /// Nothing is changed.
    pub(crate) dry_run: bool,
}

impl Plan {
    /// As of now, with rows of a kind kept for so many days.
    pub(crate) fn new(keep: &[(Kind, u32)], resources: Resources) -> Result<Plan, StoreError> {
        let now_us = jiff::Timestamp::now().as_microsecond();
        let retain = keep
            .iter()
            .try_fold(RetainOptions::new(now_us), |retain, (kind, days)| {
                retain.keep(*kind, *days)
            })?;
        Ok(Plan {
            derive: DeriveOptions {
                now_us,
                resources,
                planner: None,
            },
            retain,
            compact: CompactOptions { now_us, resources },
            checkpoint: CheckpointOptions::new(now_us),
            vacuum: VacuumOptions::new(now_us),
            dry_run: false,
        })
    }

    /// Has somebody else plan what is computed of the rows.
    pub(crate) fn planned_by(mut self, planner: Option<Planner>) -> Plan {
        self.derive.planner = planner;
        self
    }

    /// Keeps the log of versions for so many days.
    pub(crate) fn keep_log(mut self, days: u32) -> Result<Plan, StoreError> {
        self.checkpoint = self.checkpoint.keep_log(days)?;
        Ok(self)
    }

    /// Deletes files so many days after the last version that has them.
    pub(crate) fn vacuum_after(mut self, days: u32) -> Result<Plan, StoreError> {
        self.vacuum = self.vacuum.keep(days)?;
        Ok(self)
    }

    /// Does one job.
    pub(crate) async fn run(&self, job: Job, lake: &mut Lake) -> Result<Done, StoreError> {
        let dry_run = self.dry_run;
        Ok(match job {
            Job::Derive => {
                let mut reports = Vec::with_capacity(DerivedTable::ALL.len());
                for table in DerivedTable::ALL {
                    reports.push((table.name(), derive(lake, table, &self.derive, dry_run).await?));
                }
                answer::derived(&reports, dry_run)
            }
            Job::Retain => answer::retained(&retain(lake, &self.retain, dry_run).await?, dry_run),
            Job::Compact => answer::compacted(&compact(lake, &self.compact, dry_run).await?, dry_run),
            Job::Checkpoint => {
                answer::checkpointed(&checkpoint(lake, &self.checkpoint, dry_run).await?, dry_run)
            }
            Job::Vacuum => answer::vacuumed(&vacuum(lake, &self.vacuum, dry_run).await?, dry_run),
        })
    }
}
