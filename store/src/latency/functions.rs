//! SQL functions over the store's log-histogram of durations: `latency_histogram`, `latency_merge`, `latency_percentile`
//! (aggregates) and `latency_quantile` (scalar). The numbers are those of [`LatencyHistogram`], so they are the same from rows, from
//! merged histograms, in any order and under any partitioning. This module holds no arithmetic of its own.

use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, ListArray, RecordBatch, StructArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Fields, Float64Type, Int32Type, Int64Type, Schema,
};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, EmitTo, GroupsAccumulator,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::PhysicalExpr;

use crate::latency::LatencyHistogram;

/// `latency_histogram(µs)`, `latency_merge(histogram)` and `latency_percentile(µs, quantile)`, to be registered in a session.
pub fn latency_aggregates() -> [AggregateUDF; 3] {
    [Shape::Histogram, Shape::Merge, Shape::Percentile]
        .map(|shape| AggregateUDF::from(LatencyAggregate::new(shape)))
}

/// `latency_quantile(histogram, quantile)`, to be registered in a session.
pub fn latency_quantile() -> ScalarUDF {
    ScalarUDF::from(LatencyQuantile {
        signature: Signature::user_defined(Volatility::Immutable),
    })
}

/// The SQL form of a histogram: `LIST<STRUCT<bin INT, calls BIGINT>>`, bins rising, calls above zero.
pub fn latency_data_type() -> DataType {
    DataType::List(item_field())
}

/// Reads one row of a column of type [`latency_data_type`]; `None` where it is NULL or the column is of another type.
pub fn latency_at(column: &dyn Array, row: usize) -> Option<LatencyHistogram> {
    let lists = column.as_list_opt::<i32>()?;
    if lists.is_null(row) {
        return None;
    }
    Some(LatencyHistogram::from_bins(pairs(lists, row)?))
}

/// Which of the three aggregates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Shape {
    /// `latency_histogram(us)`
    Histogram,
    /// `latency_merge(histogram)`
    Merge,
    /// `latency_percentile(us, q)`
    Percentile,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct LatencyAggregate {
    shape: Shape,
    signature: Signature,
}

