//! Every fault at every kind of operation, at moments that seeds decide. Whatever happens, the writer starts again from its watermark; at
//! no moment does the lake hold anything but the rows up to it, each once. Maintenance has faults of its own, beside a writer.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use deltalake::kernel::Action;
use deltalake::logstore::get_actions;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tempfile::TempDir;

use crate::maintain::{CheckpointOptions, CompactOptions, Resources, checkpoint, compact};
use crate::testing::{Chance, DAY_US, Fault, FaultyStore, Operation, commit, executions, new_location};
use crate::{
    Commit, Lake, LakeLocation, MAX_STATEMENT_BYTES, Outcome, Place, Progress, QueryRow, RowBuilder,
    StoreError,
};

/// How many seeds there are, unless the environment says so: `tests/crash/run` has many.
const SEEDS: u64 = 100;
const SEEDS_VARIABLE: &str = "SLOWLAKE_CRASH_SEEDS";

/// Each with the number of operations of its kind among which the one that fails is chosen: as many as a process makes, about.
const FAULTS: [(Operation, Fault, u64); 20] = [
    (Operation::PutData, Fault::Before, 2),
    (Operation::PutData, Fault::After, 2),
    (Operation::PutData, Fault::Late, 2),
    (Operation::PutData, Fault::DiskFull, 2),
    (Operation::PutData, Fault::DieBefore, 2),
    (Operation::PutData, Fault::DieAfter, 2),
    (Operation::PutLog, Fault::Before, 2),
    (Operation::PutLog, Fault::After, 2),
    (Operation::PutLog, Fault::Repeated, 2),
    (Operation::PutLog, Fault::Late, 2),
    (Operation::PutLog, Fault::DiskFull, 2),
    (Operation::PutLog, Fault::DieBefore, 2),
    (Operation::PutLog, Fault::DieAfter, 2),
    (Operation::Get, Fault::Before, 12),
    (Operation::Get, Fault::DieBefore, 12),
    (Operation::Head, Fault::Before, 3),
    (Operation::List, Fault::Before, 8),
    (Operation::List, Fault::Stale, 8),
    (Operation::List, Fault::Torn, 8),
    (Operation::List, Fault::DieBefore, 8),
];

/// The faults of maintenance, of which each seed has one: compaction uploads what may be in parts, and a checkpoint is a log file.
const FAULTS_OF_MAINTENANCE: [(Operation, Fault, u64); 14] = [
    (Operation::PutData, Fault::Before, 1),
    (Operation::PutData, Fault::After, 1),
    (Operation::PutData, Fault::DiskFull, 1),
    (Operation::PutData, Fault::DieAfter, 1),
    (Operation::PutLog, Fault::Before, 2),
    (Operation::PutLog, Fault::After, 2),
    (Operation::PutLog, Fault::Repeated, 2),
    (Operation::PutLog, Fault::Late, 2),
    (Operation::PutLog, Fault::DiskFull, 2),
    (Operation::PutLog, Fault::DieBefore, 2),
    (Operation::PutLog, Fault::DieAfter, 2),
    (Operation::Get, Fault::Before, 20),
    (Operation::List, Fault::Stale, 12),
    (Operation::List, Fault::Torn, 12),
];

/// Commits before maintenance begins: enough for a checkpoint.
const COMMITS_BEFORE: usize = 12;

/// Rows of a file that is larger than what is uploaded in one piece.
const LARGE_ROWS: i64 = 800;

/// The faults that one lake has. More would make its history long, and each start slow.
const FAULTS_OF_A_LAKE: usize = 5;

/// The most times in a row that a fault strikes: more often than a commit tries.
const BURST_MAX: u64 = 9;

/// One process in so many ends of its own accord after a step.
const ENDS_ONE_IN: u64 = 6;

/// The most rows of a step.
const ROWS_MAX: u64 = 8;

/// Processes within which a fault should have struck, or one should have come to its end.
const STARTS_MAX: u32 = 30;

