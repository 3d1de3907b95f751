//! The tables that are computed from `events` and kept beside it: `rollup_hour`, of which `rollup_day` is summed up, and `queries`.
//!
//! A derived table has what its definition (`derived/*.sql`) says of the events up to some version of the lake, which is its fence: an
//! application transaction of its own. Later commits say which hours they changed. What a reader is told is therefore always the
//! same: the rows that are kept, but for the hours that changed, and the definition over the events of those hours. The job that brings the
//! table up to date (`maintain/derive`) writes down just that. Never aggregates by any other way, and never writes.

mod changes;
mod columns;
mod touched;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use deltalake::operations::create::CreateBuilder;

use crate::append::Progress;
use crate::error::StoreError;
use crate::lake_table::{LakeTable, plain_commit};
use crate::maintain::retained_since;
use crate::schema::{
    FINGERPRINT_VERSION_PROPERTY, Kind, PARTITION_COLUMNS, SCHEMA_VERSION, SCHEMA_VERSION_PROPERTY,
    TableShape,
};
use crate::table::{Lake, load, table_at};

pub(crate) use changes::day;
use columns::{QUERIES, ROLLUP_DAY, ROLLUP_HOUR};
use touched::day_literal;
pub(crate) use touched::{HOUR_US, HOURS_OF_DAY, Touched, UNDATED};

/// A table that is computed from `events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DerivedTable {
    /// Executions by hour, server, database, user, application and fingerprint.
    RollupHour,
    /// The same by day, summed up from the hours.
    RollupDay,
    /// Texts, calls and times by fingerprint and day.
    Queries,
}

impl DerivedTable {
    /// Every one, each after those that it is computed from.
    pub const ALL: [DerivedTable; 3] = [
        DerivedTable::RollupHour,
        DerivedTable::RollupDay,
        DerivedTable::Queries,
    ];

