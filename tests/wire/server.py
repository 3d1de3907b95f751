"""A `slowlake serve` with TLS and SCRAM over a lake, and what `slowlake sql` says of the same lake."""
import json
import os
import pathlib
import re
import subprocess
import threading
import time

QUESTIONS = pathlib.Path(__file__).resolve().parent.parent / "questions"
NAMES = [
    "top_by_total_time",
    "p95_by_server_and_hour",
    "history_of_one_query",
    "new_queries_this_week",
    "error_rate",
    "slowest_of_a_rare_application",
    "text_of_one_execution",
    "lag_by_replica",
    "queries_by_server",
    "week_over_week",
]
USER, PASSWORD = "ann", "s3cret word"
CERTIFICATE = """
set -e
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=authority
openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost
printf 'subjectAltName=DNS:localhost\\n' >names
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile names -out server.crt
"""


class Server:
    """Runs while it is entered; `port` is where."""

    def __init__(self, arguments, limits: str = ""):
        self.binary, self.lake, self.folder = arguments.binary, arguments.lake, arguments.scratch
        self.parameters = json.loads(arguments.truth.read_text(encoding="utf-8"))["parameters"]
        self.limits = limits
        self.said = []

    def __enter__(self):
        if not (self.folder / "server.crt").exists():
            subprocess.run(["sh", "-c", CERTIFICATE], cwd=self.folder, check=True, capture_output=True)
        (self.folder / "users").write_text(f'"{USER}" "{PASSWORD}"\n', encoding="utf-8")
        configuration = self.folder / "serve.toml"
        configuration.write_text(
            f'lake = "{self.lake.resolve()}"\n[serve]\npostgres = "127.0.0.1:0"\nusers = "{self.folder}/users"\n'
            f'tls_cert = "{self.folder}/server.crt"\ntls_key = "{self.folder}/server.key"\n{self.limits}\n[log]\nformat = "json"\n',
            encoding="utf-8",
        )
        command = [self.binary, "serve", "-c", configuration]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.reading = threading.Thread(target=self._read, daemon=True)
        self.reading.start()
        self.port = self._port()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=30)

    def _read(self):
        for line in self.process.stderr:
            self.said.append(line)

    def _port(self) -> int:
        for _ in range(600):
            for line in self.said:
                found = re.search(r"answers PostgreSQL clients at 127\.0\.0\.1:(\d+)", line)
                if found:
                    return int(found[1])
            if self.process.poll() is not None:
                raise SystemExit("".join(self.said))
            time.sleep(0.1)
        raise SystemExit("the server does not begin to listen")

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def resident_bytes(self) -> int:
        pages = pathlib.Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def environment(self) -> dict:
        """For clients that are built on libpq."""
        return {
            "PGHOST": "localhost",
            "PGPORT": str(self.port),
            "PGUSER": USER,
            "PGPASSWORD": PASSWORD,
            "PGDATABASE": "slowlake",
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": str(self.folder / "ca.crt"),
        }

    def questions(self) -> dict:
        """The ten questions with the parameters of the lake, by name."""
        text = lambda name: (QUESTIONS / f"{name}.sql").read_text(encoding="utf-8")
        fill = lambda found: str(self.parameters[found[1]])
        return {name: re.sub(r"\{(\w+)\}", fill, text(name)) for name in NAMES}

    def answer(self, sql: str) -> list:
        """What `slowlake sql` says, as rows of values."""
        command = [self.binary, "sql", "--lake", self.lake, "--output", "json", f"--command={sql}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [list(row.values()) for row in json.loads(done.stdout)]
