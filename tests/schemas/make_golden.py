"""Writes schemas/driftline_schemas/golden/*.json: `python -m tests.schemas.make_golden`.

What is expected stands in `golden_cases`, by hand, or is made by plain loops: never by the code under test.
"""

import hashlib
import json
import math
import struct
from bisect import bisect_left
from pathlib import Path
from typing import Any

from driftline_schemas import binning as binning_module

from tests.schemas.golden_cases import (
    ALIGNED,
    CATEGORICAL,
    CHAINS,
    IDS,
    KEYS,
    LENIENT,
    NUMERIC,
    REFUSED,
    SEQUENCES,
)
from tests.schemas.golden_otlp import otlp

GOLDEN = Path(binning_module.__file__).parent / "golden"


def number(value: float) -> dict[str, str]:
    """A float64 as the 16 hex digits of its big-endian bytes, and for people."""
    return {"hex": struct.pack(">d", value).hex(), "decimal": repr(value)}


def tally(bins: list[int], size: int) -> list[int]:
    return [bins.count(i) for i in range(size)]


def binning() -> dict[str, Any]:
    """Values → bins, and content → id."""
    return {
        "about": "Values to bins. Floats are the 16 hex digits of their big-endian IEEE 754 bytes.",
        "numeric": [
            {
                "name": name,
                "edges": [number(edge) for edge in edges],
                "values": [number(value) for value, _ in cases],
                "bins": [i for _, i in cases],
                "counts": tally([i for _, i in cases], len(edges) + 2),
            }
            for name, edges, cases in [*NUMERIC, fine_bins()]
        ],
        "categorical": [
            {
                "name": name,
                "categories": categories,
                "values": [value for value, _ in cases],
                "bins": [i for _, i in cases],
                "counts": tally([i for _, i in cases], len(categories) + 2),
            }
            for name, categories, cases in CATEGORICAL
        ],
        "ids": [
            {"content": content, "canonical": canonical, "id": binning_id(canonical)}
            for content, canonical in IDS
        ],
        "default_duration_edges": [number(edge) for edge in binning_module.DURATION_EDGES],
    }


def fine_bins() -> tuple[str, list[float], list[tuple[float, int]]]:
    """As many edges as there may be, and each of them, its two neighbours, and something between."""
    edges = [(i - 33) ** 3 / 64 for i in range(67)]  # exact in float64, hence the same everywhere
    values = [
        v
        for e in edges
        for v in (math.nextafter(e, -math.inf), e, math.nextafter(e, math.inf), e * 1.01 + 0.001)
    ]
    return "as many edges as there may be", edges, [(value, bisect_left(edges, value)) for value in values]


def binning_id(canonical: str) -> str:
    return "b1-" + hashlib.sha256(canonical.encode()).hexdigest()[:16]


def segments() -> dict[str, Any]:
    """Parts ↔ key."""
    return {
        "about": "Segment keys. A dimension that 'values' does not name means all.",
        "keys": [{"key": key, "values": values} for key, values in KEYS],
        "lenient": [{"given": given, "key": key} for given, key in LENIENT],
        "refused": [{"key": key, "because": because} for key, because in REFUSED],
    }


def windows() -> dict[str, Any]:
    """Times → windows, windows → holes."""
    return {
        "about": "Half-open windows [start, end). Integers are of 64 bits; the remainder is floored.",
        "aligned": [
            {"time": time, "width": width, "start": start, "end": start + width}
            for time, width, start in ALIGNED
        ],
        "chains": [{"windows": chain, "until": until, "holes": holes} for chain, until, holes in CHAINS],
    }


def sequences() -> dict[str, Any]:
    """Sequence numbers → repeats and gaps."""
    keys = ("seen", "arriving", "fresh", "then", "last", "gaps")
    return {
        "about": "Sequence numbers as closed intervals: which are new, and which of 1 to last are missing.",
        "cases": [dict(zip(keys, case, strict=True)) for case in SEQUENCES],
    }


FILES = {
    "binning.json": binning,
    "segments.json": segments,
    "windows.json": windows,
    "sequences.json": sequences,
    "otlp.json": otlp,
}


def render(name: str) -> str:
    """The text of one file: a line for each case."""
    parts = []
    for key, value in FILES[name]().items():
        lines = ",\n  ".join(map(line, value)) if isinstance(value, list) else ""
        parts.append(f'"{key}": ' + (f"[\n  {lines}\n]" if lines else line(value)))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for each in FILES:
        (GOLDEN / each).write_text(render(each), encoding="ascii")
