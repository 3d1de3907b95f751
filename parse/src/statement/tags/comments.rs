//! Where a text has its comments: the first few and the last few, for tags stand at either end.
//!
//! Filled by the lexer, which knows what is a comment and what only looks like one; never looks into them.

use std::ops::Range;

/// So many comments are remembered from the beginning of a text, and as many from its end.
const KEPT_AT_EACH_END: usize = 4;

/// What opens a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Opening {
    /// `/*`
    Block,
    /// `--`
    Line,
}

/// The comments of one text. Costs nothing for a text without any.
#[derive(Default)]
pub(in super::super) struct Comments {
    /// The first ones, then the last ones, the latter as a ring.
    kept: [Option<(Opening, u32, u32)>; 2 * KEPT_AT_EACH_END],
    count: usize,
}

impl Comments {
    pub(in super::super) fn clear(&mut self) {
        self.count = 0;
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Remembers a comment by what is between its delimiters.
    pub(in super::super) fn push(&mut self, opening: Opening, body: Range<usize>) {
        let slot = if self.count < KEPT_AT_EACH_END {
            self.count
        } else {
            KEPT_AT_EACH_END + self.count % KEPT_AT_EACH_END
        };
        self.kept[slot] = Some((opening, body.start as u32, body.end as u32));
        self.count += 1;
    }

    /// The comments that are remembered, in the order of the text.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Opening, Range<usize>)> + '_ {
        let last = self.count.saturating_sub(KEPT_AT_EACH_END).max(KEPT_AT_EACH_END);
        let first = 0..self.count.min(KEPT_AT_EACH_END);
        let slots = first.chain((last..self.count).map(|index| KEPT_AT_EACH_END + index % KEPT_AT_EACH_END));
        slots
            .filter_map(|slot| self.kept[slot])
            .map(|(opening, start, end)| (opening, start as usize..end as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_and_the_last() {
        for count in 0..20 {
            let mut comments = Comments::default();
            for index in 0..count {
                comments.push(Opening::Block, index..index);
            }
            let kept: Vec<usize> = comments.iter().map(|(_, body)| body.start).collect();
            let expect: Vec<usize> = (0..count).filter(|&i| i < 4 || i + 4 >= count).collect();
            assert_eq!(kept, expect, "of {count}");
        }
    }
}
