"""Colours that colour-blind readers tell apart, and ink that can be read on them.

Series take Okabe and Ito's colours (https://jfly.uni-koeln.de/color/) and differ in dash or shape as well.
Magnitudes take Cividis (doi.org/10.1371/journal.pone.0199239) from 0 to twice the limit, on each page alike.
"""

from dataclasses import dataclass, fields
from functools import lru_cache

BLUE = "#0072B2"
SKY = "#56B4E9"
ORANGE = "#E69F00"
VERMILLION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"

# Cividis at equal steps from 0 to 1.
_CIVIDIS = (
    (0, 34, 78),
    (18, 53, 112),
    (59, 73, 108),
    (87, 93, 109),
    (112, 113, 115),
    (138, 134, 120),
    (165, 156, 116),
    (195, 179, 105),
    (225, 204, 85),
    (254, 232, 56),
)


@dataclass(frozen=True, slots=True)
class Ink:
    """Colours that depend on the theme: of lines, of text, of what stays in the background."""

    line: str
    text: str
    soft: str
    faint: str
    over: str


LIGHT = Ink(line=BLUE, text="#1A1D21", soft="#5A6068", faint="#C3C8CF", over=VERMILLION)
DARK = Ink(line=SKY, text="#E7EAEE", soft="#B4BAC2", faint="#4A515A", over="#FF8A3D")
#: What figures draw with. The browser takes the half that belongs to its theme, also when that changes while
#: a page is open: charts are drawn as SVG, and need not be drawn again.
INK = Ink(
    **{
        part.name: f"light-dark({getattr(LIGHT, part.name)}, {getattr(DARK, part.name)})"
        for part in fields(Ink)
    }
)


def cividis(share: float) -> str:
    """The colour at `share` of the way, 0 to 1; beyond is as far as it goes."""
    place = min(max(share, 0.0), 1.0) * (len(_CIVIDIS) - 1)
    low = min(int(place), len(_CIVIDIS) - 2)
    part = place - low
    mixed = (round(a + (b - a) * part) for a, b in zip(_CIVIDIS[low], _CIVIDIS[low + 1], strict=True))
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def magnitude(effect: float, limit: float) -> str:
    """The colour of an effect on the fixed domain from 0 to twice the limit."""
    return cividis(effect / (2 * limit) if limit > 0 else 1.0)


def contrast(first: str, second: str) -> float:
    """The contrast of two colours, 1 to 21, as WCAG 2 has it."""
    brighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@lru_cache(maxsize=4096)
def on(colour: str) -> str:
    """Black or white, whichever is easier to read on a colour: one of them has a contrast of at least 4.5."""
    return max(("#000000", "#ffffff"), key=lambda letters: contrast(letters, colour))


def _luminance(colour: str) -> float:
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels)
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
