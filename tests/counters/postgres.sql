-- What only this comparison needs, beside the corpus's load: every way in which a log line and a call of pg_stat_statements can part.
\set ON_ERROR_STOP off
-- Slow enough that their times are compared.
SELECT pg_sleep(0.021);
SELECT pg_sleep(0.034);
SELECT pg_sleep(0.055);
SELECT count(*) FROM orders a JOIN orders b ON a.customer_id % 97 = b.customer_id % 97 WHERE a.id < 4000;
SELECT count(*) FROM orders a JOIN orders b ON a.customer_id % 97 = b.customer_id % 97 WHERE a.id < 3000;
DO $$ BEGIN PERFORM pg_sleep(0.03); END $$;
CREATE TEMP TABLE sums AS SELECT i, sum(i) OVER (ORDER BY i) FROM generate_series(1, 60000) i;
UPDATE sums SET i = i + 1 WHERE i % 2 = 0;
-- Lists of every length, rows of every number.
SELECT title FROM products WHERE id IN (1);
SELECT title FROM products WHERE id IN (1, 2);
SELECT title FROM products WHERE id IN (3, 4, 5);
SELECT title FROM products WHERE id = ANY (ARRAY[1, 2, 3]);
SELECT title FROM products WHERE id NOT IN (7, 8, 9, 10) LIMIT 3;
INSERT INTO events (kind, payload) VALUES ('one', '{}');
INSERT INTO events (kind, payload) VALUES ('one', '{}'), ('two', '{"a": 1}');
VALUES (1, 'a'), (2, 'b'), (3, NULL);
-- Literals of every kind.
SELECT 1, -1, +1, 1.5, .5, 1e10, 1.5e-3, true, false, NULL, 'text', '', 'it''s', E'a\nb\'c', U&'\0061', B'101', X'1F', $$dollar$$, $q$it's $$ $q$;
SELECT date '2026-01-01', timestamp '2026-01-01 00:00', interval '1 day 2 hours', interval '3' day, 'a'::text, '5'::int + 1, CAST('7' AS int);
SELECT extract(epoch FROM timestamp '2026-01-01'), position('a' IN 'bab'), substring('hello' FROM 2 FOR 3), overlay('abc' PLACING 'x' FROM 2), trim(BOTH 'x' FROM 'xax');
SELECT '{"a": {"b": [1, 2]}}'::jsonb #>> '{a,b,0}', ARRAY[1, 2] || 3, ARRAY[[1, 2], [3, 4]], ROW(1, 'a'), (ARRAY[5, 6])[1], '[1,5)'::int4range;
SELECT CASE WHEN id > 5 THEN 'big' ELSE 'small' END, id BETWEEN 1 AND 9, name LIKE 'C%', name IS NULL, -id, - 3, 5 - 3, id -3 FROM customers WHERE id < 3;
SELECT count(*) FILTER (WHERE state = 'open'), string_agg(DISTINCT state, ', ' ORDER BY state) FROM orders GROUP BY GROUPING SETS ((), (state)) ORDER BY 1 DESC NULLS LAST FETCH FIRST 2 ROWS ONLY;
SELECT id FROM orders ORDER BY id OFFSET 5 LIMIT 3 FOR SHARE SKIP LOCKED;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT sum(i) FROM n;
SELECT "customers"."name", c2."name" AS "Der Name" FROM public."customers", LATERAL (SELECT name FROM customers WHERE id = 2) c2 LIMIT 1;
TABLE sums LIMIT 1;
/* a tag: 'it''s' */ SELECT /* outer /* nested; */ outer */ country -- a tail; with a semicolon
FROM customers
	WHERE id = 7

