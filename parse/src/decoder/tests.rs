//! What holds for every format: pieces of any size give the same, every byte is accounted for, what a server wrote is what comes out, and
//! a decoder can go on where another stopped.

mod cases;
mod found;
mod logs;
mod wrapped;
mod writer;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::Decoder;
use crate::{Format, Grammar, Prefix, Span};
use found::Found;
use logs::{Item, items};
use writer::{STDERR_PREFIX, Style, write};

fn decoder(format: &Format) -> Decoder {
    Decoder::new(format, None, 0)
}

fn format_of(style: Style) -> Format {
    let grammar = match style {
        Style::Stderr => Grammar::PostgresStderr(Prefix::new(STDERR_PREFIX)),
        Style::Csv => Grammar::PostgresCsv,
        Style::Json => Grammar::PostgresJson,
        Style::Mysql8 | Style::Mysql56 | Style::MariaDb => Grammar::MysqlSlow,
        Style::TableTabs | Style::TableCsv => Grammar::MysqlSlowTable,
    };
    grammar.into()
}

fn formats() -> [Format; 10] {
    [
        Grammar::PostgresStderr(Prefix::new(STDERR_PREFIX)),
        Grammar::PostgresStderr(Prefix::guessed(STDERR_PREFIX)),
        Grammar::PostgresCsv,
        Grammar::PostgresJson,
        Grammar::MysqlSlow,
        Grammar::MysqlSlowTable,
        Grammar::MysqlGeneral,
        Grammar::MysqlError,
        Grammar::MysqlErrorJson,
        Grammar::PgBouncer,
    ]
    .map(Format::from)
}

fn whole(format: &Format, input: &[u8]) -> Found {
    Found::by(decoder(format), [input])
}

/// Cuts `input` into pieces of these sizes, over and over.
fn pieces<'i>(input: &'i [u8], sizes: &[usize]) -> Vec<&'i [u8]> {
    let (mut rest, mut sizes, mut pieces) = (input, sizes.iter().cycle(), Vec::new());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(*sizes.next().expect("a cycle does not end")));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn style() -> impl Strategy<Value = Style> {
    prop::sample::select(Style::ALL.to_vec())
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        Just(vec![1]),
        prop::collection::vec(1..20_usize, 1..8),
        prop::collection::vec(1..2_000_usize, 1..8)
    ]
}

