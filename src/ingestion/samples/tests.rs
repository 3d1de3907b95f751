//! Rounds of samples into real lakes on disk: keys, books, fences.

use slowlake_sql::{Session, SessionSettings};
use slowlake_store::maintain::{FsckOptions, fsck};

use super::*;

const AT_US: i64 = 1_794_787_200_000_000;

fn server(name: &str) -> SampledServer {
    SampledServer {
        name: name.to_owned(),
        cluster: Some("eu".to_owned()),
        dialect: Dialect::Postgres,
        address: format!("postgres://{name}:5432"),
    }
}

async fn commits(folder: &std::path::Path, names: &[&str]) -> SampleCommits {
    let location = folder.display().to_string().parse().unwrap();
    let lake = Lake::open_or_create(&location).await.unwrap();
    SampleCommits::new(lake, names.iter().map(|name| server(name)).collect())
}

fn sample(metric: &'static str, object: Option<&str>) -> Sample {
    Sample {
        ts_us: AT_US,
        metric,
        object: object.map(str::to_owned),
        attributes: vec![("state".to_owned(), "streaming".to_owned())],
        ..Sample::default()
    }
}

fn round(server: usize, at_us: i64, samples: Vec<Sample>) -> SampleRound {
    SampleRound {
        server,
        at_us,
        samples,
    }
}

async fn ask(commits: &SampleCommits, sql: &str) -> Vec<String> {
    let settings = SessionSettings {
        memory_limit_bytes: 64 << 20,
        threads: 2,
    };
    let session = Session::open(&commits.lake, settings).await.unwrap();
    let mut result = session.query(sql).await.unwrap();
    let columns = result.columns().len();
    let mut lines = Vec::new();
    while let Some(rows) = result.next().await.unwrap() {
        for row in 0..rows.len() {
            let values: Vec<String> = (0..columns)
                .map(|column| rows.value(row, column).to_string())
                .collect();
            lines.push(values.join("|"));
        }
    }
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_of_several_servers_are_one_commit_with_keys_and_books() {
    let folder = tempfile::tempdir().unwrap();
    let mut commits = commits(folder.path(), &["db-1", "db-2"]).await;
    let rounds = vec![
        round(
            0,
            AT_US,
            vec![sample("replica", None), sample("slot", Some("kept"))],
        ),
        round(1, AT_US + 5, vec![sample("replica", None)]),
        round(0, AT_US + 10, vec![sample("replica", None)]),
    ];
    let version = commits.lake.version();
    let committed = commits.commit(rounds).await.unwrap();
    assert_eq!((committed.samples, committed.fenced.len()), (4, 0));
    assert_eq!(commits.lake.version(), version + 1);
    let keys = "SELECT source, source_offset - 1794787200000000, source_seq, cluster, metric, object, attributes['state'] \
                FROM metrics ORDER BY 1, 2, 3";
    assert_eq!(
        ask(&commits, keys).await,
        [
            "collector/db-1|0|0|eu|replica||streaming",
            "collector/db-1|0|1|eu|slot|kept|streaming",
            "collector/db-1|10|0|eu|replica||streaming",
            "collector/db-2|5|0|eu|replica||streaming",
        ]
    );
    let more = commits
        .commit(vec![round(0, AT_US + 20, vec![sample("replica", None)])])
        .await;
    assert_eq!(more.unwrap().samples, 1);
    let books = "SELECT app_id, source_identity, range_start - 1794787200000000, range_end - 1794787200000000, bytes_in, detail \
                 FROM ledger ORDER BY 1, 3";
    assert_eq!(
        ask(&commits, books).await,
        [
            r#"c/db-1|postgres://db-1:5432|0|11|0|{"format":"collector","metrics":{"replica":2,"slot":1}}"#,
            r#"c/db-1|postgres://db-1:5432|11|21|0|{"format":"collector","metrics":{"replica":1}}"#,
            r#"c/db-2|postgres://db-2:5432|5|6|0|{"format":"collector","metrics":{"replica":1}}"#,
        ]
    );
    let report = fsck(&mut commits.lake, &FsckOptions::default()).await.unwrap();
    assert_eq!(report.problems(), 0, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_processes_sample_is_there_once_and_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = commits(folder.path(), &["db-1", "db-2"]).await;
    let mut other = commits(folder.path(), &["db-1"]).await;
    let rounds = |at_us| vec![round(0, at_us, vec![sample("replica", None)])];
    other.commit(rounds(AT_US + 3)).await.unwrap();
    let mut both = rounds(AT_US);
    both.push(round(1, AT_US, vec![sample("replica", None)]));
    let committed = one.commit(both).await.unwrap();
    assert_eq!((committed.samples, committed.fenced), (1, vec![0]));
    // From there on it goes on behind the other.
    assert_eq!(one.commit(rounds(AT_US + 4)).await.unwrap().samples, 1);
    let places = "SELECT source, source_offset - 1794787200000000 FROM metrics ORDER BY 1, 2";
    assert_eq!(
        ask(&one, places).await,
        ["collector/db-1|3", "collector/db-1|4", "collector/db-2|0"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_put_back_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut commits = commits(folder.path(), &["db-1"]).await;
    for at_us in [AT_US + 100, AT_US] {
        let committed = commits
            .commit(vec![round(0, at_us, vec![sample("replica", None)])])
            .await;
        assert_eq!(committed.unwrap().samples, 1);
    }
    let offsets = "SELECT source_offset - 1794787200000000 FROM metrics ORDER BY 1";
    assert_eq!(ask(&commits, offsets).await, ["100", "101"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_known_by_fingerprint_after_their_text_was_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut commits = commits(folder.path(), &["db-1"]).await;
    let told = |text: Option<&str>| Sample {
        statement: text.map(str::to_owned),
        ..sample("statement", Some("-77"))
    };
    let cut = Sample {
        object: Some("5".to_owned()),
        ..told(Some("UPDATE accounts SET ..."))
    };
    let rounds = vec![
        round(0, AT_US, vec![told(Some("UPDATE accounts SET a = $1")), cut]),
        round(0, AT_US + 1, vec![told(None), sample("table", Some("-77"))]),
    ];
    commits.commit(rounds).await.unwrap();
    let expect = Analyzer::new(StatementOptions::default().of(Dialect::Postgres))
        .fingerprint(b"update accounts set a = 17")
        .get();
    let rows =
        "SELECT metric, object, fingerprint, statement FROM metrics ORDER BY source_offset, source_seq";
    assert_eq!(
        ask(&commits, rows).await,
        [
            format!("statement|-77|{expect}|UPDATE accounts SET a = ?"),
            "statement|5||UPDATE accounts SET ...".to_owned(),
            format!("statement|-77|{expect}|"),
            "table|-77||".to_owned(),
        ]
    );
}
