//! Plans in JSON, and JSON's texts, which YAML shares.
//!
//! Its own small reader, because a log holds what a JSON parser refuses: plans that were cut at a limit, and texts that are not UTF-8.

use std::borrow::Cow;

use memchr::memchr2;

use super::properties::Properties;

/// Reads one object. Brackets are followed, everything between them is only told apart.
pub(super) fn read<'a>(json: &'a [u8], properties: &mut Properties<'a>) {
    let mut rest = json.trim_ascii_start();
    let mut key: Cow<'a, [u8]> = Cow::Borrowed(b"");
    while let Some(first) = rest.first() {
        match first {
            b'{' | b'[' => {
                properties.enter(&std::mem::take(&mut key));
                rest = &rest[1..];
            }
            b'}' | b']' => {
                properties.leave();
                rest = &rest[1..];
                if properties.open_groups() == 0 {
                    return;
                }
            }
            b'"' => {
                let text = text(rest);
                rest = text.rest.trim_ascii_start();
                if !text.is_closed {
                    properties.cut_value(&key, text.value);
                } else if let Some(after) = rest.strip_prefix(b":") {
                    key = text.value;
                    rest = after;
                } else {
                    properties.value(&std::mem::take(&mut key), text.value);
                }
            }
            b',' | b':' => rest = &rest[1..],
            _ => {
                let end = rest.iter().position(|byte| b",]} \r\n\t\"".contains(byte));
                if let Some(end) = end {
                    properties.value(&std::mem::take(&mut key), Cow::Borrowed(&rest[..end]));
                }
                rest = &rest[end.unwrap_or(rest.len())..];
            }
        }
        rest = rest.trim_ascii_start();
    }
    properties.mark_truncated();
}

/// A quoted text and what follows it.
pub(super) struct Text<'a> {
    /// Without quotes and escapes.
    pub(super) value: Cow<'a, [u8]>,
    /// Whether its end is there.
    pub(super) is_closed: bool,
    pub(super) rest: &'a [u8],
}

/// Reads the text that begins with the quote `quoted` begins with.
pub(super) fn text(quoted: &[u8]) -> Text<'_> {
    let body = &quoted[1..];
    let mut value: Cow<'_, [u8]> = Cow::Borrowed(b"");
    let mut read = 0;
    loop {
        let found = memchr2(b'"', b'\\', &body[read..]).map_or(body.len(), |found| read + found);
        if read == 0 {
            value = Cow::Borrowed(&body[..found]);
        } else {
            value.to_mut().extend_from_slice(&body[read..found]);
        }
        match body.get(found) {
            Some(b'\\') => read = found + escape(&body[found..], value.to_mut()),
            Some(_) => {
                return Text {
                    value,
                    is_closed: true,
                    rest: &body[found + 1..],
                };
            }
            None => {
                return Text {
                    value,
                    is_closed: false,
                    rest: b"",
                };
            }
        }
    }
}

/// Appends what an escape stands for, and says how long it is.
fn escape(escape: &[u8], out: &mut Vec<u8>) -> usize {
    let byte = match escape.get(1) {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(b'u') => {
            // The server writes control characters so, and nothing else.
            let digits = escape
                .get(2..6)
                .and_then(|digits| std::str::from_utf8(digits).ok());
            let char = digits
                .and_then(|digits| u32::from_str_radix(digits, 16).ok())
                .and_then(char::from_u32);
            let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            return escape.len().min(6);
        }
        Some(byte) => *byte,
        None => return escape.len(),
    };
    out.push(byte);
    2
}
