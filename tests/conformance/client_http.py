"""A client for HTTP/1.1 that sends what it is told, right or wrong, and never follows, retries or mends."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from http.client import HTTPException, HTTPResponse
from types import TracebackType
from urllib.parse import urlsplit

from tests.conformance.answers import HttpAnswer, NoAnswer
from tests.conformance.registry import CannotRunError

CHUNK = 256 * 1024
LONGEST_ANSWER = 64 * 1024 * 1024


class HttpConnection:
    """One connection to the server. Requests are written as they are given; answers are read by RFC 9112."""

    def __init__(self, endpoint: str, timeout: float) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CannotRunError(f"not an HTTP endpoint: {endpoint!r}; give one like http://127.0.0.1:4318")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self._authority = parts.netloc.rpartition("@")[2]
        self._prefix = parts.path.rstrip("/")
        self._timeout = timeout
        try:
            plain = socket.create_connection((parts.hostname, port), timeout)
        except OSError as error:
            raise NoAnswer(f"no connection to {endpoint}: {error}") from error
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = plain
        if parts.scheme == "https":
            try:
                context = ssl.create_default_context()
                self._socket = context.wrap_socket(plain, server_hostname=parts.hostname)
            except OSError as error:
                plain.close()
                raise NoAnswer(f"no TLS with {endpoint}: {error}") from error

    def __enter__(self) -> HttpConnection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        chunked: bool = False,
        with_length: bool = True,
    ) -> HttpAnswer:
        """Send one request and read its answer. Raises NoAnswer."""
        if chunked:
            self.start(method, path, {**headers, "Transfer-Encoding": "chunked"})
            self.write(b"".join(_chunks(body)))
        else:
            length = {"Content-Length": str(len(body))} if with_length else {}
            self.start(method, path, {**headers, **length})
            self.write(body)
        return self.receive(method)

    def start(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Send the request line and the headers, with `Host` and nothing else added."""
        lines = [f"{method} {self._prefix}{path} HTTP/1.1", f"Host: {self._authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def write(self, data: bytes) -> None:
        """Send bytes until they are sent or the server answers before it has them all (as a 413 may come)."""
        view = memoryview(data)
        while view:
            readable, writable, _ = select.select([self._socket], [self._socket], [], self._timeout)
            if readable:
                return
            if not writable:
                raise NoAnswer(
                    f"the server read nothing for {self._timeout:g} s, {len(view)} bytes were left"
                )
            try:
                view = view[self._socket.send(view[:CHUNK]) :]
            except OSError:
                return  # closed on us: whether an answer came first is for receive() to find out

    def receive(self, method: str = "POST") -> HttpAnswer:
        """Read one answer. Raises NoAnswer."""
        response = HTTPResponse(self._socket, method=method)
        try:
            response.begin()
            body = response.read(LONGEST_ANSWER)
        except TimeoutError as error:
            raise NoAnswer(f"no whole answer within {self._timeout:g} s") from error
        except (OSError, HTTPException, ValueError) as error:
            raise NoAnswer(f"no HTTP answer: {type(error).__name__} {error}".rstrip()) from error
        finally:
            response.close()
        if len(body) == LONGEST_ANSWER:
            raise NoAnswer(f"an answer that has not ended after {LONGEST_ANSWER:,} bytes")
        return HttpAnswer(response.status, response.headers, body)

    def read_some(self, length: int) -> bytes:
        """Up to `length` raw bytes as they come; fewer when the server closes or keeps silent."""
        got = b""
        try:
            while len(got) < length:
                more = self._socket.recv(length - len(got))
                if not more:
                    break
                got += more
        except OSError:
            pass  # silence and a reset both mean: nothing more will come
        return got


def _chunks(body: bytes) -> Iterable[bytes]:
    """`body` in the chunked transfer coding, in uneven pieces so that no record ends where a chunk does."""
    sizes: Sequence[int] = (1, 7, 100, CHUNK)
    start = 0
    position = 0
    while start < len(body):
        piece = body[start : start + sizes[min(position, len(sizes) - 1)]]
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
        start += len(piece)
        position += 1
    yield b"0\r\n\r\n"
