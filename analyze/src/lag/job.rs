//! The job `lag`: what a lake says of replication in a window. The only part of this room that knows of sessions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use slowlake_sql::Session;

use super::blame::{Suspect, blame};
use super::cause::{LagCause, cause, rhythm_us};
use super::episodes::{Episode, EpisodeRules, episodes};
use super::objective::{MINUTE_US, objective, percentiles};
use super::replica::{
    Measured, ONSET_US, beyond_delay, evidence, freshness, known, measured, quiet, vendor_minutes,
};
use super::report::{EpisodeFinding, LagReport, ReplicaLag, SlotRisk, SourceLag, SuspectFinding};
use super::samples::{Line, Samples};
use super::staleness::Curve;
use super::writers::{Writer, Writers, writers};
use crate::error::AnalyzeError;
use crate::events::normalized_texts;
use crate::filter::DAY_US;
use crate::rows::{each_row, time};
use crate::window::TimeWindow;

/// The window that a report is of if nobody says otherwise.
const WINDOW_US: i64 = 7 * DAY_US;
/// Curves and what is usual are known from so long before the window.
const HISTORY_US: i64 = DAY_US;
/// Suspects of an episode that are named.
const SUSPECTS: usize = 3;
/// A sample counts for no longer than this, µs.
const SAMPLE_US_MAX: i64 = MINUTE_US;

/// What `lag` is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct LagRequest {
    /// The window; the week that ends with the lake's last sample of replication if none.
    pub window: Option<TimeWindow>,
    /// Only what came before this is known, µs since 1970 UTC; it is also the end of a window that is not given.
    pub as_of_us: Option<i64>,
    /// More staleness than this is too much, µs.
    pub threshold_us: i64,
    /// The part of all minutes that should be without too much of it, 0 to 1.
    pub target: f64,
    /// Only these replicas, by the names of their servers; all if there are none.
    pub servers: Vec<String>,
}

/// What a lake says of replication.
///
/// # Errors
/// [`AnalyzeError::Sql`] where the lake cannot be read; [`AnalyzeError::EmptyWindow`] where the window begins after what is known.
pub async fn lag(session: &Session, request: &LagRequest) -> Result<LagReport, AnalyzeError> {
    let mut report = LagReport {
        threshold_us: request.threshold_us,
        target: request.target,
        ..LagReport::default()
    };
    let Some(window) = window(session, request).await? else {
        return Ok(report);
    };
    let before_us = window.begin_us().saturating_sub(HISTORY_US);
    let read = TimeWindow::new(before_us, window.end_us())?;
    let samples = Samples::read(session, read).await?;
    let with_replicas = samples.lines.values().filter(|line| !line.replicas.is_empty());
    let sources: Vec<String> = with_replicas.filter_map(|line| line.source.clone()).collect();
    let writers = writers(session, read, &sources).await?;
    (report.from_us, report.to_us) = (Some(window.begin_us()), Some(window.end_us()));
    for line in samples.lines.values().filter(|line| !line.replicas.is_empty()) {
        LineReport::new(line, window, request).tell(writers.get(&line.source), &mut report);
    }
    report.slots = slots(&samples, window);
    report.keep_servers(&request.servers);
    report.sort();
    tell_texts(session, &mut report).await?;
    Ok(report)
}

