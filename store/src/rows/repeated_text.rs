//! Texts that repeat from row to row, such as the user: each distinct text is kept once, a row keeps two bytes. A column that turns
//! out to have many distinct texts goes on as a plain one.

use std::hash::BuildHasher;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayBuilder, ArrayRef, DictionaryArray, StringBuilder, UInt16Builder};
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::rows::values::Values;

/// From so many distinct texts on, a column is plain.
const MAX_DISTINCT: usize = 16 * 1024;

/// A column of texts.
#[derive(Debug)]
pub(super) enum Text {
    Repeated(Box<Repeated>),
    Plain(StringBuilder),
}

#[derive(Debug, Default)]
pub(super) struct Repeated {
    /// One key a row, the number of its text in `distinct`.
    keys: UInt16Builder,
    distinct: StringBuilder,
    by_text: HashTable<u16>,
    hasher: DefaultHashBuilder,
    /// The key of the last text, as the next one is often the same.
    last: u16,
}

impl Values for Text {
    type Item<'a> = &'a str;

    fn start() -> Text {
        Text::Repeated(Box::default())
    }

    #[inline]
    fn push(&mut self, value: Option<&str>) {
        match self {
            Text::Repeated(repeated) => {
                if !repeated.push(value) {
                    let mut plain = repeated.spread();
                    plain.append_option(value);
                    *self = Text::Plain(plain);
                }
            }
            Text::Plain(plain) => plain.append_option(value),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Text::Repeated(repeated) => {
                let (keys, distinct) = (repeated.keys.finish(), repeated.distinct.finish());
                Arc::new(DictionaryArray::new(keys, Arc::new(distinct)))
            }
            Text::Plain(plain) => Arc::new(plain.finish()),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            // The table of keys costs about as much as the texts' lengths.
            Text::Repeated(repeated) => repeated.keys.len() * 2 + repeated.distinct.bytes() * 2,
            Text::Plain(plain) => plain.bytes(),
        }
    }
}

impl Repeated {
    /// False where the text would be one too many; it is not added then.
    #[inline]
    fn push(&mut self, value: Option<&str>) -> bool {
        let Some(text) = value else {
            self.keys.append_null();
            return true;
        };
        if self.distinct.is_empty() || text_at(&self.distinct, self.last) != text.as_bytes() {
            match self.key_of(text) {
                Some(key) => self.last = key,
                None => return false,
            }
        }
        self.keys.append_value(self.last);
        true
    }

    fn key_of(&mut self, text: &str) -> Option<u16> {
        let Repeated {
            distinct,
            by_text,
            hasher,
            ..
        } = self;
        let hash = hasher.hash_one(text.as_bytes());
        if let Some(key) = by_text.find(hash, |key| text_at(distinct, *key) == text.as_bytes()) {
            return Some(*key);
        }
        let key = u16::try_from(distinct.len())
            .ok()
            .filter(|key| usize::from(*key) < MAX_DISTINCT)?;
        distinct.append_value(text);
        by_text.insert_unique(hash, key, |key| hasher.hash_one(text_at(distinct, *key)));
        Some(key)
    }

    /// The rows so far as plain texts.
    fn spread(&mut self) -> StringBuilder {
        let (keys, distinct) = (self.keys.finish(), self.distinct.finish());
        let mut plain = StringBuilder::new();
        for key in &keys {
            plain.append_option(key.map(|key| distinct.value(key.into())));
        }
        plain
    }
}

#[inline]
fn text_at(texts: &StringBuilder, key: u16) -> &[u8] {
    let offsets = texts.offsets_slice();
    let [start, end] = [offsets[usize::from(key)], offsets[usize::from(key) + 1]];
    &texts.values_slice()[start as usize..end as usize]
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::compute::cast;
    use datafusion::arrow::datatypes::DataType;

    use super::*;

    #[track_caller]
    fn check(texts: impl Iterator<Item = Option<String>> + Clone, is_dictionary: bool) {
        let mut column = Text::start();
        texts.clone().for_each(|text| column.push(text.as_deref()));
        assert!(column.bytes() > 0);
        let array = column.finish();
        assert_eq!(
            matches!(array.data_type(), DataType::Dictionary(..)),
            is_dictionary
        );
        let array = cast(&array, &DataType::Utf8).unwrap();
        let found = array
            .as_string::<i32>()
            .iter()
            .map(|text| text.map(str::to_owned));
        assert!(found.eq(texts));
    }

    #[test]
    fn texts_come_back_whether_or_not_they_repeat() {
        check(
            [Some("a"), None, Some("a"), Some(""), Some("b"), Some("a")]
                .into_iter()
                .map(|text| text.map(str::to_owned)),
            true,
        );
        check(
            (0..MAX_DISTINCT * 2).map(|row| (row % 7 > 0).then(|| (row % MAX_DISTINCT).to_string())),
            true,
        );
        check(
            (0..MAX_DISTINCT * 2).map(|row| (row % 7 > 0).then(|| row.to_string())),
            false,
        );
    }
}
