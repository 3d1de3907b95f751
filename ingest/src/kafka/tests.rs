//! Consumers against the mock brokers that librdkafka has: real sockets, real groups, no Kafka. What is read of a partition is kept like a lake
//! keeps it, and must be every offset once.

mod reader;
mod real;

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use self::reader::*;
use super::*;
use crate::error::IngestError;
use crate::follow::Standing;

#[test]
fn kafka_partitions_are_read_in_order_to_their_ends() {
    let brokers = Brokers::with(&[("a", 3), ("b", 2)]);
    for number in 0..3 {
        brokers.write("a", number, 0..100);
    }
    brokers.write("b", 1, 0..50);
    let mut reader = Reader::new(brokers.options(&["a", "b"]), &lake());
    reader.until_read(350);
    reader.until("ends", |it| {
        let at_end = |id: &PartitionId| matches!(it.consumer.standing(*id), Standing::AtEnd { .. });
        it.consumer.partitions().iter().all(at_end)
    });
    for number in 0..3 {
        assert_eq!(reader.offsets("a", number), Vec::from_iter(0..100));
    }
    assert_eq!(reader.offsets("b", 1), Vec::from_iter(0..50));
    assert!(reader.offsets("b", 0).is_empty());
    assert!(reader.payloads.contains(&"a/2/99".to_owned()));
    // The client tells the ends from time to time.
    let id = reader.id("b", 1);
    reader.until("statistics", |it| {
        it.consumer.partition(id).unwrap().end == Some(50)
    });
    assert_eq!(reader.failures, Vec::<String>::new());
    // One message more, and it is no longer at its end until it was read.
    brokers.write("b", 1, 50..51);
    reader.until_read(351);
    reader.until_at_end();
}

#[test]
fn kafka_messages_are_handed_out_with_all_they_have() {
    let brokers = Brokers::with(&[("a", 1)]);
    let headers = OwnedHeaders::new()
        .insert(Header {
            key: "server",
            value: Some("db1"),
        })
        .insert(Header {
            key: "server",
            value: Some("db2"),
        })
        .insert(Header::<&str> {
            key: "null",
            value: None,
        });
    let record = BaseRecord::to("a")
        .partition(0)
        .key("k")
        .payload("text")
        .timestamp(1_767_323_045_678);
    brokers
        .producer
        .send(record.headers(headers))
        .map_err(|(error, _)| error)
        .unwrap();
    let tombstone = BaseRecord::<_, ()>::to("a").partition(0).key("k");
    brokers
        .producer
        .send(tombstone)
        .map_err(|(error, _)| error)
        .unwrap();
    brokers.producer.flush(PATIENCE).unwrap();
    let mut consumer = Consumer::new(brokers.options(&["a"])).unwrap();
    let mut n_read = 0;
    let begun = Instant::now();
    while n_read < 2 {
        assert!(begun.elapsed() < PATIENCE);
        let event = consumer
            .poll(&mut |_, _| Ok(None), Duration::from_millis(20))
            .unwrap();
        let Some(Event::Message(delivery)) = event else {
            continue;
        };
        let message = delivery.message();
        assert_eq!((delivery.offset(), delivery.missing()), (n_read, n_read..n_read));
        assert_eq!((message.topic, message.key), ("a", Some(b"k".as_slice())));
        let header = |name| message.headers.get(name);
        if n_read == 0 {
            assert_eq!(message.payload, Some(b"text".as_slice()));
            assert_eq!(message.timestamp_ms, Some(1_767_323_045_678));
            assert_eq!(
                (header("server"), header("null"), header("x")),
                (Some(b"db2".as_slice()), None, None)
            );
        } else {
            assert_eq!((message.payload, header("server")), (None, None));
        }
        n_read += 1;
    }
    assert!(consumer.cluster_id(PATIENCE).is_some_and(|id| !id.is_empty()));
}

#[test]
fn kafka_every_compression_is_read() {
    for codec in ["gzip", "zstd", "lz4", "snappy"] {
        let brokers = Brokers::compressing(codec, &[("a", 1)]);
        brokers.write("a", 0, 0..500);
        let mut reader = Reader::new(brokers.options(&["a"]), &lake());
        reader.until_read(500);
        assert_eq!(reader.payloads[499], "a/0/499", "{codec}");
    }
}

