"""A small typed client of the collector's API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from driftline_collector.errors import ClientError

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One evaluated number of a segment in a closed window. Times are RFC 3339."""

    model: str
    segment: str
    measure: str
    window_start: str
    window_end: str
    revision: int
    finding: bool
    feature: str | None = None
    verdict: str | None = None
    reason: str | None = None
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    p: float | None = None
    q: float | None = None
    n: float | None = None
    n_eff: float | None = None
    phi: float | None = None
    phi_source: str | None = None
    coverage: float | None = None
    devices: int | None = None
    reference: str | None = None
    since: str | None = None
    evaluated: str | None = None
    details: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One episode of a rule on a segment."""

    id: str
    rule: str
    severity: str
    segment: str
    measure: str
    state: str
    since: str
    window_start: str
    window_end: str
    changed: str
    started_at: str | None = None
    resolved_at: str | None = None
    message: Mapping[str, Any] | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message to one notifier and how far it came."""

    id: str
    alert: str
    notifier: str
    state: str
    attempts: int
    changed: str
    next_attempt: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSummary:
    """The reference that counts for a model version."""

    id: str
    model: str
    version: str
    binning: str
    rows: int
    features: Sequence[str]
    registered: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsTaken:
    """What became of labels that were sent."""

    accepted: int
    matched: int
    unmatched: int
    unmatched_examples: Sequence[str] = ()


class Client:
    """Asks a collector. Methods raise ClientError, which says what to do."""

    def __init__(self, url: str, *, timeout_s: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=f"{self.url}/api/v1", timeout=timeout_s, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def evaluations(self, **filters: str | int | bool | None) -> list[Evaluation]:
        """Evaluations; filters as the API has them (model, measure, segment, verdict, from, to, limit …)."""
        return _records(Evaluation, self._get("/evaluations", filters)["evaluations"])

    def findings(self, **filters: str | int | bool | None) -> list[Evaluation]:
        """Where drift is, in each model's latest window, or between `from` and `to`."""
        return _records(Evaluation, self._get("/findings", filters)["findings"])

    def alerts(self, states: Sequence[str] = (), limit: int = 1000) -> list[Alert]:
        """Alerts, latest change first; firing and resolved ones where no state is given."""
        return _records(Alert, self._get("/alerts", {"state": list(states), "limit": limit})["alerts"])

    def notifications(self, states: Sequence[str] = (), limit: int = 1000) -> list[Notification]:
        """What went out, waits or failed, latest change first."""
        found = self._get("/notifications", {"state": list(states), "limit": limit})["notifications"]
        return _records(Notification, found)

    def test_alert(self, notifiers: Sequence[str] = ()) -> dict[str, str]:
        """Send a test message. Returns notifier → id of the notification that was queued."""
        queued: dict[str, str] = self._post("/alerts/test", {"notifier": list(notifiers)})["queued"]
        return queued

    def references(self, model: str | None = None) -> list[ReferenceSummary]:
        """The latest reference of each model version."""
        return _records(ReferenceSummary, self._get("/references", {"model": model})["references"])

    def register(
        self, document: Mapping[str, Any], *, model: str | None = None, version: str | None = None
    ) -> tuple[ReferenceSummary, list[str]]:
        """Register a reference. Returns it and the features that the model sends and it does not have."""
        answer = self._post("/references", {"model": model, "version": version}, document)
        return _records(ReferenceSummary, [answer["reference"]])[0], list(answer["unwatched"])

    def send_labels(self, labels: Sequence[Mapping[str, Any]]) -> LabelsTaken:
        """Send labels: all of them are taken, or none."""
        return _records(LabelsTaken, [self._post("/labels", {}, list(labels))])[0]

    def performance(self, segment: str, **filters: str | None) -> list[dict[str, Any]]:
        """Accuracy, agreement and the like by version."""
        rows: list[dict[str, Any]] = self._get("/performance", {"segment": segment, **filters})["rows"]
        return rows

    def coverage(self, **filters: str | None) -> dict[str, Any]:
        """What was counted, lost and repeated: `totals`, and `streams`."""
        return self._get("/coverage", filters)

    def system(self) -> dict[str, Any]:
        """What was received, stored, repeated, refused and lost."""
        return self._get("/system", {})

    def _get(self, path: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return self._ask("GET", path, parameters, None)

    def _post(self, path: str, parameters: Mapping[str, Any], body: Any = None) -> dict[str, Any]:
        return self._ask("POST", path, parameters, body)

    def _ask(self, method: str, path: str, parameters: Mapping[str, Any], body: Any) -> dict[str, Any]:
        given = {name: value for name, value in parameters.items() if value is not None}
        try:
            answer = self._http.request(method, path, params=given, json=body)
        except httpx.ConnectError as error:
            raise ClientError(
                f"no collector answers at {self.url}; start one with: driftline collector"
                " (or say where it is with --url or DRIFTLINE_URL)"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ClientError(f"{self.url}: {str(error) or type(error).__name__}") from error
        if answer.is_success:
            return self._document(answer)
        raise ClientError(self._detail(answer), status=answer.status_code, errors=self._errors(answer))

    def _document(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise ClientError(f"what answers at {self.url} is not a driftline collector")
        return document

    def _detail(self, answer: httpx.Response) -> str:
        problem = self._problem(answer)
        return str(
            problem.get("detail") or f"{self.url} answered {answer.status_code}: is it a driftline collector?"
        )

    def _errors(self, answer: httpx.Response) -> tuple[Mapping[str, Any], ...]:
        return tuple(self._problem(answer).get("errors", ()))

    @staticmethod
    def _problem(answer: httpx.Response) -> dict[str, Any]:
        try:
            problem = answer.json()
        except ValueError:
            return {}
        return problem if isinstance(problem, dict) else {}


def _records(kind: type[Record], rows: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Rows as records; what a newer collector adds is left out."""
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # only dataclasses come here
    return [kind(**{name: value for name, value in row.items() if name in names}) for row in rows]
