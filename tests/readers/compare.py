"""Asks the same questions of one lake through several readers and compares their answers with each other and with what is true.

Usage: compare.py BINARY LAKE CORPUS

The readers: the binary's own `sql`; deltalake for Python, which reads a table's log and its files; DuckDB over the files that deltalake
lists as active, because its own extension for such tables would have to be downloaded; Spark with Delta's own reader, where there is Java.
What is not to be had is said and left out.
"""
import csv
import json
import os
import pathlib
import shutil
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
# A percentile of each server: the binary's from rows, the others' from the histograms of `rollup_hour`, merged by plain SQL.
PERCENTILES_OF_ROWS = """
SELECT server, count(query_time_us), latency_percentile(query_time_us, 0.95)
FROM executions
WHERE query_time_us IS NOT NULL
GROUP BY server
ORDER BY server
"""
PERCENTILES_OF_HISTOGRAMS = """
WITH bins AS (
    SELECT server, b.bin AS bin, sum(b.calls) AS calls
    FROM (SELECT server, {unnest}(latency) AS b FROM rollup_hour) AS unnested
    GROUP BY server, b.bin
),
ranks AS (
    SELECT
        server,
        bin,
        sum(calls) OVER (PARTITION BY server ORDER BY bin) AS up_to,
        sum(calls) OVER (PARTITION BY server) AS of_all
    FROM bins
)
SELECT
    server,
    CAST(max(of_all) AS BIGINT),
    CASE WHEN min(bin) < 0 THEN 0 ELSE CAST(round(0.99e0 * power(1.01e0 / 0.99e0, min(bin))) AS BIGINT) END
FROM ranks
WHERE up_to >= 0.95 * of_all
GROUP BY server
ORDER BY server
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
    "unnest": "unnest",
}
# And in Spark's.
WORDS_OF_SPARK = {
    **WORDS_OF_DUCKDB,
    "queries": WORDS_OF_DUCKDB["queries"].replace("len(", "cardinality("),
    "first_us": "unix_micros(min(ts))",
    "last_us": "unix_micros(max(ts))",
    "unnest": "explode",
}


def main() -> None:
    binary, lake, corpus = sys.argv[1:]
    expected = {question: ask_binary(binary, lake, sql.format(**WORDS_OF_BINARY)) for question, sql in QUESTIONS.items()}
    complaints = compare_with_truth(expected["executions"], pathlib.Path(corpus))
    questions = dict(QUESTIONS)
    tables = [name for name in ("events", "rollup_hour") if (pathlib.Path(lake) / name).is_dir()]
    if "rollup_hour" in tables:
        expected["percentiles"] = ask_binary(binary, lake, PERCENTILES_OF_ROWS)
        questions["percentiles"] = PERCENTILES_OF_HISTOGRAMS
    else:
        print("SKIPPED: the lake keeps no rollup_hour, so no percentile is read from it")
    readers = []
    for kind in (Deltalake, DuckDb, Spark):
        try:
            reader = kind(lake, tables)
        except Missing as missing:
            print(f"SKIPPED: {kind.__name__} is not to be had here: {missing}")
            continue
        readers.append(f"{kind.__name__} {reader.version}")
        for question, sql in questions.items():
            found = reader.rows(sql.format(**reader.words))
            if found != expected[question]:
                complaints.append(f"{question}: {kind.__name__} reads\n  {found}\nbut the binary\n  {expected[question]}")
    if complaints:
        sys.exit("\n".join(complaints))
    n_rows = sum(row[2] for row in expected["executions"])
    answers = ", ".join(questions)
    print(f"{n_rows} executions, the same through the binary, {', '.join(readers)} ({answers}), and as the servers counted them")


def ask_binary(binary: str, lake: str, sql: str) -> list:
    command = [binary, "sql", "--lake", lake, "--output", "csv", "-c", sql]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [tuple(value(cell) for cell in row) for row in list(csv.reader(output.splitlines()))[1:]]


def value(cell: str):
    if cell.removeprefix("-").isdigit():
        return int(cell)
    return cell or None


class Missing(Exception):
    """A reader is not to be had here, and why."""


class Deltalake:
    """The tables as deltalake reads them; DuckDB only computes."""

    version = deltalake.__version__
    words = WORDS_OF_DUCKDB

    def __init__(self, lake: str, tables: list):
        self.connection = duckdb.connect()
        for table in tables:
            rows = deltalake.DeltaTable(f"{lake}/{table}").to_pyarrow_dataset().to_table()
            self.connection.register(table, rows)

    def rows(self, sql: str) -> list:
        return [tuple(row) for row in self.connection.sql(sql).fetchall()]


class DuckDb:
    """The tables' active files as DuckDB reads them. A file has only the columns that some row of it needs."""

    version = duckdb.__version__
    words = WORDS_OF_DUCKDB

    def __init__(self, lake: str, tables: list):
        self.connection = duckdb.connect()
        for table in tables:
            uris = deltalake.DeltaTable(f"{lake}/{table}").file_uris()
            files = ", ".join("'" + uri.replace("'", "''") + "'" for uri in uris)
            parquet = f"read_parquet([{files}], hive_partitioning = true, union_by_name = true)"
            self.connection.execute(f"CREATE VIEW {table} AS SELECT * FROM {parquet}")

    def rows(self, sql: str) -> list:
        return [tuple(row) for row in self.connection.sql(sql).fetchall()]


class Spark:
    """The tables as Spark reads them with Delta's own reader. Needs Java, and fetches the jars of Delta from Maven."""

    words = WORDS_OF_SPARK

    def __init__(self, lake: str, tables: list):
        if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
            raise Missing("there is no java")
        try:
            import delta
            import pyspark
        except ImportError as error:
            raise Missing(error) from error
        builder = pyspark.sql.SparkSession.builder.master("local[2]").config(map=SETTINGS_OF_SPARK)
        try:
            self.session = delta.configure_spark_with_delta_pip(builder).getOrCreate()
        except Exception as error:
            raise Missing(f"{error}".strip().splitlines()[0]) from error
        self.version = pyspark.__version__
        for table in tables:
            self.session.read.format("delta").load(f"{lake}/{table}").createOrReplaceTempView(table)

    def rows(self, sql: str) -> list:
        return [tuple(row) for row in self.session.sql(sql).collect()]


SETTINGS_OF_SPARK = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # The tables are small: no task of a job should have nothing to do.
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}


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
