//! Plans in slow logs, read once where they repeat: an application sends the same few statements over and over, and most of them go the same
//! way each time, to the number of rows.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::plan::Plan;

/// Blocks remembered; the bytes of a block choose its slot.
const SLOTS: usize = 256;
/// A longer block is read each time.
const BLOCK_BYTES_MAX: usize = 4096;

/// The blocks read last.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    slots: Vec<Slot>,
    /// The plan of a block that is too long to remember.
    long: Option<Arc<Plan>>,
}

#[derive(Debug, Clone, Default)]
struct Slot {
    block: Vec<u8>,
    plan: Option<Arc<Plan>>,
}

impl Plans {
    /// The plan of the lines of an `# explain:` block.
    pub(crate) fn read(&mut self, block: &[u8]) -> Option<&Arc<Plan>> {
        if block.len() > BLOCK_BYTES_MAX {
            self.long = read(block);
            return self.long.as_ref();
        }
        self.slots.resize(SLOTS, Slot::default());
        let slot = &mut self.slots[xxh3_64(block) as usize % SLOTS];
        if slot.block != block {
            slot.block.clear();
            slot.block.extend_from_slice(block);
            slot.plan = read(block);
        }
        slot.plan.as_ref()
    }
}

fn read(block: &[u8]) -> Option<Arc<Plan>> {
    Plan::read_mariadb(block.split(|b| *b == b'\n')).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_what_is_read() {
        let block = |table: usize, bytes: usize| {
            let table = format!("{}{table}", "t".repeat(bytes));
            format!("# explain: 1\tSIMPLE\t{table}\tALL\tNULL\tNULL\tNULL\tNULL\t9\t9.00\t100.00\t100.00\tUsing where").into_bytes()
        };
        let mut plans = Plans::default();
        // More than are remembered, twice, and some that are too long.
        let blocks: Vec<Vec<u8>> = (0..2 * SLOTS)
            .map(|n| block(n, if n % 9 == 0 { BLOCK_BYTES_MAX } else { 1 }))
            .collect();
        for block in blocks
            .iter()
            .chain(&blocks)
            .chain([&b"# explain: nothing".to_vec()])
        {
            assert_eq!(plans.read(block), read(block).as_ref());
            assert_eq!(plans.read(block), read(block).as_ref(), "again");
        }
    }
}
