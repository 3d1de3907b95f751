"""Six clients ask the ten questions, each in its own way, and have to read what `slowlake sql` says."""
import csv
import datetime
import decimal
import io
import json
import math
import os
import pathlib
import re
import shutil
import subprocess

from server import PASSWORD, USER

HERE = pathlib.Path(__file__).resolve().parent
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
JDBC = ("org.postgresql", "postgresql", "42.7.4")
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version>
  <dependencies><dependency><groupId>{JDBC[0]}</groupId><artifactId>{JDBC[1]}</artifactId><version>{JDBC[2]}</version></dependency></dependencies>
</project>
"""


def run(server, arguments) -> list:
    questions = server.questions()
    expected = {name: [[plain(cell) for cell in row] for row in server.answer(sql)] for name, sql in questions.items()}
    tables = [row[0] for row in server.answer(TABLES)]
    complaints = []
    for name, client in CLIENTS.items():
        try:
            asked = client(server, {"tables": TABLES, **questions}, arguments.cache)
        except Missing as missing:
            print(f"SKIPPED {name}: {missing}")
            continue
        found = [row[0] for row in asked.pop("tables")]
        wrong = [] if found == tables else [f"{name}: tables are {found}, not {tables}"]
        for question, rows in asked.items():
            rows = [[plain(cell) for cell in row] for row in rows]
            if not same(rows, expected[question]):
                wrong.append(f"{name}: {question}: {difference(rows, expected[question])}")
        print(f"{name:24} {len(found)} tables, {len(asked) - len(wrong)} of {len(asked)} questions as slowlake sql says", flush=True)
        complaints += wrong
    return complaints


class Missing(Exception):
    """What a client needs is not here."""


def psql(server, questions: dict, _cache) -> dict:
    if not shutil.which("psql"):
        raise Missing("no psql")
    answers = {}
    for name, sql in questions.items():
        command = ["psql", "-X", "--csv", "-t", "-c", sql]
        done = subprocess.run(command, env={**os.environ, **server.environment()}, capture_output=True, text=True, check=True)
        answers[name] = list(csv.reader(io.StringIO(done.stdout)))
    return answers


def psycopg(server, questions: dict, _cache) -> dict:
    import psycopg

    answers = {}
    os.environ.update(server.environment())
    with psycopg.connect() as connection:
        assert connection.pgconn.ssl_in_use
        for is_binary in (False, True):
            for name, sql in questions.items():
                with connection.cursor(binary=is_binary) as cursor:
                    rows = [list(row) for row in cursor.execute(sql).fetchall()]
                if is_binary and [[plain(cell) for cell in row] for row in rows] != [[plain(cell) for cell in row] for row in answers[name]]:
                    answers[name] = [["binary and text differ"]]
                answers.setdefault(name, rows)
    return answers


def pandas(server, questions: dict, _cache) -> dict:
    import pandas as pd
    import sqlalchemy

    os.environ.update(server.environment())
    engine = sqlalchemy.create_engine("postgresql+psycopg://")
    views = sqlalchemy.inspect(engine).get_view_names(schema="public")
    columns = sqlalchemy.inspect(engine).get_columns("executions", schema="public")
    assert any(column["name"] == "query_time_us" for column in columns), columns
    answers = {"tables": [[name] for name in sorted(views)]}
    with engine.connect() as connection:
        for name, sql in questions.items():
            if name != "tables":
                frame = pd.read_sql(sqlalchemy.text(sql.replace(":", "\\:")), connection, dtype_backend="pyarrow")
                answers[name] = [[None if cell is pd.NA else cell for cell in row] for row in frame.itertuples(index=False)]
    return answers


def adbc(server, questions: dict, _cache) -> dict:
    import adbc_driver_postgresql.dbapi as dbapi

    os.environ.update(server.environment())
    answers = {}
    with dbapi.connect("postgresql://", autocommit=True) as connection:
        for name, sql in questions.items():
            with connection.cursor() as cursor:
                # There is no COPY here, which the driver would use otherwise.
                cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": "false"})
                cursor.execute(sql)
                answers[name] = [list(row) for row in cursor.fetchall()]
    return answers


def jdbc(server, questions: dict, cache: pathlib.Path) -> dict:
    if not (shutil.which("javac") and shutil.which("mvn")):
        raise Missing("no Java with Maven")
    jars = cache / "jars"
    if not jars.exists():
        (cache / "pom.xml").write_text(POM, encoding="utf-8")
        command = ["mvn", "-q", "-B", "-f", cache / "pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
        subprocess.run(command, check=True)
    subprocess.run(["javac", "-d", cache, HERE / "Ask.java"], check=True)
    url = f"jdbc:postgresql://localhost:{server.port}/slowlake?sslmode=verify-full&sslrootcert={server.folder}/ca.crt"
    command = ["java", "-cp", f"{cache}:{jars}/*", "Ask", url, USER, PASSWORD]
    return ask_program(command, questions)


def node(server, questions: dict, cache: pathlib.Path) -> dict:
    if not (shutil.which("node") and shutil.which("npm")):
        raise Missing("no node with npm")
    if not (cache / "node_modules" / "pg").exists():
        subprocess.run(["npm", "install", "--silent", "--prefix", cache, "pg@8"], check=True, stdout=subprocess.DEVNULL)
    shutil.copy(HERE / "ask.js", cache / "ask.js")
    command = ["node", cache / "ask.js", str(server.port), USER, PASSWORD, str(server.folder / "ca.crt")]
    return ask_program(command, questions)


def ask_program(command: list, questions: dict) -> dict:
    """A program that reads questions, an object by name, and writes the answers, arrays of rows by name; numbers may be texts."""
    done = subprocess.run(command, input=json.dumps(questions), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]}: {done.stderr}")
    return json.loads(done.stdout)


CLIENTS = {
    "psql": psql,
    "psycopg": psycopg,
    "SQLAlchemy and pandas": pandas,
    "ADBC": adbc,
    "JDBC": jdbc,
    "node-postgres": node,
}


def plain(cell):
    """A cell as a number, a text or None, whatever the client made of it; times as texts in UTC."""
    if isinstance(cell, float) and math.isnan(cell):
        return None
    if isinstance(cell, datetime.datetime):
        if cell.tzinfo is not None:
            cell = cell.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return cell.isoformat(" ", "microseconds")
    if isinstance(cell, datetime.date):
        return cell.isoformat()
    if isinstance(cell, decimal.Decimal):
        return float(cell)
    if isinstance(cell, (list, dict)):
        return json.dumps(cell, separators=(",", ":"))
    if not isinstance(cell, str):
        return cell
    if re.fullmatch(r"-?\d+", cell):
        return int(cell)
    if re.fullmatch(r"-?\d+(\.\d+)?([eE]-?\d+)?", cell):
        return float(cell)
    if re.fullmatch(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00(:00)?)?", cell):
        return plain(datetime.datetime.fromisoformat(re.sub(r"\+00$", "+00:00", cell.replace("Z", "+00:00"))))
    return cell or None


def same(found: list, expected: list) -> bool:
    close = lambda a, b: math.isclose(a, b, rel_tol=1e-12) if isinstance(a, float) and isinstance(b, (int, float)) else a == b
    return len(found) == len(expected) and all(
        len(a) == len(b) and all(close(x, y) for x, y in zip(a, b)) for a, b in zip(found, expected)
    )


def difference(found: list, expected: list) -> str:
    if len(found) != len(expected):
        return f"{len(found)} rows, not {len(expected)}"
    return next((f"{a} is not {b}" for a, b in zip(found, expected) if a != b), "none")
