//! Values inside a JSON text, found by the keys that lead to them. Knows no shipper's keys.

use std::borrow::Cow;
use std::str::from_utf8;

use sonic_rs::LazyValue;

use crate::kafka::mapping::Unmapped;

/// How deep objects and lists may be nested in what a shipper writes; the JSON reader needs stack for each level.
const DEPTH_MAX: usize = 128;

/// A payload that is one JSON object, and so safe to look into.
pub(super) fn object(payload: &[u8]) -> Result<&str, Unmapped> {
    let not_json = |cause: &str| Unmapped::NotJson {
        cause: cause.to_owned(),
    };
    let json = from_utf8(payload)
        .map_err(|_| not_json("it is not UTF-8"))?
        .trim_ascii();
    if !json.starts_with('{') {
        return Err(not_json("it does not begin with a brace"));
    }
    if is_too_deep(json.as_bytes()) {
        let cause = format!("it is nested deeper than {DEPTH_MAX} levels");
        return Err(Unmapped::NotJson { cause });
    }
    match sonic_rs::from_str::<LazyValue<'_>>(json) {
        Ok(_) => Ok(json),
        // The whole message shows a part of the text, over several lines.
        Err(error) => Err(not_json(error.to_string().lines().next().unwrap_or_default())),
    }
}

/// The value that these keys lead to.
pub(super) fn inside<'j>(json: &'j str, path: &[&str]) -> Option<&'j str> {
    raw(&sonic_rs::get(json, path).ok()?)
}

/// The elements of a list; nothing if it is none.
pub(super) fn elements(json: &str) -> impl Iterator<Item = &str> {
    let is_list = json.starts_with('[');
    let list = if is_list { json } else { "[]" };
    sonic_rs::to_array_iter(list)
        .map_while(Result::ok)
        .filter_map(|value| raw(&value))
}

/// The characters of a string.
pub(super) fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    sonic_rs::from_str::<String>(json).ok().map(Cow::Owned)
}

/// The first of these paths that leads to a string that is not empty.
pub(super) fn first_text<'j>(json: &'j str, paths: &[&[&str]]) -> Option<Cow<'j, str>> {
    let found = paths.iter().filter_map(|path| text(inside(json, path)?));
    found.into_iter().find(|text| !text.is_empty())
}

fn raw<'j>(value: &LazyValue<'j>) -> Option<&'j str> {
    match value.as_raw_cow() {
        Cow::Borrowed(raw) => Some(raw),
        // Only of values that were read from something else than a text.
        Cow::Owned(_) => None,
    }
}

/// Whether objects and lists are nested deeper than [`DEPTH_MAX`].
fn is_too_deep(json: &[u8]) -> bool {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            b'{' | b'[' if !is_text => depth += 1,
            b'}' | b']' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_texts_do_not_nest() {
        let check = |json: &str, expect| assert_eq!(is_too_deep(json.as_bytes()), expect, "{json}");
        check(&"{\"a\":".repeat(DEPTH_MAX), false);
        check(&"{\"a\":".repeat(DEPTH_MAX + 1), true);
        check(&"[{}]".repeat(1000), false);
        check(&format!("{{\"a\":\"{}\"}}", "[\\\"".repeat(1000)), false);
        check(&format!("{{\"a\":\"\\\\\",\"b\":{}", "[".repeat(DEPTH_MAX)), true);
    }
}
