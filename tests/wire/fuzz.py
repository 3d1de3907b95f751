"""Malformed messages, before and after the login: the server goes on, answers, keeps its memory, and no file of the lake changes."""
import os
import pathlib
import random
import socket
import ssl
import struct
import threading
import time

SECONDS, SECONDS_QUICK = 600, 30
THREADS = 4
MEMORY_BYTES_MAX = (1024 + 512) << 20
STARTUP = b"\0\x03\0\0user\0ann\0database\0slowlake\0\0"
KINDS = b"QPBDCEHSXpdcfF\x00\xff"


def run(server, arguments) -> list:
    import psycopg

    seconds = SECONDS_QUICK if arguments.quick else SECONDS
    before = files(server.lake)
    end = time.monotonic() + seconds
    counts = [0] * THREADS
    threads = [threading.Thread(target=attack, args=(server, end, counts, i)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    os.environ.update(server.environment())
    complaints, peak, answered = [], 0, 0
    while time.monotonic() < end and server.is_alive:
        try:
            with psycopg.connect(connect_timeout=30) as connection:
                assert connection.execute("SELECT count(*) > 0 FROM queries").fetchone() == (True,)
                answered += 1
        except Exception as error:
            complaints.append(f"a client beside it: {error!r}")
        peak = max(peak, server.resident_bytes())
        time.sleep(1)
    for thread in threads:
        thread.join()
    if not server.is_alive:
        complaints.append(f"the server ended: {''.join(server.said[-5:])}")
    if peak > MEMORY_BYTES_MAX:
        complaints.append(f"{peak >> 20} MiB of memory, over {MEMORY_BYTES_MAX >> 20}")
    panics = [line for line in server.said if "panicked" in line]
    if panics:
        complaints.append(f"{len(panics)} panics, such as {panics[0]}")
    if files(server.lake) != before:
        complaints.append("files of the lake have changed")
    print(
        f"{seconds} s: {sum(counts)} connections with malformed messages, {answered} answers to a client beside them, "
        f"at most {peak >> 20} MiB resident",
        flush=True,
    )
    return complaints


def attack(server, end: float, counts: list, seed: int) -> None:
    choose = random.Random(seed)
    while time.monotonic() < end and server.is_alive:
        try:
            with socket.create_connection(("localhost", server.port), timeout=5) as plain:
                one(plain, choose, server)
        except OSError:
            pass
        counts[seed] += 1


def one(plain: socket.socket, choose: random.Random, server) -> None:
    kind = choose.randrange(4)
    if kind == 0:
        plain.sendall(choose.randbytes(choose.randrange(64)))
        return
    # As a client that asks for TLS, which it gets.
    plain.sendall(struct.pack(">ii", 8, 80877103))
    if plain.recv(1) != b"S" or kind == 1:
        plain.sendall(choose.randbytes(choose.randrange(64)))
        return
    context = ssl.create_default_context(cafile=server.folder / "ca.crt")
    with context.wrap_socket(plain, server_hostname="localhost") as stream:
        startup = bytearray(STARTUP)
        if kind == 2:
            startup[choose.randrange(len(startup))] = choose.randrange(256)
        stream.sendall(struct.pack(">i", len(startup) + 4) + startup)
        for _ in range(choose.randrange(8)):
            body = message(choose)
            length = len(body) + 4 if choose.random() < 0.8 else choose.randrange(-(2**31), 2**31)
            stream.sendall(bytes([choose.choice(KINDS)]) + struct.pack(">i", length) + body)
        stream.settimeout(0.2)
        stream.recv(4096)


def message(choose: random.Random) -> bytes:
    parts = [b"SELECT 1\0", b"\0", b"SCRAM-SHA-256\0\0\0\0\x10n,,n=,r=abcdefgh", b"n,,n=,r=x", b"\xff\xff\xff\xff", b"\0\x01", b"p=,"]
    return b"".join(choose.choice(parts) if choose.random() < 0.7 else choose.randbytes(4) for _ in range(choose.randrange(6)))


def files(folder: pathlib.Path) -> dict:
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}
