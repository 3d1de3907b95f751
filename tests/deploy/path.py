"""A new operator's path: the commands of the README, as they stand there, with a real PostgreSQL; only addresses and the build are replaced."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from grafana import free_port
from tools import ROOT, Skipped, Tools, ok, run

COMMANDS_MAX = 10
# Some statements of somebody, whose executions have to be found.
WORK = ["CREATE TABLE t AS SELECT generate_series(1, 1000) AS n", "SELECT count(*) FROM t", "SELECT pg_sleep(0.1)"]
# The service has seen nothing yet when it has just begun; an operator would ask again.
PATIENCE_SECONDS = 60


def path(_: Tools, binary: pathlib.Path) -> None:
    programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs or os.geteuid() != 0 or not shutil.which("runuser"):
        raise Skipped("a PostgreSQL of Debian is started by root")
    if "\n  serve " not in run(binary, "--help"):
        raise Skipped("this build has no `slowlake serve`")
    commands = commands_of_readme()
    assert len(commands) <= COMMANDS_MAX, f"{len(commands)} commands"
    with tempfile.TemporaryDirectory(prefix="slowlake-path-") as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        place = {"PGHOST": str(folder / "postgres"), "PGPORT": str(free_port()), "PGUSER": "postgres"}
        postgres = Postgres(programs[-1], folder / "postgres", place)
        try:
            said = walk(commands, folder, binary, {**os.environ, **place})
        finally:
            postgres.stop()
    found = int(re.search(r"\|\s+(\d+)\n\(1 row\)", said).group(1))
    assert "executions" in said and found >= len(WORK), said
    ok(f"{len(commands)} commands of the README: {found} executions of a real PostgreSQL over TLS, with a password")


def commands_of_readme() -> list[str]:
    text = (ROOT / "README.md").read_text().split("### From nothing to SQL in Grafana", 1)[1]
    return text.split("```sh\n", 1)[1].split("```", 1)[0].strip().splitlines()


class Postgres:
    """A server with Debian's way of logging, in a folder."""

    def __init__(self, programs: pathlib.Path, folder: pathlib.Path, place: dict):
        self.programs, self.folder = programs, folder
        folder.mkdir()
        shutil.chown(folder, "postgres")
        self.run("initdb", "--auth=trust", "-D", folder / "data")
        settings = f"-k {folder} -p {place['PGPORT']} -c listen_addresses= -c log_line_prefix='%m [%p] %q%u@%d '"
        self.run("pg_ctl", "-D", folder / "data", "-l", folder / "postgresql.log", "-w", "-o", settings, "start")

    def run(self, program: str, *words) -> None:
        # The server keeps its standard output: nobody may wait for its end.
        command = ["runuser", "-u", "postgres", "--", self.programs / program, *words]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=120, cwd="/")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")


def walk(commands: list[str], folder: pathlib.Path, binary: pathlib.Path, environment: dict) -> str:
    """Runs the commands; gives what the last one says when the work is found."""
    port = str(free_port())
    replaced = [command.replace("/var/log/postgresql/*.log", f"{folder}/postgres/postgresql.log").replace("5433", port).replace("target/release/slowlake", str(binary)) for command in commands]
    *before, last = [command for command in replaced if not command.startswith("cargo build")]
    assert len(before) + 2 == len(commands), "the README builds once"
    work = "psql -q -d postgres " + " ".join(f'-c "{statement}"' for statement in WORK)
    lines = ["set -e", *before, "service=$!", 'trap "kill $service; wait $service" EXIT', f"{work} >/dev/null"]
    lines += [f"for _ in $(seq {PATIENCE_SECONDS}); do", "sleep 1", f"said=$({last} 2>&1) || continue"]
    lines += ["if echo \"$said\" | grep -qE '\\| +([3-9]|[0-9][0-9]+)$'; then echo \"$said\"; exit; fi", "done", 'echo "$said"', "exit 1"]
    return run("bash", "-c", "\n".join(lines), cwd=folder, env=environment)
