//! What has to be known of a JSON text before a reader that goes down into it is let loose on it. Reads no value.

use memchr::memchr2_iter;

/// How deep objects and lists may be nested in what a server or shipper writes; readers need stack for each level.
pub(crate) const DEPTH_MAX: usize = 128;

/// Whether objects and lists in `json` are nested deeper than [`DEPTH_MAX`].
pub(crate) fn is_too_deep(json: &[u8]) -> bool {
    // Without as many brackets, in texts or not, there is nothing to look at.
    if memchr2_iter(b'{', b'[', json).take(DEPTH_MAX + 1).count() <= DEPTH_MAX {
        return false;
    }
    let (mut depth, mut at) = (0, 0);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at = text_end(json, at + 1),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = usize::saturating_sub(depth, 1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return true;
        }
        at += 1;
    }
    false
}

/// Where the quote is that closes a text, or the end.
fn text_end(json: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(next) = memchr::memchr2(b'"', b'\\', json.get(at..).unwrap_or_default()) {
        if json[at + next] == b'"' {
            return at + next;
        }
        at += next + 2;
    }
    json.len()
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
        check(&"\"\\".repeat(1000), false);
    }
}
