"""Files that other programs read: scripts, YAML, the Dockerfile and what it collects, the fleet of compose, alert rules, shippers."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from tools import ROOT, Skipped, Tools, ok, run

COMPOSE = "github.com/compose-spec/compose-go/v2@v2.9.0"
DEPLOY = ROOT / "deploy"
SCRIPTS = ["backup", "image-files", "compose/standby.sh", "compose/certificates.sh", "debian/build", "debian/postinst", "debian/prerm", "debian/postrm"]
YAML_RULES = "{extends: default, rules: {line-length: disable, document-start: disable, comments-indentation: disable, braces: {max-spaces-inside: 1}}}"
# Remarks of hadolint that are no mistakes here: versions of Debian's packages are those of the image's day.
HADOLINT_IGNORED = ["DL3008"]


def lint(tools: Tools, _: pathlib.Path) -> None:
    run(tools.python("shellcheck"), *(DEPLOY / script for script in SCRIPTS))
    ok(f"shellcheck: {len(SCRIPTS)} scripts")
    run(tools.python("hadolint"), *(f"--ignore={rule}" for rule in HADOLINT_IGNORED), DEPLOY / "Dockerfile")
    ok("hadolint: Dockerfile")
    files = [path for path in DEPLOY.rglob("*.yaml") if "templates" not in path.parts]
    run(tools.python("yamllint"), "--strict", "-d", YAML_RULES, *files)
    ok(f"yamllint: {len(files)} files")


def image(_: Tools, binary: pathlib.Path) -> None:
    """What the Dockerfile collects runs as its user, with a root that cannot be written, without a network."""
    if os.geteuid() != 0 or not shutil.which("dpkg-query") or not shutil.which("unshare"):
        raise Skipped("what the image has in it is collected and tried by root on Debian")
    with tempfile.TemporaryDirectory(prefix="slowlake-image-") as folder:
        os.chmod(folder, 0o755)
        root = pathlib.Path(folder) / "root"
        stripped = pathlib.Path(folder) / "slowlake"
        run("strip", "-o", stripped, binary)
        run(DEPLOY / "image-files", stripped, root)
        files = [path for path in root.rglob("*") if path.is_file()]
        shells = [path for path in files if os.access(path, os.X_OK) and path.name != "slowlake" and ".so" not in path.name]
        assert not shells, f"programs besides slowlake: {shells}"
        run("zstd", "-dqf", ROOT / "tests/corpus/postgres/15/mixed.stderr.log.zst", "-o", root / "lake/p.log")
        closed = f"mount --bind {root} {root} && mount -o remount,ro,bind {root} && mount -t tmpfs -o mode=1777 tmpfs {root}/tmp && "
        inside = f"exec chroot --userspec=65532:65532 {root} /usr/bin/slowlake "
        for command in ["--version", "ingest /lake/p.log --server db1 --lake /tmp/lake"]:
            run("unshare", "--mount", "--net", "sh", "-c", closed + inside + command)
        packages = sorted(path.name for path in (root / "var/lib/dpkg/status.d").iterdir())
        size = sum(path.stat().st_size for path in files)
        ok(f"image: {len(files)} files, {size / 1e6:.0f} MB, of them slowlake {stripped.stat().st_size / 1e6:.0f} MB; parts of {' '.join(packages)}")
    print("SKIPPED: `docker build` and `docker run`: no container engine runs here")


def context(_: Tools, binary: pathlib.Path) -> None:
    """What .dockerignore keeps out of the build is nothing that the program is made of."""
    made_of = binary.with_suffix(".d")
    if not made_of.exists():
        raise Skipped(f"cargo's list of what the program is made of is not beside it: {made_of}")
    ignored = {line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] not in "#!"}
    files = [os.path.normpath(file) for file in made_of.read_text().split(": ", 1)[1].split()]
    parts = {os.path.relpath(file, os.path.commonpath(files)).split("/")[0] for file in files}
    assert not parts & ignored, f"the program is made of {parts & ignored}"
    ok(f"the image is built from all that the program is made of: {len(files)} files in {' '.join(sorted(parts))}")


def compose(tools: Tools, binary: pathlib.Path) -> None:
    validate = tools.go("compose", COMPOSE, "cmd")
    model = run(validate, DEPLOY / "compose.yaml", cwd=DEPLOY)
    n = len(re.findall(r"(?m)^        image: ", model))
    missing = [path for path in re.findall(r"source: (/\S+)", model) if not pathlib.Path(path).exists()]
    assert not missing, f"files that are mounted and not there: {missing}"
    ok(f"compose.yaml: {n} services, all files that are mounted are there")
    with tempfile.TemporaryDirectory(prefix="slowlake-compose-") as folder:
        folder = pathlib.Path(folder)
        script = (DEPLOY / "compose/certificates.sh").read_text().replace("chown 65532:65532", "chown --silent $(id -u)")
        run("bash", "-c", script, "certificates.sh", folder)
        run("openssl", "verify", "-CAfile", folder / "authority.pem", "-verify_hostname", "slowlake-serve", folder / "serve.pem")
        ok("certificates.sh: openssl verifies the certificate of slowlake-serve")
        for name in ["compose/slowlake.toml", "debian/slowlake.toml", "debian/serve.toml", "shippers/slowlake.toml"]:
            understood(binary, DEPLOY / name, folder)
    print("SKIPPED: `docker compose up`: no container engine runs here")


def understood(binary: pathlib.Path, configuration: pathlib.Path, folder: pathlib.Path) -> None:
    """The program knows each key of a configuration and takes each value; whether servers answer is another matter."""
    environment = {**os.environ, "SLOWLAKE_LAKE": str(folder / "lake")}
    said = subprocess.run([binary, "check", "-c", configuration], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment, check=False, timeout=120)
    if "this build" in said.stderr:
        print(f"SKIPPED: {configuration.relative_to(ROOT)}: it needs a build with Kafka")
        return
    # Where the file itself has a mistake nothing else is looked at, and so nothing is said of the lake.
    assert said.stdout.startswith("lake "), f"{configuration}: {said.stdout}{said.stderr}"
    ok(f"slowlake check understands {configuration.relative_to(ROOT)}")


def prometheus(tools: Tools, _: pathlib.Path) -> None:
    promtool = tools.debian("prometheus", "usr/bin/promtool")
    folder = DEPLOY / "prometheus"
    rules = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", folder / "slowlake-alerts.yaml")
    run(promtool, "check", "config", "--syntax-only", folder / "scrape.yaml")
    tests = run(promtool, "test", "rules", folder / "slowlake-alerts.test.yaml", cwd=folder)
    assert "SUCCESS" in tests
    alerts = set(re.findall(r"alert: (\w+)", (folder / "slowlake-alerts.yaml").read_text()))
    tried = set(re.findall(r"alertname: (\w+)\n        exp_alerts:\n          -", (folder / "slowlake-alerts.test.yaml").read_text()))
    assert tried == alerts, f"alerts of which no test says that they fire: {alerts - tried}"
    assert f"{len(alerts)} rules found" in rules
    ok(f"promtool check and test: {len(alerts)} rules, each tried to fire and not to")


def shippers(tools: Tools, _: pathlib.Path) -> None:
    """What can be said of the shippers' configurations without the shippers."""
    check = """
import sys, yaml
vector, fluent, beat = (yaml.safe_load(open(f"{sys.argv[1]}/{name}.yaml")) for name in ("vector", "fluent-bit", "filebeat"))
assert vector["sinks"]["kafka"]["key_field"] == "host" and set(vector["sinks"]["kafka"]["inputs"]) <= set(vector["sources"])
pipeline = fluent["pipeline"]
assert pipeline["inputs"][0]["path_key"] == "path" and pipeline["inputs"][0]["key"] == "log"
assert pipeline["filters"][0]["record"].split()[0] == pipeline["outputs"][0]["message_key_field"] == "hostname"
assert beat["output.kafka"]["key"] == "%{[host.name]}"
topics = {vector["sinks"]["kafka"]["topic"], pipeline["outputs"][0]["topics"], beat["output.kafka"]["topic"]}
assert topics == {"dblogs"}, topics
"""
    run(tools.python("python"), "-c", check, DEPLOY / "shippers")
    ok("shippers: one topic, one key for each server, host and file where the envelopes have them")
    print("SKIPPED: the shippers themselves: Vector, Fluent Bit and Filebeat are in no registry that this machine reaches")
