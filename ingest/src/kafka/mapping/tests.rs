//! Messages as shippers write them, and broken ones.

use proptest::prelude::*;

use super::*;
use crate::kafka::message::Headers;

const TOPIC: &str = "logs";

/// What a line says of itself: `server|cluster|file|text`.
fn read(mapping: &Mapping, message: &Message<'_>) -> Result<Vec<String>, Unmapped> {
    let mut lines = Vec::new();
    mapping.read(message, &mut |line| {
        let text = String::from_utf8_lossy(line.text);
        let cluster = line.cluster.unwrap_or("-");
        lines.push(format!("{}|{cluster}|{}|{text}", line.server, line.file));
    })?;
    Ok(lines)
}

fn message<'m>(key: Option<&'m [u8]>, payload: &'m [u8]) -> Message<'m> {
    Message {
        topic: TOPIC,
        key,
        payload: Some(payload),
        headers: Headers::listed(&[
            ("server", b"db7"),
            ("empty", b""),
            ("bad", b"\xff"),
            ("server", b"db8"),
        ]),
        timestamp_ms: None,
    }
}

#[test]
fn every_shipper_says_where_its_lines_are_from() {
    let check = |envelope: Envelope, payload: &str, expect: &[&str]| {
        let found = read(&Mapping::new(envelope), &message(Some(b"k1"), payload.as_bytes()));
        assert_eq!(found.unwrap(), expect, "{payload}");
    };
    check(Envelope::None, "# Time: now\r\n", &["k1|-|logs|# Time: now"]);
    check(Envelope::None, "a\n\tb", &["k1|-|logs|a\n\tb"]);
    check(Envelope::None, "", &["k1|-|logs|"]);
    check(
        Envelope::Filebeat,
        r#"{"@timestamp":"2026-01-02T03:04:05.678Z","@metadata":{"beat":"filebeat"},"log":{"offset":12,"file":{"path":"/var/log/postgresql/a.log"}},
            "message":"LOG:  duration: 1.5 ms\n\tx \"y\"","host":{"name":"db1","os":{"name":"Debian"}},"agent":{"name":"shipper"}}"#,
        &["db1|-|/var/log/postgresql/a.log|LOG:  duration: 1.5 ms\n\tx \"y\""],
    );
    check(
        Envelope::Filebeat,
        r#"{"source":"/var/log/mysql/slow.log","message":"a","beat":{"hostname":"old1"}}"#,
        &["old1|-|/var/log/mysql/slow.log|a"],
    );
    check(
        Envelope::FluentBit,
        r#"{"date":1767323045.678,"log":"a\n","hostname":"db2","path":"/l/slow.log"}"#,
        &["db2|-|/l/slow.log|a"],
    );
    check(
        Envelope::FluentBit,
        r#"{"log":"a","kubernetes":{"pod_name":"pg-0","container_name":"postgres","host":"node1"}}"#,
        &["pg-0|-|postgres|a"],
    );
    check(
        Envelope::Vector,
        r#"{"file":"/l/pg.log","host":"db3","message":"größe","source_type":"file","timestamp":"2026-01-02T03:04:05Z"}"#,
        &["db3|-|/l/pg.log|größe"],
    );
    check(
        Envelope::Logstash,
        r#"{"@version":"1","message":"a","host":"db4","path":"/l/x"}"#,
        &["db4|-|/l/x|a"],
    );
    check(
        Envelope::Logstash,
        r#"{"message":"a","host":{"name":"db5"},"log":{"file":{"path":"/l/y"}}}"#,
        &["db5|-|/l/y|a"],
    );
    // What the envelope does not say, key and topic do.
    check(
        Envelope::Vector,
        r#"{"message":"a","host":"","file":null}"#,
        &["k1|-|logs|a"],
    );
}

