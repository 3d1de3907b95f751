//! Wordings of the server as patterns: `{}` stands for what varies. Knows no message.

use memchr::memmem;

use crate::timestamp::{decimal_us, number};

const HOLE: &[u8] = b"{}";

/// What stands in the holes of a wording, each as short as can be; `None` when `text` is not of this wording. Linear in `text`.
pub(crate) fn holes<'t, const N: usize>(wording: &str, text: &'t [u8]) -> Option<[&'t [u8]; N]> {
    let mut found = [&b""[..]; N];
    let mut count = 0;
    matches(wording, text, |hole| {
        if let Some(place) = found.get_mut(count) {
            *place = hole;
        }
        count += 1;
    })
    .then_some(found)
}

/// Whether `text` is of this wording; calls `each` with what stands in its holes, in order.
pub(crate) fn matches<'t>(wording: &str, text: &'t [u8], mut each: impl FnMut(&'t [u8])) -> bool {
    let mut wording = wording.as_bytes();
    let first = memmem::find(wording, HOLE).unwrap_or(wording.len());
    let Some(mut rest) = text.strip_prefix(&wording[..first]) else {
        return false;
    };
    wording = &wording[first..];
    while let Some(after_hole) = wording.strip_prefix(HOLE) {
        let next = memmem::find(after_hole, HOLE);
        let literal = &after_hole[..next.unwrap_or(after_hole.len())];
        let end = match next {
            // The last words are the last of the text.
            None if rest.ends_with(literal) => rest.len() - literal.len(),
            None => return false,
            Some(_) => match memmem::find(rest, literal) {
                Some(end) => end,
                None => return false,
            },
        };
        each(&rest[..end]);
        rest = &rest[end + literal.len()..];
        wording = &after_hole[literal.len()..];
    }
    rest.is_empty()
}

/// What stands between `start` and the next `end` after it.
pub(crate) fn between<'t>(text: &'t [u8], start: &str, end: &str) -> Option<&'t [u8]> {
    let from = memmem::find(text, start.as_bytes())? + start.len();
    let rest = &text[from..];
    Some(&rest[..memmem::find(rest, end.as_bytes())?])
}

/// The first text in double quotes.
pub(crate) fn quoted(text: &[u8]) -> Option<&[u8]> {
    between(text, "\"", "\"")
}

/// The digits after `key`, and what follows them.
pub(crate) fn number_after(text: &[u8], key: &str) -> Option<i64> {
    let from = memmem::find(text, key.as_bytes())? + key.len();
    leading_number(&text[from..])
}

/// The digits at the beginning.
pub(crate) fn leading_number(text: &[u8]) -> Option<i64> {
    number(leading(text, |b| b.is_ascii_digit()))
}

/// A decimal number at the beginning, times `scale`, rounded.
pub(crate) fn leading_decimal(text: &[u8], scale: i64) -> Option<i64> {
    decimal_us(leading(text, |b| b.is_ascii_digit() || b == b'.'), scale)
}

/// The bytes at the beginning that are `wanted`.
pub(crate) fn leading(text: &[u8], wanted: impl Fn(u8) -> bool) -> &[u8] {
    &text[..text.iter().position(|b| !wanted(*b)).unwrap_or(text.len())]
}

/// A place in the WAL (`0/8008D40`) at the beginning; empty when there is none.
pub(crate) fn leading_lsn(text: &[u8]) -> &[u8] {
    let lsn = leading(text, |b| b.is_ascii_hexdigit() || b == b'/');
    if lsn.contains(&b'/') { lsn } else { b"" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wording: &str, text: &str, expect: Option<[&str; 2]>) {
        let found: Option<[&[u8]; 2]> = holes(wording, text.as_bytes());
        assert_eq!(found, expect.map(|holes| holes.map(str::as_bytes)), "{text}");
    }

    #[test]
    fn wordings() {
        check("a {} b {}", "a 1 b 2", Some(["1", "2"]));
        check("a {} b {} c", "a 1 b 2 c c", Some(["1", "2 c"]));
        check("a {} b {} c", "a 1 b 2", None);
        check("{}", "x", Some(["x", ""]));
        check("x", "x", Some(["", ""]));
        check("x", "xy", None);
        check("a \"{}\" b", "a \"q\" b", Some(["q", ""]));
    }

    #[test]
    fn numbers() {
        assert_eq!(number_after(b"x: 12 y, z=3", "z="), Some(3));
        assert_eq!(leading_decimal(b"2.75%", 10), Some(28));
        assert_eq!(leading_lsn(b"0/8008DB8: wanted"), b"0/8008DB8");
        assert_eq!(leading_lsn(b"12 files"), b"");
    }
}
