//! Strings, numbers, numbered placeholders, and the fast path over lists of them.
//!
//! Finds where a literal ends and nothing else: its value is never looked at, let alone kept.

use super::super::bytes::{eight, first_of, is_space, is_word};
use super::super::canonical::Place;
use super::Lexer;

/// How digests spell the character set of a string, and a string of hexadecimal digits.
pub(in super::super) const DIGEST_CHARSET: &[u8] = b"(_charset)";
pub(in super::super) const DIGEST_HEXADECIMAL: &[u8] = b"(unknown)";

impl Lexer<'_> {
    /// A string that opens here, or continues the one before.
    pub(super) fn string(&mut self, quote: u8, escapes: bool) {
        let start = self.position;
        let continued = self.postgres && self.continues_string();
        let place = self.skip_string(
            start,
            quote,
            if continued { self.string_escapes } else { escapes },
        );
        if !continued {
            self.out.constant(place);
        }
    }

    /// Reads to the end of a string whose quote opens here and whose token begins at `start`.
    fn skip_string(&mut self, start: usize, quote: u8, escapes: bool) -> Place {
        let (end, closed) = self.quoted_end(self.position + 1, quote, escapes);
        self.position = if closed { end + 1 } else { end };
        self.out.truncated |= !closed;
        self.string_end = self.position;
        self.string_escapes = escapes;
        Place {
            start,
            end: self.position,
        }
    }

    /// PostgreSQL: nothing but white space with a line break, or comments, since the last string.
    fn continues_string(&self) -> bool {
        let Some(gap) = self.text.get(self.string_end..self.position) else {
            return false;
        };
        self.out.last_end() == self.string_end && gap.iter().any(|&byte| byte == b'\n' || byte == b'\r')
    }

    /// Where quotes opened before `from` close, and whether they do.
    pub(super) fn quoted_end(&self, from: usize, quote: u8, escapes: bool) -> (usize, bool) {
        let escape = if escapes { b'\\' } else { quote };
        let mut at = from;
        loop {
            // Most strings are short: eight bytes at a time, and a search only in long ones.
            let mut near = first_of(eight(self.text, at), quote, escape);
            if near == 8 {
                near = 8 + first_of(eight(self.text, at + 8), quote, escape);
            }
            if near == 16 {
                let rest = self.text.get(at + 16..self.length).unwrap_or_default();
                near = match memchr::memchr2(quote, escape, rest) {
                    Some(far) => 16 + far,
                    None => return (self.length, false),
                };
            }
            at += near;
            if at >= self.length {
                return (self.length, false);
            }
            let escaped = self.at(at) == b'\\' && escapes;
            let doubled = self.at(at) == quote && self.at(at + 1) == quote;
            if !escaped && !doubled {
                return (at, true);
            }
            at += 2;
            if at >= self.length {
                return (self.length, false);
            }
        }
    }

    /// A one-letter word before a quote or `&`: a string of some kind? True if it was read.
    pub(super) fn prefixed_literal(&mut self) -> bool {
        let start = self.position;
        let (letter, next) = (self.at(start).to_ascii_lowercase(), self.at(start + 1));
        if next == b'&' {
            let quote = self.at(start + 2);
            if letter != b'u' || !self.postgres || !matches!(quote, b'\'' | b'"') {
                return false;
            }
            self.position += 2;
            if quote == b'"' {
                self.quoted_name(quote);
            } else {
                let place = self.skip_string(start, quote, false);
                self.out.constant(place);
            }
            return true;
        }
        let escapes = match letter {
            b'n' => self.backslash_escapes,
            b'b' | b'x' => false,
            b'e' if self.postgres => true,
            _ => return false,
        };
        self.position += 1;
        let place = self.skip_string(start, b'\'', escapes);
        self.out.constant(place);
        true
    }

    /// What the server's digests of MySQL put for some constants: `(_charset) ?` and, in MariaDB, `(unknown)`. True if it
    /// was read.
    pub(super) fn digest_constant(&mut self) -> bool {
        let rest = &self.text[self.position..];
        if rest.starts_with(DIGEST_CHARSET) {
            let place = self.take(DIGEST_CHARSET.len());
            self.out.introducer(place);
            return true;
        }
        let unknown = rest.starts_with(DIGEST_HEXADECIMAL) && self.out.expects_operand();
        if unknown {
            let place = self.take(DIGEST_HEXADECIMAL.len());
            self.out.constant(place);
        }
        unknown
    }

    /// A token that begins with a digit, or with a dot before one.
    pub(super) fn number(&mut self) {
        let start = self.position;
        let rest = &self.text[start..];
        if !self.postgres && self.out.after_dot() {
            return self.name_of_digits(start);
        }
        let (mut length, integer) = number_length(rest, self.postgres);
        if !self.postgres && integer == Integer::Decimal && lacks_exponent(rest, length) {
            length += 1;
        } else if !self.postgres && integer != Integer::No && is_word(rest[length]) {
            return self.name_of_digits(start);
        }
        self.position = start + length;
        let place = Place {
            start,
            end: self.position,
        };
        if integer == Integer::Decimal {
            self.out.integer(self.text, place);
        } else {
            self.out.constant(place);
        }
    }

    /// MySQL: a name that begins with digits, `2024_log`; after a dot of digits alone.
    fn name_of_digits(&mut self, start: usize) {
        let mut end = start;
        while is_word(self.at(end)) {
            end += 1;
        }
        self.position = end;
        self.out.digit_name(
            self.text,
            Place { start, end },
            is_glued_name(&self.text[start..end]),
        );
    }

    /// `$1`, and `$tag$ ... $tag$` of PostgreSQL.
    pub(super) fn dollar(&mut self) {
        let start = self.position;
        let mut digits = 0;
        while self.at(start + 1 + digits).is_ascii_digit() {
            digits += 1;
        }
        if digits > 0 && (self.postgres || !is_word(self.at(start + 1 + digits))) {
            let place = self.take(1 + digits);
            return self.out.constant(place);
        }
        if !self.postgres {
            return self.word();
        }
        let mut tag = start + 1;
        while is_word(self.at(tag)) && self.at(tag) != b'$' {
            tag += 1;
        }
        if self.at(tag) != b'$' {
            let place = self.take(1);
            return self.out.operator(self.text, place);
        }
        let opening = &self.text[start..=tag];
        let body = &self.text[(tag + 1).min(self.length)..self.length];
        let end = memchr::memmem::find(body, opening);
        self.out.truncated |= end.is_none();
        self.position = end.map_or(self.length, |end| tag + 1 + end + opening.len());
        self.out.constant(Place {
            start,
            end: self.position,
        });
    }

    /// Where a list that holds only plain literals, and begins here, ends: at its closing byte.
    ///
    /// Whatever is not plain, a comment for one, is left to the tokens' own ways, which come to the same.
    pub(super) fn constants(&self, from: usize, closing: u8) -> Option<usize> {
        let mut at = from;
        loop {
            at = self.skip_spaces(at);
            at = self.plain_literal(at)?;
            at = self.skip_spaces(at);
            match self.at(at) {
                b',' => at += 1,
                byte if byte == closing && at < self.length => return Some(at),
                _ => return None,
            }
        }
    }

    /// Skips rows of plain literals after one: equal rows of `VALUES` count once. Where the last of them closes.
    pub(super) fn more_rows(&self, mut closed: usize) -> usize {
        loop {
            let comma = self.skip_spaces(closed + 1);
            let open = self.skip_spaces(comma + 1);
            if self.at(comma) != b',' || self.at(open) != b'(' {
                return closed;
            }
            match self.constants(open + 1, b')') {
                Some(end) => closed = end,
                None => return closed,
            }
        }
    }

    #[inline]
    fn skip_spaces(&self, mut at: usize) -> usize {
        while at < self.length && is_space(self.at(at)) {
            at += 1;
        }
        at
    }

    #[inline]
    fn plain_literal(&self, mut at: usize) -> Option<usize> {
        match self.at(at) {
            b'0'..=b'9' => Some(self.plain_number(at)),
            b'\'' => self.plain_string(at, b'\''),
            b'"' if !self.double_quotes_identify => self.plain_string(at, b'"'),
            b'-' | b'+' => {
                at += 1;
                self.at(at).is_ascii_digit().then(|| self.plain_number(at))
            }
            b'?' => Some(at + 1),
            b'$' if self.at(at + 1).is_ascii_digit() => {
                at += 2;
                while self.at(at).is_ascii_digit() {
                    at += 1;
                }
                Some(at)
            }
            b'n' | b'N' => self.plain_word(at, b"null"),
            b't' | b'T' => self.plain_word(at, b"true"),
            b'f' | b'F' => self.plain_word(at, b"false"),
            _ => None,
        }
    }

    #[inline]
    fn plain_number(&self, mut at: usize) -> usize {
        while self.at(at).is_ascii_digit() {
            at += 1;
        }
        if self.at(at) == b'.' && self.at(at + 1).is_ascii_digit() {
            at += 2;
            while self.at(at).is_ascii_digit() {
                at += 1;
            }
        }
        at
    }

    #[inline]
    fn plain_string(&self, at: usize, quote: u8) -> Option<usize> {
        let (end, closed) = self.quoted_end(at + 1, quote, self.backslash_escapes);
        closed.then_some(end + 1)
    }

    fn plain_word(&self, at: usize, word: &[u8]) -> Option<usize> {
        let spelling = self.text.get(at..at + word.len())?;
        spelling.eq_ignore_ascii_case(word).then_some(at + word.len())
    }
}

