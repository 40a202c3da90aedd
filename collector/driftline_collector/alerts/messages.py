"""What is said about alerts: the JSON of webhooks, as `alert.schema.json` describes it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote, urlencode

from driftline_schemas.segments import USER_PREFIX, Segment

from driftline_collector.alerts.rules import Evaluation, Rule
from driftline_collector.alerts.state import Alert

MessageType = Literal["alert.firing", "alert.resolved", "alert.test", "finding.late"]
Moment = str  # RFC 3339, UTC
#: Shown before the start and after it: fewer windows tell too little of what is normal, and of what followed.
_AROUND = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The closed window that was judged."""

    start: Moment
    end: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedFeature:
    """How far one feature moved: PSI, the lower bound of it, and the p-value of the minimum effect.

    `direction` completes "is now …": higher, wider, more often missing.
    """

    name: str
    effect: float | None
    lower: float | None
    p: float | None
    direction: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A deployment in the segment near the start: it happened nearby, which is not yet a cause."""

    kind: str
    before: str | None
    after: str | None
    first_at: Moment
    devices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """When the drift began, with 95% between `earliest` and `latest`; None where before anything is known."""

    at: Moment | None
    earliest: Moment | None
    latest: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Whose shift it is: `cause` is population, device, release, segment (one of the user's own) or unclear.

    `what` it lies in, and why.
    """

    cause: str
    what: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertData:
    """One alert, as it stands. `n_eff` rows stand behind `value`, which lies in [lower, upper]."""

    alert_id: str
    rule: str
    severity: str
    state: str
    segment: str
    measure: str
    verdict: str | None
    summary: str
    since: Moment | None
    started_at: Moment | None
    resolved_at: Moment | None
    window: Window | None
    value: float | None
    lower: float | None
    upper: float | None
    limit: float | None
    n: float | None
    n_eff: float | None
    p: float | None
    q: float | None
    features: tuple[MovedFeature, ...]
    coverage: float | None
    devices: int | None
    link: str | None
    changes: tuple[Change, ...]
    onset: Onset | None = None
    attribution: Attribution | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMessage:
    """The body of a webhook."""

    type: MessageType
    timestamp: Moment
    data: AlertData


