"""Small pictures of the experiments' figures, as SVG: for that no charting library is needed."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

#: Okabe and Ito's colours, told apart by colour-blind people as well.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")
_WIDTH, _LEFT, _ROW = 720, 200, 14
_GOAL = "#d55e00"


def draw(figures: Mapping[str, Any], folder: Path) -> None:
    """One picture of each experiment that there are figures of."""
    folder.mkdir(parents=True, exist_ok=True)
    if "by_setting" in figures:
        shares = {"driftline": {name: told["false"] for name, told in figures["by_setting"].items()}}
        _write(
            folder,
            "nuisance",
            bars("Called drifted though nothing drifts", shares | figures.get("peers", {})),
        )
    if "by_hour" in figures:
        _write(folder, "power", lines("Share of what has moved that is found, by hour", figures["by_hour"]))
    if "weeks" in figures:
        weeks = {f"week {i + 1}": float(n) for i, n in enumerate(figures["weeks"])}
        _write(
            folder,
            "weeks",
            bars("False incidents by week", {"driftline": weeks}, most=max([*weeks.values(), 2.0]), goal=1.0),
        )


def bars(
    title: str, shares: Mapping[str, Mapping[str, float]], *, most: float = 1.0, goal: float | None = None
) -> str:
    """A bar for each peer and name, on one scale from 0 to `most`."""
    names = list(next(iter(shares.values())))
    group = _ROW * len(shares) + 8
    height = 60 + group * len(names)
    scale = (_WIDTH - _LEFT - 70) / most
    parts = _legend(title, list(shares))
    for i, name in enumerate(names):
        top = 50 + i * group
        parts.append(_text(_LEFT - 8, top + group / 2, name, end=True))
        for k, peer in enumerate(shares):
            value, y = shares[peer][name], top + k * _ROW
            size = f'width="{value * scale:.1f}" height="{_ROW - 3}"'
            parts.append(f'<rect x="{_LEFT}" y="{y}" {size} fill="{_COLOURS[k]}"/>')
            parts.append(_text(_LEFT + value * scale + 4, y + 9, f"{value:.3g}"))
    if goal is not None:
        x = _LEFT + goal * scale
        parts.append(
            f'<line x1="{x}" x2="{x}" y1="44" y2="{height - 8}" stroke="{_GOAL}" stroke-dasharray="4"/>'
        )
    return _svg(height, parts)


def lines(title: str, courses: Mapping[str, Sequence[float]], *, goal: float = 0.95) -> str:
    """A line for each course of shares, hour by hour."""
    top, height = 60.0, 260.0
    longest = max(len(course) for course in courses.values())
    wide = (_WIDTH - 90) / max(longest - 1, 1)
    parts = _legend(title, list(courses))
    for share in (0.0, 0.5, goal, 1.0):
        y = top + (1 - share) * (height - top)
        colour = _GOAL if share == goal else "#bbbbbb"
        parts.append(
            f'<line x1="50" x2="{_WIDTH - 40}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="0.6"/>'
        )
        parts.append(_text(44, y + 4, f"{share:g}", end=True))
    for hour in range(0, longest, 6):
        parts.append(_text(50 + hour * wide, height + 18, f"{hour + 1} h"))
    for k, course in enumerate(courses.values()):
        points = [(50 + i * wide, top + (1 - share) * (height - top)) for i, share in enumerate(course)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{_COLOURS[k]}" stroke-width="2"/>')
        parts.append(
            f'<circle cx="{points[-1][0]:.1f}" cy="{points[-1][1]:.1f}" r="3" fill="{_COLOURS[k]}"/>'
        )
    return _svg(height + 30, parts)


def _legend(title: str, names: Sequence[str]) -> list[str]:
    parts = [f'<text x="10" y="18" font-size="14" font-weight="bold">{escape(title)}</text>']
    for k, name in enumerate(names):
        x = 10 + k * (_WIDTH - 20) / len(names)
        parts.append(f'<rect x="{x}" y="28" width="10" height="10" fill="{_COLOURS[k]}"/>')
        parts.append(_text(x + 14, 37, name.removeprefix("power_").replace("_", " ")))
    return parts


def _text(x: float, y: float, text: str, *, end: bool = False) -> str:
    anchor = ' text-anchor="end"' if end else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{anchor}>{escape(text)}</text>'


def _svg(height: float, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" '
        'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
    )
    return "\n".join([head, *parts, "</svg>", ""])


def _write(folder: Path, name: str, picture: str) -> None:
    (folder / f"{name}.svg").write_text(picture)
