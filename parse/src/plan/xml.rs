//! Plans in XML as PostgreSQL writes it: an element per property, groups as elements in elements, no attributes that matter.

use std::borrow::Cow;

use memchr::memchr;

use super::properties::Properties;

/// Longest property name that is of interest.
const KEY_BYTES_MAX: usize = 32;

/// Reads the elements until the first is closed.
pub(super) fn read<'a>(xml: &'a [u8], properties: &mut Properties<'a>) {
    let mut rest = xml;
    while let Some(start) = memchr(b'<', rest) {
        let Some(length) = memchr(b'>', &rest[start..]) else {
            break;
        };
        let tag = &rest[start + 1..start + length];
        rest = &rest[start + length + 1..];
        if tag.starts_with(b"/") {
            properties.leave();
            if properties.open_groups() == 0 {
                return;
            }
            continue;
        }
        if tag.ends_with(b"/") {
            continue;
        }
        let mut buffer = [0; KEY_BYTES_MAX];
        let key = key(tag, &mut buffer);
        let Some(end) = memchr(b'<', rest) else {
            properties.cut_value(key, unescaped(rest));
            break;
        };
        match rest[end..].strip_prefix(b"</") {
            Some(after) => {
                properties.value(key, unescaped(&rest[..end]));
                let close = memchr(b'>', after).map_or(after.len(), |close| close + 1);
                rest = &after[close..];
            }
            None => properties.enter(key),
        }
    }
    properties.mark_truncated();
}

/// A property's name without attributes and as the other formats spell it; empty when it is too long to be of interest.
fn key<'b>(tag: &[u8], buffer: &'b mut [u8; KEY_BYTES_MAX]) -> &'b [u8] {
    let name = tag.split(|byte| *byte == b' ').next().unwrap_or(tag);
    let Some(key) = buffer.get_mut(..name.len()) else {
        return b"";
    };
    for (to, from) in key.iter_mut().zip(name) {
        *to = if *from == b'-' { b' ' } else { *from };
    }
    key
}

/// The text of an element; the server escapes these characters and no others.
fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    const ESCAPES: [(&[u8], u8); 5] = [
        (b"&lt;", b'<'),
        (b"&gt;", b'>'),
        (b"&amp;", b'&'),
        (b"&quot;", b'"'),
        (b"&#x0d;", b'\r'),
    ];
    let Some(first) = memchr(b'&', text) else {
        return Cow::Borrowed(text);
    };
    let mut out = text[..first].to_vec();
    let mut rest = &text[first..];
    while let Some(byte) = rest.first() {
        let escape = ESCAPES.iter().find(|(escape, _)| rest.starts_with(escape));
        out.push(escape.map_or(*byte, |(_, byte)| *byte));
        rest = &rest[escape.map_or(1, |(escape, _)| escape.len())..];
    }
    Cow::Owned(out)
}
