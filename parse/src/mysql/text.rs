//! Where a statement stands, judged by its bytes: inside a literal or a comment, or at its end. For finding the ends of records only; the
//! statement lexer is elsewhere.

use memchr::{memchr, memmem};

/// Follows quotes and comments through a text that arrives in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Inside {
    /// In no literal and no comment.
    #[default]
    Code,
    /// In a literal or a quoted name that began with this byte.
    Quote(u8),
    /// After a backslash in such a literal.
    Escape(u8),
    /// In `/* … */`.
    Comment,
}

impl Inside {
    /// The state after `line`, a whole line with its line end: comments to the end of a line begin and end in it.
    pub(crate) fn after_line(mut self, line: &[u8]) -> Inside {
        let mut rest = line;
        loop {
            rest = match self {
                Inside::Code => match interesting(rest) {
                    None => return self,
                    Some(at) => match self.enter(&rest[at..]) {
                        Some(read) => &rest[at + read..],
                        None => return Inside::Code,
                    },
                },
                Inside::Quote(b'`') => match memchr(b'`', rest) {
                    None => return self,
                    Some(at) => self.leave(&rest[at + 1..]),
                },
                Inside::Quote(quote) => match memchr::memchr2(quote, b'\\', rest) {
                    None => return self,
                    Some(at) if rest[at] == b'\\' => {
                        self = Inside::Escape(quote);
                        &rest[at + 1..]
                    }
                    Some(at) => self.leave(&rest[at + 1..]),
                },
                Inside::Escape(quote) => {
                    if rest.is_empty() {
                        return self;
                    }
                    self = Inside::Quote(quote);
                    &rest[1..]
                }
                Inside::Comment => match memmem::find(rest, b"*/") {
                    None => return self,
                    Some(at) => self.leave(&rest[at + 2..]),
                },
            };
        }
    }

    /// Reads what stands at an interesting byte of code; `None` when the rest of the line is a comment.
    fn enter(&mut self, rest: &[u8]) -> Option<usize> {
        match rest {
            [quote @ (b'\'' | b'"' | b'`'), ..] => {
                *self = Inside::Quote(*quote);
                Some(1)
            }
            // An executable comment is code.
            [b'/', b'*', b'!', ..] => Some(3),
            [b'/', b'*', b'M', b'!', ..] => Some(4),
            [b'/', b'*', ..] => {
                *self = Inside::Comment;
                Some(2)
            }
            [b'#', ..] => None,
            [b'-', b'-', next, ..] if next.is_ascii_whitespace() => None,
            _ => Some(1),
        }
    }

    fn leave<'t>(&mut self, rest: &'t [u8]) -> &'t [u8] {
        *self = Inside::Code;
        rest
    }
}

/// Where the first byte is that begins a literal or a comment, or may.
fn interesting(text: &[u8]) -> Option<usize> {
    // A block at a time without a branch in it, which the compiler makes a few wide comparisons of.
    let mut blocks = text.chunks_exact(BLOCK_BYTES);
    let mut at = 0;
    for block in &mut blocks {
        let found = block.iter().fold(false, |found, b| {
            found | matches!(*b, b'\'' | b'"' | b'`' | b'/' | b'#' | b'-')
        });
        if found {
            break;
        }
        at += BLOCK_BYTES;
    }
    let rest = text[at..].iter().position(|b| INTERESTING[usize::from(*b)])?;
    Some(at + rest)
}

const BLOCK_BYTES: usize = 32;

const INTERESTING: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"'\"`/#-";
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Inside) {
        let state = text
            .split_inclusive('\n')
            .fold(Inside::Code, |state, line| state.after_line(line.as_bytes()));
        assert_eq!(state, expect, "{text}");
    }

    #[test]
    fn literals_comments_and_code() {
        check("select 'a''b', \"c\" from `t`;\n", Inside::Code);
        check("select 'a\n", Inside::Quote(b'\''));
        check("select 'a\\'\n", Inside::Quote(b'\''));
        check("select 'a\\\\'\n", Inside::Code);
        check("select 'a\\\n", Inside::Quote(b'\''));
        check("select 1 -- don't\n", Inside::Code);
        check("select 1--1 'x\n", Inside::Quote(b'\''));
        check("select 1 # don't\n", Inside::Code);
        check("select /* don't\n", Inside::Comment);
        check("select /*!40001 'x' */ 1\n", Inside::Code);
        check("select /*M! 'x' */ 1\n", Inside::Code);
        check("/*Mike's*/ select 1\n", Inside::Code);
        check("select 'it''s\n'' still\n", Inside::Quote(b'\''));
    }
}
