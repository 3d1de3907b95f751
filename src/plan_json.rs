//! A plan as the JSON that the lake keeps, and back as far as reports need it. No literal of a statement is in it. Reads and writes nothing.

use serde_json::{Value, json};
use slowlake_parse::{Misestimate, Plan, PlanFingerprint, PlanNode, PlanTotals};
use slowlake_store::MAX_STATEMENT_BYTES;

/// The plan with all of its nodes, as long as the lake keeps so much; else without those that nothing is said of.
pub(crate) fn to_json(plan: &Plan) -> String {
    let at = |node: usize| plan.nodes.get(node).map(node_json);
    let misestimate = plan.misestimate.as_ref().map(|wrong| {
        json!({
            "node": at(wrong.node),
            "estimated_rows": wrong.estimated_rows,
            "actual_rows": wrong.actual_rows,
            "factor": wrong.factor,
        })
    });
    let totals = &plan.totals;
    let mut document = json!({
        "shape": plan.shape,
        "cost": totals.cost,
        "estimated_rows": totals.estimated_rows,
        "actual_rows": totals.actual_rows,
        "time_us": totals.time_us,
        "wal_bytes": totals.wal_bytes,
        "jit_time_us": totals.jit_time_us,
        "triggers_time_us": totals.triggers_time_us,
        "slowest": plan.slowest.map(at),
        "misestimate": misestimate,
        "truncated": plan.truncated,
        "nodes": plan.nodes.iter().map(node_json).collect::<Vec<_>>(),
    });
    let whole = document.to_string();
    if whole.len() <= MAX_STATEMENT_BYTES {
        return whole;
    }
    document["nodes"] = Value::Null;
    let short = document.to_string();
    if short.len() <= MAX_STATEMENT_BYTES {
        return short;
    }
    // Of a shape of so many nodes, its fingerprint is in a column of its own.
    document["shape"] = Value::Null;
    document.to_string()
}

/// The plan of a row: its shape, its time, and the nodes that something is said of. `None` for what is no plan.
pub(crate) fn from_json(text: &str, fingerprint: Option<i64>) -> Option<Plan> {
    let document: Value = serde_json::from_str(text).ok()?;
    let mut nodes = Vec::new();
    let mut node = |json: &Value| {
        json.is_object().then(|| {
            nodes.push(PlanNode {
                name: text_of(&json["name"]),
                relation: text_of(&json["relation"]),
                self_time_us: json["self_time_us"].as_i64(),
                ..PlanNode::default()
            });
            nodes.len() - 1
        })
    };
    let slowest = node(&document["slowest"]);
    let wrong = &document["misestimate"];
    let misestimate = node(&wrong["node"]).and_then(|node| {
        Some(Misestimate {
            node,
            estimated_rows: wrong["estimated_rows"].as_i64()?,
            actual_rows: wrong["actual_rows"].as_i64()?,
            factor: wrong["factor"].as_f64()?,
        })
    });
    Some(Plan {
        query: Vec::new(),
        parameters: Vec::new(),
        server_query_id: None,
        fingerprint: fingerprint.map(PlanFingerprint::from),
        shape: text_of(&document["shape"]),
        nodes,
        totals: PlanTotals {
            time_us: document["time_us"].as_i64(),
            ..PlanTotals::default()
        },
        slowest,
        misestimate,
        truncated: document["truncated"].as_bool().unwrap_or_default(),
    })
}

/// A node without what is unknown or empty.
fn node_json(node: &PlanNode) -> Value {
    let mut json = json!({
        "depth": node.depth,
        "branch": node.branch,
        "name": node.name,
        "schema": node.schema,
        "relation": node.relation,
        "index": node.index,
        "remarks": node.remarks,
        "total_cost": node.total_cost,
        "estimated_rows": node.estimated_rows,
        "actual_rows": node.actual_rows,
        "loops": node.loops,
        "rows_removed": node.rows_removed,
        "time_us": node.time_us,
        "self_time_us": node.self_time_us,
        "shared_hit_blocks": counted(node.blocks.shared_hit),
        "shared_read_blocks": counted(node.blocks.shared_read),
        "temp_written_blocks": counted(node.blocks.temp_written),
    });
    if let Some(fields) = json.as_object_mut() {
        fields.retain(|_, value| !value.is_null() && value != "");
    }
    json
}

/// Zero can mean that blocks were not counted.
fn counted(blocks: i64) -> Option<i64> {
    Some(blocks).filter(|blocks| *blocks > 0)
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: &[u8] = b"Query Text: SELECT * FROM orders WHERE id = 'secret' ORDER BY total\n\
        Sort  (cost=30.50..31.00 rows=200 width=8) (actual time=9.000..9.500 rows=4000 loops=1)\n  \
        Sort Key: total\n  \
        ->  Seq Scan on orders  (cost=0.00..22.00 rows=10 width=8) (actual time=0.010..7.250 rows=4000 loops=1)\n        \
        Filter: (id = 'secret'::text)\n";

    #[test]
    fn what_reports_need_comes_back_and_no_literal_goes_in() {
        let plan = Plan::read(PAYLOAD).expect("a plan");
        let text = to_json(&plan);
        assert!(!text.contains("secret"), "{text}");
        let back = from_json(&text, plan.fingerprint.map(PlanFingerprint::get)).expect("a plan");
        assert_eq!((&back.shape, back.fingerprint), (&plan.shape, plan.fingerprint));
        assert_eq!(back.totals.time_us, plan.totals.time_us);
        let name = |plan: &Plan, node: Option<usize>| node.map(|node| plan.nodes[node].relation.clone());
        assert_eq!(name(&back, back.slowest), Some("orders".to_owned()));
        assert_eq!(name(&back, back.slowest), name(&plan, plan.slowest));
        let wrong = |plan: &Plan| {
            plan.misestimate
                .as_ref()
                .map(|wrong| (wrong.estimated_rows, wrong.actual_rows))
        };
        assert!(wrong(&plan).is_some());
        assert_eq!(wrong(&back), wrong(&plan));
        assert_eq!(from_json("no plan", None), None);
    }

    #[test]
    fn a_plan_of_many_nodes_stays_readable() {
        let mut plan = Plan::read(PAYLOAD).expect("a plan");
        plan.nodes = vec![plan.nodes[1].clone(); 4_000];
        let text = to_json(&plan);
        assert!(text.len() <= MAX_STATEMENT_BYTES);
        assert_eq!(
            from_json(&text, None).map(|back| back.shape),
            Some(plan.shape.clone())
        );
        plan.shape = "Append > ".repeat(4_000);
        let text = to_json(&plan);
        assert!(text.len() <= MAX_STATEMENT_BYTES);
        assert!(from_json(&text, None).is_some());
    }
}
