//! The servers' own normalized texts have the fingerprints of the statements they are of.
//!
//! The files hold one statement a line, a tab, and the text a server has made of it: PostgreSQL 15 in
//! `pg_stat_statements`, MariaDB 10.11 as `DIGEST_TEXT`.

use Dialect::{Mysql, Postgres};

use super::*;

const POSTGRES: &str = include_str!("closure/postgres.tsv");
const MYSQL: &str = include_str!("closure/mysql.tsv");

/// Digests that say less than we tell apart: how many literals a list other than of `IN` and `VALUES` had (`?, ...`,
/// `(...)`), the names of variables (`@?`), `CREATE SCHEMA` from `CREATE DATABASE`.
const MYSQL_LOST: &str = include_str!("closure/mysql_lost.tsv");

fn pairs(file: &str) -> impl Iterator<Item = (&str, &str)> {
    file.lines().filter_map(|line| line.split_once('\t'))
}

/// Both texts of every pair have one fingerprint, one verb and the same tables.
#[track_caller]
fn check_closed(dialect: Dialect, file: &str, count: usize) {
    let mut analyzer = analyzer(dialect);
    for (logged, servers) in pairs(file) {
        let logged_form = normalized(dialect, logged);
        let one = analyzer.analyze(logged.as_bytes());
        let (fingerprint, tables) = (one.fingerprint, one.tables.to_vec());
        let other = analyzer.analyze(servers.as_bytes());
        assert_eq!(
            other.fingerprint, fingerprint,
            "{logged}\n{servers}\n{logged_form}\n{}",
            other.normalized
        );
        assert_eq!(other.tables, tables, "{logged}\n{servers}");
    }
    assert_eq!(pairs(file).count(), count);
}

#[test]
fn of_pg_stat_statements() {
    check_closed(Postgres, POSTGRES, 222);
}

#[test]
fn of_mysql_digests() {
    check_closed(Mysql, MYSQL, 442);
}

#[test]
fn of_mysql_digests_that_say_less() {
    for (logged, digest) in pairs(MYSQL_LOST) {
        different(Mysql, &[(logged, digest)]);
    }
}

#[test]
fn of_later_versions_of_pg_stat_statements() {
    same(
        Postgres,
        &[
            (
                "SELECT a FROM t WHERE b IN ($1 /*, ... */) AND c NOT IN ($2 /*, ... */)",
                "select a from t where b in (1, 2, 3) and c not in ('x', 'y')",
            ),
            (
                "SELECT ARRAY[$1 /*, ... */], $2 = ANY(ARRAY[$3 /*, ... */])",
                "select array[1, 2, 3], 5 = any(array['a', 'b'])",
            ),
            ("SET work_mem = $1", "set work_mem to '64MB'"),
            ("SAVEPOINT $1", "savepoint sp1"),
            ("ROLLBACK TO $1", "rollback to sp1"),
            ("RELEASE $1", "release sp1"),
            ("DEALLOCATE $1", "deallocate p1"),
            ("CLOSE $1", "close c1"),
            ("FETCH $1 $2", "fetch 5 c1"),
            (
                "DECLARE $1 CURSOR FOR SELECT $2 WHERE a = $3",
                "declare c1 cursor for select 5 where a = 'x'",
            ),
            ("CALL p($1, $2)", "call p(1, 'x')"),
            ("SELECT a FROM t LIMIT $1", "select a from t limit all"),
            ("SELECT EXTRACT($1 FROM a)", "select extract(year from a)"),
        ],
    );
    // A squashed list has lost its casts.
    different(
        Postgres,
        &[(
            "SELECT a FROM t WHERE b IN ($1 /*, ... */)",
            "select a from t where b in (1::bigint, 2::bigint)",
        )],
    );
}

#[test]
fn of_digests_of_mysql_8() {
    same(
        Mysql,
        &[
            (
                "SELECT `a` FROM `t` WHERE `b` IN (...)",
                "select a from t where b in (1)",
            ),
            (
                "INSERT INTO `t` VALUES (...) /* , ... */ AS `new` ON DUPLICATE KEY UPDATE `a` = `new` . `a`",
                "insert into t values (1, 2), (3, 4) as new on duplicate key update a = new.a",
            ),
            (
                "SELECT DISTINCTROW `t` . `a` FROM `db` . `t` WHERE `c` = (_charset) ?",
                "select distinct t.a from db.t where c = _utf8mb4 'x'",
            ),
            (
                "SELECT CURRENT_TIMESTAMP ( ) , SCHEMA ( )",
                "select now(), database()",
            ),
        ],
    );
}
