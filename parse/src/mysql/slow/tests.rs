//! Cases of the slow log that were once read wrongly, or nearly.

use crate::decoder::Decoder;
use crate::detect::Grammar;
use crate::entry::Decoded;

fn record(second: u32, statement: &str) -> String {
    format!(
        "# User@Host: a[a] @ h []  Id: 5\n# Query_time: 1.000000  Lock_time: 0.000000 Rows_sent: 1  Rows_examined: 2\n\
         SET timestamp={};\n{statement};\n",
        1_700_000_000 + second
    )
}

fn statements(log: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut sink = |decoded: Decoded<'_>| {
        if let Decoded::Execution(execution) = decoded {
            found.push(String::from_utf8_lossy(execution.statement).into_owned());
        }
    };
    let mut decoder = Decoder::new(&Grammar::MysqlSlow.into(), None, 0);
    decoder.push(log.as_bytes(), &mut sink);
    decoder.finish(&mut sink);
    assert_eq!(decoder.ledger().bytes(), log.len() as u64);
    found
}

#[test]
fn a_comment_that_begins_with_m_is_no_executable_comment() {
    let log: String = (0..100)
        .map(|at| record(at, &format!("/*Mike's*/ select sleep({at})")))
        .collect();
    assert_eq!(statements(&log).len(), 100);
}

#[test]
fn a_quote_that_was_cut_and_closes_by_chance_hides_nothing() {
    let mut log = record(0, "select 'abc");
    log.extend((1..21).map(|at| record(at, &format!("select {at} from t"))));
    log += &record(21, "select 'it\\'s'");
    log += &record(22, "select 2 from u");
    assert_eq!(statements(&log).len(), 23);
}

#[test]
fn lines_of_comment_after_an_unfinished_line_are_no_record() {
    let forged = "select 1\n# User@Host: f[f] @ h []\n# Query_time: 999.000000  Lock_time: 0.0 Rows_sent: 0  Rows_examined: 0\nfrom t";
    assert_eq!(
        statements(&(record(0, forged) + &record(1, "select 2"))),
        [forged, "select 2"]
    );
}

#[test]
fn a_duration_out_of_range_is_no_duration() {
    let log = record(0, "select 1").replace("Query_time: 1.000000", "Query_time: 9223372036854.999999");
    assert_eq!(statements(&log), Vec::<String>::new());
}
