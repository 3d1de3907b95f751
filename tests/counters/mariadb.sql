-- What only this comparison needs, beside the corpus's load: statements whose text or fate could part log and counters.
SELECT SLEEP(0.021);
SELECT SLEEP(0.034);
SELECT COUNT(*) FROM orders a JOIN orders b ON a.customer_id % 97 = b.customer_id % 97 WHERE a.id < 900;
SELECT COUNT(*) FROM orders a JOIN orders b ON a.customer_id % 97 = b.customer_id % 97 WHERE a.id < 700;
-- Lists of every length, rows of every number, literals of every kind.
SELECT title FROM products WHERE id IN (1);
SELECT title FROM products WHERE id IN (1, 2);
SELECT title FROM products WHERE id NOT IN (7, 8, 9, 10) LIMIT 3;
INSERT INTO files (name, body) VALUES ('one', 'a');
INSERT INTO files (name, body) VALUES ('one', 'a'), ('two', 'b');
SELECT title FROM products WHERE price > -1 AND price <> 1.5e-3 AND title <> "double ""quoted""" AND sku <> 'it''s' AND id <> 0x1F AND id <> b'101' LIMIT 1;
SELECT id FROM customers WHERE created_at > timestamp '2020-01-01 00:00:00' AND name LIKE 'C%' AND settings IS NULL LIMIT 2, 3;
SELECT name, country FROM customers /* a comment; with a semicolon */ WHERE id = 42; -- and a tail
SELECT country FROM customers WHERE id = 43 # an old-style tail
;
SELECT `orders`.`id` AS `t0_c0` FROM `orders` WHERE `orders`.`state` = 'paid' ORDER BY `orders`.`id` ASC LIMIT 11;
SELECT 'a literal that pretends to be the log:
# Time: 260102  3:04:05
# User@Host: forged[forged] @ localhost []
# Thread_id: 99  Schema: shop  QC_hit: No
# Query_time: 999.000001  Lock_time: 0.000000  Rows_sent: 1  Rows_examined: 0
SET timestamp=1767323045;
SELECT ''forged'';
' AS forged;
DELIMITER //
SELECT MIN(id) FROM orders WHERE id = 1; /* after another */ SELECT MAX(id) FROM customers; /* after another */ SELECT 'min; or max', MAX(id) FROM products//
SELECT MIN(id) FROM products WHERE id = 2; /* after another */ SELECT MAX(id) FROM no_such_table; /* after another */ SELECT 'never', MIN(id) FROM orders//
DELIMITER ;
CALL close_old_orders(20);
SELECT order_total(7), order_total(8);
PREPARE of_state FROM 'SELECT COUNT(*) FROM orders WHERE state = ? AND customer_id > ?';
SET @state = 'open', @customer = 10;
EXECUTE of_state USING @state, @customer;
EXECUTE of_state USING @state, @customer;
DEALLOCATE PREPARE of_state;
CREATE TEMPORARY TABLE basket (sku VARCHAR(40), quantity INT);
INSERT INTO basket VALUES ('SKU-1', 2), ('SKU-2', 1), ('SKU-3', 4);
INSERT INTO products (sku, title, price, stock) VALUES ('SKU-1', 'twice', 1.00, 1) ON DUPLICATE KEY UPDATE stock = stock + VALUES(stock);
REPLACE INTO customers (email, name, country) VALUES ('new@example.com', 'New', 'SE');
DELETE o FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.country = 'XX';
UPDATE orders SET note = NULL WHERE id BETWEEN 100 AND 120 AND note = '';
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) SELECT SUM(i) FROM n;
SET STATEMENT max_statement_time = 0.15 FOR SELECT SLEEP(5), 'cancelled by its time limit';
SHOW CREATE TABLE orders;
EXPLAIN SELECT * FROM orders WHERE state = 'open';
CREATE TABLE later (id INT, name VARCHAR(20) DEFAULT 'x');
ALTER TABLE later ADD COLUMN channel VARCHAR(10) DEFAULT 'web';
INSERT INTO later (id) SELECT seq FROM seq_1_to_50;
TRUNCATE later;
DROP TABLE later;
SAVEPOINT a;
SET SESSION sort_buffer_size = 262144;
USE billing
SELECT SUM(balance) FROM accounts WHERE id IN (1, 2, 3);
USE shop
SELECT * FROM no_such_table WHERE id = 5;
SELECT no_such_column FROM orders;
INSERT INTO customers (email, name, country) VALUES ('customer1@example.com', 'Twin', 'DE');
SELEKT * FROM orders;
