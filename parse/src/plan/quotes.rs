//! Where SQL text stands: in a literal, a quoted name, a comment or none of them. For telling lines of a plan from lines of a literal that
//! look like some.

use memchr::{memchr, memchr2, memmem};

/// Follows PostgreSQL's quotes and comments through lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Inside<'a> {
    /// In no literal, name or comment.
    #[default]
    Code,
    /// In a literal or a quoted name that ends with this byte.
    Quote(u8),
    /// In `E'…'`, where a backslash protects a quote.
    Escapes,
    /// In a literal that ends with this `$tag$`.
    Dollar(&'a [u8]),
    /// In this many comments.
    Comment(u32),
}

impl<'a> Inside<'a> {
    /// The state after `line`, a whole line with its line end.
    pub(super) fn after(mut self, line: &'a [u8]) -> Inside<'a> {
        let mut at = 0;
        while at < line.len() {
            let rest = &line[at..];
            let read = match self {
                Inside::Code => match rest.iter().position(|byte| OPENS[usize::from(*byte)]) {
                    None => return self,
                    Some(found) => match self.enter(line, at + found) {
                        None => return self,
                        Some(read) => found + read,
                    },
                },
                Inside::Quote(quote) => match memchr(quote, rest) {
                    None => return self,
                    Some(found) => found + self.leave_quote(rest, found),
                },
                Inside::Escapes => match memchr2(b'\'', b'\\', rest) {
                    None => return self,
                    Some(found) if rest[found] == b'\\' => found + 2,
                    Some(found) => found + self.leave_quote(rest, found),
                },
                Inside::Dollar(tag) => match memmem::find(rest, tag) {
                    None => return self,
                    Some(found) => {
                        self = Inside::Code;
                        found + tag.len()
                    }
                },
                Inside::Comment(depth) => match memchr2(b'*', b'/', rest) {
                    None => return self,
                    Some(found) => found + self.nest(&rest[found..], depth),
                },
            };
            at += read;
        }
        self
    }

    /// Reads what may open something at `at`, and says how long that is; `None` when the rest of the line is a comment.
    fn enter(&mut self, line: &'a [u8], at: usize) -> Option<usize> {
        let rest = &line[at..];
        let follows_word = at > 0 && is_word(line[at - 1]);
        match rest[0] {
            b'\'' => {
                let is_escape_string =
                    at > 0 && matches!(line[at - 1], b'e' | b'E') && !(at > 1 && is_word(line[at - 2]));
                *self = if is_escape_string {
                    Inside::Escapes
                } else {
                    Inside::Quote(b'\'')
                };
            }
            b'"' => *self = Inside::Quote(b'"'),
            b'-' if rest.starts_with(b"--") => return None,
            b'/' if rest.starts_with(b"/*") => {
                *self = Inside::Comment(1);
                return Some(2);
            }
            b'$' if !follows_word => {
                let name = rest[1..].iter().take_while(|byte| is_word(**byte)).count();
                let is_tag = rest.get(1 + name) == Some(&b'$') && !rest[1].is_ascii_digit();
                if is_tag {
                    *self = Inside::Dollar(&rest[..name + 2]);
                    return Some(name + 2);
                }
            }
            _ => {}
        }
        Some(1)
    }

    /// A quote in a quoted text ends it, unless it is doubled.
    fn leave_quote(&mut self, rest: &[u8], found: usize) -> usize {
        if rest.get(found + 1) == Some(&rest[found]) {
            return 2;
        }
        *self = Inside::Code;
        1
    }

    fn nest(&mut self, rest: &[u8], depth: u32) -> usize {
        if rest.starts_with(b"/*") {
            *self = Inside::Comment(depth.saturating_add(1));
            2
        } else if rest.starts_with(b"*/") {
            *self = if depth > 1 {
                Inside::Comment(depth - 1)
            } else {
                Inside::Code
            };
            2
        } else {
            1
        }
    }
}

/// The bytes that what is not code begins with.
static OPENS: [bool; 256] = {
    let mut opens = [false; 256];
    let mut bytes: &[u8] = b"'\"$-/";
    while let [byte, rest @ ..] = bytes {
        opens[*byte as usize] = true;
        bytes = rest;
    }
    opens
};

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_where_a_line_ends() {
        let check = |text: &'static str, expect: Inside<'_>| {
            let end = text
                .as_bytes()
                .split_inclusive(|byte| *byte == b'\n')
                .fold(Inside::Code, Inside::after);
            assert_eq!(end, expect, "{text:?}");
        };
        check("select 'it''s' -- it's\n", Inside::Code);
        check("select 'it''s\n", Inside::Quote(b'\''));
        check("select \"it's\" /* it's */ ", Inside::Code);
        check("select \"it's", Inside::Quote(b'"'));
        check("e'\\''", Inside::Code);
        check("e'''\\'", Inside::Escapes);
        check("type'\\'", Inside::Code);
        check("$1 $a$ ' $b$ $a$ a$b$", Inside::Code);
        check("$$ '\n $a$", Inside::Dollar(b"$$"));
        check("/* /* */\n '", Inside::Comment(1));
        check("1 - 2 / 3 $", Inside::Code);
    }
}
