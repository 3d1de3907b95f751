CREATE ROLE replicator LOGIN REPLICATION PASSWORD 'demo-not-secret';
CREATE ROLE slowlake LOGIN PASSWORD 'demo-not-secret';
GRANT pg_monitor TO slowlake;
CREATE EXTENSION pg_stat_statements;
CREATE DATABASE shop;
