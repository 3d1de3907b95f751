//! What a plan's printed averages come to.

use crate::plan::{Blocks, Misestimate, Plan, PlanTotals};

const PARALLEL: &str = "Query Text: select 1
Gather  (cost=1000.00..2000.50 rows=100 width=8) (actual time=1.000..50.000 rows=90 loops=1)
  Workers Planned: 2
  Workers Launched: 2
  Buffers: shared hit=7 read=61 dirtied=1 written=2, local hit=99, temp read=3 written=4
  WAL: records=80 fpi=4 bytes=24174
  ->  Nested Loop  (cost=0.00..99.25 rows=2 width=4) (actual time=0.002..40.000 rows=30.00 loops=3)
        ->  Parallel Seq Scan on t  (cost=0.00..99.25 rows=10 width=4) (actual time=0.002..10.000 rows=40 loops=3)
              Filter: (total > 10)
              Rows Removed by Filter: 22
              Worker 0:  actual time=0.000..0.001 rows=0 loops=1
                Buffers: shared hit=12345
        ->  Index Scan using t_pkey on t u  (cost=0.00..0.25 rows=1 width=4) (actual time=0.002..0.500 rows=0 loops=120)
  ->  Seq Scan on v  (cost=0.00..9.25 rows=7 width=4) (never executed)
Settings: work_mem = '1'';
Query Identifier: -3330661115010564579
JIT:
  Functions: 4
  Options: Inlining false, Optimization false, Expressions true, Deforming true
  Timing: Generation 0.6 ms (Deform 0.1 ms), Inlining 0.000 ms, Optimization 0.2 ms, Emission 2.4 ms, Total 3.256 ms
Trigger for constraint a on b: time=0.250 calls=20
Trigger c: time=1.000 calls=1";

#[test]
fn numbers_are_of_all_loops_and_times_of_one_process() {
    let plan = Plan::read(PARALLEL.as_bytes()).unwrap();
    let nodes: Vec<_> = plan
        .nodes
        .iter()
        .map(|node| {
            (
                node.actual_rows,
                node.loops,
                node.time_us,
                node.self_time_us,
                node.rows_removed,
            )
        })
        .collect();
    assert_eq!(
        nodes,
        [
            (Some(90), Some(1), Some(50_000), Some(10_000), None),
            (Some(90), Some(3), Some(40_000), Some(10_000), None),
            (Some(120), Some(3), Some(10_000), Some(10_000), Some(66)),
            (Some(0), Some(120), Some(20_000), Some(20_000), None),
            (Some(0), Some(0), Some(0), Some(0), None),
        ]
    );
    assert_eq!(plan.slowest, Some(3));
    let expect = Misestimate {
        node: 1,
        estimated_rows: 6,
        actual_rows: 90,
        factor: 15.0,
    };
    assert_eq!(plan.misestimate, Some(expect));
    let expect = PlanTotals {
        cost: Some(2000.5),
        estimated_rows: Some(100),
        actual_rows: Some(90),
        time_us: Some(50_000),
        blocks: Some(Blocks {
            shared_hit: 7,
            shared_read: 61,
            shared_dirtied: 1,
            shared_written: 2,
            temp_read: 3,
            temp_written: 4,
        }),
        wal_bytes: Some(24_174),
        jit_time_us: Some(3256),
        triggers_time_us: Some(1250),
    };
    assert_eq!(plan.totals, expect);
    assert_eq!(plan.server_query_id, Some(-3_330_661_115_010_564_579));
    assert!(!plan.truncated);
}

#[test]
fn a_node_that_was_stopped_early_was_not_estimated_wrong() {
    let check = |above: &str, rows: &str, expect: Option<usize>| {
        let payload = format!(
            "Query Text: x\n{above}  (cost=0.00..1.00 rows=5 width=8) (actual rows=5 loops=1)\n  \
             ->  Seq Scan on t  (cost=0.00..1.00 rows=1000 width=8) (actual rows={rows} loops=1)"
        );
        let plan = Plan::read(payload.as_bytes()).unwrap();
        assert_eq!(
            plan.misestimate.map(|misestimate| misestimate.node),
            expect,
            "{above} {rows}"
        );
        assert_eq!(plan.totals.time_us, None);
    };
    check("Limit", "5", None);
    check("Limit", "5000", Some(1));
    check("Sort", "5", Some(1));
    check("Nested Loop Semi Join", "5", None);
    check("Result", "1000", None);
}

#[test]
fn time_belongs_to_the_node_that_spent_it() {
    let check = |lines: &[&str], expect: &[i64]| {
        let mut payload = String::from("Query Text: x");
        for line in lines {
            let (node, time) = line.split_once('@').unwrap_or((line, ""));
            let numbers = match time {
                "" => String::new(),
                _ => format!("  (cost=0.00..1.00 rows=1 width=8) (actual time=0.000..{time} rows=1 loops=1)"),
            };
            payload.push_str(&format!("\n{node}{numbers}"));
        }
        let plan = Plan::read(payload.as_bytes()).unwrap();
        let times: Vec<_> = plan.nodes.iter().filter_map(|node| node.self_time_us).collect();
        assert_eq!(times, expect, "{payload}");
    };
    // Two scans of one expression: the first runs it, as far as its time reaches.
    check(
        &[
            "Nested Loop@9.000",
            "  CTE x",
            "    ->  Seq Scan on t@4.000",
            "  ->  CTE Scan on x@3.000",
            "  ->  CTE Scan on x x_1@5.000",
        ],
        &[1000, 4000, 0, 4000],
    );
    // The value of the InitPlan is needed by the scan, or by the node it is listed at.
    check(
        &[
            "Limit@9.000",
            "  InitPlan 1 (returns $0)",
            "    ->  Seq Scan on u@4.000",
            "  ->  Sort@8.500",
            "        ->  Seq Scan on t@7.000",
        ],
        &[500, 4000, 1500, 3000],
    );
    check(
        &[
            "Result@9.000",
            "  InitPlan 1",
            "    ->  Seq Scan on u@4.000",
            "  ->  Seq Scan on t@3.000",
        ],
        &[2000, 4000, 3000],
    );
    check(
        &[
            "Seq Scan on t@9.000",
            "  SubPlan 1",
            "    ->  Seq Scan on u@4.000",
        ],
        &[5000, 4000],
    );
}
