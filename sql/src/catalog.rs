//! The names that SQL sees: the views, one `views/*.sql` file each, over the table `events`. `events` itself can be queried but
//! is not listed, because its columns may change where the views' may not. Never writes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use datafusion::catalog::{MemoryCatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::{TableType, ViewTable};
use datafusion::prelude::SessionContext;

use crate::views::VIEWS;

/// Name of the catalog that holds everything.
pub(crate) const CATALOG: &str = "slowlake";
/// Name of its only schema.
pub(crate) const SCHEMA: &str = "public";
/// The table below the views.
pub(crate) const EVENTS: &str = "events";

/// The one schema: the listed tables and, beside them, `events`.
pub(crate) struct LakeSchema {
    tables: RwLock<BTreeMap<String, Arc<dyn TableProvider>>>,
}

impl LakeSchema {
    /// Puts an empty schema into a context; [`LakeSchema::fill`] gives it its tables.
    pub(crate) fn register(context: &SessionContext) -> Result<Arc<LakeSchema>> {
        let schema = Arc::new(LakeSchema {
            tables: RwLock::default(),
        });
        let catalog = Arc::new(MemoryCatalogProvider::new());
        datafusion::catalog::CatalogProvider::register_schema(
            catalog.as_ref(),
            SCHEMA,
            Arc::clone(&schema) as _,
        )?;
        context.register_catalog(CATALOG, catalog);
        Ok(schema)
    }

    /// Makes `events` the table below all views. Queries that run keep the table they began with.
    pub(crate) async fn fill(&self, context: &SessionContext, events: Arc<dyn TableProvider>) -> Result<()> {
        self.put(EVENTS, events);
        for view in VIEWS {
            let plan = context.state().create_logical_plan(view.sql).await?;
            self.put(
                view.name,
                Arc::new(ViewTable::new(plan, Some(view.sql.to_owned()))),
            );
        }
        Ok(())
    }

    fn put(&self, name: &str, table: Arc<dyn TableProvider>) {
        // A panic elsewhere cannot leave the map half-changed.
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.insert(name.to_owned(), table);
    }

    fn get(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        self.tables
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }
}

impl fmt::Debug for LakeSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.table_names()).finish()
    }
}

#[async_trait]
impl SchemaProvider for LakeSchema {
    fn table_names(&self) -> Vec<String> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        tables.keys().filter(|name| *name != EVENTS).cloned().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        Ok(self.get(name))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.get(name).map(|table| table.table_type()))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}
