//! Live servers as a source of the service: each is asked at its rhythm in a task of its own, so that none waits for another, and what they
//! tell is committed together. What cannot be asked is a gap in the archive, and a warning when it begins. Knows no rows.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use slowlake_ingest::{Collector, CollectorConfig, Engine, IngestError, Pace, Sample};
use slowlake_parse::Ledger;
use slowlake_parse::statement::Dialect;
use slowlake_store::{Lake, StoreError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{info, warn};

use crate::configuration::Collected;
use crate::ingestion::{IngestionError, SampleCommits, SampleRound, SampledServer, Stop};
use crate::service::work::{Done, Site, Work};
use crate::settings::Settings;

/// Rounds that wait for the one that commits; beyond it, servers are asked later.
const ROUNDS_WAITING: usize = 64;
/// Samples that are committed before their time has come: they are in memory until then.
const SAMPLES_MAX: usize = 50_000;

/// Who is told to stop notices it within this time.
const TICK: Duration = Duration::from_millis(100);

/// Servers that are asked.
pub(crate) struct CollectorsWork {
    name: String,
    all: Vec<Asked>,
}

/// A server that is asked.
#[derive(Debug, Clone)]
struct Asked {
    config: CollectorConfig,
    cluster: Option<String>,
    every: Duration,
}

impl CollectorsWork {
    pub(crate) fn new(all: &[Collected], settings: &Settings) -> CollectorsWork {
        let all: Vec<Asked> = all
            .iter()
            .map(|one| Asked {
                config: one.config(settings),
                cluster: one.cluster.clone(),
                every: one.every,
            })
            .collect();
        let names: Vec<&str> = all.iter().map(|one| one.config.server.as_str()).collect();
        CollectorsWork {
            name: names.join(", "),
            all,
        }
    }
}

impl Work for CollectorsWork {
    fn kind(&self) -> &'static str {
        "collector"
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn run(&mut self, site: &Site, done: &mut Done) -> Result<(), IngestionError> {
        let result = site.runtime.block_on(async {
            let lake = Lake::open(&site.location).await?;
            let gathering = Gathering::new(lake, self.name.clone(), &self.all);
            collect(gathering, self.all.clone(), site, done).await
        });
        result.map_err(IngestionError::from)
    }
}

/// Collects until it is told to stop; then what was told is committed.
async fn collect(
    mut gathering: Gathering,
    all: Vec<Asked>,
    site: &Site,
    done: &mut Done,
) -> Result<(), StoreError> {
    done.committed.sources = all.len();
    let (send, mut receive) = mpsc::channel(ROUNDS_WAITING);
    let (stop, stopped) = watch::channel(false);
    // Dropped with this function, and all tasks with it.
    let mut asking = JoinSet::new();
    for (server, one) in all.into_iter().enumerate() {
        asking.spawn(ask_on(server, one, send.clone(), stopped.clone()));
    }
    asking.spawn(pass_on(site.stop.clone(), stop));
    drop(send);
    let mut due = interval(site.limits.every);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let committed = tokio::select! {
            round = receive.recv() => match round {
                Some(round) => gathering.add(round).await?,
                None => break,
            },
            _ = due.tick() => gathering.commit().await?,
        };
        committed.tell(site, done);
    }
    gathering.commit().await?.tell(site, done);
    Ok(())
}

/// Tells all tasks what the source is told.
async fn pass_on(stop: Stop, tell: watch::Sender<bool>) {
    while !stop.is_set() {
        sleep(TICK).await;
    }
    // Nobody listens who has ended already.
    let _ = tell.send(true);
}

fn sampled(one: &Asked) -> SampledServer {
    SampledServer {
        name: one.config.server.clone(),
        cluster: one.cluster.clone(),
        dialect: match one.config.engine {
            Engine::Postgres => Dialect::Postgres,
            Engine::Mysql => Dialect::Mysql,
        },
        address: one.config.address(),
    }
}

