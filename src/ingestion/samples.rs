//! Samples of collectors to a lake: rounds of several servers, their books and their progress in one commit, each round once. Never asks a
//! server, never decides when to commit.
//!
//! A server is a source of its own, `collector/<server>`, with the unit of progress `c/<server>`. A round's offset is its moment in µs since
//! 1970 UTC, and a sample's number is its place in the round. Samples have no bytes: the books count them by metric.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde_json::json;
use slowlake_ingest::Sample;
use slowlake_parse::statement::{Analyzer, Dialect};
use slowlake_store::{Commit, Lake, LedgerRow, MetricRow, Outcome, Place, Progress, RowBuilder, StoreError};

use crate::pipeline::StatementOptions;
use crate::summary::dialect_name;

/// How often rounds are tried to be committed while other owners of some of the servers are met.
const FENCED_MAX: u32 = 20;
/// Statements whose fingerprints are remembered, of each server; collectors remember fewer, and tell a text anew that they forgot.
const FINGERPRINTS_MAX: usize = 100_000;
/// How a server ends the text of a statement that it cut.
const CUT: &str = "...";

/// A server that is sampled.
#[derive(Debug, Clone)]
pub(crate) struct SampledServer {
    pub(crate) name: String,
    pub(crate) cluster: Option<String>,
    pub(crate) dialect: Dialect,
    /// What it is recognised by, without anything secret.
    pub(crate) address: String,
}

/// What was told of one server at one moment.
#[derive(Debug, Clone)]
pub(crate) struct SampleRound {
    /// Its number among the servers.
    pub(crate) server: usize,
    /// The moment, µs since 1970 UTC.
    pub(crate) at_us: i64,
    pub(crate) samples: Vec<Sample>,
}

/// What became of some rounds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CommittedRounds {
    /// Samples that are in the lake.
    pub(crate) samples: u64,
    /// The servers that somebody else samples too: their rounds were dropped.
    pub(crate) fenced: Vec<usize>,
}

/// Commits rounds of some servers.
pub(crate) struct SampleCommits {
    lake: Lake,
    servers: Vec<Server>,
    builder: RowBuilder,
}

/// What is known of a server.
struct Server {
    sampled: SampledServer,
    app_id: String,
    source: String,
    analyzer: Analyzer,
    /// Fingerprints by the server's own name of the statement.
    fingerprints: HashMap<String, i64>,
}

/// Where a server is in the lake before a commit and after it.
struct Step {
    prev: Option<i64>,
    begin: i64,
    next: i64,
    samples: BTreeMap<&'static str, u64>,
}

impl SampleCommits {
    pub(crate) fn new(lake: Lake, servers: Vec<SampledServer>) -> SampleCommits {
        let servers = servers.into_iter().map(|sampled| Server {
            app_id: format!("c/{}", sampled.name),
            source: format!("collector/{}", sampled.name),
            analyzer: Analyzer::new(StatementOptions::default().of(sampled.dialect)),
            fingerprints: HashMap::new(),
            sampled,
        });
        SampleCommits {
            lake,
            servers: servers.collect(),
            builder: RowBuilder::new(),
        }
    }

    /// Commits rounds, those of a server in their order. Where another owner of a server is met, its rounds are dropped.
    ///
    /// # Errors
    /// Those of [`Lake::commit`] and of reading the lake; nothing of the rounds is in it.
    pub(crate) async fn commit(
        &mut self,
        mut rounds: Vec<SampleRound>,
    ) -> Result<CommittedRounds, StoreError> {
        let mut committed = CommittedRounds::default();
        for _ in 0..FENCED_MAX {
            if rounds.is_empty() {
                break;
            }
            let steps = self.make_rows(&rounds).await?;
            let files = vec![self.lake.upload(self.builder.finish()).await?];
            let progress = steps.iter().map(|(server, step)| Progress {
                app_id: self.servers[*server].app_id.clone(),
                prev: step.prev,
                next: step.next,
            });
            let progress = progress.collect();
            match self.lake.commit(Commit { files, progress }).await? {
                Outcome::Committed { .. } => {
                    committed.samples = steps.values().flat_map(|step| step.samples.values()).sum();
                    break;
                }
                Outcome::Fenced { app_ids } => {
                    self.lake.refresh().await?;
                    let is_fenced =
                        |round: &SampleRound| app_ids.contains(&self.servers[round.server].app_id);
                    let fenced = rounds.iter().filter(|round| is_fenced(round));
                    committed.fenced.extend(fenced.map(|round| round.server));
                    rounds.retain(|round| !is_fenced(round));
                }
            }
        }
        committed.fenced.sort_unstable();
        committed.fenced.dedup();
        Ok(committed)
    }

