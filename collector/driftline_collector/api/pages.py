"""Lists in parts: a cursor says where the next part begins."""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query

from driftline_collector.answers.records import Page
from driftline_collector.api.problems import ProblemError
from driftline_collector.api.values import moment

Item = TypeVar("Item")

Limit = Annotated[int, Query(ge=1, le=10_000, description="At most so many items")]
Cursor = Annotated[str | None, Query(description="`next` of the part before", max_length=128)]
_CURSOR = re.compile("[0-9]{1,9}")


def page(read: Callable[[int], Sequence[Item]], limit: int, cursor: str | None, now_ns: int) -> Page[Item]:
    """The part of a list that begins at the cursor; `read(n)` gives its first n items."""
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        raise ProblemError(422, f"cursor: {cursor!r} is none of ours; take it from 'next' of the part before")
    start = int(cursor or 0)
    items = list(read(start + limit + 1)[start:])
    following = str(start + limit) if len(items) > limit else None
    return Page(tuple(items[:limit]), following, moment(now_ns))
