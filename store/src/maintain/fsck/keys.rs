//! Whether each row is there once. Sorts all keys, within the limits of memory, and looks at neighbours.

use datafusion::arrow::array::{AsArray, PrimitiveArray, RecordBatch, StringArray, StringViewArray};
use datafusion::arrow::datatypes::{Int32Type, Int64Type};
use datafusion::prelude::col;
use futures::TryStreamExt;

use crate::error::StoreError;
use crate::maintain::fsck::{Check, events, failed};
use crate::maintain::resources::Resources;
use crate::table::Lake;

/// Numbers first: they mostly settle which of two rows comes first, so that texts are seldom compared.
const KEY: [&str; 4] = ["source_offset", "source_seq", "kind", "source"];

pub(super) fn new() -> Check {
    Check::new(
        "keys",
        "no two rows of a kind are of the same place in the same source",
    )
}

pub(super) async fn check(lake: &Lake, resources: &Resources, check: &mut Check) -> Result<(), StoreError> {
    let order = KEY.map(|name| col(name).sort(true, true)).to_vec();
    let sorted = events(lake, resources)?
        .select_columns(&KEY)
        .and_then(|keys| keys.sort(order))
        .map_err(|error| failed(lake, error))?;
    let mut batches = sorted
        .execute_stream()
        .await
        .map_err(|error| failed(lake, error))?;
    let mut last: Option<Keys> = None;
    let mut rows = 0;
    while let Some(batch) = batches.try_next().await.map_err(|error| failed(lake, error))? {
        let keys = Keys::of(&batch);
        rows += keys.len() as u64;
        if let Some(last) = last.filter(|last| last.len() > 0 && keys.len() > 0) {
            compare(&last, last.len() - 1, &keys, 0, check);
        }
        for row in 1..keys.len() {
            compare(&keys, row - 1, &keys, row, check);
        }
        last = Some(keys);
    }
    check.examined = vec![(rows, "rows")];
    Ok(())
}

/// The columns of [`KEY`].
struct Keys {
    offsets: PrimitiveArray<Int64Type>,
    seqs: PrimitiveArray<Int32Type>,
    kinds: StringArray,
    sources: StringViewArray,
}

impl Keys {
    fn of(batch: &RecordBatch) -> Keys {
        Keys {
            offsets: batch.column(0).as_primitive::<Int64Type>().clone(),
            seqs: batch.column(1).as_primitive::<Int32Type>().clone(),
            kinds: batch.column(2).as_string::<i32>().clone(),
            sources: batch.column(3).as_string_view().clone(),
        }
    }

    fn len(&self) -> usize {
        self.offsets.len()
    }
}

fn compare(a: &Keys, i: usize, b: &Keys, j: usize, check: &mut Check) {
    let is_same = a.offsets.value(i) == b.offsets.value(j)
        && a.seqs.value(i) == b.seqs.value(j)
        && a.kinds.value(i) == b.kinds.value(j)
        && a.sources.value(i) == b.sources.value(j);
    if is_same {
        let (source, kind) = (b.sources.value(j), b.kinds.value(j));
        let (offset, seq) = (b.offsets.value(j), b.seqs.value(j));
        check
            .problem(|| format!("{source}: the {kind} row of offset {offset}, number {seq}, is there again"));
    }
}
