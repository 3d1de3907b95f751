"""HTTP of slowlake against clients of other makers: Arrow streams are read by pyarrow and compared with the JSON of the command line, and
schemathesis holds the server to its own OpenAPI description."""

import argparse
import decimal
import http.client
import io
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import pyarrow.ipc

TOKEN = "0123456789abcdef0123456789abcdef"
CORPUS = pathlib.Path(__file__).parent.parent / "corpus"
LOGS = [("postgres/15/mixed.stderr.log.zst", "pg-1"), ("mariadb/10.11/mixed.slow.log.zst", "my-1")]
VIEWS = ["executions", "server_events", "queries", "rollup_hour", "rollup_day", "ledger", "rejects", "metrics", "findings", "replication_lag"]
PATIENCE_S = 60

# What schemathesis would have to know of SQL and of times to ask only what can be answered, and the paths that have no token.
NOT_CHECKED = ["positive_data_acceptance", "missing_required_header"]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--quick", action="store_true", help="a few examples a route instead of many")
    arguments.add_argument("binary")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="slowlake-http-") as folder:
        lake = pathlib.Path(folder) / "lake"
        for log, server in LOGS:
            run(given.binary, "ingest", CORPUS / log, "--lake", lake, "--server", server)
        run(given.binary, "maintain", "--lake", lake)
        tokens = pathlib.Path(folder) / "tokens"
        tokens.write_text(f'"test" "{TOKEN}"\n')
        before = files(lake)
        port = free_port()
        command = [given.binary, "serve", "--lake", lake, "--http", f"127.0.0.1:{port}", "--tokens", tokens]
        with open(pathlib.Path(folder) / "log", "wb") as log:
            server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        try:
            wait(port)
            arrow(given.binary, lake, port)
            failed = schemathesis(port, given.quick, folder)
            assert server.poll() is None, "the server is alive"
            assert get(port, "/healthz").status == 200
            print(f"memory of the server: {memory_mib(server.pid)} MiB")
        finally:
            server.terminate()
            server.wait(PATIENCE_S)
        log = (pathlib.Path(folder) / "log").read_text()
        assert server.returncode == 0, log[-2000:]
        assert "panicked" not in log and TOKEN not in log, log[-2000:]
        assert files(lake) == before, "the lake has changed"
    print("HTTP: " + ("FAILED" if failed else "ok"))
    return failed


def arrow(binary, lake, port):
    """The same rows by Arrow over HTTP as by JSON from the command line."""
    rows = 0
    for view in VIEWS:
        sql = f"SELECT * FROM {view}"
        expected = json.loads(run(binary, "sql", "--lake", lake, "--output", "json", "-c", sql))
        connection = http.client.HTTPConnection("127.0.0.1", port)
        body = json.dumps({"sql": sql, "format": "arrow"})
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
        connection.request("POST", "/api/v1/sql", body, headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        table = pyarrow.ipc.open_stream(io.BytesIO(answer.read())).read_all()
        found = [plain(row) for row in table.to_pylist(maps_as_pydicts="strict")]
        key = lambda row: json.dumps(row, sort_keys=True)
        assert sorted(found, key=key) == sorted(expected, key=key), f"{view} differs"
        rows += table.num_rows
    print(f"Arrow: {rows} rows of {len(VIEWS)} views are those of the command line")


def plain(value):
    """A value of pyarrow as the JSON of slowlake has it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if hasattr(value, "hour"):
        text = value.strftime("%Y-%m-%dT%H:%M:%S")
        # Milliseconds where they are enough, as Rust's chrono writes them.
        if value.microsecond:
            text += f".{value.microsecond // 1000:03}" if value.microsecond % 1000 == 0 else f".{value.microsecond:06}"
        return text + "Z"
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value


def schemathesis(port, is_quick, folder):
    """Whether schemathesis finds something; it leaves what it remembers in the folder."""
    description = f"http://127.0.0.1:{port}/api/v1/openapi.json"
    program = pathlib.Path(sys.executable).parent / "schemathesis"
    command = [program, "run", description, "--url", f"http://127.0.0.1:{port}", "--max-examples", "10" if is_quick else "200"]
    command += ["--phases", "fuzzing" if is_quick else "coverage,fuzzing"]
    command += ["--header", f"Authorization: Bearer {TOKEN}", "--checks", "all", "--exclude-checks", ",".join(NOT_CHECKED)]
    command += ["--seed", "7", "--request-timeout", str(PATIENCE_S), "--max-response-time", str(PATIENCE_S), "--no-color"]
    return subprocess.run(command, check=False, cwd=folder).returncode != 0


def run(*command):
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def files(folder):
    return sorted((str(path), path.read_bytes()) for path in folder.rglob("*") if path.is_file())


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("GET", path)
    return connection.getresponse()


def wait(port):
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            if get(port, "/healthz").status == 200:
                return
        except OSError:
            assert time.monotonic() < end, "the server does not answer"
        time.sleep(0.05)


def memory_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


if __name__ == "__main__":
    sys.exit(main())
