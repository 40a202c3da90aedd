"""References: made from data, saved, read, and refused by schema and code alike where they are broken."""

import json
import math
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driftline_schemas.binning import LABEL, MAX_CATEGORIES, OTHER, SCORE, VALUE
from driftline_schemas.errors import SchemaError
from driftline_schemas.reference import Reference
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.schemas.broken_references import (
    REFUSED_BY_BOTH,
    REFUSED_BY_CODE,
    TAKEN_BY_BOTH,
    mutated,
    reference,
)

SCHEMA = json.loads((files("driftline_schemas") / "reference.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


def taken_by_schema(document: dict[str, Any]) -> bool:
    return bool(VALIDATOR.is_valid(document))


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", REFUSED_BY_BOTH)
def test_what_the_schema_refuses_the_code_refuses(name: str) -> None:
    document = mutated(REFUSED_BY_BOTH[name], new_id=False)
    assert not taken_by_schema(document)
    with pytest.raises(SchemaError, match=r"^broken\.json: "):
        Reference.from_json(document, where="broken.json")


@pytest.mark.parametrize("name", REFUSED_BY_CODE)
def test_what_only_code_can_see_the_code_refuses(name: str) -> None:
    document = mutated(REFUSED_BY_CODE[name], new_id=False)
    assert taken_by_schema(document)
    with pytest.raises(SchemaError, match=r"^broken\.json: "):
        Reference.from_json(document, where="broken.json")


@pytest.mark.parametrize("name", TAKEN_BY_BOTH)
def test_what_the_schema_takes_the_code_takes(name: str) -> None:
    document = mutated(TAKEN_BY_BOTH[name])
    assert taken_by_schema(document)
    assert Reference.from_json(document).rows == 300


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=3) | st.booleans() | st.none()
columns = st.lists(
    st.tuples(st.none() | st.floats(), texts),
    min_size=1,
    max_size=40,
)


@given(columns, st.booleans())
def test_every_reference_made_from_data_follows_the_schema_and_is_read_as_it_was(
    rows: list[tuple[float | None, Any]], regression: bool
) -> None:
    numbers, texts = [row[0] for row in rows], [row[1] for row in rows]
    answers: dict[str, Any] = {"values": numbers} if regression else {"labels": texts, "scores": numbers}
    made = Reference.from_data({"number": numbers, "text": texts}, **answers, model="m", version="1")
    document = json.loads(json.dumps(made.to_json()))
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []
    assert Reference.from_json(document) == made
    assert all(sum(counts) == len(rows) for counts in made.counts.values())


def test_a_saved_reference_follows_the_schema_and_is_loaded_as_it_was(tmp_path: Path) -> None:
    made, path = reference(), tmp_path / "digits.reference.json"
    made.save(path)
    assert taken_by_schema(json.loads(path.read_text(encoding="utf-8")))
    assert Reference.load(path) == made


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"7", b"null", b'{"format": 1}', b"\xff", b"[" * 100_000],
    ids=lambda b: repr(b[:16]),
)
def test_a_file_that_is_no_reference_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.json"
    path.write_bytes(content)
    with pytest.raises(SchemaError, match=r"odd\.json: "):
        Reference.load(path)


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Reference.load(tmp_path / "absent.json")


def test_features_keep_their_order_and_the_answers_follow() -> None:
    made = reference()
    assert [feature.name for feature in made.binning.features] == ["ink", "paper", LABEL, SCORE]
    assert made.binning.features[2].categories == ("0", "1", "2")
    assert made.counts["ink"][-1] == 5


def test_a_table_with_names_is_as_good_as_columns() -> None:
    table = np.random.default_rng(5).random((50, 2))
    assert Reference.from_data(table, names=["a", "b"]) == Reference.from_data(
        {"a": table[:, 0], "b": table[:, 1]}
    )
    assert Reference.from_data(table, names=["a", "b"], values=table[:, 0]).binning.get(VALUE) is not None


def test_versions_on_one_binning_compare_and_data_that_does_not_fit_it_is_refused() -> None:
    first = reference()
    rng = np.random.default_rng(8)
    features: dict[str, Any] = {"ink": rng.random(10), "paper": ["glossy"] * 10}
    second = Reference.from_data(features, labels=[0] * 10, scores=rng.random(10), binning=first.binning)
    assert second.binning.id == first.binning.id
    assert second.counts["paper"] == (0, 0, 10, 0)
    with pytest.raises(SchemaError, match="data and binning differ in __label__, __score__"):
        Reference.from_data(features, binning=first.binning)
    with pytest.raises(SchemaError, match="feature 'ink': not numbers"):
        Reference.from_data(
            features | {"ink": ["dark"] * 10}, labels=[0] * 10, scores=[1] * 10, binning=first.binning
        )


def test_a_reference_is_refused_by_name_for_another_model_or_version() -> None:
    made = reference()
    assert made.named("digits", "1.0") == made
    with pytest.raises(SchemaError, match="it is for model 'digits', not 'letters'"):
        made.named("letters", "1.0")
    with pytest.raises(SchemaError, match=r"it is for version '1\.0' of 'digits', not '2\.0'"):
        made.named("digits", "2.0")


def test_a_reference_without_a_name_takes_one() -> None:
    nameless = Reference.from_data({"a": [1.0, 2.0]})
    named = nameless.named("digits", "1.0")
    assert (named.model, named.version) == ("digits", "1.0")
    assert named.binning.id != nameless.binning.id


def test_of_too_many_categories_the_most_frequent_are_kept() -> None:
    frequent = [f"z{i:04}" for i in range(MAX_CATEGORIES)]
    column = [*(f"a{i:04}" for i in range(10)), *frequent, *frequent]
    made = Reference.from_data({"x": column})
    assert made.binning.features[0].categories == tuple(frequent)
    assert made.counts["x"][-2:] == (10, 0)


def test_missing_texts_and_the_name_of_the_rest_are_no_categories() -> None:
    made = Reference.from_data({"x": ["a", math.nan, None, "", OTHER]})
    assert made.binning.features[0].categories == ("a",)
    assert made.counts["x"] == (1, 1, 3)


@pytest.mark.parametrize(
    ("features", "others", "message"),
    [
        ({}, {}, "columns must be there"),
        ({"a": []}, {}, "no rows"),
        ({"a": [1, 2], "b": [1]}, {}, "of one length; found {'a': 2, 'b': 1}"),
        ({"a": [1]}, {"labels": [1, 2]}, "of one length"),
        ({LABEL: [1]}, {}, "'__label__' is a reserved name"),
        ({"": [1]}, {}, "needs a name"),
        ({"a": [object()]}, {}, "feature 'a': neither numbers nor texts"),
        ({"a": [10**400]}, {}, "feature 'a': neither numbers nor texts"),
        (np.ones(3), {"names": ["a"]}, r"an array of shape \(3,\) needs two dimensions"),
        (np.ones((3, 2)), {"names": ["a"]}, "one for each column"),
        (np.ones((3, 2)), {}, "one for each column"),
        ({"a": np.ones((3, 2))}, {}, "sum to 6; expected the 3 rows"),
        ({"a": [1]}, {"bins": 65}, "expected 1 to 64"),
    ],
)
def test_data_that_makes_no_reference_is_refused(features: Any, others: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        Reference.from_data(features, **others)
