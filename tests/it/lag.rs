//! `report lag` over a lake: a replica that was paused is found, in every form of the report, and a lake without samples is an error.

use serde_json::json;
use slowlake_store::{Commit, LakeLocation, MetricRow, Place, Progress, RowBuilder};
use tokio::runtime::Runtime;

use crate::binary::Run;
use crate::lake::Lake;

const SECOND_US: i64 = 1_000_000;
/// 2026-11-16 00:00:00 UTC.
const MONDAY_US: i64 = 1_794_787_200_000_000;
/// The replica stands still from this second on, for so long.
const STANDS_FROM: i64 = 600;
const STANDS_FOR: i64 = 300;

/// An hour of a source that writes 1000 bytes a second, and of a replica of it; both are asked every ten seconds.
fn make_lake(lake: &Lake) {
    let mut builder = RowBuilder::new();
    for second in (0..3_600).step_by(10) {
        let stands = (STANDS_FROM..STANDS_FROM + STANDS_FOR).contains(&second);
        let applied = if stands { STANDS_FROM } else { second } * 1_000;
        let place = |server: &'static str| Place {
            source: server,
            source_offset: second,
            ts_us: Some(MONDAY_US + second * SECOND_US),
            server: Some(server),
            cluster: Some("shop"),
            dialect: Some("postgres"),
            ..Place::default()
        };
        builder.push_metric(&MetricRow {
            place: place("db-1"),
            event: "source_position",
            size_bytes: Some(second * 1_000),
            attributes: &[("system_id", "7")],
            ..MetricRow::default()
        });
        builder.push_metric(&MetricRow {
            place: place("db-2"),
            event: "replica",
            attributes: &[
                ("system_id", "7"),
                ("received_position", &(second * 1_000).to_string()),
                ("applied_position", &applied.to_string()),
                ("receiver", "running"),
                ("applier", if stands { "paused" } else { "running" }),
            ],
            ..MetricRow::default()
        });
    }
    let path = lake.binary.folder().join("lake");
    let location: LakeLocation = path.display().to_string().parse().expect("a folder");
    Runtime::new().expect("threads").block_on(async {
        let mut lake = slowlake_store::Lake::open_or_create(&location)
            .await
            .expect("a lake");
        let files = vec![lake.upload(builder.finish()).await.expect("files")];
        let progress = vec![Progress {
            app_id: "c/db".to_owned(),
            prev: None,
            next: 3_600,
        }];
        lake.commit(Commit { files, progress }).await.expect("a commit");
    });
}

fn report(lake: &Lake, more: &[&str]) -> Run {
    let all = [&["report", "lag", "--lake", "lake"], more].concat();
    lake.binary.run(&all)
}

#[test]
fn a_paused_replica_is_an_episode_in_every_form() {
    let lake = Lake::new();
    make_lake(&lake);
    let document = report(&lake, &["--output", "json", "--threshold", "30s"])
        .exits(0)
        .json();
    assert_eq!(document["report"], json!("lag"));
    let episodes = document["episodes"].as_array().expect("episodes");
    let told: Vec<_> = episodes
        .iter()
        .map(|it| (&it["replica"], &it["cause"], &it["start_us"], &it["peak_us"]))
        .collect();
    let start_us = json!(MONDAY_US + (STANDS_FROM + 40) * SECOND_US);
    let peak_us = json!((STANDS_FOR - 10) * SECOND_US);
    assert_eq!(
        told,
        [(&json!("db-2"), &json!("apply_stalled"), &start_us, &peak_us)]
    );
    insta::assert_snapshot!("lag_text", report(&lake, &["--threshold", "30s"]).exits(0).stdout);
    let markdown = report(&lake, &["--threshold", "30s", "--output", "markdown"])
        .exits(0)
        .stdout;
    assert!(
        markdown.contains("\n| 2026-11-16 00:10:40 | 4 m 20 s | db-2 |"),
        "{markdown}"
    );
}

#[test]
fn the_past_is_told_as_it_was_known() {
    let lake = Lake::new();
    make_lake(&lake);
    let before = report(&lake, &["--output", "json", "--as-of", "2026-11-16T00:09:00Z"]);
    assert_eq!(before.exits(0).json()["episodes"], json!([]));
    let during = report(&lake, &["--output", "json", "--as-of", "2026-11-16T00:12:00Z"]);
    assert_eq!(during.exits(0).json()["episodes"][0]["is_open"], json!(true));
}

#[test]
fn a_lake_without_samples_is_said() {
    let lake = Lake::new();
    lake.binary.write(
        "p.log",
        "2020-01-06 00:00:00.000 UTC [7] app@shop LOG:  duration: 1.000 ms  statement: SELECT 1\n",
    );
    lake.ingest(&["p.log"]);
    let run = report(&lake, &[]).exits(1);
    assert!(run.stderr.contains("no sample of a replica"), "{}", run.stderr);
}
