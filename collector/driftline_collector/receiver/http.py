"""OTLP over HTTP, as a raw ASGI application: POST /v1/{traces,metrics,logs} in protobuf or JSON, gzip or not.

Only 429, 502, 503 and 504 are retried by OTLP clients, so a fault of ours is a 503, never a 500, and what
can never be taken is a 4xx or a partial success. An answer is in the encoding of its request.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc.code_pb2 import INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE, UNIMPLEMENTED, Code

from driftline_collector.receiver.answers import RefusedError, UnavailableError
from driftline_collector.receiver.bodies import Bodies, DisconnectedError, Receive
from driftline_collector.receiver.cors import Cors, Header
from driftline_collector.receiver.export import export
from driftline_collector.receiver.intake import Intake, OverloadedError
from driftline_collector.receiver.json_requests import to_protobuf
from driftline_collector.receiver.requests import Requests
from driftline_collector.receiver.signals import SIGNALS, Signal

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Mapping[bytes, bytes]

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 2**20
#: All bodies that are not read to their end, together, unless there is but one.
MAX_HELD_BYTES = 16 * 2**20
_PROTOBUF = b"application/x-protobuf"
_JSON = b"application/json"
_SIGNAL_AT = {f"/v1/{signal.name}": signal for signal in SIGNALS}
_STATUS: Mapping[int, int] = {INVALID_ARGUMENT: 400, RESOURCE_EXHAUSTED: 413, UNAVAILABLE: 503}
#: JSON above this is read in a thread, so that other connections do not wait for it.
_READ_ASIDE = 64 * 2**10


@dataclass(frozen=True, slots=True)
class _Answer:
    """`message` is the signal's response or a google.rpc.Status; None where there is nothing to say."""

    status: int
    message: Message | None
    headers: Sequence[Header] = ()


class _HttpError(RefusedError):
    """What only HTTP can get wrong: path, method, content type, content encoding."""

    def __init__(self, http_status: int, code: "Code.ValueType", message: str, *headers: Header) -> None:
        super().__init__(code, message)
        self.http_status = http_status
        self.headers = headers


class OtlpHttp:
    """The ASGI application. Mount it where paths begin with `/v1/`; pages of `origins` may call it."""

    def __init__(
        self, intake: Intake, *, max_body_bytes: int = MAX_BODY_BYTES, origins: Collection[str] = ()
    ) -> None:
        self.requests = Requests("http")
        self._intake = intake
        self._bodies = Bodies(max_bytes=max_body_bytes, max_held=MAX_HELD_BYTES)
        self._cors = Cors(origins)
        # One at a time: what JSON becomes in memory is many times its size.
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="driftline-json")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise TypeError(f"OtlpHttp answers HTTP, not {scope['type']}")
        request: Headers = dict(scope["headers"])
        try:
            answer = await self._answer(scope, request, receive)
        except DisconnectedError:
            self.requests.count("broken_off")
            return
        except RefusedError as fault:
            answer = _refusal(fault)
        except Exception:
            logger.exception("a request to %s failed", scope["path"])
            answer = _refusal(UnavailableError("an unexpected fault; send again"))
        if answer.status != 204:  # what a browser asks before it sends anything
            self.requests.count(
                "taken" if answer.status == 200 else "unavailable" if answer.status == 503 else "refused"
            )
        headers = [*answer.headers, *self._cors.headers(request)]
        body = b""
        if answer.message is not None:
            as_json = _media_type(request) == _JSON
            body = _json(answer.message) if as_json else answer.message.SerializeToString()
            headers.append((b"content-type", _JSON if as_json else _PROTOBUF))
            headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, request: Headers, receive: Receive) -> _Answer:
        signal = _SIGNAL_AT.get(scope["path"])
        if signal is None:
            known = ", ".join(_SIGNAL_AT)
            raise _HttpError(404, UNIMPLEMENTED, f"nothing at {scope['path']}; OTLP is at {known}")
        if scope["method"] == "OPTIONS" and (allowed := self._cors.preflight(request)) is not None:
            return _Answer(204, None, allowed)
        if scope["method"] != "POST":
            message = f"{scope['method']} is not for {scope['path']}; send a POST"
            if b"access-control-request-method" in request:
                message += ", from a page whose origin is in server.cors_origins"
            raise _HttpError(405, UNIMPLEMENTED, message, (b"allow", b"POST"))
        is_json = _is_json(request)
        packed = _is_gzip(request)
        length = request.get(b"content-length", b"")
        body = await self._bodies.read(
            int(length) if length.isdigit() else None, receive, admit=self._admit, packed=packed
        )
        if is_json:
            body = await self._from_json(signal, body)
        return _Answer(200, await export(self._intake, signal, body))

    def _admit(self, size: int) -> None:
        try:
            self._intake.admit(size)
        except OverloadedError as fault:
            raise UnavailableError(str(fault)) from None

    async def _from_json(self, signal: Signal, body: bytes) -> bytes:
        if len(body) <= _READ_ASIDE:
            return to_protobuf(signal, body)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._aside, to_protobuf, signal, body)


def _refusal(fault: RefusedError) -> _Answer:
    if isinstance(fault, _HttpError):
        return _Answer(fault.http_status, fault.status(), fault.headers)
    headers = []
    if isinstance(fault, UnavailableError):
        headers.append((b"retry-after", str(fault.retry_s).encode()))
    return _Answer(_STATUS[fault.code], fault.status(), headers)


def _json(message: Message) -> bytes:
    """An answer as JSON; it has no ids, so protobuf's own mapping is OTLP's."""
    made = json_format.MessageToDict(message)
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()


def _media_type(request: Headers) -> bytes:
    return request.get(b"content-type", b"").partition(b";")[0].strip().lower()


def _is_json(request: Headers) -> bool:
    media_type = _media_type(request)
    if media_type not in (_PROTOBUF, _JSON):
        taken = f"{_PROTOBUF.decode()} or {_JSON.decode()}"
        message = f"content type {media_type.decode('latin-1')!r} is not taken; send {taken}"
        raise _HttpError(415, INVALID_ARGUMENT, message, (b"accept", _PROTOBUF + b", " + _JSON))
    return media_type == _JSON


def _is_gzip(request: Headers) -> bool:
    name = request.get(b"content-encoding", b"").strip().lower()
    if name not in (b"gzip", b"identity", b""):
        message = f"content encoding {name.decode('latin-1')!r} is not taken; send gzip or none"
        raise _HttpError(415, INVALID_ARGUMENT, message, (b"accept-encoding", b"gzip, identity"))
    return name == b"gzip"
