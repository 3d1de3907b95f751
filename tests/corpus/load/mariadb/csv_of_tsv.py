"""Standard input, as `mariadb --batch` prints a table, to CSV as most programs write it: quotes doubled, line breaks as they are."""
import csv
import re
import sys

ESCAPES = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


def main() -> None:
    sys.stdin.reconfigure(errors="surrogateescape", newline="\n")
    sys.stdout.reconfigure(errors="surrogateescape", newline="\n")
    out = csv.writer(sys.stdout, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    for line in sys.stdin:
        fields = line.rstrip("\n").split("\t")
        out.writerow([re.sub(r"\\(.)", lambda found: ESCAPES[found[1]], field) for field in fields])


main()
