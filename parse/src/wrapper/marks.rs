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
    /// Places of records that a format still needs, by the inner offset at which they begin.
    kept: HashMap<u64, Span>,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Where the line begins in the unwrapped text.
    inner: u64,
    /// Where it is in the source.
    span: Span,
    what: What,
    stream: u32,
    time_us: Option<i64>,
    pid: Option<i64>,
}

/// What became of a line of the source.
#[derive(Debug, Clone, Copy)]
enum What {
    /// It is in the unwrapped text.
    Text,
    /// It is not; it is booked when everything before it is.
    Skip(SkipKind),
}

impl Marks {
    /// A line at `inner` of the unwrapped text. Starts of spans increase.
    pub(crate) fn text(&mut self, inner: u64, span: Span, envelope: Envelope<'_>) {
        let stream = self.stream(envelope.host);
        self.marks.push_back(Mark {
            inner,
            span,
            what: What::Text,
            stream,
            time_us: envelope.time_us,
            pid: envelope.pid,
        });
    }

    fn stream(&mut self, host: &[u8]) -> u32 {
        let known = self.hosts.iter().rposition(|known| **known == *host);
        let number = known.unwrap_or_else(|| {
            self.hosts.push(host.into());
            self.hosts.len() - 1
        });
        number as u32
    }

    /// Where the place `at` of the unwrapped text is in the source.
    pub(crate) fn offset(&self, at: u64) -> u64 {
        self.at(at).map_or(at, |mark| mark.span.start)
    }

    pub(crate) fn envelope(&self, at: u64) -> Envelope<'_> {
        let Some(mark) = self.at(at) else {
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
        let from = self.marks.partition_point(|mark| mark.inner < span.start);
        let (mut end, mut bytes) = (0, 0);
        let texts = self.marks.range(from..).take_while(|mark| mark.inner < span.end);
        for mark in texts.filter(|mark| matches!(mark.what, What::Text)) {
            (end, bytes) = (end.max(mark.span.end), bytes + mark.span.bytes());
        }
        let start = self.offset(span.start);
        let place = Span {
            start,
            end: end.max(start),
        };
        (place, bytes)
    }

    /// The unwrapped text before `inner` is done with, but for these spans of it.
    pub(crate) fn leave(&mut self, inner: u64, needed: &[Span], ledger: &mut Ledger) {
        let kept = needed.iter().filter_map(|span| {
            let place = self.kept.get(&span.start).copied();
            Some((
                span.start,
                place.or_else(|| self.at(span.start).map(|_| self.place(*span).0))?,
            ))
        });
        self.kept = kept.collect();
        while let Some(mark) = self.marks.front() {
            match mark.what {
                What::Text if mark.inner < inner => {}
                What::Skip(kind) if mark.inner <= inner => ledger.skip(kind, 1, mark.span.bytes()),
                _ => break,
            }
            self.marks.pop_front();
        }
    }

    /// Where in the source a record is that [`leave`](Marks::leave) was told is needed.
    pub(crate) fn kept(&self, span: Span) -> Option<Span> {
        self.kept.get(&span.start).copied()
    }

    /// Where in the source the first line is that is not done with.
    pub(crate) fn first(&self) -> Option<u64> {
        self.marks.front().map(|mark| mark.span.start)
    }

    /// The line of text that holds the place `at` of the unwrapped text.
    fn at(&self, at: u64) -> Option<&Mark> {
        let after = self.marks.partition_point(|mark| mark.inner <= at);
        self.marks
            .range(..after)
            .rev()
            .find(|mark| matches!(mark.what, What::Text))
    }
}