/// Lakes that are written at the same time. Much of the time is waiting.
const LAKES_AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_every_row_is_there_once() {
    let seeds = std::env::var(SEEDS_VARIABLE).map_or(SEEDS, |seeds| seeds.parse().unwrap());
    let mut lakes = stream::iter(0..seeds)
        .map(|seed| async move {
            let lakes = tokio::spawn(lakes_of_all_faults(seed)).await;
            lakes.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        })
        .buffer_unordered(LAKES_AT_ONCE);
    while let Some(()) = lakes.next().await {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_in_maintenance_every_row_is_there_once() {
    let seeds = std::env::var(SEEDS_VARIABLE).map_or(SEEDS, |seeds| seeds.parse().unwrap());
    let mut lakes = stream::iter(0..seeds)
        .map(|seed| async move {
            let lake = tokio::spawn(maintained_lake(seed)).await;
            lake.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        })
        .buffer_unordered(LAKES_AT_ONCE);
    while let Some(()) = lakes.next().await {}
}

/// Compaction uploads it in parts, any of which may be the one that fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_that_does_not_arrive_changes_nothing() {
    let (_directory, disk) = Disk::new();
    let mut lake = Lake::open_or_create_on(&disk.location, disk.files.clone())
        .await
        .unwrap();
    let mut chance = Chance::new(1);
    for half in 0..2 {
        let (start, next) = (half * LARGE_ROWS, (half + 1) * LARGE_ROWS);
        let rows = large_executions(start..next, &mut chance);
        let prev = (half > 0).then_some(start);
        commit(&mut lake, rows, "f/a", prev, next).await.unwrap();
    }
    let mut writer = disk.writer("a", &mut chance);
    for (operation, fault) in [
        (Operation::PutPart, Fault::Before),
        (Operation::PutPart, Fault::After),
        (Operation::PutPart, Fault::DieBefore),
        (Operation::CompleteParts, Fault::Before),
        (Operation::CompleteParts, Fault::After),
        (Operation::CompleteParts, Fault::DieAfter),
    ] {
        let store = FaultyStore::over(disk.files.clone());
        store.plan(operation, [fault]);
        let is_done = tokio::select! {
            biased;
            () = store.died() => false,
            done = disk.maintain(store.clone()) => done.is_ok(),
        };
        assert_eq!((is_done, store.struck()), (false, vec![(operation, fault)]));
        writer.check().await;
        assert_eq!(disk.replay().await.0.len(), 2);
    }
    disk.maintain(FaultyStore::over(disk.files.clone()))
        .await
        .unwrap();
    writer.check().await;
    assert_eq!(disk.replay().await.0.len(), 1);
}

/// Executions with texts that no compression makes small: this many are larger than what is uploaded in one piece.
fn large_executions(offsets: Range<i64>, chance: &mut Chance) -> crate::Rows {
    const SYMBOLS: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_ ";
    let mut rows = RowBuilder::new();
    let mut statement = String::new();
    for source_offset in offsets {
        statement.clear();
        while statement.len() < MAX_STATEMENT_BYTES {
            let symbols = chance.below(u64::MAX);
            statement
                .extend((0..10).map(|index| char::from(SYMBOLS[(symbols >> (6 * index)) as usize % 64])));
        }
        rows.push_query(&QueryRow {
            place: Place {
                source: "a",
                source_offset,
                ts_us: Some(DAY_US + source_offset),
                ..Place::default()
            },
            query_time_us: Some(source_offset * 10),
            statement: Some(&statement),
            ..QueryRow::default()
        });
    }
    rows.finish()
}

/// Every fault, in lakes of a few each, in an order that the seed decides.
async fn lakes_of_all_faults(seed: u64) {
    let mut chance = Chance::new(seed);
    let mut faults = FAULTS;
    for left in (1..faults.len()).rev() {
        faults.swap(left, chance.below(left as u64 + 1) as usize);
    }
    for faults in faults.chunks(FAULTS_OF_A_LAKE) {
        lake_of_faults(faults, &mut chance).await;
    }
}

async fn lake_of_faults(faults: &[(Operation, Fault, u64)], chance: &mut Chance) {
    let (_directory, disk) = Disk::new();
    let (first, same, other) = (
        disk.writer("a", chance),
        disk.writer("a", chance),
        disk.writer("b", chance),
    );
    // In some lakes somebody else has the same faults, writing the same source or another.
    let rival = match chance.below(16) {
        0 => Some(same),
        1 => Some(other),
        _ => None,
    };
    tokio::join!(first.suffer(faults), async {
        if let Some(rival) = rival {
            rival.suffer(faults).await;
        }
    });
    disk.check_lake().await;
}

/// A lake whose maintenance has a fault, twice at the same time, while rows come.
async fn maintained_lake(seed: u64) {
    let (_directory, disk) = Disk::new();
    let mut chance = Chance::new(seed);
    let mut writer = disk.writer("a", &mut chance);
    let mut lake = Lake::open_or_create_on(&disk.location, disk.files.clone())
        .await
        .unwrap();
    for _ in 0..COMMITS_BEFORE {
        writer.step(&mut lake).await.unwrap();
    }
    let fault = FAULTS_OF_MAINTENANCE[seed as usize % FAULTS_OF_MAINTENANCE.len()];
    let maintainers = [0, 1].map(|_| {
        let (disk, store) = (disk.clone(), FaultyStore::over(disk.files.clone()));
        let (operation, fault, moments) = fault;
        let healthy = chance.below(moments) as usize;
        store.plan(
            operation,
            std::iter::repeat_n(Fault::None, healthy).chain([fault]),
        );
        async move {
            tokio::select! {
                biased;
                () = store.died() => {}
                // What it cannot do, another run does.
                _ = disk.maintain(store.clone()) => {}
            }
            store.settle().await;
        }
    });
    let [first, second] = maintainers;
    tokio::join!(first, second, async {
        for _ in 0..chance.below(4) {
            writer.step(&mut lake).await.unwrap();
        }
    });
    writer.check().await;
    disk.check_lake().await;
    disk.maintain(FaultyStore::over(disk.files.clone()))
        .await
        .unwrap();
    writer.check().await;
    disk.check_lake().await;
    assert_eq!(disk.replay().await.0.len(), 1, "all is compacted into one file");
}

/// Storage on which nothing fails.
#[derive(Clone)]
struct Disk {
    location: LakeLocation,
    files: Arc<dyn ObjectStore>,
}

/// What `ingest` is to a lake, in small.
struct Writer {
    disk: Disk,
    store: Arc<FaultyStore>,
    source: &'static str,
    chance: Chance,
    /// The rows of data files that were looked at before.
    decoded: HashMap<Path, Rows>,
}

/// Sources and offsets.
type Rows = Vec<(String, i64)>;

impl Writer {
    /// Has the faults, one after the other, and goes on after each.
    async fn suffer(mut self, faults: &[(Operation, Fault, u64)]) {
        for &(operation, fault, moments) in faults {
            let before = self.store.struck().len();
            let healthy = self.chance.below(moments) as usize;
            let is_burst = !matches!(fault, Fault::DieBefore | Fault::DieAfter) && self.chance.one_in(4);
            let burst = if is_burst {
                1 + self.chance.below(BURST_MAX) as usize
            } else {
                1
            };
            let plan = std::iter::repeat_n(Fault::None, healthy).chain(std::iter::repeat_n(fault, burst));
            self.store.plan(operation, plan);
            let mut starts = 0;
            while self.store.struck().len() < before + burst {
                self.process(before + burst).await;
                starts += 1;
                assert!(starts <= STARTS_MAX, "{fault:?} of {operation:?} does not happen");
            }
        }
        // What is left of the last fault is soon over.
        let mut starts = 0;
        while !self.process(0).await {
            starts += 1;
            assert!(starts <= STARTS_MAX, "no end");
        }
        self.store.settle().await;
        self.check().await;
    }

    /// One process, until there were so many strikes or one ended it; then the next one has the storage. `true` if it had no reason to
    /// complain.
    async fn process(&mut self, strikes: usize) -> bool {
        let store = self.store.clone();
        let ended = tokio::select! {
            biased;
            () = store.died() => None,
            ended = self.ingest(strikes) => Some(ended),
        };
        self.store = self.store.restarted();
        if self.chance.one_in(2) {
            self.store.settle().await;
        }
        self.check().await;
        match ended {
            None => false,
            Some(Ok(())) => true,
            // A listing without the only commit is one of an empty folder.
            Some(Err(
                StoreError::Storage { .. }
                | StoreError::DiskFull { .. }
                | StoreError::Unsettled { .. }
                | StoreError::NotFound { .. },
            )) => false,
            Some(Err(error)) => panic!("{error}: {error:?}"),
        }
    }

    /// Opens the lake and takes steps from where it has the source.
    async fn ingest(&mut self, strikes: usize) -> Result<(), StoreError> {
        let mut lake = Lake::open_or_create_on(&self.disk.location, self.store.clone()).await?;
        loop {
            match self.step(&mut lake).await {
                // Nothing of it is in the lake: it may go on.
                Err(StoreError::Storage { .. } | StoreError::DiskFull { .. }) if self.chance.one_in(2) => {}
                Err(error) => return Err(error),
                Ok(()) if self.chance.one_in(ENDS_ONE_IN) => return Ok(()),
                Ok(()) => {}
            }
            if self.store.struck().len() >= strikes {
                return Ok(());
            }
        }
    }

    async fn step(&mut self, lake: &mut Lake) -> Result<(), StoreError> {
        let app_id = format!("f/{}", self.source);
        let prev = lake.watermark(&app_id).await?;
        let start = prev.unwrap_or(0);
        let next = start + 1 + self.chance.below(ROWS_MAX) as i64;
        let rows = executions(self.source, start, next - start);
        let progress = vec![Progress { app_id, prev, next }];
        let files = vec![lake.upload(rows).await?];
        match lake.commit(Commit { files, progress }).await? {
            Outcome::Committed { .. } => Ok(()),
            Outcome::Fenced { .. } => lake.refresh().await,
        }
    }

    /// Of every source the rows up to its watermark are in the lake, each once, and nothing else is: by the log's own words.
    async fn check(&mut self) {
        let (paths, watermarks) = self.disk.replay().await;
        let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for path in paths {
            if !self.decoded.contains_key(&path) {
                let rows = self.disk.decode(&path).await;
                self.decoded.insert(path.clone(), rows);
            }
            for (source, offset) in &self.decoded[&path] {
                found.entry(source.clone()).or_default().push(*offset);
            }
        }
        for offsets in found.values_mut() {
            offsets.sort_unstable();
        }
        let expected = watermarks
            .into_iter()
            .map(|(source, end)| (source, (0..end).collect()))
            .collect();
        assert_eq!(found, expected);
    }
}

fn is_commit(path: &Path) -> bool {
    path.as_ref().contains("_delta_log/") && path.as_ref().ends_with(".json")
}

impl Disk {
    fn new() -> (TempDir, Disk) {
        // The folders stay empty; the table library only wants them to exist.
        let (directory, location) = new_location();
        std::fs::create_dir_all(location.directory().unwrap().join("events")).unwrap();
        let disk = Disk {
            location,
            files: Arc::new(InMemory::new()),
        };
        (directory, disk)
    }

    fn writer(&self, source: &'static str, chance: &mut Chance) -> Writer {
        Writer {
            disk: self.clone(),
            store: FaultyStore::over(self.files.clone()),
            source,
            chance: Chance::new(chance.below(u64::MAX)),
            decoded: HashMap::new(),
        }
    }

    /// What a run of maintenance does that changes the table or its log.
    async fn maintain(&self, store: Arc<FaultyStore>) -> Result<(), StoreError> {
        let mut lake = Lake::open_on(&self.location, store).await?;
        let options = CompactOptions {
            now_us: DAY_US * 2,
            resources: Resources::default(),
        };
        compact(&mut lake, &options, false).await?;
        checkpoint(&mut lake, &CheckpointOptions::new(0), false).await?;
        Ok(())
    }

    /// The data files, and the progress of sources, that the log speaks of at its end. Knows nothing of Delta but its actions.
    async fn replay(&self) -> (Vec<Path>, BTreeMap<String, i64>) {
        let mut files: Vec<Path> = self
            .files
            .list(None)
            .map_ok(|file| file.location)
            .try_filter(|path| std::future::ready(is_commit(path)))
            .try_collect()
            .await
            .unwrap();
        files.sort();
        let (mut paths, mut watermarks) = (Vec::new(), BTreeMap::new());
        for (version, file) in files.iter().enumerate() {
            assert!(
                file.as_ref().ends_with(&format!("{version:020}.json")),
                "{files:?}"
            );
            let (table, _) = file.as_ref().split_once("_delta_log/").unwrap();
            for action in get_actions(version as u64, &self.read(file).await).unwrap() {
                match action {
                    Action::Add(add) => paths.push(Path::from(format!("{table}{}", add.path))),
                    Action::Remove(remove) => {
                        let removed = Path::from(format!("{table}{}", remove.path));
                        let at = paths.iter().position(|path| *path == removed);
                        paths.swap_remove(at.unwrap());
                    }
                    Action::Txn(txn) => {
                        let source = txn.app_id.strip_prefix("f/").map(str::to_owned);
                        watermarks.extend(source.map(|source| (source, txn.version)));
                    }
                    _ => {}
                }
            }
        }
        (paths, watermarks)
    }

    async fn read(&self, path: &Path) -> bytes::Bytes {
        self.files.get(path).await.unwrap().bytes().await.unwrap()
    }

    async fn decode(&self, path: &Path) -> Rows {
        let file = ParquetRecordBatchReaderBuilder::try_new(self.read(path).await).unwrap();
        let columns = ["source", "source_offset", "query_time_us"];
        let mask = ProjectionMask::columns(file.parquet_schema(), columns);
        let mut rows = Rows::new();
        for batch in file.with_projection(mask).build().unwrap() {
            let [sources, offsets, times] =
                columns.map(|name| batch.as_ref().unwrap().column_by_name(name).unwrap().clone());
            let sources = cast(&sources, &DataType::Utf8).unwrap();
            for row in 0..sources.len() {
                let offset = offsets.as_primitive::<Int64Type>().value(row);
                assert_eq!(times.as_primitive::<Int64Type>().value(row), offset * 10);
                rows.push((sources.as_string::<i32>().value(row).to_owned(), offset));
            }
        }
        rows
    }

    /// The lake says of itself what its log says.
    async fn check_lake(&self) {
        let mut lake = Lake::open_on(&self.location, self.files.clone()).await.unwrap();
        lake.events.check_newest_commit().await.unwrap();
        let mut rows = 0;
        for (source, end) in self.replay().await.1 {
            assert_eq!(lake.watermark(&format!("f/{source}")).await.unwrap(), Some(end));
            rows += end as u64;
        }
        assert_eq!(lake.statistics().unwrap().rows, rows);
    }
}
