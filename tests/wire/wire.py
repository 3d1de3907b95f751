"""Runs clients of other makers over `slowlake serve`; see `run` for the steps and their bars. Prints a table, exits with 1 on a miss."""
import argparse
import pathlib
import sys

import clients
import crowd
import fuzz
from server import Server

STEPS = {"clients": clients.run, "crowd": crowd.run, "fuzz": fuzz.run}


def main() -> None:
    parser = argparse.ArgumentParser(description="Runs clients of other makers over slowlake serve.")
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("lake", type=pathlib.Path)
    parser.add_argument("truth", type=pathlib.Path)
    parser.add_argument("steps", nargs="*", metavar="STEP", help=", ".join(STEPS))
    parser.add_argument("--scratch", type=pathlib.Path, required=True)
    parser.add_argument("--cache", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true", help="half a minute each")
    arguments = parser.parse_intermixed_args()
    for name in arguments.steps:
        if name not in STEPS:
            parser.error(f"there is no step {name}")
    complaints = []
    for name in arguments.steps or STEPS:
        with Server(arguments) as server:
            found = STEPS[name](server, arguments)
        print(f"{name}: {'ok' if not found else 'MISSED'}", flush=True)
        complaints += [f"{name}: {complaint}" for complaint in found]
    if complaints:
        sys.exit("\n".join(complaints))


if __name__ == "__main__":
    main()
