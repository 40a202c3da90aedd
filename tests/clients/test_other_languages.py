"""docs/other-languages.md: its JavaScript runs as it stands in Node.js and in a browser, and counts right."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from driftline_schemas.binning import DURATION_EDGES, FeatureBinning
from driftline_schemas.reference import Reference

from tests.browser import chromium
from tests.clients import node, webpage
from tests.receiver.serving import Serving, serving

PAGE = Path(__file__).parents[2] / "docs" / "other-languages.md"
INK = [0.25, 0.5]
SCORES = [0.93, 0.71, 0.5]
DURATIONS = [0.004, 0.005, 0.003]


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference.from_data(
        {"ink": [0.0, 0.125, 0.25, 0.5, 1.0], "paper": ["new", "new", "old", "new", "old"]},
        labels=["7", "1", "7", "7", "1"],
        scores=[0.5, 0.6, 0.7, 0.8, 0.9],
        model="digits",
        version="2.1.0",
        bins=4,
    )


@pytest.fixture(scope="module", params=["Node.js", "a page"])
def served(
    request: pytest.FixtureRequest, reference: Reference, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("page")
    for name, code in re.findall(r"```javascript\n// (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL):
        (folder / name).write_text(code)
    document = json.dumps(reference.to_json())
    (folder / "digits-2.1.0.reference.json").write_text(document)
    if request.param == "Node.js":
        with serving(folder) as running:
            node.run("main.mjs", folder=folder, DRIFTLINE_URL=running.url)
            yield running
        return
    webpage.skip_where_it_lacks()
    with webpage.site(folder) as origin, serving(folder, origins=[origin]) as running:
        _run_in_a_page(folder, origin, running.url, document)
        yield running


def _run_in_a_page(folder: Path, origin: str, url: str, document: str) -> None:
    """main.mjs, with what a browser lacks put in its place: a file and an environment."""
    (folder / "files.mjs").write_text(f"export const readFileSync = () => {json.dumps(document)};")
    webpage.bundle(
        "main.mjs",
        folder,
        folder=folder,
        alias={"node:fs": "./files.mjs"},
        define={"process.env.DRIFTLINE_URL": json.dumps(url)},
        footer={"js": 'document.title = "done";'},
    )
    with chromium.browser() as browser, webpage.opened(browser, origin, url) as (page, _):
        page.wait_for_function("document.title === 'done'")


def test_predictions_are_there_whole(served: Serving) -> None:
    rows = served.rows(
        """SELECT p.*, s.names, s.types FROM predictions p JOIN feature_sets s ON s.id = p.feature_set
        ORDER BY sequence"""
    )
    assert [(row["label"], row["score"], row["duration"]) for row in rows] == list(
        zip(("7", "1", "1"), SCORES, DURATIONS, strict=True)
    )
    first = rows[0]
    assert dict(zip(first["names"], first["numbers"] + first["texts"], strict=True)) == {
        "ink": 0.25,
        "paper": "new",
    }
    assert (first["probability"], first["reasons"]) == (1.0, ["random"])
    assert {
        name: first[name] for name in ("model", "version", "device", "device_type", "region", "tier")
    } == {
        "model": "digits",
        "version": "2.1.0",
        "device": "kiosk-3",
        "device_type": "kiosk",
        "region": "eu-west",
        "tier": "device_edge",
    }
    assert [row["id"][14] for row in rows] == ["7"] * 3


def test_truth_and_deployment_are_there(served: Serving) -> None:
    (label,) = served.rows(
        "SELECT l.*, p.label AS said FROM labels l JOIN predictions p ON p.id = l.prediction_id"
    )
    assert (label["label"], label["said"], label["source"]) == ("1", "7", "review")
    (deployment,) = served.rows("SELECT * FROM deployments")
    assert (deployment["kind"], deployment["from_version"], deployment["to_version"]) == (
        "model",
        "2.0.0",
        "2.1.0",
    )


def test_the_stream_is_whole_and_ends_well(served: Serving) -> None:
    start, end = served.rows("SELECT * FROM stream_events ORDER BY time_ns, phase DESC")
    assert (start["phase"], end["phase"]) == ("start", "end")
    assert start["stream"] == end["stream"]
    assert (end["last_log"], end["made"], end["profiled"]) == (7, 3, 3)
    (interval,) = served.rows("SELECT * FROM stream_intervals WHERE signal = 'logs'")
    assert (interval["stream"], interval["first"], interval["last"]) == (end["stream"], 1, 7)


def test_the_counts_are_those_of_the_one_function_that_cuts(served: Serving, reference: Reference) -> None:
    rows = served.rows("SELECT * FROM profiles WHERE kind = 'numeric'")
    assert len({row["feature"] for row in rows}) == len(rows)
    found = {row["feature"]: row for row in rows}
    edges = {feature.name: feature.edges for feature in reference.binning.features} | {
        "__duration__": DURATION_EDGES
    }
    for feature, values in (("ink", INK), ("__score__", SCORES), ("__duration__", DURATIONS)):
        row = found[feature]
        assert tuple(row["bounds"]) == edges[feature]
        assert row["counts"] == _counts(values, edges[feature])
        assert row["binning"] == reference.binning.id


def test_categories_labels_and_missing_values_are_counted(served: Serving) -> None:
    rows = served.rows("SELECT kind, feature, category, counts[1] AS n FROM profiles WHERE kind <> 'numeric'")
    assert {(row["kind"], row["feature"], row["category"], row["n"]) for row in rows} == {
        ("predictions", "__label__", "7", 1),
        ("predictions", "__label__", "1", 2),
        ("category", "paper", "new", 2),
        ("category", "paper", "worn", 1),
        ("missing", "ink", None, 1),
    }


def _counts(values: list[float], edges: tuple[float, ...]) -> list[int]:
    """As an OTLP histogram has them: without the count of what is missing."""
    return [int(n) for n in FeatureBinning("x", "numeric", edges).count(values)[:-1]]
