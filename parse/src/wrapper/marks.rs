//! Where the lines of an unwrapped log are in their source: one mark a line. Knows no wrapper and no format.

use std::collections::{HashMap, VecDeque};

use crate::entry::SkipKind;
use crate::ledger::Ledger;
use crate::span::Span;

/// What a wrapper says of a line. Unknown is `None` or empty.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Envelope<'m> {
    /// The server or container that wrote it, with its number among all of the source.
    pub(crate) host: &'m [u8],
    pub(crate) stream: u32,
    /// When it was written, µs since 1970 UTC.
    pub(crate) time_us: Option<i64>,
    /// The process that wrote it.
    pub(crate) pid: Option<i64>,
}

/// The marks of one source, in the order of its unwrapped text.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    marks: VecDeque<Mark>,
    /// Names of hosts; the number is the stream.
    hosts: Vec<Box<[u8]>>,
    streams: HashMap<Box<[u8]>, u32>,
    /// Places of records that a format still needs, by the inner offset at which they begin.
    kept: HashMap<u64, Span>,
}

/// One line of the unwrapped text, or a line of the source that is not in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// Where the line begins in the unwrapped text.
    pub(super) inner: u64,
    /// The lines of the source that it was in.
    pub(super) lines: Span,
    /// How many marks of the same lines of the source are before it: their keys differ by it.
    pub(super) nth: u64,
    /// Bytes of the source that are booked with it.
    pub(super) bytes: u64,
    /// Why it is not in the unwrapped text, if it is not. It is booked when everything before it is.
    pub(super) skip: Option<SkipKind>,
    pub(super) stream: u32,
    pub(super) time_us: Option<i64>,
    pub(super) pid: Option<i64>,
}

impl Mark {
    fn start(&self) -> u64 {
        self.lines.start + self.nth
    }

    fn is_text(&self) -> bool {
        self.skip.is_none()
    }
}

impl Marks {
    /// A line of the unwrapped text after all others. One that adds no text to the line before goes with it.
    pub(super) fn push(&mut self, mark: Mark) {
        if let Some(last) = self.marks.back_mut()
            && last.is_text()
            && mark.is_text()
            && last.inner == mark.inner
        {
            last.bytes += mark.bytes;
            last.lines.end = last.lines.end.max(mark.lines.end);
            return;
        }
        self.marks.push_back(mark);
    }

    /// The number of a host among all of the source.
    pub(super) fn stream(&mut self, host: &[u8]) -> u32 {
        if let Some(number) = self.streams.get(host) {
            return *number;
        }
        let number = self.hosts.len() as u32;
        self.hosts.push(host.into());
        self.streams.insert(host.into(), number);
        number
    }

    /// Where the place `at` of the unwrapped text is in the source.
    pub(crate) fn offset(&self, at: u64) -> u64 {
        self.at(at).map_or(at, |(_, mark)| mark.start())
    }

    pub(crate) fn envelope(&self, at: u64) -> Envelope<'_> {
        let Some((_, mark)) = self.at(at) else {
            return Envelope::default();
        };
        Envelope {
            host: &self.hosts[mark.stream as usize],
            stream: mark.stream,
            time_us: mark.time_us,
            pid: mark.pid,
        }
    }

    /// A span of the unwrapped text in the source, and the bytes of the lines that begin in it.
    pub(crate) fn place(&self, span: Span) -> (Span, u64) {
        let Some((index, mark)) = self.at(span.start) else {
            return (span, 0);
        };
        let (start, mut end, mut bytes) = (mark.start(), mark.lines.end, 0);
        let texts = self.marks.range(index..).take_while(|mark| mark.inner < span.end);
        for mark in texts.filter(|mark| mark.is_text() && mark.inner >= span.start) {
            (end, bytes) = (end.max(mark.lines.end), bytes + mark.bytes);
        }
        (Span { start, end }, bytes)
    }

    /// The unwrapped text before `inner` is done with, but for these spans of it.
    pub(crate) fn leave(&mut self, inner: u64, needed: &[Span], ledger: &mut Ledger) {
        if !(needed.is_empty() && self.kept.is_empty()) {
            let kept = needed.iter().filter_map(|span| {
                let place = self.kept.get(&span.start).copied();
                Some((span.start, place.or_else(|| self.whole_lines(*span))?))
            });
            self.kept = kept.collect();
        }
        while let Some(mark) = self.marks.front() {
            match mark.skip {
                None if mark.inner < inner => {}
                Some(kind) if mark.inner <= inner => ledger.skip(kind, 1, mark.bytes),
                _ => break,
            }
            self.marks.pop_front();
        }
    }

    /// Where in the source a record is that [`leave`](Marks::leave) was told is needed: whole lines of it.
    pub(crate) fn kept(&self, span: Span) -> Option<Span> {
        self.kept.get(&span.start).copied()
    }

    /// Where in the source the first line is that is not done with.
    pub(crate) fn first(&self) -> Option<u64> {
        self.marks.front().map(Mark::start)
    }

    /// Whether a line of the source is done with in part.
    pub(super) fn is_in_line(&self) -> bool {
        self.marks.front().is_some_and(|mark| mark.nth > 0)
    }

    /// The lines of the source that a span of the unwrapped text comes from.
    fn whole_lines(&self, span: Span) -> Option<Span> {
        let (_, mark) = self.at(span.start)?;
        Some(Span {
            start: mark.lines.start,
            end: self.place(span).0.end,
        })
    }

    /// The line of text that holds the place `at` of the unwrapped text.
    fn at(&self, at: u64) -> Option<(usize, &Mark)> {
        let mut index = self.marks.partition_point(|mark| mark.inner <= at);
        while index > 0 {
            index -= 1;
            if self.marks[index].is_text() {
                return Some((index, &self.marks[index]));
            }
        }
        None
    }
}
