//! The other side of topics, for trials and measurements: `topics produce|consume|ends|mock …` writes numbered slow-log records, reads messages and
//! throws them away, tells where partitions end, or runs mock brokers that do what is said on standard input. Never part of the service.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people and scripts, with its answers on standard output"
)]

use std::env;
use std::fmt::Write as _;
use std::io::{self, BufRead as _};
use std::str::SplitWhitespace;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// What texts in records are made of.
const WORDS: [&str; 16] = [
    "order ",
    "of ",
    "the ",
    "customer ",
    "was ",
    "not ",
    "shipped ",
    "yet ",
    "payment ",
    "is ",
    "due ",
    "again ",
    "address ",
    "unknown ",
    "please ",
    "call ",
];

type Failure = Box<dyn std::error::Error>;

/// What takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(600);
/// When the first record was written, s since 1970; the next ones are a millisecond apart.
const BEGIN_S: u64 = 1_762_000_000;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["produce", brokers, topic, partitions, from, to, bytes, servers, codec] => {
            let numbers = from.parse()?..to.parse()?;
            let shape = (partitions.parse()?, bytes.parse()?, servers.parse()?);
            produce(brokers, topic, codec, numbers, shape)
        }
        ["consume", brokers, topic] => consume(brokers, topic),
        ["ends", brokers, topic] => ends(brokers, topic),
        ["mock"] => mock(),
        _ => Err("produce BROKERS TOPIC PARTITIONS FROM TO BYTES SERVERS CODEC | consume BROKERS TOPIC | ends BROKERS TOPIC | mock".into()),
    }
}

fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

/// Writes the records of these numbers, of so many servers in turn; all records of a server are in one partition.
fn produce(
    brokers: &str,
    topic: &str,
    codec: &str,
    numbers: std::ops::Range<u64>,
    (partitions, bytes, servers): (u64, usize, u64),
) -> Result<(), Failure> {
    let producer: BaseProducer = client(brokers)
        .set("compression.codec", codec)
        .set("linger.ms", "50")
        .set("batch.size", "1000000")
        .set("enable.idempotence", "true")
        .set("queue.buffering.max.kbytes", "65536")
        .set("message.timeout.ms", "600000")
        .create()?;
    let began = Instant::now();
    let mut record = String::new();
    for number in numbers.clone() {
        let server = number % servers;
        let key = format!("db-{server}");
        write_record(&mut record, number, bytes);
        let mut message = BaseRecord::to(topic)
            .partition(i32::try_from(server % partitions)?)
            .key(&key)
            .payload(&record);
        loop {
            match producer.send(message) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    message = back;
                    producer.poll(Duration::from_millis(50));
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
        producer.poll(Duration::ZERO);
    }
    producer.flush(PATIENCE)?;
    println!(
        "{} records in {:.1} s",
        numbers.end - numbers.start,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// A record of MySQL's slow log whose time and rows examined tell its number, with so many bytes at least.
fn write_record(record: &mut String, number: u64, bytes: usize) {
    let (seconds, ms) = (BEGIN_S + number / 1_000, number % 1_000);
    let (day, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(day);
    record.clear();
    let _ = write!(
        record,
        "# Time: {year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}000Z\n\
         # User@Host: app[app] @ web-1 [10.0.0.7]  Id: {:5}\n\
         # Query_time: 0.001000  Lock_time: 0.000010 Rows_sent: 1  Rows_examined: {number}\n\
         SET timestamp={seconds};\n\
         SELECT o.id, o.total FROM orders_{} o WHERE o.customer_id = {number} AND o.note <> '",
        of_day / 3_600,
        of_day / 60 % 60,
        of_day % 60,
        number % 100,
        ["a", "b", "c", "d", "e", "f", "g"][usize::try_from(number % 7).unwrap_or(0)],
    );
    // Words that compress like those of a log.
    let mut scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    while record.len() + 2 < bytes {
        scattered ^= scattered >> 29;
        scattered = scattered.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        record.push_str(WORDS[usize::try_from(scattered >> 60).unwrap_or(0)]);
    }
    record.push_str("';");
}

/// Year, month and day of a day counted from 1970-01-01.
fn civil(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Where each partition of a topic ends.
fn partition_ends(consumer: &BaseConsumer, topic: &str) -> Result<Vec<(i32, i64)>, Failure> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    let end = |id| Ok((id, consumer.fetch_watermarks(topic, id, PATIENCE)?.1));
    partitions.map(|partition| end(partition.id())).collect()
}

fn ends(brokers: &str, topic: &str) -> Result<(), Failure> {
    let consumer: BaseConsumer = client(brokers).create()?;
    for (partition, end) in partition_ends(&consumer, topic)? {
        println!("{partition} {end}");
    }
    Ok(())
}

/// Reads all that is there, with no group, and throws it away.
fn consume(brokers: &str, topic: &str) -> Result<(), Failure> {
    let consumer: BaseConsumer = client(brokers)
        .set("group.id", "throwaway")
        .set("enable.auto.commit", "false")
        .set("queued.max.messages.kbytes", "32768")
        .create()?;
    let ends = partition_ends(&consumer, topic)?;
    let mut all = TopicPartitionList::new();
    for (partition, _) in &ends {
        all.add_partition_offset(topic, *partition, Offset::Beginning)?;
    }
    let n_messages: i64 = ends.iter().map(|(_, end)| end).sum();
    let began = Instant::now();
    consumer.assign(&all)?;
    let (mut n_read, mut n_bytes) = (0, 0);
    while n_read < n_messages && began.elapsed() < PATIENCE {
        if let Some(message) = consumer.poll(Duration::from_secs(1)) {
            n_bytes += message?.payload().map_or(0, <[u8]>::len);
            n_read += 1;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{n_read} messages, {n_bytes} bytes in {seconds:.2} s: {:.1} MB/s",
        n_bytes as f64 / 1e6 / seconds
    );
    Ok(())
}

/// Runs mock brokers until standard input ends. Tells their addresses, then `ok` for each line that is done:
/// `topic NAME PARTITIONS`, `write TOPIC PARTITION KEY PAYLOAD` (`\n` in the payload is a line end, `-` a tombstone), `down`, `up`.
fn mock() -> Result<(), Failure> {
    let brokers = MockCluster::<'_, DefaultProducerContext>::new(1)?;
    let producer: BaseProducer = client(&brokers.bootstrap_servers())
        .set("linger.ms", "0")
        .create()?;
    println!("{}", brokers.bootstrap_servers());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        match words.next() {
            Some("topic") => {
                let (name, partitions) = (word(&mut words)?, word(&mut words)?.parse()?);
                brokers.create_topic(name, partitions, 1)?;
            }
            Some("write") => {
                let (topic, partition, key) =
                    (word(&mut words)?, word(&mut words)?.parse()?, word(&mut words)?);
                let payload = words.collect::<Vec<_>>().join(" ").replace("\\n", "\n");
                let mut record = BaseRecord::<_, str>::to(topic).partition(partition).key(key);
                if payload != "-" {
                    record = record.payload(payload.as_str());
                }
                producer.send(record).map_err(|(error, _)| error)?;
                producer.flush(PATIENCE)?;
            }
            Some("down") => brokers.broker_down(-1)?,
            Some("up") => brokers.broker_up(-1)?,
            _ => return Err(format!("{line:?}: not known").into()),
        }
        println!("ok");
    }
    Ok(())
}

fn word<'l>(words: &mut SplitWhitespace<'l>) -> Result<&'l str, Failure> {
    words.next().ok_or_else(|| "a word is missing".into())
}