;
SELECT relname FROM pg_class c, pg_namespace n WHERE n.oid = c.relnamespace AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND relname = any ('{a,b}');
SELECT name AS "select", country collate "C", 1 AS union_ FROM customers WHERE (id, name) IN ((1, 'a'), (2, 'b')) OR id <> ALL (ARRAY[1, 2]) UNION ALL (SELECT 'x', 'y', 2) ORDER BY 1 LIMIT ALL;
SELECT sum(total) OVER w, lag(total, 2, 0) OVER (PARTITION BY customer_id ORDER BY total DESC ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) FROM (SELECT customer_id, count(*) AS total FROM orders GROUP BY 1 HAVING count(*) > 3) t WINDOW w AS (ORDER BY customer_id) LIMIT 3;
-- Several statements in a message, one of which fails; and messages without any.
SELECT min(id) FROM orders WHERE id = 1 \; SELECT min(id) FROM customers \; SELECT 'min; or max', max(id) FROM customers;
SELECT max(id) FROM orders WHERE id = 2 \; SELECT max(id) / 0 FROM orders \; SELECT 'never', max(id) FROM orders;
BEGIN \; INSERT INTO events (kind, payload) VALUES ('multi', '{}') \; COMMIT;
\;
-- Failures: while running, in a transaction, when it ends.
SELECT 1 / (id - 1) FROM customers WHERE id = 1;
BEGIN;
INSERT INTO events (kind, payload) VALUES ('lost', '{}');
SELECT * FROM no_such_table;
SELECT 'not reached';
COMMIT;
CREATE TEMP TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO late VALUES (1), (1);
BEGIN;
INSERT INTO late VALUES (2);
INSERT INTO late VALUES (2);
COMMIT;
-- Statements prepared by SQL.
PREPARE of_state (text) AS SELECT count(*) FROM orders WHERE state = $1 AND id > 5;
EXECUTE of_state('open');
EXECUTE of_state('paid');
EXECUTE of_state('none');
PREPARE put AS INSERT INTO events (kind, payload) VALUES ('prepared', '{}');
EXECUTE put;
DEALLOCATE put;
DEALLOCATE ALL;
-- Cursors, in a transaction and held beyond it.
BEGIN;
DECLARE by_name SCROLL CURSOR WITH HOLD FOR SELECT id, name FROM customers ORDER BY name;
FETCH by_name;
FETCH 10 FROM by_name;
FETCH BACKWARD 2 FROM by_name;
MOVE ABSOLUTE 50 IN by_name;
COMMIT;
FETCH ALL FROM by_name;
CLOSE by_name;
-- Utility statements.
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SAVEPOINT a;
RELEASE a;
SAVEPOINT b;
ROLLBACK TO b;
SET LOCAL work_mem = '5MB';
END;
SET search_path = public;
SET statement_timeout TO '10s';
SHOW search_path;
RESET ALL;
LOCK TABLE orders IN SHARE MODE;
EXPLAIN SELECT * FROM orders WHERE id = 5;
EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM orders WHERE id = 6;
COPY (SELECT id FROM orders WHERE id < 5) TO STDOUT;
COPY events (kind, payload) FROM STDIN;
copied	{"n": 1}
copied	{"n": 2}
\.
CREATE TABLE later (id int, name varchar(20) DEFAULT 'x', price numeric(10, 2));
CREATE INDEX later_name ON later (name) WHERE id > 10;
ALTER TABLE later ADD CHECK (id < 1000);
INSERT INTO later SELECT i, 'n' || i, i / 7.0 FROM generate_series(1, 100) i ON CONFLICT DO NOTHING RETURNING id, name;
UPDATE later SET name = upper(name), price = price * 1.1 WHERE id % 2 = 0 RETURNING *;
DELETE FROM later WHERE id > 90;
CREATE VIEW latest AS SELECT * FROM later WHERE id > 50;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2';
SELECT twice(4), order_total(7);
CALL close_old_orders(interval '30 days');
TRUNCATE later;
ANALYZE later;
VACUUM later;
DROP FUNCTION twice(int);
DROP VIEW latest;
DROP TABLE later;
CREATE TEMP TABLE basket (sku text, quantity int);
INSERT INTO basket VALUES ('SKU-1', 2), ('SKU-2', 1);
MERGE INTO products p USING basket b ON p.sku = b.sku
WHEN MATCHED THEN UPDATE SET stock = p.stock - b.quantity
WHEN NOT MATCHED THEN INSERT (sku, title, price, stock) VALUES (b.sku, 'new', 1.00, 0);
LISTEN prices;
NOTIFY prices, 'now';
UNLISTEN *;
DISCARD ALL;
