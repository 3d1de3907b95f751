//! Speed of [`Analyzer`] in bytes of SQL text, by the shape of the statements.

use std::fmt::Write;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use slowlake_parse::statement::{Analyzer, Dialect, Options};

fn main() {
    divan::main();
}

/// What the statements of a log look like.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Reads and writes by key, 80 to 200 bytes.
    ShortOltp,
    /// Five tables, many columns, 600 to 900 bytes.
    WideJoin,
    /// 1200 numbers.
    LongIn,
    /// 2500 rows, 85 KB.
    MultiRowInsert,
    /// 300 queries, some far more often than others, with literals in their texts: nearly every text is new.
    Log,
    /// The same 300 queries, each always with the same text, as of prepared statements.
    Prepared,
}

/// How many queries there are in [`Shape::Log`] and [`Shape::Prepared`].
const QUERIES: usize = 300;

/// How many statements are measured at once.
const PART: usize = 1000;

const SHAPES: [Shape; 6] = [
    Shape::ShortOltp,
    Shape::WideJoin,
    Shape::LongIn,
    Shape::MultiRowInsert,
    Shape::Log,
    Shape::Prepared,
];

#[divan::bench(args = SHAPES)]
fn fingerprint_postgres(bencher: Bencher, shape: Shape) {
    run(bencher, shape, Dialect::Postgres);
}

#[divan::bench(args = SHAPES)]
fn fingerprint_mysql(bencher: Bencher, shape: Shape) {
    run(bencher, shape, Dialect::Mysql);
}

#[divan::bench(args = SHAPES)]
fn analyze_postgres(bencher: Bencher, shape: Shape) {
    let statements = statements(shape, Dialect::Postgres);
    let mut analyzer = Analyzer::new(Options::new(Dialect::Postgres));
    measure(bencher, &statements, |text| {
        analyzer.analyze(text.as_bytes()).normalized.len() as i64
    });
}

fn run(bencher: Bencher, shape: Shape, dialect: Dialect) {
    let statements = statements(shape, dialect);
    let mut analyzer = Analyzer::new(Options::new(dialect));
    let distinct: std::collections::BTreeSet<_> = statements
        .iter()
        .map(|text| analyzer.fingerprint(text.as_bytes()))
        .collect();
    assert!(
        distinct.len() <= QUERIES,
        "{} fingerprints: literals count",
        distinct.len()
    );
    measure(bencher, &statements, |text| {
        analyzer.fingerprint(text.as_bytes()).get()
    });
}

/// Measures the next [`PART`] of the statements at a time: short enough to find a quiet moment of a busy machine.
fn measure(bencher: Bencher, statements: &[String], mut read: impl FnMut(&str) -> i64) {
    let mut parts = statements.chunks(PART).cycle();
    bencher
        .with_inputs(|| parts.next().unwrap_or_default())
        .input_counter(|part: &&[String]| BytesCount::from(part.iter().map(String::len).sum::<usize>()))
        .input_counter(|part: &&[String]| ItemsCount::from(part.len()))
        .bench_local_values(|part| part.iter().fold(0, |sum, text| sum ^ read(text)));
}

/// Statements of one shape, each with other literals; the same in every run. There are so many short ones that an analyzer
/// has forgotten a text when it comes again.
fn statements(shape: Shape, dialect: Dialect) -> Vec<String> {
    let mut random = Random(0x5eed);
    let count = match shape {
        Shape::ShortOltp | Shape::Log | Shape::Prepared => 40_000,
        Shape::WideJoin => 10_000,
        Shape::LongIn => 60,
        Shape::MultiRowInsert => 6,
    };
    (0..count)
        .map(|index| match shape {
            Shape::ShortOltp => short_oltp(index, &mut random),
            Shape::WideJoin => wide_join(&mut random),
            Shape::LongIn => long_in(&mut random),
            Shape::MultiRowInsert => multi_row_insert(&mut random),
            Shape::Log => query(rank(&mut random), &mut random),
            Shape::Prepared => {
                let rank = rank(&mut random);
                query(rank, &mut Random(0x5eed + rank as u64))
            }
        })
        .map(|text| {
            if dialect == Dialect::Mysql {
                text.replace('~', "`")
            } else {
                text.replace('~', "")
            }
        })
        .collect()
}

fn short_oltp(index: usize, random: &mut Random) -> String {
    oltp((index * 7 + random.below(3)) % 16, random)
}

