"""What moved, in one plain sentence. Pure functions of shares on bins."""

from collections.abc import Sequence

from driftline_collector.answers.pictures import Bin

#: A change of share below this is not told as one.
_LEAST = 0.005


def moved(feature: str, kind: str, bins: Sequence[Bin], verdict: str | None) -> str:
    """Such as: `sharpness moved down: the share below 0.41 rose from 10 % to 63 %.`"""
    now, before = sum(b.now_share for b in bins), sum(b.reference_share for b in bins)
    if not bins or not now:
        return f"{feature}: nothing was counted in this window."
    if not before:
        return f"{feature}: there is no reference to compare with."
    if verdict == "insufficient_data":
        return f"{feature}: too few rows in this window to say whether it moved."
    unordered = _unordered(feature, bins)
    if kind == "numeric":
        ordered = _ordered(feature, [b for b in bins if b.low is not None or b.high is not None])
        if ordered and (not unordered or ordered[0] >= unordered[0]):
            return _told(ordered[1], verdict, feature)
    return _told(unordered[1] if unordered else None, verdict, feature)


def _told(sentence: str | None, verdict: str | None, feature: str) -> str:
    if sentence is None:
        return f"{feature} is spread as in the reference."
    if verdict == "drifted":
        return sentence
    return f"{feature} has not moved by as much as matters. At most: {sentence[0].lower()}{sentence[1:]}"


def _ordered(feature: str, bins: Sequence[Bin]) -> tuple[float, str] | None:
    """The cut below which the share changed most, and the sentence about it."""
    best: tuple[float, float, float, float] | None = None
    now = before = 0.0
    for part in sorted(bins, key=lambda b: (b.low is not None, b.low or 0.0)):
        now, before = now + part.now_share, before + part.reference_share
        if part.high is not None and (best is None or abs(now - before) > best[0]):
            best = (abs(now - before), part.high, before, now)
    if best is None or best[0] < _LEAST:
        return None
    by, cut, was, is_now = best
    direction, went = ("down", "rose") if is_now > was else ("up", "fell")
    shares = f"from {_percent(was)} to {_percent(is_now)}"
    return by, f"{feature} moved {direction}: the share up to {cut:.4g} {went} {shares}."


def _unordered(feature: str, bins: Sequence[Bin]) -> tuple[float, str] | None:
    """The bin whose share changed most, and the sentence about it."""
    part = max(bins, key=lambda b: abs(b.now_share - b.reference_share))
    by = abs(part.now_share - part.reference_share)
    if by < _LEAST:
        return None
    went = "rose" if part.now_share > part.reference_share else "fell"
    shares = f"from {_percent(part.reference_share)} to {_percent(part.now_share)}"
    return by, f"{feature} moved: the share of {part.name} {went} {shares}."


def _percent(share: float) -> str:
    places = 1 if 0 < share < 0.01 or 0.99 < share < 1 else 0
    return f"{share * 100:.{places}f} %"
