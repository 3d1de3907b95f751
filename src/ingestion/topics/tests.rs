//! A partition without brokers and without a lake: whenever it is committed and wherever it is begun again, the same rows come out, each once.

use crossbeam_channel::{Receiver, unbounded};
use proptest::prelude::*;
use slowlake_ingest::kafka::{Envelope, Headers, Message as Delivered};

use super::*;
use crate::ingestion::round::{Message, Part};
use crate::ingestion::topics::memory::PartitionMemory;
use crate::pipeline::{CHUNK_BYTES, StatementOptions};

/// A key and the lines of a message; no lines in a tombstone.
type Sent = (&'static str, Option<String>);
/// Offset, number there, server, and what there is.
type Row = (u64, u32, String, String);

/// What a lake has of one partition.
#[derive(Default)]
struct Kept {
    rows: Vec<Row>,
    prev: Option<i64>,
    memory: Option<PartitionMemory>,
    bytes: u64,
    booked_bytes: u64,
}

/// A partition that is being read.
struct Reading<'r> {
    messages: &'r [Sent],
    log: PartitionLog,
    next: u64,
    outlet: Outlet,
    handed_on: Receiver<Message>,
    mapping: Mapping,
    options: ReadOptions,
}

fn options() -> ReadOptions {
    ReadOptions {
        grammar: None,
        prefix: None,
        zone: None,
        chunk_bytes: CHUNK_BYTES,
        statement: StatementOptions::default(),
    }
}

impl<'r> Reading<'r> {
    fn new(messages: &'r [Sent], kept: &Kept) -> Reading<'r> {
        let resumption = Resumption {
            name: PartitionName {
                cluster_id: "c".to_owned(),
                topic: "t".to_owned(),
                number: 0,
            },
            generation: 1,
            prev: kept.prev,
            memory: kept.memory.clone(),
            supersedes: None,
        };
        let (send, handed_on) = unbounded();
        let log = PartitionLog::new(&resumption, 0, &options());
        Reading {
            messages,
            next: log.first_offset(),
            log,
            outlet: Outlet::new(send, crossbeam_channel::never()),
            handed_on,
            mapping: Mapping::new(Envelope::None),
            options: options(),
        }
    }

    fn read_one(&mut self) {
        let Some((key, text)) = self.messages.get(self.next as usize) else {
            return;
        };
        let message = Delivered {
            topic: "t",
            key: Some(key.as_bytes()),
            payload: text.as_ref().map(String::as_bytes),
            headers: Headers::listed(&[]),
            timestamp_ms: None,
        };
        let means = Means {
            mapping: &self.mapping,
            options: &self.options,
        };
        let then = self.log.message(&message, self.next, self.next..self.next, means);
        self.next = match then {
            Then::ReadOn => self.next + 1,
            Then::Seek(offset) => offset,
        };
        let mut exit = Exit {
            outlet: &mut self.outlet,
            letters: None,
        };
        self.log.pass(&mut exit, false);
    }

    fn is_read(&self) -> bool {
        self.next >= self.messages.len() as u64
    }

    fn commit(&mut self, kept: &mut Kept) {
        let mut exit = Exit {
            outlet: &mut self.outlet,
            letters: None,
        };
        self.log.pass(&mut exit, true);
        let part = self.log.part();
        let mut rows = Vec::new();
        for message in self.handed_on.try_iter() {
            let Message::Mixed(batch) = message else {
                panic!("only entries are handed on")
            };
            let mut add = |(owner, spot): crate::ingestion::mixed::Origin<'_>, what: String| {
                assert_eq!(owner.source, "kafka:c/t/0");
                rows.push((
                    spot.offset,
                    spot.seq,
                    owner.server.clone().unwrap_or_default(),
                    what,
                ));
            };
            batch.executions(|it, origin| {
                let text = String::from_utf8_lossy(it.statement);
                let database = String::from_utf8_lossy(it.database);
                add(
                    origin,
                    format!("{database} {:?} {} {text}", it.start_us, it.query_time_us),
                );
            });
            batch.logs(|it, origin| add(origin, String::from_utf8_lossy(it.message).into_owned()));
            batch
                .rejects()
                .for_each(|(it, origin)| add(origin, format!("{:?}", it.reason)));
            batch
                .unread()
                .for_each(|(_, reason, origin)| add(origin, reason.to_owned()));
        }
        match part {
            Some(part) => keep(kept, &part, rows),
            None => assert_eq!(rows, [], "nothing is handed on that no progress is for"),
        }
    }
}

fn keep(kept: &mut Kept, part: &Part, rows: Vec<Row>) {
    assert_eq!(part.prev, kept.prev);
    assert!(part.range.end > part.range.start, "{:?}", part.range);
    kept.rows.extend(rows);
    kept.prev = i64::try_from(part.range.end).ok();
    let topic = part.topic.as_ref().unwrap();
    kept.bytes += topic.bytes;
    let unread: u64 = topic.rejected.iter().map(|(_, tally)| tally.bytes).sum();
    kept.booked_bytes += part.ledger.bytes() + unread;
    assert_eq!(kept.bytes, kept.booked_bytes);
    let detail = serde_json::json!({ "topic": topic.memory }).to_string();
    kept.memory = PartitionMemory::of_detail(&detail);
    assert!(kept.memory.is_some());
}

