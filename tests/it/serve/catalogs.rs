//! What clients look for before they ask anything: psql's commands, and what Grafana, Metabase, DBeaver and drivers send when they begin.

use super::{Served, block_on, lake};

#[test]
fn psql_shows_what_there_is() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    let psql = |command: &str| {
        let run = served.psql(&lake, "user=ann", &[command]).exits(0);
        assert_eq!(run.stderr, "", "{command}");
        run.stdout
    };
    let views = psql("\\d");
    for view in [
        "executions",
        "rollup_hour",
        "server_events",
        "replication_lag",
        "findings",
    ] {
        assert!(views.contains(&format!("public|{view}|view|")), "{views}");
    }
    assert!(!views.contains("public|events|"), "{views}");
    assert_eq!(psql("\\dv"), views);
    let columns = psql("\\d executions");
    for column in [
        "ts|timestamp with time zone|",
        "query_time_us|bigint|",
        "server|text|",
    ] {
        assert!(columns.contains(column), "{columns}");
    }
    assert!(psql("\\d rollup_hour").contains("latency|"));
    for command in [
        "\\dt",
        "\\df",
        "\\dn",
        "\\dn+",
        "\\dT",
        "\\dp",
        "\\drds",
        "\\l",
        "\\du",
        "\\di",
        "\\ds",
        "\\conninfo",
        "\\d+ executions",
    ] {
        psql(command);
    }
}

#[test]
fn questions_of_clients_are_answered() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    block_on(async {
        let client = served.connect().await;
        let mut complaints = Vec::new();
        for (who, sql) in QUESTIONS {
            for error in [
                client.batch_execute(sql).await.err(),
                client.query(*sql, &[]).await.err(),
            ]
            .into_iter()
            .flatten()
            {
                complaints.push(format!("{who}: {sql}\n    {error:?}"));
            }
        }
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    });
}

#[test]
fn a_literal_makes_no_question_of_catalogs() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    block_on(async {
        let client = served.connect().await;
        for sql in [
            "SELECT (SELECT max(b.query_time_us) FROM executions b WHERE b.server = a.server) x FROM executions a WHERE a.server = 'db1' LIMIT 1",
            "SELECT CASE WHEN count(*) > 0 THEN (SELECT count(*) FROM queries) END FROM executions",
            "SELECT sum(x) FROM (SELECT (SELECT count(*) FROM queries q WHERE q.fingerprint = e.fingerprint) x FROM executions e)",
        ] {
            let number = async |sql: &str| {
                client
                    .query_one(sql, &[])
                    .await
                    .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
                    .get::<_, Option<i64>>(0)
            };
            let expected = number(sql).await;
            assert!(expected.is_some_and(|number| number > 0), "{sql}: {expected:?}");
            let with_literal = format!("SELECT x, 'pg_dump', 'information_schema' FROM ({sql}) t(x)");
            assert_eq!(number(&with_literal).await, expected, "{sql}");
        }
        let text = "(typreceive != 0 OR typsend != 0)";
        let row = client
            .query_one(&format!("SELECT '{text}'"), &[])
            .await
            .expect("a text");
        assert_eq!(row.get::<_, &str>(0), text);
    });
}

