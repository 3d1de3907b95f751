//! Functions of DataFusion whose result is as large as a number says, with a limit: what they make is in no limit of memory, and one row of it
//! could be more than there is. Estimates what that would be, rather too much than too little, and computes nothing itself.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, FieldRef, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::prelude::SessionContext;

/// The most that a call makes for all the rows of a batch, bytes.
const MADE_BYTES_MAX: i128 = 64 << 20;
/// An item of a list beside what is in it, and a whole one that is a number or a time.
const ITEM_BYTES: i128 = 8;
/// The longest character.
const CHARACTER_BYTES: i128 = 4;

const HOUR_NS: i128 = 3_600_000_000_000;
const DAY_NS: i128 = 24 * HOUR_NS;
/// The shortest day and month of any zone, clocks put forward in them.
const DAY_NS_MIN: i128 = DAY_NS - HOUR_NS;
const MONTH_NS_MIN: i128 = 28 * DAY_NS - HOUR_NS;

/// Functions, and what they make.
const FUNCTIONS: &[(&str, Makes)] = &[
    ("array_repeat", Makes::List),
    ("array_resize", Makes::Resized),
    ("generate_series", Makes::Range),
    ("lpad", Makes::Padded),
    ("range", Makes::Range),
    ("repeat", Makes::Text),
    ("rpad", Makes::Padded),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Makes {
    /// The first argument so many times, as one text.
    Text,
    /// A text of so many characters.
    Padded,
    /// The first argument so many times, as a list.
    List,
    /// A list of so many items, those that are new all the third argument.
    Resized,
    /// Numbers or times from the first argument, or 0, to the second by the third, or 1.
    Range,
}

/// Puts the limit on all of them that a context has.
pub(super) fn register(context: &SessionContext) {
    for (name, makes) in FUNCTIONS {
        let inner = context.state().scalar_functions().get(*name).cloned();
        if let Some(inner) = inner {
            context.register_udf(ScalarUDF::from(Bounded {
                inner: ScalarUDF::clone(&inner),
                makes: *makes,
            }));
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: ScalarUDF,
    makes: Makes,
}

impl Bounded {
    /// What a call makes at most, bytes.
    fn bytes(&self, arguments: &[ColumnarValue]) -> Result<i128> {
        let rows = arguments.iter().find_map(|argument| match argument {
            ColumnarValue::Array(array) => Some(array.len()),
            ColumnarValue::Scalar(_) => None,
        });
        let rows = rows.unwrap_or(1);
        let arguments: Vec<ArrayRef> = arguments.iter().map(to_array).collect::<Result<_>>()?;
        match (self.makes, arguments.as_slice()) {
            (Makes::Text, [text, count, ..]) => times(count, rows, |row| bytes_of(&row_of(text, row))),
            (Makes::Padded, [_, count, ..]) => times(count, rows, |_| CHARACTER_BYTES),
            (Makes::List, [item, count, ..]) => {
                times(count, rows, |row| bytes_of(&row_of(item, row)) + ITEM_BYTES)
            }
            (Makes::Resized, [list, count, item @ ..]) => {
                let nothing = bytes_of_nothing(list);
                times(count, rows, |row| {
                    let item = item.first().map_or(0, |item| bytes_of(&row_of(item, row)));
                    item.max(nothing) + ITEM_BYTES
                })
            }
            (Makes::Range, arguments) => Ok(items(arguments)?.saturating_mul(ITEM_BYTES)),
            // Too few: the function says so itself.
            _ => Ok(0),
        }
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.inner.output_ordering(inputs)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let bytes = self.bytes(&args.args)?;
        if bytes > MADE_BYTES_MAX {
            return exec_err!(
                "{} would make {bytes} bytes; {MADE_BYTES_MAX} are the most",
                self.name()
            );
        }
        self.inner.invoke_with_args(args)
    }
}

/// An argument as an array, of one row if it is the same for all.
fn to_array(argument: &ColumnarValue) -> Result<ArrayRef> {
    match argument {
        ColumnarValue::Array(array) => Ok(array.clone()),
        ColumnarValue::Scalar(value) => value.to_array(),
    }
}

/// The row of an argument that may be the same for all.
fn place(array: &dyn Array, row: usize) -> usize {
    if array.len() == 1 { 0 } else { row }
}

fn row_of(array: &ArrayRef, row: usize) -> ArrayRef {
    array.slice(place(array, row), 1)
}

/// A count by what one takes, summed over all rows.
fn times(count: &ArrayRef, rows: usize, one: impl Fn(usize) -> i128) -> Result<i128> {
    let counts = cast(count, &DataType::Int64)?;
    let counts = counts.as_primitive::<Int64Type>();
    let bytes = (0..rows).map(|row| {
        let count = place(counts, row);
        match counts.is_valid(count) && counts.value(count) > 0 {
            true => i128::from(counts.value(count)).saturating_mul(one(row)),
            false => 0,
        }
    });
    Ok(bytes.fold(0, i128::saturating_add))
}

/// What the values of an array take; rather too much for those that are seldom.
fn bytes_of(array: &dyn Array) -> i128 {
    if let Some(width) = array.data_type().primitive_width() {
        return (width * array.len()) as i128;
    }
    match array.data_type() {
        DataType::Null | DataType::Boolean => array.len() as i128,
        DataType::Utf8 => length(array.as_string::<i32>().value_offsets()),
        DataType::LargeUtf8 => length(array.as_string::<i64>().value_offsets()),
        DataType::Utf8View => array.as_string_view().lengths().map(i128::from).sum(),
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            bytes_of_items(lists.values(), lists.value_offsets())
        }
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            bytes_of_items(lists.values(), lists.value_offsets())
        }
        DataType::Struct(_) => array.as_struct().columns().iter().map(|it| bytes_of(it)).sum(),
        _ => array.get_buffer_memory_size() as i128,
    }
}

fn bytes_of_items<O: OffsetSizeTrait>(values: &ArrayRef, offsets: &[O]) -> i128 {
    let start = offsets.first().map_or(0, |offset| offset.as_usize());
    let n_items = length(offsets);
    bytes_of(&values.slice(start, n_items as usize)) + n_items * ITEM_BYTES
}

fn length<O: OffsetSizeTrait>(offsets: &[O]) -> i128 {
    match (offsets.first(), offsets.last()) {
        (Some(first), Some(last)) => (last.as_usize() - first.as_usize()) as i128,
        _ => 0,
    }
}

/// An item of a list that has no value.
fn bytes_of_nothing(list: &ArrayRef) -> i128 {
    match list.data_type() {
        DataType::List(item) | DataType::LargeList(item) => bytes_of(&new_null_array(item.data_type(), 1)),
        _ => 0,
    }
}

/// How many numbers or times ranges have, over all rows.
fn items(arguments: &[ArrayRef]) -> Result<i128> {
    let (start, stop, step) = match arguments {
        [] => return Ok(0),
        [stop] => (None, stop, None),
        [start, stop] => (Some(start), stop, None),
        [start, stop, step, ..] => (Some(start), stop, Some(step)),
    };
    let start = start.map_or_else(|| Ok(vec![Some(0)]), points)?;
    let stop = points(stop)?;
    let step = step.map_or_else(|| Ok(vec![Some(1)]), steps)?;
    let of = |values: &[Option<i128>], row: usize| *values.get(if values.len() == 1 { 0 } else { row })?;
    let rows = start.len().max(stop.len()).max(step.len());
    let items = (0..rows).map(|row| match (of(&start, row), of(&stop, row), of(&step, row)) {
        (Some(start), Some(stop), Some(step)) if step != 0 => {
            let (way, step) = ((stop - start) * step.signum(), step.abs());
            if way < 0 { 0 } else { way / step + 1 }
        }
        _ => 0,
    });
    Ok(items.fold(0, i128::saturating_add))
}

/// Ends of ranges: numbers, or times in nanoseconds.
fn points(array: &ArrayRef) -> Result<Vec<Option<i128>>> {
    let unit = match array.data_type() {
        DataType::Date32 => DAY_NS,
        DataType::Date64 | DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000_000,
        DataType::Timestamp(TimeUnit::Second, _) => 1_000_000_000,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
        _ => 1,
    };
    let numbers = cast(array, &DataType::Int64)?;
    let numbers = numbers.as_primitive::<Int64Type>();
    Ok(numbers
        .iter()
        .map(|it| it.map(|it| i128::from(it) * unit))
        .collect())
}

/// Steps of ranges: numbers, or the least nanoseconds that an interval is.
fn steps(array: &ArrayRef) -> Result<Vec<Option<i128>>> {
    if !matches!(array.data_type(), DataType::Interval(_)) {
        return points(array);
    }
    let intervals = cast(array, &DataType::Interval(IntervalUnit::MonthDayNano))?;
    let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
    intervals.iter().map(|it| it.map(step_ns).transpose()).collect()
}

fn step_ns(interval: IntervalMonthDayNano) -> Result<i128> {
    let parts = [
        i128::from(interval.months) * MONTH_NS_MIN,
        i128::from(interval.days) * DAY_NS_MIN,
        i128::from(interval.nanoseconds),
    ];
    // A month less 31 days is nothing in January: such a range would never end.
    if parts.iter().any(|part| *part < 0) && parts.iter().any(|part| *part > 0) {
        return exec_err!("a step goes forward or back, not both: {interval:?}");
    }
    Ok(parts.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: &str = "TIMESTAMP '2026-11-16', TIMESTAMP '2026-11-17'";

    /// The length of what is made, in the order of the rows, or what is said instead.
    #[track_caller]
    fn check(sql: &str, expected: std::result::Result<&[i64], &str>) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let found: Result<Vec<i64>> = runtime.block_on(async {
            let context = SessionContext::new();
            register(&context);
            let batches = context.sql(sql).await?.collect().await?;
            let mut lengths = Vec::new();
            for batch in &batches {
                let column = cast(batch.column(0), &DataType::Int64)?;
                lengths.extend(column.as_primitive::<Int64Type>().iter().flatten());
            }
            Ok(lengths)
        });
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{sql}"),
            (Err(found), Err(expected)) => assert!(found.to_string().contains(expected), "{sql}: {found}"),
            (found, expected) => panic!("{sql}: {found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn texts_are_bounded_by_their_bytes() {
        check("SELECT length(repeat('ab', 1000000))", Ok(&[2_000_000]));
        for text in [
            "repeat('x', 1000000)",
            "repeat(arrow_cast('x', 'LargeUtf8'), 1000000)",
        ] {
            check(
                &format!("SELECT length(repeat({text}, 1000000))"),
                Err("repeat would make 1000000000000 bytes; 67108864 are the most"),
            );
        }
        check("SELECT length(lpad('x', 1000000, 'y'))", Ok(&[1_000_000]));
        check(
            "SELECT length(lpad('x', 20000000, 'y'))",
            Err("lpad would make 80000000 bytes"),
        );
        check(
            "SELECT length(rpad('x', 20000000, 'y'))",
            Err("rpad would make 80000000 bytes"),
        );
        check(
            "SELECT length(repeat('x', n)) FROM (VALUES (NULL), (-1), (3)) t(n)",
            Ok(&[0, 3]),
        );
        check(
            "SELECT length(repeat('x', n)) FROM (VALUES (3)) t(n) WHERE n > 3",
            Ok(&[]),
        );
    }

    #[test]
    fn all_rows_of_a_batch_count() {
        let sql = |rows: usize| {
            format!("SELECT sum(length(repeat(repeat('x', 1000), value % 2 + 100))) FROM range({rows})")
        };
        check(&sql(600), Ok(&[60_300_000]));
        check(&sql(700), Err("repeat would make 70350000 bytes"));
    }

    #[test]
    fn lists_are_bounded_by_their_items() {
        check("SELECT cardinality(array_repeat(1, 1000000))", Ok(&[1_000_000]));
        check(
            "SELECT cardinality(array_repeat(array_repeat(1, 1000000), 1000000))",
            Err("array_repeat would make 16000008000000 bytes"),
        );
        check(
            "SELECT cardinality(array_repeat(repeat('x', 1000000), 1000))",
            Err("array_repeat would make 1000008000 bytes"),
        );
        check("SELECT cardinality(array_resize([1], 1000000))", Ok(&[1_000_000]));
        check(
            "SELECT cardinality(array_resize(['a'], 1000, repeat('x', 1000000)))",
            Err("array_resize would make 1000008000 bytes"),
        );
    }

    #[test]
    fn ranges_are_bounded_by_ends_and_step() {
        check(
            "SELECT cardinality(generate_series(1700000000, 1709999999, 3600))",
            Ok(&[2_778]),
        );
        check("SELECT cardinality(range(3, 0, -1))", Ok(&[3]));
        check(
            "SELECT cardinality(range(0, 10000000))",
            Err("range would make 80000008 bytes"),
        );
        check(
            "SELECT cardinality(range(10000000, 0, -1))",
            Err("range would make 80000008 bytes"),
        );
        check(
            "SELECT cardinality(range(-9223372036854775808, 9223372036854775807))",
            Err("range would make "),
        );
        // The largest start and stop are those of different rows.
        check(
            "SELECT cardinality(range(a, b)) FROM (VALUES (0, 0), (-20000000, 0)) t(a, b)",
            Err("range would make 160000016 bytes"),
        );
        check(
            "SELECT cardinality(range(a, 5)) FROM (VALUES (0), (NULL), (3)) t(a)",
            Ok(&[5, 2]),
        );
    }

    #[test]
    fn ranges_of_times_are_bounded_too() {
        check(
            &format!("SELECT cardinality(range({DAY}, INTERVAL '1 hour'))"),
            Ok(&[24]),
        );
        check(
            &format!("SELECT cardinality(range({DAY}, INTERVAL '1 millisecond'))"),
            Err("range would make 691200008 bytes"),
        );
        check(
            "SELECT cardinality(generate_series(DATE '2026-01-01', DATE '2026-12-31', INTERVAL '1 day'))",
            Ok(&[365]),
        );
        check(
            "SELECT cardinality(range(DATE '2026-01-01', DATE '2026-12-31', INTERVAL '1 month -31 days'))",
            Err("not both"),
        );
    }
}
