//! `report weekly` over a lake: every number of its first page is what SQL says of the same lake, the same lake gives the same bytes, and the
//! page needs nothing but itself.

use serde_json::Value;

use crate::lake::Lake;

const HOUR_S: i64 = 3_600;
/// 2020-01-06, a Monday; the log is of six weeks from then, the report of the last of them.
const MONDAY_S: i64 = 1_578_268_800;
const HOURS: i64 = 42 * 24;
/// Executions of a query in an hour.
const CALLS: i64 = 2;
/// The first hour of the last week.
const WEEK: i64 = 35 * 24;
/// The hour in which the second query becomes twice as slow.
const ONSET: i64 = WEEK + 29;

/// A MySQL slow log: a steady query, one that becomes slower, one that runs more often, one that is new, one that goes, one that reads far
/// too much.
fn log() -> String {
    let mut log = String::new();
    for hour in 0..HOURS {
        for query in 0..6 {
            let calls = match query {
                2 if hour >= WEEK => 2 * CALLS,
                3 if hour < WEEK + 50 => 0,
                4 if hour >= WEEK => 0,
                _ => CALLS,
            };
            for call in 0..calls {
                let second = MONDAY_S + hour * HOUR_S + call * 400 + query;
                let ts = jiff::Timestamp::from_second(second).expect("a time");
                // Up to a tenth to and fro.
                let wobble = (hour * 7919 + query * 104_729 + call * 31) % 1009;
                let slow = if query == 1 && hour >= ONSET { 2 } else { 1 };
                // What reads too much has to cost enough for advice: 0.01 average active sessions.
                let (examined, times) = if query == 5 { (500_000, 200) } else { (10, slow) };
                let us = (100_000 + 10 * wobble) * times;
                log += &format!(
                    "# Time: {ts}\n# User@Host: app[app] @ web [10.0.0.7]  Id: 7\n\
                     # Query_time: {}.{:06}  Lock_time: 0.000010 Rows_sent: 1  Rows_examined: {examined}\n\
                     use shop;\nSET timestamp={second};\nSELECT a FROM t{query} WHERE state = {call};\n",
                    us / 1_000_000,
                    us % 1_000_000,
                );
            }
        }
    }
    log
}

fn lake() -> Lake {
    let lake = Lake::new();
    lake.binary.write("slow.log", log());
    lake.ingest(&["slow.log"]);
    lake.binary
        .run(&["maintain", "--lake", "lake", "--job", "derive"])
        .exits(0);
    lake
}

#[track_caller]
fn report(lake: &Lake, more: &[&str]) -> String {
    let arguments = [&["report", "weekly", "--lake", "lake"], more].concat();
    lake.binary.run(&arguments).exits(0).stdout
}

/// The first row of an answer, by column.
#[track_caller]
fn row(lake: &Lake, sql: &str) -> Value {
    lake.sql(sql).first().expect("a row").clone()
}

