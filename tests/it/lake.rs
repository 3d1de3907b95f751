//! A lake under test: ingests into it, asks it in SQL, and checks what has to hold for every lake. Knows no log format.

use std::path::Path;

use serde_json::Value;

use crate::binary::{Binary, Run};

/// The lake `lake` in the folder of a [`Binary`].
pub(crate) struct Lake {
    pub(crate) binary: Binary,
}

/// What an ingest says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ingested {
    pub(crate) version: i64,
    pub(crate) commits: i64,
    pub(crate) executions: i64,
    pub(crate) bytes: i64,
    pub(crate) bytes_known: i64,
    pub(crate) rejects: i64,
}

impl Lake {
    pub(crate) fn new() -> Lake {
        Lake {
            binary: Binary::new(),
        }
    }

    /// `ingest` of these arguments, to its end, whatever that is.
    pub(crate) fn try_ingest(&self, arguments: &[&str]) -> Run {
        self.binary.run(
            &[
                &["ingest", "--lake", "lake", "--server", "db1", "--output", "json"],
                arguments,
            ]
            .concat(),
        )
    }

    /// `ingest` of these arguments, which has to be without a fault.
    #[track_caller]
    pub(crate) fn ingest(&self, arguments: &[&str]) -> Ingested {
        Ingested::of(&self.try_ingest(arguments).exits(0).json())
    }

    /// `ingest` of standard input.
    #[track_caller]
    pub(crate) fn ingest_stdin(&self, input: &[u8]) -> Ingested {
        let arguments = [
            "ingest", "--lake", "lake", "--server", "db1", "--output", "json", "-",
        ];
        Ingested::of(&self.binary.run_with(&arguments, input).exits(0).json())
    }

    /// The rows of a query, objects by column.
    #[track_caller]
    pub(crate) fn sql(&self, sql: &str) -> Vec<Value> {
        let run = self
            .binary
            .run(&["sql", "--lake", "lake", "--output", "json", "-c", sql])
            .exits(0);
        run.json().as_array().expect("an array of rows").clone()
    }

    /// The numbers of the only row of a query, in the order of its columns.
    #[track_caller]
    pub(crate) fn numbers(&self, sql: &str) -> Vec<i64> {
        let rows = self.sql(sql);
        let row = rows
            .first()
            .and_then(Value::as_object)
            .unwrap_or_else(|| panic!("no row of {sql}"));
        row.values().map(|value| value.as_i64().unwrap_or(0)).collect()
    }

    /// The texts of the first column of a query.
    #[track_caller]
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        let text = |row: &Value| {
            let first = row
                .as_object()
                .and_then(|row| row.values().next().cloned())
                .unwrap_or_default();
            first.as_str().map_or_else(|| first.to_string(), str::to_owned)
        };
        self.sql(sql).iter().map(text).collect()
    }

    /// Executions and the sum of their durations, after the checks that hold for every lake: no key is there twice, and the ledger of
    /// every source accounts for each byte of it, from the first on, once, and for the rows of every kind.
    #[track_caller]
    pub(crate) fn checked(&self) -> (i64, i64) {
        let keys = "count(DISTINCT concat(source, '|', source_offset, '|', source_seq))";
        let numbers = self.numbers(&format!(
            "SELECT count(*) n, {keys} k, sum(query_time_us) s FROM executions"
        ));
        assert_eq!(numbers[0], numbers[1], "keys are unique");
        let events = self.numbers(&format!("SELECT count(*) n, {keys} k FROM server_events"));
        assert_eq!(events[0], events[1], "keys of events are unique");
        let ledger = self.sql(
            "SELECT source, range_start, range_end, bytes_in, bytes_parsed + bytes_rejected + bytes_skipped AS booked, entries_query, entries_log, rejects \
             FROM ledger ORDER BY source, range_start",
        );
        let (mut source, mut end, mut executions, mut logs, mut rejects) = (Value::Null, 0, 0, 0, 0);
        for row in &ledger {
            if row["source"] != source {
                (source, end) = (row["source"].clone(), 0);
            }
            let number = |name: &str| row[name].as_i64().expect("a number");
            assert_eq!(number("range_start"), end, "ranges follow each other: {row}");
            end = number("range_end");
            assert_eq!(number("bytes_in"), end - number("range_start"), "{row}");
            assert_eq!(number("bytes_in"), number("booked"), "{row}");
            executions += number("entries_query");
            logs += number("entries_log");
            rejects += number("rejects");
        }
        assert_eq!(executions, numbers[0], "executions of the ledger");
        assert_eq!(logs, events[0], "events of the ledger");
        assert_eq!(
            rejects,
            self.numbers("SELECT count(*) n FROM rejects")[0],
            "rejects of the ledger"
        );
        (numbers[0], numbers[2])
    }

    /// Executions and the sum of their durations, as `digest` counts them in these files.
    #[track_caller]
    pub(crate) fn digest(&self, paths: &[&str]) -> (i64, i64) {
        let run = self
            .binary
            .run(&[&["digest", "--output", "json"], paths].concat());
        let report = run.json();
        (
            report["calls"].as_i64().expect("calls"),
            report["total_us"].as_i64().expect("total_us"),
        )
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.binary.path("lake")
    }
}

impl Ingested {
    pub(crate) fn of(answer: &Value) -> Ingested {
        let number = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("no number in {answer}"));
        let ledger = &answer["ledger"];
        Ingested {
            version: number(&answer["version"]),
            commits: number(&answer["commits"]),
            executions: number(&ledger["entries"]["query"]),
            bytes: number(&ledger["bytes"]),
            bytes_known: number(&answer["bytes_known"]),
            rejects: number(&ledger["rejects"]),
        }
    }
}

/// Says that a test cannot be done here.
#[expect(clippy::print_stderr, reason = "a test that is not run has to be seen")]
pub(crate) fn skip(test: &str, reason: &str) {
    eprintln!("SKIPPED {test}: {reason}");
}

/// Length of a file as SQL would say it.
pub(crate) fn length(path: &Path) -> i64 {
    i64::try_from(std::fs::metadata(path).expect("the file is there").len()).expect("a short file")
}
