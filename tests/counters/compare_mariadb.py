"""Compares what `digest` counts in a server's slow log with the server's own events_statements_summary_by_digest.

Usage: compare_mariadb.py BINARY STATEMENTS_JSON SLOW_LOG
Exit status 1: a difference that no rule below explains. The rules come from what MariaDB 10.11 does; where the log cannot tell, the load
marks the statement (mariadb.sql, and the user `shop_app`).

no statement           a message of comments alone is logged, not counted
does not parse         logged, not counted (the load's only one begins with SELEKT)
in a routine           statements of stored routines are logged, not counted
several statements     all statements of a message are counted under the first (the others begin with AFTER_ANOTHER)
prepared by protocol   logged, not counted (only the user shop_app prepares)
EXECUTE                logged as the statement that was prepared, counted as an EXECUTE
one query              a digest keeps less than a fingerprint: names of variables and lengths of lists of literals are gone
"""

import json
import re
import sys

from counters import Difference, Explained, Fingerprints, compare_calls, digest, statements

# Forged headers are in literals.
ENTRY = re.compile(r"^# User@Host: (?!forged\[)", re.M)
TEXT = re.compile(r"(?:^#.*\n)*(?:^use .*\n)?^SET timestamp=\d+;\n(.*?)(?:^# Time: .*)?\Z", re.M | re.S)
AFTER_ANOTHER = "/* after another */"
SQL_PREPARE = re.compile(r"PREPARE (\w+) FROM '(.*)'$")
# DIGEST_TEXT shows these words in another spelling than the statement had.
RESPELLED = {
    "VARCHARACTER (": "VARCHAR(",
    "INTEGER": "INT",
    "SCHEMA (": "DATABASE(",
    "DISTINCTROW": "DISTINCT",
    "SQL_TSI_DAY": "DAY",
    "@?": "@any",
}
# From this mean on, the time in the log must be the server's, to this part. The server's has in it the time to write the log's entry, for
# which clients wait for each other: allowed is this much a call.
COMPARED_MEAN_MS_MIN = 10
TIME_TOLERANCE = 0.05
WRITING_US_MAX = 3000


def main() -> int:
    binary, rows_file, log_file = sys.argv[1:]
    with open(rows_file, encoding="utf-8") as file:
        rows = json.load(file)
    with open(log_file, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        entries = list(read(file.read()))
    logged = digest(binary, log_file)
    log = {fingerprint: calls for fingerprint, (calls, _, _) in logged.items()}
    fingerprints = Fingerprints(binary, "mysql")
    server, server_us = count(rows, fingerprints)
    explained = explain(entries, server, fingerprints)
    names = {**fingerprints.normalized, **{fingerprint: text for fingerprint, (_, _, text) in logged.items()}}
    for fingerprint in log.keys() | server.keys():
        explained.one_query(digested(names[fingerprint]), fingerprint)

    print(f"{sum(log.values())} executions of {len(log)} queries in the log, {sum(server.values())} calls of {len(rows)} digests in the server")
    n_unexplained = compare_calls(log, server, explained, names.get)
    n_compared, n_late = compare_times(logged, server, server_us, explained)
    print(f"{n_compared} queries of {COMPARED_MEAN_MS_MIN} ms and more have the server's time within {TIME_TOLERANCE:.0%}, {n_late} do not")
    if not log or not n_compared:
        raise Difference("there is nothing to compare")
    return 1 if n_unexplained or n_late else 0


def read(log: str):
    """Of each entry the user, the thread, whether it is of a stored routine, and the text."""
    for entry in ENTRY.split(log)[1:]:
        text = TEXT.search(entry)
        if not text:
            raise Difference(f"an entry has no text: {entry!r}")
        head = entry[: text.start(1)]
        thread = re.search(r"^# Thread_id: (\d+)", head, re.M)[1]
        yield entry.split("[", 1)[0], thread, "\n# Stored_routine: " in head, text[1]


def count(rows: list, fingerprints: Fingerprints) -> tuple:
    """Calls and µs by fingerprint of the digest's text."""
    lines = []
    for row in rows:
        line = " ".join(statements(row["text"] or "", "mysql"))
        for shown, written in RESPELLED.items():
            line = line.replace(shown, written)
        lines.append(line)
    fingerprints.learn(lines)
    calls, time_us = {}, {}
    for row, line in zip(rows, lines):
        fingerprint = fingerprints.of(line)
        calls[fingerprint] = calls.get(fingerprint, 0) + row["calls"]
        time_us[fingerprint] = time_us.get(fingerprint, 0) + row["time_ps"] / 1_000_000
    return calls, time_us


def explain(entries: list, server: dict, fingerprints: Fingerprints) -> Explained:
    lines = [" ".join(statements(text, "mysql")) for _, _, _, text in entries]
    prepared = {found[1]: found[2].replace("''", "'") for line in lines if (found := SQL_PREPARE.match(line))}
    fingerprints.learn([*lines, *prepared.values()])
    explained = Explained()
    first = {}
    for (user, thread, in_routine, text), line in zip(entries, lines):
        fingerprint = fingerprints.of(line)
        rule = rule_of(user, in_routine, line)
        if rule:
            explained.by(rule, fingerprint, -1)
        elif text.startswith(AFTER_ANOTHER):
            explained.by("several statements", fingerprint, -1)
            explained.by("several statements", first[thread], 1)
        else:
            first[thread] = fingerprint
    for name, text in prepared.items():
        for fingerprint, calls in server.items():
            if re.match(rf"EXECUTE {name}\b", fingerprints.normalized[fingerprint]):
                explained.by("EXECUTE", fingerprint, calls)
                explained.by("EXECUTE", fingerprints.of(text), -calls)
    return explained


def compare_times(logged: dict, server: dict, server_us: dict, explained: Explained) -> tuple:
    n_compared, n_late = 0, 0
    for fingerprint, (calls, log_us, text) in logged.items():
        if explained.rules[fingerprint] or calls != server.get(fingerprint) or log_us / calls < COMPARED_MEAN_MS_MIN * 1000:
            continue
        n_compared += 1
        low, high = (1 - TIME_TOLERANCE) * log_us, (1 + TIME_TOLERANCE) * log_us + WRITING_US_MAX * calls
        if not low <= server_us[fingerprint] <= high:
            n_late += 1
            print(f"  {fingerprint} log {log_us} us, server {server_us[fingerprint]:.0f} us: NOT EXPLAINED\n    {text[:160]}")
    return n_compared, n_late


def rule_of(user: str, in_routine: bool, line: str) -> str | None:
    if in_routine:
        return "in a routine"
    if not line:
        return "no statement"
    if line.startswith("SELEKT "):
        return "does not parse"
    if user == "shop_app" and not line.startswith("SET "):
        return "prepared by protocol"
    return None


def digested(normalized: str) -> str:
    """What a digest keeps of a normalized text."""
    return re.sub(r"@\w+", "@", re.sub(r"\?(?:\+|(?:, (?:\?|\.\.\.))+)", "?+", normalized))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Difference as difference:
        sys.exit(f"counters: {difference}")
