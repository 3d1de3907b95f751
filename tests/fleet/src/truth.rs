//! The answers to the questions of `tests/questions`, counted while the executions are made. Knows nothing of lakes or files.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use slowlake_store::LatencyHistogram;

use crate::model::{
    DAY_US, Execution, Fleet, HOUR_US, LAST_WEEK_US, QUERIES, RARE_APPLICATION, SERVERS, START_US,
    THIS_WEEK_US,
};

/// The rank of the query whose history is asked for.
const HISTORY_RANK: usize = 100;
/// How many rows a question asks for that wants the largest of something.
const LIMIT: usize = 20;

#[derive(Clone, Copy, Default)]
struct Total {
    calls: i64,
    us: i64,
    max_us: i64,
}

impl Total {
    fn add(&mut self, us: i64) {
        self.calls += 1;
        self.us += us;
        self.max_us = self.max_us.max(us);
    }
}

#[derive(Clone, Default)]
struct OfQuery {
    all: Total,
    last_week: Total,
    this_week: Total,
    first_us: Option<i64>,
    servers: Vec<bool>,
}

/// The execution whose text is asked for.
struct Text {
    source: String,
    source_offset: i64,
    query_time_us: i64,
    statement: String,
}

pub(crate) struct Truth {
    queries: Vec<OfQuery>,
    history: BTreeMap<i64, Total>,
    /// Executions and failures by day and server.
    failures: BTreeMap<(i64, u8), (i64, i64)>,
    /// The present hour, by server.
    hour: Vec<LatencyHistogram>,
    p95_rows: i64,
    p95_sum_us: i64,
    rare_us: Vec<i64>,
    text: Option<Text>,
    /// Samples and longest lag of this week, by replica.
    lags: BTreeMap<usize, (i64, i64)>,
}

impl Truth {
    pub(crate) fn new() -> Truth {
        let of_query = OfQuery {
            servers: vec![false; SERVERS],
            ..OfQuery::default()
        };
        Truth {
            queries: vec![of_query; QUERIES],
            history: BTreeMap::new(),
            failures: BTreeMap::new(),
            hour: vec![LatencyHistogram::new(); SERVERS],
            p95_rows: 0,
            p95_sum_us: 0,
            rare_us: Vec::new(),
            text: None,
            lags: BTreeMap::new(),
        }
    }

    /// Counts the executions of one hour.
    pub(crate) fn hour(&mut self, fleet: &Fleet, executions: &[Execution]) {
        for execution in executions {
            self.execution(fleet, execution);
        }
        for histogram in &mut self.hour {
            if let Some(us) = std::mem::take(histogram).quantile(0.95) {
                self.p95_rows += 1;
                self.p95_sum_us += us;
            }
        }
    }

    /// Counts one sample of a replica: `(ts_us, server, lag_us)`.
    pub(crate) fn lag(&mut self, (ts_us, server, lag_us): (i64, usize, i64)) {
        if ts_us >= THIS_WEEK_US {
            let (samples, longest) = self.lags.entry(server).or_default();
            *samples += 1;
            *longest = lag_us.max(*longest);
        }
    }

    /// Whether this is the execution whose text is asked for: the first with a text in the second half of the time.
    pub(crate) fn wants_text(&self, execution: &Execution) -> bool {
        self.text.is_none() && execution.has_text && execution.ts_us >= LAST_WEEK_US
    }

    pub(crate) fn text(&mut self, execution: &Execution, source: &str, statement: &str) {
        self.text = Some(Text {
            source: source.to_owned(),
            source_offset: execution.source_offset,
            query_time_us: execution.query_time_us,
            statement: statement.to_owned(),
        });
    }

    fn execution(&mut self, fleet: &Fleet, execution: &Execution) {
        let us = execution.query_time_us;
        let query = &mut self.queries[usize::from(execution.query)];
        query.all.add(us);
        query.first_us.get_or_insert(execution.ts_us);
        query.servers[usize::from(execution.server)] = true;
        if execution.ts_us >= THIS_WEEK_US {
            query.this_week.add(us);
            self.hour[usize::from(execution.server)].record(us);
        } else if execution.ts_us >= LAST_WEEK_US {
            query.last_week.add(us);
        }
        if usize::from(execution.query) == HISTORY_RANK {
            let hour = execution.ts_us.div_euclid(HOUR_US);
            self.history.entry(hour).or_default().add(us);
        }
        let day = (execution.ts_us - START_US) / DAY_US;
        let (calls, failures) = self.failures.entry((day, execution.server)).or_default();
        *calls += 1;
        *failures += i64::from(execution.has_failed);
        if fleet.queries[usize::from(execution.query)].application == RARE_APPLICATION {
            self.rare_us.push(us);
        }
    }

