//! The same against a Kafka that `tests/kafka/run` has started, for what mock brokers cannot do. Left out where there is none.

use super::*;

/// Brokers that make topics of three partitions when they are written to; empty or not set where there are none.
const BROKERS: &str = "SLOWLAKE_TEST_KAFKA";

struct Real {
    brokers: String,
    /// Apart from earlier runs.
    run: u128,
}

impl Real {
    fn new() -> Option<Real> {
        let brokers = std::env::var(BROKERS).unwrap_or_default();
        if brokers.is_empty() {
            println!("left out: no Kafka in {BROKERS}; tests/kafka/run starts one");
            return None;
        }
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let run = since.unwrap().as_micros();
        Some(Real { brokers, run })
    }

    fn topic(&self, name: &str) -> String {
        format!("{name}-{}", self.run)
    }

    fn producer(&self, transaction: Option<&str>) -> BaseProducer {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("linger.ms", "5");
        if let Some(name) = transaction {
            config.set("transactional.id", self.topic(name));
        }
        config.create().unwrap()
    }

    fn options(&self, topics: &[String]) -> KafkaOptions {
        KafkaOptions::new(self.brokers.clone(), self.topic("group"), topics.to_vec())
    }
}

fn write(producer: &BaseProducer, topic: &str, number: i32, n_messages: u64) {
    for n in 0..n_messages {
        let payload = n.to_string();
        let record = BaseRecord::<(), _>::to(topic).partition(number).payload(&payload);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

#[test]
fn kafka_real_transactions_leave_gaps_that_are_told() {
    let Some(real) = Real::new() else { return };
    let topic = real.topic("transactions");
    let producer = real.producer(Some("writer"));
    producer.init_transactions(PATIENCE).unwrap();
    for (n_messages, is_given_up) in [(10, false), (5, true), (10, false), (3, true)] {
        producer.begin_transaction().unwrap();
        write(&producer, &topic, 1, n_messages);
        if is_given_up {
            producer.abort_transaction(PATIENCE).unwrap();
        } else {
            producer.commit_transaction(PATIENCE).unwrap();
        }
    }
    let mut reader = Reader::new(real.options(std::slice::from_ref(&topic)), &lake());
    reader.until_read(20);
    // Each transaction ends with a mark: 0..10 and 10, 11..16 and 16, 17..27 and 27, 28..31 and 31.
    let mut expect = Vec::from_iter(0..10);
    expect.extend(17..27);
    assert_eq!(reader.offsets(&topic, 1), expect);
    reader.until_at_end();
    let partition = reader.consumer.partition(reader.id(&topic, 1)).unwrap();
    assert_eq!(
        partition.next, 32,
        "what is missing before the end is known to be missing"
    );
    assert_eq!(reader.missing.as_slice(), std::slice::from_ref(&(10..17)));
}

#[test]
fn kafka_real_groups_share_partitions_and_nothing_is_lost_or_doubled() {
    let Some(real) = Real::new() else { return };
    let topics = Vec::from_iter((0..4).map(|n| real.topic(&format!("shared-{n}"))));
    let producer = real.producer(None);
    let write_all = |n_messages: u64| {
        for topic in &topics {
            (0..3).for_each(|number| write(&producer, topic, number, n_messages));
        }
    };
    write_all(1_000);
    let lake = lake();
    let n_read = |lake: &SharedLake| lake.borrow().read.values().map(Vec::len).sum::<usize>();
    let mut readers = vec![Reader::new(real.options(&topics), &lake)];
    let begun = Instant::now();
    let run = |readers: &mut Vec<Reader>, n_wanted: usize| {
        while n_read(&lake) < n_wanted {
            assert!(begun.elapsed() < 3 * PATIENCE, "{:?}", lake.borrow().next);
            for reader in readers.iter_mut() {
                reader.poll_up_to(1_000);
                reader.commit();
            }
        }
    };
    run(&mut readers, 3_000);
    readers.push(Reader::new(real.options(&topics), &lake));
    run(&mut readers, 12_000);
    write_all(500);
    run(&mut readers, 14_000);
    readers.push(Reader::new(real.options(&topics), &lake));
    run(&mut readers, 18_000);
    write_all(500);
    // The first goes.
    readers.remove(0);
    run(&mut readers, 24_000);
    for (place, offsets) in &lake.borrow().read {
        assert_eq!(*offsets, Vec::from_iter(0..2_000), "{place:?}");
    }
    assert_eq!(lake.borrow().read.len(), 12);
}
