//! Whether each row is there once. Packs every key into 16 bytes, spreads them over as many buckets as make each one fit into memory, and
//! sorts one bucket after the other: exact, in bounded memory, and in time that grows with the rows.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int32Type, Int64Type};
use futures::TryStreamExt;
use tokio::task::block_in_place;

use crate::error::StoreError;
use crate::maintain::fsck::{Check, events, failed};
use crate::maintain::resources::Resources;
use crate::schema::Kind;
use crate::table::Lake;

const COLUMNS: [&str; 4] = ["kind", "source", "source_offset", "source_seq"];

const KEY_BYTES: usize = size_of::<u128>();

/// More open files a process may not have; with the usual memory they hold the keys of some 8 000 million rows.
const BUCKETS_MAX: usize = 512;

/// Bits of a key that tell the kind.
const KIND_BITS: u32 = 3;

pub(super) fn new() -> Check {
    Check::new(
        "keys",
        "no two rows of a kind are of the same place in the same source",
    )
}

pub(super) async fn check(lake: &Lake, resources: &Resources, check: &mut Check) -> Result<(), StoreError> {
    let rows = usize::try_from(lake.statistics()?.rows).unwrap_or(usize::MAX);
    // The other half is for reading them.
    let held = (resources.memory_bytes / 2 / KEY_BYTES).max(1);
    let count = rows.div_ceil(held);
    let mut buckets = Buckets::new(count, rows).map_err(|error| failed(lake, error))?;
    let mut batches = events(lake, resources, None)?
        .select_columns(&COLUMNS)
        .map_err(|error| failed(lake, error))?
        .execute_stream()
        .await
        .map_err(|error| failed(lake, error))?;
    let mut keys = Keys::default();
    let mut rows = 0;
    while let Some(batch) = batches.try_next().await.map_err(|error| failed(lake, error))? {
        rows += batch.num_rows() as u64;
        block_in_place(|| keys.of(&batch, |key| buckets.add(key))).map_err(|error| failed(lake, error))?;
    }
    block_in_place(|| buckets.twins(|key| check.problem(|| keys.words(key))))
        .map_err(|error| failed(lake, error))?;
    check.told.sort_unstable();
    check.examined = vec![(rows, "rows")];
    Ok(())
}

/// Packs keys: offset, number at that offset, source and kind, from the highest bit on. Sources are numbered as they come.
#[derive(Default)]
struct Keys {
    sources: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Keys {
    /// The key of each row of a batch of [`COLUMNS`].
    fn of(&mut self, batch: &RecordBatch, mut add: impl FnMut(u128) -> io::Result<()>) -> io::Result<()> {
        let (kinds, sources) = (
            batch.column(0).as_string::<i32>(),
            batch.column(1).as_string_view(),
        );
        let offsets = batch.column(2).as_primitive::<Int64Type>();
        let seqs = batch.column(3).as_primitive::<Int32Type>();
        // The next row mostly is of the same source and kind.
        let mut last: Option<(&str, &str, u32)> = None;
        for row in 0..batch.num_rows() {
            let (kind, source) = (kinds.value(row), sources.value(row));
            let origin = match last {
                Some((kind_before, source_before, origin))
                    if source_before == source && kind_before == kind =>
                {
                    origin
                }
                _ => self.origin(kind, source),
            };
            last = Some((kind, source, origin));
            // Bits, not values: whether two are the same does not depend on their sign.
            let (offset, seq) = (offsets.value(row) as u64, seqs.value(row) as u32);
            add(u128::from(offset) << 64 | u128::from(seq) << 32 | u128::from(origin))?;
        }
        Ok(())
    }

    /// Source and kind as one number. So many sources that their numbers were too large would not fit into memory.
    fn origin(&mut self, kind: &str, source: &str) -> u32 {
        let number = match self.numbers.get(source) {
            Some(number) => *number,
            None => {
                let number = self.sources.len() as u32;
                self.sources.push(source.to_owned());
                self.numbers.insert(source.to_owned(), number);
                number
            }
        };
        let kind = Kind::ALL.iter().position(|known| known.as_str() == kind);
        number << KIND_BITS | kind.unwrap_or(Kind::ALL.len()) as u32
    }

    fn words(&self, key: u128) -> String {
        let (offset, seq, origin) = ((key >> 64) as i64, (key >> 32) as i32, key as u32);
        let source = &self.sources[(origin >> KIND_BITS) as usize];
        let kind = Kind::ALL.get((origin & ((1 << KIND_BITS) - 1)) as usize);
        let kind = kind.map_or("unknown", |kind| kind.as_str());
        format!("{source}: the {kind} row of offset {offset}, number {seq}, is there again")
    }
}

/// Keys, the same always in the same bucket.
enum Buckets {
    /// All fit into memory.
    Held(Vec<u128>),
    /// One temporary file a bucket, without a name, so that nothing is left of it however the process ends.
    Files(Vec<BufWriter<File>>),
}

impl Buckets {
    /// For about so many `rows` altogether.
    fn new(count: usize, rows: usize) -> io::Result<Buckets> {
        if count <= 1 {
            return Ok(Buckets::Held(Vec::with_capacity(rows)));
        }
        let files = (0..count.min(BUCKETS_MAX)).map(|_| Ok(BufWriter::new(tempfile::tempfile()?)));
        Ok(Buckets::Files(files.collect::<io::Result<_>>()?))
    }

