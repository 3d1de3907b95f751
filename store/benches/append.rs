//! How fast executions become a committed lake, and how small: `cargo bench -p slowlake-store`.
//!
//! One million synthetic executions, like a Postgres log and like a MySQL slow log: gathered, encoded and uploaded by one task and
//! by two, committed once. Prints rows per second and bytes per row. Not a test: figures depend on the machine.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::Instant;

use slowlake_store::{Commit, Lake, LakeLocation, Place, Progress, QueryRow, RowBuilder, Rows};

const ROWS: i64 = 1_000_000;
/// Rows in one upload.
const BATCH_ROWS: i64 = 250_000;
const FINGERPRINTS: u64 = 2000;
const START_US: i64 = 1_795_392_000_000_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for (dialect, push) in [
        ("postgres", push_postgres as fn(&mut RowBuilder, i64)),
        ("mysql", push_mysql),
    ] {
        let begun = Instant::now();
        let batches = gather(push);
        let gathered = begun.elapsed().as_secs_f64();
        let memory = batches.iter().map(Rows::memory_bytes).sum::<usize>();
        println!(
            "{dialect}: gather {:.2} M rows/s, {} bytes/row in memory",
            million(gathered),
            memory / ROWS as usize
        );
        for tasks in [1, 2] {
            let batches = gather(push);
            let (seconds, bytes) = runtime.block_on(ingest(batches, tasks));
            println!(
                "{dialect}: encode + upload + commit, {tasks} task(s): {:.2} M rows/s, {:.1} bytes/row",
                million(seconds),
                bytes as f64 / ROWS as f64
            );
        }
    }
}

fn million(seconds: f64) -> f64 {
    ROWS as f64 / seconds / 1e6
}

async fn ingest(batches: Vec<Rows>, tasks: usize) -> (f64, u64) {
    let directory = tempfile::tempdir().expect("a directory");
    let location: LakeLocation = directory
        .path()
        .join("lake")
        .to_str()
        .expect("text")
        .parse()
        .expect("a location");
    let mut lake = Lake::open_or_create(&location).await.expect("a lake");
    let begun = Instant::now();
    let mut shares: Vec<Vec<Rows>> = (0..tasks).map(|_| Vec::new()).collect();
    for (index, batch) in batches.into_iter().enumerate() {
        shares[index % tasks].push(batch);
    }
    let uploads: Vec<_> = shares
        .into_iter()
        .map(|share| {
            let uploader = lake.uploader();
            tokio::spawn(async move {
                let mut files = Vec::new();
                for rows in share {
                    files.push(uploader.upload(rows).await.expect("an upload"));
                }
                files
            })
        })
        .collect();
    let mut files = Vec::new();
    for upload in uploads {
        files.extend(upload.await.expect("a task"));
    }
    let bytes = files.iter().map(|uploaded| uploaded.bytes()).sum();
    let progress = vec![Progress {
        app_id: "bench".to_owned(),
        prev: None,
        next: ROWS,
    }];
    lake.commit(Commit { files, progress }).await.expect("a commit");
    (begun.elapsed().as_secs_f64(), bytes)
}

fn gather(push: fn(&mut RowBuilder, i64)) -> Vec<Rows> {
    let mut builder = RowBuilder::new();
    let mut batches = Vec::new();
    for row in 0..ROWS {
        push(&mut builder, row);
        if (row + 1) % BATCH_ROWS == 0 {
            batches.push(builder.finish());
        }
    }
    batches
}

/// A well-mixed number for a row and a purpose.
fn random(row: i64, purpose: u64) -> u64 {
    let mut x =
        (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ purpose.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Few fingerprints are frequent and many are rare.
fn fingerprint(row: i64) -> i64 {
    let share = (random(row, 1) % 10_000) as f64 / 10_000.0;
    let rank = (FINGERPRINTS as f64).powf(share) as i64;
    random(rank, 2) as i64
}

fn query_time_us(row: i64) -> i64 {
    let magnitude = 1 << (random(row, 3) % 14 + 6);
    (random(row, 4) % magnitude) as i64 + magnitude as i64
}

const DATABASES: [&str; 4] = ["shop", "billing", "warehouse", "accounts"];
const USERS: [&str; 5] = ["app", "reporting", "batch", "admin", "readonly"];
const CLIENTS: [&str; 8] = [
    "10.0.0.11",
    "10.0.0.12",
    "10.0.0.13",
    "10.0.1.21",
    "10.0.1.22",
    "10.0.2.31",
    "10.0.2.32",
    "10.0.2.33",
];

fn pick<'a>(choices: &[&'a str], row: i64, purpose: u64) -> Option<&'a str> {
    choices
        .get(random(row, purpose) as usize % choices.len())
        .copied()
}

fn place(row: i64, dialect: &'static str, bytes_each: i64) -> Place<'static> {
    Place {
        source: "/var/log/database/server-17/query.log",
        source_offset: row * bytes_each + (random(row, 5) % 100) as i64,
        source_seq: 0,
        ts_us: Some(START_US + row * 3000 + (random(row, 6) % 3000) as i64),
        server: Some("server-17"),
        cluster: Some("main"),
        dialect: Some(dialect),
    }
}

fn push_postgres(builder: &mut RowBuilder, row: i64) {
    let place = place(row, "postgres", 300);
    let query_time_us = Some(query_time_us(row));
    builder.push_query(&QueryRow {
        place,
        end_ts_us: place.ts_us.zip(query_time_us).map(|(ts, time)| ts + time),
        fingerprint: Some(fingerprint(row)),
        query_time_us,
        database: pick(&DATABASES, row, 7),
        user: pick(&USERS, row, 8),
        application: pick(&["web", "worker", "psql"], row, 9),
        client: pick(&CLIENTS, row, 10),
        session_id: Some((random(row, 11) % 200) as i64 + 10_000),
        command: Some("execute"),
        ..QueryRow::default()
    });
}

fn push_mysql(builder: &mut RowBuilder, row: i64) {
    let place = place(row, "mysql", 400);
    let query_time_us = Some(query_time_us(row));
    let rows_examined = random(row, 12) % (1 << (random(row, 13) % 16));
    builder.push_query(&QueryRow {
        place,
        end_ts_us: place.ts_us.zip(query_time_us).map(|(ts, time)| ts + time),
        fingerprint: Some(fingerprint(row)),
        query_time_us,
        lock_time_us: Some((random(row, 14) % 150) as i64),
        rows_sent: Some((rows_examined / 10) as i64),
        rows_examined: Some(rows_examined as i64),
        rows_affected: Some(0),
        bytes_sent: Some((rows_examined * 12 + 56) as i64),
        database: pick(&DATABASES, row, 7),
        user: pick(&USERS, row, 8),
        client: pick(&CLIENTS, row, 10),
        session_id: Some((random(row, 11) % 200) as i64 + 10_000),
        error_code: Some(0),
        killed: Some(0),
        full_scan: Some(random(row, 15).is_multiple_of(8)),
        full_join: Some(false),
        tmp_table: Some(random(row, 16).is_multiple_of(10)),
        tmp_table_on_disk: Some(false),
        filesort: Some(random(row, 17).is_multiple_of(6)),
        filesort_on_disk: Some(false),
        query_cache_hit: Some(false),
        merge_passes: Some(0),
        command: Some("query"),
        ..QueryRow::default()
    });
}
