"""Programs that the checks of deploy/ need and this machine may not have: kept in a cache, and gone without where they cannot be had."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# What takes longer hangs.
SECONDS_MAX = 1_200


class Skipped(Exception):
    """Something cannot be had here; what needed it is left out, and says so."""


class Tools:
    """Programs by name, made when they are asked for the first time."""

    def __init__(self, cache: pathlib.Path):
        self.cache = cache
        cache.mkdir(parents=True, exist_ok=True)

    def python(self, name: str) -> pathlib.Path:
        """A program of the Python packages in requirements.txt."""
        requirements = HERE / "requirements.txt"
        key = hashlib.sha256(sys.version.encode() + requirements.read_bytes()).hexdigest()[:12]
        venv = self.cache / f"venv-{key}"
        if not (venv / "complete").exists():
            shutil.rmtree(venv, ignore_errors=True)
            made(f"the Python packages of {requirements.name}", [sys.executable, "-m", "venv", venv])
            pip = [venv / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            made(f"the Python packages of {requirements.name}", [*pip, "-r", requirements])
            (venv / "complete").touch()
        return venv / "bin" / name

    def go(self, name: str, module: str, package: str = "") -> pathlib.Path:
        """A program built from a Go module `path@version`."""
        if not shutil.which("go"):
            raise Skipped(f"{name} is built with Go, which is not installed")
        folder = self.cache / module.replace("/", "_")
        built = folder / (package or name).split("/")[-1]
        if not built.exists():
            environment = {**os.environ, "GOTOOLCHAIN": "local", "GOBIN": str(folder)}
            path, version = module.split("@")
            made(f"{name} of {module}", ["go", "install", f"{path}{package and '/' + package}@{version}"], env=environment)
        return built

    def debian(self, package: str, path: str) -> pathlib.Path:
        """A program of a Debian package, unpacked and not installed, unless it is installed."""
        installed = shutil.which(pathlib.Path(path).name)
        if installed:
            return pathlib.Path(installed)
        folder = self.cache / "debian" / package
        if not (folder / path).exists():
            if not shutil.which("apt-get"):
                raise Skipped(f"{path} is of Debian's package {package}, which cannot be had here")
            folder.mkdir(parents=True, exist_ok=True)
            made(f"Debian's package {package}", ["apt-get", "download", "-qq", package], cwd=folder)
            for archive in folder.glob("*.deb"):
                made(f"Debian's package {package}", ["dpkg", "-x", archive, folder])
                archive.unlink()
        return folder / path


def made(what: str, command: list, **options) -> None:
    """Runs what makes a tool."""
    done = subprocess.run(command, timeout=SECONDS_MAX, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise Skipped(f"{what} cannot be had: {last}")


def run(*command, status: int = 0, seconds: int = SECONDS_MAX, **options) -> str:
    """What a command writes; it has to end with the status."""
    done = subprocess.run(command, timeout=seconds, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != status:
        words = " ".join(map(str, command))
        raise AssertionError(f"exit status {done.returncode} instead of {status}: {words}\n{done.stdout}")
    return done.stdout


def ok(what: str) -> None:
    """Says what was found to be as it should."""
    print(f"   ok  {what}", flush=True)
