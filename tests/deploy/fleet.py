"""The servers of the demonstration fleet as processes of this machine, with the files that deploy/compose.yaml mounts: what they log and what may
be asked of them is what slowlake, with the fleet's configuration, finds in its lake. The ways through containers and Kafka are not tried here."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile
import time

from grafana import free_port
from tools import ROOT, Skipped, Tools, ok, run

COMPOSE = ROOT / "deploy/compose"
SECRET = "demo-not-secret"
PATIENCE_SECONDS = 120
# What has to be in the lake after a while, by a statement that says 1 then.
EXPECTED = {
    "executions of both engines": "SELECT count(DISTINCT server) = 2 FROM executions WHERE server IN ('pg-1', 'maria-1')",
    "the load's queries": "SELECT count(*) > 20 FROM executions WHERE server = 'pg-1' AND \"user\" = 'postgres' AND database = 'shop'",
    "plans": "SELECT count(*) > 0 FROM server_events WHERE event = 'plan'",
    "samples of three servers": "SELECT count(DISTINCT server) = 3 FROM metrics WHERE metric IN ('source_position', 'replica')",
    "how old the standby is": "SELECT count(staleness_us) > 0 FROM replication_lag WHERE server = 'pg-2' AND source_server = 'pg-1'",
    "statements of pg_stat_statements": "SELECT count(*) > 0 FROM metrics WHERE metric IN ('statement', 'statement_other') AND server = 'pg-1'",
    "statements of the performance schema": "SELECT count(*) > 0 FROM metrics WHERE metric IN ('statement', 'statement_other') AND server = 'maria-1'",
}
GAPS = "SELECT server, object, attributes['error'] AS error FROM metrics WHERE metric = 'collector_gap' AND object <> 'connection'"


def fleet(_: Tools, binary: pathlib.Path) -> None:
    programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    mariadb = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
    if not programs or not mariadb or os.geteuid() != 0:
        raise Skipped("PostgreSQL and MariaDB of Debian are started by root")
    with tempfile.TemporaryDirectory(prefix="slowlake-fleet-") as folder, contextlib.ExitStack() as running:
        servers = Fleet(pathlib.Path(folder), programs[-1], running)
        servers.primary()
        servers.standby()
        servers.mariadb(mariadb)
        environment = {**os.environ, "SLOWLAKE_LAKE": f"{folder}/lake", "SLOWLAKE_POSTGRES_PASSWORD": SECRET, "SLOWLAKE_MYSQL_PASSWORD": SECRET}
        configuration = servers.configuration()
        servers.started([binary, "run", "-c", configuration], "run", env=environment)
        servers.load()
        for what, sql in EXPECTED.items():
            until(lambda sql=sql: ask(binary, folder, sql) == [True], lambda: f"{what}\n{servers.said()}")
            ok(what)
        gaps = ask(binary, folder, GAPS)
        assert not gaps, f"what may not be asked: {gaps}"
        ok("the grants of the fleet are enough: nothing that could not be asked")
        servers.check_modes()
    print("SKIPPED: the fleet's Kafka, Vector, S3 and MariaDB replica: images; tests/kafka/run, tests/s3/run and tests/collectors/run try what slowlake does with these")


class Fleet:
    """Servers in a folder; each ends with `running`."""

    def __init__(self, folder: pathlib.Path, programs: pathlib.Path, running: contextlib.ExitStack):
        self.folder, self.programs, self.running = folder, programs, running
        self.ports = {name: free_port() for name in ["postgres-primary", "postgres-standby", "mariadb-primary"]}
        folder.chmod(0o755)
        # The fleet's log-folders.
        for name, user in [("pg-1", "postgres"), ("pg-2", "postgres"), ("maria-1", "mysql")]:
            (folder / "logs" / name).mkdir(parents=True)
            shutil.chown(folder / "logs" / name, user, user)

    def started(self, command: list, name: str, **options) -> None:
        said = self.running.enter_context((self.folder / f"{name}.said").open("w"))
        process = subprocess.Popen(command, stdout=said, stderr=said, cwd="/", **options)
        self.running.callback(process.wait, PATIENCE_SECONDS)
        self.running.callback(process.terminate)

    def primary(self) -> None:
        data = self.owned("pg-1", "postgres")
        run("runuser", "-u", "postgres", "--", self.programs / "initdb", "--auth=trust", "-D", data, cwd="/")
        self.started(["runuser", "-u", "postgres", "--", self.programs / "postgres", "-D", data, *self.settings("postgres-primary", "pg-1")], "postgres-primary")
        until(lambda: self.psql("SELECT 1") == 0, lambda: self.said())
        run("psql", self.address("postgres"), "-v", "ON_ERROR_STOP=1", "-q", "-f", COMPOSE / "postgres-init.sql")

    def standby(self) -> None:
        data = self.folder / "pg-2"
        script = (COMPOSE / "standby.sh").read_text().replace("gosu postgres", "runuser -u postgres --")
        script = script.replace("--host=postgres-primary", f"--host=127.0.0.1 --port={self.ports['postgres-primary']}")
        script = re.sub(r"(?m)^(exec .* postgres) -c .*", lambda begin: f"{begin.group(1)} {' '.join(self.settings('postgres-standby', 'pg-2'))}", script)
        environment = {**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}", "PGDATA": str(data), "PGPASSWORD": SECRET}
        self.started(["bash", "-c", script], "postgres-standby", env=environment)

    def settings(self, name: str, logs: str) -> list[str]:
        """What the fleet's command says, but for places."""
        text = (COMPOSE / "postgresql.conf").read_text().replace("'/logs'", f"'{self.folder}/logs/{logs}'")
        file = self.folder / f"{name}.conf"
        file.write_text(text)
        return ["-c", f"config_file={file}", "-c", f"hba_file={COMPOSE / 'pg_hba.conf'}", "-k", str(self.folder / logs), "-p", str(self.ports[name])]

    def mariadb(self, program: str) -> None:
        data = self.owned("maria-1", "mysql")
        run("runuser", "-u", "mysql", "--", "mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db", "--auth-root-authentication-method=normal", cwd="/")
        service = re.search(r"(?ms)^  mariadb-primary:.*?command: \[(.*?)\]", (ROOT / "deploy/compose.yaml").read_text()).group(1)
        words = [word.replace("/logs", f"{self.folder}/logs/maria-1") for word in service.split(", ")]
        place = [f"--datadir={data}", f"--socket={data}/socket", f"--port={self.ports['mariadb-primary']}", "--bind-address=127.0.0.1"]
        command = ["runuser", "-u", "mysql", "--", program, f"--defaults-file={COMPOSE / 'mariadb.cnf'}", *place, *words]
        self.started(command, "mariadb-primary", env={**os.environ, "UMASK": "0644"})
        until(lambda: self.maria("SELECT 1") == 0, lambda: self.said())
        run("bash", "-c", f"mariadb --no-defaults -uroot --socket={data}/socket <{COMPOSE / 'mariadb-init.sql'}")

    def owned(self, name: str, user: str) -> pathlib.Path:
        folder = self.folder / name
        folder.mkdir()
        shutil.chown(folder, user, user)
        data = folder / "data"
        return data

    def configuration(self) -> pathlib.Path:
        """The fleet's, with this machine's places, MariaDB's log read directly, and without its replica."""
        text = (COMPOSE / "slowlake.toml").read_text().replace("/logs/", f"{self.folder}/logs/")
        for name, port in self.ports.items():
            text = re.sub(rf"@{name}(?=[/?])", f"@127.0.0.1:{port}", text)
        text = re.sub(r"(?s)\[\[source\.kafka\]\].*?\n\n", f'[[source.file]]\nserver = "maria-1"\npaths = ["{self.folder}/logs/maria-1/slow.log"]\n\n', text)
        text = re.sub(r'(?s)\[\[source\.mysql\]\]\nserver = "maria-2".*?\n\n', "", text)
        file = self.folder / "slowlake.toml"
        file.write_text(text)
        return file

    def load(self) -> None:
        place = ["-h", str(self.folder / "pg-1"), "-p", str(self.ports["postgres-primary"]), "-U", "postgres"]
        run("runuser", "-u", "postgres", "--", self.programs / "pgbench", *place, "--initialize", "--quiet", "shop", cwd="/")
        run("runuser", "-u", "postgres", "--", self.programs / "pgbench", *place, "--transactions=20", "shop", cwd="/")
        # Long enough for auto_explain.
        assert self.psql("SELECT pg_sleep(0.2)") == 0
        for _ in range(20):
            assert self.maria("SELECT count(*) FROM information_schema.tables") == 0

    def psql(self, sql: str) -> int:
        return subprocess.run(["psql", self.address("postgres"), "-c", sql], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=60).returncode

    def address(self, database: str) -> str:
        return f"host={self.folder}/pg-1 port={self.ports['postgres-primary']} user=postgres dbname={database}"

    def maria(self, sql: str) -> int:
        command = ["mariadb", "--no-defaults", "-uroot", f"--socket={self.folder}/maria-1/data/socket", "-e", sql]
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=60).returncode

    def said(self) -> str:
        """The last that each process said."""
        last = lambda file: "".join(file.read_text(errors="replace").splitlines(keepends=True)[-10:])
        return "\n".join(f"{file.name}: {last(file)}" for file in sorted(self.folder.glob("*.said")))

    def check_modes(self) -> None:
        """Others of the fleet may read the logs: PostgreSQL's as its group, MariaDB's as anybody."""
        logs = self.folder / "logs"
        mode = lambda path: stat.filemode(path.stat().st_mode)
        assert {mode(path) for path in logs.glob("pg-*/*.json")} == {"-rw-r-----"}
        assert mode(logs / "maria-1/slow.log") == "-rw-r--r--", mode(logs / "maria-1/slow.log")
        ok("modes of the logs are those that the fleet's readers need")


def ask(binary: pathlib.Path, folder: str, sql: str) -> list:
    """The rows' first values; none while there is no lake."""
    command = [binary, "sql", "--lake", f"{folder}/lake", "--output", "json", "-c", sql]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False, timeout=60)
    return [row if len(row) > 1 else next(iter(row.values())) for row in json.loads(done.stdout)] if done.returncode == 0 else []


def until(is_it, why) -> None:
    began = time.monotonic()
    while not is_it():
        assert time.monotonic() - began < PATIENCE_SECONDS, why()
        time.sleep(0.5)
