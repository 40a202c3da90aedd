"""What a request is answered, whichever way it came: OTLP's response message, or a google.rpc.Status.

Clients act on the code alone: they repeat what is UNAVAILABLE and drop what is refused with any other.
"""

import random

from google.protobuf.message import Message
from google.rpc.code_pb2 import INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE, Code
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status

from driftline_collector.receiver.decoded import Rejected
from driftline_collector.receiver.signals import Signal

#: A gRPC status travels in headers, of which clients take 8 KiB, and is there twice.
_LONGEST_MESSAGE = 1000


class RefusedError(Exception):
    """A request that is not taken: a google.rpc code, and what is wrong and what to do about it."""

    def __init__(self, code: "Code.ValueType", message: str) -> None:
        message = message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}…"
        super().__init__(message)
        self.code = code
        self.message = message

    def status(self) -> Status:
        """The error as clients are told it."""
        return Status(code=self.code, message=self.message)


class BadDataError(RefusedError):
    """Bytes that are no request of their signal. `field` is the path to the fault, where one is known."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(INVALID_ARGUMENT, f"{field}: {message}" if field else message)
        self._violation = BadRequest.FieldViolation(field=field[:_LONGEST_MESSAGE], description=self.message)

    def status(self) -> Status:
        """With a BadRequest that describes the fault."""
        status = super().status()
        status.details.add().Pack(BadRequest(field_violations=[self._violation]))
        return status


class TooLargeError(RefusedError):
    """A request above the limit; without RetryInfo, as it will never be taken."""

    def __init__(self, limit: int) -> None:
        message = f"the request is larger than {limit} bytes, unpacked; send smaller batches"
        super().__init__(RESOURCE_EXHAUSTED, message)


class TooManyError(RefusedError):
    """A request of so many tiny parts that it would be many times its size in memory."""

    def __init__(self, limit: int) -> None:
        super().__init__(RESOURCE_EXHAUSTED, f"the request has more than {limit} parts; send smaller batches")


class UnavailableError(RefusedError):
    """A passing fault: the same request is welcome in `retry_s` seconds, not for all clients the same."""

    def __init__(self, message: str) -> None:
        super().__init__(UNAVAILABLE, message)
        self.retry_s = random.choice((1, 2))  # noqa: S311  # nobody gains by guessing it

    def retry_info(self) -> RetryInfo:
        """When to come again."""
        info = RetryInfo()
        info.retry_delay.FromSeconds(self.retry_s)
        return info

    def status(self) -> Status:
        """With a RetryInfo."""
        status = super().status()
        status.details.add().Pack(self.retry_info())
        return status


def response(signal: Signal, rejected: Rejected) -> Message:
    """The signal's response; `partial_success` is set only where something was refused, or is to be said."""
    made = signal.response()
    if rejected.count or rejected.message:
        partial = made.partial_success  # type: ignore[attr-defined]  # each of the three responses has one
        setattr(partial, signal.rejected, rejected.count)
        partial.error_message = rejected.message
    return made