/// The window that was asked for, up to what is to be known; `None` if the lake has nothing of it.
async fn window(session: &Session, request: &LagRequest) -> Result<Option<TimeWindow>, AnalyzeError> {
    let as_of_us = match (request.as_of_us, request.window) {
        (Some(as_of_us), _) => as_of_us,
        (None, Some(window)) if window.end_us() < i64::MAX => window.end_us(),
        (None, _) => i64::MAX,
    };
    let (mut first, mut last) = (None, None);
    let moments =
        "SELECT min(ts), max(ts) FROM metrics WHERE metric IN ('replica', 'standby', 'source_position')";
    each_row(session.query(moments).await?, |rows, row| {
        (first, last) = (time(rows, row, 0), time(rows, row, 1));
    })
    .await?;
    let (Some(first_us), Some(last_us)) = (first, last) else {
        return Ok(None);
    };
    // A lake of the future or of a distant past has no minutes that could be counted.
    let end_us = as_of_us.min(last_us + 1);
    let begin_us = match request.window {
        Some(window) => window.begin_us(),
        None => end_us.saturating_sub(WINDOW_US),
    };
    let begin_us = begin_us.max(first_us);
    if begin_us >= end_us {
        return Ok(None);
    }
    TimeWindow::new(begin_us, end_us).map(Some)
}

/// A source with its replicas, measured.
struct LineReport<'l> {
    line: &'l Line,
    curve: Curve,
    replicas: Vec<(&'l str, Vec<Measured>)>,
    /// Episodes of each replica.
    episodes: Vec<Vec<Episode>>,
    /// Stretches without any episode.
    quiet: Vec<(i64, i64)>,
    window: TimeWindow,
    request: &'l LagRequest,
}

