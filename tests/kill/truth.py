"""A PostgreSQL stderr log of which everything is known, and the comparison of a lake with what is known."""

import csv
import datetime
import pathlib
import random
import subprocess

USERS = ["shop_app", "reporting", "billing", "dba"]
DATABASES = ["shop", "shop", "billing"]
APPLICATIONS = ["web", "checkout", "nightly report", "[unknown]"]
# A run that takes longer than this hangs.
RUN_SECONDS_MAX = 900


class Difference(Exception):
    """The lake is not what it has to be."""


def run(command: list) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
    if done.returncode != 0:
        raise Difference(f"{' '.join(map(str, command[1:]))} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


class Truth:
    """A log that grows piece by piece, and what is in it so far."""

    def __init__(self, path: pathlib.Path, seed: int):
        self.path = path
        self.size = 0
        self.executions = 0
        self.by_user = {}
        self.entries = entries(random.Random(seed))
        path.write_bytes(b"")

    def grow(self, size: int) -> None:
        """Adds whole entries of so many bytes, or a little more."""
        end = self.size + size
        with self.path.open("ab") as log:
            while self.size < end:
                entry, user, query_time_us = next(self.entries)
                data = entry.encode()
                log.write(data)
                self.size += len(data)
                if query_time_us is not None:
                    self.executions += 1
                    calls, total_us = self.by_user.get(user, (0, 0))
                    self.by_user[user] = (calls + 1, total_us + query_time_us)

    def compare(self, binary: pathlib.Path, lake: pathlib.Path) -> None:
        """Compares what a lake has of this log; it may have others."""

        def ask(sql: str) -> list:
            rows = csv.reader(run([str(binary), "sql", "--lake", str(lake), "--output", "csv", "-c", sql]).splitlines())
            return list(rows)[1:]

        mine = f"WHERE source LIKE '%/{self.path.name}#%'"
        [[count, different]] = ask(
            f"SELECT count(*), count(DISTINCT source || ':' || source_offset || ':' || source_seq) FROM executions {mine}"
        )
        count, different = int(count), int(different)
        lost, doubled = max(0, self.executions - different), count - min(different, self.executions)
        if lost or doubled:
            raise Difference(
                f"{self.path.name}: {lost} lost, {doubled} doubled: {count} executions with {different} keys, true are {self.executions}"
            )
        by_user = {
            user: (int(calls), int(total_us))
            for user, calls, total_us in ask(f'SELECT "user", count(*), sum(query_time_us) FROM executions {mine} GROUP BY 1')
        }
        if by_user != self.by_user:
            raise Difference(f"{self.path.name}: calls and µs by user are {by_user}, true is {self.by_user}")
        columns = "range_start, range_end, bytes_in, bytes_parsed, bytes_rejected, bytes_skipped, entries_query, rejects"
        self.compare_ledger(
            [[int(number) for number in row] for row in ask(f"SELECT {columns} FROM ledger {mine} ORDER BY range_start, range_end")]
        )
        [[sources]] = ask(f"SELECT count(DISTINCT source) FROM ledger {mine}")
        if sources != "1":
            raise Difference(f"{self.path.name}: the one log is {sources} sources")

    def compare_ledger(self, ranges: list) -> None:
        end = 0
        for row in ranges:
            range_start, range_end, bytes_in, parsed, rejected, skipped, _, rejects = row
            if range_start != end or range_end - range_start != bytes_in or parsed + rejected + skipped != bytes_in or rejects:
                raise Difference(f"{self.path.name}: the ledger does not add up at byte {end}: {row}, of {ranges}")
            end = range_end
        if end != self.size:
            raise Difference(f"{self.path.name}: the ledger ends at byte {end}, the log at {self.size}")
        entries = sum(row[6] for row in ranges)
        if entries != self.executions:
            raise Difference(f"{self.path.name}: the ledger counts {entries} executions, true are {self.executions}")


def entries(chance: random.Random):
    """Entries without end: text, user, and the query time in µs if it completes an execution."""
    clock = datetime.datetime(2026, 11, 16, 18, 0)
    sessions = [Session(4000 + n, chance) for n in range(24)]
    while True:
        # Midnight comes after some 25 MB, so that a lake has more than one day.
        clock += datetime.timedelta(milliseconds=chance.randrange(0, 200))
        session = chance.choice(sessions)
        yield from session.next(f"{clock:%Y-%m-%d %H:%M:%S}.{clock.microsecond // 1000:03d} UTC")


class Session:
    """One connection: its prefix, and the way its server logs."""

    def __init__(self, pid: int, chance: random.Random):
        self.chance = chance
        self.user = chance.choice(USERS)
        self.pid = pid
        self.who = f"{self.user}@{chance.choice(DATABASES)}/{chance.choice(APPLICATIONS)} 10.0.{pid % 7}.{pid % 250}"
        # A third logs text and duration in two messages, with those of others between; their statement is nearly always open.
        self.is_bare = pid % 3 == 0
        self.is_open = False

    def next(self, time: str):
        chance = self.chance
        prefix = f"{time} [{self.pid}] {self.who} LOG:  "
        query_time_us = int(chance.lognormvariate(7, 2)) + 1
        took = f"duration: {query_time_us // 1000}.{query_time_us % 1000:03d} ms"
        if self.is_bare:
            if self.is_open:
                yield f"{prefix}{took}\n", self.user, query_time_us
            yield f"{prefix}statement: {statement(chance)}\n", self.user, None
            self.is_open = True
            return
        kind = chance.randrange(20)
        if kind < 12:
            yield f"{prefix}{took}  statement: {statement(chance)}\n", self.user, query_time_us
        elif kind < 17:
            number = chance.randrange(10**6)
            for step in ("parse", "bind"):
                yield f"{prefix}duration: 0.0{number % 90 + 10} ms  {step} S_{number % 40}: SELECT * FROM t WHERE id = $1\n", self.user, None
            detail = f"{time} [{self.pid}] {self.who} DETAIL:  parameters: $1 = '{number}'\n"
            text = f"{prefix}{took}  execute S_{number % 40}: SELECT * FROM t WHERE id = $1\n{detail}"
            yield text, self.user, query_time_us
        elif kind < 18:
            yield f"{prefix}disconnection: session time: 0:00:00.012 user={self.user} database=shop host=[local]\n", self.user, None
        elif kind < 19:
            # The statement of an error is not an execution, whatever its text looks like.
            error = f"{time} [{self.pid}] {self.who} ERROR:  canceling statement due to user request\n"
            yield f"{error}{time} [{self.pid}] {self.who} STATEMENT:  {statement(chance)}\n", self.user, None
        else:
            yield f"{time} [17] LOG:  checkpoint complete: wrote {chance.randrange(9999)} buffers (0.1%)\n", "", None


def statement(chance: random.Random) -> str:
    """A statement as the log has it: of one line or several, each further one after a tab."""
    number, other = chance.randrange(10**9), chance.randrange(10**5)
    match chance.randrange(12):
        case 0 | 1 | 2:
            return f"SELECT name, price FROM products WHERE id = {number}"
        case 3 | 4:
            return f"UPDATE carts SET items = items + {other} WHERE customer = {number} AND note <> 'it''s {other}'"
        case 5 | 6:
            return f"INSERT INTO orders (customer, total, state) VALUES ({number}, {other}.{number % 100:02d}, 'new')"
        case 7:
            return f"SELECT c{other % 300} FROM wide_table_{number % 40} WHERE k IN ({', '.join(str(n) for n in range(other % 30 + 1))})"
        case 8:
            lines = ["SELECT o.id,", f"       sum(i.price) -- {number}", "", "FROM orders o JOIN items i ON i.order_id = o.id"]
            return "\n\t".join([*lines, f"WHERE o.placed > now() - interval '{other % 90} days'", "GROUP BY 1;"])
        case 9:
            forged = "2026-11-16 18:00:00.000 UTC [1] forged@shop/x 10.0.0.1 LOG:  duration: 9999.999 ms  statement: SELECT 1"
            return f"INSERT INTO pastes (id, body) VALUES ({number}, 'look:\n\t{forged}\n\tdone')"
        case 10:
            return f"/* {number} */ DELETE FROM sessions WHERE seen < '2026-11-{other % 28 + 1:02d}' OR naïve = E'\\'{other}'"
        case _:
            return f"SELECT '{'x' * (other % 300)}', {number}"
