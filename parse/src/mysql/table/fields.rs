//! The values of one row, in each of the ways that clients write rows. Knows where a row ends and what is escaped, and no column but by name.

use crate::lines::without_newline;
use crate::mysql::table::columns::{self, Columns};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `*** 1. row ***` and a line for each column.
    Vertical,
    /// Tabs between values, backslashes in them.
    Tabs,
    /// Commas between values and quotes around them; a quote in a value is doubled, and a backslash is a backslash.
    Commas,
    /// Commas between values and quotes around them; backslashes in them. The server itself writes so, and never a header.
    CommasAndBackslashes,
}

impl Shape {
    /// The shape of rows without a header, by the first of them: it begins with a time.
    pub(crate) fn of(line: &[u8]) -> Option<Shape> {
        if is_row_mark(line) {
            return Some(Shape::Vertical);
        }
        let is_quoted = line.first() == Some(&b'"');
        let time = &line[usize::from(is_quoted)..];
        let bytes = time
            .iter()
            .take_while(|b| matches!(b, b'0'..=b'9' | b'-' | b':' | b' ' | b'.'))
            .count();
        let is_time =
            bytes >= b"2026-11-23 00:24:28".len() && time[4] == b'-' && time[7] == b'-' && time[13] == b':';
        let mut after = time[bytes..].iter().copied().filter(|b| *b != b'"');
        match after.next() {
            Some(b'\t') if is_time && !is_quoted => Some(Shape::Tabs),
            Some(b',') if is_time => Some(Shape::CommasAndBackslashes),
            _ => None,
        }
    }
}

/// The values of one row; reuses its buffers.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    text: Vec<u8>,
    /// Where each value is in `text`; `None` is NULL.
    places: Vec<Option<(usize, usize)>>,
    /// The row that was begun goes on in the next line.
    is_open: bool,
}

impl Fields {
    /// The first line of a row.
    pub(crate) fn begin(&mut self, shape: Shape, line: &[u8]) {
        self.is_open = false;
        self.follow(shape, line);
    }

    /// Whether `line` belongs to the row that was begun.
    pub(crate) fn goes_on(&mut self, shape: Shape, line: &[u8]) -> bool {
        if shape == Shape::Vertical {
            return !is_row_mark(line);
        }
        let goes_on = self.is_open;
        if goes_on {
            self.follow(shape, line);
        }
        goes_on
    }

