"""Request bodies over HTTP: read as they come, unpacked, and never more of them in memory than is allowed."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from driftline_collector.receiver.answers import BadDataError, TooLargeError, UnavailableError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

#: Compressed bodies above this are unpacked in a thread, so that other connections do not wait for them.
_UNPACK_ASIDE = 64 * 2**10
#: Compressed bytes given to zlib at a time: it copies what follows a member, so a whole body of
#: tiny members would take time by its square.
_WINDOW = 16 * 2**10
#: Block gzip has 64 KiB to a member; this is enough for 640 MiB of that.
_MOST_MEMBERS = 10_000


class DisconnectedError(Exception):
    """Nobody is left to be answered."""


class Bodies:
    """Reads bodies of at most `max_bytes` each, and of all that are not yet whole `max_held` in sum.

    One alone may be larger than `max_held`; the others come again.
    """

    def __init__(self, *, max_bytes: int, max_held: int) -> None:
        self._max_bytes = max_bytes
        self._max_held = max_held
        self._held = 0

    async def read(
        self, length: int | None, receive: Receive, *, admit: Callable[[int], None], packed: bool
    ) -> bytes:
        """A whole body, unpacked. `admit` may refuse it when its first bytes are there.

        Raises DisconnectedError, and RefusedError where it is too large, broken, or not to be had now.
        """
        if length is not None and length > self._max_bytes:
            raise TooLargeError(self._max_bytes)
        with self._holding() as hold:
            chunks: list[bytes] = []
            size = 0
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise DisconnectedError
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > self._max_bytes:
                    raise TooLargeError(self._max_bytes)
                if not chunks:
                    admit(length or size)
                hold(len(chunk))
                chunks.append(chunk)
                more = message.get("more_body", False)
            body = b"".join(chunks)
            if packed and len(body) > _UNPACK_ASIDE:
                return await asyncio.to_thread(gunzip, body, self._max_bytes)
            return gunzip(body, self._max_bytes) if packed else body

    @contextmanager
    def _holding(self) -> Iterator[Callable[[int], None]]:
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            if self._held > held and self._held + size > self._max_held:
                raise UnavailableError(f"{self._held} bytes of unfinished requests are held; send again")
            held += size
            self._held += size

        try:
            yield hold
        finally:
            self._held -= held


def gunzip(packed: bytes, limit: int) -> bytes:
    """Unpack gzip of one or more members. Raises TooLargeError above `limit` bytes, BadDataError if torn."""
    view = memoryview(packed)
    parts: list[bytes] = []
    room = limit
    at = members = 0
    while at < len(view):
        members += 1
        if members > _MOST_MEMBERS:
            raise BadDataError(f"the gzip body has more than {_MOST_MEMBERS} members; pack it as one")
        unpacker = zlib.decompressobj(wbits=31)
        while not unpacker.eof:
            if at >= len(view):
                raise BadDataError("the gzip body ends too early; send it whole")
            window = view[at : at + _WINDOW]
            try:
                part = unpacker.decompress(window, room + 1)
            except zlib.error as fault:
                raise BadDataError(
                    f"the body is not gzip, though Content-Encoding says so ({fault})"
                ) from None
            room -= len(part)
            if room < 0:
                raise TooLargeError(limit)
            parts.append(part)
            at += len(window) - len(unpacker.unused_data)
    return b"".join(parts)
