//! Plans in YAML as PostgreSQL writes it: one property a line, texts quoted as in JSON, groups by indentation.

use std::borrow::Cow;

use memchr::memchr;

use super::json;
use super::properties::Properties;
use crate::lines::{Lines, without_newline};

/// Reads the properties line by line; at the end of the payload there is nothing that would say that it is whole.
pub(super) fn read<'a>(yaml: &'a [u8], properties: &mut Properties<'a>) {
    let mut groups = Groups {
        columns: Vec::new(),
        properties,
    };
    groups.properties.enter(b"");
    let mut lines = Lines::default();
    while let Some((start, end)) = lines.next(yaml, true) {
        let line = without_newline(&yaml[start..end]);
        let mut text = line.trim_ascii_start();
        groups.close(line.len() - text.len());
        while let Some(item) = text.strip_prefix(b"- ") {
            groups.open(line.len() - text.len(), b"");
            text = item;
        }
        groups.property(line.len() - text.len(), text);
    }
}

struct Groups<'p, 'a> {
    /// Where the lines stand that opened the groups.
    columns: Vec<usize>,
    properties: &'p mut Properties<'a>,
}

impl<'a> Groups<'_, 'a> {
    /// A line at `column` ends the groups that were opened there or further right.
    fn close(&mut self, column: usize) {
        while self.columns.pop_if(|open| *open >= column).is_some() {
            self.properties.leave();
        }
    }

    fn open(&mut self, column: usize, key: &[u8]) {
        self.columns.push(column);
        self.properties.enter(key);
    }

    fn property(&mut self, column: usize, text: &'a [u8]) {
        if text.starts_with(b"\"") {
            return;
        }
        let Some(colon) = memchr(b':', text) else {
            return;
        };
        let (key, value) = (&text[..colon], text[colon + 1..].trim_ascii());
        match value.first() {
            None => self.open(column, key),
            Some(b'"') => {
                let text = json::text(value);
                if text.is_closed {
                    self.properties.value(key, text.value);
                } else {
                    self.properties.cut_value(key, text.value);
                }
            }
            Some(_) => self.properties.value(key, Cow::Borrowed(value)),
        }
    }
}
