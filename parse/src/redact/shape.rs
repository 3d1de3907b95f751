//! The shape of a line that nothing understood: enough to see what wrote it, nothing of what it says.

/// Longest shape, in characters.
const SHAPE_CHARS_MAX: usize = 120;
/// Words that say what kind of line it is, and nothing else.
const LABELS: &[&str] = &[
    "CONTEXT",
    "DEBUG",
    "DETAIL",
    "ERROR",
    "FATAL",
    "HINT",
    "INFO",
    "LOCATION",
    "LOG",
    "NOTICE",
    "PANIC",
    "QUERY",
    "STATEMENT",
    "WARNING",
];

/// The shape of a line: runs of letters as `a`, runs of digits as `9`, labels of servers and punctuation as they are.
///
/// ```
/// assert_eq!(slowlake_parse::shape(b"12:30 [7] ERROR:  no 'x1'"), "9:9 [9] ERROR:  a 'a9'");
/// ```
pub fn shape(line: &[u8]) -> String {
    let mut shape = String::new();
    let mut rest = line.trim_ascii_end();
    while let Some(first) = rest.first() {
        if shape.len() >= SHAPE_CHARS_MAX {
            break;
        }
        let is_letter = |b: &u8| b.is_ascii_alphabetic() || !b.is_ascii();
        let length = if is_letter(first) {
            rest.iter().take_while(|b| is_letter(b)).count()
        } else if first.is_ascii_digit() {
            rest.iter().take_while(|b| b.is_ascii_digit()).count()
        } else {
            1
        };
        let (run, after) = rest.split_at(length);
        match LABELS.iter().find(|label| label.as_bytes() == run) {
            Some(label) => shape.push_str(label),
            None if is_letter(first) => shape.push('a'),
            None if first.is_ascii_digit() => shape.push('9'),
            None if first.is_ascii_control() => shape.push(' '),
            None => shape.push(char::from(*first)),
        }
        rest = after;
    }
    shape.truncate(SHAPE_CHARS_MAX);
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        assert_eq!(shape("größe = 'gehéim' 42\n".as_bytes()), "a = 'a' 9");
        assert_eq!(shape(b"LOGS\tLOG:"), "a LOG:");
        assert_eq!(shape("- ".repeat(1000).as_bytes()).len(), SHAPE_CHARS_MAX);
        assert_eq!(shape(b"\xff\xfe"), "a");
    }
}
