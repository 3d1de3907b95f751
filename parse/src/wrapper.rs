//! What log shippers, syslog daemons and container runtimes put around the lines of a log. Takes it off, line by line and layer by layer, and
//! remembers where each line was, so that entries keep their place in the source and every byte its account. Never reads what a server wrote.

mod azure;
mod cloudwatch;
mod cnpg;
mod cri;
mod docker;
mod journald;
mod json;
mod layer;
mod logplex;
mod loki;
mod marks;
mod otlp;
mod queue;
mod shipper;
mod syslog;

use std::borrow::Cow;

use jiff::tz::TimeZone;

use crate::decoder::{Output, RECORD_BYTES_MAX, Records, Sink};
use crate::detect::Grammar;
use crate::entry::SkipKind;
use crate::ledger::Ledger;
use crate::span::Span;
use crate::wrapper::layer::{Glue, Layer, Piece};
use crate::wrapper::queue::{Group, Message, Queue};
use crate::wrapper::syslog::{Newlines, unescape};

pub use layer::Wrapper;
pub(crate) use marks::{Envelope, Marks};

/// Longer lines of a source are taken in parts. In its wrapper a record may be twice as long, for its escapes.
const LINE_BYTES_MAX: usize = 2 * RECORD_BYTES_MAX;

/// Bytes of the last line of a record of MySQL that are read again: enough to know that it is a statement.
const LEARNED_LINE_BYTES_MAX: usize = 64;
/// Wrappers in wrappers are looked for this deep.
const DEPTH_MAX: usize = 3;
/// Lines that are looked at to find a wrapper.
const SAMPLES_MAX: usize = 200;

/// What may be around the lines of a log that begins with `head`: no wrapper, the outermost, two, and so on; with the head without them.
pub(crate) fn chains(head: &[u8]) -> Vec<(Vec<Wrapper>, Option<Vec<u8>>)> {
    let mut chains = vec![(Vec::new(), None)];
    let (mut wrappers, mut text) = (Vec::new(), Cow::Borrowed(head));
    while wrappers.len() < DEPTH_MAX
        && let Some(wrapper) = Wrapper::ALL.into_iter().find(|wrapper| fits(*wrapper, &text))
    {
        wrappers.push(wrapper);
        let mut unwrapper = Unwrapper::new(&wrappers, &Grammar::PostgresCsv, None);
        text = Cow::Owned(unwrapper.text(head));
        chains.push((wrappers.clone(), Some(text.to_vec())));
    }
    chains
}

/// Whether half of the first lines are wrapped in this way.
fn fits(wrapper: Wrapper, head: &[u8]) -> bool {
    let mut layer = wrapper.layer(None);
    let (mut lines, mut fitting) = (0, 0);
    let samples = head
        .split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii_end)
        .filter(|line| !line.is_empty());
    for line in samples.take(SAMPLES_MAX) {
        lines += 1;
        fitting += usize::from(layer.open(line, &mut |_| {}));
    }
    fitting > 0 && fitting * 2 >= lines
}

/// Takes the wrappers of one source off.
#[derive(Debug)]
pub(crate) struct Unwrapper {
    /// The outermost first.
    layers: Vec<Box<dyn Layer>>,
    queue: Queue,
    /// The lines without their wrappers that no record was made of yet, from inner offset `base` on.
    text: Vec<u8>,
    base: u64,
    marks: Marks,
    /// How far the buffer is known to have no line end.
    searched: usize,
    /// The beginning of a line that the outermost wrapper holds in parts, for an inner one that needs all of it; and where it begins.
    carried: Vec<u8>,
    carried_from: Option<u64>,
}

/// Who reads the lines without their wrappers, and where that goes.
pub(crate) struct Reader<'r, 's> {
    pub(crate) records: &'r mut dyn Records,
    pub(crate) ledger: &'r mut Ledger,
    pub(crate) sink: &'r mut Sink<'s>,
}

impl Unwrapper {
    /// For a log in these wrappers, the outermost first. `zone` is that of times that carry none.
    pub(crate) fn new(wrappers: &[Wrapper], grammar: &Grammar, zone: Option<TimeZone>) -> Unwrapper {
        Unwrapper {
            layers: wrappers
                .iter()
                .map(|wrapper| wrapper.layer(zone.clone()))
                .collect(),
            queue: Queue::new(grammar),
            text: Vec::new(),
            base: 0,
            marks: Marks::default(),
            searched: 0,
            carried: Vec::new(),
            carried_from: None,
        }
    }

