-- The web shop's tables and a month of history, and a small second database. Made before recording begins.
CREATE DATABASE shop CHARACTER SET utf8mb4;
CREATE DATABASE billing CHARACTER SET utf8mb4;
CREATE USER shop_app@localhost, reporting@localhost, dba@localhost;
GRANT ALL ON shop.* TO shop_app@localhost;
GRANT ALL ON billing.* TO shop_app@localhost;
GRANT SELECT ON shop.* TO reporting@localhost;
GRANT ALL ON *.* TO dba@localhost;
USE shop;
CREATE TABLE customers (id BIGINT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(200) NOT NULL UNIQUE, name VARCHAR(200) NOT NULL,
    country CHAR(2) NOT NULL, settings JSON, created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE products (id BIGINT AUTO_INCREMENT PRIMARY KEY, sku VARCHAR(40) NOT NULL UNIQUE, title VARCHAR(200) NOT NULL,
    price DECIMAL(10, 2) NOT NULL, stock INT NOT NULL);
CREATE TABLE orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, customer_id BIGINT NOT NULL, state VARCHAR(10) NOT NULL DEFAULT 'open',
    note TEXT, placed_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, KEY (customer_id, placed_at));
CREATE TABLE order_items (order_id BIGINT NOT NULL, product_id BIGINT NOT NULL, quantity INT NOT NULL, price DECIMAL(10, 2) NOT NULL,
    PRIMARY KEY (order_id, product_id));
CREATE TABLE files (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(200), body BLOB);
INSERT INTO customers (email, name, country)
SELECT CONCAT('customer', seq, '@example.com'), CONCAT('Customer ', seq), ELT(1 + seq % 4, 'DE', 'FR', 'JP', 'US') FROM seq_1_to_2000;
INSERT INTO products (sku, title, price, stock)
SELECT CONCAT('SKU-', seq), CONCAT('Product ', seq), 1.99 + seq % 97, 1000000 FROM seq_1_to_500;
INSERT INTO orders (customer_id, state, placed_at)
SELECT 1 + seq % 2000, ELT(1 + seq % 3, 'open', 'paid', 'sent'), NOW() - INTERVAL seq * 5 MINUTE FROM seq_1_to_8000;
INSERT IGNORE INTO order_items SELECT 1 + seq DIV 3, 1 + seq * 7 % 500, 1 + seq % 4, 9.99 FROM seq_0_to_23999;
CREATE TABLE billing.accounts (id INT PRIMARY KEY, owner VARCHAR(100) NOT NULL, balance DECIMAL(12, 2) NOT NULL);
INSERT INTO billing.accounts SELECT seq, CONCAT('owner ', seq), 10000 FROM seq_1_to_20;
CREATE TABLE billing.invoices (id BIGINT AUTO_INCREMENT PRIMARY KEY, account_id INT NOT NULL, amount DECIMAL(12, 2) NOT NULL, memo TEXT);
DELIMITER //
CREATE PROCEDURE close_old_orders(IN days INT)
BEGIN
    DECLARE touched INT DEFAULT 0;
    UPDATE orders SET state = 'closed' WHERE state = 'sent' AND placed_at < NOW() - INTERVAL days DAY;
    SET touched = ROW_COUNT();
    SELECT touched, COUNT(*) FROM orders WHERE state = 'closed';
END //
CREATE FUNCTION order_total(wanted BIGINT) RETURNS DECIMAL(12, 2) READS SQL DATA
RETURN (SELECT COALESCE(SUM(quantity * price), 0) FROM order_items WHERE order_id = wanted) //
DELIMITER ;
ANALYZE TABLE customers, products, orders, order_items;
