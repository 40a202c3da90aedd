"""OTLP over HTTP, as a raw ASGI application: POST /v1/{traces,metrics,logs} in protobuf, gzip or not.

Only 429, 502, 503 and 504 are retried by OTLP clients, so a fault of ours is a 503, never a 500, and what
can never be taken is a 4xx or a partial success. Errors are a `google.rpc.Status` in protobuf.
"""

import asyncio
import logging
import random
import zlib
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from google.rpc.code_pb2 import INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE, UNIMPLEMENTED, Code
from google.rpc.status_pb2 import Status

from driftline_collector.errors import StoreError
from driftline_collector.receiver.decoded import Rejected
from driftline_collector.receiver.intake import Intake, OverloadedError
from driftline_collector.receiver.ptars_adapter import UndecodableError, check
from driftline_collector.receiver.signals import SIGNALS, Signal
from driftline_collector.store.writer import UnstorableError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 2**20
_PROTOBUF = b"application/x-protobuf"
_SIGNAL_AT = {f"/v1/{signal.name}": signal for signal in SIGNALS}
#: Compressed bodies above this are unpacked in a thread, so that other connections do not wait for them.
_UNPACK_ASIDE = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. Errors carry a Status."""

    status: int
    body: bytes = b""
    headers: tuple[Header, ...] = ()


class _RefusedError(Exception):
    """The answer is known before the request is read to its end."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class _DisconnectedError(Exception):
    """Nobody is left to be answered."""


class OtlpHttp:
    """The ASGI application. Mount it where paths begin with `/v1/`."""

    def __init__(self, intake: Intake, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._intake = intake
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise TypeError(f"OtlpHttp answers HTTP, not {scope['type']}")
        try:
            answer = await self._answer(scope, receive)
        except _RefusedError as refused:
            answer = refused.answer
        except _DisconnectedError:
            return
        except Exception:
            logger.exception("a request to %s failed", scope["path"])
            answer = unavailable("an unexpected fault; send again")
        headers = [
            (b"content-type", _PROTOBUF),
            (b"content-length", str(len(answer.body)).encode()),
            *answer.headers,
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        signal = _SIGNAL_AT.get(scope["path"])
        if signal is None:
            return error(
                404, UNIMPLEMENTED, f"nothing at {scope['path']}; OTLP is at {', '.join(_SIGNAL_AT)}"
            )
        if scope["method"] != "POST":
            message = f"{scope['method']} is not for {scope['path']}; send a POST"
            return error(405, UNIMPLEMENTED, message, [(b"allow", b"POST")])
        headers = dict(scope["headers"])
        _require_protobuf(headers.get(b"content-type", b""))
        packed = _is_gzip(headers.get(b"content-encoding", b"identity"))
        body = await self._read(headers.get(b"content-length"), receive)
        if packed:
            body = await self._unpack(body)
        try:
            check(signal, body)
        except UndecodableError as fault:
            return error(400, INVALID_ARGUMENT, str(fault))
        return await self._store(signal, body)

    async def _store(self, signal: Signal, body: bytes) -> Answer:
        try:
            rejected = await asyncio.wrap_future(self._intake.submit(signal, body))
        except OverloadedError as fault:
            return unavailable(str(fault))
        except UnstorableError as fault:
            return error(400, INVALID_ARGUMENT, str(fault))
        except StoreError as fault:
            return unavailable(str(fault))
        return success(signal, rejected)

    async def _read(self, length: bytes | None, receive: Receive) -> bytes:
        """The body as it came, chunked or of a known length."""
        if length is not None and length.isdigit() and int(length) > self._max_body_bytes:
            raise _RefusedError(self._too_large())
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _DisconnectedError
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._max_body_bytes:
                raise _RefusedError(self._too_large())
            if not chunks:
                self._admit(int(length) if length and length.isdigit() else size)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)

    def _admit(self, size: int) -> None:
        try:
            self._intake.admit(size)
        except OverloadedError as fault:
            raise _RefusedError(unavailable(str(fault))) from None

    async def _unpack(self, body: bytes) -> bytes:
        try:
            if len(body) > _UNPACK_ASIDE:
                return await asyncio.to_thread(gunzip, body, self._max_body_bytes)
            return gunzip(body, self._max_body_bytes)
        except OverflowError:
            raise _RefusedError(self._too_large()) from None
        except ValueError as fault:
            raise _RefusedError(error(400, INVALID_ARGUMENT, str(fault))) from None

    def _too_large(self) -> Answer:
        message = f"the body is larger than {self._max_body_bytes} bytes, unpacked; send smaller batches"
        return error(413, RESOURCE_EXHAUSTED, message)


def gunzip(packed: bytes, limit: int) -> bytes:
    """Unpack gzip of one or more members. Raises OverflowError above `limit` bytes, ValueError if torn."""
    parts = []
    room = limit
    while packed:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            part = unpacker.decompress(packed, room + 1)
        except zlib.error as fault:
            raise ValueError(f"the body is not gzip, though Content-Encoding says so ({fault})") from None
        if len(part) > room:
            raise OverflowError(limit)
        if not unpacker.eof:
            raise ValueError("the gzip body ends too early; send it whole")
        parts.append(part)
        room -= len(part)
        packed = unpacker.unused_data
    return b"".join(parts)


def success(signal: Signal, rejected: Rejected) -> Answer:
    """200; `partial_success` is set only where something was refused."""
    if not rejected.count:
        return Answer(200)
    response = signal.response()
    partial = response.partial_success  # type: ignore[attr-defined]  # each of the three responses has one
    setattr(partial, signal.rejected, rejected.count)
    partial.error_message = rejected.message
    return Answer(200, response.SerializeToString())


def error(status: int, code: "Code.ValueType", message: str, headers: Iterable[Header] = ()) -> Answer:
    """A refusal that no repetition cures, unless `status` is one of the retried ones."""
    return Answer(status, Status(code=code, message=message).SerializeToString(), tuple(headers))


def unavailable(message: str) -> Answer:
    """503, to be repeated in a second or two: not all in the same one."""
    pause = random.choice((b"1", b"2"))  # noqa: S311  # nobody gains by guessing it
    return error(503, UNAVAILABLE, message, [(b"retry-after", pause)])


def _require_protobuf(content_type: bytes) -> None:
    if content_type.partition(b";")[0].strip().lower() != _PROTOBUF:
        message = f"content type {content_type.decode('latin-1')!r} is not taken; send {_PROTOBUF.decode()}"
        raise _RefusedError(error(415, INVALID_ARGUMENT, message, [(b"accept", _PROTOBUF)]))


def _is_gzip(encoding: bytes) -> bool:
    name = encoding.strip().lower()
    if name not in (b"gzip", b"identity", b""):
        message = f"content encoding {name.decode('latin-1')!r} is not taken; send gzip or none"
        raise _RefusedError(error(415, INVALID_ARGUMENT, message, [(b"accept-encoding", b"gzip, identity")]))
    return name == b"gzip"
