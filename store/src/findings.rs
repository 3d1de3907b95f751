//! The table `findings`: what jobs claim of a lake, and what people said of it. A table of its own beside `events`, of which no row is ever
//! changed: each state of a finding is a revision of it, whole, and the newest counts. Every commit is fenced by the one before, so that
//! who writes has seen what is there. Never decides what a finding says.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::parquet::arrow::ArrowWriter;
use deltalake::kernel::Add;
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, OutputMode};
use object_store::ObjectStoreExt;
use object_store::path::Path as StorePath;
use uuid::Uuid;

use crate::append::{Change, Outcome, Progress, Settled};
use crate::error::StoreError;
use crate::file_statistics::statistics_json;
use crate::lake_table::{LakeTable, plain_commit};
use crate::schema::ColumnType::{Integer, Text, Time};
use crate::schema::{
    Column, EVENT_DATE, SCHEMA_VERSION, SCHEMA_VERSION_PROPERTY, TableShape, arrow_type, column,
};
use crate::table::{Lake, load, table_at};
use crate::upload::{data_file, date_text, writer_options, writer_properties};

/// The name under which a session has the table.
pub const FINDINGS_TABLE: &str = "stored_findings";

/// The unit of progress: one more for each commit.
const APP_ID: &str = "findings";
const DIRECTORY: &str = "findings/";
const ZSTD_LEVEL: i32 = 3;
const DAY_US: i64 = 86_400_000_000;

/// One state of a finding. Unknown is `None`; see the column of the same name of the view `findings`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the column of its name")]
pub struct FindingRow {
    pub id: String,
    pub revision: i64,
    pub job: String,
    pub kind: String,
    pub server: Option<String>,
    pub fingerprint: Option<i64>,
    pub subject: String,
    pub from_us: Option<i64>,
    pub to_us: Option<i64>,
    pub as_of_us: i64,
    pub claim: String,
    pub effect_ppm: Option<i64>,
    pub confidence_ppm: Option<i64>,
    /// JSON.
    pub evidence: String,
    /// `open`, `acknowledged`, `muted` or `resolved`.
    pub state: String,
    pub changed_by: Option<String>,
    pub note: Option<String>,
    pub muted_until_us: Option<i64>,
}

static SHAPE: TableShape = TableShape {
    name: "findings",
    columns: &COLUMNS,
    partitions: &[EVENT_DATE],
    statistics: &["id"],
};

static COLUMNS: [Column; 18] = [
    column("id", Text, "what it is about, 16 hex digits"),
    column("revision", Integer, "which state of it this is, from 0"),
    column("job", Text, "the job that claims it"),
    column("kind", Text, "what is claimed, such as slower"),
    column("server", Text, "the server it is about"),
    column("fingerprint", Integer, "the query it is about"),
    column("subject", Text, "what it is about, in words"),
    column("from_ts", Time, "when what is claimed began"),
    column("to_ts", Time, "when it ended, if it did"),
    column("as_of", Time, "the hours before this were known to the job"),
    column("claim", Text, "the claim, in words"),
    column("effect_ppm", Integer, "how large it is, in millionths"),
    column("confidence_ppm", Integer, "how sure it is, in millionths"),
    column("evidence", Text, "what speaks for it, as JSON"),
    column("state", Text, "open, acknowledged, muted or resolved"),
    column("changed_by", Text, "who said so, where a person did"),
    column("note", Text, "what they said"),
    column("muted_until", Time, "until when it is muted"),
];

/// The findings of a lake at one version of them.
#[derive(Debug)]
pub struct FindingsTable {
    delta: Option<LakeTable>,
    /// The last commit.
    commit: Option<i64>,
}

impl FindingsTable {
    /// All revisions as a table for [`FINDINGS_TABLE`]; none where nothing was ever recorded.
    ///
    /// # Errors
    /// Those of [`Lake::provider`].
    pub fn provider(&self) -> Result<Option<Arc<dyn TableProvider>>, StoreError> {
        self.delta
            .as_ref()
            .map(|delta| delta.provider(&SHAPE))
            .transpose()
    }

