//! Puts the pieces of interleaved streams together: collects messages line by line, and hands them out in the order of their first lines, at
//! places of the source that cut none of them. Decides by numbers of lines and bytes of the source, never by how it was fed.

use std::collections::{HashMap, VecDeque};

use crate::detect::Grammar;
use crate::postgres::prefix::Label;
use crate::postgres::prefix::infer::find_label;
use crate::span::Span;
use crate::wrapper::layer::{Glue, Piece};
use crate::wrapper::marks::Mark;

/// A message that got nothing for so many lines of the source is complete.
const QUIET_LINES: u64 = 256;
/// So many lines of the source are held back at most; then every message is taken as complete.
const HELD_LINES_MAX: u64 = 4096;
/// So many bytes of the source are held back at most, likewise.
const HELD_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// PostgreSQL cuts a line for syslog where this many bytes do not fit, at a space before it if there is one.
const CHUNK_BYTES_MIN: usize = 800;
/// Messages whose memory is kept for others.
const SPARE_MAX: usize = 256;

/// A stream of a host and a lane of it.
type Key = (u32, u64);

/// Messages that are not handed out yet.
#[derive(Debug)]
pub(super) struct Queue {
    continuation: Continuation,
    messages: VecDeque<Message>,
    /// The number of the first message; they are numbered for ever.
    first: u64,
    open: HashMap<Key, u64>,
    /// Who wrote the last line: a line without a wrapper may go on with it.
    last_key: Key,
    line: OuterLine,
    held_lines: u64,
    held_bytes: u64,
    /// So many messages at the front are complete, and reach to this line.
    complete: usize,
    reach: u64,
    spare: Vec<Message>,
}

/// A line of the source.
#[derive(Debug, Clone, Copy, Default)]
struct OuterLine {
    number: u64,
    span: Span,
    /// Lines it had inside so far.
    inner: u64,
    /// The number of the message that its bytes are booked with, while that is none of a database.
    booked: Option<u64>,
}

/// What tells that a line goes on with the one before of its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Continuation {
    /// PostgreSQL's stderr: a tab.
    Tab,
    /// MySQL's slow log: no header line begins a record there.
    NoHeader,
    /// CSV: no time.
    NoTime,
    Never,
}

/// Lines that belong together.
#[derive(Debug, Default)]
pub(super) struct Message {
    key: Key,
    first: u64,
    last: u64,
    is_closed: bool,
    /// `[message-part]` of its last chunk.
    chunk: Option<(u64, u64)>,
    /// The last line goes on in the next piece.
    is_partial: bool,
    /// One of its pieces showed that the daemon wrote tabs as `#011`: in its others they still are.
    pub(super) had_escapes: bool,
    /// How far in its first line the label is.
    label_at: Option<usize>,
    pub(super) text: Vec<u8>,
    pub(super) lines: Vec<Line>,
}

/// A part of a message's text that came in one piece and is one line, or the end of one.
#[derive(Debug)]
pub(super) struct Line {
    /// Where it ends in the text of the message.
    pub(super) end: usize,
    /// It goes on with the line before.
    pub(super) is_glued: bool,
    /// Where it is in the source; not yet in the unwrapped text.
    pub(super) mark: Mark,
}

/// Some messages that can be handed out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    pub(super) messages: usize,
    /// Lines of the source are in another order in it.
    pub(super) is_reordered: bool,
    /// A line of the source has several lines in it.
    pub(super) has_many: bool,
}

enum Join {
    New,
    Line,
    /// A line whose tab was lost.
    TabLine,
    Glued,
}

impl Queue {
    pub(super) fn new(grammar: &Grammar) -> Queue {
        Queue {
            continuation: match grammar {
                Grammar::PostgresStderr(_) => Continuation::Tab,
                Grammar::MysqlSlow => Continuation::NoHeader,
                Grammar::PostgresCsv => Continuation::NoTime,
                // Their own readers join lines; only those of several servers at once stay apart.
                Grammar::PostgresJson
                | Grammar::MysqlSlowTable
                | Grammar::MysqlGeneral
                | Grammar::MysqlError
                | Grammar::MysqlErrorJson
                | Grammar::PgBouncer => Continuation::Never,
            },
            messages: VecDeque::new(),
            first: 0,
            open: HashMap::new(),
            last_key: (0, 0),
            line: OuterLine::default(),
            held_lines: 0,
            held_bytes: 0,
            complete: 0,
            reach: 0,
            spare: Vec::new(),
        }
    }

    pub(super) fn is_of_mysql(&self) -> bool {
        self.continuation == Continuation::NoHeader
    }

    /// The next line of the source begins.
    pub(super) fn line(&mut self, span: Span) {
        self.line = OuterLine {
            number: self.line.number + 1,
            span,
            inner: 0,
            booked: None,
        };
        self.held_lines += 1;
        self.held_bytes += span.bytes();
    }

