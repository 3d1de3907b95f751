//! The names that SQL sees: the views, one `views/*.sql` file each, over the table `events` and over what is derived of it. Those
//! themselves can be queried but are not listed, because their columns may change where the views' may not. Never writes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use datafusion::catalog::{MemoryCatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::{TableType, ViewTable};
use datafusion::prelude::SessionContext;
use futures::future::try_join_all;
use slowlake_store::{DerivedTable, DerivedView, FINDINGS_TABLE, FindingsTable, Lake, StoreError};

use crate::views::{VIEWS, View};

/// Name of the catalog that holds everything.
pub(crate) const CATALOG: &str = "slowlake";
/// Name of its only schema.
pub(crate) const SCHEMA: &str = "public";
/// The table below the views.
const EVENTS: &str = "events";

/// What is below the views.
pub(crate) struct Source {
    /// All rows.
    pub(crate) events: Arc<dyn TableProvider>,
    /// What is derived of them.
    pub(crate) derived: Vec<DerivedView>,
    /// What of that is kept, by the name under which the views know it.
    pub(crate) stored: Vec<(&'static str, Arc<dyn TableProvider>)>,
}

impl Source {
    /// A lake at the version that the handle sees.
    pub(crate) async fn of_lake(lake: &Lake) -> std::result::Result<Source, StoreError> {
        let mut source = Source::of_events(lake.provider()?);
        source.derived.clear();
        let findings = lake.findings().await?.provider()?;
        source
            .stored
            .extend(findings.map(|findings| (FINDINGS_TABLE, findings)));
        // Their logs are read at the same time: opening a lake is waiting for storage.
        for view in try_join_all(DerivedTable::ALL.map(|table| lake.derived(table))).await? {
            let stored_name = view.table().stored_name();
            source
                .stored
                .extend(view.stored()?.map(|stored| (stored_name, stored)));
            source.derived.push(view);
        }
        Ok(source)
    }

    /// A table of events of which nothing is derived yet.
    pub(crate) fn of_events(events: Arc<dyn TableProvider>) -> Source {
        Source {
            events,
            derived: DerivedTable::ALL.map(DerivedView::without_table).into(),
            stored: Vec::new(),
        }
    }

    /// Whether most of the roll-ups need not be computed.
    pub(crate) fn has_rollups(&self) -> bool {
        let is_kept = |view: &DerivedView| view.table() == DerivedTable::RollupHour && view.is_kept();
        self.derived.iter().any(is_kept)
    }
}

/// SQL for the rows that `rollup_hour` would have of those executions alone that satisfy a condition on columns of the view `executions`.
pub fn rollup_of(condition: &str) -> String {
    DerivedTable::RollupHour.definition(condition)
}

/// The one schema: the views and, beside them, what they are over.
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

    /// Makes these the tables below all views. Queries that run keep the tables they began with.
    pub(crate) async fn fill(&self, context: &SessionContext, source: Source) -> Result<()> {
        self.put(EVENTS, source.events);
        // Where nothing was ever recorded.
        self.put(FINDINGS_TABLE, Arc::new(EmptyTable::new(FindingsTable::schema())));
        for (name, table) in source.stored {
            self.put(name, table);
        }
        for view in source.derived {
            self.put_view(context, view.table().view_name(), &view.rows_sql())
                .await?;
        }
        for view in VIEWS {
            self.put_view(context, view.name, view.sql).await?;
        }
        Ok(())
    }

    async fn put_view(&self, context: &SessionContext, name: &str, sql: &str) -> Result<()> {
        let plan = context.state().create_logical_plan(sql).await?;
        self.put(name, Arc::new(ViewTable::new(plan, Some(sql.to_owned()))));
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
        tables
            .keys()
            .filter(|name| View::find(name).is_some())
            .cloned()
            .collect()
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
