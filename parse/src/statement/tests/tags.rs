//! Tags in comments: every form that applications write, and what is none.

use Dialect::{Mysql, Postgres};
use proptest::prelude::*;

use super::properties::dialects;
use super::*;

fn tags(dialect: Dialect, text: &str) -> Vec<(String, String)> {
    let mut analyzer = analyzer(dialect);
    analyzer.fingerprint(text.as_bytes());
    let tags = analyzer.tags().pairs();
    tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[track_caller]
fn check(dialect: Dialect, text: &str, expect: &[(&str, &str)]) {
    let found = tags(dialect, text);
    let found: Vec<(&str, &str)> = found.iter().map(|(key, value)| (&key[..], &value[..])).collect();
    assert_eq!(found, expect, "{text}");
}

fn trace_id(text: &str) -> Option<String> {
    let mut analyzer = analyzer(Postgres);
    analyzer.fingerprint(text.as_bytes());
    analyzer.tags().trace_id().map(str::to_owned)
}

#[test]
fn of_sqlcommenter() {
    for dialect in BOTH {
        check(
            dialect,
            "SELECT * FROM t /*action='%2Fparam*d',controller='index', db_driver = 'x'*/",
            &[],
        );
        check(
            dialect,
            "SELECT * FROM t /*action='%2Fparam*d',controller='index',a%20b='it\\'s 100%'*/;",
            &[
                ("action", "/param*d"),
                ("controller", "index"),
                ("a b", "it's 100%"),
            ],
        );
        check(
            dialect,
            "/*dddbs='orders-db', dde='prod',ddps='web',ddpv='1.2'*/ SELECT 1",
            &[
                ("dddbs", "orders-db"),
                ("dde", "prod"),
                ("ddps", "web"),
                ("ddpv", "1.2"),
            ],
        );
        check(dialect, "select 1 /*name='%C3%A9'*/", &[("name", "\u{e9}")]);
    }
}

#[test]
fn of_marginalia_and_rails() {
    for dialect in BOTH {
        check(
            dialect,
            "select 1 /*application:BCX,controller:project_imports,action:show*/",
            &[
                ("application", "BCX"),
                ("controller", "project_imports"),
                ("action", "show"),
            ],
        );
        check(
            dialect,
            "select 1 /*job:Foo::Bar,source_location:app/models/x.rb:12:in 'm',a:b,c,d:e*/",
            &[
                ("job", "Foo::Bar"),
                ("source_location", "app/models/x.rb:12:in 'm'"),
                ("a", "b,c"),
                ("d", "e"),
            ],
        );
    }
}

#[test]
fn of_prisma_and_sqlc() {
    for dialect in BOTH {
        check(
            dialect,
            "SELECT 1 /* traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 */",
            &[(
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            )],
        );
        check(dialect, "-- name: GetUser :one\nselect 1", &[("name", "GetUser")]);
        check(
            dialect,
            "/* name: ListUsers */ select 1",
            &[("name", "ListUsers")],
        );
    }
}

#[test]
fn of_several_comments() {
    check(
        Mysql,
        "-- name: A :many\n/*a='1'*/ select 1 # b:2\n /* no tag */ /*c:3*/",
        &[("name", "A"), ("a", "1"), ("c", "3")],
    );
    let many = "select 1 /*k='v'*/".to_owned() + &" /*k='v'*/".repeat(100);
    assert_eq!(tags(Postgres, &many).len(), 8);
    let many: Vec<String> = (0..100).map(|index| format!("k{index}='v'")).collect();
    assert_eq!(
        tags(Postgres, &format!("select 1 /*{}*/", many.join(","))).len(),
        32
    );
}

#[test]
fn not_of_other_comments_and_literals() {
    for dialect in BOTH {
        for text in [
            "select '/*a=''1''*/', '-- name: A :one'",
            "select 1 /*+ SET(a='1') */ /*+a:1*/",
            "select 1 /* TODO: this */ /* https://example.org */ /* a note, with b:1 */",
            "select 1 /*a='1*/ /*a=1'*/ /*a='1',*/ /*='1'*/ /*a='1',b*/ /*a='1' b='2'*/",
            "select 1 /*a='1'",
            "select 1 /*a='%ff'*/",
            "select 1 /**/ /* */ /*:*/ /*=*/ /*a=*/ /*a:*/ /*a:b,c:*/ --\n",
            "-- name: a b c\n-- a='1'\n-- a:1\nselect 1",
        ] {
            check(dialect, text, &[]);
        }
    }
    check(Mysql, "/*!50000 select a:1 */ /*M! select b='1' */", &[]);
    check(
        Postgres,
        "/* a:1 /* b:2 */ */ select $$ /*c:3*/ $$",
        &[("a", "1 /* b:2 */")],
    );
    let long = format!("select 1 /*a='{}'*/", "x".repeat(9000));
    check(Postgres, &long, &[]);
}

#[test]
fn of_the_last_text_only() {
    let mut analyzer = analyzer(Postgres);
    for _ in 0..3 {
        analyzer.fingerprint(b"select 1 /*a='1'*/");
        assert_eq!(analyzer.tags().pairs().count(), 1);
        analyzer.fingerprint(b"select 1");
        assert_eq!(analyzer.tags().pairs().count(), 0);
        analyzer.analyze(b"select 1 /*a='1',b='2'*/");
        assert_eq!(analyzer.tags().pairs().count(), 2);
    }
}

#[test]
fn trace_ids() {
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let cases = [
        (format!("/*traceparent='00-{trace}-b7ad6b7169203331-01'*/"), true),
        (
            format!("/*trace_id='x',traceparent='00-{trace}-b7ad6b7169203331-01'*/"),
            true,
        ),
        (format!("/*traceID:{trace}*/"), true),
        (format!("/*trace_id='{trace}'*/"), true),
        (
            format!("/*traceparent='00-{}-b7ad6b7169203331-01'*/", "0".repeat(32)),
            false,
        ),
        (format!("/*traceparent='00-{trace}-b7ad-01'*/"), false),
        (format!("/*other='{trace}'*/"), false),
    ];
    for (comment, found) in cases {
        let expect = found.then(|| trace.to_owned());
        assert_eq!(trace_id(&format!("select 1 {comment}")), expect, "{comment}");
    }
}

#[test]
fn known_keys_only_under_redaction() {
    let mut analyzer = analyzer(Postgres);
    analyzer.fingerprint(b"select 1 /*application='shop',email='a@example.org',job='x'*/");
    let known: Vec<_> = analyzer.tags().known_pairs().collect();
    assert_eq!(known, [("application", "shop"), ("job", "x")]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_sqlcommenter_writes_is_read(pairs in prop::collection::vec(("[a-z_]{1,8}", ".{0,12}"), 1..6), dialect in dialects()) {
        let encode = |text: &str| -> String {
            text.bytes()
                .map(|byte| match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => char::from(byte).to_string(),
                    _ => format!("%{byte:02X}"),
                })
                .collect()
        };
        let written: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}='{}'", encode(value))).collect();
        prop_assert_eq!(tags(dialect, &format!("select 1 /*{}*/", written.join(","))), pairs);
    }

    #[test]
    fn any_comment_is_read(fragments in prop::collection::vec(prop::sample::select(&["a", "name", "=", "'", ":", ",", "%", "4", "\\", " ", "\u{e9}", "/*", "*/", "--", "\n"][..]), 0..30), dialect in dialects()) {
        tags(dialect, &format!("select 1 /*{}*/", fragments.concat()));
    }
}
