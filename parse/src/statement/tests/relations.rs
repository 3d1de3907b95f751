//! Tables and verbs.

use Dialect::{Mysql, Postgres};

use super::*;

/// One line a case: the statement, its verb, its tables separated by spaces.
#[track_caller]
fn check(dialect: Dialect, cases: &[(&str, &str, &str)]) {
    let mut analyzer = analyzer(dialect);
    for (text, verb, tables) in cases {
        let analysis = analyzer.analyze(text.as_bytes());
        assert_eq!(analysis.verb, *verb, "{text}");
        assert_eq!(analysis.tables.join(" "), *tables, "{text}");
    }
}

#[test]
fn queries() {
    for dialect in BOTH {
        check(
            dialect,
            &[
                ("", "", ""),
                ("select 1", "SELECT", ""),
                (
                    "select a from t, s.u x, v as y where a = 'from w'",
                    "SELECT",
                    "t s.u v",
                ),
                (
                    "select a from t join u using (b) left join v on v.c = t.c, w",
                    "SELECT",
                    "t u v w",
                ),
                ("select a from t x join t y on x.a = y.a", "SELECT", "t"),
                (
                    "select (select max(a) from u) from (select b from v) x where c in (select d from w)",
                    "SELECT",
                    "u v w",
                ),
                ("((select a from t) union (select b from u))", "SELECT", "t u"),
                (
                    "select a from (t cross join (u join v on true))",
                    "SELECT",
                    "t u v",
                ),
                (
                    "with x as (select a from t), y (b) as (select * from x join u on true) select * from x, y, s.x",
                    "SELECT",
                    "t u s.x",
                ),
                (
                    "with recursive x as (select 1 union all select n from x) select * from x",
                    "SELECT",
                    "",
                ),
                (
                    "select extract(year from d), substring(c from 2 for 3), trim(both from e) from t",
                    "SELECT",
                    "t",
                ),
                ("select a is distinct from b from t", "SELECT", "t"),
                ("select a from t order by b limit 1 for update", "SELECT", "t"),
            ],
        );
    }
}

#[test]
fn queries_of_one_dialect() {
    check(
        Postgres,
        &[
            (
                "select * from f(1) g, t, lateral (select * from u) l",
                "SELECT",
                "t u",
            ),
            ("select * from only t tablesample bernoulli (10)", "SELECT", "t"),
            ("select * from \"S\".\"T x\", U", "SELECT", "S.T x u"),
            ("select a into temp n from t", "SELECT", "n t"),
            ("table t", "TABLE", "t"),
            ("values (1)", "VALUES", ""),
            (
                "select * from unnest(array[1]) with ordinality as x(a, i), t",
                "SELECT",
                "t",
            ),
            (
                "select * from rows from (f(1), g(2)) x join t on true",
                "SELECT",
                "t",
            ),
            ("explain (analyze, buffers) select * from t", "EXPLAIN", "t"),
            ("prepare p as select * from t", "PREPARE", "t"),
            ("prepare p (int) as insert into t values ($1)", "PREPARE", "t"),
            ("execute p(1, 'x')", "EXECUTE", ""),
            (
                "explain analyze with x as (select 1) update t set a = 1 from x",
                "EXPLAIN",
                "t",
            ),
            (
                "declare c cursor with hold for with x as (select 1 from u) select * from x",
                "DECLARE",
                "u",
            ),
            ("call s.p(1, 'x')", "CALL", ""),
            ("do $$ begin perform a from t; end $$", "DO", ""),
            ("do language plpgsql 'begin end'", "DO", ""),
        ],
    );
    check(
        Mysql,
        &[
            (
                "select straight_join a from t straight_join u where a in (select 1 from dual)",
                "SELECT",
                "t u",
            ),
            (
                "select * from t partition (p0, p1) use index (i, j), u",
                "SELECT",
                "t u",
            ),
            (
                "select * from {oj t left outer join u on t.a = u.a}",
                "SELECT",
                "t u",
            ),
            ("select a into @x from t", "SELECT", "t"),
            ("select * from `My Db`.`T`", "SELECT", "my db.t"),
        ],
    );
}

