//! Tags: what an application has written about itself into the comments of a statement.
//!
//! Reads sqlcommenter (`/*key='value',...*/`; also of Rails, Datadog and OpenTelemetry), Marginalia and Rails' older form
//! (`/*key:value,...*/`), one bare pair (`/* traceparent=00-... */`) and the names of sqlc (`-- name: GetUser :one`). A
//! comment that is anything else, or malformed, has no tags. Never reads anything but comments, and never hints.

mod comments;

use std::borrow::Cow;

pub(super) use comments::{Comments, Opening};

/// Longer comments have no tags.
const COMMENT_BYTES_MAX: usize = 8 * 1024;

/// The tags of a statement behind these are left out.
const TAGS_MAX: usize = 32;

/// The keys whose values name parts of a program, and no data: all there is under redaction. In the order of their bytes.
const KNOWN_KEYS: [&str; 25] = [
    "action",
    "app",
    "application",
    "controller",
    "db_driver",
    "dddb",
    "dddbs",
    "dde",
    "ddh",
    "ddprs",
    "ddps",
    "ddpv",
    "framework",
    "job",
    "name",
    "namespaced_controller",
    "route",
    "service",
    "service.name",
    "service_name",
    "service_version",
    "source_location",
    "traceID",
    "trace_id",
    "traceparent",
];

/// The tags of one statement, in the order of its text.
#[derive(Debug, Default)]
pub struct Tags {
    /// Decoded keys and values, one after the other.
    text: String,
    pairs: Vec<Pair>,
}

/// Where a key begins, it ends and its value begins, the value ends.
#[derive(Clone, Copy, Debug)]
struct Pair {
    key: usize,
    value: usize,
    end: usize,
}

