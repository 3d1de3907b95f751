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

from tools import ROOT, Tools, ok, run

BACKUP = ROOT / "deploy/backup"
PATIENCE_SECONDS = 120
CONFIGURATION = """lake = "lake"
commit_every = "1s"
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


def drill(_: Tools, binary: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory(prefix="slowlake-drill-") as folder:
        site = Site(pathlib.Path(folder), binary)
        everything = site.write_and_copy()
        site.lose_all_and_put_back(everything)
        site.lose_roll_ups(everything)
        site.lose_a_file()


class Site:
    """A lake, its log, its service and its backup, in a folder."""

    def __init__(self, folder: pathlib.Path, binary: pathlib.Path):
        self.folder, self.binary = folder, binary
        self.lake, self.copy, self.log = folder / "lake", folder / "copy", folder / "p.log"
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
                    run(self.binary, "maintain", "--lake", self.lake, "--job", "derive")
                    began = time.monotonic()
                    run(BACKUP, self.lake, self.copy)
                    took = time.monotonic() - began
                if piece == COPIED_AGAIN_AT:
                    # Over the first copy, and in the middle of a commit or not.
                    run(BACKUP, self.lake, self.copy)
                log.write(b"".join(lines[piece * size : (piece + 1) * size]))
                time.sleep(0.1)
            self.until(lambda: self.sums(self.lake)[0] == expected)
        sums = self.sums(self.lake)
        assert 0 < self.sums(self.copy)[0] < expected, "the copy was to be older, and to have something"
        ok(f"copied in {took:.1f} s while it was written to: {self.sums(self.copy)[0]} of {expected} executions are in the copy")
        return sums

    def lose_all_and_put_back(self, everything: tuple) -> None:
        shutil.rmtree(self.lake)
        began = time.monotonic()
        run("rsync", "--archive", f"{self.copy}/", f"{self.lake}/")
        self.fsck()
        with self.service():
            self.until(lambda: self.sums(self.lake)[0] >= everything[0])
            took = time.monotonic() - began
        assert self.sums(self.lake) == everything, f"{self.sums(self.lake)} instead of {everything}"
        self.fsck()
        ok(f"lost, put back, proved and read on to the end of the log in {took:.1f} s: {everything[0]} executions, none twice")

    def lose_roll_ups(self, everything: tuple) -> None:
        run(self.binary, "maintain", "--lake", self.lake, "--job", "derive")
        for table in ["rollup_hour", "rollup_day", "queries"]:
            shutil.rmtree(self.lake / table)
        assert self.sums(self.lake) == everything, "answers depend on the tables that are gone"
        run(self.binary, "maintain", "--lake", self.lake, "--job", "derive")
        self.fsck()
        ok("roll-ups removed: the same answers without, and after they were made again")

    def lose_a_file(self) -> None:
        run(BACKUP, self.lake, self.copy)
        files = sorted((self.lake / "events").rglob("kind=query/*.parquet"), key=lambda path: path.stat().st_mtime)
        lost = files[-1]
        lost.unlink()
        said = run(self.binary, "maintain", "--lake", self.lake, "--fsck", status=1)
        assert lost.name in said, said
        shutil.copy2(self.copy / lost.relative_to(self.lake), lost)
        self.fsck()
        ok("a file removed: fsck names it; taken from the copy, it is whole again")

    def fsck(self) -> None:
        run(self.binary, "maintain", "--lake", self.lake, "--fsck")

    def sums(self, lake: pathlib.Path) -> tuple:
        """Executions, their time, and what roll-ups and the ledger say of both."""
        sql = """SELECT count(*) AS n, sum(query_time_us) AS us, (SELECT sum(calls) FROM rollup_hour) AS calls,
            (SELECT sum(total_us) FROM rollup_day) AS total, (SELECT sum(entries_query) FROM ledger) AS entries, (SELECT sum(calls) FROM queries) AS known FROM executions"""
        done = subprocess.run([self.binary, "sql", "--lake", lake, "--output", "json", "-c", sql], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        return tuple(json.loads(done.stdout)[0].values()) if done.returncode == 0 else (0,)

    def until(self, is_it) -> None:
        began = time.monotonic()
        while not is_it():
            assert time.monotonic() - began < PATIENCE_SECONDS, f"not in time; the lake has {self.sums(self.lake)}"
            time.sleep(0.2)

    @contextlib.contextmanager
    def service(self):
        """Runs the service, which is killed at the end: a disaster says nothing before."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SLOWLAKE")}
        process = subprocess.Popen([self.binary, "run", "-c", "slowlake.toml"], cwd=self.folder, env=environment)
        try:
            yield
            assert process.poll() is None, "the service has ended"
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
