//! Collections with a limit whose answer depends on what was put in and on nothing else: not on the order, not on how it was split among
//! threads. What they leave out is counted.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Number of a source, and offset in it: the place of an entry, the tie-breaker of every choice.
pub(crate) type Place = (u32, u64);

/// Something that adds up, in any order.
pub(crate) trait Merge {
    /// Takes in what another one holds.
    fn merge(&mut self, other: Self);
}

impl Merge for i64 {
    fn merge(&mut self, other: i64) {
        *self = self.saturating_add(other);
    }
}

/// Sums by key, for at most [`KEYS_MAX`] keys: those with the smallest hashes. No thread can have thrown such a key away, so that the
/// sums of those that remain are complete. What belongs to other keys is summed as the others.
#[derive(Debug)]
pub(crate) struct Sums<K, V> {
    kept: HashMap<K, V>,
    /// Keys with greater hashes are among the others; set once there were too many keys.
    ceiling: Option<u64>,
    others: V,
}

/// Keys that are summed apart.
pub(crate) const KEYS_MAX: usize = 10_000;

impl<K, V: Default> Default for Sums<K, V> {
    fn default() -> Sums<K, V> {
        Sums {
            kept: HashMap::new(),
            ceiling: None,
            others: V::default(),
        }
    }
}

impl<K: Hash + Eq, V: Default + Merge> Sums<K, V> {
    /// The sum of a key.
    pub(crate) fn of(&mut self, key: K) -> &mut V {
        // Between two prunings there is room for as many keys again.
        if self.kept.len() >= 2 * KEYS_MAX {
            self.prune();
        }
        if self.ceiling.is_some_and(|ceiling| hash_of(&key) > ceiling) {
            return &mut self.others;
        }
        self.kept.entry(key).or_default()
    }

    /// Whether there is a sum of this key already.
    pub(crate) fn knows(&self, key: &K) -> bool {
        self.kept.contains_key(key)
    }

    /// The sums of all keys that are left, and of the others.
    pub(crate) fn finish(mut self) -> (Vec<(K, V)>, V) {
        self.prune();
        (self.kept.into_iter().collect(), self.others)
    }

    fn prune(&mut self) {
        if self.kept.len() <= KEYS_MAX {
            return;
        }
        let mut hashes: Vec<u64> = self.kept.keys().map(hash_of).collect();
        let (_, ceiling, _) = hashes.select_nth_unstable(KEYS_MAX - 1);
        let ceiling = *ceiling;
        for (_, value) in self.kept.extract_if(|key, _| hash_of(key) > ceiling) {
            self.others.merge(value);
        }
        self.ceiling = Some(ceiling);
    }
}

impl<K: Hash + Eq, V: Default + Merge> Merge for Sums<K, V> {
    fn merge(&mut self, other: Sums<K, V>) {
        self.others.merge(other.others);
        for (key, value) in other.kept {
            self.of(key).merge(value);
        }
    }
}

/// The same in every process: the default hasher has fixed keys.
pub(crate) fn hash_of(key: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// The `N` smallest of all values that were offered. Values must not be equal: let them end in their [`Place`].
#[derive(Debug)]
pub(crate) struct Smallest<T, const N: usize> {
    kept: BTreeSet<T>,
}

impl<T, const N: usize> Default for Smallest<T, N> {
    fn default() -> Smallest<T, N> {
        Smallest {
            kept: BTreeSet::new(),
        }
    }
}

impl<T: Ord, const N: usize> Smallest<T, N> {
    pub(crate) fn offer(&mut self, value: T) {
        self.kept.insert(value);
        if self.kept.len() > N {
            self.kept.pop_last();
        }
    }

    /// In ascending order.
    pub(crate) fn finish(self) -> impl ExactSizeIterator<Item = T> {
        self.kept.into_iter()
    }
}

impl<T: Ord, const N: usize> Merge for Smallest<T, N> {
    fn merge(&mut self, other: Smallest<T, N>) {
        for value in other.kept {
            self.offer(value);
        }
    }
}

/// The value with the first place.
#[derive(Debug)]
pub(crate) struct First<T> {
    value: Option<(Place, T)>,
}

impl<T> Default for First<T> {
    fn default() -> First<T> {
        First { value: None }
    }
}

impl<T: Default> First<T> {
    pub(crate) fn offer(&mut self, place: Place, value: impl FnOnce() -> T) {
        if self.value.as_ref().is_none_or(|(first, _)| place < *first) {
            self.value = Some((place, value()));
        }
    }

    pub(crate) fn finish(self) -> T {
        self.value.map(|(_, value)| value).unwrap_or_default()
    }
}

impl<T: Default> Merge for First<T> {
    fn merge(&mut self, other: First<T>) {
        if let Some((place, value)) = other.value {
            self.offer(place, || value);
        }
    }
}

/// First and last of the times that were seen, µs.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Period {
    pub(crate) first_us: Option<i64>,
    pub(crate) last_us: Option<i64>,
}

impl Period {
    pub(crate) fn add(&mut self, time_us: Option<i64>) {
        self.merge(Period {
            first_us: time_us,
            last_us: time_us,
        });
    }
}

impl Merge for Period {
    fn merge(&mut self, other: Period) {
        self.first_us = match (self.first_us, other.first_us) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.last_us = self.last_us.max(other.last_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_do_not_depend_on_how_the_input_was_split() {
        let inputs: Vec<(u64, i64)> = (0..5 * KEYS_MAX as u64)
            .flat_map(|at| [(at, 1), (at * 7 % (4 * KEYS_MAX as u64), 10)])
            .collect();
        let answer = |parts: usize, reversed: bool| {
            let mut sums: Vec<Sums<u64, i64>> = (0..parts).map(|_| Sums::default()).collect();
            for (at, (key, value)) in inputs.iter().enumerate() {
                sums[at % parts].of(*key).merge(*value);
            }
            if reversed {
                sums.reverse();
            }
            let mut all = Sums::default();
            sums.into_iter().for_each(|part| all.merge(part));
            let (mut list, others) = all.finish();
            list.sort();
            (list, others)
        };
        let one = answer(1, false);
        assert_eq!(one.0.len(), KEYS_MAX);
        let total: i64 = inputs.iter().map(|(_, value)| value).sum();
        assert_eq!(one.0.iter().map(|(_, value)| value).sum::<i64>() + one.1, total);
        assert!(answer(3, false) == one);
        assert!(answer(3, true) == one);
    }

    #[test]
    fn the_smallest_and_the_first_are_the_same_in_any_order() {
        let values = [5, 3, 9, 1, 7, 2];
        let smallest = |values: &mut dyn Iterator<Item = i32>| {
            let mut kept = Smallest::<i32, 3>::default();
            values.for_each(|value| kept.offer(value));
            kept.finish().collect::<Vec<_>>()
        };
        assert_eq!(smallest(&mut values.into_iter()), [1, 2, 3]);
        assert_eq!(smallest(&mut values.into_iter().rev()), [1, 2, 3]);
        let mut first = First::default();
        for value in [4, 2, 8] {
            first.offer((0, value), || value);
        }
        assert_eq!(first.finish(), 2);
    }
}
