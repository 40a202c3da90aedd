"""Requests to a collector, and what became of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from driftline_collector.errors import ClientError

Filter = str | int | float | bool | None
ARROW = "application/vnd.apache.arrow.stream"
#: Python's names for parameters that are its keywords, or would shadow its functions.
_SPELLED = {"start": "from", "end": "to", "device_type": "type"}


class Transport:
    """One collector over HTTP, from any thread. Raises ClientError, which says what to do."""

    def __init__(self, url: str, *, timeout_s: float, http: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=f"{self.url}/api/v1", timeout=timeout_s, trust_env=False, transport=http
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def get(self, path: str, filters: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON object that the API answers a GET with."""
        return self._document(self._ask("GET", path, filters))

    def post(self, path: str, filters: Mapping[str, Any], body: Any = None) -> dict[str, Any]:
        """The JSON object that the API answers a POST with."""
        return self._document(self._ask("POST", path, filters, body))

    def arrow(self, path: str, filters: Mapping[str, Any]) -> bytes:
        """The Arrow IPC stream that the API answers a GET with."""
        answer = self._ask("GET", path, filters, accept=ARROW)
        if answer.headers.get("content-type") != ARROW:
            raise ClientError(f"{self.url} has no Arrow for {path}; ask for JSON, or upgrade the collector")
        return answer.content

    @contextmanager
    def stream(self, path: str, filters: Mapping[str, Any], accept: str) -> Iterator[Iterator[bytes]]:
        """The body, as it comes, of what the API answers a GET with."""
        with self._failing():
            request = self._http.build_request(
                "GET", path, params=_given(filters), headers={"accept": accept}
            )
            answer = self._http.send(request, stream=True)
            try:
                if not answer.is_success:
                    answer.read()
                    raise self._refused(answer)
                yield answer.iter_bytes()
            finally:
                answer.close()

    def _ask(
        self,
        method: str,
        path: str,
        filters: Mapping[str, Any],
        body: Any = None,
        accept: str = "application/json",
    ) -> httpx.Response:
        with self._failing():
            answer = self._http.request(
                method, path, params=_given(filters), json=body, headers={"accept": accept}
            )
        if not answer.is_success:
            raise self._refused(answer)
        return answer

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Tell of what goes wrong on the way as ClientError."""
        try:
            yield
        except httpx.ConnectError as error:
            raise ClientError(
                f"no collector answers at {self.url}; start one with: driftline collector"
                " (or say where it is with --url or DRIFTLINE_URL)"
            ) from error
        except httpx.TimeoutException as error:
            raise ClientError(
                f"the collector at {self.url} has not answered in time; it is busy, or asked for too much:"
                " ask again, or for a shorter time"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ClientError(f"{self.url}: {str(error) or type(error).__name__}") from error

    def _refused(self, answer: httpx.Response) -> ClientError:
        problem = _object(answer)
        detail = (
            problem.get("detail") or f"{self.url} answered {answer.status_code}: is it a driftline collector?"
        )
        return ClientError(str(detail), status=answer.status_code, errors=problem.get("errors") or ())

    def _document(self, answer: httpx.Response) -> dict[str, Any]:
        document = _object(answer)
        if not document:
            raise ClientError(f"what answers at {self.url} is not a driftline collector")
        return document


def _given(filters: Mapping[str, Any]) -> dict[str, Any]:
    return {_SPELLED.get(name, name): value for name, value in filters.items() if value is not None}


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
