"""The disaster drill of docs/runbook.md: a lake is copied while it is written to, lost, put back, and goes on; nothing is lost, nothing is twice."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from grafana import free_port
from tools import ROOT, Skipped, Tools, ok, run

# The server of buckets that tests/run builds, too.
MINIO = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"
BACKUP = ROOT / "deploy/backup"
PATIENCE_SECONDS = 120
CONFIGURATION = """commit_every = "1s"
[log]
level = "warn"
[maintenance]
every = "1m"
[[source.file]]
server = "db1"
paths = ["p.log"]
"""
# Pieces in which the log is written, and before which of them the lake is copied.
PIECES, COPIED_AT, COPIED_AGAIN_AT = 40, 20, 35


def drill(tools: Tools, binary: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory(prefix="slowlake-drill-") as folder:
        folder = pathlib.Path(folder)
        site = Site(folder, binary, f"{folder}/lake", f"{folder}/copy")
        everything = site.write_and_copy()
        site.lose_all_and_put_back(everything)
        site.lose_roll_ups(everything)
        site.lose_a_file()
    if not shutil.which("aws"):
        raise Skipped("the drill with buckets: the AWS CLI is not installed")
    minio = tools.go("minio", MINIO)
    with tempfile.TemporaryDirectory(prefix="slowlake-drill-") as folder, buckets(minio, pathlib.Path(folder)) as environment:
        site = Site(pathlib.Path(folder), binary, "s3://logs/lake", "s3://backup/lake", environment)
        everything = site.write_and_copy()
        site.lose_all_and_put_back(everything)


@contextlib.contextmanager
def buckets(minio: pathlib.Path, folder: pathlib.Path):
    """A server with the buckets `logs` and `backup`; gives the environment of those who use it."""
    for bucket in ["logs", "backup"]:
        (folder / "buckets" / bucket).mkdir(parents=True)
    address = f"127.0.0.1:{free_port()}"
    key, secret = "drill", "drill-not-secret"
    process = subprocess.Popen(
        [minio, "server", "--quiet", "--address", address, folder / "buckets"],
        env={**os.environ, "MINIO_ROOT_USER": key, "MINIO_ROOT_PASSWORD": secret},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    environment = {"AWS_ENDPOINT_URL": f"http://{address}", "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    try:
        began = time.monotonic()
        while subprocess.run(["aws", "s3", "ls", "s3://logs/"], env={**os.environ, **environment}, stderr=subprocess.DEVNULL, check=False).returncode != 0:
            assert time.monotonic() - began < PATIENCE_SECONDS, "the server of buckets does not start"
        yield environment
    finally:
        process.terminate()
        process.wait()


class Site:
    """A lake, its log, its service and its backup. Lake and copy are folders, or prefixes in buckets."""

    def __init__(self, folder: pathlib.Path, binary: pathlib.Path, lake: str, copy: str, environment: dict | None = None):
        self.folder, self.binary, self.lake, self.copy = folder, binary, lake, copy
        self.log = folder / "p.log"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SLOWLAKE", "AWS_"))}
        self.environment = {**clean, **(environment or {}), "SLOWLAKE_LAKE": lake}
        (folder / "slowlake.toml").write_text(CONFIGURATION)

    def write_and_copy(self) -> tuple:
        """Writes the log piece by piece while the service reads; copies the lake in between. Gives what all of the log comes to."""
        text = subprocess.run(["zstd", "-dqc", ROOT / "tests/corpus/postgres/15/mixed.stderr.log.zst"], stdout=subprocess.PIPE, check=True).stdout
        (self.folder / "all.log").write_bytes(text)
        expected = json.loads(run(self.binary, "digest", "--output", "json", self.folder / "all.log"))["ledger"]["entries"]["query"]
        lines = text.splitlines(keepends=True)
        size = -(-len(lines) // PIECES)
        with self.service(), self.log.open("ab", buffering=0) as log:
            for piece in range(PIECES):
                if piece == COPIED_AT:
                    self.until(lambda: self.sums(self.lake)[0] > 0)
                    self.run(self.binary, "maintain", "--job", "derive")
                    began = time.monotonic()
                    self.run(BACKUP, self.lake, self.copy)
                    took = time.monotonic() - began
                if piece == COPIED_AGAIN_AT:
                    # Over the first copy, and in the middle of a commit or not.
                    self.run(BACKUP, self.lake, self.copy)
                log.write(b"".join(lines[piece * size : (piece + 1) * size]))
                time.sleep(0.1)
            self.until(lambda: self.sums(self.lake)[0] == expected)
        sums = self.sums(self.lake)
        assert 0 < self.sums(self.copy)[0] < expected, "the copy was to be older, and to have something"
        ok(f"{self.lake.split('/')[0] or 'a folder'} copied in {took:.1f} s while it was written to: {self.sums(self.copy)[0]} of {expected} executions are in the copy")
        return sums

    def lose_all_and_put_back(self, everything: tuple) -> None:
        self.run(*(["aws", "s3", "rm", "--recursive", "--only-show-errors"] if self.lake.startswith("s3:") else ["rm", "-r"]), self.lake)
        began = time.monotonic()
        self.run(BACKUP, self.copy, self.lake)
        self.fsck()
        with self.service():
            self.until(lambda: self.sums(self.lake)[0] >= everything[0])
            took = time.monotonic() - began
        assert self.sums(self.lake) == everything, f"{self.sums(self.lake)} instead of {everything}"
        self.fsck()
        ok(f"lost, put back, proved and read on to the end of the log in {took:.1f} s: {everything[0]} executions, none twice")

    def lose_roll_ups(self, everything: tuple) -> None:
        self.run(self.binary, "maintain", "--job", "derive")
        for table in ["rollup_hour", "rollup_day", "queries"]:
            shutil.rmtree(pathlib.Path(self.lake) / table)
        assert self.sums(self.lake) == everything, "answers depend on the tables that are gone"
        self.run(self.binary, "maintain", "--job", "derive")
        self.fsck()
        ok("roll-ups removed: the same answers without, and after they were made again")

    def lose_a_file(self) -> None:
        self.run(BACKUP, self.lake, self.copy)
        files = sorted(pathlib.Path(self.lake, "events").rglob("kind=query/*.parquet"), key=lambda path: path.stat().st_mtime)
        lost = files[-1]
        lost.unlink()
        said = self.run(self.binary, "maintain", "--fsck", status=1)
        assert lost.name in said, said
        shutil.copy2(pathlib.Path(self.copy) / lost.relative_to(self.lake), lost)
        self.fsck()
        ok("a file removed: fsck names it; taken from the copy, it is whole again")

    def fsck(self) -> None:
        self.run(self.binary, "maintain", "--fsck")

    def run(self, *command, status: int = 0) -> str:
        return run(*command, status=status, env=self.environment, cwd=self.folder)

    def sums(self, lake: str) -> tuple:
        """Executions, their time, and what roll-ups and the ledger say of both."""
        sql = """SELECT count(*) AS n, sum(query_time_us) AS us, (SELECT sum(calls) FROM rollup_hour) AS calls,
            (SELECT sum(total_us) FROM rollup_day) AS total, (SELECT sum(entries_query) FROM ledger) AS entries, (SELECT sum(calls) FROM queries) AS known FROM executions"""
        done = subprocess.run([self.binary, "sql", "--lake", lake, "--output", "json", "-c", sql], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False, env=self.environment)
        return tuple(json.loads(done.stdout)[0].values()) if done.returncode == 0 else (0,)

    def until(self, is_it) -> None:
        began = time.monotonic()
        while not is_it():
            assert time.monotonic() - began < PATIENCE_SECONDS, f"not in time; the lake has {self.sums(self.lake)}"
            time.sleep(0.2)

    @contextlib.contextmanager
    def service(self):
        """Runs the service, which is killed at the end: a disaster says nothing before."""
        process = subprocess.Popen([self.binary, "run", "-c", "slowlake.toml"], cwd=self.folder, env=self.environment)
        try:
            yield
            assert process.poll() is None, "the service has ended"
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
