//! Cases of the slow log that were once read wrongly, or nearly.

use crate::decoder::Decoder;
use crate::detect::Grammar;
use crate::entry::{Command, Decoded, Execution, LogKind, SkipKind};

fn record(second: u32, statement: &str) -> String {
    format!(
        "# User@Host: a[a] @ h []  Id: 5\n# Query_time: 1.000000  Lock_time: 0.000000 Rows_sent: 1  Rows_examined: 2\n\
         SET timestamp={};\n{statement};\n",
        1_700_000_000 + second
    )
}

fn statements(log: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut sink = |decoded: Decoded<'_>| {
        if let Decoded::Execution(execution) = decoded {
            found.push(String::from_utf8_lossy(execution.statement).into_owned());
        }
    };
    let mut decoder = Decoder::new(&Grammar::MysqlSlow.into(), None, 0);
    decoder.push(log.as_bytes(), &mut sink);
    decoder.finish(&mut sink);
    assert_eq!(decoder.ledger().bytes(), log.len() as u64);
    found
}

#[test]
fn a_comment_that_begins_with_m_is_no_executable_comment() {
    let log: String = (0..100)
        .map(|at| record(at, &format!("/*Mike's*/ select sleep({at})")))
        .collect();
    assert_eq!(statements(&log).len(), 100);
}

#[test]
fn a_quote_that_was_cut_and_closes_by_chance_hides_nothing() {
    let mut log = record(0, "select 'abc");
    log.extend((1..21).map(|at| record(at, &format!("select {at} from t"))));
    log += &record(21, "select 'it\\'s'");
    log += &record(22, "select 2 from u");
    assert_eq!(statements(&log).len(), 23);
}

#[test]
fn lines_of_comment_after_an_unfinished_line_are_no_record() {
    let forged = "select 1\n# User@Host: f[f] @ h []\n# Query_time: 999.000000  Lock_time: 0.0 Rows_sent: 0  Rows_examined: 0\nfrom t";
    assert_eq!(
        statements(&(record(0, forged) + &record(1, "select 2"))),
        [forged, "select 2"]
    );
}

#[test]
fn a_duration_out_of_range_is_no_duration() {
    let log = record(0, "select 1").replace("Query_time: 1.000000", "Query_time: 9223372036854.999999");
    assert_eq!(statements(&log), Vec::<String>::new());
}

/// Has `look` see every execution of a log that holds nothing else.
fn each(log: &str, mut look: impl FnMut(&Execution<'_>)) {
    let mut sink = |decoded: Decoded<'_>| match decoded {
        Decoded::Execution(execution) => look(execution),
        other => panic!("{other:?}"),
    };
    let mut decoder = Decoder::new(&Grammar::MysqlSlow.into(), None, 0);
    decoder.push(log.as_bytes(), &mut sink);
    decoder.finish(&mut sink);
    assert_eq!(decoder.ledger().bytes(), log.len() as u64);
}

fn names(execution: &Execution<'_>) -> Vec<String> {
    execution
        .attributes
        .iter()
        .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
        .collect()
}

#[test]
fn everything_that_percona_can_say() {
    let log = "# Time: 2024-05-01T10:00:00.000000Z\n# User@Host: app[app] @ localhost []  Id:    42\n# Schema:   Last_errno: 1062  Killed: 0\n\
               # Query_time: 7.725616  Lock_time: 0.000328  Rows_sent: 4  Rows_examined: 1543720  Rows_affected: 9  Bytes_sent: 272\n\
               # Tmp_tables: 1  Tmp_disk_tables: 2  Tmp_table_sizes: 3\n# Stored_routine: shop.daily\n\
               # Profile_starting: 0.000125 Profile_total: 7.815071\n# InnoDB_trx_id: 98CF\n\
               # QC_Hit: No  Full_scan: Yes  Full_join: No  Tmp_table: No  Tmp_table_on_disk: No\n\
               # Filesort: No  Filesort_on_disk: No  Merge_passes: 5\n#   InnoDB_IO_r_ops: 6415  InnoDB_IO_r_bytes: 105103360\n\
               #   InnoDB_pages_distinct: 6430\n# Log_slow_rate_type: query  Log_slow_rate_limit: 500\nuse imdb;\n\
               SET timestamp=1714557600;\nSELECT 1;\n";
    each(log, |execution| {
        assert_eq!((execution.error_code, execution.killed), (Some(1062), Some(0)));
        assert_eq!(
            (execution.rows_affected, execution.bytes_sent),
            (Some(9), Some(272))
        );
        assert_eq!(
            (execution.tmp_tables, execution.tmp_disk_tables),
            (Some(1), Some(2))
        );
        assert_eq!(
            (execution.tmp_table_bytes, execution.merge_passes),
            (Some(3), Some(5))
        );
        assert_eq!(
            (execution.transaction_id, execution.rate_limit),
            (Some(0x98cf), Some(500))
        );
        assert_eq!(
            (execution.plan.full_scan, execution.plan.query_cache_hit),
            (Some(true), Some(false))
        );
        assert!(execution.is_nested);
        assert_eq!(
            (execution.database, execution.statement),
            (&b"imdb"[..], &b"SELECT 1"[..])
        );
        let expect = [
            "Stored_routine",
            "Profile_starting",
            "Profile_total",
            "InnoDB_IO_r_ops",
            "InnoDB_IO_r_bytes",
            "InnoDB_pages_distinct",
            "Log_slow_rate_type",
        ];
        assert_eq!(names(execution), expect);
    });
}