impl LatencyAggregate {
    fn new(shape: Shape) -> LatencyAggregate {
        LatencyAggregate {
            shape,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    fn output(&self, args: &AccumulatorArgs) -> Result<Output> {
        if args.is_distinct {
            return plan_err!(
                "{} counts every execution; DISTINCT is not meaningful here",
                self.name()
            );
        }
        match self.shape {
            Shape::Histogram | Shape::Merge => Ok(Output::Histogram),
            Shape::Percentile => Ok(Output::Quantile(constant_quantile(&args.exprs[1])?)),
        }
    }

    fn input(&self) -> Input {
        match self.shape {
            Shape::Histogram | Shape::Percentile => Input::Durations,
            Shape::Merge => Input::Histograms,
        }
    }
}

impl AggregateUDFImpl for LatencyAggregate {
    fn name(&self) -> &str {
        match self.shape {
            Shape::Histogram => "latency_histogram",
            Shape::Merge => "latency_merge",
            Shape::Percentile => "latency_percentile",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match (self.shape, arg_types) {
            (Shape::Histogram, [us]) => Ok(vec![whole_number(self.name(), us)?]),
            (Shape::Merge, [list]) => Ok(vec![histogram_type(self.name(), list)?]),
            (Shape::Percentile, [us, q]) => Ok(vec![whole_number(self.name(), us)?, share(self.name(), q)?]),
            (Shape::Percentile, _) => {
                plan_err!("latency_percentile takes a duration in µs and a quantile from 0 to 1")
            }
            _ => plan_err!("{} takes one argument, not {}", self.name(), arg_types.len()),
        }
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(match self.shape {
            Shape::Histogram | Shape::Merge => latency_data_type(),
            Shape::Percentile => DataType::Int64,
        })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "latency");
        Ok(vec![Arc::new(Field::new(name, latency_data_type(), true))])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup(Histograms::new(
            self.input(),
            self.output(&args)?,
        ))))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Histograms::new(self.input(), self.output(&args)?)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

#[derive(Debug, Clone, Copy)]
enum Input {
    Durations,
    Histograms,
}

#[derive(Debug, Clone, Copy)]
enum Output {
    Histogram,
    Quantile(f64),
}

/// One histogram a group. An empty one means that the group has seen no value, which is NULL in SQL.
#[derive(Debug)]
struct Histograms {
    input: Input,
    output: Output,
    groups: Vec<LatencyHistogram>,
    heap_bytes: usize,
}

/// What a histogram of up to 16 calls may take on the heap, bytes.
const FEW_CALLS_BYTES: usize = 256;
/// What one of more calls is taken to use, bytes: two decades of durations at 115 bins each.
const MANY_CALLS_BYTES: usize = 2_048;
const FEW_CALLS_MAX: i64 = 16;

impl Histograms {
    fn new(input: Input, output: Output) -> Histograms {
        Histograms {
            input,
            output,
            groups: Vec::new(),
            heap_bytes: 0,
        }
    }

    fn resize(&mut self, groups: usize) {
        if self.groups.len() < groups {
            self.groups.resize_with(groups, LatencyHistogram::new);
        }
    }

    /// Runs `change` on one group and keeps the memory estimate.
    fn change(&mut self, group: usize, change: impl FnOnce(&mut LatencyHistogram)) {
        let histogram = &mut self.groups[group];
        let before = heap_estimate(histogram);
        change(histogram);
        self.heap_bytes += heap_estimate(histogram) - before;
    }

    fn add_durations(
        &mut self,
        us: &Int64Array,
        keep: impl Fn(usize) -> bool,
        group_of: impl Fn(usize) -> usize,
    ) {
        for (row, value) in us.values().iter().enumerate() {
            if us.is_valid(row) && keep(row) {
                self.change(group_of(row), |histogram| histogram.record(*value));
            }
        }
    }

    fn add_histograms(
        &mut self,
        lists: &ListArray,
        keep: impl Fn(usize) -> bool,
        group_of: impl Fn(usize) -> usize,
    ) -> Result<()> {
        for row in 0..lists.len() {
            if lists.is_valid(row) && keep(row) {
                let Some(pairs) = pairs(lists, row) else {
                    return exec_err!(
                        "a latency histogram is a list of (bin, calls), not {}",
                        lists.data_type()
                    );
                };
                self.change(group_of(row), |histogram| histogram.add_bins(pairs));
            }
        }
        Ok(())
    }

    fn update(
        &mut self,
        values: &[ArrayRef],
        keep: impl Fn(usize) -> bool,
        group_of: impl Fn(usize) -> usize,
    ) -> Result<()> {
        match self.input {
            Input::Durations => {
                self.add_durations(values[0].as_primitive::<Int64Type>(), keep, group_of);
                Ok(())
            }
            Input::Histograms => self.add_histograms(values[0].as_list::<i32>(), keep, group_of),
        }
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<LatencyHistogram> {
        let taken = emit_to.take_needed(&mut self.groups);
        self.heap_bytes = self.groups.iter().map(heap_estimate).sum();
        taken
    }

    fn finish(&self, histograms: &[LatencyHistogram]) -> ArrayRef {
        match self.output {
            Output::Histogram => Arc::new(list_of(histograms)),
            Output::Quantile(q) => Arc::new(histograms.iter().map(|h| h.quantile(q)).collect::<Int64Array>()),
        }
    }
}

impl GroupsAccumulator for Histograms {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups);
        self.update(values, |row| passes(opt_filter, row), |row| group_indices[row])
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let taken = self.take(emit_to);
        Ok(self.finish(&taken))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![Arc::new(list_of(&self.take(emit_to)))])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups);
        self.add_histograms(values[0].as_list::<i32>(), |_| true, |row| group_indices[row])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let mut rows = Histograms::new(self.input, self.output);
        rows.resize(values[0].len());
        rows.update(values, |row| passes(opt_filter, row), |row| row)?;
        Ok(vec![Arc::new(list_of(&rows.groups))])
    }

    fn size(&self) -> usize {
        self.groups.capacity() * size_of::<LatencyHistogram>() + self.heap_bytes
    }
}

/// The whole input as one group.
#[derive(Debug)]
struct OneGroup(Histograms);

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.resize(1);
        self.0.update(values, |_| true, |_| 0)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.resize(1);
        self.0.add_histograms(states[0].as_list::<i32>(), |_| true, |_| 0)
    }

    // Neither of the two may consume the histogram: a window calls them again and again.
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.resize(1);
        Ok(vec![ScalarValue::List(Arc::new(list_of(&self.0.groups)))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.resize(1);
        ScalarValue::try_from_array(&self.0.finish(&self.0.groups), 0)
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(&self.0)
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct LatencyQuantile {
    signature: Signature,
}

impl ScalarUDFImpl for LatencyQuantile {
    fn name(&self) -> &str {
        "latency_quantile"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [list, q] => Ok(vec![histogram_type(self.name(), list)?, share(self.name(), q)?]),
            _ => plan_err!("latency_quantile takes a latency histogram and a quantile from 0 to 1"),
        }
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let quantiles = columns[1].as_primitive::<Float64Type>();
        let mut values = Vec::with_capacity(columns[0].len());
        for row in 0..columns[0].len() {
            let value = match latency_at(&columns[0], row) {
                Some(histogram) if quantiles.is_valid(row) => {
                    histogram.quantile(checked_quantile(quantiles.value(row))?)
                }
                _ => None,
            };
            values.push(value);
        }
        let values = Int64Array::from(values);
        if args
            .args
            .iter()
            .all(|arg| matches!(arg, ColumnarValue::Scalar(_)))
        {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?));
        }
        Ok(ColumnarValue::Array(Arc::new(values)))
    }
}

