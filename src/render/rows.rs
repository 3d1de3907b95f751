//! The rows of an answer to SQL as JSON or CSV, some at a time, the same bytes wherever they are asked for. Waits for nobody and writes
//! nowhere.

use std::fmt::Write;
use std::ops::Range;

use serde_json::{Map, Number};
use slowlake_sql::{Column, Rows, Value};

/// Forms for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowsForm {
    /// One array of objects, each on a line of its own.
    Json,
    /// With a header.
    Csv,
}

/// Encodes one answer.
pub(crate) struct RowsEncoder {
    form: RowsForm,
    columns: Vec<String>,
    is_first: bool,
}

impl RowsEncoder {
    pub(crate) fn new(form: RowsForm, columns: &[Column]) -> RowsEncoder {
        RowsEncoder {
            form,
            columns: columns.iter().map(|column| column.name.clone()).collect(),
            is_first: true,
        }
    }

    /// What comes before the first row.
    pub(crate) fn begin(&self, out: &mut Vec<u8>) -> anyhow::Result<()> {
        match self.form {
            RowsForm::Json => out.push(b'['),
            RowsForm::Csv => csv::Writer::from_writer(out).write_record(&self.columns)?,
        }
        Ok(())
    }

    /// Some of these rows, counted from 0.
    pub(crate) fn rows(&mut self, rows: &Rows, range: Range<usize>, out: &mut Vec<u8>) -> anyhow::Result<()> {
        match self.form {
            RowsForm::Json => self.json_rows(rows, range, out),
            RowsForm::Csv => self.csv_rows(rows, range, out),
        }
    }

    /// What comes after the last row.
    pub(crate) fn end(&self, out: &mut Vec<u8>) {
        match (self.form, self.is_first) {
            (RowsForm::Json, true) => out.extend_from_slice(b"]\n"),
            (RowsForm::Json, false) => out.extend_from_slice(b"\n]\n"),
            (RowsForm::Csv, _) => {}
        }
    }

    fn json_rows(&mut self, rows: &Rows, range: Range<usize>, out: &mut Vec<u8>) -> anyhow::Result<()> {
        for row in range {
            let separator: &[u8] = if self.is_first { b"\n" } else { b",\n" };
            out.extend_from_slice(separator);
            self.is_first = false;
            let named = self.columns.iter().cloned().enumerate();
            let object: Map<_, _> = named
                .map(|(column, name)| (name, json(&rows.value(row, column))))
                .collect();
            serde_json::to_writer(&mut *out, &object)?;
        }
        Ok(())
    }

    fn csv_rows(&self, rows: &Rows, range: Range<usize>, out: &mut Vec<u8>) -> anyhow::Result<()> {
        let mut writer = csv::Writer::from_writer(out);
        for row in range {
            for column in 0..self.columns.len() {
                writer.write_field(csv(&rows.value(row, column)))?;
            }
            writer.write_record(None::<&[u8]>)?;
        }
        writer.flush()?;
        Ok(())
    }
}

/// For CSV: NULL is empty, times are RFC 3339, nested values are JSON.
fn csv(value: &Value<'_>) -> String {
    match value {
        Value::Timestamp(_) => rfc3339(value),
        Value::List(_) | Value::Struct(_) | Value::Map(_) => json(value).to_string(),
        other => other.to_string(),
    }
}

/// For JSON: times are RFC 3339, numbers that JSON cannot hold are text, keys of maps are text.
fn json(value: &Value<'_>) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => Json::Bool(*value),
        Value::Integer(value) => match (i64::try_from(*value), u64::try_from(*value)) {
            (Ok(value), _) => Json::from(value),
            (_, Ok(value)) => Json::from(value),
            _ => Json::String(value.to_string()),
        },
        Value::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::Timestamp(_) => Json::String(rfc3339(value)),
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Struct(fields) => Json::Object(
            fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), json(value)))
                .collect(),
        ),
        Value::Map(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| (key.to_string(), json(value)));
            Json::Object(pairs.collect::<Map<String, Json>>())
        }
        other => Json::String(other.to_string()),
    }
}

fn rfc3339(time: &Value<'_>) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(text, "{time}");
    text.replacen(' ', "T", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_json_and_csv() {
        let nested = Value::List(vec![Value::Struct(vec![
            ("bin", Value::Integer(1)),
            ("calls", Value::Null),
        ])]);
        assert_eq!(json(&nested).to_string(), r#"[{"bin":1,"calls":null}]"#);
        assert_eq!(csv(&nested), r#"[{"bin":1,"calls":null}]"#);
        assert_eq!(csv(&Value::Timestamp(500_000)), "1970-01-01T00:00:00.500Z");
        assert_eq!(
            json(&Value::Integer(i128::from(u64::MAX))).to_string(),
            "18446744073709551615"
        );
        assert_eq!(
            json(&Value::Integer(i128::MAX)).to_string(),
            format!("\"{}\"", i128::MAX)
        );
        assert_eq!(json(&Value::Float(f64::NAN)), serde_json::Value::Null);
        assert_eq!(csv(&Value::Null), "");
    }

    #[test]
    fn an_answer_without_rows_is_whole() {
        let check = |form: RowsForm, expected: &str| {
            let column = Column {
                name: "a,b".to_owned(),
                sql_type: "TEXT".to_owned(),
                is_number: false,
            };
            let encoder = RowsEncoder::new(form, &[column]);
            let mut out = Vec::new();
            encoder.begin(&mut out).expect("a header");
            encoder.end(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        };
        check(RowsForm::Json, "[]\n");
        check(RowsForm::Csv, "\"a,b\"\n");
    }
}
