//! Results as plain values, for those who print or encode them and need not know Arrow. Never formats for a terminal.

use std::fmt;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
    DurationSecondType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::temporal_conversions::{date32_to_datetime, timestamp_us_to_datetime};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use slowlake_store::{LatencyHistogram, latency_at};

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name; for an expression without one, the expression without tables and types.
    pub name: String,
    /// Its type as SQL writes it, `BIGINT` or `LIST<TEXT>`.
    pub sql_type: String,
    /// Whether its values are numbers, which people align to the right.
    pub is_number: bool,
}

impl Column {
    pub(crate) fn of(name: String, data_type: &DataType) -> Column {
        let is_number = data_type.is_numeric()
            || matches!(data_type, DataType::Dictionary(_, value) if value.is_numeric());
        Column {
            name,
            sql_type: sql_type(data_type),
            is_number,
        }
    }
}

/// Some rows of a result.
#[derive(Debug, Clone)]
pub struct Rows(RecordBatch);

impl Rows {
    pub(crate) fn new(batch: RecordBatch) -> Rows {
        Rows(batch)
    }

    pub(crate) fn batch(&self) -> &RecordBatch {
        &self.0
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One value; both counted from 0 and below [`Rows::len`] and the number of columns.
    pub fn value(&self, row: usize, column: usize) -> Value<'_> {
        value_at(self.0.column(column).as_ref(), row)
    }

    /// A whole number; `None` for NULL, other types and numbers beyond 64 bits.
    pub fn integer(&self, row: usize, column: usize) -> Option<i64> {
        match self.value(row, column) {
            Value::Integer(value) => i64::try_from(value).ok(),
            _ => None,
        }
    }

    /// A text; `None` for NULL and other types.
    pub fn text(&self, row: usize, column: usize) -> Option<&str> {
        match self.value(row, column) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A latency histogram; `None` for NULL and other types.
    pub fn latency(&self, row: usize, column: usize) -> Option<LatencyHistogram> {
        latency_at(self.0.column(column).as_ref(), row)
    }
}

/// One value of a result.
///
/// `Display` gives its plain text: times in UTC as `2026-11-16 00:00:03.5Z`, lists as `[a, b]`, NULL as nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Unknown.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// A whole number of any width.
    Integer(i128),
    /// A binary fraction.
    Float(f64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A point in time, µs since 1970 UTC.
    Timestamp(i64),
    /// A day, counted from 1970-01-01.
    Date(i32),
    /// A list.
    List(Vec<Value<'a>>),
    /// Named fields, in their order.
    Struct(Vec<(&'a str, Value<'a>)>),
    /// Keys and values, in their order.
    Map(Vec<(Value<'a>, Value<'a>)>),
    /// A decimal number as text.
    Decimal(String),
    /// Any other type, as text.
    Other(String),
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => Ok(()),
            Value::Boolean(value) => write!(f, "{value}"),
            Value::Integer(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value}"),
            Value::Text(text) => f.write_str(text),
            Value::Bytes(bytes) => write_bytes(f, bytes),
            // Out of the calendar's range only for values that no clock has shown.
            Value::Timestamp(us) => match timestamp_us_to_datetime(*us) {
                Some(time) => write!(f, "{}", time.format("%Y-%m-%d %H:%M:%S%.fZ")),
                None => write!(f, "{us} µs"),
            },
            Value::Date(days) => match date32_to_datetime(*days) {
                Some(time) => write!(f, "{}", time.format("%Y-%m-%d")),
                None => write!(f, "day {days}"),
            },
            Value::List(items) => write_joined(f, ('[', ']'), items.iter(), |f, item| write_nested(f, item)),
            Value::Struct(fields) => write_joined(f, ('{', '}'), fields.iter(), |f, (name, value)| {
                write!(f, "{name}: ")?;
                write_nested(f, value)
            }),
            Value::Map(pairs) => write_joined(f, ('{', '}'), pairs.iter(), |f, (key, value)| {
                write!(f, "{key}: ")?;
                write_nested(f, value)
            }),
            Value::Decimal(text) | Value::Other(text) => f.write_str(text),
        }
    }
}

