//! Telemetry that a log does not hold, asked of a live server: where replication stands, what is used, how large it is, what its own
//! counters say. Read-only and with few privileges; never writes to a server, never computes lag, never knows how a sample is stored.
//!
#![doc = include_str!("../../docs/collectors.md")]

mod address;
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

    /// What the account cannot see, in the server's words, found by asking for everything once.
    ///
    /// # Errors
    /// As [`Collector::sample`].
    pub async fn refusals(&mut self, now_us: i64) -> Result<Vec<String>, IngestError> {
        let samples = self.sample(now_us).await?;
        let gaps = samples.iter().filter(|sample| sample.metric == "collector_gap");
        let mut refusals: Vec<String> = gaps
            .map(|gap| {
                let what = gap.object.as_deref().unwrap_or_default();
                format!("{what}: {}", gap.attribute("error").unwrap_or_default())
            })
            .collect();
        if let Some(Session::Postgres(server)) = &mut self.session {
            match self.config.limited(server.missing_privilege()).await {
                Ok(missing) => refusals.extend(missing.map(str::to_owned)),
                Err(failure) => return Err(self.lost(failure, "its privileges")),
            }
        }
        Ok(refusals)
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

#[cfg(test)]
mod tests {
    const DOCUMENTATION: &str = include_str!("../../docs/collectors.md");
    const SOURCES: [&str; 3] = [
        include_str!("collector/postgres/questions.rs"),
        include_str!("collector/mysql/questions.rs"),
        include_str!("collector/question.rs"),
    ];

    /// The metrics that are asked for or told, by the calls and fields that name them.
    fn metrics() -> Vec<&'static str> {
        let named = |source: &'static str, before: &'static str| {
            source
                .split(before)
                .skip(1)
                .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        };
        let names = ["position(", "growth(", "changes(", "Question::state(", "metric: "];
        SOURCES
            .into_iter()
            .flat_map(|source| names.into_iter().flat_map(move |before| named(source, before)))
            .collect()
    }

    #[test]
    fn every_metric_is_documented() {
        let metrics = metrics();
        assert!(metrics.len() > 15, "{metrics:?}");
        for metric in &metrics {
            assert!(
                DOCUMENTATION.contains(&format!("\n| `{metric}` ")),
                "{metric} is not in docs/collectors.md"
            );
        }
        let rows = DOCUMENTATION.split("\n| `").skip(1);
        for documented in rows.filter_map(|row| row.split('`').next()) {
            assert!(metrics.contains(&documented), "{documented} is not asked for");
        }
    }
}
