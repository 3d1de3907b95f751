//! JSON as wrappers need it: texts, numbers and times out of values that are not read any further. Knows no wrapper's keys.

use serde::Deserialize;
use sonic_rs::{JsonValueTrait, LazyValue};
use xxhash_rust::xxh3::xxh3_64;

use crate::json::is_too_deep;
use crate::timestamp::{TimestampReader, decimal_us, number};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Reads a line as one object of a shape and hands it to `read`; `false` when it is another, is not UTF-8, or `read` says so. The line may stand
/// in an array of one object a line.
pub(super) fn object<'l, T: Deserialize<'l>>(line: &'l [u8], read: impl FnOnce(T) -> Option<()>) -> bool {
    let line = in_array(line);
    if line.first() != Some(&b'{') {
        return false;
    }
    if is_too_deep(line) {
        return false;
    }
    let Ok(line) = std::str::from_utf8(line) else {
        return false;
    };
    sonic_rs::from_str::<T>(line).is_ok_and(|object| read(object).is_some())
}

/// A line of an array without what makes it an element.
fn in_array(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    let line = line
        .strip_prefix(b"[")
        .or(line.strip_prefix(b","))
        .unwrap_or(line);
    if line.ends_with(b"}") {
        return line;
    }
    let line = line.strip_suffix(b"]").unwrap_or(line).trim_ascii_end();
    line.strip_suffix(b",").unwrap_or(line).trim_ascii()
}

/// The text of a string, which stands in `scratch` if it has escapes.
pub(super) fn text<'t>(value: &'t LazyValue<'_>, scratch: &'t mut Vec<u8>) -> Option<&'t [u8]> {
    let raw = value
        .as_raw_str()
        .strip_prefix('"')?
        .strip_suffix('"')?
        .as_bytes();
    let Some(first) = memchr::memchr(b'\\', raw) else {
        return Some(raw);
    };
    scratch.clear();
    let (mut rest, mut escape) = (raw, first);
    loop {
        scratch.extend_from_slice(&rest[..escape]);
        rest = unescape(&rest[escape + 1..], scratch)?;
        match memchr::memchr(b'\\', rest) {
            Some(next) => escape = next,
            None => break,
        }
    }
    scratch.extend_from_slice(rest);
    Some(scratch)
}

/// Reads what follows a backslash, and returns what follows that.
fn unescape<'r>(rest: &'r [u8], text: &mut Vec<u8>) -> Option<&'r [u8]> {
    let (letter, rest) = rest.split_first()?;
    text.push(match letter {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 8,
        b'f' => 12,
        b'u' => return unescape_unicode(rest, text),
        other => *other,
    });
    Some(rest)
}

fn unescape_unicode<'r>(rest: &'r [u8], text: &mut Vec<u8>) -> Option<&'r [u8]> {
    let unit = |at: &[u8]| u32::from_str_radix(std::str::from_utf8(at.get(..4)?).ok()?, 16).ok();
    let first = unit(rest)?;
    let mut rest = &rest[4..];
    let mut code = first;
    if (0xD800..0xDC00).contains(&first)
        && let Some(second) = rest.strip_prefix(b"\\u").and_then(unit)
        && (0xDC00..0xE000).contains(&second)
    {
        code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        rest = &rest[6..];
    }
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Some(rest)
}

/// The characters of a string without escapes: of a name.
pub(super) fn name<'v>(value: &'v LazyValue<'_>) -> Option<&'v [u8]> {
    Some(
        value
            .as_raw_str()
            .strip_prefix('"')?
            .strip_suffix('"')?
            .as_bytes(),
    )
    .filter(|name| !name.is_empty())
}

/// A number, or a string of digits.
pub(super) fn integer(value: &LazyValue<'_>) -> Option<i64> {
    number(value.as_raw_str().trim_matches('"').as_bytes())
}

/// A time as shippers write it, µs since 1970 UTC: ISO 8601, or a number of seconds, ms, µs or ns.
pub(super) fn time_us(value: &LazyValue<'_>, reader: &mut TimestampReader) -> Option<i64> {
    let text = value.as_raw_str().trim_matches('"').as_bytes();
    if text.get(4) == Some(&b'-') {
        return reader.iso(text);
    }
    match text.iter().take_while(|b| b.is_ascii_digit()).count() {
        // Seconds have nine to eleven digits in our days; with every three more it is the next smaller unit.
        9..=11 => decimal_us(text, MICROS_PER_SECOND),
        12..=14 => decimal_us(text, 1_000),
        15..=17 => decimal_us(text, 1),
        18..=19 => Some(std::str::from_utf8(text).ok()?.parse::<i64>().ok()? / 1_000),
        _ => None,
    }
}

/// The first of these paths of keys that leads to a name, and the name.
pub(super) fn first_name<'v, 'a: 'v>(
    values: impl IntoIterator<Item = Option<&'v LazyValue<'a>>>,
) -> Option<&'v [u8]> {
    values.into_iter().flatten().find_map(name)
}

/// A value inside an object.
pub(super) fn inside<'v>(value: Option<&'v LazyValue<'_>>, key: &str) -> Option<LazyValue<'v>> {
    value.filter(|value| value.is_object())?.get(key)
}

/// The number of a lane that these names make.
pub(super) fn lane(names: &[&[u8]]) -> u64 {
    names
        .iter()
        .filter(|name| !name.is_empty())
        .fold(0, |lane: u64, name| lane.rotate_left(1) ^ xxh3_64(name))
}
