//! The job over a lake with a history that is made up: episodes of every cause at known times, and a writer to be blamed.

use slowlake_sql::{Session, SessionSettings};
use slowlake_store::{Commit, Lake, MetricRow, Place, Progress, QueryRow, RowBuilder};

use super::replica::measured;
use super::samples::Samples;
use super::staleness::Curve;
use super::*;
use crate::filter::DAY_US;
use crate::fixture::MONDAY_US;
use crate::rows::{each_row, time};
use crate::{TimeWindow, WeekRequest, WeeklyRequest, weekly};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
/// Seconds between samples.
const POLL: i64 = 10;
/// What the source writes, bytes per second; while a batch is written so many times as much.
const USUAL: i64 = 100_000;
const BURST: i64 = 20;
/// What a replica can apply, bytes per second.
const APPLIES: i64 = 300_000;
const BATCH: i64 = 77;
const STEADY: i64 = 78;

/// One sample: when, of which server, and the rest.
struct Told {
    second: i64,
    server: &'static str,
    metric: &'static str,
    object: Option<&'static str>,
    size_bytes: Option<i64>,
    fingerprint: Option<i64>,
    attributes: Vec<(&'static str, String)>,
}

/// What is wrong with a replica at a second.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Paused,
    Cut,
    Slow,
}

struct Simulated {
    told: Vec<Told>,
    /// Logged executions of the source: second, fingerprint, rows changed.
    executed: Vec<(i64, i64, i64)>,
}

impl Simulated {
    /// Nine hours of a source and three replicas, of which the last is told to stay a minute behind.
    fn new() -> Simulated {
        let mut simulated = Simulated {
            told: Vec::new(),
            executed: Vec::new(),
        };
        let mut source = vec![1_000_000];
        for second in 1..9 * HOUR {
            source.push(source[second as usize - 1] + rate(second));
        }
        for second in (0..9 * HOUR).step_by(POLL as usize) {
            simulated.source(second, source[second as usize]);
        }
        for (number, server) in ["db-2", "db-3"].into_iter().enumerate() {
            simulated.replica(server, number, &source);
        }
        for second in (MINUTE..9 * HOUR).step_by(POLL as usize) {
            let seen = source[(second - MINUTE) as usize];
            simulated.sample(
                second,
                "db-4",
                (source[second as usize], seen),
                Fault::None,
                MINUTE,
            );
        }
        simulated
    }

    fn source(&mut self, second: i64, position: i64) {
        self.tell(second, "db-1", "source_position", Some(position), vec![]);
        if second % 300 == 0 && second > 0 {
            let burst: i64 = (second - 300..second).map(|second| rate(second) - USUAL).sum();
            for (fingerprint, bytes) in [(STEADY, USUAL * 300), (BATCH, burst)] {
                let attributes = vec![
                    ("interval_us", (300 * SECOND).to_string()),
                    ("wal_bytes", bytes.to_string()),
                ];
                self.tell(second, "db-1", "statement", None, attributes);
                self.told.last_mut().unwrap().fingerprint = Some(fingerprint);
            }
        }
    }

    fn replica(&mut self, server: &'static str, number: usize, source: &[i64]) {
        let (mut received, mut applied) = (source[0], source[0]);
        for second in 1..9 * HOUR {
            let fault = fault(number, second);
            if fault != Fault::Cut {
                received = source[second as usize];
            }
            applied = match fault {
                Fault::Paused => applied,
                Fault::Slow => received.min(applied + USUAL / 4),
                _ => received.min(applied + APPLIES),
            };
            if second % POLL == 3 {
                self.sample(second, server, (received, applied), fault, 0);
            }
        }
    }

    fn sample(
        &mut self,
        second: i64,
        server: &'static str,
        (received, applied): (i64, i64),
        fault: Fault,
        delay: i64,
    ) {
        let attributes = vec![
            ("received_position", received.to_string()),
            ("applied_position", applied.to_string()),
            (
                "receiver",
                if fault == Fault::Cut { "none" } else { "running" }.to_owned(),
            ),
            (
                "applier",
                if fault == Fault::Paused {
                    "paused"
                } else {
                    "running"
                }
                .to_owned(),
            ),
            ("configured_delay_us", (delay * SECOND).to_string()),
            ("vendor_lag_us", "5000000".to_owned()),
        ];
        self.tell(second, server, "replica", None, attributes);
    }

