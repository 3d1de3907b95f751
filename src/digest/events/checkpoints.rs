//! Checkpoints and restartpoints: why, how much, how long.

use std::cmp::Reverse;

use slowlake_parse::LogKind;

use super::{Seen, text};
use crate::digest::bounded::{Merge, Period, Place, Sums};
use crate::summary::sections::{self, CheckpointSums, NameCount};

#[derive(Default)]
pub(super) struct Checkpoints {
    checkpoints: Points,
    restartpoints: Points,
    too_frequent: i64,
    shortest_interval_us: Option<i64>,
}

#[derive(Default)]
struct Points {
    sums: CheckpointSums,
    reasons: Sums<String, i64>,
    wal: Period,
    /// Duration of the longest and, of equals, the first; and when it ended.
    longest: Option<(i64, Reverse<Place>, Option<i64>)>,
}

impl Checkpoints {
    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        match seen.entry.kind {
            LogKind::CheckpointStart => self.checkpoints.start(seen),
            LogKind::Checkpoint => self.checkpoints.complete(seen),
            LogKind::RestartpointStart => self.restartpoints.start(seen),
            LogKind::Restartpoint => self.restartpoints.complete(seen),
            _ => {
                self.too_frequent += 1;
                self.add_interval(seen.number("interval_us"));
            }
        }
    }

    pub(super) fn finish(self) -> sections::Checkpoints {
        sections::Checkpoints {
            checkpoints: self.checkpoints.finish(),
            restartpoints: self.restartpoints.finish(),
            too_frequent: self.too_frequent,
            shortest_interval_us: self.shortest_interval_us,
        }
    }

    fn add_interval(&mut self, interval_us: Option<i64>) {
        let both = [self.shortest_interval_us, interval_us];
        self.shortest_interval_us = both.into_iter().flatten().min();
    }
}

impl Merge for Checkpoints {
    fn merge(&mut self, other: Checkpoints) {
        self.checkpoints.merge(other.checkpoints);
        self.restartpoints.merge(other.restartpoints);
        self.too_frequent += other.too_frequent;
        self.add_interval(other.shortest_interval_us);
    }
}

impl Points {
    fn start(&mut self, seen: &Seen<'_>) {
        let reasons = text(seen.attribute("reasons"));
        let has = |word: &str| reasons.split(',').any(|reason| reason == word);
        self.sums.started += 1;
        // Before PostgreSQL 10, WAL was xlog.
        if has("wal") || has("xlog") {
            self.sums.wal += 1;
            self.wal.add(seen.entry.time_us);
        }
        if has("time") {
            self.sums.timed += 1;
        } else {
            self.sums.requested += 1;
        }
        self.reasons.of(reasons).merge(1);
    }

    fn complete(&mut self, seen: &Seen<'_>) {
        let number = |name| seen.number(name).unwrap_or(0);
        let total_us = seen.entry.duration_us.unwrap_or(0);
        self.add(&CheckpointSums {
            completed: 1,
            buffers: number("buffers"),
            write_us: number("write_us"),
            sync_us: number("sync_us"),
            total_us,
            sync_longest_us: number("sync_longest_us"),
            wal_added: number("wal_added"),
            wal_removed: number("wal_removed"),
            wal_recycled: number("wal_recycled"),
            distance_bytes: number("distance_bytes"),
            distance_longest_bytes: number("distance_bytes"),
            ..CheckpointSums::default()
        });
        let this = Some((total_us, Reverse(seen.place), seen.entry.time_us));
        self.longest = self.longest.max(this);
    }

    fn add(&mut self, other: &CheckpointSums) {
        let sums = &mut self.sums;
        let pairs = [
            (&mut sums.started, other.started),
            (&mut sums.completed, other.completed),
            (&mut sums.timed, other.timed),
            (&mut sums.requested, other.requested),
            (&mut sums.wal, other.wal),
            (&mut sums.buffers, other.buffers),
            (&mut sums.write_us, other.write_us),
            (&mut sums.sync_us, other.sync_us),
            (&mut sums.total_us, other.total_us),
            (&mut sums.wal_added, other.wal_added),
            (&mut sums.wal_removed, other.wal_removed),
            (&mut sums.wal_recycled, other.wal_recycled),
            (&mut sums.distance_bytes, other.distance_bytes),
        ];
        for (sum, value) in pairs {
            *sum = sum.saturating_add(value);
        }
        sums.sync_longest_us = sums.sync_longest_us.max(other.sync_longest_us);
        sums.distance_longest_bytes = sums.distance_longest_bytes.max(other.distance_longest_bytes);
    }

    fn finish(self) -> CheckpointSums {
        let (mut reasons, _) = self.reasons.finish();
        reasons.sort_by(|(a, one), (b, other)| other.cmp(one).then_with(|| a.cmp(b)));
        CheckpointSums {
            wal_first_us: self.wal.first_us,
            wal_last_us: self.wal.last_us,
            reasons: reasons
                .into_iter()
                .map(|(name, count)| NameCount { name, count })
                .collect(),
            longest_us: self.longest.map_or(0, |(us, ..)| us),
            longest_at_us: self.longest.and_then(|(.., at_us)| at_us),
            ..self.sums
        }
    }
}

impl Merge for Points {
    fn merge(&mut self, other: Points) {
        self.add(&other.sums);
        self.reasons.merge(other.reasons);
        self.wal.merge(other.wal);
        self.longest = self.longest.max(other.longest);
    }
}
