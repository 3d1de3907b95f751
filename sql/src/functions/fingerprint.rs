//! SQL functions over query fingerprints: `fingerprint_hex`, `fingerprint_from_hex`, `fingerprint_of`, `normalize`. They call the
//! same analyzer that ingestion uses, so that a text pasted into SQL finds its executions. Never touches the lake.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use slowlake_parse::statement::{Analyzer, Dialect, Fingerprint, Options};

/// The functions of this module.
pub(super) fn scalars() -> Vec<ScalarUDF> {
    [
        Function::Hex,
        Function::FromHex,
        Function::Of,
        Function::Normalize,
    ]
    .map(|function| {
        let signature = Signature::user_defined(Volatility::Immutable);
        ScalarUDF::from(FingerprintFunction { function, signature })
    })
    .into()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Function {
    /// `fingerprint_hex(bigint) -> text`
    Hex,
    /// `fingerprint_from_hex(text) -> bigint`
    FromHex,
    /// `fingerprint_of(text [, dialect]) -> bigint`
    Of,
    /// `normalize(text [, dialect]) -> text`
    Normalize,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FingerprintFunction {
    function: Function,
    signature: Signature,
}

impl ScalarUDFImpl for FingerprintFunction {
    fn name(&self) -> &str {
        match self.function {
            Function::Hex => "fingerprint_hex",
            Function::FromHex => "fingerprint_from_hex",
            Function::Of => "fingerprint_of",
            Function::Normalize => "normalize",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let is_text = |t: &DataType| {
            t.is_string() || t.is_null() || matches!(t, DataType::Dictionary(_, v) if v.is_string())
        };
        match (self.function, given) {
            (Function::Hex, [t]) if t.is_integer() || t.is_null() => Ok(vec![DataType::Int64]),
            (Function::FromHex, [t]) if is_text(t) => Ok(vec![DataType::Utf8View]),
            (Function::Of | Function::Normalize, [_] | [_, _]) if given.iter().all(is_text) => {
                Ok(vec![DataType::Utf8View; given.len()])
            }
            (Function::Hex, _) => plan_err!("fingerprint_hex takes a fingerprint (BIGINT)"),
            (Function::FromHex, _) => plan_err!("fingerprint_from_hex takes 16 hexadecimal digits as text"),
            _ => plan_err!(
                "{} takes a statement's text and, if not PostgreSQL, its dialect: 'mysql'",
                self.name()
            ),
        }
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(match self.function {
            Function::Hex | Function::Normalize => DataType::Utf8View,
            Function::FromHex | Function::Of => DataType::Int64,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let result = match self.function {
            Function::Hex => hex(&columns[0]),
            Function::FromHex => from_hex(text_column(&columns[0])?.as_string_view())?,
            Function::Of => analyze(&columns, |analyzer, text| {
                analyzer.fingerprint(text.as_bytes()).get()
            })?
            .into_iter()
            .collect::<Int64Array>()
            .into_array(),
            Function::Normalize => analyze(&columns, |analyzer, text| {
                analyzer.analyze(text.as_bytes()).normalized.to_owned()
            })?
            .into_iter()
            .collect::<StringViewArray>()
            .into_array(),
        };
        if args
            .args
            .iter()
            .all(|arg| matches!(arg, ColumnarValue::Scalar(_)))
        {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

/// A finished array behind the shared pointer that DataFusion passes around.
trait IntoArray {
    fn into_array(self) -> ArrayRef;
}

impl<A: Array + 'static> IntoArray for A {
    fn into_array(self) -> ArrayRef {
        Arc::new(self)
    }
}

fn hex(column: &ArrayRef) -> ArrayRef {
    let values = column.as_primitive::<Int64Type>();
    let hex = values
        .iter()
        .map(|value| value.map(|bits| Fingerprint::from(bits).to_string()));
    hex.collect::<StringViewArray>().into_array()
}

fn from_hex(column: &StringViewArray) -> Result<ArrayRef> {
    let mut values = Vec::with_capacity(column.len());
    for text in column {
        values.push(match text {
            None => None,
            Some(text) => match text.trim().parse::<Fingerprint>() {
                Ok(fingerprint) => Some(fingerprint.get()),
                Err(_) => return exec_err!("\"{text}\" is no fingerprint: it takes 16 hexadecimal digits"),
            },
        });
    }
    Ok(Int64Array::from(values).into_array())
}

/// Runs `each` on every statement of the first column, in the dialect that the second column names.
fn analyze<T>(columns: &[ArrayRef], each: impl Fn(&mut Analyzer, &str) -> T) -> Result<Vec<Option<T>>> {
    let texts = text_column(&columns[0])?;
    let dialects = columns.get(1).map(text_column).transpose()?;
    let mut postgres = Analyzer::new(Options::new(Dialect::Postgres));
    let mut mysql = Analyzer::new(Options::new(Dialect::Mysql));
    let mut results = Vec::with_capacity(texts.len());
    for (row, text) in texts.as_string_view().iter().enumerate() {
        let dialect = match &dialects {
            None => Some("postgres"),
            Some(column) => column.is_valid(row).then(|| column.as_string_view().value(row)),
        };
        results.push(match (text, dialect) {
            (None, _) | (_, None) => None,
            (Some(text), Some("postgres" | "postgresql")) => Some(each(&mut postgres, text)),
            (Some(text), Some("mysql" | "mariadb")) => Some(each(&mut mysql, text)),
            (_, Some(other)) => return exec_err!("unknown dialect \"{other}\"; it is 'postgres' or 'mysql'"),
        });
    }
    Ok(results)
}

fn text_column(column: &ArrayRef) -> Result<ArrayRef> {
    Ok(cast(column, &DataType::Utf8View)?)
}

#[cfg(test)]
mod tests;