fn oltp(kind: usize, random: &mut Random) -> String {
    let (id, other, name) = (random.below(10_000_000), random.below(100_000), random.word());
    match kind {
        0 => format!("SELECT ~c~ FROM ~sbtest{}~ WHERE ~id~ = {id}", 1 + other % 4),
        1 => format!(
            "SELECT id, email, created_at, status FROM users WHERE email = '{name}@example.com' AND deleted_at IS NULL LIMIT 1"
        ),
        2 => format!(
            "UPDATE accounts SET balance = balance - {other}.50, updated_at = '2024-05-0{} 10:11:12.345678' WHERE id = {id} AND version = {}",
            1 + id % 9,
            other % 50
        ),
        3 => format!(
            "INSERT INTO events (user_id, kind, payload, created_at) VALUES ({id}, 'login', '{{\"ip\": \"10.0.0.{}\", \"agent\": \"{name}\"}}', '2024-05-01 10:11:12')",
            id % 255
        ),
        4 => format!(
            "SELECT o.id, o.total, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.status = '{name}' AND o.created_at > '2024-01-01' ORDER BY o.created_at DESC LIMIT 20 OFFSET {other}"
        ),
        5 => format!("DELETE FROM sessions WHERE expires_at < '2024-05-01 00:00:00' AND user_id = {id}"),
        6 => {
            format!("SELECT count(*) AS ~count~ FROM ~comments~ WHERE ~post_id~ = {id} AND ~approved~ = true")
        }
        7 => format!(
            "SELECT ~products~.* FROM ~products~ INNER JOIN ~categories~ ON ~categories~.~id~ = ~products~.~category_id~ WHERE ~categories~.~slug~ = '{name}' AND ~products~.~price~ BETWEEN {} AND {other}",
            other % 100
        ),
        8 => "BEGIN".to_owned() + if id % 2 == 0 { "" } else { " " },
        9 => format!(
            "SELECT name, value FROM settings WHERE account_id IN ({id}, {other}, {}) AND name <> '{name}'",
            id + 1
        ),
        10 => format!(
            "UPDATE inventory SET quantity = quantity + {other} WHERE sku = 'SKU-{id}' AND warehouse_id = {} AND quantity >= {other}",
            other % 9
        ),
        11 => format!(
            "SELECT coalesce(sum(amount), 0) FROM ledger WHERE account_id = {id} AND posted_at >= '2024-03-01' AND posted_at < '2024-04-01'"
        ),
        12 => format!(
            "select w_street_1, w_street_2, w_city, w_state, w_zip, w_name from warehouse where w_id = {other}"
        ),
        13 => format!(
            "SELECT s.id FROM subscriptions s WHERE s.user_id = {id} AND EXISTS (SELECT 1 FROM plans p WHERE p.id = s.plan_id AND p.code = '{name}') FOR UPDATE"
        ),
        14 => format!("INSERT INTO page_views (url, visits) VALUES ('/p/{name}/{id}', 1)"),
        _ => format!(
            "SELECT DISTINCT c FROM sbtest2 WHERE id BETWEEN {id} AND {} ORDER BY c",
            id + 99
        ),
    }
}

/// A number below [`QUERIES`]; the n-th is n times as rare as the first.
fn rank(random: &mut Random) -> usize {
    let weight = |rank: usize| 1.0 / (rank + 1) as f64;
    let mut left = random.below(1_000_000) as f64 / 1e6 * (0..QUERIES).map(weight).sum::<f64>();
    (0..QUERIES - 1)
        .find(|&rank| {
            left -= weight(rank);
            left < 0.0
        })
        .unwrap_or(QUERIES - 1)
}

/// The query of this rank, with literals from `random`.
fn query(rank: usize, random: &mut Random) -> String {
    let statement = match rank % 20 {
        kind @ 0..16 => oltp(kind, random),
        _ => wide_join(random),
    };
    statement.replacen("WHERE ", &format!("WHERE q{rank} = 1 AND "), 1)
}

fn wide_join(random: &mut Random) -> String {
    let mut text = String::from("SELECT ");
    for (table, columns) in [("o", 8), ("c", 7), ("i", 6), ("p", 5)] {
        for column in &COLUMNS[..columns] {
            let _ = write!(text, "{table}.{column} AS {table}_{column}, ");
        }
    }
    let _ = write!(
        text,
        "CASE WHEN o.total > {} THEN 'big' ELSE 'small' END AS size FROM orders o \
         INNER JOIN customers c ON c.id = o.customer_id LEFT OUTER JOIN order_items i ON i.order_id = o.id AND i.removed = 0 \
         LEFT JOIN products p ON p.id = i.product_id WHERE o.created_at >= '2024-{:02}-01' AND c.country IN ('{}', '{}') \
         AND (p.name LIKE '%{}%' OR p.id = {}) GROUP BY o.id, c.id ORDER BY o.created_at DESC, o.id LIMIT 50",
        random.below(1000),
        1 + random.below(12),
        random.word(),
        random.word(),
        random.word(),
        random.below(100_000),
    );
    text
}

fn long_in(random: &mut Random) -> String {
    let mut text = String::from("SELECT id, name, price FROM products WHERE category_id = 5 AND id IN (");
    for index in 0..1200 {
        let _ = write!(
            text,
            "{}{}",
            if index > 0 { ", " } else { "" },
            random.below(10_000_000)
        );
    }
    text + ") ORDER BY id"
}

fn multi_row_insert(random: &mut Random) -> String {
    let mut text = String::from("INSERT INTO ~metrics~ (~host~, ~name~, ~value~, ~flag~) VALUES ");
    for index in 0..2500 {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(
            text,
            "{comma}({},'{}',{}.{},NULL)",
            random.below(10_000),
            random.word(),
            random.below(1000),
            random.below(100)
        );
    }
    text
}

const COLUMNS: [&str; 8] = [
    "id",
    "name",
    "status",
    "created_at",
    "updated_at",
    "description",
    "total_amount",
    "region_code",
];

/// A generator that needs no crate: xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn word(&mut self) -> &'static str {
        [
            "alice",
            "bob",
            "completed",
            "it''s",
            "pending review",
            "x",
            "international",
            "DE",
            "new york",
        ][self.below(9)]
    }
}
