"""Segment keys, by properties; the golden vectors have the exact spellings and what is refused."""

import pytest
from driftline_schemas.errors import SchemaError
from driftline_schemas.segments import CORE_DIMENSIONS, EXTRA_DIMENSIONS, Segment
from hypothesis import given
from hypothesis import strategies as st

# Whatever UTF-8 can hold, and often what a key is made of.
values = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("*%,=+ /?#&é📷"), min_size=1)
dimensions = st.sampled_from(CORE_DIMENSIONS[1:] + EXTRA_DIMENSIONS) | values.map("segment.".__add__)
parts = st.dictionaries(dimensions, values | st.none(), max_size=6)


@given(values, parts)
def test_reading_a_key_gives_back_the_segment(model: str, others: dict[str, str | None]) -> None:
    segment = Segment.of({"model": model, **others})
    key = str(segment)
    assert Segment.parse(key) == segment
    assert str(Segment.parse(key)) == key
    assert key.isascii()
    assert all(segment[name] == value for name, value in others.items())


@given(values, parts)
def test_the_order_in_which_parts_are_given_does_not_matter(
    model: str, others: dict[str, str | None]
) -> None:
    given_parts: dict[str, str | None] = {"model": model, **others}
    assert Segment.of(dict(reversed(given_parts.items()))) == Segment.of(given_parts)


@given(values, parts, parts)
def test_a_segment_contains_those_that_are_narrowed_down_further(
    model: str, others: dict[str, str | None], more: dict[str, str | None]
) -> None:
    wide = Segment.of({"model": model, **others})
    narrow = Segment.of({"model": model, **more, **{k: v for k, v in others.items() if v is not None}})
    assert wide.contains(narrow)
    assert narrow.contains(wide) == (narrow == wide)


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("*%,=model"), max_size=30))
def test_any_text_is_a_key_or_refused_and_a_key_has_one_spelling(text: str) -> None:
    try:
        segment = Segment.parse(text)
    except SchemaError:
        pass
    else:
        assert Segment.parse(str(segment)) == segment


def test_segments_of_other_models_are_not_contained() -> None:
    assert not Segment.of({"model": "digits"}).contains(Segment.of({"model": "letters"}))
    assert not Segment.of({"model": "digits", "region": "eu"}).contains(Segment.of({"model": "digits"}))


def test_a_value_that_is_a_star_is_not_all() -> None:
    star = Segment.of({"model": "digits", "region": "*"})
    everywhere = Segment.of({"model": "digits", "region": None})
    assert star != everywhere
    assert str(star) != str(everywhere)
    assert not star.contains(everywhere)


@pytest.mark.parametrize(
    ("given_parts", "message"),
    [
        ({"colour": "red"}, "unknown dimension 'colour'; expected one of model, version"),
        ({"segment.": "x"}, "unknown dimension"),
        ({"model": ""}, "'model' is empty; an unknown one is 'unknown'"),
        ({"model": "\udc80"}, "UTF-8"),
        ({"model": "m", "segment.\udc80": "x"}, "UTF-8"),
    ],
)
def test_parts_that_make_no_segment_are_refused(given_parts: dict[str, str | None], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        Segment.of(given_parts)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("version=1", "the model must be named, e.g. model=digits"),
        ("model=digits,version=2.*", "a star itself is %2A"),
        ("model=100%", "write %25"),
        ("model=%ff", "not percent-encoded UTF-8"),
        ("model=digits,region", "'region' is not <dimension>=<value>"),
        ("model=a,model=b", "'model' stands twice"),
    ],
)
def test_a_refusal_says_what_to_do(key: str, message: str) -> None:
    with pytest.raises(SchemaError, match=message) as refusal:
        Segment.parse(key)
    assert key in refusal.value.where
