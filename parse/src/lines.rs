//! Whole lines of a buffer that grows at its end and shrinks at its front. Remembers how far it searched, so that a line fed byte by byte
//! is searched once.

use memchr::memchr;

/// Where the next line of a buffer begins and how far it was searched for its end.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    start: usize,
    searched: usize,
}

impl Lines {
    /// The next whole line, with its `\n`, as a range of `buffer`. With `at_end` the rest without a `\n` is a line as well.
    pub(crate) fn next(&mut self, buffer: &[u8], at_end: bool) -> Option<(usize, usize)> {
        let start = self.start;
        let end = match memchr(b'\n', &buffer[self.searched..]) {
            Some(at) => self.searched + at + 1,
            None if at_end && start < buffer.len() => buffer.len(),
            None => {
                self.searched = buffer.len();
                return None;
            }
        };
        (self.start, self.searched) = (end, end);
        Some((start, end))
    }

    /// Where the next line begins.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// The caller takes `bytes` off the front of the buffer.
    pub(crate) fn taken(&mut self, bytes: usize) {
        self.start = self.start.saturating_sub(bytes);
        self.searched = self.searched.saturating_sub(bytes);
    }

    /// Begin again at `at`.
    pub(crate) fn seek(&mut self, at: usize) {
        (self.start, self.searched) = (at, at);
    }
}

/// `line` without its `\n` or `\r\n`.
pub(crate) fn without_newline(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_survive_growth_and_removal() {
        let text = b"one\ntwo\n\nrest";
        let (mut lines, mut found, mut front) = (Lines::default(), Vec::new(), 0);
        for end in 0..=text.len() {
            while let Some((start, stop)) = lines.next(&text[front..end], end == text.len()) {
                found.push(&text[front + start..front + stop]);
                lines.taken(stop);
                front += stop;
            }
        }
        assert_eq!(found, [&b"one\n"[..], b"two\n", b"\n", b"rest"]);
    }
}
