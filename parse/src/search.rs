//! Finding short needles in short texts: a search that has nothing to prepare. Knows no format.

use memchr::memchr_iter;

/// Where `needle` first stands in `text`. For the names and marks of one line it is quicker than [`memchr::memmem`], which first makes a
/// searcher of the needle; for long texts with many false starts it is not.
pub(crate) fn find_short(text: &[u8], needle: &[u8]) -> Option<usize> {
    let Some(first) = needle.first() else {
        return Some(0);
    };
    memchr_iter(*first, text).find(|at| text[*at..].starts_with(needle))
}

#[cfg(test)]
mod tests {
    use memchr::memmem;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_finds_what_memmem_finds(text in "[ab:]{0,40}", needle in "[ab:]{0,4}") {
            let (text, needle) = (text.as_bytes(), needle.as_bytes());
            prop_assert_eq!(find_short(text, needle), memmem::find(text, needle));
        }
    }
}