impl Tags {
    /// Keys and values. A value is whatever an application writes, data of its users perhaps: where these must not get
    /// out, take [`Tags::known_pairs`].
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|pair| (&self.text[pair.key..pair.value], &self.text[pair.value..pair.end]))
    }

    /// The pairs whose key is one of a fixed list: `application`, `controller`, `action`, `job`, `route`, `traceparent`
    /// and the like, which by their convention name a part of a program or a trace. Other keys may hold anything.
    pub fn known_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs()
            .filter(|(key, _)| KNOWN_KEYS.binary_search(key).is_ok())
    }

    /// The trace this execution belongs to: 32 hexadecimal digits of a `traceparent`, else the value of a `trace_id` or
    /// `traceID`.
    pub fn trace_id(&self) -> Option<&str> {
        let of_parent = |(key, value)| (key == "traceparent").then(|| trace_of(value)).flatten();
        let named = |(key, value)| matches!(key, "trace_id" | "traceID").then_some(value);
        self.pairs()
            .find_map(of_parent)
            .or_else(|| self.pairs().find_map(named))
    }

    /// Reads the comments of a text.
    pub(super) fn read(&mut self, text: &[u8], comments: &Comments) {
        self.text.clear();
        self.pairs.clear();
        for (opening, body) in comments.iter() {
            let Some(body) = text.get(body).filter(|body| body.len() <= COMMENT_BYTES_MAX) else {
                continue;
            };
            let Ok(body) = str::from_utf8(body) else { continue };
            let (pairs, end) = (self.pairs.len(), self.text.len());
            if self.comment(opening, body.trim()).is_none() {
                self.pairs.truncate(pairs);
                self.text.truncate(end);
            }
        }
        self.pairs.truncate(TAGS_MAX);
    }

    /// Adds the tags of one comment; `None` if it is malformed, and some of them may have been added then.
    fn comment(&mut self, opening: Opening, body: &str) -> Option<()> {
        if let Some(name) = body.strip_prefix("name: ") {
            return self.query_name(name);
        }
        if opening == Opening::Line {
            return None;
        }
        let key = body.find(|char| !is_key(char))?;
        match &body[key..] {
            rest if rest.starts_with("='") => self.quoted_pairs(body),
            rest if rest.starts_with('=') => self.bare_pair(&body[..key], &rest[1..]),
            _ => self.plain_pairs(body),
        }
    }

    /// `GetUser :one`
    fn query_name(&mut self, text: &str) -> Option<()> {
        let mut words = text.split_ascii_whitespace();
        let name = words.next().filter(|name| name.chars().all(is_key))?;
        let kind = words.next().is_none_or(|kind| kind.starts_with(':'));
        (kind && words.next().is_none()).then(|| self.add("name", name))
    }

    /// `key=value`, a single one.
    fn bare_pair(&mut self, key: &str, value: &str) -> Option<()> {
        let plain = !value.is_empty() && value.chars().all(is_key);
        plain.then(|| self.add(key, value))
    }

    /// `key='value',key='value'`, percent-encoded and then quotes escaped.
    fn quoted_pairs(&mut self, body: &str) -> Option<()> {
        let mut rest = body;
        loop {
            let (key, after) = rest.split_once("='")?;
            let end = quote_end(after)?;
            if key.is_empty() || !key.chars().all(is_key) {
                return None;
            }
            self.add(&decode(key)?, &decode(&after[..end])?);
            rest = after[end + 1..].trim_start();
            if rest.is_empty() {
                return Some(());
            }
            rest = rest.strip_prefix(',')?.trim_start();
        }
    }

    /// `key:value,key:value`, nothing escaped: a comma separates only where another `key:` follows.
    fn plain_pairs(&mut self, body: &str) -> Option<()> {
        let mut rest = body;
        loop {
            let (key, after) = split_plain_key(rest)?;
            let end = after
                .match_indices(',')
                .map(|(comma, _)| comma)
                .find(|comma| split_plain_key(&after[comma + 1..]).is_some())
                .unwrap_or(after.len());
            let value = &after[..end];
            // `TODO: this` and `https://example.org` are remarks.
            if value.is_empty() || value.starts_with(char::is_whitespace) || value.starts_with("//") {
                return None;
            }
            self.add(key, value);
            if end == after.len() {
                return Some(());
            }
            rest = &after[end + 1..];
        }
    }

    fn add(&mut self, key: &str, value: &str) {
        let start = self.text.len();
        self.text.push_str(key);
        self.text.push_str(value);
        self.pairs.push(Pair {
            key: start,
            value: start + key.len(),
            end: self.text.len(),
        });
    }
}

/// May be in a key that is not quoted, or a value.
fn is_key(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '.' | '%' | '-')
}

/// `key:` and what follows.
fn split_plain_key(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|char: char| !char.is_ascii_alphanumeric() && char != '_')?;
    let after = text[end..].strip_prefix(':')?;
    (end > 0).then_some((&text[..end], after))
}

/// Where the quote closes that was opened before `text`.
fn quote_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'\'' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// Undoes the escapes of quotes, then the percent-encoding. A `%` that encodes nothing stands for itself; `None` if what
/// comes out is not UTF-8.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '\\']) {
        return Some(Cow::Borrowed(text));
    }
    let text = text.replace("\\'", "'");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let encoded = after
            .first_chunk::<2>()
            .filter(|_| byte == b'%')
            .and_then(hexadecimal);
        bytes.push(encoded.unwrap_or(byte));
        rest = if encoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hexadecimal(digits: &[u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    Some((high? * 16 + low?) as u8)
}

/// The trace in `00-<32 digits>-<16 digits>-<2 digits>`; none if it is all zeros, which the specification calls invalid.
fn trace_of(parent: &str) -> Option<&str> {
    let mut parts = parent.split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let valid = digits(version, 2) && digits(trace, 32) && digits(span, 16);
    (valid && trace.bytes().any(|byte| byte != b'0')).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys_can_be_searched() {
        assert!(KNOWN_KEYS.is_sorted());
    }
}