/// Reads all with these steps: after so many messages a commit, and then, perhaps, another reader.
fn read_all(messages: &[Sent], steps: &[(usize, bool)]) -> Kept {
    let mut kept = Kept::default();
    let mut reading = Reading::new(messages, &kept);
    for (n_messages, is_restart) in steps {
        (0..*n_messages).for_each(|_| reading.read_one());
        reading.commit(&mut kept);
        // What is read and not committed is read again.
        (0..n_messages / 3).for_each(|_| reading.read_one());
        if *is_restart {
            reading = Reading::new(messages, &kept);
        }
    }
    while !reading.is_read() {
        reading.read_one();
    }
    reading.log.settle(Duration::ZERO, true, &options());
    reading.commit(&mut kept);
    kept.rows.sort();
    kept
}

/// Lines of three servers by turns: MySQL's with what holds for later records, PostgreSQL's with statements whose durations come later.
fn messages() -> Vec<Sent> {
    let mut sent = Vec::new();
    for n in 0..400_u64 {
        let record = format!(
            "# Time: 2026-11-20T10:{:02}:{:02}.{:06}Z\n# User@Host: a[a] @ h [10.0.0.1]  Id: 7\n# Query_time: 0.{:06}  Lock_time: 0.000001 \
             Rows_sent: 1  Rows_examined: {n}\n{}SET timestamp=1763632800;\nSELECT {n}\nFROM t{};",
            n / 60 % 60,
            n % 60,
            n,
            n + 1,
            if n % 50 == 0 {
                format!("use db{n};\n")
            } else {
                String::new()
            },
            n % 5,
        );
        // One line a message, one record a message, and records cut anywhere at a line end.
        sent.extend(record.lines().map(|line| ("lines", Some(line.to_owned()))));
        sent.push(("records", Some(record)));
        let time = format!("2026-11-20 10:{:02}:{:02}.{:03} UTC", n / 60 % 60, n % 60, n);
        let pid = 100 + n % 7;
        sent.push((
            "pg",
            Some(format!("{time} [{pid}] LOG:  statement: SELECT {n},\n\t{n}")),
        ));
        if n >= 3 {
            let before = 100 + (n - 3) % 7;
            sent.push((
                "pg",
                Some(format!("{time} [{before}] LOG:  duration: {n}.500 ms")),
            ));
        }
        match n % 97 {
            13 => sent.push(("records", None)),
            31 => sent.push(("", Some("nobody's".to_owned()))),
            _ => {}
        }
    }
    sent
}

#[test]
fn a_partition_that_nobody_disturbs() {
    let messages = messages();
    let kept = read_all(&messages, &[]);
    let of = |server: &str, what: &str| {
        let is_it = |row: &&Row| row.2 == server && row.3.contains(what);
        kept.rows.iter().filter(is_it).count()
    };
    assert_eq!(
        (of("lines", "SELECT"), of("records", "SELECT"), of("pg", "SELECT")),
        (400, 400, 397)
    );
    assert_eq!(of("lines", "db350 "), 50);
    assert_eq!(of("", "message_without_server"), 4);
    assert_eq!(kept.prev, i64::try_from(messages.len()).ok());
    let mut keys: Vec<_> = kept.rows.iter().map(|row| (row.0, row.1)).collect();
    keys.dedup();
    assert_eq!(keys.len(), kept.rows.len());
}

#[test]
fn the_key_of_a_row_is_where_its_record_began() {
    let messages = messages();
    let kept = read_all(&messages, &[]);
    for (offset, seq, server, what) in &kept.rows {
        let (key, text) = &messages[*offset as usize];
        assert_eq!(key, server);
        let begins = text
            .as_deref()
            .is_some_and(|text| text.starts_with("# Time") || text.contains("LOG:"));
        assert!(
            *seq == 0 && (begins || server.is_empty()),
            "{offset}/{seq}: {what}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_same_rows_come_out_however_often_it_begins_again(
        steps in prop::collection::vec((0..600_usize, any::<bool>()), 0..12)
    ) {
        let messages = messages();
        let (expected, found) = (read_all(&messages, &[]), read_all(&messages, &steps));
        prop_assert_eq!(found.rows, expected.rows);
        prop_assert_eq!((found.prev, found.bytes), (expected.prev, expected.bytes));
    }
}

#[test]
fn what_is_lost_is_told_and_what_follows_is_read() {
    let messages = messages();
    let mut kept = Kept::default();
    let mut reading = Reading::new(&messages, &kept);
    (0..500).for_each(|_| reading.read_one());
    reading.commit(&mut kept);
    let mut reading = Reading::new(&messages, &kept);
    reading.log.lose(900, &options());
    reading.next = 900;
    while !reading.is_read() {
        reading.read_one();
    }
    reading.log.settle(Duration::ZERO, true, &options());
    reading.commit(&mut kept);
    let lost: Vec<&Row> = kept.rows.iter().filter(|row| row.3 == "lost_offsets").collect();
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].0 <= 500);
    assert!(kept.rows.iter().all(|row| row.0 <= 500 || row.0 >= 900));
    assert_eq!(kept.prev, i64::try_from(messages.len()).ok());
}