#[test]
fn otlp_has_any_number_of_records() {
    let payload = br#"{"resourceLogs":[
        {"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"db1"}},{"key":"cluster","value":{"stringValue":"c1"}}]},
         "scopeLogs":[{"scope":{},"logRecords":[
            {"timeUnixNano":"1","body":{"stringValue":"a"},"attributes":[{"key":"log.file.path","value":{"stringValue":"/l/a"}}]},
            {"body":{"stringValue":"b\n"}}]}]},
        {"scopeLogs":[{"logRecords":[{"body":{"stringValue":"c"}}]},{}]}, {}]}"#;
    let mapping = Mapping {
        cluster: vec!["field:cluster".parse().unwrap()],
        ..Mapping::new(Envelope::Otlp)
    };
    assert_eq!(
        read(&mapping, &message(Some(b"k1"), payload)).unwrap(),
        ["db1|c1|/l/a|a", "db1|c1|logs|b", "k1|-|logs|c"]
    );
    // One without a host or key: nothing is handed out, not even what is before it.
    let mut found = Vec::new();
    let result = mapping.read(&message(None, payload), &mut |line| {
        found.push(line.text.to_vec())
    });
    assert_eq!(
        result,
        Err(Unmapped::NoServer {
            tried: "envelope, key".to_owned()
        })
    );
    assert_eq!(found, Vec::<Vec<u8>>::new());
}

#[test]
fn names_come_from_where_the_configuration_says() {
    let payload = br#"{"message":"a","host":"h","labels":{"db":"l1","n":3},"dotted.key":"d1","port":5432}"#;
    let check = |places: &[&str], expect: Result<&str, &str>| {
        let mapping = Mapping {
            server: places.iter().map(|place| place.parse().unwrap()).collect(),
            file: Vec::new(),
            ..Mapping::new(Envelope::Vector)
        };
        let found = read(&mapping, &message(Some(b"k\xc3\xa9y"), payload)).map_err(|error| error.to_string());
        let expect = expect.map(|server| vec![format!("{server}|-|logs|a")]);
        assert_eq!(found, expect.map_err(str::to_owned), "{places:?}");
    };
    check(&["topic"], Ok("logs"));
    check(&["key"], Ok("kéy"));
    check(&["envelope"], Ok("h"));
    check(&["header:server"], Ok("db8"));
    check(&["header:none", "header:empty", "field:labels.db"], Ok("l1"));
    check(&["field:dotted.key"], Ok("d1"));
    check(&["name:main"], Ok("main"));
    check(
        &["field:labels.n", "field:port", "field:x"],
        Err("no name of a server at field:labels.n, field:port, field:x"),
    );
    check(&["header:bad"], Err("header:bad: not a name: it is not UTF-8"));
    let long = format!("name:{}", "x".repeat(NAME_BYTES_MAX + 1));
    check(&[&long], Err(&format!("{long}: not a name: it is too long")));
    check(
        &["name:a\tb"],
        Err("name:a\tb: not a name: it has control characters"),
    );
}

#[test]
fn a_field_of_a_raw_json_line_can_be_a_name() {
    let mapping = Mapping {
        server: vec!["field:host".parse().unwrap(), NameFrom::Key],
        ..Mapping::new(Envelope::None)
    };
    let check = |payload: &str, expect: &str| {
        assert_eq!(
            read(&mapping, &message(Some(b"k1"), payload.as_bytes())).unwrap(),
            [expect]
        );
    };
    check(
        r#"{"message":"a","host":"h"}"#,
        r#"h|-|logs|{"message":"a","host":"h"}"#,
    );
    check("host: h", "k1|-|logs|host: h");
}

