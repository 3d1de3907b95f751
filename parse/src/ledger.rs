//! The books of a decoder: every byte is parsed, rejected or skipped, by reason and kind. Adds only; the sum of two ledgers is the
//! ledger of both inputs, in any order.

use crate::entry::{LogKind, RejectReason, SkipKind};

/// Number of records and the bytes they cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Records.
    pub records: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.records += other.records;
        self.bytes += other.bytes;
    }
}

/// What became of every byte of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    executions: Tally,
    steps: Tally,
    logs: [Tally; LogKind::ALL.len()],
    rejected: [Tally; RejectReason::ALL.len()],
    skipped: [Tally; SkipKind::ALL.len()],
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger {
            executions: Tally::default(),
            steps: Tally::default(),
            logs: [Tally::default(); LogKind::ALL.len()],
            rejected: [Tally::default(); RejectReason::ALL.len()],
            skipped: [Tally::default(); SkipKind::ALL.len()],
        }
    }
}

impl Ledger {
    /// All bytes accounted for.
    pub fn bytes(&self) -> u64 {
        self.bytes_parsed() + self.rejected_total().bytes + self.skipped_total().bytes
    }

    /// Executions, and the bytes of the records that they were read from.
    pub fn executions(&self) -> Tally {
        self.executions
    }

    /// Records that are parts of an execution whose entry is elsewhere: a statement whose duration comes later, a parse, a bind.
    pub fn steps(&self) -> Tally {
        self.steps
    }

    /// Events of every kind.
    pub fn logs_total(&self) -> Tally {
        total(&self.logs)
    }

    /// Events by kind, those that happened.
    pub fn logs(&self) -> impl Iterator<Item = (LogKind, Tally)> + '_ {
        LogKind::ALL
            .iter()
            .copied()
            .zip(self.logs)
            .filter(|(_, tally)| *tally != Tally::default())
    }

    /// Bytes that became entries or parts of them.
    pub fn bytes_parsed(&self) -> u64 {
        self.executions.bytes + self.steps.bytes + self.logs_total().bytes
    }

    /// Rejects of every reason.
    pub fn rejected_total(&self) -> Tally {
        total(&self.rejected)
    }

    /// Skipped records of every kind.
    pub fn skipped_total(&self) -> Tally {
        total(&self.skipped)
    }

    /// Rejects by reason, those that happened.
    pub fn rejected(&self) -> impl Iterator<Item = (RejectReason, Tally)> + '_ {
        RejectReason::ALL
            .iter()
            .copied()
            .zip(self.rejected)
            .filter(|(_, tally)| *tally != Tally::default())
    }

    /// Skipped records by kind, those that happened.
    pub fn skipped(&self) -> impl Iterator<Item = (SkipKind, Tally)> + '_ {
        SkipKind::ALL
            .iter()
            .copied()
            .zip(self.skipped)
            .filter(|(_, tally)| *tally != Tally::default())
    }

    /// Adds the books of another input (or of another part of this one).
    pub fn merge(&mut self, other: &Ledger) {
        self.executions.add(other.executions);
        self.steps.add(other.steps);
        for (mine, theirs) in self.logs.iter_mut().zip(other.logs) {
            mine.add(theirs);
        }
        for (mine, theirs) in self.rejected.iter_mut().zip(other.rejected) {
            mine.add(theirs);
        }
        for (mine, theirs) in self.skipped.iter_mut().zip(other.skipped) {
            mine.add(theirs);
        }
    }

    pub(crate) fn execution(&mut self, bytes: u64) {
        self.executions.add(Tally { records: 1, bytes });
    }

    pub(crate) fn step(&mut self, records: u64, bytes: u64) {
        self.steps.add(Tally { records, bytes });
    }

    pub(crate) fn log(&mut self, kind: LogKind, bytes: u64) {
        self.logs[kind as usize].add(Tally { records: 1, bytes });
    }

    pub(crate) fn reject(&mut self, reason: RejectReason, records: u64, bytes: u64) {
        self.rejected[reason as usize].add(Tally { records, bytes });
    }

    pub(crate) fn skip(&mut self, kind: SkipKind, records: u64, bytes: u64) {
        self.skipped[kind as usize].add(Tally { records, bytes });
    }
}

fn total(tallies: &[Tally]) -> Tally {
    tallies.iter().fold(Tally::default(), |mut sum, tally| {
        sum.add(*tally);
        sum
    })
}
