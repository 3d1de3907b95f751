//! The books for a terminal: what became of every byte.

use std::fmt::Write;

use super::Page;
use crate::render::markdown::shorten;
use crate::render::quantity::{bytes, count, percent, plural};
use crate::summary::Coverage;

impl Page<'_> {
    pub(super) fn coverage(&mut self, coverage: &Coverage) -> std::fmt::Result {
        if coverage.bytes == 0 {
            return Ok(());
        }
        let share = |bytes: u64| percent(bytes as f64 / coverage.bytes as f64);
        let understood = coverage.bytes_parsed + coverage.bytes_skipped;
        let rejected = if coverage.rejects == 0 {
            "0 rejected".to_owned()
        } else {
            let text = format!(
                "{} rejected in {}",
                share(coverage.bytes_rejected),
                plural(coverage.rejects as i64, "piece")
            );
            self.warning(&text)
        };
        writeln!(
            self.out,
            "read {} bytes: {} understood ({}, {}), {rejected}",
            count(i64::try_from(coverage.bytes).unwrap_or(i64::MAX)),
            share(understood),
            plural(coverage.executions as i64, "execution"),
            plural(coverage.logs as i64, "event"),
        )?;
        if coverage.filtered != (0, 0) {
            let (executions, events) = coverage.filtered;
            writeln!(
                self.out,
                "the filters leave out {} and {}",
                plural(executions as i64, "execution"),
                plural(events as i64, "event")
            )?;
        }
        let all = self.style.coverage;
        if all || coverage.rejects > 0 {
            self.tallies("rejected", &coverage.rejected, coverage.bytes)?;
        }
        if all {
            self.tallies("parsed", &coverage.parsed, coverage.bytes)?;
            self.tallies("skipped", &coverage.skipped, coverage.bytes)?;
        }
        if all && !coverage.rejected_shapes.is_empty() {
            writeln!(
                self.out,
                "  shapes of what is rejected: a is letters, 9 is digits"
            )?;
            let room = self.style.columns.saturating_sub(37);
            for (shape, records, n) in &coverage.rejected_shapes {
                writeln!(
                    self.out,
                    "  {:>12} pieces  {:>10}   {}",
                    count(*records as i64),
                    bytes(*n),
                    shorten(shape, room)
                )?;
            }
        }
        Ok(())
    }

    /// Kinds with how many records and bytes each.
    fn tallies(&mut self, what: &str, list: &[(String, u64, u64)], total: u64) -> std::fmt::Result {
        for (name, records, n) in list {
            writeln!(
                self.out,
                "  {what:<8}  {name:<24} {:>14}  {:>10}  {:>8}",
                count(*records as i64),
                bytes(*n),
                percent(*n as f64 / total.max(1) as f64)
            )?;
        }
        Ok(())
    }
}
