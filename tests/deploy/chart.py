"""The Helm chart: what its templates make of every value, whether Kubernetes would take it, and what the schema refuses."""

import copy
import json
import os
import pathlib
import re
import subprocess
import tempfile

from tools import ROOT, Tools, ok, run

HELM = "helm.sh/helm/v3@v3.18.6"
CHART = ROOT / "deploy/helm/slowlake"
# The oldest that the chart is for, and a new one.
KUBERNETES = ["1.27", "1.34"]

# The least that has to be said.
LEAST = {
    "lake": {"url": "s3://logs/lake"},
    "ingest": {"configuration": '[[source.kafka]]\nbrokers = ["kafka:9092"]\ntopics = ["dblogs"]\n'},
    "serve": {"usersSecret": "users", "tokensSecret": "tokens", "tlsSecret": "tls"},
}
POD = {
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "lake", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
}
PEER = [{"namespaceSelector": {"matchLabels": {"name": "people"}}}]
# Each value of the chart, different from its default: the marks are looked for in what is made of them.
ALL = {
    "image": {"repository": "mirror/slowlake", "tag": "marked-tag", "pullPolicy": "Always", "pullSecrets": [{"name": "marked-pull"}]},
    "lake": {"url": "/lake/marked", "credentialsSecret": "marked-credentials", "volumeClaim": "marked-lake"},
    "log": {"level": "debug", "format": "text"},
    "serviceAccount": {"create": True, "name": "marked-account", "annotations": {"role": "marked-role"}},
    "ingest": POD
    | {
        "enabled": True,
        "replicas": 3,
        "configuration": 'commit_every = "7s"\n' + LEAST["ingest"]["configuration"],
        "environmentSecret": "marked-environment",
        "terminationGracePeriodSeconds": 91,
        "resources": {"limits": {"memory": "1111Mi"}},
        "volumes": [{"name": "logs", "hostPath": {"path": "/marked/logs"}}],
        "volumeMounts": [{"name": "logs", "mountPath": "/marked/mount"}],
    },
    "serve": POD
    | {
        "enabled": True,
        "replicas": 4,
        "usersSecret": "marked-users",
        "tokensSecret": "marked-tokens",
        "tlsSecret": "marked-tls",
        "limits": {"statement_timeout": "77s", "idle_timeout": "88m", "connections": 1234, "rows": 20000000, "memory_mib": 2345, "redact": True},
        "service": {"type": "LoadBalancer", "annotations": {"lb": "marked-lb"}, "postgresPort": 15432, "httpPort": 8443},
        "terminationGracePeriodSeconds": 92,
        "resources": {"limits": {"memory": "2222Mi"}},
        "temporarySize": "11Gi",
    },
    "maintain": POD | {"enabled": True, "schedule": "18 * * * *", "keep": {"query": 91, "log": 92, "metric": 93, "reject": 94}, "resources": {"limits": {"memory": "3333Mi"}}, "temporarySize": "22Gi"},
    "weekly": POD | {"enabled": True, "schedule": "31 5 * * 1", "volumeClaim": "marked-reports", "resources": {"limits": {"memory": "4444Mi"}}},
    "cluster": {
        "enabled": True,
        "tlsSecret": "marked-cluster",
        "scheduler": POD | {"resources": {"limits": {"memory": "5555Mi"}}},
        "executor": POD | {"replicas": 5, "threads": 96, "memoryMib": 7777, "resources": {"limits": {"memory": "6666Mi"}}, "temporarySize": "33Gi"},
    },
    "podSecurityContext": {"runAsNonRoot": True, "runAsUser": 4711},
    "networkPolicy": {"enabled": True, "clients": PEER, "monitoring": [{"podSelector": {"matchLabels": {"name": "marked-monitoring"}}}], "egress": [{"ports": [{"port": 4712}]}]},
    "podDisruptionBudget": {"enabled": True},
    "serviceMonitor": {"enabled": True, "labels": {"release": "marked-release"}, "interval": "44s"},
}
# What must be refused, and a word of why.
WRONG = [
    ({"lake": {"url": ""}}, "lake.url is needed"),
    ({"lake": {"url": "http://logs"}}, "url"),
    ({"lake": {"url": "/lake/here"}}, "lake.volumeClaim is needed"),
    ({"ingest": {"configuration": ""}}, "ingest.configuration is needed"),
    ({"ingest": {"configuration": "[serve]\nhttp = '0.0.0.0:1'\n"}}, "are the chart's"),
    ({"ingest": {"replicas": "two"}}, "replicas"),
    ({"serve": {"usersSecret": ""}}, "serve.usersSecret is needed"),
    ({"serve": {"tokensSecret": ""}}, "serve.tokensSecret is needed"),
    ({"serve": {"tlsSecret": ""}}, "serve.tlsSecret is needed"),
    ({"serve": {"tlsSecret": "Not A Name"}}, "tlsSecret"),
    ({"serve": {"service": {"postgresPort": 70000}}}, "postgresPort"),
    ({"serve": {"limits": {"statement_timeout": "long"}}}, "statement_timeout"),
    ({"serve": {"limits": {"row": 1}}}, "row"),
    ({"log": {"format": "xml"}}, "format"),
    ({"weekly": {"enabled": True}}, "weekly.volumeClaim is needed"),
    ({"cluster": {"enabled": True}}, "cluster.tlsSecret is needed"),
    ({"maintain": {"keep": {"queries": 90}}}, "queries"),
    ({"maintain": {"keep": {"query": 0}}}, "query"),
    ({"serviceMonitor": {"interval": "soon"}}, "interval"),
    ({"ingestion": {"enabled": True}}, "ingestion"),
]