    /// The columns of the table.
    pub fn schema() -> SchemaRef {
        SHAPE.query_schema()
    }
}

impl Lake {
    /// The findings as they are now.
    ///
    /// # Errors
    /// Those of [`open`](Lake::open) for a table of its own.
    pub async fn findings(&self) -> Result<FindingsTable, StoreError> {
        let delta = self.load_findings().await?;
        let commit = match &delta {
            Some(delta) => delta.watermark(APP_ID).await?,
            None => None,
        };
        Ok(FindingsTable { delta, commit })
    }

    pub(crate) async fn load_findings(&self) -> Result<Option<LakeTable>, StoreError> {
        load(&self.location, DIRECTORY, self.store.clone()).await
    }

    /// Adds revisions to the findings that `seen` has. [`Outcome::Fenced`] if somebody else added some since.
    ///
    /// # Errors
    /// Those of [`commit`](Lake::commit).
    pub async fn add_findings(
        &self,
        seen: &FindingsTable,
        rows: &[FindingRow],
    ) -> Result<Outcome, StoreError> {
        let mut delta = self.open_or_create_findings().await?;
        let next = seen.commit.unwrap_or(0) + 1;
        let change = Change {
            operation: DeltaOperation::StreamingUpdate {
                output_mode: OutputMode::Append,
                query_id: APP_ID.to_owned(),
                epoch_id: next,
            },
            adds: upload(&delta, rows).await?,
            removes: Vec::new(),
            progress: vec![Progress {
                app_id: APP_ID.to_owned(),
                prev: seen.commit,
                next,
            }],
        };
        match delta.commit(change).await? {
            Settled::Outcome(outcome) => Ok(outcome),
            // Only a change that removes files can miss one.
            Settled::Gone { .. } => Ok(Outcome::Fenced { app_ids: Vec::new() }),
        }
    }

    async fn open_or_create_findings(&self) -> Result<LakeTable, StoreError> {
        if let Some(found) = self.load_findings().await? {
            return Ok(found);
        }
        let table = table_at(&self.location, DIRECTORY, self.store.clone())?;
        let properties = [
            (SCHEMA_VERSION_PROPERTY, Some(SCHEMA_VERSION.to_string())),
            ("delta.dataSkippingStatsColumns", Some(SHAPE.statistics.join(","))),
        ];
        let created = CreateBuilder::new()
            .with_log_store(table.log_store())
            .with_table_name(SHAPE.name)
            .with_columns(SHAPE.delta_fields())
            .with_partition_columns(SHAPE.partitions.iter().map(|column| column.name))
            .with_configuration(properties)
            .with_raise_if_key_not_exists(false)
            // With a retry it would replace the table that a faster process just made.
            .with_commit_properties(plain_commit())
            .await
            .map_err(|error| StoreError::storage("create", &self.location, error));
        // Another process may have been faster, or it be there despite the error: what can be opened decides.
        match (self.load_findings().await?, created) {
            (Some(found), _) => Ok(found),
            (None, Err(error)) => Err(error),
            (None, Ok(_)) => Err(StoreError::NotFound {
                location: self.location.clone(),
            }),
        }
    }
}

/// One file a day.
async fn upload(delta: &LakeTable, rows: &[FindingRow]) -> Result<Vec<Add>, StoreError> {
    let day = |row: &FindingRow| row.from_us.unwrap_or(row.as_of_us).div_euclid(DAY_US) as i32;
    let mut sorted: Vec<&FindingRow> = rows.iter().collect();
    sorted.sort_by(|a, b| (day(a), &a.id, a.revision).cmp(&(day(b), &b.id, b.revision)));
    let store = delta.log_store().object_store(None);
    let mut adds = Vec::new();
    for rows in sorted.chunk_by(|a, b| day(a) == day(b)) {
        let (bytes, statistics) = encode(rows)?;
        let date = date_text(day(rows[0]));
        let path = format!("{}={date}/{}.parquet", EVENT_DATE.name, Uuid::new_v4());
        let partition = [(EVENT_DATE.name.to_owned(), Some(date))].into();
        let add = data_file(path, partition, bytes.len() as u64, statistics);
        store
            .put(&StorePath::from(add.path.as_str()), bytes.into())
            .await
            .map_err(|error| StoreError::storage("write to", &delta.location, error))?;
        adds.push(add);
    }
    Ok(adds)
}

