"""Grafana's data source and dashboards, as Grafana uses them: over the wire, with TLS that is verified, a password, and macros replaced."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request

from tools import ROOT, Skipped, Tools, ok, run

COMPOSE = ROOT / "deploy/compose"
# A week around the logs of `slowlake demo`, and what Grafana makes of its width for a graph of some hundred points.
FROM, TO, INTERVAL_MS = "2026-11-20T00:00:00Z", "2026-11-27T00:00:00Z", "600000"
PATIENCE_SECONDS = 60


def grafana(_: Tools, binary: pathlib.Path) -> None:
    """With the users and the certificate of the demonstration fleet."""
    if not shutil.which("psql"):
        raise Skipped("psql is not installed")
    if "\n  serve " not in run(binary, "--help"):
        raise Skipped("this build has no `slowlake serve`")
    with tempfile.TemporaryDirectory(prefix="slowlake-grafana-") as folder:
        folder = pathlib.Path(folder)
        run(binary, "demo", cwd=folder)
        script = (COMPOSE / "certificates.sh").read_text().replace("chown 65532:65532", f"chown {os.getuid()}:{os.getgid()}")
        run("bash", "-c", script, "certificates.sh", folder)
        with served(binary, folder) as ask:
            refused = ask("SELECT 1", password="wrong")
            assert refused.returncode != 0 and "assword" in refused.stderr, refused.stderr
            refused = ask("SELECT 1", sslmode="disable")
            assert refused.returncode != 0, "without TLS"
            ok("verify-full with the fleet's certificate; refused without TLS and with another password")
            for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
                answered = [ask(expanded(sql)) for sql in statements(json.loads(path.read_text()))]
                wrong = [answer.stderr for answer in answered if answer.returncode != 0]
                assert not wrong, f"{path.name}: {wrong}"
                rows = sum(len(answer.stdout.splitlines()) for answer in answered)
                ok(f"{path.name}: {len(answered)} statements, {rows} rows")


@contextlib.contextmanager
def served(binary: pathlib.Path, folder: pathlib.Path):
    """Serves the demonstration's lake; gives what asks it with psql, as the data source is set up."""
    source = (ROOT / "deploy/grafana/provisioning/datasources/slowlake.yaml").read_text()
    database, sslmode = (re.search(rf"(?m)^\s+{key}: (\S+)$", source).group(1) for key in ["database", "sslmode"])
    port, http = free_port(), free_port()
    files = ["--users", COMPOSE / "users", "--tokens", COMPOSE / "tokens", "--tls-cert", folder / "serve.pem", "--tls-key", folder / "serve.key"]
    addresses = [f"--postgres=127.0.0.1:{port}", f"--http=127.0.0.1:{http}"]
    process = subprocess.Popen([binary, "serve", "--lake", folder / "slowlake-demo/lake", *addresses, *files], stderr=subprocess.DEVNULL)

    def ask(sql: str, password: str = "demo-not-secret", sslmode: str = sslmode) -> subprocess.CompletedProcess:
        where = f"host=localhost hostaddr=127.0.0.1 port={port} dbname={database} user=grafana sslmode={sslmode} sslrootcert={folder}/authority.pem"
        environment = {**os.environ, "PGPASSWORD": password}
        words = ["psql", where, "--no-psqlrc", "--csv", "--tuples-only", "-c", sql]
        return subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=120)

    try:
        began = time.monotonic()
        while ask("SELECT 1").returncode != 0:
            assert process.poll() is None and time.monotonic() - began < PATIENCE_SECONDS, ask("SELECT 1").stderr
            time.sleep(0.5)
        check_http(f"https://localhost:{http}", folder / "authority.pem")
        yield ask
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def check_http(address: str, authority: pathlib.Path) -> None:
    """What the chart and the fleet ask over HTTP: health without a token, SQL with the fleet's."""
    trust = ssl.create_default_context(cafile=authority)
    for path in ["/healthz", "/readyz", "/metrics"]:
        with urllib.request.urlopen(address + path, context=trust, timeout=30) as answer:
            assert answer.status == 200, path
    token = re.search(r'" "(.*)"', (COMPOSE / "tokens").read_text()).group(1)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    question = urllib.request.Request(f"{address}/api/v1/sql", json.dumps({"sql": "SELECT count(*) AS n FROM executions"}).encode(), headers)
    with urllib.request.urlopen(question, context=trust, timeout=60) as answer:
        assert "10413" in answer.read().decode()
    ok("health and metrics over HTTPS without a token, SQL with the fleet's")


def statements(dashboard: dict) -> list[str]:
    asked = [it["query"] for it in dashboard["templating"]["list"]]
    return asked + [target["rawSql"] for panel in dashboard["panels"] for target in panel["targets"]]


def expanded(sql: str) -> str:
    """The statement with Grafana's macros and variables replaced as its data source does."""
    sql = re.sub(r"\$__timeFilter\(([^)]*)\)", rf"\1 BETWEEN '{FROM}' AND '{TO}'", sql)
    sql = sql.replace("$__timeFrom()", f"'{FROM}'").replace("$__timeTo()", f"'{TO}'").replace("$__interval_ms", INTERVAL_MS)
    return sql.replace("$server", "'shop-pg','shop-maria'").replace("$query", "032b81903d625266")


def free_port() -> int:
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]