    /// Its name, which is that of its directory in the lake.
    pub fn name(self) -> &'static str {
        self.shape().name
    }

    /// The name under which a session has what is kept of it; see [`DerivedView::rows_sql`].
    pub fn stored_name(self) -> &'static str {
        match self {
            DerivedTable::RollupHour => "stored_rollup_hour",
            DerivedTable::RollupDay => "stored_rollup_day",
            DerivedTable::Queries => "stored_queries",
        }
    }

    /// The name under which a session has all of its rows; see [`DerivedView::rows_sql`].
    pub fn view_name(self) -> &'static str {
        match self {
            DerivedTable::RollupHour => "derived_rollup_hour",
            DerivedTable::RollupDay => "derived_rollup_day",
            DerivedTable::Queries => "derived_queries",
        }
    }

    /// The definition over those events that satisfy a condition, as SQL over the table `events`; of `rollup_day` over those hours that
    /// do, as SQL over the [view](DerivedTable::view_name) of `rollup_hour`.
    pub fn definition(self, condition: &str) -> String {
        let sql = match self {
            DerivedTable::RollupHour => include_str!("derived/rollup_hour.sql"),
            DerivedTable::RollupDay => include_str!("derived/rollup_day.sql"),
            DerivedTable::Queries => include_str!("derived/queries.sql"),
        };
        sql.replace("{condition}", condition)
    }

    pub(crate) fn shape(self) -> &'static TableShape {
        match self {
            DerivedTable::RollupHour => &ROLLUP_HOUR,
            DerivedTable::RollupDay => &ROLLUP_DAY,
            DerivedTable::Queries => &QUERIES,
        }
    }

    /// The fence: the version of `events` up to which the table knows them.
    pub(crate) fn app_id(self) -> &'static str {
        match self {
            DerivedTable::RollupHour => "derive/rollup_hour",
            DerivedTable::RollupDay => "derive/rollup_day",
            DerivedTable::Queries => "derive/queries",
        }
    }

    /// The order of its rows in a file.
    pub(crate) fn order(self) -> &'static str {
        match self {
            DerivedTable::RollupHour => r#"fingerprint, hour, server, database, "user", application"#,
            DerivedTable::RollupDay => r#"fingerprint, server, database, "user", application"#,
            DerivedTable::Queries => "fingerprint",
        }
    }

    /// The kinds of rows that it is computed from.
    fn kinds(self) -> &'static [Kind] {
        match self {
            DerivedTable::RollupHour | DerivedTable::RollupDay => &[Kind::Query],
            DerivedTable::Queries => &[Kind::Query, Kind::Log],
        }
    }

    /// What has to be computed anew where these hours changed.
    fn unit(self, touched: Touched) -> Touched {
        match self {
            DerivedTable::RollupHour => touched,
            DerivedTable::RollupDay | DerivedTable::Queries => touched.whole_days(),
        }
    }

    fn directory(self) -> String {
        format!("{}/", self.name())
    }

    /// The column of the table that says in which hour a row is.
    fn time_column(self) -> &'static str {
        match self {
            DerivedTable::RollupHour => "hour",
            // Only whole days change, so that no condition names it.
            DerivedTable::RollupDay | DerivedTable::Queries => "event_date",
        }
    }

    /// All rows: those that are kept, but for the rest, and the rest.
    fn rows_sql(self, is_kept: bool, rest: &Rest) -> String {
        match rest {
            Rest::Hours(touched) if is_kept && touched.is_empty() => self.kept_sql("true"),
            Rest::Hours(touched) if is_kept => format!(
                "{} UNION ALL {}",
                self.kept_sql(&touched.converse(self.time_column())),
                self.computed_sql(&touched.condition("ts"))
            ),
            Rest::Hours(touched) => self.computed_sql(&touched.condition("ts")),
            Rest::Since(day) if is_kept => {
                let (since, undated) = (day_literal(*day), day_literal(UNDATED));
                let recent = format!("(event_date >= {since} OR event_date = {undated})");
                format!(
                    "{} UNION ALL {}",
                    self.kept_sql(&format!("NOT {recent}")),
                    self.computed_sql(&recent)
                )
            }
            Rest::Since(_) | Rest::All => self.computed_sql("true"),
        }
    }

    fn kept_sql(self, condition: &str) -> String {
        let (columns, stored) = (self.column_list(), self.stored_name());
        format!("SELECT {columns} FROM {stored} WHERE {condition}")
    }

    fn computed_sql(self, condition: &str) -> String {
        let (columns, definition) = (self.column_list(), self.definition(condition));
        format!("SELECT {columns} FROM ({definition}) AS computed")
    }

    fn column_list(self) -> String {
        let names = self
            .shape()
            .all_columns()
            .map(|column| format!("\"{}\"", column.name));
        names.collect::<Vec<_>>().join(", ")
    }
}

/// What a derived table says of the events up to one version of the lake: rows that are kept, and the rest from the events.
#[derive(Debug)]
pub struct DerivedView {
    table: DerivedTable,
    pub(crate) kept: Option<Kept>,
    pub(crate) rest: Rest,
}

/// The table as it is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) delta: LakeTable,
    /// The version of `events` up to which it knows them.
    pub(crate) version: i64,
}

/// What is computed from the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rest {
    /// These hours.
    Hours(Touched),
    /// All days from this one on, and the undated rows; earlier ones are known from what is kept alone.
    Since(i32),
    /// Everything.
    All,
}

impl Lake {
    /// What a derived table says of the events at the version this handle sees.
    ///
    /// # Errors
    /// [`StoreError::Storage`] where a log cannot be read, and those of [`open`](Lake::open) for the derived table's own.
    pub async fn derived(&self, table: DerivedTable) -> Result<DerivedView, StoreError> {
        let mut view = DerivedView::without_table(table);
        let Some(delta) = self.load_derived(table).await? else {
            return Ok(view);
        };
        if let Some(version) = delta.watermark(table.app_id()).await? {
            view.rest = self.rest(table, version).await?;
            view.kept = Some(Kept { delta, version });
        }
        Ok(view)
    }

