//! How far a source is in the lake. A file is the same source as long as it begins with the same bytes, whatever it is called now, so that
//! rotated, compressed and copied logs are not read twice. Reads the lake's ledger, never its entries.

use slowlake_ingest::{Identity, Location, Source};
use slowlake_parse::{Decoder, Span};
use slowlake_store::KnownSource;

use crate::ingestion::{Bytes, Ingestion, IngestionError};

/// Where to go on with a source.
pub(crate) struct Resume {
    /// Its unit of progress.
    pub(crate) app_id: String,
    /// Its name in the lake: the first part of the key of its rows.
    pub(crate) source: String,
    /// What it is recognised by.
    pub(crate) identity: String,
    /// What the lake knows of its progress.
    pub(crate) prev: Option<i64>,
    /// Where to go on.
    pub(crate) offset: u64,
    /// Earlier records that the decoder has to read again.
    context: Vec<Span>,
    /// It can be read only once, from its beginning.
    pub(crate) is_stream: bool,
}

impl Resume {
    /// Has the decoder read again what later records need.
    pub(crate) fn teach(&self, decoder: &mut Decoder, bytes: &mut Bytes) -> Result<(), IngestionError> {
        for span in &self.context {
            bytes.skip_to(span.start)?;
            let (mut record, mut chunk) = (Vec::new(), Vec::new());
            while (record.len() as u64) < span.bytes() {
                let rest = usize::try_from(span.bytes()).unwrap_or(usize::MAX) - record.len();
                if bytes.read_chunk(&mut chunk, rest)? == 0 {
                    break;
                }
                record.extend_from_slice(&chunk);
            }
            decoder.learn(&record, *span);
        }
        Ok(())
    }
}

/// Looks a source up in the lake by its first bytes.
pub(crate) fn find(
    ingestion: &Ingestion<'_>,
    source: &Source,
    head: &[u8],
) -> Result<Resume, IngestionError> {
    let identity = Identity::of(source).ok();
    let is_stream = identity.is_none();
    let identity = identity.unwrap_or_else(|| Identity::of_stream(head));
    let agent = format!("f/{}/", ingestion.server);
    let known = ingestion.runtime.block_on(ingestion.lake.known_sources())?;
    let same = known
        .into_iter()
        .filter(|known| known.app_id.starts_with(&agent) && is_same(known, head))
        .max_by_key(|known| {
            known
                .source_identity
                .parse::<Identity>()
                .map_or(0, |identity| identity.prefix_bytes)
        });
    let Some(known) = same else {
        return new(ingestion, source, &identity, is_stream);
    };
    let watermark = ingestion
        .runtime
        .block_on(ingestion.lake.watermark(&known.app_id))?;
    let offset = watermark.unwrap_or(0);
    let knows_less = known
        .source_identity
        .parse::<Identity>()
        .is_ok_and(|before| before.prefix_bytes < identity.prefix_bytes);
    Ok(Resume {
        context: if offset == known.next_offset {
            context(known.detail.as_deref())
        } else {
            Vec::new()
        },
        app_id: known.app_id,
        source: known.source,
        // What was short when it was first seen has more to be recognised by now.
        identity: if knows_less {
            identity.to_string()
        } else {
            known.source_identity
        },
        prev: watermark,
        offset: u64::try_from(offset).unwrap_or(0),
        is_stream,
    })
}

/// Whether a known source begins like this one. What all logs begin with (a banner) is never committed alone, so that even a short beginning
/// tells.
fn is_same(known: &KnownSource, head: &[u8]) -> bool {
    let before = known.source_identity.parse::<Identity>();
    before.is_ok_and(|before| before.prefix_bytes > 0 && before.begins(head))
}

fn new(
    ingestion: &Ingestion<'_>,
    source: &Source,
    identity: &Identity,
    is_stream: bool,
) -> Result<Resume, IngestionError> {
    let path = match &source.location {
        Location::Stdin => source.name.clone(),
        Location::File(path) => std::fs::canonicalize(path)
            .unwrap_or_else(|_| path.clone())
            .to_string_lossy()
            .into_owned(),
    };
    let text = identity.to_string();
    let hash = text.rsplit(':').next().unwrap_or(&text);
    let generation = format!("{}-{hash}", identity.prefix_bytes);
    let app_id = format!(
        "f/{}/{:016x}/{generation}",
        ingestion.server,
        fnv1a(path.as_bytes())
    );
    // Nothing, unless somebody else begins with the same source right now.
    let prev = ingestion.runtime.block_on(ingestion.lake.watermark(&app_id))?;
    Ok(Resume {
        app_id,
        source: format!("{}:{path}#{}", ingestion.server, &hash[..hash.len().min(12)]),
        identity: text,
        prev,
        offset: u64::try_from(prev.unwrap_or(0)).unwrap_or(0),
        context: Vec::new(),
        is_stream,
    })
}

/// The context in the detail of a ledger row: pairs of offsets.
fn context(detail: Option<&str>) -> Vec<Span> {
    let detail: serde_json::Value = detail
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let pair = |pair: &serde_json::Value| {
        Some(Span {
            start: pair.get(0)?.as_u64()?,
            end: pair.get(1)?.as_u64()?,
        })
    };
    detail["context"]
        .as_array()
        .map(|pairs| pairs.iter().filter_map(pair).collect())
        .unwrap_or_default()
}

/// FNV-1a, 64 bits: a short name for a path, the same on every machine and for ever.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