    /// Takes whole lines off the front of `buffer`, which begins at stream offset `base`, has them read, and returns the bytes taken.
    pub(crate) fn take(
        &mut self,
        buffer: &[u8],
        base: u64,
        at_end: bool,
        reader: &mut Reader<'_, '_>,
    ) -> usize {
        let end = self.whole_lines(buffer, at_end);
        let mut start = 0;
        while start < end {
            let line = &buffer[start..end.min(start + LINE_BYTES_MAX)];
            let line = &line[..memchr::memchr(b'\n', line).map_or(line.len(), |at| at + 1)];
            self.line(line, base + start as u64);
            start += line.len();
            while let Some(group) = self.queue.group(false) {
                self.hand_over(group, reader);
            }
        }
        if at_end {
            self.give_up_carried();
            while let Some(group) = self.queue.group(true) {
                self.hand_over(group, reader);
            }
        }
        self.decode(at_end, reader);
        end
    }

    /// Reads again what was read before a decoder began, as far as it is of the first line's session.
    pub(crate) fn learn(&mut self, record: &[u8], base: u64, reader: &mut Reader<'_, '_>) {
        let mut start = 0;
        for line in record.split_inclusive(|b| *b == b'\n') {
            self.line(line, base + start);
            start += line.len() as u64;
        }
        self.give_up_carried();
        let mut first: Option<Message> = None;
        while let Some(message) = self.queue.pop() {
            let has_many = message.lines.iter().any(|line| line.mark.nth > 0);
            match &first {
                Some(first) if !has_many && !Queue::is_same(first, &message) => {}
                _ => self.append(&message),
            }
            first.get_or_insert(message);
        }
        self.cut_learned();
        self.decode(true, reader);
    }

    /// The lines of a log without their wrappers.
    fn text(&mut self, log: &[u8]) -> Vec<u8> {
        for line in log.split_inclusive(|b| *b == b'\n') {
            self.line(line, 0);
            while let Some(group) = self.queue.group(false) {
                self.append_group(group);
            }
        }
        self.give_up_carried();
        while let Some(group) = self.queue.group(true) {
            self.append_group(group);
        }
        std::mem::take(&mut self.text)
    }

    /// Stream offset up to which everything is decoded, when lines up to `taken` are taken.
    pub(crate) fn position(&self, taken: u64) -> u64 {
        self.marks
            .first()
            .or(self.queue.start())
            .or(self.carried_from)
            .unwrap_or(taken)
    }

