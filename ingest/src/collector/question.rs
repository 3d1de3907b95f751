//! What an answer says: turns rows of text into samples by what kind of question was asked. The same for every engine.
//!
//! Some columns have a place of their own in a [`Sample`]: `object`, `database`, `user`, `duration_us`, `size_bytes`; `epoch` changes
//! when counters begin anew. Every other column is an attribute of its name, absent where it is NULL.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::answer::Answer;
use super::growth::{Grown, Growth, Reading};
use super::sample::Sample;

/// The counter of µs by which statements are ranked; its growth is the sample's `duration_us`.
pub(super) const RANKED_BY: &str = "time_us";
/// How much of a statement's text is kept, in bytes.
pub(super) const STATEMENT_BYTES_MAX: usize = 16 * 1024;
/// How many statements' counters are read at most; where there are more, one that was not seen before is not told as new.
pub(super) const STATEMENTS_READ_MAX: usize = 20_000;
/// How many statements are remembered as told with their text; beyond that all are told anew.
const TEXTS_KNOWN_MAX: usize = 50_000;
/// What in `text_sql` stands for the list of statements.
pub(super) const STATEMENTS_PLACE: &str = "{statements}";

const NOT_ATTRIBUTES: [&str; 6] = ["object", "database", "user", "duration_us", "size_bytes", "epoch"];

/// One question to a server.
pub(super) struct Question {
    /// What is sampled.
    pub(super) metric: &'static str,
    /// The statement that asks.
    pub(super) sql: String,
    /// A second one, whose only row is added to every row of the first; nothing is asked twice for an empty answer.
    pub(super) also: Option<&'static str>,
    /// Brings a fixed answer of the server, such as that of SHOW, into the form above.
    pub(super) shape: fn(Answer) -> Answer,
    /// What its rows are.
    pub(super) tells: Tells,
}

/// What the rows of an answer are.
pub(super) enum Tells {
    /// How things stand.
    State,
    /// Where things stand, which is worth no more than the moment is known: the round trip is told too.
    Position,
    /// How things stand, told where it differs from the last time.
    Changes,
    /// Counters, told as their growth.
    Growth {
        /// The columns that count.
        counters: &'static [&'static str],
        /// Answers name everything that counts: what is new began at zero.
        is_complete: bool,
    },
    /// Counters of statements, told as the growth of those that took most, and the sum of the others.
    Statements {
        /// The columns that count, [`RANKED_BY`] and `calls` among them.
        counters: &'static [&'static str],
        /// How many are told one by one.
        told_max: u32,
        /// Asks for columns `object` and `statement` of those in the place of [`STATEMENTS_PLACE`].
        text_sql: String,
    },
}

/// What was heard before, by metric.
#[derive(Debug, Default)]
pub(super) struct Memory {
    growth: HashMap<&'static str, Growth>,
    told: HashMap<&'static str, HashMap<String, Sample>>,
    texts: HashSet<String>,
}

/// When an answer was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The middle of the round trip, in µs since 1970 UTC.
    pub(super) ts_us: i64,
    /// How long it took, in µs.
    pub(super) round_trip_us: i64,
}

impl Question {
    /// A question about how things stand.
    pub(super) fn state(metric: &'static str, sql: impl Into<String>) -> Question {
        Question {
            metric,
            sql: sql.into(),
            also: None,
            shape: std::convert::identity,
            tells: Tells::State,
        }
    }

    /// The samples in an answer to it.
    pub(super) fn samples(&self, answer: &Answer, at: Moment, memory: &mut Memory) -> Vec<Sample> {
        let states = (0..answer.rows.len()).map(|row| self.state_of(answer, row, at.ts_us));
        match &self.tells {
            Tells::State => states.filter(|sample| !sample.is_empty()).collect(),
            Tells::Position => states
                .map(|mut sample| {
                    sample.add("round_trip_us", at.round_trip_us.to_string());
                    sample
                })
                .collect(),
            Tells::Changes => {
                let told = memory.told.entry(self.metric).or_default();
                states.filter(|sample| is_news(told, sample)).collect()
            }
            Tells::Growth {
                counters,
                is_complete,
            } => {
                let grown = self.grown(answer, counters, *is_complete, at, memory);
                let mut samples: Vec<Sample> = states.collect();
                for (sample, (interval_us, grown)) in samples.iter_mut().zip(grown) {
                    if let Some(grown) = grown {
                        tell_growth(sample, counters, &grown, interval_us);
                    }
                }
                samples.retain(|sample| !sample.is_empty());
                samples
            }
            Tells::Statements {
                counters, told_max, ..
            } => {
                let is_complete = answer.rows.len() < STATEMENTS_READ_MAX;
                let grown = self.grown(answer, counters, is_complete, at, memory);
                ranked(states.zip(grown).collect(), counters, *told_max as usize)
            }
        }
    }