fn encode(rows: &[&FindingRow]) -> Result<(Vec<u8>, String), StoreError> {
    let failed = |error: datafusion::parquet::errors::ParquetError| StoreError::Encode(error.into());
    let batch = batch(rows).map_err(|error| StoreError::Encode(error.into()))?;
    let options = writer_options(writer_properties(ZSTD_LEVEL));
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new_with_options(&mut bytes, batch.schema(), options).map_err(failed)?;
    writer.write(&batch).map_err(failed)?;
    let metadata = writer.finish().map_err(failed)?;
    drop(writer);
    let statistics = statistics_json(&SHAPE, &metadata, rows.len());
    Ok((bytes, statistics))
}

fn batch(rows: &[&FindingRow]) -> Result<RecordBatch, datafusion::arrow::error::ArrowError> {
    let text = |of: fn(&FindingRow) -> Option<&str>| -> ArrayRef {
        Arc::new(rows.iter().map(|row| of(row)).collect::<StringArray>())
    };
    let integer = |of: fn(&FindingRow) -> Option<i64>| -> ArrayRef {
        Arc::new(rows.iter().map(|row| of(row)).collect::<Int64Array>())
    };
    let time = |of: fn(&FindingRow) -> Option<i64>| -> ArrayRef {
        let times = rows.iter().map(|row| of(row));
        Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    let arrays = vec![
        text(|row| Some(&row.id)),
        integer(|row| Some(row.revision)),
        text(|row| Some(&row.job)),
        text(|row| Some(&row.kind)),
        text(|row| row.server.as_deref()),
        integer(|row| row.fingerprint),
        text(|row| Some(&row.subject)),
        time(|row| row.from_us),
        time(|row| row.to_us),
        time(|row| Some(row.as_of_us)),
        text(|row| Some(&row.claim)),
        integer(|row| row.effect_ppm),
        integer(|row| row.confidence_ppm),
        text(|row| Some(&row.evidence)),
        text(|row| Some(&row.state)),
        text(|row| row.changed_by.as_deref()),
        text(|row| row.note.as_deref()),
        time(|row| row.muted_until_us),
    ];
    let fields: Vec<Field> = COLUMNS
        .iter()
        .map(|column| Field::new(column.name, arrow_type(column.column_type), true))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::LakeLocation;

    fn row(id: &str, revision: i64, from_us: i64) -> FindingRow {
        FindingRow {
            id: id.to_owned(),
            revision,
            job: "regressions".to_owned(),
            kind: "slower".to_owned(),
            from_us: Some(from_us),
            state: "open".to_owned(),
            evidence: "{}".to_owned(),
            ..FindingRow::default()
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_writes_has_seen_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let location: LakeLocation = folder.path().join("lake").to_str().unwrap().parse().unwrap();
        let lake = Lake::open_or_create(&location).await.unwrap();
        let (ours, theirs) = (lake.findings().await.unwrap(), lake.findings().await.unwrap());
        assert!(ours.provider().unwrap().is_none());
        let rows = [row("a", 0, 5), row("b", 0, DAY_US + 5)];
        let first = lake.add_findings(&ours, &rows).await.unwrap();
        assert_eq!(first, Outcome::Committed { version: 1 });
        let late = lake.add_findings(&theirs, &[row("a", 0, 5)]).await.unwrap();
        assert!(matches!(late, Outcome::Fenced { .. }));
        let seen = lake.findings().await.unwrap();
        assert_eq!(seen.delta.as_ref().unwrap().files().unwrap().iter().count(), 2);
        let next = lake.add_findings(&seen, &[row("a", 1, 5)]).await.unwrap();
        assert_eq!(next, Outcome::Committed { version: 2 });
    }
}
