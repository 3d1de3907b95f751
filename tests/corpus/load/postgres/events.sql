-- Events of a server that a statement can bring about.
\set ON_ERROR_STOP off
SET lock_timeout = '100ms';
BEGIN;
SELECT owner FROM accounts WHERE id = 5 FOR UPDATE;
\! psql -X -U dba -d billing -c "SET lock_timeout = '300ms'" -c "UPDATE accounts SET balance = 0 WHERE id = 5"
ROLLBACK;
SET statement_timeout = '120ms';
SELECT count(*) FROM generate_series(1, 100000000);
RESET statement_timeout;
SET work_mem = '64kB';
SELECT id, amount FROM invoices ORDER BY amount, id DESC OFFSET 3999;
CREATE TEMP TABLE wide AS SELECT i, md5(i::text) AS hash FROM generate_series(1, 20000) i;
SELECT a.hash FROM wide a JOIN wide b USING (hash) ORDER BY a.hash, b.i OFFSET 19999;
RESET work_mem;
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_analyze = on;
SELECT count(*) FROM invoices WHERE account_id = 3;
SET auto_explain.log_format = 'json';
SELECT owner, sum(amount) FROM accounts JOIN invoices ON account_id = accounts.id GROUP BY 1 ORDER BY 2 LIMIT 3;
SET auto_explain.log_min_duration = -1;
DO $$
BEGIN
    RAISE LOG 'a message of the application:
with a second line	and a tab';
    RAISE WARNING 'a warning' USING HINT = 'nothing to do', DETAIL = 'of a DO block';
END
$$;
SELECT repeat('long ', 400) AS "a result that is long", 'a text of more than one syslog message: lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo consequat. Duis aute irure dolor in reprehenderit in voluptate velit esse cillum dolore eu fugiat nulla pariatur. Excepteur sint occaecat cupidatat non proident, sunt in culpa qui officia deserunt mollit anim id est laborum. Größe, 日本語, 🐘. Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo consequat. Duis aute irure dolor in reprehenderit in voluptate velit esse cillum dolore eu fugiat nulla pariatur.' AS lorem;
SET idle_in_transaction_session_timeout = '150ms';
BEGIN;
\! sleep 0.5
SELECT 'too late';
