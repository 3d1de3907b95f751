//! What the fleet did as rows of a lake: names, texts, samples and books. Decides nothing of what happened.

use slowlake_store::{LedgerRow, MetricRow, Place, QueryRow, RowBuilder};

use crate::model::{DAY_US, Execution, Fleet, QUERIES, SERVERS, START_US, cluster, is_mysql};
use crate::truth::Truth;

const CLIENTS: usize = 8;
/// MySQL's number of a deadlock, the one way in which executions of the fleet fail.
const DEADLOCK: i64 = 1213;

/// The unit of progress of a server's log.
pub(crate) fn app_id(server: usize) -> String {
    format!("f/fleet/{server:03}/0")
}

struct Server {
    name: String,
    cluster: String,
    dialect: &'static str,
    log: String,
    collector: String,
    clients: Vec<String>,
}

/// Fills a builder with rows.
pub(crate) struct Writer {
    builder: RowBuilder,
    servers: Vec<Server>,
    users: Vec<String>,
    normalized: Vec<String>,
    /// Queries whose text the day has had.
    has_text: Vec<bool>,
}

impl Writer {
    pub(crate) fn new(fleet: &Fleet) -> Writer {
        let texts = fleet.queries.iter().enumerate();
        Writer {
            builder: RowBuilder::new(),
            servers: (0..SERVERS).map(Server::new).collect(),
            users: fleet
                .queries
                .iter()
                .map(|query| format!("{}_rw", query.application))
                .collect(),
            normalized: texts.map(|(rank, _)| statement(rank, "?", "?")).collect(),
            has_text: Vec::new(),
        }
    }

    pub(crate) fn builder(&mut self) -> &mut RowBuilder {
        &mut self.builder
    }

    /// Every query's normalized text is written once a day.
    pub(crate) fn begin_day(&mut self) {
        self.has_text = vec![false; QUERIES];
    }

    pub(crate) fn executions(&mut self, fleet: &Fleet, truth: &mut Truth, executions: &[Execution]) {
        for execution in executions {
            self.execution(fleet, truth, execution);
        }
    }

    /// Samples of replicas: `(ts_us, server, lag_us)`.
    pub(crate) fn lags(&mut self, lags: &[(i64, usize, i64)]) {
        for (ts_us, server, lag_us) in lags {
            let server = &self.servers[*server];
            self.builder.push_metric(&MetricRow {
                // A collector's offset is the moment it looked.
                place: server.place(&server.collector, *ts_us, *ts_us),
                event: "replication_lag",
                duration_us: Some(*lag_us),
                ..MetricRow::default()
            });
        }
    }

    /// The books of one day: each log from where it was to where it is, with so many executions in it.
    pub(crate) fn ledger(&mut self, day: usize, before: &[i64], after: &[i64], entries: &[i64]) {
        let read_us = START_US + (day as i64 + 1) * DAY_US - 1;
        for (index, server) in self.servers.iter().enumerate() {
            let bytes = after[index] - before[index];
            if bytes > 0 {
                self.builder.push_ledger(&LedgerRow {
                    place: server.place(&server.log, before[index], read_us),
                    app_id: &app_id(index),
                    source_identity: &server.name,
                    range_end: after[index],
                    bytes_in: bytes,
                    bytes_parsed: bytes,
                    entries_query: entries[index],
                    ..LedgerRow::default()
                });
            }
        }
    }

    fn execution(&mut self, fleet: &Fleet, truth: &mut Truth, execution: &Execution) {
        let rank = usize::from(execution.query);
        let query = &fleet.queries[rank];
        let server = &self.servers[usize::from(execution.server)];
        let is_first = !std::mem::replace(&mut self.has_text[rank], true);
        let text = execution.has_text.then(|| {
            let number = execution.ts_us % 10_000_000;
            statement(rank, &number.to_string(), &format!("'{}'", number % 97))
        });
        if let Some(text) = &text
            && truth.wants_text(execution)
        {
            truth.text(execution, &server.log, text);
        }
        let mysql = |value: i64| execution.is_mysql().then_some(value);
        self.builder.push_query(&QueryRow {
            place: server.place(&server.log, execution.source_offset, execution.ts_us),
            end_ts_us: Some(execution.ts_us + execution.query_time_us),
            fingerprint: Some(execution.fingerprint),
            query_time_us: Some(execution.query_time_us),
            lock_time_us: mysql(execution.lock_time_us.into()),
            rows_sent: mysql(execution.rows_sent.into()),
            rows_examined: mysql(execution.rows_examined.into()),
            error_code: mysql(if execution.has_failed { DEADLOCK } else { 0 }),
            database: Some(query.database),
            user: Some(&self.users[rank]),
            application: Some(query.application),
            client: Some(&server.clients[usize::from(execution.client)]),
            session_id: Some(execution.session_id.into()),
            command: Some("query"),
            normalized: is_first.then_some(&self.normalized[rank]),
            verb: is_first.then_some("SELECT"),
            tables: is_first.then_some(&["orders"]),
            statement: text.as_deref(),
            ..QueryRow::default()
        });
    }
}

impl Server {
    fn new(server: usize) -> Server {
        let cluster = cluster(server);
        Server {
            name: format!("db-{server:03}"),
            cluster: format!("cluster-{cluster:02}"),
            dialect: if is_mysql(server) { "mysql" } else { "postgres" },
            log: format!("/var/log/db-{server:03}/slow.log"),
            collector: format!("db-{server:03}/replication"),
            clients: (0..CLIENTS)
                .map(|client| format!("10.{cluster}.{server}.{client}"))
                .collect(),
        }
    }

    fn place<'a>(&'a self, source: &'a str, source_offset: i64, ts_us: i64) -> Place<'a> {
        Place {
            source,
            source_offset,
            source_seq: 0,
            ts_us: Some(ts_us),
            server: Some(&self.name),
            cluster: Some(&self.cluster),
            dialect: Some(self.dialect),
        }
    }
}

/// The text of a query with its two literals.
fn statement(rank: usize, number: &str, text: &str) -> String {
    format!(
        "SELECT o.id, o.state, o.total, p.name FROM orders o JOIN products p ON p.id = o.product_id \
         WHERE o.customer_id = {number} AND o.region = {text} AND o.column_{rank} IS NOT NULL ORDER BY o.id DESC LIMIT 50"
    )
}