    /// More lines of the source belong to the line.
    pub(super) fn more_of_line(&mut self, span: Span) {
        self.line.span.end = span.end;
        self.held_bytes += span.bytes();
    }

    /// Whether nothing stood in the line so far.
    pub(super) fn line_is_empty(&self) -> bool {
        self.line.inner == 0
    }

    /// A piece that stood in the line, of this stream.
    pub(super) fn add(&mut self, piece: &Piece<'_>, stream: u32) {
        let mut key = (stream, piece.lane);
        if piece.skip.is_some() {
            return self.skip(piece, key);
        }
        let text = piece.text.strip_suffix(b"\n").unwrap_or(piece.text);
        if piece.glue == Glue::Stray && self.continues_any(text) {
            key = self.last_key;
        }
        self.last_key = key;
        let open = self.open_message(key);
        let join = open.map_or(Join::New, |at| self.join(at, text, piece.glue));
        let at = match (open, &join) {
            (Some(at), Join::Line | Join::TabLine | Join::Glued) => at,
            (open, _) => {
                if let Some(at) = open {
                    self.messages[at].is_closed = true;
                }
                self.push(key)
            }
        };
        let is_orphan = matches!(piece.glue, Glue::Chunk { part: 2.., .. }) && matches!(join, Join::New);
        let add_tab = matches!(join, Join::TabLine)
            || (is_orphan && !text.starts_with(b"\t") && find_label(text).is_none());
        let message = &mut self.messages[at];
        if message.lines.is_empty() && matches!(piece.glue, Glue::Chunk { .. }) {
            message.label_at = find_label(text).map(|(at, ..)| at);
        }
        message.last = self.line.number;
        message.is_partial = piece.glue == Glue::Partial;
        message.had_escapes |= piece.had_escapes;
        if let Glue::Chunk {
            message: number,
            part,
        } = piece.glue
        {
            message.chunk = Some((number, part));
        }
        if add_tab {
            message.text.push(b'\t');
        }
        let number = message.lines.len();
        message.add(text, matches!(join, Join::Glued), piece, stream, &mut self.line);
        if let Some(skipped) = self.line.booked.take() {
            let skipped = &mut self.messages[(skipped - self.first) as usize].lines[0].mark;
            let bytes = std::mem::take(&mut skipped.bytes);
            self.messages[at].lines[number].mark.bytes = bytes;
        }
    }

    /// Something between the messages that is nothing of a database.
    fn skip(&mut self, piece: &Piece<'_>, key: Key) {
        let at = self.push(key);
        self.open.remove(&key);
        let message = &mut self.messages[at];
        message.is_closed = true;
        if self.line.inner == 0 {
            self.line.booked = Some(self.first + at as u64);
        }
        message.add(b"", false, piece, key.0, &mut self.line);
    }

    /// A new message at the end of the queue; its place in it.
    fn push(&mut self, key: Key) -> usize {
        let mut message = self.spare.pop().unwrap_or_default();
        message.begin(key, self.line.number);
        self.open.insert(key, self.first + self.messages.len() as u64);
        self.messages.push_back(message);
        self.messages.len() - 1
    }

    /// The place in the queue of the message that the key is in the middle of.
    fn open_message(&self, key: Key) -> Option<usize> {
        let number = self.open.get(&key)?;
        let at = number.checked_sub(self.first)? as usize;
        let message = &self.messages[at];
        let is_open = !message.is_closed && self.line.number - message.last <= QUIET_LINES;
        is_open.then_some(at)
    }

    fn join(&self, at: usize, text: &[u8], glue: Glue) -> Join {
        let message = &self.messages[at];
        if message.is_partial {
            return Join::Glued;
        }
        match glue {
            Glue::Chunk {
                message: number,
                part,
            } => match message.chunk {
                Some((same, before)) if same == number && part > before => message.join_chunk(text),
                _ => Join::New,
            },
            Glue::Lines | Glue::Partial | Glue::Stray => {
                // In a queue of one message the order of the source is that of the text, and its grammar sees what follows what.
                let goes_on =
                    self.continues(message, text) || (self.messages.len() > 1 && self.is_follow_up(text));
                if goes_on { Join::Line } else { Join::New }
            }
        }
    }

    fn continues(&self, message: &Message, text: &[u8]) -> bool {
        match self.continuation {
            Continuation::NoHeader => {
                let after_time = message.last_line().starts_with(b"# Time:");
                !(text.starts_with(b"# Time:") || (text.starts_with(b"# User@Host:") && !after_time))
            }
            Continuation::NoTime => !matches!(text, [b'0'..=b'9', _, _, _, b'-', ..]),
            Continuation::Tab | Continuation::Never => self.continues_any(text),
        }
    }

    /// Whether a line goes on with another, whichever it is.
    fn continues_any(&self, text: &[u8]) -> bool {
        self.continuation != Continuation::Never && matches!(text.first(), None | Some(b'\t' | b' ' | b'\r'))
    }