    /// What is computed from the events where a table knows those up to a version.
    async fn rest(&self, table: DerivedTable, version: i64) -> Result<Rest, StoreError> {
        let frozen_before = self.raw_since(table).await?;
        let touched = changes::touched_since(&self.events, version, table.kinds()).await?;
        Ok(match (touched, frozen_before) {
            (Some(mut touched), _) => {
                touched = table.unit(touched).joined();
                touched.forget_before(frozen_before.unwrap_or(i32::MIN));
                Rest::Hours(touched)
            }
            (None, Some(day)) => Rest::Since(day),
            (None, None) => Rest::All,
        })
    }

    /// The first day of which the rows that a table is computed from are all there; of earlier ones some were removed because of their
    /// age. What was derived of those stays as it is.
    pub(crate) async fn raw_since(&self, table: DerivedTable) -> Result<Option<i32>, StoreError> {
        let mut first = None;
        for kind in table.kinds() {
            first = first.max(self.events.watermark(&retained_since(*kind)).await?);
        }
        Ok(first.and_then(|day| i32::try_from(day).ok()))
    }

    pub(crate) async fn load_derived(&self, table: DerivedTable) -> Result<Option<LakeTable>, StoreError> {
        load(&self.location, &table.directory(), self.store.clone()).await
    }

    /// The tables beside `events` that are there.
    pub(crate) async fn other_tables(&self) -> Result<Vec<LakeTable>, StoreError> {
        let mut tables: Vec<LakeTable> = self.load_findings().await?.into_iter().collect();
        for table in DerivedTable::ALL {
            tables.extend(self.load_derived(table).await?);
        }
        Ok(tables)
    }

    /// The table, made where it is not there.
    pub(crate) async fn open_or_create_derived(&self, table: DerivedTable) -> Result<LakeTable, StoreError> {
        if let Some(found) = self.load_derived(table).await? {
            return Ok(found);
        }
        let created = self.create_derived(table).await;
        // Another process may have been faster, or it be there despite the error: what can be opened decides.
        match (self.load_derived(table).await?, created) {
            (Some(found), _) => Ok(found),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Err(StoreError::NotFound {
                location: self.location.clone(),
            }),
        }
    }

    async fn create_derived(&self, table: DerivedTable) -> Result<(), StoreError> {
        let shape = table.shape();
        let delta = table_at(&self.location, &table.directory(), self.store.clone())?;
        let fingerprints = self.events.property(FINGERPRINT_VERSION_PROPERTY)?;
        let properties = [
            (SCHEMA_VERSION_PROPERTY, Some(SCHEMA_VERSION.to_string())),
            (FINGERPRINT_VERSION_PROPERTY, fingerprints),
            ("delta.dataSkippingStatsColumns", Some(shape.statistics.join(","))),
        ];
        CreateBuilder::new()
            .with_log_store(delta.log_store())
            .with_table_name(shape.name)
            .with_columns(shape.delta_fields())
            .with_partition_columns(shape.partitions.iter().map(|column| column.name))
            .with_configuration(properties)
            .with_raise_if_key_not_exists(false)
            // With a retry it would replace the table that a faster process just made.
            .with_commit_properties(plain_commit())
            .await
            .map_err(|error| StoreError::storage("create", &self.location, error))?;
        Ok(())
    }
}

impl DerivedView {
    /// A view without a table: everything is computed from the events.
    pub fn without_table(table: DerivedTable) -> DerivedView {
        DerivedView {
            table,
            kept: None,
            rest: Rest::All,
        }
    }

    /// Which table it is of.
    pub fn table(&self) -> DerivedTable {
        self.table
    }

    /// What is kept, as a table for [`stored_name`](DerivedTable::stored_name); none where nothing is.
    ///
    /// # Errors
    /// Those of [`Lake::provider`].
    pub fn stored(&self) -> Result<Option<Arc<dyn TableProvider>>, StoreError> {
        let provider = |kept: &Kept| kept.delta.provider(self.table.shape());
        self.kept.as_ref().map(provider).transpose()
    }

    /// Whether most of the answer need not be computed.
    pub fn is_kept(&self) -> bool {
        self.kept.is_some() && self.rest != Rest::All
    }

