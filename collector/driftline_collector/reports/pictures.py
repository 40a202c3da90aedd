"""Pictures of a report, as SVG that needs nothing else. Colours are the page's, in either theme."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

from driftline_collector.answers.pictures import Bin, Series, SeriesPoint

_WIDTH, _HEIGHT = 360, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 38, 6, 8, 50
_LABELS = 12
#: A course that is shorter, in seconds, has its ends told to the second.
_MINUTES_TELL = 600


def distribution(bins: Sequence[Bin], sentence: str) -> str:
    """Shares by bin: now as filled bars, the reference as dashed outlines. `sentence` is what it says."""
    most = max((max(bin_.now_share, bin_.reference_share) for bin_ in bins), default=0.0) or 1.0
    room = (_WIDTH - _LEFT - _RIGHT) / max(len(bins), 1)
    base = _HEIGHT - _BOTTOM

    def height(share: float) -> float:
        return (base - _TOP) * share / most

    parts = [_open(_WIDTH, _HEIGHT, sentence), _shares(most, base)]
    for i, bin_ in enumerate(bins):
        x, wide = _LEFT + i * room + room * 0.1, room * 0.8
        now, before = height(bin_.now_share), height(bin_.reference_share)
        told = f"{bin_.name}: {bin_.now_share:.1%} now, {bin_.reference_share:.1%} in the reference"
        bars = "".join(
            f'<rect class="{kind}" x="{x:.1f}" y="{base - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}"/>'
            for kind, tall in (("now", now), ("was", before))
        )
        parts.append(f"<g><title>{escape(told)}</title>{bars}</g>")
        at = x + wide / 2
        name = escape(_short(bin_))
        parts.append(
            f'<text x="{at:.1f}" y="{base + 11}" text-anchor="end"'
            f' transform="rotate(-38 {at:.1f} {base + 11})">{name}</text>'
        )
    return "".join([*parts, "</svg>"])


def interval(value: float, lower: float, upper: float, limit: float, most: float) -> str:
    """An effect with its bounds on a scale from 0 to `most`, and the limit as a dashed line."""
    wide, high = 150, 18

    def x(number: float) -> float:
        return 3 + (wide - 6) * min(max(number, 0.0) / most, 1.0)

    over = " over" if lower > limit else ""
    return (
        f'<svg class="interval{over}" viewBox="0 0 {wide} {high}" aria-hidden="true">'
        f'<line class="limit" x1="{x(limit):.1f}" y1="1" x2="{x(limit):.1f}" y2="{high - 1}"/>'
        f'<line class="range" x1="{x(lower):.1f}" y1="9" x2="{x(upper):.1f}" y2="9"/>'
        f'<circle cx="{x(value):.1f}" cy="9" r="3.5"/></svg>'
    )


def course(series: Series, sentence: str) -> str:
    """A measure over time with its band and its limit; windows that could not be judged are gaps."""
    wide, high = 760, 190
    points = [point for point in series.points if point.mean is not None]
    if not points:
        return ""
    most = max([p.upper or p.max or 0.0 for p in points] + [2 * (series.limit or 0.0)]) or 1.0
    base = high - 34
    times = [datetime.fromisoformat(point.time).timestamp() for point in points]
    width = datetime.fromisoformat(points[0].end).timestamp() - times[0]
    extent = (times[-1] - times[0]) or 1.0

    def x(time: float) -> float:
        return _LEFT + 8 + (wide - _LEFT - _RIGHT - 16) * (time - times[0]) / extent

    def y(number: float) -> float:
        return base - (base - _TOP) * min(max(number, 0.0) / most, 1.0)

    parts = [_open(wide, high, sentence), _scale(most, base, wide)]
    for run in _runs(points, times, width):
        middle = [(x(time), y(point.mean or 0.0)) for time, point in run]
        upper = [
            (x(time), y(point.mean or 0.0 if point.upper is None else point.upper)) for time, point in run
        ]
        lower = [
            (x(time), y(point.mean or 0.0 if point.lower is None else point.lower)) for time, point in run
        ]
        parts.append(f'<polygon class="band" points="{_path([*upper, *reversed(lower)])}"/>')
        parts.append(f'<polyline class="line" points="{_path(middle)}"/>')
        parts += [_point(at, point) for at, (_, point) in zip(middle, run, strict=True)]
    if series.limit is not None:
        at = f"{y(series.limit):.1f}"
        parts.append(f'<line class="limit" x1="{_LEFT}" x2="{wide - _RIGHT}" y1="{at}" y2="{at}"/>')
    for i, anchor in ((0, "start"), (-1, "end")):
        when = escape(points[i].time[5 : 16 if extent >= _MINUTES_TELL else 19].replace("T", " "))
        parts.append(f'<text x="{x(times[i]):.1f}" y="{base + 16}" text-anchor="{anchor}">{when}</text>')
    return "".join([*parts, "</svg>"])


def _point(at: tuple[float, float], point: SeriesPoint) -> str:
    over = " over" if point.verdict == "drifted" else ""
    told = f"{point.time}: {point.mean:.3g}, {point.verdict or 'not judged'}"
    place = f'cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="2.6"'
    return f'<circle class="point{over}" {place}><title>{escape(told)}</title></circle>'


def _path(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _runs(
    points: Sequence[SeriesPoint], times: Sequence[float], width: float
) -> list[list[tuple[float, SeriesPoint]]]:
    """Points that follow on each other: where windows are left out the line breaks."""
    runs: list[list[tuple[float, SeriesPoint]]] = []
    for time, point in zip(times, points, strict=True):
        if not runs or time - runs[-1][-1][0] > 1.5 * width:
            runs.append([])
        runs[-1].append((time, point))
    return runs


def _open(wide: int, high: int, sentence: str) -> str:
    told = escape(sentence)
    return f'<svg viewBox="0 0 {wide} {high}" role="img" aria-label="{told}">'


def _shares(most: float, base: int) -> str:
    return "".join(
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 4}" y="{y + 3:.1f}" text-anchor="end">{share:.0%}</text>'
        for share, y in ((0.0, base), (most / 2, (base + _TOP) / 2), (most, _TOP))
    )


def _scale(most: float, base: int, wide: int) -> str:
    return "".join(
        f'<line class="grid" x1="{_LEFT}" x2="{wide - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 4}" y="{y + 3:.1f}" text-anchor="end">{number:.2g}</text>'
        for number, y in ((0.0, base), (most / 2, (base + _TOP) / 2), (most, _TOP))
    )


def _short(bin_: Bin) -> str:
    """`to 0.2`, `0.1 to 0.2`, `from 0.9`, or the name, cut to its room."""
    if bin_.low is not None and bin_.high is not None:
        return f"{bin_.low:.3g} to {bin_.high:.3g}"
    if bin_.high is not None:
        return f"to {bin_.high:.3g}"
    if bin_.low is not None:
        return f"from {bin_.low:.3g}"
    name = "outside" if bin_.name.startswith("<") else bin_.name
    return name if len(name) <= _LABELS else f"{name[: _LABELS - 1]}…"
