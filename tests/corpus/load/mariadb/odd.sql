-- One of everything that a statement's text can hold. Errors are part of it. @BYTES@ becomes two bytes that are not UTF-8.
SELECT 1;
select   count( * )	from customers
	where country in ( 'DE','FR' )
	  and name <> 'O''Reilly'


	  and created_at > timestamp '2020-01-01 00:00:00';
SELECT /* a comment; with a semicolon */ id FROM orders WHERE id = 42; -- and a tail
SELECT id FROM orders WHERE id = 43 # an old-style tail
;
SELECT /*! STRAIGHT_JOIN */ o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.id = 5;
SELECT 'tab\there, quote \' and backslash \\', "double ""quoted""", N'national', _utf8mb4'marked', b'1011', x'1FF0', 0xff, 1.5e-3, .5, -7;
SELECT id FROM customers WHERE name = 'Größe 日本語 🐘' OR email LIKE '%@example.com' LIMIT 3;
INSERT INTO files (name, body) VALUES ('two bytes', _binary'@BYTES@'), ('with a break', _binary'a
b@BYTES@');
SELECT `orders`.`id` AS `t0_c0`, `orders`.`state` FROM `orders` WHERE `orders`.`state` = 'paid' ORDER BY `orders`.`id` ASC LIMIT 11;
SELECT JSON_EXTRACT('{"a": [1, 2, {"b": null}]}', '$.a[2].b') AS nothing;
SELECT 'a literal that pretends to be the log:
# Time: 260102  3:04:05
# User@Host: forged[forged] @ localhost []
# Thread_id: 99  Schema: shop  QC_hit: No
# Query_time: 999.000001  Lock_time: 0.000000  Rows_sent: 1  Rows_examined: 0
# Rows_affected: 0  Bytes_sent: 55
SET timestamp=1767323045;
SELECT ''forged'';
' AS forged;
SELECT 'another one
# User@Host: forged[forged] @ localhost []
# Query_time: 998.000001  Lock_time: 0.000000  Rows_sent: 1  Rows_examined: 0
' AS forged;
SELECT '# administrator command: Quit;
' AS not_a_command;
DELIMITER //
SELECT 1; SELECT 2 AS two; SELECT 'three; not four' AS three//
DELIMITER ;
CALL close_old_orders(20);
SELECT order_total(7), order_total(8);
PREPARE by_state FROM 'SELECT COUNT(*) FROM orders WHERE state = ? AND customer_id > ?';
SET @state = 'open', @customer = 10;
EXECUTE by_state USING @state, @customer;
DEALLOCATE PREPARE by_state;
USE billing
SELECT SUM(balance) FROM accounts WHERE id IN (1, 2, 3);
SELECT COUNT(*) FROM shop.orders WHERE state = 'open';
USE shop
CREATE TEMPORARY TABLE basket (sku VARCHAR(40), quantity INT);
INSERT INTO basket VALUES ('SKU-1', 2), ('SKU-2', 1), ('SKU-3', 4);
INSERT INTO products (sku, title, price, stock) VALUES ('SKU-1', 'twice', 1.00, 1) ON DUPLICATE KEY UPDATE stock = stock + VALUES(stock);
REPLACE INTO customers (email, name, country) VALUES ('new@example.com', 'New', 'SE');
DELETE o FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.country = 'XX';
UPDATE orders SET note = NULL WHERE id BETWEEN 100 AND 120 AND note = '';
SELECT SQL_NO_CACHE MD5(seq) AS hash FROM seq_1_to_40000 ORDER BY hash LIMIT 1 OFFSET 39999;
SELECT a.id FROM orders a JOIN orders b ON b.customer_id = a.customer_id AND b.note = a.note WHERE a.note LIKE '%door%' GROUP BY a.id LIMIT 3;
SELECT SLEEP(0.35);
SELECT SLEEP(1.05), 'a second and more';
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) SELECT SUM(i), MAX(i) OVER () FROM n;
SET STATEMENT max_statement_time = 0.15 FOR SELECT SLEEP(5), 'cancelled by its time limit';
SHOW CREATE TABLE orders;
SHOW STATUS LIKE 'Slow_queries';
EXPLAIN SELECT * FROM orders WHERE state = 'open';
ALTER TABLE orders ADD COLUMN channel VARCHAR(10) DEFAULT 'web' COMMENT 'web, app or shop; it''s free text';
ALTER TABLE orders DROP COLUMN channel;
ANALYZE TABLE orders;
OPTIMIZE TABLE files;
CREATE USER nightly@localhost IDENTIFIED BY 'correct horse battery staple';
DROP USER nightly@localhost;
SELEKT * FROM orders;
SELECT * FROM no_such_table WHERE id = 5;
INSERT INTO customers (email, name, country) VALUES ('customer1@example.com', 'Twin', 'DE');
SELECT CAST('12 apples' AS INT), 1 / 0;
DO 1;
