"""One device's connection: HTTP/1.1, kept open, and opened again when it was closed."""

import asyncio
import contextlib
from dataclasses import dataclass
from urllib.parse import urlsplit

#: An answer that takes longer has been lost; the SDK waits as long.
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """`retry_after`: seconds, where the server says so."""

    status: int
    retry_after: int | None
    body: bytes


class Connection:
    """Posts OTLP. Raises OSError, EOFError or TimeoutError where no answer comes."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 4318
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes) -> Answer:
        """Send a body and wait for the answer to it."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._post(path, body)
        except BaseException:
            self.close()
            raise

    async def open(self) -> None:
        """Connect, unless it is."""
        if self._streams is None or self._streams[0].at_eof():
            self.close()
            self._streams = await asyncio.open_connection(self._host, self._port)

    def close(self) -> None:
        """Let go of the socket."""
        if self._streams is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._streams[1].close()
        self._streams = None

    async def _post(self, path: str, body: bytes) -> Answer:
        await self.open()
        if self._streams is None:
            raise ConnectionResetError("closed while it was opened")
        reader, writer = self._streams
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {self._host}\r\n"
            f"content-type: application/x-protobuf\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        answer = await reader.readexactly(int(headers.get("content-length", 0)))
        retry_after = headers.get("retry-after")
        if headers.get("connection") == "close":
            self.close()
        return Answer(int(status.split(" ")[1]), None if retry_after is None else int(retry_after), answer)
