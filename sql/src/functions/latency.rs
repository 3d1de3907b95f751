//! The functions against the histogram they stand for, under every order and partitioning.

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use slowlake_store::{LatencyHistogram, latency_at};

use crate::fixture::{MONDAY_US, Row, events};
use crate::{Session, SessionSettings};
use proptest::prelude::*;

/// `(fingerprint, durations in µs)`, NULL included.
type Executions = Vec<(i64, Option<i64>)>;

fn rows(executions: &Executions) -> Vec<Row> {
    let row = |(i, (fingerprint, us)): (usize, &(i64, Option<i64>))| {
        Row::execution(i as i64, MONDAY_US, *fingerprint, 0).set("query_time_us", *us)
    };
    executions.iter().enumerate().map(row).collect()
}

async fn run(rows: &[Row], partitions: usize, sql: &str) -> Vec<RecordBatch> {
    let settings = SessionSettings {
        memory_limit_bytes: 64 << 20,
        threads: partitions,
    };
    let session = Session::from_provider(events(rows, partitions), settings)
        .await
        .expect("a session");
    let result = session.query(sql).await.expect(sql);
    result.collect().await.expect(sql)
}

fn one(batches: &[RecordBatch], column: usize) -> Vec<Option<LatencyHistogram>> {
    let of = |batch: &RecordBatch| {
        (0..batch.num_rows())
            .map(|row| latency_at(batch.column(column), row))
            .collect::<Vec<_>>()
    };
    batches.iter().flat_map(of).collect()
}

fn number(batches: &[RecordBatch], column: usize) -> Option<i64> {
    let values = batches[0].column(column).as_primitive::<Int64Type>();
    values.is_valid(0).then(|| values.value(0))
}

fn expected(executions: &Executions) -> LatencyHistogram {
    let mut histogram = LatencyHistogram::new();
    executions
        .iter()
        .filter_map(|(_, us)| *us)
        .for_each(|us| histogram.record(us));
    histogram
}

fn executions() -> impl Strategy<Value = Executions> {
    let duration = prop_oneof![
        1 => Just(None),
        6 => (0..2_000_i64).prop_map(Some),
        6 => (0..500_000_000_i64).prop_map(Some),
    ];
    proptest::collection::vec((0..5_i64, duration), 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_same_whatever_the_order_and_the_partitions(
        executions in executions(),
        shuffled in any::<prop::sample::Index>(),
        partitions in 1..9_usize,
        q in 0.0..=1.0_f64,
    ) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let mut turned = executions.clone();
        turned.rotate_left(shuffled.index(executions.len()));
        turned.reverse();
        let sql = format!(
            "SELECT latency_histogram(query_time_us), latency_percentile(query_time_us, CAST({q} AS DOUBLE)), \
                    latency_quantile(latency_histogram(query_time_us), {q}), \
                    (SELECT latency_merge(h) FROM (SELECT latency_histogram(query_time_us) AS h FROM executions GROUP BY fingerprint)) \
             FROM executions"
        );
        let batches = runtime.block_on(run(&rows(&turned), partitions, &sql));
        let expected = expected(&executions);
        let found = one(&batches, 0).remove(0).unwrap_or_default();
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(&one(&batches, 3).remove(0).unwrap_or_default(), &expected);
        prop_assert_eq!(number(&batches, 1), expected.quantile(q));
        prop_assert_eq!(number(&batches, 2), expected.quantile(q));
    }

    #[test]
    fn groups_are_counted_apart(executions in executions(), partitions in 1..5_usize) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let sql = "SELECT latency_histogram(query_time_us) FILTER (WHERE query_time_us > 100) FROM executions \
                   GROUP BY fingerprint ORDER BY fingerprint";
        let batches = runtime.block_on(run(&rows(&executions), partitions, sql));
        let mut groups: Vec<i64> = executions.iter().map(|(fingerprint, _)| *fingerprint).collect();
        groups.sort_unstable();
        groups.dedup();
        let of_group = |group: &i64| {
            let counted = executions.iter().filter(|(fingerprint, us)| fingerprint == group && us.is_some_and(|us| us > 100));
            Some(expected(&counted.copied().collect())).filter(|histogram| histogram.count() > 0)
        };
        prop_assert_eq!(one(&batches, 0), groups.iter().map(of_group).collect::<Vec<_>>());
    }
}

#[test]
fn merging_is_plain_sql_too() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let executions: Executions = (0..500).map(|i| (i % 7, Some(i * i))).collect();
    let sql = "SELECT CAST(sum(p.calls) AS BIGINT), count(DISTINCT p.bin) FROM (SELECT unnest(h) AS p FROM \
               (SELECT latency_histogram(query_time_us) AS h FROM executions GROUP BY fingerprint))";
    let batches = runtime.block_on(run(&rows(&executions), 3, sql));
    assert_eq!(number(&batches, 0), Some(500));
    assert_eq!(
        number(&batches, 1),
        Some(expected(&executions).bins().count() as i64)
    );
}

#[test]
fn nothing_counted_is_null() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let sql = "SELECT latency_percentile(query_time_us, 0.5), latency_quantile(latency_histogram(query_time_us), 0.5), \
                      latency_quantile(NULL, 0.5), latency_quantile(latency_merge(NULL), 0.5), \
                      latency_quantile(latency_histogram(7), NULL) FROM executions";
    let batches = runtime.block_on(run(&rows(&vec![(1, None)]), 1, sql));
    for column in 0..5 {
        assert_eq!(number(&batches, column), None, "column {column}");
    }
}

#[test]
fn a_window_keeps_its_histogram() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let executions: Executions = vec![(1, Some(10)), (1, Some(20)), (1, Some(30))];
    let sql = "SELECT latency_percentile(query_time_us, 1) OVER (ORDER BY query_time_us) FROM executions ORDER BY 1 DESC";
    let batches = runtime.block_on(run(&rows(&executions), 1, sql));
    let values: Vec<i64> = batches[0].column(0).as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(values, [30, 20, 10]);
}

#[test]
fn other_spellings_of_a_histogram_are_taken() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let sql = "SELECT latency_quantile([named_struct('bin', 0, 'calls', 1), named_struct('bin', -1, 'calls', 1)], 1) FROM executions";
    let batches = runtime.block_on(run(&rows(&vec![(1, None)]), 1, sql));
    assert_eq!(number(&batches, 0), Some(1));
}
