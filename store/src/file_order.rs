//! In which order compaction puts the rows of each kind, and by what such a file is known. Sorts nothing itself.
//!
//! A sorted file is known by its name: the name is in every version of the log and survives every checkpoint, whoever writes it,
//! which cannot be said of an action's tags.

use object_store::path::Path as StorePath;

use crate::schema::Kind;

/// What the name of a sorted file begins with.
const SORTED: &str = "sorted-";

/// The columns by which the rows of a compacted file are sorted, ascending, NULLs first. A file without the column has NULLs only.
pub(crate) fn sort_columns(kind: Kind) -> [&'static str; 2] {
    match kind {
        Kind::Query | Kind::Log => ["fingerprint", "ts"],
        Kind::Metric => ["server", "ts"],
        Kind::Reject | Kind::Ledger => ["source", "source_offset"],
    }
}

/// The name of a file whose rows are sorted.
pub(crate) fn sorted_name(unique: &str) -> String {
    format!("{SORTED}{unique}.parquet")
}

/// Whether the rows of a file are sorted by [`sort_columns`].
pub(crate) fn is_sorted(path: &str) -> bool {
    StorePath::from(path)
        .filename()
        .is_some_and(|name| name.starts_with(SORTED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::COLUMNS;

    #[test]
    fn sorted_files_are_known_by_their_name() {
        assert!(is_sorted(&format!(
            "event_date=2026-11-23/kind=query/{}",
            sorted_name("1")
        )));
        assert!(!is_sorted("event_date=2026-11-23/kind=query/1.parquet"));
        assert!(!is_sorted("sorted-of-old/kind=query/1.parquet"));
    }

    #[test]
    fn rows_are_sorted_by_columns_that_files_have() {
        for name in Kind::ALL.into_iter().flat_map(sort_columns) {
            assert!(COLUMNS.iter().any(|column| column.name == name), "{name}");
        }
    }
}
