//! What the table's log says about a file: rows, and for a few columns minimum, maximum and NULLs, from what the Parquet writer
//! found. A bound may be wider than the data, never narrower. Never reads a file.

use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::parquet::file::statistics::Statistics;

use crate::schema::{ColumnType, TableShape};

/// The `stats` of a file of a table in the table's log, as JSON.
pub(crate) fn statistics_json(shape: &TableShape, metadata: &ParquetMetaData, rows: usize) -> String {
    let (mut min_values, mut max_values, mut null_counts) = (Vec::new(), Vec::new(), Vec::new());
    for name in shape.statistics {
        let Some(range) = column_range(shape, metadata, name) else {
            continue;
        };
        let value = |bound: Option<Bound>, up| {
            bound
                .and_then(|bound| bound.json(up))
                .map(|json| format!("\"{name}\":{json}"))
        };
        min_values.extend(value(range.min, false));
        max_values.extend(value(range.max, true));
        null_counts.push(format!("\"{name}\":{}", range.nulls));
    }
    format!(
        r#"{{"numRecords":{rows},"minValues":{{{}}},"maxValues":{{{}}},"nullCount":{{{}}}}}"#,
        min_values.join(","),
        max_values.join(","),
        null_counts.join(",")
    )
}

/// A column over all row groups of a file.
struct ColumnRange {
    /// None while no row group had a value.
    min: Option<Bound>,
    max: Option<Bound>,
    nulls: u64,
}

/// One end of a range.
#[derive(Debug, PartialEq)]
enum Bound {
    /// There are values, but no bound of them is known.
    Unknown,
    Integer(i64),
    TimeUs(i64),
    Text(String),
}

impl Bound {
    /// As JSON. Times go out to whole milliseconds, as the protocol has them: down for a minimum, up for a maximum.
    fn json(&self, up: bool) -> Option<String> {
        match self {
            Bound::Unknown => None,
            Bound::Integer(value) => Some(value.to_string()),
            Bound::Text(text) => Some(json_text(text)),
            Bound::TimeUs(us) => {
                let ms = us.div_euclid(1000) + i64::from(up && us.rem_euclid(1000) > 0);
                let time = jiff::Timestamp::from_millisecond(ms).ok()?;
                let has_four_digit_year =
                    (1..=9999).contains(&jiff::tz::Offset::UTC.to_datetime(time).year());
                has_four_digit_year.then(|| format!("\"{time:.3}\""))
            }
        }
    }

    /// Of two ends the outer one.
    fn outer(self, other: Bound, up: bool) -> Bound {
        match (self, other) {
            (Bound::Integer(a), Bound::Integer(b)) => Bound::Integer(if up { a.max(b) } else { a.min(b) }),
            (Bound::TimeUs(a), Bound::TimeUs(b)) => Bound::TimeUs(if up { a.max(b) } else { a.min(b) }),
            (Bound::Text(a), Bound::Text(b)) => Bound::Text(if up { a.max(b) } else { a.min(b) }),
            _ => Bound::Unknown,
        }
    }
}

/// None where the file does not have the column or nothing is known of it.
fn column_range(shape: &TableShape, metadata: &ParquetMetaData, name: &str) -> Option<ColumnRange> {
    let columns = metadata.file_metadata().schema_descr().columns();
    let index = columns
        .iter()
        .position(|column| column.path().parts() == [name])?;
    let is_time = shape
        .columns
        .iter()
        .any(|column| column.name == name && column.column_type == ColumnType::Time);
    let mut range = ColumnRange {
        min: None,
        max: None,
        nulls: 0,
    };
    for group in metadata.row_groups() {
        let statistics = group.column(index).statistics()?;
        let nulls = statistics.null_count_opt()?;
        range.nulls += nulls;
        if nulls < group.num_rows() as u64 {
            let (min, max) = ends(statistics, is_time);
            range.min = Some(widest(range.min, min, false));
            range.max = Some(widest(range.max, max, true));
        }
    }
    Some(range)
}

fn widest(so_far: Option<Bound>, next: Bound, up: bool) -> Bound {
    match so_far {
        None => next,
        Some(so_far) => so_far.outer(next, up),
    }
}

/// Minimum and maximum of one row group.
fn ends(statistics: &Statistics, is_time: bool) -> (Bound, Bound) {
    match statistics {
        Statistics::Int64(values) => {
            let bound = |value: Option<&i64>| match value {
                None => Bound::Unknown,
                Some(us) if is_time => Bound::TimeUs(*us),
                Some(value) => Bound::Integer(*value),
            };
            (bound(values.min_opt()), bound(values.max_opt()))
        }
        Statistics::ByteArray(values) => {
            // The writer cuts long texts: a minimum down, a maximum up, so both still bound the column.
            let bound = |bytes: Option<&[u8]>| match bytes.map(std::str::from_utf8) {
                Some(Ok(text)) => Bound::Text(text.to_owned()),
                _ => Bound::Unknown,
            };
            (bound(values.min_bytes_opt()), bound(values.max_bytes_opt()))
        }
        _ => (Bound::Unknown, Bound::Unknown),
    }
}

fn json_text(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            '\0'..='\u{1f}' => json.push_str(&format!("\\u{:04x}", character as u32)),
            _ => json.push(character),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bound: Bound, min: Option<&str>, max: Option<&str>) {
        assert_eq!(bound.json(false).as_deref(), min);
        assert_eq!(bound.json(true).as_deref(), max);
    }

    #[test]
    fn bounds_go_outward() {
        check(Bound::Unknown, None, None);
        check(
            Bound::Integer(i64::MIN),
            Some("-9223372036854775808"),
            Some("-9223372036854775808"),
        );
        check(
            Bound::TimeUs(1_500),
            Some(r#""1970-01-01T00:00:00.001Z""#),
            Some(r#""1970-01-01T00:00:00.002Z""#),
        );
        check(
            Bound::TimeUs(-1),
            Some(r#""1969-12-31T23:59:59.999Z""#),
            Some(r#""1970-01-01T00:00:00.000Z""#),
        );
        check(Bound::TimeUs(i64::MAX), None, None);
        check(
            Bound::Text("a\"b\\c\n".to_owned()),
            Some(r#""a\"b\\c\u000a""#),
            Some(r#""a\"b\\c\u000a""#),
        );
    }

    #[test]
    fn one_unknown_end_makes_the_whole_unknown() {
        assert_eq!(Bound::Integer(1).outer(Bound::Unknown, true), Bound::Unknown);
        assert_eq!(widest(None, Bound::Integer(1), true), Bound::Integer(1));
        assert_eq!(
            widest(Some(Bound::Integer(1)), Bound::Integer(2), false),
            Bound::Integer(1)
        );
    }
}
