//! Connections.

use super::{Input, check, log, of};
use crate::LogKind;

#[test]
fn connections() {
    check(
        log("connection received: host=10.1.2.3 port=48418"),
        LogKind::ConnectionReceived,
        "client=10.1.2.3\nport=48418",
    );
    check(
        log("connection received: host=[local]"),
        LogKind::ConnectionReceived,
        "client=[local]",
    );
    check(
        log(
            "connection authenticated: identity=\"app\" method=scram-sha-256 (/etc/postgresql/pg_hba.conf:119)",
        ),
        LogKind::ConnectionAuthenticated,
        "identity=app\nmethod=scram-sha-256\nhba_line=119",
    );
    check(
        log("connection authenticated: user=\"app\" method=trust (/etc/pg_hba.conf:9)"),
        LogKind::ConnectionAuthenticated,
        "identity=app\nmethod=trust\nhba_line=9",
    );
    check(
        log(
            "connection authorized: user=app database=shop application_name=web app SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)",
        ),
        LogKind::ConnectionAuthorized,
        "user=app
         database=shop
         application=web app
         ssl=1
         ssl_protocol=TLSv1.3
         ssl_cipher=TLS_AES_256_GCM_SHA384
         ssl_bits=256",
    );
    check(
        log("replication connection authorized: user=rep application_name=walreceiver"),
        LogKind::ConnectionAuthorized,
        "user=rep\napplication=walreceiver\nreplication=1",
    );
    check(
        log("connection ready: setup total=9.668 ms, fork=0.475 ms, authentication=3.408 ms"),
        LogKind::ConnectionReady,
        "duration_us=9668\nfork_us=475\nauthentication_us=3408",
    );
    check(
        log("disconnection: session time: 30:01:02.080 user=app database=shop host=10.1.2.3 port=48418"),
        LogKind::Disconnection,
        "user=app\ndatabase=shop\nclient=10.1.2.3\nduration_us=108062080000\nport=48418",
    );
    check(
        log("unexpected EOF on client connection with an open transaction"),
        LogKind::ConnectionLost,
        "",
    );
}

#[test]
fn clients_that_were_not_let_in() {
    let check_reason = |message, sql_state: &str, reason: &str| {
        check(
            of("FATAL", message),
            LogKind::ConnectionFailed,
            &format!("sql_state={sql_state}\nreason={reason}"),
        );
    };
    check_reason("role \"nobody\" does not exist", "28000", "no_user");
    check_reason("database \"nowhere\" does not exist", "3D000", "no_database");
    check_reason("sorry, too many clients already", "53300", "too_many");
    check_reason(
        "remaining connection slots are reserved for roles with the SUPERUSER attribute",
        "53300",
        "too_many",
    );
    check_reason("the database system is starting up", "57P03", "not_ready");
    check_reason(
        "no pg_hba.conf entry for host \"10.0.0.5\", user \"x\", database \"y\", no encryption",
        "28000",
        "not_permitted",
    );
    check_reason(
        "Peer authentication failed for user \"app\"",
        "28000",
        "authentication",
    );
    check(
        Input {
            detail: "Connection matched file \"/etc/pg_hba.conf\" line 26: \"host all all all scram-sha-256\"",
            ..of("FATAL", "password authentication failed for user \"app\"")
        },
        LogKind::ConnectionFailed,
        "sql_state=28P01\nreason=password\nhba_line=26",
    );
    check(
        Input {
            sql_state: "28P01",
            ..of(
                "FATAL",
                "Passwort-Authentifizierung für Benutzer »app« fehlgeschlagen",
            )
        },
        LogKind::ConnectionFailed,
        "sql_state=28P01\nreason=password",
    );
    check(
        log("could not accept SSL connection: EOF detected"),
        LogKind::ConnectionFailed,
        "reason=ssl",
    );
}
