//! Bytes to tokens, in one pass over a padded text, dispatched on a token's first byte.
//!
//! Drops white space and comments, finds the ends of literals, tells operators from placeholders. Every token goes
//! straight to [`Canonical`]; nothing is kept here and nothing is ever refused.

mod comment;
mod literal;

use super::bytes::{CLASS, Class, Head, is_word};
use super::canonical::{Canonical, Place};
use super::dialect::Options;
use super::form::Kind;
use super::keyword::Keyword;
use super::tags::Comments;
pub(super) use literal::{DIGEST_CHARSET, DIGEST_HEXADECIMAL};

/// Reads one text into its canonical form.
pub(super) struct Lexer<'t> {
    /// The text and at least [`super::bytes::PADDING`] zeros.
    text: &'t [u8],
    /// The length of the text without the zeros.
    length: usize,
    position: usize,
    postgres: bool,
    double_quotes_identify: bool,
    backslash_escapes: bool,
    /// Open version comments: their `*/` is to be skipped.
    versions: u32,
    /// Where the last string of PostgreSQL ended, and whether it had backslash escapes: the next may continue it.
    string_end: usize,
    string_escapes: bool,
    /// Up to here there are only signs, each an operator of its own.
    signs_end: usize,
    comments: &'t mut Comments,
    out: &'t mut Canonical,
}

