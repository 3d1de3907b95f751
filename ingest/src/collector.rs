//! Telemetry that a log does not hold, asked of a live server: where replication stands, what is used, how large it is, what its own
//! counters say. Read-only and with few privileges; never writes to a server, never computes lag, never knows how a sample is stored.
//!
//! # Samples
//!
//! One [`Sample`] is one `metric` row of the archive: `metric` is its `event`, `object`, `database`, `user`, `duration_us` and `size_bytes`
//! are the columns of these names, `attributes` is the map of that name, `statement` the text of a statement. What is unknown is absent;
//! nothing unknown is ever zero. Attributes in `..._us` are µs, in `..._bytes` bytes, in `..._clock_us` and `..._at_us` µs since 1970 UTC.
//!
//! Asked at every sample:
//!
//! | metric | object | `duration_us` | `size_bytes` | attributes |
//! |---|---|---|---|---|
//! | `source_position` | | | PostgreSQL: end of WAL in bytes since its beginning; MySQL: place in `file` | `server_clock_us`, `round_trip_us`; PostgreSQL `lsn`, `timeline`, `standbys`; MySQL `file`, `gtid`, `server_id`, `read_only` |
//! | `replica` | MySQL: channel or connection | | received and not yet applied, only while `receiver` is `running` | `receiver` and `applier`: `running`, `connecting`, `paused`, `pausing`, `stopped`, `none`, `unknown`; `received_position`, `applied_position` (bytes as in `source_position`), `vendor_lag_us`, `configured_delay_us`, `server_clock_us`, `round_trip_us`; PostgreSQL `received_lsn`, `applied_lsn`, `timeline`, `last_commit_at_us`, `source_host`, `slot`; MySQL `received_file`, `applied_file`, `received_gtid`, `applied_gtid`, `relay_log_bytes`, `io_errno`, `sql_errno`, `source_host`, `source_port`, `source_id` |
//! | `standby` (PostgreSQL, on the sending side) | its `application_name` | the server's `replay_lag`: the time a commit would wait, no staleness; absent when nothing was sent lately | sent or to be sent, and not yet applied there | `pid`, `client`, `state`, `sync_state`, `sent_position`, `written_position`, `flushed_position`, `applied_position`, `source_position`, `write_lag_us`, `flush_lag_us`, `reply_age_us` |
//! | `slot` (PostgreSQL) | its name | | WAL kept for it | `type`, `active`, `wal_status`, `safe_wal_bytes`, `restart_lsn`, `confirmed_lsn`, `plugin`, `inactive_since_at_us`, `conflicting` |
//! | `subscription` (PostgreSQL) | its name | | received and not yet confirmed, only while `receiver` is `running` | `receiver`, `received_lsn`, `received_position`, `latest_end_lsn`, `last_message_age_us` |
//! | `applier_worker` (MySQL 8) | channel | age of the transaction it is applying, since its commit on the first source | | `worker`, `state`, `errno`, `last_end_to_end_us`, `last_apply_us` |
//! | `database_activity` (PostgreSQL) | | | | `connections`; growth of the counters of `pg_stat_database` |
//! | `activity` (PostgreSQL) | session state | age of its oldest transaction | | `connections`, `wait_event_type`, `oldest_query_us` |
//! | `status` (MySQL) | | | | gauges and growth of counters of `SHOW GLOBAL STATUS`, in lower case |
//!
//! Asked at every `detail_interval`:
//!
//! | metric | object | `duration_us` | `size_bytes` | attributes |
//! |---|---|---|---|---|
//! | `database_size` (PostgreSQL) | | | its size | `xid_age`, `multixact_age` |
//! | `table` | schema.table | | its size with indexes | PostgreSQL: `live_rows`, `dead_rows`, `last_vacuum_at_us`, `last_analyze_at_us`, growth of scans and changes; MySQL: `engine`, `estimated_rows`, `data_bytes`, `index_bytes`, growth of reads and writes |
//! | `index` | schema.index, MySQL schema.table.index | | its size | PostgreSQL: `table`, `is_unique`, `is_primary`, `is_valid`, growth of `scans`, `rows_read`, `rows_fetched`; MySQL: growth of `reads`, `writes` |
//! | `statement` | the server's own id of it (`queryid`, digest) | growth of its execution time | | `calls`, `rows_...`, and the other counters' growth |
//! | `statement_other` | | as above, of all that are not told one by one | | the same, and `statements`: how many |
//! | `setting` | its name | | | `value`, `unit`; only at first and where it changed |
//!
//! Growth is since the sample before, which was `interval_us` earlier, and absent in the first sample. Where counters began anew in between,
//! it is since that moment, and `reset` is `true`. Whatever could not be asked is told by a `collector_gap` with the metric as its object,
//! and `error` and `code`: a missing privilege, a lock. [`Sample::gap`] is the same for a server that could not be reached.
//!
//! # Lag
//!
//! No vendor's number is a replica's staleness, which is *t − P⁻¹(applied)*: the time since the source was where the replica is now.
//! `source_position` is the curve P on the collector's clock; `applied_position` (or `applied_gtid`) of `replica` and `standby` is where the
//! replica is. What looks like no lag and is none of it can be told apart: a paused or stopped `applier`, a `receiver` that is not `running`,
//! a `standby` that is no longer there (`standbys` of `source_position`, `active` of its slot). An idle source does not move: P⁻¹ is *now*.
//!
//! # Privileges
//!
//! PostgreSQL, in the database that is logged in to (`pg_monitor` reads every statistics view, and no table):
//! ```sql
//! CREATE ROLE slowlake LOGIN PASSWORD '…';
//! GRANT pg_monitor TO slowlake;
//! CREATE EXTENSION IF NOT EXISTS pg_stat_statements;   -- with shared_preload_libraries = 'pg_stat_statements'
//! ```
//! MySQL 8.0 or later (`SHOW VIEW` lets a table's name and size be seen, and nothing in it):
//! ```sql
//! CREATE USER slowlake IDENTIFIED BY '…' REQUIRE SSL;
//! GRANT REPLICATION CLIENT, SHOW VIEW ON *.* TO slowlake;
//! GRANT SELECT ON performance_schema.* TO slowlake;
//! GRANT SELECT ON mysql.innodb_index_stats TO slowlake;
//! ```
//! MariaDB 10.5 or later: as MySQL, with `BINLOG MONITOR, SLAVE MONITOR` instead of `REPLICATION CLIENT`.
//!
//! Sessions are read-only (`default_transaction_read_only`, `SET SESSION TRANSACTION READ ONLY`), with a limit on statements and on
//! waiting for locks. They need the server itself, not a pooler in front of it that hands a session on between transactions.

