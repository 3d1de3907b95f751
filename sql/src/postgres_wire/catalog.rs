//! What PostgreSQL's clients look for before they ask anything: `pg_catalog` and the functions that read it. Says of the views what they are,
//! and of everything that is not here that there is none.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Signature, SimpleScalarUDF, Volatility};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_postgres::datafusion_pg_catalog::setup_pg_catalog;

use crate::catalog::CATALOG;
use crate::postgres_wire::settings;

/// The version of PostgreSQL whose catalogs these are.
pub(super) const POSTGRES_VERSION: &str = "16.6";
/// The same as a number.
pub(super) const POSTGRES_VERSION_NUMBER: &str = "160006";

/// Gives a context the catalogs and their functions.
pub(crate) fn register(context: &SessionContext) -> Result<()> {
    setup_pg_catalog(context, CATALOG, EmptyContextProvider).map_err(|error| *error)?;
    for function in constants() {
        context.register_udf(function);
    }
    context.register_udf(current_setting());
    Ok(())
}

/// Functions that say the same of everything: that there is none, or that it is so.
fn constants() -> Vec<ScalarUDF> {
    let text = |value: Option<&str>| ScalarValue::Utf8(value.map(str::to_owned));
    let none = || text(None);
    let now = ScalarValue::TimestampMicrosecond(None, Some("UTC".into()));
    let version = format!(
        "PostgreSQL {POSTGRES_VERSION} (slowlake {})",
        env!("CARGO_PKG_VERSION")
    );
    [
        ("version", &[0][..], text(Some(&version))),
        ("pg_is_in_recovery", &[0], ScalarValue::Boolean(Some(false))),
        ("pg_postmaster_start_time", &[0], now.clone()),
        ("pg_conf_load_time", &[0], now),
        ("txid_current", &[0], ScalarValue::Int64(Some(1))),
        ("inet_server_addr", &[0], none()),
        ("inet_server_port", &[0], ScalarValue::Int32(None)),
        ("to_regtype", &[1], ScalarValue::Int32(None)),
        ("to_regclass", &[1], ScalarValue::Int32(None)),
        ("pg_my_temp_schema", &[0], ScalarValue::Int32(Some(0))),
        ("pg_advisory_unlock_all", &[0], none()),
        ("obj_description", &[1, 2], none()),
        ("col_description", &[2], none()),
        ("shobj_description", &[2], none()),
        ("pg_get_viewdef", &[1, 2], none()),
        ("pg_get_indexdef", &[1, 3], none()),
        ("pg_get_ruledef", &[1, 2], none()),
        ("pg_get_triggerdef", &[1, 2], none()),
        ("pg_get_functiondef", &[1], none()),
        ("pg_get_function_result", &[1], none()),
        ("pg_get_function_arguments", &[1], none()),
        ("pg_get_function_identity_arguments", &[1], none()),
        ("pg_get_serial_sequence", &[2], none()),
        ("pg_function_is_visible", &[1], ScalarValue::Boolean(Some(true))),
        ("pg_type_is_visible", &[1], ScalarValue::Boolean(Some(true))),
        ("pg_tablespace_location", &[1], text(Some(""))),
        ("pg_size_pretty", &[1], text(Some(""))),
        ("pg_database_size", &[1], ScalarValue::Int64(None)),
        ("pg_table_size", &[1], ScalarValue::Int64(None)),
        ("pg_indexes_size", &[1], ScalarValue::Int64(None)),
        (
            "has_function_privilege",
            &[2, 3],
            ScalarValue::Boolean(Some(true)),
        ),
        ("has_column_privilege", &[3, 4], ScalarValue::Boolean(Some(true))),
        (
            "has_sequence_privilege",
            &[2, 3],
            ScalarValue::Boolean(Some(false)),
        ),
        ("pg_has_role", &[2, 3], ScalarValue::Boolean(Some(true))),
    ]
    .map(|(name, counts, value)| constant(name, counts, value))
    .into()
}

/// A function that takes so many arguments of any kind and looks at none.
fn constant(name: &str, counts: &[usize], value: ScalarValue) -> ScalarUDF {
    let counts = counts.iter().map(|count| match count {
        0 => datafusion::logical_expr::TypeSignature::Nullary,
        count => datafusion::logical_expr::TypeSignature::Any(*count),
    });
    let signature = Signature::one_of(counts.collect(), Volatility::Stable);
    let data_type = value.data_type();
    ScalarUDF::from(SimpleScalarUDF::new_with_signature(
        name,
        signature,
        data_type,
        Arc::new(move |_| Ok(ColumnarValue::Scalar(value.clone()))),
    ))
}

/// `current_setting('search_path')`: what a connection begins with.
fn current_setting() -> ScalarUDF {
    let signature = Signature::one_of(
        vec![
            datafusion::logical_expr::TypeSignature::String(1),
            datafusion::logical_expr::TypeSignature::Exact(vec![DataType::Utf8, DataType::Boolean]),
        ],
        Volatility::Stable,
    );
    let answer = |arguments: &[ColumnarValue]| {
        let names = ColumnarValue::values_to_arrays(&arguments[..1])?;
        let names = datafusion::arrow::compute::cast(&names[0], &DataType::Utf8)?;
        let names = datafusion::common::cast::as_string_array(&names)?;
        let values = names.iter().map(|name| match name {
            Some(name) => settings::usual(name)
                .map(Some)
                .ok_or_else(|| DataFusionError::Execution(format!("there is no setting \"{name}\""))),
            None => Ok(None),
        });
        let values: StringArray = values.collect::<Result<_>>()?;
        Ok(ColumnarValue::Array(Arc::new(values) as ArrayRef))
    };
    ScalarUDF::from(SimpleScalarUDF::new_with_signature(
        "current_setting",
        signature,
        DataType::Utf8,
        Arc::new(answer),
    ))
}