    /// The counters that are told as growth.
    fn counters(&self) -> &'static [&'static str] {
        match self.tells {
            Tells::Growth { counters, .. } | Tells::Statements { counters, .. } => counters,
            Tells::State | Tells::Position | Tells::Changes => &[],
        }
    }

    /// A row without its counters.
    fn state_of(&self, answer: &Answer, row: usize, ts_us: i64) -> Sample {
        let text = |column| answer.get(row, column).map(str::to_owned);
        let number = |column| answer.get(row, column).and_then(|text| text.parse().ok());
        let mut sample = Sample {
            ts_us,
            metric: self.metric,
            object: text("object"),
            database: text("database"),
            user: text("user"),
            duration_us: number("duration_us"),
            size_bytes: number("size_bytes"),
            ..Sample::default()
        };
        for (column, value) in answer.columns.iter().zip(&answer.rows[row]) {
            let is_attribute =
                !NOT_ATTRIBUTES.contains(&column.as_str()) && !self.counters().contains(&column.as_str());
            if let Some(value) = value.as_ref().filter(|_| is_attribute) {
                sample.add(column, value.clone());
            }
        }
        sample
    }

    fn grown(
        &self,
        answer: &Answer,
        counters: &[&str],
        is_complete: bool,
        at: Moment,
        memory: &mut Memory,
    ) -> Vec<(i64, Option<Grown>)> {
        let readings: Vec<_> = (0..answer.rows.len())
            .map(|row| {
                let key = ["object", "database", "user"].map(|column| answer.get(row, column).unwrap_or(""));
                let number = |&column: &&str| answer.get(row, column).and_then(|text| text.parse().ok());
                let reading = Reading {
                    epoch: answer.get(row, "epoch").map(str::to_owned),
                    values: counters.iter().map(number).collect(),
                };
                (key.join("\u{1f}"), reading)
            })
            .collect();
        let growth = memory.growth.entry(self.metric).or_default();
        let (interval_us, grown) = growth.advance(at.ts_us, is_complete, &readings);
        grown
            .into_iter()
            .map(|grown| (interval_us.unwrap_or_default(), grown))
            .collect()
    }
}

impl Memory {
    /// The server was started anew.
    pub(super) fn restart(&mut self) {
        self.growth.values_mut().for_each(Growth::restart);
    }

    /// The connection is a new one: what is told once per connection is told again.
    pub(super) fn reconnect(&mut self) {
        self.told.clear();
        self.texts.clear();
    }

    /// Which statements' texts were not told yet.
    pub(super) fn texts_missing(&self, samples: &[Sample]) -> Vec<String> {
        let mut missing: Vec<String> = samples
            .iter()
            .filter_map(|sample| sample.object.clone())
            .filter(|object| !self.texts.contains(object))
            .collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// Adds the texts of an answer to their samples.
    pub(super) fn add_texts(&mut self, samples: &mut [Sample], answer: &Answer) {
        if self.texts.len() >= TEXTS_KNOWN_MAX {
            self.texts.clear();
        }
        let texts: HashMap<&str, &str> = (0..answer.rows.len())
            .filter_map(|row| Some((answer.get(row, "object")?, answer.get(row, "statement")?)))
            .collect();
        for sample in samples {
            let Some(object) = &sample.object else { continue };
            if let Some(text) = texts.get(object.as_str()) {
                self.texts.insert(object.clone());
                sample.statement = Some(cut(text).to_owned());
            }
        }
    }
}

fn is_news(told: &mut HashMap<String, Sample>, sample: &Sample) -> bool {
    let key = sample.object.clone().unwrap_or_default();
    let known = told
        .get(&key)
        .is_some_and(|before| before.attributes == sample.attributes);
    if !known {
        told.insert(key, sample.clone());
    }
    !known
}

fn tell_growth(sample: &mut Sample, counters: &[&str], grown: &Grown, interval_us: i64) {
    for (counter, value) in counters.iter().zip(&grown.values) {
        if let Some(value) = value {
            sample.add(counter, value.to_string());
        }
    }
    sample.add("interval_us", interval_us.to_string());
    if grown.reset {
        sample.add("reset", "true".to_owned());
    }
}

/// The statements that took most, and one sample for all the others; those that were not called are left out.
fn ranked(
    statements: Vec<(Sample, (i64, Option<Grown>))>,
    counters: &[&str],
    told_max: usize,
) -> Vec<Sample> {
    let at = |name: &str| counters.iter().position(|counter| *counter == name);
    let value = |grown: &Grown, at: Option<usize>| at.and_then(|at| grown.values[at]).unwrap_or(0);
    let (time_at, calls_at) = (at(RANKED_BY), at("calls"));
    let mut called: Vec<(Sample, i64, Grown)> = statements
        .into_iter()
        .filter_map(|(sample, (interval_us, grown))| Some((sample, interval_us, grown?)))
        .filter(|(_, _, grown)| value(grown, calls_at) > 0)
        .collect();
    called.sort_by_cached_key(|(sample, _, grown)| (Reverse(value(grown, time_at)), sample.object.clone()));
    let others = called.split_off(told_max.min(called.len()));
    let mut samples: Vec<Sample> = called
        .into_iter()
        .map(|(mut sample, interval_us, grown)| {
            tell_growth(&mut sample, counters, &grown, interval_us);
            sample.duration_us = time_at.and_then(|at| grown.values[at]);
            sample
        })
        .collect();
    samples.extend(sum_of(others, counters));
    samples
}

fn sum_of(others: Vec<(Sample, i64, Grown)>, counters: &[&str]) -> Option<Sample> {
    let (first, interval_us, _) = others.first()?;
    let mut sum = Sample {
        ts_us: first.ts_us,
        metric: "statement_other",
        ..Sample::default()
    };
    let total = |at: usize| others.iter().filter_map(|(_, _, grown)| grown.values[at]).sum();
    let grown = Grown {
        values: (0..counters.len()).map(|at| Some(total(at))).collect(),
        reset: others.iter().any(|(_, _, grown)| grown.reset),
    };
    tell_growth(&mut sum, counters, &grown, *interval_us);
    sum.add("statements", others.len().to_string());
    sum.duration_us = counters
        .iter()
        .position(|counter| *counter == RANKED_BY)
        .and_then(|at| grown.values[at]);
    Some(sum)
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(STATEMENT_BYTES_MAX)]
}

#[cfg(test)]
mod tests;