impl<'l> LineReport<'l> {
    fn new(line: &'l Line, window: TimeWindow, request: &'l LagRequest) -> LineReport<'l> {
        let curve = Curve::new(line.points.clone());
        let replicas: Vec<(&str, Vec<Measured>)> = line
            .replicas
            .iter()
            .map(|(name, samples)| (name.as_str(), measured(&curve, samples.clone())))
            .collect();
        let rules = EpisodeRules::new(request.threshold_us);
        let of = |(_, measured): &(&str, Vec<Measured>)| episodes(&beyond_delay(measured), &rules);
        let episodes: Vec<Vec<Episode>> = replicas.iter().map(of).collect();
        let points = curve.points();
        let known = points
            .first()
            .zip(points.last())
            .map(|(first, last)| (first.ts_us, last.ts_us));
        let busy: Vec<(i64, i64)> = episodes
            .iter()
            .flatten()
            .map(|it| (it.start_us, it.end_us))
            .collect();
        LineReport {
            quiet: known.map(|known| quiet(known, &busy)).unwrap_or_default(),
            line,
            curve,
            replicas,
            episodes,
            window,
            request,
        }
    }

    fn tell(&self, writers: Option<&Writers>, report: &mut LagReport) {
        report.sources.push(self.source());
        for (name, measured) in &self.replicas {
            report.replicas.push(self.replica(name, measured));
        }
        let mut findings = Vec::new();
        for (number, (name, measured)) in self.replicas.iter().enumerate() {
            let own = self.episodes[number].iter();
            findings.extend(own.map(|episode| self.finding(name, measured, episode, writers)));
            findings.extend(self.delays(number));
        }
        findings.retain(|finding| finding.episode.end_us >= self.window.begin_us());
        count_repeats(&mut findings);
        find_rhythm(&mut findings);
        report.episodes.append(&mut findings);
    }

    fn source(&self) -> SourceLag {
        let within = |us: i64| (self.window.begin_us()..self.window.end_us()).contains(&us);
        // By minute and replica, the worst exposure; of a minute then that of the replica that received most.
        let mut minutes: BTreeMap<i64, Vec<Option<i64>>> = BTreeMap::new();
        for (number, (_, measured)) in self.replicas.iter().enumerate() {
            for it in measured.iter().filter(|it| within(it.sample.ts_us)) {
                let minute = minutes
                    .entry(it.sample.ts_us.div_euclid(MINUTE_US))
                    .or_insert_with(|| vec![None; self.replicas.len()]);
                minute[number] = minute[number].max(it.exposure.map(|exposure| exposure.us));
            }
        }
        let best = |minute: &Vec<Option<i64>>| minute.iter().flatten().min().copied();
        let last = |(_, measured): &(&str, Vec<Measured>)| {
            measured.last().and_then(|it| it.exposure).map(|it| it.us)
        };
        SourceLag {
            source: self.line.source.clone(),
            cluster: self.line.cluster.clone(),
            replicas: self.replicas.len(),
            bytes_per_s: self.bytes_per_s(),
            rpo_us: self.replicas.iter().filter_map(last).min(),
            rpo_max_us: minutes.values().filter_map(best).max(),
        }
    }

    /// What the source wrote in the window.
    fn bytes_per_s(&self) -> Option<i64> {
        let points = self.curve.points();
        let from_us = points.first()?.ts_us.max(self.window.begin_us());
        let to_us = points.last()?.ts_us;
        let bytes = self.curve.progress(from_us, to_us);
        (to_us > from_us).then(|| (bytes as f64 / ((to_us - from_us) as f64 / 1e6)) as i64)
    }

    fn replica(&self, name: &str, measured: &[Measured]) -> ReplicaLag {
        let (from_us, to_us) = (self.window.begin_us(), self.window.end_us());
        let begin = measured.partition_point(|it| it.sample.ts_us < from_us);
        let measured = &measured[begin..];
        let known = known(measured);
        let figures = percentiles(&known, &[0.5, 0.95, 0.99], SAMPLE_US_MAX);
        let figure = |number: usize| (!known.is_empty()).then(|| figures[number]);
        let last = measured.last();
        ReplicaLag {
            replica: name.to_owned(),
            source: self.line.source.clone(),
            cluster: self.line.cluster.clone(),
            samples: measured.len() as u64,
            unknown_samples: (measured.len() - known.len()) as u64,
            last_us: last.and_then(|it| it.staleness).map(|staleness| staleness.us),
            p50_us: figure(0),
            p95_us: figure(1),
            p99_us: figure(2),
            max_us: known.iter().map(|(_, us)| *us).max(),
            delay_us: last.map_or(0, |it| it.sample.delay_us),
            receive_gap_bytes_max: measured.iter().filter_map(|it| it.receive_gap_bytes).max(),
            apply_gap_bytes_max: measured.iter().filter_map(|it| it.apply_gap_bytes).max(),
            objective: objective(
                &freshness(measured),
                (from_us, to_us),
                self.request.threshold_us,
                self.request.target,
            ),
            vendor: vendor_minutes(measured, self.request.threshold_us),
        }
    }

    fn finding(
        &self,
        name: &str,
        measured: &[Measured],
        episode: &Episode,
        writers: Option<&Writers>,
    ) -> EpisodeFinding {
        let usual = self.usual_bytes_per_s();
        let mut evidence = evidence(measured, &self.curve, episode, usual);
        evidence.replicas = self.replicas.len();
        let meets =
            |other: &Episode| other.start_us <= episode.peak_at_us && episode.start_us <= other.end_us;
        let is_hit = |episodes: &&Vec<Episode>| episodes.iter().any(meets);
        evidence.replicas_hit = self.episodes.iter().filter(is_hit).count();
        let onset = (episode.start_us - 2 * ONSET_US, episode.peak_at_us);
        let blamed = writers.map(|writers| (writers, blame(&writers.writes, onset, &self.quiet)));
        let unexplained = blamed.as_ref().and_then(|(writers, suspects)| {
            let seconds = (onset.1 - onset.0) as f64 / 1e6;
            let excess = self.curve.progress(onset.0, onset.1) as f64 - usual.unwrap_or(0.0) * seconds;
            let told: f64 = suspects.iter().map(|suspect| suspect.excess).sum();
            (writers.counts_bytes && excess > 0.0).then(|| (1.0 - told / excess).clamp(0.0, 1.0))
        });
        EpisodeFinding {
            cause: cause(&evidence),
            replicas_hit: evidence.replicas_hit,
            receive_gap_bytes: evidence.receive_gap_bytes,
            apply_gap_bytes: evidence.apply_gap_bytes,
            write_ratio: evidence.write_ratio,
            suspects: blamed
                .map(|(writers, suspects)| named(writers, &suspects))
                .unwrap_or_default(),
            unexplained,
            ..self.bare_finding(name, episode)
        }
    }

    /// Stretches in which a replica was stale because it is told to be, and for no other reason.
    fn delays(&self, number: usize) -> Vec<EpisodeFinding> {
        let (name, measured) = &self.replicas[number];
        let own = &self.episodes[number];
        let is_apart = |it: &Episode| {
            own.iter()
                .all(|other| other.end_us < it.start_us || it.end_us < other.start_us)
        };
        let all = episodes(&known(measured), &EpisodeRules::new(self.request.threshold_us));
        let apart = all.iter().filter(|episode| is_apart(episode));
        apart.map(|episode| self.bare_finding(name, episode)).collect()
    }

    fn bare_finding(&self, name: &str, episode: &Episode) -> EpisodeFinding {
        EpisodeFinding {
            replica: name.to_owned(),
            source: self.line.source.clone(),
            cluster: self.line.cluster.clone(),
            episode: *episode,
            cause: LagCause::ConfiguredDelay,
            replicas_hit: 1,
            replicas: self.replicas.len(),
            receive_gap_bytes: None,
            apply_gap_bytes: None,
            write_ratio: None,
            rhythm_us: None,
            suspects: Vec::new(),
            unexplained: None,
        }
    }

    fn usual_bytes_per_s(&self) -> Option<f64> {
        let seconds: f64 = self.quiet.iter().map(|(from, to)| (to - from) as f64 / 1e6).sum();
        let bytes: i64 = self
            .quiet
            .iter()
            .map(|(from, to)| self.curve.progress(*from, *to))
            .sum();
        (seconds > 0.0).then(|| bytes as f64 / seconds)
    }
}

