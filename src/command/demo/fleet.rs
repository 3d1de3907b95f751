//! Slow logs of four servers that do not exist, over six weeks: enough of a fleet for a weekly report. In it a query becomes slower, one
//! grows, one comes, one goes, and one reads far too much. Always the same; no measurement of anything.

use std::fmt::Write;

/// The servers: two of a shop, two of its billing.
pub(super) const SERVERS: [&str; 4] = ["shop-1", "shop-2", "billing-1", "billing-2"];

/// 2026-10-05 00:00:00 UTC, a Monday.
const MONDAY_S: i64 = 1_791_158_400;
const HOURS: i64 = 42 * 24;
/// The first hour of the last week.
const WEEK: i64 = 35 * 24;

struct Query {
    statement: &'static str,
    application: &'static str,
    median_us: f64,
    /// Executions in a busy hour.
    calls: f64,
    rows: i64,
}

const QUERIES: [[Query; 5]; 2] = [
    [
        query("SELECT * FROM orders WHERE id = {}", "web", 900.0, 4.0, 1),
        query("SELECT o.id, o.total, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.state = {} ORDER BY o.created_at DESC LIMIT 50", "checkout", 40_000.0, 3.0, 4_000),
        query("UPDATE carts SET touched_at = now() WHERE session_id = {}", "web", 2_000.0, 2.5, 1),
        query("SELECT p.id, p.title FROM products p WHERE lower(p.title) = {}", "search", 85_000.0, 1.2, 180_000),
        query("SELECT * FROM recommendations WHERE customer_id = {} LIMIT 20", "web", 15_000.0, 2.0, 20),
    ],
    [
        query("SELECT * FROM invoices WHERE number = {}", "invoicing", 1_500.0, 3.0, 1),
        query("SELECT sum(amount) FROM ledger_entries WHERE account_id = {}", "reporting", 120_000.0, 1.5, 250_000),
        query("INSERT INTO payments (account_id, amount) VALUES ({}, 100)", "payments", 3_000.0, 3.0, 1),
        query("SELECT * FROM accounts WHERE state = {} LIMIT 100 OFFSET 5000", "backoffice", 30_000.0, 1.0, 5_100),
        query("DELETE FROM drafts WHERE expires_at < {}", "cron", 20_000.0, 0.5, 300),
    ],
];

const fn query(statement: &'static str, application: &'static str, median_us: f64, calls: f64, rows: i64) -> Query {
    Query {
        statement,
        application,
        median_us,
        calls,
        rows,
    }
}

/// The slow log of a server.
pub(super) fn log(server: usize) -> String {
    let mut log = String::new();
    for hour in 0..HOURS {
        for (number, query) in QUERIES[server / 2].iter().enumerate() {
            let (times, slower) = planted(server / 2, number, hour);
            let rate = query.calls * busy(hour) * times;
            let key = |call: u64| mixed(((server as u64 * 10 + number as u64) << 32) + ((hour as u64) << 8) + call);
            let calls = (rate + share(key(255))) as u64;
            for call in 0..calls {
                let key = key(call);
                // About normal: the sum of three uniform numbers.
                let normal = (share(key) + share(key >> 16) + share(key >> 32) - 1.5) * 2.0;
                let us = (query.median_us * slower * (0.4 * normal).exp()) as i64;
                let second = MONDAY_S + hour * 3600 + (key % 3600) as i64;
                // Writing to a string cannot fail.
                let _ = write!(
                    log,
                    "# User@Host: {application}[{application}] @ app [10.0.0.7]  Id: {id}\n\
                     # Query_time: {}.{:06}  Lock_time: 0.000020 Rows_sent: {}  Rows_examined: {}\n\
                     SET timestamp={second};\n/* team={} */ {};\n",
                    us / 1_000_000,
                    us % 1_000_000,
                    query.rows.min(50),
                    query.rows,
                    ["shop", "money"][server / 2],
                    query.statement.replace("{}", &(key % 100_000).to_string()),
                    application = query.application,
                    id = 7 + number,
                );
            }
        }
    }
    log
}

/// What is planted: how many times as often, and how many times as slow.
fn planted(service: usize, number: usize, hour: i64) -> (f64, f64) {
    match (service, number) {
        (0, 1) if hour >= WEEK + 33 => (1.0, 2.2),
        (0, 4) if hour < WEEK + 57 => (0.0, 1.0),
        (1, 1) => (1.06_f64.powf(hour as f64 / 168.0), 1.0),
        (1, 4) if hour >= WEEK => (0.0, 1.0),
        _ => (1.0, 1.0),
    }
}

/// Quiet by night and on weekends.
fn busy(hour: i64) -> f64 {
    let of_day = (hour % 24) as f64 / 24.0 * std::f64::consts::TAU;
    let of_week = if hour / 24 % 7 >= 5 { 0.6 } else { 1.0 };
    of_week * (0.65 - 0.35 * of_day.cos())
}

/// A number from 0 to 1 of the lower bits of a key.
fn share(key: u64) -> f64 {
    (key & 0xffff) as f64 / 65_536.0
}

/// A well-mixed number for a number (splitmix64).
fn mixed(number: u64) -> u64 {
    let x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