mod answer;
mod config;
mod growth;
mod mysql;
mod pace;
mod postgres;
mod question;
mod sample;
mod tls;

use std::time::{Duration, Instant};

pub use config::{CollectorConfig, Engine, Password, Secret, Tls};
pub use pace::Pace;
pub use sample::Sample;

use crate::error::IngestError;
use answer::{Answer, Failure};
use mysql::Mysql;
use postgres::Postgres;
use question::{Memory, Moment, Question, STATEMENTS_PLACE, Tells};

/// How much longer than the server's own limit an answer is waited for, so that the server's refusal arrives first.
const GRACE: Duration = Duration::from_secs(1);

/// A live server that is asked again and again. Connects anew when the connection was lost.
pub struct Collector {
    config: CollectorConfig,
    session: Option<Session>,
    memory: Memory,
    /// When the server was started, by the collector's clock and as exactly as the server tells.
    started_us: Option<i64>,
    details_at_us: Option<i64>,
}

enum Session {
    Postgres(Postgres),
    Mysql(Mysql),
}

/// The collector's clock: what the caller says, and on from there.
#[derive(Clone, Copy)]
struct Clock {
    now_us: i64,
    since: Instant,
}

impl Collector {
    /// Connects to a server, within its timeout. Must be called within a Tokio runtime with time and IO.
    ///
    /// # Errors
    /// [`IngestError::Password`], [`Certificates`](IngestError::Certificates), [`Connect`](IngestError::Connect),
    /// [`NoAnswer`](IngestError::NoAnswer), [`ServerTooOld`](IngestError::ServerTooOld).
    pub async fn connect(config: CollectorConfig) -> Result<Collector, IngestError> {
        let session = Session::open(&config).await?;
        Ok(Collector {
            config,
            session: Some(session),
            memory: Memory::default(),
            started_us: None,
            details_at_us: None,
        })
    }

    /// Asks for everything that is due. `now_us` is the collector's clock at the call, in µs since 1970 UTC; it should be the same for
    /// all servers of a cluster. What the server refuses is a `collector_gap` among the samples.
    ///
    /// # Errors
    /// As [`Collector::connect`], and [`ConnectionLost`](IngestError::ConnectionLost); what was read before it happened is dropped, and
    /// the next call connects again.
    pub async fn sample(&mut self, now_us: i64) -> Result<Vec<Sample>, IngestError> {
        let clock = Clock {
            now_us,
            since: Instant::now(),
        };
        let mut session = match self.session.take() {
            Some(session) => session,
            None => {
                self.memory.reconnect();
                Session::open(&self.config).await?
            }
        };
        let samples = self.ask_all(&mut session, clock).await?;
        // Only now: after an error nothing is known of how far the server's answers were read.
        self.session = Some(session);
        Ok(samples)
    }

    async fn ask_all(&mut self, session: &mut Session, clock: Clock) -> Result<Vec<Sample>, IngestError> {
        let interval_us = i64::try_from(self.config.detail_interval.as_micros()).unwrap_or(i64::MAX);
        let with_details = self
            .details_at_us
            .is_none_or(|before| clock.now_us.saturating_sub(before) >= interval_us);
        let questions = match self.prepare(session, with_details, clock).await {
            Ok(questions) => questions,
            Err(failure) => return Err(self.lost(failure, "its state")),
        };
        let mut samples = Vec::new();
        for question in &questions {
            self.ask(session, question, clock, &mut samples).await?;
        }
        if with_details {
            self.details_at_us = Some(clock.now_us);
        }
        Ok(samples)
    }

