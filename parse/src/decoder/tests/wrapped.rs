//! Logs in wrappers: what was wrapped is what comes out, and what holds for every format holds for wrapped ones.

use proptest::prelude::*;

use super::found::{Found, Known};
use super::logs::{Item, items};
use super::writer::{STDERR_PREFIX, Style, write};
use super::{arbitrary, decoder, format_of, goes_on, pieces, sizes, whole};
use crate::{Format, Grammar, Prefix, RejectReason, SkipKind, Wrapper, detect, detect_wrappers};

/// Everything that can be around a log of these tests.
const CHAINS: [&[Wrapper]; 12] = [
    &[Wrapper::Syslog],
    &[Wrapper::Docker],
    &[Wrapper::Cri],
    &[Wrapper::Journald],
    &[Wrapper::Shipper],
    &[Wrapper::Loki],
    &[Wrapper::Otlp],
    &[Wrapper::CloudWatch],
    &[Wrapper::Azure],
    &[Wrapper::Shipper, Wrapper::Docker],
    &[Wrapper::Cri, Wrapper::Shipper],
    &[Wrapper::Loki, Wrapper::Shipper, Wrapper::Cri],
];
const HOSTS: [&str; 2] = ["db1", "db2"];

/// Puts the lines of a log, each of one of the hosts, into one wrapper.
fn wrap(wrapper: Wrapper, lines: &[(usize, Vec<u8>)]) -> Vec<(usize, Vec<u8>)> {
    let each = |format: &dyn Fn(&str, &str) -> String| {
        let json = |(host, line): &(usize, Vec<u8>)| {
            let text = sonic_rs::to_string(&String::from_utf8_lossy(line)).unwrap();
            (*host, format(HOSTS[*host], &text).into_bytes())
        };
        lines.iter().map(json).collect()
    };
    match wrapper {
        Wrapper::Syslog => lines
            .iter()
            .map(|(host, line)| {
                let head = format!("<134>Nov 23 00:27:11 {} postgres[7]: ", HOSTS[*host]);
                (*host, [head.as_bytes(), line].concat())
            })
            .collect(),
        Wrapper::Cri => lines.iter().flat_map(cri).collect(),
        Wrapper::Docker => each(&|_, text| {
            let text = text.strip_suffix('"').unwrap();
            format!(
                "{{\"log\":{text}\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-23T00:27:18.224000001Z\"}}"
            )
        }),
        Wrapper::Journald => each(&|host, text| {
            format!(
                "{{\"MESSAGE\":{text},\"__REALTIME_TIMESTAMP\":\"1795393638000000\",\"_HOSTNAME\":\"{host}\",\"_PID\":\"7\"}}"
            )
        }),
        Wrapper::Shipper => each(&|host, text| {
            format!(
                "{{\"@timestamp\":\"2026-11-23T00:27:18Z\",\"host\":{{\"name\":\"{host}\"}},\"message\":{text}}}"
            )
        }),
        Wrapper::Loki => each(&|host, text| {
            format!(
                "{{\"streams\":[{{\"stream\":{{\"host\":\"{host}\"}},\"values\":[[\"1795393638000000000\",{text}]]}}]}}"
            )
        }),
        Wrapper::Otlp => each(&|host, text| {
            format!(
                "{{\"resourceLogs\":[{{\"resource\":{{\"attributes\":[{{\"key\":\"host.name\",\"value\":{{\"stringValue\":\"{host}\"}}}}]}},\
                 \"scopeLogs\":[{{\"logRecords\":[{{\"timeUnixNano\":\"1795393638000000000\",\"body\":{{\"stringValue\":{text}}}}}]}}]}}]}}"
            )
        }),
        Wrapper::CloudWatch => each(&|host, text| {
            format!(
                "{{\"messageType\":\"DATA_MESSAGE\",\"logGroup\":\"g\",\"logStream\":\"{host}\",\
                 \"logEvents\":[{{\"id\":\"1\",\"timestamp\":1795393638000,\"message\":{text}}}]}}"
            )
        }),
        Wrapper::Azure => each(&|host, text| {
            format!(
                "{{\"LogicalServerName\":\"{host}\",\"time\":\"2026-11-23T00:27:18Z\",\"properties\":{{\"message\":{text}}}}}"
            )
        }),
        Wrapper::Logplex | Wrapper::Cnpg => unreachable!("has tests of its own"),
    }
}