/// What a number is written as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Integer {
    /// With a fraction or an exponent.
    No,
    /// In decimal digits only.
    Decimal,
    /// With a base, or separators.
    Other,
}

/// The length of the number at the beginning of a padded text. `separators`: `1_000` and `0o17` are numbers.
fn number_length(text: &[u8], separators: bool) -> (usize, Integer) {
    let digits = |mut at: usize, is_digit: fn(&u8) -> bool| {
        while is_digit(&text[at]) || separators && text[at] == b'_' && is_digit(&text[at + 1]) {
            at += 1;
        }
        at
    };
    if text[0] == b'0' {
        let is_digit: fn(&u8) -> bool = match text[1] {
            b'x' | b'X' => u8::is_ascii_hexdigit,
            b'b' | b'B' => |byte| matches!(byte, b'0' | b'1'),
            b'o' | b'O' if separators => |byte| matches!(byte, b'0'..=b'7'),
            _ => |_| false,
        };
        let end = digits(2, is_digit);
        if end > 2 {
            return (end, Integer::Other);
        }
    }
    let mut at = digits(0, u8::is_ascii_digit);
    let mut integer = if text[..at].contains(&b'_') {
        Integer::Other
    } else {
        Integer::Decimal
    };
    if text[at] == b'.' && text[at + 1] != b'.' {
        at = digits(at + 1, u8::is_ascii_digit);
        integer = Integer::No;
    }
    if matches!(text[at], b'e' | b'E') {
        let sign = usize::from(matches!(text[at + 1], b'+' | b'-'));
        if text[at + 1 + sign].is_ascii_digit() {
            at = digits(at + 1 + sign, u8::is_ascii_digit);
            // `1e5x` is a name of MySQL, `1e+5x` is not.
            integer = if integer == Integer::No || sign > 0 {
                Integer::No
            } else {
                Integer::Other
            };
        }
    }
    (at, integer)
}

/// `12e` without the digits of an exponent: a name to MySQL, but it is a number that was cut rather.
fn lacks_exponent(text: &[u8], length: usize) -> bool {
    matches!(text[length], b'e' | b'E') && !is_word(text[length + 1])
}

/// MySQL reads these word bytes, the first of them a digit or `$`, as a name even without quotes.
pub(super) fn is_glued_name(name: &[u8]) -> bool {
    let mut padded = [0; 80];
    let Some(room) = padded.get_mut(..name.len()).filter(|_| name.len() + 8 <= 80) else {
        return false;
    };
    room.copy_from_slice(name);
    match name.first() {
        Some(b'0'..=b'9') => {
            let length = number_length(&padded, false).0;
            length < name.len() && !lacks_exponent(&padded, length)
        }
        Some(b'$') => name[1..].iter().any(|byte| !byte.is_ascii_digit()),
        _ => true,
    }
}
