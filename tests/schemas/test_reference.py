"""References: made from data, saved, read, and refused by schema and code alike where they are broken."""

import copy
import json
import math
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driftline_schemas.binning import LABEL, MAX_CATEGORIES, OTHER, SCORE, VALUE, Binning, FeatureBinning
from driftline_schemas.errors import SchemaError
from driftline_schemas.reference import Reference
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

SCHEMA = json.loads((files("driftline_schemas") / "reference.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
Mutation = Callable[[dict[str, Any]], None]


def reference() -> Reference:
    """Two features, one of them with zeros and gaps, and a classifier's answers."""
    rng = np.random.default_rng(3)
    ink = np.where(rng.random(300) < 0.3, 0.0, rng.random(300))
    ink[:5] = np.nan
    paper = rng.choice(["new", "recycled", ""], 300).tolist()
    return Reference.from_data(
        {"ink": ink, "paper": paper},
        labels=rng.integers(0, 3, 300),
        scores=rng.random(300).astype(np.float32),
        model="digits",
        version="1.0",
    )


def mutated(change: Mutation, *, new_id: bool = True) -> dict[str, Any]:
    """A reference's document, changed; with the id that the change asks for, where it can be told."""
    document = copy.deepcopy(reference().to_json())
    change(document)
    if new_id and document["binning"].get("id") == reference().binning.id:
        features = [
            FeatureBinning(f["name"], f["kind"], f.get("edges", ()), f.get("categories", ()))
            for f in document["binning"]["features"]
        ]
        document["binning"]["id"] = Binning(document["binning"]["model"], tuple(features)).id
    return document


def put(*path: str | int, to: object) -> Mutation:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return change


def drop(*path: str | int) -> Mutation:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return change


# The features: 0 ink (numeric), 1 paper (categorical: new, recycled), 2 __label__, 3 __score__.
INK, PAPER = ("binning", "features", 0), ("binning", "features", 1)
REFUSED_BY_BOTH: dict[str, Mutation] = {
    "no format": drop("format"),
    "another format": put("format", to="driftline.reference/2"),
    "no model": drop("model"),
    "no version": drop("version"),
    "no rows": drop("rows"),
    "no binning": drop("binning"),
    "no counts": drop("counts"),
    "a number for a model": put("model", to=7),
    "null for a version": put("version", to=None),
    "a text for rows": put("rows", to="300"),
    "half a row": put("rows", to=300.5),
    "true for rows": put("rows", to=True),
    "no row": put("rows", to=0),
    "more rows than int64": put("rows", to=2**63),
    "a list for a binning": put("binning", to=[]),
    "a list for counts": put("counts", to=[]),
    "no id": drop("binning", "id"),
    "an id of another form": put("binning", "id", to="b2-0000000000000000"),
    "no model of the binning": drop("binning", "model"),
    "no features": drop("binning", "features"),
    "an object for features": put("binning", "features", to={}),
    "a text for a feature": put(*INK, to="ink"),
    "a feature without a name": drop(*INK, "name"),
    "a feature with an empty name": put(*INK, "name", to=""),
    "a feature with a number for a name": put(*INK, "name", to=1),
    "a feature without a kind": drop(*INK, "kind"),
    "a feature of another kind": put(*INK, "kind", to="ordinal"),
    "a feature with a list for a kind": put(*INK, "kind", to=[]),
    "a numeric feature without edges": drop(*INK, "edges"),
    "no edge": put(*INK, "edges", to=[]),
    "too many edges": put(*INK, "edges", to=list(range(68))),
    "an edge twice": put(*INK, "edges", to=[1.0, 1.0]),
    "a text for an edge": put(*INK, "edges", 0, to="0.5"),
    "true for an edge": put(*INK, "edges", 0, to=True),
    "null for an edge": put(*INK, "edges", 0, to=None),
    "an edge beyond float64": put(*INK, "edges", to=[0, 10**400]),
    "an infinite edge": put(*INK, "edges", to=[0, math.inf]),
    "a numeric feature with categories": put(*INK, "categories", to=[]),
    "a categorical feature without categories": drop(*PAPER, "categories"),
    "a categorical feature with edges": put(*PAPER, "edges", to=[]),
    "a category twice": put(*PAPER, "categories", to=["new", "new"]),
    "a number for a category": put(*PAPER, "categories", 0, to=1),
    "an empty category": put(*PAPER, "categories", 0, to=""),
    "a category named other": put(*PAPER, "categories", 0, to=OTHER),
    "too many categories": put(*PAPER, "categories", to=[str(i) for i in range(MAX_CATEGORIES + 1)]),
    "a text for categories": put(*PAPER, "categories", to="ab"),
    "an object for a column of counts": put("counts", "paper", to={}),
    "null for a column of counts": put("counts", "paper", to=None),
    "one count": put("counts", "paper", to=[300]),
    "a text for a count": put("counts", "paper", 0, to="1"),
    "half a count": put("counts", "paper", 0, to=0.5),
    "true for a count": put("counts", "paper", 0, to=True),
    "a negative count": put("counts", "paper", to=[301, -1, 0, 0]),
}
# What the schema's $comment says that only a reader can check.
REFUSED_BY_CODE: dict[str, Mutation] = {
    "edges that descend": put(*INK, "edges", to=[1.0, 0.5]),
    "an id that is not that of the content": put("binning", "id", to="b1-0000000000000000"),
    "a feature twice": put(*PAPER, "name", to="ink"),
    "models that differ": put("model", to="letters"),
    "counts of no feature": put("counts", "glue", to=[300, 0]),
    "no counts of a feature": drop("counts", "paper"),
    "too few counts": put("counts", "paper", to=[300, 0, 0]),
    "too many counts": put("counts", "paper", to=[300, 0, 0, 0, 0]),
    "counts that do not sum to the rows": put("counts", "paper", to=[300, 1, 0, 0]),
    "rows that are not the sum of the counts": put("rows", to=299),
    "half a surrogate pair": put("version", to="\ud800"),
    "half a surrogate pair in a category": put(*PAPER, "categories", 0, to="\ud800"),
}
TAKEN_BY_BOTH: dict[str, Mutation] = {
    "as it was": lambda document: None,
    "no name yet": lambda document: (put("model", to="")(document), put("binning", "model", to="")(document))[
        0
    ],
    "no version yet": put("version", to=""),
    "a float that is a whole number": put("rows", to=300.0),
    "a count that is a float": put("counts", "paper", to=[300.0, 0, 0, 0]),
    "members that are not known": put("comment", to="hello"),
    "members of a feature that are not known": put(*INK, "unit", to="%"),
}


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
