"""References: registered where they fit, refused by name where they do not."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driftline_schemas.reference import Reference

from tests.api.serving import START, Serving, profile
from tests.cli.command import here

RNG = np.random.default_rng(1)
HOUR = 3600 * 10**9


def reference(model: str = "digits", version: str = "2", **columns: Any) -> Reference:
    features = columns or {"ink": RNG.normal(size=50), "shop": ["north", "south"] * 25}
    return Reference.from_data(features, model=model, version=version)


#: With the same bins each time.
KNOWN = reference(ink=np.random.default_rng(2).normal(size=50), shop=["north", "south"] * 25)


def test_a_reference_is_registered_and_listed(collector: Serving) -> None:
    document = reference().to_json()
    answer = collector.http.post("/references", json=document)
    assert answer.status_code == 201, answer.text
    (listed,) = collector.http.get("/references").json()["items"]
    assert listed == answer.json()["reference"]
    assert (listed["model"], listed["version"], listed["rows"]) == ("digits", "2", 50)
    assert (listed["features"], listed["binning"]) == (["ink", "shop"], document["binning"]["id"])


def test_how_many_hours_it_knows_is_told(collector: Serving) -> None:
    times = np.datetime64("2026-06-01T09:00", "s") + np.arange(800) % 8 * np.timedelta64(86_400, "s")
    made = Reference.from_data({"ink": RNG.normal(size=800)}, model="digits", version="2", times=times)
    assert collector.http.post("/references", json=made.to_json()).json()["reference"]["hours"] == 7
    shown = here("reference", "list", "--url", collector.url)
    assert "7 of 168" in shown.stdout


def test_the_latest_reference_of_a_version_counts(collector: Serving) -> None:
    for rows in (50, 60):
        collector.http.post("/references", json=reference(ink=RNG.normal(size=rows)).to_json())
    assert [item["rows"] for item in collector.http.get("/references").json()["items"]] == [60]


def test_model_and_version_are_given_where_the_file_names_none(collector: Serving) -> None:
    document = reference(model="", version="").to_json()
    answer = collector.http.post("/references", json=document)
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "the reference names no model; say which with ?model=…",
    )
    answer = collector.http.post("/references", json=document, params={"model": "digits", "version": "3"})
    assert (answer.json()["reference"]["model"], answer.json()["reference"]["version"]) == ("digits", "3")


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        ({"model": "faces"}, "it is for model 'digits', not 'faces'"),
        ({"version": "3"}, "it is for version '2' of 'digits', not '3'"),
    ],
)
def test_a_reference_of_another_model_or_version_is_refused_by_name(
    shared: Serving, asked: dict[str, str], detail: str
) -> None:
    answer = shared.http.post("/references", json=reference().to_json(), params=asked)
    assert answer.status_code == 422
    assert detail in answer.json()["detail"]
    assert shared.http.get("/references").json()["items"] == []


def test_a_reference_with_features_that_the_model_does_not_send_is_refused_by_name(
    collector: Serving,
) -> None:
    collector.put("profiles", profile("__label__", "predictions"), profile("brightness"), profile("contrast"))
    answer = collector.http.post("/references", json=reference(ink=RNG.normal(size=50)).to_json())
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith(
        "the reference has 'ink', which digits 2 does not send; it sends 'brightness', 'contrast'."
    )


def test_a_reference_that_takes_a_name_for_a_number_is_refused_by_name(collector: Serving) -> None:
    collector.put(
        "profiles", profile("__label__", "predictions"), profile("zip", "category", category="8001")
    )
    answer = collector.http.post("/references", json=reference(zip=RNG.normal(size=50)).to_json())
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "feature 'zip' is numeric in the reference, and digits 2 sends it as categorical",
    )


def test_features_that_nobody_watches_are_told(collector: Serving) -> None:
    collector.put("profiles", profile("__label__", "predictions"), profile("ink"), profile("size"))
    answer = collector.http.post("/references", json=reference(ink=RNG.normal(size=50)).to_json())
    assert (answer.status_code, answer.json()["unwatched"]) == (201, ["size"])


def test_what_another_version_sends_does_not_matter(collector: Serving) -> None:
    collector.put(
        "profiles",
        profile("__label__", "predictions"),
        profile("ink"),
        profile("__label__", "predictions", version="1"),
        profile("old", version="1"),
    )
    answer = collector.http.post("/references", json=reference(ink=RNG.normal(size=50)).to_json())
    assert (answer.status_code, answer.json()["unwatched"]) == (201, [])


def damaged(**changes: Any) -> dict[str, Any]:
    return reference().to_json() | changes


@pytest.mark.parametrize(
    "document",
    [{}, {"format": "driftline.reference/9"}, damaged(rows="x"), damaged(counts={}), damaged(binning=None)],
)
def test_what_is_no_reference_is_refused(shared: Serving, document: dict[str, Any]) -> None:
    answer = shared.http.post("/references", json=document)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert shared.http.get("/references").json()["items"] == []


def test_the_command_registers_a_file_and_tells_what_goes_unwatched(
    collector: Serving, tmp_path: Path
) -> None:
    collector.put("profiles", profile("__label__", "predictions"), profile("ink"), profile("size"))
    reference(ink=RNG.normal(size=50)).save(tmp_path / "r.json")
    done = here("reference", "register", "r.json", "--url", collector.url, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0].startswith("Registered for digits 2: 1 features, 50 rows, binning b1-")
    assert said[1] == "Not watched, since the reference does not have them: size."


def test_the_command_says_why_one_is_refused(shared: Serving, tmp_path: Path) -> None:
    reference().save(tmp_path / "r.json")
    options = ("--model", "faces", "--url", shared.url)
    done = here("reference", "register", "r.json", *options, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "driftline: reference: it is for model 'digits', not 'faces'\n"
    (tmp_path / "r.json").write_text(json.dumps({"format": "something else"}))
    done = here("reference", "register", "r.json", "--url", shared.url, cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith("driftline: r.json: ")


def counted(rows: int, start_ns: int = START, **columns: Any) -> list[dict[str, Any]]:
    """What a device counted of `ink` and `shop`, on the bins of `KNOWN`."""
    binning = KNOWN.binning
    ink = binning.features[0]
    counts = ink.count(np.random.default_rng(3).normal(size=rows)).tolist()[:-1]
    common = {"binning": binning.id, "start_ns": start_ns, "end_ns": start_ns + 60 * 10**9, **columns}
    return [
        profile("ink", counts=counts, **common),
        profile("shop", "category", category="north", counts=[rows - 1], **common),
        profile("__label__", "predictions", counts=[rows], **common),
    ]


def test_what_a_version_counted_becomes_its_reference(collector: Serving) -> None:
    collector.http.post("/references", json=KNOWN.to_json())
    collector.put("profiles", *counted(300), *counted(200, START + HOUR), *counted(70, version="3"))
    asked = {"model": "digits", "version": "2", "from": str(START), "to": str(START + HOUR)}
    answer = collector.http.post("/references/past", params=asked)
    assert answer.status_code == 201, answer.text
    (listed,) = collector.http.get("/references").json()["items"]
    assert listed == answer.json()
    assert (listed["rows"], listed["binning"]) == (300, KNOWN.binning.id)
    assert (listed["start"], listed["end"]) == ("2026-01-01T00:00:00.000Z", "2026-01-01T01:00:00.000Z")


@pytest.mark.parametrize(
    ("asked", "status", "detail"),
    [
        ({"version": "9"}, 409, "it has no reference whose bins could be used; register one first"),
        (
            {"from": str(START + HOUR), "to": str(START + 2 * HOUR)},
            409,
            "nothing was counted on the bins of reference",
        ),
        ({"from": str(START + HOUR), "to": str(START)}, 422, "'from' must be before 'to'"),
        ({"from": None}, 422, "say from when on with ?from=…"),
    ],
)
def test_a_past_in_which_nothing_was_counted_is_refused(
    collector: Serving, asked: dict[str, str | None], status: int, detail: str
) -> None:
    collector.http.post("/references", json=KNOWN.to_json())
    collector.put("profiles", *counted(300))
    whole = {"model": "digits", "version": "2", "from": str(START), **asked}
    answer = collector.http.post("/references/past", params={k: v for k, v in whole.items() if v})
    assert answer.status_code == status
    assert detail in answer.json()["detail"]


def test_the_command_sets_a_past_as_reference(collector: Serving) -> None:
    collector.http.post("/references", json=KNOWN.to_json())
    collector.put("profiles", *counted(300))
    options = ("--version", "2", "--from", str(START), "--to", str(START + HOUR), "--url", collector.url)
    done = here("reference", "set", "digits", *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("digits 2 is now compared with 300 rows of 20")