/// Lines of a container runtime, the longer ones in two parts.
fn cri((host, line): &(usize, Vec<u8>)) -> Vec<(usize, Vec<u8>)> {
    const HEAD: &[u8] = b"2026-11-23T00:27:18.224000001Z stderr ";
    let character = |at: &usize| std::str::from_utf8(&line[..*at]).is_ok();
    let cut = (0..=line.len().min(30))
        .rev()
        .find(character)
        .filter(|_| line.len() > 40);
    let cut = cut.unwrap_or(line.len());
    if cut == line.len() {
        return vec![(*host, [HEAD, b"F ", line].concat())];
    }
    vec![
        (*host, [HEAD, b"P ", &line[..cut]].concat()),
        (*host, [HEAD, b"F ", &line[cut..]].concat()),
    ]
}

/// Puts a log into wrappers, the outermost first. A wrapper of JSON has no bytes that are not UTF-8.
fn wrapped(chain: &[Wrapper], lines: Vec<(usize, Vec<u8>)>) -> Vec<u8> {
    let outer = chain
        .iter()
        .rev()
        .fold(lines, |lines, wrapper| wrap(*wrapper, &lines));
    outer
        .into_iter()
        .flat_map(|(_, mut line)| {
            line.push(b'\n');
            line
        })
        .collect()
}

/// A log of PostgreSQL as the server hands it to syslog: a message is an event, and its parts are lines.
fn chunked(host: usize, log: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let (mut message, mut part) = (0, 0);
    let lines = lines(host, log).into_iter().filter(|(_, line)| !line.is_empty());
    lines
        .map(|(host, line)| {
            let is_part = line.starts_with(b"\t") || memchr::memmem::find(&line, b" DETAIL:  ").is_some();
            (message, part) = if is_part {
                (message, part + 1)
            } else {
                (message + 1, 1)
            };
            let head = format!("Nov 23 00:27:11 {} postgres[7]: [{message}-{part}] ", HOSTS[host]);
            (host, [head.as_bytes(), &line, b"\n"].concat())
        })
        .collect()
}

fn lines(host: usize, log: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let text = String::from_utf8_lossy(log);
    let lines = text.strip_suffix('\n').unwrap_or(&text).split('\n');
    lines.map(|line| (host, line.as_bytes().to_vec())).collect()
}

fn format_in(chain: &[Wrapper], style: Style) -> Format {
    Format::wrapped(chain.to_vec(), format_of(style).grammar().clone())
}

fn chain() -> impl Strategy<Value = &'static [Wrapper]> {
    prop::sample::select(CHAINS.to_vec())
}

/// Styles whose lines stand in one wrapper each.
fn style() -> impl Strategy<Value = Style> {
    prop::sample::select(Style::ALL.to_vec())
}

/// Lines of two servers, each in its order.
fn interleave<T>(one: Vec<T>, two: Vec<T>, turns: &[bool]) -> Vec<T> {
    let mut rest = [one, two].map(Vec::into_iter);
    let mut merged = Vec::new();
    for turn in turns.iter().cycle().take(4096) {
        merged.extend(rest[usize::from(*turn)].next());
    }
    let [one, two] = rest;
    merged.extend(one.chain(two));
    merged
}

/// The lines of one server, or of two where records tell which is whose: MySQL's depend on what their server wrote before.
fn servers(style: Style, one: &[Item], two: &[Item], turns: &[bool]) -> Vec<(usize, Vec<u8>)> {
    let one = write(style, one).bytes;
    if style.is_postgres() {
        interleave(lines(0, &one), lines(1, &write(style, two).bytes), turns)
    } else {
        lines(0, &one)
    }
}

fn sorted(known: Vec<Known>) -> Vec<String> {
    let mut text: Vec<String> = known.iter().map(|known| format!("{known:?}")).collect();
    text.sort();
    text
}