    fn tell(
        &mut self,
        second: i64,
        server: &'static str,
        metric: &'static str,
        size_bytes: Option<i64>,
        mut attributes: Vec<(&'static str, String)>,
    ) {
        attributes.push(("system_id", "7".to_owned()));
        self.told.push(Told {
            second,
            server,
            metric,
            object: None,
            size_bytes,
            fingerprint: None,
            attributes,
        });
    }

    /// The report of a lake with these samples.
    fn report(&self, request: &LagRequest) -> LagReport {
        self.ask(async |session| lag(session, request).await.unwrap())
    }

    /// What a session over a lake with these samples answers.
    fn ask<T>(&self, question: impl AsyncFnOnce(&Session) -> T) -> T {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let location = folder.path().display().to_string().parse().unwrap();
        runtime.block_on(async {
            let mut lake = Lake::open_or_create(&location).await.unwrap();
            let mut builder = RowBuilder::new();
            for told in &self.told {
                told.push(&mut builder);
            }
            for (second, fingerprint, rows) in &self.executed {
                builder.push_query(&QueryRow {
                    place: Place {
                        source: "log",
                        source_offset: *second,
                        ts_us: Some(MONDAY_US + second * SECOND),
                        server: Some("db-1"),
                        dialect: Some("postgres"),
                        ..Place::default()
                    },
                    fingerprint: Some(*fingerprint),
                    rows_affected: Some(*rows),
                    normalized: (*fingerprint == BATCH).then_some("UPDATE logged SET a = ?"),
                    ..QueryRow::default()
                });
            }
            let files = vec![lake.upload(builder.finish()).await.unwrap()];
            let progress = vec![Progress {
                app_id: "c/db".to_owned(),
                prev: None,
                next: 1,
            }];
            lake.commit(Commit { files, progress }).await.unwrap();
            let settings = SessionSettings {
                memory_limit_bytes: 256 << 20,
                threads: 2,
            };
            let session = Session::open(&lake, settings).await.unwrap();
            question(&session).await
        })
    }
}

impl Told {
    fn push(&self, builder: &mut RowBuilder) {
        let ts_us = MONDAY_US + self.second * SECOND;
        let attributes: Vec<(&str, &str)> = self
            .attributes
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        builder.push_metric(&MetricRow {
            place: Place {
                source: self.server,
                source_offset: ts_us,
                source_seq: self.fingerprint.unwrap_or(0) as i32,
                ts_us: Some(ts_us),
                server: Some(self.server),
                cluster: Some("eu"),
                dialect: Some("postgres"),
            },
            event: self.metric,
            object: self.object,
            size_bytes: self.size_bytes,
            fingerprint: self.fingerprint,
            statement: (self.fingerprint == Some(BATCH)).then_some("UPDATE accounts SET balance = ?"),
            attributes: &attributes,
            ..MetricRow::default()
        });
    }
}

/// What the source writes in a second: a batch from the third hour on for five minutes.
fn rate(second: i64) -> i64 {
    if (3 * HOUR..3 * HOUR + 5 * MINUTE).contains(&second) {
        USUAL * BURST
    } else {
        USUAL
    }
}

fn fault(replica: usize, second: i64) -> Fault {
    let within = |begin: i64| (begin..begin + 10 * MINUTE).contains(&second);
    match replica {
        0 if within(HOUR) => Fault::Paused,
        1 if within(2 * HOUR) => Fault::Cut,
        0 if within(7 * HOUR) => Fault::Slow,
        _ => Fault::None,
    }
}

fn request() -> LagRequest {
    LagRequest {
        window: None,
        as_of_us: None,
        threshold_us: 30 * SECOND,
        target: 0.999,
        servers: Vec::new(),
    }
}

/// Minutes since the begin.
fn minute(us: i64) -> i64 {
    (us - MONDAY_US) / SECOND / MINUTE
}

#[test]
fn every_episode_is_found_with_its_cause() {
    let report = Simulated::new().report(&request());
    let found: Vec<_> = report
        .episodes
        .iter()
        .map(|it| {
            (
                it.replica.as_str(),
                minute(it.episode.start_us),
                it.cause,
                it.replicas_hit,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("db-4", 1, LagCause::ConfiguredDelay, 1),
            ("db-2", 60, LagCause::ApplyStalled, 1),
            ("db-3", 120, LagCause::Transport, 1),
            ("db-2", 180, LagCause::WriteBurst, 2),
            ("db-3", 180, LagCause::WriteBurst, 2),
            ("db-2", 420, LagCause::ReplicaLocal, 1),
        ]
    );
}

#[test]
fn the_writer_is_blamed_and_nothing_else_wrote() {
    let report = Simulated::new().report(&request());
    let burst = report
        .episodes
        .iter()
        .find(|it| it.cause == LagCause::WriteBurst)
        .unwrap();
    let first = &burst.suspects[0];
    assert_eq!(
        (
            first.fingerprint.as_deref(),
            first.normalized.as_deref(),
            first.unit
        ),
        (
            Some("000000000000004d"),
            Some("UPDATE accounts SET balance = ?"),
            "bytes"
        )
    );
    assert!(first.share > 0.99 && burst.unexplained < Some(0.05), "{burst:?}");
    assert!(burst.write_ratio > Some(2.0), "{:?}", burst.write_ratio);
    let stall = report
        .episodes
        .iter()
        .find(|it| it.cause == LagCause::ApplyStalled)
        .unwrap();
    assert!(
        stall.suspects.is_empty() && stall.write_ratio < Some(1.1),
        "{stall:?}"
    );
}

#[test]
fn executions_are_blamed_where_no_statement_is_sampled() {
    let mut simulated = Simulated::new();
    simulated.told.retain(|told| told.metric != "statement");
    for second in (7..9 * HOUR).step_by(20) {
        simulated.executed.push((second, STEADY, 10));
        if rate(second) > USUAL {
            simulated.executed.push((second + 1, BATCH, 5_000));
        }
    }
    let report = simulated.report(&request());
    let burst = report
        .episodes
        .iter()
        .find(|it| it.cause == LagCause::WriteBurst)
        .unwrap();
    let first = &burst.suspects[0];
    assert_eq!(
        (first.normalized.as_deref(), first.unit, burst.unexplained),
        (Some("UPDATE logged SET a = ?"), "rows", None)
    );
}

#[test]
fn figures_of_a_replica() {
    let report = Simulated::new().report(&request());
    let replica = |name: &str| report.replicas.iter().find(|it| it.replica == name).unwrap();
    let cut = replica("db-3");
    assert_eq!(
        (cut.source.as_deref(), cut.cluster.as_deref()),
        (Some("db-1"), Some("eu"))
    );
    assert_eq!(
        (cut.unknown_samples, cut.p50_us.map(|us| us / SECOND)),
        (0, Some(0))
    );
    let episode = report
        .episodes
        .iter()
        .find(|it| it.cause == LagCause::Transport)
        .unwrap();
    let peak = episode.episode.peak_us / SECOND;
    assert!((590..=605).contains(&peak), "{peak}");
    assert!(
        (900_000..=1_100_000).contains(&episode.episode.onset_us_per_s),
        "{episode:?}"
    );
    assert_eq!(cut.objective.unknown_minutes, 0);
    assert!(cut.objective.budget_used > 1.0);
    // It has all that it received, as far as anybody asks it: no lag, says the vendor's figure.
    assert!((9..=11).contains(&cut.vendor.false_zero), "{:?}", cut.vendor);
    // What is told to stay behind is as fresh as it should be.
    let delayed = replica("db-4");
    assert_eq!(
        (delayed.delay_us, delayed.p50_us.map(|us| us / SECOND)),
        (MINUTE * SECOND, Some(60))
    );
    assert!(delayed.objective.good_share > 0.99, "{:?}", delayed.objective);
    let source = &report.sources[0];
    assert_eq!(
        (source.replicas, source.rpo_us.map(|us| us / SECOND)),
        (3, Some(0))
    );
}

#[test]
fn rows_in_any_order_give_the_same_report() {
    let mut simulated = Simulated::new();
    let report = simulated.report(&request());
    simulated.told.reverse();
    assert_eq!(simulated.report(&request()), report);
}

#[test]
fn a_report_of_the_past_knows_nothing_of_what_came_later() {
    let as_of_us = MONDAY_US + 4 * HOUR * SECOND + 5;
    let asked = LagRequest {
        as_of_us: Some(as_of_us),
        ..request()
    };
    let mut simulated = Simulated::new();
    let then = simulated.report(&asked);
    simulated
        .told
        .retain(|told| MONDAY_US + told.second * SECOND < as_of_us);
    let of_then = simulated.report(&asked);
    assert_eq!((then.episodes.len(), &then.episodes), (5, &of_then.episodes));
    assert_eq!(then.replicas, of_then.replicas);
}

#[test]
fn a_lake_without_samples_has_nothing_to_say() {
    let nothing = Simulated {
        told: Vec::new(),
        executed: Vec::new(),
    };
    let report = nothing.report(&request());
    assert_eq!((report.from_us, report.replicas.len()), (None, 0));
}

/// The view says of every sample what the job says of it.
#[test]
fn the_view_agrees() {
    let simulated = Simulated::new();
    let window = TimeWindow::new(MONDAY_US, MONDAY_US + DAY_US).unwrap();
    let (samples, rows) = simulated.ask(async |session| {
        let samples = Samples::read(session, window).await.unwrap();
        let mut rows = Vec::new();
        let all = "SELECT server, ts, staleness_us, source_server FROM replication_lag";
        each_row(session.query(all).await.unwrap(), |batch, row| {
            assert_eq!(batch.text(row, 3), Some("db-1"));
            let ts_us = time(batch, row, 1).unwrap();
            rows.push((
                batch.text(row, 0).unwrap().to_owned(),
                ts_us,
                batch.integer(row, 2),
            ));
        })
        .await
        .unwrap();
        (samples, rows)
    });
    let line = samples.lines.values().next().unwrap();
    let curve = Curve::new(line.points.clone());
    let mut n_compared = 0;
    for (name, of_replica) in &line.replicas {
        for it in measured(&curve, of_replica.clone()) {
            let row = rows
                .iter()
                .find(|(server, ts_us, _)| server == name && *ts_us == it.sample.ts_us);
            let (_, _, seen) = row.unwrap();
            let expect = it.staleness.filter(|known| known.is_exact).map(|known| known.us);
            // One rounds numbers of 128 bits, the other those with a point.
            let is_same = match (seen, expect) {
                (Some(seen), Some(expect)) => (seen - expect).abs() <= 1,
                (seen, expect) => *seen == expect,
            };
            assert!(is_same, "{name} {:?}: {seen:?}", it);
            n_compared += 1;
        }
    }
    assert_eq!(
        (n_compared, rows.len()),
        (rows.len(), 3 * 9 * HOUR as usize / POLL as usize - 6)
    );
}

/// The week's first page has what the view says of all replicas, minute by minute.
#[test]
fn the_weekly_report_agrees_with_the_view() {
    let week = WeekRequest::EndsAt(MONDAY_US + 7 * DAY_US);
    let (report, good_minutes) = Simulated::new().ask(async |session| {
        let report = weekly(session, &WeeklyRequest { week }).await.unwrap();
        let fresh = "SELECT count(*) FROM (\
             SELECT server, date_trunc('minute', ts) FROM replication_lag GROUP BY 1, 2 \
             HAVING count(*) = count(staleness_us) \
             AND max(staleness_us - CASE server WHEN 'db-4' THEN 60000000 ELSE 0 END) <= 10000000)";
        let mut good_minutes = None;
        each_row(session.query(fresh).await.unwrap(), |batch, row| {
            good_minutes = batch.integer(row, 0);
        })
        .await
        .unwrap();
        (report, good_minutes.unwrap())
    });
    let (numbers, lag) = (report.page.replication.unwrap(), report.replication.unwrap());
    let share = good_minutes as f64 / (3 * 9 * MINUTE) as f64;
    assert!((numbers.good_share - share).abs() < 1e-9, "{numbers:?} {share}");
    assert_eq!((numbers.replicas, numbers.last_week_good_share), (3, None));
    assert_eq!(
        (numbers.episodes, lag.episodes.len() > 3),
        (lag.episodes.len(), true)
    );
    assert!(
        (1..=3).contains(&numbers.missed) && share < numbers.target,
        "{numbers:?}"
    );
}