#[test]
fn kafka_a_message_that_is_larger_than_a_fetch_is_read() {
    let brokers = Brokers::with(&[("a", 1)]);
    let payload = vec![b'x'; 3 << 20];
    for payload in [b"before".as_slice(), &payload, b"behind"] {
        let record = BaseRecord::<(), _>::to("a").partition(0).payload(payload);
        brokers.producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    brokers.producer.flush(PATIENCE).unwrap();
    let mut reader = Reader::new(brokers.options(&["a"]), &lake());
    reader.until_read(3);
    assert_eq!(
        Vec::from_iter(reader.payloads.iter().map(String::len)),
        [6, 3 << 20, 6]
    );
    assert_eq!(reader.failures, Vec::<String>::new());
}

#[test]
fn kafka_a_consumer_can_go_to_another_thread() {
    fn check<T: Send>() {}
    check::<Consumer>();
}

#[test]
fn kafka_begins_where_the_lake_is_whatever_the_group_says() {
    let brokers = Brokers::with(&[("a", 3)]);
    for number in 0..3 {
        brokers.write("a", number, 0..100);
    }
    let mut reader = Reader::new(brokers.options(&["a"]), &lake());
    reader.until_read(300);
    reader.commit();
    drop(reader);
    // The lake has lost a part, is at the end, or behind the beginning.
    let mut reader = Reader::new(brokers.options(&["a"]), &known_at(&[("a", 0, 40), ("a", 1, 100)]));
    reader.until_read(160);
    reader.until_at_end();
    assert_eq!(reader.offsets("a", 0), Vec::from_iter(40..100));
    assert!(reader.offsets("a", 1).is_empty());
    assert_eq!(reader.offsets("a", 2), Vec::from_iter(0..100));
}

#[test]
fn kafka_unknown_partitions_begin_at_the_end_if_wanted() {
    let brokers = Brokers::with(&[("a", 2)]);
    brokers.write("a", 0, 0..100);
    brokers.write("a", 1, 0..100);
    let options = KafkaOptions {
        no_offset: NoOffset::Latest,
        ..brokers.options(&["a"])
    };
    let mut reader = Reader::new(options, &known_at(&[("a", 0, 90)]));
    reader.until_assigned(2);
    let next = reader.places[&reader.id("a", 1)].2;
    assert_eq!(
        next, 100,
        "what comes later is read, even if it comes before the first message was"
    );
    brokers.write("a", 1, 100..110);
    reader.until_read(20);
    assert_eq!(reader.offsets("a", 0), Vec::from_iter(90..100));
    assert_eq!(reader.offsets("a", 1), Vec::from_iter(100..110));
}

#[test]
fn kafka_patterns_match_topics() {
    let brokers = Brokers::with(&[("logs-a", 1), ("logs-b", 1), ("other", 1)]);
    for topic in ["logs-a", "logs-b", "other"] {
        brokers.write(topic, 0, 0..10);
    }
    let mut reader = Reader::new(brokers.options(&["^logs-.*"]), &lake());
    reader.until_read(20);
    reader.until_at_end();
    assert_eq!(reader.places.len(), 2);
    assert_eq!(
        (
            reader.offsets("logs-a", 0).len(),
            reader.offsets("logs-b", 0).len()
        ),
        (10, 10)
    );
    let wrong = Consumer::new(brokers.options(&["^logs-(("])).unwrap_err();
    assert!(
        matches!(wrong, IngestError::Kafka(KafkaTrouble::Client { .. })),
        "{wrong}"
    );
}

#[test]
fn kafka_two_consumers_share_partitions_and_nothing_is_lost_or_doubled() {
    let brokers = Brokers::with(&[("a", 6)]);
    let write =
        |round: u64| (0..6).for_each(|number| brokers.write("a", number, round * 50..(round + 1) * 50));
    write(0);
    let lake = lake();
    let mut first = Reader::new(brokers.options(&["a"]), &lake);
    first.until_assigned(6);
    first.until_read(100);
    // What was read is committed only in part when the second comes.
    let mut second = Reader::new(brokers.options(&["a"]), &lake);
    let begun = Instant::now();
    while first.places.len() != 3 || second.places.len() != 3 {
        assert!(
            begun.elapsed() < PATIENCE,
            "{:?} {:?}",
            first.places,
            second.places
        );
        first.poll();
        second.poll();
    }
    write(1);
    let read = |lake: &SharedLake| lake.borrow().read.values().map(Vec::len).sum::<usize>();
    while read(&lake) < 600 {
        assert!(begun.elapsed() < PATIENCE, "{:?}", lake.borrow().next);
        for reader in [&mut first, &mut second] {
            reader.poll_for_a_while();
            reader.commit();
        }
    }
    // The second goes, with something that it did not commit.
    write(2);
    second.until_read(30);
    drop(second);
    first.until_assigned(6);
    while read(&lake) < 900 {
        assert!(begun.elapsed() < 2 * PATIENCE, "{:?}", lake.borrow().next);
        first.poll_for_a_while();
        first.commit();
    }
    for (place, offsets) in &lake.borrow().read {
        assert_eq!(*offsets, Vec::from_iter(0..150), "{place:?}");
    }
}

#[test]
fn kafka_nothing_is_read_while_the_lake_cannot_be_asked() {
    let brokers = Brokers::with(&[("a", 1)]);
    brokers.write("a", 0, 0..10);
    let mut reader = Reader::new(brokers.options(&["a"]), &known_at(&[("a", 0, 4)]));
    reader.trouble = Some("the lake is away".to_owned());
    reader.until("failure", |it| !it.failures.is_empty());
    assert_eq!(
        reader.failures,
        ["a/0: cannot tell where to begin: the lake is away"]
    );
    assert_eq!((reader.n_read(), reader.consumer.partitions().len()), (0, 0));
    reader.trouble = None;
    reader.until_read(6);
    assert_eq!(reader.offsets("a", 0), Vec::from_iter(4..10));
    // Leaving while the group waits for an answer is no reason to wait.
    reader = Reader::new(brokers.options(&["a"]), &lake());
    reader.trouble = Some("the lake is away".to_owned());
    reader.until("failure", |it| !it.failures.is_empty());
    drop(reader);
}

#[test]
fn kafka_pausing_stops_one_partition_and_resuming_goes_on_with_the_next_message() {
    let brokers = Brokers::with(&[("a", 2)]);
    brokers.write("a", 0, 0..1_000);
    let mut reader = Reader::new(brokers.options(&["a"]), &lake());
    reader.until_read(100);
    let paused = reader.id("a", 0);
    reader.consumer.pause(paused);
    let n_before = reader.offsets("a", 0).len();
    brokers.write("a", 1, 0..500);
    reader.until("the other one", |it| it.offsets("a", 1).len() == 500);
    assert_eq!(reader.offsets("a", 0).len(), n_before);
    assert!(reader.consumer.partition(paused).unwrap().is_paused);
    assert_eq!(reader.consumer.standing(paused), Standing::Unread);
    // Reading elsewhere does not resume it.
    reader.consumer.seek(paused, 50);
    reader.buffers.remove(&paused);
    reader.poll_for_a_while();
    assert!(reader.offsets("a", 0).is_empty());
    reader.consumer.resume(paused);
    reader.until("the rest", |it| it.offsets("a", 0).len() == 950);
    assert_eq!(reader.offsets("a", 0), Vec::from_iter(50..1_000));
}

#[test]
fn kafka_seeking_throws_away_what_was_fetched() {
    let brokers = Brokers::with(&[("a", 1), ("b", 1)]);
    brokers.write("a", 0, 0..2_000);
    brokers.write("b", 0, 0..2_000);
    let mut reader = Reader::new(brokers.options(&["a", "b"]), &lake());
    reader.until("some of it", |it| {
        it.places.len() == 2 && it.offsets("a", 0).len() >= 10
    });
    let id = reader.id("a", 0);
    for target in [5, 1_500, 0, 700] {
        reader.consumer.seek(id, target);
        reader.buffers.remove(&id);
        reader.until("some more", |it| it.offsets("a", 0).len() >= 20);
        let found = reader.offsets("a", 0);
        assert_eq!(found, Vec::from_iter(target..target + found.len() as u64));
    }
    reader.until("the rest", |it| it.offsets("b", 0).len() == 2_000);
    assert_eq!(reader.offsets("b", 0), Vec::from_iter(0..2_000));
}

#[test]
fn kafka_what_retention_took_is_told_and_policy_says_where_to_go_on() {
    let brokers = Brokers::with(&[("a", 1), ("b", 1)]);
    let end = brokers.write_too_much("a", 0);
    brokers.write("b", 0, 0..10);
    let check = |policy: OutOfRangePolicy, wanted: u64| {
        let options = KafkaOptions {
            out_of_range: policy,
            ..brokers.options(&["a", "b"])
        };
        let mut reader = Reader::new(options, &known_at(&[("a", 0, wanted)]));
        reader.until("the loss", |it| !it.lost.is_empty() && it.places.len() == 2);
        let lost = reader.lost[0];
        assert_eq!(
            (lost.partition, lost.wanted, lost.end),
            (reader.id("a", 0), wanted, end)
        );
        assert!(lost.first > 3 && lost.first < end, "{lost:?}");
        // The other one is not disturbed.
        reader.until("the other", |it| it.offsets("b", 0).len() == 10);
        assert_eq!(reader.offsets("b", 0), Vec::from_iter(0..10));
        let from = lost.resumed.unwrap_or(end);
        if let Some(next) = lost.resumed {
            reader.until("the rest", |it| {
                it.consumer.partition(lost.partition).unwrap().next == end.max(next)
            });
        } else {
            assert_eq!(reader.failures.len(), 1, "{:?}", reader.failures);
            assert!(reader.consumer.partition(lost.partition).unwrap().is_stopped);
        }
        assert_eq!(reader.offsets("a", 0), Vec::from_iter(from..end));
        assert_eq!(reader.lost.len(), 1);
        (lost, reader)
    };
    for wanted in [3, end + 7] {
        let (lost, _) = check(OutOfRangePolicy::Earliest, wanted);
        assert_eq!(lost.resumed, Some(lost.first));
        let (lost, _) = check(OutOfRangePolicy::Latest, wanted);
        assert_eq!(lost.resumed, Some(end));
        let (lost, mut reader) = check(OutOfRangePolicy::Fail, wanted);
        assert_eq!(lost.resumed, None);
        // Somebody decides.
        reader.consumer.seek(lost.partition, end - 2);
        reader.until("the rest", |it| it.offsets("a", 0).len() == 2);
        assert_eq!(reader.offsets("a", 0), [end - 2, end - 1]);
    }
}

#[test]
fn kafka_what_retention_took_of_a_paused_partition_is_told() {
    let brokers = Brokers::with(&[("a", 1)]);
    brokers.write("a", 0, 0..10);
    let mut reader = Reader::new(brokers.options(&["a"]), &lake());
    reader.until_read(10);
    let id = reader.id("a", 0);
    reader.consumer.pause(id);
    let end = 10 + brokers.write_too_much("a", 0);
    reader.poll_for_a_while();
    assert_eq!(reader.n_read(), 10);
    reader.consumer.resume(id);
    reader.until("the end", |it| it.consumer.partition(id).unwrap().next == end);
    let [lost] = reader.lost[..] else {
        panic!("{:?}", reader.lost)
    };
    assert_eq!((lost.wanted, lost.end, lost.resumed), (10, end, Some(lost.first)));
    let mut expect = Vec::from_iter(0..10);
    expect.extend(lost.first..end);
    assert_eq!(reader.offsets("a", 0), expect);
}

#[test]
fn kafka_a_broker_that_comes_back_is_read_on() {
    let brokers = Brokers::with(&[("a", 2)]);
    brokers.write("a", 0, 0..100);
    let mut reader = Reader::new(brokers.options(&["a"]), &lake());
    reader.until_read(100);
    for round in 1..3 {
        brokers.mock.broker_down(-1).unwrap();
        reader.failures.clear();
        reader.poll_for_a_while();
        brokers.mock.broker_up(-1).unwrap();
        brokers.write("a", 0, round * 100..(round + 1) * 100);
        reader.until_read(usize::try_from((round + 1) * 100).unwrap());
    }
    assert_eq!(reader.offsets("a", 0), Vec::from_iter(0..300));
    assert_eq!(reader.lost, []);
}

#[test]
fn kafka_reachability_is_told_without_joining() {
    let brokers = Brokers::with(&[("a", 3)]);
    let options = brokers.options(&["a", "none", "^x"]);
    let found = Reachability::ask(&options, PATIENCE).unwrap();
    assert!(found.cluster_id.is_some());
    let topic = |name: &str, n_partitions| TopicFound {
        name: name.to_owned(),
        n_partitions,
    };
    assert_eq!(found.topics, [topic("a", Some(3)), topic("none", None)]);
    let away = KafkaOptions {
        brokers: "127.0.0.1:1".to_owned(),
        ..options
    };
    let trouble = Reachability::ask(&away, Duration::from_secs(2)).unwrap_err();
    assert!(
        matches!(trouble, IngestError::Kafka(KafkaTrouble::Unreachable { .. })),
        "{trouble}"
    );
    assert!(trouble.hint().is_some());
}
