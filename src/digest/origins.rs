//! Where executions come from, numbered as they are seen, and how much of them comes from there.

use hashbrown::HashMap;
use slowlake_parse::Execution;

use crate::summary::{Breakdown, Part};

/// Executions, and their time, µs.
pub(super) type CallsAndTime = (i64, i64);

/// Where executions come from: database, user and application, numbered as they are seen.
#[derive(Default)]
pub(super) struct Origins {
    numbers: HashMap<Box<[u8]>, u32>,
    pub(super) names: Vec<[String; 3]>,
    key: Vec<u8>,
}

const ORIGIN_NAMES: [&str; 3] = ["database", "user", "application"];
impl Origins {
    pub(super) fn number(&mut self, names: [&[u8]; 3]) -> u32 {
        self.key.clear();
        for name in names {
            self.key.extend_from_slice(name);
            self.key.push(0);
        }
        if let Some(number) = self.numbers.get(self.key.as_slice()) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names
            .push(names.map(|name| String::from_utf8_lossy(name).into_owned()));
        self.numbers.insert(self.key.as_slice().into(), number);
        number
    }

    /// One breakdown for each of database, user and application that is known at all.
    pub(super) fn breakdowns(&self, sums: &HashMap<u32, CallsAndTime>) -> Vec<Breakdown> {
        let breakdown = |which: usize| {
            let mut parts: HashMap<&str, CallsAndTime> = HashMap::new();
            for (origin, (calls, total_us)) in sums {
                let part = parts.entry(&self.names[*origin as usize][which]).or_default();
                *part = (part.0 + calls, part.1.saturating_add(*total_us));
            }
            let parts = parts.into_iter().map(|(name, (calls, total_us))| Part {
                name: name.to_owned(),
                calls,
                total_us,
            });
            Breakdown::sorted(ORIGIN_NAMES[which], parts.collect())
        };
        (0..3)
            .map(breakdown)
            .filter(|breakdown| breakdown.parts.iter().any(|part| !part.name.is_empty()))
            .collect()
    }
}

/// How many executions one in the log stands for, and their time, µs.
pub(super) fn estimate(execution: &Execution<'_>) -> CallsAndTime {
    let rate = execution.rate_limit.unwrap_or(1).max(1);
    (rate, execution.query_time_us.saturating_mul(rate))
}

/// Calls and time of both.
pub(super) fn plus(a: CallsAndTime, b: CallsAndTime) -> CallsAndTime {
    (a.0 + b.0, a.1.saturating_add(b.1))
}