fn integer(value: &Value) -> i64 {
    value
        .as_i64()
        .unwrap_or_else(|| panic!("a whole number: {value}"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number: {value}"))
}

const THIS: &str = "ts >= '2020-02-10' AND ts < '2020-02-17'";
const LAST: &str = "ts >= '2020-02-03' AND ts < '2020-02-10'";

#[test]
fn every_number_of_the_first_page_is_that_of_sql() {
    let lake = lake();
    let told: Value = serde_json::from_str(&report(&lake, &["--output", "json"])).expect("JSON");
    let page = &told["page"];
    assert_eq!(
        (&told["schema_version"], &told["report"]),
        (&1.into(), &"weekly".into())
    );
    time_is_that_of_sql(&lake, &page["time"]);
    health_is_that_of_sql(&lake, &page["health"]);
    regressions_are_those_of_sql(&lake, &told);
    advice_is_that_of_sql(&lake, &told);

    let quality = &told["quality"];
    let hours = row(
        &lake,
        &format!("SELECT count(DISTINCT date_trunc('hour', ts)) AS hours FROM executions WHERE {THIS}"),
    );
    assert_eq!(quality["server_hours_seen"], hours["hours"]);
    assert_eq!(
        (&quality["servers"], &quality["server_hours"]),
        (&1.into(), &168.into())
    );
    for line in page["lines"].as_array().expect("lines") {
        assert!(
            told["queries"]
                .get(line["fingerprint"].as_str().expect("a query"))
                .is_some(),
            "{line}"
        );
        // MySQL's slow log names no application; what has gone has none in this week.
        let owner = if line["kind"] == "gone" {
            Value::Null
        } else {
            "(unknown)".into()
        };
        assert_eq!(line["owner"], owner, "{line}");
    }
}

/// Time, calls, and what their change consists of.
fn time_is_that_of_sql(lake: &Lake, time: &Value) {
    for (week, time_key, calls_key) in [
        (THIS, "total_us", "calls"),
        (LAST, "last_week_us", "last_week_calls"),
    ] {
        let sum = row(
            lake,
            &format!("SELECT sum(query_time_us) AS us, count(*) AS calls FROM executions WHERE {week}"),
        );
        assert_eq!((&time[time_key], &time[calls_key]), (&sum["us"], &sum["calls"]));
    }
    let sums = |week: &str| {
        format!(
            "SELECT fingerprint, CAST(sum(query_time_us) AS DOUBLE) AS t, CAST(count(*) AS DOUBLE) AS n FROM executions WHERE {week} GROUP BY fingerprint"
        )
    };
    let parts = row(
        lake,
        &format!(
            "SELECT sum(CASE WHEN a.t IS NOT NULL AND b.t IS NOT NULL THEN (b.t - a.t) / ln(b.t / a.t) * ln(b.n / a.n) END) AS calls, \
                    sum(CASE WHEN a.t IS NOT NULL AND b.t IS NOT NULL THEN (b.t - a.t) / ln(b.t / a.t) * ln(b.t / b.n / (a.t / a.n)) END) AS latency, \
                    sum(CASE WHEN a.t IS NULL THEN b.t END) AS new, -sum(CASE WHEN b.t IS NULL THEN a.t END) AS gone \
             FROM ({}) a FULL JOIN ({}) b ON a.fingerprint = b.fingerprint",
            sums(LAST),
            sums(THIS)
        ),
    );
    let change = &time["change"];
    let mut all = 0;
    for part in ["calls", "latency", "new", "gone"] {
        let found = integer(&change[format!("{part}_us")]);
        // A microsecond of rounding a query.
        assert!(
            (found as f64 - number(&parts[part])).abs() <= 6.0,
            "{part}: {found} and {parts}"
        );
        assert_ne!(found, 0, "{part}");
        all += found;
    }
    assert_eq!(all, integer(&change["change_us"]));
    assert_eq!(all, integer(&time["total_us"]) - integer(&time["last_week_us"]));
}

/// Slow executions, this week and the week before.
fn health_is_that_of_sql(lake: &Lake, health: &Value) {
    for (key, week, before) in [
        (
            "week",
            THIS,
            "event_date >= '2020-01-13' AND event_date < '2020-02-10'",
        ),
        (
            "last_week",
            LAST,
            "event_date >= '2020-01-06' AND event_date < '2020-02-03'",
        ),
    ] {
        // A bin holds what is up to 1 % above the duration that stands for it.
        let counted = row(
            lake,
            &format!(
                "SELECT count(*) AS calls, count(*) FILTER (WHERE query_time_us > usual_us / 0.99) AS slow FROM executions \
                 JOIN (SELECT server, fingerprint, latency_quantile(latency_merge(latency), 0.977) AS usual_us FROM rollup_day \
                       WHERE {before} GROUP BY server, fingerprint HAVING sum(calls) >= 200) AS known USING (server, fingerprint) \
                 WHERE {week}"
            ),
        );
        assert_eq!(health[key]["calls"], counted["calls"], "{key}");
        let (found, slow) = (number(&health[key]["slow_calls"]), number(&counted["slow"]));
        assert!((found - slow).abs() <= 2.0, "{key}: {found} and {slow}");
    }
    assert!(integer(&health["week"]["slow_calls"]) > integer(&health["last_week"]["slow_calls"]));
}

/// The one regression: its load is what its executions take more, as far as one can tell by means.
fn regressions_are_those_of_sql(lake: &Lake, told: &Value) {
    let numbers = &told["page"]["regressions"];
    assert_eq!(
        (&numbers["found"], &numbers["open"], &numbers["recovered"]),
        (&1.into(), &1.into(), &0.into())
    );
    let [change] = &told["regressions"]["regressions"].as_array().expect("a list")[..] else {
        panic!("one regression: {told}")
    };
    assert_eq!(
        integer(&change["onset_us"]),
        (MONDAY_S + ONSET * HOUR_S) * 1_000_000
    );
    let extra = row(
        lake,
        &format!(
            "SELECT (avg(query_time_us) FILTER (WHERE ts >= '2020-02-11T05:00:00') - avg(query_time_us) FILTER (WHERE ts < '2020-02-11T05:00:00')) \
                    * {CALLS}.0 / 3600e6 AS sessions FROM executions WHERE fingerprint_hex(fingerprint) = {}",
            change["fingerprint"].to_string().replace('"', "'")
        ),
    );
    let (found, means) = (number(&numbers["open_sessions"]), number(&extra["sessions"]));
    assert!((found / means - 1.0).abs() < 0.05, "{found} and {means}");
}

/// The statement of each card shows what the card says.
fn advice_is_that_of_sql(lake: &Lake, told: &Value) {
    let cards = told["advice"]["cards"].as_array().expect("cards");
    assert_eq!(integer(&told["page"]["advice_cards"]), cards.len() as i64);
    let promised: f64 = cards.iter().map(|card| number(&card["gain_sessions"])).sum();
    assert!((promised - number(&told["page"]["advice_sessions"])).abs() < 1e-9);
    let [card] = &cards[..] else {
        panic!("one card: {cards:?}")
    };
    assert_eq!(card["rule"], "missing_index");
    assert_eq!(card["statements"][0], "CREATE INDEX t5_state_idx ON t5 (state)");
    let shown = row(lake, card["verify"].as_str().expect("SQL"));
    assert_eq!(
        (integer(&shown["read_per_call"]), integer(&shown["sent_per_call"])),
        (500_000, 1)
    );
    assert_eq!(
        card["evidence"][0],
        serde_json::json!(["rows read by an execution", "500000"])
    );
}

#[test]
fn the_same_lake_gives_the_same_page_and_the_page_needs_nothing_else() {
    let lake = lake();
    let page = report(&lake, &["--output", "html"]);
    assert_eq!(report(&lake, &["--output", "html", "--threads", "1"]), page);
    assert_eq!(report(&lake, &["--output", "html", "--to", "2020-02-17"]), page);
    assert_eq!(
        report(&lake, &["--output", "html", "--as-of", "2020-02-19T12:00:00Z"]),
        page
    );
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        // The name space of SVG is a name, not an address.
        assert!(
            !page.replace("http://www.w3.org/2000/svg", "").contains(outside),
            "{outside}"
        );
    }
    let anchors: Vec<&str> = page
        .split("href=\"#")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(anchors.len() > 20, "{}", anchors.len());
    for anchor in anchors {
        assert!(page.contains(&format!("id=\"{anchor}\"")), "{anchor}");
    }
    for part in "ABCDEFGHIJK".chars() {
        assert!(page.contains(&format!("<h2>{part}. ")), "{part}");
    }
    assert!(page.len() < 5_000_000, "{}", page.len());

    let text = report(&lake, &[]);
    for line in [
        "Database week 2020-02-10 → 2020-02-16 UTC",
        "Slow executions",
        "1 open",
        "A. Regressions",
        "K. Data quality",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let markdown = report(&lake, &["--output", "markdown"]);
    assert!(
        markdown.contains("| Database time |") && markdown.contains("## D. Load"),
        "{markdown}"
    );
    let nothing = ["report", "weekly", "--lake", "lake", "--to", "2019-01-07"];
    let nothing = lake.binary.run(&nothing).exits(1);
    assert!(
        nothing.stderr.contains("no execution in that week"),
        "{}",
        nothing.stderr
    );
}

#[test]
fn trends_growth_and_advice_are_reports_of_their_own() {
    let lake = lake();
    let run = |more: &[&str]| {
        lake.binary
            .run(&[more, &["--lake", "lake"]].concat())
            .exits(0)
            .stdout
    };
    let trends = run(&["report", "trends"]);
    for line in [
        "2020-02-10 → 2020-02-16 UTC",
        "Queries that changed most",
        "Servers",
        "db1",
    ] {
        assert!(trends.contains(line), "{line}: {trends}");
    }
    let told: Value = serde_json::from_str(&run(&["report", "trends", "--output", "json"])).expect("JSON");
    assert_eq!(told["queries"].as_array().map(Vec::len), Some(6));
    assert_eq!(told["total"]["weeks_us"].as_array().map(Vec::len), Some(6));
    let elsewhere = ["report", "trends", "--lake", "lake", "--server", "db2"];
    assert!(
        lake.binary
            .run(&elsewhere)
            .exits(1)
            .stderr
            .contains("no execution in that week")
    );
    assert!(run(&["report", "growth"]).contains("no samples of sizes"));
    assert!(run(&["report", "advice"]).contains("CREATE INDEX t5_state_idx ON t5 (state)"));
}

/// Samples of a replica that stood still for five minutes, and an execution, for a week needs one.
#[test]
fn a_stale_replica_is_on_the_first_page_and_in_its_section() {
    let lake = Lake::new();
    crate::lag::make_lake(&lake);
    lake.binary.write(
        "slow.log",
        "# Time: 2026-11-16T00:00:10.000000Z\n# User@Host: app[app] @ web [10.0.0.7]  Id: 7\n\
         # Query_time: 1.000000  Lock_time: 0.000010 Rows_sent: 1  Rows_examined: 1\nSET timestamp=1794787210;\nSELECT a FROM t;\n",
    );
    lake.ingest(&["slow.log"]);
    let week = ["--to", "2026-11-23"];
    let told: Value =
        serde_json::from_str(&report(&lake, &[&week[..], &["--output", "json"]].concat())).expect("JSON");
    let numbers = &told["page"]["replication"];
    assert_eq!(
        (&numbers["replicas"], &numbers["missed"], &numbers["episodes"]),
        (&1.into(), &1.into(), &1.into())
    );
    let fresh = row(
        &lake,
        "SELECT count(*) AS minutes, count(*) FILTER (WHERE stale_us <= 10000000) AS fresh FROM \
         (SELECT date_trunc('minute', ts) AS minute, max(staleness_us) AS stale_us FROM replication_lag GROUP BY 1)",
    );
    let share = number(&fresh["fresh"]) / number(&fresh["minutes"]);
    assert!(
        (number(&numbers["good_share"]) - share).abs() < 1e-9,
        "{numbers} {fresh}"
    );
    assert_eq!(told["replication"]["episodes"][0]["cause"], "apply_stalled");
    let text = report(&lake, &week);
    for part in ["G. Replication", "apply stalled", "1 of 1 replica missed 99.9 %"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
