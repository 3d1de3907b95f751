//! Cuts a script into its statements at the semicolons that are not inside a string, a quoted name or a comment. Never parses.

/// One statement of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptStatement<'a> {
    /// Its text without the semicolon, trimmed.
    pub text: &'a str,
    /// Whether a semicolon ended it; only the last may lack one.
    pub terminated: bool,
}

/// The statements of a script, empty ones (blanks and comments only) left out.
pub fn statements(script: &str) -> Vec<ScriptStatement<'_>> {
    let bytes = script.as_bytes();
    let mut found = Vec::new();
    let (mut start, mut at, mut has_content) = (0, 0, false);
    while at < bytes.len() {
        if bytes[at] == b';' {
            if has_content {
                found.push(ScriptStatement {
                    text: script[start..at].trim(),
                    terminated: true,
                });
            }
            at += 1;
            (start, has_content) = (at, false);
            continue;
        }
        let (next, is_blank) = skip(bytes, at);
        has_content |= !is_blank;
        at = next;
    }
    if has_content {
        found.push(ScriptStatement {
            text: script[start..].trim(),
            terminated: false,
        });
    }
    found
}

/// The end of whatever begins at `at`, and whether it is nothing but blank: all ASCII delimiters, so ends lie on character
/// boundaries wherever a statement is cut.
fn skip(bytes: &[u8], at: usize) -> (usize, bool) {
    let rest = &bytes[at..];
    match rest {
        [b'\'' | b'"' | b'`', ..] => (quoted(bytes, at), false),
        [b'-', b'-', ..] => (
            at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()),
            true,
        ),
        // An open comment is not blank: the rest of it may come with the next line.
        [b'/', b'*', ..] => block_comment(bytes, at).map_or((bytes.len(), false), |end| (end, true)),
        [b'$', ..] => (dollar_quoted(bytes, at).unwrap_or(at + 1), false),
        [byte, ..] => (at + 1, byte.is_ascii_whitespace()),
        [] => (at + 1, true),
    }
}

/// Behind the closing quote; a doubled quote opens the next string at once, which comes to the same.
fn quoted(bytes: &[u8], at: usize) -> usize {
    let close = bytes[at + 1..].iter().position(|b| *b == bytes[at]);
    close.map_or(bytes.len(), |i| at + i + 2)
}

/// Behind the end of the comment, if it has one. Comments nest.
fn block_comment(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
    None
}

/// Behind `$tag$ … $tag$`, or `None` if no dollar quote begins here.
fn dollar_quoted(bytes: &[u8], at: usize) -> Option<usize> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let tag_end = at + 1 + bytes[at + 1..].iter().position(|byte| !is_word(byte))?;
    if bytes[tag_end] != b'$' || bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    // `a$b$` is a name, not a quote.
    if at > 0 && is_word(&bytes[at - 1]) {
        return None;
    }
    let tag = &bytes[at..=tag_end];
    let body = tag_end + 1;
    let close = bytes[body..].windows(tag.len()).position(|window| window == tag);
    Some(close.map_or(bytes.len(), |i| body + i + tag.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(script: &str, expected: &[&str], last_is_terminated: bool) {
        let found = statements(script);
        let texts: Vec<&str> = found.iter().map(|statement| statement.text).collect();
        assert_eq!(texts, expected, "{script}");
        assert_eq!(
            found.last().is_none_or(|last| last.terminated),
            last_is_terminated,
            "{script}"
        );
    }

    #[test]
    fn cuts_at_semicolons_outside_of_text() {
        check("", &[], true);
        check(" ; ;; -- nothing;\n /* ; */", &[], true);
        check("select 1", &["select 1"], false);
        check("select 1;", &["select 1"], true);
        check("select 1; select 2 ;\n", &["select 1", "select 2"], true);
        check(
            "select ';' ; select 'it''s;' || \"a;b\";",
            &["select ';'", "select 'it''s;' || \"a;b\""],
            true,
        );
        check("select 1 -- one; two\n;", &["select 1 -- one; two"], true);
        check(
            "select /* a /* ; */ ; */ 1; x",
            &["select /* a /* ; */ ; */ 1", "x"],
            false,
        );
        check(
            "select $$a;b$$, $t$;$$;$t$; y",
            &["select $$a;b$$, $t$;$$;$t$", "y"],
            false,
        );
        check("select $1; y", &["select $1", "y"], false);
        check("select 'open; ", &["select 'open;"], false);
        check("/* open; ", &["/* open;"], false);
    }

    proptest! {
        #[test]
        fn never_panics_and_loses_nothing(script in r#"(;|'|"|\$a?\$|--|/\*|\*/|\n|é|x| ){0,40}"#) {
            let kept: usize = statements(&script).iter().map(|s| s.text.len() + usize::from(s.terminated)).sum();
            prop_assert!(kept <= script.len());
        }
    }
}
