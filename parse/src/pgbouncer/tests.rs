//! Lines of every version, and what has to be found in them.

use crate::{Decoded, Decoder, Grammar, LogEntry, LogKind, RECORD_BYTES_MAX, detect};

/// Kind, fields and attributes of each event of a log.
fn read(log: &str) -> Vec<(LogKind, String)> {
    let mut decoder = Decoder::new(&Grammar::PgBouncer.into(), None, 0);
    let mut found = Vec::new();
    let mut sink = |decoded: Decoded<'_>| match decoded {
        Decoded::Log(entry) => found.push((entry.kind, print(entry))),
        other => panic!("{other:?}"),
    };
    decoder.push(log.as_bytes(), &mut sink);
    decoder.finish(&mut sink);
    assert_eq!(decoder.ledger().bytes(), log.len() as u64);
    found
}

fn print(entry: &LogEntry<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut words = vec![format!(
        "{}/{}@{}",
        text(entry.database),
        text(entry.user),
        text(entry.client)
    )];
    words.extend(entry.duration_us.map(|us| format!("{us}us")));
    words.extend((!entry.object.is_empty()).then(|| text(entry.object)));
    words.extend(
        entry
            .attributes
            .iter()
            .map(|(name, value)| format!("{}={}", text(name), text(value))),
    );
    words.join(" ")
}

#[track_caller]
fn check(text: &str, kind: LogKind, expect: &str) {
    for head in ["2026-11-23 00:27:18.272 UTC [17] ", "2026-11-23 00:27:18.272 17 "] {
        assert_eq!(
            read(&format!("{head}{text}\n")),
            [(kind, expect.to_owned())],
            "{head}{text}"
        );
    }
}

#[test]
fn connections() {
    check(
        "LOG C-0x7f82: shop/app@10.0.0.5:39630 login attempt: db=shop user=app tls=no replication=no",
        LogKind::ConnectionReceived,
        "shop/app@10.0.0.5 side=client port=39630",
    );
    check(
        "LOG C-0x7f82: (nodb)/(nouser)@[::1]:39630 login attempt: db=shop user=app tls=TLSv1.3/TLS_AES_256_GCM_SHA384",
        LogKind::ConnectionReceived,
        "shop/app@::1 ssl=1 side=client port=39630",
    );
    check(
        "LOG S-0x4000: shop/app@10.0.0.9:5432 new connection to server (from 10.0.0.3:58774)",
        LogKind::ConnectionReceived,
        "shop/app@10.0.0.9 side=server port=5432",
    );
    check(
        "LOG C-0x7f82: shop/app@unix(411):6432 closing because: client close request (age=56s)",
        LogKind::Disconnection,
        "shop/app@unix(411) 56000000us reason=client close request side=client port=6432",
    );
    check(
        "LOG S-0x7f82: shop/app@10.0.0.9:5432 closing because: server idle timeout (age=600)",
        LogKind::Disconnection,
        "shop/app@10.0.0.9 600000000us reason=server idle timeout side=server port=5432",
    );
}

#[test]
fn clients_that_were_not_let_in() {
    check(
        "LOG C-0x4f: (nodb)/(nouser)@10.0.0.5:62596 no such user: somebody",
        LogKind::ConnectionFailed,
        "/@10.0.0.5 reason=no_user side=client port=62596",
    );
    check(
        "WARNING C-0x4f: (nodb)/(nouser)@10.0.0.5:62596 pooler error: no such database: nowhere",
        LogKind::ConnectionFailed,
        "/@10.0.0.5 reason=no_database side=client port=62596",
    );
    check(
        "WARNING C-0x4f: shop/app@10.0.0.5:62596 pooler error: query_wait_timeout",
        LogKind::Canceled,
        "shop/app@10.0.0.5 cause=timeout side=client port=62596",
    );
    check("WARNING something else", LogKind::Warning, "/@");
    check("ERROR something else", LogKind::Error, "/@");
}

