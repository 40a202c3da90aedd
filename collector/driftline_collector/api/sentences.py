"""What moved, in one plain sentence. Pure functions of shares on bins."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from driftline_collector.answers.pictures import Bin

#: A change of share below this is not told as one.
_LEAST = 0.005
#: The name of the bin in which everything beyond the reference's range is counted.
_OUTSIDE = re.compile(r"^<=? (\S+) or > (\S+)")


#: What the analysis says of a direction along the axis; what it says else completes "is now …".
_ALONG = {"higher": "moved up", "lower": "moved down"}


def moved(
    feature: str, kind: str, bins: Sequence[Bin], verdict: str | None, direction: str | None = None
) -> str:
    """Such as: `sharpness moved down: the share up to 0.41 rose from 10 % to 63 %.`

    `direction` is that of the analysis, where it told one.
    """
    now, before = sum(b.now_share for b in bins), sum(b.reference_share for b in bins)
    if not bins or not now:
        return f"{feature}: nothing was counted in this window."
    if not before:
        return f"{feature}: there is no reference to compare with."
    if verdict == "insufficient_data":
        return f"{feature}: too few rows in this window to say whether it moved."
    ordered = [b for b in bins if b.low is not None or b.high is not None] if kind == "numeric" else []
    rest = [b for b in bins if b not in ordered]
    change = max(filter(None, (_across(ordered), _within(rest))), default=None)
    if change is None or change.by < _LEAST:
        return f"{feature} is spread as in the reference."
    if verdict == "drifted" and direction is not None:
        along = _ALONG.get(direction)
        # A cut tells how much lies below; what lies on both sides, or on none, is told by a bin.
        named = [b for b in bins if "missing" in b.name] if direction.endswith("missing") else bins
        told = change if along else _within(named) or change
        return f"{feature} {along or f'is now {direction}'}: {told.clause}."
    if verdict == "drifted":
        return f"{feature} moved{change.direction}: {change.clause}."
    return f"{feature} has not moved by as much as matters: {change.clause}."


class _Change(NamedTuple):
    by: float
    direction: str
    clause: str


def _across(bins: Sequence[Bin]) -> _Change | None:
    """The cut below which the share changed most."""
    cuts = []
    now = before = 0.0
    ascending = sorted(bins, key=lambda b: (b.low is not None, b.low or 0.0))
    for part in ascending[:-1]:  # nothing lies above the last one
        now, before = now + part.now_share, before + part.reference_share
        if part.high is not None:
            direction = " down" if now > before else " up"
            clause = f"the share up to {part.high:.4g} {_went(before, now)}"
            cuts.append(_Change(abs(now - before), direction, clause))
    return max(cuts, key=lambda cut: cut.by, default=None)


def _within(bins: Sequence[Bin]) -> _Change | None:
    """The bin whose share changed most."""
    part = max(bins, key=lambda b: abs(b.now_share - b.reference_share), default=None)
    if part is None:
        return None
    what = part.name
    if outside := _OUTSIDE.match(part.name):
        what = f"what is not in {float(outside[1]):.4g} to {float(outside[2]):.4g}"
    elif part.low is not None and part.high is not None:
        what = f"{part.low:.4g} to {part.high:.4g}"
    clause = f"the share of {what} {_went(part.reference_share, part.now_share)}"
    return _Change(abs(part.now_share - part.reference_share), "", clause)


def _went(before: float, now: float) -> str:
    shares = _percent(before), _percent(now)
    if shares[0] == shares[1]:  # what differs by _LEAST differs in the first decimal
        shares = _percent(before, 1), _percent(now, 1)
    return f"{'rose' if now > before else 'fell'} from {shares[0]} to {shares[1]}"


def _percent(share: float, places: int = 0) -> str:
    places = 1 if 0.0005 <= share < 0.01 or 0.99 < share < 0.9995 else places
    return f"{share * 100:.{places}f} %"
