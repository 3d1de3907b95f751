"""An HTTP proxy before an S3 server that goes wrong in the ways that networks and servers do. Knows the server's keys, so that it can sign
what it has changed."""

import datetime
import hashlib
import hmac
import http.client
import http.server
import socket
import threading
import urllib.parse


class Proxy:
    """A context in which `url` leads to the server by way of `fault`, which is called with each request."""

    def __init__(self, port: int, keys: tuple, fault):
        class Handler(RequestHandler):
            pass

        Handler.port, Handler.keys, Handler.fault = port, keys, staticmethod(fault)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class RequestHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.fault(self, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve

    def forward(self, body: bytes, headers: dict = None) -> tuple:
        """The server's answer: status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in (headers or dict(self.headers.items())).items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def answer(self, status: int, headers: list, body: bytes):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "content-length") or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status: int, code: str):
        body = f"<Error><Code>{code}</Code><Message>as the test wants</Message></Error>".encode()
        self.answer(status, [("Content-Type", "application/xml")], body)

    def drop(self):
        """Ends the connection without an answer."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def signed(self, body: bytes, without: str) -> dict:
        """The request's headers but one, signed anew."""
        now = datetime.datetime.now(datetime.timezone.utc)
        headers = {
            "host": self.headers["Host"],
            "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
            "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
        }
        for name in ("content-type", "range", "if-none-match"):
            if self.headers[name] is not None and name != without:
                headers[name] = self.headers[name]
        headers = dict(sorted(headers.items()))
        path, _, query = self.path.partition("?")
        pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
        query = "&".join("=".join(urllib.parse.quote(part, safe="-_.~") for part in pair) for pair in pairs)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        names = ";".join(headers)
        request = f"{self.command}\n{path}\n{query}\n{lines}\n{names}\n{headers['x-amz-content-sha256']}"
        scope = f"{now:%Y%m%d}/us-east-1/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = b"AWS4" + self.keys[1].encode()
        for part in [*scope.split("/"), text]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        credential = f"Credential={self.keys[0]}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
        return {**headers, "content-length": str(len(body)), "authorization": f"AWS4-HMAC-SHA256 {credential}"}

    def log_message(self, *_):
        pass


# --- what goes wrong ------------------------------------------------------------------------------------------------------------


def is_commit(request: RequestHandler) -> bool:
    return request.command == "PUT" and "/_delta_log/" in request.path


def without_conditions(request: RequestHandler, body: bytes):
    """A server that has never heard of If-None-Match."""
    request.answer(*request.forward(body, request.signed(body, without="if-none-match")))


def refusing_conditions(request: RequestHandler, body: bytes):
    """A server that says that it has never heard of it."""
    if request.headers["If-None-Match"] is None:
        request.answer(*request.forward(body))
    else:
        request.error(501, "NotImplemented")


class FailsAfter:
    """The first time that a commit is put, it lands, and the client hears of an error, or nothing."""

    def __init__(self, says_error: bool):
        self.says_error = says_error
        self.seen = set()
        self.faults = 0
        self.lock = threading.Lock()

    def __call__(self, request: RequestHandler, body: bytes):
        answer = request.forward(body)
        with self.lock:
            is_first = is_commit(request) and request.path not in self.seen
            self.seen.add(request.path)
            self.faults += is_first
        if not is_first:
            request.answer(*answer)
        elif self.says_error:
            request.error(500, "InternalError")
        else:
            request.drop()


class FailsOften:
    """Every so many requests one is not served, with an error or without a word."""

    def __init__(self, every: int):
        self.every = every
        self.count = 0
        self.faults = 0
        self.lock = threading.Lock()

    def __call__(self, request: RequestHandler, body: bytes):
        with self.lock:
            self.count += 1
            turn = self.count % (2 * self.every)
            self.faults += turn in (0, self.every)
        if turn == self.every:
            request.error(503, "SlowDown")
        elif turn == 0:
            request.drop()
        else:
            request.answer(*request.forward(body))
