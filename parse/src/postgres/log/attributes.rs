//! The attributes of one event: names and values in memory that is used again for the next. Never decides what an attribute is called.

use std::io::Write;
use std::ops::Range;

/// Attributes that one event can have: those of a vacuum of a table with a hundred indexes, or of a large deadlock. More are not kept.
const ATTRIBUTES_MAX: usize = 512;

/// Names and values of one event, in the order they were found.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    text: Vec<u8>,
    /// Of each attribute, where its name and its value are in `text`.
    places: Vec<(Range<usize>, Range<usize>)>,
    /// Memory for the list that is handed out.
    spare: Vec<(&'static [u8], &'static [u8])>,
}

impl Attributes {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.places.clear();
    }

    /// An attribute with a value of these bytes; none when there are none.
    pub(crate) fn text(&mut self, name: &str, value: &[u8]) {
        if !value.is_empty() {
            self.add(name, b"", |text| text.extend_from_slice(value));
        }
    }

    /// An attribute with a number.
    pub(crate) fn number(&mut self, name: &str, value: i64) {
        self.add(name, b"", |text| print_number(text, value));
    }

    /// An attribute of one of several things: `name` and then `of` is what it is called.
    pub(crate) fn text_of(&mut self, name: &str, of: &[u8], value: &[u8]) {
        if !value.is_empty() {
            self.add(name, of, |text| text.extend_from_slice(value));
        }
    }

    /// As [`text_of`](Attributes::text_of), with a number.
    pub(crate) fn number_of(&mut self, name: &str, of: &[u8], value: i64) {
        self.add(name, of, |text| print_number(text, value));
    }

    /// An attribute that is a list of words or numbers, without what separates them in the log; none when there are none.
    pub(crate) fn list<'i>(&mut self, name: &str, items: impl Iterator<Item = &'i [u8]>) {
        let mut items = items.filter(|item| !item.is_empty()).peekable();
        if items.peek().is_none() {
            return;
        }
        self.add(name, b"", |text| {
            let start = text.len();
            for item in items {
                if text.len() > start {
                    text.push(b',');
                }
                text.extend_from_slice(item);
            }
        });
    }

    /// Calls `user` with the list.
    pub(crate) fn with(&mut self, user: impl FnOnce(&[(&[u8], &[u8])])) {
        let mut list: Vec<(&[u8], &[u8])> = std::mem::take(&mut self.spare);
        list.extend(
            self.places
                .iter()
                .map(|(name, value)| (&self.text[name.clone()], &self.text[value.clone()])),
        );
        user(&list);
        list.clear();
        // The list is empty; collecting keeps its memory and forgets what it borrowed.
        self.spare = list.into_iter().map(|_| (&b""[..], &b""[..])).collect();
    }

    fn add(&mut self, name: &str, of: &[u8], value: impl FnOnce(&mut Vec<u8>)) {
        if self.places.len() == ATTRIBUTES_MAX {
            return;
        }
        let start = self.text.len();
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(of);
        let middle = self.text.len();
        value(&mut self.text);
        self.places.push((start..middle, middle..self.text.len()));
    }
}

fn print_number(text: &mut Vec<u8>, value: i64) {
    // Writing to a Vec does not fail.
    let _ = write!(text, "{value}");
}
