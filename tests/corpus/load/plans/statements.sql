-- One statement after each application name, which becomes the name of its files. Literals with the word `secret` must never be seen in a
-- shape; forged plan lines name a table `forged`.
SET max_parallel_workers_per_gather = 0;
SET jit = off;

SET application_name = 'hash_join';
SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.note <> 'secret 1' ORDER BY c.name, o.id LIMIT 5;

SET application_name = 'parallel';
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT customer_id, count(*) FROM orders WHERE total > 10 GROUP BY customer_id ORDER BY customer_id;
SET application_name = 'parallel_join';
SET enable_mergejoin = off;
SET enable_nestloop = off;
SELECT count(*) FROM orders o LEFT JOIN orders p ON p.total = o.id WHERE o.note <> 'secret';
RESET enable_mergejoin;
RESET enable_nestloop;
SET max_parallel_workers_per_gather = 0;

SET application_name = 'cte';
WITH recent AS MATERIALIZED (SELECT * FROM orders WHERE id > 5000)
SELECT a.id, (SELECT max(name) FROM customers k WHERE k.id > a.id) AS later
FROM recent a JOIN recent b ON b.id = a.id + 1 WHERE a.total > (SELECT avg(total) FROM orders WHERE note <> 'secret') LIMIT 20;

SET application_name = 'recursive';
WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 50) SELECT sum(n) FROM t;

SET application_name = 'backward';
SELECT "it's" FROM "Odd Table" AS "an ""alias""" ORDER BY id DESC LIMIT 3;
SET application_name = 'odd_names';
SET enable_seqscan = off;
SELECT "it's" FROM "Odd Table" WHERE "it's" = 'value 7' AND id > 0;
RESET enable_seqscan;

SET application_name = 'bitmap';
SELECT * FROM orders WHERE customer_id IN (3, 4) OR total = 500;

SET application_name = 'insert';
INSERT INTO orders SELECT 10000 + i, i, i, 'secret' FROM generate_series(1, 20) AS g(i);
SET application_name = 'update_partitions';
UPDATE readings SET value = value + 1 WHERE day IN (3, 13);
SET application_name = 'delete_returning';
WITH gone AS (DELETE FROM orders WHERE id > 9999 RETURNING id) INSERT INTO log SELECT id, 'secret' FROM gone;

SET application_name = 'newline';
SELECT count(*) FROM orders -- it's a comment
WHERE note <> 'secret
Seq Scan on forged  (cost=0.00..1.00 rows=1 width=4)
Query Parameters: $1 = ''forged''
  ->  Seq Scan on forged  (cost=0.00..1.00 rows=1 width=4)
        Filter: (x = 1)
  Buffers: shared hit=999999
' AND note <> $x$secret it's
$x$ /* it's
Seq Scan on forged  (cost=0.00..1.00 rows=1 width=4)
*/ AND total <> E'1\n2'::text::varchar::char(1)::int;

SET application_name = 'partitions';
SET enable_partition_pruning = off;
SELECT max(value), day FROM readings WHERE day < 15 GROUP BY day;
RESET enable_partition_pruning;

SET application_name = 'set_operations';
SELECT id FROM orders WHERE id < 100 EXCEPT ALL SELECT x FROM (VALUES (1), (2), (3)) AS v(x);
SET application_name = 'functions';
SELECT * FROM generate_series(1, 3) AS g, ROWS FROM (pair(1), generate_series(1, 2)) AS two(a, b), pg_backend_pid(), pair(3);
SET application_name = 'xml';
SELECT x.* FROM xmltable('/a/b' PASSING '<a><b>1 &lt; 2</b></a>' COLUMNS b text PATH '.') AS x;
SET application_name = 'sample_and_tid';
SELECT (SELECT count(*) FROM orders TABLESAMPLE SYSTEM (10) REPEATABLE (1)), (SELECT id FROM orders WHERE ctid = '(0,1)');

SET application_name = 'never_executed';
SELECT * FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = -1;
SET application_name = 'one_time_filter';
SELECT * FROM orders WHERE current_setting('application_name') = 'secret';

SET application_name = 'semi_join';
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT count(*) FROM customers c WHERE EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id);
SET application_name = 'not_in';
SELECT count(*) FROM customers WHERE id NOT IN (SELECT customer_id FROM orders WHERE note <> 'secret');
RESET enable_hashjoin;
RESET enable_mergejoin;
SET application_name = 'anti_join';
SELECT count(*) FROM customers c WHERE NOT EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id);
SET application_name = 'full_join';
SET enable_hashjoin = off;
SELECT count(*) FROM customers c FULL JOIN orders o ON o.id = c.id;
RESET enable_hashjoin;

SET application_name = 'windows';
SELECT id, rank() OVER (PARTITION BY customer_id ORDER BY total) FROM orders WHERE id < 50;
SET application_name = 'grouping_sets';
SELECT customer_id, total, count(*) FROM orders WHERE id < 200 GROUP BY GROUPING SETS ((customer_id), (total), ());
SET application_name = 'distinct';
SELECT DISTINCT total FROM orders;
SET application_name = 'incremental_sort';
SELECT id, customer_id, total FROM orders ORDER BY customer_id, total LIMIT 10;

SET application_name = 'spill';
SET work_mem = '64kB';
SELECT note FROM orders ORDER BY note;
RESET work_mem;

SET application_name = 'jit';
SET jit = on;
SET jit_above_cost = 0;
SELECT sum(total + 1) FROM orders;
SET jit = off;

SET application_name = 'parameters';
SET plan_cache_mode = force_generic_plan;
PREPARE by_customer(int, text) AS SELECT count(*) FROM orders WHERE customer_id = $1 AND note <> $2;
EXECUTE by_customer(7, 'secret
it''s');
RESET plan_cache_mode;

SET application_name = 'not_analyzed';
SET auto_explain.log_analyze = off;
SET auto_verbose.log_analyze = off;
SET auto_json_fm.log_analyze = off;
SET auto_yaml_fm.log_analyze = off;
SET auto_xml_fmt.log_analyze = off;
SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.total < 5;