def moment(ns: int) -> Moment:
    """Nanoseconds since the epoch as `2026-11-21T09:41:20.000Z`."""
    whole = datetime.fromtimestamp(ns // 10**9, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{ns % 10**9 // 10**6:03d}Z"


def describe(segment: Segment) -> str:
    """A segment as people say it: `digits 2.1.0, camera-a in eu-west`."""
    model, version = segment["model"], segment["version"]
    text = f"{model} {version}" if version else f"{model}, every version"
    kind, region = segment["device_type"], segment["region"]
    if kind or region:
        text += f", {kind or 'every device type'} in {region or 'every region'}"
    rest = [
        f"{name.removeprefix(USER_PREFIX)} {value}" for name, value in segment.values if name not in _SPOKEN
    ]
    return ", ".join([text, *rest])


_SPOKEN = ("model", "version", "device_type", "region")


def message_of(
    kind: MessageType,
    alert: Alert,
    rule: Rule,
    evaluation: Evaluation,
    *,
    now_ns: int,
    features: Sequence[MovedFeature] = (),
    changes: Sequence[Change] = (),
    links: "Links | None" = None,
) -> dict[str, Any]:
    """The message about an alert that has just fired, been resolved or come too late."""
    data = AlertData(
        alert_id=alert.id,
        rule=alert.rule,
        severity=alert.severity,
        state=alert.state,
        segment=str(alert.segment),
        measure=alert.measure,
        verdict=evaluation.verdict,
        summary=_summary(kind, alert, rule, evaluation, features),
        since=moment(alert.since_ns),
        started_at=None if alert.started_ns is None else moment(alert.started_ns),
        resolved_at=None if alert.resolved_ns is None else moment(alert.resolved_ns),
        window=Window(start=moment(evaluation.window_start_ns), end=moment(evaluation.window_end_ns)),
        value=evaluation.value,
        lower=evaluation.lower,
        upper=evaluation.upper,
        limit=rule.limit(evaluation),
        n=evaluation.n,
        n_eff=evaluation.n_eff,
        p=evaluation.p,
        q=evaluation.q,
        features=tuple(features),
        coverage=evaluation.coverage,
        devices=evaluation.devices,
        link=(links or Links()).to(alert),
        changes=tuple(changes),
        onset=_onset(evaluation) if kind != "alert.resolved" else None,
        attribution=_attribution(evaluation) if kind != "alert.resolved" else None,
    )
    return asdict(AlertMessage(type=kind, timestamp=moment(now_ns), data=data))


def withdrawn(alert: Alert, *, now_ns: int) -> dict[str, Any]:
    """The message about an alert whose rule is gone from the configuration: what was said last, resolved."""
    said = dict(alert.message or {})
    data = dict(said.get("data", {})) | {
        "state": "resolved",
        "resolved_at": moment(now_ns),
        "summary": f"{describe(alert.segment)}: rule {alert.rule!r} was taken out of the configuration",
    }
    return said | {"type": "alert.resolved", "timestamp": moment(now_ns), "data": data}


def trial_message(*, now_ns: int, links: "Links | None" = None) -> dict[str, Any]:
    """A message that shows that notifiers work, and looks like one in earnest."""
    empty: dict[str, Any] = dict.fromkeys(AlertData.__dataclass_fields__)
    said = empty | {
        "alert_id": f"test_{now_ns}",
        "rule": "test",
        "severity": "info",
        "state": "test",
        "segment": "model=test,version=*,device_type=*,region=*",
        "measure": "drift",
        "summary": "This is a test of driftline's alerts. Nothing is wrong.",
        "features": (),
        "changes": (),
        "link": (links or Links()).home,
    }
    return asdict(AlertMessage(type="alert.test", timestamp=moment(now_ns), data=AlertData(**said)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where people look at alerts: in the dashboard, where its address is known, else what the API says."""

    dashboard: str | None = None
    api: str | None = None

    @property
    def home(self) -> str | None:
        """Where all of them are."""
        return self.dashboard or (self.api and f"{self.api}/api/v1/alerts")

    def to(self, alert: Alert) -> str | None:
        """Where one is; in the dashboard with the windows around its start, to show the same later."""
        if self.dashboard is None:
            return self.api and f"{self.api}/api/v1/alerts/{quote(alert.id, safe='')}"
        around_ns = _AROUND * (alert.window_end_ns - alert.window_start_ns)
        asked = {
            "id": alert.id,
            "model": alert.segment["model"],
            "from": moment(max(0, alert.since_ns - around_ns)),
            "to": moment((alert.started_ns or alert.window_end_ns) + around_ns),
        }
        known = {name: value for name, value in asked.items() if value is not None}
        return f"{self.dashboard}/alert?{urlencode(known, quote_via=quote, safe='')}"


def _summary(
    kind: MessageType, alert: Alert, rule: Rule, evaluation: Evaluation, features: Sequence[MovedFeature]
) -> str:
    where, since = describe(alert.segment), f"since {_clock(alert.since_ns)}"
    if kind == "alert.resolved":
        return f"{where}: {_name(rule)} is back to normal as of {_clock(alert.resolved_ns or 0)}"
    text = f"{where}: {_what(rule, evaluation)} {since}"
    if kind == "finding.late":
        window = _clock(evaluation.window_start_ns)
        text = f"{where}: late data show that it {_what(rule, evaluation)} in the window from {window}"
    if features:
        text += f"; most moved: {', '.join(map(_moved, features[:3]))}"
    if rule.measure == "quality" and evaluation.reason:
        text += f"; {evaluation.reason}"
    return text + _began(evaluation) + _whose(evaluation) + _evidence(evaluation)


def _moved(feature: MovedFeature) -> str:
    direction = f" {feature.direction}" if feature.direction else ""
    return f"{feature.name}{direction} (PSI {_number(feature.effect)}, at least {_number(feature.lower)})"


def _onset(evaluation: Evaluation) -> Onset | None:
    said = evaluation.changed.get("onset")
    if not said:
        return None
    at, earliest = (None if said[name] is None else moment(said[name]) for name in ("at_ns", "earliest_ns"))
    return Onset(at=at, earliest=earliest, latest=moment(said["latest_ns"]))


def _attribution(evaluation: Evaluation) -> Attribution | None:
    said = evaluation.changed.get("attribution")
    if not said:
        return None
    return Attribution(cause=said["cause"], what=said["what"], reasons=tuple(said["reasons"]))


def _began(evaluation: Evaluation) -> str:
    """`; began about 14:05 (13:55 to 14:20)`, in UTC as all else."""
    said = evaluation.changed.get("onset")
    if not said:
        return ""
    if said["at_ns"] is None:
        return f"; began at or before {_clock(said['first_ns'])}"
    earliest = "before it" if said["earliest_ns"] is None else _clock(said["earliest_ns"])
    return f"; began about {_clock(said['at_ns'])} ({earliest} to {_clock(said['latest_ns'])})"


def _whose(evaluation: Evaluation) -> str:
    found = _attribution(evaluation)
    if found is None or found.what is None:
        return ""
    return f"; {_SHARED[found.cause]} {found.what.replace(USER_PREFIX, '')}"


#: "With", not "by": what happened together is not yet a cause.
_SHARED = {
    "population": "shared by",
    "device": "only on",
    "release": "together with",
    "segment": "only in",
}


def _what(rule: Rule, evaluation: Evaluation) -> str:
    if rule.limitless:
        return "drifted" if rule.measure == "drift" else rule.measure
    limit = rule.limit(evaluation)
    side = "above" if limit == rule.above else "below"
    interval = ""
    if evaluation.lower is not None and evaluation.upper is not None:
        interval = f" [{_number(evaluation.lower)}, {_number(evaluation.upper)}]"
    return f"{_name(rule)} is {_number(evaluation.value)}{interval}, {side} {_number(limit)},"


def _evidence(evaluation: Evaluation) -> str:
    parts = []
    if evaluation.devices is not None:
        parts.append(f"{evaluation.devices} device{'' if evaluation.devices == 1 else 's'}")
    if evaluation.n is not None:
        parts.append(f"{evaluation.n:,.0f} predictions")
    if evaluation.coverage is not None:
        parts.append(f"coverage {evaluation.coverage:.0%}")
    return f" ({', '.join(parts)})" if parts else ""


def _name(rule: Rule) -> str:
    name = f"{rule.measure} by {rule.detector}" if rule.detector else rule.measure
    return name.replace("_", " ").replace("latency p95", "latency (p95)")


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.3g}"


def _clock(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // 10**9, UTC):%Y-%m-%d %H:%M:%S} UTC"