#[test]
fn writes() {
    for dialect in BOTH {
        check(
            dialect,
            &[
                ("insert into s.t (a, b) values (1, 2), (3, 4)", "INSERT", "s.t"),
                ("insert into t select a from u join v on true", "INSERT", "t u v"),
                (
                    "update t set a = (select b from u), c = 1 where d = 2",
                    "UPDATE",
                    "t u",
                ),
                ("delete from t where a in (select b from u)", "DELETE", "t u"),
                ("truncate table t", "TRUNCATE", "t"),
            ],
        );
    }
    check(
        Postgres,
        &[
            (
                "insert into t as x (a) values (1) on conflict (a) do update set b = 1 returning id",
                "INSERT",
                "t",
            ),
            (
                "update only t set a = u.a from u where t.b = u.b",
                "UPDATE",
                "t u",
            ),
            ("delete from t using u, v where t.a = u.a", "DELETE", "t u v"),
            (
                "merge into t using u on t.a = u.a when matched then update set b = 1 when not matched then insert values (1)",
                "MERGE",
                "t u",
            ),
            (
                "with d as (delete from t returning *) insert into u select * from d",
                "INSERT",
                "t u",
            ),
            ("copy t (a) from stdin", "COPY", "t"),
            ("copy (select a from t) to stdout", "COPY", "t"),
        ],
    );
    check(
        Mysql,
        &[
            ("insert low_priority ignore t set a = 1, b = 2", "INSERT", "t"),
            (
                "insert into t (a) values (1) on duplicate key update a = values(a)",
                "INSERT",
                "t",
            ),
            ("replace into t values (replace('a', 'b', 'c'))", "REPLACE", "t"),
            ("update low_priority t x, u set x.a = 1, u.b = 2", "UPDATE", "t u"),
            ("delete quick from t", "DELETE", "t"),
            ("delete a, b from t a join u b on a.c = b.c", "DELETE", "t u"),
            (
                "load data local infile '/x' replace into table s.t fields terminated by ','",
                "LOAD DATA",
                "s.t",
            ),
        ],
    );
}

#[test]
fn definitions_and_the_rest() {
    for dialect in BOTH {
        check(
            dialect,
            &[
                (
                    "create table if not exists t (a int, b int references u (c))",
                    "CREATE TABLE",
                    "t u",
                ),
                ("create table t as select * from u", "CREATE TABLE", "t u"),
                (
                    "create or replace view v as select * from t",
                    "CREATE VIEW",
                    "v t",
                ),
                ("create unique index i on s.t (a, b)", "CREATE INDEX", "s.t"),
                (
                    "create trigger g after insert on t for each row begin end",
                    "CREATE TRIGGER",
                    "t",
                ),
                (
                    "alter table t add column a int, drop column b",
                    "ALTER TABLE",
                    "t",
                ),
                ("drop table if exists t, s.u", "DROP TABLE", "t s.u"),
                ("grant select, update on t to bob", "GRANT", "t"),
                ("set a = 1", "SET", ""),
                ("commit", "COMMIT", ""),
            ],
        );
    }
}

#[test]
fn definitions_and_the_rest_of_one_dialect() {
    check(
        Postgres,
        &[
            (
                "create table p1 partition of p for values from (1) to (2)",
                "CREATE TABLE",
                "p1 p",
            ),
            (
                "create table t (like u including all) inherits (v, w)",
                "CREATE TABLE",
                "t u v w",
            ),
            (
                "create index concurrently if not exists i on only t using btree (a)",
                "CREATE INDEX",
                "t",
            ),
            ("vacuum (full, analyze) t, u (a, b)", "VACUUM", "t u"),
            ("autovacuum: VACUUM ANALYZE s.t", "VACUUM", "s.t"),
            ("analyze verbose t", "ANALYZE", "t"),
            ("refresh materialized view concurrently v", "REFRESH", "v"),
            ("lock table only t in share mode", "LOCK", "t"),
            ("declare c cursor for select * from t", "DECLARE", "t"),
            ("revoke all on t from bob", "REVOKE", "t"),
            ("grant usage on schema s to bob", "GRANT", ""),
            ("comment on table t is 'x'", "COMMENT", "t"),
        ],
    );
    check(
        Mysql,
        &[
            ("create table t like u", "CREATE TABLE", "t u"),
            ("lock tables t read, u as x write", "LOCK TABLES", "t u"),
            ("rename table a to b, c to d", "RENAME TABLE", "a b c d"),
            ("show full columns from t from s", "SHOW", "s.t"),
            ("show tables from s", "SHOW", ""),
            ("show create table t", "SHOW", "t"),
            ("show index in t", "SHOW", "t"),
            ("describe t", "DESCRIBE", "t"),
            ("explain select * from t", "EXPLAIN", "t"),
            ("explain format=json update t set a = 1", "EXPLAIN", "t"),
            ("analyze format=json select * from t", "ANALYZE", "t"),
            ("set statement x = 1 for select a, b from t", "SELECT", "t"),
            (
                "set statement x = 1, y = 'z' for update t set a = 1",
                "UPDATE",
                "t",
            ),
            ("set password for u = 'x'", "SET", ""),
            ("prepare s from 'select * from t'", "PREPARE", ""),
            ("execute s using @a", "EXECUTE", ""),
            ("call s.p(1, @a)", "CALL", ""),
            ("do sleep(5)", "DO", ""),
            ("optimize local table t, u", "OPTIMIZE", "t u"),
            ("handler t open", "HANDLER", "t"),
            ("use s", "USE", ""),
            ("administrator command: Quit", "ADMINISTRATOR COMMAND", ""),
        ],
    );
}
