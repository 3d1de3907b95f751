//! Where to go on with a source. A file is the same source as long as it begins with the same bytes, whatever it is called now, so that
//! rotated, compressed and copied logs are not read twice. Asks what is known of the lake, never the lake.

use std::path::Path;

use slowlake_ingest::{Identity, IngestError};
use slowlake_parse::{Decoder, Span};

use crate::ingestion::known::{Known, Unit, agent};

/// Where to go on with a source.
#[derive(Debug)]
pub(crate) struct Resume {
    pub(crate) unit: Unit,
    /// What the lake knows of its progress.
    pub(crate) prev: Option<i64>,
    /// Where to go on.
    pub(crate) offset: u64,
    /// Earlier records that the decoder has to read [again](teach).
    pub(crate) context: Vec<Span>,
}

/// A source that is to be read.
pub(crate) struct Seen<'s> {
    /// The server whose log it is.
    pub(crate) server: &'s str,
    /// Where it is found.
    pub(crate) path: String,
    /// What it is recognised by now.
    pub(crate) identity: Identity,
    /// Its first bytes.
    pub(crate) head: &'s [u8],
}

impl Resume {
    /// Looks a source up by its first bytes. One that is not known begins at `begin_at`.
    pub(crate) fn find(known: &Known, seen: Seen<'_>, begin_at: u64) -> Resume {
        let Some(known) = known.find(seen.head) else {
            return Resume {
                unit: new_unit(&seen),
                prev: None,
                offset: begin_at,
                context: Vec::new(),
            };
        };
        let mut unit = known.unit.clone();
        if unit.identity.prefix_bytes < seen.identity.prefix_bytes {
            // What was short when it was first seen has more to be recognised by now.
            unit.identity = seen.identity;
        }
        Resume {
            unit,
            prev: Some(known.next),
            offset: u64::try_from(known.next).unwrap_or(0),
            context: known.context.clone(),
        }
    }
}

/// Reads a span of a source into a buffer, as far as there is something.
pub(crate) type ReadSpan<'r> = dyn FnMut(Span, &mut Vec<u8>) -> Result<(), IngestError> + 'r;

/// Has a decoder read again what later records need.
pub(crate) fn teach(
    context: &[Span],
    decoder: &mut Decoder,
    read_span: &mut ReadSpan<'_>,
) -> Result<(), IngestError> {
    let mut record = Vec::new();
    for span in context {
        record.clear();
        read_span(*span, &mut record)?;
        decoder.learn(&record, *span);
    }
    Ok(())
}

/// Where a file is, as its name in the lake says: without links, for those change.
pub(crate) fn lasting_path(path: &Path) -> String {
    let found = std::fs::canonicalize(path);
    found.as_deref().unwrap_or(path).to_string_lossy().into_owned()
}

fn new_unit(seen: &Seen<'_>) -> Unit {
    let text = seen.identity.to_string();
    let hash = text.rsplit(':').next().unwrap_or(&text);
    let (agent, path) = (agent(seen.server), &seen.path);
    Unit {
        app_id: format!(
            "{agent}{:016x}/{}-{hash}",
            fnv1a(path.as_bytes()),
            seen.identity.prefix_bytes
        ),
        source: format!("{}:{path}#{}", seen.server, &hash[..hash.len().min(12)]),
        identity: seen.identity,
    }
}

/// FNV-1a, 64 bits: a short name for a path, the same on every machine and for ever.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
