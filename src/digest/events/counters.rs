//! Numbers that a server prints about itself, and commands that it only counts.

use std::cmp::Reverse;

use slowlake_parse::LogKind;

use super::{Seen, text};
use crate::digest::bounded::{Merge, Place, Sums};
use crate::summary::sections::{NameCount, Statistic};

#[derive(Default)]
pub(super) struct Counters {
    statistics: Sums<String, Samples>,
    commands: Sums<String, i64>,
}

#[derive(Default)]
struct Samples {
    samples: i64,
    total: i64,
    /// The largest value and, of equals, the first; and when.
    max: Option<(i64, Reverse<Place>, Option<i64>)>,
}

impl Counters {
    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        let entry = seen.entry;
        if entry.kind == LogKind::Command {
            self.commands.of(text(entry.object)).merge(1);
            return;
        }
        for (name, _) in entry.attributes {
            let name = text(name);
            if let Some(value) = seen.number(&name) {
                self.statistics.of(name).merge(Samples {
                    samples: 1,
                    total: value,
                    max: Some((value, Reverse(seen.place), entry.time_us)),
                });
            }
        }
    }

    pub(super) fn finish(self) -> (Vec<Statistic>, Vec<NameCount>) {
        let (mut statistics, _) = self.statistics.finish();
        statistics.sort_by(|(a, _), (b, _)| a.cmp(b));
        let (mut commands, _) = self.commands.finish();
        commands.sort_by(|(a, one), (b, other)| other.cmp(one).then_with(|| a.cmp(b)));
        let statistics = statistics
            .into_iter()
            .map(|(name, samples)| Statistic {
                name,
                samples: samples.samples,
                total: samples.total,
                max: samples.max.map_or(0, |(value, ..)| value),
                max_at_us: samples.max.and_then(|(.., at_us)| at_us),
            })
            .collect();
        let commands = commands
            .into_iter()
            .map(|(name, count)| NameCount { name, count })
            .collect();
        (statistics, commands)
    }
}

impl Merge for Counters {
    fn merge(&mut self, other: Counters) {
        self.statistics.merge(other.statistics);
        self.commands.merge(other.commands);
    }
}

impl Merge for Samples {
    fn merge(&mut self, other: Samples) {
        self.samples += other.samples;
        self.total.merge(other.total);
        self.max = self.max.max(other.max);
    }
}