    /// All rows, as SQL over what the [definition](DerivedTable::definition) is over and, where something is kept,
    /// [`stored_name`](DerivedTable::stored_name).
    pub fn rows_sql(&self) -> String {
        self.table.rows_sql(self.kept.is_some(), &self.rest)
    }

    /// The rows of a day, of which these hours are computed.
    pub(crate) fn day_sql(&self, day: i32, touched: &Touched) -> String {
        format!(
            "SELECT * FROM ({}) AS rows WHERE event_date = {}",
            self.table
                .rows_sql(self.kept.is_some(), &Rest::Hours(touched.clone())),
            day_literal(day)
        )
    }

    /// Whether the commits do not say which hours changed.
    pub(crate) fn computes_everything(&self) -> bool {
        !matches!(self.rest, Rest::Hours(_))
    }

    /// The days of which something has to be computed.
    pub(crate) async fn touched_days(&self, lake: &Lake) -> Result<BTreeSet<i32>, StoreError> {
        if let Rest::Hours(touched) = &self.rest {
            return Ok(touched.days());
        }
        let mut days = self.source_days(lake).await?;
        days.retain(|day| !self.touched_of(*day).is_empty());
        Ok(days)
    }

    /// The days that have rows which the table is computed from.
    pub(crate) async fn source_days(&self, lake: &Lake) -> Result<BTreeSet<i32>, StoreError> {
        let mut days = self.days_of_events(&lake.events)?;
        if self.table == DerivedTable::RollupDay {
            // Hours are kept longer than their executions.
            days.extend(lake.derived(DerivedTable::RollupHour).await?.kept_days()?);
        }
        Ok(days)
    }

    fn days_of_events(&self, events: &LakeTable) -> Result<BTreeSet<i32>, StoreError> {
        let files = events.files()?;
        let of_kind = files.iter().filter_map(|file| {
            let values = file.partition_values_map();
            let [date, kind] = PARTITION_COLUMNS.map(|name| values.get(name).and_then(Option::as_deref));
            let is_wanted =
                kind.is_some_and(|kind| self.table.kinds().iter().any(|wanted| wanted.as_str() == kind));
            day(date.filter(|_| is_wanted)?)
        });
        Ok(of_kind.collect())
    }

    /// The days that anything is kept of.
    pub(crate) fn kept_days(&self) -> Result<BTreeSet<i32>, StoreError> {
        let Some(kept) = &self.kept else {
            return Ok(BTreeSet::new());
        };
        let files = kept.delta.files()?;
        let day_of = |values: HashMap<String, Option<String>>| day(values.get("event_date")?.as_deref()?);
        Ok(files
            .iter()
            .filter_map(|file| day_of(file.partition_values_map()))
            .collect())
    }

    /// The columns of the rows of [`rows_sql`](DerivedView::rows_sql).
    pub(crate) fn schema(&self) -> SchemaRef {
        self.table.shape().query_schema()
    }

    /// What is kept of a day, and the same computed from the events, as far as they have not changed since.
    pub(crate) fn day_sqls(&self, day: i32) -> [String; 2] {
        let touched = self.touched_of(day);
        let time = self.table.time_column();
        let of_day = format!("event_date = {}", day_literal(day));
        [
            self.table
                .kept_sql(&format!("{of_day} AND {}", touched.converse(time))),
            self.table
                .computed_sql(&format!("{of_day} AND {}", touched.converse("ts"))),
        ]
    }

    /// What has to be computed of a day.
    pub(crate) fn touched_of(&self, day: i32) -> Touched {
        match &self.rest {
            Rest::Hours(touched) => touched.of_day(day),
            Rest::Since(first) if day < *first && day != UNDATED => Touched::default(),
            Rest::Since(_) | Rest::All => {
                let mut whole = Touched::default();
                whole.add(day, None);
                whole
            }
        }
    }

    /// The fence of the job that brings the table up to `version` of the lake.
    pub(crate) fn progress(&self, version: i64) -> Progress {
        Progress {
            app_id: self.table.app_id().to_owned(),
            prev: self.kept.as_ref().map(|kept| kept.version),
            next: version,
        }
    }
}
