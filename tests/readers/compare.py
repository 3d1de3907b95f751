"""Asks the same questions of one lake through several readers and compares their answers with each other and with what is true.

Usage: compare.py BINARY LAKE CORPUS

The readers: the binary's own `sql`; deltalake for Python, which reads the table's log and its files; DuckDB over the files that deltalake
lists as active, because its own extension for such tables would have to be downloaded.
"""
import csv
import json
import pathlib
import subprocess
import sys

import deltalake
import duckdb

# Numbers, times, texts and maps. Every answer is an integer, a name, or nothing.
EXECUTIONS = """
SELECT
    dialect,
    command,
    count(*) AS n_rows,
    sum(query_time_us) AS query_time_us,
    sum(lock_time_us) AS lock_time_us,
    sum(rows_examined) AS rows_examined,
    {first_us} AS first_us,
    {last_us} AS last_us,
    count(end_ts) AS with_end,
    count(DISTINCT fingerprint) AS queries,
    min(fingerprint) AS least_fingerprint,
    count(DISTINCT "user") AS users,
    count(DISTINCT source || '/' || source_offset || '/' || source_seq) AS places,
    sum({length}(statement)) AS characters,
    sum(cardinality(attributes)) AS attributes,
    sum(CASE WHEN full_scan THEN 1 END) AS full_scans
FROM {executions}
GROUP BY dialect, command
ORDER BY dialect, command
"""
LEDGER = """
SELECT server, count(*), sum(bytes_in), sum(bytes_parsed), sum(bytes_rejected), sum(bytes_skipped), sum(entries_query)
FROM {ledger}
GROUP BY server
ORDER BY server
"""
QUERIES = """
SELECT dialect, count(*), count(normalized), sum({length}(normalized)), count(DISTINCT verb), sum(n_tables), sum(calls)
FROM ({queries})
GROUP BY dialect
ORDER BY dialect
"""
QUESTIONS = {"executions": EXECUTIONS, "ledger": LEDGER, "queries": QUERIES}

# The same words in the binary's SQL, where views are, and in DuckDB's, where only the table is.
WORDS_OF_BINARY = {
    "executions": "executions",
    "ledger": "ledger",
    "queries": "SELECT dialect, normalized, verb, cardinality(tables) AS n_tables, calls FROM queries",
    "first_us": "CAST(min(ts) AS BIGINT)",
    "last_us": "CAST(max(ts) AS BIGINT)",
    "length": "character_length",
}
WORDS_OF_DUCKDB = {
    "executions": "events WHERE kind = 'query'",
    "ledger": "events WHERE kind = 'ledger'",
    "queries": "SELECT min(dialect) AS dialect, min(normalized) AS normalized, min(verb) AS verb, max(len(tables)) AS n_tables,"
    " count(*) FILTER (WHERE kind = 'query') AS calls"
    " FROM events WHERE kind IN ('query', 'log') AND fingerprint IS NOT NULL GROUP BY fingerprint",
    "first_us": "epoch_us(min(ts))",
    "last_us": "epoch_us(max(ts))",
    "length": "length",
}


def main() -> None:
    binary, lake, corpus = sys.argv[1:]
    expected = {question: ask_binary(binary, lake, sql.format(**WORDS_OF_BINARY)) for question, sql in QUESTIONS.items()}
    complaints = compare_with_truth(expected["executions"], pathlib.Path(corpus))
    for name, events in (("deltalake", through_deltalake(lake)), ("DuckDB", through_duckdb(lake))):
        for question, sql in QUESTIONS.items():
            found = [tuple(row) for row in events.sql(sql.format(**WORDS_OF_DUCKDB)).fetchall()]
            if found != expected[question]:
                complaints.append(f"{question}: {name} reads\n  {found}\nbut the binary\n  {expected[question]}")
    if complaints:
        sys.exit("\n".join(complaints))
    n_rows = sum(row[2] for row in expected["executions"])
    readers = f"deltalake {deltalake.__version__}, DuckDB {duckdb.__version__}"
    print(f"{n_rows} executions, the same through the binary, {readers}, and as the servers counted them")


def ask_binary(binary: str, lake: str, sql: str) -> list:
    command = [binary, "sql", "--lake", lake, "--output", "csv", "-c", sql]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [tuple(value(cell) for cell in row) for row in list(csv.reader(output.splitlines()))[1:]]


def value(cell: str):
    if cell.removeprefix("-").isdigit():
        return int(cell)
    return cell or None


def through_deltalake(lake: str):
    """The table as deltalake reads it; DuckDB only computes."""
    table = deltalake.DeltaTable(f"{lake}/events").to_pyarrow_dataset().to_table()
    connection = duckdb.connect()
    connection.register("events", table)
    return connection


def through_duckdb(lake: str):
    """The table's active files as DuckDB reads them. A file has only the columns that some row of it needs."""
    connection = duckdb.connect()
    files = ", ".join("'" + uri.replace("'", "''") + "'" for uri in deltalake.DeltaTable(f"{lake}/events").file_uris())
    connection.execute(
        f"CREATE VIEW events AS SELECT * FROM read_parquet([{files}], hive_partitioning = true, union_by_name = true)"
    )
    return connection


def compare_with_truth(executions: list, corpus: pathlib.Path) -> list:
    def truth(path: str) -> dict:
        return json.loads((corpus / path).read_text(encoding="utf-8"))

    def check(what: str, found, true) -> None:
        if found != true:
            complaints.append(f"{what}: the lake has {found}, true is {true}")

    complaints = []
    by = {(dialect, command): numbers for dialect, command, *numbers in executions}
    postgres, mariadb = truth("postgres/15/truth.json"), truth("mariadb/10.11/truth.json")
    commands = postgres["durations_by_command"]
    for command, name in (("query", "statement"), ("execute", "execute"), ("fetch", "execute fetch from")):
        check(f"PostgreSQL, rows of {name}", by["postgres", command][0], commands[name])
    total_us = by["postgres", "query"][1] + by["postgres", "execute"][1]
    check("PostgreSQL, query time in µs", total_us, postgres["total_us"])
    true = [mariadb[key] for key in ("entries", "total_us", "lock_us", "rows_examined")]
    check("MariaDB, rows, query time and lock time in µs, rows examined", by["mysql", "query"][:4], true)
    return complaints


main()