/// Rounds between their servers and the lake.
struct Gathering {
    source: String,
    commits: SampleCommits,
    names: Vec<String>,
    rounds: Vec<SampleRound>,
    samples: usize,
    /// Servers of which it was said that somebody else samples them.
    fenced: BTreeSet<usize>,
}

/// What a commit did, if there was one.
#[derive(Debug, Default)]
struct Gathered {
    samples: u64,
    took: Duration,
}

impl Gathering {
    fn new(lake: Lake, source: String, all: &[Asked]) -> Gathering {
        Gathering {
            source,
            commits: SampleCommits::new(lake, all.iter().map(sampled).collect()),
            names: all.iter().map(|one| one.config.server.clone()).collect(),
            rounds: Vec::new(),
            samples: 0,
            fenced: BTreeSet::new(),
        }
    }

    async fn add(&mut self, round: SampleRound) -> Result<Gathered, StoreError> {
        self.samples += round.samples.len();
        self.rounds.push(round);
        match self.samples >= SAMPLES_MAX {
            true => self.commit().await,
            false => Ok(Gathered::default()),
        }
    }

    async fn commit(&mut self) -> Result<Gathered, StoreError> {
        self.samples = 0;
        let rounds = std::mem::take(&mut self.rounds);
        if rounds.is_empty() {
            return Ok(Gathered::default());
        }
        let began = Instant::now();
        let committed = self.commits.commit(rounds).await?;
        for server in committed.fenced {
            if self.fenced.insert(server) {
                warn!(
                    source = self.source,
                    server = self.names[server],
                    "another slowlake samples this server, too: what both saw is kept once"
                );
            }
        }
        let gathered = Gathered {
            samples: committed.samples,
            took: began.elapsed(),
        };
        info!(
            source = self.source,
            samples = gathered.samples,
            milliseconds = gathered.took.as_millis(),
            "committed"
        );
        Ok(gathered)
    }
}

impl Gathered {
    fn tell(&self, site: &Site, done: &mut Done) {
        if self.samples > 0 {
            done.committed.commits += 1;
            done.samples += self.samples;
            // Samples have no bytes and are no entries of a log.
            site.meter.committed(&Ledger::default(), self.took);
            site.meter.sampled(self.samples);
        }
    }
}

/// Asks one server again and again until told to stop.
async fn ask_on(
    server: usize,
    one: Asked,
    rounds: mpsc::Sender<SampleRound>,
    mut stop: watch::Receiver<bool>,
) {
    let mut pace = Pace::new(one.every, &one.config.server);
    let mut collector = None;
    let mut trouble = Trouble::default();
    loop {
        let at_us = jiff::Timestamp::now().as_microsecond();
        let told = tokio::select! {
            told = ask(&mut collector, &one.config, at_us) => told,
            _ = stop.wait_for(|is_set| *is_set) => return,
        };
        let (samples, wait) = match told {
            Ok(samples) => (samples, pace.after_success()),
            Err(error) => (vec![Sample::gap(at_us, &error)], pace.after_failure()),
        };
        let server_name = one.config.server.as_str();
        for change in trouble.changes(&samples) {
            match change {
                Change::Refused(why) => warn!(server = server_name, "{why}"),
                Change::Answers => info!(server = server_name, "answers again"),
            }
        }
        let round = SampleRound {
            server,
            at_us,
            samples,
        };
        if rounds.send(round).await.is_err() {
            return;
        }
        tokio::select! {
            () = sleep(wait) => {}
            _ = stop.wait_for(|is_set| *is_set) => return,
        }
    }
}

async fn ask(
    collector: &mut Option<Collector>,
    config: &CollectorConfig,
    at_us: i64,
) -> Result<Vec<Sample>, IngestError> {
    let collector = match collector {
        Some(collector) => collector,
        None => collector.insert(Collector::connect(config.clone()).await?),
    };
    collector.sample(at_us).await
}

/// What is to be said of a server.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    Refused(String),
    Answers,
}

/// What cannot be asked of a server at the moment.
#[derive(Debug, Default)]
struct Trouble {
    refused: BTreeSet<String>,
}

