"""What the comparisons with both kinds of server share: fingerprints of texts, and a table of counts whose differences are explained.

Nothing here is this project's code but the binary under test, which is asked for the fingerprints.
"""

import collections
import json
import re
import subprocess

# A token that can hide a semicolon or a line break: comments, literals, quoted names, dollar quotes.
HIDING = {
    "postgres": re.compile(
        r"(?P<line>--[^\n]*)|(?P<block>/\*)|[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\""
        r"|(?<![\w$])(?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag)",
        re.S,
    ),
    "mysql": re.compile(
        r"(?P<line>#[^\n]*|--(?=[\s]|$)[^\n]*)|(?P<block>/\*(?![!M]))|'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`[^`]*`", re.S
    ),
}
BLOCK_EDGE = re.compile(r"/\*|\*/")


class Difference(Exception):
    """Log and server disagree, and no rule says why."""


def statements(text: str, dialect: str) -> list[str]:
    """The statements of a text, each on one line without comments. Line breaks inside literals become spaces: they are no part of a fingerprint."""
    parts, current, at = [], [], 0

    def plain(piece: str) -> None:
        first, *others = piece.split(";")
        current.append(first)
        for other in others:
            parts.append("".join(current))
            current[:] = [other]

    while found := HIDING[dialect].search(text, at):
        plain(text[at : found.start()])
        at = found.end()
        if found["line"] is not None:
            current.append(" ")
        elif found["block"] is not None:
            current.append(" ")
            at = end_of_block(text, at, nested=dialect == "postgres")
        else:
            current.append(found[0])
    plain(text[at:])
    parts.append("".join(current))
    return [line for part in parts if (line := re.sub(r"\s+", " ", part).strip())]


def end_of_block(text: str, at: int, nested: bool) -> int:
    depth = 1
    for edge in BLOCK_EDGE.finditer(text, at):
        if edge[0] == "*/":
            depth -= 1
        elif nested:
            depth += 1
        if depth == 0:
            return edge.end()
    return len(text)


class Fingerprints:
    """Fingerprint and normalized text of statements, each asked for once."""

    def __init__(self, binary: str, dialect: str):
        self.binary = binary
        self.dialect = dialect
        self.known = {}
        self.normalized = {}

    def learn(self, lines) -> None:
        new = sorted(set(lines) - self.known.keys())
        said = subprocess.run(
            [self.binary, "fingerprint", "--dialect", self.dialect],
            input="".join(f"{line}\n" for line in new).encode(errors="surrogateescape"),
            stdout=subprocess.PIPE,
            check=True,
        )
        answers = said.stdout.decode(errors="surrogateescape").splitlines()
        if len(answers) != len(new):
            raise Difference(f"{len(new)} statements have {len(answers)} fingerprints")
        for line, answer in zip(new, answers):
            self.known[line], normalized = answer.split("\t", 1)
            self.normalized.setdefault(self.known[line], normalized)

    def of(self, line: str) -> str:
        return self.known[line]


def digest(binary: str, log: str) -> dict:
    """Calls, µs and normalized text by fingerprint, as `digest` counts them."""
    said = subprocess.run([binary, "digest", "--output", "json", log], stdout=subprocess.PIPE)
    if said.returncode != 0:
        raise Difference(f"{log}: digest ended with {said.returncode}")
    report = json.loads(said.stdout)
    if report["ledger"]["bytes_rejected"]:
        raise Difference(f"{log}: {report['ledger']['bytes_rejected']} bytes are rejected: {report['ledger']['rejected']}")
    return {query["fingerprint"]: (query["calls"], query["total_us"], query["normalized"]) for query in report["queries"]}


class Explained:
    """Differences that a rule accounts for, by rule and fingerprint: exact ones, and ranges where only a limit is known."""

    def __init__(self):
        self.exact = collections.Counter()
        self.more_at_most = collections.Counter()
        self.fewer_at_most = collections.Counter()
        self.rules = collections.defaultdict(collections.Counter)
        self.queries = collections.defaultdict(set)

    def by(self, rule: str, fingerprint: str, calls: int) -> None:
        """The server counts so many more than the log (or fewer, below zero)."""
        self.exact[fingerprint] += calls
        self.rules[fingerprint][rule] += calls

    def up_to(self, rule: str, fingerprint: str, calls: int) -> None:
        """The server may count up to so many more (or fewer, below zero)."""
        if calls > 0:
            self.more_at_most[fingerprint] += calls
        else:
            self.fewer_at_most[fingerprint] -= calls
        self.rules[fingerprint][f"{rule}, at most"] += calls

    def one_query(self, server_id, fingerprint: str) -> None:
        """The server's identity of this fingerprint's statement: fingerprints with the same one are compared together."""
        if server_id and str(server_id) != "0":
            self.queries[str(server_id)].add(fingerprint)

    def groups(self, fingerprints) -> list[set]:
        """The fingerprints, those that share an identity of the server's together."""
        group_of = {fingerprint: {fingerprint} for fingerprint in fingerprints}
        for members in self.queries.values():
            known = [group_of[member] for member in members if member in group_of]
            merged = set().union(*known)
            for member in merged:
                group_of[member] = merged
        return sorted({id(group): group for group in group_of.values()}.values(), key=min)

    def allows(self, group: set, more: int) -> bool:
        low = sum(self.exact[member] - self.fewer_at_most[member] for member in group)
        return low <= more <= sum(self.exact[member] + self.more_at_most[member] for member in group)


def compare_calls(log: dict, server: dict, explained: Explained, name_of) -> int:
    """Prints every difference with what explains it; the number of those that nothing explains."""
    n_unexplained = 0
    for group in explained.groups(log.keys() | server.keys()):
        more = {member: server.get(member, 0) - log.get(member, 0) for member in group}
        allowed = explained.allows(group, sum(more.values()))
        if allowed and not any(more.values()):
            continue
        n_unexplained += not allowed
        rules = {f"{rule} {calls:+}" for member in group for rule, calls in explained.rules[member].items()}
        if len(group) > 1:
            rules.add(f"one query of {len(group)} fingerprints")
        print(f"  {'explained' if allowed else 'NOT EXPLAINED'} ({', '.join(sorted(rules)) or 'no rule applies'}):")
        for member in sorted(group):
            print(f"    {member} log {log.get(member, 0)}, server {server.get(member, 0)}: {name_of(member)[:120]}")
    return n_unexplained