fn named(writers: &Writers, suspects: &[Suspect]) -> Vec<SuspectFinding> {
    let name = |suspect: &Suspect| {
        let (fingerprint, id): &Writer = &writers.writers[suspect.writer];
        SuspectFinding {
            fingerprint: fingerprint.map(|fingerprint| format!("{fingerprint:016x}")),
            statement_id: id.clone(),
            normalized: None,
            excess: suspect.excess.round() as i64,
            unit: if writers.counts_bytes { "bytes" } else { "rows" },
            share: suspect.share,
            episodes: 0,
        }
    };
    suspects.iter().take(SUSPECTS).map(name).collect()
}

/// Counts in how many episodes of a source each suspect is.
fn count_repeats(findings: &mut [EpisodeFinding]) {
    let name = |suspect: &SuspectFinding| (suspect.fingerprint.clone(), suspect.statement_id.clone());
    let mut counts = HashMap::new();
    for suspect in findings.iter().flat_map(|finding| &finding.suspects) {
        *counts.entry(name(suspect)).or_insert(0) += 1;
    }
    for suspect in findings.iter_mut().flat_map(|finding| &mut finding.suspects) {
        suspect.episodes = counts.get(&name(suspect)).copied().unwrap_or(0);
    }
}

/// Write bursts of a replica that keep a rhythm are a batch job.
fn find_rhythm(findings: &mut [EpisodeFinding]) {
    let replicas: BTreeSet<String> = findings.iter().map(|finding| finding.replica.clone()).collect();
    for replica in replicas {
        let is_burst =
            |finding: &EpisodeFinding| finding.replica == replica && finding.cause == LagCause::WriteBurst;
        let mut bursts: Vec<&mut EpisodeFinding> = findings.iter_mut().filter(|it| is_burst(it)).collect();
        let starts: Vec<i64> = bursts.iter().map(|finding| finding.episode.start_us).collect();
        if let Some(rhythm) = rhythm_us(&starts) {
            for finding in &mut bursts {
                (finding.cause, finding.rhythm_us) = (LagCause::BatchJob, Some(rhythm));
            }
        }
    }
}

