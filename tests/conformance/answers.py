"""What a server answered, over either transport, and how to read it as the specification says."""

from __future__ import annotations

import gzip
import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPMessage
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status

from tests.conformance.registry import Failed

MEDIA_TYPES = {"http/protobuf": "application/x-protobuf", "http/json": "application/json"}
STATUS_DETAILS = "grpc-status-details-bin"

M = TypeVar("M", bound=Message)


class NoAnswer(Failed):
    """The server hung up, kept silent, or answered what is not the protocol; the text says which."""


class Answer(ABC):
    """One answer to one export, as a success or as an error."""

    @property
    @abstractmethod
    def accepted(self) -> bool:
        """Whether the server says that it took the request, wholly or in part."""

    @property
    @abstractmethod
    def refused_for_size(self) -> bool:
        """Whether the server says that the request was too large."""

    @property
    @abstractmethod
    def refused_for_load(self) -> bool:
        """Whether the server says that it has too much to do just now."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes of the response message before compression."""

    @abstractmethod
    def __str__(self) -> str:
        """One line for the report."""

    @abstractmethod
    def message(self, kind: type[Message]) -> Message:
        """The body of a success as an `Export<signal>ServiceResponse`. Raises Failed if it is none."""

    @abstractmethod
    def status(self) -> Status:
        """The `google.rpc.Status` of an error. Raises Failed if it carries none."""

    def detail(self, kind: type[BadRequest] | type[RetryInfo]) -> BadRequest | RetryInfo | None:
        """The first detail of the status that is a `kind`."""
        for packed in self.status().details:
            found = kind()
            if packed.Unpack(found):
                return found
        return None


@dataclass(frozen=True, slots=True)
class HttpAnswer(Answer):
    code: int
    headers: HTTPMessage
    body: bytes

    @property
    def accepted(self) -> bool:
        return self.code == 200

    @property
    def refused_for_size(self) -> bool:
        return self.code == 413

    @property
    def refused_for_load(self) -> bool:
        return self.code in (429, 503)

    @property
    def size(self) -> int:
        return len(self.plain_body())

    @property
    def media_type(self) -> str:
        return (self.headers["content-type"] or "").partition(";")[0].strip().lower()

    def __str__(self) -> str:
        return f"HTTP {self.code}, {self.media_type or 'no content type'}, {excerpt(self.body)}"

    def plain_body(self) -> bytes:
        """The body without its content coding. Raises Failed where the coding does not decode."""
        coding = (self.headers["content-encoding"] or "identity").strip().lower()
        if coding == "identity":
            return self.body
        if coding != "gzip":
            raise Failed(f"a response in content coding {coding!r}, which was not asked for")
        try:
            return gzip.decompress(self.body)
        except (OSError, EOFError, zlib.error) as error:
            raise Failed(f"a response said to be gzip that does not decompress: {error}") from error

    def message(self, kind: type[Message]) -> Message:
        if self.media_type == "application/json":
            return _message_from_json(kind, self.plain_body())
        return _message_from_protobuf(kind, self.plain_body())

    def status(self) -> Status:
        if self.media_type not in MEDIA_TYPES.values():
            raise Failed(f"no google.rpc.Status in {self}")
        body = self.plain_body()
        if not body:
            raise Failed(f"an empty body where a google.rpc.Status should describe the problem: {self}")
        if self.media_type == "application/json":
            return _message_from_json(Status, body)
        return _message_from_protobuf(Status, body)


@dataclass(frozen=True, slots=True)
class GrpcAnswer(Answer):
    code: str
    text: str = ""
    body: bytes = b""
    trailers: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        return self.code == "OK"

    @property
    def refused_for_size(self) -> bool:
        return self.code == "RESOURCE_EXHAUSTED"

    @property
    def refused_for_load(self) -> bool:
        return self.code == "UNAVAILABLE" or (
            self.code == "RESOURCE_EXHAUSTED" and self.detail(RetryInfo) is not None
        )

    @property
    def size(self) -> int:
        return len(self.body) + len(self.text) + sum(map(len, self.trailers.values()))

    def __str__(self) -> str:
        said = excerpt(self.text.encode()) if self.text else excerpt(self.body)
        return f"gRPC {self.code}, {said}"

    def message(self, kind: type[Message]) -> Message:
        return _message_from_protobuf(kind, self.body)

    def status(self) -> Status:
        """The status with its details; without `grpc-status-details-bin` one of the message alone."""
        packed = self.trailers.get(STATUS_DETAILS)
        return Status(message=self.text) if packed is None else _message_from_protobuf(Status, packed)


def excerpt(data: bytes, length: int = 120) -> str:
    """The beginning of some bytes in printable form."""
    if not data:
        return "empty body"
    text = data[:length].decode("utf-8", "backslashreplace")
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return f"{len(data)} bytes: {printable}{'…' if len(data) > length else ''}"


def _message_from_protobuf(kind: type[M], body: bytes) -> M:
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise Failed(f"no {kind.DESCRIPTOR.full_name}: {excerpt(body)}") from error


def _message_from_json(kind: type[M], body: bytes) -> M:
    name = kind.DESCRIPTOR.full_name
    try:
        parsed = json.loads(body)
        wrong = original_names(parsed)
        if wrong:
            raise Failed(f"{name} with keys that are not lowerCamelCase: {', '.join(wrong)}")
        return json_format.ParseDict(parsed, kind())
    except (ValueError, json_format.ParseError) as error:
        raise Failed(f"no {name} as JSON ({error}): {excerpt(body)}") from error


def original_names(value: Any) -> Sequence[str]:
    """The keys with an underscore anywhere in parsed JSON, in order."""
    if isinstance(value, dict):
        below = [name for child in value.values() for name in original_names(child)]
        return [key for key in value if "_" in key] + below
    return [name for child in value for name in original_names(child)] if isinstance(value, list) else []
