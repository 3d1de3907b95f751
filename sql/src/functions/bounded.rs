//! Functions of DataFusion whose result is as large as a number says, with a limit: what they make is in no limit of memory, and one row of it
//! could be more than there is. Computes nothing itself.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::{cast, max};
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::prelude::SessionContext;

/// The most of anything that a number in a statement makes: characters of a text, items of a list.
const MADE_MAX: i64 = 1_000_000;

/// Functions, and which of their arguments says how much they make; none for those that make a range of their first two.
const FUNCTIONS: &[(&str, Option<usize>)] = &[
    ("array_repeat", Some(1)),
    ("array_resize", Some(1)),
    ("generate_series", None),
    ("lpad", Some(1)),
    ("range", None),
    ("repeat", Some(1)),
    ("rpad", Some(1)),
];

/// Puts the limit on all of them that a context has.
pub(super) fn register(context: &SessionContext) {
    for (name, counted) in FUNCTIONS {
        let inner = context.state().scalar_functions().get(*name).cloned();
        if let Some(inner) = inner {
            let counted = *counted;
            context.register_udf(ScalarUDF::from(Bounded {
                inner: ScalarUDF::clone(&inner),
                counted,
            }));
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: ScalarUDF,
    counted: Option<usize>,
}

impl Bounded {
    /// The most that a call makes in a row.
    fn most(&self, arguments: &[ColumnarValue]) -> Result<i64> {
        match self.counted {
            Some(counted) => arguments.get(counted).map_or(Ok(0), largest),
            None => {
                let (first, second) = match arguments {
                    [] => return Ok(0),
                    [stop] => (0, largest(stop)?),
                    [start, stop, ..] => (largest(start)?, largest(stop)?),
                };
                Ok(second.saturating_sub(first).saturating_abs())
            }
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
        let most = self.most(&args.args)?;
        if most > MADE_MAX {
            return exec_err!("{} would make {most}; {MADE_MAX} are the most", self.name());
        }
        self.inner.invoke_with_args(args)
    }
}

/// The largest number of an argument; 0 for what is no number, such as the dates of a range.
fn largest(argument: &ColumnarValue) -> Result<i64> {
    if !argument.data_type().is_integer() {
        return Ok(0);
    }
    let numbers = match argument {
        ColumnarValue::Array(array) => array.clone(),
        ColumnarValue::Scalar(value) => value.to_array()?,
    };
    let numbers = cast(&numbers, &DataType::Int64)?;
    Ok(max(numbers.as_primitive::<Int64Type>()).unwrap_or(0))
}