impl<'t> Lexer<'t> {
    /// `text` is `length` bytes and the padding.
    pub(super) fn new(
        text: &'t [u8],
        length: usize,
        options: &Options,
        comments: &'t mut Comments,
        out: &'t mut Canonical,
    ) -> Lexer<'t> {
        Lexer {
            text,
            length,
            position: 0,
            postgres: options.is_postgres(),
            double_quotes_identify: options.double_quotes_identify(),
            backslash_escapes: !options.is_postgres() && !options.no_backslash_escapes,
            versions: 0,
            string_end: usize::MAX,
            string_escapes: false,
            signs_end: 0,
            comments,
            out,
        }
    }

    /// Reads the whole text.
    pub(super) fn run(mut self) {
        self.out.clear();
        self.comments.clear();
        while self.position < self.length {
            let mut byte = self.at(self.position);
            // Nearly every token is followed by one space.
            if byte == b' ' {
                self.position += 1;
                byte = self.at(self.position);
            }
            match CLASS[byte as usize] {
                Class::Space => self.position += 1,
                Class::Word => self.word(),
                Class::Digit => self.number(),
                Class::Quote => self.string(b'\'', self.backslash_escapes),
                Class::DoubleQuote if self.double_quotes_identify => self.quoted_name(b'"'),
                Class::DoubleQuote => self.string(b'"', self.backslash_escapes),
                Class::Backtick if !self.postgres => self.quoted_name(b'`'),
                Class::Dot => self.dot(),
                Class::Comma => {
                    let place = self.take(1);
                    self.out.comma(place);
                }
                Class::Open => self.open(Kind::Open),
                Class::Close => self.close(Kind::Close),
                Class::OpenSquare => self.open(Kind::OpenSquare),
                Class::CloseSquare => self.close(Kind::CloseSquare),
                Class::Semicolon => {
                    let place = self.take(1);
                    self.out.semicolon(place);
                }
                Class::Colon => self.colon(),
                Class::Dollar => self.dollar(),
                Class::Question => self.question(),
                Class::At if !self.postgres => self.variable(),
                Class::Hash if !self.postgres => self.line_comment(),
                Class::Minus if self.opens_line_comment() => self.line_comment(),
                Class::Slash if self.at(self.position + 1) == b'*' => self.block_comment(),
                Class::Star if self.versions > 0 && self.at(self.position + 1) == b'/' => {
                    self.versions -= 1;
                    self.position += 2;
                }
                _ => self.operator(),
            }
        }
        self.out.truncated |= self.versions > 0;
        self.out.finish();
    }

    #[inline]
    fn at(&self, position: usize) -> u8 {
        self.text.get(position).copied().unwrap_or(0)
    }

    /// The next `length` bytes, which are behind us then.
    #[inline]
    fn take(&mut self, length: usize) -> Place {
        let start = self.position;
        self.position += length;
        Place {
            start,
            end: self.position,
        }
    }

    fn word(&mut self) {
        let start = self.position;
        let (head, mut length) = Head::read(self.text, start);
        if length == 16 {
            length = self.long_word(start);
        }
        if length == 1 {
            return self.letter(head);
        }
        let place = self.take(length);
        let keyword = Keyword::find(head, &self.text[place.start..place.end]);
        if keyword != Keyword::None {
            self.out.keyword(self.text, head, place, keyword);
        } else if head.low == TEMPORARY_SCHEMA || head.low == TOAST_TABLE {
            self.internal_name(head, place);
        } else {
            self.out.name(self.text, head, place);
        }
    }

    /// A word of one letter: an alias, or what tells the kind of the string after it. No keyword is as short.
    fn letter(&mut self, head: Head) {
        if matches!(self.at(self.position + 1), b'\'' | b'&') && self.prefixed_literal() {
            return;
        }
        let place = self.take(1);
        self.out.name(self.text, head, place);
    }

    /// The length of the word that begins here and has sixteen bytes or more.
    fn long_word(&self, start: usize) -> usize {
        let mut length = 16;
        loop {
            let more = Head::read(self.text, start + length).1;
            length += more;
            if more < 16 {
                return length;
            }
        }
    }

    /// `pg_temp_3`, `pg_toast_16384`: numbers a server has made up are masked.
    fn internal_name(&mut self, head: Head, place: Place) {
        let name = &self.text[place.start..place.end];
        match self.postgres.then(|| internal_number(name)).flatten() {
            Some(digits) => {
                let (before, after) = (&name[..digits.start], &name[digits.end..]);
                let masked = before.iter().chain(b"?").chain(after).map(u8::to_ascii_lowercase);
                self.out.masked_name(masked);
            }
            None => self.out.name(self.text, head, place),
        }
    }

    /// `"name"` or `` `name` ``.
    fn quoted_name(&mut self, quote: u8) {
        let start = self.position + 1;
        let (end, closed) = self.quoted_end(start, quote, false);
        let name = &self.text[start..end];
        let place = Place { start, end };
        self.position = if closed { end + 1 } else { end };
        if !closed {
            self.out.truncated = true;
            if !name.iter().all(|&byte| is_word(byte)) {
                // What was read as a name may hold literals.
                return self.out.constant(place);
            }
        }
        if let Some(digits) = self.postgres.then(|| internal_number(name)).flatten() {
            let (before, after) = (&name[..digits.start], &name[digits.end..]);
            return self
                .out
                .masked_name(before.iter().chain(b"?").chain(after).copied());
        }
        let word = self.is_plain_name(name);
        let keyword = if word { Keyword::of(name) } else { Keyword::None };
        self.out.quoted_name(self.text, place, word, keyword);
    }

    /// The same name without its quotes.
    fn is_plain_name(&self, name: &[u8]) -> bool {
        let Some(&begin) = name.first() else { return false };
        if !name.iter().all(|&byte| is_word(byte)) {
            return false;
        }
        match self.postgres {
            true => CLASS[begin as usize] == Class::Word && !name.iter().any(u8::is_ascii_uppercase),
            false => !begin.is_ascii_digit() && begin != b'$' || literal::is_glued_name(name),
        }
    }

    fn dot(&mut self) {
        let (next, after) = (self.at(self.position + 1), self.at(self.position + 2));
        if next == b'.' && after == b'.' {
            let place = self.take(3);
            return self.out.more(place);
        }
        let qualifies = !self.postgres && (self.out.after_dot() || self.out.after_name(self.position));
        if next.is_ascii_digit() && !qualifies {
            return self.number();
        }
        let place = self.take(1);
        self.out.joint(Kind::Dot, place);
    }

    fn open(&mut self, kind: Kind) {
        if matches!(self.at(self.position + 1), b'u' | b'_') && !self.postgres && self.digest_constant() {
            return;
        }
        let place = self.take(1);
        self.out.open(kind, place);
        let plain = self
            .out
            .list_begins()
            .and_then(|closing| self.constants(self.position, closing));
        if let Some(end) = plain {
            let end = if self.out.in_values() {
                self.more_rows(end)
            } else {
                end
            };
            let place = self.take(end - self.position);
            self.out.list(place);
        }
    }

    fn close(&mut self, kind: Kind) {
        let place = self.take(1);
        self.out.close(kind, place);
    }

    fn colon(&mut self) {
        let next = self.at(self.position + 1);
        if next == b':' {
            let place = self.take(2);
            return self.out.joint(Kind::Cast, place);
        }
        if is_word(next) && next != b'$' && self.out.expects_operand() && !self.out.in_subscript() {
            let mut length = 1;
            while is_word(self.at(self.position + length)) {
                length += 1;
            }
            let place = self.take(length);
            return self.out.constant(place);
        }
        let place = self.take(if next == b'=' { 2 } else { 1 });
        self.out.operator(self.text, place);
    }

    /// `@name` and `@@name` of MySQL.
    fn variable(&mut self) {
        let name = if self.at(self.position + 1) == b'@' { 2 } else { 1 };
        if self.at(self.position + name) == b'`' && self.quoted_variable(name) {
            return;
        }
        let mut length = name;
        while is_word(self.at(self.position + length)) {
            length += 1;
        }
        let place = self.take(if length == name { 1 } else { length });
        if length == name {
            self.out.operator(self.text, place);
        } else {
            self.out.variable(self.text, place);
        }
    }

    /// A variable whose name, without its sign of `sign` bytes, is in quotes: the same as without. True if it was read.
    fn quoted_variable(&mut self, sign: usize) -> bool {
        let start = self.position + sign + 1;
        let (end, closed) = self.quoted_end(start, b'`', false);
        let name = &self.text[start..end];
        let plain = closed && !name.is_empty() && name.iter().all(|&byte| is_word(byte));
        if plain {
            let sign = &self.text[self.position..self.position + sign];
            self.position = end + 1;
            self.out.masked_variable(sign.iter().chain(name).copied());
        }
        plain
    }

    fn question(&mut self) {
        if self.at(self.position + 1) == b'+' && matches!(self.at(self.position + 2), b')' | b']') {
            let place = self.take(2);
            return self.out.list(place);
        }
        if !self.postgres || self.out.expects_literal() {
            let place = self.take(1);
            return self.out.constant(place);
        }
        let length = match &self.text[self.position..self.position + 4] {
            // Drivers for Java double a `?` that is no placeholder.
            [_, b'?', b'|' | b'&', _] => 3,
            [_, b'?', ..] => 2,
            [_, b'|', b'|', _] => 3,
            [_, b'|' | b'&' | b'#', ..] => 2,
            _ => 1,
        };
        let place = self.take(length);
        if length == 1 {
            self.out.question(place);
        } else {
            self.out.operator(self.text, place);
        }
    }

    fn operator(&mut self) {
        let length = if self.postgres {
            self.postgres_operator()
        } else {
            self.mysql_operator()
        };
        let place = self.take(length);
        self.out.operator(self.text, place);
    }

    /// PostgreSQL takes as many operator bytes as it can, less a `+` or `-` that ends a plain operator.
    fn postgres_operator(&mut self) -> usize {
        if self.position < self.signs_end {
            return 1;
        }
        let rest = &self.text[self.position..];
        let mut length = 0;
        let mut special = false;
        while is_operator(rest[length]) {
            match (rest[length], rest[length + 1]) {
                (b'-', b'-') | (b'/', b'*') if length > 0 => break,
                // Elsewhere than in `@?` a placeholder: `a=?`.
                (b'?', _) if rest[..length] != b"@"[..] => break,
                (byte, _) => {
                    special |= matches!(
                        byte,
                        b'~' | b'!' | b'@' | b'#' | b'%' | b'^' | b'&' | b'|' | b'`' | b'?'
                    )
                }
            }
            length += 1;
        }
        let end = length;
        while length > 1 && !special && matches!(rest[length - 1], b'+' | b'-') {
            length -= 1;
        }
        // What was cut off are signs, each an operator of its own: nobody has to look to their end again.
        self.signs_end = self.position + end;
        length.max(1)
    }

    fn mysql_operator(&self) -> usize {
        match &self.text[self.position..self.position + 3] {
            b"<=>" | b"->>" => 3,
            [b'<', b'=' | b'>' | b'<', _] | [b'>', b'=' | b'>', _] | [b'!', b'=', _] => 2,
            [b'&', b'&', _] | [b'|', b'|', _] | [b'-', b'>', _] => 2,
            _ => 1,
        }
    }
}

/// A byte PostgreSQL makes operators of, or one that stands for itself.
fn is_operator(byte: u8) -> bool {
    matches!(
        byte,
        b'+' | b'-'
            | b'*'
            | b'/'
            | b'<'
            | b'>'
            | b'='
            | b'~'
            | b'!'
            | b'@'
            | b'#'
            | b'%'
            | b'^'
            | b'&'
            | b'|'
            | b'`'
            | b'?'
    )
}

const TEMPORARY_SCHEMA: u64 = u64::from_le_bytes(*b"pg_temp_");
const TOAST_TABLE: u64 = u64::from_le_bytes(*b"pg_toast");

/// The digits of `pg_temp_N`, `pg_toast_N` and `pg_toast_temp_N`.
fn internal_number(name: &[u8]) -> Option<std::ops::Range<usize>> {
    let prefix = [&b"pg_toast_temp_"[..], b"pg_toast_", b"pg_temp_"]
        .into_iter()
        .find(|prefix| name.len() > prefix.len() && name[..prefix.len()].eq_ignore_ascii_case(prefix))?;
    let digits = name[prefix.len()..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    (digits > 0).then(|| prefix.len()..prefix.len() + digits)
}
