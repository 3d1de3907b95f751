//! `date_trunc` as DataFusion has it, only faster for times in UTC: with a time zone of any name it goes through a calendar for each
//! row, without one it divides. In UTC both give the same. Every time of a lake is in UTC.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, FieldRef, TimeUnit, TimestampMicrosecondType};
use datafusion::common::Result;
use datafusion::functions::datetime::date_trunc;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

/// The function, under the name of the one that it stands in for.
pub(super) fn scalar() -> ScalarUDF {
    ScalarUDF::from(DateTrunc { inner: date_trunc() })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DateTrunc {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for DateTrunc {
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

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.inner.output_ordering(inputs)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(ColumnarValue::Array(times)) = args.args.get_mut(1) else {
            return self.inner.invoke_with_args(args);
        };
        let zone = match times.data_type() {
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if is_utc(zone) => Arc::clone(zone),
            _ => return self.inner.invoke_with_args(args),
        };
        let without_zone = times
            .as_primitive::<TimestampMicrosecondType>()
            .clone()
            .with_timezone_opt(None::<Arc<str>>);
        *times = Arc::new(without_zone);
        // What the function is promised to return follows its argument.
        let field = args.return_field.as_ref().clone();
        args.return_field = Arc::new(field.with_data_type(times.data_type().clone()));
        let truncated = self.inner.invoke_with_args(args)?.into_array(0)?;
        let truncated = truncated.as_primitive::<TimestampMicrosecondType>().clone();
        Ok(ColumnarValue::Array(Arc::new(truncated.with_timezone(zone))))
    }
}

fn is_utc(zone: &str) -> bool {
    matches!(zone, "UTC" | "+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{ArrayRef, TimestampMicrosecondArray};
    use datafusion::arrow::datatypes::Field;
    use datafusion::common::ScalarValue;
    use datafusion::common::config::ConfigOptions;

    fn truncated(function: &ScalarUDF, precision: &str, times: &ArrayRef) -> ArrayRef {
        let field = Arc::new(Field::new("ts", times.data_type().clone(), true));
        let args = ScalarFunctionArgs {
            args: vec![
                ColumnarValue::Scalar(ScalarValue::from(precision)),
                ColumnarValue::Array(Arc::clone(times)),
            ],
            arg_fields: vec![
                Arc::new(Field::new("precision", DataType::Utf8, false)),
                Arc::clone(&field),
            ],
            number_rows: times.len(),
            return_field: field,
            config_options: Arc::new(ConfigOptions::default()),
        };
        let found = function.invoke_with_args(args).expect("a precision that exists");
        found.into_array(times.len()).expect("an array")
    }

    #[test]
    fn it_says_what_datafusion_says() {
        let hour = 3_600_000_000_i64;
        let times = (-5000..5000_i64).map(|n| (n % 97 != 0).then_some(n * 7 * hour + n * 1_234_567));
        let times = times.collect::<TimestampMicrosecondArray>();
        for zone in ["UTC", "+00:00", "+05:30"] {
            let times: ArrayRef = Arc::new(times.clone().with_timezone(zone));
            for precision in [
                "microsecond",
                "second",
                "minute",
                "hour",
                "day",
                "week",
                "month",
                "quarter",
                "year",
            ] {
                let expected = truncated(&date_trunc(), precision, &times);
                assert_eq!(
                    &truncated(&scalar(), precision, &times),
                    &expected,
                    "{precision} {zone}"
                );
            }
        }
    }
}
