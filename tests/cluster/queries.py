#!/usr/bin/env python3
"""Random queries over the public views: `queries.py [--seed N] COUNT` prints so many, one a line, each ended by a semicolon.

Each has one answer, whoever executes it and in however many parts, but for the order of its rows where it names none: no sum depends on the
order of its terms, and a limit comes after an order of all columns.
"""

import argparse
import random
import re

# Columns by what can be done with them. Numbers are whole; groups have few values; nested ones are only shown.
VIEWS = {
    "executions": {
        "numbers": "query_time_us lock_time_us rows_sent rows_examined rows_affected bytes_sent session_id source_offset error_code".split(),
        "groups": 'server cluster dialect database "user" application client command fingerprint full_scan event_date'.split(),
        "texts": "statement application source".split(),
        "times": "ts end_ts".split(),
        "nested": "tags attributes".split(),
        "key": "source source_offset source_seq".split(),
    },
    "server_events": {
        "numbers": "duration_us size_bytes session_id source_offset".split(),
        "groups": 'server dialect event severity sql_state database "user" event_date'.split(),
        "texts": "message object statement".split(),
        "times": ["ts"],
        "nested": ["attributes"],
        "key": "source source_offset source_seq".split(),
    },
    "queries": {
        "numbers": ["calls"],
        "groups": "dialect verb".split(),
        "texts": "normalized fingerprint_hex example".split(),
        "times": "first_seen last_seen".split(),
        "nested": ["tables"],
        "key": ["fingerprint", "dialect"],
    },
    "rollup_hour": {
        "numbers": "calls errors total_us min_us max_us lock_time_us rows_sent rows_examined".split(),
        "groups": 'server database "user" application fingerprint event_date hour'.split(),
        "texts": "server application".split(),
        "times": "hour first_ts last_ts".split(),
        "nested": ["latency"],
        "key": 'hour server database "user" application fingerprint'.split(),
    },
    "rollup_day": {
        "numbers": "calls errors total_us min_us max_us estimated_calls".split(),
        "groups": 'server database "user" application fingerprint event_date'.split(),
        "texts": "server application".split(),
        "times": "first_ts last_ts".split(),
        "nested": ["latency"],
        "key": 'event_date server database "user" application fingerprint'.split(),
    },
    "ledger": {
        "numbers": "range_start range_end bytes_in bytes_parsed bytes_skipped entries_query entries_log rejects".split(),
        "groups": "server cluster event_date source".split(),
        "texts": "source source_identity app_id".split(),
        "times": ["ts"],
        "nested": [],
        "key": "source range_start".split(),
    },
    "rejects": {
        "numbers": "source_offset source_seq".split(),
        "groups": "server cluster dialect reason event_date".split(),
        "texts": ["reason"],
        "times": ["ts"],
        "nested": [],
        "key": "source source_offset source_seq".split(),
    },
}
HEAVY = ["executions"] * 5 + ["rollup_hour"] * 2 + ["rollup_day", "server_events", "queries", "ledger", "rejects"]


