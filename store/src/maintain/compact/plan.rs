//! Which files are worth putting together. Looks at sizes, rows and days only, never at a file.

use std::collections::BTreeMap;

use crate::maintain::data_file::{DataFile, FilePartition};

/// The size that a compacted file has, and none exceeds by more than a row group, bytes.
pub(super) const TARGET_BYTES: u64 = 128 << 20;

/// A sorted file of this size is left alone for good, bytes.
const SETTLED_BYTES: u64 = TARGET_BYTES / 2;

/// The most that is sorted at once, bytes of its files: what a sort may take of temporary disk space is bounded by it.
const MAX_BIN_BYTES: u64 = 2 * TARGET_BYTES;

/// So long after its end a day is taken to have all its rows, µs. Rows that come later are welcome, but cost more to put away.
const CLOSED_AFTER_US: i64 = 2 * DAY_US;

const DAY_US: i64 = 86_400_000_000;

/// Files of one partition that become one sorted file, or a few.
#[derive(Debug, Clone)]
pub(super) struct Bin {
    pub(super) partition: FilePartition,
    pub(super) files: Vec<DataFile>,
}

impl Bin {
    pub(super) fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// What to put together at this time, in the order of the partitions. Files that a bin does not name stay as they are.
pub(super) fn bins(files: Vec<DataFile>, now_us: i64) -> Vec<Bin> {
    let mut partitions: BTreeMap<FilePartition, Vec<DataFile>> = BTreeMap::new();
    for file in files {
        partitions.entry(file.partition.clone()).or_default().push(file);
    }
    let mut bins = Vec::new();
    for (partition, mut files) in partitions {
        files.retain(|file| !(file.is_sorted && file.bytes >= SETTLED_BYTES));
        files.sort_by(|a, b| a.rows.cmp(&b.rows).then_with(|| a.path.cmp(&b.path)));
        if !is_closed(&partition, now_us) {
            files.truncate(worth_now(&files));
        }
        bins.extend(cut(&partition, files));
    }
    bins
}

/// Whether all rows of the day should be there. A day that cannot be read has no end.
fn is_closed(partition: &FilePartition, now_us: i64) -> bool {
    let end_us = |day: i32| (i64::from(day) + 1).checked_mul(DAY_US);
    partition
        .day()
        .and_then(end_us)
        .is_some_and(|end_us| end_us.saturating_add(CLOSED_AFTER_US) <= now_us)
}

/// How many of the files, smallest first, to put together while more may come: as many as leave each row in a file of at least twice
/// the rows it was in. So no row is written more often than the logarithm of the day's rows, however often this is asked, and what
/// is left are few files, each larger than all smaller ones together.
fn worth_now(files: &[DataFile]) -> usize {
    let mut smaller = 0;
    let mut worth = 0;
    for (index, file) in files.iter().enumerate() {
        if index > 0 && file.rows <= smaller {
            worth = index + 1;
        }
        smaller += file.rows;
    }
    worth
}

/// The files in bins of no more than may be sorted at once. What would only be copied is left out.
fn cut(partition: &FilePartition, files: Vec<DataFile>) -> Vec<Bin> {
    let mut bins: Vec<Bin> = Vec::new();
    for file in files {
        match bins.last_mut() {
            Some(bin) if bin.bytes() + file.bytes <= MAX_BIN_BYTES => bin.files.push(file),
            _ => bins.push(Bin {
                partition: partition.clone(),
                files: vec![file],
            }),
        }
    }
    bins.retain(|bin| bin.files.len() > 1 || bin.files.iter().any(|file| !file.is_sorted));
    bins
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schema::Kind;

    const MIB: u64 = 1 << 20;
    /// 2026-11-23.
    const DAY: i32 = 20_780;

    /// A file whose name says whether it is sorted and how many rows it has; a row has 100 bytes.
    fn file(name: &str) -> DataFile {
        let (is_sorted, rows) = match name.strip_prefix('s') {
            Some(rows) => (true, rows),
            None => (false, name),
        };
        let rows: u64 = rows.parse().unwrap();
        DataFile::for_test(
            FilePartition {
                date: "2026-11-23".to_owned(),
                kind: Kind::Query,
            },
            name,
            (rows * 100, rows),
            is_sorted,
        )
    }

    /// Rows of the files of each bin, `days` after the end of their day.
    #[track_caller]
    fn check(names: &str, days: i64, expected: &str) {
        let files = names.split_whitespace().map(file).collect();
        let end_us = i64::from(DAY + 1) * DAY_US;
        let found: Vec<String> = bins(files, end_us + days * DAY_US)
            .iter()
            .map(|bin| {
                let names: Vec<&str> = bin.files.iter().map(|file| file.path.as_str()).collect();
                names.join("+")
            })
            .collect();
        assert_eq!(found.join(" "), expected);
    }

    #[test]
    fn the_day_of_a_partition_is_read() {
        assert_eq!(file("1").partition.day(), Some(DAY));
    }

    #[test]
    fn a_closed_day_becomes_as_few_sorted_files_as_possible() {
        check("", 2, "");
        check("s1", 2, "");
        check("1", 2, "1");
        check("s1 1000", 2, "s1+1000");
        check("s1 s1000", 2, "s1+s1000");
        // Half of the target and sorted: left alone.
        check("s671089 s1 700000", 2, "s1+700000");
        check("s671089 s1", 2, "");
        // Two targets are sorted at once, no more.
        check("1000000 1000000 1000000 s10", 2, "s10+1000000+1000000 1000000");
        check("9000000", 2, "9000000");
    }

    #[test]
    fn a_day_that_still_grows_is_put_together_when_it_pays() {
        check("1", 1, "");
        check("1 1", 1, "1+1");
        check("s2 1", 1, "");
        check("s2 1 1", 1, "1+1+s2");
        check("s100 s40 10 9 8", 1, "8+9+10");
        check("s100 s27 10 9 8", 1, "8+9+10+s27");
        check("s200 s40 90 5 5 5", 1, "5+5+5");
        check("s100 s40 50 5 5 5", 1, "5+5+5+s40+50+s100");
    }

    proptest! {
        /// However files come in, each row is rewritten seldom, and few files are left.
        #[test]
        fn growing_costs_a_logarithm(sizes in prop::collection::vec(1u64..200, 1..200)) {
            // Rows of each file, and how often they were written.
            let mut files: Vec<(u64, u32)> = Vec::new();
            let mut total = 0;
            for size in sizes {
                files.push((size, 0));
                total += size;
                let listed = files.iter().map(|(rows, _)| file(&format!("{rows}"))).collect::<Vec<_>>();
                let end_us = i64::from(DAY + 1) * DAY_US;
                for bin in bins(listed, end_us) {
                    let mut written = 0;
                    for gone in &bin.files {
                        let index = files.iter().position(|(rows, _)| *rows == gone.rows).unwrap();
                        written = written.max(files.swap_remove(index).1);
                    }
                    files.push((bin.rows(), written + 1));
                }
            }
            let limit = u64::BITS - total.leading_zeros();
            prop_assert!(files.len() as u32 <= limit + 1, "{files:?}");
            prop_assert!(files.iter().all(|(_, written)| *written <= limit + 1), "{files:?}");
            prop_assert_eq!(files.iter().map(|(rows, _)| rows).sum::<u64>(), total);
        }
    }

    #[test]
    fn limits_agree() {
        assert_eq!(SETTLED_BYTES, 64 * MIB);
        assert_eq!(file("671089").bytes, 67_108_900);
    }
}
