//! Locks, deadlocks, cancellations, errors.

use super::{Input, check, log, of};
use crate::LogKind;

#[test]
fn waits_for_locks() {
    let waiting = Input {
        detail: "Processes holding the lock: 301, 302. Wait queue: 410, 411.",
        context: "while updating tuple (0,1) in relation \"stock\"",
        ..log("process 410 still waiting for ShareLock on transaction 9751 after 1000.125 ms")
    };
    check(
        waiting,
        LogKind::LockWait,
        "object=transaction 9751
         duration_us=1000125
         process=410
         mode=ShareLock
         holders=301,302
         queue=410,411
         lock_type=transaction
         relation=stock",
    );
    check(
        Input {
            detail: "Process holding the lock: 7. Wait queue: .",
            ..log(
                "process 9 detected deadlock while waiting for AccessExclusiveLock on relation 16431 of database 16392 after 200.114 ms",
            )
        },
        LogKind::LockFailed,
        "object=relation 16431 of database 16392
         duration_us=200114
         process=9
         mode=AccessExclusiveLock
         reason=deadlock
         holders=7
         lock_type=relation
         relation_oid=16431
         database_oid=16392",
    );
    check(
        log(
            "process 9 acquired ExclusiveLock on tuple (0,5) of relation 16431 of database 16392 after 3.000 ms",
        ),
        LogKind::LockAcquired,
        "object=tuple (0,5) of relation 16431 of database 16392
         duration_us=3000
         process=9
         mode=ExclusiveLock
         lock_type=tuple
         relation_oid=16431
         database_oid=16392",
    );
    check(
        log(
            "process 9 avoided deadlock for ShareLock on advisory lock [16392,0,42,1] by rearranging queue order after 1.500 ms",
        ),
        LogKind::LockWait,
        "object=advisory lock [16392,0,42,1]
         duration_us=1500
         process=9
         mode=ShareLock
         reason=avoided_deadlock
         lock_type=advisory lock",
    );
    check(
        log("process 9 failed to acquire ShareLock on virtual transaction 3/120 after 1.500 ms"),
        LogKind::LockFailed,
        "object=virtual transaction 3/120
         duration_us=1500
         process=9
         mode=ShareLock
         reason=failed
         lock_type=virtual transaction",
    );
    check(
        Input {
            detail: "Process holding the lock: 12. Wait queue: .",
            ..log("process 9 could not obtain RowShareLock on relation 5 of database 6")
        },
        LogKind::LockFailed,
        "object=relation 5 of database 6
         process=9
         mode=RowShareLock
         reason=not_available
         holders=12
         lock_type=relation
         relation_oid=5
         database_oid=6",
    );
    check(
        log("skipping vacuum of \"stock\" --- lock not available"),
        LogKind::LockFailed,
        "object=stock
         lock_type=relation
         reason=not_available",
    );
    check(log("process 9 is something else"), LogKind::Message, "");
}

#[test]
fn deadlocks() {
    let deadlock = Input {
        detail: "Process 61 waits for ShareLock on transaction 753; blocked by process 62.\n\
                 Process 62 waits for ShareLock on transaction 762; blocked by process 61.\n\
                 Process 61: update stock\nset n = 1;\n\
                 Process 62: update stock set n = 2;",
        context: "while updating tuple (0,5) in relation \"stock\"",
        ..of("ERROR", "deadlock detected")
    };
    check(
        deadlock,
        LogKind::Deadlock,
        "sql_state=40P01
         processes=61,62
         mode_61=ShareLock
         object_61=transaction 753
         holder_61=62
         mode_62=ShareLock
         object_62=transaction 762
         holder_62=61
         statement_61=update stock/set n = 1;
         statement_62=update stock set n = 2;
         relation=stock",
    );
    check(
        Input {
            sql_state: "40P01",
            ..of("ERROR", "Verklemmung (Deadlock) entdeckt")
        },
        LogKind::Deadlock,
        "sql_state=40P01",
    );
}

