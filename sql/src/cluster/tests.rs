//! Addresses, what may listen where, and what a plan reads; clusters themselves are tried by the tests of the binary.

use std::sync::Arc;

use datafusion::physical_plan::displayable;

use super::scans::{Reads, without_file_statistics};
use super::*;
use crate::fixture::{MONDAY_US, Row, events};
use crate::{Session, SessionSettings, SqlError};

fn settings(scheduler: &str) -> ClusterSettings {
    ClusterSettings {
        scheduler: scheduler.to_owned(),
        tls: None,
        min_bytes: 1,
        partitions: 4,
        may_fall_back: false,
    }
}

fn cluster(settings: &ClusterSettings) -> Result<Cluster, ClusterError> {
    Cluster::new(settings, Arc::new(|_| ()))
}

#[track_caller]
fn check(given: &str, expected: Result<&str, &str>) {
    let found = cluster(&settings(given)).map(|cluster| cluster.uri.to_string());
    match expected {
        Ok(uri) => assert_eq!(found.unwrap(), uri),
        Err(words) => assert!(found.unwrap_err().to_string().contains(words), "{given}"),
    }
}

#[test]
fn an_address_has_a_scheme_a_host_and_a_port() {
    check("http://127.0.0.1:7000", Ok("http://127.0.0.1:7000/"));
    check("http://scheduler", Ok("http://scheduler:50050/"));
    check("http://[::1]:7000/", Ok("http://[::1]:7000/"));
    check("scheduler:7000", Err("expected http://host:port"));
    check("ftp://scheduler", Err("expected http://host:port"));
    check("http://scheduler/path", Err("nothing can stand behind the port"));
    check(
        "https://scheduler",
        Err("takes a certificate, its key and an authority"),
    );
    check("", Err("expected http://host:port"));
}

#[test]
fn certificates_that_cannot_be_used_are_refused() {
    let files = |path: &str| TlsFiles {
        authority: path.into(),
        certificate: path.into(),
        key: path.into(),
    };
    let with = |scheduler: &str, path: &str| {
        let settings = ClusterSettings {
            tls: Some(files(path)),
            ..settings(scheduler)
        };
        cluster(&settings).unwrap_err().to_string()
    };
    assert!(with("https://scheduler", "/nowhere").starts_with("cannot read /nowhere"));
    assert!(with("https://scheduler", file!()).contains("cannot"));
    assert!(with("http://scheduler", "/nowhere").contains("has to begin with https"));
}

#[test]
fn only_this_machine_is_served_without_certificates() {
    let open: SocketAddr = "0.0.0.0:50050".parse().unwrap();
    let refusal = check_listen(open, None).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "0.0.0.0:50050 can be reached from other machines, which takes TLS"
    );
    assert!(refusal.hint().unwrap().contains("--tls-cert"));
    assert!(check_listen("127.0.0.1:1".parse().unwrap(), None).is_ok());
    assert!(check_listen("[::1]:1".parse().unwrap(), None).is_ok());
}

async fn session() -> Session {
    let rows = [Row::execution(0, MONDAY_US, 1, 10)];
    let settings = SessionSettings {
        memory_limit_bytes: 64 << 20,
        threads: 2,
    };
    Session::from_provider(events(&rows, 1), settings).await.unwrap()
}

#[tokio::test]
async fn what_only_this_process_has_stays_here() {
    let nobody = cluster(&settings("http://127.0.0.1:1")).unwrap();
    let session = session().await.with_cluster(&nobody);
    let place = |sql: &'static str| {
        let session = &session;
        async move {
            let batches = session.query(sql).await.unwrap().collect().await.unwrap();
            let text = datafusion::arrow::util::pretty::pretty_format_batches(&batches).unwrap();
            let text = text.to_string();
            let line = text.lines().find(|line| line.contains("runs_on"));
            line.unwrap_or_default().trim_matches(['|', ' ']).to_owned()
        }
    };
    let names = place("EXPLAIN SELECT * FROM information_schema.tables").await;
    assert!(names.contains("this process: it reads"), "{names}");
    let rows = place("EXPLAIN SELECT count(*) FROM executions WHERE rows_sent > 1").await;
    assert!(rows.contains("less than the cluster's 0.0 MiB"), "{rows}");
}

#[tokio::test]
async fn statistics_of_files_are_left_out() {
    let context = SessionContext::new();
    let folder = std::env::temp_dir().join(format!("slowlake-scans-{}", std::process::id()));
    let file = folder.join("a.parquet").display().to_string();
    let written = context.sql("SELECT 1 AS a, 'b' AS b").await.unwrap();
    written
        .write_parquet(&file, Default::default(), None)
        .await
        .unwrap();
    context
        .register_parquet("t", &file, Default::default())
        .await
        .unwrap();
    let plan = context.sql("SELECT a FROM t WHERE a > 0").await.unwrap();
    let plan = plan.create_physical_plan().await.unwrap();
    let Reads::Files(bytes) = Reads::of(plan.as_ref()) else {
        panic!("reads files")
    };
    let size = std::fs::metadata(&file).unwrap().len();
    assert_eq!(bytes, size);
    let shown = |plan: &Arc<dyn datafusion::physical_plan::ExecutionPlan>| {
        displayable(plan.as_ref()).indent(false).to_string()
    };
    let without = without_file_statistics(Arc::clone(&plan)).unwrap();
    assert_eq!(shown(&without), shown(&plan));
    let config = context.state().config().clone();
    let bytes = |plan| submit::message_bytes(plan, &config, &context.task_ctx()).unwrap();
    assert!(bytes(&without) <= bytes(&plan));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_an_error_with_a_hint() {
    let error = cluster(&settings("http://127.0.0.1:1")).unwrap().probe().await;
    let error = SqlError::from(error.unwrap_err());
    assert!(
        error
            .to_string()
            .starts_with("the cluster at http://127.0.0.1:1/ cannot be reached: ")
    );
    assert!(error.hint().unwrap().contains("--cluster-fallback"));
}
