"""The Debian package, in a root of Debian with nothing but what the package declares, with systemd as its process 1."""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from tools import ROOT, SECONDS_MAX, Skipped, Tools, made, ok, run

SUITE = "bookworm"
UNITS = ["slowlake.service", "slowlake-serve.service", "slowlake-maintain.service", "slowlake-maintain.timer"]
# The exposure that systemd-analyze may find at most, in its own tenths.
EXPOSURE_MAX = 15
PATIENCE_SECONDS = 60
LAKE = "var/lib/slowlake/lake"


def units(tools: Tools) -> None:
    """The units are what systemd understands, and are as closed as they say."""
    if not shutil.which("systemd-analyze"):
        raise Skipped("systemd-analyze is not installed")
    with tempfile.TemporaryDirectory(prefix="slowlake-units-") as folder:
        root = pathlib.Path(folder)
        install_units(root)
        run("systemd-analyze", "verify", f"--root={root}", "--recursive-errors=no", *UNITS)
        ok(f"systemd-analyze verify: {len(UNITS)} units")
        for unit in UNITS[:3]:
            said = run("systemd-analyze", "security", "--offline=yes", f"--root={root}", f"--threshold={EXPOSURE_MAX}", "--no-pager", unit)
            ok("systemd-analyze security: " + said.strip().splitlines()[-1].lstrip("→ "))


def install_units(root: pathlib.Path) -> None:
    source, folder = ROOT / "deploy/systemd", root / "lib/systemd/system"
    (root / "usr/bin").mkdir(parents=True)
    for program in ["usr/bin/slowlake", "bin/kill"]:
        (root / program).parent.mkdir(exist_ok=True)
        (root / program).write_text("#!/bin/sh\n")
        (root / program).chmod(0o755)
    for unit in UNITS:
        (folder / unit).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / unit, folder / unit)
    for of in ["slowlake.service.d", "slowlake-.service.d"]:
        (folder / of).mkdir()
        shutil.copy(source / "hardening.conf", folder / of)
    # What the units are ordered after, of systemd itself.
    shutil.copytree("/lib/systemd/system", folder, dirs_exist_ok=True, symlinks=True, ignore=shutil.ignore_patterns("slowlake*"))
    (root / "usr/share/doc/slowlake").mkdir(parents=True)
    (root / "usr/share/doc/slowlake/runbook.md").touch()


def package(tools: Tools, binary: pathlib.Path) -> None:
    """Built, the same twice, installed, started by its unit, upgraded, removed and purged."""
    if os.geteuid() != 0 or not shutil.which("debootstrap") or not shutil.which("dpkg-deb"):
        raise Skipped("a root of Debian is made by root with debootstrap and dpkg-deb")
    nspawn = tools.debian("systemd-container", "usr/bin/systemd-nspawn")
    with tempfile.TemporaryDirectory(prefix="slowlake-root-", dir=tools.cache) as folder:
        folder = pathlib.Path(folder)
        first = build(folder / "first", binary, ROOT / "deploy", "0.1.0-1")
        again = build(folder / "again", binary, ROOT / "deploy", "0.1.0-1")
        assert digest(first) == digest(again), "two builds of the same differ"
        ok(f"{first.name}: {first.stat().st_size / 1e6:.0f} MB with gzip -1, the same twice")
        root = folder / "root"
        made("a copy of the root", ["cp", "-a", "--reflink=auto", debian_root(tools), root])
        installed(root, first)
        with booted(nspawn, root) as inside:
            started(inside, root)
            maintained(inside)
            served(inside, binary)
            upgraded(inside, root, build(folder / "second", binary, changed(folder), "0.1.0-2"))
            removed(inside, root)


def build(output: pathlib.Path, binary: pathlib.Path, deploy: pathlib.Path, version: str) -> pathlib.Path:
    quick = {**os.environ, "DPKG_DEB_COMPRESSOR_TYPE": "gzip", "DPKG_DEB_COMPRESSOR_LEVEL": "1", "SOURCE_DATE_EPOCH": "1700000000"}
    run(deploy / "debian/build", "--binary", binary, "--version", version, "--output", output, env=quick)
    return next(output.glob("*.deb"))


def changed(folder: pathlib.Path) -> pathlib.Path:
    """A later version of the package's sources, in which both configuration files are others."""
    later = folder / "later"
    for part in ["deploy", "docs"]:
        shutil.copytree(ROOT / part, later / part)
    for part in ["CHANGELOG.md", "Cargo.toml"]:
        shutil.copy(ROOT / part, later)
    for name in ["slowlake.toml", "serve.toml"]:
        with (later / "deploy/debian" / name).open("a") as file:
            file.write("# of the later version\n")
    return later / "deploy"


