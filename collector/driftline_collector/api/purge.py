"""Deleting for good, in two steps: what would go is told first, and only that is done then."""

import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from driftline_collector.answers.keeping import AuditEntry, Purge, PurgedTable
from driftline_collector.answers.records import Page
from driftline_collector.api import local
from driftline_collector.api.pages import Cursor, Limit, page
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import TEXT, ProblemError
from driftline_collector.api.values import moment, read_time, write_time
from driftline_collector.store.purge import Purged
from driftline_collector.store.scopes import Scope, described

_log = logging.getLogger(__name__)
Name = Annotated[str, Field(min_length=1, max_length=512)]
When = Annotated[str, Field(min_length=1, max_length=64)]
_EXAMPLES: list[JsonValue] = [
    {"device": "cam-017", "author": "anna"},
    {
        "stream": "5f0c1f9be2a94e0c",
        "from": "2026-11-20T00:00:00Z",
        "to": "2026-11-21T00:00:00Z",
        "author": "anna",
    },
]
_KEPT = (
    "Backups and exports that were made before hold it still.",
    "Alerts and messages that went out are kept as they were.",
)
_NO_MODEL = "Logs, metrics, and spans of no prediction tell no model, and stay."
_SUMMED = (
    "Profiles that were summed to hours or days tell no stream, and stay; name the device to purge them."
)
_WIDER = "A window or sum that is partly in the interval goes as a whole."


class WantedPurge(BaseModel):
    """What is to be purged; all that is named must be true of it. Without `confirm` it is only told."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": _EXAMPLES})

    device: Name | None = Field(None, description="What this device sent, under any name it had")
    stream: Name | None = Field(None, description="What came in this stream, which is one process's life")
    model: Name | None = Field(None, description="What is about this model")
    start: When | None = Field(None, alias="from", description="What is from then on; RFC 3339, or `6h`")
    end: When | None = Field(None, alias="to", description="What is from before then")
    author: str = Field(min_length=1, max_length=200, pattern=TEXT, description="Who asks for it")
    reason: Annotated[str, Field(max_length=1000)] | None = Field(None, description="Why, for the audit log")
    confirm: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="What the answer without it gave; with it, it is done"
    )


def routes(parts: Parts) -> APIRouter:
    """`/purge` and `/audit`."""
    router = APIRouter(tags=["keeping"])
    #: So that nothing is purged that has not been told by this collector before.
    key = secrets.token_bytes(16)

    @router.post(
        "/purge",
        responses={
            **local.RESPONSES,
            409: {"description": "`confirm` is not of this purge: ask without it first"},
        },
        dependencies=[Depends(local.only_local)],
    )
    def purge(wanted: Annotated[WantedPurge, Body()]) -> Purge:
        """Tell what would be deleted for good, or with `confirm` do that.

        Deletes from the database and the archive, has verdicts reckoned anew, and keeps an entry in the audit
        log. What is purged stays away, also when it is sent again.

        Only for who is on the collector's own machine.
        """
        scope = scope_of(parts, wanted)
        token = _token(key, scope)
        if wanted.confirm is None:
            return answer(scope, local.operated(parts).purge_plan(scope), done=False, confirm=token)
        if not hmac.compare_digest(wanted.confirm.encode(), token.encode()):
            raise ProblemError(
                409, "confirm: it is not of this purge; ask without it, and look at what would go"
            )
        gone = local.operated(parts).purge(scope, wanted.author.strip(), wanted.reason)
        _log.warning(
            "%s purged %d rows: %s", wanted.author.strip(), sum(each.rows for each in gone), described(scope)
        )
        return answer(scope, gone, done=True)

    @router.get("/audit")
    def audit(*, limit: Limit = 1000, cursor: Cursor = None) -> Page[AuditEntry]:
        """What operators did to what is stored, latest first."""
        return page(lambda count: _entries(parts, count), limit, cursor, parts.now())

    return router


def scope_of(parts: Parts, wanted: WantedPurge) -> Scope:
    """What is named, at least one thing; times as they are now."""
    now = parts.now()
    scope = Scope(
        devices=None if wanted.device is None else local.operated(parts).names_of(wanted.device),
        stream=wanted.stream,
        model=wanted.model,
        start_ns=read_time(wanted.start, "from", now),
        end_ns=read_time(wanted.end, "to", now),
    )
    if not described(scope):
        raise ProblemError(422, "name a device, a stream, a model, or an interval by from and to")
    if scope.start_ns is not None and scope.end_ns is not None and scope.start_ns >= scope.end_ns:
        raise ProblemError(422, "from: it is not before 'to'; give an earlier start, or a later end")
    return scope


def _token(key: bytes, scope: Scope) -> str:
    text = json.dumps([described(scope), scope.devices])
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]


def answer(scope: Scope, found: Sequence[Purged], *, done: bool, confirm: str | None = None) -> Purge:
    """What was found or, where that is `done`, has gone, with what else is to be known of it."""
    notes = [
        *_KEPT,
        *([_NO_MODEL] if scope.model is not None else ()),
        *([_SUMMED] if scope.stream is not None else ()),
        *([_WIDER] if scope.start_ns is not None or scope.end_ns is not None else ()),
    ]
    return Purge(
        done=done,
        scope=described(scope),
        rows=sum(each.rows for each in found),
        tables=tuple(
            PurgedTable(
                table=each.table,
                rows=each.rows,
                start=write_time(each.first_ns),
                end=write_time(each.last_ns),
            )
            for each in found
        ),
        names=scope.devices or (),
        notes=tuple(notes),
        confirm=confirm,
    )


def _entries(parts: Parts, count: int) -> list[AuditEntry]:
    return [
        AuditEntry(
            time=moment(row["changed_ns"]),
            what=row["what"],
            author=row["author"],
            reason=row["reason"],
            scope=json.loads(row["scope"]),
            rows=json.loads(row["rows"]),
        )
        for row in parts.store.audit(count).to_pylist()
    ]