impl Trouble {
    /// What is to be said of a round: what was refused for the first time, and what is no longer.
    fn changes(&mut self, samples: &[Sample]) -> Vec<Change> {
        let gaps = samples.iter().filter(|sample| sample.metric == "collector_gap");
        let mut changes = Vec::new();
        let mut refused = BTreeSet::new();
        for gap in gaps {
            let what = gap.object.clone().unwrap_or_default();
            if !self.refused.contains(&what) {
                let why = gap.attribute("error").unwrap_or_default();
                changes.push(Change::Refused(why.to_owned()));
            }
            refused.insert(what);
        }
        let was_away = self.refused.contains(CONNECTION);
        if was_away && !refused.contains(CONNECTION) {
            changes.push(Change::Answers);
        }
        // What is asked seldom is not settled by a round in which it was not asked.
        if was_away || refused.contains(CONNECTION) {
            self.refused = refused;
        } else {
            self.refused.append(&mut refused);
        }
        changes
    }
}

/// The object of the gap of a server that could not be reached.
const CONNECTION: &str = "connection";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ingestion::FollowLimits;
    use crate::service::meter::Meters;

    fn gap(object: &str, error: &str) -> Sample {
        Sample {
            metric: "collector_gap",
            object: Some(object.to_owned()),
            attributes: vec![("error".to_owned(), error.to_owned())],
            ..Sample::default()
        }
    }

    #[test]
    fn a_change_of_state_is_said_once() {
        let mut trouble = Trouble::default();
        let refused = |why: &str| vec![Change::Refused(why.to_owned())];
        let mut check =
            |samples: &[Sample], expect: Vec<Change>| assert_eq!(trouble.changes(samples), expect);
        check(&[], vec![]);
        check(&[gap("slot", "permission denied")], refused("permission denied"));
        check(&[gap("slot", "permission denied")], vec![]);
        check(&[], vec![]);
        check(&[gap("slot", "permission denied")], vec![]);
        check(&[gap(CONNECTION, "refused")], refused("refused"));
        check(&[gap(CONNECTION, "no route")], vec![]);
        check(&[], vec![Change::Answers]);
        check(&[], vec![]);
    }

    /// A server that does not exist, and one that accepts connections and never answers.
    #[test]
    fn servers_that_cannot_be_asked_are_gaps_and_stall_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let location: slowlake_store::LakeLocation = folder.path().display().to_string().parse().unwrap();
        let runtime = Arc::new(tokio::runtime::Runtime::new().unwrap());
        let mut lake = runtime.block_on(Lake::open_or_create(&location)).unwrap();
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let asked = |name: &str, port: u16| {
            let mut config = CollectorConfig::new(Engine::Mysql, "127.0.0.1", "nobody");
            config.server = name.to_owned();
            config.port = port;
            config.timeout = Duration::from_secs(2);
            Asked {
                config,
                cluster: None,
                every: Duration::from_millis(20),
            }
        };
        let mut work = CollectorsWork {
            name: "two".to_owned(),
            all: vec![
                asked("absent", 1),
                asked("silent", silent.local_addr().unwrap().port()),
            ],
        };
        let stop = Stop::new(Vec::new());
        let site = Site {
            runtime: runtime.clone(),
            location,
            limits: FollowLimits {
                every: Duration::from_millis(50),
                bytes: 0,
                flush_partial_after: Duration::ZERO,
            },
            stop: stop.clone(),
            meter: Meters::new().source("collector", "two"),
        };
        let working = std::thread::spawn(move || {
            let mut done = Done::default();
            work.run(&site, &mut done).map(|()| done)
        });
        while runtime.block_on(lake.watermark("c/absent")).unwrap().is_none() {
            runtime.block_on(lake.refresh()).unwrap();
        }
        stop.set();
        let done = working.join().unwrap().unwrap();
        assert!(done.samples > 0 && done.committed.commits > 0, "{done:?}");
    }
}
