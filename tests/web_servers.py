"""Web servers of this machine that do what a test tells them to: right, wrong, or nothing at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Request:
    """A request to a server, and how to answer it.

    Attributes:
        number: how many requests with a body came before this one.
        path: what is asked for.
        start: the first byte that is asked for; None if no range is.
        last: the last one.
        over: set when the test is over: a server that says nothing waits for it.
    """

    number: int
    path: str
    start: int | None
    last: int | None
    handler: BaseHTTPRequestHandler
    over: threading.Event

    def send(self, status: int, headers: dict[str, object], body: bytes = b"") -> None:
        """Answer with these headers and no others."""
        self.handler.send_response(status)
        for name, value in headers.items():
            self.handler.send_header(name, str(value))
        self.handler.end_headers()
        if self.handler.command != "HEAD":
            self.handler.wfile.write(body)
            self.handler.wfile.flush()

    def send_range(self, data: bytes, **headers: object) -> None:
        """Answer as a right server does. A header that is given replaces that of the right answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.start is None or self.last is None:
            self.send(200, {"Content-Length": len(data), **named}, data)
            return
        if self.start >= len(data):
            self.send(416, {"Content-Range": f"bytes */{len(data)}", "Content-Length": 0, **named})
            return
        part = data[self.start : self.last + 1]
        place = f"bytes {self.start}-{self.start + len(part) - 1}/{len(data)}"
        self.send(206, {"Content-Range": place, "Content-Length": len(part), **named}, part)

    def cut(self) -> None:
        """Close the connection at once."""
        self.handler.close_connection = True
        self.handler.connection.close()

    def wait(self) -> None:
        """Say nothing more until the test is over."""
        self.over.wait(60)
        self.handler.close_connection = True


@dataclass
class Server:
    """A server that runs.

    Attributes:
        url: its address.
        requests: the ranges that were asked for, in their order.
    """

    url: str
    requests: list[tuple[str, int | None, int | None]] = field(default_factory=list)


@contextmanager
def serving(answer: Callable[[Request], None]) -> Iterator[Server]:
    """Run a web server whose answers a function gives."""
    over, lock = threading.Event(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body are two writes: else the second waits 40 ms for the other side to acknowledge the first.
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            asked = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
            start, last = (int(asked[0]), int(asked[2])) if asked[0] else (None, None)
            with lock:
                number = len(server.requests)
                server.requests.append((self.path, start, last))
            try:
                answer(Request(number, self.path, start, last, self, over))
            except OSError:  # the other side has gone
                self.close_connection = True

        do_HEAD = do_GET  # noqa: N815  (its name for this method)

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    httpd.block_on_close = False
    server = Server(f"http://127.0.0.1:{httpd.server_address[1]}")
    threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        over.set()
        httpd.shutdown()
        httpd.server_close()