fn item_field() -> FieldRef {
    Arc::new(Field::new("element", DataType::Struct(pair_fields()), true))
}

fn pair_fields() -> Fields {
    Fields::from(vec![
        Field::new("bin", DataType::Int32, true),
        Field::new("calls", DataType::Int64, true),
    ])
}

fn list_of(histograms: &[LatencyHistogram]) -> ListArray {
    let (mut bins, mut calls) = (Vec::new(), Vec::new());
    let mut lengths = Vec::with_capacity(histograms.len());
    for histogram in histograms {
        let before = bins.len();
        for (bin, n) in histogram.bins() {
            bins.push(bin);
            calls.push(n);
        }
        lengths.push(bins.len() - before);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(bins)),
        Arc::new(Int64Array::from(calls)),
    ];
    let nulls: NullBuffer = lengths.iter().map(|length| *length > 0).collect();
    let items = Arc::new(StructArray::new(pair_fields(), columns, None));
    ListArray::new(
        item_field(),
        OffsetBuffer::from_lengths(lengths),
        items,
        Some(nulls),
    )
}

/// The `(bin, calls)` of one row, NULLs left out; `None` if the column is no list of such pairs.
fn pairs(lists: &ListArray, row: usize) -> Option<impl Iterator<Item = (i32, i64)> + Clone> {
    let items = lists.values().as_struct_opt()?;
    let bins = items.column_by_name("bin")?.as_primitive_opt::<Int32Type>()?;
    let calls = items.column_by_name("calls")?.as_primitive_opt::<Int64Type>()?;
    let offsets = lists.value_offsets();
    let range = offsets[row] as usize..offsets[row + 1] as usize;
    Some(
        range
            .filter(|i| items.is_valid(*i) && bins.is_valid(*i) && calls.is_valid(*i))
            .map(|i| (bins.value(i), calls.value(i))),
    )
}

fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

fn heap_estimate(histogram: &LatencyHistogram) -> usize {
    match histogram.count() {
        0 => 0,
        1..=FEW_CALLS_MAX => FEW_CALLS_BYTES,
        _ => MANY_CALLS_BYTES,
    }
}

fn whole_number(function: &str, given: &DataType) -> Result<DataType> {
    if given.is_integer() || given.is_null() {
        return Ok(DataType::Int64);
    }
    plan_err!("{function} takes durations in whole microseconds (BIGINT), not {given}")
}

fn share(function: &str, given: &DataType) -> Result<DataType> {
    if given.is_numeric() || given.is_null() {
        return Ok(DataType::Float64);
    }
    plan_err!("{function} takes a quantile from 0 to 1, not {given}")
}

fn histogram_type(function: &str, given: &DataType) -> Result<DataType> {
    let item = match given {
        DataType::Null => return Ok(latency_data_type()),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) => item.data_type(),
        _ => given,
    };
    if let DataType::Struct(fields) = item
        && fields
            .find("bin")
            .is_some_and(|(_, field)| field.data_type().is_integer())
        && fields
            .find("calls")
            .is_some_and(|(_, field)| field.data_type().is_integer())
    {
        return Ok(latency_data_type());
    }
    plan_err!("{function} takes a latency histogram, a list of (bin, calls), not {given}")
}

fn constant_quantile(expression: &Arc<dyn PhysicalExpr>) -> Result<f64> {
    let nothing = RecordBatch::new_empty(Arc::new(Schema::empty()));
    match expression.evaluate(&nothing) {
        Ok(ColumnarValue::Scalar(ScalarValue::Float64(Some(q)))) => checked_quantile(q),
        _ => plan_err!("the quantile of latency_percentile must be a constant from 0 to 1"),
    }
}

fn checked_quantile(q: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&q) {
        return Ok(q);
    }
    exec_err!("a quantile lies between 0 and 1; {q} does not")
}