/// Starts are keys: none is there twice.
fn check_keys(found: &Found) {
    let mut starts: Vec<u64> = found.executions.iter().map(|row| row.span.start).collect();
    starts.extend(found.logs.iter().map(|log| log.span.start));
    starts.extend(found.rejects.iter().map(|(span, ..)| span.start));
    let all = starts.len();
    starts.sort_unstable();
    starts.dedup();
    assert_eq!(starts.len(), all);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_wrapped_is_what_comes_out(style in style(), chain in chain(), items in items(false)) {
        // Azure puts tabs where they are missing, which is right for its own log only.
        prop_assume!(!chain.contains(&Wrapper::Azure) || style == Style::Stderr);
        let log = write(style, &items).bytes;
        let bare = String::from_utf8_lossy(&log).into_owned();
        let input = wrapped(chain, lines(0, &log));
        let found = whole(&format_in(chain, style), &input);
        let expect = whole(&format_of(style), bare.as_bytes());
        prop_assert_eq!(found.known(), expect.known(), "{}", input.escape_ascii());
        prop_assert_eq!(found.logs.len(), expect.logs.len());
        prop_assert_eq!(found.rejects.len(), 0, "{:?} in {}", found.rejected(), input.escape_ascii());
        prop_assert_eq!(found.ledger.bytes(), input.len() as u64);
        check_keys(&found);
    }

    #[test]
    fn streams_of_two_servers_do_not_cut_each_other(
        wrapper in prop::sample::select(vec![Wrapper::Syslog, Wrapper::Shipper, Wrapper::Loki, Wrapper::Otlp, Wrapper::CloudWatch]),
        json in any::<bool>(), one in items(false), two in items(false), turns in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        let chain = &[wrapper];
        let style = if json { Style::Json } else { Style::Stderr };
        let (one, two) = (write(style, &one).bytes, write(style, &two).bytes);
        let input = wrapped(chain, interleave(lines(0, &one), lines(1, &two), &turns));
        let found = whole(&format_in(chain, style), &input);
        let expect: Vec<Known> = [one, two]
            .iter()
            .flat_map(|log| whole(&format_of(style), String::from_utf8_lossy(log).as_bytes()).known())
            .collect();
        prop_assert_eq!(sorted(found.known()), sorted(expect), "{}", input.escape_ascii());
        prop_assert_eq!(found.ledger.bytes(), input.len() as u64);
        check_keys(&found);
    }

    #[test]
    fn chunks_of_two_servers_do_not_cut_each_other(
        one in items(false), two in items(false), turns in prop::collection::vec(any::<bool>(), 1..40), sizes in sizes(), stop in 0..60_usize,
    ) {
        let logs = [one, two].map(|items| write(Style::Stderr, &items).bytes);
        let outer = interleave(chunked(0, &logs[0]), chunked(1, &logs[1]), &turns);
        let input: Vec<u8> = outer.into_iter().flat_map(|(_, line)| line).collect();
        let format = format_in(&[Wrapper::Syslog], Style::Stderr);
        let found = whole(&format, &input);
        let bare = |log: &[u8]| whole(&format_of(Style::Stderr), String::from_utf8_lossy(log).as_bytes()).known();
        let expect: Vec<Known> = logs.iter().flat_map(|log| bare(log)).collect();
        prop_assert_eq!(sorted(found.known()), sorted(expect), "{}", input.escape_ascii());
        goes_on(&format, &input, &sizes, stop)?;
    }

    #[test]
    fn pieces_of_any_size_give_the_same(
        style in style(), chain in chain(), one in items(true), two in items(true), turns in prop::collection::vec(any::<bool>(), 1..40), sizes in sizes(),
    ) {
        let input = wrapped(chain, servers(style, &one, &two, &turns));
        let format = format_in(chain, style);
        let found = whole(&format, &input);
        prop_assert_eq!(found.ledger.bytes(), input.len() as u64);
        let in_pieces = Found::by(decoder(&format), pieces(&input, &sizes));
        prop_assert_eq!(in_pieces, found, "{}", input.escape_ascii());
    }

    #[test]
    fn a_decoder_goes_on_where_another_stopped(
        style in style(), chain in chain(), one in items(true), two in items(true), turns in prop::collection::vec(any::<bool>(), 1..40),
        sizes in sizes(), stop in 0..60_usize,
    ) {
        let input = wrapped(chain, servers(style, &one, &two, &turns));
        goes_on(&format_in(chain, style), &input, &sizes, stop)?;
    }

    #[test]
    fn every_byte_is_accounted_for(input in prop::collection::vec(outer_line(), 0..30), sizes in sizes(), stop in 0..60_usize) {
        let input = input.concat();
        for wrapper in Wrapper::ALL {
            let format = Format::wrapped(vec![wrapper], Grammar::PostgresStderr(Prefix::guessed(STDERR_PREFIX)));
            let found = whole(&format, &input);
            prop_assert_eq!(found.ledger.bytes(), input.len() as u64, "{:?}: {}", wrapper, input.escape_ascii());
            goes_on(&format, &input, &sizes, stop)?;
        }
    }
}

