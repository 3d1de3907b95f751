//! Where to go on with a partition, as the lake knows it. Asks the lake, never a broker.

use std::time::Duration;

use slowlake_store::{Lake, Progress, StoreError};
use tokio::runtime::Runtime;

use crate::ingestion::topics::memory::PartitionMemory;

/// How long ago the last commit of a partition was is not known: these are tried, for files that are older need not be opened.
const AGES: [Duration; 3] = [
    Duration::from_secs(120),
    Duration::from_secs(3_600),
    Duration::from_secs(2 * 86_400),
];

/// A partition of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct PartitionName {
    pub(super) cluster_id: String,
    pub(super) topic: String,
    pub(super) number: i32,
}

/// Where to go on with a partition.
#[derive(Debug, Clone)]
pub(super) struct Resumption {
    pub(super) name: PartitionName,
    /// A topic that was made anew counts its offsets from 0 again: it is another source, the second one of its name.
    pub(super) generation: u32,
    /// The lake's progress; `None` if it knows nothing.
    pub(super) prev: Option<i64>,
    /// What the lake remembers besides.
    pub(super) memory: Option<PartitionMemory>,
    /// The unit of progress of the generation before, and where it is.
    pub(super) supersedes: Option<(String, i64)>,
}

impl PartitionName {
    fn app_id(&self, generation: u32) -> String {
        format!("k/{}", self.with(generation))
    }

    fn with(&self, generation: u32) -> String {
        let PartitionName {
            cluster_id,
            topic,
            number,
        } = self;
        match generation {
            1 => format!("{cluster_id}/{topic}/{number}"),
            _ => format!("{cluster_id}/{topic}/{number}~{generation}"),
        }
    }
}

impl Resumption {
    /// Asks the lake, as it is now.
    pub(super) fn find(
        name: PartitionName,
        runtime: &Runtime,
        lake: &mut Lake,
    ) -> Result<Resumption, StoreError> {
        runtime.block_on(async {
            lake.refresh().await?;
            let mut generation = 1;
            let mut prev = lake.watermark(&name.app_id(generation)).await?;
            while prev == Some(Progress::SUPERSEDED) {
                generation += 1;
                prev = lake.watermark(&name.app_id(generation)).await?;
            }
            let mut resumption = Resumption {
                name,
                generation,
                prev,
                memory: None,
                supersedes: None,
            };
            if let Some(prev) = prev {
                resumption.memory = remembered(lake, &resumption.app_id(), prev).await?;
            }
            Ok(resumption)
        })
    }

    /// The same partition of a topic that was made anew. `known_to` is where the lake will be when all that is handed on is committed.
    pub(super) fn anew(&self, known_to: Option<i64>) -> Resumption {
        Resumption {
            name: self.name.clone(),
            // One of which the lake knows nothing needs no other name.
            generation: self.generation + u32::from(known_to.is_some()),
            prev: None,
            memory: None,
            supersedes: known_to.map(|next| (self.app_id(), next)),
        }
    }

    /// The unit of progress.
    pub(super) fn app_id(&self) -> String {
        self.name.app_id(self.generation)
    }

    /// The first part of the key of its rows.
    pub(super) fn source(&self) -> String {
        format!("kafka:{}", self.name.with(self.generation))
    }

    /// The first offset that the lake does not have.
    pub(super) fn next(&self) -> Option<u64> {
        self.prev.and_then(|prev| u64::try_from(prev).ok())
    }
}

async fn remembered(
    lake: &Lake,
    app_id: &str,
    range_end: i64,
) -> Result<Option<PartitionMemory>, StoreError> {
    let now_us = jiff::Timestamp::now().as_microsecond();
    let since = AGES.map(|age| now_us - i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
    for since_us in since.into_iter().chain([i64::MIN]) {
        if let Some(detail) = lake.ledger_detail(app_id, range_end, since_us).await? {
            return Ok(PartitionMemory::of_detail(&detail));
        }
    }
    Ok(None)
}
