"""Counts what a jsonlog or csvlog holds, by the standard library alone, and compares it with pg_stat_statements where both count the same.

Usage: count.py texts|bare LOG STATEMENTS_TSV SERVER_VERSION  >truth.json

`texts`: durations and texts share a message (log_min_duration_statement). `bare`: a text message, then a bare duration of the same
process (log_statement and log_duration). STATEMENTS_TSV: database, user, calls, from pg_stat_statements, only of clients that send
one statement per message and never fail; may be empty.
"""
import collections
import csv
import json
import re
import sys

WITH_TEXT = re.compile(r"duration: (\d+\.\d{3}) ms  (statement|execute fetch from|execute|parse|bind|fastpath function call)\b")
TEXT = re.compile(r"(statement|execute fetch from|execute|fastpath function call)\b")
BARE = re.compile(r"duration: (\d+\.\d{3}) ms\Z")

# What a csvlog has by place and a jsonlog by name: the ones that are counted.
CSV_FIELDS = {1: "user", 2: "dbname", 3: "pid", 11: "error_severity", 13: "message", 22: "application_name"}
SERVER_EVENTS = {
    "autoanalyze": r"automatic analyze of table ",
    "autovacuum": r"automatic (?:aggressive )?vacuum (?:to prevent wraparound )?of table ",
    "cancelled_by_user": r"canceling statement due to user request",
    "checkpoint": r"checkpoint complete: ",
    "connection": r"connection received: ",
    "connection_authorized": r"(?:replication )?connection authorized: ",
    "connection_limit": r"too many connections for role ",
    # Older versions say "server process", 18 "client backend".
    "crash": r"[a-z ]+ \(PID \d+\) was terminated by signal ",
    "deadlock": r"deadlock detected",
    "disconnection": r"disconnection: ",
    "idle_in_transaction_timeout": r"terminating connection due to idle-in-transaction timeout",
    "lock_acquired": r"process \d+ acquired ",
    "lock_timeout": r"canceling statement due to lock timeout",
    "lock_wait": r"process \d+ still waiting for ",
    "no_such_database": r'database "[^"]*" does not exist',
    "no_such_role": r'role "[^"]*" does not exist',
    "password_refused": r"password authentication failed for user ",
    "plan": r"duration: \S+ ms  plan:",
    "recovery": r"database system was not properly shut down; automatic recovery in progress",
    "replication_command": r"received replication command: ",
    "statement_timeout": r"canceling statement due to statement timeout",
    "temp_file": r"temporary file: path ",
    "terminated": r"terminating connection due to administrator command",
}
SERVER_EVENTS = {name: re.compile(pattern) for name, pattern in SERVER_EVENTS.items()}
TEMP_FILE_SIZE = re.compile(r"temporary file: path .*, size (\d+)")


def microseconds(milliseconds: str) -> int:
    return int(milliseconds.replace(".", ""))


def durations(events, mode):
    """Yields (event, command, microseconds) for each duration; the command is that of the text it belongs to, or `step`."""
    waiting = {}
    for event in events:
        found = event.get("message", "")
        if mode == "texts":
            if match := WITH_TEXT.match(found):
                yield event, match[2], microseconds(match[1])
            continue
        if match := BARE.match(found):
            text = waiting.pop(event["pid"], None)
            yield event, text or "step", microseconds(match[1])
        elif event["error_severity"] in ("ERROR", "FATAL"):
            waiting.pop(event["pid"], None)
        elif match := TEXT.match(found):
            waiting[event["pid"]] = match[1]


def read(log: str) -> list:
    # Bytes that are not UTF-8 are in the log as the client sent them.
    with open(log, encoding="utf-8", errors="surrogateescape", newline="") as lines:
        if log.endswith(".csv"):
            return [{name: row[place] for place, name in CSV_FIELDS.items()} for row in csv.reader(lines)]
        return [json.loads(line) for line in lines]


def server_events(events: list) -> dict:
    counts = collections.Counter()
    for event in events:
        for name, pattern in SERVER_EVENTS.items():
            if pattern.match(event.get("message", "")):
                counts[name] += 1
        if found := TEMP_FILE_SIZE.match(event.get("message", "")):
            counts["temp_file_bytes"] += int(found[1])
    return dict(sorted(counts.items()))


def main() -> None:
    mode, log, statements, version = sys.argv[1:]
    events = read(log)
    commands = collections.Counter()
    total = 0
    by = {key: collections.defaultdict(lambda: [0, 0]) for key in ("dbname", "user", "application_name", "pair")}
    for event, command, duration in durations(events, mode):
        commands[command] += 1
        if command not in ("statement", "execute"):
            continue
        total += duration
        pair = f"{event.get('dbname', '')}/{event.get('user', '')}"
        for key, value in [*event.items(), ("pair", pair)]:
            if key in by:
                by[key][value][0] += 1
                by[key][value][1] += duration
    servers = [line.split("\t") for line in open(statements, encoding="utf-8").read().splitlines()]
    for database, user, calls in servers:
        counted = by["pair"][f"{database}/{user}"][0]
        if counted != int(calls):
            sys.exit(f"{database}/{user}: {counted} executions in the log, {calls} calls in pg_stat_statements")

    def table(key):
        return {name: {"executions": n, "total_us": us} for name, (n, us) in sorted(by[key].items())}

    truth = {
        "server": version,
        "executions": commands["statement"] + commands["execute"],
        "total_us": total,
        "durations_by_command": dict(sorted(commands.items())),
        "messages_by_severity": dict(sorted(collections.Counter(e["error_severity"] for e in events).items())),
        "messages": len(events),
        "server_events": server_events(events),
        "by_database": table("dbname"),
        "by_user": table("user"),
        "by_application": table("application_name"),
        "by_database_and_user": table("pair"),
        "pg_stat_statements_calls": {f"{database}/{user}": int(calls) for database, user, calls in servers},
    }
    json.dump(truth, sys.stdout, indent=1, ensure_ascii=True)
    print()


main()
