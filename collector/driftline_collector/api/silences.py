"""Silences: no messages about a segment for a while, and who asked for that, and why."""

import logging
import re
from collections.abc import Sequence
from typing import Annotated, Literal

from driftline_schemas.documents import check_text
from driftline_schemas.segments import Segment
from fastapi import APIRouter, Body, Path, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from driftline_collector.alerts import silences, state
from driftline_collector.alerts.rules import DRIFT, Measure
from driftline_collector.answers.records import Page
from driftline_collector.answers.silences import Silence
from driftline_collector.api.alert_records import MANY, held_by, one
from driftline_collector.api.pages import Cursor, Limit, page
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import LASTS, TEXT, ProblemError
from driftline_collector.api.values import moment, read_time, span_ns

_log = logging.getLogger(__name__)
_DAY_NS = 86_400 * 10**9
#: What is to be silent for longer is no alert: its rule should go, or its limit.
_LONGEST_NS = 30 * _DAY_NS
_FURTHEST_NS = 365 * _DAY_NS

States = Annotated[
    list[Literal["pending", "active", "expired"]] | None,
    Query(description="May be repeated. Without it: pending and active"),
]
SilenceId = Annotated[
    str,
    Path(description="The silence's id", examples=["silence_5f0c1f9be2a94e0c"], min_length=1, max_length=512),
]
Author = Annotated[
    str,
    Query(description="Who ends it", examples=["anna"], min_length=1, max_length=200, pattern=TEXT),
]
Name = Annotated[str, Field(min_length=1, max_length=512)]
_EXAMPLES: list[JsonValue] = [
    {"alert": "alert_5f0c1f9be2a94e0c7d11", "for": "4h", "author": "anna", "reason": "lenses are cleaned"},
    {
        "segment": "model=digits,version=*,device_type=camera-a,region=*",
        "rule": "drift",
        "start": "2026-11-21T22:00:00Z",
        "end": "2026-11-22T04:00:00Z",
        "author": "anna",
        "reason": "firmware 1.4 is rolled out",
    },
]


