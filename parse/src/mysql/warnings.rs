//! The `# Warnings` block of MariaDB's slow log: what the server said of a statement, by code. The texts hold the client's data and are left out.

use crate::timestamp::number;

/// Different codes counted for one statement; a server prints ten lines unless it is told to print more.
const WARNINGS_MAX: usize = 32;

/// How often each code was printed.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    counts: Vec<Count>,
    /// Names and numbers of `counts` in letters, one after the other.
    text: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    level: &'static str,
    code: i64,
    lines: u32,
}

impl Warnings {
    /// Counts `# Warning 1292 Truncated …`; `false` when the line is something else.
    pub(crate) fn line(&mut self, line: &[u8]) -> bool {
        const LEVELS: [(&[u8], &str); 3] = [
            (b"# Warning ", "warning"),
            (b"# Note ", "note"),
            (b"# Error ", "error"),
        ];
        let Some((level, rest)) = LEVELS
            .iter()
            .find_map(|(start, level)| Some((*level, line.strip_prefix(*start)?)))
        else {
            return false;
        };
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let Some(code) = number(&rest[..digits]) else {
            return false;
        };
        let known = self
            .counts
            .iter()
            .position(|count| (count.level, count.code) == (level, code));
        match known {
            Some(at) => self.counts[at].lines += 1,
            None if self.counts.len() < WARNINGS_MAX => self.counts.push(Count {
                level,
                code,
                lines: 1,
            }),
            None => {}
        }
        true
    }

    pub(crate) fn clear(&mut self) {
        self.counts.clear();
    }

    /// Hands out `warning_1292` and `2`, in the order of the log.
    pub(crate) fn attributes<'a>(&'a mut self, attributes: &mut Vec<(&'a [u8], &'a [u8])>) {
        self.text.clear();
        for count in &self.counts {
            self.text
                .extend_from_slice(format!("{}_{} {} ", count.level, count.code, count.lines).as_bytes());
        }
        let mut words = self.text.split(|b| *b == b' ');
        while let (Some(name), Some(lines)) = (words.next(), words.next()) {
            attributes.push((name, lines));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_counted_and_texts_are_left_out() {
        let mut warnings = Warnings::default();
        for line in [
            "# Warning 1292 Truncated incorrect INTEGER value: 'secret'",
            "# Note 1051 Unknown table 'x'",
            "# Warning 1292 Truncated incorrect INTEGER value: 'other'",
            "# Error 1146 Table 'shop.x' doesn't exist",
        ] {
            assert!(warnings.line(line.as_bytes()), "{line}");
        }
        assert!(!warnings.line(b"# Warnings") && !warnings.line(b"# Note of a tool"));
        let mut found = Vec::new();
        warnings.attributes(&mut found);
        let expect: [(&[u8], &[u8]); 3] = [
            (b"warning_1292", b"2"),
            (b"note_1051", b"1"),
            (b"error_1146", b"1"),
        ];
        assert_eq!(found, expect);
    }
}
