"""One request, and what its answer means: a batch has arrived only when a 2xx came whose body decodes as the
matching OTLP answer. OpenTelemetry's exporters take a captive portal's page for success, hide
Retry-After and never read partial success."""

import math
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests
from google.protobuf.message import DecodeError
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from requests.adapters import HTTPAdapter

from driftline._settings import Destination
from driftline._spool_schema import Batch

_PROTOBUF: Final = "application/x-protobuf"
_ANSWERS: Final[dict[str, Any]] = {
    "logs": (ExportLogsServiceResponse, "rejected_log_records"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points"),
    "traces": (ExportTraceServiceResponse, "rejected_spans"),
}
#: The protocol's own list.
RETRYABLE: Final = frozenset({429, 502, 503, 504})
#: These speak of the address or the token, not of the batch: each batch would get the same answer.
MISCONFIGURED: Final = frozenset({401, 403, 404, 405, 407})
#: Other 5xx are a bug over there, which may be in this batch or in all. Numbers make a repeat harmless.
MAX_ATTEMPTS: Final = 3
MAX_ANSWER: Final = 64 * 1024
MAX_BACKOFF: Final = 60.0
#: A hint longer than this is not followed to the letter.
MAX_RETRY_AFTER: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Sent:
    """The collector has the batch, but for `rejected` records."""

    rejected: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """To be sent again. `after`: seconds that the collector asks for; `everywhere`: not this signal only;
    `counts`: it is refused after some more of these."""

    why: str
    after: float | None = None
    everywhere: bool = False
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The collector will never take this batch."""

    status: int
    message: str


Outcome = Sent | Later | Refused


class Uplink:
    """One POST: batch → outcome."""

    def __init__(self, to: Destination) -> None:
        self._to = to
        self._session = requests.Session()
        self._session.headers.clear()  # of what says nothing, yet is paid for with each request
        self._session.headers["User-Agent"] = "driftline"
        self._session.headers.update(to.headers)
        self._session.headers.update({"Content-Type": _PROTOBUF, "Content-Encoding": "gzip"})
        if to.certificate:
            self._session.verify = to.certificate

    def send(self, batch: Batch) -> Outcome:
        """Send a batch once. Never raises for what a network or a server does."""
        timeout = self._to.timeout
        deadline = time.monotonic() + timeout
        # Whoever traces requests must not trace ours: each would bring forth the next.
        token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        try:
            with self._session.post(
                f"{self._to.endpoint}/v1/{batch.signal}",
                data=batch.body,
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                return judge(batch, response.status_code, response.headers, _read(response, deadline))
        except (requests.RequestException, OSError, _TooLongError) as error:
            return Later(f"{type(error).__name__}: {error}", everywhere=True)
        finally:
            detach(token)

    def close(self) -> None:
        """Close the connections: each by name, as urllib3's own finalizer has run already at exit."""
        for adapter in self._session.adapters.values():
            if isinstance(adapter, HTTPAdapter):
                pools = adapter.poolmanager.pools
                for key in pools.keys():  # noqa: SIM118 - a container that cannot be iterated
                    if (pool := pools.get(key)) is not None:
                        pool.close()
        self._session.close()


class _TooLongError(Exception):
    """The answer is none that an OTLP server gives."""


def _read(response: requests.Response, deadline: float) -> bytes:
    """The body, bounded in size and time: a server that drips bytes never runs into a read timeout."""
    body = b""
    for chunk in response.iter_content(8192):
        body += chunk
        if len(body) > MAX_ANSWER:
            raise _TooLongError(f"an answer of more than {MAX_ANSWER} bytes")
        if time.monotonic() > deadline:
            raise _TooLongError("an answer that does not end")
    return body


def judge(batch: Batch, status: int, headers: Any, body: bytes) -> Outcome:
    """What an answer means for its batch."""
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if 200 <= status < 300:
        if kind != _PROTOBUF:
            return Later(
                f"{status} with {kind or 'no content type'}: this is no OTLP server", everywhere=True
            )
        try:
            return _success(batch, body)
        except DecodeError:
            return Later(f"{status} whose body is no OTLP answer", everywhere=True)
    if status in RETRYABLE:
        return Later(f"{status}", after=retry_after(headers.get("Retry-After"), time.time()))
    if 300 <= status < 400:
        return Later(f"{status} to {headers.get('Location', '?')}", everywhere=True)
    if status in MISCONFIGURED:
        return Later(f"{status}: is the endpoint right, and the token?", after=MAX_BACKOFF)
    if status >= 500 and batch.attempts + 1 < MAX_ATTEMPTS:
        return Later(f"{status}", counts=True)
    return Refused(status, body[:500].decode(errors="replace"))


def _success(batch: Batch, body: bytes) -> Sent:
    message, rejected = _ANSWERS[batch.signal]
    partial = message.FromString(body).partial_success
    return Sent(int(getattr(partial, rejected)), partial.error_message)


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait by a Retry-After header, which has seconds or a date; `None` where it says nothing."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except ValueError:
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER) if math.isfinite(seconds) else None