/// As these clients send them.
const QUESTIONS: &[(&str, &str)] = &[
    ("JDBC", "SET extra_float_digits = 3"),
    ("JDBC", "SET application_name = 'PostgreSQL JDBC Driver'"),
    ("JDBC", "SELECT current_schema()"),
    ("JDBC", "select current_catalog"),
    ("JDBC", "SHOW TRANSACTION ISOLATION LEVEL"),
    (
        "JDBC",
        "SELECT typinput='pg_catalog.array_in'::regproc as is_array, typtype, typname, pg_type.oid FROM pg_catalog.pg_type LEFT JOIN (select ns.oid as nspoid, ns.nspname, r.r from pg_namespace as ns join ( select s.r, (current_schemas(false))[s.r] as nspname from generate_series(1, array_upper(current_schemas(false), 1)) as s(r) ) as r using ( nspname )) as sp ON sp.nspoid = typnamespace WHERE pg_type.oid = 3802 ORDER BY sp.r, pg_type.oid DESC",
    ),
    (
        "JDBC",
        "SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME,  CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema'  WHEN true THEN CASE  WHEN n.nspname = 'pg_catalog' OR n.nspname = 'information_schema' THEN CASE c.relkind   WHEN 'r' THEN 'SYSTEM TABLE'   WHEN 'v' THEN 'SYSTEM VIEW'   WHEN 'i' THEN 'SYSTEM INDEX'   ELSE NULL   END  ELSE NULL END  WHEN false THEN CASE c.relkind  WHEN 'r' THEN 'TABLE'  WHEN 'v' THEN 'VIEW'  ELSE NULL  END  ELSE NULL  END  AS TABLE_TYPE, d.description AS REMARKS FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c  LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0  and d.classoid = 'pg_class'::regclass)  WHERE c.relnamespace = n.oid  AND n.nspname LIKE 'public' ORDER BY TABLE_TYPE,TABLE_SCHEM,TABLE_NAME",
    ),
    ("SQLAlchemy", "select pg_catalog.version()"),
    ("SQLAlchemy", "select current_schema()"),
    ("SQLAlchemy", "show standard_conforming_strings"),
    (
        "SQLAlchemy",
        "SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['v']) AND pg_catalog.pg_class.relpersistence != 't' AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != 'pg_catalog'",
    ),
    (
        "psycopg",
        "SELECT typname AS name, oid, typarray AS array_oid, oid::regtype::text AS regtype, typdelim AS delimiter FROM pg_type t WHERE t.oid = 25 ORDER BY t.oid",
    ),
    ("Grafana", "SELECT 1"),
    ("Grafana", "SELECT current_setting('server_version_num')::int/100"),
    (
        "Grafana",
        "select quote_ident(table_name) as \"table\" from information_schema.tables where quote_ident(table_schema) not in ('information_schema', 'pg_catalog', '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_internal', '_timescaledb_config', 'timescaledb_information', 'timescaledb_experimental') and table_type in ('BASE TABLE', 'VIEW') and quote_ident(table_schema) IN ( SELECT CASE WHEN trim(s[i]) = '\"$user\"' THEN user ELSE trim(s[i]) END FROM generate_series( array_lower(string_to_array(current_setting('search_path'),','),1), array_upper(string_to_array(current_setting('search_path'),','),1) ) as i, string_to_array(current_setting('search_path'),',') s )",
    ),
    (
        "Grafana",
        "select quote_ident(column_name) as \"column\", data_type as \"type\" from information_schema.columns where quote_ident(table_name) = 'executions'",
    ),
    (
        "Grafana",
        "SELECT date_bin(interval '60 s', ts) AS time, count(*) AS calls FROM executions WHERE ts BETWEEN '2020-01-01T00:00:00Z' AND '2030-01-01T00:00:00Z' GROUP BY 1 ORDER BY 1",
    ),
    (
        "Grafana",
        "SELECT floor(extract(epoch from ts)/60)*60 AS time, count(*) FROM executions GROUP BY 1 ORDER BY 1",
    ),
    (
        "Metabase",
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND has_schema_privilege(nspname, 'USAGE')",
    ),
    ("Metabase", "SHOW TimeZone"),
    (
        "Metabase",
        "SELECT n.nspname AS schema, c.relname AS name, CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' END AS type, d.description AS description FROM pg_catalog.pg_class AS c INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid LEFT JOIN pg_catalog.pg_description AS d ON c.oid = d.objoid AND d.objsubid = 0 WHERE c.relnamespace = n.oid AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'f', 'm') ORDER BY type ASC, schema ASC, name ASC",
    ),
    (
        "Metabase",
        "SELECT c.column_name AS name, c.data_type AS database_type, c.ordinal_position - 1 AS database_position, c.table_schema, c.table_name FROM information_schema.columns AS c WHERE c.table_schema !~ '^information_schema|catalog_history|pg_' ORDER BY table_schema, table_name, database_position",
    ),
    (
        "Metabase",
        "SELECT date_trunc('month', CAST(ts AS timestamp)) AS ts, count(*) AS count FROM public.executions GROUP BY date_trunc('month', CAST(ts AS timestamp)) ORDER BY 1",
    ),
    ("DBeaver", "SELECT version()"),
    ("DBeaver", "SELECT current_schema(),session_user"),
    (
        "DBeaver",
        "SELECT db.oid,db.* FROM pg_catalog.pg_database db WHERE datname='slowlake'",
    ),
    (
        "DBeaver",
        "SELECT n.oid,n.*,d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=n.oid AND d.objsubid=0 AND d.classoid='pg_namespace'::regclass ORDER BY nspname",
    ),
    ("DBeaver", "SHOW search_path"),
    (
        "DBeaver",
        "SELECT * FROM pg_catalog.pg_settings where name='standard_conforming_strings'",
    ),
    (
        "pgAdmin",
        "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = current_user",
    ),
    (
        "Power BI",
        "select TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE from INFORMATION_SCHEMA.tables where TABLE_SCHEMA not in ('information_schema', 'pg_catalog') order by TABLE_SCHEMA, TABLE_NAME",
    ),
    (
        "Power BI",
        "select COLUMN_NAME, ORDINAL_POSITION, IS_NULLABLE, DATA_TYPE from INFORMATION_SCHEMA.columns where TABLE_SCHEMA = 'public' and TABLE_NAME = 'executions' order by TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION",
    ),
    (
        "Power BI",
        "select \"$Table\".\"server\" as \"server\", count(1) as \"n\" from \"public\".\"executions\" \"$Table\" group by \"server\" limit 1000",
    ),
];
