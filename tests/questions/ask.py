"""Asks slowlake, DuckDB and ClickHouse the ten questions over the same files of one lake, and compares their answers and their times.

Usage: ask.py BINARY LAKE TRUTH [--runs N] [--only QUESTION] [--without ENGINE]

TRUTH is what the maker of the lake printed. Every engine answers each question once to warm up and then N times [3]; the best counts.
Time is from the question to the last row of the answer: no process start, no opening of the lake. All engines read the active files of
`events` and nothing else; slowlake reads what the lake keeps of derived tables too.

Where an engine has no function that gives the same answer, it is asked in plain SQL (QUESTION.ENGINE.sql), which counts. Its own function
for something like it (QUESTION.ENGINE.own.sql) is timed beside it.

Exit status 1: an answer is not true, or a time is over the bar (geometric mean at most DuckDB's, no question more than twice).
"""
import argparse
import csv
import datetime
import decimal
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import deltalake

HERE = pathlib.Path(__file__).resolve().parent
QUESTIONS = [
    "top_by_total_time",
    "p95_by_server_and_hour",
    "history_of_one_query",
    "new_queries_this_week",
    "error_rate",
    "slowest_of_a_rare_application",
    "text_of_one_execution",
    "lag_by_replica",
    "queries_by_server",
    "week_over_week",
]
# The views of the lake that questions ask, as other engines have to be told of them.
VIEWS = {
    "executions": "SELECT * FROM events WHERE kind = 'query'",
    "metrics": "SELECT *, event AS metric FROM events WHERE kind = 'metric'",
    "queries": """
        SELECT fingerprint, min(ts) AS first_seen, count(*) AS calls
        FROM events WHERE kind = 'query' AND fingerprint IS NOT NULL GROUP BY fingerprint""",
}
UNITS = {"s": 1, "ms": 1e-3, "µs": 1e-6}
MEAN_MAX = 1.0
WORST_MAX = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Asks three engines the same questions of one lake.")
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("lake", type=pathlib.Path)
    parser.add_argument("truth", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", action="append", help="a question, may be given several times")
    parser.add_argument("--without", action="append", default=[], help="an engine to leave out")
    arguments = parser.parse_args()
    truth = json.loads(arguments.truth.read_text(encoding="utf-8"))
    kinds = {"slowlake": Slowlake, "DuckDB": DuckDb, "ClickHouse": ClickHouse}
    engines = {}
    for name, kind in kinds.items():
        if name in arguments.without:
            continue
        try:
            engines[name] = kind(arguments)
        except ImportError as error:
            print(f"{name} is left out: {error}")
    times, own, complaints = ask_all(engines, truth, arguments)
    complaints += report(times, own, list(engines))
    if complaints:
        sys.exit("\n".join(complaints))


def ask_all(engines: dict, truth: dict, arguments) -> tuple:
    times, own, complaints = {}, {}, []
    for question in arguments.only or QUESTIONS:
        times[question], answers = {}, {}
        for name, engine in engines.items():
            sql = text_of(question, engine.dialect, truth["parameters"])
            columns, rows, times[question][name] = engine.ask(sql, arguments.runs)
            answers[name] = [tuple(plain(cell) for cell in row) for row in rows]
            complaints += compare(question, name, columns, answers[name], truth["answers"][question])
            path = HERE / f"{question}.{engine.dialect}.own.sql"
            if path.exists():
                own[question, name] = min(engine.ask(path.read_text(encoding="utf-8"), arguments.runs)[2])
        first, expected = next(iter(answers.items()))
        for name, found in answers.items():
            if found != expected:
                complaints.append(f"{question}: {name} and {first} differ: {difference(found, expected)}")
    return times, own, complaints


def text_of(question: str, dialect: str, parameters: dict) -> str:
    own = HERE / f"{question}.{dialect}.sql"
    text = (own if own.exists() else HERE / f"{question}.sql").read_text(encoding="utf-8")
    return re.sub(r"\{(\w+)\}", lambda found: str(parameters[found[1]]), text)


def plain(cell):
    """A cell as an integer, a text or None, whatever the engine made of it; times as texts."""
    if isinstance(cell, datetime.datetime):
        if cell.tzinfo is not None:
            cell = cell.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return cell.isoformat(" ", "microseconds")
    if isinstance(cell, datetime.date):
        return cell.isoformat()
    if isinstance(cell, decimal.Decimal):
        return int(cell)
    if not isinstance(cell, str):
        return cell
    if re.fullmatch(r"-?\d+", cell):
        return int(cell)
    if re.fullmatch(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00(:00)?)?", cell):
        return plain(datetime.datetime.fromisoformat(cell))
    return cell or None


def compare(question: str, engine: str, columns: list, rows: list, true: dict) -> list:
    found = {"rows": len(rows)}
    for name in true.keys() - found.keys():
        index = columns.index(name)
        found[name] = sum(row[index] for row in rows)
    return [] if found == true else [f"{question}: {engine} finds {found}, true is {true}"]


def difference(found: list, expected: list) -> str:
    if len(found) != len(expected):
        return f"{len(found)} rows, not {len(expected)}"
    return next(f"{a} is not {b}" for a, b in zip(found, expected) if a != b)


def report(times: dict, own: dict, engines: list) -> list:
    best = {question: {name: min(of[name]) for name in engines} for question, of in times.items()}
    print(f"{'seconds, best of each':32}" + "".join(f"{name:>12}" for name in engines) + f"{'to DuckDB':>12}{'to ClickHouse':>15}")
    ratios = {rival: [] for rival in ("DuckDB", "ClickHouse")}
    ratios_to_own = {rival: [] for rival in ratios}
    complaints = []
    for question, of in best.items():
        line = f"{question:32}" + "".join(f"{of[name]:12.3f}" for name in engines)
        for rival, width in (("DuckDB", 12), ("ClickHouse", 15)):
            if rival in of and "slowlake" in of:
                ratio = of["slowlake"] / of[rival]
                ratios[rival].append(ratio)
                ratios_to_own[rival].append(of["slowlake"] / own.get((question, rival), of[rival]))
                line += f"{ratio:{width}.2f}"
                if rival == "DuckDB" and ratio > WORST_MAX:
                    complaints.append(f"{question} takes {ratio:.2f} times as long as in DuckDB, over the bar of {WORST_MAX}")
        print(line)
    for (question, name), seconds in own.items():
        print(f"{question}: {name}'s own function takes {seconds:.3f} s")
    for rival, of in ratios.items():
        if of:
            mean = math.exp(sum(map(math.log, of)) / len(of))
            mean_to_own = math.exp(sum(map(math.log, ratios_to_own[rival])) / len(of))
            print(f"geometric mean of the ratios to {rival}: {mean:.2f}, to its own functions {mean_to_own:.2f}")
            if rival == "DuckDB" and mean > MEAN_MAX:
                complaints.append(f"the geometric mean {mean:.2f} is over the bar of {MEAN_MAX}")
    return complaints


def active_files(lake: pathlib.Path) -> list:
    """Of a lake's table `events`, which old lakes have at their root."""
    table = lake / "events" if (lake / "events" / "_delta_log").is_dir() else lake
    return [uri.removeprefix("file://") for uri in deltalake.DeltaTable(table).file_uris()]


class Slowlake:
    """`slowlake sql`, one process a question, which times each of its statements."""

    dialect = "slowlake"

    def __init__(self, arguments):
        self.command = [arguments.binary, "sql", "--lake", arguments.lake, "--output", "csv"]

    def ask(self, sql: str, runs: int) -> tuple:
        script = "\\timing on\n" + f"{sql.rstrip()};\n" * (runs + 1)
        done = subprocess.run(self.command, input=script, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(done.stderr)
        seconds = [float(number) * UNITS[unit] for number, unit in re.findall(r"^time: ([\d.]+) (\S+)$", done.stderr, re.M)]
        lines = list(csv.reader(done.stdout.splitlines()))
        # Every answer has a header, and all answers are alike.
        columns, *rows = lines[: len(lines) // (runs + 1)]
        return columns, rows, seconds[1:]


class DuckDb:
    dialect = "duckdb"

    def __init__(self, arguments):
        import duckdb

        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        files = ", ".join("'" + path.replace("'", "''") + "'" for path in active_files(arguments.lake))
        parquet = f"read_parquet([{files}], hive_partitioning = true, union_by_name = true)"
        self.connection.execute(f"CREATE VIEW events AS SELECT * FROM {parquet}")
        for name, view in VIEWS.items():
            self.connection.execute(f"CREATE VIEW {name} AS {view}")

    def ask(self, sql: str, runs: int) -> tuple:
        def once():
            began = time.perf_counter()
            table = self.connection.sql(sql).to_arrow_table()
            return table, time.perf_counter() - began

        table, _ = once()
        rows = zip(*(column.to_pylist() for column in table.columns))
        return table.column_names, rows, [once()[1] for _ in range(runs)]


class ClickHouse:
    dialect = "clickhouse"

    def __init__(self, arguments):
        import chdb.session

        self.session = chdb.session.Session()
        self.session.query("SET session_timezone = 'UTC', use_hive_partitioning = 1, schema_inference_mode = 'union'")
        self.session.query("SET format_csv_null_representation = ''")
        # It takes a pattern, no list: a folder that holds links to the active files and nothing else.
        self.folder = tempfile.TemporaryDirectory()
        for path in map(pathlib.Path, active_files(arguments.lake)):
            link = pathlib.Path(self.folder.name, *path.parts[-3:])
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
        self.session.query(f"CREATE VIEW events AS SELECT * FROM file('{self.folder.name}/*/*/*.parquet', Parquet)")
        for name, view in VIEWS.items():
            self.session.query(f"CREATE VIEW {name} AS {view}")

    def ask(self, sql: str, runs: int) -> tuple:
        def once():
            began = time.perf_counter()
            text = str(self.session.query(sql, "CSVWithNames"))
            return text, time.perf_counter() - began

        columns, *rows = csv.reader(once()[0].splitlines())
        return columns, rows, [once()[1] for _ in range(runs)]


if __name__ == "__main__":
    main()