    /// Spans of inner records in the source: whole lines of it.
    pub(crate) fn context(&self, spans: &[Span]) -> Vec<Span> {
        let mut places: Vec<Span> = spans.iter().filter_map(|span| self.marks.kept(*span)).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// MySQL's slow log needs only the beginnings of records, and those lines are whole: what follows could be read as records where the end of a
    /// literal is missing.
    fn cut_learned(&mut self) {
        let text = self.text.trim_ascii_end();
        let last = memchr::memrchr(b'\n', text).map_or(0, |newline| newline + 1);
        if self.queue.is_of_mysql() && text.len() - last > LEARNED_LINE_BYTES_MAX {
            self.text.truncate(last + LEARNED_LINE_BYTES_MAX);
        }
    }

    /// How much of the buffer is lines to be taken now.
    fn whole_lines(&mut self, buffer: &[u8], at_end: bool) -> usize {
        if at_end {
            self.searched = 0;
            return buffer.len();
        }
        let newline = memchr::memrchr(b'\n', &buffer[self.searched..]);
        let end = match newline {
            Some(at) => self.searched + at + 1,
            // Only the parts that are whole: the same whatever the pieces are.
            None => buffer.len() / LINE_BYTES_MAX * LINE_BYTES_MAX,
        };
        self.searched = buffer.len() - end;
        end
    }

    /// Takes one line of the source apart.
    fn line(&mut self, line: &[u8], start: u64) {
        let end = start + line.len() as u64;
        match self.carried_from {
            None => self.queue.line(Span { start, end }),
            Some(_) => self.queue.more_of_line(Span { start, end }),
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let (queue, marks) = (&mut self.queue, &mut self.marks);
        let mut add = |piece: Piece<'_>| queue.add(&piece, marks.stream(piece.host));
        if line.trim_ascii().is_empty() {
            add(Piece::skip(SkipKind::Blank));
        } else if matches!(line.trim_ascii(), b"[" | b"]") {
            // An array of one object a line.
            add(Piece::skip(SkipKind::Shipper));
        } else if !open(&mut self.layers, line, &mut self.carried, &mut add) {
            add(Piece {
                text: line,
                glue: Glue::Stray,
                ..Piece::default()
            });
        }
        if self.carried.is_empty() {
            self.carried_from = None;
            if self.queue.line_is_empty() {
                self.queue.add(&Piece::skip(SkipKind::Shipper), 0);
            }
        } else {
            self.carried_from.get_or_insert(start);
            if self.carried.len() >= LINE_BYTES_MAX {
                self.give_up_carried();
            }
        }
    }

    /// The rest of a line in parts does not come.
    fn give_up_carried(&mut self) {
        if self.carried_from.take().is_some() {
            let piece = Piece {
                text: &self.carried,
                ..Piece::default()
            };
            self.queue.add(&piece, self.marks.stream(b""));
            self.carried.clear();
        }
    }

    /// Puts messages into the text. Where a line of the source holds several records, or records are in another order than in the source, the place
    /// to begin again is behind all of them: then they are read to their end.
    fn hand_over(&mut self, group: Group, reader: &mut Reader<'_, '_>) {
        self.append_group(group);
        if group.is_reordered || group.has_many {
            self.decode(false, reader);
            if group.is_reordered || self.marks.is_in_line() {
                self.decode(true, reader);
            }
        }
    }

    fn append_group(&mut self, group: Group) {
        for _ in 0..group.messages {
            if let Some(message) = self.queue.pop() {
                self.append(&message);
                self.queue.recycle(message);
            }
        }
    }

    /// Puts a message at the end of the text, with a mark for every line.
    fn append(&mut self, message: &Message) {
        if let Some(line) = message
            .lines
            .first()
            .filter(|_| self.base == 0 && self.text.is_empty())
        {
            // Formats know the beginning of a log by its offset.
            self.base = line.mark.lines.start;
        }
        let mut start = 0;
        for (number, line) in message.lines.iter().enumerate() {
            let mut mark = line.mark;
            mark.inner = self.base + self.text.len() as u64;
            self.marks.push(mark);
            let text = &message.text[start..line.end];
            if message.had_escapes {
                unescape(text, Newlines::Cut, &mut self.text);
            } else {
                self.text.extend_from_slice(text);
            }
            start = line.end;
            let goes_on = message.lines.get(number + 1).is_some_and(|next| next.is_glued);
            if mark.skip.is_none() && !goes_on {
                self.text.push(b'\n');
            }
        }
    }

    /// Has the lines read that were unwrapped.
    fn decode(&mut self, at_end: bool, reader: &mut Reader<'_, '_>) {
        let mut output = Output::new(reader.ledger, Some(&self.marks), reader.sink);
        let taken = reader.records.take(&self.text, self.base, at_end, &mut output);
        self.text.drain(..taken);
        self.base += taken as u64;
        self.marks
            .leave(self.base, &reader.records.context(), reader.ledger);
    }
}

/// Opens the layers of a line one after the other; `false` when it is not in the outermost. What is not in an inner one stands there as it is.
/// Parts of a line that has more layers inside are `carried` until it is whole.
fn open(
    layers: &mut [Box<dyn Layer>],
    line: &[u8],
    carried: &mut Vec<u8>,
    out: &mut dyn FnMut(Piece<'_>),
) -> bool {
    let Some((layer, inner)) = layers.split_first_mut() else {
        return false;
    };
    let mut each = |piece: Piece<'_>| {
        if piece.skip.is_some() || inner.is_empty() {
            return out(piece);
        }
        if piece.glue == Glue::Partial {
            return carried.extend_from_slice(piece.text);
        }
        carried.extend_from_slice(piece.text);
        let whole = std::mem::take(carried);
        let text = whole.strip_suffix(b"\n").unwrap_or(&whole);
        let is_open = open(inner, text, carried, &mut |inner| out(piece.around(inner)));
        if !is_open {
            out(Piece { text, ..piece });
        }
        *carried = whole;
        carried.clear();
    };
    if layer.open(line, &mut each) {
        return true;
    }
    // JSON has to be UTF-8, but not every shipper checks what it ships.
    match String::from_utf8_lossy(line) {
        Cow::Borrowed(_) => false,
        Cow::Owned(line) => layer.open(line.as_bytes(), &mut each),
    }
}
