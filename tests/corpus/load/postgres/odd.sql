-- One of everything that a statement's text can hold, as the owner of the shop types it. Errors are part of it.
\set ON_ERROR_STOP off
SELECT 1;
select   count( * )	from customers
	where country in ( 'DE','FR' )
	  and name <> 'O''Reilly'


	  and created_at > timestamp '2020-01-01 00:00:00';
SELECT /* outer /* nested */ still outer */ id FROM orders WHERE id = 42; -- and a tail
SELECT E'tab\there, quote \' and backslash \\', U&'d\0061t\+000061', B'1011', X'1FF', 1.5e-3, .5, -7, 0x1f FROM (SELECT 1) s;
SELECT $$it's dollar-quoted$$, $tag$with $$ inside and a ; semicolon$tag$;
SELECT id FROM customers WHERE name = 'Größe 日本語 🐘' OR email LIKE '%@example.com' ESCAPE '!' LIMIT 3;
SELECT '{"a": [1, 2, {"b": null}]}'::jsonb @> '{"a": [1]}' AS contains, settings ->> 'theme', settings ? 'theme' FROM customers LIMIT 1;
SELECT id FROM products WHERE labels && ARRAY['new', 'sale'] OR id = ANY ('{1,2,3}'::bigint[]);
SELECT id FROM orders WHERE id IN (1);
SELECT id FROM orders WHERE id IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
INSERT INTO events (kind, payload) VALUES ('view', '{"page": 1}'), ('view', '{"page": 2}'), ('click', '{"x": 10, "y": -3.5}');
SELECT "orders"."id" AS "t0_c0", "orders"."state" AS "t0_c1" FROM "orders" WHERE "orders"."state" = 'paid' ORDER BY "orders"."id" ASC LIMIT 11 /*application:Shop,controller:orders,action:index*/;
SELECT 'a literal that pretends to be the log:
2026-01-02 03:04:05.678 UTC [4242] shop_app@shop/web [local] LOG:  duration: 9999.999 ms  statement: SELECT ''forged''
2026-01-02 03:04:05.679 UTC [4242] shop_app@shop/web [local] LOG:  disconnection: session time: 0:00:00.001 user=shop_app database=shop host=[local]
' AS forged;
SELECT 1 \; SELECT 2 AS two \; SELECT 'three; not four' AS three;
SELECT order_total(7), order_total(8);
CALL close_old_orders(interval '20 days');
DO $body$
BEGIN
    RAISE NOTICE 'hello from %', current_user;
    RAISE WARNING 'stock of % is low: % left', 'SKU-1', 3;
END
$body$;
BEGIN;
DECLARE walk CURSOR FOR SELECT id, customer_id FROM orders ORDER BY id;
FETCH 100 FROM walk;
FETCH FORWARD 50 FROM walk;
MOVE 10 IN walk;
CLOSE walk;
COMMIT;
PREPARE by_state (text, int) AS SELECT count(*) FROM orders WHERE state = $1 AND customer_id > $2;
EXECUTE by_state('open', 10);
EXECUTE by_state('paid', 20);
DEALLOCATE by_state;
BEGIN;
SAVEPOINT before_risk;
UPDATE customers SET settings = settings || '{"theme": "dark"}' WHERE id BETWEEN 1 AND 20;
ROLLBACK TO SAVEPOINT before_risk;
RELEASE SAVEPOINT before_risk;
ROLLBACK;
CREATE TEMP TABLE basket (sku text, quantity int) ON COMMIT PRESERVE ROWS;
COPY basket FROM STDIN WITH (FORMAT csv);
SKU-1,2
SKU-2,1
\.
MERGE INTO products p USING basket b ON p.sku = b.sku
WHEN MATCHED THEN UPDATE SET stock = p.stock - b.quantity
WHEN NOT MATCHED THEN INSERT (sku, title, price, stock) VALUES (b.sku, 'new', 1.00, 0);
COPY (SELECT id, email FROM customers WHERE id <= 5) TO STDOUT;
INSERT INTO customers (email, name, country) VALUES ('new@example.com', 'New', 'SE')
    ON CONFLICT (email) DO UPDATE SET name = excluded.name RETURNING id;
DELETE FROM order_items USING orders WHERE orders.id = order_items.order_id AND orders.id = -1;
SET work_mem = '64kB';
SELECT md5(i::text) AS hash, i FROM generate_series(1, 40000) i ORDER BY 1 LIMIT 1 OFFSET 39999;
RESET work_mem;
SELECT pg_sleep(0.35);
SELECT pg_sleep(1.05), 'a second and more';
EXPLAIN (ANALYZE, COSTS OFF) SELECT count(*) FROM orders WHERE state = 'open';
SHOW work_mem;
LISTEN price_changes;
NOTIFY price_changes, 'SKU-1: 9.99';
CREATE INDEX CONCURRENTLY orders_note ON orders (note) WHERE note IS NOT NULL;
ALTER TABLE orders ADD COLUMN channel text DEFAULT 'web';
COMMENT ON COLUMN orders.channel IS 'web, app or shop; it''s free text';
VACUUM (ANALYZE) orders;
CREATE ROLE nightly LOGIN PASSWORD 'correct horse battery staple';
DROP ROLE nightly;
SELECT 1 / 0;
SELEKT * FROM orders;
SELECT * FROM no_such_table WHERE id = 5;
INSERT INTO customers (email, name, country) VALUES ('customer1@example.com', 'Twin', 'DE');
INSERT INTO orders (customer_id) VALUES (999999999);
SELECT 'unterminated;
';
SET statement_timeout = '150ms';
SELECT pg_sleep(5), 'cancelled by its time limit';
RESET statement_timeout;
SELECT pg_terminate_backend(pg_backend_pid());
