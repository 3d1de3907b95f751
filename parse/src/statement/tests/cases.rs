//! Rule by rule: the normalized text of a statement, pairs that are the same query, pairs that are not.

use Dialect::{Mysql, Postgres};

use super::*;

#[test]
fn space_and_comments() {
    for dialect in BOTH {
        check(
            dialect,
            &[
                ("", ""),
                (" \n\t;; ", ""),
                ("select  1 ;", "SELECT ?"),
                ("select a\u{b},b\u{c}from t", "SELECT a, b FROM t"),
                (
                    "/* x */ select /*+ hint(1) */ a -- to the end\n, b from t",
                    "SELECT a, b FROM t",
                ),
                ("select 1; select 'a;b';", "SELECT ?; SELECT ?"),
                ("select a /* unfinished", "SELECT a"),
                ("select '/*' , '--' , '*/'", "SELECT ?, ?, ?"),
            ],
        );
    }
    check(
        Postgres,
        &[
            ("select 1 /* a /* b */ c */ + 2", "SELECT ? + ?"),
            ("select 5--1\n-2", "SELECT ? - ?"),
        ],
    );
    check(
        Mysql,
        &[
            ("select 1 /* a /* b */ + 2", "SELECT ? + ?"),
            ("select 5--1", "SELECT ? - ?"),
            ("..1", ". .`1`"),
            ("select 5 -- 1\n+ 2 # 3\n+ 4", "SELECT ? + ? + ?"),
            (
                "select /*!40001 sql_no_cache */ a /*!50000 + 1 */",
                "SELECT SQL_NO_CACHE a + ?",
            ),
            ("/*M!100203 set x = 1 */", "SET x = ?"),
        ],
    );
}