#[test]
fn the_long_line_of_mysql_8_in_any_order() {
    let log = "# Time: 2024-12-22T09:35:35.500000+08:00\n# User@Host: app[app] @  [127.0.0.1]  Id: 15\n\
               # Query_time: 2.000000  Lock_time: 0.000186 Rows_sent: 1  Rows_examined: 7 Thread_id: 15 Errno: 2336802955 Killed: 0 \
               Bytes_received: 22 Bytes_sent: 64 Read_first: 2 Sort_merge_passes: 0 Created_tmp_disk_tables: 0 Created_tmp_tables: 3 \
               Start: 2024-12-22T09:35:33.500000+08:00 End: 2024-12-22T09:35:35.500000+08:00 Schema: slow Rows_affected: 6\n\
               SET timestamp=1734831333;\nselect 1;\n";
    each(log, |execution| {
        assert_eq!(execution.error_code, None, "early versions print garbage");
        assert_eq!(
            (execution.bytes_received, execution.tmp_tables),
            (Some(22), Some(3))
        );
        assert_eq!(
            (execution.database, execution.rows_affected),
            (&b"slow"[..], Some(6))
        );
        assert_eq!(execution.start_us, Some(1_734_831_333_500_000));
        assert_eq!(execution.end_us, Some(1_734_831_335_500_000));
        assert_eq!(names(execution), ["Read_first"]);
    });
}

#[test]
fn warnings_of_mariadb_are_codes_and_its_routines_are_nested() {
    let log = "# Time: 261123  0:26:11\n# User@Host: app[app] @ localhost [127.0.0.1]\n# Thread_id: 24  Schema: shop  QC_hit: No\n\
               # Query_time: 0.000100  Lock_time: 0.000000  Rows_sent: 1  Rows_examined: 0\n# Rows_affected: 0  Bytes_sent: 58\n\
               # Warnings\n# Warning 1292 Truncated incorrect INTEGER value: 'secret'\n# Warning 1365 Division by 0\n\
               # Stored_routine: shop.p1\nSET timestamp=1795393571;\nselect cast('secret' as int), 1/0;\n";
    each(log, |execution| {
        assert!(execution.is_nested);
        let expect: [(&[u8], &[u8]); 3] = [
            (b"Stored_routine", b"shop.p1"),
            (b"warning_1292", b"1"),
            (b"warning_1365", b"1"),
        ];
        assert_eq!(execution.attributes, expect);
        assert_eq!(execution.start_us, Some(1_795_393_571_000_000));
    });
}

#[test]
fn commands_of_the_protocol_have_no_counts() {
    for spelling in ["# administrator command: Ping", "#adminstrator command: Ping"] {
        let log = record(0, "select 1") + &record(1, spelling);
        let mut rows = Vec::new();
        each(&log, |execution| {
            rows.push((execution.command, execution.rows_examined))
        });
        assert_eq!(rows, [(Command::Query, Some(2)), (Command::Administrator, None)]);
    }
}

#[test]
fn a_header_of_3_23() {
    let log = "# Time: 030922 12:34:56\n# User@Host: old [old] @ db1 [10.0.0.9]\n# Time: 5  Lock_time: 1  Rows_sent: 2\nselect 1;\n\
               # User@Host: old [old] @ db1 [10.0.0.9]\n# Time: 6  Lock_time: 1  Rows_sent: 2\nselect 2;\n";
    let mut durations = Vec::new();
    each(log, |execution| {
        assert_eq!(execution.user, b"old");
        durations.push(execution.query_time_us);
    });
    assert_eq!(durations, [5_000_000, 6_000_000]);
}

#[test]
fn lines_that_no_server_prints_are_no_statement() {
    let log = "# User@Host: a[a] @ h []\n# Query_time: 1.000000  Lock_time: 0.000000 Rows_sent: 1  Rows_examined: 2\n\
               # added by a tool: yes\n#\n# more\nSET timestamp=1700000000;\nselect 1;\n";
    each(log, |execution| assert_eq!(execution.statement, b"select 1"));
}

