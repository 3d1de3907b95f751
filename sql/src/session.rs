//! A session: the views and functions of one lake, limits on memory and threads, and read-only execution of SQL. Knows nothing of
//! terminals, wires or reports.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use datafusion::catalog::TableProvider;
use datafusion::config::Dialect;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use slowlake_store::Lake;

use crate::catalog::{CATALOG, LakeSchema, SCHEMA, Source};
#[cfg(feature = "cluster")]
use crate::cluster::Cluster;
use crate::error::SqlError;
use crate::execute::{self, QueryResult};
use crate::value::Value;
use crate::{functions, postgres_wire, yielding};

/// What one session may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSettings {
    /// Memory for the data of all its queries together, bytes. Sorts and aggregations beyond it go to temporary files.
    pub memory_limit_bytes: usize,
    /// Parts that a query is cut into, and so the threads that can work on it.
    pub threads: usize,
}

/// Reads one lake by SQL.
pub struct Session {
    context: SessionContext,
    schema: Arc<LakeSchema>,
    settings: SessionSettings,
    has_rollups: AtomicBool,
    is_for_clients: bool,
    #[cfg(feature = "cluster")]
    cluster: Option<Cluster>,
}

impl Session {
    /// A session over the lake's snapshot.
    ///
    /// # Errors
    /// [`SqlError::Lake`] if the lake cannot be scanned, [`SqlError::Internal`] if its columns are not those of the views.
    pub async fn open(lake: &Lake, settings: SessionSettings) -> Result<Session, SqlError> {
        let runtime = runtime(settings)?;
        Session::from_source(Source::of_lake(lake).await?, settings, runtime).await
    }

