//! What commits changed: the hours that rows came into or went from, read from the commits themselves. Never reads rows.

use deltalake::kernel::{Action, Add};
use deltalake::logstore::{LogStoreRef, get_actions};
use futures::{StreamExt, TryStreamExt, stream};

use crate::derived::touched::Touched;
use crate::error::StoreError;
use crate::lake_table::LakeTable;
use crate::schema::{Kind, PARTITION_COLUMNS};

/// Commits that are read at most; beyond that it is quicker to take everything for changed.
const COMMITS_MAX: i64 = 10_000;

/// Commits that are read at a time.
const READS_AT_ONCE: usize = 16;

/// The hours that the commits behind a version of `events`, up to the one that the handle sees, put rows of these kinds into or took them
/// from. None where that cannot be told: a commit is no longer there, or does not say enough.
pub(crate) async fn touched_since(
    events: &LakeTable,
    since: i64,
    kinds: &[Kind],
) -> Result<Option<Touched>, StoreError> {
    if since > events.version() || events.version() - since > COMMITS_MAX {
        return Ok(None);
    }
    let log = events.log_store();
    let mut commits = stream::iter(since + 1..=events.version())
        .map(|version| actions(&log, version))
        .buffered(READS_AT_ONCE);
    let mut touched = Touched::default();
    let failed = |error| StoreError::storage("read", &events.location, error);
    while let Some(actions) = commits.try_next().await.map_err(failed)? {
        let Some(actions) = actions else {
            return Ok(None);
        };
        for action in &actions {
            if touch(action, kinds, &mut touched).is_none() {
                return Ok(None);
            }
        }
    }
    Ok(Some(touched))
}

/// None where the commit is no longer there.
async fn actions(log: &LogStoreRef, version: i64) -> Result<Option<Vec<Action>>, deltalake::DeltaTableError> {
    let version = version as u64;
    let bytes = log.read_commit_entry(version).await?;
    bytes.map(|bytes| get_actions(version, &bytes)).transpose()
}

/// None where the action does not say which rows it is about.
fn touch(action: &Action, kinds: &[Kind], touched: &mut Touched) -> Option<()> {
    let [date_name, kind_name] = PARTITION_COLUMNS;
    match action {
        Action::Add(add) if add.data_change => {
            let value = |name| add.partition_values.get(name).and_then(Option::as_deref);
            if is_among(value(kind_name)?, kinds) {
                touched.add(day(value(date_name)?)?, times_us(add));
            }
        }
        Action::Remove(remove) if remove.data_change => {
            let values = remove.partition_values.as_ref()?;
            let value = |name| values.get(name).and_then(Option::as_deref);
            if is_among(value(kind_name)?, kinds) {
                touched.add(day(value(date_name)?)?, None);
            }
        }
        _ => {}
    }
    Some(())
}

fn is_among(kind: &str, kinds: &[Kind]) -> bool {
    kinds.iter().any(|wanted| wanted.as_str() == kind)
}

/// A day as the log writes it, in days since 1970.
pub(crate) fn day(text: &str) -> Option<i32> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let span = jiff::civil::date(1970, 1, 1).until(date).ok()?;
    Some(span.get_days())
}

/// The bounds of `ts` in a file, µs since 1970.
fn times_us(add: &Add) -> Option<(i64, i64)> {
    let statistics = add.get_stats().ok()??;
    let bound = |value: &deltalake::protocol::ColumnValueStat| {
        let time: jiff::Timestamp = value.as_value()?.as_str()?.parse().ok()?;
        Some(time.as_microsecond())
    };
    let from = statistics.min_values.get("ts").and_then(bound)?;
    let to = statistics.max_values.get("ts").and_then(bound)?;
    Some((from, to))
}
