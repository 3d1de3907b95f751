//! What must hold for any bytes, whatever format they are read as. Panics where it does not.

use slowlake_parse::statement::{Analyzer, Options};
use slowlake_parse::{Decoded, Decoder, Format, Ledger};

/// Reads `data` whole, in pieces, and from the middle on: the books account for every byte, and all ways find the same.
pub fn log(format: &Format, data: &[u8]) {
    let whole = decode(format, data, data.len().max(1));
    assert_eq!(whole.ledger.bytes(), data.len() as u64, "every byte is accounted for");
    let size = 1 + data.first().map_or(0, |b| usize::from(*b) % 61);
    let pieces = decode(format, data, size);
    assert_eq!(pieces, whole, "pieces of {size} bytes give the same");
    let stop = data.last().map_or(0, |b| usize::from(*b) % 32);
    assert_eq!(interrupted(format, data, size, stop), whole, "a decoder goes on where another stopped");
}

/// Fingerprints `data`: its normalized text has the same fingerprint.
pub fn statement(options: Options, data: &[u8]) {
    let mut analyzer = Analyzer::new(options);
    let (fingerprint, normalized) = {
        let analysis = analyzer.analyze(data);
        (analysis.fingerprint, analysis.normalized.to_owned())
    };
    assert_eq!(analyzer.fingerprint(data), fingerprint);
    // Bytes that are no UTF-8 are replaced in the text, so only text can come back.
    if std::str::from_utf8(data).is_ok() {
        assert_eq!(analyzer.fingerprint(normalized.as_bytes()), fingerprint, "{normalized}");
    }
}

/// What a decoder found: entries as text, and the books.
#[derive(Debug, PartialEq)]
struct Found {
    entries: Vec<String>,
    ledger: Ledger,
}

impl Found {
    fn add(&mut self, decoded: &Decoded<'_>) {
        self.entries.push(format!("{decoded:?}"));
    }
}

fn decode(format: &Format, data: &[u8], size: usize) -> Found {
    let mut found = Found {
        entries: Vec::new(),
        ledger: Ledger::default(),
    };
    let mut decoder = Decoder::new(format, None, 0);
    for piece in data.chunks(size) {
        decoder.push(piece, &mut |decoded| found.add(&decoded));
    }
    decoder.finish(&mut |decoded| found.add(&decoded));
    found.ledger = decoder.take_ledger();
    found
}

/// One decoder reads `stop` pieces, another the rest from where the first one says.
fn interrupted(format: &Format, data: &[u8], size: usize, stop: usize) -> Found {
    let mut found = Found {
        entries: Vec::new(),
        ledger: Ledger::default(),
    };
    let mut first = Decoder::new(format, None, 0);
    for piece in data.chunks(size).take(stop) {
        first.push(piece, &mut |decoded| found.add(&decoded));
    }
    let position = first.position();
    let mut second = Decoder::new(format, None, position);
    for span in first.context() {
        second.learn(&data[span.start as usize..span.end as usize], span);
    }
    for piece in data[position as usize..].chunks(size) {
        second.push(piece, &mut |decoded| found.add(&decoded));
    }
    second.finish(&mut |decoded| found.add(&decoded));
    found.ledger = first.take_ledger();
    found.ledger.merge(&second.take_ledger());
    found
}
