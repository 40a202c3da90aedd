"""What is kept, for how long, and for how long there is room."""

import math
from typing import Any

from driftline_collector.answers.system import Keeping, KindKept
from driftline_collector.api.parts import Parts
from driftline_collector.api.values import write_time
from driftline_collector.store.kinds import DAY_NS, KINDS
from driftline_collector.store.retention import Keep, RetentionPolicy
from driftline_collector.store.usage import files_bytes


def summary(policy: RetentionPolicy) -> str:
    """For how long each kind is kept, in words."""
    ages = {kind: policy.kinds.get(kind, Keep()).age_ns for kind in reversed(KINDS)}
    if not any(ages.values()):
        return "kept for good: nothing is deleted"
    said = [f"{kind} {'for good' if age is None else f'{age / DAY_NS:g} days'}" for kind, age in ages.items()]
    return ", ".join(said)


def keeping(parts: Parts) -> Keeping | None:
    """What each kind takes and the room that is left; None where there is no file."""
    if parts.space is None or parts.database is None:
        return None
    rows = parts.store.keeping().to_pylist()
    taken = sum(files_bytes(parts.database, parts.store.archived_bytes()).values())
    most = parts.retention.most_bytes
    inside = parts.store.free_in_database()
    on_disk = parts.space.free - parts.space.reserve + inside
    below_most = math.inf if most is None else most - taken + inside
    growth = sum(row["bytes_a_day"] or 0.0 for row in rows)
    return Keeping(
        state=parts.space.state,
        free=parts.space.free,
        reserve=parts.space.reserve,
        days_left=_days(on_disk, growth) if on_disk <= below_most else None,
        bytes=taken,
        most_bytes=most,
        days_until_most=None if most is None else _days(below_most, growth),
        shed=tuple(parts.shed),
        kinds=tuple(_kind(row, parts.retention.kinds.get(row["kind"], Keep())) for row in rows),
    )


def _days(room: float, growth: float | None) -> float | None:
    """Until so many bytes of room are taken, at that growth a day."""
    return max(0.0, room) / growth if growth is not None and growth > 0 else None


def _kind(row: dict[str, Any], keep: Keep) -> KindKept:
    taken = row["hot_bytes"] + row["archived_bytes"]
    return KindKept(
        kind=row["kind"],
        rows=row["hot_rows"],
        bytes=row["hot_bytes"],
        archived_rows=row["archived_rows"],
        archived_bytes=row["archived_bytes"],
        files=row["files"],
        oldest=write_time(row["oldest_ns"]),
        newest=write_time(row["newest_ns"]),
        bytes_a_day=row["bytes_a_day"],
        kept_days=None if keep.age_ns is None else keep.age_ns / DAY_NS,
        most_bytes=keep.most_bytes,
        days_left=None if keep.most_bytes is None else _days(keep.most_bytes - taken, row["bytes_a_day"]),
        dropped_rows=row["dropped_rows"],
        evicted_rows=row["evicted_rows"],
    )
