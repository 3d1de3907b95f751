//! What the lake knows of the sources of one server: how far each of them is in it, found by how it begins. A picture of the lake's ledger
//! at one moment, kept up to date with what is committed since. Never reads entries, never commits.

use std::collections::{BTreeSet, HashMap};

use slowlake_ingest::{Identity, PREFIX_BYTES_MAX};
use slowlake_parse::Span;
use slowlake_store::{KnownSource, Lake, StoreError};
use tokio::runtime::Runtime;

/// A source as the lake names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Its unit of progress.
    pub(crate) app_id: String,
    /// Its name: the first part of the key of its rows.
    pub(crate) source: String,
    /// What it is recognised by.
    pub(crate) identity: Identity,
}

/// How far a source is in the lake.
#[derive(Debug, Clone)]
pub(crate) struct KnownUnit {
    pub(crate) unit: Unit,
    /// Everything before it is in the lake.
    pub(crate) next: i64,
    /// Earlier records that whoever goes on has to read again.
    pub(crate) context: Vec<Span>,
}

/// How a source begins: so many bytes with this hash.
type Beginning = (u32, [u8; 16]);

/// The sources of one server that the lake knows.
#[derive(Debug, Default)]
pub(crate) struct Known {
    units: HashMap<Beginning, KnownUnit>,
    /// How each unit begins, for its beginning gets longer while it is short.
    beginnings: HashMap<String, Beginning>,
    lengths: BTreeSet<u32>,
}

impl Known {
    /// What the lake knows of the sources of `server`, at the version that `lake` sees.
    pub(crate) fn load(runtime: &Runtime, lake: &Lake, server: &str) -> Result<Known, StoreError> {
        let agent = agent(server);
        let mut known = Known::default();
        for source in runtime.block_on(lake.known_sources())? {
            if let Some(unit) = unit_of(source, &agent) {
                known.insert(unit);
            }
        }
        Ok(known)
    }

    /// The source that begins like `head`; of several the one that is known by most of it. What all logs begin with (a banner) is never
    /// committed alone, so that even a short beginning tells.
    pub(crate) fn find(&self, head: &[u8]) -> Option<&KnownUnit> {
        self.lengths.iter().rev().find_map(|length| {
            let prefix = head.get(..*length as usize)?;
            self.units.get(&beginning(&Identity::of_stream(prefix)))
        })
    }

    /// How far the unit of this name is.
    pub(crate) fn next(&self, app_id: &str) -> Option<i64> {
        let known = self.units.get(self.beginnings.get(app_id)?)?;
        (known.unit.app_id == app_id).then_some(known.next)
    }

    /// Notes how far a source is now.
    pub(crate) fn insert(&mut self, known: KnownUnit) {
        let beginning = beginning(&known.unit.identity);
        let before = self.beginnings.insert(known.unit.app_id.clone(), beginning);
        if let Some(before) = before.filter(|before| *before != beginning)
            && self
                .units
                .get(&before)
                .is_some_and(|it| it.unit.app_id == known.unit.app_id)
        {
            self.units.remove(&before);
        }
        self.lengths.insert(beginning.0);
        self.units.insert(beginning, known);
    }
}

/// What the names of all units of a server begin with.
pub(crate) fn agent(server: &str) -> String {
    format!("f/{server}/")
}

fn beginning(identity: &Identity) -> Beginning {
    (identity.prefix_bytes.min(PREFIX_BYTES_MAX), identity.prefix_hash)
}

/// A source of the ledger, if it is one of this agent's.
fn unit_of(source: KnownSource, agent: &str) -> Option<KnownUnit> {
    let identity: Identity = source.source_identity.parse().ok()?;
    if identity.prefix_bytes == 0 || !source.app_id.starts_with(agent) {
        return None;
    }
    Some(KnownUnit {
        context: context(source.detail.as_deref()),
        next: source.next_offset,
        unit: Unit {
            app_id: source.app_id,
            source: source.source,
            identity,
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(app_id: &str, head: &[u8], next: i64) -> KnownUnit {
        KnownUnit {
            unit: Unit {
                app_id: app_id.to_owned(),
                source: String::new(),
                identity: Identity::of_stream(head),
            },
            next,
            context: Vec::new(),
        }
    }

    #[test]
    fn the_longest_beginning_wins_and_short_ones_grow() {
        let mut known = Known::default();
        let found = |known: &Known, head: &[u8]| known.find(head).map(|it| it.unit.app_id.clone());
        known.insert(unit("a", b"one", 3));
        known.insert(unit("b", b"one two", 7));
        assert_eq!(found(&known, b"on"), None);
        assert_eq!(found(&known, b"one three"), Some("a".to_owned()));
        assert_eq!(found(&known, b"one two three"), Some("b".to_owned()));
        known.insert(unit("a", b"one three", 9));
        assert_eq!(found(&known, b"one four"), None);
        assert_eq!(found(&known, b"one three four"), Some("a".to_owned()));
        assert_eq!((known.next("a"), known.next("c")), (Some(9), None));
    }

    #[test]
    fn context_of_a_ledger_row() {
        let span = |start, end| Span { start, end };
        assert_eq!(
            context(Some(r#"{"context":[[1,5],[7,9]]}"#)),
            [span(1, 5), span(7, 9)]
        );
        assert_eq!(context(Some("{")), []);
        assert_eq!(context(None), []);
    }
}
