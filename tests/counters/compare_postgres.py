"""Compares what `digest` counts in a server's logs with the server's own pg_stat_statements.

Usage: compare_postgres.py BINARY MAJOR STATEMENTS_JSON LOG_FOLDER      the folder holds counted.log, counted.csv and counted.json
Exit status 1: a difference that no rule below explains. The rules come from what PostgreSQL does, and are applied to the jsonlog as
Python's json reads it:

several statements     one message is one execution in the log; the server counts each statement in it
empty                  a message without a statement is logged, not counted
piece of a portal      fetching more of a portal is a line each, and one call for the server
PREPARE, EXECUTE       PREPARE is not counted; EXECUTE counts as what was prepared. DEALLOCATE is not counted before 17
cached utility         a utility statement that the protocol prepared is counted the first time only
one query              what differs only in names, in IN of one value or in LIMIT ALL is one entry of the server: it has the same query id
failed                 statements that ended before their message or their transaction failed are counted, not logged
"""

import json
import re
import sys

from counters import Difference, Explained, Fingerprints, compare_calls, digest, statements

DURATION = re.compile(r"duration: \d+\.\d{3} ms  (statement|execute fetch from|execute)(?: ([^:]*))?: (.*)", re.S)
PREPARED = re.compile(r"prepare: (.*)", re.S)
PREPARE = re.compile(r"PREPARE (?!TRANSACTION)\S+ (?:\([^)]*\) )?AS ", re.I)
UTILITY = re.compile(r"(?!SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|VALUES|TABLE|\()", re.I)
# From this mean on, the time in the log must be the server's, to this part. The log's has in it to read the statement and to send the answer,
# for which a busy machine makes a server wait: allowed is this much a call.
COMPARED_MEAN_MS_MIN = 10
TIME_TOLERANCE = 0.05
ASIDE_US_MAX = 1000


def main() -> int:
    binary, major, rows_file, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    with open(rows_file, encoding="utf-8") as file:
        rows = json.load(file)
    with open(f"{folder}/counted.json", encoding="utf-8", errors="surrogateescape") as lines:
        events = [json.loads(line) for line in lines]
    logs = {suffix: digest(binary, f"{folder}/counted.{suffix}") for suffix in ("log", "csv", "json")}
    for suffix in ("csv", "json"):
        if logs[suffix] != logs["log"]:
            raise Difference(f"counted.{suffix} and counted.log hold the same events and give different answers")

    fingerprints = Fingerprints(binary, "postgres")
    explained = Explained()
    server = Server(rows, fingerprints, explained)
    explain(events, major, fingerprints, explained)
    log = {fingerprint: calls for fingerprint, (calls, _, _) in logs["log"].items()}
    n_calls = sum(log.values())
    print(f"{n_calls} executions of {len(log)} queries in the log, {sum(server.calls.values())} calls of {len(rows)} entries in the server")
    names = {**fingerprints.normalized, **{fingerprint: text for fingerprint, (_, _, text) in logs["log"].items()}}
    n_unexplained = compare_calls(log, server.calls, explained, lambda fingerprint: names.get(fingerprint, "?"))
    n_compared, n_late = compare_times(logs["log"], server, explained)
    print(f"{n_compared} queries of {COMPARED_MEAN_MS_MIN} ms and more have the server's time within {TIME_TOLERANCE:.0%}, {n_late} do not")
    if not n_calls or not n_compared:
        raise Difference("there is nothing to compare")
    return 1 if n_unexplained or n_late else 0


class Server:
    """pg_stat_statements, summed by fingerprint of its texts."""

    def __init__(self, rows: list, fingerprints: Fingerprints, explained: Explained):
        lines = [unprepared(" ".join(statements(row["query"], "postgres"))) for row in rows]
        fingerprints.learn(lines)
        self.calls, self.time_us = {}, {}
        for row, line in zip(rows, lines):
            if row["calls"]:
                fingerprint = fingerprints.of(line)
                explained.one_query(row["queryid"], fingerprint)
                self.calls[fingerprint] = self.calls.get(fingerprint, 0) + row["calls"]
                time_us = 1000 * (row["total_plan_time"] + row["total_exec_time"])
                self.time_us[fingerprint] = self.time_us.get(fingerprint, 0) + time_us


def explain(events: list, major: int, fingerprints: Fingerprints, explained: Explained) -> None:
    lines, failures = [], []
    for event in events:
        if found := DURATION.match(event["message"]):
            prepared = PREPARED.match(event.get("detail", ""))
            prepared = [unprepared(text) for text in statements(prepared[1], "postgres")] if prepared else []
            lines.append((event.get("query_id"), found[1], found[2], statements(found[3], "postgres"), prepared))
        elif event["error_severity"] in ("ERROR", "FATAL"):
            failures.append(statements(event.get("statement", ""), "postgres"))
    fingerprints.learn(text for _, _, _, texts, prepared in lines for text in (*texts, *prepared, "; ".join(texts)))
    fingerprints.learn(text for texts in failures for text in texts)

    for query_id, kind, name, texts, prepared in lines:
        logged = fingerprints.of("; ".join(texts))
        rule, counted = counted_as(kind, texts, prepared, major)
        if rule:
            explained.by(rule, logged, -1)
            for text in counted:
                explained.by(rule, fingerprints.of(text), 1)
        else:
            explained.one_query(query_id, logged)
        if kind == "execute" and name != "<unnamed>" and UTILITY.match(texts[0]):
            explained.up_to("cached utility", logged, -1)
    for texts in failures:
        for text in texts:
            explained.up_to("failed", fingerprints.of(text), 1)


def unprepared(text: str) -> str:
    """What a PREPARE prepares. The server shows it under the PREPARE, or under the same statement sent plainly, whichever came first."""
    return PREPARE.sub("", text)


def counted_as(kind: str, texts: list, prepared: list, major: int) -> tuple:
    """The rule by which the server counts other statements than the log's one, and which; no rule if it counts the same."""
    if kind == "execute fetch from":
        return "piece of a portal", []
    if not texts:
        return "empty", []
    if len(texts) > 1:
        return "several statements", texts
    verb = texts[0].split(None, 1)[0].upper()
    if verb == "EXECUTE":
        return "EXECUTE", prepared
    if PREPARE.match(texts[0]):
        return "PREPARE", []
    if verb == "DEALLOCATE" and major < 17:
        return "DEALLOCATE", []
    return None, texts


def compare_times(log: dict, server: Server, explained: Explained) -> tuple:
    n_compared, n_late = 0, 0
    for fingerprint, (calls, logged_us, normalized) in log.items():
        if explained.rules[fingerprint] or calls != server.calls.get(fingerprint):
            continue
        server_us = server.time_us[fingerprint]
        if server_us / calls >= COMPARED_MEAN_MS_MIN * 1000:
            n_compared += 1
            low, high = (1 - TIME_TOLERANCE) * server_us, (1 + TIME_TOLERANCE) * server_us + ASIDE_US_MAX * calls
            if not low <= logged_us <= high:
                n_late += 1
                print(f"  {fingerprint} log {logged_us} us, server {server_us:.0f} us: NOT EXPLAINED\n    {normalized[:160]}")
    return n_compared, n_late


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Difference as difference:
        sys.exit(f"counters: {difference}")
