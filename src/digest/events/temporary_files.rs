//! Sorts and hashes that did not fit into memory, by query.

use std::cmp::Reverse;

use slowlake_parse::statement::Fingerprint;

use super::{Normalized, Seen};
use crate::digest::bounded::{Merge, Place, Sums};
use crate::summary::sections::{self, TemporaryFileQuery};

#[derive(Default)]
pub(super) struct TemporaryFiles {
    all: Files,
    queries: Sums<Option<Fingerprint>, Files>,
}

#[derive(Default, Clone, Copy)]
struct Files {
    files: i64,
    bytes: i64,
    /// Size of the largest and, of equals, the first.
    largest: Option<(i64, Reverse<Place>)>,
    largest_at_us: Option<i64>,
}

impl TemporaryFiles {
    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        let bytes = seen.entry.size_bytes.unwrap_or(0);
        let file = Files {
            files: 1,
            bytes,
            largest: Some((bytes, Reverse(seen.place))),
            largest_at_us: seen.entry.time_us,
        };
        self.all.merge(file);
        self.queries.of(seen.fingerprint).merge(file);
    }

    pub(super) fn finish(self, texts: &Normalized<'_>) -> sections::TemporaryFiles {
        let (mut queries, others) = self.queries.finish();
        if others.files > 0 {
            match queries.iter_mut().find(|(fingerprint, _)| fingerprint.is_none()) {
                Some((_, files)) => files.merge(others),
                None => queries.push((None, others)),
            }
        }
        queries.sort_by_key(|(fingerprint, files)| (Reverse(files.bytes), *fingerprint));
        let query = |(fingerprint, files): (Option<Fingerprint>, Files)| {
            let (fingerprint, normalized) = texts.of(fingerprint);
            TemporaryFileQuery {
                fingerprint,
                normalized,
                files: files.files,
                bytes: files.bytes,
                largest_bytes: files.largest.map_or(0, |(bytes, _)| bytes),
            }
        };
        sections::TemporaryFiles {
            files: self.all.files,
            bytes: self.all.bytes,
            largest_bytes: self.all.largest.map_or(0, |(bytes, _)| bytes),
            largest_at_us: self.all.largest_at_us,
            queries: queries.into_iter().map(query).collect(),
        }
    }
}

impl Merge for Files {
    fn merge(&mut self, other: Files) {
        self.files += other.files;
        self.bytes = self.bytes.saturating_add(other.bytes);
        if other.largest > self.largest {
            (self.largest, self.largest_at_us) = (other.largest, other.largest_at_us);
        }
    }
}

impl Merge for TemporaryFiles {
    fn merge(&mut self, other: TemporaryFiles) {
        self.all.merge(other.all);
        self.queries.merge(other.queries);
    }
}
