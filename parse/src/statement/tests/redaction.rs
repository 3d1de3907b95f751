//! No byte of a literal gets out: templates with planted secrets, whole and cut at every byte.

use Dialect::{Mysql, Postgres};

use super::*;

/// `{}` is where a literal stands. Not where the number of an output column may stand: that is kept.
const TEMPLATES: &[&str] = &[
    "SELECT a FROM t WHERE b = {} AND c LIKE {}",
    "SELECT {}, f({}), (a, {}) FROM t",
    "SELECT a FROM t WHERE b IN ({}, {}) OR (b, c) IN (({}, {}), ({}, 2))",
    "SELECT a FROM t WHERE b IN ({}, c, {}) AND d BETWEEN {} AND {}",
    "INSERT INTO t (a, b) VALUES ({}, {}), ({}, now())",
    "INSERT INTO t VALUES ({}), ({})",
    "UPDATE t SET a = {}, b = b + {} WHERE c = {}",
    "DELETE FROM t WHERE a < {} OR b = -{}",
    "SELECT CASE WHEN a = {} THEN {} ELSE {} END FROM t ORDER BY f({})",
    "SELECT a FROM t WHERE b={}AND c={}",
    "SELECT a FROM t GROUP BY a HAVING count(*) > {} LIMIT {}",
    "SET x = {}",
    "SET LOCAL x TO {}, {}",
    "CALL p({}, {})",
    "EXECUTE p({}, {})",
    "SELECT {} UNION SELECT {} UNION SELECT {}",
    "CREATE USER u PASSWORD {}",
    "COPY t FROM {}",
    "LOAD DATA INFILE {} INTO TABLE t",
    "{}",
    "SHOW TABLES LIKE {}",
    "SELECT a FROM t WHERE b = DATE {} OR c > INTERVAL {}",
    "SELECT a FROM {}",
    "EXPLAIN SELECT a FROM t WHERE b = {}",
];

/// Literals of every kind with a secret in them: `sekrit` or sevens.
const BOTH_KINDS: &[&str] = &[
    "'sekrit'",
    "'it''sekrit'''",
    "'a -- sekrit'",
    "'/* sekrit'",
    "') sekrit ('",
    "'\u{e9}sekrit\n'",
    "N'sekrit'",
    "x'7777'",
    "B'sekrit'",
    "77777777",
    "7777.7777",
    ".7777",
    "7777.",
    "7777e7",
    "7777E+77",
    "7.7e-77",
    "0x7777",
    "/* sekrit */ 1",
    "/* a = 'sekrit' */ 1",
    "/*+ sekrit */ 1",
    "1 /* email='sekrit' */",
    "1 /* email:sekrit */",
    "1 -- sekrit\n",
];

const OF_POSTGRES: &[&str] = &[
    r"E'it\'sekrit\\'",
    r"e'\\\'sekrit'",
    "U&'d\\0061sekrit'",
    "U&'sekrit' UESCAPE '!'",
    "$$sekrit '$$",
    "$a$ $$ sekrit $b$ $a$",
    "'a'\n 'sekrit'",
    "1 /* a /* sekrit */ sekrit */",
    "7777_7777",
    "0o7777",
    "'sekrit'::text",
    "CAST('sekrit' AS text)",
];

const OF_MYSQL: &[&str] = &[
    r"'it\'sekrit\\'",
    r#""sekrit""#,
    r#""a""sekrit\"""#,
    "_utf8mb4'sekrit'",
    "_binary 0x7777",
    "'a' 'sekrit'",
    "1 # sekrit\n",
    "/*!50000 'sekrit' */",
    "X'77'",
    "0b1111",
];

fn secrets(dialect: Dialect) -> impl Iterator<Item = &'static str> {
    let own = if dialect == Postgres {
        OF_POSTGRES
    } else {
        OF_MYSQL
    };
    BOTH_KINDS.iter().chain(own).copied()
}

/// Three bytes of a secret are one: `sek`, `kri`, `rit`, or a seven, for there is none in the templates.
fn leaks(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["sek", "ekr", "kri", "rit", "7"]
        .iter()
        .any(|part| text.contains(part))
}

/// MySQL reads `7777AND` as a name.
fn is_name_glued(dialect: Dialect, template: &str, secret: &str) -> bool {
    dialect == Mysql
        && template.contains("}AND")
        && secret.ends_with(|char: char| char.is_ascii_alphanumeric())
}

#[track_caller]
fn check(analyzer: &mut Analyzer, text: &[u8]) {
    let analysis = analyzer.analyze(text);
    let found = [analysis.normalized, analysis.verb, &analysis.tables.join(" ")].join("\n");
    assert!(!leaks(&found), "{}\n{found}", String::from_utf8_lossy(text));
    let tags = analyzer.tags().known_pairs();
    let tags: Vec<String> = tags.map(|(key, value)| format!("{key}={value}")).collect();
    assert!(
        !leaks(&tags.join(" ")),
        "{}\n{tags:?}",
        String::from_utf8_lossy(text)
    );
}

#[test]
fn of_no_statement_whole_or_cut() {
    for dialect in BOTH {
        let mut analyzer = analyzer(dialect);
        for template in TEMPLATES {
            for secret in secrets(dialect) {
                if is_name_glued(dialect, template, secret) {
                    continue;
                }
                let text = template.replace("{}", secret);
                for end in 0..=text.len() {
                    check(&mut analyzer, &text.as_bytes()[..end]);
                }
            }
        }
    }
}

#[test]
fn of_no_statement_with_two_kinds_of_literals() {
    for dialect in BOTH {
        let mut analyzer = analyzer(dialect);
        for template in TEMPLATES {
            for one in secrets(dialect) {
                for other in secrets(dialect) {
                    if is_name_glued(dialect, template, one) {
                        continue;
                    }
                    let text = template.replacen("{}", one, 1).replace("{}", other);
                    check(&mut analyzer, text.as_bytes());
                }
            }
        }
    }
}

#[test]
fn of_no_statement_under_other_options() {
    let secrets: [(Options, &[&str]); 2] = [
        (
            Options {
                no_backslash_escapes: true,
                ..Options::new(Mysql)
            },
            &[r"'\', 'sekrit', '\'", r"'sekrit\'", r#""\", "sekrit\""#],
        ),
        (
            Options {
                ansi_quotes: true,
                group_numbered_tables: true,
                ..Options::new(Mysql)
            },
            &[r"'\'sekrit'", r#"'"sekrit"'"#, "7777"],
        ),
    ];
    for (options, secrets) in secrets {
        let mut analyzer = Analyzer::new(options);
        for template in TEMPLATES {
            for secret in secrets {
                if is_name_glued(Mysql, template, secret) {
                    continue;
                }
                let text = template.replace("{}", secret);
                for end in 0..=text.len() {
                    check(&mut analyzer, &text.as_bytes()[..end]);
                }
            }
        }
    }
}
