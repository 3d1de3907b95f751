//! Values for the places `$1`, `$2`, … of a statement. They are values and never text of the statement, whatever is in them.

use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;

use crate::error::SqlError;
use crate::value::Value;

/// A statement with as many values as it has places.
///
/// # Errors
/// [`SqlError::Statement`] for places without a value, values without a place, and values that none can be.
pub(crate) fn bind(
    plan: LogicalPlan,
    parameters: &[Value<'_>],
    limit_bytes: usize,
) -> Result<LogicalPlan, SqlError> {
    let translate = |error: DataFusionError| SqlError::from_datafusion(error, limit_bytes);
    let names = plan.get_parameter_names().map_err(translate)?;
    let mut highest = 0;
    for name in &names {
        let number = name.strip_prefix('$').and_then(|number| number.parse().ok());
        let Some(number) = number.filter(|number| *number > 0) else {
            return Err(SqlError::Statement(format!(
                "parameter {name} has no number: write $1, $2 and so on"
            )));
        };
        highest = highest.max(number);
    }
    if highest != parameters.len() {
        return Err(SqlError::Statement(format!(
            "the statement has parameters up to ${highest}, and {} values were given",
            parameters.len()
        )));
    }
    if parameters.is_empty() {
        return Ok(plan);
    }
    let values = parameters.iter().map(scalar).collect::<Result<Vec<_>, _>>()?;
    plan.with_param_values(values).map_err(translate)
}

fn scalar(value: &Value<'_>) -> Result<ScalarValue, SqlError> {
    Ok(match value {
        Value::Null => ScalarValue::Null,
        Value::Boolean(value) => ScalarValue::from(*value),
        Value::Float(value) => ScalarValue::from(*value),
        Value::Text(text) => ScalarValue::from(*text),
        Value::Integer(value) => match i64::try_from(*value) {
            Ok(value) => ScalarValue::from(value),
            Err(_) => {
                return Err(SqlError::Statement(format!(
                    "parameter {value} is beyond 64 bits"
                )));
            }
        },
        other => {
            return Err(SqlError::Statement(format!(
                "parameter {other} is neither NULL, a boolean, a number nor a text"
            )));
        }
    })
}
