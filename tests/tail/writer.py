"""A server that writes its log: numbered entries in a real format, at a rate, until SIGTERM. Says at the end how much it wrote.

Usage: writer.py postgres|mysql LOG BYTES_PER_SECOND PAUSED USER

SIGHUP has it open its log anew, as a server does after rotation. SIGUSR1 has it pause after a whole entry, which it shows by making the
file PAUSED, until SIGUSR2. Entry n took n % VALUES + 1 µs, so that a lake can be asked which entries it has.
"""

import json
import pathlib
import signal
import sys
import time

VALUES = 900_000
# The time between two writes.
SLICE_SECONDS = 0.02
BANNER = (
    "/usr/sbin/mariadbd, Version: 10.11.6-MariaDB-log (Debian). started with:\nTcp port: 3306  Unix socket: /run/mysqld/mysqld.sock\n"
    "Time\t\t    Id Command\tArgument\n"
)
# Texts as applications send them: short and long ones, and some of several lines.
STATEMENTS = [
    "SELECT name, price FROM products WHERE id = 4711",
    "UPDATE carts SET items = items + 1 WHERE customer = 42 AND note <> 'it''s # Time: 261123'",
    "INSERT INTO orders (customer, total, state) VALUES (42, 17.50, 'new')",
    "SELECT o.id,\n\tsum(i.price)\n\tFROM orders o JOIN items i ON i.order_id = o.id\n\tWHERE o.placed > '2026-11-01'\n\tGROUP BY 1",
    f"SELECT * FROM events WHERE kind IN ({', '.join(str(n) for n in range(40))}) ORDER BY created LIMIT 50",
    f"INSERT INTO pastes (body) VALUES ('{'lorem ipsum ' * 40}')",
]


class Writer:
    """One log that is being written."""

    def __init__(self, kind: str, path: pathlib.Path, rate: int, paused: pathlib.Path, user: str):
        self.entry = {"postgres": postgres, "mysql": mysql}[kind]
        self.banner = {"postgres": "", "mysql": BANNER}[kind].encode()
        self.path, self.rate, self.paused, self.user = path, rate, paused, user
        self.bytes = self.entries = 0
        self.is_to_end = self.is_to_open = self.is_to_pause = False

    def run(self) -> None:
        log = self.open()
        begin = time.monotonic()
        while not self.is_to_end:
            if self.is_to_open:
                self.is_to_open = False
                log.close()
                log = self.open()
            if self.is_to_pause:
                begin += self.pause()
            due = int((time.monotonic() - begin) * self.rate) - self.bytes
            data = self.due(due)
            # In two pieces, cut anywhere: what is read between them ends with half an entry.
            cut = len(data) * (self.entries % 7) // 7
            for piece in (data[:cut], data[cut:]):
                log.write(piece)
            time.sleep(SLICE_SECONDS)
        log.close()

    def open(self):
        # Not buffered, and always at the end, also after somebody cut the file off.
        log = self.path.open("ab", buffering=0)
        log.write(self.banner)
        self.bytes += len(self.banner)
        return log

    def pause(self) -> float:
        begin = time.monotonic()
        self.paused.touch()
        while self.is_to_pause and not self.is_to_end:
            time.sleep(SLICE_SECONDS / 4)
        self.paused.unlink()
        return time.monotonic() - begin

    def due(self, size: int) -> bytes:
        """Whole entries of about so many bytes."""
        now = time.gmtime()
        entries = []
        while size > 0:
            entry = self.entry(self.entries, now, self.user)
            entries.append(entry)
            size -= len(entry)
            self.entries += 1
        data = "".join(entries).encode()
        self.bytes += len(data)
        return data


def postgres(n: int, now: time.struct_time, user: str) -> str:
    took_us = n % VALUES + 1
    return (
        f"2026-11-23 {now.tm_hour:02d}:{now.tm_min:02d}:{now.tm_sec:02d}.{n % 1000:03d} UTC [{4000 + n % 24}] {user}@shop LOG:  "
        f"duration: {took_us // 1000}.{took_us % 1000:03d} ms  statement: {STATEMENTS[n % len(STATEMENTS)]}\n"
    )


def mysql(n: int, now: time.struct_time, user: str) -> str:
    time_line = f"# Time: 261123 {now.tm_hour:2d}:{now.tm_min:02d}:{now.tm_sec:02d}\n" if n % 50 == 0 else ""
    return (
        f"{time_line}# User@Host: {user}[{user}] @ localhost []\n# Thread_id: {40 + n % 24}  Schema: shop  QC_hit: No\n"
        f"# Query_time: 0.{n % VALUES + 1:06d}  Lock_time: 0.000001  Rows_sent: 1  Rows_examined: {n % 97}\n"
        f"# Rows_affected: 0  Bytes_sent: 57\nSET timestamp=1795392000;\n{STATEMENTS[n % len(STATEMENTS)]};\n"
    )


def main() -> None:
    kind, path, rate, paused, user = sys.argv[1:]
    writer = Writer(kind, pathlib.Path(path), int(rate), pathlib.Path(paused), user)
    for number, name, value in [
        (signal.SIGTERM, "is_to_end", True),
        (signal.SIGHUP, "is_to_open", True),
        (signal.SIGUSR1, "is_to_pause", True),
        (signal.SIGUSR2, "is_to_pause", False),
    ]:
        signal.signal(number, lambda *_, name=name, value=value: setattr(writer, name, value))
    writer.run()
    print(json.dumps({"entries": writer.entries, "bytes": writer.bytes}))


if __name__ == "__main__":
    main()
