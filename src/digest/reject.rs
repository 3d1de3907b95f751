//! Shapes of lines that nobody understood, to tell what they are without telling what they say.

use std::cmp::Reverse;

use slowlake_parse::shape;

use crate::digest::bounded::Merge;

/// Shapes that are told one by one.
const SHAPES_SHOWN: usize = 20;

/// Rejects of one shape.
#[derive(Debug, Default)]
pub(super) struct Rejects {
    pub(super) records: u64,
    pub(super) bytes: u64,
}

impl Rejects {
    /// Shape, rejects and bytes, the most frequent first.
    pub(super) fn most_frequent(shapes: Vec<(String, Rejects)>) -> Vec<(String, u64, u64)> {
        let mut list: Vec<(String, u64, u64)> = shapes
            .into_iter()
            .map(|(shape, rejects)| (shape, rejects.records, rejects.bytes))
            .collect();
        list.sort_by(|a, b| Reverse(a.1).cmp(&Reverse(b.1)).then_with(|| a.0.cmp(&b.0)));
        list.truncate(SHAPES_SHOWN);
        list
    }
}

impl Merge for Rejects {
    fn merge(&mut self, other: Rejects) {
        self.records += other.records;
        self.bytes += other.bytes;
    }
}

/// What the first line of a reject looks like.
pub(super) fn shape_of(raw: &[u8]) -> String {
    shape(raw.split(|byte| *byte == b'\n').next().unwrap_or(raw))
}