    fn is_follow_up(&self, text: &[u8]) -> bool {
        self.continuation == Continuation::Tab
            && find_label(text).is_some_and(|(_, label, _)| !matches!(label, Label::Main(_)))
    }

    /// The next messages that can be handed out: they are complete, and no line of a later one is before the end of the last of them. With `all`
    /// every message is complete.
    pub(super) fn group(&mut self, all: bool) -> Option<Group> {
        let all = all || self.held_lines >= HELD_LINES_MAX || self.held_bytes >= HELD_BYTES_MAX;
        while let Some(message) = self.messages.get_mut(self.complete) {
            if self.complete > 0 && self.reach < message.first {
                return Some(self.complete_group());
            }
            if !all && !message.is_closed && self.line.number - message.last <= QUIET_LINES {
                return None;
            }
            message.is_closed = true;
            self.reach = self.reach.max(message.last);
            self.complete += 1;
        }
        (self.complete > 0).then(|| self.complete_group())
    }

    fn complete_group(&mut self) -> Group {
        let mut group = Group {
            messages: self.complete,
            is_reordered: false,
            has_many: false,
        };
        let mut before = 0;
        let lines = self
            .messages
            .iter()
            .take(self.complete)
            .flat_map(|message| &message.lines);
        for line in lines {
            group.is_reordered |= line.mark.lines.start < before;
            group.has_many |= line.mark.nth > 0;
            before = line.mark.lines.start;
        }
        (self.complete, self.reach) = (0, 0);
        group
    }

    /// Takes the first message out of the queue.
    pub(super) fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        if self.open.get(&message.key) == Some(&self.first) {
            self.open.remove(&message.key);
        }
        self.first += 1;
        match self.messages.front() {
            Some(next) => self.held_lines = self.line.number - next.first + 1,
            None => self.held_lines = 0,
        }
        self.held_bytes = self.start().map_or(0, |start| self.line.span.end - start);
        Some(message)
    }

    /// Whether two messages are of the same stream and lane.
    pub(super) fn is_same(one: &Message, other: &Message) -> bool {
        one.key == other.key
    }

    /// A message is done with: its memory serves another.
    pub(super) fn recycle(&mut self, message: Message) {
        if self.spare.len() < SPARE_MAX {
            self.spare.push(message);
        }
    }

    /// Where in the source the first line is that is held back.
    pub(super) fn start(&self) -> Option<u64> {
        Some(self.messages.front()?.lines.first()?.mark.lines.start)
    }
}

impl Message {
    fn begin(&mut self, key: Key, line: u64) {
        self.text.clear();
        self.lines.clear();
        *self = Message {
            key,
            first: line,
            last: line,
            text: std::mem::take(&mut self.text),
            lines: std::mem::take(&mut self.lines),
            ..Message::default()
        };
    }

    /// Adds the lines of a piece.
    fn add(&mut self, text: &[u8], is_glued: bool, piece: &Piece<'_>, stream: u32, outer: &mut OuterLine) {
        let mut is_glued = is_glued;
        let mut rest = Some(text);
        while let Some(text) = rest {
            let newline = memchr::memchr(b'\n', text);
            let line = &text[..newline.unwrap_or(text.len())];
            self.text.extend_from_slice(line);
            self.lines.push(Line {
                end: self.text.len(),
                is_glued,
                mark: Mark {
                    inner: 0,
                    lines: outer.span,
                    nth: outer.inner,
                    bytes: if outer.inner == 0 { outer.span.bytes() } else { 0 },
                    skip: piece.skip,
                    stream,
                    time_us: piece.time_us,
                    pid: piece.pid,
                },
            });
            outer.inner += 1;
            is_glued = false;
            rest = newline.map(|at| &text[at + 1..]);
        }
    }

    /// How a chunk goes on with the message. The server cuts at line ends, and puts a tab after them; only long lines are cut elsewhere.
    fn join_chunk(&self, text: &[u8]) -> Join {
        if text.starts_with(b"\t") || text.is_empty() {
            return Join::Line;
        }
        let label = find_label(text).filter(|(_, label, _)| !matches!(label, Label::Main(_)));
        if let (Some((at, ..)), Some(first)) = (label, self.label_at)
            // Numbers of lines and times in a prefix may be a digit longer.
            && at.abs_diff(first) <= 2
        {
            return Join::Line;
        }
        let space = usize::from(text[0] == b' ');
        let word = memchr::memchr(b' ', &text[space..]).unwrap_or(text.len() - space);
        if self.last_line().len() + word >= CHUNK_BYTES_MIN {
            Join::Glued
        } else {
            Join::TabLine
        }
    }

    /// The text of the last piece of a line.
    fn last_line(&self) -> &[u8] {
        let start = self.lines.len().checked_sub(2).map_or(0, |at| self.lines[at].end);
        &self.text[start..]
    }
}
