//! Shapes of lines that nobody understood, to tell what they are without telling what they say.

use std::cmp::Reverse;

use crate::digest::bounded::Merge;

/// Characters of a shape.
const SHAPE_MAX: usize = 100;
/// Bytes of a line that are looked at.
const LINE_BYTES: usize = 400;
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

/// The first line with every run of letters as `a` and of digits as `9`, so that no word of it is left.
pub(super) fn shape(raw: &[u8]) -> String {
    let line = raw.split(|byte| *byte == b'\n').next().unwrap_or(raw);
    let mut shape = String::new();
    for &byte in line.iter().take(LINE_BYTES) {
        let class = match byte {
            b'0'..=b'9' => '9',
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => 'a',
            b'\t' => ' ',
            0..0x20 | 0x7f => '.',
            _ => char::from(byte),
        };
        if !shape.ends_with(class) {
            shape.push(class);
        }
        if shape.len() >= SHAPE_MAX {
            break;
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_has_no_word_of_its_line() {
        assert_eq!(
            shape(b"2026-11-16 08:00:00 [17] w\xc3\xa4hle 'geheim'  \x1b[0m\nmore"),
            "9-9-9 9:9:9 [9] a 'a' .[9a"
        );
        assert_eq!(shape(b""), "");
    }
}
