-- The web shop's tables and a month of history, small enough to be made in a second. Made before recording begins.
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    name text NOT NULL,
    country char(2) NOT NULL,
    settings jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE products (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku text NOT NULL UNIQUE,
    title text NOT NULL,
    price numeric(10, 2) NOT NULL,
    stock int NOT NULL,
    labels text[] NOT NULL DEFAULT '{}'
);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    state text NOT NULL DEFAULT 'open',
    note text,
    placed_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE order_items (
    order_id bigint NOT NULL REFERENCES orders,
    product_id bigint NOT NULL REFERENCES products,
    quantity int NOT NULL,
    price numeric(10, 2) NOT NULL,
    PRIMARY KEY (order_id, product_id)
);
CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT now(),
    kind text NOT NULL,
    payload jsonb NOT NULL
);
INSERT INTO customers (email, name, country)
SELECT 'customer' || i || '@example.com', 'Customer ' || i, (ARRAY['DE', 'FR', 'JP', 'US'])[1 + i % 4]
FROM generate_series(1, 2000) i;
INSERT INTO products (sku, title, price, stock)
SELECT 'SKU-' || i, 'Product ' || i, 1 + i % 97 + 0.99, 1000000 FROM generate_series(1, 500) i;
INSERT INTO orders (customer_id, state, placed_at)
SELECT 1 + i % 2000, (ARRAY['open', 'paid', 'sent'])[1 + i % 3], now() - i * interval '5 minutes'
FROM generate_series(1, 8000) i;
INSERT INTO order_items SELECT 1 + i / 3, 1 + i * 7 % 500, 1 + i % 4, 9.99 FROM generate_series(0, 23999) i
ON CONFLICT DO NOTHING;
CREATE INDEX ON orders (customer_id, placed_at);
CREATE INDEX ON orders (state) WHERE state = 'open';
CREATE FUNCTION order_total(wanted bigint) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
DECLARE
    total numeric;
BEGIN
    -- one nested statement per call: it must not appear in a log of top-level statements
    SELECT sum(quantity * price) INTO total FROM order_items WHERE order_id = wanted;
    RETURN coalesce(total, 0);
END
$$;
CREATE PROCEDURE close_old_orders(older_than interval) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE orders SET state = 'closed' WHERE state = 'sent' AND placed_at < now() - older_than;
    COMMIT;
END
$$;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO shop_app;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reporting;
ANALYZE;
