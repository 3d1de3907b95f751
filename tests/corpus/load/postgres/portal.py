"""Speaks the PostgreSQL protocol by hand: one portal executed with a row limit, again and again, as JDBC's setFetchSize does.

Usage: portal.py SOCKET USER DATABASE APPLICATION
"""
import socket
import struct
import sys

QUERY = "SELECT id, customer_id, note\n\tFROM orders\n\tWHERE state = $1 AND id > $2 ORDER BY id LIMIT 95"


def message(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return kind + struct.pack("!i", len(body) + 4) + body


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def read_until(stream, kinds: bytes) -> bytes:
    while True:
        kind, length = stream.read(1), struct.unpack("!i", stream.read(4))[0]
        body = stream.read(length - 4)
        if kind == b"E":
            sys.exit(f"the server says: {body!r}")
        if kind in kinds:
            return kind


def parameter(value: str) -> bytes:
    return struct.pack("!i", len(value.encode())) + value.encode()


def run(stream, send, statement: str, portal: str, values: list[str]) -> None:
    """Parses, binds and executes with 40 rows at a time: for 95 rows one execution and two fetches."""
    bind = struct.pack("!hh", 0, len(values)) + b"".join(map(parameter, values)) + struct.pack("!h", 0)
    send(message(b"P", text(statement), text(QUERY), struct.pack("!h", 0)))
    send(message(b"B", text(portal), text(statement), bind))
    while True:
        send(message(b"E", text(portal), struct.pack("!i", 40)), message(b"H"))
        if read_until(stream, b"sC") == b"C":
            break
    send(message(b"S"))
    read_until(stream, b"Z")


def main() -> None:
    path, user, database, application = sys.argv[1:]
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    stream = connection.makefile("rb")

    def send(*messages: bytes) -> None:
        connection.sendall(b"".join(messages))

    options = ["user", user, "database", database, "application_name", application]
    start = struct.pack("!i", 196608) + b"".join(map(text, options)) + b"\0"
    send(struct.pack("!i", len(start) + 4) + start)
    read_until(stream, b"Z")
    begin = message(b"Q", text("BEGIN"))
    for turn in range(4):
        send(begin)
        read_until(stream, b"Z")
        run(stream, send, f"S_{turn}", f"C_{turn}", ["paid", str(turn * 10)])
        run(stream, send, "", "", ["it's \"open\"\nor not", "0"])
        send(message(b"Q", text("COMMIT")))
        read_until(stream, b"Z")
    send(message(b"X"))


main()