#[test]
fn strings() {
    for dialect in BOTH {
        check(
            dialect,
            &[
                (
                    "select '', 'a', 'it''s', N'n', x'1F', b'01'",
                    "SELECT ?, ?, ?, ?, ?, ?",
                ),
                (
                    "select 'one string of some length, and an end' from t",
                    "SELECT ? FROM t",
                ),
                ("select c from t where c = 'cut", "SELECT c FROM t WHERE c = ?"),
                ("select 'a long one that was cut in the mid", "SELECT ?"),
            ],
        );
    }
    check(
        Postgres,
        &[
            (r"select 'a\' , E'b\'c', e'\\'", "SELECT ?, ?, ?"),
            ("select 'a'\n  'b', 'c' -- d\n 'e'", "SELECT ?, ?"),
            ("select E'a\\''\n'b\\''", "SELECT ?"),
            (r"select U&'d\0061t' uescape '!', u&'x'", "SELECT ?, ?"),
            ("select $$a ' b$$, $x$ $$ $y$ $x$, a$b$", "SELECT ?, ?, a$b$"),
            ("select $q$ cut $", "SELECT ?"),
        ],
    );
    check(
        Mysql,
        &[
            (r#"select 'a\'b', "c""d", "e\"f", 'g\\'"#, "SELECT ?, ?, ?, ?"),
            ("select _utf8mb4'a', 'a' 'b'", "SELECT _charset ?, ? ?"),
            (
                "select _binary 0x41, _latin1\n X'41', _x, _a.b",
                "SELECT _charset ?, _charset ?, _x, _a.b",
            ),
        ],
    );
}

#[test]
fn numbers_and_placeholders() {
    for dialect in BOTH {
        check(
            dialect,
            &[
                (
                    "select 1, 1.5, .5, 5., 1e10, 1E-3, 1.5e+3, 0xFf, 0b01",
                    "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?",
                ),
                (
                    "select a from t where b=? and c = :name and d=$1",
                    "SELECT a FROM t WHERE b = ? AND c = ? AND d = ?",
                ),
            ],
        );
    }
    check(
        Postgres,
        &[
            ("select 1_000, 0o17, 2a, t.a1", "SELECT ?, ?, ? a, t.a1"),
            (
                "select d ? 'k', d ?| array['a'], d ?& $1, d @? '$', d ?? 'k'",
                "SELECT d ? ?, d ?| ARRAY[?+], d ?& ?, d @? ?, d ?? ?",
            ),
            (
                "select a[1], a[1:2], a[:n], a[n:], x::text, y := 1",
                "SELECT a[?], a[? : ?], a[: n], a[n:], x::text, y := ?",
            ),
            ("select date ? , interval ?", "SELECT date ?, INTERVAL ?"),
            (
                "select d #> '{a}', d #>> $1, d #- 'a', a # b",
                "SELECT d #> ?, d #>> ?, d #- ?, a # b",
            ),
        ],
    );
    check(
        Mysql,
        &[
            (
                "select 123foo, `123foo`, 0xZZ, 1e, `1e`, t.1a, db.2024_x.3",
                "SELECT 123foo, 123foo, 0xzz, ?, `1e`, t.1a, db.2024_x.`3`",
            ),
            (
                "select @a, @@Global.x, @'u v', 'a'@'h'",
                "SELECT @a, @@global.x, @ ?, ? @ ?",
            ),
            (
                "select a<=>1, b<<2, c->>'$.a', d->'$.b', !e, f&&g",
                "SELECT a <=> ?, b << ?, c ->> ?, d -> ?, ! e, f && g",
            ),
        ],
    );
    check(
        Postgres,
        &[(
            "select a||-1, b<-1, c @-2, d<>-1",
            "SELECT a ||- ?, b < ?, c @- ?, d <> ?",
        )],
    );
}

#[test]
fn names() {
    check(
        Postgres,
        &[
            (
                r#"select "a", "A", "a b", "select", "a""b", T."X", "t"."y" from "order""#,
                r#"SELECT a, "A", "a b", "select", "a""b", t."X", t.y FROM "order""#,
            ),
            ("select \u{c9}t\u{e9} from t", "SELECT \u{c9}t\u{e9} FROM t"),
            ("select t.select, t.from from t", "SELECT t.select, t.from FROM t"),
            (
                "select * from pg_temp_12.x, PG_TOAST.PG_TOAST_99_index",
                r#"SELECT * FROM "pg_temp_?".x, pg_toast."pg_toast_?_index""#,
            ),
        ],
    );
    check(
        Mysql,
        &[
            (
                "select `a`, `A`, `a b`, `Select`, `a``b`, T.`X` from `db`.`t`",
                "SELECT a, a, `a b`, `select`, `a``b`, t.x FROM db.t",
            ),
            ("select t.key, t.order from t", "SELECT t.key, t.order FROM t"),
        ],
    );
    same(
        Postgres,
        &[("select \"user_id\" from t", "SELECT User_ID FROM T")],
    );
    different(
        Postgres,
        &[
            ("select \"user\" from t", "select user from t"),
            ("select \"A\" from t", "select a from t"),
            ("select a from s1.t", "select a from s2.t"),
            ("select a from t_1", "select a from t_2"),
            ("select a b from t", "select \"a b\" from t"),
        ],
    );
}

#[test]
fn signs() {
    for dialect in BOTH {
        check(
            dialect,
            &[
                ("select -1, - 1, +1, - -1, -.5, -$1", "SELECT ?, ?, ?, ?, ?, ?"),
                (
                    "select a-1, a - 1, (a)-1, f(1) - 2, t.b -3",
                    "SELECT a - ?, a - ?, (a) - ?, f(?) - ?, t.b - ?",
                ),
                (
                    "select a from t where b = -1 and c between -5 and - 1",
                    "SELECT a FROM t WHERE b = ? AND c BETWEEN ? AND ?",
                ),
                (
                    "select a*-1, -a, case when b then -1 else -2 end",
                    "SELECT a * ?, - a, CASE WHEN b THEN ? ELSE ? END",
                ),
                ("select count(*) - 1", "SELECT count(*) - ?"),
            ],
        );
    }
}

#[test]
fn null_and_booleans() {
    for dialect in BOTH {
        check(
            dialect,
            &[
                (
                    "select null, true, f(false), not true",
                    "SELECT ?, ?, f(?), NOT ?",
                ),
                (
                    "select a from t where b is null and c is not null",
                    "SELECT a FROM t WHERE b IS NULL AND c IS NOT NULL",
                ),
                (
                    "select a from t where b is true or c is not false",
                    "SELECT a FROM t WHERE b IS TRUE OR c IS NOT FALSE",
                ),
                ("update t set a = null, b = true", "UPDATE t SET a = ?, b = ?"),
                (
                    "create table t (a json not null, b json null default null)",
                    "CREATE TABLE t(a json NOT NULL, b json NULL DEFAULT NULL)",
                ),
            ],
        );
    }
}

#[test]
fn lists_of_constants() {
    for dialect in BOTH {
        check(
            dialect,
            &[
                (
                    "select a from t where b in (1)",
                    "SELECT a FROM t WHERE b IN (?+)",
                ),
                (
                    "select a from t where b not in (1, -2, 'x', null, ?)",
                    "SELECT a FROM t WHERE b NOT IN (?+)",
                ),
                (
                    "select a from t where (a, b) in ((1,2),(3,4))",
                    "SELECT a FROM t WHERE (a, b) IN (?+)",
                ),
                (
                    "select a from t where b in (1, /* ) */ 2)",
                    "SELECT a FROM t WHERE b IN (?+)",
                ),
                (
                    "select a from t where b in (1, c, 2)",
                    "SELECT a FROM t WHERE b IN (?, c, ?)",
                ),
                (
                    "select a from t where b in (f(1), 2 + 3)",
                    "SELECT a FROM t WHERE b IN (f(?), ? + ?)",
                ),
                (
                    "select a from t where b in (select c from u where d in (1,2))",
                    "SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d IN (?+))",
                ),
                (
                    "select a from t where b in (date '2024-01-01', date '2024-01-02')",
                    "SELECT a FROM t WHERE b IN (date ?, ...)",
                ),
                (
                    "select f(1,2), (1,2), concat('a','b')",
                    "SELECT f(?, ?), (?, ?), concat(?, ?)",
                ),
            ],
        );
    }
}

#[test]
fn lists_of_constants_that_are_cut_empty_or_dressed() {
    for dialect in BOTH {
        check(
            dialect,
            &[
                (
                    "select a from t where b in (1,2",
                    "SELECT a FROM t WHERE b IN (?+)",
                ),
                (
                    "select a from t where b in (1,",
                    "SELECT a FROM t WHERE b IN (?+)",
                ),
                (
                    "select a from t where b in (1,(2,3),",
                    "SELECT a FROM t WHERE b IN (?+)",
                ),
                ("select a from t where b in (", "SELECT a FROM t WHERE b IN ("),
                ("select a from t where b in ()", "SELECT a FROM t WHERE b IN ()"),
                (
                    "select a from t where b in (...)",
                    "SELECT a FROM t WHERE b IN (?+)",
                ),
                (
                    "select a from t where b in (cast(1 as json), cast(2 as json))",
                    "SELECT a FROM t WHERE b IN (CAST(? AS json), ...)",
                ),
            ],
        );
    }
}

#[test]
fn lists_of_constants_of_postgres() {
    check(
        Postgres,
        &[
            (
                "select a from t where b in (1::int, $2::int)",
                "SELECT a FROM t WHERE b IN (?::int, ...)",
            ),
            (
                "select a from t where b in ('1'::numeric(10,2)::text)",
                "SELECT a FROM t WHERE b IN (?::numeric(?, ?)::text, ...)",
            ),
            (
                "select a from t where b in (('1')::jsonb, ('2')::jsonb)",
                "SELECT a FROM t WHERE b IN ((?+)::jsonb, ...)",
            ),
            (
                "select a from t where b in (1, 2::int8)",
                "SELECT a FROM t WHERE b IN (?+)",
            ),
            (
                "select a from t where b in ($1 /*, ... */)",
                "SELECT a FROM t WHERE b IN (?+)",
            ),
            (
                "select array[1,2], array[[1,2],[3,4]], array[]::int[], array[a, 1]",
                "SELECT ARRAY[?+], ARRAY[[?+], ...], ARRAY[]::int[], ARRAY[a, ?]",
            ),
            (
                "select array[array[1],array[2,3]] from t where a = any(array[1::int])",
                "SELECT ARRAY[ARRAY[?+], ...] FROM t WHERE a = ANY (ARRAY[?::int, ...])",
            ),
        ],
    );
    same(
        Postgres,
        &[(
            "select a from t where b in (1::int, 2::int)",
            "select a from t where b in (1::int)",
        )],
    );
    different(
        Postgres,
        &[
            ("select a from t where b in (1)", "select a from t where b = 1"),
            (
                "select a from t where b in (1)",
                "select a from t where b in (1::int)",
            ),
            ("select array[1]", "select array[1::int]"),
        ],
    );
}

#[test]
fn rows_of_values() {
    for dialect in BOTH {
        check(
            dialect,
            &[
                (
                    "insert into t values (1,'a'),(2,'b)')",
                    "INSERT INTO t VALUES (?+)",
                ),
                (
                    "insert into t(a,b) values(1,2) , (3,4)",
                    "INSERT INTO t(a, b) VALUES (?+)",
                ),
                (
                    "insert into t values (1,now()),(2,now()),(default,3)",
                    "INSERT INTO t VALUES (?, now()), (DEFAULT, ?)",
                ),
                (
                    "insert into t values (1,now()),(2,3),(4,5)",
                    "INSERT INTO t VALUES (?, now()), (?+)",
                ),
                ("insert into t values (1),(2", "INSERT INTO t VALUES (?+)"),
                ("insert into t values (1),(", "INSERT INTO t VALUES (?+)"),
                ("insert into t values (1),", "INSERT INTO t VALUES (?+)"),
                ("insert into t values (1, 'cut", "INSERT INTO t VALUES (?+)"),
                (
                    "select name, value from v where value = 1",
                    "SELECT name, value FROM v WHERE value = ?",
                ),
            ],
        );
    }
    check(
        Postgres,
        &[
            (
                "insert into t values (1),(2) on conflict do nothing returning id",
                "INSERT INTO t VALUES (?+) ON CONFLICT DO NOTHING RETURNING id",
            ),
            (
                "select * from (values (1,'a'),(2,'b')) v(i,s)",
                "SELECT * FROM (VALUES (?+)) v(i, s)",
            ),
            (
                "insert into t values ($1::uuid, 2), ($2::uuid, 3)",
                "INSERT INTO t VALUES (?::uuid, ?)",
            ),
        ],
    );
    check(
        Mysql,
        &[
            ("insert into t value (1,2),(3,4)", "INSERT INTO t value(?+)"),
            (
                "insert into t values row(1,2), row(3,4)",
                "INSERT INTO t VALUES ROW(?+)",
            ),
            (
                "insert into t values (1),(2) on duplicate key update a = values(a) + 1",
                "INSERT INTO t VALUES (?+) ON DUPLICATE KEY UPDATE a = VALUES (a) + ?",
            ),
            (
                "INSERT INTO `t` VALUES (...) /* , ... */ ON DUPLICATE KEY UPDATE `a` = ?",
                "INSERT INTO t VALUES (?+) ON DUPLICATE KEY UPDATE a = ?",
            ),
        ],
    );
}

#[test]
fn limits() {
    check(
        Mysql,
        &[
            ("select a from t limit 5, 10", "SELECT a FROM t LIMIT ? OFFSET ?"),
            (
                "select a from t limit 10 offset 5",
                "SELECT a FROM t LIMIT ? OFFSET ?",
            ),
            (
                "SELECT `a` FROM `t` LIMIT ?, ...",
                "SELECT a FROM t LIMIT ? OFFSET ?",
            ),
        ],
    );
    check(
        Postgres,
        &[
            (
                "select a from t offset 5 limit 10",
                "SELECT a FROM t LIMIT ? OFFSET ?",
            ),
            (
                "select a from t fetch first 5 rows only",
                "SELECT a FROM t LIMIT ?",
            ),
            ("select a from t fetch next row only", "SELECT a FROM t LIMIT ?"),
            (
                "select a from t offset $1 rows fetch next $2 rows only",
                "SELECT a FROM t LIMIT ? OFFSET ?",
            ),
            (
                "select a from t order by a fetch first 5 rows with ties",
                "SELECT a FROM t ORDER BY a FETCH FIRST ? ROWS WITH TIES",
            ),
            ("select a from t offset 5 row", "SELECT a FROM t OFFSET ?"),
        ],
    );
    different(
        Postgres,
        &[
            ("select a limit 1", "select a"),
            ("select a limit 1", "select a offset 1"),
            ("select a limit 1", "select a limit 1 offset 1"),
        ],
    );
}

#[test]
fn orders_and_groups() {
    check(
        Postgres,
        &[
            (
                "select a from t order by a asc, b desc, c asc nulls last",
                "SELECT a FROM t ORDER BY a, b DESC, c",
            ),
            (
                "select a from t order by a nulls first, b desc nulls first, c desc nulls last",
                "SELECT a FROM t ORDER BY a NULLS FIRST, b DESC, c DESC NULLS LAST",
            ),
            (
                "select a, sum(b) from t group by 1 order by 2 desc, 1",
                "SELECT a, sum(b) FROM t GROUP BY 1 ORDER BY 2 DESC, 1",
            ),
            (
                "select a from t order by 1 + 1, 2::text, $1, 'a', 12345",
                "SELECT a FROM t ORDER BY ? + ?, ?::text, ?, ?, ?",
            ),
            (
                "select a from t order by 1664, 1665",
                "SELECT a FROM t ORDER BY 1664, ?",
            ),
            (
                "select sum(a) over (order by 1), array_agg(a order by b asc)",
                "SELECT sum(a) OVER (ORDER BY ?), array_agg(a ORDER BY b)",
            ),
            (
                "create index i on t (a asc, b desc nulls last)",
                "CREATE INDEX i ON t(a ASC, b DESC NULLS LAST)",
            ),
        ],
    );
    check(
        Mysql,
        &[
            (
                "select a from t group by 1 order by 2, b asc",
                "SELECT a FROM t GROUP BY ? ORDER BY ?, b",
            ),
            (
                "select group_concat(a order by b asc separator ',')",
                "SELECT group_concat(a ORDER BY b SEPARATOR ?)",
            ),
        ],
    );
    different(Postgres, &[("select a order by 1", "select a order by 2")]);
    same(Mysql, &[("select a order by 1", "select a order by 2")]);
}

#[test]
fn noise_of_postgres() {
    same(
        Postgres,
        &[
            ("select a as b from t as x", "select a b from t x"),
            (
                "select a from t inner join u using (b)",
                "select a from t join u using (b)",
            ),
            (
                "select a from t left outer join u using (b)",
                "select a from t left join u using (b)",
            ),
            ("begin work", "begin"),
            ("commit transaction", "COMMIT"),
            ("set x to 1", "set x = 2"),
        ],
    );
    different(
        Mysql,
        &[
            ("select a as b from t", "select a b from t"),
            ("select 1 from t inner join u", "select 1 from t join u"),
        ],
    );
    check(
        Postgres,
        &[(
            "select a AS b from t inner join u on true",
            "SELECT a AS b FROM t INNER JOIN u ON ?",
        )],
    );
}

#[test]
fn unions() {
    check(
        Mysql,
        &[
            ("select 1 union select 2", "SELECT ? UNION SELECT ?"),
            (
                "select 1 union select 2 union select 3 union select 4",
                "SELECT ? UNION SELECT ?",
            ),
            (
                "select 1 union all select 2 union all select 3 order by 1",
                "SELECT ? UNION ALL SELECT ? ORDER BY ?",
            ),
            (
                "select 1 union select 2 union all select 3",
                "SELECT ? UNION SELECT ? UNION ALL SELECT ?",
            ),
            (
                "(select a from t) union (select a from t) union (select a from t) limit 5",
                "(SELECT a FROM t) UNION (SELECT a FROM t) LIMIT ?",
            ),
            (
                "select * from (select 1 union select 2 union select 3) x",
                "SELECT * FROM (SELECT ? UNION SELECT ?) x",
            ),
            (
                "insert into t select 1 union select 2 union select 3",
                "INSERT INTO t SELECT ? UNION SELECT ?",
            ),
            (
                "select a union select b union select a",
                "SELECT a UNION SELECT b UNION SELECT a",
            ),
        ],
    );
    different(
        Postgres,
        &[(
            "select 1 union select 2",
            "select 1 union select 2 union select 3",
        )],
    );
}

#[test]
fn special_statements_of_postgres() {
    check(
        Postgres,
        &[
            ("set work_mem = '1MB'", "SET work_mem = ?"),
            (
                "set local search_path to a, \"B\", 'c'",
                "SET local search_path TO ?",
            ),
            (
                "set enable_seqscan = off; set x to default",
                "SET enable_seqscan = ?; SET x TO ?",
            ),
            ("set time zone 'UTC'", "SET time zone ?"),
            (
                "savepoint a; rollback to savepoint a; release savepoint a",
                "SAVEPOINT ?; ROLLBACK TO SAVEPOINT ?; RELEASE SAVEPOINT ?",
            ),
            ("declare c cursor for select 1", "DECLARE ? CURSOR FOR SELECT ?"),
            (
                "fetch 10 from c; fetch forward all in c; move c; close c",
                "FETCH ? FROM ?; FETCH forward ALL IN ?; MOVE ?; CLOSE ?",
            ),
            (
                "close all; deallocate all; deallocate prepare p",
                "CLOSE ALL; DEALLOCATE ALL; DEALLOCATE PREPARE ?",
            ),
            (
                "delete from t where current of c",
                "DELETE FROM t WHERE current OF ?",
            ),
            ("listen ch; notify ch, 'x'", "LISTEN ch; NOTIFY ch, ?"),
            (
                "select extract(year from ts), extract('epoch' from ts), trim(both 'x' from a)",
                "SELECT EXTRACT(? FROM ts), EXTRACT(? FROM ts), trim(BOTH ? FROM a)",
            ),
            ("create role r password 'x'", "CREATE role r password ?"),
            ("call p(1, 2)", "CALL p(?, ?)"),
        ],
    );
}

#[test]
fn special_statements_of_mysql() {
    check(
        Mysql,
        &[
            (
                "set @x := 5, global a = on, b = @@c, d = concat(d, 'x')",
                "SET @x := ?, global a = ?, b = ?, d = concat(d, ?)",
            ),
            ("set names utf8", "SET NAMES utf8"),
            (
                "set statement sql_mode = ansi, x = 1 for select a, b from t where c = d",
                "SET statement sql_mode = ?, x = ? FOR SELECT a, b FROM t WHERE c = d",
            ),
            ("set password for 'a'@'h' = 'x'", "SET password FOR ? @ ? = ?"),
            ("do sleep(5)", "DO sleep(?)"),
            ("use `db`", "USE ?"),
            (
                "call p(1, 'x'); call db.p(a, 1); call p()",
                "CALL p(?+); CALL db.p(a, ?); CALL p()",
            ),
            ("xa start 'a', 'b', 1; kill 5", "XA START ?; KILL ?"),
            ("administrator command: Quit", "administrator command: quit"),
            (
                "create user 'a'@'h' identified by 'x'",
                "CREATE user ? @ ? identified BY ?",
            ),
        ],
    );
    different(
        Mysql,
        &[
            ("set session a = 1", "set global a = 1"),
            ("administrator command: Ping", "administrator command: Quit"),
        ],
    );
}

#[test]
fn synonyms_of_mysql() {
    same(
        Mysql,
        &[
            ("select distinct a from t", "select distinctrow a from t"),
            ("select current_timestamp", "select now"),
            ("select localtime()", "select now()"),
            ("select substr(a, 1)", "select substring(a, 1)"),
            (
                "select a from t where b = any (select 1)",
                "select a from t where b = some (select 1)",
            ),
            (
                "create table t (a int, b varchar(5))",
                "create table t (a integer, b varcharacter(5))",
            ),
            ("select a + interval 1 day", "select a + interval 1 sql_tsi_day"),
            ("show columns from t", "show fields from t"),
            ("select @`a`, @@`b`", "select @a, @@b"),
            ("select `mid`, `user` from t", "select mid, user from t"),
        ],
    );
    different(
        Mysql,
        &[
            ("select mid from t", "select substring from t"),
            ("select fields from t", "select columns from t"),
            ("create schema s", "create database s"),
            ("select t.localtime from t", "select t.now from t"),
        ],
    );
    different(Postgres, &[("select current_timestamp", "select now")]);
    check(
        Mysql,
        &[
            (
                "select `mid`(a), `some`, some from t",
                "SELECT `mid`(a), `some`, some FROM t",
            ),
            ("select (unknown), f(unknown)", "SELECT ?, f(unknown)"),
        ],
    );
}

#[test]
fn closure_over_the_servers_own_texts() {
    same(
        Postgres,
        &[
            (
                "SELECT a, $2 FROM t WHERE b = $1 AND c IN ($3 /*, ... */) ORDER BY 1",
                "select a, 'x' from t where b = -5 and c in (1,2,3) order by 1",
            ),
            (
                "SELECT EXTRACT($1 FROM ts) > $2::interval",
                "SELECT extract(epoch from ts) > '1 day'::interval",
            ),
        ],
    );
    same(
        Mysql,
        &[
            (
                "SELECT `a` , `t` . `b` FROM `t` WHERE `c` = ? AND `d` IN (...) LIMIT ?, ...",
                "select a, t.b from t where c = 1 and d in (1,2) limit 5,10",
            ),
            (
                "SELECT * FROM `t` WHERE `a` = - ? AND `b` != ?",
                "select * from t where a = -1 and b <> 'x'",
            ),
            (
                "INSERT INTO `t` ( `a` , `b` ) VALUES (...) /* , ... */",
                "insert into t (a, b) values (1,2),(3,4)",
            ),
            (
                "SELECT * FROM `t` WHERE ( `a` , `b` ) IN ( (...) /* , ... */ )",
                "select * from t where (a,b) in ((1,2),(3,4))",
            ),
            ("CALL `p` (...)", "call p(1,2)"),
            ("SELECT `rank` FROM `t`", "select rank from t"),
        ],
    );
}

#[test]
fn what_keeps_queries_apart() {
    for dialect in BOTH {
        different(
            dialect,
            &[
                ("select a + 1", "select a - 1"),
                ("select a from t", "select distinct a from t"),
                ("select a, b from t", "select b, a from t"),
                ("select a from t for update", "select a from t"),
                ("select a from t where b = 1", "select a from t where not b = 1"),
                ("select f(1)", "select f(1, 2)"),
                ("select 1", "select 1, 2"),
                ("select a -> 'x'", "select a ->> 'x'"),
                (
                    "insert into t(a, b) values (1, 2)",
                    "insert into t(b, a) values (1, 2)",
                ),
                (
                    "select case when a then 1 end",
                    "select case when a then 1 else 2 end",
                ),
            ],
        );
    }
}

#[test]
fn a_cut_text_says_so() {
    for dialect in BOTH {
        for text in [
            "select 'a",
            "select a /* b",
            "select a from t where b in (1,2",
            "insert into t values (1),(",
            "/*!50000 select 1",
        ] {
            let truncated = analyzer(dialect).analyze(text.as_bytes()).truncated;
            assert!(truncated, "{text}");
        }
        assert!(!analyzer(dialect).analyze(b"select f(1 from t").truncated);
    }
}

#[test]
fn a_cut_name_is_kept_unless_it_may_hold_literals() {
    check(
        Postgres,
        &[
            ("select \"abc", "SELECT abc"),
            ("select \"abc from t where d = 'e'", "SELECT ?"),
        ],
    );
    check(
        Mysql,
        &[
            ("select `abc", "SELECT abc"),
            ("select `abc from t where d = 5", "SELECT ?"),
            ("select a from t where b = 12345e", "SELECT a FROM t WHERE b = ?"),
            (
                "select a from t where b = 12345E-",
                "SELECT a FROM t WHERE b = ? -",
            ),
        ],
    );
}

#[test]
fn invalid_utf8_is_printed_lossily() {
    let mut analyzer = analyzer(Postgres);
    assert_eq!(
        analyzer.analyze(b"select \xff\xfe, a from \"b\xc3\"").normalized,
        "SELECT \u{fffd}\u{fffd}, a FROM b\u{fffd}"
    );
}

/// A fingerprint is stored for ever: these values change only together with `FINGERPRINT_VERSION`.
#[test]
fn fingerprints_are_pinned() {
    let cases = [
        (Postgres, "select 1", "e57a27d295f9c8fd"),
        (
            Postgres,
            "insert into \"T\" values (1, 'a') returning t.a",
            "61107448d1f708d5",
        ),
        (
            Mysql,
            "select `a` from t where b in (1,2) order by @c limit 5, 10",
            "2cb63fb8c68d8925",
        ),
        (Mysql, "", "db02334e96d65708"),
    ];
    let found: Vec<String> = cases
        .iter()
        .map(|(dialect, text, _)| fingerprint(*dialect, text).to_string())
        .collect();
    let expect: Vec<&str> = cases.iter().map(|case| case.2).collect();
    assert_eq!(found, expect);
}