/// Lines of every wrapper, of several processes, whole and cut, and lines of none.
fn outer_line() -> impl Strategy<Value = Vec<u8>> {
    let tokens = prop::sample::select(vec![
        "<134>Nov 23 00:27:11 db1 postgres[7]: [5-1] ",
        "Nov 23 00:27:11 db1 postgres[7]: [5-2] ",
        "Nov 23 00:27:11 db1 postgres[8]: [5-1] ",
        "Nov 23 00:27:11 db1 postgres[8]: [5-2] #011",
        "2026-11-23T00:27:11+00:00 db2 postgres[8]: [6-1] ",
        "<134>1 2026-11-23T00:27:11Z db1 postgres 7 - - [5-3] \t",
        "Nov 23 00:27:11 db1 sshd[1]: ",
        "2019-03-14T00:22:56+00:00 app[postgres.7]: [GREEN] [15-1]  ",
        "2026-11-23T00:27:18.224000001Z stderr P ",
        "2026-11-23T00:27:18.224000001Z stdout P ",
        "2026-11-23T00:27:18.224000001Z stderr F ",
        "",
    ]);
    let whole = prop::sample::select(vec![
        "{\"log\":\"2026-11-23 00:27:18.272 UTC [42] LOG:  x\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-23T00:27:18Z\"}\n",
        "{\"log\":\"\\tpart\",\"stream\":\"stderr\",\"time\":\"2026-11-23T00:27:18Z\"}\n",
        "{\"message\":\"2026-11-23 00:27:18.272 UTC [42] LOG:  statement: SELECT 1\\n2026-11-23 00:27:18.272 UTC [42] LOG:  duration: 1.0 ms\",\"host\":\"a\"}\n",
        "{\"streams\":[{\"stream\":{},\"values\":[[\"1\",\"2026-11-23 00:27:18.272 UTC [42] LOG:  x\"],[\"2\",\"\\ty\"]]}]}\n",
        "{\"records\":[]}\n",
        "{\"level\":\"info\",\"logger\":\"barman\",\"msg\":\"x\"}\n",
        "\n",
        "{\n",
    ]);
    prop_oneof![
        3 => (tokens, arbitrary()).prop_map(|(token, text)| [token.as_bytes(), &text.0, b"\n"].concat()),
        2 => whole.prop_map(|line| line.as_bytes().to_vec()),
    ]
}

// --- cases that have a name -----------------------------------------------------------------------------------------------------

#[track_caller]
fn check(log: &str, wrappers: &[Wrapper], statements: &[&str]) -> Found {
    let detection = detect(log.as_bytes());
    let format = detection.format().unwrap();
    assert_eq!(format.wrappers(), wrappers, "{format}");
    let found = whole(format, log.as_bytes());
    assert_eq!(found.statements(), statements);
    assert_eq!(found.ledger.bytes(), log.len() as u64);
    assert_eq!(
        Found::by(decoder(format), pieces(log.as_bytes(), &[7])),
        found,
        "in pieces"
    );
    found
}

fn times(found: &Found) -> Vec<Option<i64>> {
    found.executions.iter().map(|row| row.known.end_us).collect()
}

fn pids(found: &Found) -> Vec<Option<i64>> {
    found.executions.iter().map(|row| row.known.session_id).collect()
}

const NOON_US: i64 = 1_795_435_200_000_000;