    /// The same for the clients of a server: they look for what there is in PostgreSQL's catalogs.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn open_for_clients(lake: &Lake, settings: SessionSettings) -> Result<Session, SqlError> {
        Session::open(lake, settings).await?.with_clients()
    }

    /// A session over the lake's present snapshot that shares memory limit and caches with this one, which keeps its own snapshot.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn at_present(&self, lake: &Lake) -> Result<Session, SqlError> {
        let source = Source::of_lake(lake).await?;
        let session = Session::from_source(source, self.settings, self.context.runtime_env()).await?;
        #[cfg(feature = "cluster")]
        let session = match &self.cluster {
            Some(cluster) => session.with_cluster(cluster),
            None => session,
        };
        match self.is_for_clients {
            true => session.with_clients(),
            false => Ok(session),
        }
    }

    /// The same session with the catalogs and functions that PostgreSQL's clients ask for.
    fn with_clients(mut self) -> Result<Session, SqlError> {
        self.is_for_clients = true;
        postgres_wire::register_catalog(&self.context)
            .map_err(|error| SqlError::from_datafusion(error, self.settings.memory_limit_bytes))?;
        Ok(self)
    }

    /// A session over any table with the columns of `events`.
    ///
    /// # Errors
    /// [`SqlError::UnknownColumn`] if the table lacks a column that a view needs.
    pub async fn from_provider(
        events: Arc<dyn TableProvider>,
        settings: SessionSettings,
    ) -> Result<Session, SqlError> {
        let runtime = runtime(settings)?;
        Session::from_source(Source::of_events(events), settings, runtime).await
    }

    async fn from_source(
        source: Source,
        settings: SessionSettings,
        runtime: Arc<RuntimeEnv>,
    ) -> Result<Session, SqlError> {
        let translate =
            |error: DataFusionError| SqlError::from_datafusion(error, settings.memory_limit_bytes);
        let state = SessionStateBuilder::new()
            .with_config(config(settings))
            .with_runtime_env(runtime)
            .with_default_features()
            .with_physical_optimizer_rules(yielding::physical_rules())
            .build();
        let context = SessionContext::new_with_state(state);
        functions::register(&context);
        let schema = LakeSchema::register(&context).map_err(translate)?;
        let has_rollups = AtomicBool::new(source.has_rollups());
        schema.fill(&context, source).await.map_err(translate)?;
        Ok(Session {
            context,
            schema,
            settings,
            has_rollups,
            is_for_clients: false,
            #[cfg(feature = "cluster")]
            cluster: None,
        })
    }

    /// Turns to the lake's present snapshot; queries that run keep theirs.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn refresh(&self, lake: &Lake) -> Result<(), SqlError> {
        let source = Source::of_lake(lake).await?;
        self.has_rollups.store(source.has_rollups(), Ordering::Relaxed);
        let filled = self.schema.fill(&self.context, source).await;
        filled.map_err(|error| SqlError::from_datafusion(error, self.settings.memory_limit_bytes))
    }

    /// Plans one statement and begins to execute it: a query, `EXPLAIN`, `SHOW` or `DESCRIBE`. Dropping the result cancels it.
    ///
    /// # Errors
    /// [`SqlError::ReadOnly`] for anything that would change something, the kinds of [`SqlError`] for the rest.
    pub async fn query(&self, sql: &str) -> Result<QueryResult, SqlError> {
        self.query_with(sql, &[]).await
    }

    /// The same with values for `$1`, `$2`, …: NULL, booleans, numbers up to 64 bits and texts.
    ///
    /// # Errors
    /// As [`Session::query`]; [`SqlError::Statement`] if there are more or fewer values than places for them.
    pub async fn query_with(&self, sql: &str, parameters: &[Value<'_>]) -> Result<QueryResult, SqlError> {
        execute::query(&self.context, self.settings.memory_limit_bytes, sql, parameters).await
    }

    /// Plans a statement, if it is one that only reads.
    pub(crate) async fn plan(&self, statement: Statement) -> Result<LogicalPlan, SqlError> {
        execute::plan(&self.context, self.settings.memory_limit_bytes, statement).await
    }

    /// Begins to execute a plan of this session's.
    pub(crate) async fn start(&self, plan: LogicalPlan) -> Result<QueryResult, SqlError> {
        execute::start(&self.context, self.settings.memory_limit_bytes, plan).await
    }

    /// The same session, which has large queries executed by a cluster.
    #[cfg(feature = "cluster")]
    pub fn with_cluster(mut self, cluster: &Cluster) -> Session {
        let state = SessionStateBuilder::new_from_existing(self.context.state())
            .with_query_planner(cluster.planner())
            .build();
        *self.context.state_ref().write() = state;
        self.cluster = Some(cluster.clone());
        self
    }

    /// Whether the lake keeps roll-ups, so that the view `rollup_hour` is quicker to read than `executions`.
    pub fn has_rollups(&self) -> bool {
        self.has_rollups.load(Ordering::Relaxed)
    }

    /// What the session may use.
    pub fn settings(&self) -> SessionSettings {
        self.settings
    }

    /// Names of all functions that SQL has here, DataFusion's own included, sorted.
    pub fn function_names(&self) -> Vec<String> {
        let state = self.context.state();
        let scalar = state.scalar_functions().keys();
        let aggregate = state.aggregate_functions().keys();
        let window = state.window_functions().keys();
        let mut names: Vec<String> = scalar.chain(aggregate).chain(window).cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The session over the newest snapshot, for many who ask at the same time: whoever has one keeps it for as long as a statement takes.
pub struct CurrentSession {
    current: RwLock<Arc<Session>>,
}

impl CurrentSession {
    /// Begins with a session that is there.
    pub fn new(session: Session) -> CurrentSession {
        CurrentSession {
            current: RwLock::new(Arc::new(session)),
        }
    }

    /// The session over the newest snapshot.
    pub fn get(&self) -> Arc<Session> {
        // Nobody can leave a pointer half-changed.
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Turns to the lake's present snapshot. Those who have a session keep theirs.
    ///
    /// # Errors
    /// As [`Session::open`]; the snapshot stays the old one then.
    pub async fn refresh(&self, lake: &Lake) -> Result<(), SqlError> {
        let session = Arc::new(self.get().at_present(lake).await?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = session;
        Ok(())
    }
}

/// What the queries of all sessions that have it share: memory, and what is remembered of files.
fn runtime(settings: SessionSettings) -> Result<Arc<RuntimeEnv>, SqlError> {
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(settings.memory_limit_bytes)))
        .build_arc()
        .map_err(|error| SqlError::from_datafusion(error, settings.memory_limit_bytes))
}

/// Memory that each part of a sort sets aside for its merge, bytes, and the share of the limit that all parts may set aside.
const SORT_RESERVATION_BYTES_MAX: usize = 10 << 20;
const SORT_RESERVATION_SHARE: usize = 8;

fn config(settings: SessionSettings) -> SessionConfig {
    let threads = settings.threads.max(1);
    let reservation = settings.memory_limit_bytes / (SORT_RESERVATION_SHARE * threads);
    let mut config = SessionConfig::new()
        .with_target_partitions(threads)
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_sort_spill_reservation_bytes(reservation.min(SORT_RESERVATION_BYTES_MAX));
    let options = config.options_mut();
    options.execution.time_zone = Some("+00:00".to_owned());
    // The generic dialect allows a comma at the end of a list and so takes the column in `server, cluster` for a keyword.
    options.sql_parser.dialect = Dialect::PostgreSQL;
    // A hash join with dictionary keys can panic when it pushes its keys down as a list.
    options.optimizer.hash_join_inlist_pushdown_max_size = 0;
    options.optimizer.hash_join_inlist_pushdown_max_distinct_values = 0;
    config
}

#[cfg(test)]
mod tests;