fn write_joined<T>(
    f: &mut fmt::Formatter<'_>,
    brackets: (char, char),
    items: impl Iterator<Item = T>,
    write: impl Fn(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    write!(f, "{}", brackets.0)?;
    for (i, item) in items.enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    write!(f, "{}", brackets.1)
}

fn write_nested(f: &mut fmt::Formatter<'_>, value: &Value<'_>) -> fmt::Result {
    match value {
        Value::Null => f.write_str("null"),
        other => write!(f, "{other}"),
    }
}

/// Text as text, every byte that is none as `\xNN`.
fn write_bytes(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        f.write_str(chunk.valid())?;
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

fn value_at(array: &dyn Array, row: usize) -> Value<'_> {
    if array.is_null(row) {
        return Value::Null;
    }
    macro_rules! integer {
        ($type:ty) => {
            Value::Integer(array.as_primitive::<$type>().value(row).into())
        };
    }
    match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Boolean(array.as_boolean().value(row)),
        DataType::Int8 => integer!(Int8Type),
        DataType::Int16 => integer!(Int16Type),
        DataType::Int32 => integer!(Int32Type),
        DataType::Int64 => integer!(Int64Type),
        DataType::UInt8 => integer!(UInt8Type),
        DataType::UInt16 => integer!(UInt16Type),
        DataType::UInt32 => integer!(UInt32Type),
        DataType::UInt64 => integer!(UInt64Type),
        DataType::Float32 => Value::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Value::Text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Value::Text(array.as_string_view().value(row)),
        DataType::Binary => Value::Bytes(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => Value::Bytes(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => Value::Bytes(array.as_binary_view().value(row)),
        DataType::Date32 => Value::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(unit, _) => timestamp_at(array, *unit, row),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            // The row is valid, so its key is within the values.
            value_at(dictionary.values().as_ref(), dictionary.normalized_keys()[row])
        }
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            let offsets = lists.value_offsets();
            list_at(
                lists.values().as_ref(),
                offsets[row] as usize,
                offsets[row + 1] as usize,
            )
        }
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            let offsets = lists.value_offsets();
            list_at(
                lists.values().as_ref(),
                offsets[row] as usize,
                offsets[row + 1] as usize,
            )
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter();
            let named = fields.iter().zip(columns);
            Value::Struct(
                named
                    .map(|(field, column)| (field.name().as_str(), value_at(column.as_ref(), row)))
                    .collect(),
            )
        }
        DataType::Map(_, _) => {
            let maps = array.as_map();
            let range = maps.value_offsets()[row] as usize..maps.value_offsets()[row + 1] as usize;
            let pair = |i| {
                (
                    value_at(maps.keys().as_ref(), i),
                    value_at(maps.values().as_ref(), i),
                )
            };
            Value::Map(range.map(pair).collect())
        }
        DataType::Decimal32(_, _)
        | DataType::Decimal64(_, _)
        | DataType::Decimal128(_, _)
        | DataType::Decimal256(_, _) => Value::Decimal(formatted(array, row)),
        DataType::Duration(unit) => Value::Other(duration_at(array, *unit, row)),
        _ => Value::Other(formatted(array, row)),
    }
}

/// `09:00:00`, `-00:00:00.5`, as the difference of two times is written elsewhere.
fn duration_at(array: &dyn Array, unit: TimeUnit, row: usize) -> String {
    let us = match unit {
        TimeUnit::Second => array
            .as_primitive::<DurationSecondType>()
            .value(row)
            .saturating_mul(1_000_000),
        TimeUnit::Millisecond => array
            .as_primitive::<DurationMillisecondType>()
            .value(row)
            .saturating_mul(1_000),
        TimeUnit::Microsecond => array.as_primitive::<DurationMicrosecondType>().value(row),
        TimeUnit::Nanosecond => array.as_primitive::<DurationNanosecondType>().value(row) / 1_000,
    };
    let (sign, us) = (if us < 0 { "-" } else { "" }, us.unsigned_abs());
    let (seconds, fraction) = (us / 1_000_000, us % 1_000_000);
    let clock = format!(
        "{sign}{:02}:{:02}:{:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    );
    if fraction == 0 {
        clock
    } else {
        format!("{clock}.{fraction:06}")
    }
}

fn list_at(values: &dyn Array, start: usize, end: usize) -> Value<'_> {
    Value::List((start..end).map(|i| value_at(values, i)).collect())
}

fn timestamp_at(array: &dyn Array, unit: TimeUnit, row: usize) -> Value<'_> {
    Value::Timestamp(match unit {
        TimeUnit::Second => array
            .as_primitive::<TimestampSecondType>()
            .value(row)
            .saturating_mul(1_000_000),
        TimeUnit::Millisecond => array
            .as_primitive::<TimestampMillisecondType>()
            .value(row)
            .saturating_mul(1_000),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => array
            .as_primitive::<TimestampNanosecondType>()
            .value(row)
            .div_euclid(1_000),
    })
}

fn formatted(array: &dyn Array, row: usize) -> String {
    let options = FormatOptions::default();
    match ArrayFormatter::try_new(array, &options) {
        Ok(formatter) => formatter.value(row).try_to_string().unwrap_or_default(),
        Err(_) => String::new(),
    }
}

/// The SQL name of a type.
fn sql_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "NULL".to_owned(),
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => "SMALLINT".to_owned(),
        DataType::Int32 | DataType::UInt16 => "INT".to_owned(),
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => "BIGINT".to_owned(),
        DataType::Float16 | DataType::Float32 => "REAL".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "TEXT".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "BINARY".to_owned()
        }
        DataType::Date32 | DataType::Date64 => "DATE".to_owned(),
        DataType::Timestamp(_, _) => "TIMESTAMP".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "INTERVAL".to_owned(),
        DataType::Dictionary(_, value) => sql_type(value),
        DataType::List(item) | DataType::LargeList(item) => format!("LIST<{}>", sql_type(item.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| format!("{} {}", field.name(), sql_type(field.data_type())))
                .collect();
            format!("STRUCT<{}>", fields.join(", "))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) => {
                let types: Vec<String> = pair.iter().map(|field| sql_type(field.data_type())).collect();
                format!("MAP<{}>", types.join(", "))
            }
            other => format!("MAP<{}>", sql_type(other)),
        },
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => {
            format!("DECIMAL({p}, {s})")
        }
        other => other.to_string().to_uppercase(),
    }
}

#[cfg(test)]
mod tests;
