//! Messages that are not as they should be: the connection may end, nothing else does.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{Served, block_on, lake};

/// A login without a password, which a server that is open answers with `ReadyForQuery`.
pub(super) const STARTUP: &[u8] = b"\0\0\0\x10\0\x03\0\0user\0a\0\0";

/// Sends bytes, and returns what comes until the server has nothing more to say.
pub(super) fn talk(served: &Served, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", served.port)).expect("a server that listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a socket");
    // The server may have closed its end by then.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

pub(super) fn has(answer: &[u8], words: &str) -> bool {
    count(answer, words.as_bytes()) > 0
}

/// How often bytes are in an answer.
pub(super) fn count(answer: &[u8], bytes: &[u8]) -> usize {
    let windows = answer.windows(bytes.len());
    windows.filter(|window| *window == bytes).count()
}

#[test]
fn malformed_messages_end_a_connection_and_nothing_else() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    let with = |message: &[u8]| talk(&served, &[STARTUP, message].concat());
    assert!(has(&with(b"Q\0\0\0\x0dSELECT 1\0"), "SELECT 1"));
    for message in [
        &b"Q\0\0\0\x04"[..],
        b"Q\xff\xff\xff\xff",
        b"Q\x7f\xff\xff\xff",
        b"P\0\0\0\x08a\0b\0",
        b"B\0\0\0\x12\0\0\0\x01\0\0\0\x01\xff\xff\xff\xfe\0\0",
        b"B\0\0\0\x10\0\0\0\0\0\x01\x7f\xff\xff\xff\0\0",
        b"D\0\0\0\x04",
        b"E\0\0\0\x05\0",
        b"F\0\0\0\x08\0\0\0\0",
        b"p\0\0\0\x04",
        b"\x80\0\0\0\x04",
    ] {
        let answer = with(message);
        assert!(
            has(&answer, "08P01") || answer.is_empty() || has(&answer, "FATAL"),
            "{message:?}: {answer:?}"
        );
    }
    // Behind the end of a first message: one of 1 GB, and one that is malformed.
    for tail in [&b"Q\x3f\xff\xff\xf0"[..], b"P\0\0\0\x08a\0b\0"] {
        let length = 16 + tail.len() as u32;
        let first = [&length.to_be_bytes(), &STARTUP[4..], tail].concat();
        let answer = talk(&served, &first);
        assert!(has(&answer, "a malformed first message"), "{tail:?}: {answer:?}");
    }
    for bytes in [&b""[..], b"\0", b"\0\0\0\x08", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\0\x05hello", b"\0\0\0\x08\x04\xd2\x16\x2f\0\0\0\x08\x04\xd2\x16\x2f\0\0\0\x08\x04\xd2\x16\x2f\0\0\0\x08\x04\xd2\x16\x2f"] {
        talk(&served, bytes);
    }
    block_on(async {
        served
            .connect()
            .await
            .query_one("SELECT 1", &[])
            .await
            .expect("a server that goes on");
    });
    let said = served.stop();
    assert!(!said.iter().any(|line| line.contains("panicked")), "{said:#?}");
}

#[test]
fn random_messages_end_a_connection_and_nothing_else() {
    let lake = lake();
    let served = Served::to_users(&lake, &[]);
    // Xorshift: the same each time.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..300 {
        let n = random() % 64;
        let mut bytes = Vec::new();
        for _ in 0..random() % 8 {
            let body: Vec<u8> = (0..n).map(|_| (random() >> 11) as u8).collect();
            bytes.push(b"QPBDCEHSXpdcfF"[(random() % 14) as usize]);
            bytes.extend((body.len() as u32 + 4).to_be_bytes());
            bytes.extend(body);
        }
        let startup = if random() % 4 == 0 { &b""[..] } else { STARTUP };
        let mut stream = TcpStream::connect(("127.0.0.1", served.port)).expect("a server that listens");
        let _ = stream.write_all(&[startup, &bytes].concat());
    }
    block_on(async {
        let client = served.connect_as("ann", super::PASSWORD).await.expect("a way in");
        client
            .query_one("SELECT 1", &[])
            .await
            .expect("a server that goes on");
    });
    let said = served.stop();
    assert!(!said.iter().any(|line| line.contains("panicked")), "{said:#?}");
}

#[test]
fn nobody_gets_in_between_asking_and_proving() {
    let lake = lake();
    let served = Served::to_users(&lake, &[]);
    for message in [
        // A question instead of a proof, a proof of something else, an empty one, another method.
        &b"Q\0\0\0\x0dSELECT 1\0"[..],
        b"p\0\0\0\x09SCRAM",
        b"p\0\0\0\x04",
        b"p\0\0\0\x1aSCRAM-SHA-256-PLUS\0\0\0\0\0",
        b"p\0\0\0\x16SCRAM-SHA-256\0\xff\xff\xff\xff",
        b"p\0\0\0\x1bSCRAM-SHA-256\0\0\0\0\x05n,,r=",
        b"S\0\0\0\x04",
        STARTUP,
    ] {
        let then = b"Q\0\0\0\x0dSELECT 7\0";
        let answer = talk(&served, &[STARTUP, message, then].concat());
        assert!(
            !has(&answer, "SELECT 1") && !has(&answer, "Z\0\0\0\x05"),
            "{message:?}: {answer:?}"
        );
    }
}