#[test]
fn chunks_of_syslog_are_lines_parts_of_lines_and_follow_ups() {
    let long = "x".repeat(880);
    let log = format!(
        "<134>Nov 23 12:00:00 db1 postgres[7]: [5-1] 2026-11-23 12:00:00 UTC [7] LOG:  duration: 1.000 ms  execute <unnamed>: SELECT '{long}\n\
         <134>Nov 23 12:00:00 db1 postgres[9]: [2-1] 2026-11-23 12:00:00 UTC [9] LOG:  duration: 1.000 ms  statement: SELECT 2\n\
         <134>Nov 23 12:00:00 db1 postgres[7]: [5-2]  y',\n\
         <134>Nov 23 12:00:00 db1 postgres[9]: [2-2] \tFROM t\n\
         <134>Nov 23 12:00:00 db1 postgres[7]: [5-3] #011#0111\n\
         <134>Nov 23 12:00:00 db1 postgres[7]: [5-4] 2026-11-23 12:00:00 UTC [7] DETAIL:  parameters: $1 = '7'\n\
         <134>Nov 23 12:00:00 db1 sshd[99]: Accepted publickey for root\n"
    );
    let found = check(
        &log,
        &[Wrapper::Syslog],
        &[&format!("SELECT '{long} y',\n\t1"), "SELECT 2\nFROM t"],
    );
    assert_eq!(found.executions[0].known.parameters, b"$1 = '7'");
    assert!(found.rejects.is_empty(), "{:?}", found.rejected());
    let skipped: Vec<_> = found
        .ledger
        .skipped()
        .map(|(kind, tally)| (kind, tally.records))
        .collect();
    assert_eq!(skipped, [(SkipKind::OtherProgram, 1)]);
}

#[test]
fn a_tab_in_the_first_line_is_a_tab_when_a_later_line_shows_that_tabs_are_escaped() {
    let log = "Nov 23 12:00:00 db1 postgres[7]: [5-1] 2026-11-23 12:00:00 UTC [7] LOG:  duration: 1.000 ms  statement: SELECT count( * )#011AS n#015\n\
               Nov 23 12:00:00 db1 postgres[7]: [5-2] #011FROM t WHERE a = '#012'\n\
               Nov 23 12:00:00 db1 postgres[7]: [6-1] 2026-11-23 12:00:00 UTC [7] LOG:  duration: 1.000 ms  statement: SELECT '#011fff'\n";
    check(
        log,
        &[Wrapper::Syslog],
        &[
            "SELECT count( * )\tAS n\r\nFROM t WHERE a = '#012'",
            "SELECT '#011fff'",
        ],
    );
}

#[test]
fn messages_of_syslog_without_chunks() {
    let log = "2026-11-23T12:00:00+00:00 db1 pg-main[7]: 2026-11-23 12:00:00 UTC [7] LOG:  duration: 1.000 ms  statement: SELECT 1,#012#0112\n\
               2026-11-23T12:00:00+00:00 db1 systemd[1]: Started something.\n\
               <134>1 2026-11-23T12:00:01Z db1 pg-main 8 - [x y=\"]\"] 2026-11-23 12:00:01 UTC [8] LOG:  duration: 1.000 ms  statement: SELECT 3\n";
    check(log, &[Wrapper::Syslog], &["SELECT 1,\n2", "SELECT 3"]);
}

#[test]
fn what_the_prefix_does_not_say_the_envelope_says() {
    let log = "2026-11-23T12:00:00+00:00 app[postgres.77]: [GREEN] [15-1]  sql_error_code = 00000 LOG:  duration: 1.000 ms  statement: SELECT 1\n\
               2026-11-23T12:00:00+00:00 app[postgres.77]: [GREEN] [15-2] \tFROM t\n\
               2026-11-23T12:00:00+00:00 app[web.1]: hello\n\
               2026-11-23T12:00:00+00:00 app[postgres.78]: [GREEN] [3-1]  sql_error_code = 40P01 ERROR:  deadlock detected\n";
    let found = check(log, &[Wrapper::Logplex], &["SELECT 1\nFROM t"]);
    assert_eq!(
        (times(&found), pids(&found)),
        (vec![Some(NOON_US)], vec![Some(77)])
    );
    assert!(found.rejects.is_empty(), "{:?}", found.rejected());
}

