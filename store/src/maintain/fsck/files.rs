//! Whether the files are what the table's log says. Reads their ends only.

use std::sync::Arc;

use futures::{StreamExt, stream};
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::error::StoreError;
use crate::footer::read_footer;
use crate::maintain::fsck::Check;
use crate::newest_commit::directory_in_lake;
use crate::table::Lake;

/// Files that are looked at at a time.
const CONCURRENCY: usize = 16;

/// A file as the log has it.
struct Logged {
    path: String,
    bytes: u64,
    rows: Option<u64>,
}

pub(super) async fn check(lake: &Lake) -> Result<Check, StoreError> {
    let mut check = Check::new(
        "files",
        "every file is there, is as long as the log says, and has as many rows",
    );
    let files = lake.events.files()?;
    let logged: Vec<Logged> = files
        .iter()
        .map(|file| Logged {
            path: file.path().into_owned(),
            bytes: u64::try_from(file.size()).unwrap_or(0),
            rows: file.num_records().map(|rows| rows as u64),
        })
        .collect();
    let rows = logged.iter().filter_map(|file| file.rows).sum();
    let bytes = logged.iter().map(|file| file.bytes).sum();
    check.examined = vec![(logged.len() as u64, "files"), (bytes, "bytes"), (rows, "rows")];

    let log_store = lake.events.log_store();
    let directory = directory_in_lake(lake.location(), &log_store);
    let store = log_store.object_store(None);
    let mut problems = stream::iter(logged)
        .map(|file| problem(store.clone(), file))
        .buffer_unordered(CONCURRENCY);
    while let Some(found) = problems.next().await {
        if let Some(words) = found {
            check.problem(|| format!("{directory}{words}"));
        }
    }
    // They come as their files are read.
    check.told.sort_unstable();
    Ok(check)
}

/// What is wrong with a file, after its path in the table.
async fn problem(store: Arc<dyn ObjectStore>, file: Logged) -> Option<String> {
    let Logged { path, bytes, rows } = file;
    let found = match store.head(&StorePath::from(path.as_str())).await {
        Ok(found) => found.size,
        Err(object_store::Error::NotFound { .. }) => return Some(format!("{path}: is not there")),
        Err(error) => return Some(format!("{path}: {error}")),
    };
    if found != bytes {
        return Some(format!("{path}: has {found} bytes, the log says {bytes}"));
    }
    let found = match read_footer(store.as_ref(), &path, bytes).await {
        Ok(footer) => u64::try_from(footer.file_metadata().num_rows()).unwrap_or(0),
        Err(error) => return Some(format!("{path}: is no Parquet file: {error}")),
    };
    match rows {
        None => Some(format!("{path}: the log does not say how many rows it has")),
        Some(rows) if rows != found => Some(format!("{path}: has {found} rows, the log says {rows}")),
        Some(_) => None,
    }
}
