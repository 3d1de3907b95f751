-- The shop that every server of the lab has: 110 MB, with what its queries need to be quick.
CREATE EXTENSION pg_prewarm;
CREATE TABLE branches (id integer PRIMARY KEY, name text, balance bigint NOT NULL) WITH (fillfactor = 20);
CREATE TABLE accounts (id integer PRIMARY KEY, owner text, balance bigint NOT NULL);
CREATE TABLE customers (id integer PRIMARY KEY, email text UNIQUE, name text);
CREATE TABLE products (id integer PRIMARY KEY, category integer, name text, price integer);
CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer, store_id integer, placed_at timestamptz, total integer);
CREATE TABLE items (order_id integer, product_id integer, quantity integer, price integer);
CREATE TABLE documents (id integer PRIMARY KEY, owner integer, body text);
CREATE TABLE tickets (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id integer, opened_at timestamptz, subject text)
    WITH (autovacuum_enabled = off);
CREATE TABLE visits (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id integer, at timestamptz DEFAULT now());

SELECT setseed(0.5);
INSERT INTO branches SELECT n, 'branch ' || n, 0 FROM generate_series(1, 10) AS n;
INSERT INTO accounts SELECT n, md5(n::text), n FROM generate_series(1, 20000) AS n;
INSERT INTO customers SELECT n, 'c' || n || '@example.org', md5(n::text) FROM generate_series(1, 20000) AS n;
INSERT INTO products SELECT n, n % 100, md5(n::text), random() * 10000 FROM generate_series(1, 5000) AS n;
INSERT INTO orders SELECT n, 1 + random() * 19999, 1 + random() * 999, timestamptz '2025-01-01' + n * interval '1 minute', random() * 10000
    FROM generate_series(1, 60000) AS n;
INSERT INTO items SELECT 1 + random() * 59999, 1 + random() * 4999, 1 + random() * 9, random() * 10000 FROM generate_series(1, 150000);
INSERT INTO documents SELECT n, 1 + random() * 59, (SELECT string_agg(md5((n * i)::text), '') FROM generate_series(1, 58) AS i)
    FROM generate_series(1, 12000) AS n;
INSERT INTO tickets (customer_id, opened_at, subject)
    SELECT 1 + random() * 399, timestamptz '2025-01-01' + n * interval '1 minute', md5(n::text) FROM generate_series(1, 20000) AS n;

CREATE INDEX products_category_idx ON products (category);
CREATE INDEX orders_customer_idx ON orders (customer_id);
CREATE INDEX orders_store_idx ON orders (store_id);
CREATE INDEX items_order_idx ON items (order_id);
CREATE INDEX documents_owner_idx ON documents (owner);
CREATE INDEX tickets_customer_idx ON tickets (customer_id);
CREATE INDEX tickets_opened_idx ON tickets (opened_at);
VACUUM ANALYZE;
