//! Where clues come from: plans, tags, events, statements, samples and roll-ups of the lake around the onsets of some changes. Reads nothing
//! after the point in time that is asked for; judges nothing, see `causes`.

mod happenings;
mod statistics;
mod tables;
mod values;
mod waits;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use slowlake_sql::Session;

pub(super) use happenings::server_clues;

use super::causes::{Changed, Clue};
use super::window::WEEK;
use crate::error::AnalyzeError;
use crate::filter::Filters;
use crate::rows::{each_row, time};
use crate::window::TimeWindow;

const HOUR_US: i64 = 3_600_000_000;
/// What was usual is what was in this time before the onset.
const USUAL_US: i64 = WEEK as i64 * HOUR_US;

/// A change of which clues are wanted.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) server: Option<String>,
    pub(super) fingerprint: i64,
    pub(super) onset_us: i64,
    pub(super) effect: f64,
    /// The extra time an hour, µs.
    pub(super) extra_us: f64,
}

/// A query on a server.
type Key = (Option<String>, i64);

impl Subject {
    pub(super) fn changed(&self) -> Changed {
        Changed {
            server: self.server.clone(),
            onset_us: self.onset_us,
        }
    }

    fn key(&self) -> Key {
        (self.server.clone(), self.fingerprint)
    }
}

/// The clues to some changes, by fingerprint.
pub(super) async fn clues(
    session: &Session,
    subjects: &[Subject],
    as_of_us: i64,
) -> Result<HashMap<i64, Vec<Clue>>, AnalyzeError> {
    let Some(first_us) = subjects.iter().map(|subject| subject.onset_us).min() else {
        return Ok(HashMap::new());
    };
    let search = Search {
        session,
        subjects,
        window: TimeWindow::new(first_us - USUAL_US, as_of_us.max(first_us))?,
        fingerprints: list(subjects.iter().map(|subject| subject.fingerprint).collect()),
    };
    let tables = search.tables().await?;
    let mut clues: HashMap<i64, Vec<Clue>> = HashMap::new();
    search.plans(&mut clues).await?;
    search.versions(&mut clues).await?;
    search.happenings(&mut clues).await?;
    search.waits_and_files(&tables, &mut clues).await?;
    let loads = search.statements(&tables, &mut clues).await?;
    search.stale_statistics(&loads, &mut clues).await?;
    search.rows(&mut clues).await?;
    search.table_sizes(&tables, &mut clues).await?;
    Ok(clues)
}

struct Search<'a> {
    session: &'a Session,
    subjects: &'a [Subject],
    window: TimeWindow,
    /// For SQL.
    fingerprints: String,
}

/// Counts by (server, fingerprint), and hour.
type ByHour<T> = BTreeMap<Key, Vec<(i64, T)>>;

impl Search<'_> {
    fn within(&self, column: &str) -> String {
        within(self.window, column)
    }

    fn add(&self, clues: &mut HashMap<i64, Vec<Clue>>, fingerprint: i64, clue: Clue) {
        clues.entry(fingerprint).or_default().push(clue);
    }

    /// Reads `server, fingerprint, hour, value, count`.
    async fn values<T: FromRow>(&self, statement: &str) -> Result<ByHour<(T, i64)>, AnalyzeError> {
        let mut by_hour: ByHour<(T, i64)> = BTreeMap::new();
        each_row(self.session.query(statement).await?, |rows, row| {
            let key = (
                rows.text(row, 0).map(str::to_owned),
                rows.integer(row, 1).unwrap_or_default(),
            );
            if let (Some(hour_us), Some(value)) = (time(rows, row, 2), T::from_row(rows, row, 3)) {
                let count = rows.integer(row, 4).unwrap_or_default();
                by_hour.entry(key).or_default().push((hour_us, (value, count)));
            }
        })
        .await?;
        by_hour.values_mut().for_each(|hours| hours.sort_unstable());
        Ok(by_hour)
    }
}

/// A value of a column.
trait FromRow: Ord + Clone {
    fn from_row(rows: &slowlake_sql::Rows, row: usize, column: usize) -> Option<Self>;
}

impl FromRow for i64 {
    fn from_row(rows: &slowlake_sql::Rows, row: usize, column: usize) -> Option<i64> {
        rows.integer(row, column).or_else(|| time(rows, row, column))
    }
}

impl FromRow for String {
    fn from_row(rows: &slowlake_sql::Rows, row: usize, column: usize) -> Option<String> {
        rows.text(row, column).map(str::to_owned)
    }
}

/// A table's name without its schema, which statements may leave out.
pub(super) fn plain(name: &str) -> String {
    name.rsplit('.').next().unwrap_or(name).to_lowercase()
}

fn within(window: TimeWindow, column: &str) -> String {
    Filters::default().condition_on(Some(window), column)
}

/// Numbers for SQL.
fn list(fingerprints: BTreeSet<i64>) -> String {
    let texts: Vec<String> = fingerprints.iter().map(i64::to_string).collect();
    texts.join(", ")
}
