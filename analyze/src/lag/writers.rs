//! Who wrote what on a source: the growth of its statements' counters, as collectors tell it, or else the rows that its logged executions
//! changed. Reads the views `metrics` and `executions`; blames nobody.

use std::collections::{BTreeMap, HashMap};

use slowlake_sql::Session;

use super::blame::Write;
use super::objective::MINUTE_US;
use crate::error::AnalyzeError;
use crate::filter::Filters;
use crate::rows::{each_row, time};
use crate::window::TimeWindow;

/// A query by its fingerprint or, where its text is not known, by the server's own name of it; neither is all queries that are not told one
/// by one.
pub(super) type Writer = (Option<i64>, Option<String>);

/// What the statements of one server wrote.
#[derive(Debug, Default)]
pub(super) struct Writers {
    pub(super) writes: Vec<Write>,
    /// By number.
    pub(super) writers: Vec<Writer>,
    /// What is counted: bytes of write-ahead log, or else rows.
    pub(super) counts_bytes: bool,
    numbers: HashMap<Writer, usize>,
}

impl Writers {
    fn add(&mut self, writer: Writer, (from_us, to_us): (i64, i64), amount: i64) {
        let next = self.writers.len();
        let number = *self.numbers.entry(writer.clone()).or_insert(next);
        if number == next {
            self.writers.push(writer);
        }
        self.writes.push(Write {
            writer: number,
            from_us,
            to_us,
            amount,
        });
    }
}

/// The writers of a window, by server; of these servers in any case.
pub(super) async fn writers(
    session: &Session,
    window: TimeWindow,
    servers: &[String],
) -> Result<BTreeMap<Option<String>, Writers>, AnalyzeError> {
    let mut writers = sampled(session, window).await?;
    let is_missing = |server: &&String| !writers.contains_key(&Some((*server).clone()));
    let missing: Vec<String> = servers.iter().filter(is_missing).cloned().collect();
    if !missing.is_empty() {
        writers.extend(logged(session, window, missing).await?);
    }
    Ok(writers)
}

/// What logged executions changed, minute by minute.
async fn logged(
    session: &Session,
    window: TimeWindow,
    servers: Vec<String>,
) -> Result<BTreeMap<Option<String>, Writers>, AnalyzeError> {
    let filters = Filters {
        server: servers,
        ..Filters::default()
    };
    let statement = format!(
        "SELECT date_trunc('minute', ts) AS minute, server, fingerprint, sum(rows_affected) FROM executions \
         WHERE rows_affected > 0 AND fingerprint IS NOT NULL AND {} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        filters.condition(Some(window)),
    );
    let mut by_server: BTreeMap<Option<String>, Writers> = BTreeMap::new();
    each_row(session.query(&statement).await?, |rows, row| {
        if let (Some(minute_us), Some(rows_changed)) = (time(rows, row, 0), rows.integer(row, 3)) {
            let server = by_server.entry(rows.text(row, 1).map(str::to_owned)).or_default();
            let writer = (rows.integer(row, 2), None);
            server.add(writer, (minute_us, minute_us + MINUTE_US), rows_changed);
        }
    })
    .await?;
    Ok(by_server)
}

async fn sampled(
    session: &Session,
    window: TimeWindow,
) -> Result<BTreeMap<Option<String>, Writers>, AnalyzeError> {
    let statement = format!(
        "SELECT ts, server, fingerprint, CASE WHEN fingerprint IS NULL THEN object END, attributes['interval_us'], \
         attributes['wal_bytes'], attributes['rows_affected'] FROM metrics \
         WHERE metric IN ('statement', 'statement_other') AND {} ORDER BY server, source_offset, source_seq",
        Filters::default().condition(Some(window)),
    );
    let mut by_server: BTreeMap<Option<String>, Writers> = BTreeMap::new();
    each_row(session.query(&statement).await?, |rows, row| {
        let number = |column: usize| rows.text(row, column).and_then(|text| text.parse::<i64>().ok());
        let bytes = number(5);
        let (Some(to_us), Some(interval_us), Some(amount)) =
            (time(rows, row, 0), number(4), bytes.or(number(6)))
        else {
            return;
        };
        if interval_us > 0 && amount > 0 {
            let server = by_server.entry(rows.text(row, 1).map(str::to_owned)).or_default();
            let writer = (rows.integer(row, 2), rows.text(row, 3).map(str::to_owned));
            server.counts_bytes = bytes.is_some();
            server.add(writer, (to_us - interval_us, to_us), amount);
        }
    })
    .await?;
    Ok(by_server)
}
