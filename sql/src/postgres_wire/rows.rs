//! An answer's rows as PostgreSQL's clients read them: Arrow's types to PostgreSQL's, nested values as `jsonb`, and what neither side has a
//! common type for as text. Executes nothing and keeps one batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::{Array, ArrayRef, BinaryBuilder, RecordBatch, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::EncoderOptions;
use datafusion::arrow::json::writer::make_encoder;
use datafusion_postgres::arrow_pg::datatypes::field_into_pg_type;
use datafusion_postgres::arrow_pg::row_encoder::RowEncoder;
use futures::Stream;
use futures::stream::try_unfold;
use pgwire::api::Type;
use pgwire::api::portal::Format;
use pgwire::api::results::{FieldFormat, FieldInfo};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::data::DataRow;

use crate::execute::{QueryResult, column_names};
use crate::postgres_wire::failure::{error_with_hint, of_query, state};

/// The version byte in front of a binary `jsonb`.
const JSONB_VERSION: u8 = 1;

/// How a column goes over the wire.
enum Shape {
    /// As what it is.
    Native(Type),
    Json,
    Text,
}

impl Shape {
    fn of(field: &FieldRef) -> Shape {
        match field.data_type() {
            DataType::Struct(_) | DataType::Map(..) | DataType::Union(..) => Shape::Json,
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)
                if !matches!(Shape::of(item), Shape::Native(_)) || item.data_type().is_nested() =>
            {
                Shape::Json
            }
            _ => match field_into_pg_type(field) {
                Ok(native) => Shape::Native(native),
                Err(_) => Shape::Text,
            },
        }
    }
}

/// The columns of an answer.
pub(super) fn fields(schema: &Schema, format: &Format) -> Vec<FieldInfo> {
    let columns = column_names(schema).into_iter().zip(schema.fields());
    columns
        .enumerate()
        .map(|(i, (name, field))| {
            let kind = match Shape::of(field) {
                Shape::Native(native) => native,
                Shape::Json => Type::JSONB,
                Shape::Text => Type::TEXT,
            };
            FieldInfo::new(name, None, None, kind, format.format_for(i))
        })
        .collect()
}

/// What one answer may have, and what is known of it so far.
pub(super) struct Counted {
    /// As it came, for errors.
    pub(super) sql: Arc<str>,
    pub(super) rows_max: u64,
    pub(super) sent: Arc<AtomicU64>,
}

/// The rows of an answer, encoded as they are asked for.
pub(super) fn rows(
    result: QueryResult,
    fields: Arc<Vec<FieldInfo>>,
    counted: Counted,
) -> impl Stream<Item = PgWireResult<DataRow>> + Send + 'static {
    let state = Encoding {
        result,
        fields,
        counted,
        n_rows: 0,
        batch: None,
    };
    try_unfold(state, async |mut state| {
        let row = state.next().await?;
        Ok(row.map(|row| (row, state)))
    })
}

struct Encoding {
    result: QueryResult,
    fields: Arc<Vec<FieldInfo>>,
    counted: Counted,
    n_rows: u64,
    batch: Option<RowEncoder>,
}

impl Encoding {
    async fn next(&mut self) -> PgWireResult<Option<DataRow>> {
        loop {
            if let Some(row) = self.batch.as_mut().and_then(RowEncoder::next_row) {
                self.n_rows += 1;
                if self.n_rows > self.counted.rows_max {
                    let what = format!("the answer has more than {} rows", self.counted.rows_max);
                    return Err(error_with_hint(state::LIMIT, what, "add LIMIT, or a condition"));
                }
                self.counted.sent.fetch_add(1, Ordering::Relaxed);
                return row.map(Some);
            }
            let batch = self.result.next_batch().await;
            let Some(batch) = batch.map_err(|failure| of_query(&failure, &self.counted.sql))? else {
                return Ok(None);
            };
            let batch =
                shaped(&batch, &self.fields).map_err(|error| PgWireError::ApiError(Box::new(error)))?;
            self.batch = Some(RowEncoder::new(batch, self.fields.clone()));
        }
    }
}

/// A batch with nothing in it that the wire has no type for.
fn shaped(batch: &RecordBatch, infos: &[FieldInfo]) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema_ref();
    if schema
        .fields()
        .iter()
        .all(|field| matches!(Shape::of(field), Shape::Native(_)))
    {
        return Ok(batch.clone());
    }
    let columns = batch.columns().iter().zip(schema.fields()).zip(infos);
    let (fields, columns): (Vec<FieldRef>, Vec<ArrayRef>) = columns
        .map(|((column, field), info)| {
            let column = match Shape::of(field) {
                Shape::Native(_) => return Ok((field.clone(), column.clone())),
                Shape::Text => cast(column, &DataType::Utf8)?,
                Shape::Json => json(field, column, info.format() == FieldFormat::Binary)?,
            };
            let field = Field::new(field.name(), column.data_type().clone(), true);
            Ok((Arc::new(field) as FieldRef, column))
        })
        .collect::<Result<Vec<_>, ArrowError>>()?
        .into_iter()
        .unzip();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    RecordBatch::try_new(schema, columns)
}

/// The values of a column as JSON, as `jsonb` has it in binary or as text.
fn json(field: &FieldRef, column: &ArrayRef, is_binary: bool) -> Result<ArrayRef, ArrowError> {
    let options = EncoderOptions::default();
    let mut encoder = make_encoder(field, column.as_ref(), &options)?;
    let mut binary = BinaryBuilder::new();
    let mut text = StringBuilder::new();
    let mut value = Vec::new();
    for row in 0..column.len() {
        value.clear();
        let is_null = encoder.is_null(row);
        if !is_null && is_binary {
            value.push(JSONB_VERSION);
        }
        if !is_null {
            encoder.encode(row, &mut value);
        }
        match (is_binary, is_null) {
            (true, true) => binary.append_null(),
            (true, false) => binary.append_value(&value),
            (false, true) => text.append_null(),
            (false, false) => text.append_value(String::from_utf8_lossy(&value)),
        }
    }
    Ok(match is_binary {
        true => Arc::new(binary.finish()),
        false => Arc::new(text.finish()),
    })
}
