//! Comments: where they end, and which of them are code.
//!
//! Skips them and remembers where they were; what they say is for [`super::super::tags`] to read.

use super::super::bytes::is_space;
use super::super::tags::Opening;
use super::Lexer;

impl Lexer<'_> {
    /// `--`, in MySQL only before white space or the end.
    pub(super) fn opens_line_comment(&self) -> bool {
        self.at(self.position + 1) == b'-' && (self.postgres || is_space(self.at(self.position + 2)))
    }

    pub(super) fn line_comment(&mut self) {
        let start = self.position;
        let rest = &self.text[start..self.length];
        self.position += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        if rest[0] == b'-' {
            self.comments.push(Opening::Line, start + 2..self.position);
        }
    }

    pub(super) fn block_comment(&mut self) {
        let version = match &self.text[self.position + 2..self.position + 4] {
            [b'!', _] => 3,
            b"M!" => 4,
            _ => 0,
        };
        if !self.postgres && version > 0 {
            self.versions += 1;
            self.position += version;
            while self.at(self.position).is_ascii_digit() {
                self.position += 1;
            }
            return;
        }
        match self.comment_end() {
            Some(end) => {
                self.comments.push(Opening::Block, self.position + 2..end - 2);
                self.position = end;
            }
            None => {
                self.out.truncated = true;
                self.position = self.length;
            }
        }
    }

    /// Behind the `*/` of the comment that begins here; PostgreSQL counts comments inside.
    fn comment_end(&self) -> Option<usize> {
        let mut depth = 1u32;
        let mut at = self.position + 2;
        loop {
            at += memchr::memchr2(b'*', b'/', self.text.get(at..self.length)?)?;
            match (self.at(at), self.at(at + 1)) {
                (b'*', b'/') => depth -= 1,
                (b'/', b'*') if self.postgres => depth += 1,
                _ => {
                    at += 1;
                    continue;
                }
            }
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        }
    }
}
