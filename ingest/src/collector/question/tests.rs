//! Samples out of answers, question by question.

use super::*;

const AT: Moment = Moment {
    ts_us: 1_000_000,
    round_trip_us: 40,
};
const LATER: Moment = Moment {
    ts_us: 61_000_000,
    round_trip_us: 50,
};

/// `check` of this module: one question, answers one after the other, and what the last is told as.
fn check(tells: Tells, answers: &[(&[&str], &[&[&str]])], expect: &[&str]) {
    let question = Question {
        tells,
        ..Question::state("m", "SELECT")
    };
    let mut memory = Memory::default();
    let mut told = Vec::new();
    for ((columns, rows), at) in answers.iter().zip([AT, LATER]) {
        told = question.samples(&answer(columns, rows), at, &mut memory);
    }
    let told: Vec<String> = told.iter().map(shown).collect();
    assert_eq!(told, expect);
}

/// An empty value stands for NULL.
fn answer(columns: &[&str], rows: &[&[&str]]) -> Answer {
    let value = |text: &&str| (!text.is_empty()).then(|| (*text).to_owned());
    Answer {
        columns: columns.iter().map(|&name| name.to_owned()).collect(),
        rows: rows.iter().map(|row| row.iter().map(value).collect()).collect(),
    }
}

fn shown(sample: &Sample) -> String {
    let mut shown = format!("{} {}", sample.metric, sample.object.as_deref().unwrap_or("-"));
    let named = [
        ("duration_us", sample.duration_us),
        ("size_bytes", sample.size_bytes),
    ];
    for (name, value) in named.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
        shown += &format!(" {name}={value}");
    }
    for (name, value) in &sample.attributes {
        shown += &format!(" {name}={value}");
    }
    shown
}

#[test]
fn a_state_is_columns_and_attributes_and_never_a_zero_for_null() {
    check(
        Tells::State,
        &[(
            &["object", "duration_us", "size_bytes", "state", "lsn"],
            &[
                &["a", "", "7", "streaming", ""],
                &["b", "", "", "", ""],
                &["", "5", "", "", "0/1"],
            ],
        )],
        &["m a size_bytes=7 state=streaming", "m - duration_us=5 lsn=0/1"],
    );
}

#[test]
fn a_position_tells_its_round_trip() {
    check(
        Tells::Position,
        &[(&["size_bytes"], &[&["7"]])],
        &["m - size_bytes=7 round_trip_us=40"],
    );
}

#[test]
fn changes_are_told_at_first_and_when_they_happen() {
    let columns: &[&str] = &["object", "value"];
    let before: (&[&str], &[&[&str]]) = (columns, &[&["work_mem", "4"], &["jit", "on"]]);
    check(
        Tells::Changes,
        &[before],
        &["m work_mem value=4", "m jit value=on"],
    );
    let after: (&[&str], &[&[&str]]) = (columns, &[&["work_mem", "8"], &["jit", "on"]]);
    check(Tells::Changes, &[before, after], &["m work_mem value=8"]);
}

#[test]
fn growth_is_told_with_its_interval_from_the_second_answer_on() {
    let tells = || Tells::Growth {
        counters: &["scans"],
        is_complete: false,
    };
    let columns: &[&str] = &["object", "size_bytes", "scans"];
    let before: (&[&str], &[&[&str]]) = (columns, &[&["t", "10", "5"]]);
    check(tells(), &[before], &["m t size_bytes=10"]);
    check(
        tells(),
        &[before, (columns, &[&["t", "20", "9"], &["new", "1", "3"]])],
        &[
            "m t size_bytes=20 scans=4 interval_us=60000000",
            "m new size_bytes=1",
        ],
    );
    check(
        tells(),
        &[before, (columns, &[&["t", "20", "2"]])],
        &["m t size_bytes=20 scans=2 interval_us=60000000 reset=true"],
    );
}

#[test]
fn statements_are_told_by_the_time_they_took_and_the_rest_as_a_sum() {
    let tells = Tells::Statements {
        counters: &["calls", RANKED_BY],
        told_max: 2,
        text_sql: String::new(),
    };
    let columns: &[&str] = &["object", "database", "calls", RANKED_BY];
    check(
        tells,
        &[
            (
                columns,
                &[
                    &["a", "x", "10", "100"],
                    &["a", "y", "10", "100"],
                    &["idle", "x", "1", "1"],
                ],
            ),
            (
                columns,
                &[
                    &["a", "x", "11", "101"],
                    &["a", "y", "12", "300"],
                    &["new", "x", "3", "50"],
                    &["idle", "x", "1", "1"],
                    &["small", "x", "2", "1"],
                ],
            ),
        ],
        &[
            "m a duration_us=200 calls=2 time_us=200 interval_us=60000000",
            "m new duration_us=50 calls=3 time_us=50 interval_us=60000000",
            "statement_other - duration_us=2 calls=3 time_us=2 interval_us=60000000 statements=2",
        ],
    );
}

#[test]
fn a_text_is_told_once_for_each_connection() {
    let mut memory = Memory::default();
    let mut samples = vec![Sample {
        object: Some("17".to_owned()),
        ..Sample::default()
    }];
    assert_eq!(memory.texts_missing(&samples), ["17"]);
    memory.add_texts(
        &mut samples,
        &answer(&["object", "statement"], &[&["17", "SELECT $1"]]),
    );
    assert_eq!(samples[0].statement.as_deref(), Some("SELECT $1"));
    assert!(memory.texts_missing(&samples).is_empty());
    memory.reconnect();
    assert_eq!(memory.texts_missing(&samples), ["17"]);
}

#[test]
fn a_long_text_is_cut_between_letters() {
    let text = "é".repeat(STATEMENT_BYTES_MAX);
    assert_eq!(cut(&text).len(), STATEMENT_BYTES_MAX);
    assert_eq!(cut(&text[..10]), &text[..10]);
}
