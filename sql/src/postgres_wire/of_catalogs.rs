//! Statements that ask PostgreSQL's catalogs: which ones do, and how they are written so that DataFusion can answer them, though not always
//! in full. Statements that read the lake keep their meaning, whatever else they mention.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArguments, ObjectNamePart, Query, SetExpr, Statement, TableFactor, Value,
    Visit, VisitMut, Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion_postgres::datafusion_pg_catalog::sql::PostgresCompatibilityParser;
use datafusion_postgres::datafusion_pg_catalog::sql::rules::{
    PrependUnqualifiedPgTableName, SqlStatementRewriteRule,
};

/// Writes questions of catalogs otherwise.
pub(super) struct OfCatalogs {
    /// Knows those that the usual clients ask, answers some of them itself, and leaves out of others what cannot be answered.
    parser: PostgresCompatibilityParser,
}

impl OfCatalogs {
    pub(super) fn new() -> OfCatalogs {
        OfCatalogs {
            parser: PostgresCompatibilityParser::new(),
        }
    }

    /// The statements of a text, those of catalogs as they can be answered.
    ///
    /// # Errors
    /// If they cannot be read any more.
    pub(super) fn rewrite(
        &self,
        mut statements: Vec<Statement>,
        sql: &str,
    ) -> Result<Vec<Statement>, ParserError> {
        let mut read = Read::default();
        let _ = Visit::visit(&statements, &mut read);
        if !read.catalogs {
            return Ok(statements);
        }
        if read.lake {
            let qualify = |statement| PrependUnqualifiedPgTableName.rewrite(statement);
            return Ok(statements.into_iter().map(qualify).collect());
        }
        let mut numbers = NumbersOfFunctions { has_some: false };
        let _ = VisitMut::visit(&mut statements, &mut numbers);
        // Some are known by their text: it is left as it came wherever it can be.
        let mut statements = match numbers.has_some {
            true => self.parser.parse(&text(&statements))?,
            false => self.parser.parse(sql)?,
        };
        let _ = VisitMut::visit(&mut statements, &mut WithoutOptions);
        Ok(statements)
    }
}

fn text(statements: &[Statement]) -> String {
    let texts: Vec<String> = statements.iter().map(Statement::to_string).collect();
    texts.join("; ")
}

/// What statements read.
#[derive(Default)]
struct Read {
    catalogs: bool,
    lake: bool,
    /// Names that `WITH` gives, for each query around the one at hand.
    named: Vec<Vec<String>>,
}

const CATALOG_SCHEMAS: &[&str] = &["pg_catalog", "information_schema"];
/// How the names of PostgreSQL's own relations and functions begin.
const CATALOG_PREFIX: &str = "pg_";

impl Read {
    /// Sees a relation, or a function that makes one: the parts of its name in lower case.
    fn relation(&mut self, name: &[String], is_function: bool) {
        let Some((name, schemas)) = name.split_last() else {
            return;
        };
        let is_named = || self.named.iter().flatten().any(|known| known == name);
        if schemas.is_empty() && !is_function && is_named() {
            return;
        }
        let is_of_catalog = schemas.iter().any(|it| CATALOG_SCHEMAS.contains(&it.as_str()))
            || schemas.is_empty() && name.starts_with(CATALOG_PREFIX);
        self.catalogs |= is_of_catalog;
        // Functions make rows of their arguments.
        self.lake |= !is_of_catalog && !is_function;
    }

    /// Sees what `TABLE` reads, which is no relation to the visitor.
    fn tables(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Table(table) => {
                let parts = [&table.schema_name, &table.table_name];
                let parts: Vec<String> = parts.into_iter().flatten().map(|it| it.to_lowercase()).collect();
                self.relation(&parts, false);
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.tables(left);
                self.tables(right);
            }
            _ => {}
        }
    }
}

fn lower(part: &ObjectNamePart) -> Option<String> {
    part.as_ident().map(|name| name.value.to_lowercase())
}

impl Visitor for Read {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let with = query.with.iter().flat_map(|with| &with.cte_tables);
        let names = with.map(|table| table.alias.name.value.to_lowercase());
        self.named.push(names.collect());
        self.tables(&query.body);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.named.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args, .. } = factor {
            let parts: Vec<String> = name.0.iter().filter_map(lower).collect();
            self.relation(&parts, args.is_some());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expression {
            let name = function.name.0.last().and_then(lower);
            self.catalogs |= name.is_some_and(|name| name.starts_with(CATALOG_PREFIX));
        }
        ControlFlow::Continue(())
    }
}

/// Where the drivers of Java and ADBC expect the numbers of functions the catalog has their names.
struct NumbersOfFunctions {
    has_some: bool,
}

impl VisitorMut for NumbersOfFunctions {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if !matches!(expression, Expr::Cast { .. } | Expr::Nested(_)) {
            return ControlFlow::Continue(());
        }
        let value = match expression.to_string().as_str() {
            "'pg_catalog.array_in'::regproc" => Value::SingleQuotedString("array_in".to_owned()),
            "(typreceive <> 0 OR typsend <> 0)" => Value::Boolean(true),
            _ => return ControlFlow::Continue(()),
        };
        self.has_some = true;
        *expression = Expr::Value(value.with_empty_span());
        ControlFlow::Continue(())
    }
}

