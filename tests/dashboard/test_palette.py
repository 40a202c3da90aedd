"""Colours can be told apart, and what is written on them can be read."""

import colorsys

import pytest
from driftline_dashboard.figures import palette
from hypothesis import given
from hypothesis import strategies as st

LIGHT, DARK = palette.LIGHT, palette.DARK
BACKGROUND = {LIGHT: "#ffffff", DARK: "#14171b"}


@given(st.integers(0, 0xFFFFFF))
def test_ink_on_any_colour_has_a_contrast_of_at_least_four_and_a_half(colour: int) -> None:
    fill = f"#{colour:06x}"
    assert palette.contrast(palette.on(fill), fill) >= 4.5


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_is_brighter_on_the_scale_of_magnitudes(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert _lightness(palette.cividis(low)) <= _lightness(palette.cividis(high)) + 1e-9


def _lightness(colour: str) -> float:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return colorsys.rgb_to_yiq(red, green, blue)[0]


def test_magnitudes_run_from_zero_to_twice_the_limit_and_no_further() -> None:
    assert palette.magnitude(0, 0.02) == palette.cividis(0)
    assert palette.magnitude(0.02, 0.02) == palette.cividis(0.5)
    assert palette.magnitude(0.04, 0.02) == palette.magnitude(9.0, 0.02) == palette.cividis(1)


@pytest.mark.parametrize("ink", [LIGHT, DARK])
def test_text_and_lines_can_be_seen_on_the_page(ink: palette.Ink) -> None:
    page = BACKGROUND[ink]
    assert palette.contrast(ink.text, page) >= 7
    assert palette.contrast(ink.soft, page) >= 4.5
    assert palette.contrast(ink.line, page) >= 3
    assert palette.contrast(ink.over, page) >= 3
