//! The six weeks as rows of a lake: names, texts, events, samples and books. Decides nothing of what happened.

use slowlake_store::{LedgerRow, LogRow, MetricRow, Place, QueryRow, RowBuilder, Rows};

use super::model::{CLUSTER_SERVERS, Execution, Month, SERVICES, service_of};
use super::{DAY_US, HOUR_US, START_US};
use crate::random::mixed;

/// The unit of progress of a server's log.
pub(crate) fn app_id(server: usize) -> String {
    format!("f/month/{server:04}/0")
}

/// `eu-billing-03-1`: region, service, cluster, place in it.
pub(crate) fn server_name(server: usize) -> String {
    let cluster = server / CLUSTER_SERVERS;
    let region = ["eu", "us", "ap"][cluster % 3];
    let service = SERVICES[service_of(server)].database;
    format!(
        "{region}-{service}-{:02}-{}",
        cluster / SERVICES.len(),
        server % CLUSTER_SERVERS
    )
}

struct Server {
    name: String,
    cluster: String,
    log: String,
    collector: String,
}

/// Fills a builder with rows.
pub(crate) struct Writer {
    builder: RowBuilder,
    servers: Vec<Server>,
    /// Queries whose text the day has had.
    has_text: Vec<bool>,
    queries: usize,
}

impl Writer {
    pub(crate) fn new(month: &Month) -> Writer {
        Writer {
            builder: RowBuilder::new(),
            servers: (0..month.servers).map(Server::new).collect(),
            has_text: Vec::new(),
            queries: month.queries.len(),
        }
    }

    /// The rows so far.
    pub(crate) fn finish(&mut self) -> Rows {
        self.builder.finish()
    }

    /// Every query's normalized text is written once a day.
    pub(crate) fn begin_day(&mut self) {
        self.has_text = vec![false; self.queries];
    }

    pub(crate) fn executions(&mut self, month: &Month, executions: &[Execution]) {
        for execution in executions {
            let number = usize::from(execution.query);
            let query = &month.queries[number];
            let server = &self.servers[usize::from(execution.server)];
            let is_first = !std::mem::replace(&mut self.has_text[number], true);
            let text = execution.has_text.then(|| {
                let literal = (execution.ts_us % 1_000_000).to_string();
                format!(
                    "/* controller={} */ {}",
                    query.application,
                    query.normalized.replace('?', &literal)
                )
            });
            let rows = i64::from(query.rows)
                + (mixed(execution.ts_us as u64) % u64::from(query.rows / 4 + 1)) as i64;
            let tags = [("framework", "rails"), ("team", TEAMS[query.service])];
            self.builder.push_query(&QueryRow {
                place: server.place(&server.log, execution.source_offset, execution.ts_us),
                fingerprint: Some(query.fingerprint),
                query_time_us: Some(execution.query_time_us),
                rows_sent: Some(1 + rows / 50),
                rows_examined: Some(rows),
                database: Some(SERVICES[query.service].database),
                user: Some(query.application),
                application: Some(query.application),
                command: Some("query"),
                normalized: is_first.then_some(query.normalized.as_str()),
                verb: is_first.then_some(query.verb),
                tables: is_first.then_some(&query.tables),
                tags: if execution.has_text { &tags } else { &[] },
                statement: text.as_deref(),
                ..QueryRow::default()
            });
        }
    }

    /// Sizes of databases, once a day: they grow by a share of a percent a day, and one of them by much more.
    pub(crate) fn samples(&mut self, month: &Month, day: usize) {
        let ts_us = START_US + day as i64 * DAY_US + HOUR_US;
        for (index, server) in self
            .servers
            .iter()
            .enumerate()
            .filter(|(index, _)| index % CLUSTER_SERVERS == 0)
        {
            let begin = 40e9 + (mixed(index as u64) % 400) as f64 * 1e9;
            let a_day = if index / CLUSTER_SERVERS == GROWING_CLUSTER {
                0.012
            } else {
                0.001 + (mixed(index as u64 + 9) % 30) as f64 / 1e4
            };
            let wobble = 1.0 + (mixed((index * 64 + day) as u64) % 1000) as f64 / 1e6;
            self.builder.push_metric(&MetricRow {
                place: server.place(&server.collector, ts_us, ts_us),
                event: "database_size",
                object: Some(SERVICES[service_of(index)].database),
                size_bytes: Some((begin * (1.0 + a_day * day as f64) * wobble) as i64),
                ..MetricRow::default()
            });
        }
        debug_assert!(self.servers.len() == month.servers, "one for one");
    }

    /// Some errors and lock waits of every day.
    pub(crate) fn events(&mut self, month: &Month, day: usize) {
        for (index, server) in self.servers.iter().enumerate() {
            let key = mixed((index * 64 + day) as u64 + 77);
            let query =
                &month.queries[service_of(index) * super::model::SERVICE_QUERIES + (key % 20) as usize];
            let ts_us = START_US + day as i64 * DAY_US + (key % DAY_US as u64) as i64;
            let (event, sql_state, message) = match key >> 32 & 7 {
                0 => ("deadlock", "40P01", "deadlock detected"),
                1 => (
                    "canceled",
                    "57014",
                    "canceling statement due to statement timeout",
                ),
                2 | 3 => ("error", "23505", "duplicate key value violates unique constraint"),
                _ => continue,
            };
            self.builder.push_log(&LogRow {
                // Behind all executions of the day, so that no key is taken twice.
                place: server.place(&server.log, EVENTS_FROM + ts_us - START_US, ts_us),
                fingerprint: Some(query.fingerprint),
                database: Some(SERVICES[query.service].database),
                application: Some(query.application),
                event,
                severity: "error",
                sql_state: Some(sql_state),
                message: Some(message),
                ..LogRow::default()
            });
        }
    }

    /// The books of one day: each log from where it was to where it is, with so many executions in it.
    pub(crate) fn ledger(&mut self, day: usize, before: &[i64], after: &[i64], executions: &[Execution]) {
        let mut entries = vec![0_i64; self.servers.len()];
        executions
            .iter()
            .for_each(|execution| entries[usize::from(execution.server)] += 1);
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
}

/// Who owns each service.
const TEAMS: [&str; 8] = [
    "orders",
    "money",
    "logistics",
    "identity",
    "discovery",
    "comms",
    "insight",
    "content",
];
/// The cluster whose data grows by 1.2 % a day.
const GROWING_CLUSTER: usize = 3;
/// Offsets of events, behind any that an execution can have.
const EVENTS_FROM: i64 = 1 << 50;

impl Server {
    fn new(server: usize) -> Server {
        let name = server_name(server);
        Server {
            cluster: name
                .rsplit_once('-')
                .map_or(name.clone(), |(cluster, _)| cluster.to_owned()),
            log: format!("/var/log/{name}/postgresql.csv"),
            collector: format!("collector/{name}"),
            name,
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
            dialect: Some("postgres"),
        }
    }
}