    /// Has the builder filled with rows and books, and tells where each server is then.
    async fn make_rows(&mut self, rounds: &[SampleRound]) -> Result<BTreeMap<usize, Step>, StoreError> {
        self.builder = RowBuilder::new();
        let mut steps: BTreeMap<usize, Step> = BTreeMap::new();
        for round in rounds {
            let server = &mut self.servers[round.server];
            let step = match steps.entry(round.server) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    let prev = self.lake.watermark(&server.app_id).await?;
                    let begin = prev.unwrap_or(round.at_us);
                    entry.insert(Step {
                        prev,
                        begin,
                        next: begin,
                        samples: BTreeMap::new(),
                    })
                }
            };
            // A clock that was put back does not take the offsets back.
            let offset = round.at_us.max(step.next);
            for (seq, sample) in (0..).zip(&round.samples) {
                server.push(sample, (offset, seq), &mut self.builder);
                *step.samples.entry(sample.metric).or_default() += 1;
            }
            step.next = offset + 1;
        }
        for (server, step) in &steps {
            self.servers[*server].push_ledger(step, &mut self.builder);
        }
        Ok(steps)
    }
}

impl Server {
    fn push(&mut self, sample: &Sample, (source_offset, source_seq): (i64, i32), builder: &mut RowBuilder) {
        let fingerprint = self.fingerprint(sample);
        let statement = sample.statement.as_ref();
        let statement = statement.map(|text| self.analyzer.analyze(text.as_bytes()).normalized);
        let attributes = sample.attributes.iter();
        let attributes: Vec<(&str, &str)> = attributes
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        builder.push_metric(&MetricRow {
            place: Place {
                source: &self.source,
                source_offset,
                source_seq,
                ts_us: Some(sample.ts_us),
                server: Some(&self.sampled.name),
                cluster: self.sampled.cluster.as_deref(),
                dialect: Some(dialect_name(self.sampled.dialect)),
            },
            event: sample.metric,
            object: sample.object.as_deref(),
            database: sample.database.as_deref(),
            user: sample.user.as_deref(),
            duration_us: sample.duration_us,
            size_bytes: sample.size_bytes,
            fingerprint,
            statement,
            attributes: &attributes,
        });
    }

    /// The fingerprint of a sample's statement, whose text is told once and whose name always.
    fn fingerprint(&mut self, sample: &Sample) -> Option<i64> {
        let name = sample.object.as_ref()?;
        match &sample.statement {
            None if sample.metric == "statement" => self.fingerprints.get(name).copied(),
            None => None,
            // What is missing of it would make it another.
            Some(text) if text.ends_with(CUT) => None,
            Some(text) => {
                let fingerprint = self.analyzer.fingerprint(text.as_bytes()).get();
                if self.fingerprints.len() >= FINGERPRINTS_MAX {
                    self.fingerprints.clear();
                }
                self.fingerprints.insert(name.clone(), fingerprint);
                Some(fingerprint)
            }
        }
    }

    fn push_ledger(&self, step: &Step, builder: &mut RowBuilder) {
        let detail = json!({ "format": "collector", "metrics": step.samples }).to_string();
        builder.push_ledger(&LedgerRow {
            place: Place {
                source: &self.source,
                source_offset: step.begin,
                ts_us: Some(jiff::Timestamp::now().as_microsecond()),
                server: Some(&self.sampled.name),
                cluster: self.sampled.cluster.as_deref(),
                dialect: Some(dialect_name(self.sampled.dialect)),
                ..Place::default()
            },
            app_id: &self.app_id,
            source_identity: &self.sampled.address,
            range_end: step.next,
            detail: Some(&detail),
            ..LedgerRow::default()
        });
    }
}

#[cfg(test)]
mod tests;