def debian_root(tools: Tools) -> pathlib.Path:
    """A smallest root of Debian, made once, from wherever this machine's own packages come from."""
    root = tools.cache / f"root-{SUITE}"
    if not (root / "complete").exists():
        shutil.rmtree(root, ignore_errors=True)
        sites = run("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)").splitlines()
        site = next((line.split()[0] for line in sites if line.split()[1:] == [SUITE]), None)
        if site is None:
            raise Skipped(f"this machine's packages are not of Debian {SUITE}")
        made("a root of Debian", ["debootstrap", "--variant=minbase", SUITE, root, site])
        (root / "complete").touch()
    return root


def installed(root: pathlib.Path, package: pathlib.Path) -> None:
    before = packages(root)
    # The root is thrown away: nobody needs it on the disk.
    (root / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")
    shutil.copy(package, root / "var/tmp")
    apt(["chroot", root], "update", "-qq")
    apt(["chroot", root], "install", "-y", "--no-install-recommends", f"/var/tmp/{package.name}")
    new = packages(root) - before - {"slowlake"}
    ok(f"installed with {len(new)} packages more than Debian's smallest root: {' '.join(sorted(new))}")
    run("chroot", root, "/usr/bin/slowlake", "--version")
    missing = [line for line in run("chroot", root, "ldd", "/usr/bin/slowlake").splitlines() if "not found" in line]
    assert not missing, missing


def apt(inside: list, *words: str) -> str:
    return run(*inside, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *words, stdin=subprocess.DEVNULL)


def packages(root: pathlib.Path) -> set[str]:
    return set(run("chroot", root, "dpkg-query", "-W", "-f", "${Package}\n").split())


@contextlib.contextmanager
def booted(nspawn: pathlib.Path, root: pathlib.Path):
    """Starts systemd in the root; gives the words that run a command there."""
    command = [nspawn, "--quiet", "--register=no", "--keep-unit", "--private-network", "--console=pipe", "--boot", "-D", root]
    with (root.parent / "console").open("w") as console:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        first = None
        try:
            first = until(lambda: systemd_of(process), "systemd does not start here")
            inside = ["nsenter", "--target", first, "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd=/"]
            until(lambda: is_up(inside), "systemd does not come up here")
            ok(f"systemd is process 1: {run(*inside, 'systemctl', '--version').splitlines()[0]}")
            yield inside
        finally:
            # With the first process of a namespace all others in it end.
            if first:
                os.kill(int(first), signal.SIGKILL)
            else:
                process.kill()
            process.wait(PATIENCE_SECONDS)


def systemd_of(process: subprocess.Popen) -> str | None:
    """The number of the process that is 1 inside, when it is there."""
    if process.poll() is not None:
        raise Skipped("systemd cannot be started in a root of its own here")
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return next((child for child in children if pathlib.Path(f"/proc/{child}/comm").read_text() == "systemd\n"), None)


def is_up(inside: list) -> bool:
    command = [*inside, "systemctl", "is-system-running"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=SECONDS_MAX, check=False)
    return answer.stdout.strip() in {"running", "degraded"}


def status(inside: list, *command: str) -> int:
    return subprocess.run([*inside, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=SECONDS_MAX, check=False).returncode


def until(is_it, why: str):
    began = time.monotonic()
    while not (found := is_it()):
        assert time.monotonic() - began < PATIENCE_SECONDS, why
        time.sleep(0.2)
    return found


def started(inside: list, root: pathlib.Path) -> None:
    """A log that only the group adm may read is in the lake, to the last execution."""
    add_log(inside, root, "a.log", "postgres/15/mixed.stderr.log.zst")
    run(*inside, "systemctl", "enable", "--now", "slowlake.service")
    expected = executions_of(inside, "/var/log/postgresql/a.log")
    until(lambda: executions(inside) == expected, "not everything is in the lake")
    run(*inside, "runuser", "-u", "slowlake", "--", "env", f"SLOWLAKE_LAKE=/{LAKE}", "slowlake", "check", "-c", "/etc/slowlake/slowlake.toml")
    user = run(*inside, "stat", "-c", "%U", f"/proc/{pid(inside)}").strip()
    ok(f"slowlake.service runs as {user}; {expected} executions of a log that adm may read are in the lake")


def add_log(inside: list, root: pathlib.Path, name: str, corpus: str) -> None:
    folder = root / "var/log/postgresql"
    folder.mkdir(mode=0o755, exist_ok=True)
    run("zstd", "-dqf", ROOT / "tests/corpus" / corpus, "-o", folder / name)
    (folder / name).chmod(0o640)
    run(*inside, "chown", "root:adm", f"/var/log/postgresql/{name}")


def pid(inside: list) -> str:
    return run(*inside, "systemctl", "show", "--property=MainPID", "--value", "slowlake.service").strip()


def executions(inside: list) -> int:
    question = [*inside, "runuser", "-u", "slowlake", "--", "slowlake", "sql", "--lake", f"/{LAKE}", "--output", "csv", "-c", "SELECT count(*) FROM executions"]
    answer = subprocess.run(question, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=SECONDS_MAX, check=False).stdout.split()
    return int(answer[1]) if len(answer) == 2 else 0


def executions_of(inside: list, log: str) -> int:
    return json.loads(run(*inside, "slowlake", "digest", "--output", "json", log))["ledger"]["entries"]["query"]


def maintained(inside: list) -> None:
    run(*inside, "systemctl", "start", "slowlake-maintain.service")
    run(*inside, "systemctl", "enable", "--now", "slowlake-maintain.timer")
    run(*inside, "runuser", "-u", "slowlake", "--", "slowlake", "maintain", "--lake", f"/{LAKE}", "--fsck")
    ok("slowlake-maintain.service has tidied up, its timer runs, fsck finds nothing")


def served(inside: list, binary: pathlib.Path) -> None:
    if "\n  serve " not in run(binary, "--help"):
        print("SKIPPED: slowlake-serve.service: this build has no `slowlake serve`")
        return
    run(*inside, "systemctl", "enable", "--now", "slowlake-serve.service")
    # No client of its own in there: bash knows how to connect.
    until(lambda: status(inside, "bash", "-c", "echo >/dev/tcp/127.0.0.1/5433") == 0, "slowlake-serve.service does not listen")
    ok("slowlake-serve.service listens for clients of PostgreSQL")


def upgraded(inside: list, root: pathlib.Path, package: pathlib.Path) -> None:
    """What the administrator changed stays, what nobody changed is new, the service goes on."""
    theirs = root / "etc/slowlake/slowlake.toml"
    theirs.write_text(theirs.read_text().replace('commit_every = "10s"', 'commit_every = "5s"') + "[maintenance]\nenabled = false\n")
    (root / "etc/default/slowlake").open("a").write("SLOWLAKE_LOG=info\n")
    before, was, rows = theirs.read_text(), pid(inside), executions(inside)
    (root / "var/tmp" / package.name).write_bytes(package.read_bytes())
    apt(inside, "install", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", f"/var/tmp/{package.name}")
    assert run(*inside, "dpkg-query", "-W", "-f", "${Version}", "slowlake") == "0.1.0-2"
    assert theirs.read_text() == before, "the configuration was changed"
    assert (root / "etc/slowlake/slowlake.toml.dpkg-dist").exists(), "the new configuration is not there to compare with"
    assert "of the later version" in (root / "etc/slowlake/serve.toml").read_text(), "what nobody changed is not new"
    assert "SLOWLAKE_LOG" in (root / "etc/default/slowlake").read_text()
    for name, mode in [("slowlake/slowlake.toml", "640 root slowlake"), ("slowlake/serve.toml", "640 root slowlake"), ("default/slowlake", "600 root root")]:
        assert run(*inside, "stat", "-c", "%a %U %G", f"/etc/{name}").strip() == mode, name
    assert pid(inside) not in {was, "0"}, "the service was not started again"
    add_log(inside, root, "b.log", "postgres/13/mixed.stderr.log.zst")
    expected = rows + executions_of(inside, "/var/log/postgresql/b.log")
    until(lambda: executions(inside) == expected, "the new version does not go on")
    ok(f"upgraded while it ran: configuration kept, started again, {expected} executions after the next log")


def removed(inside: list, root: pathlib.Path) -> None:
    files = tree(root / LAKE)
    assert status(inside, "systemctl", "is-active", "slowlake.service") == 0
    apt(inside, "remove", "-y", "slowlake")
    assert status(inside, "systemctl", "is-active", "slowlake.service") != 0, "it still runs"
    assert not (root / "usr/bin/slowlake").exists() and (root / "etc/slowlake/slowlake.toml").exists()
    assert tree(root / LAKE) == files, "removing changed the lake"
    ok(f"removed: stopped, configuration kept, {len(files)} files of the lake untouched")
    apt(inside, "purge", "-y", "slowlake")
    assert not (root / "etc/slowlake").exists() and not (root / "etc/default/slowlake").exists()
    left = [path for path in (root / "etc/systemd").rglob("slowlake*")]
    assert not left, left
    assert tree(root / LAKE) == files, "purging changed the lake"
    ok("purged: configuration gone, lake untouched")


def tree(folder: pathlib.Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
