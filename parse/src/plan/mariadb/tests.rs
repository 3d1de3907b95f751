//! Rows as MariaDB prints them.

use crate::plan::{Plan, PlanTotals};

fn mariadb(block: &str) -> Plan {
    Plan::read_mariadb(block.split_inclusive('\n').map(str::as_bytes)).unwrap()
}

const MARIADB: &str = "\
# explain: id\tselect_type\ttable\ttype\tpossible_keys\tkey\tkey_len\tref\trows\tr_rows\tfiltered\tr_filtered\tExtra
# explain: 1\tPRIMARY\torders\tALL\tNULL\tNULL\tNULL\tNULL\t20001\t20000.00\t100.00\t100.00\tUsing where; Using temporary; Using filesort
# explain: 1\tPRIMARY\tc\teq_ref\tPRIMARY\tPRIMARY\t8\tshop.orders.customer_id\t1\t0.05\t100.00\t100.00\tUsing index
# explain: 2\tSUBQUERY\tp\trange\tsku\tsku\t8\tNULL\t3\t4000.00\t100.00\t0.01\tUsing join buffer (flat, BNL join); 'secret'
# explain: NULL\tUNION RESULT\t<union1,2>\tALL\tNULL\tNULL\tNULL\tNULL\tNULL\tNULL\tNULL\tNULL\t
";

#[test]
fn mariadb_rows() {
    let plan = mariadb(MARIADB);
    assert_eq!(
        plan.shape,
        "1 PRIMARY: Full Scan orders {where, temporary, filesort}, eq_ref c using PRIMARY {index}, \
         2 SUBQUERY: range p using sku {join buffer}, UNION RESULT: Full Scan <union1,2>"
    );
    let numbers: Vec<_> = plan
        .nodes
        .iter()
        .map(|node| (node.estimated_rows, node.actual_rows))
        .collect();
    assert_eq!(
        numbers,
        [
            (Some(20_001), Some(20_000)),
            (Some(1), Some(0)),
            (Some(3), Some(4000)),
            (None, None)
        ]
    );
    assert_eq!(plan.misestimate.map(|misestimate| misestimate.node), Some(2));
    assert_eq!(
        (plan.slowest, plan.totals, plan.truncated),
        (None, PlanTotals::default(), false)
    );
    let other_numbers = mariadb(&MARIADB.replace("20001", "7").replace("0.05", "NULL"));
    assert_eq!(other_numbers.fingerprint, plan.fingerprint);
    for (from, to) in [
        ("eq_ref", "ref"),
        ("\tsku\t8", "\tprice\t8"),
        ("; Using filesort", ""),
        ("SUBQUERY", "DERIVED"),
    ] {
        assert_ne!(
            mariadb(&MARIADB.replace(from, to)).fingerprint,
            plan.fingerprint,
            "{from}"
        );
    }
    assert_eq!(
        mariadb("1\tINSERT\torders\tALL\tNULL\n").shape,
        "1 INSERT: Insert orders"
    );
    assert_eq!(
        Plan::read_mariadb([&b"# explain: id\tselect_type"[..], b"#"]),
        None
    );
}

#[test]
fn mariadb_columns_are_found_by_their_names() {
    let plan = mariadb(
        "id\tselect_type\ttable\tpartitions\ttype\tkey\trows\tExtra\n1\tSIMPLE\tt\tp0\tindex\tk\t9\tUsing index\n",
    );
    assert_eq!(plan.shape, "1 SIMPLE: Full Index Scan t using k {index}");
    assert_eq!(
        (plan.nodes[0].estimated_rows, plan.nodes[0].actual_rows),
        (Some(9), None)
    );
}

#[test]
fn mariadb_recursion_as_recorded() {
    let plan = mariadb(
        "# explain: id\tselect_type\ttable\ttype\tpossible_keys\tkey\tkey_len\tref\trows\tr_rows\tfiltered\tr_filtered\tExtra\n\
         # explain: 1\tPRIMARY\t<derived2>\tALL\tNULL\tNULL\tNULL\tNULL\t2\t50.00\t100.00\t100.00\tUsing temporary\n\
         # explain: 2\tDERIVED\tNULL\tNULL\tNULL\tNULL\tNULL\tNULL\tNULL\tNULL\tNULL\tNULL\tNo tables used\n\
         # explain: 3\tRECURSIVE UNION\t<derived2>\tALL\tNULL\tNULL\tNULL\tNULL\t2\t1.00\t100.00\t98.00\tUsing where\n\
         # explain: NULL\tUNION RESULT\t<union2,3>\tALL\tNULL\tNULL\tNULL\tNULL\tNULL\t0.00\tNULL\tNULL\t\n",
    );
    assert_eq!(
        plan.shape,
        "1 PRIMARY: Full Scan <derived2> {temporary}, 2 DERIVED: No Table, \
         3 RECURSIVE UNION: Full Scan <derived2> {where}, UNION RESULT: Full Scan <union2,3>"
    );
    assert_eq!(
        plan.misestimate
            .map(|misestimate| (misestimate.node, misestimate.factor)),
        Some((0, 25.0))
    );
}