#[test]
fn rows_of_cloudnativepg() {
    let log = "{\"level\":\"info\",\"ts\":\"2026-11-23T12:00:00Z\",\"logger\":\"postgres\",\"msg\":\"record\",\"record\":{\"log_time\":\"2026-11-23 12:00:00.000 UTC\",\
               \"user_name\":\"app\",\"database_name\":\"shop\",\"process_id\":\"7\",\"connection_from\":\"10.0.0.5:4000\",\"error_severity\":\"LOG\",\
               \"message\":\"duration: 1.000 ms  statement: SELECT \\\"a\\\",\\n1\",\"query_id\":\"-5\"},\"logging_pod\":\"pg-1\"}\n\
               {\"level\":\"info\",\"logger\":\"postgres\",\"msg\":\"2026-11-23 11:59:00.000 UTC [28] LOG:  starting \\\"x\\\"\",\"logging_pod\":\"pg-1\"}\n\
               {\"level\":\"info\",\"logger\":\"wal-archive\",\"msg\":\"done\",\"logging_pod\":\"pg-1\"}\n\
               {\"level\":\"info\",\"ts\":1669574898.5,\"msg\":\"Starting workers\",\"controller\":\"cluster\"}\n";
    let found = check(log, &[Wrapper::Cnpg], &["SELECT \"a\",\n1"]);
    let known = &found.executions[0].known;
    assert_eq!(
        (known.session_id, known.client.as_slice()),
        (Some(7), &b"10.0.0.5"[..])
    );
    assert_eq!(
        (known.user.as_slice(), known.end_us),
        (&b"app"[..], Some(NOON_US))
    );
    // Kubernetes may write the line in two parts.
    let (first, second) = log.split_at(200);
    let (second, other) = second.split_once('\n').unwrap();
    let mut cri = format!("2026-11-23T12:00:00Z stdout P {first}\n");
    for line in [second].into_iter().chain(other.lines()) {
        cri += &format!("2026-11-23T12:00:00Z stdout F {line}\n");
    }
    check(&cri, &[Wrapper::Cri, Wrapper::Cnpg], &["SELECT \"a\",\n1"]);
}

#[test]
fn what_azure_puts_beside_a_message_belongs_to_it() {
    let record = |message: &str, detail: &str| {
        format!(
            "{{\"properties\":{{\"processId\":7,\"errorLevel\":\"LOG\",\"message\":\"2026-11-23 12:00:00 UTC [7] LOG:  {message}\",\
             \"detail\":\"{detail}\"}},\"time\":\"2026-11-23T12:00:01Z\",\"resourceId\":\"/S/PG\",\"category\":\"PostgreSQLLogs\"}}"
        )
    };
    let one = record(
        "duration: 1.000 ms  execute <unnamed>: SELECT $1,\\n2",
        "parameters: $1 = '7'",
    );
    let two = record("duration: 1.000 ms  statement: SELECT 3", "");
    let log = format!("{{\"records\":[{one},{two}]}}\n{two}\n");
    let found = check(
        &log,
        &[Wrapper::Azure],
        &["SELECT $1,\n2", "SELECT 3", "SELECT 3"],
    );
    assert_eq!(found.executions[0].known.parameters, b"$1 = '7'");
    check_keys(&found);
}

#[test]
fn batches_of_cloudwatch_and_their_control_messages() {
    let log = "{\"messageType\":\"CONTROL_MESSAGE\",\"logEvents\":[{\"message\":\"checking\"}]}{\"messageType\":\"DATA_MESSAGE\",\"logGroup\":\"/aws/rds/x\",\
               \"logStream\":\"db.0\",\"logEvents\":[\
               {\"timestamp\":1,\"message\":\"2026-11-23 12:00:00 UTC:10.0.0.5(4000):app@shop:[7]:LOG:  duration: 1.000 ms  statement: SELECT 1\\n\\tFROM t\"},\
               {\"timestamp\":1,\"message\":\"2026-11-23 12:00:00 UTC:10.0.0.5(4000):app@shop:[7]:LOG:  duration: 1.000 ms  statement: SELECT 2\"}]}\n";
    let found = check(log, &[Wrapper::CloudWatch], &["SELECT 1\nFROM t", "SELECT 2"]);
    check_keys(&found);
}

#[test]
fn journal_messages_that_are_bytes() {
    let text = "2026-11-23 12:00:00.000 UTC [7] LOG:  duration: 1.000 ms  statement: SELECT 1";
    let bytes = format!("{:?}", text.as_bytes());
    let log = format!(
        "{{\"MESSAGE\":{bytes},\"__REALTIME_TIMESTAMP\":\"1\",\"SYSLOG_IDENTIFIER\":\"postgres\"}}\n\
         {{\"MESSAGE\":\"x\",\"__REALTIME_TIMESTAMP\":\"1\",\"SYSLOG_IDENTIFIER\":\"sshd\"}}\n"
    );
    check(&log, &[Wrapper::Journald], &["SELECT 1"]);
}