/// Bytes that are printed as text.
struct Input(Vec<u8>);

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// Bytes that no server wrote, made of what servers write.
fn arbitrary() -> impl Strategy<Value = Input> {
    let token = prop::sample::select(vec![
        "\n",
        "\r\n",
        "\t",
        "'",
        "\"",
        "`",
        "\\",
        "/*",
        "*/",
        "-- ",
        "#",
        ",",
        ";",
        " ",
        "2026-11-23 00:27:18.272 UTC",
        "2026-11-23 00:27:18.272 UTC [42] app@shop/web [local] LOG:  ",
        "2026-11-23 00:27:18.272 UTC [42] LOG:  ",
        "2026-11-23 00:27:18.272 UTC [42] DETAIL:  ",
        "duration: ",
        "12.345 ms  ",
        "99999999999999999999.9 ms  ",
        "statement: ",
        "execute <unnamed>: ",
        "SELECT 1",
        ",\"app\",\"shop\",42,\"[local]\",6a.1,1,\"SELECT\",,3/9,0,LOG,00000,\"duration: 1.0 ms  statement: x\",,,,,,,,,\"\",\"\",,0\n",
        "{\"timestamp\":\"2026-11-23 00:27:18.272 UTC\",\"pid\":42,\"error_severity\":\"LOG\",\"message\":\"",
        "\"}\n",
        "\\u00",
        "# Time: 2026-11-23T00:27:18.000000Z\n",
        "# Time: 261123  0:27:18\n",
        "# User@Host: app[app] @ localhost []  Id:    42\n",
        "# Query_time: 0.188852  Lock_time: 0.000090 Rows_sent: 2  Rows_examined: 40002\n",
        "# Query_time: x\n",
        "# Thread_id: 4  Schema: shop  QC_hit: No\n",
        "# administrator command: Quit;\n",
        "# explain: id\tselect_type\ttable\ttype\tpossible_keys\tkey\tkey_len\tref\trows\tr_rows\tfiltered\tr_filtered\tExtra\n",
        "# explain: 1\tSIMPLE\tt\tALL\tNULL\tNULL\tNULL\tNULL\t9\t9.00\t100.00\t100.00\tUsing where\n",
        "use shop;\n",
        "SET timestamp=1795393638;\n",
        "/usr/sbin/mysqld, Version: 8.0.36 (MySQL). started with:\n",
        "Tcp port: 3306  Unix socket: /x\n",
        "2026-11-23T00:27:18.000000Z\t   42 Query\t",
        "261123  0:27:18\t    42 Query\t",
        "\t\t    42 Connect\tapp@web on shop\n",
        "2026-11-23T00:27:18.000000Z 7 [Note] [MY-012468] [InnoDB] ",
        "2026-11-23  0:27:18 7 [Warning] ",
        "Transactions deadlock detected, dumping detailed information.\n",
        "*** (1) TRANSACTION:\n",
        "MySQL thread id 8, OS thread handle 1, query id 54 localhost root updating\n",
        "*** WE ROLL BACK TRANSACTION (1)\n",
        "{\"label\":\"Note\",\"msg\":\"",
        "start_time\tuser_host\tquery_time\tsql_text\n",
        "user_host,query_time,sql_text,start_time\n",
        "2026-11-23 00:24:28.582921\troot[root] @ web []\t00:00:00.000265\t",
        "\"2026-11-23 00:24:28.582921\",\"root[root] @ web []\",\"00:00:00.000265\",",
        "*************************** 1. row ***************************\n",
        "  query_time: 00:00:00.000265\n",
        "    sql_text: ",
        "2026-11-23 00:27:18.272 UTC [1] LOG C-0x4f: shop/app@10.0.0.5:4018 ",
        "2026-11-23 00:27:18.272 4711 WARNING ",
        "closing because: query_timeout (age=5s)\n",
        "stats: 0 xacts/s, 1 queries/s, in 40 B/s",
    ]);
    let piece = prop_oneof![
        4 => token.prop_map(|token| token.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| Input(pieces.concat()))
}

/// Spans of what was found lie in the input, one after the other, and are what the ledger says.
fn check_spans(found: &Found, bytes: u64) -> Result<(), TestCaseError> {
    let mut spans: Vec<Span> = found.executions.iter().map(|row| row.span).collect();
    prop_assert!(spans.is_sorted(), "executions come in the order of the log");
    let (attached, logs): (Vec<Span>, Vec<Span>) = found
        .logs
        .iter()
        .map(|log| log.span)
        .partition(|span| span.bytes() == 0);
    for plan in attached {
        prop_assert!(
            spans.iter().any(|span| span.start == plan.start),
            "{plan:?} is at no execution"
        );
    }
    spans.extend(logs);
    spans.extend(found.rejects.iter().map(|(span, ..)| *span));
    spans.sort_unstable();
    let mut end = 0;
    for span in &spans {
        prop_assert!(span.start >= end && span.end > span.start, "{span:?} after {end}");
        end = span.end;
    }
    prop_assert!(end <= bytes);
    prop_assert_eq!(found.ledger.executions().records, found.executions.len() as u64);
    prop_assert_eq!(found.ledger.logs_total().records, found.logs.len() as u64);
    prop_assert_eq!(found.ledger.rejected_total().records, found.rejects.len() as u64);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_servers_write_is_what_comes_out(style in style(), items in items(false)) {
        let log = write(style, &items);
        let found = whole(&format_of(style), &log.bytes);
        prop_assert_eq!(found.known(), log.truth, "{}", log.bytes.escape_ascii());
        prop_assert!(found.rejects.is_empty(), "{:?} in {}", found.rejected(), log.bytes.escape_ascii());
        prop_assert_eq!(found.ledger.bytes(), log.bytes.len() as u64);
    }

    #[test]
    fn junk_costs_no_execution(style in style(), items in items(true)) {
        let log = write(style, &items);
        let found = whole(&format_of(style), &log.bytes);
        prop_assert_eq!(found.known(), log.truth, "{}", log.bytes.escape_ascii());
        prop_assert!(found.ledger.rejected_total().bytes >= log.junk_bytes, "{:?}", found.rejected());
        let junk_items = items.iter().map(count_junk).sum::<u64>();
        prop_assert!(found.ledger.rejected_total().records <= junk_items, "{:?}", found.rejected());
    }

    #[test]
    fn pieces_of_any_size_give_the_same(style in style(), items in items(true), sizes in sizes(), cut_end in 0..200_usize) {
        let log = write(style, &items);
        let input = &log.bytes[..log.bytes.len().saturating_sub(cut_end)];
        let found = whole(&format_of(style), input);
        check_spans(&found, input.len() as u64)?;
        let in_pieces = Found::by(decoder(&format_of(style)), pieces(input, &sizes));
        prop_assert_eq!(in_pieces, found, "{}", input.escape_ascii());
    }

    #[test]
    fn a_record_cut_anywhere_costs_no_later_one(postgres in 0..3_usize, items in items(false), at in any::<prop::sample::Index>()) {
        // Not MySQL: there a quote that a crash left open may be closed by a quote of a later statement.
        let style = Style::ALL[postgres];
        let items: Vec<Item> = items.into_iter().filter(|item| matches!(item, Item::Execution(_))).collect();
        let (first, rest) = items.split_at(items.len().min(1));
        let (record, rest) = (write(style, first).bytes, write(style, rest));
        let input = [&record[..at.index(record.len() + 1)], b"\n", &rest.bytes].concat();
        let found = whole(&format_of(style), &input);
        let known = found.known();
        prop_assert!(known.ends_with(&rest.truth), "{:?} of {}", known, input.escape_ascii());
        prop_assert!(known.len() <= items.len());
        prop_assert_eq!(found.ledger.bytes(), input.len() as u64);
    }

    #[test]
    fn every_byte_is_accounted_for(Input(input) in arbitrary(), sizes in sizes()) {
        for format in formats() {
            let found = whole(&format, &input);
            prop_assert_eq!(found.ledger.bytes(), input.len() as u64, "{:?}: {}", format, input.escape_ascii());
            check_spans(&found, input.len() as u64)?;
            let in_pieces = Found::by(decoder(&format), pieces(&input, &sizes));
            prop_assert_eq!(in_pieces, found, "{:?}: {}", format, input.escape_ascii());
        }
    }

    #[test]
    fn a_decoder_goes_on_where_another_stopped(style in style(), items in items(true), sizes in sizes(), stop in 0..60_usize) {
        let log = write(style, &items);
        goes_on(&format_of(style), &log.bytes, &sizes, stop)?;
    }

    #[test]
    fn going_on_loses_no_byte_of_anything(Input(input) in arbitrary(), sizes in sizes(), stop in 0..60_usize) {
        for format in formats() {
            goes_on(&format, &input, &sizes, stop)?;
        }
    }
}

/// One decoder reads some pieces, another the rest from where the first one says: together they find what one alone finds.
fn goes_on(format: &Format, input: &[u8], sizes: &[usize], stop: usize) -> Result<(), TestCaseError> {
    let expect = whole(format, input);
    let (mut first, mut found) = (decoder(format), Found::new());
    for piece in pieces(input, sizes).into_iter().take(stop) {
        first.push(piece, &mut |decoded| found.add(decoded));
    }
    let position = first.position();
    prop_assert_eq!(
        first.ledger().bytes(),
        position,
        "books cover what is before the position"
    );
    let mut second = Decoder::new(format, None, position);
    for span in first.context() {
        prop_assert!(span.end <= position, "context {:?} is before {}", span, position);
        second.learn(&input[span.start as usize..span.end as usize], span);
    }
    let rest = Found::by(second, pieces(&input[position as usize..], sizes));
    found.executions.extend(rest.executions);
    found.logs.extend(rest.logs);
    found.rejects.extend(rest.rejects);
    found.ledger = first.take_ledger();
    found.ledger.merge(&rest.ledger);
    prop_assert_eq!(found.ledger.bytes(), input.len() as u64);
    prop_assert_eq!(
        found,
        expect,
        "stopped at {} in {}",
        position,
        input.escape_ascii()
    );
    Ok(())
}

fn count_junk(item: &Item) -> u64 {
    match item {
        Item::Junk(_) => 1,
        Item::Apart(_, between) => between.iter().map(count_junk).sum(),
        _ => 0,
    }
}