class Chart:
    """Runs helm on the chart."""

    def __init__(self, tools: Tools, folder: str):
        self.helm = tools.go("helm", HELM, "cmd/helm")
        self.python = tools.python("python")
        self.folder = pathlib.Path(folder)

    def words(self, verb: str, values: dict) -> list:
        # JSON is YAML, too.
        file = self.folder / "values.json"
        file.write_text(json.dumps(values))
        name = [] if verb == "lint" else ["slowlake"]
        return [self.helm, verb, *name, CHART, "--kube-version", "1.31.0", "--values", file]

    def made(self, values: dict) -> str:
        return run(*self.words("template", values))

    def refused(self, values: dict, why: str) -> None:
        done = subprocess.run(self.words("template", values), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60)
        assert done.returncode != 0 and why in done.stdout, f"{values} is not refused for {why}: {done.stdout[:2000]}"

    def taken(self, manifests: str, versions: list[str]) -> int:
        """Asks the schemas of Kubernetes; gives how many objects there are."""
        objects = [text for text in re.split(r"(?m)^---$", manifests) if re.search(r"(?m)^kind: ", text)]
        file = self.folder / "objects.yaml"
        # The operator's own kind is in no schema of Kubernetes.
        file.write_text("\n---\n".join(text for text in objects if "kind: ServiceMonitor" not in text))
        for version in versions:
            run(self.python, "-m", "kubernetes_validate", "--strict", "--kubernetes-version", version, "--quiet", file)
        return len(objects)


def chart(tools: Tools, binary: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory(prefix="slowlake-chart-") as folder:
        it = Chart(tools, folder)
        for values in [LEAST, ALL]:
            assert "0 chart(s) failed" in run(*it.words("lint", values), "--strict")
        ok("helm lint --strict, with the least and with every value")
        least, everything = it.made(LEAST), it.made(ALL)
        ok(f"of the least values {it.taken(least, KUBERNETES)} objects, of all {it.taken(everything, KUBERNETES)}, valid for Kubernetes {' and '.join(KUBERNETES)}")
        lost = [mark for mark in marks(ALL) if mark not in everything]
        assert not lost, f"values of which nothing is made: {lost}"
        unsaid = keys(values_of_chart(tools)) - keys(ALL)
        assert not unsaid, f"values that are not tried: {unsaid}"
        ok(f"{len(keys(ALL))} values, each of which is somewhere in the objects")
        switches(it)
        for wrong, why in WRONG:
            it.refused(merged(LEAST, wrong), why)
        ok(f"{len(WRONG)} mistakes refused")
        options(binary, everything)
        configurations(it, binary, everything)


def values_of_chart(tools: Tools) -> dict:
    print_it = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)"
    return json.loads(run(tools.python("python"), "-c", print_it, CHART / "values.yaml"))