#[test]
fn records_of_mysql_in_lines_of_containers() {
    let record = "# Time: 2026-11-23T12:00:00.000000Z\n# User@Host: app[app] @ localhost []  Id:     9\n\
                  # Query_time: 0.001000  Lock_time: 0.000000 Rows_sent: 1  Rows_examined: 1\nSET timestamp=1795435200;\nSELECT 1,\n2;\n";
    let log = wrapped(&[Wrapper::Docker], lines(0, record.repeat(2).as_bytes()));
    check(
        &String::from_utf8(log).unwrap(),
        &[Wrapper::Docker],
        &["SELECT 1,\n2", "SELECT 1,\n2"],
    );
}

#[test]
fn a_line_that_is_not_wrapped_is_a_reject() {
    let bare = "no wrapper around this\n";
    let line = b"2026-11-23 12:00:00 UTC [7] LOG:  duration: 1.000 ms  statement: SELECT 1".to_vec();
    let log = wrapped(&[Wrapper::Docker], vec![(0, line)]);
    let log = String::from_utf8([&log[..], bare.as_bytes(), &log].concat()).unwrap();
    let found = check(&log, &[Wrapper::Docker], &["SELECT 1", "SELECT 1"]);
    assert_eq!(
        found.rejected(),
        [(RejectReason::UnrecognizedLine, bare.to_owned())]
    );
}

#[test]
fn an_array_of_one_object_a_line() {
    let entry = |text: &str| {
        format!(
            "{{\"insertId\":\"1\",\"logName\":\"projects/p/logs/x\",\"resource\":{{\"labels\":{{\"database_id\":\"p:db\"}}}},\
             \"textPayload\":\"{text}\",\"timestamp\":\"2026-11-23T12:00:00Z\"}}"
        )
    };
    let log = format!(
        "[\n{},\n{}\n]\n",
        entry("[7]: [1-1] db=shop,user=app LOG:  duration: 1.000 ms  statement: SELECT 1"),
        entry("\\tFROM t")
    );
    let found = check(&log, &[Wrapper::Shipper], &["SELECT 1\nFROM t"]);
    assert_eq!(
        (times(&found), pids(&found)),
        (vec![Some(NOON_US)], vec![Some(7)])
    );
}

#[test]
fn a_format_that_is_insisted_on_is_found_in_its_wrappers() {
    let items: Vec<Item> = vec![Item::Noise(0), Item::Noise(1)];
    for style in [Style::Stderr, Style::Json, Style::Csv] {
        let log = write(style, &items).bytes;
        let grammar = format_of(style).grammar().clone();
        assert_eq!(detect_wrappers(&log, grammar.clone()).wrappers(), []);
        for chain in [
            &[Wrapper::Docker][..],
            &[Wrapper::Syslog],
            &[Wrapper::Shipper, Wrapper::Docker],
        ] {
            let log = wrapped(chain, lines(0, &log));
            assert_eq!(
                detect_wrappers(&log, grammar.clone()).wrappers(),
                chain,
                "{style:?}"
            );
        }
    }
}

#[test]
fn parameters_of_one_server_do_not_go_to_another_whose_process_has_the_same_number() {
    let at = "2026-11-23 12:00:00.000 UTC [100] ";
    let lines = [
        (0, format!("{at}LOG:  duration: 1.000 ms  execute s: SELECT $1")),
        (1, format!("{at}LOG:  duration: 2.000 ms  statement: SELECT 2")),
        // In two parts, the first of which does not show that it is a follow-up line.
        (0, format!("{at}DETAIL:  parameters: $1 = '1'")),
    ];
    let chain = &[Wrapper::Shipper, Wrapper::Cri];
    let log = wrapped(
        chain,
        lines.map(|(host, line)| (host, line.into_bytes())).to_vec(),
    );
    let format = format_in(chain, Style::Stderr);
    let found = whole(&format, &log);
    assert_eq!(found.statements(), ["SELECT $1", "SELECT 2"]);
    assert_eq!(found.executions[1].known.parameters, b"");
    for stop in 0..log.len() {
        goes_on(&format, &log, &[1], stop).unwrap();
    }
}