#[test]
fn what_cannot_be_mapped_says_why() {
    let check = |envelope: Envelope, payload: &[u8], expect: &str| {
        let found = read(&Mapping::new(envelope), &message(Some(b"k"), payload)).unwrap_err();
        assert_eq!(found.to_string(), expect);
    };
    check(
        Envelope::Filebeat,
        b"a",
        "not a JSON object: it does not begin with a brace",
    );
    check(
        Envelope::Filebeat,
        b"",
        "not a JSON object: it does not begin with a brace",
    );
    check(
        Envelope::Vector,
        b"{\"message\":\"\xff\"}",
        "not a JSON object: it is not UTF-8",
    );
    check(Envelope::Vector, br#"{"messages":"a"}"#, "no text at message");
    check(Envelope::Vector, br#"{"message":7}"#, "no text at message");
    check(
        Envelope::Logstash,
        br#"{"message":null,"event":{}}"#,
        "no text at message, event.original",
    );
    check(
        Envelope::Otlp,
        b"{}",
        "no text at resourceLogs[].scopeLogs[].logRecords[].body.stringValue",
    );
    let of_map = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"kvlistValue":{}}}]}]}]}"#;
    check(
        Envelope::Otlp,
        of_map,
        "no text at resourceLogs[].scopeLogs[].logRecords[].body.stringValue",
    );
    for cut in [r#"{"message":"a""#, r#"{"message":"a"} x"#, r#"{"message":"#] {
        let found = read(
            &Mapping::new(Envelope::Vector),
            &message(Some(b"k"), cut.as_bytes()),
        );
        assert!(matches!(found, Err(Unmapped::NotJson { .. })), "{cut}: {found:?}");
    }
    let long = vec![b'a'; MESSAGE_BYTES_MAX + 1];
    check(
        Envelope::None,
        &long,
        "16777217 bytes, more than the limit of 16777216",
    );
    let tombstone = Message {
        payload: None,
        ..message(Some(b"k"), b"")
    };
    assert_eq!(
        read(&Mapping::new(Envelope::None), &tombstone),
        Err(Unmapped::Tombstone)
    );
    assert_eq!(
        read(&Mapping::new(Envelope::None), &message(None, b"a")),
        Err(Unmapped::NoServer {
            tried: "envelope, key".to_owned()
        })
    );
}

#[test]
fn deep_json_is_no_danger() {
    for bracket in ["[", "{\"a\":"] {
        let payload = format!("{{\"x\":{}", bracket.repeat(1_000_000));
        for envelope in [Envelope::Filebeat, Envelope::Otlp] {
            let found = read(&Mapping::new(envelope), &message(Some(b"k"), payload.as_bytes()));
            assert!(matches!(found, Err(Unmapped::NotJson { .. })));
        }
    }
    let raw = Mapping {
        server: vec!["field:a".parse().unwrap(), NameFrom::Key],
        ..Mapping::new(Envelope::None)
    };
    let payload = "{\"a\":".repeat(1_000_000);
    assert!(read(&raw, &message(Some(b"k"), payload.as_bytes())).unwrap()[0].starts_with("k|-|logs|"));
}

#[test]
fn names_of_places_and_envelopes_are_read() {
    for text in ["topic", "key", "envelope", "header:a", "field:a.b", "name:a:b"] {
        assert_eq!(text.parse::<NameFrom>().unwrap().to_string(), text);
    }
    for text in ["", "Key", "header:", "field", "headers:a"] {
        let expect = format!("{text:?}: not one of topic, key, envelope, header:NAME, field:PATH, name:NAME");
        assert_eq!(text.parse::<NameFrom>(), Err(expect));
    }
    assert_eq!("fluent-bit".parse(), Ok(Envelope::FluentBit));
    let expect = "\"beats\": not one of none, filebeat, fluent-bit, vector, logstash, otlp";
    assert_eq!("beats".parse::<Envelope>(), Err(expect.to_owned()));
}

proptest! {
    #[test]
    fn any_text_comes_out_as_it_went_in(text in ".*", key in "[a-z]{1,9}") {
        let text = without_line_end(text.as_bytes());
        let text = std::str::from_utf8(text).unwrap();
        let quoted = sonic_rs::to_string(text).unwrap();
        let payload = format!("{{\"message\":{quoted}}}");
        let found = read(&Mapping::new(Envelope::Vector), &message(Some(key.as_bytes()), payload.as_bytes()));
        let expect = String::from_utf8_lossy(without_line_end(text.as_bytes())).into_owned();
        prop_assert_eq!(found.unwrap(), vec![format!("{key}|-|logs|{expect}")]);
    }

    #[test]
    fn no_payload_panics(payload in prop::collection::vec(any::<u8>(), 0..200), text in r#"[\{\}\[\]":,\\a-c0-9]{0,60}"#) {
        for envelope in [Envelope::None, Envelope::Filebeat, Envelope::FluentBit, Envelope::Vector, Envelope::Logstash, Envelope::Otlp] {
            let _ = read(&Mapping::new(envelope), &message(None, &payload));
            let _ = read(&Mapping::new(envelope), &message(None, format!("{{{text}}}").as_bytes()));
        }
    }
}