    /// For each question how many rows its answer has and the sums of its columns, and what the questions leave open.
    pub(crate) fn json(&self) -> Value {
        let text = self.text.as_ref();
        json!({
            "parameters": {
                "source": text.map(|text| &text.source),
                "source_offset": text.map(|text| text.source_offset),
            },
            "statement": text.map(|text| &text.statement),
            "answers": {
                "top_by_total_time": self.top(),
                "p95_by_server_and_hour": { "rows": self.p95_rows, "p95_us": self.p95_sum_us },
                "history_of_one_query": answer(self.history.values(), |total| {
                    [("calls", total.calls), ("total_us", total.us), ("max_us", total.max_us)]
                }),
                "new_queries_this_week": self.new_queries(),
                "error_rate": answer(self.failures.values(), |(calls, errors)| {
                    [("calls", *calls), ("errors", *errors)]
                }),
                "slowest_of_a_rare_application": self.rare(),
                "text_of_one_execution": answer(text, |text| [("query_time_us", text.query_time_us)]),
                "lag_by_replica": self.lag_by_replica(),
                "queries_by_server": self.queries_by_server(),
                "week_over_week": self.week_over_week(),
            },
        })
    }

    fn top(&self) -> Value {
        let mut totals: Vec<Total> = self.queries.iter().map(|query| query.all).collect();
        totals.sort_by_key(|total| std::cmp::Reverse(total.us));
        answer(
            totals.iter().filter(|total| total.calls > 0).take(LIMIT),
            |total| {
                [
                    ("calls", total.calls),
                    ("total_us", total.us),
                    ("max_us", total.max_us),
                ]
            },
        )
    }

    fn new_queries(&self) -> Value {
        let is_new = |query: &&OfQuery| query.first_us.is_some_and(|first| first >= THIS_WEEK_US);
        answer(self.queries.iter().filter(is_new), |query| {
            [("calls", query.all.calls)]
        })
    }

    fn rare(&self) -> Value {
        let mut slowest = self.rare_us.clone();
        slowest.sort_unstable_by_key(|us| std::cmp::Reverse(*us));
        answer(slowest.iter().take(LIMIT), |us| [("query_time_us", *us)])
    }

    fn lag_by_replica(&self) -> Value {
        answer(self.lags.values(), |(samples, longest)| {
            [("samples", *samples), ("max_lag_us", *longest)]
        })
    }

    fn queries_by_server(&self) -> Value {
        let of_server = |server: usize| self.queries.iter().filter(|query| query.servers[server]).count();
        let counts = (0..SERVERS).map(of_server).filter(|count| *count > 0);
        answer(counts, |count| [("queries", count as i64)])
    }

    fn week_over_week(&self) -> Value {
        let is_in_both = |query: &&OfQuery| query.this_week.calls > 0 && query.last_week.calls > 0;
        let mut both: Vec<&OfQuery> = self.queries.iter().filter(is_in_both).collect();
        both.sort_by_key(|query| std::cmp::Reverse(query.this_week.us - query.last_week.us));
        answer(both.into_iter().take(LIMIT), |query| {
            [
                ("calls", query.this_week.calls),
                ("calls_before", query.last_week.calls),
                ("growth_us", query.this_week.us - query.last_week.us),
            ]
        })
    }
}

/// How many rows, and the sum of each column.
fn answer<R, const N: usize>(
    rows: impl IntoIterator<Item = R>,
    columns: impl Fn(R) -> [(&'static str, i64); N],
) -> Value {
    let mut count = 0;
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for row in rows {
        count += 1;
        for (name, value) in columns(row) {
            *sums.entry(name).or_default() += value;
        }
    }
    let mut answer = json!(sums);
    answer["rows"] = json!(count);
    answer
}
