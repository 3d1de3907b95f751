-- The second database: invoices and a ledger with few, hot rows.
CREATE TABLE accounts (id int PRIMARY KEY, owner text NOT NULL, balance numeric(12, 2) NOT NULL);
CREATE TABLE invoices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id int NOT NULL REFERENCES accounts,
    amount numeric(12, 2) NOT NULL,
    memo text,
    due date NOT NULL
);
INSERT INTO accounts SELECT i, 'owner ' || i, 10000 FROM generate_series(1, 20) i;
INSERT INTO invoices (account_id, amount, due) SELECT 1 + i % 20, i % 300, date '2026-01-01' + i % 365
FROM generate_series(1, 4000) i;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO shop_app;
ANALYZE;