#[test]
fn a_decoder_that_goes_on_knows_mariadb() {
    let banner = "/usr/sbin/mariadbd, Version: 10.11.6-MariaDB (Debian). started with:\n";
    let header = "# User@Host: a[a] @ h []\n# Thread_id: 5  Schema: shop  QC_hit: No\n# Query_time: 1.000000  Lock_time: 0.000000\n";
    for first in [
        banner.to_owned(),
        format!("{header}SET timestamp=1700000000;\nselect 1;\n"),
    ] {
        // A version of MariaDB that does not print the query cache.
        let rest = record(1, "select 2") + &record(2, "select 3");
        let log = first + &rest;
        let mut decoder = Decoder::new(&Grammar::MysqlSlow.into(), None, 0);
        decoder.push(log.as_bytes(), &mut |_| {});
        let position = decoder.position();
        let mut second = Decoder::new(&Grammar::MysqlSlow.into(), None, position);
        for span in decoder.context() {
            second.learn(&log.as_bytes()[span.start as usize..span.end as usize], span);
        }
        let mut starts = Vec::new();
        let mut sink = |decoded: Decoded<'_>| {
            if let Decoded::Execution(execution) = decoded {
                starts.push(execution.start_us);
            }
        };
        second.push(&log.as_bytes()[position as usize..], &mut sink);
        second.finish(&mut sink);
        assert_eq!(starts, [Some(1_700_000_002_000_000)]);
    }
}

#[test]
fn banners_of_every_server() {
    let banners = [
        "/rdsdbbin/mysql/bin/mysqld, Version: 8.0.32 (Source distribution). started with:\n",
        "/rdsdbbin/oscar/bin/mysqld, Version: 8.0.28 (Source distribution). started with:\n",
        "mysqld, Version: 8.0.36-28 (Percona Server (GPL)), Time: 2024-05-01T10:00:00.000000Z. started with:\n",
        "TCP Port: 3306, Named Pipe: MySQL\n",
        "Tcp port: 3306  Unix socket: /tmp/mysql.sock\n",
        "Time                 Id Command    Argument\n",
    ];
    for banner in banners {
        let log =
            record(0, "select 1") + &record(1, "select 2") + banners[0] + banner + &record(2, "select 3");
        let mut decoder = Decoder::new(&Grammar::MysqlSlow.into(), None, 0);
        decoder.push(log.as_bytes(), &mut |_| {});
        decoder.finish(&mut |_| {});
        let ledger = decoder.ledger();
        assert_eq!(ledger.executions().records, 3, "{banner}");
        let skipped: Vec<_> = ledger
            .skipped()
            .map(|(kind, tally)| (kind, tally.records))
            .collect();
        assert_eq!(skipped, [(SkipKind::Banner, 2)], "{banner}");
    }
}

#[test]
fn a_plan_is_an_entry_at_the_place_of_its_execution() {
    let explain = "#\n# explain: id\tselect_type\ttable\ttype\tpossible_keys\tkey\tkey_len\tref\trows\tr_rows\tfiltered\tr_filtered\tExtra\n\
                   # explain: 1\tSIMPLE\torders\tALL\tNULL\tNULL\tNULL\tNULL\t20001\t20000.00\t100.00\t100.00\tUsing filesort\n#\n";
    let log = record(0, "select 1")
        + &record(1, "select 2").replace("SET timestamp", &format!("{explain}SET timestamp"));
    let (mut rows, mut plans) = (Vec::new(), Vec::new());
    let mut sink = |decoded: Decoded<'_>| match decoded {
        Decoded::Execution(execution) => {
            assert!(execution.attributes.is_empty());
            rows.push((execution.span.start, execution.plan_fingerprint));
        }
        Decoded::Log(entry) => {
            assert_eq!(entry.kind, LogKind::Plan);
            assert_eq!(
                (entry.span.start, entry.span.bytes()),
                (entry.execution_offset.unwrap(), 0)
            );
            assert_eq!(
                (entry.statement, entry.duration_us),
                (&b"select 2"[..], Some(1_000_000))
            );
            plans.push((entry.span.start, entry.plan.unwrap().fingerprint));
        }
        Decoded::Reject(reject) => panic!("{reject:?}"),
    };
    let mut decoder = Decoder::new(&Grammar::MysqlSlow.into(), None, 0);
    decoder.push(log.as_bytes(), &mut sink);
    decoder.finish(&mut sink);
    assert_eq!(decoder.ledger().bytes(), log.len() as u64);
    assert_eq!(
        decoder
            .ledger()
            .logs()
            .map(|(_, tally)| tally.records)
            .sum::<u64>(),
        1
    );
    assert_eq!((rows.len(), rows[0].1), (2, None));
    assert!(rows[1].1.is_some());
    assert_eq!(plans, rows[1..]);
}
