//! The proof that a lake is whole: every file is there, no row is there twice, and the books add up. Reads everything at one version,
//! in bounded memory, and changes nothing. Never repairs: what to do about a finding is for people to decide.

mod derived;
mod files;
mod keys;
mod ledger;

use datafusion::prelude::DataFrame;

use crate::derived::DerivedTable;
use crate::error::StoreError;
use crate::maintain::resources::{Planner, Resources};
use crate::table::Lake;

/// Problems of one check that are told in full.
const MAX_TOLD: usize = 20;

/// One statement about the lake, and whether it is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// A short name that stays.
    pub name: &'static str,
    /// What holds where there are no problems.
    pub proves: &'static str,
    /// How much was looked at: a number and what it counts, in the plural.
    pub examined: Vec<(u64, &'static str)>,
    /// How many problems there are.
    pub problems: u64,
    /// The first of them, in words.
    pub told: Vec<String>,
    /// Why nothing was looked at, where that is so.
    pub skipped: Option<String>,
}

impl Check {
    pub(crate) fn new(name: &'static str, proves: &'static str) -> Check {
        Check {
            name,
            proves,
            examined: Vec::new(),
            problems: 0,
            told: Vec::new(),
            skipped: None,
        }
    }

    /// Adds a problem. Its words are made only where they are told.
    pub(crate) fn problem(&mut self, words: impl FnOnce() -> String) {
        self.problems += 1;
        if self.told.len() < MAX_TOLD {
            self.told.push(words());
        }
    }
}

/// What was proved of one version of a lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsckReport {
    /// The version.
    pub version: i64,
    /// Every check, in the order in which they were made.
    pub checks: Vec<Check>,
}

impl FsckReport {
    /// Problems of all checks.
    pub fn problems(&self) -> u64 {
        self.checks.iter().map(|check| check.problems).sum()
    }
}

/// How to check.
#[derive(Debug, Clone, Default)]
pub struct FsckOptions {
    /// Limits.
    pub resources: Resources,
    /// Who plans what is asked of the rows, if not the query engine itself. Keys are always read here: each of them has to come here anyway.
    pub planner: Option<Planner>,
}

/// Checks the newest version of a lake. Where a file is not as it should be, rows are not looked at.
///
/// # Errors
/// [`StoreError::Storage`] where the lake cannot be read although its files are there.
pub async fn fsck(lake: &mut Lake, options: &FsckOptions) -> Result<FsckReport, StoreError> {
    lake.refresh().await?;
    let lake = &*lake;
    let files = files::check(lake).await?;
    let (mut keys, mut ledger) = (keys::new(), ledger::new());
    let mut derived = DerivedTable::ALL.map(|table| (table, derived::new(table)));
    if files.problems > 0 {
        let why = Some("not all files can be read".to_owned());
        (keys.skipped, ledger.skipped) = (why.clone(), why.clone());
        derived
            .iter_mut()
            .for_each(|(_, check)| check.skipped = why.clone());
    } else {
        keys::check(lake, &options.resources, &mut keys).await?;
        ledger::check(lake, options, &mut ledger).await?;
        for (table, check) in &mut derived {
            derived::check(lake, options, *table, check).await?;
        }
    }
    let mut checks = vec![files, keys, ledger];
    checks.extend(derived.map(|(_, check)| check));
    Ok(FsckReport {
        version: lake.version(),
        checks,
    })
}

/// The rows of the lake, to be asked within limits.
fn events(lake: &Lake, resources: &Resources, planner: Option<&Planner>) -> Result<DataFrame, StoreError> {
    let provider = lake.provider()?;
    resources
        .session_of(planner)
        .and_then(|session| session.read_table(provider))
        .map_err(|error| failed(lake, error))
}

fn failed(lake: &Lake, error: impl Into<crate::error::Cause>) -> StoreError {
    StoreError::storage("check", lake.location(), error)
}

#[cfg(test)]
mod tests;
