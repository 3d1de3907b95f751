//! What no server writes: nothing of it may stop the reader.

use proptest::prelude::*;

use super::super::server::RULES;
use super::{Input, read};

/// Pieces of messages and of DETAIL, to be put together wrongly.
const PIECES: &[&str] = &[
    "process ",
    "1",
    "99999999999999999999",
    " still waiting for ",
    "ShareLock",
    " on ",
    " after ",
    " ms",
    "\"",
    ": ",
    ", ",
    "; ",
    "\n",
    "=",
    " at character ",
    "(PID ",
    ") was terminated by signal ",
    "index \"",
    "pages: ",
    " removed",
    "wrote ",
    " buffers (",
    "%)",
    "total",
    "write=",
    "elapsed: ",
    "session time: ",
    "0:0:0.0",
    " host=",
    " port=",
    "user=",
    "SLOT ",
    "0/8",
    "é",
    "deadlock detected",
    "Process 1: ",
    "Wait queue: ",
    "duplicate key value violates unique constraint \"",
    "does not exist",
];

fn text() -> impl Strategy<Value = String> {
    let starts: Vec<&str> = RULES.iter().map(|rule| rule.start).collect();
    let start = prop_oneof![Just("").boxed(), prop::sample::select(starts).boxed()];
    let piece =
        prop_oneof![4 => prop::sample::select(PIECES.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,3}"];
    (start, prop::collection::vec(piece, 0..12))
        .prop_map(|(start, pieces)| start.to_owned() + &pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_stops_the_reader(
        severity in prop::sample::select(vec!["LOG", "ERROR", "FATAL", "WARNING", "FEHLER"]),
        message in text(),
        detail in text(),
        context in text(),
        sql_state in prop::sample::select(vec!["", "40P01", "57014", "x"]),
    ) {
        read(Input { severity, sql_state, backend: "", message: &message, detail: &detail, context: &context, character: None });
    }
}

#[test]
fn rules_are_in_order_of_their_first_bytes_and_none_hides_another() {
    assert!(RULES.is_sorted_by_key(|rule| rule.start.as_bytes()[0]));
    for (at, rule) in RULES.iter().enumerate() {
        let hidden = RULES[..at]
            .iter()
            .find(|before| rule.start.starts_with(before.start));
        assert!(hidden.is_none(), "{} is never reached", rule.start);
    }
}
