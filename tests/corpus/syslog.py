"""Reads what one program sends to the system's log and writes it in three views of the same messages, until it is terminated.

Usage: syslog.py SOCKET PROGRAM OUTPUT      SOCKET is made and removed. OUTPUT.datagrams has the messages as they came, one a line;
OUTPUT.bsd has them as rsyslog writes /var/log/messages by default, OUTPUT.rfc5424 as its RSYSLOG_SyslogProtocol23Format does: host and
time are set on receipt, and control characters are written as # and three octal digits.
"""
import datetime
import os
import re
import signal
import socket
import sys

HOST = b"db-1"
# As the C library sends it: <priority>time program[process]: text
DATAGRAM = re.compile(rb"<(\d+)>(\w{3} [ \d]\d \d\d:\d\d:\d\d) ([^\[:]+)\[(\d+)\]: (.*)\Z", re.S)
BUFFER_BYTES = 8 << 20


def main() -> None:
    path, program, output = sys.argv[1], sys.argv[2].encode(), sys.argv[3]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    listener.bind(path)
    os.chmod(path, 0o666)
    try:
        with open(f"{output}.datagrams", "wb") as raw, open(f"{output}.bsd", "wb") as bsd, open(f"{output}.rfc5424", "wb") as rfc5424:
            while True:
                datagram = listener.recv(1 << 16).rstrip(b"\0")
                found = DATAGRAM.match(datagram)
                if not found or found[3] != program:
                    continue
                priority, time, _, process, text = found.groups()
                text = escaped(text)
                received = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds").encode()
                raw.write(datagram + b"\n")
                bsd.write(b"%s %s %s[%s]: %s\n" % (time, HOST, program, process, text))
                rfc5424.write(b"<%s>1 %s %s %s %s - - %s\n" % (priority, received, HOST, program, process, text))
    finally:
        os.unlink(path)


def escaped(text: bytes) -> bytes:
    return re.sub(rb"[\x00-\x1f\x7f]", lambda found: b"#%03o" % found[0][0], text)


main()
