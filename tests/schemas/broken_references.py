"""A reference, and ways to break its document: seen by schema and code, by code alone, or harmless."""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from driftline_schemas.binning import MAX_CATEGORIES, OTHER, Binning, FeatureBinning
from driftline_schemas.reference import Reference

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


def hours(at: object = (8, 32), rows: object = 2, **counts: object) -> list[dict[str, object]]:
    """One group of hours, with two rows of each feature."""
    own: dict[str, object] = {
        feature.name: [0] * (feature.size - 1) + [2] for feature in reference().binning.features
    }
    return [{"hours": list(at) if isinstance(at, tuple) else at, "rows": rows, "counts": own | counts}]


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
    "an object for hours": put("hours", to={}),
    "a number for an hour's counts": put("hours", to=[7]),
    "an hour beyond the week": put("hours", to=hours((168,))),
    "a text for an hour": put("hours", to=hours(("8",))),
    "counts of no hour": put("hours", to=hours(())),
    "an hour twice in one place": put("hours", to=hours((8, 8))),
    "no row of an hour": put("hours", to=hours(rows=0)),
    "a negative count of an hour": put("hours", to=hours(paper=[3, -1, 0, 0])),
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
    "an hour in two places": put("hours", to=hours() + hours()),
    "more rows of an hour than of all": put("hours", to=hours(rows=301)),
    "counts of an hour that do not sum to its rows": put("hours", to=hours(paper=[2, 1, 0, 0])),
    "an hour without counts of a feature": put(
        "hours", to=[hours()[0] | {"counts": {"paper": [2, 0, 0, 0]}}]
    ),
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
    "hours": put("hours", to=hours()),
    "no hours": put("hours", to=[]),
    "members that are not known": put("comment", to="hello"),
    "members of a feature that are not known": put(*INK, "unit", to="%"),
}