    fn add(&mut self, key: u128) -> io::Result<()> {
        match self {
            Buckets::Held(keys) => keys.push(key),
            Buckets::Files(files) => {
                let bucket = spread(key) % files.len();
                files[bucket].write_all(&key.to_le_bytes())?;
            }
        }
        Ok(())
    }

    /// Tells every key that was there before, as often as it was.
    fn twins(self, mut tell: impl FnMut(u128)) -> io::Result<()> {
        match self {
            Buckets::Held(keys) => twins(keys, &mut tell),
            Buckets::Files(files) => {
                for file in files {
                    twins(read(file)?, &mut tell);
                }
            }
        }
        Ok(())
    }
}

/// A number that is as good as random and the same for the same key.
fn spread(key: u128) -> usize {
    let folded = (key ^ (key >> 64)) as u64;
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}

fn read(written: BufWriter<File>) -> io::Result<Vec<u128>> {
    let mut file = written.into_inner().map_err(io::IntoInnerError::into_error)?;
    let bytes = file.stream_position()?;
    file.rewind()?;
    let mut keys = Vec::with_capacity(bytes as usize / KEY_BYTES);
    let mut file = BufReader::new(file);
    let mut key = [0; KEY_BYTES];
    while keys.len() < keys.capacity() {
        file.read_exact(&mut key)?;
        keys.push(u128::from_le_bytes(key));
    }
    Ok(keys)
}

fn twins(mut keys: Vec<u128>, tell: &mut impl FnMut(u128)) {
    keys.sort_unstable();
    for pair in keys.windows(2) {
        if pair[0] == pair[1] {
            tell(pair[0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(count: usize, keys: &[u128]) -> Vec<u128> {
        let mut buckets = Buckets::new(count, keys.len()).unwrap();
        keys.iter().for_each(|key| buckets.add(*key).unwrap());
        let mut found = Vec::new();
        buckets.twins(|key| found.push(key)).unwrap();
        found.sort_unstable();
        found
    }

    proptest! {
        #[test]
        fn twins_are_found_in_memory_and_in_files(keys in prop::collection::vec(0u128..50, 0..100), high in any::<bool>()) {
            let keys: Vec<u128> = keys.into_iter().map(|key| if high { key << 64 } else { key }).collect();
            let mut expected = Vec::new();
            let mut seen = std::collections::BTreeSet::new();
            for key in &keys {
                if !seen.insert(*key) {
                    expected.push(*key);
                }
            }
            expected.sort_unstable();
            prop_assert_eq!(&found(1, &keys), &expected);
            prop_assert_eq!(&found(7, &keys), &expected);
        }
    }

    #[test]
    fn keys_are_spread() {
        let mut buckets = [0; 7];
        (0..7000u128).for_each(|offset| buckets[spread(offset << 64) % 7] += 1);
        assert!(
            buckets.iter().all(|keys| (900..1100).contains(keys)),
            "{buckets:?}"
        );
    }

    #[test]
    fn a_key_can_be_told() {
        let mut keys = Keys::default();
        for (source, kind) in [("a", Kind::Query), ("b", Kind::Ledger), ("a", Kind::Log)] {
            let origin = keys.origin(kind.as_str(), source);
            for (offset, seq) in [(0, 0), (7, -1), (i64::MAX, 3)] {
                let key = u128::from(offset as u64) << 64 | u128::from(seq as u32) << 32 | u128::from(origin);
                let expected = format!(
                    "{source}: the {} row of offset {offset}, number {seq}, is there again",
                    kind.as_str()
                );
                assert_eq!(keys.words(key), expected);
            }
        }
    }
}
