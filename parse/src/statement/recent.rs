//! Texts seen lately and their fingerprints: a log repeats the texts of prepared statements, of `BEGIN` and `COMMIT`.
//!
//! Knows texts by a hash of 128 bits only, keeps a fixed number of them and forgets without being told.

use xxhash_rust::xxh3::xxh3_128;

use super::fingerprint::Fingerprint;

/// How many texts are remembered at most: a power of two. With 24 bytes each they fit a core's second cache.
const SLOTS: usize = 4096;

/// Longer texts are not remembered: most of them are lists of literals, and new each time.
const TEXT_BYTES_MAX: usize = 4096;

/// Fingerprints of texts, each in the one slot its hash tells.
#[derive(Default)]
pub(super) struct Recent {
    /// Both halves of a text's hash, then its fingerprint; zeros where there is none. Allocated at the first use, for most
    /// analyzers read few texts.
    slots: Vec<[u64; 3]>,
}

/// What a text is known by.
#[derive(Clone, Copy)]
pub(super) struct TextHash {
    low: u64,
    high: u64,
}

impl TextHash {
    /// The hash of a text that may be remembered.
    #[inline]
    pub(super) fn of(text: &[u8]) -> Option<TextHash> {
        let hash = (text.len() <= TEXT_BYTES_MAX).then(|| xxh3_128(text))?;
        Some(TextHash {
            low: hash as u64,
            high: (hash >> 64) as u64,
        })
    }
}

impl Recent {
    /// The fingerprint of a text if it was seen lately.
    #[inline]
    pub(super) fn find(&self, hash: TextHash) -> Option<Fingerprint> {
        let [low, high, fingerprint] = *self.slots.get(hash.low as usize % SLOTS)?;
        let found = low == hash.low && high == hash.high;
        found.then(|| Fingerprint::from(fingerprint as i64))
    }

    /// Remembers a text instead of another.
    pub(super) fn insert(&mut self, hash: TextHash, fingerprint: Fingerprint) {
        if self.slots.is_empty() {
            self.slots = vec![[0; 3]; SLOTS];
        }
        self.slots[hash.low as usize % SLOTS] = [hash.low, hash.high, fingerprint.get() as u64];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_until_another_takes_its_slot() {
        let mut recent = Recent::default();
        let hash = |low, high| TextHash { low, high };
        let slots = SLOTS as u64;
        assert_eq!(recent.find(hash(7, 1)), None);
        recent.insert(hash(7, 1), Fingerprint::from(-1));
        assert_eq!(recent.find(hash(7, 1)), Some(Fingerprint::from(-1)));
        assert_eq!(recent.find(hash(7, 2)), None);
        assert_eq!(recent.find(hash(7 + slots, 1)), None);
        recent.insert(hash(7 + slots, 1), Fingerprint::from(2));
        assert_eq!(recent.find(hash(7, 1)), None);
        assert_eq!(recent.find(hash(7 + slots, 1)), Some(Fingerprint::from(2)));
    }

    #[test]
    fn long_texts_have_no_hash() {
        assert!(TextHash::of(&[b'a'; TEXT_BYTES_MAX]).is_some());
        assert!(TextHash::of(&[b'a'; TEXT_BYTES_MAX + 1]).is_none());
    }
}
