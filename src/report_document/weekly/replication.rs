//! Section G: how old what replicas have was, when that was too much, and why.

use std::cmp::Reverse;

use slowlake_analyze::{EpisodeFinding, LagReport, ReplicaLag, SlotRisk, SourceLag, WeeklyReport};

use crate::render::document::Section;
use crate::render::document::chart::{Chart, Plot};
use crate::render::quantity::{count, duration, percent, plural};
use crate::render::section::Cell;

/// Replicas, and episodes, that are shown; the first are the worst.
const ROWS: usize = 50;
/// Stretches of time in the chart are by hours.
const HOUR_US: i64 = 3_600_000_000;

/// G: replication.
pub(super) fn replication(report: &WeeklyReport) -> Section {
    let mut section = Section::new("replication", "G. Replication");
    let Some(lag) = &report.replication else {
        section.missing(
            "The lake has no samples of replicas of this week: `slowlake run` with collectors takes them.",
        );
        return section;
    };
    section.text(format!(
        "{}, {}. Staleness is by the source's clock: more than {} is too much, and {} of all minutes should be without. A minute of which \
         nothing is known is not a good one.",
        plural(lag.replicas.len() as i64, "replica"),
        plural(lag.episodes.len() as i64, "episode"),
        duration(lag.threshold_us),
        percent(lag.target),
    ));
    section.chart(episodes_chart(lag));
    section.table(
        "Replicas, the stalest first",
        REPLICA_COLUMNS,
        lag.replicas.iter().take(ROWS).map(replica_row).collect(),
        "None.",
    );
    let mut episodes: Vec<&EpisodeFinding> = lag.episodes.iter().collect();
    // Stable: equal ones stay in the order of time.
    episodes.sort_by_key(|finding| Reverse(finding.episode.peak_us));
    section.table(
        "Episodes, the worst first",
        EPISODE_COLUMNS,
        episodes.into_iter().take(ROWS).map(episode_row).collect(),
        "No replica was too stale.",
    );
    let more = lag.replicas.len().max(lag.episodes.len());
    if more > ROWS {
        section.text(format!(
            "{ROWS} of each are shown; `slowlake report lag` has all {}.",
            count(more as i64)
        ));
    }
    section.table(
        "Sources: what would be lost with them",
        &["source", "replicas", "writes a second", "at the end", "at worst"],
        lag.sources.iter().take(ROWS).map(source_row).collect(),
        "None.",
    );
    section.table(
        "Slots by what they keep",
        &["server", "slot", "keeps", "is read", "state", "lost in"],
        lag.slots.iter().take(ROWS).map(slot_row).collect(),
        "No slot keeps anything.",
    );
    section
}

const REPLICA_COLUMNS: &[&str] = &[
    "replica",
    "source",
    "p50",
    "p95",
    "p99",
    "max",
    "fresh",
    "budget used",
    "unknown",
];

fn replica_row(replica: &ReplicaLag) -> Vec<Cell> {
    let objective = &replica.objective;
    vec![
        Cell::Text(replica.replica.clone()),
        name(&replica.source),
        known(replica.p50_us),
        known(replica.p95_us),
        known(replica.p99_us),
        known(replica.max_us),
        Cell::Share(objective.good_share),
        Cell::Share(objective.budget_used),
        Cell::Text(plural(objective.unknown_minutes, "minute")),
    ]
}

const EPISODE_COLUMNS: &[&str] = &[
    "begin",
    "length",
    "replica",
    "peak",
    "cause",
    "hit",
    "not received",
    "not applied",
    "writes against usual",
    "first suspect",
    "its part",
];

fn episode_row(finding: &EpisodeFinding) -> Vec<Cell> {
    let episode = &finding.episode;
    let suspect = finding.suspects.first();
    let words = suspect.map_or_else(String::new, |suspect| {
        let names = [&suspect.normalized, &suspect.fingerprint, &suspect.statement_id];
        let name = names.into_iter().flatten().next();
        name.map_or("all others", String::as_str).to_owned()
    });
    let rhythm = finding
        .rhythm_us
        .map_or_else(String::new, |us| format!(" every {}", duration(us)));
    vec![
        Cell::Time(episode.start_us),
        Cell::Duration(episode.end_us - episode.start_us),
        Cell::Text(finding.replica.clone()),
        Cell::Duration(episode.peak_us),
        Cell::Text(format!("{}{rhythm}", finding.cause.words())),
        Cell::Text(format!("{} of {}", finding.replicas_hit, finding.replicas)),
        finding.receive_gap_bytes.map_or(Cell::Nothing, Cell::Bytes),
        finding.apply_gap_bytes.map_or(Cell::Nothing, Cell::Bytes),
        finding.write_ratio.map_or(Cell::Nothing, Cell::Factor),
        Cell::Sql(words),
        suspect.map_or(Cell::Nothing, |suspect| Cell::Share(suspect.share)),
    ]
}

fn source_row(source: &SourceLag) -> Vec<Cell> {
    vec![
        name(&source.source),
        Cell::Count(source.replicas as i64),
        source.bytes_per_s.map_or(Cell::Nothing, Cell::Bytes),
        known(source.rpo_us),
        known(source.rpo_max_us),
    ]
}

fn slot_row(slot: &SlotRisk) -> Vec<Cell> {
    let is_read = match slot.is_active {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    };
    vec![
        name(&slot.server),
        Cell::Text(slot.slot.clone()),
        slot.retained_bytes.map_or(Cell::Nothing, Cell::Bytes),
        Cell::Text(is_read.to_owned()),
        Cell::Text(slot.wal_status.clone().unwrap_or_default()),
        known(slot.lost_in_us),
    ]
}

fn known(us: Option<i64>) -> Cell {
    us.map_or(Cell::Nothing, Cell::Duration)
}

fn name(name: &Option<String>) -> Cell {
    Cell::Text(name.clone().unwrap_or_else(|| "(not sampled)".to_owned()))
}

/// The episodes of the week: how many replicas were too stale in each hour, and when.
fn episodes_chart(lag: &LagReport) -> Chart {
    let stretches: Vec<(i64, i64)> = lag
        .episodes
        .iter()
        .map(|finding| (finding.episode.start_us, finding.episode.end_us))
        .collect();
    let hit = |hour_us: i64| {
        let of_hour = |(from, to): &&(i64, i64)| *from < hour_us + HOUR_US && *to >= hour_us;
        (hour_us, stretches.iter().filter(of_hour).count() as f64)
    };
    let hours = match (lag.from_us, lag.to_us) {
        (Some(from_us), Some(to_us)) if !stretches.is_empty() => (from_us.div_euclid(HOUR_US)
            ..=(to_us - 1).div_euclid(HOUR_US))
            .map(|hour| hit(hour * HOUR_US))
            .collect(),
        _ => Vec::new(),
    };
    Chart {
        title: "Episodes of too much staleness by hour".to_owned(),
        description: "episodes in which a replica was too stale, by hour of the week".to_owned(),
        legend: Vec::new(),
        plot: Plot::Course {
            lines: vec![hours],
            stretches,
            moments: Vec::new(),
            reaches: 1.0,
        },
    }
}
