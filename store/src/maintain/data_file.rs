//! The files of the events table as maintenance sees them: what the table's log says of each. Never opens one.

use deltalake::kernel::Remove;

use crate::error::StoreError;
use crate::file_order::is_sorted;
use crate::lake_table::LakeTable;
use crate::schema::{Kind, PARTITION_COLUMNS};

/// The partition of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FilePartition {
    /// As `2026-11-23`.
    pub(crate) date: String,
    pub(crate) kind: Kind,
}

impl FilePartition {
    /// The day, in days since 1970-01-01.
    pub(crate) fn day(&self) -> Option<i32> {
        let date: jiff::civil::Date = self.date.parse().ok()?;
        let epoch = jiff::civil::date(1970, 1, 1);
        epoch.until(date).ok().map(|span| span.get_days())
    }
}

impl std::fmt::Display for FilePartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.kind.as_str(), self.date)
    }
}

/// One file that is part of the table.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    pub(crate) partition: FilePartition,
    /// Relative to the table.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    /// When it was written, in ms since 1970 UTC.
    pub(crate) written_ms: i64,
    pub(crate) is_sorted: bool,
    /// The action that takes it out of the table.
    remove: Remove,
}

impl DataFile {
    /// The action that takes the file out of the table; whether its rows go with it.
    pub(crate) fn remove(&self, takes_rows: bool) -> Remove {
        Remove {
            data_change: takes_rows,
            ..self.remove.clone()
        }
    }
}

impl LakeTable {
    /// Every file that is part of the table, in no order. Those that this program does not know enough of to touch are left out:
    /// of a kind of its own, or without a count of rows.
    pub(crate) fn data_files(&self) -> Result<Vec<DataFile>, StoreError> {
        let files = self.files()?;
        let [date_name, kind_name] = PARTITION_COLUMNS;
        let known = files.iter().filter_map(|file| {
            let mut values = file.partition_values_map();
            let mut value = |name: &str| values.remove(name).flatten();
            let partition = FilePartition {
                date: value(date_name)?,
                kind: Kind::of(&value(kind_name)?)?,
            };
            let path = file.path().into_owned();
            Some(DataFile {
                partition,
                is_sorted: is_sorted(&path),
                path,
                bytes: u64::try_from(file.size()).ok()?,
                rows: file.num_records()? as u64,
                written_ms: file.modification_time(),
                remove: file.remove_action(false),
            })
        });
        Ok(known.collect())
    }
}

#[cfg(test)]
impl DataFile {
    /// A file of (bytes, rows) that is not there.
    pub(crate) fn for_test(
        partition: FilePartition,
        path: &str,
        (bytes, rows): (u64, u64),
        is_sorted: bool,
    ) -> DataFile {
        DataFile {
            partition,
            path: path.to_owned(),
            bytes,
            rows,
            written_ms: 0,
            is_sorted,
            remove: Remove::default(),
        }
    }
}