#[test]
fn averages_of_every_version() {
    check(
        "LOG stats: 92 xacts/s, 93 queries/s, in 2596 B/s, out 6586 B/s, xact 1139 us, query 1140 us, wait time 5 us",
        LogKind::Statistics,
        "/@ xacts_per_s=92 queries_per_s=93 in_bytes_per_s=2596 out_bytes_per_s=6586 xact_us=1139 query_us=1140 wait_us=5",
    );
    check(
        "LOG stats: 0 xacts/s, 1 queries/s, 2 client parses/s, 3 server parses/s, 4 binds/s, in 40 B/s, out 51 B/s, xact 0 us, query 7606 us, \
         wait 2853 us",
        LogKind::Statistics,
        "/@ xacts_per_s=0 queries_per_s=1 client_parses_per_s=2 server_parses_per_s=3 binds_per_s=4 in_bytes_per_s=40 out_bytes_per_s=51 \
         xact_us=0 query_us=7606 wait_us=2853",
    );
    check(
        "LOG Stats: 12 req/s, in 600 b/s, out 700 b/s,query 800 us",
        LogKind::Statistics,
        "/@ queries_per_s=12 in_bytes_per_s=600 out_bytes_per_s=700 query_us=800",
    );
}

#[test]
fn the_pooler_itself() {
    check(
        "LOG process up: PgBouncer 1.21.0, libevent 2.1.12-stable (epoll), adns: c-ares",
        LogKind::Startup,
        "/@ phase=ready version=1.21.0",
    );
    check(
        "LOG listening on 127.0.0.1:6432",
        LogKind::Startup,
        "/@ 127.0.0.1:6432 phase=listening",
    );
    check(
        "LOG got SIGHUP, re-reading config",
        LogKind::Configuration,
        "/@ phase=reload",
    );
    check(
        "LOG got SIGINT, shutting down",
        LogKind::Shutdown,
        "/@ phase=requested",
    );
}

#[test]
fn lines_that_continue_belong_to_their_event() {
    let log =
        "2026-11-23 00:27:18.272 UTC [17] LOG one\n\tmore of it\n2026-11-23 00:27:18.272 UTC [17] LOG two\n";
    assert_eq!(read(log).len(), 2);
}

#[test]
fn its_logs_and_those_of_the_server_are_not_mistaken_for_each_other() {
    let pooler = "2026-11-23 00:27:18.272 UTC [17] WARNING S-0x1: shop/app@10.0.0.9:5432 server login failed: FATAL: password authentication failed\n";
    let server = "2026-11-23 00:27:18.272 UTC [17] LOG:  checkpoint starting: time\n";
    let grammar = |log: &str| {
        detect(log.as_bytes())
            .format()
            .map(|format| format.grammar().clone())
    };
    assert_eq!(grammar(pooler), Some(Grammar::PgBouncer));
    assert!(matches!(grammar(server), Some(Grammar::PostgresStderr(_))));
}

#[test]
fn a_line_over_the_limit_is_one_record_however_it_comes() {
    let head = "2026-11-23 00:27:18.272 UTC [17] LOG ";
    for huge in [head, "no head "] {
        let log = format!("{head}one\n{huge}{}\n{head}two\n", "x".repeat(RECORD_BYTES_MAX));
        let found = |pieces: usize| {
            let mut decoder = Decoder::new(&Grammar::PgBouncer.into(), None, 0);
            let mut spans = Vec::new();
            let mut sink = |decoded: Decoded<'_>| match decoded {
                Decoded::Log(entry) => spans.push(entry.span),
                Decoded::Reject(reject) => spans.push(reject.span),
                Decoded::Execution(_) => {}
            };
            for piece in log.as_bytes().chunks(pieces) {
                decoder.push(piece, &mut sink);
            }
            decoder.finish(&mut sink);
            (spans, decoder.take_ledger())
        };
        let whole = found(log.len());
        assert_eq!((whole.0.len(), whole.1.bytes()), (3, log.len() as u64));
        assert_eq!(found(5 * 1024 * 1024), whole);
    }
}