    fn follow(&mut self, shape: Shape, line: &[u8]) {
        let mut bytes = line.iter();
        match shape {
            Shape::Vertical => {}
            Shape::Tabs => {
                // An escaped line end is part of a value.
                let text = line.strip_suffix(b"\n").unwrap_or(line);
                self.is_open = text.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1;
            }
            Shape::Commas => {
                self.is_open ^= bytes.filter(|b| **b == b'"').count() % 2 == 1;
            }
            Shape::CommasAndBackslashes => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'\\' => _ = bytes.next(),
                        b'"' => self.is_open = !self.is_open,
                        _ => {}
                    }
                }
            }
        }
    }

    /// Splits a row of a shape with separators, and counts its values; `None` when a quote in it never closes.
    pub(crate) fn split(&mut self, shape: Shape, row: &[u8]) -> Option<usize> {
        self.text.clear();
        self.places.clear();
        let separator = if shape == Shape::Tabs { b'\t' } else { b',' };
        let has_backslashes = shape != Shape::Commas;
        let has_quotes = shape != Shape::Tabs;
        let mut rest = without_newline(row);
        loop {
            let start = self.text.len();
            let (mut in_quotes, mut was_quoted, mut is_null) = (false, false, false);
            let mut at = 0;
            while let Some(byte) = rest.get(at) {
                at += 1;
                match *byte {
                    b'\\' if has_backslashes => {
                        let escaped = rest.get(at).copied().unwrap_or(b'\\');
                        is_null |= escaped == b'N' && at == 1;
                        self.text.push(unescaped(escaped));
                        at += 1;
                    }
                    b'"' if has_quotes && in_quotes && rest.get(at) == Some(&b'"') => {
                        self.text.push(b'"');
                        at += 1;
                    }
                    b'"' if has_quotes && (in_quotes || at == 1) => {
                        (in_quotes, was_quoted) = (!in_quotes, true);
                    }
                    byte if byte == separator && !in_quotes => {
                        at -= 1;
                        break;
                    }
                    byte => self.text.push(byte),
                }
            }
            if in_quotes {
                return None;
            }
            let value = &self.text[start..];
            let is_null = (is_null && value == b"N") || (!was_quoted && value == b"NULL");
            self.places.push((!is_null).then_some((start, self.text.len())));
            match rest.get(at..).and_then(|rest| rest.split_first()) {
                Some((_, after)) => rest = after,
                None => return Some(self.places.len()),
            }
        }
    }

    /// Reads a vertical row. A value goes on in the lines that name no column at the same place as the others; `None` without any column.
    pub(crate) fn vertical(&mut self, row: &[u8]) -> Option<Columns> {
        self.text.clear();
        self.places.clear();
        let mut columns = Columns::none();
        let mut colon_at = None;
        for line in row.split_inclusive(|b| *b == b'\n').skip(1) {
            let colon = memchr::memchr(b':', line).filter(|colon| colon_at.is_none_or(|at| at == *colon));
            let named = colon.and_then(|at| Some((at, columns::named(line[..at].trim_ascii_start())?)));
            match named.filter(|(_, column)| !columns.has(*column)) {
                Some((colon, column)) => {
                    colon_at = Some(colon);
                    columns.add(Some(column));
                    let value = line[colon + 1..].strip_prefix(b" ").unwrap_or(b"");
                    self.places
                        .push(Some((self.text.len(), self.text.len() + value.len())));
                    self.text.extend_from_slice(value);
                }
                None => {
                    if let Some(Some((_, end))) = self.places.last_mut() {
                        *end += line.len();
                        self.text.extend_from_slice(line);
                    }
                }
            }
        }
        let is_row = columns.has(columns::Column::SqlText) || columns.has(columns::Column::CommandType);
        self.end_vertical();
        is_row.then_some(columns)
    }

    /// Takes the line ends off the values, and reads those that MySQL's client prints as hexadecimal numbers: the text of a statement is binary.
    fn end_vertical(&mut self) {
        for place in &mut self.places {
            let Some((start, end)) = *place else { continue };
            let value = without_newline(&self.text[start..end]);
            *place = match hexadecimal(value) {
                _ if value == b"NULL" => None,
                None => Some((start, start + value.len())),
                Some(bytes) => {
                    let start = self.text.len();
                    self.text.extend_from_slice(&bytes);
                    Some((start, self.text.len()))
                }
            };
        }
    }

    /// The value at a place of the row; `None` when it is NULL.
    pub(crate) fn value(&self, place: usize) -> Option<&[u8]> {
        let (start, end) = (*self.places.get(place)?)?;
        Some(&self.text[start..end])
    }
}

/// `*************************** 1. row ***************************`.
fn is_row_mark(line: &[u8]) -> bool {
    let line = without_newline(line);
    let stars = line.iter().take_while(|b| **b == b'*').count();
    let middle = line[stars..].strip_prefix(b" ").unwrap_or(b"");
    let digits = middle.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = middle[digits..].strip_prefix(b". row ").unwrap_or(b"");
    stars >= 3 && digits > 0 && !rest.is_empty() && rest.iter().all(|b| *b == b'*')
}

/// The bytes of `0x73656C656374`.
fn hexadecimal(value: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).map(|digit| digit as u8);
    let pairs = value.strip_prefix(b"0x").filter(|digits| digits.len() % 2 == 0)?;
    pairs
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? * 16 + digit(pair[1])?))
        .collect()
}

/// What a backslash and this byte stand for.
fn unescaped(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 8,
        b'0' => 0,
        b'Z' => 26,
        byte => byte,
    }
}