fn slots(samples: &Samples, window: TimeWindow) -> Vec<SlotRisk> {
    let risk = |((server, name), slot): (&(Option<String>, String), &super::samples::Slot)| {
        let curve = samples
            .line_of(server)
            .map(|line| Curve::new(line.points.clone()));
        let bytes = curve.map_or(0, |curve| curve.progress(window.begin_us(), window.end_us()));
        let window_us = (window.end_us() - window.begin_us()) as f64;
        SlotRisk {
            server: server.clone(),
            cluster: slot.cluster.clone(),
            slot: name.clone(),
            retained_bytes: slot.retained_bytes,
            is_active: slot.is_active,
            wal_status: slot.wal_status.clone(),
            lost_in_us: slot
                .safe_wal_bytes
                .filter(|_| bytes > 0)
                .map(|safe| (safe.max(0) as f64 / bytes as f64 * window_us) as i64),
        }
    };
    let newest = |slot: &super::samples::Slot| slot.ts_us >= window.begin_us();
    samples
        .slots
        .iter()
        .filter(|(_, slot)| newest(slot))
        .map(risk)
        .collect()
}

impl LagReport {
    fn keep_servers(&mut self, servers: &[String]) {
        let is_wanted = |name: &str| {
            let server = name.split(" (").next().unwrap_or(name);
            servers.is_empty() || servers.iter().any(|wanted| wanted == server)
        };
        self.replicas.retain(|replica| is_wanted(&replica.replica));
        self.episodes.retain(|finding| is_wanted(&finding.replica));
    }

    fn sort(&mut self) {
        self.replicas.sort_by(|a, b| {
            let key = |it: &ReplicaLag| (it.cluster.clone(), it.replica.clone());
            b.max_us.cmp(&a.max_us).then_with(|| key(a).cmp(&key(b)))
        });
        self.episodes
            .sort_by_cached_key(|it| (it.episode.start_us, it.cluster.clone(), it.replica.clone()));
        self.sources
            .sort_by_cached_key(|it| (it.cluster.clone(), it.source.clone()));
        self.slots.sort_by(|a, b| {
            let key = |it: &SlotRisk| (it.server.clone(), it.slot.clone());
            b.retained_bytes
                .cmp(&a.retained_bytes)
                .then_with(|| key(a).cmp(&key(b)))
        });
    }
}

/// The texts of suspects: as executions have them or, where those are not in the lake, as the collector told them.
async fn tell_texts(session: &Session, report: &mut LagReport) -> Result<(), AnalyzeError> {
    let of = |suspect: &SuspectFinding| {
        let hex = suspect.fingerprint.as_deref()?;
        u64::from_str_radix(hex, 16).ok().map(u64::cast_signed)
    };
    let wanted: BTreeSet<i64> = report
        .episodes
        .iter()
        .flat_map(|finding| finding.suspects.iter().filter_map(of))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = wanted.iter().map(i64::to_string).collect();
    let told = format!(
        "SELECT fingerprint, min(statement) FROM metrics WHERE statement IS NOT NULL AND fingerprint IN ({}) GROUP BY fingerprint",
        list.join(", ")
    );
    let mut texts: HashMap<i64, String> = HashMap::new();
    each_row(session.query(&told).await?, |rows, row| {
        texts.extend(rows.integer(row, 0).zip(rows.text(row, 1).map(str::to_owned)));
    })
    .await?;
    let fingerprints: Vec<i64> = wanted.into_iter().collect();
    texts.extend(normalized_texts(session, &fingerprints).await?);
    for suspect in report
        .episodes
        .iter_mut()
        .flat_map(|finding| &mut finding.suspects)
    {
        suspect.normalized = of(suspect).and_then(|fingerprint| texts.get(&fingerprint).cloned());
    }
    Ok(())
}