class Queries:
    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def one(self) -> str:
        shapes = [self.rows, self.groups, self.groups, self.distinct, self.join, self.self_join, self.window, self.union, self.subquery,
                  self.scalar_subquery, self.with_query, self.latencies, self.top_of_groups, self.whole, self.nested_rows]
        return self.random.choice(shapes)()

    # --- parts ----------------------------------------------------------------------------------------------------------------

    def view(self) -> str:
        return self.random.choice(HEAVY)

    def some(self, columns: list, most: int) -> list:
        return self.random.sample(columns, self.random.randint(1, min(most, len(columns))))

    def number(self, view: str) -> str:
        a, b = self.random.choice(VIEWS[view]["numbers"]), self.random.choice(VIEWS[view]["numbers"])
        return self.random.choice([a, a, a, f"coalesce({a}, 0)", f"({a} % 1000)", f"({a} / 7)", f"CASE WHEN {a} > {b} THEN {a} ELSE {b} END", f"abs({a} % 97)"])

    def text(self, view: str) -> str:
        column = self.random.choice(VIEWS[view]["texts"])
        return self.random.choice([column, f"upper({column})", f"substr({column}, 1, 20)", f"coalesce({column}, '-')", f"concat({column}, '/', {column})"])

    def condition(self, view: str, depth: int = 0) -> str:
        known = VIEWS[view]
        number, group, text = (self.random.choice(known[kind]) for kind in ("numbers", "groups", "texts"))
        choices = [
            f"{number} > {self.random.choice([0, 1, 10, 500, 20_000, 1_000_000])}",
            f"{number} BETWEEN {self.random.randint(0, 100)} AND {self.random.randint(200, 5_000_000)}",
            f"{number} IS NOT NULL",
            f"{group} IS NOT NULL",
            f"{group} IS NULL",
            f"{text} LIKE '%{self.random.choice(['e', 'SELECT', 'or', '1', 'shop'])}%'",
            f"{self.random.choice(known['times'])} >= TIMESTAMP '2020-01-0{self.random.randint(1, 9)}T00:00:00Z'",
            f"length({text}) > {self.random.randint(0, 40)}",
        ]
        if depth < 2 and self.random.random() < 0.3:
            joined = self.random.choice(["AND", "OR"])
            return f"({self.condition(view, depth + 1)} {joined} {self.condition(view, depth + 1)})"
        condition = self.random.choice(choices)
        return f"NOT ({condition})" if self.random.random() < 0.1 else condition

    def where(self, view: str) -> str:
        return f" WHERE {self.condition(view)}" if self.random.random() < 0.7 else ""

    def aggregate(self, view: str) -> str:
        number = self.number(view)
        group = self.random.choice(VIEWS[view]["groups"])
        aggregate = self.random.choice([
            "count(*)", f"count({number})", f"sum({number})", f"min({number})", f"max({number})", f"avg({number})",
            f"count(DISTINCT {group})", f"min({self.text(view)})", f"max({self.random.choice(VIEWS[view]['times'])})",
            f"latency_percentile({number}, 0.{self.random.choice([5, 9, 95, 99])})", f"bool_or({number} > 5)",
        ])
        # A condition of DISTINCT is planned as another thing, which is tried by the queries without.
        if "DISTINCT" not in aggregate and self.random.random() < 0.15:
            aggregate += f" FILTER (WHERE {self.condition(view)})"
        return aggregate

    def bucket(self, view: str) -> str:
        time = self.random.choice(VIEWS[view]["times"])
        return f"date_trunc('{self.random.choice(['minute', 'hour', 'day'])}', {time})"

    def keys(self, view: str) -> list:
        keys = self.some(VIEWS[view]["groups"], 3)
        if self.random.random() < 0.3:
            keys.append(self.bucket(view))
        return keys

    @staticmethod
    def named(expressions: list) -> str:
        return ", ".join(f"{expression} AS c{i}" for i, expression in enumerate(expressions))

    def limit(self, n_columns: int) -> str:
        """An order of all columns, and a limit."""
        if self.random.random() < 0.4:
            return ""
        order = list(range(1, n_columns + 1))
        self.random.shuffle(order)
        direction = lambda: self.random.choice(["", " DESC", " NULLS FIRST", " DESC NULLS LAST"])
        columns = ", ".join(f"{n}{direction()}" for n in order)
        offset = f" OFFSET {self.random.randint(1, 5)}" if self.random.random() < 0.2 else ""
        return f" ORDER BY {columns} LIMIT {self.random.choice([1, 7, 50, 400])}{offset}"

    # --- shapes ---------------------------------------------------------------------------------------------------------------

    def rows(self) -> str:
        view = self.view()
        columns = self.some(VIEWS[view]["groups"], 3) + [self.number(view), self.text(view)] + self.some(VIEWS[view]["times"], 1)
        return f"SELECT {self.named(columns)} FROM {view}{self.where(view)}{self.limit(len(columns))}"

    def nested_rows(self) -> str:
        view = self.random.choice([view for view in VIEWS if VIEWS[view]["nested"]])
        columns = VIEWS[view]["key"] + VIEWS[view]["nested"]
        return f"SELECT {self.named(columns)} FROM {view}{self.where(view)}"

    def groups(self) -> str:
        view = self.view()
        keys, aggregates = self.keys(view), [self.aggregate(view) for _ in range(self.random.randint(1, 4))]
        having = f" HAVING count(*) > {self.random.randint(1, 3)}" if self.random.random() < 0.3 else ""
        by = ", ".join(str(n + 1) for n in range(len(keys)))
        columns = keys + aggregates
        return f"SELECT {self.named(columns)} FROM {view}{self.where(view)} GROUP BY {by}{having}{self.limit(len(columns))}"

    def whole(self) -> str:
        view = self.view()
        return f"SELECT {self.named([self.aggregate(view) for _ in range(self.random.randint(1, 5))])} FROM {view}{self.where(view)}"

    def distinct(self) -> str:
        view = self.view()
        columns = self.keys(view)
        return f"SELECT DISTINCT {self.named(columns)} FROM {view}{self.where(view)}{self.limit(len(columns))}"

    def join(self) -> str:
        kind = self.random.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        left = self.random.choice(["executions", "rollup_hour", "rollup_day"])
        columns = {name for names in VIEWS["queries"].values() for name in names}
        condition = re.sub(r"\w+", lambda word: f"q.{word[0]}" if word[0] in columns else word[0], self.condition("queries"))
        where = f" WHERE {condition}" if kind == "JOIN" else ""
        return (f"SELECT q.verb AS c0, q.normalized AS c1, count(*) AS c2, sum(e.{self.random.choice(VIEWS[left]['numbers'])}) AS c3 "
                f"FROM {left} e {kind} queries q ON e.fingerprint = q.fingerprint{where} GROUP BY 1, 2{self.limit(4)}")

    def self_join(self) -> str:
        view = self.random.choice(["rollup_hour", "rollup_day"])
        key = "hour" if view == "rollup_hour" else "event_date"
        return (f"SELECT a.fingerprint AS c0, a.{key} AS c1, a.calls AS c2, b.calls AS c3 FROM {view} a JOIN {view} b "
                f"ON a.fingerprint = b.fingerprint AND a.server = b.server AND a.{key} = b.{key} AND a.calls >= b.calls{self.limit(4)}")

    def window(self) -> str:
        view = self.view()
        key = ", ".join(VIEWS[view]["key"])
        group, number = self.random.choice(VIEWS[view]["groups"]), self.random.choice(VIEWS[view]["numbers"])
        function = self.random.choice(["row_number()", "rank()", f"sum({number})", f"lag({number})", "count(*)", f"max({number})"])
        columns = VIEWS[view]["key"] + [f"{function} OVER (PARTITION BY {group} ORDER BY {key})"]
        return f"SELECT {self.named(columns)} FROM {view}{self.where(view)}{self.limit(len(columns))}"

    def union(self) -> str:
        kind = self.random.choice(["UNION ALL", "UNION"])
        halves = []
        for view in self.random.sample(["executions", "server_events", "rejects", "ledger"], 2):
            halves.append(f"SELECT '{view}' AS c0, server AS c1, count(*) AS c2, max(ts) AS c3 FROM {view}{self.where(view)} GROUP BY server")
        return f" {kind} ".join(halves)

    def subquery(self) -> str:
        kind = self.random.choice(["IN", "IN", "NOT IN"])
        outer = self.random.choice(["executions", "rollup_hour"])
        inner = self.random.choice(["queries", "rollup_day"])
        return (f"SELECT server AS c0, count(*) AS c1, sum({self.random.choice(VIEWS[outer]['numbers'])}) AS c2 FROM {outer} WHERE fingerprint {kind} "
                f"(SELECT fingerprint FROM {inner}{self.where(inner)}) GROUP BY server")

    def scalar_subquery(self) -> str:
        view = self.random.choice(["executions", "rollup_hour", "ledger"])
        number = self.random.choice(VIEWS[view]["numbers"])
        function = self.random.choice(["avg", "max", "min"])
        return (f"SELECT {self.random.choice(VIEWS[view]['groups'])} AS c0, count(*) AS c1 FROM {view} "
                f"WHERE {number} >= (SELECT {function}({number}) FROM {view}{self.where(view)}) GROUP BY 1")

    def with_query(self) -> str:
        view = self.view()
        group, number = self.random.choice(VIEWS[view]["groups"]), self.random.choice(VIEWS[view]["numbers"])
        return (f"WITH g AS (SELECT {group} AS k, count(*) AS n, sum({number}) AS s FROM {view}{self.where(view)} GROUP BY 1) "
                f"SELECT n AS c0, count(*) AS c1, sum(s) AS c2 FROM g GROUP BY n{self.limit(3)}")

    def latencies(self) -> str:
        view = self.random.choice(["rollup_hour", "rollup_day"])
        keys = self.some(VIEWS[view]["groups"], 2)
        by = ", ".join(str(n + 1) for n in range(len(keys)))
        columns = keys + [f"latency_quantile(latency_merge(latency), 0.{self.random.choice([5, 9, 99])})", "sum(calls)"]
        return f"SELECT {self.named(columns)} FROM {view}{self.where(view)} GROUP BY {by}{self.limit(len(columns))}"

    def top_of_groups(self) -> str:
        number = self.random.choice(VIEWS["executions"]["numbers"])
        group = self.random.choice(VIEWS["executions"]["groups"])
        return (f"SELECT c0, c1, c2 FROM (SELECT {group} AS c0, fingerprint_hex(fingerprint) AS c1, sum({number}) AS c2, "
                f"row_number() OVER (PARTITION BY {group} ORDER BY sum({number}) DESC NULLS LAST, fingerprint) AS r "
                f"FROM executions{self.where('executions')} GROUP BY {group}, fingerprint) WHERE r <= {self.random.randint(1, 5)}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Random queries over the public views.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("count", type=int)
    arguments = parser.parse_args()
    queries = Queries(arguments.seed)
    for _ in range(arguments.count):
        print(f"{queries.one()};")


if __name__ == "__main__":
    main()
