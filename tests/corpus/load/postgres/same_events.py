"""Compares what a syslog view of a recording holds with the stderr log of the same events, or the recording is not what README.md says.

Usage: same_events.py STDERR_LOG DATAGRAMS BSD RFC5424
Only the server's word about where its log goes is in syslog alone. The prefix of the log must begin with `%m [%p] `.
"""
import collections
import re
import sys

VIEWS = [
    re.compile(rb"<\d+>\w{3} [ \d]\d [\d:]{8} postgres\[(\d+)\]: \[\d+-(\d+)\] (.*)", re.S),
    re.compile(rb"\w{3} [ \d]\d [\d:]{8} \S+ postgres\[(\d+)\]: \[\d+-(\d+)\] (.*)", re.S),
    re.compile(rb"<\d+>1 \S+ \S+ postgres (\d+) - - \[\d+-(\d+)\] (.*)", re.S),
]
ESCAPED = re.compile(rb"#(0[0-3][0-7]|177)")
# A chunk that begins a line of the message. Any other goes on with the line before, which was too long for one.
LINE_BEGIN = re.compile(rb"\t|\d{4}-\d\d-\d\d [\d:.]+ \S+ \[\d+\] ")
SYSLOG_ALONE = re.compile(rb" (LOG:  redirecting log output|HINT:  Future log output)")


def main() -> None:
    stderr, *views = sys.argv[1:]
    expected = entries(open(stderr, "rb").read())
    for path, pattern in zip(views, VIEWS, strict=True):
        found = entries(b"".join(messages(open(path, "rb").read(), pattern, is_escaped=pattern is not VIEWS[0])))
        missing, more = expected - found, found - expected
        more = [entry for entry in more if not SYSLOG_ALONE.search(entry)]
        if missing or more:
            sys.exit(f"{path}: {sum(missing.values())} entries are missing and {len(more)} more: {[*missing, *more][:2]}")


def entries(log: bytes) -> collections.Counter:
    return collections.Counter(re.split(rb"\n(?!\t)", log.rstrip(b"\n")))


def messages(log: bytes, pattern, is_escaped: bool):
    """The messages of each process as its stderr would have them."""
    texts = collections.defaultdict(bytearray)
    for line in log.rstrip(b"\n").split(b"\n"):
        process, chunk, text = pattern.fullmatch(line).groups()
        if is_escaped:
            text = ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), text)
        if texts[process] and (chunk == b"1" or LINE_BEGIN.match(text)):
            texts[process] += b"\n"
        texts[process] += text
    return (bytes(text) + b"\n" for text in texts.values())


main()
