//! Queries that are not new and not gone but written differently: one stops where another begins, on the same server and tables, doing
//! the same, as often as before. Pairs what `populations` found; reads nothing.

use std::collections::BTreeMap;

use super::populations::Appearance;

/// The one stops and the other begins this near (hours): a deploy may take a day to reach everybody.
const NEAR_HOURS: i64 = 24;
/// The calls an hour of the one over those of the other, at most.
const RATE_RATIO_MAX: f64 = 2.0;

/// What a query does: where one that is written differently must be the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deed {
    pub(super) verb: String,
    /// Sorted, without schemas.
    pub(super) tables: Vec<String>,
}

/// A query that is written differently from an hour on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rewritten {
    pub(super) old: Appearance,
    pub(super) new: Appearance,
}

/// Pairs vanished queries with new ones, and leaves those of neither. Who fits best is paired first, so that the order of the lists does
/// not matter.
pub(super) fn pair(
    new: &mut Vec<Appearance>,
    vanished: &mut Vec<Appearance>,
    deeds: &BTreeMap<i64, Deed>,
) -> Vec<Rewritten> {
    let mut fits = Vec::new();
    for old in vanished.iter() {
        for new in new.iter().filter(|new| new.server == old.server) {
            let same = deeds
                .get(&old.fingerprint)
                .filter(|deed| !deed.tables.is_empty() && deeds.get(&new.fingerprint) == Some(deed));
            let hours = (new.hour - old.hour).abs();
            let ratio = (new.calls_per_hour / old.calls_per_hour).ln().abs();
            if same.is_some() && hours <= NEAR_HOURS && ratio <= RATE_RATIO_MAX.ln() {
                fits.push((hours, ratio, Rewritten { old: *old, new: *new }));
            }
        }
    }
    let key = |one: &Rewritten| (one.old.server, one.old.fingerprint, one.new.fingerprint);
    fits.sort_by(|a, b| {
        a.0.cmp(&b.0)
            .then(a.1.total_cmp(&b.1))
            .then(key(&a.2).cmp(&key(&b.2)))
    });
    let mut pairs: Vec<Rewritten> = Vec::new();
    for (_, _, fit) in fits {
        let is_taken = |pair: &Rewritten| pair.old == fit.old || pair.new == fit.new;
        if !pairs.iter().any(is_taken) {
            pairs.push(fit);
        }
    }
    new.retain(|one| !pairs.iter().any(|pair| pair.new == *one));
    vanished.retain(|one| !pairs.iter().any(|pair| pair.old == *one));
    pairs.sort_by_key(key);
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(server: u32, fingerprint: i64, hour: i64, calls_per_hour: f64) -> Appearance {
        Appearance {
            server,
            fingerprint,
            hour,
            calls_per_hour,
            sessions: 0.01,
        }
    }

    fn check(new: &[Appearance], vanished: &[Appearance], expect: &[(i64, i64)]) {
        let deed = |table: &str| Deed {
            verb: "SELECT".to_owned(),
            tables: vec![table.to_owned()],
        };
        let deeds = BTreeMap::from([(1, deed("t")), (2, deed("t")), (3, deed("u")), (4, deed("t"))]);
        let (mut left_new, mut left_vanished) = (new.to_vec(), vanished.to_vec());
        let pairs = pair(&mut left_new, &mut left_vanished, &deeds);
        let found: Vec<(i64, i64)> = pairs
            .iter()
            .map(|pair| (pair.old.fingerprint, pair.new.fingerprint))
            .collect();
        assert_eq!(found, expect);
        assert_eq!(left_new.len() + pairs.len(), new.len());
        assert_eq!(left_vanished.len() + pairs.len(), vanished.len());
    }

    #[test]
    fn one_that_stops_where_another_begins_is_the_same() {
        check(&[query(0, 2, 100, 50.0)], &[query(0, 1, 103, 60.0)], &[(1, 2)]);
    }

    #[test]
    fn another_time_table_rate_or_server_is_another_query() {
        check(&[query(0, 2, 100, 50.0)], &[query(0, 1, 130, 60.0)], &[]);
        check(&[query(0, 3, 100, 50.0)], &[query(0, 1, 100, 60.0)], &[]);
        check(&[query(0, 2, 100, 50.0)], &[query(0, 1, 100, 160.0)], &[]);
        check(&[query(0, 2, 100, 50.0)], &[query(1, 1, 100, 60.0)], &[]);
        // Of which nobody knows what it does.
        check(&[query(0, 9, 100, 50.0)], &[query(0, 8, 100, 50.0)], &[]);
    }

    #[test]
    fn each_is_paired_once_with_who_fits_best() {
        check(
            &[query(0, 2, 100, 50.0), query(0, 4, 101, 50.0)],
            &[query(0, 1, 101, 50.0)],
            &[(1, 4)],
        );
    }
}
