"""Every statement of the Grafana dashboards, asked of a lake as Grafana would ask it."""

import json
import pathlib
import re
import subprocess
import tempfile

from tools import ROOT, Tools, ok, run

# A week around the logs of `slowlake demo`, and what Grafana makes of its width for a graph of some hundred points.
FROM, TO = "2026-11-20T00:00:00Z", "2026-11-27T00:00:00Z"
INTERVAL_MS = "600000"


def dashboards(_: Tools, binary: pathlib.Path) -> None:
    """Each panel and each variable gives an answer; those that the demo's logs say something of are not empty."""
    with tempfile.TemporaryDirectory(prefix="slowlake-dashboards-") as folder:
        run(binary, "demo", "--folder", folder, cwd=folder) if "--folder" in run(binary, "demo", "--help") else run(binary, "demo", cwd=folder)
        lake = next(pathlib.Path(folder).rglob("events")).parent
        for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
            dashboard = json.loads(path.read_text())
            rows = {title: len(ask(binary, lake, sql)) for title, sql in statements(dashboard)}
            empty = [title for title, n in rows.items() if n == 0]
            ok(f"{path.name}: {len(rows)} statements, {sum(rows.values())} rows; none from {', '.join(empty) or 'none'}")


def statements(dashboard: dict) -> list[tuple[str, str]]:
    """Titles and statements, as the data source gets them."""
    asked = [(f"${it['name']}", it["query"]) for it in dashboard["templating"]["list"]]
    asked += [(panel["title"], target["rawSql"]) for panel in dashboard["panels"] for target in panel["targets"]]
    return [(title, expanded(sql)) for title, sql in asked]


def expanded(sql: str) -> str:
    """The statement with Grafana's macros and variables replaced as its PostgreSQL data source does."""
    sql = re.sub(r"\$__timeFilter\(([^)]*)\)", rf"\1 BETWEEN '{FROM}' AND '{TO}'", sql)
    sql = sql.replace("$__timeFrom()", f"'{FROM}'").replace("$__timeTo()", f"'{TO}'").replace("$__interval_ms", INTERVAL_MS)
    sql = sql.replace("$server", "'shop-pg','shop-maria'").replace("$query", "032b81903d625266")
    assert "$" not in sql, f"a macro or variable that is not known: {sql}"
    return sql


def ask(binary: pathlib.Path, lake: pathlib.Path, sql: str) -> list:
    command = [binary, "sql", "--lake", lake, "--output", "json", "-c", sql]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{sql}\n{done.stderr}"
    return json.loads(done.stdout)
