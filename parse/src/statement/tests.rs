//! The rules as tables of cases, and the properties every statement has.

mod cases;
mod closure;
mod garbage;
mod options;
mod properties;
mod redaction;
mod relations;
mod tags;

use super::{Analyzer, Dialect, Fingerprint, Options};

const BOTH: [Dialect; 2] = [Dialect::Postgres, Dialect::Mysql];

fn analyzer(dialect: Dialect) -> Analyzer {
    Analyzer::new(Options::new(dialect))
}

fn normalized(dialect: Dialect, text: &str) -> String {
    analyzer(dialect).analyze(text.as_bytes()).normalized.to_owned()
}

fn fingerprint(dialect: Dialect, text: &str) -> Fingerprint {
    analyzer(dialect).fingerprint(text.as_bytes())
}

/// One line a case: the statement and its normalized text, which must be as stable.
#[track_caller]
fn check(dialect: Dialect, cases: &[(&str, &str)]) {
    for (text, expect) in cases {
        assert_eq!(normalized(dialect, text), *expect, "{text}");
        assert_eq!(normalized(dialect, expect), *expect, "again: {text}");
        assert_eq!(fingerprint(dialect, text), fingerprint(dialect, expect), "{text}");
    }
}

#[track_caller]
fn same(dialect: Dialect, pairs: &[(&str, &str)]) {
    for (one, other) in pairs {
        let texts = (normalized(dialect, one), normalized(dialect, other));
        assert_eq!(
            fingerprint(dialect, one),
            fingerprint(dialect, other),
            "{texts:?}"
        );
    }
}

#[track_caller]
fn different(dialect: Dialect, pairs: &[(&str, &str)]) {
    for (one, other) in pairs {
        let texts = (normalized(dialect, one), normalized(dialect, other));
        assert_ne!(
            fingerprint(dialect, one),
            fingerprint(dialect, other),
            "{texts:?}"
        );
    }
}