/// Options, privileges and settings, members of roles, defaults of columns, and types of rows that are no table's, of which there are none:
/// `ARRAY(SELECT …)`, `CASE … THEN (SELECT …)` and `… OR (SELECT …)`, which DataFusion has not, and columns that its catalogs have not.
struct WithoutOptions;

const OPTIONS: &[&str] = &["options", "acl", "setconfig", "ARRAY(SELECT"];

impl VisitorMut for WithoutOptions {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        let is_subquery = |expression: &Expr| matches!(expression, Expr::Subquery(_));
        let has_none = match expression {
            Expr::Function(function) => {
                let is_of_options = || {
                    let text = function.args.to_string();
                    OPTIONS.iter().any(|option| text.contains(option))
                };
                match function.name.to_string().to_ascii_lowercase().as_str() {
                    "array" => matches!(function.args, FunctionArguments::Subquery(_)),
                    "array_to_string" => is_of_options(),
                    _ => false,
                }
            }
            // Defaults, identities and collations of columns, looked up one by one.
            Expr::Case { conditions, .. } => conditions.iter().all(|case| is_subquery(&case.result)),
            Expr::BinaryOp {
                op: BinaryOperator::Or,
                right,
                ..
            } if is_subquery(right) => {
                **right = Expr::Value(Value::Boolean(false).with_empty_span());
                false
            }
            _ => false,
        };
        if has_none {
            *expression = Expr::Value(Value::Null.with_empty_span());
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[track_caller]
    fn check(sql: &str, expected: &str) {
        let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap();
        let written = OfCatalogs::new().rewrite(statements, sql).unwrap();
        assert_eq!(text(&written), expected);
    }

    #[track_caller]
    fn stays(sql: &str) {
        check(sql, sql);
    }

    #[test]
    fn what_reads_the_lake_keeps_its_meaning() {
        let correlated = "(SELECT max(b.x) FROM executions b WHERE b.server = a.server)";
        stays(&format!("SELECT 'pg_dump', {correlated} FROM executions a"));
        stays(&format!(
            "SELECT {correlated} FROM executions a WHERE \"user\" = 'information_schema'"
        ));
        stays("SELECT CASE WHEN true THEN (SELECT count(*) FROM queries) END, 'current_setting'");
        stays("SELECT CASE WHEN true THEN (SELECT count(*) FROM queries) END, pg_backend_pid()");
        stays("SELECT CASE WHEN true THEN (SELECT 1) END, pg_backend_pid() UNION TABLE queries");
        stays(&format!(
            "SELECT {correlated}, pg_class.oid FROM executions a, pg_catalog.pg_class"
        ));
        stays("SELECT '(typreceive != 0 OR typsend != 0)', '''pg_catalog.array_in''::regproc'");
        // A name that is given is not a catalog's, where it is given.
        stays("WITH pg_slow AS (SELECT 1 AS x) SELECT CASE WHEN true THEN (SELECT x FROM pg_slow) END");
        stays(
            "SELECT CASE WHEN true THEN (SELECT 1 FROM pg) END FROM (WITH pg AS (SELECT 1) SELECT 1 FROM pg_catalog.pg_class) y",
        );
    }

    #[test]
    fn what_reads_catalogs_is_written_otherwise() {
        check("SELECT oid FROM pg_class", "SELECT oid FROM pg_catalog.pg_class");
        check(
            "SELECT CASE WHEN true THEN (SELECT 1 FROM pg_class) END FROM INFORMATION_SCHEMA.tables",
            "SELECT NULL FROM INFORMATION_SCHEMA.tables",
        );
        check(
            "SELECT 1 FROM pg_type WHERE typinput = 'pg_catalog.array_in'::regproc AND (typreceive != 0 OR typsend != 0)",
            "SELECT 1 FROM pg_catalog.pg_type WHERE typinput = 'array_in' AND true",
        );
        check(
            "SELECT * FROM executions a, pg_class",
            "SELECT * FROM executions a, pg_catalog.pg_class",
        );
        check(
            "SELECT array_to_string(ARRAY(SELECT attname FROM pg_attribute), ''), array_to_string(d.setconfig, '') FROM pg_db_role_setting d",
            "SELECT NULL, NULL FROM pg_catalog.pg_db_role_setting d",
        );
        check(
            "SELECT 1 FROM pg_type t WHERE t.typrelid = 0 OR (SELECT c.relkind = 'c' FROM pg_class c WHERE c.oid = t.typrelid)",
            "SELECT 1 FROM pg_catalog.pg_type t WHERE t.typrelid = 0 OR false",
        );
        check("SELECT pg_catalog.pg_get_viewdef(1)", "SELECT pg_get_viewdef(1)");
    }
}