#[test]
fn cancellations() {
    let check_cause = |severity, message, sql_state: &str, cause: &str| {
        check(
            of(severity, message),
            LogKind::Canceled,
            &format!("sql_state={sql_state}\ncause={cause}"),
        );
    };
    check_cause(
        "ERROR",
        "canceling statement due to statement timeout",
        "57014",
        "statement_timeout",
    );
    check_cause(
        "ERROR",
        "canceling statement due to lock timeout",
        "55P03",
        "lock_timeout",
    );
    check_cause(
        "ERROR",
        "canceling statement due to user request",
        "57014",
        "user_request",
    );
    check_cause(
        "FATAL",
        "terminating connection due to administrator command",
        "57P01",
        "administrator",
    );
    check_cause(
        "FATAL",
        "terminating connection due to idle-in-transaction timeout",
        "25P03",
        "idle_in_transaction",
    );
    check_cause(
        "FATAL",
        "terminating connection due to idle-session timeout",
        "57P05",
        "idle_session",
    );
    check_cause(
        "FATAL",
        "terminating connection due to transaction timeout",
        "25P04",
        "transaction_timeout",
    );
    check_cause(
        "FATAL",
        "canceling authentication due to timeout",
        "57014",
        "authentication_timeout",
    );
    check_cause(
        "WARNING",
        "terminating connection because of crash of another server process",
        "57P02",
        "crash",
    );
    check(
        Input {
            context: "automatic vacuum of table \"shop.public.stock\"",
            ..of("ERROR", "canceling autovacuum task")
        },
        LogKind::Canceled,
        "sql_state=57014\nobject=shop.public.stock\ncause=autovacuum_task",
    );
    check(
        Input {
            detail: "User was holding a relation lock for too long.",
            ..of("ERROR", "canceling statement due to conflict with recovery")
        },
        LogKind::Canceled,
        "sql_state=40001\ncause=recovery_conflict\nconflict=lock",
    );
    check(
        Input {
            sql_state: "25P03",
            ..of("FATAL", "breche Verbindung ab")
        },
        LogKind::Canceled,
        "sql_state=25P03\ncause=idle_in_transaction",
    );
}

#[test]
fn errors() {
    check(
        of("ERROR", "column \"nope\" does not exist at character 34"),
        LogKind::Error,
        "sql_state=42703\ncharacter=34",
    );
    check(
        Input {
            character: Some(34),
            ..of("ERROR", "column \"nope\" does not exist")
        },
        LogKind::Error,
        "sql_state=42703\ncharacter=34",
    );
    check(
        of(
            "ERROR",
            "duplicate key value violates unique constraint \"stock_pkey\"",
        ),
        LogKind::Error,
        "sql_state=23505\nobject=stock_pkey",
    );
    check(
        of(
            "ERROR",
            "insert or update on table \"item\" violates foreign key constraint \"item_stock_fkey\"",
        ),
        LogKind::Error,
        "sql_state=23503\nobject=item",
    );
    check(
        of("ERROR", "role \"nobody\" does not exist"),
        LogKind::Error,
        "sql_state=42704",
    );
    check(of("ERROR", "raised by somebody"), LogKind::Error, "");
    check(
        Input {
            sql_state: "P0001",
            ..of("ERROR", "division by zero")
        },
        LogKind::Error,
        "sql_state=P0001",
    );
    check(
        of("WARNING", "there is already a transaction in progress"),
        LogKind::Warning,
        "sql_state=25001",
    );
    check(
        of("PANIC", "could not locate a valid checkpoint record"),
        LogKind::Recovery,
        "phase=failed",
    );
    // A severity of another language: only the code tells.
    check(
        Input {
            sql_state: "22012",
            ..of("SOMETHING", "…")
        },
        LogKind::Error,
        "sql_state=22012",
    );
}
