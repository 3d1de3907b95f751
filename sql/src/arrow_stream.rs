//! An answer as an Arrow IPC stream, some rows at a time. Types are the plain ones that every reader of Arrow has, and columns are named
//! as everywhere else. Writes to memory only.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::{can_cast_types, cast};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::StreamWriter;

use crate::error::SqlError;
use crate::execute::QueryResult;
use crate::value::Rows;

/// Encodes one answer.
pub struct ArrowEncoder {
    schema: SchemaRef,
    writer: StreamWriter<Vec<u8>>,
}

impl ArrowEncoder {
    /// Begins with the schema.
    ///
    /// # Errors
    /// [`SqlError::Value`] if a column has a type that the format does not know.
    pub fn new(result: &QueryResult) -> Result<ArrowEncoder, SqlError> {
        let types = result.schema();
        let fields = types.fields().iter().zip(result.columns());
        let fields: Vec<Field> = fields
            .map(|(field, column)| Field::new(&column.name, plain(field.data_type()), field.is_nullable()))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let writer = StreamWriter::try_new(Vec::new(), &schema).map_err(encoding)?;
        Ok(ArrowEncoder { schema, writer })
    }

    /// Adds some of these rows, counted from 0.
    ///
    /// # Errors
    /// [`SqlError::Value`] if a value cannot be said in its column's plain type.
    pub fn rows(&mut self, rows: &Rows, range: Range<usize>) -> Result<(), SqlError> {
        let batch = rows.batch().slice(range.start, range.len());
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns = columns
            .map(|(column, field)| cast(column, field.data_type()))
            .collect::<Result<Vec<ArrayRef>, ArrowError>>();
        let plain = columns.and_then(|columns| RecordBatch::try_new(self.schema.clone(), columns));
        let written = plain.and_then(|batch| self.writer.write(&batch));
        written.map_err(encoding)
    }

    /// Adds the end; nothing may come behind it.
    ///
    /// # Errors
    /// None in practice: memory takes it all.
    pub fn end(&mut self) -> Result<(), SqlError> {
        self.writer.finish().map_err(encoding)
    }

    /// The bytes since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.get_mut())
    }
}

fn encoding(error: ArrowError) -> SqlError {
    SqlError::Value(format!("cannot be written as Arrow: {error}"))
}

/// The type without what only saves memory here: views and dictionaries, which not every reader has.
fn plain(data_type: &DataType) -> DataType {
    let to = match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, value) => plain(value),
        DataType::List(item) => DataType::List(plain_field(item)),
        DataType::LargeList(item) => DataType::LargeList(plain_field(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        other => other.clone(),
    };
    match can_cast_types(data_type, &to) {
        true => to,
        false => data_type.clone(),
    }
}

fn plain_field(field: &FieldRef) -> FieldRef {
    Arc::new(Field::new(
        field.name(),
        plain(field.data_type()),
        field.is_nullable(),
    ))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::ipc::reader::StreamReader;

    use super::*;
    use crate::fixture::{MONDAY_US, Row, events};
    use crate::session::{Session, SessionSettings};
    use crate::views::VIEWS;

    async fn session() -> Session {
        let rows = [
            Row::execution(0, MONDAY_US, 7, 1_500).first_sight("select ?", "SELECT", &["t"]),
            Row::execution(1, MONDAY_US + 1, 8, 2_500),
        ];
        let settings = SessionSettings {
            memory_limit_bytes: 64 << 20,
            threads: 2,
        };
        let session = Session::from_provider(events(&rows, 2), settings).await;
        session.expect("a session")
    }

    /// What a reader gets: as text, beside the values that the session itself gave.
    async fn read_back(session: &Session, sql: &str) -> (Vec<String>, Vec<String>, SchemaRef) {
        let mut result = session.query(sql).await.expect("an answer");
        let mut encoder = ArrowEncoder::new(&result).expect("a schema");
        let columns = result.columns().len();
        let texts = |rows: &Rows| -> Vec<String> {
            let cells = |row| (0..columns).map(move |column| (row, column));
            (0..rows.len())
                .flat_map(cells)
                .map(|(row, column)| rows.value(row, column).to_string())
                .collect()
        };
        let (mut sent, mut bytes) = (Vec::new(), encoder.take());
        while let Some(rows) = result.next().await.expect("rows") {
            sent.extend(texts(&rows));
            for row in 0..rows.len() {
                encoder.rows(&rows, row..row + 1).expect("a row");
                bytes.extend(encoder.take());
            }
        }
        encoder.end().expect("an end");
        bytes.extend(encoder.take());
        let reader = StreamReader::try_new(bytes.as_slice(), None).expect("a stream");
        let schema = reader.schema();
        let got = reader.map(|batch| Rows::new(batch.expect("a batch")));
        (sent, got.flat_map(|rows| texts(&rows)).collect(), schema)
    }

    #[tokio::test]
    async fn what_is_read_back_is_what_was_sent() {
        let session = session().await;
        for view in VIEWS {
            let (sent, got, schema) = read_back(&session, &format!("SELECT * FROM {}", view.name)).await;
            assert_eq!(got, sent, "{}", view.name);
            for field in schema.fields() {
                let name = field.data_type().to_string();
                assert!(!name.contains("View") && !name.contains("Dictionary"), "{field}");
            }
        }
        let (sent, got, schema) = read_back(
            &session,
            "SELECT count(*), max(query_time_us) AS longest FROM executions",
        )
        .await;
        assert_eq!((got, sent.len()), (vec!["2".to_owned(), "2500".to_owned()], 2));
        assert_eq!(schema.field(0).name(), "count(*)");
    }

    #[tokio::test]
    async fn an_answer_without_rows_is_whole() {
        let (sent, got, schema) = read_back(&session().await, "SELECT server FROM executions LIMIT 0").await;
        assert_eq!((sent.len(), got.len(), schema.fields().len()), (0, 0, 1));
    }
}
