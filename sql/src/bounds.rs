//! What a statement may be before anybody has looked into it: so large, so deep, a plan of so many steps. Planning is not interrupted by a
//! timeout, so that it must not be able to take for ever. Refuses only; changes nothing.

mod text;

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as AnyStatement;
use datafusion::sql::sqlparser::ast::{ObjectName, Query, TableFactor, Visit, Visitor};

use crate::error::SqlError;

pub(crate) use text::check_text;

/// The most steps of a plan.
const STEPS_MAX: usize = 20_000;
/// The most tables of a statement, when everything that is named is put where its name stands: common table expressions that use each other twice
/// double them each time.
const TABLES_MAX: u64 = 1_000;

/// Looks at what a statement would read if each of its names were written out.
///
/// # Errors
/// [`SqlError::TooLarge`]
pub(crate) fn check_statement(statement: &AnyStatement) -> Result<(), SqlError> {
    let mut tables = Tables::default();
    let _ = match statement {
        AnyStatement::Statement(statement) => statement.visit(&mut tables),
        AnyStatement::Explain(explain) => return check_statement(&explain.statement),
        _ => return Ok(()),
    };
    if tables.most > TABLES_MAX {
        let what = format!("a statement that reads tables more than {TABLES_MAX} times");
        return Err(SqlError::TooLarge { what });
    }
    Ok(())
}

/// Counts tables, those of common table expressions wherever their names stand.
#[derive(Default)]
struct Tables {
    /// What the queries that are being looked at have so far, the innermost last.
    open: Vec<u64>,
    /// The names of common table expressions, by the place of their queries.
    names: HashMap<*const Query, String>,
    /// What they have. A name that is there twice has the larger.
    named: HashMap<String, u64>,
    most: u64,
}

impl Tables {
    fn add(&mut self, n: u64) {
        if let Some(open) = self.open.last_mut() {
            *open = open.saturating_add(n);
            self.most = self.most.max(*open);
        }
    }
}

impl Visitor for Tables {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let name = cte.alias.name.value.to_lowercase();
            self.names.insert(std::ptr::from_ref(cte.query.as_ref()), name);
        }
        self.open.push(0);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let n = self.open.pop().unwrap_or(0);
        match self.names.remove(&std::ptr::from_ref(query)) {
            Some(name) => {
                let known = self.named.entry(name).or_default();
                *known = n.max(*known);
            }
            // One that reads no table is as much work in a join as one that does.
            None => self.add(n.max(1)),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            // What they are made of is looked at by itself.
            TableFactor::Table { .. }
            | TableFactor::Derived { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::Pivot { .. }
            | TableFactor::Unpivot { .. }
            | TableFactor::MatchRecognize { .. } => {}
            _ => self.add(1),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        // A name of several parts is no common table expression's.
        let name = match relation.0.as_slice() {
            [part] => part.as_ident().map(|name| name.value.to_lowercase()),
            _ => None,
        };
        let n = name.and_then(|name| self.named.get(&name).copied()).unwrap_or(0);
        self.add(n.max(1));
        ControlFlow::Continue(())
    }
}

/// Looks at a plan, at most so far as it may go.
///
/// # Errors
/// [`SqlError::TooLarge`]
pub(crate) fn check_plan(plan: &LogicalPlan) -> Result<(), SqlError> {
    let mut n_steps = 0;
    let walked = plan.apply_with_subqueries(|_| {
        n_steps += 1;
        Ok::<_, DataFusionError>(match n_steps > STEPS_MAX {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    });
    if walked.is_err() || n_steps > STEPS_MAX {
        let what = format!("a statement whose plan has more than {STEPS_MAX} steps");
        return Err(SqlError::TooLarge { what });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
