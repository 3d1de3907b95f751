//! Start, stop, crash, recovery, replication, configuration.

use super::{Input, check, log, of};
use crate::LogKind;

#[test]
fn starts_and_stops() {
    check(
        log("starting PostgreSQL 15.18 (Debian 15.18-1) on x86_64-pc-linux-gnu, compiled by gcc"),
        LogKind::Startup,
        "phase=starting\nversion=15.18",
    );
    check(
        log("listening on IPv4 address \"127.0.0.1\", port 5432"),
        LogKind::Startup,
        "object=127.0.0.1\nphase=listening\nport=5432",
    );
    check(
        log("database system is ready to accept read-only connections"),
        LogKind::Startup,
        "phase=ready",
    );
    check(
        log("received fast shutdown request"),
        LogKind::Shutdown,
        "phase=requested\nmode=fast",
    );
    check(
        log("database system is shut down"),
        LogKind::Shutdown,
        "phase=stopped",
    );
    check(
        log("background worker \"logical replication launcher\" (PID 77) exited with exit code 1"),
        LogKind::Shutdown,
        "object=logical replication launcher\nphase=worker_stopped\nexit_code=1",
    );
}

#[test]
fn crashes() {
    check(
        log("server process (PID 711) was terminated by signal 9: Killed"),
        LogKind::Crash,
        "object=server process\nprocess=711\nsignal=9",
    );
    check(
        log("checkpointer process (PID 12) exited with exit code 2"),
        LogKind::Crash,
        "object=checkpointer process\nprocess=12\nexit_code=2",
    );
    check(
        log("background worker \"parallel worker\" (PID 13) was terminated by signal 11: Segmentation fault"),
        LogKind::Crash,
        "object=parallel worker\nprocess=13\nsignal=11",
    );
}

#[test]
fn recovery() {
    check(
        log("redo starts at 0/70000D8"),
        LogKind::Recovery,
        "phase=redo_started\nlsn=0/70000D8",
    );
    check(
        log("redo done at 0/800D450 system usage: CPU: user: 0.00 s, system: 0.00 s, elapsed: 20.73 s"),
        LogKind::Recovery,
        "duration_us=20730000\nphase=redo_done\nlsn=0/800D450",
    );
    check(
        log("invalid record length at 0/8008DB8: expected at least 24, got 0"),
        LogKind::Recovery,
        "phase=end_of_wal\nlsn=0/8008DB8",
    );
    check(
        log("unexpected pageaddr 0/5000000 in WAL segment 000000010000000000000009, LSN 0/9000000, offset 0"),
        LogKind::Recovery,
        "object=000000010000000000000009\nphase=end_of_wal\nlsn=0/9000000",
    );
    check(
        log("selected new timeline ID: 2"),
        LogKind::Recovery,
        "phase=promoted\ntimeline=2",
    );
    check(
        Input {
            detail: "Conflicting processes: 286, 287.",
            ..log("recovery still waiting after 203.840 ms: recovery conflict on buffer pin")
        },
        LogKind::RecoveryConflict,
        "duration_us=203840\nphase=waiting\nconflict=buffer_pin\nprocesses=286,287",
    );
    check(
        log("recovery finished waiting after 506.166 ms: recovery conflict on snapshot"),
        LogKind::RecoveryConflict,
        "duration_us=506166\nphase=finished\nconflict=snapshot",
    );
    check(
        Input {
            backend: "startup",
            ..of("FATAL", "anything at all")
        },
        LogKind::Recovery,
        "phase=failed",
    );
}

#[test]
fn replication() {
    check(
        log("received replication command: START_REPLICATION SLOT \"s1\" 0/8000000 TIMELINE 3"),
        LogKind::Replication,
        "object=s1\nphase=command\nslot=s1\nlsn=0/8000000\ntimeline=3",
    );
    check(
        log("started streaming WAL from primary at 0/8000000 on timeline 1"),
        LogKind::Replication,
        "phase=started\nlsn=0/8000000\ntimeline=1",
    );
    check(
        Input {
            detail: "End of WAL reached on timeline 1 at 0/8008DB8.",
            ..log("replication terminated by primary server")
        },
        LogKind::Replication,
        "phase=stopped\ntimeline=1\nlsn=0/8008DB8",
    );
    check(
        of(
            "FATAL",
            "could not receive data from WAL stream: server closed the connection unexpectedly",
        ),
        LogKind::Replication,
        "phase=failed",
    );
    check(
        of(
            "FATAL",
            "streaming replication receiver \"walreceiver\" could not connect to the primary server: no such host",
        ),
        LogKind::Replication,
        "phase=failed",
    );
    check(
        Input {
            backend: "walreceiver",
            ..of("FATAL", "anything at all")
        },
        LogKind::Replication,
        "phase=failed",
    );
    check(
        log("terminating walsender process due to replication timeout"),
        LogKind::Replication,
        "phase=timeout",
    );
    check(
        of(
            "ERROR",
            "requested WAL segment 000000010000000000000012 has already been removed",
        ),
        LogKind::Replication,
        "sql_state=58P01\nobject=000000010000000000000012\nphase=wal_removed",
    );
    check(
        log("invalidating obsolete replication slot \"s\""),
        LogKind::Replication,
        "object=s\nphase=slot_invalidated\nslot=s",
    );
    check(
        log("standby \"x\" is now a synchronous standby with priority 1"),
        LogKind::Replication,
        "object=x\nphase=synchronous\npriority=1",
    );
    check(
        log("logical replication apply worker for subscription \"sub\" has started"),
        LogKind::Replication,
        "object=sub\nphase=started",
    );
}

#[test]
fn archive_and_configuration() {
    check(
        Input {
            detail: "The failed archive command was: cp pg_wal/000000010000000000000003 /mnt/000000010000000000000003",
            ..log("archive command failed with exit code 1")
        },
        LogKind::Archive,
        "object=000000010000000000000003\nexit_code=1",
    );
    check(
        of(
            "WARNING",
            "archiving write-ahead log file \"000000010000000000000003\" failed too many times, will try again later",
        ),
        LogKind::Archive,
        "object=000000010000000000000003",
    );
    check(
        log("received SIGHUP, reloading configuration files"),
        LogKind::Configuration,
        "phase=reload",
    );
    check(
        log("parameter \"work_mem\" changed to \"64MB\""),
        LogKind::Configuration,
        "object=work_mem\nvalue=64MB\nphase=changed",
    );
    check(
        log("parameter \"port\" cannot be changed without restarting the server"),
        LogKind::Configuration,
        "object=port\nphase=needs_restart",
    );
}