    /// What to ask this time, by what the server is now.
    async fn prepare(
        &mut self,
        session: &mut Session,
        with_details: bool,
        clock: Clock,
    ) -> Result<Vec<Question>, Failure> {
        match session {
            Session::Postgres(server) => {
                let state = self.config.limited(server.state()).await?;
                Ok(server.questions(&state, &self.config, with_details))
            }
            Session::Mysql(server) => {
                let uptime_us = self.config.limited(server.uptime_us()).await?;
                let started_us = clock.moment(clock.since).ts_us - uptime_us;
                if self
                    .started_us
                    .is_some_and(|before| mysql::is_restart(before, started_us))
                {
                    self.memory.restart();
                }
                self.started_us = Some(started_us);
                Ok(server.questions(&self.config, with_details))
            }
        }
    }

    async fn ask(
        &mut self,
        session: &mut Session,
        question: &Question,
        clock: Clock,
        samples: &mut Vec<Sample>,
    ) -> Result<(), IngestError> {
        let asked = Instant::now();
        let answer = match self.config.limited(session.ask(&question.sql)).await {
            Ok(answer) => answer,
            Err(failure) => return self.gap(failure, question.metric, clock.moment(asked), samples),
        };
        let at = clock.moment(asked);
        let mut answer = (question.shape)(answer);
        if let Some(also) = question.also.filter(|_| !answer.rows.is_empty()) {
            match self.config.limited(session.ask(also)).await {
                Ok(other) => answer.widen(other),
                Err(failure) => return self.gap(failure, question.metric, at, samples),
            }
        }
        let mut told = question.samples(&answer, at, &mut self.memory);
        if let Tells::Statements { text_sql, .. } = &question.tells {
            let missing = self.memory.texts_missing(&told);
            if !missing.is_empty() {
                let sql = text_sql.replace(STATEMENTS_PLACE, &quoted_list(&missing));
                match self.config.limited(session.ask(&sql)).await {
                    Ok(texts) => self.memory.add_texts(&mut told, &texts),
                    Err(failure) => self.gap(failure, question.metric, at, samples)?,
                }
            }
        }
        samples.append(&mut told);
        Ok(())
    }

    fn gap(
        &self,
        failure: Failure,
        metric: &'static str,
        at: Moment,
        samples: &mut Vec<Sample>,
    ) -> Result<(), IngestError> {
        match failure {
            Failure::Refused { code, message } => {
                samples.push(Sample::gap_of(at.ts_us, metric, &message, Some(&code)));
                Ok(())
            }
            failure => Err(self.lost(failure, metric)),
        }
    }

    fn lost(&self, failure: Failure, asked: &'static str) -> IngestError {
        let server = self.config.server.clone();
        match failure {
            Failure::Silent => IngestError::NoAnswer {
                server,
                asked,
                limit_ms: milliseconds(self.config.timeout + GRACE),
            },
            Failure::Lost(cause) | Failure::Refused { message: cause, .. } => {
                IngestError::ConnectionLost { server, asked, cause }
            }
        }
    }
}

impl Session {
    async fn open(config: &CollectorConfig) -> Result<Session, IngestError> {
        let opened = async {
            match config.engine {
                Engine::Postgres => Postgres::open(config).await.map(Session::Postgres),
                Engine::Mysql => Mysql::open(config).await.map(Session::Mysql),
            }
        };
        match tokio::time::timeout(config.timeout, opened).await {
            Ok(session) => session,
            Err(_) => Err(IngestError::NoAnswer {
                server: config.server.clone(),
                asked: "a connection",
                limit_ms: milliseconds(config.timeout),
            }),
        }
    }

    async fn ask(&mut self, sql: &str) -> Result<Answer, Failure> {
        match self {
            Session::Postgres(server) => server.ask(sql).await,
            Session::Mysql(server) => server.ask(sql).await,
        }
    }
}

impl CollectorConfig {
    /// What a server does, for no longer than configured.
    async fn limited<T>(&self, doing: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        match tokio::time::timeout(self.timeout + GRACE, doing).await {
            Ok(result) => result,
            Err(_) => Err(Failure::Silent),
        }
    }
}

impl Clock {
    /// The middle of the time since a question was asked.
    fn moment(self, asked: Instant) -> Moment {
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        let round_trip_us = micros(asked.elapsed());
        Moment {
            ts_us: self.now_us + micros(asked - self.since) + round_trip_us / 2,
            round_trip_us,
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Names as a list of SQL literals; what could end a literal is left out, since no server's id of a statement holds it.
fn quoted_list(names: &[String]) -> String {
    let plain = |name: &String| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let quoted: Vec<String> = names
        .iter()
        .filter(|name| plain(name))
        .map(|name| format!("'{name}'"))
        .collect();
    if quoted.is_empty() {
        "NULL".to_owned()
    } else {
        quoted.join(", ")
    }
}