def keys(values: dict, path: str = "") -> set[str]:
    """Paths of all values; what is in maps of others is theirs."""
    found = set()
    for key, value in values.items():
        is_ours = isinstance(value, dict) and key not in {"resources", "nodeSelector", "affinity", "annotations", "labels", "keep", "limits", "podSecurityContext"}
        found |= keys(value, f"{path}{key}.") if is_ours else {path + key}
    return found


def marks(values) -> list[str]:
    """What has to be found in the objects."""
    if isinstance(values, dict):
        return [mark for value in values.values() for mark in marks(value)]
    if isinstance(values, list):
        return [mark for value in values for mark in marks(value)]
    text = str(values)
    return [text] if "marked" in text or re.fullmatch(r"\d{4,}(Mi)?|\d\dGi|\d\ds|9\d", text) else []


def switches(it: Chart) -> None:
    """Each part can be left out, and nothing of it remains."""
    for part in ["ingest", "serve", "maintain", "weekly", "networkPolicy", "podDisruptionBudget", "serviceMonitor", "cluster"]:
        without = it.made(merged(ALL, {part: {"enabled": False}}))
        it.taken(without, KUBERNETES[-1:])
        name = {"networkPolicy": "kind: NetworkPolicy", "podDisruptionBudget": "kind: PodDisruptionBudget", "serviceMonitor": "kind: ServiceMonitor"}
        assert name.get(part, f"app.kubernetes.io/component: {part}") not in without, part
    without = it.made(merged(ALL, {"serviceAccount": {"create": False}}))
    assert "kind: ServiceAccount" not in without and "marked-account" in without
    ok("each of 9 parts can be left out")


def options(binary: pathlib.Path, manifests: str) -> None:
    """The options in the objects are the program's."""
    for command in ["run", "serve", "maintain", "report weekly", "cluster scheduler", "cluster executor"]:
        words = command.split()
        if f"\n  {words[0]} " not in run(binary, "--help"):
            print(f"SKIPPED: options of `slowlake {command}`: this build has no such command")
            continue
        known = set(re.findall(r"--[a-z-]+", run(binary, *words, "--help")))
        begin = r"[\s,-]+".join(words)
        block = re.search(rf"args:\s*\[?\s*(?:- )?{begin}\b(.*?)env:", manifests, re.S)
        used = set(re.findall(r"(?<![\w-])--[a-z-]+", block.group(1)))
        assert used and used <= known, f"slowlake {command}: {used - known}"
    ok("options of the containers are known to the program")


def configurations(it: Chart, binary: pathlib.Path, manifests: str) -> None:
    """The configurations that the chart writes are such that the program understands."""
    (it.folder / "p.log").touch()
    secrets(it.folder / "secrets")
    for name in ["slowlake.toml", "serve.toml"]:
        text = re.search(rf"  {re.escape(name)}: \|\n(.*?)\n---", manifests, re.S).group(1)
        # No broker answers here: a log in its place.
        text = text.replace(LEAST["ingest"]["configuration"].replace("\n", "\n    ").strip(), '[[source.file]]\n    paths = ["p.log"]')
        # What Kubernetes mounts.
        text = text.replace("/etc/slowlake/", f"{it.folder}/secrets/")
        file = it.folder / name
        file.write_text(re.sub(r"(?m)^    ", "", text))
        said = run(binary, "check", "-c", file, cwd=it.folder, env={**os.environ, "SLOWLAKE_LAKE": str(it.folder / "lake")})
        assert said.startswith("lake "), said
    ok("slowlake check understands both configurations")


def secrets(folder: pathlib.Path) -> None:
    """What is in the secrets that the chart is told of, where it mounts them."""
    files = {"users/users": '"grafana" "a long pass phrase of nobody"\n', "tokens/tokens": '"grafana" "0123456789abcdef0123456789abcdef"\n'}
    for name in [*files, "tls/tls.crt"]:
        (folder / name).parent.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    tls = folder / "tls"
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=slowlake", "-keyout", tls / "tls.key", "-out", tls / "tls.crt")


def merged(values: dict, others: dict) -> dict:
    """The values with others over them."""
    result = copy.deepcopy(values)
    for key, value in others.items():
        result[key] = merged(result.get(key, {}), value) if isinstance(value, dict) and isinstance(result.get(key, {}), dict) else value
    return result