class NewSilence(BaseModel):
    """A silence to be made: of an alert (its segment and rule) or a segment, until `end` or `for` so long."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": _EXAMPLES})

    alert: Name | None = Field(None, description="The id of an alert: its segment and rule are meant")
    segment: Annotated[str, Field(min_length=1, max_length=4096)] | None = Field(
        None, description="A segment key; what lies within it is meant too"
    )
    rule: Name | None = Field(None, description="Only alerts of this rule")
    measure: Measure | None = Field(None, description="Only alerts of this measure")
    features: tuple[Name, ...] = Field(
        (), max_length=100, description="Only alerts of drift in which nothing else is named as moved"
    )
    start: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="When it begins, RFC 3339; now without it"
    )
    end: Annotated[str, Field(max_length=64)] | None = Field(None, description="When it ends, RFC 3339")
    lasts: Annotated[str, Field(pattern=LASTS)] | None = Field(
        None, alias="for", description="How long it lasts instead: 30m, 4h, 2d"
    )
    author: str = Field(min_length=1, max_length=200, pattern=TEXT, description="Who asks for it")
    reason: str = Field(min_length=1, max_length=1000, pattern=TEXT, description="Why, for those who wonder")


def routes(parts: Parts) -> APIRouter:
    """`/silences`, and the end of one."""
    router = APIRouter(tags=["alerts"])

    @router.get("/silences")
    def listed(*, state: States = None, limit: Limit = 1000, cursor: Cursor = None) -> Page[Silence]:
        """Silences in the given states, latest change first."""
        states = state or ("pending", "active")
        return page(lambda count: records(parts, states)[:count], limit, cursor, parts.now())

    @router.post(
        "/silences",
        status_code=201,
        responses={404: {"description": "There is no such alert"}},
    )
    def silence(wanted: Annotated[NewSilence, Body()]) -> Silence:
        """Hold messages back for a while. Evaluating goes on, and alerts come and go as ever."""
        made = _made(parts, wanted)
        _keep(parts, made)
        _log.info(
            "%s: %s is silenced until %s by %s: %s",
            made.id,
            made.segment,
            moment(made.end_ns),
            made.author,
            made.reason,
        )
        return _record(made, parts, _firing(parts))

    @router.post(
        "/silences/{silence_id}/expire",
        responses={
            404: {"description": "There is no such silence"},
            409: {"description": "It is over already"},
        },
    )
    def expire(silence_id: SilenceId, author: Author) -> Silence:
        """End a silence now. What still fires is told, once."""
        found = next((s for s in silences.from_rows(parts.store.silences()) if s.id == silence_id), None)
        if found is None:
            raise ProblemError(
                404, f"there is no silence {silence_id!r}; GET /api/v1/silences lists those there are"
            )
        now = parts.now()
        if found.state(now) == "expired":
            raise ProblemError(
                409, f"{silence_id} ended at {moment(found.end_ns)} already; there is nothing to do"
            )
        check_text(author, where="author")
        ended = found.ended(now, author.strip())
        _keep(parts, ended)
        _log.info("%s: ended by %s", ended.id, ended.ended_by)
        return _record(ended, parts, [])

    return router


def records(parts: Parts, states: Sequence[str]) -> list[Silence]:
    """The silences in these states, latest change first."""
    now = parts.now()
    table = parts.store.silences(None if "expired" in states else now)
    found = [each for each in silences.from_rows(table) if each.state(now) in states]
    firing = _firing(parts) if found else []
    return [_record(each, parts, firing) for each in found]


def _keep(parts: Parts, silence: silences.Silence) -> None:
    parts.store.submit({"silences": silences.to_rows([silence])}).result()
    parts.notification_queued()  # what waited may go, and what was to go may have to wait


def _firing(parts: Parts) -> list[state.Alert]:
    return state.from_rows(parts.store.alerts(("firing",), MANY))


def _record(silence: silences.Silence, parts: Parts, firing: Sequence[state.Alert]) -> Silence:
    now = parts.now()
    return Silence(
        id=silence.id,
        state=silence.state(now),
        segment=str(silence.segment),
        rule=silence.rule,
        measure=silence.measure,
        features=silence.features,
        start=moment(silence.start_ns),
        end=moment(silence.end_ns),
        author=silence.author,
        reason=silence.reason,
        created=moment(silence.created_ns),
        ended_by=silence.ended_by,
        alerts=tuple(alert.id for alert in firing if held_by(alert, [silence], now)),
    )


def _made(parts: Parts, wanted: NewSilence) -> silences.Silence:
    for where, text in (("author", wanted.author), ("reason", wanted.reason), *_features(wanted)):
        check_text(text, where=where)
    segment, rule = _about(parts, wanted)
    names = [each.name for each in parts.rules]
    if rule is not None and rule not in names:
        raise ProblemError(422, f"rule: there is no rule {rule!r}; there are: {', '.join(names) or 'none'}")
    if wanted.features and wanted.measure not in {None, DRIFT}:
        raise ProblemError(422, f"features: only drift has features; leave them out, or measure: {DRIFT}")
    now = parts.now()
    start, end = _when(wanted, now)
    return silences.Silence(
        id=silences.new_id(),
        segment=segment,
        rule=rule,
        measure=wanted.measure,
        features=wanted.features,
        start_ns=start,
        end_ns=end,
        author=wanted.author.strip(),
        reason=wanted.reason.strip(),
        created_ns=now,
        changed_ns=now,
    )


def _features(wanted: NewSilence) -> list[tuple[str, str]]:
    return [("features", name) for name in wanted.features]


def _about(parts: Parts, wanted: NewSilence) -> tuple[Segment, str | None]:
    """The segment and the rule that are meant."""
    if (wanted.alert is None) == (wanted.segment is None):
        raise ProblemError(422, "alert, segment: give one of both, an alert's id or a segment key")
    if wanted.segment is not None:
        return Segment.parse(wanted.segment), wanted.rule
    (found,) = one(parts, wanted.alert or "").to_pylist()
    return Segment.parse(found["segment"]), wanted.rule or found["rule"]


def _when(wanted: NewSilence, now_ns: int) -> tuple[int, int]:
    """From when to when. A start that is past is now."""
    if (wanted.end is None) == (wanted.lasts is None):
        raise ProblemError(422, "end, for: give one of both, when it ends or for how long it lasts (4h)")
    start = max(now_ns, read_time(wanted.start, "start", now_ns) or 0)
    if start > now_ns + _FURTHEST_NS:
        raise ProblemError(422, "start: it is more than a year ahead; give an earlier one")
    end = read_time(wanted.end, "end", now_ns) or 0
    if lasts := re.fullmatch(LASTS, wanted.lasts or ""):
        end = start + span_ns(lasts[1], lasts[2])
    if end <= start:
        raise ProblemError(422, f"end: it is not after the start, {moment(start)}; give a later end")
    if end - start > _LONGEST_NS:
        raise ProblemError(
            422,
            "end: it is more than 30 days after the start; give an earlier one. What is to be silent for"
            " longer should be no alert: change its rule under alerts.rules",
        )
    return start, end
