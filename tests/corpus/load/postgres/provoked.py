"""Compares the events that a recording counted with those that it brought about. Usage: provoked.py TRUTH_JSON

Exit status 1: a number differs, so the recording is not what README.md says. Odd statements and the load's end are counted with them.
"""
import json
import sys

PROVOKED = {
    "deadlock": 1,
    "cancelled_by_user": 1,
    # One in odd.sql, one in events.sql.
    "statement_timeout": 2,
    "lock_timeout": 1,
    "idle_in_transaction_timeout": 1,
    # By odd.sql to itself, and by events to another.
    "terminated": 2,
    "password_refused": 2,
    "connection_limit": 1,
    "no_such_role": 1,
    "no_such_database": 1,
    "crash": 1,
    "recovery": 1,
    "plan": 2,
}


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        counted = json.load(file)["server_events"]
    differing = {name: (n, counted.get(name, 0)) for name, n in PROVOKED.items() if counted.get(name, 0) != n}
    missing = [name for name in ("autovacuum", "autoanalyze", "lock_wait", "lock_acquired", "temp_file") if not counted.get(name)]
    if differing or missing:
        sys.exit(f"provoked.py: provoked and counted: {differing}; never counted: {missing}")


main()
